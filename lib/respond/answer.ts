import { ApiError, MogplexError } from "../errors.ts";
import { EXIT, STOPPED } from "../exit_codes.ts";
import { cancelWith } from "../run/cancel.ts";
import { utcText } from "../run/result.ts";
import type { Session } from "../run/session.ts";
import { isTerminal } from "../service/contract.ts";
import { ifFound } from "../service/errors.ts";
import { formatCount } from "../text/duration.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import { own } from "../text/safe_line.ts";
import { isAnswered, noteSoon, react, removeDoubles, say, saysEnd, waitForNotes } from "./ask_note.ts";
import { attachRun, isOfPipeline } from "./attach_run.ts";
import { Decider, type Stop, type StoppedRun, type Wanted } from "./decide.ts";
import { mayAsk } from "./rights.ts";
import { type Asked, type Responding, type RespondJob, sealFor } from "./job.ts";
import { endLeftNote, endLeftNotes } from "./left_notes.ts";
import { hasGivenUp, hasNoAgent, type MarkedNote, marksOf } from "./mark.ts";
import { mayMention } from "./mention.ts";
import { rememberThreads } from "./remembered_threads.ts";
import { startRun } from "./start_run.ts";

export interface AnswerOptions {
  readonly isPoll: boolean;
  readonly sinceMs: number;
  readonly timeoutMs: number;
  readonly out: string;
  readonly onNote: () => void;
}

export async function answer(respondJob: RespondJob, options: AnswerOptions): Promise<number> {
  const forge = respondJob.openForge();
  const job: Responding = { ...respondJob, forge, spent: { waits: 0, failedLooks: 0 } };
  const event = options.isPoll ? { kind: "unreadable" as const } : await forge.event();
  if (event.kind === "nothing") return none(job, event.reason);
  if (event.kind === "ask") return await answerOne(job, { news: event.news, out: options.out, onNote: options.onNote });
  return await poll(job, options);
}

/**
 * Adds the result to the note of a run that was cancelled because its job was killed. This applies only to a job that answers one event. If a poll is
 * killed, the next poll completes its notes.
 */
export async function endKilledNote(respondJob: RespondJob, runId: string): Promise<void> {
  const forge = respondJob.openForge();
  const job: Responding = { ...respondJob, forge, spent: { waits: 0, failedLooks: 0 } };
  const event = await forge.event();
  if (event.kind !== "ask") return;
  const { threads } = forge;
  const { thread } = event.news;
  const marks = marksOf((await threads.comments(thread)).list, await threads.me(), await sealFor(job, thread));
  const openMark = marks.find(({ mark: { state } }) =>
    typeof state !== "string" && state.isOpen && state.runId === runId
  );
  if (openMark === undefined) return;
  await endLeftNote(job, { thread }, { decider: openDecider(job).decider, left: openMark, isAbandoned: true });
}

function none({ writer }: Responding, reason: string): number {
  writer.out(own`no run: ${writer.untrusted(reason)}`);
  return EXIT.success;
}

/**
 * Maximum number of requests that a poll sends to the forge for one thread. Anyone can write many comments, and other threads must be answered as
 * well.
 */
const THREAD_REQUESTS = 300;

async function poll(opened: Responding, { sinceMs, timeoutMs, out }: Omit<AnswerOptions, "onNote">): Promise<number> {
  const { clock, writer, forge, settings } = opened;
  const remembered = rememberThreads(forge.threads);
  const job: Responding = { ...opened, remembered };
  const { threads } = remembered;
  const until = clock.now() + timeoutMs;
  const since = new Date(clock.wallTime() - sinceMs).toISOString();
  let code: number = EXIT.success;
  // No other job completes these notes.
  if (!await endLeftNotes(job, since, () => openDecider(job).decider)) code = EXIT.unavailable;
  const me = await threads.me();
  const news = (await threads.news(since, settings.label)).filter(({ text, author }) =>
    author?.id !== me.id && (text === null || mayMention(text, settings.name))
  );
  const count = own`${news.length} to check (mentions in descriptions are not read)`;
  writer.out(own`looked for mentions since ${writer.untrusted(since)}: ${count}`);
  const requests = new Map<string, number>();
  const blocked = new Map<string, string>();
  let strangers = 0;
  let later = 0;
  let runs = 0;
  for (const each of news) {
    if (clock.now() >= until) {
      writer.note("no time left: the next poll answers the remaining mentions");
      break;
    }
    const { where } = forge.notes(each.thread);
    const spent = requests.get(where) ?? 0;
    if (blocked.has(where)) continue;
    if (spent >= THREAD_REQUESTS) {
      later++;
      continue;
    }
    const before = forge.threads.requests;
    try {
      if (each.author !== undefined && await mayAsk(settings, threads, each.author) === false) {
        strangers++;
        continue;
      }
      const what = each.comment === null ? own`the label` : own`comment ${each.comment.id}`;
      writer.out(own`${writer.untrusted(where)}, ${what}:`);
      const request = { news: each, since, out: runs === 0 ? out : `${out}/${runs + 1}`, onStart: () => runs++ };
      const exitCode = await answerOne(job, request);
      if (STOPPED.includes(exitCode)) {
        writer.note("the job was stopped: the next poll answers the remaining mentions");
        return exitCode;
      }
      code ||= exitCode;
    } catch (error) {
      // Users can bring a thread into a state that the forge does not fully show. This thread must not block the threads after it.
      if (!(error instanceof MogplexError) || !["unavailable", "forbidden"].includes(error.exit)) throw error;
      writer.note(error.message);
      if (error instanceof ApiError && error.status === 403) blocked.set(where, error.message);
      else code ||= error.exitCode;
    } finally {
      requests.set(where, spent + forge.threads.requests - before);
    }
  }
  if (strangers > 0) writer.out(own`mentions by users who cannot ask: ${strangers}`);
  if (later > 0) {
    writer.note(`${formatCount(later, "mention")} left for the next poll: their threads took too many requests`);
  }
  // If one thread is blocked, a user there may have blocked the token's user. If two threads are blocked, the token probably lacks a scope.
  if (blocked.size > 1) {
    writer.note(
      `${forge.threads.system} does not let this token write in ${blocked.size} threads: it lacks a scope, or its user is blocked`,
    );
    code ||= EXIT.unavailable;
  }
  return code;
}

