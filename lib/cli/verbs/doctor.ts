import { UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { type FoundToken, type Origin, originNotices, resolveOrigin, tokenNotices } from "../../service/connection.ts";
import { formatCount } from "../../text/duration.ts";
import { createRedactor } from "../../text/redact.ts";
import { own } from "../../text/safe_line.ts";
import { checkJobForge } from "../job/open_forge.ts";
import type { Writer } from "../log/writer.ts";
import { withPages } from "../setup/init.ts";
import { checkProgram, RELEASES } from "../setup/program_check.ts";
import {
  ALLOW_USERS,
  JSON_LINES,
  KEY_PART,
  KEY_SCOPE,
  MENTION_LABEL,
  MENTION_NAME,
  oneOf,
  ORIGIN_HOST,
  OUT,
  REPO,
  REPORT,
  STATE,
} from "../options.ts";
import { readDailyLimit } from "../settings.ts";
import type { Context, Option, Verb } from "../verb.ts";
import { ASKING } from "./codes.ts";
import { checkGateOf, PULL_REQUEST } from "./gate.ts";
import {
  adviceOf,
  type Check,
  type CheckState,
  failedWith,
  follows,
  ok,
  skipped,
  type Tried,
  tried,
  warning,
} from "../../check.ts";
import {
  checkCheckout,
  checkCi,
  checkFiles,
  checkRuntime,
  checkSettings,
  checkVariables,
  ciName,
} from "./doctor_checks.ts";
import { type Machine, thisMachine } from "../../runtime.ts";
import { checkService, checkToken, findToken, type Purpose, PURPOSES } from "../../service/check_access.ts";
import { badUrl, checkProxy, checkUrl, reach } from "../../service/check_way.ts";

const COLORS = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
const STATE_WIDTH = "skipped".length;

/** A job makes these checks before it reads the token or sends a request. */
const FIRST_IN_A_JOB = ["settings", "repository"];

/** A proxy that accepts requests with a token may reject requests without a token. */
function withoutToken(check: Check): Check {
  if (check.state !== "failed") return check;
  return warning(
    check.name,
    `a request without a token: ${check.finding}`,
    "Nothing to fix, as long as the service accepts the token",
  );
}

/** Prints a connection problem only once if it also affects the request with the token. */
function withoutEcho(connection: Check | undefined, checks: readonly Check[]): Check[] {
  const access = checks.find(({ name }) => name === "access");
  if (connection?.code === undefined || access?.code !== connection.code) return [...checks];
  return checks.map((check) =>
    check.state === "ok" || check.state === "warning" ? check : follows(check.name, "connection")
  );
}

const FOR: Option<Purpose> = {
  name: "for",
  value: "JOB",
  help: "Purpose of the job: run, follow, respond, gate, dashboard or automation [run]",
  parse: oneOf(PURPOSES),
};

const purposeOf = ({ option }: Context): Purpose => option(FOR) ?? "run";

const STARTS: readonly Purpose[] = ["run", "respond"];

/**
 * On a terminal, the default is the repository of the folder.
 * @param isRequired Whether to throw the error of a start that has no repository.
 */
function repositoryOf(context: Context, isRequired: boolean): string | undefined {
  if (!STARTS.includes(purposeOf(context))) return undefined;
  return context.laptop?.repositoryOfFolder(context, "check repository", isRequired);
}

/** If there is no repository, the check reports the same reason as a start. */
async function checkServiceFor(context: Context, connection: Parameters<typeof checkService>[1]) {
  const repo = context.option(REPO)?.trim();
  const folder = await tried(() => repo ?? repositoryOf(context, false));
  const repository = folder.ok ? folder.value : undefined;
  const checks = await checkService(context, connection, purposeOf(context), repository);
  if (repository !== undefined || checks.repository.state !== "failed") return checks;
  const reason = folder.ok ? await tried(() => repositoryOf(context, true)) : folder;
  if (reason.ok) return checks;
  const finding = reason.error instanceof UsageError ? reason.error.why : checks.repository.finding;
  return { ...checks, repository: { ...checks.repository, finding, advice: adviceOf(reason.error, "") } };
}

const READY: Readonly<Record<Purpose, string>> = {
  run: "a run can start",
  follow: "runs can be followed",
  respond: "mentions can start runs",
  gate: "a gate can check approvals",
  dashboard: "a dashboard can be written",
  automation: "an automation can be triggered",
};

async function checkNothingThere(context: Context, cause: string): Promise<Check[]> {
  const way = ["proxy", "connection", "clock"].map((name) => follows(name, cause));
  return [...way, ...Object.values(await checkServiceFor(context, cause))];
}

async function checkThere(
  context: Context,
  machine: Machine,
  origin: Origin,
  token: Tried<FoundToken>,
): Promise<Check[]> {
  const { io, writer } = context;
  for (const notice of [...originNotices(origin), ...token.ok ? tokenNotices(token.value) : []]) writer.note(notice);
  const proxy = checkProxy(origin, io.env, machine);
  const { checks: way, answered } = await reach(origin, context, machine);
  const connection = !answered ? "connection" : !token.ok ? "token" : { ...origin, ...token.value, notices: [] };
  const checks = await checkServiceFor(context, connection);
  const reached = checks.access.state === "ok" ? way.map(withoutToken) : way;
  return [proxy, ...reached, ...withoutEcho(reached.find(({ name }) => name === "connection"), Object.values(checks))];
}

async function checkLimit(context: Context): Promise<Check[]> {
  const limit = await tried(() => readDailyLimit(context));
  if (!limit.ok) return [failedWith("limit", limit.error, adviceOf(limit.error, "Correct the limit, or unset it"))];
  if (limit.value > 0) return [];
  const finding = "MOGPLEX_RESPOND_LIMIT is 0/day, so mentions are turned off";
  return [{ ...warning("limit", finding, "To turn them on, unset the variable"), isOff: true }];
}

/** @param hasToken Without a Mogplex token, nothing is sent to the forge, because the token could not be masked. */
async function checkForgeOf(context: Context, hasToken: boolean): Promise<Check[]> {
  // Outside a job, these checks are skipped for another reason.
  const isSkipped = !hasToken && context.platform.isCi;
  return [...await checkLimit(context), ...isSkipped ? [follows("forge", "token")] : await checkJobForge(context)];
}

/** Checks that are only safe if the checkout did not set variables of the program. */
async function checkHere(context: Context, machine: Machine): Promise<Check[]> {
  const { io, writer } = context;
  const origin = await tried(() => resolveOrigin({ env: io.env }));
  const token = await findToken(context);
  if (token.ok) writer.redactWith(createRedactor({ token: token.value.token, env: io.env }));
  const there = origin.ok
    ? await checkThere(context, machine, origin.value, token)
    : await checkNothingThere(context, "url");
  const url = origin.ok ? checkUrl(origin.value) : badUrl(origin.error);
  const forge = purposeOf(context) === "respond" ? await checkForgeOf(context, token.ok) : [];
  const files = purposeOf(context) === "dashboard"
    ? skipped("files", "a dashboard writes only to its own --out")
    : await checkFiles(context);
  const program = await checkProgram(context);
  return [...program, url, checkToken(context, token, machine), files, ...there, ...forge];
}

/** Skips the checks that would use files and addresses from variables that the checkout set. */
async function checkLittle(context: Context, cause: string): Promise<Check[]> {
  const here = ["url", "token", "files"].map((name) => follows(name, cause));
  return [...here, ...await checkNothingThere(context, cause)];
}

async function checkGateHere(context: Context, checkout: Check): Promise<Check[]> {
  if (checkout.state === "failed") return [follows("forge", checkout.name)];
  return [...await checkProgram(context), ...await checkGateOf(context)];
}

/** Purposes whose job does not use its identity to find a run. */
const WITHOUT_IDENTITY: readonly Purpose[] = ["respond", "gate", "dashboard"];
/** Purposes whose job has no run settings. A dashboard has its own `--out`. */
const WITHOUT_RUN: readonly Purpose[] = ["gate", "dashboard"];

async function checkAll(context: Context, machine: Machine): Promise<Check[]> {
  const purpose = purposeOf(context);
  const checkout = await checkCheckout(context, machine);
  return [
    checkRuntime(context.io.env, context.systems, machine),
    WITHOUT_IDENTITY.includes(purpose) ? ok("ci", ciName(context)) : await checkCi(context),
    checkVariables(context, machine),
    WITHOUT_RUN.includes(purpose) ? skipped("settings", `a ${purpose} starts no run`) : await checkSettings(context),
    checkout,
    ...await (purpose === "gate"
      ? checkGateHere(context, checkout)
      : checkout.state === "failed"
      ? checkLittle(context, checkout.name)
      : checkHere(context, machine)),
  ];
}

function firstFailure(checks: readonly Check[]): Check | undefined {
  const failures = checks.filter(({ code }) => code !== undefined);
  return failures.find(({ name }) => FIRST_IN_A_JOB.includes(name)) ?? failures[0];
}

function failedFirst(checks: readonly Check[]): Check[] {
  const first = firstFailure(checks);
  const rank = (check: Check) => check === first ? 0 : check.state === "failed" ? 1 : 2;
  return checks.toSorted((one, other) => rank(one) - rank(other));
}

function joinSkipped(checks: readonly Check[]): Check[] {
  return checks.reduce<Check[]>((rows, check) => {
    const last = rows.at(-1);
    const same = check.state === "skipped" && last?.state === "skipped" && last.finding === check.finding;
    return same ? [...rows.slice(0, -1), { ...last, name: `${last.name}, ${check.name}` }] : [...rows, check];
  }, []);
}

function printCheck(writer: Writer, { name, state, finding, advice }: Check, width: number): void {
  const head = writer.paint(COLORS[state], writer.untrusted(state).padEnd(STATE_WIDTH));
  const indent = STATE_WIDTH + width + 4;
  const lines = [own`${head}  ${writer.untrusted(`${name.padEnd(width)}  ${finding}`)}`];
  if (advice !== null) lines.push(own`${own``.padEnd(indent)}${writer.untrusted(`> ${advice}`)}`);
  writer.out(...writer.broken("stdout", lines, indent));
}

function summary(checks: readonly Check[], code: number, purpose: Purpose): string {
  const count = (state: CheckState) => checks.filter((check) => check.state === state).length;
  const warningCount = count("warning") === 0 ? null : formatCount(count("warning"), "warning");
  const warnings = warningCount === null ? "" : ` (${warningCount})`;
  const first = firstFailure(checks);
  if (first === undefined) {
    const isPart = checks.some(({ name, state }) => name === "forge" && state === "skipped");
    if (isPart) {
      return `everything that can be checked here is fine${warnings}; run doctor in a CI job to check the forge`;
    }
    const off = checks.find(({ isOff }) => isOff === true);
    if (off !== undefined) return `a job can run, but it starts no agent: see the check "${off.name}"${warnings}`;
    const untriggered = checks.find(({ lacksTrigger }) => lacksTrigger === true);
    const unread = checks.filter(({ isUnread }) => isUnread === true).map(({ name }) => name);
    const notChecked = unread.length === 0 ? "" : `; not checked: ${unread.join(", ")}`;
    if (untriggered !== undefined) {
      return `a job can run, but nothing was found that starts it: see the check "${untriggered.name}"${warnings}${notChecked}`;
    }
    return `${notChecked === "" ? READY[purpose] : "all completed checks passed"}${warnings}${notChecked}`;
  }
  const failures = count("failed");
  const others = [failures === 1 ? null : `${failures} checks failed in total`, warningCount].filter(Boolean);
  return `a command would exit with ${code}: the check "${first.name}" failed${
    others.length === 0 ? "" : ` (${others.join(", ")})`
  }`;
}

export async function checkJob(context: Context, machine: Machine = thisMachine()): Promise<number> {
  const { flags, writer } = context;
  const { words } = context.vocabulary;
  const results = await checkAll(context, machine);
  const checks = results.map((check) => ({
    ...check,
    finding: withPages(check.finding),
    advice: check.advice && withPages(words(check.advice)),
  }));
  const exitCode = firstFailure(checks)?.code ?? EXIT.success;
  if (flags.has(JSON_LINES)) {
    writer.json({ checks, exitCode });
    return exitCode;
  }
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const row of joinSkipped(failedFirst(checks))) printCheck(writer, row, width);
  const end = writer.untrusted(summary(checks, exitCode, purposeOf(context)));
  writer.out(own``, ...writer.broken("stdout", [end], 2));
  return exitCode;
}

export const doctorVerb: Verb = {
  name: "doctor",
  summary:
    "Check token, repository, network and CI setup without starting anything; exit with the code a job would get",
  group: "toolkit",
  flags: [
    FOR,
    REPO,
    ORIGIN_HOST,
    ALLOW_USERS,
    MENTION_NAME,
    MENTION_LABEL,
    [PULL_REQUEST],
    [KEY_SCOPE, KEY_PART],
    [REPORT, OUT, STATE],
    RELEASES,
    JSON_LINES,
  ],
  codes: ASKING,
  meanings: {
    success: "a job for the purpose in --for can start",
    usage: "bad arguments or settings; a dashboard token that can start runs",
  },
  examples: [
    `mogplex-ci doctor --json | jq '.checks[] | select(.state != "ok")'`,
    "mogplex-ci doctor --repo acme/web",
    "mogplex-ci doctor --for respond",
    'mogplex-ci doctor --for gate --pull-request "$URL"',
    "mogplex-ci doctor --for dashboard",
  ],
  run: (context) => checkJob(context),
};
