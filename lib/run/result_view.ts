import { lookup } from "../lookup.ts";
import type { RunEvent } from "../model.ts";
import type { WaitCause } from "../notice.ts";
import { joinWords, type Words } from "../text/document.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { capital, cutAt, cutText } from "../text/plain_text.ts";
import { ANOTHER_RUN, isDerivedKey } from "./key.ts";
import { NO_SANDBOX } from "./no_sandbox.ts";
import {
  type AnyResult,
  type AutomationOutcome,
  factsFromEvents,
  isOfScript,
  type Outcome,
  type ResultCause,
  type ResultError,
  type ResultFile,
  resultSentence,
  type RunPhase,
  type RunResult,
  tookMsOf,
} from "./result.ts";

export const AGENT = "Read what the agent said and did last, make the task more precise, then start again.";
const FOLLOW = "Follow the run to get its verdict.";
export const SILENT = "Read the last lines of the log, then change the task and start again.";

// Keyed by outcome, `failure_code`, phase or cause. Source: API reference, "List run events", `failed`.
const STEPS: Readonly<Record<string, string>> = {
  cancelled: "The run was cancelled. Start it again if that was a mistake.",
  model_access_denied: "Choose an agent with a model that the account can use.",
  rate_limited: "The account has used up the limit of its model. Wait until the limit resets, then start again.",
  queue: "The sandbox did not start: start again, or check the sandbox limit.",
  prepare: "Check access to the repository and its branches, then start again.",
  deliver: "Check what the Git host refuses (protected branches, permissions of the Mogplex app), then start again.",
  "result-missing": "Check the run's branch. To ask the agent again, start a new run or allow result retries.",
  "result-missing without branch": "Read what the agent did. To ask it again, start a new run or allow result retries.",
  "result-not-json": "Check the file. To ask the agent again, start a new run or allow result retries.",
  "result-invalid":
    "Compare the file with the schema. To ask the agent again, start a new run or allow result retries.",
  "result-unreadable": "Start the job again: it attaches to its run, and reads the file again.",
};

export function resultFileWords({ cause, blob }: Pick<ResultFile, "cause" | "blob">): string {
  if (cause === "result-unreadable") return "not read";
  if (cause !== "result-missing") return "on the branch";
  return blob === null ? "missing" : "not changed by the run";
}

function causeOf(result: AnyResult): ResultCause | null {
  return result.kind === "run" && result.outcome !== "interrupted" ? result.resultFile?.cause ?? null : null;
}

// Untracked files that the agent leaves behind make delivery fail. Git's message names the files. Source: API reference, "Branches and pull
// requests".
const UNTRACKED = "The agent left new files uncommitted. In the task, tell it to commit them (git add), " +
  "then start again.";

function nextStep(result: AnyResult): string | null {
  const { outcome, kind } = result;
  const cause = causeOf(result);
  const hasBranch = result.kind !== "run" || result.resultFile === null || result.resultFile.branch !== null;
  if (cause === "result-missing" && !hasBranch) return STEPS["result-missing without branch"] ?? null;
  if (cause !== null) return lookup(STEPS, cause) ?? null;
  if (isStillRunning(result)) return FOLLOW;
  if (outcome === "deadline") return moreTime(result);
  if (kind === "run" && result.keysUsedUp) return `${capital(ANOTHER_RUN)}.`;
  if (outcome === "awaiting_input") return toAnswer(result);
  if (outcome === "error" && result.runId !== null && result.resume !== null) return FOLLOW;
  if (outcome !== "failed") return lookup(STEPS, outcome) ?? null;
  if (kind === "automation-run") return "Check the run in the app, then trigger the automation again.";
  const { failureCode, phases, reason, finalMessage } = result;
  const phase = phases.at(-1)?.name ?? "";
  if (phase === "deliver" && /\buntracked files?\b/i.test(reason ?? "")) return UNTRACKED;
  return lookup(STEPS, failureCode ?? "") ?? lookup(STEPS, phase) ?? (finalMessage === null ? SILENT : AGENT);
}

/** Programs whose setting has another name use this function for their own advice. */
export function waitLonger(timeLimit: string): string {
  return `to wait longer, raise ${timeLimit}`;
}

