import { withMessage } from "../../../lib/text/notice_text.ts";
import { expect, test } from "bun:test";
import { DeadlineError, ForbiddenError, NotFoundError, UnauthorizedError } from "../../../lib/errors.ts";
import { clientFor } from "../../../lib/service/client.ts";
import { kinds, type Service, short, streamed, SUCCESS } from "./streamed.ts";
import { follow } from "./detecting.ts";

const STREAM = "events/stream";
const RESUMED = "events/stream+";

/** A run of so many seconds in which nothing happens but its beginning and its end. */
function quiet(seconds: number): string {
  return `
  - { after: 8, sandbox: up }
  - { after: 1, event: { type: started, message: "started" } }
  - { after: 2, event: { message: "synchronized" } }
  - { after: 1, event: { type: status_changed, message: "streaming" } }
  - { after: ${seconds - 32}, event: { message: "delivered" } }
  - { after: 20, event: { type: finished, message: "finished" } }
  - { after: 1.2, status: success }`;
}

/** Every stream that is opened has this fault. */
function always(service: Service, kind: string, args: object = {}): Service {
  service.emulator.control("fault", { kind, route: "GET /runs/*/events/stream", times: 1_000, ...args });
  return service;
}

/** The next streams have it. */
function once(service: Service, kind: string, args: object = {}): Service {
  service.emulator.control("fault", { kind, route: "GET /runs/*/events/stream", ...args });
  return service;
}

test("follow() takes a run from its stream, and looks at the run only when the stream cannot tell", async () => {
  const { said, error, heard, notices, delayMs } = await streamed().follow();
  expect(error).toBeUndefined();
  expect(said).toEqual(SUCCESS);
  expect(heard).toEqual([
    [0, STREAM],
    [12_000, "run"],
    [33_300, "run"],
    [33_900, "run"],
    [35_100, "run"],
    [35_100, "events"],
  ]);
  expect(notices).toEqual([]);
  expect(delayMs).toBe(900);
});

test("follow() says on the base what it says on later revisions, and remembers that there is no stream", async () => {
  const service = streamed("success", { revision: { stream: false } });
  const first = await service.follow();
  expect(kinds(first.heard).slice(0, 2)).toEqual([STREAM, "events"]);
  expect(kinds(first.heard).filter((kind) => kind === STREAM).length).toBe(1);
  expect([...first.said].sort()).toEqual([...SUCCESS].sort());
  expect(first.notices).toEqual([]);
  const second = await service.follow();
  expect(kinds(second.heard)).not.toContain(STREAM);
  expect(second.said.at(-1)).toBe("end success");
  // What is remembered belongs to what sends the requests as well.
  const fetch = service.options.fetch;
  const other = await service.follow({ fetch: (url, init) => fetch?.(url, init) as Promise<Response> });
  expect(kinds(other.heard)[0]).toBe(STREAM);
});

test.each(["stream-405", "stream-html", "stream-json"])(
  "follow() remembers %s as no stream, silently",
  async (kind) => {
    const service = always(streamed(), kind);
    const first = await service.follow();
    expect(kinds(first.heard).filter((each) => each === STREAM)).toEqual([STREAM]);
    expect([first.said.at(-1), first.notices]).toEqual(["end success", []]);
    expect(kinds((await service.follow()).heard)).not.toContain(STREAM);
  },
);

test("follow() polls without the stream when it is told to", async () => {
  const { said, heard } = await streamed().follow({ stream: false });
  expect(kinds(heard).every((kind) => kind === "events")).toBe(true);
  expect(said.at(-1)).toBe("end success");
});

/** What a poller says of the same run: it sees status and events together. */
const POLLED = [
  "[pending]",
  "accepted",
  "[streaming]",
  "started",
  "synchronized",
  "streaming",
  "delivered",
  "finished",
  "[success]",
  "end success",
];

