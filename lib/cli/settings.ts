import { type ReadEnv, readTextVariable } from "../ci/platform.ts";
import type { ForgeJob } from "../forge/forge.ts";
import { forgeOfJob } from "../forge/open.ts";
import { NotFoundError, UsageError } from "../errors.ts";
import type { ParsedFlags } from "../flags.ts";
import { STATE_FILE, VALUE_FILE } from "../report/files.ts";
import type { Setting } from "../report/run_page.ts";
import { defaultTargets, parseReportTarget, plainPath, type ReportTarget, TERMINAL_FORMATS } from "../report/write.ts";
import { isOutsideCi, type KeyScope } from "../run/key.ts";
import type { UserList } from "../respond/rights.ts";
import type { CancelCause, OnInterrupt } from "../run/interrupts.ts";
import { isUuid } from "../service/contract.ts";
import { checkUuid } from "../service/validate.ts";
import type { LogForm } from "./log/live_log.ts";
import {
  ALLOW_USERS,
  DAILY_LIMIT,
  IDEMPOTENCY_KEY,
  KEY_PART,
  KEY_SCOPE,
  LOG,
  ON_INTERRUPT,
  ON_TIMEOUT,
  OUT,
  REPO,
  REPORT,
  RESULT,
  STATE,
  TIMEOUT,
  TOKEN_SHARE,
} from "./options.ts";
import type { Context, Option, ReadOption, VerbFlags } from "./verb.ts";

export function flagsByRow({ positionals, has, get, all }: ParsedFlags): VerbFlags {
  return { positionals, has: ({ name }) => has(name), get: ({ name }) => get(name), all: ({ name }) => all(name) };
}

export function optionReader(flags: VerbFlags, env: ReadEnv, read: Map<string, Setting> = new Map()): ReadOption {
  return (row) => {
    const { name, variable, fallback = "", parse } = row;
    const flagText = flags.has(row) ? "true" : flags.get(row);
    const text = flagText ?? ((variable && readTextVariable(env, variable)?.trim()) || undefined);
    const [from, source] = flagText !== undefined
      ? ["flag", `--${name}`]
      : text === undefined || variable === undefined
      ? ["default", ""]
      : [variable, variable];
    read.set(name, { name, value: text ?? fallback.replaceAll("`", ""), from });
    return text === undefined ? undefined : parse(text, source);
  };
}

// Limits of `respond`. An input or a flag can only make the limit of a variable stricter, so that administrators can use the variable to stop new
// runs.

const RUNS_PER_DAY = 20;

export function variableOf<T>(env: ReadEnv, { variable, parse }: Option<T> & { variable: string }): T | undefined {
  const text = readTextVariable(env, variable)?.trim() ?? "";
  return text === "" ? undefined : parse(text, variable);
}

export const MENTION_WORD = "mogplex";

export function readDailyLimit({ option, variables }: Context): number {
  const limit = option(DAILY_LIMIT) ?? RUNS_PER_DAY;
  return Math.min(limit, variableOf(variables, DAILY_LIMIT) ?? limit);
}

export type JobVariables = Pick<ForgeJob, "passesUnset">;

/**
 * The lists of users whose mentions start runs: from the flag and from the variable. A user must be in all lists. If there is no list, everyone who
 * can push is allowed.
 * @param job Shows whether an empty variable is treated as unset. @default the job of the forge that runs this program
 * @throws {UsageError} if a list is invalid, or if the variable is set but empty.
 */
export function readUserLists(
  { option, flags, variables, forges, platform }: Context,
  job: JobVariables | undefined = forgeOfJob(forges, platform.name)?.job,
): readonly UserList[] {
  const users = option(ALLOW_USERS);
  const { name, variable, parse } = ALLOW_USERS;
  const isUnset = variables(variable) === undefined || job?.passesUnset === true;
  const permitted = variableOf(variables, ALLOW_USERS) ?? (isUnset ? undefined : parse("", variable));
  return [
    ...users === undefined || flags.get(ALLOW_USERS) === undefined ? [] : [{ from: `--${name}`, users }],
    ...permitted === undefined ? [] : [{ from: variable, users: permitted }],
  ];
}

export function commonUsers([first, ...others]: readonly UserList[]): readonly string[] | undefined {
  if (first === undefined) return undefined;
  const common = others.reduce(
    (users, list) => users.flatMap((user) => list.users.flatMap((other) => sameUser(user, other) ?? [])),
    first.users,
  );
  if (common.length > 0) return [...new Set(common)];
  const { name, variable } = ALLOW_USERS;
  throw new UsageError({
    attempted: `use ${variable}`,
    why: `the variable and --${name} have no user in common`,
    advice: "list the same users in both, or unset one of them",
  });
}

/** The more specific of two user names, such as `kim=12` for `kim` and `kim=12`. `undefined` if they name different users. */
function sameUser(user: string, other: string): string | undefined {
  if (user === other || user.startsWith(`${other}=`)) return user;
  return other.startsWith(`${user}=`) ? other : undefined;
}

export function requiredArgument({ flags }: Context, verb: string, name: string): string {
  const value = flags.positionals[0]?.trim() ?? "";
  if (value !== "") return value;
  throw new UsageError({
    attempted: `parse arguments of ${verb}`,
    why: `<${name}> is missing`,
    advice: "pass it as an argument",
  });
}

function runIdText({ io, flags }: Context): string {
  return flags.positionals[0]?.trim() || readTextVariable(io.env, "MOGPLEX_RUN_ID")?.trim() || "";
}

export function givenRunId(context: Context): string | null {
  const runId = runIdText(context);
  return isUuid(runId) ? runId.toLowerCase() : null;
}