// Components and the action have inputs instead of flags, so their `resume` is an instruction, not a command.
function moreTime(result: AnyResult): string {
  const { resume, resumeIsCommand } = result;
  const more = (timeLimit: string) => `${capital(waitLonger(timeLimit))}.`;
  if (resume === null) return more("the timeout");
  if (!resumeIsCommand) return `Follow the run again. ${more("the timeout")}`;
  return `${capital(followAgain(result))} ${more(isOfScript(result) ? "timeoutMs" : "--timeout")}`;
}

function toAnswer(result: AnyResult): string {
  const { resume, resumeIsCommand } = result;
  if (resume === null) return "Answer the question in the app, or cancel the run.";
  return `Answer the question in the app, then ${resumeIsCommand ? followAgain(result) : `${jobAgain(resume)}.`}`;
}

function followAgain(result: AnyResult): string {
  const { idempotencyKey } = result;
  // A retry of the job is suggested only for a key that is derived from the job. Outside CI, the key is random.
  if (idempotencyKey === null || !isDerivedKey(idempotencyKey)) return "follow the run again.";
  return "follow the run again, or retry the same job (on GitHub: Re-run jobs). The retry attaches to the run, unless you set " +
    `${isOfScript(result) ? "keyScope" : "--key-scope"} to job. A new pipeline or build starts another run.`;
}

/** Only these instructions are shown as words. Other text could be anything, because a result can be read from a file. */
const INSTRUCTION =
  /^(retry this job$|run this job again$|set the input [a-z-]+ of [a-z ]+ to |the same (?:command with --idempotency-key|call with idempotencyKey) )?(.*)$/s;

/** An instruction with a value is not repeated, because the report shows it next to the step. */
function jobAgain(instruction: string): string {
  const [, words = "", value = ""] = INSTRUCTION.exec(instruction) ?? [];
  return value === "" && words !== "" ? words : "follow the run again";
}

/** Text that does not match {@linkcode INSTRUCTION} might be a command. */
export function followAgainWords(instruction: string): Words {
  const [, words = "", value = ""] = INSTRUCTION.exec(instruction) ?? [];
  return ["To follow it again: ", words, { name: value || null }, "."];
}

interface KindWords {
  readonly noun: "run" | "automation run";
  readonly started: "Mogplex run" | "automation";
  readonly begun: "started" | "triggered";
  readonly outcomes: readonly (Outcome | AutomationOutcome)[];
}

interface VerdictWords {
  readonly mark: string;
  readonly word: string;
  readonly headline: string;
}

const VERDICTS: Readonly<
  Record<Outcome | AutomationOutcome | "not_started" | "no_sandbox" | "still_running" | ResultCause, VerdictWords>
> = {
  success: { mark: "✅", word: "success", headline: "Mogplex {noun} succeeded" },
  failed: { mark: "❌", word: "failed", headline: "Mogplex {noun} failed" },
  cancelled: { mark: "🚫", word: "cancelled", headline: "Mogplex {noun} was cancelled" },
  awaiting_input: { mark: "⏳", word: "needs an answer", headline: "Mogplex {noun} needs an answer" },
  deadline: { mark: "⏳", word: "did not finish in time", headline: "Mogplex {noun} did not finish in time" },
  interrupted: { mark: "🚫", word: "interrupted", headline: "Interrupted while following the Mogplex {noun}" },
  started: { mark: "🚀", word: "started, not followed", headline: "Mogplex {noun} started, not followed" },
  suppressed: { mark: "⏳", word: "nothing was started", headline: "The {started} was not started" },
  not_started: { mark: "❌", word: "not started", headline: "The {started} was not started" },
  no_sandbox: {
    mark: "❌",
    word: "not started: no free sandbox",
    headline: "The {started} was not started: no sandbox was free",
  },
  still_running: { mark: "⏳", word: "still running", headline: "Mogplex {noun} is still running" },
  "result-missing": { mark: "❌", word: "no result file", headline: "Mogplex {noun} has no result file" },
  "result-not-json": {
    mark: "❌",
    word: "result is not JSON",
    headline: "The result file of the Mogplex {noun} is not JSON",
  },
  "result-invalid": {
    mark: "❌",
    word: "invalid result",
    headline: "The result file of the Mogplex {noun} is not valid",
  },
  "result-unreadable": {
    mark: "❌",
    word: "result not read",
    headline: "The result file of the Mogplex {noun} could not be read",
  },
  error: { mark: "❌", word: "unknown", headline: "The result of the Mogplex {noun} is unknown" },
};