test.each(["stream-500", "500", "html502", "empty5xx", "reset0"])(
  "follow() polls after %s, and tries the stream again after five minutes",
  async (kind) => {
    const service = once(streamed(quiet(600)), kind);
    const { said, heard, error } = await service.follow();
    expect(error).toBeUndefined();
    expect(said).toEqual(POLLED);
    const opened = heard.filter(([, what]) => what.startsWith(STREAM));
    expect(opened.map(([, what]) => what)).toEqual([STREAM, RESUMED]);
    expect(opened[1]?.[0]).toBeGreaterThanOrEqual(300_000);
    expect(opened[1]?.[0]).toBeLessThan(312_000);
    // After that it streams: the end is seen within a second.
    expect(heard.filter(([at]) => at > 320_000 && at < 580_000).length).toBeLessThanOrEqual(3);
  },
);

test.each(["429", "503"])("follow() waits as long as %s asks, says so, and streams then", async (kind) => {
  const { said, heard, notices } = await once(streamed(quiet(200)), kind, { retryAfter: 7 }).follow();
  expect(said).toEqual(SUCCESS);
  expect(heard.slice(0, 2)).toEqual([[0, STREAM], [7_000, STREAM]]);
  expect(notices[0]).toMatchObject({ kind: "wait", fromService: true, delayMs: 7_000, attempt: 1 });
  expect(notices[0]).toMatchObject({ what: expect.stringContaining("open the event stream of run") });
});

test("follow() does not wait for a stream that is always refused: it polls meanwhile", async () => {
  const { said, heard } = await always(streamed(quiet(200)), "503", { retryAfter: 2 }).follow();
  expect(said.at(-1)).toBe("end success");
  expect(kinds(heard).slice(0, 6)).toEqual([STREAM, STREAM, STREAM, STREAM, "events", "events"]);
});

test("follow() throws an error that a retry cannot fix when it opens a stream, as for any request", async () => {
  const asks = async (token: string, runId?: string) => {
    const service = streamed("");
    const { error, heard } = await service.follow({ token }, runId ?? await service.start());
    return [error?.constructor, heard.length];
  };
  expect(await asks("mog_nobodyKnowsThisToken00000000000")).toEqual([UnauthorizedError, 1]);
  expect(await asks(streamedToken, "00000000-0000-4000-8000-00000000dead")).toEqual([NotFoundError, 1]);
  const service = streamed("");
  const { error } = await service.follow({ fetch: () => forbidden() });
  expect(error).toBeInstanceOf(ForbiddenError);
});

const streamedToken = "mog_aliceReadWriteToken0000000000001";
const forbidden = () =>
  new Response(JSON.stringify({ ok: false, error: { code: "FORBIDDEN", message: "no" } }), { status: 403 });

test("follow() tries a 401 again when the token has worked", async () => {
  const service = streamed(quiet(60));
  once(service, "stream-closed");
  once(service, "401", { times: 2 });
  const { said, error } = await service.follow();
  expect(error).toBeUndefined();
  expect(said).toEqual(SUCCESS);
});

test("follow() polls behind a proxy that holds the stream back, after ten seconds", async () => {
  const { said, heard, notices } = await always(streamed(quiet(400)), "stream-buffered").follow();
  expect(said.at(-1)).toBe("end success");
  expect(heard.slice(0, 2)).toEqual([[0, STREAM], [10_000, "events"]]);
  expect(kinds(heard).filter((kind) => kind.startsWith(STREAM))).toEqual([STREAM]);
  expect(notices.every(({ kind }) => kind === "heartbeat")).toBe(true);
});

test("follow() looks at the run when a stream breaks in the middle of an event, and goes on after the last whole one", async () => {
  const service = once(streamed(), "stream-cut");
  const { said, items, heard, notices } = await service.follow();
  expect(said).toEqual(POLLED);
  expect(kinds(heard).slice(0, 3)).toEqual([STREAM, "run", RESUMED]);
  const ids = items.flatMap((item) => item.type === "event" ? [item.event.id] : []);
  expect(new Set(ids).size).toBe(ids.length);
  expect(notices).toEqual([]);
});

