/**
 * The state file: what a later step of the same job has to know to clean up, and nothing that it could be misused for. Neither
 * URL nor token are in it.
 *
 * @module
 */
import { isUuid } from "../api/contract/rules.ts";
import { validateStartRequest } from "../api/validate.ts";
import { MogplexError, UsageError } from "../errors.ts";
import type { StartRequest } from "../model.ts";
import type { OnNotice } from "../notice.ts";
import type { JobIdentity } from "../platforms/platform.ts";
import type { Io } from "../io.ts";
import { ON_INTERRUPT, type OnInterrupt } from "../job/interrupt.ts";
import { hashOf } from "../job/key.ts";

/** The files that are needed. */
export type StateFiles = Pick<Io, "readFile" | "writeFile" | "removeFile">;

/**
 * How the process left the run. `following`: it is at work, or it died; `detached`: it let the run go on, on purpose;
 * `cancelling`: it wants the run to stop and does not know whether it did; `ended`: nothing is left to do.
 */
export type Left = "following" | "detached" | "cancelling" | "ended";

/** What the file says. */
export interface RunState {
  /** Version of this form. */
  schema: 1;
  /** `starting`: the request is going to be sent, or was; `started`: the run is known. */
  phase: "starting" | "started";
  /** Key of the start. */
  idempotencyKey: string;
  /** Whether this job owns the run, as far as is known: see `ownsRun`. */
  owned: boolean | null;
  /** Wall time before the first attempt of the start, as an ISO text: a replay that is older was started by another job. */
  startedAt: string | null;
  /** What a signal does to the run; a process that is killed leaves the same to `cleanup`. */
  onInterrupt: OnInterrupt;
  /** SHA-256 of the request. */
  requestHash: string;
  /** The request, while the run is not known: only sending it again finds the run. */
  request: StartRequest | null;
  /** Who the job is; null outside CI. */
  job: JobIdentity | null;
  /** Shows that a holder of the token wrote the file: see {@linkcode stateProof}. Null when the token was not known. */
  proof: string | null;
  /** UUID of the run. */
  runId: string | null;
  /** The server's last word. */
  status: string | null;
  /** Id of the newest event seen. */
  lastEventId: string | null;
  /** How the run was left. */
  left: Left;
}

/** Largest file that is read, in characters: a prompt of 100 000 of them, escaped, and the rest. */
const MAX_LENGTH = 1_000_000;
/** The same before it is read, in bytes. */
const MAX_BYTES = 4 * MAX_LENGTH;
const LEFT: readonly string[] = ["following", "detached", "cancelling", "ended"] satisfies Left[];

/** SHA-256 of a request in the form that the client sends. @throws {UsageError} when it breaks a rule of the service. */
export function requestHash(request: StartRequest): Promise<string> {
  const valid = validateStartRequest(request);
  return hashOf(Object.entries(valid).sort(([a], [b]) => a < b ? -1 : 1));
}

/**
 * What only a holder of the token can write into the file of a job. Numbers of builds can be guessed, so the identity alone
 * does not tell our file from one that the checkout brought along. It says nothing about the token, which has 140 bits or more.
 *
 * @param token Access token; undefined when the caller brought a client of its own.
 */
export async function stateProof(token: string | undefined, job: JobIdentity | null): Promise<string | null> {
  if (token === undefined) return null;
  const { server, project, pipeline, job: name, node, attempt } = job ?? {};
  return await hashOf(["mogplex-ci/state/1", token, job === null, server, project, pipeline, name, node, attempt]);
}

/** Whether two identities are those of one job; with `execution` also of one execution of it. */
export function isSameJob(a: JobIdentity | null, b: JobIdentity | null, execution: boolean): boolean {
  if (a === null || b === null) return a === b;
  const fields: (keyof JobIdentity)[] = ["server", "project", "pipeline", "job", "node"];
  if (execution) fields.push("attempt");
  return fields.every((field) => a[field] === b[field]);
}

type Loose = Record<string, unknown>;

/** Words and ids of the service; whatever else it may have sent (our own token, say) has no place in a file. */
const word = (value: string | null): string | null =>
  value !== null && /^[a-z0-9_-]{1,64}$/i.test(value) &&
    !value.startsWith("mog_")
    ? value
    : null;
const isObject = (value: unknown): value is Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown, limit = 1_000): string | null =>
  typeof value === "string" && value.length <= limit ? value : null;

function parseJob(value: unknown): JobIdentity | null {
  if (!isObject(value)) return null;
  const { server, project, pipeline, job, node, attempt, date, schedule } = value;
  return {
    server: text(server),
    project: text(project),
    pipeline: text(pipeline),
    job: text(job),
    node: text(node) ?? "",
    attempt: text(attempt),
    date: text(date),
    schedule: text(schedule) ?? "",
  };
}

function parseRequest(value: unknown): StartRequest | null {
  if (!isObject(value)) return null;
  try {
    return validateStartRequest(value as unknown as StartRequest);
  } catch {
    return null;
  }
}

