import { ConflictError, MogplexError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { Notice } from "../notice.ts";
import { type NoteContent, NOTHING_YET, openNote, type PlannedNote, resultContent } from "../report/job_note.ts";
import { askLine, type NoteProgress, progressNote } from "../report/note_text.ts";
import type { LivingNote } from "../forge/note.ts";
import { withPageLink } from "../report/page_link.ts";
import { cancelUntilHeld } from "../run/cancel.ts";
import type { JobEnd } from "../run/job.ts";
import { keyWithSuffix } from "../run/key.ts";
import { MAX_STARTS, nextStartMs, NO_SANDBOX, SANDBOX_FREE } from "../run/no_sandbox.ts";
import { emptyRunResult, reasonOf, resultError, type RunResult, utcText } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import { isTerminal } from "../service/contract.ts";
import { own } from "../text/safe_line.ts";
import {
  AGAIN,
  type Doubts,
  isAnswered,
  isRepeated,
  NO_DOUBTS,
  noteSoon,
  planOf,
  react,
  removeDoubles,
  saysEnd,
} from "./ask_note.ts";
import { type Decider, MAYBE_STARTED, STOPPED, type Wanted } from "./decide.ts";
import { type Asked, NoRun, type Responding, sealFor } from "./job.ts";
import { doublesOf, hasGivenUp, hasNoAgent, isBegun, isSameAsk, keyOfAsk, marksOf } from "./mark.ts";
import type { Refusal } from "./rivals.ts";

export type Started = { kind: "ended"; exitCode: number } | { kind: "none"; reason: string };

const ANSWERED: Started = { kind: "none", reason: "another job is answering this mention" };

/** @param newDecider Creates a decider without cached responses. */
export async function startRun(
  job: Responding,
  asked: Asked,
  wanted: Wanted,
  { decider, newDecider }: { decider: Decider; newDecider: () => Decider },
): Promise<Started> {
  const { forge: { threads }, writer, clock, platform, settings, io: { env } } = job;
  const { thread } = asked.news;
  const { ask, of, task, asker, leftOut, earlier } = wanted;
  const seal = await sealFor(job, thread);
  const { job: jobPage, pipeline, pipelineNoun } = platform.links(env);
  const label = platform.identity(env)?.job ?? "";
  const links = { job: jobPage, pipeline, pipelineNoun };
  const lackedSandbox = earlier?.mark.lacksSandbox === true;
  const isDoubtful = earlier !== undefined && !hasGivenUp(earlier.mark);
  const doubts: Doubts = { ...NO_DOUBTS, mayExist: isDoubtful, lackedSandbox };
  const stopper = async () => await newDecider().stopper(thread, ask);
  const planned = planOf(job, wanted, {
    ask,
    of,
    requester: asker,
    task,
    label,
    links,
    seal,
    stopper,
    leftOut,
    doubts,
  });
  const note = openNote(job, planned);
  const since = clock.wallTime();
  if (earlier !== undefined && await isAnswered(job, asked, ask)) return ANSWERED;
  const written = await note.begin({
    render: (_mayLink, links) => startingNote({ links, since, nowMs: since, task: planned.task, stop: planned.stop }),
    state: NOTHING_YET,
    // Another job may just have added its run to the note, and a stop must find that run.
    keeps: (before) => isBegun(before, ask, seal),
  });
  asked.onNote?.();
  await react(job, asked, "seen");
  const fail = async (result: RunResult) => {
    const steps = await planned.steps?.(result);
    await note.end(resultContent(job, result, { ...planned, steps })).catch(() => {});
  };
  let lacksSandbox = false;
  const refuse = async ({ reason, text }: Refusal): Promise<Started> => {
    const hadNoAgent = earlier !== undefined && hasNoAgent(earlier.mark, clock.wallTime());
    const isSure = !written.updated || lacksSandbox || hadNoAgent;
    const whole = `No run: ${text}.${isSure ? "" : ` ${MAYBE_STARTED}.`}\n\n${askLine(planned.links?.ask)}\n`;
    await note.end({ render: () => whole, state: { ...NOTHING_YET, exitCode: EXIT.success } }).catch(() => {});
    await react(job, asked, "failed");
    return { kind: "none", reason };
  };
  const { request, repository } = await requestOf(job, wanted);
  // The job with the oldest note answers the mention, because another job may have written its note at the same time.
  const { list } = await threads.comments(thread);
  const me = await threads.me();
  await removeDoubles(job, asked, doublesOf(list, me, seal));
  const marks = marksOf(list, me, seal);
  const oldest = marks.find(({ mark }) => isSameAsk(mark.ask, ask));
  if (oldest !== undefined && oldest.note.id !== written.id) return ANSWERED;
  /** Reads current data instead of cached data. */
  const busyNow = async () => {
    const { list } = await job.openForge().threads.comments(thread);
    return await newDecider().busy(wanted, marksOf(list, me, seal));
  };
  const refusal = await decider.rival(wanted, marks, written.id) ?? await withdrawalOf(decider, wanted);
  if (refusal !== null) {
    // If another job created the note, that job may be about to add its run.
    if (saysEnd(await noteSoon(job, asked, ask, { isPatient: written.updated }))) return ANSWERED;
    return await refuse(refusal);
  }
  writer.out(own`asked by ${writer.untrusted(asker.name)}`);
  if (leftOut !== undefined) writer.out(own`${writer.untrusted(leftOut)}`);
  let session: Pick<Session, "deadline" | "signal"> | undefined;
  const withdrawal = new Withdrawal(job, wanted, newDecider);
  const key = keyOfAsk({ origin: threads.origin, repository, thread, ask, repoId: request.repo });
  const tell = noticeTeller(job, note, {
    links: planned.links,
    task: planned.task,
    stop: planned.stop,
    since,
    deadline: () => session?.deadline ?? clock.now(),
    isStarted: () => isStarted,
  });
  /** Whether the run had already finished when this job found it by its idempotency key. */
  let isOver = false;
  let isStarted = false;
  try {
    const { result, page } = await job.run({
      request,
      idempotencyKey: key,
      // In a poll, other mentions wait for this run.
      waitsForSandbox: job.remembered === undefined,
      onStarted({ runId, run: { status } }) {
        isStarted = true;
        isOver = isTerminal(status);
        withdrawal.onStarted(runId);
      },
      async mayRepeat(mayExist) {
        const mayStart = await withdrawal.mayRepeat(mayExist, lacksSandbox ? busyNow : undefined);
        lacksSandbox &&= !mayStart;
        // Set this before the run is added to the note, because this job may be killed before the run ends.
        doubts.isUnwanted = withdrawal.isWithdrawn;
        if (mayStart) doubts.nextStartMs = undefined;
        return mayStart;
      },
      async onEnd(ended) {
        if (ended.error instanceof NoRun) throw ended.error;
        // A signal can end this job while it looks for the run of another job.
        doubts.mayExist = isDoubtful || ended.result.mayExist || ended.error instanceof ConflictError;
        doubts.isHidden = await isHidden(job, asked, wanted, { ended, signal: session?.signal });
        const end = doubts.isHidden ? hiddenEnd(ended) : await withdrawal.end(ended);
        doubts.isUnwanted = withdrawal.isOpen;
        const starts = startsOf(key, end.result);
        doubts.isLastStart = starts === MAX_STARTS;
        if (isNoSandbox(ended.error)) doubts.nextStartMs = nextStartMs(end.result, starts);
        const told = doubts.isLastStart ? withAskAgain(end, settings.name) : end;
        const result = await withoutOldWork(job, wanted, told.result);
        // A job that gives up does not know whether an earlier job started a run.
        doubts.mayExist = result.mayExist || isDoubtful && AGAIN.includes(result.exitCode);
        return { ...told, result: { ...result, mayExist: doubts.mayExist } };
      },
    }, {
      note: { ...planned, note },
      out: asked.out,
      onSession(opened) {
        session = opened;
      },
      onNotice(notice) {
        if (notice.kind === "no_sandbox") {
          lacksSandbox = true;
          isStarted = false;
          doubts.nextStartMs = notice.untilMs;
        }
        tell(notice);
      },
    });
    const { exitCode } = result;
    if (!note.isEnded) await fail(result);
    await afterRun(job, asked, result, { page, thread: wanted.thread.url, isOver, isLastStart: doubts.isLastStart });
    return { kind: "ended", exitCode };
  } catch (error) {
    if (error instanceof NoRun) {
      return error.isAnswered ? ANSWERED : await refuse({ reason: error.message, text: error.text });
    }
    const known = error instanceof MogplexError ? error : new MogplexError("Nothing was started", "internal");
    const { result } = withError({ result: emptyRunResult(), error: known }, known);
    await fail(result);
    if (!isRepeated(result.exitCode)) await react(job, asked, "failed");
    throw error;
  }
}

async function withdrawalOf(decider: Decider, wanted: Wanted): Promise<Refusal | null> {
  const reason = await decider.changed(wanted);
  return reason === null ? null : { reason, text: reason };
}

export async function afterRun(
  job: Responding,
  asked: Asked,
  result: RunResult,
  where: { page: string | undefined; thread: string; isOver: boolean; isLastStart?: boolean },
): Promise<void> {
  const { exitCode, runId, status, error } = result;
  // If polls repeat the start, the start may still succeed.
  const isOpen = runId === null
    ? isRepeated(exitCode)
    : status === null || !isTerminal(status) || error?.code === NO_SANDBOX && !where.isLastStart;
  if (!isOpen) await react(job, asked, exitCode === EXIT.success ? "done" : "failed");
  if (exitCode === EXIT.success) await setStatus(job, result, where);
}

async function requestOf({ request, forge: { threads } }: Responding, { prompt, place }: Wanted) {
  const { baseBranch, workingBranch, createBranch } = place;
  const { id, name } = await threads.repository();
  return {
    request: { ...request, repo: request.repo ?? name, prompt, baseBranch, workingBranch, createBranch },
    repository: id,
  };
}

/**
 * If this job has no run, another job with the same note may have started the run. After a conflict, the other job adds the run to the note within
 * seconds, unless that job was killed.
 * @returns Whether the service has a run for the mention, but no note contains the run.
 */
async function isHidden(
  job: Responding,
  asked: Asked,
  { ask }: Wanted,
  { ended: { error, result }, signal }: { ended: JobEnd<RunResult>; signal: AbortSignal | undefined },
): Promise<boolean> {
  if (result.runId !== null || result.outcome === "interrupted") return false;
  const isConflict = error instanceof ConflictError;
  const last = await noteSoon(job, asked, ask, { isPatient: isConflict, signal });
  if (last !== undefined && typeof last.mark.state !== "string") {
    throw new NoRun("another job is answering this mention", true);
  }
  if (isConflict) signal?.throwIfAborted();
  return isConflict;
}

/**
 * Withdraws a start that must no longer happen. The forge is read again before each attempt, because the user may have lost permission, the comment
 * may have changed, or the branch may now be protected.
 */
class Withdrawal {
  readonly #job: Responding;
  readonly #wanted: Wanted;
  readonly #newDecider: () => Decider;
  #reason: string | null = null;
  #cancel: Promise<boolean> | undefined;
  #isOpen = false;

  constructor(job: Responding, wanted: Wanted, newDecider: () => Decider) {
    this.#job = job;
    this.#wanted = wanted;
    this.#newDecider = newDecider;
  }

  get isWithdrawn(): boolean {
    return this.#reason !== null;
  }

  /** Whether the run must be cancelled, but may still be running. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * If an earlier attempt may have reached the service, even a withdrawn start is sent again: the response contains the id of the run, which is
   * needed to cancel the run.
   * @throws {NoRun} if no attempt can have reached the service, and the run must not start.
   */
  async mayRepeat(mayExist: boolean, busy?: () => Promise<Refusal | null>): Promise<boolean> {
    if (this.#reason !== null && mayExist) return true;
    let reason: string | null;
    let rival: Refusal | null = null;
    try {
      reason = this.#reason ?? await this.#newDecider().changed(this.#wanted);
      if (reason === null) rival = await busy?.() ?? null;
    } catch (error) {
      if (!(error instanceof MogplexError)) throw error;
      this.#job.writer.note(`${error.message}; the start is not repeated until the forge responds`);
      return false;
    }
    if (rival !== null) throw new NoRun(rival.reason, false, rival.text);
    if (reason === null) return true;
    if (!mayExist) throw new NoRun(reason, false);
    this.#reason = reason;
    return true;
  }

  onStarted(runId: string): void {
    this.#cancel = this.#cancelled(runId);
  }

  /** @returns `false` if the run must be cancelled, but may still be running. */
  async #cancelled(runId: string): Promise<boolean> {
    const { clock, writer } = this.#job;
    try {
      // The attempt may have taken so long that a stop was answered in the meantime.
      if (this.#reason === null && await this.#newDecider().isStopped(this.#wanted)) this.#reason = STOPPED;
      if (this.#reason === null) return true;
      const { session: { client, deadline } } = this.#job.openService();
      return await cancelUntilHeld(client, clock, runId, { deadline });
    } catch (error) {
      writer.note(error instanceof MogplexError ? error.message : `Cannot check for a stop: ${error}`);
      return this.#reason === null;
    }
  }

  /** If a withdrawn run may still be running, the job ends with an error. */
  async end(ended: JobEnd<RunResult>): Promise<JobEnd<RunResult>> {
    const { result } = ended;
    // After a signal, the job has only a few seconds left.
    const isHeld = result.outcome === "interrupted" ? this.#reason === null : await this.#cancel ?? true;
    const isOver = result.status !== null && isTerminal(result.status);
    if (this.#reason === null) return ended;
    if (result.runId === null) {
      this.#isOpen = true;
      return ended;
    }
    this.#isOpen = !isHeld && !(isOver && result.outcome !== "cancelled");
    if (!this.#isOpen) return { ...ended, result: { ...result, reason: result.reason ?? this.#reason } };
    if (result.outcome === "interrupted") return ended;
    return withError(ended, openRun(result.runId, this.#reason));
  }
}

function openRun(runId: string, reason: string): MogplexError {
  return new MogplexError({
    attempted: `cancel run "${runId}"`,
    why: `it must not continue (${reason}), but it may still be running`,
    advice: "check the run in the app; polls try to cancel it again",
  }, "unavailable");
}

/**
 * Changes the result to "nothing was changed" if the run added no commit to the branch of its pull request. The service compares the branch with the
 * base branch, so it reports a delivery even if all commits are older than the run (contract, 4.6).
 */
async function withoutOldWork(
  { forge, writer }: Responding,
  { thread: { pull }, place: { workingBranch } }: Wanted,
  result: RunResult,
): Promise<RunResult> {
  const { outcome, changed, branch: { base, requested, pushed }, pullRequest: { url } } = result;
  const before = pull?.commit ?? null;
  if (outcome !== "success" || changed !== true || before === null) return result;
  // The service may have pushed to another branch, or to a branch with this name on another forge.
  const isHere = workingBranch !== undefined && pushed === workingBranch && forge.pullName(url ?? "") !== undefined;
  if (!isHere) return result;
  try {
    if ((await forge.threads.branch(workingBranch))?.commit !== before) return result;
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    writer.note(error.message);
    return result;
  }
  const nothing = { changed: false, files: [], pullRequest: { state: "none" as const, url: null } };
  return { ...result, ...nothing, branch: { base, requested, pushed: null } };
}

/** For a job whose idempotency key belongs to a run with a different prompt. */
function hiddenEnd({ result, ...end }: JobEnd<RunResult>): JobEnd<RunResult> {
  const error = new MogplexError({
    attempted: "start run",
    why: "the service already has a run for this task, started from a different version of this thread",
    advice: "an agent may be running: look for it in the app",
  }, "usage");
  return withError({ ...end, result: { ...result, mayExist: true } }, error);
}

function isNoSandbox(error: unknown): error is MogplexError {
  return error instanceof MogplexError && error.code === NO_SANDBOX;
}

function startsOf(key: string, { idempotencyKey }: RunResult): number {
  const counts = Array.from({ length: MAX_STARTS }, (_, index) => index + 1);
  return counts.find((count) => keyWithSuffix(key, count) === idempotencyKey) ?? 1;
}

/** For a job whose last start got no sandbox. The advice is to mention the agent again, because a retried job would start nothing. */
function withAskAgain(ended: JobEnd<RunResult>, name: string): JobEnd<RunResult> {
  const { error } = ended;
  if (!isNoSandbox(error)) return ended;
  const { attempted, why } = error;
  const advice = `${SANDBOX_FREE}; then comment @${name} again`;
  const problem = attempted === null ? error.message : { attempted, why, advice };
  return withError(ended, new MogplexError(problem, "rateLimited", { code: NO_SANDBOX }));
}

function withError({ result, ...end }: JobEnd<RunResult>, error: MogplexError): JobEnd<RunResult> {
  const ending = { outcome: "error" as const, exitCode: error.exitCode, reason: reasonOf(error) };
  return { ...end, error, result: { ...result, ...ending, error: resultError(error) } };
}

function startingNote(
  { links = {}, since, ...more }:
    & Pick<NoteProgress, "since" | "nowMs" | "task" | "trouble" | "stop">
    & Pick<PlannedNote, "links">,
): string {
  return progressNote({ links, phase: "start", since, phaseSince: since, ...more });
}

/** Writes once if the service does not respond, and each time that no sandbox is free. */
function noticeTeller(
  { clock }: Responding,
  note: LivingNote<NoteContent>,
  { links, task, stop, since, deadline, isStarted }:
    & Pick<PlannedNote, "links" | "task" | "stop">
    & { since: number; deadline: () => number; isStarted: () => boolean },
): (notice: Notice) => void {
  let isDown = false;
  let isTold = false;
  const change = (trouble: string, matters = false) =>
    note.change(() => ({
      render: () => startingNote({ links, since, nowMs: clock.wallTime(), task, trouble, stop }),
      state: NOTHING_YET,
    }), matters);
  return (notice) => {
    if (notice.kind === "no_sandbox") {
      // The run has ended, and users must not mistake its note for the answer.
      note.renew();
      change(`No agent has started: ${notice.cause}. The next start is at ${utcText(notice.untilMs)}.`, true);
      return;
    }
    if (notice.kind === "wait") isDown = ["unavailable", "network"].includes(notice.cause);
    // Not every wait is reported. If the note was edited too recently, the next notice tries again.
    if (isTold || !isDown || isStarted()) return;
    const until = utcText(clock.wallTime() + deadline() - clock.now());
    isTold = change(`The service is not responding. The start will be retried until ${until}.`);
  };
}

/** A failure affects only the commit status. */
async function setStatus(
  { setsStatus, platform, io: { env }, writer, forge: { threads } }: Responding,
  { branch, changed }: RunResult,
  { page, thread, isOver }: { page: string | undefined; thread: string; isOver: boolean },
): Promise<void> {
  if (!(setsStatus ?? threads.setsStatus)) return;
  const links = withPageLink(platform.links(env), page);
  // Gitea does not provide the address of a job.
  const url = links.page ?? links.job ?? links.pipeline ?? thread;
  // Require that the agent pushed to the requested branch. Otherwise, the head may be another user's commit: the service pushes to another branch if
  // the last pull request of this branch is closed (contract, 4.6), and events may name any branch.
  const name = branch.requested;
  if (name === null || changed !== true || branch.pushed !== name) return;
  if (isOver) {
    writer.note("no commit status: the run had already ended when this job found it, and others may have pushed since");
    return;
  }
  try {
    const head = await threads.branch(name);
    if (head?.commit) await threads.setStatus(head.commit, { url, text: "The agent's run succeeded" });
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot set a commit status: ${error}`);
  }
}
