/**
 * `doctor`: looks at everything that a job is going to need, and says what to do about what is missing. It only reads, and
 * ends with the code that a job would end with.
 *
 * @module
 */
import { originNotices, resolveOrigin } from "../api/connection.ts";
import { EXIT } from "../exit_codes.ts";
import type { Origin } from "../http/origin.ts";
import { createRedactor } from "../redact.ts";
import { formatCount } from "../report/duration.ts";
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
import type { VerbContext } from "./verb.ts";
import type { Writer } from "./writer.ts";

const COLOURS = { ok: "green", warning: "yellow", failed: "red", skipped: "dim" } as const;
const STATE_WIDTH = "skipped".length;

/** What is looked at by speaking to the service. */
interface There {
  repository: Check;
  /** The way to the service, and what it says to the token. */
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
  token: Tried<string>,
): Promise<There> {
  const { io, writer } = context;
  for (const notice of originNotices(origin)) writer.note(notice);
  const proxy = checkProxy(origin, io.env, machine);
  const { checks: way, answered } = await reach(origin, context, machine);
  const connection = !answered
    ? "nobody answers"
    : !token.ok
    ? "there is no token to show"
    : { ...origin, token: token.value, notices: [] };
  const { repository, ...others } = await checkService(context, connection);
  const reached = others.access.state === "ok" ? way.map(withoutToken) : way;
  return { repository, rest: [proxy, ...reached, ...Object.values(others)] };
}

/** All checks, in the order in which a job would meet what they find. */
async function checkAll(context: VerbContext, machine: Machine): Promise<Check[]> {
  const { io, writer } = context;
  const token = await findToken(context);
  // From here on it is masked, wherever it came from.
  if (token.ok) writer.redactWith(createRedactor({ token: token.value, env: io.env }));
  const before = [
    checkRuntime(io.env, machine),
    await checkCi(context),
    checkVariables(context, machine),
    await checkSettings(context),
  ];
  const checkout = await checkCheckout(context, machine);
  const origin = await tried(() => resolveOrigin({ env: io.env }));
  const files = await checkFiles(context);
  const there = !origin.ok
    ? await checkNothingThere(context, "there is no address to ask")
    // Such a checkout may have set the address, and the token must not go there.
    : checkout.state === "failed"
    ? await checkNothingThere(context, "the checkout is not to be trusted")
    : await checkThere(context, machine, origin.value, token);
  const url = origin.ok ? checkUrl(origin.value) : badUrl(origin.error);
  return [...before, there.repository, checkout, url, checkToken(context, token, machine), files, ...there.rest];
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
