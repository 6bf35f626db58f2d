/**
 * Starts a run and writes everything that happens as a structured log for log collectors: one JSON object per line, with a time,
 * a level and a type. Exits with the run's verdict.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.1.0
 * node structured_log.mjs "Fix the flaky tests" run.ndjson
 * ```
 *
 * Set `MOGPLEX_API_KEY` and `MOGPLEX_REPO_ID` in the CI system. Without a file the lines go to standard output. Text from the
 * agent appears only inside JSON strings, without line breaks, terminal sequences or commands of a CI system, and with secrets
 * masked. To use the built `mod.mjs` instead of the package, put it beside this file and import from "./mod.mjs".
 */
// @ts-check
import { appendFileSync } from "node:fs";
import process from "node:process";
import { cancel, createLogText, EXIT, exitCodeFor, follow, InterruptedError, start, UsageError } from "@mogplex/ci";

/** @typedef {"debug" | "info" | "warn" | "error"} Level */

const TIMEOUT_MS = 30 * 60_000;
/** @type {Readonly<Record<string, Level>>} */
const LEVELS = {
  tool_started: "debug",
  tool_finished: "debug",
  cancel_requested: "warn",
  cancelled: "warn",
  failed: "error",
};
const ENDS = /** @type {const} */ ({
  success: 0,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
  awaiting_input: EXIT.awaitingInput,
});

const { json } = createLogText();
const stop = new AbortController();
const [prompt = "", path] = process.argv.slice(2);
/** @type {string | undefined} */
let mine;

/**
 * @param {Level} level
 * @param {string} type
 * @param {Record<string, unknown>} fields
 */
function log(level, type, fields) {
  const text = `${json({ time: new Date().toISOString(), level, type, ...fields })}\n`;
  if (path === undefined) process.stdout.write(text);
  else appendFileSync(path, text);
}

/** Checks that the file can be written, before anything is started. */
function checkFile() {
  try {
    if (path !== undefined) appendFileSync(path, "");
  } catch (cause) {
    throw new UsageError(`Cannot write log: the file cannot be opened: ${JSON.stringify(path)}`, { cause });
  }
}

/** Messages that were logged already: start and follow both report the address that they use. @type {Set<string>} */
const said = new Set();

/** @param {import("@mogplex/ci").Notice} notice */
function onNotice({ kind, ...fields }) {
  if ("message" in fields && said.size === said.add(fields.message).size) return;
  log(kind === "wait" ? "warn" : "info", "notice", { kind, ...fields });
}

async function main() {
  if (prompt.startsWith("-")) {
    throw new UsageError(
      'Cannot start run as a prompt must not begin with "-": usage: structured_log.mjs PROMPT [FILE]',
    );
  }
  checkFile();
  const options = { signal: stop.signal, onNotice };
  const until = performance.now() + TIMEOUT_MS;
  const request = { repoId: process.env.MOGPLEX_REPO_ID ?? "", prompt, createBranch: true };
  const { runId, replayed, owned } = await start(request, { ...options, timeoutMs: TIMEOUT_MS });
  if (owned) mine = runId;
  log("info", "start", { runId, replayed });
  for await (const item of follow(runId, { ...options, timeoutMs: Math.max(until - performance.now(), 1) })) {
    if (item.type === "status") log("info", "status", { runId, status: item.status });
    if (item.type === "event") log(LEVELS[item.event.type] ?? "info", "event", { runId, event: item.event });
    if (item.type === "gap") log("warn", "gap", { runId, cause: item.cause });
    if (item.type !== "end") continue;
    const exitCode = ENDS[item.outcome];
    log(exitCode === 0 ? "info" : "error", "end", { runId, outcome: item.outcome, exitCode, reason: item.run.error });
    return exitCode;
  }
  return EXIT.internal;
}

/** @param {unknown} error */
async function giveUp(error) {
  const exitCode = exitCodeFor(error);
  const { name, message } = error instanceof Error ? error : { name: "unknown", message: String(error) };
  const fields = { runId: mine ?? null, name, message, exitCode };
  // Also on standard error, for people who read the job log, and in case the file cannot be written.
  if (path !== undefined) process.stderr.write(`${json(fields)}\n`);
  if (!(error instanceof UsageError) || path === undefined) log("error", "error", fields);
  if (error instanceof InterruptedError && mine !== undefined) {
    await cancel(mine, { timeoutMs: 4_000 }).then(
      ({ status }) => log("info", "cancel", { runId: mine, status }),
      (why) => log("error", "cancel", { runId: mine, message: String(why) }),
    );
  }
  return exitCode;
}

// Never green by accident: if the script ends without a verdict, it exits 70.
process.exitCode = EXIT.internal;
// If the reader of the pipe goes away (`| head`), the verdict stays the same.
process.stdout.on("error", () => {});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => stop.abort(new InterruptedError(signal)));
}
void main().catch(giveUp).then((code) => process.exitCode = code);
