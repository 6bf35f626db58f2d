import {
  type CampaignStand,
  exitCodeOfStand,
  followCampaign,
  makeWave,
  type StepInternals,
} from "../../campaign/campaign.ts";
import type { CampaignEvent, CampaignOptions, RunCampaignOptions } from "../../campaign/campaign_options.ts";
import { readFileHome } from "../../campaign/file/read.ts";
import { campaignText } from "../../campaign/file/mistakes.ts";
import { type Lock, MAX_LOCK_BYTES } from "../../campaign/journal/lock.ts";
import { type CampaignInternals, internalsWith, placeOf } from "../../campaign/open_campaign.ts";
import { cleanCampaign } from "../../campaign/report/clean.ts";
import { renderCampaignMarkdown } from "../../campaign/report/markdown.ts";
import {
  type CampaignCommand,
  campaignCommand,
  campaignName,
  countSentences,
  placeFlags,
  stateDetail,
} from "../../campaign/report/words.ts";
import { pendingText } from "../../campaign/report/pending_words.ts";
import { CAMPAIGN_FILES } from "../../campaign/report/files.ts";
import { needsRetry, nextStep } from "../../campaign/report/next_step.ts";
import { campaignVariables, writeCampaignReports } from "../../campaign/report/write.ts";
import { outcomeOf } from "../../campaign/view/verdicts.ts";
import type { CampaignView } from "../../campaign/view/view.ts";
import type { Platform } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error_sentence.ts";
import { exitCodeFor, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Io } from "../../io.ts";
import { isObject } from "../../lookup.ts";
import { interruptible, type Interrupts } from "../../run/interrupts.ts";
import { preferSmallHeap, terminalSize } from "../../runtime.ts";
import { plainWords } from "../../text/document.ts";
import { createRedactor, joinRedactors } from "../../text/redact.ts";
import { explain } from "../explain.ts";
import { addCampaignRun, checkAppends } from "../history.ts";
import { forgeSecrets } from "../../forge/open.ts";
import { originOfFolder } from "../job/origin.ts";
import { type NotePlan, planNote, writeTextNote } from "../job/note.ts";
import { noticeText } from "../log/live_log.ts";
import { commandSummary, commandVariables, isInteractive, type Writer } from "../log/writer.ts";
import { HOME, SHOW_TASK } from "../options.ts";
import { own } from "../../text/safe_line.ts";
import { requiredArgument } from "../settings.ts";
import type { Context, Verb } from "../verb.ts";
import {
  ALLOW_OUTSIDE,
  DIR,
  DRY_RUN,
  FORGE_HOST,
  JSON_OBJECT,
  RUN_HISTORY,
  STUCK_AFTER,
  WEBHOOK_VARIABLE,
} from "./flags.ts";
import { LiveCampaign } from "./live_campaign.ts";
import { type StatusOptions, statusText } from "./status_text.ts";

export function campaignVerb(
  name: string,
  verb: Omit<Verb, "name" | "usage" | "maxPositionals" | "group">,
): Verb {
  return { name: `campaign ${name}`, usage: "<file>", maxPositionals: 1, group: "toolkit", ...verb };
}

export function writeFile({ io }: Pick<Context, "io">, path: string, text: string, attempted: string): void {
  try {
    io.writeFile(path, text);
  } catch (cause) {
    const why = `${JSON.stringify(path)} cannot be written`;
    throw new UsageError({ attempted, why, value: messageOf(cause) }, { cause });
  }
}

interface CampaignWork {
  once: boolean;
  /** Whether the exit code of a single wave shows the state of the campaign. Otherwise, a wave exits with 0 if the campaign has not finished. */
  exitStatus: boolean;
  options: Omit<RunCampaignOptions, "directory" | "allowOutside">;
  onInterrupt?: StepInternals["onInterrupt"];
  plans?: StepInternals["plans"];
}

const REPORT_MS = 5_000;
/** The pause after a write, as a multiple of the write's duration. Writing 10,000 items takes about a second. */
const REPORT_REST = 20;

