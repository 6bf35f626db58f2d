/**
 * `respond`: a mention at the forge becomes a run with a note that lives; `respond --poll` looks for mentions that no event has brought.
 *
 * @module
 */
import { ConflictError, MogplexError, NotFoundError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { CommentPlace, News, Reaction, ThreadComment, ThreadPlace } from "../../forge/threads.ts";
import type { Notice } from "../../notice.ts";
import {
  type NoteContent,
  type NoteState,
  NOTHING_YET,
  openNote,
  type PlannedNote,
  progressText,
  resultContent,
  writeContent,
} from "../../report/job_note.ts";
import type { MarkdownOptions } from "../../report/markdown.ts";
import { withPageLink } from "../../report/page_link.ts";
import { type LivingNote, noteMarker, writeNote } from "../../forge/note.ts";
import { pagePath } from "../../report/write.ts";
import {
  Decider,
  MAX_POLL_MS,
  MAYBE_STARTED,
  type RespondSettings,
  STARTING_MS,
  type Stop,
  type Wanted,
} from "../../respond/decide.ts";
import {
  type AskId,
  doublesOf,
  isSameAsk,
  jobOfAsk,
  keyOfAsk,
  type Mark,
  type MarkedNote,
  markLine,
  type MarkSeal,
  markSeal,
  marksOf,
  type MarkState,
  newsOf,
} from "../../respond/mark.ts";
import type { OpenForge } from "../../respond/job.ts";
import { mayMention } from "../../respond/mention.ts";
import { checkTemplate } from "../../respond/what.ts";
import { cancelWith } from "../../run/cancel.ts";
import { emptyRunResult, type RunResult, utcText } from "../../run/result.ts";
import { lookJob, runJob } from "../../run/run.ts";
import { DEFAULT_TIMEOUT_MS, type Session } from "../../run/session.ts";
import { isTerminal } from "../../service/contract.ts";
import type { StartRequest } from "../../model.ts";
import { markdownBlock } from "../../text/escape.ts";
import { own } from "../../text/safe_line.ts";
import { CommandJob, openOneShot } from "../job/run_job.ts";
import {
  ALLOW_USERS,
  duration,
  HARNESS,
  HISTORY,
  LOG,
  MODE,
  onOrOff,
  option,
  OTEL_FILE,
  OUT,
  outDirectory,
  readRunSettings,
  REPO,
  REPORT,
  ROOT,
  SHOW_TASK,
  STATE,
  TIMEOUT,
  WATCHING,
} from "../options.ts";
import { readCheckoutFile } from "../start_request.ts";
import type { Context, ForgeOpener, Option, Verb, VerbFlag } from "../verb.ts";
import { OF_RUNS } from "./codes.ts";

function named(text: string, source: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/.test(text)) return text;
  throw new UsageError({
    attempted: `use ${source}`,
    why: 'it must be a name of letters, digits, "-" and "_", without "@"',
    value: JSON.stringify(text),
  });
}

/** `N/day`, or `N`. */
function perDay(text: string, source: string): number {
  const [, count = ""] = /^(\d{1,4})(?:\/day)?$/.exec(text) ?? [];
  if (count !== "") return Number(count);
  throw new UsageError({
    attempted: `use ${source}`,
    why: "it must be a number of runs, as in 20/day",
    value: JSON.stringify(text),
  });
}

function aLabel(text: string, source: string): string {
  if (text.length <= 255 && !/[,\n]/.test(text)) return text;
  throw new UsageError({
    attempted: `use ${source}`,
    why: "it must be the name of one label",
    value: JSON.stringify(text),
  });
}

const NAME = option("name", named);
const LABEL = option("label", aLabel);
const LIMIT = option("limit", perDay);
const TEMPLATE = option("template", (text: string) => text);
const COMMIT_STATUS = option("commit-status", onOrOff);
const POLL: VerbFlag = {
  name: "poll",
  help: "Look for mentions that no event has brought, and answer them: from a schedule",
};
const SINCE: Option<number> = {
  name: "since",
  value: "TIME",
  help: "With --poll: how far to look back [24h]",
  parse: duration(MAX_POLL_MS),
};
const ALLOW_URL: VerbFlag = {
  name: "allow-url",
  help: "Take a MOGPLEX_URL that is not the service's own, although a webhook has started the pipeline",
};

