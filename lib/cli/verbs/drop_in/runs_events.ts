/**
 * `runs events`: prints the events of a run, with `--follow` until it ends.
 *
 * @module
 */
import type { MogplexClient } from "../../../api/client.ts";
import { MAX_EVENTS } from "../../../api/contract/rules.ts";
import { ApiError, DeadlineError, InterruptedError, UsageError } from "../../../errors.ts";
import { EXIT } from "../../../exit_codes.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../../job/session.ts";
import type { RunEvent } from "../../../model.ts";
import { followRun } from "../../../runs/follow.ts";
import { END_EXIT, type EndOutcome } from "../../../result/ends.ts";
import { openDropIn } from "../../job/open.ts";
import { eventLine } from "../../log/drop_in_text.ts";
import { noticeText } from "../../log/notices.ts";
import { requiredArgument } from "../../options/arguments.ts";
import { JSON_LINES } from "../../options/table.ts";
import { duration } from "../../options/values.ts";
import type { Option, Verb, VerbContext } from "../../verb.ts";
import { OF_RUNS } from "../codes.ts";

/** The documented flag, which no variable stands in for. */
const TIMEOUT: Option<number> = {
  name: "timeout",
  value: "SECONDS",
  help: `Maximum time to wait with --follow, also as 30m or 1h30m (default ${DEFAULT_TIMEOUT_MS / 1000})`,
  parse: duration(MAX_TIMEOUT_MS),
};

function printEvent({ flags, writer }: VerbContext, event: RunEvent): void {
  if (flags.has("json")) writer.json(event);
  else writer.out(writer.untrusted(eventLine(event)));
}

/** Thrown for an answer that asks to wait longer than there is time. The follower does not try again after it. */
class NoTimeLeft extends Error {}

/** A client that gives up as soon as `Retry-After` does not fit: a script that waits for the exit code gets it at once. */
function impatient(client: MogplexClient, remainingMs: () => number): MogplexClient {
  const getRunEvents: MogplexClient["getRunEvents"] = async (...args) => {
    try {
      return await client.getRunEvents(...args);
    } catch (error) {
      const tooLong = error instanceof ApiError && (error.retryAfterMs ?? 0) > remainingMs();
      throw tooLong ? new NoTimeLeft("Cannot wait as long as the service asks", { cause: error }) : error;
    }
  };
  return Object.assign(Object.create(client) as MogplexClient, { getRunEvents });
}

async function printUntilEnd(context: VerbContext, runId: string, timeoutMs: number): Promise<EndOutcome> {
  const { io, flags, writer, clock } = context;
  const { client } = openDropIn(context);
  const interrupt = new AbortController();
  const release = io.onSignal((signal) => interrupt.abort(new InterruptedError(signal)));
  const deadline = clock.now() + timeoutMs;
  try {
    const items = followRun(runId, {
      client: impatient(client, () => deadline - clock.now()),
      env: io.env,
      clock,
      timeoutMs,
      // The documented command polls, and its exit codes depend on what the polls meet.
      stream: false,
      signal: interrupt.signal,
      onNotice: (notice) => writer.note(noticeText(notice)),
    });
    for await (const item of items) {
      if (item.type === "event") printEvent(context, item.event);
      if (item.type !== "end") continue;
      const { run, outcome } = item;
      if (flags.has("json")) writer.json({ runId: run.runId, status: run.status });
      else writer.out(`--- run ${writer.untrusted(`${run.runId} ${run.status}`)} ---`);
      return outcome;
    }
    throw new Error("Cannot say how the run ended: the follower stopped without an end");
  } catch (error) {
    if (error instanceof NoTimeLeft) throw error.cause;
    if (error instanceof DeadlineError) {
      throw new DeadlineError(`--follow timed out after ${timeoutMs / 1000}s waiting for terminal status`, {
        cause: error,
      });
    }
    throw error;
  } finally {
    release();
  }
}

async function printOnce(context: VerbContext, runId: string): Promise<number> {
  const { flags, writer } = context;
  const { client, call } = openDropIn(context);
  if (flags.get(TIMEOUT.name) !== undefined) writer.note("--timeout has no effect without --follow");
  const { events } = await client.getRunEvents(runId, { limit: MAX_EVENTS }, call);
  for (const event of events) printEvent(context, event);
  if (events.length >= MAX_EVENTS) writer.note(`The feed shows ${MAX_EVENTS} events at most: there may be more`);
  return EXIT.success;
}

export const runsEventsVerb: Verb = {
  name: "runs events",
  usage: "<run-id>",
  maxPositionals: 1,
  summary: "Print the events of a run; with --follow until it ends",
  group: "drop-in",
  flags: [
    { name: "follow", help: "Go on until the run has ended; end with success whatever its status" },
    TIMEOUT,
    { name: "exit-status", help: "With --follow: end with the verdict, as the verb follow does" },
    JSON_LINES,
  ],
  verdict: { flag: "exit-status", meanings: OF_RUNS },
  examples: ['mogplex-ci runs events "$RUN_ID" --follow --timeout 600'],
  async run(context) {
    const { flags, writer } = context;
    const runId = requiredArgument(context, "runs events", "run-id");
    const timeoutMs = context.option(TIMEOUT) ?? DEFAULT_TIMEOUT_MS;
    const wantsVerdict = flags.has("exit-status");
    if (!flags.has("follow")) {
      if (!wantsVerdict) return await printOnce(context, runId);
      throw new UsageError({ attempted: "print events", why: "--exit-status works with --follow only" });
    }
    const outcome = await printUntilEnd(context, runId, timeoutMs);
    if (wantsVerdict) return EXIT[END_EXIT[outcome]];
    if (outcome !== "awaiting_input") return EXIT.success;
    // Not a terminal status, yet nothing here makes the run go on: the documented command would run into its timeout.
    writer.error(`run ${runId} waits for a person and will not end by itself`);
    return EXIT.failed;
  },
};
