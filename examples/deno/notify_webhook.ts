/**
 * Starts a run, follows it, and reports the result to a webhook. The JSON is for Slack; Mattermost, Rocket.Chat and Discord (at
 * `/slack`) accept it too. The exit code is the run's verdict, even if the message cannot be sent.
 *
 * ```sh
 * TOOL="npm:@mogplex/ci@0.0.0/mogplex-ci"
 * ALLOW="$(deno run --no-config --no-lock --no-prompt --allow-env "$TOOL" permissions)"
 * deno run --no-config --no-lock --no-prompt $ALLOW --allow-env=WEBHOOK_URL --allow-net=hooks.slack.com notify_webhook.ts "Fix the flaky tests"
 * ```
 *
 * Set `MOGPLEX_API_KEY`, `MOGPLEX_REPO_ID` and `WEBHOOK_URL` in the CI system. The address of a webhook is a secret, because
 * anyone who knows it can post there. The script never prints the address, or errors of `fetch`, which contain the address. The message has only fixed
 * words, ids and one link. It has no text from an agent, which could mention people or look like a second message.
 */
// deno-lint-ignore-file no-console -- a script writes to the log of its job
import {
  createMogplex,
  exitCodeFor,
  main,
  type MainContext,
  MogplexError,
  type RunResult,
  UsageError,
} from "npm:@mogplex/ci@0.0.0";

/** A link as Slack writes it. Source: Slack, "Formatting message text": `&`, `<` and `>` are escaped, `|` ends the address. */
function link(url: string, words: string): string {
  const address = url.replaceAll("&", "&amp;").replaceAll("<", "%3C").replaceAll(">", "%3E").replaceAll("|", "%7C");
  return `<${address}|${words}>`;
}

function messageOf({ outcome, exitCode, runId, pullRequest }: RunResult): string {
  const pull = pullRequest.url === null ? "no pull request known" : link(pullRequest.url, "pull request");
  return `Mogplex run ${runId}: ${outcome} (exit code ${exitCode}), ${pull}`;
}

async function notify(text: string): Promise<void> {
  try {
    const response = await fetch(Deno.env.get("WEBHOOK_URL") ?? "", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
      redirect: "error",
      signal: AbortSignal.timeout(5_000),
    });
    await response.body?.cancel();
    if (!response.ok) console.error(`warning: Cannot notify: the webhook answered HTTP ${response.status}`);
  } catch (error) {
    console.error(
      `warning: Cannot notify, see WEBHOOK_URL and --allow-net: ${error instanceof Error ? error.name : ""}`,
    );
  }
}

async function work({ signal, args, line }: MainContext): Promise<RunResult> {
  const prompt = args.join(" ");
  if (prompt.startsWith("-")) {
    throw new UsageError(
      'Cannot start run because the prompt must not begin with "-"; usage: notify_webhook.ts PROMPT',
    );
  }
  const request = { repo: Deno.env.get("MOGPLEX_REPO_ID") ?? "", prompt, createBranch: true };
  try {
    const result = await createMogplex().run(request, {
      timeoutMs: 30 * 60_000,
      throwOnFailure: false,
      signal,
      cancelOn: ["abort"],
      onStarted: ({ runId, replayed }) => console.log(`run ${runId} ${replayed ? "found" : "started"}`),
    });
    console.log(`verdict ${result.outcome} ${result.pullRequest.url ?? ""} ${line(result.reason ?? "")}`.trimEnd());
    await notify(messageOf(result));
    return result;
  } catch (error) {
    const ours = error instanceof MogplexError;
    const run = ours && error.runId !== null ? ` ${error.runId}` : "";
    const what = ours ? error.name : "internal error";
    await notify(`Mogplex run${run}: no verdict, ${what} (exit code ${exitCodeFor(error)})`);
    throw error;
  }
}

void main(work);
