/**
 * The state file, from which a later step of the same job learns what to clean up. The file contains neither the service's URL nor the token.
 *
 * The working directory of a job cannot be trusted, so the file carries a proof that a holder of the token wrote it. The file is one JSON object:
 *
 * - `schema` is 2, followed by the fields of {@linkcode RunState} in the order of the interface (`parting` is called `left` in the file), then
 *   `proof`.
 * - `proof` is an HMAC-SHA-256 as 64 lowercase hex digits. Its key is the token in UTF-8. Its message is the JSON text
 *   `["mogplex-ci/state/2",CONTENT]` in UTF-8, without whitespace, as `JSON.stringify` creates it. CONTENT is the object of the file without `proof`:
 *   all of its fields in the order of the file, so that a changed, added, removed or moved field changes the message.
 *
 * Outside CI, while a start has no answer, the file also has `before`: the states that the start is about to replace. `before` is not part of
 * CONTENT, because each state has its own proof, possibly with another token. If nothing is started, the file gets its earlier content back.
 *
 * A start outside CI first claims its folder. The file of a claim has a key and `asked`, but no request yet, and `requestHash` is empty. Another
 * process that starts the same request uses that key, so both processes get the same run.
 *
 * The token cannot be recovered from the proof, because the token has at least 140 bits.
 *
 * @module
 */
import type { JobIdentity } from "../ci/platform.ts";
import { messageOf } from "../error_sentence.ts";
import { MogplexError, UsageError } from "../errors.ts";
import type { Io } from "../io.ts";
import { isObject, parseJson, valueOr } from "../lookup.ts";
import type { StartRequest } from "../model.ts";
import type { OnNotice } from "../notice.ts";
import { isUuid } from "../service/contract.ts";
import { validateStartRequest } from "../service/validate.ts";
import { hmacSha256 } from "../sha256.ts";
import { hashOf } from "./key.ts";
import { MAX_TIMEOUT_MS } from "./session.ts";
import { ON_INTERRUPT, type OnInterrupt } from "./interrupts.ts";

export type Parting = "detached" | "ended";

export type StateFiles = Pick<Io, "readFile" | "writeFile" | "createFile" | "removeFile" | "realPath">;

/**
 * How the process left the run. `following`: the process is still running, or was killed. `detached`: the process deliberately let the run continue.
 * `cancelling`: the process tried to stop the run and does not know whether it stopped. `ended`: nothing is left to do.
 */
export type StateParting = Parting | "following" | "cancelling";

export interface RunState {
  phase: "starting" | "started";
  /** `null` if the job only followed the run. */
  idempotencyKey: string | null;
  /** Whether the run belongs to this job, or, outside CI, to this folder. `null` if only the answer to the start shows it. */
  owned: boolean | null;
  /** ISO 8601 wall time before the first request. If a replayed run is older, another job started it. */
  startedAt: string;
  /** What a signal does to the run. `cleanup` also uses it, if the process was killed. */
  onInterrupt: OnInterrupt;
  /** `null` if the job only followed the run; empty in a claim. */
  requestHash: string | null;
  /** Identifies the input of a {@linkcode LaterRequest} or of a claim; `null` for every other start. */
  asked: string | null;
  /** The request is kept while the run is unknown, because only a repeated request finds the run. */
  request: StartRequest | null;
  result: StateResult | null;
  job: JobIdentity | null;
  /** Real path of the file's directory; `null` if the job has a pipeline id. */
  folder: string | null;
  runId: string | null;
  status: string | null;
  lastEventId: string | null;
  parting: StateParting;
}

export interface StateResult {
  path: string;
  schema: string;
}

export function isClaim({ requestHash }: Pick<RunState, "requestHash">): boolean {
  return requestHash === "";
}

export type StateSeal = (content: object) => string;

/** Purpose and version of the proof. A proof made with the same token for another purpose does not match. */
const PURPOSE = "mogplex-ci/state/2";
const SCHEMA = 2;
const MAX_LENGTH = 1_000_000;
const MAX_BYTES = 4 * MAX_LENGTH;
/** No wait takes this long, and a leaked file should not work forever. */
const MAX_AGE_MS = MAX_TIMEOUT_MS + 86_400_000;
const PARTINGS: readonly StateParting[] = ["following", "detached", "cancelling", "ended"];

