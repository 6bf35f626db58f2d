/**
 * Starts a run, shows what its agent does, and exits with its verdict. A retried job attaches to its run; a stopped job cancels
 * it.
 *
 * ```sh
 * TOOL="npm:@mogplex/ci@0.1.0/mogplex-ci"
 * ALLOW="$(deno run --no-config --no-lock --no-prompt --allow-env "$TOOL" permissions)"
 * deno run --no-config --no-lock --no-prompt $ALLOW run_and_follow.ts "Fix the flaky tests"
 * ```
 *
 * Set `MOGPLEX_API_KEY` and `MOGPLEX_REPO_ID` in the CI system. `permissions` prints the minimal permissions: the host of the
 * service, the variables by name, the folder `mogplex-ci` for the reports. To use the built `mod.mjs` instead of the package, put
 * it beside this file and import from "./mod.mjs".
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import {
  cancel,
  createLogText,
  exitCodeFor,
  type FollowItem,
  InterruptedError,
  report,
  run,
  UsageError,
} from "npm:@mogplex/ci@0.1.0";

// Text from others goes through this function, so that no line of an agent works as a command of the CI system.
const { line } = createLogText();
const stop = new AbortController();
let mine: string | undefined;

function show(item: FollowItem): void {
  if (item.type === "status") console.log(`status    ${line(item.status)}`);
  if (item.type === "event") console.log(`${line(item.event.type).padEnd(9)} ${line(item.event.message ?? "", 300)}`);
  if (item.type === "gap") console.log("(some events are not visible; the status is)");
}

async function main(prompt: string): Promise<number> {
  if (prompt.startsWith("-")) {
    throw new UsageError(`Cannot start run as a prompt must not begin with "-": usage: run_and_follow.ts PROMPT`);
  }
  const request = { repoId: Deno.env.get("MOGPLEX_REPO_ID") ?? "", prompt, createBranch: true };
  const result = await run(request, {
    timeoutMs: 30 * 60_000,
    throwOnFailure: false,
    signal: stop.signal,
    onItem: show,
    onStarted({ runId, replayed, owned }) {
      if (owned) mine = runId;
      console.log(`run       ${runId} ${replayed ? "found" : "started"}`);
    },
    onNotice(notice) {
      if (notice.kind === "wait") {
        console.error(`waiting ${Math.ceil(notice.delayMs / 1000)} s: ${line(notice.detail)}`);
      }
    },
  });
  console.log(`verdict   ${result.outcome} ${result.pullRequest.url ?? ""} ${line(result.reason ?? "")}`.trimEnd());
  await report(result, [
    { format: "markdown", path: "mogplex-ci/summary.md" },
    { format: "junit", path: "mogplex-ci/junit.xml" },
  ]);
  return result.exitCode;
}

async function giveUp(error: unknown): Promise<number> {
  console.error(`error: ${line(error instanceof Error ? error.message : String(error))}`);
  if (error instanceof InterruptedError && mine !== undefined) {
    await cancel(mine, { timeoutMs: 4_000 }).catch((why) => console.error(`error: ${line(String(why))}`));
  }
  return exitCodeFor(error);
}

// Never green by accident: if the script ends without a verdict, it exits 70.
Deno.exitCode = 70;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  // Windows has no SIGTERM.
  if (signal === "SIGTERM" && Deno.build.os === "windows") continue;
  Deno.addSignalListener(signal, () => stop.abort(new InterruptedError(signal)));
}
void main(Deno.args.join(" ")).catch(giveUp).then((code) => Deno.exitCode = code);
