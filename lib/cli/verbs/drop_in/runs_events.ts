/**
 * `runs events`: prints the events of a run, with `--follow` until it ends.
 *
 * @module
 */
import { MAX_EVENTS } from "../../../api/contract/rules.ts";
import type { MogplexClient } from "../../../api/client.ts";
import { ApiError, DeadlineError, InterruptedError, UsageError } from "../../../errors.ts";
import { EXIT } from "../../../exit_codes.ts";
import type { RunEvent } from "../../../model.ts";
import { follow } from "../../../runs/follow.ts";
import { END_EXIT, type EndOutcome } from "../../../result/ends.ts";
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from "../../../job/session.ts";
import { openDropIn, requiredArgument, wholeNumber } from "../../job/open.ts";
import { eventLine } from "../../log/drop_in_text.ts";
import { noticeText } from "../../log/notices.ts";
import type { VerbContext } from "../../verb.ts";

function printEvent({ flags, writer }: VerbContext, event: RunEvent): void {
  if (flags.has("json")) writer.json(event);
  else writer.out(writer.untrusted(eventLine(event)));
}

/** An answer that asks to wait for longer than there is time: no setback any more. */
class NoTimeLeft extends Error {}

/** A client that gives up as soon as `Retry-After` does not fit; the code in the script has to be told at once. */
function impatient(client: MogplexClient, left: () => number): MogplexClient {
  const getRunEvents: MogplexClient["getRunEvents"] = async (...args) => {
    try {
      return await client.getRunEvents(...args);
    } catch (error) {
      const tooLong = error instanceof ApiError && (error.retryAfterMs ?? 0) > left();
      throw tooLong ? new NoTimeLeft("Cannot wait as long as the service asks", { cause: error }) : error;
    }
  };
  return Object.assign(Object.create(client) as MogplexClient, { getRunEvents });
}

async function printUntilEnd(context: VerbContext, runId: string, seconds: number): Promise<EndOutcome> {
  const { io, flags, writer, clock } = context;
  const { client } = openDropIn(context);
  const interrupt = new AbortController();
  const release = io.onSignal((signal) => interrupt.abort(new InterruptedError(signal)));
  const deadline = clock.now() + seconds * 1000;
  try {
    const items = follow(runId, {
      client: impatient(client, () => deadline - clock.now()),
      env: io.env,
      clock,
      timeoutMs: seconds * 1000,
      // The documented command polls; what it meets is told by its exit codes.
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
    throw new Error("Cannot tell how the run ended: the follower stopped without an end");
  } catch (error) {
    if (error instanceof NoTimeLeft) throw error.cause;
    if (error instanceof DeadlineError) {
      throw new DeadlineError(`--follow timed out after ${seconds}s waiting for terminal status`, { cause: error });
    }
    throw error;
  } finally {
    release();
  }
}

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { flags, writer } = context;
  const runId = requiredArgument(context, "runs events", "run-id");
  const seconds = wholeNumber(flags.get("timeout"), "--timeout", 1, MAX_TIMEOUT_MS / 1000) ??
    DEFAULT_TIMEOUT_MS / 1000;
  const wantsVerdict = flags.has("exit-status");
  if (!flags.has("follow")) {
    if (wantsVerdict) throw new UsageError("runs events: --exit-status works with --follow only");
    const { client, call } = openDropIn(context);
    if (flags.get("timeout") !== undefined) writer.note("--timeout has no effect without --follow");
    const { events } = await client.getRunEvents(runId, { limit: MAX_EVENTS }, call);
    for (const event of events) printEvent(context, event);
    if (events.length >= MAX_EVENTS) writer.note(`The feed shows ${MAX_EVENTS} events at most: there may be more`);
    return EXIT.success;
  }
  const outcome = await printUntilEnd(context, runId, seconds);
  if (wantsVerdict) return EXIT[END_EXIT[outcome]];
  if (outcome !== "awaiting_input") return EXIT.success;
  // No terminal status, yet nothing here makes it go on: the documented command would run into its timeout.
  writer.error(`run ${runId} waits for a person and will not end by itself`);
  return EXIT.failed;
}