test("follow() says why a stream is opened again and again, and polls when that does not help", async () => {
  const { said, heard, notices } = await always(streamed(quiet(400)), "stream-closed").follow();
  expect(said.at(-1)).toBe("end success");
  const opened = kinds(heard).filter((kind) => kind.startsWith(STREAM));
  expect(opened.length).toBe(12);
  const waits = notices.filter((notice) => notice.kind === "wait");
  expect(waits[0]).toMatchObject({ cause: "network", detail: "the stream ended", attempt: 2 });
  expect(heard.length).toBeLessThan(72);
});

test("follow() opens the stream again when the host ends it after 800 s", async () => {
  const { said, heard, notices } = await streamed(quiet(1_500)).follow({ timeoutMs: 1_800_000 });
  expect(said).toEqual(SUCCESS);
  expect(kinds(heard).filter((kind) => kind.startsWith(STREAM))).toEqual([STREAM, RESUMED]);
  expect(notices.every(({ kind }) => kind === "heartbeat")).toBe(true);
});

test("follow() finds out by itself that a stream is deaf, shows what it missed once, and opens another", async () => {
  const service = once(streamed(quiet(400)), "stream-silent");
  const { said, heard } = await service.follow();
  expect(said).toEqual(POLLED);
  expect(heard.slice(0, 2)).toEqual([[0, STREAM], [expect.any(Number), "events"]]);
  const [silent = 0, again = 0] = [heard[1]?.[0], heard[2]?.[0]];
  expect(silent).toBeGreaterThanOrEqual(120_000);
  expect(silent).toBeLessThanOrEqual(150_000);
  expect(heard[2]?.[1]).toBe(RESUMED);
  expect(again - silent).toBeLessThanOrEqual(1_000);
});

test("follow() shows every event once and in order, however a stream repeats and mixes them", async () => {
  for (const kind of ["stream-disorder", "stream-hostile"]) {
    const { said, error, notices } = await always(streamed(), kind).follow();
    expect(error).toBeUndefined();
    expect([kind, said]).toEqual([kind, SUCCESS]);
    expect(notices).toEqual([]);
  }
});

test("follow() begins again without the last event when the service does not know it any more", async () => {
  const service = streamed(`
  - { after: 8, sandbox: up }
  - { after: 1, event: { message: "one" } }
  - { resume: true }
  - { after: 1, event: { type: started, message: "two" } }
  - { after: 9, event: { type: finished, message: "finished" } }
  - { after: 1, status: success }`);
  const { said, heard } = await once(service, "stream-cut").follow();
  expect(said).toEqual(["[pending]", "accepted", "[streaming]", "two", "finished", "[success]", "end success"]);
  expect(kinds(heard).slice(0, 4)).toEqual([STREAM, "run", RESUMED, STREAM]);
});

test("follow() never opens a stream again after an event that ends the run", async () => {
  const service = streamed("stuck-finished");
  const { error, heard } = await service.follow({ timeoutMs: 120_000 });
  expect(error).toBeInstanceOf(DeadlineError);
  expect(kinds(heard).filter((kind) => kind.startsWith(STREAM))).toEqual([STREAM]);
  expect(heard.filter(([at, what]) => what === "run" && at > 30_000).map(([at]) => at)).toEqual([
    32_300,
    32_900,
    34_100,
    36_500,
    41_500,
    120_000,
  ]);
});

test("follow() ends with awaiting input for a run that waits for an answer", async () => {
  const { said } = await streamed("awaiting-input").follow();
  expect(said.slice(-3)).toEqual(["finished", "[awaiting_input]", "end awaiting_input"]);
});

