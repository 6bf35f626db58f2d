/**
 * Triggers an automation from the app, follows its run, and exits with its verdict.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.0.0
 * bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null --no-install dispatch_automation.ts depth=full
 * ```
 *
 * Set `MOGPLEX_API_KEY`, `MOGPLEX_REPO_ID` and `MOGPLEX_AUTOMATION_ID` in the CI system. A token that can only trigger
 * automations is enough. Arguments `NAME=VALUE` become the input of the run and part of its key: if the job runs again with the
 * same arguments, it attaches to its run. Without `--no-install`, Bun downloads the newest version of a missing package.
 *
 * At the deadline, the script exits with 75 if the service accepted the trigger but has started nothing, and with 124 if the run is still
 * running or waits for a slot.
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import { createMogplex, main, type MainContext, UsageError } from "@mogplex/ci";

function inputOf(args: string[]): Record<string, string> {
  return Object.fromEntries(args.map((arg) => {
    const at = arg.indexOf("=");
    if (at < 1 || arg.startsWith("-")) {
      const usage = "usage: dispatch_automation.ts [NAME=VALUE…]";
      throw new UsageError(`Cannot read input as it must be NAME=VALUE: ${JSON.stringify(arg)}; ${usage}`);
    }
    return [arg.slice(0, at), arg.slice(at + 1)];
  }));
}

async function work({ signal, args, line }: MainContext): Promise<number> {
  const { MOGPLEX_AUTOMATION_ID = "", MOGPLEX_REPO_ID = "" } = Bun.env;
  const request = { repo: MOGPLEX_REPO_ID, input: inputOf(args) };
  const result = await createMogplex().automations.run(MOGPLEX_AUTOMATION_ID, request, {
    timeoutMs: 40 * 60_000,
    throwOnFailure: false,
    signal,
    // Only later revisions of the service can cancel runs of automations. The message shows what happened to the run.
    cancelOn: ["abort"],
    onTriggered: ({ runId, replayed }) => console.log(`automation run ${runId} ${replayed ? "found" : "triggered"}`),
    onItem(item) {
      if (item.type === "status") console.log(item.status === "pending" ? "waits for a slot" : line(item.status));
      if (item.type === "waiting") {
        console.log(item.count === 0 ? "is running" : `waits for ${item.count} answers or events`);
      }
    },
  });
  console.log(`verdict ${result.outcome} ${line(result.reason ?? "")}`.trimEnd());
  return result.exitCode;
}

void main(work);