const DAY_MS = 86_400_000;

function readSettings(context: Context): RespondSettings {
  const { option } = context;
  const path = option(TEMPLATE);
  const template = path === undefined ? undefined : readCheckoutFile(context, path, "read template");
  if (template !== undefined) checkTemplate(template);
  return {
    name: option(NAME) ?? "mogplex",
    label: option(LABEL) ?? "mogplex",
    allowUsers: option(ALLOW_USERS) ?? null,
    limit: option(LIMIT) ?? 20,
    template,
    isPublic: ["public", "internal"].includes(context.io.env("CI_PROJECT_VISIBILITY") ?? ""),
  };
}

/**
 * A holder of a trigger token can pass variables, and one of them could send the token of Mogplex to another address.
 *
 * @throws {UsageError} when there is another address in a pipeline that a trigger has started.
 */
function checkAddress(context: Context): void {
  const { io: { env }, flags } = context;
  if (env("CI_PIPELINE_SOURCE") !== "trigger" || flags.has(ALLOW_URL.name) || !context.connection().custom) return;
  throw new UsageError({
    attempted: "respond",
    why: "a trigger has started this pipeline, and MOGPLEX_URL names another address than the service's own",
    advice: "give --allow-url (input allow-url of the component) if that is meant",
  });
}

/** The same context, which tells of an unusual address of the service once: each answer opens the service anew. */
function toldOnce(context: Context): Context {
  const { writer } = context;
  let isTold = false;
  const connection = () => {
    const found = context.connection();
    for (const notice of isTold ? [] : found.notices) writer.note(notice);
    isTold = true;
    return { ...found, notices: [] };
  };
  return { ...context, connection };
}

/** Answers an event, or with `--poll` everything that is new. @returns The exit code. */
export async function respond(context: Context): Promise<number> {
  context.guard();
  if (context.openForge === undefined) throw new Error("Cannot respond without a forge");
  checkAddress(context);
  return await respondTo(toldOnce(context), context.openForge);
}

async function respondTo(context: Context, openForge: ForgeOpener): Promise<number> {
  const { flags, clock, option, writer } = context;
  const settings = readSettings(context);
  const forge = openForge(context);
  const event = flags.has(POLL.name) ? { kind: "unreadable" as const } : await forge.event();
  if (event.kind === "nothing") return none(context, event.reason);
  const spent = { waits: 0, failedLooks: 0 };
  if (event.kind === "ask") {
    return await answer(context, { forge, settings, news: event.news, out: outDirectory(context), spent });
  }
  const since = new Date(clock.wallTime() - (option(SINCE) ?? DAY_MS)).toISOString();
  const news = (await forge.threads.news(since, settings.label)).filter(({ text }) =>
    text === null || mayMention(text, settings.name)
  );
  writer.out(own`looked for what is new since ${writer.untrusted(since)}: ${news.length} to look at`);
  const until = clock.now() + (option(TIMEOUT) ?? DEFAULT_TIMEOUT_MS);
  let code: number = EXIT.success;
  let runs = 0;
  for (const each of news) {
    if (clock.now() >= until) {
      writer.note("the time is over: the next poll answers the rest");
      break;
    }
    const what = each.comment === null ? own`the label` : own`comment ${each.comment.id}`;
    writer.out(own`${writer.untrusted(forge.notes(each.thread).where)}, ${what}:`);
    const out = runs === 0 ? outDirectory(context) : `${outDirectory(context)}/${runs + 1}`;
    try {
      const ended = await answer(context, { forge, settings, news: each, since, out, spent, onStart: () => runs++ });
      if (ended === EXIT.sigint || ended === EXIT.sigterm) {
        writer.note("the job was stopped: the next poll answers the rest");
        return ended;
      }
      code ||= ended;
    } catch (error) {
      // Others can bring a thread to where the forge does not show enough of it: that must not keep back what comes behind it.
      if (!(error instanceof MogplexError) || error.exitCode !== EXIT.unavailable) throw error;
      writer.note(error.message);
      code ||= EXIT.unavailable;
    }
  }
  if (clock.now() < until) await endLeftNotes(context, { forge, settings, since, out: outDirectory(context), spent });
  return code;
}

