import { withMessage } from "../../../lib/text/notice_text.ts";
import { beforeEach, expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import {
  BodyTooLargeError,
  DeadlineError,
  ForbiddenError,
  NotFoundError,
  RateLimitedError,
  UnauthorizedError,
  UsageError,
} from "../../../lib/errors.ts";
import type { Notice } from "../../../lib/notice.ts";
import type { FollowItem } from "../../../lib/run/follow.ts";
import {
  anEvent,
  aRun,
  drain,
  fakeClient,
  limited,
  lost,
  page,
  refusal,
  RUN_ID,
  type Script,
  someEvents,
  unavailable,
} from "./fake_client.ts";
import { follow } from "./detecting.ts";

// The middle of all jitter, so that delays are whole.
beforeEach(() => {
  Math.random = () => 0.5;
});

/** Items in few letters. */
function short(items: FollowItem[]): string[] {
  return items.map((item) => {
    if (item.type === "status") return item.status;
    if (item.type === "event") return item.event.id;
    return item.type === "gap" ? `(${item.cause})` : `end ${item.outcome}`;
  });
}

async function followed(script: Script, options: { timeoutMs?: number; tokenShare?: number } = {}) {
  const clock = virtualClock();
  const client = fakeClient(clock, script);
  const notices: Notice[] = [];
  const items = follow(RUN_ID, { client, clock, onNotice: (notice) => notices.push(notice), ...options });
  const end = await drain(items);
  return { ...end, short: short(end.items), slept: clock.slept, heard: client.heard, notices, clock };
}

const finished = anEvent("f", "finished");

test("follow() yields the status first, each event once, and the end last", async () => {
  const { items, slept, heard } = await followed({
    events: [
      page("pending", someEvents(1, 1)),
      page("streaming", someEvents(1, 2)),
      page("streaming", [...someEvents(1, 2), finished]),
      page("success", [...someEvents(1, 2), finished]),
    ],
  });
  expect(items).toEqual([
    { type: "status", status: "pending", run: aRun("pending") },
    { type: "event", event: anEvent("e1", "started") },
    { type: "status", status: "streaming", run: aRun("streaming") },
    { type: "event", event: anEvent("e2") },
    { type: "event", event: finished },
    { type: "status", status: "success", run: aRun("success") },
    { type: "end", outcome: "success", run: aRun("success") },
  ]);
  // Young, young, then sub-second after the event that comes before the end.
  expect(slept).toEqual([1_000, 2_000, 300]);
  expect(heard.map(({ what, with: limit }) => `${what} ${limit}`)).toEqual(Array(5).fill("events 200"));
});

test("follow() returns the run as it ended", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { events: [page("failed", [anEvent("f", "failed")], { error: "exit 1" })] });
  const items = follow(RUN_ID, { client, clock });
  let last = await items.next();
  while (!last.done) last = await items.next();
  expect(last.value).toEqual(aRun("failed", { error: "exit 1" }));
});

test.each(["success", "failed", "cancelled", "awaiting_input"])(
  "follow() ends without throwing on %s",
  async (status) => {
    const { short, error } = await followed({ events: [page(status, [finished])] });
    expect(error).toBeUndefined();
    expect(short).toEqual([status, "f", `end ${status}`]);
  },
);

test("follow() takes the verdict from the status alone, however many events say otherwise", async () => {
  const failed = [anEvent("x", "failed"), anEvent("y", "failed")];
  const { short, slept } = await followed({ events: [page("streaming", failed), page("success", failed)] });
  expect(short).toEqual(["streaming", "x", "y", "success", "end success"]);
  expect(slept).toEqual([300]);
});

test("follow() reads once more after the end, after half a second when the last event has not been seen", async () => {
  const { short, slept } = await followed({
    events: [page("failed", someEvents(1, 1)), page("failed", [...someEvents(1, 1), anEvent("f", "failed")])],
  });
  expect(short).toEqual(["failed", "e1", "f", "end failed"]);
  expect(slept).toEqual([500]);
});

test("follow() keeps the first verdict when the row is left again (trap 22)", async () => {
  const { short } = await followed({ events: [page("cancelled", [finished]), page("streaming", [finished])] });
  expect(short).toEqual(["cancelled", "f", "end cancelled"]);
});

test("follow() says that events may be missing when the last read does not work and no last event was seen", async () => {
  const { short, notices } = await followed({ events: [page("failed", someEvents(1, 1)), unavailable(500)] });
  expect(short).toEqual(["failed", "e1", "(events_missed)", "end failed"]);
  expect(notices.map((notice) => notice.kind)).toEqual(["text", "events_missed"]);
});

