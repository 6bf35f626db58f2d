/**
 * If a job was killed, the next job in the thread or a poll completes its note.
 *
 * @module
 */
import { MogplexError, NotFoundError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { requesterIn } from "../forge/requester.ts";
import type { Thread, ThreadPlace } from "../forge/threads.ts";
import { resultContent, writeContent } from "../report/job_note.ts";
import { cancelUntilHeld } from "../run/cancel.ts";
import { completeJob } from "../run/options.ts";
import { lookJob } from "../run/run.ts";
import { isTerminal } from "../service/contract.ts";
import { AGAIN, planOf, react, say } from "./ask_note.ts";
import { type Decider, MAYBE_STARTED } from "./decide.ts";
import { STARTING_MS } from "./rivals.ts";
import { type Asked, type Responding, sealFor } from "./job.ts";
import { hasNoAgent, type MarkedNote, marksOf, newsOf } from "./mark.ts";

/** How long ago a run must have finished before its note is treated as abandoned. Until then, its job may be about to complete the note. */
const LEFT_MS = 5 * 60_000;
/** Time limit for reading the run of an unfinished note. The limit is short, because the mention of this job waits for the result. */
const LEFT_LOOK_MS = 20_000;
/**
 * Maximum number of unanswered reads. After that, a job leaves the remaining notes to the next poll. A single unanswered read does not mean that the
 * service has a problem.
 */
const MAX_FAILED_LOOKS = 3;
const MAX_THREADS = 20;

/**
 * After a failure, the next job or poll tries again.
 * @returns `false` if a run that must be cancelled may still be running.
 */
export async function endLeftNote(
  job: Responding,
  { thread }: Pick<Asked["news"], "thread">,
  { decider, left: { mark, note }, isAbandoned = false }: {
    decider: Decider;
    left: MarkedNote;
    /** Whether the job of the note is known to have been killed. @default true if the run finished some time ago */
    isAbandoned?: boolean;
  },
): Promise<boolean> {
  const { clock, writer, spent } = job;
  const { ask, of, state } = mark;
  if (typeof state === "string") return true;
  const { isUnwanted = false } = state;
  if (spent.failedLooks >= MAX_FAILED_LOOKS) return !isUnwanted;
  try {
    if (isUnwanted) {
      const { session: { client, deadline } } = job.openService();
      if (!await cancelUntilHeld(client, clock, state.runId, { deadline })) {
        writer.note(`run ${state.runId} must be cancelled, but the service restarts it each time`);
        return false;
      }
    }
    const { session } = job.openService(LEFT_LOOK_MS);
    const { result, error } = await lookJob(state.runId, completeJob({ openSession: () => session }));
    // A run without a sandbox has ended, although its exit code suggests another attempt.
    const hasEnded = isTerminal(result.status ?? "");
    const isRead = result.status !== null && clock.now() < session.deadline;
    if (isRead && !hasEnded) return !isUnwanted;
    if (!hasEnded && error instanceof MogplexError && AGAIN.includes(error.exitCode)) {
      const isLast = ++spent.failedLooks === MAX_FAILED_LOOKS;
      writer.note(
        isLast ? `${error.message}; notes of other runs stay unchanged until the next poll` : error.message,
      );
      return !isUnwanted;
    }
    if (error instanceof NotFoundError && clock.wallTime() - Date.parse(note.createdAt) > LEFT_MS) {
      const text = `The service no longer has run \`${state.runId}\`, so its result is unknown.`;
      await say(job, { ask, thread: await threadWithUrl(job, thread) }, text, { ...state, isOpen: false });
      return true;
    }
    const { status, updatedAt } = result;
    const isLeft = isUnwanted || isAbandoned || clock.wallTime() - Date.parse(updatedAt ?? "") > LEFT_MS;
    if (status === null || !isTerminal(status) || !isLeft) return true;
    const seal = await sealFor(job, thread);
    const task = await decider.taskOf(thread, mark);
    const requester = await decider.askerOf(thread, ask) ?? requesterIn(note.text);
    const stopper = () => decider.stopper(thread, ask);
    const planned = planOf(job, { thread: await threadWithUrl(job, thread) }, {
      ask,
      of,
      requester,
      task,
      // Do not use the links in the note, because other users may have changed them. Do not use the links of this job either, because a retry of its
      // pipeline would treat this job as the job that followed the run.
      label: "",
      links: undefined,
      seal,
      stopper,
    });
    const steps = await planned.steps?.(result);
    const content = resultContent(job, result, { ...planned, steps });
    await writeContent(job, planned, content, { id: note.id });
    await react(job, { news: newsOf(thread, ask) }, result.exitCode === EXIT.success ? "done" : "failed");
    writer.note(`added the missing result to the note of run ${state.runId}`);
    return true;
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
    return !isUnwanted;
  }
}

/**
 * Closed threads are included, although mentions there are no longer answered. A failure affects only the notes.
 * @returns `false` if a run that must be cancelled may still be running.
 */
export async function endLeftNotes(job: Responding, since: string, openDecider: () => Decider): Promise<boolean> {
  const { clock, writer, forge: { threads } } = job;
  let isDone = true;
  for (const thread of await threadsWithLeftNotes(job, since)) {
    try {
      const decider = openDecider();
      const seal = await sealFor(job, thread);
      for (const leftNote of marksOf((await threads.comments(thread)).list, await threads.me(), seal).filter(isLeft)) {
        isDone = await endLeftNote(job, { thread }, { decider, left: leftNote }) && isDone;
        const isOld = clock.wallTime() - Date.parse(leftNote.note.createdAt) > STARTING_MS;
        const reason = leftNote.mark.state === "starting" && isOld
          ? await decider.withdrawn(thread, leftNote.mark.ask)
          : null;
        if (reason === null) continue;
        const doubt = hasNoAgent(leftNote.mark, clock.wallTime()) ? "" : ` ${MAYBE_STARTED}.`;
        const { ask } = leftNote.mark;
        await say(job, { ask, thread: await threadWithUrl(job, thread) }, `No run: ${reason}.${doubt}`);
        await react(job, { news: newsOf(thread, ask) }, "failed");
      }
    } catch (error) {
      if (!(error instanceof MogplexError)) throw error;
      writer.note(error.message);
    }
  }
  return isDone;
}

async function threadWithUrl({ forge }: Responding, place: ThreadPlace): Promise<ThreadPlace & Partial<Thread>> {
  return await forge.threads.thread(place) ?? place;
}

const isLeft = ({ mark: { state } }: MarkedNote) => state === "starting" || typeof state !== "string" && state.isOpen;

async function threadsWithLeftNotes(job: Responding, since: string): Promise<readonly ThreadPlace[]> {
  const { writer, forge: { threads } } = job;
  try {
    const me = await threads.me();
    const leftNotes = marksOf(await threads.commentsOf(me, since), me, undefined).filter(isLeft);
    const places = new Map(leftNotes.map(({ note: { thread } }) => [`${thread.kind} ${thread.number}`, thread]));
    return [...places.values()].slice(-MAX_THREADS);
  } catch (error) {
    if (!(error instanceof MogplexError) || error.exit !== "unavailable") throw error;
    writer.note(error.message);
    return [];
  }
}