function none({ writer }: Context, reason: string): number {
  writer.out(own`no run: ${writer.untrusted(reason)}`);
  return EXIT.success;
}

/** One ask, and what is needed to answer it. */
interface AskContext {
  forge: OpenForge;
  settings: RespondSettings;
  news: News;
  /** Older ones are not answered; undefined for all. */
  since?: string | undefined;
  /** Directory of the reports. */
  out: string;
  /** What the whole job knows: how often it has waited for other ones, and how often the service gave no answer about their runs. */
  spent: { waits: number; failedLooks: number };
  onStart?: (() => void) | undefined;
}

/** Decides on asks, with what the service says of runs. */
function openDecider(
  context: Context,
  { forge, settings }: Pick<AskContext, "forge" | "settings">,
): { decider: Decider; session: Session } {
  const { session, call } = openOneShot(context);
  const sealOf = (thread: ThreadPlace) => sealFor(context, forge, thread);
  const decider = new Decider({
    threads: forge.threads,
    settings,
    nowMs: context.clock.wallTime(),
    sealOf,
    redact: (text) => context.writer.redact(text),
    runs: {
      async branchOf(runId) {
        try {
          const { status, branch } = await session.client.getRun(runId, call);
          return isTerminal(status) ? null : branch.working;
        } catch (error) {
          if (error instanceof NotFoundError) return null;
          throw error;
        }
      },
    },
  });
  return { decider, session };
}

async function answer(context: Context, asked: AskContext): Promise<number> {
  const { news, since } = asked;
  const { decider, session } = openDecider(context, asked);
  const decision = await decider.decide(news, since);
  await removeDoubles(asked, decider.doubles);
  for (const each of decider.open) await endLeftNote(context, asked, { decider, left: each });
  if (decision.kind === "start") {
    asked.onStart?.();
    return await start(context, asked, decider, decision);
  }
  if (decision.kind === "none") {
    if (decision.tell !== null) {
      const { isTried, ask } = decision.tell;
      // The job that has made the note may be about to name its run there.
      if (isTried && saysEnd(await noteSoon(context, asked, ask, { isPatient: true }))) {
        return none(context, "another job answers it");
      }
      await say(context, asked, decision.tell, `No run: ${decision.tell.text}.`);
      await react(asked, "failed");
    }
    return none(context, decision.reason);
  }
  return await stop(context, asked, { decider, session, decision });
}

/** How often, and after which time, a job looks again for runs that other jobs are about to start, in milliseconds: for all asks of a poll together. */
const MAX_WAITS = 5;
const NEXT_LOOK_MS = 5_000;

/**
 * Waits before the next look at notes that name no run yet.
 *
 * @param notes Undefined for one that could not be read.
 * @returns False without a wait: this job has waited often enough, or its own end has come, or the notes are so old that their jobs have died.
 */
async function waitFor(
  { clock }: Context,
  { spent }: AskContext,
  notes: readonly (ThreadComment | undefined)[],
  signal?: AbortSignal,
): Promise<boolean> {
  const firstMs = clock.wallTime() - STARTING_MS;
  const mayLive = notes.some((note) => note === undefined || Date.parse(note.createdAt) > firstMs);
  if (spent.waits >= MAX_WAITS || signal?.aborted || !mayLive) return false;
  spent.waits++;
  await clock.sleep(NEXT_LOOK_MS, { signal }).catch(() => {});
  return true;
}