test("follow() needs no further read when it fails after the last event", async () => {
  const { short, notices } = await followed({ events: [page("failed", [anEvent("f", "failed")]), unavailable(500)] });
  expect(short).toEqual(["failed", "f", "end failed"]);
  expect(notices).toEqual([]);
});

test("follow() looks once more at the deadline, then throws DeadlineError", async () => {
  const { error, slept, heard, clock } = await followed({ events: [page("streaming")] }, { timeoutMs: 12_000 });
  expect(error).toBeInstanceOf(DeadlineError);
  expect((error as Error).message).toBe(
    `Run "${RUN_ID}" was still streaming after 12 seconds`,
  );
  expect(slept).toEqual([1_000, 2_000, 3_000, 6_000]);
  expect(heard.map(({ at, what }) => [at, what]) as unknown[]).toEqual([
    ...[0, 1_000, 3_000, 6_000, 12_000].map((at) => [at, "events"]),
    [12_000, "run"],
  ]);
  expect(clock.now()).toBe(12_000);
});

test("follow() ends with the verdict that the look at the deadline shows", async () => {
  const { short, error } = await followed({
    events: [page("streaming"), page("streaming"), page("success", [finished])],
  }, { timeoutMs: 2_000 });
  expect(error).toBeUndefined();
  expect(short).toEqual(["streaming", "success", "f", "end success"]);
});

test("follow() throws the cause when the look at the deadline does not work either", async () => {
  const { error, clock } = await followed({ events: [page("streaming"), limited()] }, { timeoutMs: 10_000 });
  expect(error).toBeInstanceOf(RateLimitedError);
  expect(clock.now()).toBe(10_000);
});

test("follow() waits out 429, 503, other 5xx, a broken network and pages that are not the API's", async () => {
  const { short, slept, notices } = await followed({
    events: [
      page("pending"),
      limited(60_000),
      unavailable(503, 30_000),
      unavailable(500),
      lost(),
      unavailable(200),
      unavailable(404),
      page("success", [finished]),
    ],
  });
  expect(short).toEqual(["pending", "success", "f", "end success"]);
  // The service's own delay in full, then half a spread; a heartbeat divides the first wait.
  expect(slept.slice(0, 4)).toEqual([1_000, 60_000, 6_250, 36_250]);
  const waits = notices.flatMap((notice) =>
    notice.kind === "wait" ? [[notice.cause, notice.fromService, notice.attempt]] : []
  );
  expect(waits).toEqual([
    ["rate_limit", true, 1],
    ["unavailable", true, 2],
    ["unavailable", false, 3],
    ["network", false, 4],
    ["invalid_answer", false, 5],
    ["invalid_answer", false, 6],
  ]);
});

test("follow() says what is waited for, why, and until when", async () => {
  const { notices } = await followed({ events: [limited(60_000), page("success", [finished])] });
  expect(notices[0]).toEqual(withMessage({
    kind: "wait",
    what: `read events of run "${RUN_ID}"`,
    cause: "rate_limit",
    detail: "HTTP 429 RATE_LIMITED",
    attempt: 1,
    delayMs: 66_250,
    fromService: true,
    untilMs: Date.UTC(2026, 8, 1) + 66_250,
  }));
});

test("follow() looks slowly for a while after a 429", async () => {
  const { slept } = await followed({
    events: [page("pending"), limited(), page("pending"), page("pending"), page("success", [finished])],
  });
  expect(slept).toEqual([1_000, 60_000, 6_250, 25_000, 25_000]);
});

test("follow() says once that it is held back, however often that happens, and why it gives up", async () => {
  const { notices, error, clock } = await followed({ events: [page("pending"), limited()] }, { timeoutMs: 900_000 });
  expect(notices.filter((notice) => notice.kind !== "heartbeat")).toEqual([
    expect.objectContaining({ kind: "wait", cause: "rate_limit", attempt: 1, untilMs: Date.UTC(2026, 8, 1) + 67_250 }),
  ]);
  expect(notices.length).toBeGreaterThan(10);
  expect(error).toBeInstanceOf(RateLimitedError);
  expect(clock.now()).toBe(900_000);
});

test("follow() says again that it is held back after ten calm minutes", async () => {
  const calm = Array<ReturnType<typeof page>>(40).fill(page("pending"));
  const busy = unavailable(503, 5_000);
  const events = [page("pending"), busy, page("pending"), busy, ...calm, ...calm, busy, page("success", [finished])];
  const { notices } = await followed({ events });
  expect(notices.filter((notice) => notice.kind === "wait").length).toBe(2);
});

const permanent = (error: Error) => followed({ events: [error] });