/**
 * Masks tokens of known formats, and the tokens that this program itself uses. Other variables are ignored, because an event and a poll may have
 * different variables, and the same key requires the same prompt.
 */
function promptRedactor({ token, forge }: Responding): Redactor {
  return createRedactor({ token, secrets: [forge.token] });
}

function openDecider(job: Responding): { decider: Decider; session: Session } {
  const { settings, clock } = job;
  const { threads } = job.remembered ?? job.forge;
  const { session, call } = job.openService();
  const decider = new Decider({
    threads,
    settings,
    nowMs: clock.wallTime(),
    sealOf: (thread) => sealFor(job, thread),
    redact: promptRedactor(job),
    isOfPipeline: (note) => isOfPipeline(job, note),
    runs: {
      async workOf(runId) {
        const run = await ifFound(session.client.getRun(runId, call));
        if (run === undefined || isTerminal(run.status)) return run === undefined ? undefined : null;
        return { branch: run.branch.working, isWaiting: run.status === "awaiting_input" };
      },
    },
  });
  return { decider, session };
}

async function answerOne(job: Responding, asked: Asked): Promise<number> {
  const { news, since } = asked;
  const { decider, session } = openDecider(job);
  const decision = await decider.decide(news, since);
  if (decision.kind !== "none" || decision.tell !== null) job.remembered?.forget(news.thread);
  await removeDoubles(job, asked, decider.doubles);
  const newDecider = () => openDecider({ ...job, forge: job.openForge(), remembered: undefined }).decider;
  if (decision.kind === "attach") {
    const { marked } = decision;
    asked.onNote?.();
    // Do not follow this run: the note would no longer show that polls must cancel it.
    if (typeof marked.mark.state !== "string" && marked.mark.state.isUnwanted) {
      return await endLeftNote(job, news, { decider, left: marked }) ? EXIT.cancelled : EXIT.unavailable;
    }
    asked.onStart?.();
    return await attachRun(job, asked, { decider, newDecider }, decision) ??
      none(job, "its run was started, but no longer exists");
  }
  for (const leftNote of decider.open) await endLeftNote(job, news, { decider, left: leftNote });
  if (decision.kind === "reply") {
    await say(job, decision, decision.text);
    await react(job, asked, "done");
    job.writer.out(own`no run is needed: help and status only write a note`);
    return EXIT.success;
  }
  if (decision.kind === "stop") return await stop(job, asked, { decider, session, decision });
  if (decision.kind === "start") {
    const early = job.remembered === undefined ? null : tooEarly(job, decision);
    if (early !== null) return none(job, early);
    asked.onStart?.();
    // The cached responses of a poll may be as old as the last run that the poll waited for.
    const fresh = job.remembered === undefined ? decider : newDecider();
    const started = await startRun(job, asked, decision, { decider: fresh, newDecider });
    return started.kind === "none" ? none(job, started.reason) : started.exitCode;
  }
  const { reason, tell } = decision;
  if (tell !== null) {
    if (tell.isTried && saysEnd(await noteSoon(job, asked, tell.ask, { isPatient: true }))) {
      return none(job, "another job is answering this mention");
    }
    await say(job, tell, `No run: ${tell.text}.`);
    await react(job, asked, "failed");
  }
  return none(job, reason);
}

/** How much later than announced a waiting job may send its start, including the difference between the clocks of two machines. */
const LATE_START_MS = 2 * 60_000;