export function stateSeal(token: string): StateSeal {
  return (content) => hmacSha256(token, JSON.stringify([PURPOSE, content]));
}

function stateText({ parting, ...state }: RunState, seal: StateSeal, before: readonly UncheckedObject[]): string {
  const content = { schema: SCHEMA, ...state, left: parting };
  return jsonText({ ...content, proof: seal(content), ...(before.length > 0 && { before }) });
}

function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const MAX_BEFORE = 300_000;

function statesIn(text: string): UncheckedObject[] {
  const { before, ...newest } = parseObject(text) ?? {};
  let length = 0;
  return [newest, ...Array.isArray(before) ? before.filter(isObject) : []]
    .filter(({ schema, left }) => schema === SCHEMA && left !== "ended")
    .filter((state) => (length += JSON.stringify(state).length) <= MAX_BEFORE);
}

export function requestHash(request: StartRequest): string {
  const valid = validateStartRequest(request);
  return hashOf(Object.entries(valid).sort(([a], [b]) => a < b ? -1 : 1));
}

function isSameJob(a: JobIdentity | null, b: JobIdentity | null, execution: boolean): boolean {
  if (a === null || b === null) return a === b;
  const fields: (keyof JobIdentity)[] = ["server", "project", "pipeline", "job", "node"];
  if (execution) fields.push("attempt");
  return fields.every((field) => a[field] === b[field]);
}

function stateFolder(files: StateFiles, path: string, job: JobIdentity | null): string | null {
  if (job !== null && job.pipeline !== null) return null;
  const folder = files.realPath(path.replace(/[^/]*$/, "") || ".");
  if (folder === undefined) throw new Error("its directory does not exist");
  return folder;
}

type UncheckedObject = Record<string, unknown>;

const textOf = (value: unknown, limit = 1_000): string | null =>
  typeof value === "string" && value.length <= limit ? value : null;

function parseJob(value: unknown): JobIdentity | null {
  if (!isObject(value)) return null;
  const { server, project, pipeline, job, node, attempt, date, schedule } = value;
  return {
    server: textOf(server),
    project: textOf(project),
    pipeline: textOf(pipeline),
    job: textOf(job),
    node: textOf(node) ?? "",
    attempt: textOf(attempt),
    date: textOf(date),
    schedule: textOf(schedule) ?? "",
  };
}

function parseRequest(value: unknown): StartRequest | null {
  if (!isObject(value)) return null;
  return valueOr(() => validateStartRequest(value as unknown as StartRequest), null);
}

const MAX_SCHEMA = 40_000;

function parseResult(value: unknown): StateResult | null {
  if (!isObject(value)) return null;
  const [path, schema] = [textOf(value.path), textOf(value.schema, MAX_SCHEMA)];
  return path === null || schema === null ? null : { path, schema };
}

function parseContent(value: UncheckedObject): RunState | undefined {
  const { phase } = value;
  const parting = PARTINGS.find((each) => each === value.left);
  const onInterrupt = ON_INTERRUPT.find((each) => each === value.onInterrupt);
  const startedAt = textOf(value.startedAt, 40);
  const runId = textOf(value.runId);
  const idempotencyKey = textOf(value.idempotencyKey, 200);
  const hash = textOf(value.requestHash, 64);
  if (phase !== "starting" && phase !== "started" || parting === undefined || onInterrupt === undefined) {
    return undefined;
  }
  if (startedAt === null || Number.isNaN(Date.parse(startedAt))) return undefined;
  if (runId !== null && !isUuid(runId) || (phase === "started") !== (runId !== null)) return undefined;
  // Only an existing run can be followed without a key.
  if ((idempotencyKey === null) !== (hash === null) || runId === null && hash === null) return undefined;
  return {
    phase,
    idempotencyKey,
    owned: typeof value.owned === "boolean" ? value.owned : null,
    startedAt,
    onInterrupt,
    requestHash: hash,
    asked: textOf(value.asked, 64),
    request: parseRequest(value.request),
    result: parseResult(value.result),
    job: parseJob(value.job),
    folder: textOf(value.folder, 5_000),
    runId,
    status: textOf(value.status),
    lastEventId: textOf(value.lastEventId),
    parting,
  };
}