class PacedReports {
  readonly #clock: Clock;
  readonly #write: () => void;
  readonly #ending = new AbortController();
  #dueMs = -Infinity;
  #isWaiting = false;

  constructor(clock: Clock, write: () => void) {
    this.#clock = clock;
    this.#write = write;
  }

  async ask(): Promise<void> {
    const { signal } = this.#ending;
    if (this.#isWaiting || signal.aborted) return;
    const waitMs = this.#dueMs - this.#clock.now();
    if (waitMs > 0) {
      this.#isWaiting = true;
      await this.#clock.sleep(waitMs, { signal }).catch(() => {});
      this.#isWaiting = false;
      if (signal.aborted) return;
    }
    const beganMs = this.#clock.now();
    this.#write();
    const endedMs = this.#clock.now();
    this.#dueMs = endedMs + Math.max(REPORT_MS, REPORT_REST * (endedMs - beganMs));
  }

  /** The command writes the reports again when it ends. */
  close(): void {
    this.#ending.abort();
  }
}

export async function endWithCampaign(
  context: Context,
  place: CampaignPlace,
  { once, exitStatus, options, onInterrupt, plans }: CampaignWork,
): Promise<number> {
  const { io, flags, writer, clock, platform } = context;
  const note = planNote(context);
  // A campaign may have 10,000 items, but the container of a CI job may have little memory.
  preferSmallHeap();
  const json = flags.has(JSON_OBJECT);
  const interactive = !json && isInteractive(context);
  const live = json
    ? undefined
    : new LiveCampaign({ writer, platform, clock, interactive, times: !platform.stampsLines(io.env) });
  const messages = new Set<string>();
  let latest: ((brief?: boolean) => CampaignView) | undefined;
  const reports = new PacedReports(clock, () => {
    if (latest === undefined) return;
    const view = { ...latest(), writer: "campaign run" };
    void publishCampaign(context, place, view, { problem: null, note: null, known: messages });
  });
  const onView = (view: (brief?: boolean) => CampaignView) => {
    latest = view;
    live?.update(view(!interactive));
    if (!once) void reports.ask();
  };
  const history = context.option(RUN_HISTORY);
  if (history !== undefined) checkAppends(context, "write the history", history);
  let name: string | undefined;
  const addToHistory = ({ item, before }: Extract<CampaignEvent, { type: "item" }>) => {
    const { verdict, runId, repository, reason, lastLines = [], startedAt, endedAt, pullRequest } = item;
    const outcome = outcomeOf(verdict);
    if (history === undefined || runId === null || outcome === undefined || verdict === before) return;
    name ??= latest?.(true).campaign ?? "";
    const lastLine = lastLines.at(-1) ?? null;
    const run = { campaign: name, runId, repository, outcome, reason, lastLine, startedAt, endedAt, pullRequest };
    addCampaignRun(context, history, run);
  };
  const failed = { is: false, view: null as CampaignView | null };
  const onFailed = (view: CampaignView | null) => void Object.assign(failed, { is: true, view });
  const process = {
    onSignal: io.onSignal,
    isTerminal: io.isTerminal,
    exitNow(code: number) {
      live?.leave();
      io.exitNow(code);
    },
  };
  const make = (interrupts: Interrupts) => {
    const more: RunCampaignOptions = {
      ...place.options,
      ...options,
      onNotice(notice) {
        if (notice.kind !== "heartbeat") writer.note(context.vocabulary.words(noticeText(notice)));
        if (notice.kind === "wait") live?.wait(notice.untilMs);
      },
      onEvent(event) {
        if (json) jsonLine(context, event);
        if (event.type === "item") addToHistory(event);
      },
    };
    const base = ownReports(context, place);
    const internals = internalsWith(base, {
      interrupts,
      onInterrupt,
      plans,
      onView,
      onFailed,
      isAttended: isInteractive(context),
    });
    return (once ? makeWave : followCampaign)(place.path, more, internals);
  };
  const show = async (latestView: CampaignView | null, problem: string | null, short: boolean) => {
    if (latestView === null) return;
    const view = problem === null ? latestView : { ...latestView, lastError: problem };
    const unwritten = await publishCampaign(context, place, view, { problem, note, known: messages });
    if (json) return writer.json({ type: "campaign", ...writer.clean(view) });
    printStatus(context, place, view, { problem, short });
    if (short) return;
    const path = pathOf(place, CAMPAIGN_FILES.html);
    const next = nextLine(view, place.command, once);
    const lines = [
      ...unwritten.includes(path) ? [] : [`Page: ${path}`],
      ...next === null ? [] : [next],
    ];
    if (lines.length > 0) writer.out(own``, ...lines.map((line) => writer.untrusted(line)));
  };
  try {
    let stand: CampaignStand;
    try {
      stand = await interruptible({ io: process, clock, inJob: platform.isCi }, make).finally(() => {
        live?.close();
        reports.close();
      });
    } catch (error) {
      if (!failed.is) throw error;
      await show(failed.view, error instanceof Error ? error.message : null, true);
      explain(error, writer, context.vocabulary);
      if (interactive) {
        const wave = once ? "advance" : "run";
        // If some runs must still be cancelled, another wave cancels them without a `resume`.
        const isStopped = failed.view?.waitingFor === "stopped" && failed.view.pendingCancels === undefined;
        const again = campaignCommand(place.command, isStopped ? "resume" : wave);
        writer.note("nothing is lost; once the problem is fixed, continue with:", again);
      }
      return exitCodeFor(error);
    }
    const nothingFailed = stand.view !== null && stand.view.causes.length === 0;
    const short = stand.state === "interrupted" || stand.state === "stopped" && nothingFailed;
    await show(stand.view, null, short);
    if (stand.state === "interrupted") {
      writer.note(stand.why);
      const status = campaignCommand(place.command, "status");
      if (interactive) writer.note("to see the items:", status);
      return exitCodeOfStand(stand);
    }
    const isStopped = stand.state === "stopped";
    // At a gate and after a stop, the full screen ends with the next step.
    const isShown = !json && (stand.state === "gated" || isStopped && !short);
    if (stand.state !== "done" && (!once || isStopped) && !isShown) {
      const { gateReason } = stand.view;
      const resume = needsRetry(stand.view)
        ? "deal with the canary's items, then resume the campaign:"
        : gateReason === undefined
        ? "to let it continue:"
        : "resume the campaign, then approve it:";
      writer.note(
        `the campaign is not done: ${stand.why}; ${isStopped ? resume : stand.advice}`,
        isStopped ? campaignCommand(place.command, "resume") : undefined,
      );
    }
    const isExpected = stand.state !== "done" && once && !exitStatus;
    return isExpected ? EXIT.success : exitCodeOfStand(stand);
  } finally {
    writer.unfence();
  }
}

function nextLine(view: CampaignView, command: CampaignCommand, once: boolean): string | null {
  const step = nextStep(view, once ? "advance" : "run");
  if (view.pending !== undefined && step?.command[0] === "advance") {
    return `${pendingText(view.pending)}: ${campaignCommand(command, "advance")}`;
  }
  if (step === null || view.state === "gated" && step.first === null) return null;
  return `Next: ${step.first === null ? "" : `${step.first}, then `}${campaignCommand(command, ...step.command)}`;
}

/** Skips the event `end`, because the final view of the campaign must be the last line. */
function jsonLine(context: Context, { progress: _, ...event }: CampaignEvent): void {
  if (event.type !== "end") context.writer.json(context.writer.clean(event));
}

const LOG_WIDTH = 120;

export function printStatus(
  context: Context,
  { command }: Pick<CampaignPlace, "command">,
  view: CampaignView,
  { all = false, short = false, problem = null }: Pick<StatusOptions, "all" | "short" | "problem"> = {},
): void {
  const { writer, platform } = context;
  const size = isInteractive(context) ? terminalSize() : undefined;
  writer.out(...statusText(view, {
    width: size?.columns ?? LOG_WIDTH,
    color: writer.colored,
    redact: writer.redact,
    escapeLine: (line) => platform.escapeLine(line),
    command,
    problem,
    all,
    isEnd: size !== undefined,
    short,
  }));
}

function pathOf({ directory }: Pick<CampaignPlace, "directory">, file: string): string {
  return `${directory.replace(/\/+$/, "")}/${file}`;
}

/** Rewrites only reports that already exist, because they show an old state of the items. */
export async function refreshReports(context: Context, place: CampaignPlace, view: CampaignView): Promise<void> {
  if (!hasReports(context, place) || otherCampaign(context, place, view) !== null) return;
  await publishCampaign(context, place, view, { problem: null, note: null });
}

/**
 * The name of another campaign with a plan in the directory of the reports. If the home is a directory, opening the campaign already checks the plan.
 */
function otherCampaign(
  { io }: Context,
  place: CampaignPlace,
  { campaign, round }: Pick<Lock, "campaign" | "round">,
): string | null {
  if (!place.options.home?.startsWith("git:")) return null;
  let lock: unknown;
  try {
    lock = JSON.parse(io.readFile(pathOf(place, "lock.json"), MAX_LOCK_BYTES) ?? "null");
  } catch {
    return null;
  }
  if (!isObject(lock) || typeof lock.campaign !== "string" || typeof lock.round !== "string") return null;
  return lock.campaign === campaign && lock.round === round
    ? null
    : campaignText({ name: lock.campaign, round: lock.round });
}

/** If the home of the campaign is a branch, the reports of another campaign are not replaced. The check runs before anything starts. */
export function ownReports(context: Context, place: CampaignPlace): CampaignInternals {
  return internalsWith(place.internals, {
    onLock(lock: Lock) {
      place.internals.onLock?.(lock);
      const other = otherCampaign(context, place, lock);
      if (other === null) return;
      throw new UsageError({
        attempted: "write reports",
        why: `the directory belongs to ${other}`,
        value: JSON.stringify(place.directory),
        advice: "use another directory with --dir",
      });
    },
  });
}

function hasReports({ io }: Context, place: CampaignPlace): boolean {
  try {
    return io.realPath(pathOf(place, CAMPAIGN_FILES.json)) !== undefined;
  } catch {
    return false;
  }
}

export interface CampaignPlace {
  path: string;
  directory: string;
  options: CampaignOptions;
  internals: CampaignInternals;
  command: CampaignCommand;
  /** The tasks of the plan as written in the file, newest last. Empty until the plan is read, or if the tasks must not be shown. */
  tasks: readonly string[];
}

function tasksOf({ tasks, items }: Lock): string[] {
  const used = new Set(items.map(({ task }) => task)).add(tasks.length - 1);
  return tasks.filter((_, index) => used.has(index))
    .map(({ title, prompt }) => title === null ? prompt : `${title}\n\n${prompt}`);
}

/** The service and the token are only resolved when a request must be sent, because a finished campaign needs neither. */
export function readPlace(context: Context, verb: string): CampaignPlace {
  const { io, flags, option, clock, fetch, machine, platform, writer } = context;
  context.guard();
  const path = requiredArgument(context, verb, "file");
  const dir = option(DIR);
  const home = option(HOME);
  const place = placeOf({ directory: dir, home }, readFileHome(path, io), io.env);
  const { directory } = place;
  const allowOutside = flags.has(ALLOW_OUTSIDE);
  const webhookVariable = option(WEBHOOK_VARIABLE);
  const hosts = flags.all(FORGE_HOST);
  const stuckAfterMs = option(STUCK_AFTER);
  const command = {
    program: context.vocabulary.program,
    file: path,
    flags: placeFlags(dir, home),
    permits: [
      ...allowOutside ? ["--allow-outside"] : [],
      ...webhookVariable === undefined ? [] : ["--webhook-variable", webhookVariable],
    ],
    forge: { hosts, stuckAfterMs },
  };
  const tasks: string[] = [];
  const showTask = option(SHOW_TASK) ?? true;
  return {
    path,
    directory,
    tasks,
    options: {
      directory,
      home: place.home,
      allowOutside,
      webhookVariable,
      forge: { hosts },
      stuckAfterMs,
      clock,
      fetch,
      env: io.env,
      onNotice: (notice) => writer.note(context.vocabulary.words(noticeText(notice))),
    },
    internals: {
      io,
      platform,
      command,
      ...machine,
      showTask,
      origin: originOfFolder(context),
      onLock(lock) {
        if (showTask) tasks.splice(0, Infinity, ...tasksOf(lock));
        if (!flags.has(DRY_RUN)) {
          context.laptop?.rememberCampaign(context, lock.origin, { directory, file: path, home });
        }
      },
      onMask: (mask) =>
        writer.maskAlso(joinRedactors(mask, createRedactor({ secrets: forgeSecrets({ ...context, env: io.env }) }))),
      get connection() {
        return context.connection();
      },
    },
    command,
  };
}

interface PublishOptions {
  problem: string | null;
  /**
   * The note at the end of a wave. If it is set, the outputs, the summary and the annotations are also published. If it is `null`, only the reports
   * are written.
   */
  note: NotePlan | null;
  known?: Set<string>;
}

export async function publishCampaign(
  context: Context,
  { directory, command, tasks, options }:
    & Pick<CampaignPlace, "directory" | "command" | "tasks">
    & Partial<Pick<CampaignPlace, "options">>,
  view: CampaignView,
  { problem, note, known = new Set() }: PublishOptions,
): Promise<string[]> {
  const { io, writer, platform, flags } = context;
  const links = platform.links(io.env);
  const redactToken = (text: string) => writer.redact.token(text);
  const isShared = options?.home?.startsWith("git:");
  // A directory that is the campaign's home gets no `.gitignore`, because users may keep the lock and the journal in Git.
  if (isShared) {
    const targets = [{ path: pathOf({ directory }, CAMPAIGN_FILES.html) }];
    context.laptop?.ignoringFolder(context, { out: directory, targets })();
  }
  const problems = writeCampaignReports(view, directory, io, writer.redact, {
    files: note === null ? {} : platform.files(io.env),
    links,
    redactToken,
    command,
    problem,
    isShared,
    prompts: tasks,
  });
  for (const { message } of problems) {
    if (!known.has(message)) writer.error(message);
    known.add(message);
  }
  const unwritten = problems.map(({ path }) => path);
  if (note === null) return unwritten;
  const summary = pathOf({ directory }, CAMPAIGN_FILES.markdown);
  if (!flags.has(JSON_OBJECT)) {
    const isWritten = !unwritten.includes(summary);
    commandCampaign(context, platform, view, isWritten ? summary : null);
  }
  await writeTextNote(context, note, (mayLink) => {
    const clean = cleanCampaign(view, writer.redact, redactToken);
    return renderCampaignMarkdown(clean, { command, problem, links, mayLink });
  });
  return unwritten;
}

// With `--json` there are no commands to the CI system, because programs read stdout.

/** @param view The view before redaction. */
function commandCampaign(
  context: { writer: Writer; io: Io },
  platform: Platform,
  view: CampaignView,
  summary: string | null,
): void {
  const { writer } = context;
  const clean = cleanCampaign({ ...view, items: [], causes: [] }, writer.redact, (text) => writer.redact.token(text));
  commandVariables(writer, platform, campaignVariables(clean));
  if (summary !== null) commandSummary(context, platform, summary);
  const { exitCode, state } = clean;
  if (exitCode === EXIT.success || platform.annotate === undefined) return;
  const text = [plainWords(stateDetail(clean)), ...countSentences(clean), `exit code ${exitCode}`].join("; ");
  const level = exitCode === EXIT.failed ? "error" : "warning";
  const title = `Mogplex campaign ${plainWords(campaignName(clean))} is ${state}`;
  writer.command(platform.annotate(level, title, writer.untrusted(text)));
}