const KINDS: Readonly<Record<AnyResult["kind"], KindWords>> = {
  run: {
    noun: "run",
    started: "Mogplex run",
    begun: "started",
    outcomes: ["success", "failed", "cancelled", "awaiting_input", "deadline", "interrupted", "started", "error"],
  },
  "automation-run": {
    noun: "automation run",
    started: "automation",
    begun: "triggered",
    outcomes: ["success", "failed", "cancelled", "deadline", "suppressed", "interrupted", "error"],
  },
};

export function kindWords({ kind }: AnyResult): KindWords {
  return KINDS[kind];
}

export function mayHaveStarted({ runId, mayExist }: Pick<AnyResult, "runId" | "mayExist">): boolean {
  return runId === null && mayExist;
}

function notStartedWords(result: AnyResult): "not_started" | "no_sandbox" | undefined {
  if (result.error?.code === NO_SANDBOX) return "no_sandbox";
  if (result.outcome !== "error") return undefined;
  return result.runId === null && !mayHaveStarted(result) ? "not_started" : undefined;
}

export function recordedOutcomeOf(result: AnyResult): AnyResult["outcome"] | "not_started" {
  return isNotStarted({ verdict: verdictWords(result) }) ? "not_started" : result.outcome;
}

export function isNotStarted({ verdict: { word } }: Pick<ResultView, "verdict">): boolean {
  return word === VERDICTS.not_started.word || word === VERDICTS.no_sandbox.word;
}

export function isStillRunning({ error }: Pick<AnyResult, "error">): boolean {
  return error?.code === "STILL_RUNNING";
}

export function verdictWords(result: AnyResult): VerdictWords {
  const name = notStartedWords(result) ?? (isStillRunning(result) ? "still_running" : undefined);
  const words = VERDICTS[name ?? causeOf(result) ?? result.outcome];
  const { noun, started } = kindWords(result);
  return { ...words, headline: words.headline.replace("{noun}", noun).replace("{started}", started) };
}

export function branchWords(
  { branch: { base, pushed, requested }, changed, events }: GitFacts,
  view: Pick<ResultView, "outcome" | "status" | "verdict">,
): Words {
  if (pushed !== null) return { name: pushed };
  if (changed === false) return "nothing to push";
  const { workingBranch } = factsFromEvents(events);
  const words = mayPush(view) ? " (nothing pushed yet)" : " (nothing pushed)";
  if (workingBranch !== null) return [{ name: workingBranch }, words];
  // A start without its own branch sends the base branch, to which no agent pushes.
  const isUnknown = requested === null || requested === base;
  return isUnknown ? isNotStarted(view) ? null : "unknown" : [{ name: requested }, words];
}

function mayPush(view: Pick<ResultView, "outcome" | "status" | "verdict">): boolean {
  if (["success", "failed", "cancelled"].includes(view.outcome) || isNotStarted(view)) return false;
  return !["success", "failed", "cancelled"].includes(view.status ?? "");
}

/** The service's word for the state of a run. After a cancellation, it can be "failed". Untrusted text. */
export function statusWords({ status, outcome }: Pick<ResultView, "status" | "outcome">): string | null {
  return outcome === "cancelled" && status === "failed" ? "failed after the cancellation" : status;
}

export function startWords(
  { runId, replayed, verdict }: Pick<ResultView, "runId" | "replayed" | "verdict">,
): string | null {
  if (runId === null || isNotStarted({ verdict })) return null;
  if (replayed) return "earlier; this command attached to it";
  return replayed === null ? "earlier, by another step or command" : "by this command";
}

