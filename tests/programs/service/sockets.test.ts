/** What only a real socket shows: resets, silence, half a body, and whether connections are used again. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterAll, expect, test } from "bun:test";
import type { Notice } from "../../../lib/notice.ts";
import { clientFor } from "../../../lib/service/client.ts";
import { REPO_ID, run, RUN_ID, thrown, TOKEN } from "../../unit/service/answers.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const open: (() => void)[] = [];
afterAll(() => open.forEach((close) => close()));

const BODY = JSON.stringify({ ok: true, data: { run: run() } });
function answer(response: ServerResponse, status = 200, body = BODY, headers: Record<string, string> = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body);
}

/** A server that handles the nth request with the nth handler, the last one after that. */
async function serve(...handlers: Handler[]) {
  const sockets: Socket[] = [];
  const seen: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    seen.push(request);
    const handler = handlers[Math.min(seen.length, handlers.length) - 1];
    handler?.(request, response);
  });
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const notices: Notice[] = [];
  const client = clientFor({
    token: TOKEN,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    // Real time, but no waits worth speaking of.
    clock: { now: () => performance.now(), wallTime: () => Date.now(), sleep: shortSleep },
    onNotice: (notice) => notices.push(notice),
  });
  return { client, seen, sockets, notices };
}

/** Waits pass at once; limits take a hundredth of their time. */
function shortSleep(ms: number, { signal, limit }: { signal?: AbortSignal; limit?: boolean } = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const id = setTimeout(resolve, limit ? ms / 100 : 0);
    signal?.addEventListener("abort", () => (clearTimeout(id), reject(signal.reason)), { once: true });
  });
}

test("a connection that is reset before the headers is tried again", async () => {
  const { client, seen, notices } = await serve(
    (request) => request.socket.destroy(),
    (_, response) => answer(response),
  );
  expect((await client.getRun(RUN_ID)).runId).toBe(RUN_ID);
  // Some runtimes repeat a request on a connection that was reset at once; then there is nothing for us to say.
  expect(seen.length).toBe(2);
  expect(notices.length).toBeLessThanOrEqual(1);
});

test("a connection that is reset in the middle of the body is tried again", async () => {
  const { client, seen, notices } = await serve((request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-length": String(BODY.length) });
    response.write(BODY.slice(0, 40), () => setTimeout(() => request.socket.destroy(), 5));
  }, (_, response) => answer(response));
  expect((await client.getRun(RUN_ID)).runId).toBe(RUN_ID);
  expect(seen.length).toBe(2);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(["network"]);
});

test("a chunked body that ends early is tried again", async () => {
  const { client, seen } = await serve((request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write(BODY.slice(0, 40), () => setTimeout(() => request.socket.destroy(), 5));
  }, (_, response) => answer(response));
  expect((await client.getRun(RUN_ID)).runId).toBe(RUN_ID);
  expect(seen.length).toBe(2);
});

test("truncated JSON with a correct length is tried again", async () => {
  const { client, seen, notices } = await serve(
    (_, response) => answer(response, 200, BODY.slice(0, 40)),
    (_, response) => answer(response),
  );
  expect((await client.getRun(RUN_ID)).runId).toBe(RUN_ID);
  expect(seen.length).toBe(2);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(["invalid_answer"]);
});

test("headers that do not come in time are tried again, on a connection of their own", async () => {
  const { client, seen, notices } = await serve(() => {}, (_, response) => answer(response));
  expect((await client.getRun(RUN_ID, { requestTimeoutMs: 10_000 })).runId).toBe(RUN_ID);
  expect(seen.length).toBe(2);
  expect(notices.map((notice) => notice.kind === "wait" && notice.detail)).toEqual([
    "no complete response within 10 seconds",
  ]);
});

test("connections are used again, after good answers and after errors", async () => {
  const { client, seen, sockets } = await serve(
    (_, response) => answer(response),
    (_, response) => answer(response, 404, JSON.stringify({ ok: false, error: { code: "NOT_FOUND", message: "x" } })),
    (_, response) => answer(response, 307, "", { location: "/login?next=x" }),
    (_, response) => answer(response, 502, "<html>".repeat(2000), { "content-type": "text/html" }),
    (_, response) => answer(response, 405, ""),
    (_, response) => answer(response),
  );
  for (let count = 0; count < 6; count++) await client.getRun(RUN_ID, { maxAttempts: 1 }).catch(() => {});
  expect(seen.length).toBe(6);
  expect(sockets.length).toBe(1);
});

test("a redirect is never followed", async () => {
  const { client, seen } = await serve((_, response) => answer(response, 307, "", { location: "/login?next=%2Fapi" }));
  expect((await thrown(client.getRun(RUN_ID))).name).toBe("UnauthorizedError");
  expect(seen.map((request) => request.url)).toEqual([`/api/v1/mogplex/runs/${RUN_ID}`]);
});

test("a start that is repeated sends the same key and the same bytes", async () => {
  const bodies: string[] = [];
  const keep: (next: Handler) => Handler = (next) => (request, response) => {
    let body = "";
    request.on("data", (chunk) => body += chunk).on("end", () => {
      bodies.push(body);
      next(request, response);
    });
  };
  const started = JSON.stringify({ ok: true, data: { ...run("pending"), replayed: true } });
  const { client, seen } = await serve(
    keep((request) => request.socket.destroy()),
    keep((_, response) => answer(response, 500, "")),
    keep((_, response) => answer(response, 202, started)),
  );
  const request = { repoId: REPO_ID, prompt: "Größe 😀 prüfen", createBranch: true };
  expect((await client.startRun(request, { idempotencyKey: "key-1" })).replayed).toBe(true);
  expect(new Set(bodies).size).toBe(1);
  expect(JSON.parse(bodies[0] ?? "")).toEqual(request);
  expect(new Set(seen.map((one) => one.headers["idempotency-key"]))).toEqual(new Set(["key-1"]));
});

test("a server that cannot be reached is a network error after all attempts", async () => {
  const closed = createServer();
  await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
  const free = (closed.address() as AddressInfo).port;
  await new Promise((resolve) => closed.close(resolve));
  const lonely = clientFor({ token: TOKEN, origin: `http://127.0.0.1:${free}` });
  const error = await thrown(lonely.getRun(RUN_ID, { maxAttempts: 1 }));
  expect(error.name).toBe("NetworkError");
  expect(lonely.requests).toBe(1);
});
