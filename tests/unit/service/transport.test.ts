import { withMessage } from "../../../lib/text/notice_text.ts";
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import {
  BodyTooLargeError,
  NetworkError,
  RateLimitedError,
  UnauthorizedError,
  UnavailableError,
} from "../../../lib/errors.ts";
import { keptToken } from "../../../lib/service/connection.ts";
import { createTransport, type RequestReport } from "../../../lib/service/transport.ts";
import { bad, good, html, json, ORIGIN, run, RUN_ID, script, scripted, thrown, TOKEN } from "./answers.ts";

const RUN = { run: run() };
const never = () => new Promise<Response>(() => {});

test("call() sends token, agent and accept header, and follows no redirect", async () => {
  const { client, sent } = scripted([good(RUN)], { userAgent: "agent/1" });
  await client.getRun(RUN_ID);
  const [request] = sent;
  expect(request?.headers.get("authorization")).toBe(`Bearer ${TOKEN}`);
  expect(request?.headers.get("user-agent")).toBe("agent/1");
  expect(request?.headers.get("accept")).toBe("application/json");
  expect(request?.redirect).toBe("manual");
});

test("call() sends the bare token in the header that is asked for, and in no other", async () => {
  const { client, sent } = scripted([good(RUN)], { tokenHeader: "PRIVATE-TOKEN" });
  await client.getRun(RUN_ID);
  const holding = [...sent[0]?.headers ?? []].filter(([, value]) => value.includes(TOKEN));
  expect(holding).toEqual([["private-token", TOKEN]]);
});

test("call() tries again on network loss, 408, 425, 429 and 5xx, and counts each request", async () => {
  const steps = [
    new TypeError("reset"),
    bad(408, "X"),
    html(425),
    bad(429, "RATE_LIMITED"),
    ...[500, 502, 503, 504, 520].map((status) => html(status)),
  ];
  const { client, sent, clock, notices } = scripted([...steps, good(RUN)]);
  await client.getRun(RUN_ID, { deadline: clock.now() + 600_000 });
  expect(sent.length).toBe(10);
  expect(client.requests).toBe(10);
  expect(clock.slept).toEqual([750, 1500, 3000, 6000, 12_000, 22_500, 22_500, 22_500, 22_500]);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(
    ["network", "unavailable", "unavailable", "rate_limit", ...Array(5).fill("unavailable")],
  );
});

test("call() does not try what Deno does not permit, and says what to permit", async () => {
  const refused = Object.assign(new Error(`Requires net access to "mogplex.com:443"`), { name: "NotCapable" });
  const { client, sent, clock } = scripted([refused]);
  const error = await thrown(client.getRun(RUN_ID));
  expect([error.name, sent.length, clock.slept]).toEqual(["UsageError", 1, []]);
  expect(error.message).toBe(
    `Cannot read run "${RUN_ID}": Deno is not allowed to reach mogplex.com; start Deno with --allow-net=mogplex.com; the ` +
      "permissions command prints all flags",
  );
});

test("call() does not try again when the runtime blocks the port", async () => {
  // What Node.js 24 throws for http://localhost:6666.
  const { client, sent, clock } = scripted([new TypeError("fetch failed", { cause: new Error("bad port") })]);
  const error = await thrown(client.getRun(RUN_ID));
  expect([error.name, sent.length, clock.slept]).toEqual(["UsageError", 1, []]);
  expect(error.message).toContain("the runtime blocks port");
});

test("call() does not try again on any other status", async () => {
  for (const status of [300, 302, 307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 413, 422, 501, 505]) {
    const { client, sent } = scripted([bad(status, "X")]);
    await thrown(client.getRun(RUN_ID));
    expect([status, sent.length]).toEqual([status, 1]);
  }
});

test("call() tries again after a damaged good answer", async () => {
  const cut = new Response(`{"ok":true,"data":{"run":{"runId`, { status: 200 });
  const other = json(200, { ok: true, data: { run: { runId: RUN_ID } } });
  const { client, sent, notices } = scripted([
    cut,
    html(200),
    json(200, null),
    json(200, { ok: false }),
    other,
    new Response(null, { status: 204 }),
    good(RUN),
  ]);
  expect((await client.getRun(RUN_ID)).status).toBe("streaming");
  expect(sent.length).toBe(7);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(Array(6).fill("invalid_answer"));
});

test("call() obeys Retry-After in full, without jitter, and says until when", async () => {
  const date = new Date(Date.UTC(2026, 8, 1) + 1000 + 45_000).toUTCString();
  const { client, clock, notices } = scripted([
    bad(503, "SERVICE_UNAVAILABLE", "x", { "retry-after": "1" }),
    bad(429, "RATE_LIMITED", "x", { "retry-after": date }),
    good(RUN),
  ]);
  await client.getRun(RUN_ID);
  expect(clock.slept).toEqual([1000, 45_000]);
  expect(notices[1]).toEqual(withMessage({
    kind: "wait",
    what: `read run "${RUN_ID}"`,
    cause: "rate_limit",
    detail: "HTTP 429 RATE_LIMITED",
    attempt: 2,
    delayMs: 45_000,
    fromService: true,
    untilMs: Date.UTC(2026, 8, 1) + 46_000,
  }));
});

