/**
 * `doctor`: looks at everything that a job is going to need, and says what to do about what is missing. It only reads, and
 * ends with the code that a job would end with.
 *
 * @module
 */
import { type FoundToken, originNotices, resolveOrigin } from "../../api/connection/connection.ts";
import { EXIT } from "../../exit_codes.ts";
import type { Origin } from "../../api/connection/origin.ts";
import { createRedactor } from "../../text/redact.ts";
import { formatCount } from "../../result/duration.ts";
import { badUrl, checkProxy, checkUrl, reach } from "./doctor/address.ts";
import {
  type Check,
  type CheckState,
  type Machine,
  skipped,
  thisMachine,
  type Tried,
  tried,
  warning,
} from "./doctor/check.ts";
import { checkCheckout, checkFiles } from "./doctor/checkout.ts";
import { checkRuntime } from "./doctor/runtime.ts";
import { checkService, checkToken, findToken } from "./doctor/service.ts";
import { checkCi, checkSettings, checkVariables } from "./doctor/surroundings.ts";
import type { VerbContext } from "../verb.ts";
import type { Writer } from "../log/writer.ts";

const COLOURS = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
const STATE_WIDTH = "skipped".length;

/** Checks in order, but for the repository, which a job meets first and which the service is asked for. */
interface There {
  repository: Check;
  rest: Check[];
}

/** Whoever lets the token pass may well turn away others. */
function withoutToken(check: Check): Check {
  if (check.state !== "failed") return check;
  return warning(check.name, `without a token: ${check.finding}`, "Nothing, while the service takes the token");
}

/** @param why Why nobody may be asked. */
async function checkNothingThere(context: VerbContext, why: string): Promise<There> {
  const { repository, ...others } = await checkService(context, why);
  const way = ["proxy", "connection", "clock"].map((name) => skipped(name, why));
  return { repository, rest: [...way, ...Object.values(others)] };
}

async function checkThere(
  context: VerbContext,
  machine: Machine,
  origin: Origin,
  token: Tried<FoundToken>,
): Promise<There> {
  const { io, writer } = context;
  for (const notice of originNotices(origin)) writer.note(notice);
  const proxy = checkProxy(origin, io.env, machine);
  const { checks: way, answered } = await reach(origin, context, machine);
  const connection = !answered
    ? "nobody answers"
    : !token.ok
    ? "there is no token to show"
    : { ...origin, ...token.value, notices: [] };
  const { repository, ...others } = await checkService(context, connection);
  const reached = others.access.state === "ok" ? way.map(withoutToken) : way;
  return { repository, rest: [proxy, ...reached, ...Object.values(others)] };
}

/** Checks of what is here that are safe only where the checkout did not set our variables. */
async function checkHere(context: VerbContext, machine: Machine): Promise<There> {
  const { io, writer } = context;
  const origin = await tried(() => resolveOrigin({ env: io.env }));
  const token = await findToken(context);
  // From here on it is masked, wherever it came from.
  if (token.ok) writer.redactWith(createRedactor({ token: token.value.token, env: io.env }));
  const { repository, rest } = origin.ok
    ? await checkThere(context, machine, origin.value, token)
    : await checkNothingThere(context, "there is no address to ask");
  const url = origin.ok ? checkUrl(origin.value) : badUrl(origin.error);
  return { repository, rest: [url, checkToken(context, token, machine), await checkFiles(context), ...rest] };
}

/** The same where it did: nothing is read, written or sent where they say. */
async function checkLittle(context: VerbContext, why: string): Promise<There> {
  const { repository, rest } = await checkNothingThere(context, why);
  return { repository, rest: [...["url", "token", "files"].map((name) => skipped(name, why)), ...rest] };
}

/** All checks, in the order in which a job would meet what they find. */
async function checkAll(context: VerbContext, machine: Machine): Promise<Check[]> {
  const checkout = await checkCheckout(context, machine);
  const { repository, rest } = checkout.state === "failed"
    ? await checkLittle(context, "the checkout is not to be trusted")
    : await checkHere(context, machine);
  return [
    checkRuntime(context.io.env, machine),
    await checkCi(context),
    checkVariables(context, machine),
    await checkSettings(context),
    repository,
    checkout,
    ...rest,
  ];
}

function printCheck(writer: Writer, { name, state, finding, advice }: Check, width: number): void {
  const head = `${writer.paint(COLOURS[state], state.padEnd(STATE_WIDTH))}  `;
  writer.out(`${head}${writer.untrusted(`${name.padEnd(width)}  ${finding}`)}`);
  if (advice !== null) writer.out(`${" ".repeat(STATE_WIDTH + width + 4)}${writer.untrusted(`> ${advice}`)}`);
}

function summary(checks: readonly Check[], code: number): string {
  const count = (state: CheckState) => checks.filter((check) => check.state === state).length;
  const warnings = count("warning") === 0 ? "" : `, ${formatCount(count("warning"), "warning")}`;
  const first = checks.find((check) => check.code !== undefined);
  if (first === undefined) return `a job can start${warnings}`;
  return `a job would end with exit code ${code}, because of ${first.name} (${count("failed")} failed${warnings})`;
}

/**
 * See the module.
 *
 * @param machine The process. @default the present one
 */
export async function run(context: VerbContext, machine: Machine = thisMachine()): Promise<number> {
  const { flags, writer } = context;
  const checks = await checkAll(context, machine);
  const exitCode = checks.find((check) => check.code !== undefined)?.code ?? EXIT.success;
  if (flags.has("json")) {
    writer.json({ checks, exitCode });
    return exitCode;
  }
  const width = Math.max(...checks.map(({ name }) => name.length));
  for (const check of checks) printCheck(writer, check, width);
  writer.out("", summary(checks, exitCode));
  return exitCode;
}
