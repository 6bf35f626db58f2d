/**
 * One task for a list of repositories. Starts one run for each, a few at a time, prints one line per verdict, and exits with one
 * code for all.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.1.0
 * node many_repositories.mjs repositories.txt "Replace the deprecated logger by the new one"
 * ```
 *
 * Set `MOGPLEX_API_KEY` in the CI system. Each line of the list has the id of a repository, optionally followed by its name. `#`
 * begins a comment. `mogplex-ci doctor --repo owner/name` finds an id.
 *
 * A token may start 10 runs a minute, 30 an hour and 150 a day, so a long list takes hours: each start waits as long as the
 * service says. If that is longer than the time left, the rest of the list is not started, and its lines say when it could be.
 * If the job runs again in the same pipeline, it attaches to every run that has not failed. Attaching counts as a start, too.
 *
 * The exit code is that of the worst line, in this order: 130 and 143 (stopped; all runs of this job are cancelled), 70, 64, 65
 * and 2 (fix these first), 1, 4 and 3 (failed, waits for a person, cancelled), 124, 75 and 69 (nothing has failed; running the
 * job again may make it green), 0.
 */
// @ts-check
import { readFileSync } from "node:fs";
import process from "node:process";
import {
  cancel,
  createLogText,
  EXIT,
  exitCodeFor,
  InterruptedError,
  RateLimitedError,
  run,
  UsageError,
} from "@mogplex/ci";

const AT_A_TIME = 4;
const TIMEOUT_MS = 5 * 60 * 60_000;
const MOST = 150;
const WORST_FIRST = [
  ...[EXIT.sigterm, EXIT.sigint, EXIT.internal, EXIT.unauthorized, EXIT.forbidden, EXIT.usage],
  ...[EXIT.failed, EXIT.awaitingInput, EXIT.cancelled, EXIT.deadline, EXIT.rateLimited, EXIT.unavailable, EXIT.success],
];

const { line } = createLogText();
const stop = new AbortController();
/** Runs of this job that have not ended. @type {Set<string>} */
const mine = new Set();
/** Set once the quota is used up: nothing more is started. @type {RateLimitedError | undefined} */
let full;

/** @param {string} path */
function readList(path) {
  let text;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw new UsageError(`Cannot read list of repositories: ${JSON.stringify(path)}`, { cause });
  }
  const ids = text.split("\n").map((each) => each.replace(/#.*/, "").trim().split(/\s+/)[0]?.toLowerCase() ?? "");
  const list = [...new Set(ids.filter((id) => id !== ""))];
  if (list.length > 0 && list.length <= MOST) return list;
  throw new UsageError(
    `Cannot start as the list must have 1 to ${MOST} repositories, the starts of a day: it has ${list.length}`,
  );
}

/**
 * @param {string} repoId
 * @param {string} prompt
 * @param {number} until
 */
async function runOne(repoId, prompt, until) {
  /** @type {string | undefined} */
  let own;
  try {
    if (full !== undefined) throw full;
    const { exitCode, outcome, pullRequest, reason } = await run({ repoId, prompt, createBranch: true }, {
      timeoutMs: Math.max(until - performance.now(), 1),
      tokenShare: AT_A_TIME,
      keyPart: repoId,
      throwOnFailure: false,
      signal: stop.signal,
      onStarted({ runId, owned }) {
        if (owned) mine.add(own = runId);
      },
    });
    if (own !== undefined) mine.delete(own);
    return { exitCode, words: `${outcome} ${pullRequest.url ?? ""} ${line(reason ?? "", 300)}` };
  } catch (error) {
    if (error instanceof RateLimitedError) full ??= error;
    return { exitCode: exitCodeFor(error), words: line(error instanceof Error ? error.message : String(error), 600) };
  }
}

/** @param {string[]} args */
async function main([path = "repositories.txt", prompt = ""]) {
  if ([path, prompt].some((each) => each.startsWith("-"))) {
    throw new UsageError(
      'Cannot start as neither argument may begin with "-": usage: many_repositories.mjs LIST PROMPT',
    );
  }
  const list = readList(path);
  const until = performance.now() + TIMEOUT_MS;
  /** @type {number[]} */
  const codes = [];
  const rest = list.values();
  async function work() {
    // All workers share one iterator, so each repository is taken once.
    for (const repoId of rest) {
      const { exitCode, words } = await runOne(repoId, prompt, until);
      codes.push(exitCode);
      process.stdout.write(`${String(exitCode).padStart(3)} ${line(repoId)} ${words.trim()}\n`);
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  if (stop.signal.aborted) {
    await Promise.all([...mine].map((runId) => cancel(runId, { timeoutMs: 4_000 }).catch(complain)));
  }
  const worst = WORST_FIRST.find((code) => codes.includes(code)) ?? EXIT.internal;
  const good = codes.filter((code) => code === EXIT.success).length;
  process.stdout.write(`${good} of ${list.length} succeeded, exit code ${worst}\n`);
  return worst;
}

/** @param {unknown} error */
function complain(error) {
  process.stderr.write(`error: ${line(error instanceof Error ? error.message : String(error))}\n`);
  return exitCodeFor(error);
}

// Never green by accident: if the script ends without a verdict, it exits 70.
process.exitCode = EXIT.internal;
process.stdout.on("error", () => {});
for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
  process.once(signal, () => stop.abort(new InterruptedError(signal)));
}
void main(process.argv.slice(2)).catch(complain).then((code) => process.exitCode = code);
