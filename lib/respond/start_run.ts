/**
 * Starts the run of a mention: writes its note, looks once more whether the run may start, and ends the note.
 *
 * @module
 */
import { ConflictError, MogplexError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import type { Notice } from "../notice.ts";
import { type NoteContent, NOTHING_YET, openNote, type PlannedNote, progressText } from "../report/job_note.ts";
import type { LivingNote } from "../forge/note.ts";
import { withPageLink } from "../report/page_link.ts";
import { cancelWith } from "../run/cancel.ts";
import type { JobEnd } from "../run/job.ts";
import { type RunResult, utcText } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import { isTerminal } from "../service/contract.ts";
import { markdownBlock } from "../text/escape.ts";
import { own } from "../text/safe_line.ts";
import { isAnswered, noteSoon, planOf, react, removeDoubles, saysEnd } from "./ask_note.ts";
import { type Decider, MAYBE_STARTED, type Wanted } from "./decide.ts";
import { AlreadyAnswered, type Asked, type Responding, sealFor } from "./job.ts";
import { doublesOf, isSameAsk, keyOfAsk, marksOf } from "./mark.ts";

/** How a start ended: the exit code of the job, or why there is no run. */
export type Started = { kind: "ended"; exitCode: number } | { kind: "none"; reason: string };

const ANSWERED: Started = { kind: "none", reason: "another job answers it" };

/** Starts a run that was decided on, and follows it. @throws {MogplexError} when nothing was started. */
export async function startRun(job: Responding, asked: Asked, decider: Decider, wanted: Wanted): Promise<Started> {
  const { forge: { threads }, writer, clock, platform, io: { env } } = job;
  const { thread } = asked.news;
  const { ask, of, task, asker, leftOut } = wanted;
  const seal = await sealFor(job, thread);
  const { job: jobPage, pipeline } = platform.links(env);
  const label = platform.identity(env)?.job ?? "";
  const links = { job: jobPage, pipeline };
  const planned = planOf(job, { thread }, { ask, of, task, label, links, seal, leftOut });
  const note = openNote(job, planned);
  const since = clock.wallTime();
  if (wanted.isTried && await isAnswered(job, asked, ask)) return ANSWERED;
  const written = await note.begin({
    render: (_mayLink, links) => progressText({ links, runId: null, phase: "start", since, task: planned.task }),
    state: NOTHING_YET,
  });
  await react(job, asked, "seen");
  /** Ends the note without a run. */
  const end = async (why: string, exitCode: number) => {
    const reason = written.updated && exitCode === EXIT.success ? `${why}. ${MAYBE_STARTED}` : why;
    await note.end({
      render: () => `## ⚪ No run\n\n${markdownBlock(writer.redact(reason))}\n`,
      state: { ...NOTHING_YET, exitCode },
    }).catch(() => {});
  };
  const { request, repository } = await requestOf(job, wanted);
  // The job that has begun the oldest note answers: another one may have begun its note at the same moment.
  const { list } = await threads.comments(thread);
  const me = await threads.me();
  await removeDoubles(job, asked, doublesOf(list, me, seal));
  const marks = marksOf(list, me, seal);
  const oldest = marks.find(({ mark }) => isSameAsk(mark.ask, ask));
  if (oldest !== undefined && oldest.note.id !== written.id) return ANSWERED;
  const refusal = await decider.rival(wanted, marks, written.id) ?? await decider.changed(wanted);
  if (refusal !== null) {
    // If another job has made the note, it may be about to name its run there.
    if (saysEnd(await noteSoon(job, asked, ask, { isPatient: written.updated }))) return ANSWERED;
    await end(refusal, EXIT.success);
    await react(job, asked, "failed");
    return { kind: "none", reason: refusal };
  }
  writer.out(own`asked by ${writer.untrusted(asker.name)}`);
  if (leftOut !== undefined) writer.out(own`${writer.untrusted(leftOut)}`);
  let session: Pick<Session, "deadline" | "signal"> | undefined;
  let late: Promise<void> | undefined;
  /** Whether the run had ended when this job found it by its key. */
  let isOver = false;
  let isStarted = false;
  try {
    const { result, page } = await job.run(request, {
      idempotencyKey: keyOfAsk({ origin: threads.origin, repository, thread, ask, repoId: request.repo }),
      note: { ...planned, note },
      out: asked.out,
      onSession(opened) {
        session = opened;
      },
      onNotice: outageTeller(job, note, {
        links: planned.links,
        task: planned.task,
        since,
        deadline: () => session?.deadline ?? clock.now(),
        isStarted: () => isStarted,
      }),
      onStarted({ runId, run: { status } }) {
        isStarted = true;
        isOver = isTerminal(status);
        late = stopLate(job, decider, wanted, runId);
      },
      onEnd: (ended) => checkAnswered(job, asked, wanted, { ended, signal: session?.signal }),
    });
    const { exitCode } = result;
    await late;
    if (!note.isEnded) await end(result.reason ?? "nothing was started", exitCode);
    const isOpen = result.runId !== null && !(result.status !== null && isTerminal(result.status));
    if (!isOpen) await react(job, asked, exitCode === EXIT.success ? "done" : "failed");
    if (exitCode === EXIT.success) await setStatus(job, result, { page, thread: wanted.thread.url, isOver });
    return { kind: "ended", exitCode };
  } catch (error) {
    if (error instanceof AlreadyAnswered) {
      if (error.isNamed) return ANSWERED;
      await end("it was answered already", EXIT.success);
      return { kind: "none", reason: "it was answered already" };
    }
    await end(
      error instanceof MogplexError ? error.message : "nothing was started",
      error instanceof MogplexError ? error.exitCode : EXIT.internal,
    );
    await react(job, asked, "failed");
    throw error;
  }
}

/** The request of a run. */
async function requestOf({ request, forge: { threads } }: Responding, { prompt, place }: Wanted) {
  const { baseBranch, workingBranch, createBranch } = place;
  const { id, name } = await threads.repository();
  return {
    request: { ...request, repo: request.repo ?? name, prompt, baseBranch, workingBranch, createBranch },
    repository: id,
  };
}

/**
 * Looks for another job with the same note, after a start that has named no run: that job may have started it. After a conflict it is about to
 * name the run, if it is alive.
 *
 * @throws {AlreadyAnswered} when there is one.
 */
async function checkAnswered(
  job: Responding,
  asked: Asked,
  { ask }: Wanted,
  { ended: { error, result }, signal }: { ended: JobEnd<RunResult>; signal: AbortSignal | undefined },
): Promise<void> {
  if (result.runId !== null || result.outcome === "interrupted") return;
  const isConflict = error instanceof ConflictError;
  const last = await noteSoon(job, asked, ask, { isPatient: isConflict, signal });
  if (last !== undefined && typeof last.mark.state !== "string") throw new AlreadyAnswered(true);
  if (!isConflict) return;
  signal?.throwIfAborted();
  throw new AlreadyAnswered(false);
}

/** Writes into the note, once, that the service does not answer, if the start is tried again for longer. */
function outageTeller(
  { clock }: Responding,
  note: LivingNote<NoteContent>,
  { links, task, since, deadline, isStarted }:
    & Pick<PlannedNote, "links" | "task">
    & { since: number; deadline: () => number; isStarted: () => boolean },
): (notice: Notice) => void {
  let isDown = false;
  let isTold = false;
  return (notice) => {
    if (notice.kind === "wait") isDown = ["unavailable", "network"].includes(notice.cause);
    // Not each wait is told. A change that came too soon is tried again with the next notice.
    if (isTold || !isDown || isStarted()) return;
    const until = utcText(clock.wallTime() + deadline() - clock.now());
    const trouble = `The service does not answer. The start is tried again, until ${until} at most.`;
    isTold = note.change(() => ({
      render: () => progressText({ links, runId: null, phase: "start", since, task, trouble }),
      state: NOTHING_YET,
    }));
  };
}

/** Cancels a run whose start was tried for so long that a stop was answered meanwhile. If that fails, the run continues. */
async function stopLate(job: Responding, decider: Decider, wanted: Wanted, runId: string): Promise<void> {
  const { clock, writer } = job;
  try {
    if (!await decider.isStopped(wanted)) return;
    const { session: { client, deadline } } = job.openService();
    await cancelWith(client, clock, runId, { deadline });
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot look for a stop: ${error}`);
  }
}

/** Sets the commit status on the head of the agent's branch. If that fails, only the status is missing. */
async function setStatus(
  { setsStatus, platform, io: { env }, writer, forge: { threads } }: Responding,
  { branch, changed }: RunResult,
  { page, thread, isOver }: { page: string | undefined; thread: string; isOver: boolean },
): Promise<void> {
  // On GitLab an external status that is a success has made merge requests mergeable (issues 300720 and 34378).
  if (!(setsStatus ?? threads.forge !== "gitlab")) return;
  const links = withPageLink(platform.links(env), page);
  // Gitea shows no address of a job to the job.
  const url = links.page ?? links.job ?? links.pipeline ?? thread;
  // The events must say that the agent pushed, and to the branch that the answer to the start names: otherwise its head is a commit of somebody
  // else. The service pushes to another branch when the last pull request of this one is closed (contract, 4.6), and what events name may
  // be any branch.
  const name = branch.requested;
  if (name === null || changed !== true || branch.pushed !== name) return;
  if (isOver) {
    writer.note("no commit status: the run had ended before this job found it, and others may have pushed since");
    return;
  }
  try {
    const head = await threads.branch(name);
    if (head?.commit) await threads.setStatus(head.commit, { url, text: "The agent's run ended well" });
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot set a commit status: ${error}`);
  }
}