/** Stops the runs of a thread. What was asked for before and has not started does not start any more: `Decider` sees the comment. */
async function stop(
  context: Context,
  asked: AskContext,
  { decider, session, decision }: { decider: Decider; session: Session; decision: Stop },
): Promise<number> {
  const { clock } = context;
  await react(asked, "seen");
  let { runs, starting, waiting } = await decider.toStop(decision);
  // A job that has not seen the stop names its run within seconds.
  while (await waitFor(context, asked, starting.map(({ note }) => note))) {
    ({ runs, starting, waiting } = await decider.toStop(decision));
  }
  const stopped: string[] = [];
  for (const runId of runs) {
    const { status } = await cancelWith(session.client, clock, runId, { deadline: session.deadline });
    stopped.push(`Run \`${runId}\` was stopped: ${isTerminal(status) ? "it has ended" : "it ends"}.`);
  }
  for (const { mark: { ask } } of starting) {
    await say(context, asked, { ask }, "This task was stopped. It is not known whether its run had started.");
  }
  // What their authors see, and what lasts when others remove the note.
  const { forge: { threads }, news: { thread } } = asked;
  for (const each of waiting) await threads.react(thread, each, "failed").catch(() => {});
  const told = stopped.length > 0 ? stopped : ["No run of an earlier task is known to be at work."];
  told.push("Earlier tasks of this thread that have not started are withdrawn.");
  // Another job of this stop may have stopped the runs, and said so.
  const isSaid = stopped.length === 0 && await isAnswered(context, asked, decision.ask);
  if (!isSaid) await say(context, asked, decision, told.join("\n\n"), `stop ${Date.parse(decision.at)}`);
  await react(asked, "done");
  context.writer.out(
    runs.length > 0 ? own`runs stopped: ${runs.length}` : own`nothing to stop: no run of an earlier task is at work`,
  );
  return EXIT.success;
}

/** The note of an ask as it is by now; undefined where there is none. */
async function noteOf(
  context: Context,
  { forge, forge: { threads }, news: { thread } }: AskContext,
  ask: AskId,
): Promise<MarkedNote | undefined> {
  const { list } = await threads.comments(thread);
  const marks = marksOf(list, await threads.me(), await sealFor(context, forge, thread));
  return marks.find(({ mark }) => isSameAsk(mark.ask, ask));
}

/** Whether a note says what came of its ask: its run, or a reason for none, or what was stopped. */
function saysEnd(marked: MarkedNote | undefined): boolean {
  return marked !== undefined && marked.mark.state !== "starting";
}

/** Whether a job has answered an ask by now. */
async function isAnswered(context: Context, asked: AskContext, ask: AskId): Promise<boolean> {
  return saysEnd(await noteOf(context, asked, ask));
}

/**
 * {@linkcode noteOf}, once another job has answered, or this one has waited for that.
 *
 * @param isPatient Whether it may wait. A note that cannot be read counts as before.
 */
async function noteSoon(
  context: Context,
  asked: AskContext,
  ask: AskId,
  { isPatient, signal }: { isPatient: boolean; signal?: AbortSignal | undefined },
): Promise<MarkedNote | undefined> {
  let found: MarkedNote | undefined;
  while (true) {
    found = await noteOf(context, asked, ask).catch(() => found);
    if (!isPatient || saysEnd(found) || !await waitFor(context, asked, [found?.note], signal)) return found;
  }
}

/** Makes the codes of the marks of a thread. */
async function sealFor(context: Context, forge: OpenForge, thread: ThreadPlace): Promise<MarkSeal> {
  const { threads: { origin } } = forge;
  const repository = await forge.repositoryId();
  return markSeal({ token: context.connection().token, origin, repository, thread });
}

/** How long a run has ended before its note counts as left by its job, in milliseconds: until then the job may be about to end it. */
const LEFT_MS = 5 * 60_000;

/** Most time for one look at such a run, in milliseconds: the own ask has to wait for it. */
const LEFT_LOOK_MS = 20_000;
/** After how many such looks without an answer a job leaves the rest to the next poll: one run may be slow to read while the service is well. */
const MAX_FAILED_LOOKS = 3;

