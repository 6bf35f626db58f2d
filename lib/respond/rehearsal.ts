/**
 * A rehearsal runs the code of a job with a forge in memory. Nothing is sent, started or written.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import { ForgeClient } from "../forge/client.ts";
import { addressAt } from "../forge/address.ts";
import type { Findings } from "../forge/findings.ts";
import type { NotePlace } from "../forge/note.ts";
import { isPull, type OpenForge, pullNameAt } from "../forge/open.ts";
import type { CommentPlace, PullNoun, ThreadComment, ThreadPlace, Threads } from "../forge/threads.ts";
import { resultContent } from "../report/job_note.ts";
import { noSandbox, whyNoSandbox } from "../run/no_sandbox.ts";
import { emptyRunResult, resultError, type RunResult } from "../run/result.ts";
import { openSession } from "../run/session.ts";
import { resolveConnection } from "../service/connection.ts";
import type { Fetch } from "../service/transport.ts";
import { own, type SafeLine } from "../text/safe_line.ts";
import { answer } from "./answer.ts";
import { type Assumed, deliveredPull, isElsewhere } from "./assumed.ts";
import type { AskedStart, RespondJob, RunAsked } from "./job.ts";

export interface Rehearsal {
  readonly exitCode: number;
  readonly request: AskedStart["request"] | null;
  /** The text of the note after each change, oldest first, without its hidden lines. */
  readonly notes: readonly string[];
  readonly pullNoun: PullNoun | "pull request on GitHub";
  readonly log: readonly SafeLine[];
}

/** A rehearsal needs no real token. This token seals the marks of notes that exist only in memory. */
const TOKEN = "rehearsal";
const RUN_MS = 240_000;
const RUN_ID = "00000000-0000-4000-8000-000000000000";

const refuse: Fetch = () => Promise.reject(new Error("A rehearsal sends nothing"));

const FAILED_ENDS = ["failed", "question", "deadline", "no-sandbox"] as const;
type FailedEnd = typeof FAILED_ENDS[number];
type AssumedEnd = "pull-request" | "answer" | FailedEnd;

type RehearsedJob = Pick<
  RespondJob,
  "io" | "clock" | "platform" | "settings" | "request" | "showsTask" | "setsStatus" | "writer"
>;

/** The first lines of the notes about runs that do not succeed. */
export async function failedHeadlines(job: RehearsedJob, assumed: Assumed): Promise<string[]> {
  const headlines: string[] = [];
  for (const end of FAILED_ENDS) {
    const { notes } = await rehearse(job, assumed, end);
    // Advice can precede the headline.
    headlines.push(...notes.at(-1)?.split("\n").filter((line) => line.includes("**")).slice(0, 1) ?? []);
  }
  return headlines;
}

export async function rehearse(
  job: RehearsedJob,
  assumed: Assumed,
  end: AssumedEnd = "pull-request",
): Promise<Rehearsal> {
  const { clock, platform, writer } = job;
  const log: SafeLine[] = [];
  const forge = new ForgeInMemory(assumed, clock);
  let request: AskedStart["request"] | null = null;
  const run: RunAsked = async (what, { note: planned, onSession }) => {
    if (!("request" in what)) throw new Error("A rehearsal has no earlier run");
    request = what.request;
    onSession({ deadline: Infinity, signal: undefined });
    what.onStarted({ runId: RUN_ID, run: { status: "running" } });
    const error = end === "no-sandbox" ? NO_SANDBOX_ERROR : undefined;
    const { result } = await what.onEnd({ result: resultOf(what.request, assumed, end), error });
    await planned.note?.end(resultContent(job, result, { ...planned, steps: undefined }));
    return { result };
  };
  const connection = resolveConnection({ env: () => undefined, token: TOKEN, noEnvironment: true });
  const exitCode = await answer({
    ...job,
    token: TOKEN,
    openForge: () => forge.open(),
    openService: () => {
      const session = openSession({ env: () => undefined, clock, fetch: refuse }, { connection, platform });
      return { session, call: { deadline: session.deadline } };
    },
    writer: {
      redact: writer.redact,
      untrusted: (text) => writer.untrusted(text),
      out: (...lines) => void log.push(...lines),
      note: (text) => void log.push(own`note: ${writer.untrusted(text)}`),
    },
    run,
  }, { isPoll: false, sinceMs: 0, timeoutMs: 0, out: "", onNote() {} });
  const pullNoun = isElsewhere(assumed) ? "pull request on GitHub" : forge.open().threads.pullNoun;
  return { exitCode, request, notes: forge.written, pullNoun, log };
}

