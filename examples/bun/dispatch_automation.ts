/**
 * Triggers an automation that is set up in the app, follows its run, and ends with its verdict.
 *
 * ```sh
 * npm install --prefix . --no-save --ignore-scripts @mogplex/ci@0.1.0
 * bun --no-env-file --config=/dev/null --tsconfig-override=/dev/null --no-install dispatch_automation.ts depth=full
 * ```
 *
 * `MOGPLEX_API_KEY`, `MOGPLEX_REPO_ID` and `MOGPLEX_AUTOMATION_ID` come from the CI system; a token that may only trigger
 * automations is enough. Arguments `NAME=VALUE` become the input of the run, and part of its key: run again with the same ones,
 * the job attaches to its run. Without `--no-install` Bun fetches a package that is missing, in its newest version.
 *
 * Ends with 75 when the service accepted the trigger and started nothing until the end of the time, with 124 when the run is
 * still at work or waits for a slot then.
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import {
  type AutomationItem,
  createClient,
  createLogText,
  EXIT,
  exitCodeFor,
  InterruptedError,
  runAutomation,
  type TriggeredRun,
  UsageError,
} from "@mogplex/ci";

const { line } = createLogText();
const stop = new AbortController();
let mine: TriggeredRun | undefined;

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

function show(item: AutomationItem): void {
  if (item.type === "status") console.log(item.status === "pending" ? "waits for a slot" : line(item.status));
  if (item.type === "waits") console.log(item.count === 0 ? "goes on" : `waits for ${item.count} answers or events`);
}

async function main(args: string[]): Promise<number> {
  const { MOGPLEX_AUTOMATION_ID = "", MOGPLEX_REPO_ID = "" } = Bun.env;
  const request = { repoId: MOGPLEX_REPO_ID, input: inputOf(args) };
  const result = await runAutomation(MOGPLEX_AUTOMATION_ID, request, {
    timeoutMs: 40 * 60_000,
    throwOnFailure: false,
    signal: stop.signal,
    onItem: show,
    onTriggered(triggered) {
      if (triggered.owned) mine = triggered;
      console.log(`automation run ${triggered.runId} ${triggered.replayed ? "found" : "triggered"}`);
    },
  });
  console.log(`verdict ${result.outcome} ${line(result.reason ?? "")}`.trimEnd());
  return result.exitCode;
}

async function giveUp(error: unknown): Promise<number> {
  console.error(`error: ${line(error instanceof Error ? error.message : String(error))}`);
  if (error instanceof InterruptedError && mine !== undefined) {
    const { automationId, runId } = mine;
    const call = { requestTimeoutMs: 4_000, maxAttempts: 1 };
    // Only later revisions of the service can cancel runs of automations.
    await createClient().cancelAutomationRun(automationId, runId, call).then(
      () => console.error(`automation run ${runId} is cancelled`),
      (why) => console.error(`automation run ${runId} goes on: ${line(String(why))}`),
    );
  }
  return exitCodeFor(error);
}

// Never green by accident: whatever ends the script before it has a verdict ends it with 70.
process.exitCode = EXIT.internal;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stop.abort(new InterruptedError(signal)));
}
void main(Bun.argv.slice(2)).catch(giveUp).then((code) => process.exitCode = code);