/** Outside CI, users may give the first digits of an id. */
function wholeRunId(context: Context, runId: string): string {
  return context.laptop?.wholeRunId(context, runId) ?? runId;
}

export function runIdArgument(context: Context, verb: string): string {
  return checkUuid(wholeRunId(context, requiredArgument(context, verb, "run-id")), "run id");
}

export function requiredRunId(context: Context, attempted: string): string {
  const { vocabulary } = context;
  const runId = runIdText(context);
  if (runId !== "") return wholeRunId(context, runId);
  const last = context.laptop?.lastRunId(context);
  const advice = last === undefined
    ? `give ${vocabulary.runId}`
    : `for the last run in this folder, use \`${vocabulary.program} ${attempted} ${last.slice(0, 8)}\``;
  throw new UsageError({ attempted, why: "the run id is missing", advice });
}

/** @param inFolder Whether the remote `origin` of the folder is the default outside CI. */
export function requiredRepo(context: Context, attempted: string, inFolder: boolean): string {
  const { option, vocabulary, laptop, writer } = context;
  const repoOption = option(REPO);
  // If a result file is requested, the repository is read from the host in the option, so no note is necessary.
  const note = repoOption === undefined || option(RESULT) !== undefined ? undefined : laptop?.hostNote(repoOption);
  if (note !== undefined) writer.note(writer.untrusted(note));
  const repo = repoOption ?? (inFolder ? laptop?.repositoryOfFolder(context, attempted, true) : undefined);
  if (repo !== undefined) return repo;
  throw new UsageError({ attempted, why: "the repository is missing", advice: `give ${vocabulary.repo}` });
}

export interface Places {
  out: string;
  targets: ReportTarget[];
  /** Paths of reports in the default folder that this job does not write. Existing reports at these paths would belong to another run. */
  outdated: string[];
  state: string;
  value: string;
}

const DEFAULT_OUT = "mogplex-ci";

/** Whether the program chose the name of the folder: the default folder, or the folder of another run inside it. */
export function isDefaultOut(out: string): boolean {
  return out.replace(/\/+$/, "").replace(/\/run-\d+$/, "") === DEFAULT_OUT;
}

export function isLaptop({ platform, io }: Pick<Context, "platform" | "io">): boolean {
  return isOutsideCi({ platform, env: io.env });
}

/** Outside CI, a command with an unknown id must not replace the files of another run. */
export function isUnknownRun(context: Context): (error: unknown) => boolean {
  return (error) => isLaptop(context) && error instanceof NotFoundError;
}

export function outDirectory({ option }: Context): string {
  return option(OUT) ?? DEFAULT_OUT;
}

export function statePath(context: Context, out: string = outDirectory(context)): string {
  return context.option(STATE) ?? `${out.replace(/\/+$/, "")}/${STATE_FILE}`;
}

export function readPlaces(context: Context, out: string = outDirectory(context)): Places {
  const { flags, option } = context;
  const flag = flags.all(REPORT);
  const values = flag.length > 0 ? flag : [option(REPORT) ?? ""];
  const wanted = values.flatMap((each) => each.split(",")).map((each) => each.trim()).filter(Boolean);
  const isPerson = isLaptop(context) && context.io.isTerminal("stdout");
  const targets = wanted.length > 0
    ? wanted.map((each) => parseReportTarget(each, out))
    : defaultTargets(out, isPerson ? TERMINAL_FORMATS : undefined);
  const state = statePath(context, out);
  const same = targets.find(({ path }) => plainPath(path) === plainPath(state));
  const value = `${out.replace(/\/+$/, "")}/${VALUE_FILE}`;
  const outdated = wanted.length === 0 && isDefaultOut(out)
    ? defaultTargets(out).map(({ path }) => path).filter((path) => !targets.some((target) => target.path === path))
    : [];
  if (same === undefined) return { out, targets, outdated, state, value };
  throw new UsageError({
    attempted: `write report "${same.format}"`,
    why: "the job's state file has the same path",
    value: JSON.stringify(same.path),
  });
}

export interface WaitSettings {
  timeoutMs: number | undefined;
  tokenShare: number;
  cancelOn: readonly CancelCause[];
  onInterrupt: OnInterrupt;
}

export interface FollowSettings extends WaitSettings {
  log: LogForm;
}

export interface KeySettings {
  idempotencyKey: string | undefined;
  keyScope: KeyScope | undefined;
  keyPart: string | undefined;
}

export interface RunSettings extends FollowSettings {
  key: KeySettings;
}

function readWaitSettings({ option }: Context): WaitSettings {
  return {
    timeoutMs: option(TIMEOUT),
    tokenShare: option(TOKEN_SHARE) ?? 1,
    cancelOn: option(ON_TIMEOUT) === "cancel" ? ["timeout"] : [],
    onInterrupt: option(ON_INTERRUPT) ?? "auto",
  };
}

export function readFollowSettings(context: Context): FollowSettings {
  return { ...readWaitSettings(context), log: context.option(LOG) ?? "compact" };
}

function readKeySettings({ option }: Context): KeySettings {
  return { idempotencyKey: option(IDEMPOTENCY_KEY), keyScope: option(KEY_SCOPE), keyPart: option(KEY_PART) };
}

export function readRunSettings(context: Context): RunSettings {
  return { ...readFollowSettings(context), key: readKeySettings(context) };
}

export function readTriggerSettings(context: Context): WaitSettings & Pick<RunSettings, "key"> {
  return { ...readWaitSettings(context), key: readKeySettings(context) };
}