/** A forged file may be nested deeper than the call stack allows. A valid file is no deeper than the request and the job of an earlier state. */
function isShallow(value: unknown, levels = 5): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

function parseObject(content: string): UncheckedObject | undefined {
  const value = content.length > MAX_LENGTH ? undefined : parseJson(content);
  return isObject(value) && isShallow(value) ? value : undefined;
}

export function readStateText(files: Pick<StateFiles, "readFile">, path: string): string | undefined {
  return files.readFile(path, MAX_BYTES, "refuse", "replace");
}

interface ReadStateOptions {
  job: JobIdentity | null;
  execution: boolean;
  /** Another job may have passed the file on. */
  anyJob?: boolean | undefined;
  required?: boolean | undefined;
  /** Whether to warn if the file belongs to another job or directory, or is too old. */
  tellsOfOthers?: boolean | undefined;
  nowMs: number;
  notify: OnNotice;
}

interface StoredState {
  /** Any program that can write to the directory can forge this content, so use it only to decide to do nothing. */
  readonly claims: RunState;
  /** The newest content that was written with the token of the seal. */
  proven(seal: StateSeal): RunState | undefined;
}

export function readState(files: StateFiles, path: string, options: ReadStateOptions): StoredState | undefined {
  const { job, execution, anyJob = false, required = false, tellsOfOthers = true, nowMs, notify } = options;
  const ignore = (why: string) => {
    notify({ kind: "text", message: `state file ${JSON.stringify(path)} is ignored: ${why}` });
    return undefined;
  };
  const ignoreOther = (why: string) => tellsOfOthers ? ignore(why) : undefined;
  let content: string | undefined;
  let folder: string | null = null;
  try {
    content = readStateText(files, path);
    if (content !== undefined) folder = stateFolder(files, path, job);
  } catch (cause) {
    const why = messageOf(cause);
    throw new UsageError({ attempted: `read state file ${JSON.stringify(path)}`, why }, { cause });
  }
  if (content === undefined) {
    if (!required) return undefined;
    throw new UsageError({ attempted: "resume", why: "there is no state file", value: JSON.stringify(path) });
  }
  const value = parseObject(content);
  const claims = value?.schema === SCHEMA ? parseContent(value) : undefined;
  if (value === undefined || claims === undefined) return ignore("it is not a state file");
  if (!anyJob && !isSameJob(claims.job, job, execution)) return ignoreOther("another job wrote it");
  if (!anyJob && claims.folder !== folder) return ignoreOther("it was written in another directory");
  if (nowMs - Date.parse(claims.startedAt) > MAX_AGE_MS) return ignoreOther("it is older than 31 days");
  const { proof, before, ...sealed } = value;
  return {
    claims,
    proven(seal) {
      if (proof === seal(sealed)) return claims;
      // An earlier process, with another token, was killed before its start was answered. An earlier run of the folder may still be running.
      const [earlier, ...others] = Array.isArray(before) ? before.filter(isObject) : [];
      if (earlier !== undefined) {
        const earlierFiles = { ...files, readFile: () => jsonText({ ...earlier, before: others }) };
        return readState(earlierFiles, path, options)?.proven(seal);
      }
      return ignore("it was not written by a job with this token, or has changed since");
    },
  };
}

export type StateBeginning = Pick<
  RunState,
  | "idempotencyKey"
  | "owned"
  | "startedAt"
  | "onInterrupt"
  | "requestHash"
  | "asked"
  | "request"
  | "result"
  | "job"
  | "runId"
>;

/** Only a status or an id from the service may be written to the file. Any other text might be the token. */
const word = (value: string | null): string | null =>
  value !== null && /^[a-z0-9_-]{1,64}$/i.test(value) &&
    !value.startsWith("mog_")
    ? value
    : null;