test("follow() throws an error that a retry cannot fix", async () => {
  expect((await permanent(refusal(ForbiddenError, "forbidden", 403))).error).toBeInstanceOf(ForbiddenError);
  expect((await permanent(refusal(NotFoundError, "usage", 404))).error).toBeInstanceOf(NotFoundError);
  expect((await permanent(new UnauthorizedError("no"))).error).toBeInstanceOf(UnauthorizedError);
});

test("follow() does not wait for an address that has never answered as the API", async () => {
  const { error, heard } = await permanent(unavailable(404));
  expect(error).toMatchObject({ exitCode: 69, status: 404 });
  expect(heard.length).toBe(1);
});

test("follow() tries a 401 twice more when the token has worked (trap 4)", async () => {
  const no = new UnauthorizedError("no");
  const passes = await followed({ events: [page("pending"), no, no, page("success", [finished])] });
  expect(passes.short).toEqual(["pending", "success", "f", "end success"]);
  const lasts = await followed({ events: [page("pending"), no] });
  expect(lasts.error).toBe(no);
  expect(lasts.heard.length).toBe(4);
});

test("follow() counts an unknown status as not finished and says so once", async () => {
  const { short, notices } = await followed({
    events: [page("paused"), page("paused"), page("streaming"), page("paused"), page("success", [finished])],
  });
  expect(short).toEqual(["paused", "streaming", "paused", "success", "f", "end success"]);
  expect(notices).toEqual([withMessage({ kind: "unknown_status", status: "paused" })]);
});

test("follow() announces twenty unknown statuses and no more, and tells them apart by their beginning", async () => {
  const strange = Array.from({ length: 30 }, (_, index) => page(`${index} `));
  const long = ["a", "b"].map((end) => page("x".repeat(300) + end));
  const { notices } = await followed({ events: [...long, ...strange, page("success", [finished])] });
  expect(notices.map(({ kind }) => kind)).toEqual(Array(20).fill("unknown_status"));
});

test("follow() reads the run itself after a long silence, and ends with what it shows", async () => {
  const { items, heard } = await followed({
    events: [page("pending"), page("streaming")],
    run: [aRun("streaming"), aRun("failed", { error: "worker died" })],
  });
  expect(items.at(-1)).toMatchObject({ type: "end", outcome: "failed", run: { error: "worker died" } });
  const looks = heard.filter(({ what }) => what === "run").map(({ at }) => at);
  expect(looks.length).toBe(2);
  expect(looks[0]).toBeWithin(120_000, 180_000);
  expect(looks[1] as number - (looks[0] as number)).toBeWithin(120_000, 180_000);
});

test("follow() reads the run itself at the deadline when its events show no end", async () => {
  const script = { events: [page("streaming")], run: [aRun("success")] };
  const { items, error } = await followed(script, { timeoutMs: 12_000 });
  expect([items.at(-1), error]).toEqual([{ type: "end", outcome: "success", run: aRun("success") }, undefined]);
  const failing = await followed({ events: [page("streaming")], run: [unavailable(500)] }, { timeoutMs: 12_000 });
  expect(failing.error).toBeInstanceOf(DeadlineError);
});

test("follow() goes on until the deadline when a run is stuck (trap 21)", async () => {
  const { error, clock } = await followed({ events: [page("streaming", someEvents(1, 4))] }, { timeoutMs: 900_000 });
  expect(error).toBeInstanceOf(DeadlineError);
  expect(clock.now()).toBe(900_000);
});

test("follow() says once that the feed is full, and goes on watching the status", async () => {
  const full = page("streaming", someEvents(1, 200));
  const { short, notices } = await followed({
    events: [full, full, full, full, full, page("success", someEvents(1, 200))],
  });
  expect(short.slice(-3)).toEqual(["(window_full)", "success", "end success"]);
  expect(notices.filter((notice) => notice.kind !== "heartbeat")).toEqual([withMessage({ kind: "window_full" })]);
});

test("follow() says once that events were missed when the window jumped", async () => {
  const { short, notices } = await followed({
    events: [
      page("streaming", someEvents(1, 200)),
      page("streaming", someEvents(301, 500)),
      page("streaming", someEvents(801, 1_000)),
      page("success", [...someEvents(802, 1_000), finished]),
    ],
  });
  expect(short.filter((item) => !/^e\d/.test(item))).toEqual([
    "streaming",
    "(events_missed)",
    "success",
    "f",
    "end success",
  ]);
  expect(notices).toEqual([withMessage({ kind: "events_missed" })]);
});

