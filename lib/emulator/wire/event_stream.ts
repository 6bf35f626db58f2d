import type { Context, TypedResponse } from "hono";
import { type Failure, parseLimit } from "./request.ts";
import { route } from "./route.ts";
import { findRun, isTerminalEvent, presentRun } from "../service/runs.ts";
import { Refusal } from "../service/refusal.ts";
import { DatabaseError, parseUuid } from "../state/postgres.ts";
import type { EventRow, RunRow } from "../state/store.ts";
import type { World } from "../state/world.ts";

/** The host ends every request after this time. Source: API reference, "Server-sent events". */
const HOST_CAP_MS = 800_000;
// Source: API reference, "Server-sent events": "in pages of 200".
const STREAM_PAGE_EVENTS = 200;
const HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform" };

const streamRoute = route<never>({ failed: "Failed to stream events" }, ({ world, caller, request, query, param }) => {
  const run = findRun(world, caller.userId, param("runId"));
  if (run === undefined) throw new Refusal(404, "NOT_FOUND", "Run not found");
  const events = replayedEvents(world, run, request.headers.get("last-event-id"), parseLimit(query.get("limit")));
  if (world.around.listenerDown) throw new DatabaseError("the listener is unavailable");
  const body = request.method === "HEAD" ? null : openStream(world, run, events, request.signal);
  return new Response(body, { headers: HEADERS }) as Failure;
});

/** The cast is needed because a successful answer is a stream, which the type of {@linkcode route} does not allow. */
export const getEventStream = streamRoute as unknown as (
  world: World,
  c: Context,
) => Promise<StreamReply | Failure>;

type StreamReply = Response & TypedResponse<string, 200, "text">;

function messageOf(event: EventRow): string {
  return `id: ${event.id}\nevent: ${event.event_type}\ndata: ${event.json}\n\n`;
}

function replayedEvents(world: World, run: RunRow, lastId: string | null, limit: number): readonly EventRow[] {
  world.store.guard("select", "ai_call_events");
  const rows = world.store.events.get(run.ai_call_id) ?? [];
  if (lastId === null) return rows.slice(-limit);
  const id = parseUuid(lastId);
  const at = rows.findIndex((row) => row.id === id);
  if (at < 0) throw new Refusal(400, "BAD_REQUEST", "Last-Event-ID does not belong to this run");
  return rows.slice(at + 1);
}

/** Plays each step of the run when it is due, because a client that only reads a stream sends no request that would play the steps. */
async function keepPlaying(world: World, run: RunRow, until: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && world.clock.nowMs() < until) {
    const due = world.driver.due?.(run) ?? until;
    await world.clock.until(Math.min(due, until), signal);
    if (!signal.aborted) world.driver.catchUp();
  }
}

function openStream(world: World, run: RunRow, events: readonly EventRow[], gone: AbortSignal): ReadableStream {
  const encoder = new TextEncoder();
  const ended = new AbortController();
  return new ReadableStream<Uint8Array>({
    start(controller) {
      let forget = () => {};
      function end(): void {
        if (ended.signal.aborted) return;
        ended.abort();
        forget();
        gone.removeEventListener("abort", end);
        controller.close();
      }
      function send(text: string): void {
        if (!ended.signal.aborted) controller.enqueue(encoder.encode(text));
      }
      ended.signal.addEventListener("abort", () => forget(), { once: true });
      gone.addEventListener("abort", end, { once: true });
      const head = `: connected\n\nevent: run\ndata: ${JSON.stringify(presentRun(world, run))}\n\n`;
      for (let at = 0; at === 0 || at < events.length; at += STREAM_PAGE_EVENTS) {
        const page = events.slice(at, at + STREAM_PAGE_EVENTS).map(messageOf).join("");
        send(at === 0 ? head + page : page);
      }
      if (gone.aborted || events.some(isTerminalEvent)) return end();
      forget = world.feed.listen(run.ai_call_id, {
        onEvent(event) {
          send(messageOf(event));
          if (isTerminalEvent(event)) end();
        },
        onClose: end,
      });
      void keepPlaying(world, run, world.clock.nowMs() + HOST_CAP_MS, ended.signal).finally(end);
    },
    cancel: () => ended.abort(),
  });
}