test("call() reads a date in Retry-After by the clock of its sender", async () => {
  const headers = { date: "Mon, 10 Aug 2020 12:00:00 GMT", "retry-after": "Mon, 10 Aug 2020 12:00:20 GMT" };
  const { client, clock } = scripted([bad(503, "X", "x", headers), good(RUN)]);
  await client.getRun(RUN_ID);
  expect(clock.slept).toEqual([20_000]);
});

test("call() waits by its own backoff when Retry-After is zero or malformed", async () => {
  const { client, clock, notices } = scripted([
    bad(429, "X", "x", { "retry-after": "0" }),
    bad(429, "X", "x", { "retry-after": "soon" }),
    good(RUN),
  ]);
  await client.getRun(RUN_ID);
  expect(clock.slept).toEqual([750, 1500]);
  expect(notices.map((notice) => notice.kind === "wait" && notice.fromService)).toEqual([false, false]);
});

test("call() throws the last error at once when the wait does not fit its deadline", async () => {
  const { client, sent, clock } = scripted([bad(429, "RATE_LIMITED", "x", { "retry-after": "60" })]);
  const error = await thrown(client.getRun(RUN_ID, { deadline: clock.now() + 60_000 }));
  expect(error).toBeInstanceOf(RateLimitedError);
  expect((error as RateLimitedError).retryAfterMs).toBe(60_000);
  expect([sent.length, clock.slept]).toEqual([1, []]);
  const { client: other, clock: same } = scripted([html(502)]);
  const late = await thrown(other.getRun(RUN_ID, { deadline: same.now() + 5_000 }));
  expect(late).toBeInstanceOf(UnavailableError);
  expect(same.slept).toEqual([750, 1500]);
});

test("call() waits at most two minutes when no deadline is given", async () => {
  const { client, clock } = scripted([html(502)]);
  await thrown(client.getRun(RUN_ID));
  const waited = clock.slept.reduce((sum, ms) => sum + ms, 0);
  expect(waited).toBeLessThan(120_000);
  expect(waited).toBeGreaterThan(60_000);
});

test("call() makes one attempt when asked to, or when its deadline has passed already", async () => {
  const { client, sent, clock } = scripted([html(502)]);
  await thrown(client.getRun(RUN_ID, { maxAttempts: 1 }));
  await thrown(client.getRun(RUN_ID, { deadline: clock.now() - 1 }));
  expect([sent.length, clock.slept]).toEqual([2, []]);
});

test("call() gives up an attempt at its limit, headers and body together, and tries again", async () => {
  const silent = () =>
    new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) }));
  const { client, sent, clock, notices } = scripted([never, silent, good(RUN)]);
  await client.getRun(RUN_ID, { requestTimeoutMs: 7_000 });
  expect(sent.length).toBe(3);
  expect(clock.now()).toBe(7_000 + 750 + 7_000 + 1500);
  expect(notices.map((notice) => notice.kind === "wait" && notice.detail)).toEqual(
    Array(2).fill("no complete response within 7 seconds"),
  );
});

test("call() cuts an attempt at the deadline, yet gives the first one two seconds", async () => {
  const { client, clock } = scripted([never]);
  const error = await thrown(client.getRun(RUN_ID, { deadline: 5_000 }));
  expect(error).toBeInstanceOf(NetworkError);
  expect(clock.now()).toBe(5_000);
  await thrown(client.getRun(RUN_ID, { deadline: 4_000 }));
  expect(clock.now()).toBe(7_000);
});

test("call() rejects with the caller's own reason, unwrapped and at once", async () => {
  const reason = { why: "enough" };
  for (const step of [never, html(503)]) {
    const controller = new AbortController();
    const { client, sent } = scripted([
      () => (queueMicrotask(() => controller.abort(reason)), typeof step === "function" ? step() : step.clone()),
    ]);
    expect(await thrown(client.getRun(RUN_ID, { signal: controller.signal }))).toBe(reason as unknown as Error);
    expect(sent.length).toBe(1);
  }
  const { client, sent } = scripted([good(RUN)]);
  expect(await thrown(client.getRun(RUN_ID, { signal: AbortSignal.abort(reason) }))).toBe(reason as unknown as Error);
  expect(sent).toEqual([]);
});

test("call() aborts the request itself when the caller aborts or the limit passes", async () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  const { client } = scripted([(signal) => (signals.push(signal), never())]);
  const controller = new AbortController();
  const pending = thrown(client.getRun(RUN_ID, { signal: controller.signal }));
  await Promise.resolve();
  controller.abort();
  await pending;
  await thrown(client.getRun(RUN_ID, { maxAttempts: 1 }));
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
});

test("call() tries a 401 twice more, with pauses, once the token has worked", async () => {
  const { client, sent, clock, notices } = scripted([good(RUN), bad(401, "UNAUTHORIZED")]);
  await client.getRun(RUN_ID);
  expect(await thrown(client.getRun(RUN_ID))).toBeInstanceOf(UnauthorizedError);
  expect([sent.length, clock.slept]).toEqual([4, [750, 1500]]);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(["unauthorized", "unauthorized"]);
});