export class StateWriter {
  readonly #files: StateFiles;
  readonly #path: string;
  readonly #seal: StateSeal;
  readonly #notify: OnNotice;
  #keeps: boolean;
  #before: UncheckedObject[] | undefined;
  #state: RunState | undefined;
  #broken = false;

  /**
   * @param keeps Whether the states of earlier commands stay in the file until a run is known. Outside CI, they are needed to find their runs again.
   */
  constructor(files: StateFiles, path: string, seal: StateSeal, notify: OnNotice, keeps = false) {
    this.#files = files;
    this.#path = path;
    this.#seal = seal;
    this.#notify = notify;
    this.#keeps = keeps;
  }

  clear(): void {
    this.#keep();
    const isKept = this.#keptStates.length > 0;
    // The write comes before the removal, because the write refuses a path with a symbolic link, and the removal would follow the link.
    this.#attempt(() => this.#files.writeFile(this.#path, isKept ? this.#earlierText() : ""));
    if (!isKept) this.#attempt(() => this.#files.removeFile(this.#path));
  }

  #keep(): void {
    if (!this.#keeps || this.#before !== undefined) return;
    this.#attempt(() => {
      this.#before = statesIn(readStateText(this.#files, this.#path) ?? "");
    });
  }

  get #keptStates(): UncheckedObject[] {
    return this.#before ?? [];
  }

  #earlierText(): string {
    const [newest, ...before] = this.#keptStates;
    return jsonText({ ...newest, ...(before.length > 0 && { before }) });
  }

  /** Must be called before anything is started, and again for each further key. */
  begin(beginning: StateBeginning): void {
    const { idempotencyKey, owned, startedAt, onInterrupt, requestHash, asked, request, result, job, runId } =
      beginning;
    if (runId === null) this.#keep();
    else this.#forget();
    try {
      this.#attempt(() => {
        this.#state = {
          phase: runId === null ? "starting" : "started",
          idempotencyKey,
          owned,
          startedAt,
          onInterrupt,
          requestHash,
          asked,
          request,
          result,
          job,
          folder: stateFolder(this.#files, this.#path, job),
          runId,
          status: null,
          lastEventId: null,
          parting: "following",
        };
        this.#write(this.#state);
      });
    } catch (error) {
      this.#state = undefined;
      throw error;
    }
  }

  adopt(state: RunState): void {
    this.#state = { ...state };
  }

  get hasEarlier(): boolean {
    return this.#keptStates.length > 0;
  }

  release(): void {
    if (this.#state !== undefined && isClaim(this.#state)) this.update({ parting: "ended" });
  }

  /** If the file cannot be written, a single notice reports this, and the job continues, because the run must not be lost. */
  update(
    change: Partial<Pick<RunState, "runId" | "owned" | "status" | "lastEventId" | "parting" | "onInterrupt">>,
  ): void {
    const { runId } = change;
    if (this.#state === undefined) return;
    if (runId) this.#forget();
    const { phase } = this.#state;
    const before = JSON.stringify(this.#state);
    Object.assign(this.#state, change, runId ? { phase: "started", request: null } : {});
    this.#state.status = word(this.#state.status);
    this.#state.lastEventId = word(this.#state.lastEventId);
    if (JSON.stringify(this.#state) === before || this.#broken) return;
    try {
      // Nothing was started, so the state of an earlier command is still valid.
      const isNothing = change.parting === "ended" && phase === "starting";
      if (isNothing && this.#keptStates.length > 0) this.#files.writeFile(this.#path, this.#earlierText());
      else if (isNothing && isClaim(this.#state)) this.#files.removeFile(this.#path);
      else this.#write(this.#state);
    } catch {
      this.#broken = true;
      this.#notify({
        kind: "text",
        message: `state file ${JSON.stringify(this.#path)} can no longer be written: cleanup will not find this run`,
      });
    }
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      if (cause instanceof MogplexError) throw cause;
      const why = messageOf(cause);
      throw new UsageError({ attempted: `write state file ${JSON.stringify(this.#path)}`, why }, { cause });
    }
  }

  #forget(): void {
    this.#keeps = false;
    this.#before = [];
  }

  #write(state: RunState): void {
    this.#files.writeFile(this.#path, stateText(state, this.#seal, this.#keptStates));
  }
}
