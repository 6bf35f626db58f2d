/**
 * Your own verdict: exits with 0 only if the run succeeded and opened a pull request.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.0.0
 * bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null --no-install require_pull_request.ts task.md
 * ```
 *
 * Set `MOGPLEX_API_KEY` and `MOGPLEX_REPO_ID` in the CI system. The task comes from a file. To use a build instead of the package,
 * put its `dist/` beside this file and import from "./dist/mod.mjs". Without `--no-install`, Bun downloads the newest version of a
 * missing package.
 *
 * | Exit code | When |
 * | --- | --- |
 * | 0 | success, and a pull request is open |
 * | 1 | the run failed, changed nothing, or opened no pull request |
 * | 69 | success, but it is unknown whether there is a pull request: run the job again to attach to the run |
 * | other | the same as for the command: see docs/exit-codes.md |
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import { createMogplex, EXIT, main, type MainContext, UsageError } from "@mogplex/ci";

async function readTask(path = "task.md"): Promise<string> {
  if (path.startsWith("-")) {
    throw new UsageError(`Cannot read task as its path must not begin with "-": usage: require_pull_request.ts [FILE]`);
  }
  const file = Bun.file(path);
  if (!await file.exists()) throw new UsageError(`Cannot read task: there is no such file: ${JSON.stringify(path)}`);
  return await file.text();
}

async function work({ signal, args: [path] }: MainContext): Promise<number> {
  const request = { repo: Bun.env.MOGPLEX_REPO_ID ?? "", prompt: await readTask(path), createBranch: true };
  // Throws unless the run succeeded; main() prints why.
  const { runId, pullRequest, changed } = await createMogplex().run(request, {
    timeoutMs: 30 * 60_000,
    signal,
    cancelOn: ["abort"],
    onStarted: (started) => console.log(`run ${started.runId} ${started.replayed ? "found" : "started"}`),
  });
  if (pullRequest.state === "open") {
    console.log(`pull request ${pullRequest.url}`);
    return EXIT.success;
  }
  const unknown = pullRequest.state === "unknown";
  const why = unknown ? "its events did not tell" : changed === false ? "nothing was changed" : "none was opened";
  console.error(`error: Cannot accept run ${runId} without a pull request: ${why}`);
  return unknown ? EXIT.unavailable : EXIT.failed;
}

void main(work);