/** Writes the end into a note whose job died before its run ended. A failure costs nothing but the note. */
async function endLeftNote(
  context: Context,
  asked: AskContext,
  { decider, left: { mark, note } }: { decider: Decider; left: MarkedNote },
): Promise<void> {
  const { ask, of, state } = mark;
  if (typeof state === "string" || asked.spent.failedLooks >= MAX_FAILED_LOOKS) return;
  const { platform, clock, writer } = context;
  try {
    const { session } = openOneShot(context, LEFT_LOOK_MS);
    const { result, error } = await lookJob(state.runId, {}, { session, platform, onInterrupt: "detach" });
    if (error instanceof MogplexError && AGAIN.includes(error.exitCode)) {
      const isLast = ++asked.spent.failedLooks === MAX_FAILED_LOOKS;
      writer.note(
        isLast ? `${error.message}; notes of other runs stay as they are until the next poll` : error.message,
      );
      return;
    }
    const { status, updatedAt } = result;
    const isLeft = status !== null && isTerminal(status) && clock.wallTime() - Date.parse(updatedAt ?? "") > LEFT_MS;
    if (!isLeft) return;
    const seal = await sealFor(context, asked.forge, asked.news.thread);
    const task = await decider.taskOf(asked.news.thread, mark);
    const planned = planOf(context, asked, { ask, of, task, label: "", links: undefined, seal });
    const { task: shown, steps } = planned;
    await writeContent(context, planned, resultContent(context, result, { task: shown, steps }), {
      id: note.id,
    });
    const { comment } = newsOf(asked.news.thread, ask);
    await react({ ...asked, news: { ...asked.news, comment } }, result.exitCode === EXIT.success ? "done" : "failed");
    writer.note(`the note of run ${state.runId} had no end: it was written`);
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`);
  }
}

/** Most threads in which one poll looks for notes that have no end. */
const MAX_LEFT = 20;

/**
 * Ends the notes that jobs have left since a time, in closed threads, too, where no ask is answered any more. A failure costs nothing but the
 * notes.
 */
async function endLeftNotes(
  context: Context,
  { forge, settings, since, out, spent }: Omit<AskContext, "news" | "since"> & { since: string },
): Promise<void> {
  const { threads } = forge;
  const { clock, writer } = context;
  const isLeft = ({ mark: { state } }: MarkedNote) => state === "starting" || typeof state !== "string" && state.isOpen;
  try {
    const me = await threads.me();
    const own = marksOf(await threads.commentsOf(me, since), me, undefined).filter(isLeft);
    const places = new Map(own.map(({ note: { thread } }) => [`${thread.kind} ${thread.number}`, thread]));
    for (const place of [...places.values()].slice(-MAX_LEFT)) {
      const asked: AskContext = { forge, settings, out, spent, news: { thread: place, comment: null, text: null } };
      const { decider } = openDecider(context, asked);
      const seal = await sealFor(context, forge, place);
      for (const left of marksOf((await threads.comments(place)).list, me, seal).filter(isLeft)) {
        await endLeftNote(context, asked, { decider, left });
        const isOld = clock.wallTime() - Date.parse(left.note.createdAt) > STARTING_MS;
        if (left.mark.state !== "starting" || !isOld || (await threads.thread(place))?.isOpen !== false) continue;
        await say(
          context,
          asked,
          left.mark,
          "The thread was closed. It is not known whether the run of this task had started.",
        );
      }
    }
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    writer.note(error.message);
  }
}

/** A reaction costs nothing when it is refused. */
async function react({ forge: { threads }, news: { thread, comment } }: AskContext, reaction: Reaction): Promise<void> {
  await threads.react(thread, comment, reaction).catch(() => {});
}

/** Removes notes that other jobs have begun at the same moment. One that stays says nothing: the next job in the thread removes it. */
async function removeDoubles({ forge: { threads }, news: { thread } }: AskContext, doubles: readonly CommentPlace[]) {
  for (const each of doubles) await threads.remove(thread, each).catch(() => {});
}

/** Writes the note of an ask that gets no run. */
async function say(
  context: Context,
  asked: AskContext,
  { ask }: Pick<Stop, "ask">,
  text: string,
  state: MarkState = "none",
): Promise<void> {
  const { clock } = context;
  const { forge, news: { thread } } = asked;
  const { threads } = forge;
  const seal = await sealFor(context, forge, thread);
  const body = `${markLine({ ask, of: ask, state }, seal)}\n\n${text}\n`;
  const marker = noteMarker(...jobOfAsk(ask));
  const { updated } = await writeNote(forge.notes(thread), marker, () => body, { clock });
  if (updated) return;
  const doubles = async () => doublesOf((await threads.comments(thread)).list, await threads.me(), seal);
  await removeDoubles(asked, await doubles().catch(() => []));
}

/**
 * Exit codes after which the same start may still work: the note says so to the next poll. Not those for a wrong token: nothing was started then,
 * and with the right one the code of this mark would not fit.
 */
const AGAIN: readonly number[] = [
  EXIT.unavailable,
  EXIT.rateLimited,
  EXIT.deadline,
  EXIT.sigint,
  EXIT.sigterm,
];

/** What the note of a run remembers. */
function markState({ runId, exitCode, hasEnded }: NoteState): Mark["state"] {
  if (runId !== null) return { runId, isOpen: !hasEnded };
  return exitCode === null || AGAIN.includes(exitCode) ? "starting" : "none";
}

/** What an asker has to know when no run was started: whether to ask again. Empty while the job goes on, and when nothing failed. */
function wayOn({ runId, exitCode }: NoteState, name: string): string {
  if (runId !== null || exitCode === null || exitCode === EXIT.success) return "";
  if (!AGAIN.includes(exitCode)) return "\n\nNo run is known. Correct the problem below, then write the task anew.";
  return "\n\nNo start is known. Do not ask again yet: polls repeat this start for 24 hours, and never make a second run. " +
    `\`@${name} stop\` withdraws it.`;
}

/** What to do now, for whoever has asked. */
const stepsFor = (name: string): MarkdownOptions["steps"] => ({
  deadline: "Nothing: if the run goes on, a poll writes its end here, some minutes after it has ended.",
  cancelled: ["Somebody stopped it. Write ", { name: `@${name} again` }, " if that was not meant."],
});

/** The note of an ask. @param label Name of the job, which may be empty. */
function planOf(
  { option }: Context,
  { forge, settings: { name }, news: { thread } }: AskContext,
  { ask, of, task, label, links, seal, leftOut }:
    & Pick<PlannedNote, "label" | "links" | "task">
    & { ask: AskId; of: AskId; seal: MarkSeal; leftOut?: string | undefined },
): PlannedNote {
  return {
    place: forge.notes(thread),
    job: jobOfAsk(ask),
    label,
    mayLink: (url) => forge.mayLink(url),
    links,
    task: option(SHOW_TASK) === false ? undefined : task,
    steps: stepsFor(name),
    head: (state) =>
      markLine({ ask, of, state: markState(state) }, seal) + wayOn(state, name) +
      (leftOut === undefined || state.runId === null && state.exitCode !== null ? "" : `\n\n${leftOut}`),
  };
}

/** The request of a run, whose repository is that of the forge unless another one is named. */
async function requestOf({ option }: Context, { forge }: AskContext, { prompt, place }: Wanted) {
  const { baseBranch, workingBranch, createBranch } = place;
  const { id, name } = await forge.threads.repository();
  const repo = option(REPO) ?? name;
  const request = {
    repo,
    prompt,
    harness: option(HARNESS) as StartRequest["harness"],
    mode: option(MODE) as StartRequest["mode"],
    rootDirectory: option(ROOT),
    baseBranch,
    workingBranch,
    createBranch,
  };
  return { request, repository: id };
}

/** This job starts no run, and its note is not to say what came of that: another job has answered the ask. */
class AlreadyAnswered extends Error {
  /** Whether the note says so. If not, the service knows the key, with another request. */
  readonly isNamed: boolean;

  constructor(isNamed: boolean) {
    super();
    this.isNamed = isNamed;
  }
}

async function start(context: Context, asked: AskContext, decider: Decider, wanted: Wanted): Promise<number> {
  const { forge, forge: { threads }, news: { thread } } = asked;
  const { clock, writer, platform, io: { env } } = context;
  const { ask, of, task, asker, leftOut } = wanted;
  const seal = await sealFor(context, forge, thread);
  const { job: jobPage, pipeline } = platform.links(env);
  const label = platform.identity(env)?.job ?? "";
  const planned = planOf(context, asked, { ask, of, task, label, links: { job: jobPage, pipeline }, seal, leftOut });
  const note = openNote(context, planned);
  const since = clock.wallTime();
  if (wanted.isTried && await isAnswered(context, asked, ask)) return none(context, "another job answers it");
  const written = await note.begin({
    render: (_mayLink, links) => progressText({ links, runId: null, phase: "start", since, task: planned.task }),
    state: NOTHING_YET,
  });
  await react(asked, "seen");
  /** Ends the note without a run. */
  const end = async (why: string, exitCode: number) => {
    const reason = written.updated && exitCode === EXIT.success ? `${why}. ${MAYBE_STARTED}` : why;
    await note.end({
      render: () => `## ⚪ No run\n\n${markdownBlock(writer.redact(reason))}\n`,
      state: { ...NOTHING_YET, exitCode },
    }).catch(() => {});
  };
  const { request, repository } = await requestOf(context, asked, wanted);
  // Who has begun the oldest note answers: another job may have begun one at the same moment.
  const { list } = await threads.comments(thread);
  const me = await threads.me();
  await removeDoubles(asked, doublesOf(list, me, seal));
  const marks = marksOf(list, me, seal);
  const oldest = marks.find(({ mark }) => isSameAsk(mark.ask, ask));
  if (oldest !== undefined && oldest.note.id !== written.id) return none(context, "another job answers it");
  const changed = await decider.rival(wanted, marks, written.id) ?? await decider.changed(wanted);
  if (changed !== null) {
    // Where another job has made the note, that one may be about to name its run there.
    if (saysEnd(await noteSoon(context, asked, ask, { isPatient: written.updated }))) {
      return none(context, "another job answers it");
    }
    await end(changed, EXIT.success);
    await react(asked, "failed");
    return none(context, changed);
  }
  writer.out(own`asked by ${writer.untrusted(asker.name)}`);
  if (leftOut !== undefined) writer.out(own`${writer.untrusted(leftOut)}`);
  const idempotencyKey = keyOfAsk({ origin: threads.origin, repository, thread, ask, repoId: request.repo });
  const jobContext: Context = {
    ...context,
    notes: { secrets: () => [], wanted: () => true, plan: () => ({ ...planned, note }) },
  };
  let result: RunResult | undefined;
  let stopping: Promise<void> | undefined;
  /** Whether the run had ended when this job found it by its key. */
  let isOver = false;
  let isStarted = false;
  const job = new CommandJob<RunResult>(jobContext, emptyRunResult());
  try {
    const { timeoutMs, tokenShare, onTimeout, onInterrupt, log } = readRunSettings(context);
    job.limitTo(timeoutMs);
    const places = job.openPlaces(asked.out);
    const onNotice = outageTeller(context, note, {
      links: planned.links,
      task: planned.task,
      since,
      job,
      isStarted: () => isStarted,
    });
    const { live, started, item, internals, sink } = await job.open(log, { hasEvents: true, onNotice });
    const options = {
      idempotencyKey,
      tokenShare,
      onTimeout,
      onItem: item,
      onStarted: (run: { runId: string; run: { status: string } }) => {
        isStarted = true;
        started(run.runId);
        isOver = isTerminal(run.run.status);
        live.open(run.run.status as Parameters<typeof live.open>[0]);
        stopping = stopLate(context, decider, wanted, run.runId);
      },
    };
    const files = { files: context.io, statePath: places.state, sink };
    const showTask = context.option(SHOW_TASK);
    const work = runJob(request, options, { ...internals, ...files, onInterrupt, showTask }).then(async (ended) => {
      const { error, result: { runId, outcome } } = ended;
      const isConflict = error instanceof ConflictError;
      if (runId === null && outcome !== "interrupted") {
        // Another job with this note may have started the run. After a conflict it is about to name it, if it is alive.
        const { signal } = job.session;
        const found = await noteSoon(context, asked, ask, { isPatient: isConflict, signal });
        const isNamed = found !== undefined && typeof found.mark.state !== "string";
        if (isNamed) throw new AlreadyAnswered(true);
        if (isConflict) {
          signal?.throwIfAborted();
          throw new AlreadyAnswered(false);
        }
      }
      result = ended.result;
      return ended;
    });
    const code = await job.end(work);
    await stopping;
    if (!note.isEnded) await end(result?.reason ?? "nothing was started", code);
    const isOpen = result !== undefined && result.runId !== null &&
      !(result.status !== null && isTerminal(result.status));
    if (!isOpen) await react(asked, code === EXIT.success ? "done" : "failed");
    if (code === EXIT.success && result !== undefined) {
      await setStatus(context, asked, result, { page: pagePath(places.targets), thread: wanted.thread.url, isOver });
    }
    return code;
  } catch (error) {
    if (error instanceof AlreadyAnswered) {
      if (error.isNamed) return none(context, "another job answers it");
      await end("it was answered already", EXIT.success);
      return none(context, "it was answered already");
    }
    await end(
      error instanceof MogplexError ? error.message : "nothing was started",
      error instanceof MogplexError ? error.exitCode : EXIT.internal,
    );
    await react(asked, "failed");
    return await job.refuse(error);
  }
}

/** Says in the note of an ask, once, that the service does not answer, where the start is tried again for longer. */
function outageTeller(
  { clock }: Context,
  note: LivingNote<NoteContent>,
  { links, task, since, job, isStarted }:
    & Pick<PlannedNote, "links" | "task">
    & { since: number; job: CommandJob<RunResult>; isStarted: () => boolean },
): (notice: Notice) => void {
  let isDown = false;
  let isTold = false;
  return (notice) => {
    if (notice.kind === "wait") isDown = ["unavailable", "network"].includes(notice.cause);
    // Not each wait is told. A change that came too soon is tried again with the next notice.
    if (isTold || !isDown || isStarted()) return;
    const until = utcText(clock.wallTime() + job.session.deadline - clock.now());
    const trouble = `The service does not answer. The start is tried again, until ${until} at most.`;
    isTold = note.change(() => ({
      render: () => progressText({ links, runId: null, phase: "start", since, task, trouble }),
      state: NOTHING_YET,
    }));
  };
}

/** Cancels a run whose start was tried for so long that a stop was answered meanwhile. A failure lets the run go on. */
async function stopLate(context: Context, decider: Decider, wanted: Wanted, runId: string): Promise<void> {
  const { clock, writer } = context;
  try {
    if (!await decider.isStopped(wanted)) return;
    const { session: { client, deadline } } = openOneShot(context);
    await cancelWith(client, clock, runId, { deadline });
  } catch (error) {
    writer.note(error instanceof MogplexError ? error.message : `Cannot look for a stop: ${error}`);
  }
}

/** Sets the commit status on the head of the agent's branch. A failure costs nothing but the status. */
async function setStatus(
  { option, platform, io: { env }, writer }: Context,
  { forge: { threads } }: AskContext,
  { branch, changed }: RunResult,
  { page, thread, isOver }: { page: string | undefined; thread: string; isOver: boolean },
): Promise<void> {
  // On GitLab an external status that is a success has made merge requests mergeable (issues 300720 and 34378).
  if (!(option(COMMIT_STATUS) ?? threads.forge !== "gitlab")) return;
  const links = withPageLink(platform.links(env), page);
  // Gitea shows no address of a job to the job.
  const url = links.page ?? links.job ?? links.pipeline ?? thread;
  // The events must say that the agent pushed, and to the branch that the answer to the start names: else its head is a commit of somebody
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

export const respondVerb: Verb = {
  name: "respond",
  usage: "",
  maxPositionals: 0,
  summary: "A mention under an issue or a pull request becomes a run, with a note that says how it goes",
  group: "toolkit",
  flags: [
    [POLL, SINCE],
    [NAME, LABEL, ALLOW_USERS, LIMIT, TEMPLATE, COMMIT_STATUS, ALLOW_URL],
    [REPO, HARNESS, MODE, ROOT],
    TIMEOUT,
    WATCHING,
    LOG,
    [REPORT, OUT, HISTORY, OTEL_FILE],
    SHOW_TASK,
    STATE,
  ],
  meanings: {
    ...OF_RUNS,
    success: "the run ended well; or there was nothing to start, and a line says why",
    unavailable: "forge or service could not be asked: nothing was started, and the next event or poll takes it up",
  },
  examples: ["mogplex-ci respond", "mogplex-ci respond --poll --since 6h"],
  run: respond,
};
