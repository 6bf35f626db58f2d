/**
 * Starts a run, shows what its agent does, and exits with its verdict. A retried job attaches to its run. A stopped job cancels its run.
 *
 * ```sh
 * TOOL="npm:@mogplex/ci@0.0.0/mogplex-ci"
 * ALLOW="$(deno run --no-config --no-lock --no-prompt --allow-env "$TOOL" permissions)"
 * deno run --no-config --no-lock --no-prompt $ALLOW run_and_follow.ts "Fix the flaky tests"
 * ```
 *
 * Set `MOGPLEX_API_KEY` and `MOGPLEX_REPO_ID` in the CI system. `permissions` prints the minimal permissions: the host of the
 * service, the variables by name, the folder `mogplex-ci` for the reports. To use a build instead of the package, put its `dist/`
 * beside this file and import from "./dist/mod.mjs".
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import { createMogplex, EXIT, main, type MainContext, type Notice, report, UsageError } from "npm:@mogplex/ci@0.0.0";

// `line` makes untrusted text safe to print, so no line from an agent can act as a command of the CI system.
async function work({ signal, args, line }: MainContext): Promise<number> {
  const prompt = args.join(" ");
  if (prompt.startsWith("-")) {
    throw new UsageError(
      `Cannot start run because the prompt must not begin with "-"; usage: run_and_follow.ts PROMPT`,
    );
  }
  const mogplex = createMogplex({
    onNotice(notice: Notice) {
      if (notice.kind !== "wait") return;
      console.error(`waiting ${Math.ceil(notice.delayMs / 1000)} s: ${line(notice.detail)}`);
    },
  });
  const request = { repo: Deno.env.get("MOGPLEX_REPO_ID") ?? "", prompt, createBranch: true };
  const run = mogplex.run(request, {
    timeoutMs: 30 * 60_000,
    signal,
    cancelOn: ["abort"],
    onStarted: ({ runId, replayed }) => console.log(`run       ${runId} ${replayed ? "found" : "started"}`),
  });
  for await (const item of run) {
    if (item.type === "status") console.log(`status    ${line(item.status)}`);
    if (item.type === "event") console.log(`${line(item.event.type).padEnd(9)} ${line(item.event.message ?? "", 300)}`);
    if (item.type === "gap") console.log("(some events are not visible; the status is)");
    if (item.type !== "end") continue;
    const { outcome, exitCode, result } = item;
    console.log(`verdict   ${outcome} ${result.pullRequest.url ?? ""} ${line(result.reason ?? "")}`.trimEnd());
    await report(result, [
      { format: "markdown", path: "mogplex-ci/summary.md" },
      { format: "junit", path: "mogplex-ci/junit.xml" },
    ], { mogplex });
    return exitCode;
  }
  return EXIT.internal;
}

void main(work);