/** Why a poll, which never waits for a sandbox, must leave a mention's note as it is; `null` if the next start is due. */
function tooEarly({ clock, forge: { threads: { anchor } } }: Responding, { earlier, thread }: Wanted): string | null {
  const nextStartMs = earlier?.mark.nextStartMs;
  if (earlier === undefined || nextStartMs === undefined) return null;
  const isJobOver = hasGivenUp(earlier.mark);
  if (clock.wallTime() >= nextStartMs + (isJobOver ? 0 : LATE_START_MS)) return null;
  const next = `the next start is at ${utcText(nextStartMs)}`;
  return isJobOver
    ? `no sandbox was free, and ${next} or later`
    : `the job of ${thread.url}#${anchor}${earlier.note.id} is waiting for a sandbox, and ${next}`;
}

const MAX_END_LOOKS = 3;
const END_LOOK_MS = 5_000;

/**
 * Completes the notes of stopped runs. A job that is still running completes its note within seconds. All other jobs were killed or reached their
 * time limit, or their run was waiting for an answer.
 */
async function endStopped(
  job: Responding,
  { thread }: Pick<Asked["news"], "thread">,
  { decider, runs }: { decider: Decider; runs: readonly StoppedRun[] },
): Promise<void> {
  const { clock, forge: { threads } } = job;
  const [me, seal] = [await threads.me(), await sealFor(job, thread)];
  const openNotes = async (of: readonly StoppedRun[]) => {
    if (of.length === 0) return [];
    // If the forge does not respond, the notes of the stopped runs stay unchanged until the next poll.
    const { list } = await threads.comments(thread).catch(() => ({ list: [] }));
    return marksOf(list, me, seal).filter(({ mark: { state } }) =>
      typeof state !== "string" && state.isOpen && of.some(({ id }) => id === state.runId)
    );
  };
  const end = async (notes: readonly MarkedNote[]) => {
    for (const left of notes) await endLeftNote(job, { thread }, { decider, left, isAbandoned: true });
  };
  await end(await openNotes(runs.filter(({ isWaiting }) => isWaiting)));
  const followed = runs.filter(({ isWaiting }) => !isWaiting);
  let open = await openNotes(followed);
  for (let look = 0; look < MAX_END_LOOKS && open.length > 0; look++) {
    await clock.sleep(END_LOOK_MS);
    open = await openNotes(followed);
  }
  await end(open);
}

const NO_AGENT = "No agent has started.";
const MAYBE_AGENT = "Its run may have started: look for it in the app, and cancel it there.";

/** Earlier tasks that have not started will not start, because `Decider` finds the comment with the stop. */
async function stop(
  job: Responding,
  asked: Asked,
  { decider, session, decision }: { decider: Decider; session: Session; decision: Stop },
): Promise<number> {
  const { clock, writer, forge: { threads } } = job;
  const { thread } = asked.news;
  await react(job, asked, "seen");
  let { runs, starting, waiting, unverified } = await decider.toStop(decision);
  // A job that has not seen the stop adds its run to the note within seconds.
  while (await waitForNotes(job, starting.map(({ note }) => note))) {
    ({ runs, starting, waiting, unverified } = await decider.toStop(decision));
  }
  const stoppedAt = clock.wallTime();
  const stopped: string[] = [];
  for (const { id: runId } of runs) {
    const { status } = await cancelWith(session.client, clock, runId, { deadline: session.deadline });
    const what = status === "cancelled"
      ? "was cancelled"
      : isTerminal(status)
      ? "had already finished"
      : "is being cancelled";
    stopped.push(`Run \`${runId}\` ${what}.`);
  }
  for (const { mark } of starting) {
    await say(
      job,
      { ask: mark.ask, thread: decision.thread },
      `This task was withdrawn. ${hasNoAgent(mark, stoppedAt) ? NO_AGENT : MAYBE_AGENT}`,
    );
  }
  // The authors of the waiting requests see the reaction even if other users delete the note.
  for (const each of waiting) await threads.react(thread, each, "failed").catch(() => {});
  const isSure = unverified.length === 0 && starting.every(({ mark }) => hasNoAgent(mark, stoppedAt));
  const nothing = `${isSure ? "Nothing is" : "No run is known to be"} running in this thread.`;
  const lines = stopped.length > 0 ? stopped : [nothing];
  if (starting.length + waiting.length > 0) lines.push("Tasks that had not started are withdrawn.");
  lines.push(...unverified);
  if (decision.hasMore) {
    lines.push("A stop does not start a run. If your comment also has a task, write the task in a new comment.");
  }
  if (decision.word !== undefined) lines.push(`\`${decision.word}\` does the same as \`stop\`.`);
  // Another job for this stop may have stopped the runs and written the note.
  const isSaid = stopped.length === 0 && await isAnswered(job, asked, decision.ask);
  if (!isSaid) await say(job, decision, lines.join("\n\n"), `stop ${Date.parse(decision.at)}`);
  await react(job, asked, "done");
  await endStopped(job, asked.news, { decider, runs });
  writer.out(
    runs.length > 0
      ? own`runs stopped: ${runs.length}`
      : unverified.length > 0
      ? own`nothing stopped: notes that cannot be verified: ${unverified.length}`
      : own`nothing to stop: no earlier task is running`,
  );
  return EXIT.success;
}