/** A command that only reads the run of another command has no useful duration before the run ends. */
export function timesOf(
  { times, tookMs, durationMs, replayed, outcome }: Pick<
    ResultView,
    "times" | "tookMs" | "durationMs" | "replayed" | "outcome"
  >,
): { runMs: number | null; hereMs: number | null } {
  const isOurs = tookMs === durationMs;
  const isLook = replayed === null && outcome === "deadline";
  return { runMs: times?.durationMs ?? (isOurs ? null : tookMs), hereMs: isOurs && !isLook ? durationMs : null };
}

export function noPullRequestWords(
  view: Pick<ResultView, "git" | "outcome" | "status" | "verdict">,
): string {
  if (view.git?.pullRequest.state === "none" || isNotStarted(view)) return "none";
  if (view.outcome === "success") return "unknown: no event shows one";
  return mayPush(view) ? "none yet" : "none reported";
}

const PHASE_WORDS: Readonly<Record<string, string>> = {
  queue: " during boot",
  prepare: " during preparation",
  agent: ": the agent failed",
  deliver: " during delivery",
};

export const WAIT_CAUSES: Readonly<Record<WaitCause, string>> = {
  rate_limit: "rate limit of the token",
  start_limit: "limit of run starts",
  unavailable: "service unavailable",
  network: "network",
  invalid_answer: "response that is not from the API",
  unauthorized: "token refused temporarily",
};

export type GitFacts = Pick<RunResult, "branch" | "changed" | "events" | "files" | "pullRequest">;

export interface AutomationTimes {
  startedAt: string | null;
  completedAt: string | null;
  durationMs: number | null;
}

type Common = Pick<
  AnyResult,
  | "runId"
  | "repoId"
  | "repository"
  | "status"
  | "outcome"
  | "exitCode"
  | "replayed"
  | "idempotencyKey"
  | "createdAt"
  | "requests"
  | "waits"
  | "durationMs"
  | "origin"
  | "resume"
  | "resumeIsCommand"
  | "mayExist"
>;

export interface ResultView extends Common {
  kind: KindWords;
  verdict: VerdictWords;
  /** Untrusted text. */
  reason: string | null;
  /** Untrusted text. */
  advice: string | null;
  nextStep: string | null;
  /** Untrusted text. */
  task: string | null;
  /** Untrusted text. */
  finalMessage: string | null;
  resultFile: RunResult["resultFile"];
  automationId: string | null;
  times: AutomationTimes | null;
  harness: string | null;
  failureCode: string | null;
  git: GitFacts | null;
  phases: readonly RunPhase[];
  events: readonly RunEvent[];
  eventsOmitted: number;
  eventCount: RunResult["eventCount"] | null;
  tookMs: number;
}

/** Text after the error's message, such as what happened to the run after a signal, stays in the reason. */
function explain(reason: string | null, error: ResultError | null): Pick<ResultView, "reason" | "advice"> {
  if (error === null || error.advice === null) return { reason, advice: null };
  const { advice } = error;
  const sentence = advice.replace(/^[a-z](?=[a-z]* )/, (letter) => letter.toUpperCase());
  const whole = resultSentence(error);
  if (reason === null || reason.startsWith(whole)) {
    const more = reason?.slice(whole.length) ?? "";
    return { reason: resultSentence({ ...error, advice: null }) + more, advice: sentence };
  }
  return { reason, advice: reason.includes(advice) ? null : sentence };
}

export function commandsIn(advice: string): { text: string; commands: readonly string[] } {
  const commands = [...advice.matchAll(/`([^`\n]+)`/g)].map(([, command = ""]) => command);
  return { text: commands.length === 0 ? advice : advice.replaceAll("`", ""), commands };
}

const NOTHING_OF_A_RUN = {
  task: null,
  finalMessage: null,
  resultFile: null,
  harness: null,
  failureCode: null,
  git: null,
  phases: [],
  events: [],
  eventsOmitted: 0,
  eventCount: null,
};

export function failedPhaseOf<P extends { name: string }>(
  { outcome, resultFile, phases }: { outcome: string; resultFile: unknown; phases: readonly P[] },
): P | undefined {
  return outcome === "failed" && resultFile === null ? phases.at(-1) : undefined;
}

