/**
 * `GET /runs/{runId}/events/stream` of later revisions: server-sent events.
 *
 * @module
 */
import type { Context, TypedResponse } from "hono";
import { isTerminalEvent } from "../service/events.ts";
import { authenticate } from "./auth.ts";
import { DatabaseError, parseUuid } from "../state/postgres.ts";
import { Refusal } from "../service/refusal.ts";
import { fail, type Failure, notFoundPage, refuse } from "./reply.ts";
import { parseLimit, searchParams } from "./request.ts";
import type { EventRow, RunRow } from "../state/rows.ts";
import { findRun, presentRun } from "../service/runs.ts";
import type { World } from "../state/world.ts";

/** A stream that Hono knows the type of. */
export type StreamReply = Response & TypedResponse<string, 200, "text">;

/** The host ends every request after this time, in milliseconds. Source: API reference, "Server-sent events". */
export const HOST_CAP_MS = 800_000;
const PAGE = 200;
const PROBLEM = "Failed to stream events";
const HEADERS = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache, no-transform" };

function messageOf(event: EventRow): string {
  return `id: ${event.id}\nevent: ${event.event_type}\ndata: ${event.json}\n\n`;
}

/** Events to begin with: those after the one that the client has seen last, else the newest. */
function replayed(world: World, run: RunRow, lastId: string | null, limit: number): readonly EventRow[] {
  world.store.guard("select", "ai_call_events");
  const rows = world.store.events.get(run.ai_call_id) ?? [];
  if (lastId === null) return rows.slice(-limit);
  const id = parseUuid(lastId);
  const at = rows.findIndex((row) => row.id === id);
  if (at < 0) throw new Refusal(400, "BAD_REQUEST", "Last-Event-ID does not belong to this run");
  return rows.slice(at + 1);
}

/** Brings the run to where it should be whenever something is due, so that a script plays although nobody asks. */
async function keepPlaying(world: World, run: RunRow, until: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && world.clock.nowMs() < until) {
    const due = world.driver.due?.(run) ?? until;
    await world.clock.until(Math.min(due, until), signal);
    if (!signal.aborted) world.driver.catchUp(run);
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
      for (let at = 0; at === 0 || at < events.length; at += PAGE) {
        const page = events.slice(at, at + PAGE).map(messageOf).join("");
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

/** The handler. */
export function getEventStream(world: World, c: Context): StreamReply | Failure {
  if (!world.revision.stream) return notFoundPage() as Failure;
  const request = c.req.raw;
  const auth = authenticate(world, request);
  if (!auth.ok) return auth.reply;
  try {
    const run = findRun(world, auth.caller.userId, c.req.param("runId") ?? "");
    if (run === undefined) return fail(404, "NOT_FOUND", "Run not found");
    const limit = parseLimit(searchParams(request).get("limit"));
    const events = replayed(world, run, request.headers.get("last-event-id"), limit);
    if (world.around.listenerDown) throw new DatabaseError("the listener is unavailable");
    const body = c.req.method === "HEAD" ? null : openStream(world, run, events, request.signal);
    return new Response(body, { headers: HEADERS }) as StreamReply;
  } catch (error) {
    return refuse(error, PROBLEM);
  }
}