function parse(content: string): RunState | undefined {
  if (content.length > MAX_LENGTH) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value.schema !== 1) return undefined;
  const { phase, left } = value;
  const runId = text(value.runId);
  const idempotencyKey = text(value.idempotencyKey, 200);
  const hash = text(value.requestHash, 64);
  if (phase !== "starting" && phase !== "started" || typeof left !== "string" || !LEFT.includes(left)) return undefined;
  if (idempotencyKey === null || hash === null || runId !== null && !isUuid(runId)) return undefined;
  if ((phase === "started") !== (runId !== null)) return undefined;
  return {
    schema: 1,
    phase,
    idempotencyKey,
    owned: typeof value.owned === "boolean" ? value.owned : null,
    startedAt: text(value.startedAt, 40),
    onInterrupt: ON_INTERRUPT.find((each) => each === value.onInterrupt) ?? "auto",
    requestHash: hash,
    request: parseRequest(value.request),
    job: parseJob(value.job),
    proof: text(value.proof, 64),
    runId,
    status: text(value.status),
    lastEventId: text(value.lastEventId),
    left: left as Left,
  };
}

/** Options of {@linkcode readState}. */
export interface ReadStateOptions {
  /** Who this job is. */
  job: JobIdentity | null;
  /** Whether the file has to be of this very execution of the job, rather than of an earlier one. */
  execution: boolean;
  /** Hears why a file is ignored. */
  notify: OnNotice;
}

/**
 * Reads a state file. One that is damaged, or that another job wrote, is ignored with a notice: the working directory of a job
 * is not to be trusted.
 *
 * @returns Undefined when there is no usable file.
 */
export function readState(files: StateFiles, path: string, options: ReadStateOptions): RunState | undefined {
  const ignore = (why: string) => {
    options.notify({ kind: "text", message: `state file ${JSON.stringify(path)} is ignored: ${why}` });
    return undefined;
  };
  let content: string | undefined;
  try {
    content = files.readFile(path, MAX_BYTES);
  } catch {
    return ignore("it cannot be read");
  }
  if (content === undefined) return undefined;
  const state = parse(content);
  if (state === undefined) return ignore("its content is not that of a state file");
  return isSameJob(state.job, options.job, options.execution) ? state : ignore("another job wrote it");
}

/** What a new state file begins with. */
export type StateBeginning = Pick<
  RunState,
  "idempotencyKey" | "owned" | "startedAt" | "onInterrupt" | "requestHash" | "request" | "job" | "proof"
>;

/** Writes a state file, each time as a whole. */
export class StateWriter {
  readonly #files: StateFiles;
  readonly #path: string;
  readonly #notify: OnNotice;
  #state: RunState | undefined;
  #broken = false;

  /** @param notify Hears once when the file cannot be written any more. */
  constructor(files: StateFiles, path: string, notify: OnNotice) {
    this.#files = files;
    this.#path = path;
    this.#notify = notify;
  }

  /**
   * Proves that the file can be written, and removes what an earlier job left in its place.
   *
   * @throws {UsageError} when it cannot be written.
   */
  clear(): void {
    // Written first: that refuses a symbolic link, which a removal would follow.
    this.#attempt(() => this.#files.writeFile(this.#path, ""));
    this.#attempt(() => this.#files.removeFile(this.#path));
  }

  /**
   * Writes the first state in the place of an old file. Called before anything is started, and again for each further key.
   *
   * @throws {UsageError} when the file cannot be written.
   */
  begin(beginning: StateBeginning): void {
    const rest = { runId: null, status: null, lastEventId: null };
    this.#state = { schema: 1, phase: "starting", ...beginning, ...rest, left: "following" };
    try {
      this.#attempt(() => this.#write());
    } catch (error) {
      // Nothing is going to be started, so nothing is to be written about it either.
      this.#state = undefined;
      throw error;
    }
  }

  /** Goes on with the state of an earlier process, without writing it. */
  adopt(state: RunState): void {
    this.#state = { ...state };
  }

  /** Changes the state. A file that cannot be written is no reason to lose a run: it is told once. */
  update(change: Partial<Pick<RunState, "runId" | "owned" | "status" | "lastEventId" | "left">>): void {
    const { runId } = change;
    if (this.#state === undefined) return;
    const before = JSON.stringify(this.#state);
    Object.assign(this.#state, change, runId ? { phase: "started", request: null } : {});
    this.#state.status = word(this.#state.status);
    this.#state.lastEventId = word(this.#state.lastEventId);
    if (JSON.stringify(this.#state) === before || this.#broken) return;
    try {
      this.#write();
    } catch {
      this.#broken = true;
      this.#notify({
        kind: "text",
        message: `state file ${JSON.stringify(this.#path)} cannot be written any more: cleanup will not know this run`,
      });
    }
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      if (cause instanceof MogplexError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new UsageError({ attempted: `write state file ${JSON.stringify(this.#path)}`, why }, { cause });
    }
  }

  #write(): void {
    this.#files.writeFile(this.#path, `${JSON.stringify(this.#state, null, 2)}\n`);
  }
}