test.each([true, false])("follow() shows all of a long run that ended before, tail window %p", async (tailWindow) => {
  const service = streamed("many-events", { revision: { tailWindow } });
  const runId = await service.start();
  service.clock.advance(200_000);
  const { said, heard } = await service.follow({}, runId);
  expect(service.clock.now()).toBeLessThan(201_000);
  const gaps = said.filter((word) => word.startsWith("("));
  if (tailWindow) {
    // Nothing shows the first ones any more.
    expect(gaps).toEqual(["(events_missed)"]);
    expect(said.length).toBe(203);
  } else {
    expect(gaps).toEqual([]);
    expect(said.length).toBe(268);
    expect(said.slice(0, 2)).toEqual(["[success]", "accepted"]);
  }
  expect(said.slice(-4).filter((word) => !word.startsWith("("))).toContain("end success");
  expect(said).toContain("delivered");
  expect(kinds(heard)).toEqual([STREAM, "events", "events"]);
});

test("follow() shows all of a run of more than 200 events on a feed of the first 200, and calls nothing hidden", async () => {
  const service = streamed("many-events", { revision: { tailWindow: false } });
  const { said, notices } = await service.follow();
  expect(said.length).toBe(4 + 5 + 260 + 1);
  expect(said.filter((word) => word.startsWith("("))).toEqual([]);
  expect(notices.filter(({ kind }) => kind !== "heartbeat")).toEqual([]);
});

test("follow() does not wait for the end of a stream whose run has ended without saying so", async () => {
  const service = streamed("");
  const runId = await service.start();
  service.emulator.control("setRun", { runId, run: { status: "cancelled" } });
  const { said } = await service.follow({}, runId);
  expect(said).toEqual(["[cancelled]", "accepted", "end cancelled"]);
  expect(service.clock.now()).toBeLessThanOrEqual(1_000);
});

test("follow() leaves a stream that goes on after the end of its run, and says that events were missed", async () => {
  const { clock, emulator, start, follow: followed, options } = streamed("");
  const runId = await start();
  emulator.control("setRun", { runId, run: { status: "cancelled" } });
  const at = "2026-09-01T00:00:00Z";
  const branch = { base: "main", working: "mogplex/x", createBranch: true };
  const record = {
    ...{ runId, repoId: "e0000000-0000-4000-8000-000000000001", harness: "codex", status: "cancelled" },
    ...{ branch, createdAt: at, updatedAt: at },
  };
  let index = 0;
  const body = new ReadableStream({
    async pull(controller) {
      if (index > 0) await clock.sleep(400);
      const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
      const event = {
        id,
        type: index === 0 ? "started" : "log",
        toolName: null,
        message: `event ${index}`,
        payload: {},
      };
      const run = index++ === 0 ? `event: run\ndata: ${JSON.stringify(record)}\n\n` : "";
      const text = `${run}data: ${JSON.stringify({ ...event, createdAt: at })}\n\n`;
      controller.enqueue(new TextEncoder().encode(text));
    },
  });
  const endless = new Response(body, { headers: { "content-type": "text/event-stream" } });
  const { said } = await followed({
    fetch: (url, init) =>
      new URL(url).pathname.endsWith("/stream")
        ? Promise.resolve(endless)
        : options.fetch?.(url, init) as Promise<Response>,
  }, runId);
  expect([said.slice(0, 2), said.at(-1)]).toEqual([["[cancelled]", "event 0"], "end cancelled"]);
  expect(said).toContain("(events_missed)");
  expect(clock.now()).toBeLessThan(7_000);
});

test("follow() ends at the deadline with a last look, and closes the stream", async () => {
  const service = streamed("stuck-streaming");
  const { error, heard } = await service.follow({ timeoutMs: 95_000 });
  expect(error).toBeInstanceOf(DeadlineError);
  expect(heard.slice(-2)).toEqual([[95_000, "events"], [95_000, "run"]]);
  expect(service.clock.now()).toBe(95_000);
  expect(service.emulator.world.feed.size).toBe(0);
});

test("follow() rejects with the reason when the signal aborts, and closes the stream", async () => {
  const service = streamed("stuck-streaming");
  const runId = await service.start();
  const stop = new AbortController();
  const reason = new Error("enough");
  void service.clock.sleep(30_000).then(() => stop.abort(reason));
  const { error, heard } = await service.follow({ signal: stop.signal }, runId);
  expect(error).toBe(reason);
  expect(service.clock.now()).toBe(30_000);
  expect(service.emulator.world.feed.size).toBe(0);
  expect(kinds(heard)).toEqual([STREAM, "run"]);
});

