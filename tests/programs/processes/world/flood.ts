/** A service with a single run that sends too much: more events than fit into memory, or one huge answer. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const FLOOD_RUN = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
/** A token that the service takes; it takes any other one as well. */
export const FLOOD_TOKEN = "mog_floodTestToken0000000000000000001";

const AT = "2026-08-01T00:00:00.000000+00:00";

/** What a run does. */
export interface Flood {
  /** Text of each event. @default {""} */
  message?: string | undefined;
  /** Payload of each event, as JSON. @default {"{}"} */
  payload?: string | undefined;
  /** Events that its stream brings before the one that ends the run. @default {0} */
  events?: number | undefined;
  /** Events are sent together until they are this long. @default {0} (each event alone) */
  chunkLength?: number | undefined;
  /** How long its stream brings events before that one, in milliseconds. @default {0} (only as long as `events` take) */
  lastsMs?: number | undefined;
  /** Whether the run has ended from the beginning, whatever its stream brings. @default {false} */
  over?: boolean | undefined;
  /** Events of a page of the events route, all of the text above. Without it a page has only the last event. @default {0} */
  page?: number | undefined;
}

export interface FloodServer {
  /** Its origin. */
  url: string;
  /** Events that were sent by streams. */
  sent: () => number;
  close(): void;
}

function eventText(index: number, type: string, message: string, payload = "{}"): string {
  const id = `0d5a7c3e-91c4-4f0e-8a55-${index.toString(16).padStart(12, "0")}`;
  return `{"id":"${id}","type":"${type}","toolName":null,"message":${message},"payload":${payload},"createdAt":"${AT}"}`;
}

/** Starts a service whose run floods. */
export async function startFlood(flood: Flood): Promise<FloodServer> {
  const { events = 0, lastsMs = 0, page = 0, chunkLength = 0, payload } = flood;
  const message = JSON.stringify(flood.message ?? "");
  let sent = 0;
  let ended = flood.over === true || events === 0 && lastsMs === 0;

  function runText(): string {
    const branch = { base: "main", working: "mogplex/x", createBranch: true };
    return JSON.stringify({
      runId: FLOOD_RUN,
      repoId: "8f3a2b1c-1234-4abc-9def-1234567890ab",
      harness: "codex",
      status: ended ? "success" : "streaming",
      branch,
      createdAt: AT,
      updatedAt: AT,
    });
  }

  function pageText(): string {
    const all = Array.from({ length: page }, (_, index) => eventText(index, "log", message, payload));
    if (ended) all.push(eventText(0xfffffff, "finished", '"done"'));
    return `{"ok":true,"data":{"run":${runText()},"events":[${all.join(",")}]}}`;
  }

  async function stream(answer: ServerResponse): Promise<void> {
    answer.writeHead(200, { "content-type": "text/event-stream" });
    answer.write(`event: run\ndata: ${runText()}\n\n`);
    let goOn = () => {};
    answer.on("drain", () => goOn()).on("close", () => goOn());
    const until = performance.now() + lastsMs;
    let chunk = "";
    while (!answer.destroyed && (sent < events || performance.now() < until)) {
      const type = sent === 0 ? "started" : "log";
      const text = eventText(sent++, type, message, payload);
      chunk += `id: ${text.slice(7, 43)}\ndata: ${text}\n\n`;
      if (chunk.length < chunkLength) continue;
      const isFull = !answer.write(chunk);
      chunk = "";
      if (isFull) await new Promise<void>((resolve) => goOn = resolve);
    }
    ended = true;
    answer.end(`${chunk}data: ${eventText(0xfffffff, "finished", '"done"')}\n\n`);
  }

  async function handle({ url = "/" }: IncomingMessage, answer: ServerResponse): Promise<void> {
    const route = url.replace(/^.*\/runs\/[^/?]*/, "").replace(/\?.*/, "");
    if (route === "/events/stream" && page === 0) return await stream(answer);
    if (route === "/events/stream") {
      answer.writeHead(404).end("not found");
      return;
    }
    answer.writeHead(200, { "content-type": "application/json" });
    answer.end(route === "/events" ? pageText() : `{"ok":true,"data":{"run":${runText()}}}`);
  }

  const server = createServer((request, answer) => {
    answer.on("error", () => {});
    handle(request, answer).catch(() => answer.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent: () => sent,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
