/**
 * Starts a run and writes everything that happens as a structured log for log collectors: one JSON object per line, with a time,
 * a level and a type. Exits with the run's verdict.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.0.0
 * node structured_log.mjs "Fix the flaky tests" run.ndjson
 * ```
 *
 * Set `MOGPLEX_API_KEY` and `MOGPLEX_REPO_ID` in the CI system. Without a file, the lines go to standard output. Text from the
 * agent appears only inside JSON strings, without line breaks, terminal sequences or commands of a CI system, and with secrets
 * masked. To use a build instead of the package, put its `dist/` beside this file and import from "./dist/mod.mjs".
 */
// @ts-check
import { appendFileSync } from "node:fs";
import process from "node:process";
import { createLogText, createMogplex, EXIT, exitCodeFor, main, MogplexError, UsageError } from "@mogplex/ci";

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

const { json } = createLogText();
const [prompt = "", path] = process.argv.slice(2);

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

/** @param {import("@mogplex/ci").Notice} notice */
function onNotice({ kind, ...fields }) {
  log(kind === "wait" ? "warn" : "info", "notice", { kind, ...fields });
}

/** @param {AbortSignal} signal */
async function follow(signal) {
  if (prompt.startsWith("-")) {
    throw new UsageError(
      'Cannot start run because the prompt must not begin with "-"; usage: structured_log.mjs PROMPT [FILE]',
    );
  }
  checkFile();
  const request = { repo: process.env.MOGPLEX_REPO_ID ?? "", prompt, createBranch: true };
  let runId = "";
  const run = createMogplex({ onNotice }).run(request, {
    timeoutMs: TIMEOUT_MS,
    signal,
    cancelOn: ["abort"],
    onStarted(started) {
      runId = started.runId;
      log("info", "start", { runId, replayed: started.replayed });
    },
  });
  for await (const item of run) {
    if (item.type === "status") log("info", "status", { runId, status: item.status });
    if (item.type === "event") log(LEVELS[item.event.type] ?? "info", "event", { runId, event: item.event });
    if (item.type === "gap") log("warn", "gap", { runId, cause: item.cause });
    if (item.type !== "end") continue;
    const { outcome, exitCode, result } = item;
    log(exitCode === 0 ? "info" : "error", "end", { runId, outcome, exitCode, reason: result.reason });
    return exitCode;
  }
  return EXIT.internal;
}

/** @param {unknown} error */
function giveUp(error) {
  const exitCode = exitCodeFor(error);
  const { name, message } = error instanceof Error ? error : { name: "unknown", message: String(error) };
  const runId = error instanceof MogplexError ? error.runId : null;
  const fields = { runId, name, message, exitCode };
  // Also on standard error, for people who read the job log, and in case the file cannot be written.
  if (path !== undefined) process.stderr.write(`${json(fields)}\n`);
  if (!(error instanceof UsageError) || path === undefined) log("error", "error", fields);
  return exitCode;
}

/** @param {import("@mogplex/ci").MainContext} context */
function work({ signal }) {
  return follow(signal).catch(giveUp);
}

void main(work);