function resultOf(
  { prompt, workingBranch, baseBranch }: AskedStart["request"],
  assumed: Assumed,
  end: AssumedEnd,
): RunResult {
  const { repository, thread } = assumed;
  const branch = workingBranch ?? "mogplex/example";
  const number = workingBranch === undefined ? thread.number + 1 : thread.number;
  return {
    ...emptyRunResult(),
    runId: RUN_ID,
    repository,
    task: prompt,
    status: "success",
    outcome: "success",
    exitCode: 0,
    replayed: false,
    durationMs: RUN_MS,
    mayExist: true,
    ...isFailedEnd(end)
      ? FAILURES[end]
      : end === "answer"
      ? { changed: false, finalMessage: "The answer of the agent." }
      : {
        branch: { base: baseBranch ?? null, requested: branch, pushed: branch },
        pullRequest: { state: "open", url: deliveredPull(assumed, number) },
        changed: true,
      },
  };
}

const NO_SANDBOX_ERROR = noSandbox({ error: null }, 0, { why: "this job does not wait for the next attempt" });

const FAILURES: Readonly<Record<FailedEnd, Partial<RunResult>>> = {
  failed: { status: "failed", outcome: "failed", exitCode: EXIT.failed, reason: "The reason that the service gives." },
  question: { status: "awaiting_input", outcome: "awaiting_input", exitCode: EXIT.awaitingInput },
  deadline: { status: "streaming", outcome: "deadline", exitCode: EXIT.deadline, reason: "the time limit was reached" },
  "no-sandbox": {
    status: "failed",
    outcome: "error",
    exitCode: EXIT.rateLimited,
    reason: whyNoSandbox({ error: null }),
    error: resultError(NO_SANDBOX_ERROR),
  },
};

const isFailedEnd = (end: AssumedEnd): end is FailedEnd => FAILED_ENDS.some((each) => each === end);

const FINDINGS: Pick<Findings, "checks"> & { readonly remark: Omit<Findings["remarks"][number], "author"> } = {
  checks: [{ name: "test", url: null, text: "The text that the forge shows for the check." }],
  remark: { mayPush: true, place: "src/example.ts:7", text: "The comment of a reviewer." },
};

const REPOSITORY_ID = 1;
/** No account has this id. */
const BOT = { id: Number.MAX_SAFE_INTEGER, name: "mogplex-bot", isBot: true };

class ForgeInMemory {
  readonly written: string[] = [];
  readonly #assumed: Assumed;
  readonly #comments: ThreadComment[];
  readonly #client: ForgeClient;
  readonly #clock: RespondJob["clock"];
  #userPath = "";