test("follow() closes the stream when its loop is left", async () => {
  const service = streamed("stuck-streaming");
  const items = [];
  for await (const item of follow(await service.start(), service.options)) {
    items.push(item);
    if (short(items).at(-1) === "started") break;
  }
  await service.clock.sleep(60_000);
  expect(service.emulator.world.feed.size).toBe(0);
  expect(kinds(service.heard)).toEqual([STREAM]);
});

test("follow() is never silent for more than a minute on a stream", async () => {
  const service = streamed("stuck-streaming");
  const { notices, items } = await service.follow({ timeoutMs: 600_000 });
  expect(items.length).toBe(6);
  const times = notices.flatMap((notice) => notice.kind === "heartbeat" ? [notice.elapsedMs] : []);
  const gaps = [12_000, ...times, 600_000].slice(1).map((at, index) => at - ([12_000, ...times][index] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000);
  expect(Math.min(...gaps.slice(0, -1))).toBeGreaterThanOrEqual(40_000);
});

test("follow() sends at most ten requests in ten quiet minutes of a stream, its start included", async () => {
  for (const seconds of [580, 600, 620]) {
    const { said, heard, delayMs } = await streamed(quiet(seconds)).follow();
    expect(said).toEqual(SUCCESS);
    expect(heard.length + 1).toBeLessThanOrEqual(10);
    expect(delayMs).toBeLessThan(2_000);
  }
});

test("follow() tells the end within two seconds when thirty jobs share a token", async () => {
  const service = streamed(quiet(90));
  const delays: number[] = [];
  async function job(index: number) {
    // No more starts than the service permits.
    await service.clock.sleep(index * 7_500);
    const runId = await service.start(`Task ${index}`);
    for await (const item of follow(runId, service.options)) {
      if (item.type !== "end") continue;
      expect(item.outcome).toBe("success");
      const row = service.emulator.world.store.runs.get(runId);
      delays.push(service.clock.wallTime() - (row?.updated_at ?? 0) / 1000);
    }
  }
  await Promise.all(Array.from({ length: 30 }, (_, index) => job(index)));
  expect(delays.length).toBe(30);
  expect(Math.max(...delays)).toBeLessThan(2_000);
  expect(service.notices.filter(({ kind }) => kind === "wait")).toEqual([]);
});

test("follow() tells the right end and each event once whatever fails on the way", async () => {
  const randomKinds = [
    "503",
    "503-no-retry",
    "500",
    "html502",
    "truncated",
    "reset0",
    "resetMid",
    "429",
    "stream-cut",
    "stream-closed",
    "stream-silent",
    "stream-buffered",
    "stream-disorder",
    "stream-hostile",
    "stream-500",
  ] as const;
  for (let seed = 1; seed <= 12; seed++) {
    const randomFaults = { rate: 0.5, kinds: randomKinds, seed, retryAfter: 5 };
    const service = streamed(seed % 2 === 0 ? "many-events" : "agent-failure", { randomFaults });
    const { items, error, said } = await service.follow({ timeoutMs: 3_600_000 });
    expect(error).toBeUndefined();
    expect([seed, said.at(-1)]).toEqual([seed, seed % 2 === 0 ? "end success" : "end failed"]);
    const ids = items.flatMap((item) => item.type === "event" ? [item.event.id] : []);
    expect(new Set(ids).size).toBe(ids.length);
    if (!said.includes("(events_missed)") && !said.includes("(window_full)")) {
      expect(ids.length).toBe(service.emulator.world.store.events.values().next().value?.length ?? 0);
    }
    expect(service.emulator.world.feed.size).toBe(0);
  }
});

const sse = (...messages: string[]) =>
  new Response(messages.map((message) => `${message}\n\n`).join(""), {
    headers: { "content-type": "text/event-stream" },
  });

/** The service, but with these answers to the first openings of a stream. */
async function replaced(scenario: string, ...answers: (() => Response)[]) {
  const service = streamed(scenario);
  const runId = await service.start();
  const own = service.options.fetch;
  const { heard: _heard, ...rest } = await service.follow({
    timeoutMs: 120_000,
    fetch(url, init) {
      const answer = new URL(url).pathname.endsWith("/stream") ? answers.shift() : undefined;
      return answer === undefined ? own?.(url, init) as Promise<Response> : answer();
    },
  }, runId);
  return rest;
}

test("follow() believes no stream that speaks of another run, or of none", async () => {
  const run = { runId: "00000000-0000-4000-8000-00000000dead", status: "success" };
  const lie = () => sse(": connected", `event: run\ndata: ${JSON.stringify(run)}`, `event: run\ndata: {}`);
  const { said, error } = await replaced("success", lie, () => sse(), () => new Response(null, lie()));
  expect(error).toBeUndefined();
  expect(said.slice(-3)).toEqual(["finished", "[success]", "end success"]);
  expect(said).not.toContain("(events_missed)");
});

test("follow() asks for the run when a stream begins without it", async () => {
  const event = {
    id: "00000000-0000-4000-8000-000000000001",
    type: "started",
    toolName: null,
    message: "hello",
    payload: {},
    createdAt: "2026-09-01T00:00:00Z",
  };
  const { said } = await replaced("success", () => sse(`event: started\ndata: ${JSON.stringify(event)}`));
  expect(said.slice(0, 2)).toEqual(["[pending]", "hello"]);
  expect(said.at(-1)).toBe("end success");
});

test("follow() says that an event was missed when it cannot be read", async () => {
  const broken = () => sse('id: 00000000-0000-4000-8000-000000000001\nevent: log\ndata: {"id":');
  const { said, notices } = await replaced("success", broken);
  expect(said.slice(0, 2)).toEqual(["[pending]", "(events_missed)"]);
  expect(notices).toContainEqual(withMessage({ kind: "events_missed" }));
  expect(said.at(-1)).toBe("end success");
});

test("follow() polls when a message does not end, and is not held up by bytes that never become one", async () => {
  const endless = () => {
    let sent = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (sent++ < 9) controller.enqueue(new TextEncoder().encode(`data: ${"x".repeat(1024 * 1024)}\n`));
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };
  const { said, notices } = await replaced("success", endless);
  expect(said).toContain("finished");
  expect(said.at(-1)).toBe("end success");
  expect(notices).toEqual([]);
});

test("follow() ends when the deadline comes while a stream is opened, or first heard", async () => {
  const hangs = () => new Promise<Response>(() => {}) as unknown as Response;
  const mute = () => new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });
  for (const answer of [hangs, mute]) {
    const service = streamed("stuck-streaming");
    const runId = await service.start();
    const own = service.options.fetch;
    const { error, heard } = await service.follow({
      timeoutMs: 5_000,
      fetch: (url, init) =>
        new URL(url).pathname.endsWith("/stream") ? answer() : own?.(url, init) as Promise<Response>,
    }, runId);
    expect(error).toBeInstanceOf(DeadlineError);
    expect(kinds(heard)).toEqual(["events", "run"]);
    expect(service.clock.now()).toBeLessThanOrEqual(7_000);
  }
});

test("follow() uses no stream with a client that has none", async () => {
  const service = streamed("success");
  const runId = await service.start();
  const { fetch, clock } = service.options;
  const client = clientFor({
    token: streamedToken,
    origin: "https://mogplex.com",
    fetch,
    clock,
  });
  const { said, heard } = await service.follow({
    token: undefined,
    fetch: undefined,
    client: { ...client, openRunEvents: undefined as never },
  }, runId);
  expect(said.at(-1)).toBe("end success");
  expect(kinds(heard)).not.toContain(STREAM);
});