export function viewOf(result: AnyResult): ResultView {
  const explained = explain(result.reason, result.error);
  const named = {
    kind: kindWords(result),
    verdict: verdictWords(result),
    ...explained,
    nextStep: result.error?.advice ? null : nextStep(result),
    repository: result.repository,
    tookMs: tookMsOf(result),
  };
  if (result.kind !== "automation-run") {
    return { ...result, ...named, automationId: null, times: null, git: result };
  }
  const { automationId, startedAt, completedAt, runDurationMs } = result;
  return {
    ...result,
    ...NOTHING_OF_A_RUN,
    ...named,
    automationId: automationId || null,
    times: { startedAt, completedAt, durationMs: runDurationMs },
  };
}

/** The title of a pull request has the same limit. Source: API reference, "Branches and pull requests". */
const MAX_TITLE = 72;
const MAX_WHERE = 200;
/** The service cuts lists to 25 items. Source: API reference, `payload`. */
const MAX_NAMED_FILES = 25;

/** `where` and `title` are untrusted. */
interface Headline {
  where: string | null;
  title: string | null;
  end: string;
  more: string;
}

export function titleOf(task: string | null): string | null {
  const lines = (task ?? "").split("\n").map((each) => each.replace(/^[#>*\s-]+/, "").trim());
  const [first, ...others] = lines.filter((each) => each !== "");
  const line = others.length === 0 ? first : `${first} …`;
  if (line === undefined || line.length <= MAX_TITLE) return line ?? null;
  const cut = line.slice(0, cutAt(line, MAX_TITLE - 1));
  const words = /^\s/.test(line.slice(cut.length)) ? cut : cut.replace(/\s\S*$/, "");
  // Text in a language without spaces can be cut anywhere.
  return `${(words.length < MAX_TITLE / 2 ? cut : words).replace(/[\s.]+$/, "")}…`;
}

function pullRequestWord(url: string): string {
  const number = /\/(\d{1,12})\/?$/.exec(url)?.[1];
  return number === undefined ? "pull request" : `PR #${number}`;
}

function endOf({ outcome, exitCode, verdict, git, phases, resultFile }: ResultView): string {
  const url = git?.pullRequest.url ?? null;
  if (resultFile !== null && resultFile.cause !== null) return verdict.word;
  if (outcome === "failed") {
    const phase = lookup(PHASE_WORDS, phases.at(-1)?.name ?? "");
    return phase === undefined ? verdict.word : `${verdict.word}${phase}`;
  }
  if (outcome === "error" && verdict.word === "unknown") return "verdict unknown";
  if (outcome !== "success") return verdict.word;
  if (exitCode === 0 && url !== null) return pullRequestWord(url);
  if (git?.changed === false) return "no changes";
  return git?.pullRequest.state === "none" ? "success, no pull request" : verdict.word;
}

function filesWord(count: number): string {
  return count < MAX_NAMED_FILES ? formatCount(count, "file") : `${count} files or more`;
}

export function headlineOf(view: ResultView): Headline {
  const { automationId, repository, repoId, kind: { noun }, runId } = view;
  const work = automationId === null ? runId === null ? null : `${noun} ${runId}` : `automation ${automationId}`;
  const count = view.git?.files?.length ?? 0;
  const where = repository ?? repoId ?? work;
  return {
    where: where === null ? null : cutText(where, MAX_WHERE),
    title: titleOf(view.task),
    end: endOf(view),
    more: `(${count === 0 ? "" : `${filesWord(count)}, `}${formatDuration(view.tookMs)})`,
  };
}

export function headlineWords(view: ResultView, end: Words = headlineOf(view).end): Words {
  const { where, title, more } = headlineOf(view);
  const names = [where, title].filter((part) => part !== null && part.trim() !== "").map((name) => ({ name }));
  return [names.length === 0 ? `Mogplex ${view.kind.noun}` : joinWords(names, ": "), " → ", end, ` ${more}`];
}

/** Untrusted plain text. Names without visible text are kept, because tools identify JUnit test cases by this text. */
export function headlineText(view: ResultView): string {
  const { where, title, end, more } = headlineOf(view);
  const what = [where, title].filter((part) => part !== null).join(": ");
  return `${what === "" ? `Mogplex ${view.kind.noun}` : what} → ${end} ${more}`;
}