  constructor(assumed: Assumed, clock: RespondJob["clock"]) {
    const { forge, origin, comment, absence } = assumed;
    this.#assumed = assumed;
    this.#clock = clock;
    this.#comments = comment === null || absence !== null ? [] : [comment];
    const token = { token: TOKEN, place: "a rehearsal" };
    const world = { clock, fetch: (url: string, init: Parameters<Fetch>[1]) => this.#answer(url, init) };
    this.#client = new ForgeClient(world, forge, forge.api(origin), token);
  }

  /** Responds only to the requests of `writeNote`. */
  // deno-lint-ignore require-await
  async #answer(url: string, { method = "GET", body }: Parameters<Fetch>[1]) {
    if (method === "GET" && url.endsWith(this.#userPath)) return Response.json({ id: BOT.id });
    if (body === undefined) throw new Error(`A rehearsal sends nothing: ${url}`);
    const { body: text } = JSON.parse(body) as { body: string };
    const last = Math.max(0, ...this.#comments.map(({ id }) => id));
    const id = method === "POST" ? last + 1 : Number(/(\d+)$/.exec(url)?.[1]);
    const note = { ...{ kind: "comment" as const, id, text, author: BOT }, editedAt: null, isInternal: false };
    const createdAt = new Date(this.#clock.wallTime()).toISOString();
    this.#comments.splice(0, Infinity, ...this.#comments.filter((each) => each.id !== id), { ...note, createdAt });
    this.written.push(text.replaceAll(/^<!-- .* -->\n*/gm, "").trim());
    return Response.json({ id, body: text });
  }

  open(): OpenForge {
    const { forge, event, origin, repository } = this.#assumed;
    const base = addressAt(forge.address, origin, repository, 1).url.replace(/1$/, "");
    return {
      threads: this.#threads(),
      token: TOKEN,
      tokenPlace: "a rehearsal",
      repositoryId: () => Promise.resolve(REPOSITORY_ID),
      event: () => Promise.resolve(event),
      notes: (thread) => this.#notes(thread),
      needs: () => Promise.resolve(null),
      mayLink: (url) => isPull(url, base),
      pullName: (url) => pullNameAt(url, base, forge),
      pullFrom: () => Promise.resolve(null),
    };
  }

  #notes(thread: ThreadPlace): NotePlace {
    const { forge: { notes }, repository } = this.#assumed;
    if (notes === undefined) throw new Error("This forge has no notes");
    const place = notes.open(this.#client, repository, thread);
    this.#userPath = place.userPath;
    const rows = this.#comments.map(({ id, text, author }) => ({ id, text, author: author.id, mayBeProgram: true }));
    return { ...place, find: (_client, _what, isEnough) => isEnough(rows).then(() => ({ isWhole: true })) };
  }

  #threads(): Threads {
    const { forge, origin, repository, defaultBranch, thread, labels, asker, pushers, comment, absence } =
      this.#assumed;
    const isThreadGone = comment === null && absence !== null;
    const real = forge.threads?.(this.#client, { origin, repository });
    if (real === undefined) throw new Error("This forge has no threads");
    const isThread = ({ kind, number }: ThreadPlace) => kind === thread.kind && number === thread.number;
    const isAsk = (place: CommentPlace) => place.kind === comment?.kind && place.id === comment.id;
    const reviewer = { id: pushers[0] ?? 0, name: "reviewer", isBot: false };
    const notes = () => this.#comments.filter(({ author }) => author.id === BOT.id);
    const answers: Partial<Threads> = {
      me: () => Promise.resolve(BOT),
      repository: () => Promise.resolve({ id: REPOSITORY_ID, name: repository, defaultBranch }),
      thread: (place) => Promise.resolve(isThread(place) && !isThreadGone ? thread : null),
      comment(_thread, place) {
        const isSystem = absence === "system";
        const isShown = comment !== null && isAsk(place) && (absence === null || isSystem);
        return Promise.resolve(isShown ? { ...comment, ...isSystem && { isSystem } } : null);
      },
      comments: () => Promise.resolve({ list: [...this.#comments], isWhole: true }),
      mayPush: ({ id }) => Promise.resolve(pushers.includes(id)),
      labelled: (_thread, name) =>
        Promise.resolve(labels.includes(name) ? { id: 1, by: asker, at: thread.createdAt } : null),
      branch: (name) =>
        Promise.resolve(name === thread.pull?.source ? { isProtected: name === defaultBranch, commit: null } : null),
      // A run of `fix` starts only if there is something to fix, so the rehearsal assumes problems of every kind.
      facts: () => Promise.resolve({ checks: "red", review: "changes-requested", conflict: true }),
      findings: (_number, of) =>
        Promise.resolve({
          checks: of === "checks" ? FINDINGS.checks : [],
          remarks: of === "review" ? [{ ...FINDINGS.remark, author: reviewer }] : [],
          leftOut: 0,
        }),
      commentsOf: () => Promise.resolve(notes().map((note) => ({ ...note, thread }))),
      pullsFrom: () => Promise.resolve([thread.number]),
      isAnswered: () => Promise.resolve(false),
      remove: () => Promise.resolve(),
      react: () => Promise.resolve(),
    };
    return new Proxy(real, {
      get(target, name) {
        const value: unknown = Reflect.get(answers, name) ?? Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