test("call() refuses a body above the limit without keeping it, and does not try again", async () => {
  let pulled = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull(controller) {
          pulled++;
          controller.enqueue(new Uint8Array(1000));
        },
      }),
    );
  const { client, sent } = scripted([endless], { maxBodyBytes: 10_000 });
  const error = await thrown(client.getRun(RUN_ID));
  expect(error).toBeInstanceOf(BodyTooLargeError);
  expect(error.message).toBe(`Cannot read run "${RUN_ID}": the response is larger than 10000 bytes`);
  expect(sent.length).toBe(1);
  expect(pulled).toBeLessThan(20);
  const declared = scripted([() => new Response("{}", { headers: { "content-length": "10001" } })], {
    maxBodyBytes: 10_000,
  });
  expect(await thrown(declared.client.getRun(RUN_ID))).toBeInstanceOf(BodyTooLargeError);
});

test("call() refuses an answer of more values than fit into memory", async () => {
  const many = () => new Response(`{"ok":true,"data":[${"{},".repeat(600_000)}0]}`);
  const error = await thrown(scripted([many]).client.getRun(RUN_ID));
  expect(error).toBeInstanceOf(BodyTooLargeError);
  expect(error.message).toBe(`Cannot read run "${RUN_ID}": the response has more than 500000 values`);
});

test("call() reads no more than the head of an error's body", async () => {
  const endless = () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(10_000).fill(65)) }), {
      status: 404,
    });
  const { client } = scripted([endless]);
  expect((await thrown(client.getRun(RUN_ID))).message.length).toBeLessThan(500);
});

test("call() keeps the cause of a network failure, unless it holds the token", async () => {
  const plain = Object.assign(
    new TypeError("fetch failed", { cause: Object.assign(new Error("connect refused"), { code: "ECONNREFUSED" }) }),
  );
  const first = await thrown(scripted([plain]).client.getRun(RUN_ID, { maxAttempts: 1 }));
  expect(first.cause).toBe(plain);
  expect(first.message).toBe(
    `Cannot read run "${RUN_ID}": the network failed: fetch failed: connect refused (ECONNREFUSED)`,
  );
  const leaking = new TypeError(`bad header "Bearer ${TOKEN}"`, { cause: new Error(TOKEN) });
  const second = await thrown(scripted([leaking]).client.getRun(RUN_ID, { maxAttempts: 1 }));
  expect(Bun.inspect(second)).not.toContain(TOKEN);
  expect(second.message).toContain("[redacted]");
});

test("call() throws what is no network failure as it is, without another attempt", async () => {
  const { fetch, sent } = script(good({}));
  const transport = createTransport({ token: TOKEN, origin: ORIGIN, fetch, clock: virtualClock() });
  const bug = new TypeError("a bug of ours");
  const judge = () => {
    throw bug;
  };
  const error = await thrown(
    transport.call({ what: "x", send: (fetch) => fetch(`${ORIGIN}/a`), judge }, { limitMs: 1_000 }),
  );
  expect(error).toBe(bug);
  expect(sent.length).toBe(1);
});

test("call() refuses to send the token to another origin", async () => {
  const { fetch, sent } = script(good({}));
  const transport = createTransport({ token: TOKEN, origin: ORIGIN, fetch, clock: virtualClock() });
  for (
    const url of [
      "http://mogplex.com/a",
      "https://mogplex.com:444/a",
      "https://evil.example/a",
      "https://mogplex.com.evil.example",
    ]
  ) {
    const error = await thrown(
      transport.call(
        { what: "x", send: (fetch) => fetch(url), judge: () => ({ ok: true, value: 1 }) },
        { limitMs: 1_000 },
      ),
    );
    expect(error.message).toBe("Cannot send the token to another origin");
  }
  expect([sent, transport.requests]).toEqual([[], 0]);
});

test("call() reports a request without an answer to onRequest, with a null for its status", async () => {
  const reports: RequestReport[] = [];
  const { client } = scripted([new TypeError("reset"), good(RUN)], {
    onRequest: (report) => void reports.push(report),
  });
  await client.getRun(RUN_ID);
  expect(reports.map(({ status, attempt, requestId }) => [status, attempt, requestId])).toEqual([
    [null, 1, null],
    [200, 2, null],
  ]);
});

test("keptToken() keeps the new token when a late answer refuses the one before", async () => {
  const tokens = [TOKEN, TOKEN.replace("Zk9", "New"), TOKEN.replace("Zk9", "Odd")];
  const kept = keptToken(() => tokens.shift() ?? "");
  const get = () => kept.get({ clock: virtualClock(), signal: undefined });
  const first = await get();
  kept.refused(first);
  const second = await get();
  kept.refused(first);
  expect([await get(), kept.last, second === first]).toEqual([second, second, false]);
  kept.refused(second);
  expect(await get()).not.toBe(second);
});