test("follow() asks for half as many events when the body is too large, at last for the status alone", async () => {
  const tooLarge = new BodyTooLargeError("too large");
  const half = await followed({ events: [tooLarge, tooLarge, page("success", [finished])] });
  expect(half.heard.map((call) => call.with)).toEqual([200, 100, 50, 50]);
  expect(half.short).toEqual(["success", "f", "(events_missed)", "end success"]);
  const none = await followed({ events: [tooLarge], run: [aRun("streaming"), aRun("success")] });
  expect(none.short).toEqual(["streaming", "(events_missed)", "success", "end success"]);
  expect(none.heard.filter(({ what }) => what === "events").map((call) => call.with))
    .toEqual([200, 100, 50, 25, 12, 6, 3, 1]);
});

test("follow() is never silent for more than a minute", async () => {
  const { notices } = await followed({ events: [page("streaming", someEvents(1, 2))] }, { timeoutMs: 600_000 });
  const times = notices.flatMap((notice) => notice.kind === "heartbeat" ? [notice.elapsedMs] : []);
  const gaps = [...times, 600_000].map((at, index) => at - (times[index - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThanOrEqual(60_000);
  expect(Math.min(...gaps.slice(0, -1))).toBeGreaterThan(30_000);
});

test("follow() sends heartbeats within a long wait", async () => {
  const { notices } = await followed({ events: [page("pending"), limited(200_000), page("success", [finished])] });
  expect(notices).toEqual([
    expect.objectContaining({ kind: "wait", delayMs: 206_250 }),
    withMessage({ kind: "heartbeat", status: "pending", elapsedMs: 61_000, requests: 2 }),
    withMessage({ kind: "heartbeat", status: "pending", elapsedMs: 121_000, requests: 2 }),
    withMessage({ kind: "heartbeat", status: "pending", elapsedMs: 181_000, requests: 2 }),
  ]);
});

test("follow() sends at most 72 requests in ten quiet minutes", async () => {
  const begin = Date.UTC(2026, 8, 1);
  const clock = virtualClock();
  const milestones: [at: number, id: string, type: string][] = [
    [0, "a", "started"],
    [90_000, "b", "started"],
    [95_000, "c", "log"],
    [100_000, "d", "status_changed"],
    [590_000, "e", "log"],
    [600_000, "f", "finished"],
  ];
  const answer = () => {
    const events = milestones.filter(([at]) => at <= clock.now()).map(([, id, type]) => anEvent(id, type));
    return page(clock.now() >= 600_500 ? "success" : clock.now() < 100_000 ? "pending" : "streaming", events);
  };
  const client = fakeClient(clock, { events: [answer] });
  const { items, error } = await drain(follow(RUN_ID, { client, clock }));
  expect(error).toBeUndefined();
  expect(items.at(-1)).toMatchObject({ type: "end", outcome: "success" });
  // The start is one request more.
  expect(client.requests + 1).toBeLessThanOrEqual(72);
  expect(clock.wallTime() - begin).toBeLessThan(616_000);
});

test("follow() stays below its share of the token's budget", async () => {
  for (const tokenShare of [1, 2, 5, 10, 30]) {
    const { heard } = await followed({ events: [page("streaming")] }, { tokenShare, timeoutMs: 600_000 });
    // The two looks at the deadline are not part of the rhythm.
    const looks = heard.slice(0, -2);
    for (const { at } of looks) {
      const within = looks.filter((other) => other.at >= at && other.at < at + 60_000).length;
      expect(within * tokenShare).toBeLessThanOrEqual(60);
    }
  }
});

test("follow() rejects with the reason when the signal aborts, and sends nothing more", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { events: [page("pending")] });
  const stop = new AbortController();
  const items = follow(RUN_ID, { client, clock, signal: stop.signal });
  await items.next();
  const next = items.next();
  const reason = new Error("enough");
  stop.abort(reason);
  await expect(next).rejects.toBe(reason);
  expect(client.requests).toBe(1);
});

test("follow() sends nothing more when its loop is left", async () => {
  const clock = virtualClock();
  let signal: AbortSignal | undefined;
  const client = fakeClient(clock, {
    events: [(call) => {
      signal = call.signal;
      return page("pending", someEvents(1, 3));
    }],
  });
  for await (const item of follow(RUN_ID, { client, clock })) if (item.type === "event") break;
  await clock.sleep(60_000);
  expect(client.requests).toBe(1);
  expect(signal?.aborted).toBe(true);
});

test("follow() refuses what is out of range before anything is sent", () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  expect(() => follow("../repos", { client, clock })).toThrow(UsageError);
  expect(() => follow(RUN_ID, { client, clock, timeoutMs: 0 })).toThrow("milliseconds: 0");
  expect(() => follow(RUN_ID, { client, clock, timeoutMs: Infinity })).toThrow(UsageError);
  expect(() => follow(RUN_ID, { client, clock, tokenShare: 0.5 })).toThrow("from 1 to 1000: 0.5");
});
