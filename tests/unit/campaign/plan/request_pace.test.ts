import { expect, test } from "bun:test";
import { RequestPace } from "../../../../lib/campaign/plan/resolve.ts";
import { REQUEST_BUDGET } from "../../../../lib/campaign/pace/poll_plan.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { RateLimitedError } from "../../../../lib/errors.ts";
import type { NoticeFacts } from "../../../../lib/notice.ts";

const MINUTE = 60_000;

/** A pace whose requests send as many as `each` says, retries included. */
function paced(each: () => number) {
  const clock = virtualClock();
  const client = { requests: 0 };
  const sentAt: number[] = [];
  const pace = new RequestPace({ client, clock, limitMs: MINUTE });
  const request = () =>
    pace.request(() => {
      const count = each();
      client.requests += count;
      for (let index = 0; index < count; index++) sentAt.push(clock.now());
      return Promise.resolve();
    });
  return { clock, pace, sentAt, request };
}

test("RequestPace sends at most as many requests a minute as the budget allows, and no slower", async () => {
  const { clock, sentAt, request } = paced(() => 1);
  for (let count = 0; count < 3 * REQUEST_BUDGET; count++) await request();
  for (const from of sentAt) {
    expect(sentAt.filter((at) => at >= from && at < from + MINUTE).length).toBeLessThanOrEqual(REQUEST_BUDGET);
  }
  expect(clock.now()).toBe(2 * MINUTE);
});

test("RequestPace counts retries, and requests that failed", async () => {
  const { clock, pace, request } = paced(() => 6);
  for (let count = 0; count < REQUEST_BUDGET / 6; count++) await request();
  expect([pace.lastMinute.length, pace.waitMs]).toEqual([REQUEST_BUDGET, MINUTE]);
  await request();
  expect(clock.now()).toBe(MINUTE);
  const failing = paced(() => {
    throw new Error("no");
  });
  await expect(failing.request()).rejects.toThrow("no");
  expect(failing.pace.lastMinute.length).toBe(0);
});

test("RequestPace gives each request its own deadline, and ends with the signal", async () => {
  const clock = virtualClock();
  const controller = new AbortController();
  const pace = new RequestPace({ client: { requests: 0 }, clock, signal: controller.signal, limitMs: MINUTE });
  await clock.sleep(5_000);
  expect(await pace.request(({ deadline, signal }) => Promise.resolve([deadline, signal]))).toEqual([
    5_000 + MINUTE,
    controller.signal,
  ]);
  controller.abort(new Error("enough"));
  await expect(pace.request(() => Promise.resolve())).rejects.toThrow("enough");
});

test("RequestPace counts the requests of earlier processes, and says once that it waits for them", async () => {
  const clock = virtualClock();
  await clock.sleep(MINUTE);
  const client = { requests: 0 };
  const told: string[] = [];
  const notify = (notice: NoticeFacts) => void told.push(notice.kind === "text" ? notice.message : notice.kind);
  const sentAt = Array.from({ length: REQUEST_BUDGET }, (_, index) => MINUTE - 30_000 + 500 * index);
  const pace = new RequestPace({ client, clock, notify }, sentAt);
  const request = () => pace.request(() => Promise.resolve(client.requests++));
  for (let count = 0; count < 3; count++) await request();
  expect(clock.now()).toBe(MINUTE + 31_000);
  expect(told).toEqual([
    "the service allows 60 requests a minute per token; most of them are used up, so the next one is sent in 30 s",
  ]);
});

test("RequestPace counts requests that overlap once each", async () => {
  const clock = virtualClock();
  const client = { requests: 0 };
  const pace = new RequestPace({ client, clock });
  const send = () => {
    client.requests++;
    return clock.sleep(1_000);
  };
  await Promise.all(Array.from({ length: 5 }, () => pace.request(send)));
  expect([client.requests, pace.lastMinute.length]).toEqual([5, 5]);
});

test("RequestPace sends nothing for a minute after a 429 that names no time", async () => {
  const clock = virtualClock();
  const pace = new RequestPace({ client: { requests: 0 }, clock });
  const facts = { status: 429, code: null, requestId: null, retryAfterMs: null };
  const refused = new RateLimitedError("HTTP 429", "rateLimited", facts);
  const sent: number[] = [];
  const send = () => {
    sent.push(clock.now());
    return sent.length === 1 ? Promise.reject(refused) : Promise.resolve("answer");
  };
  await expect(pace.request(send)).rejects.toBe(refused);
  await clock.sleep(MINUTE - 1);
  await expect(pace.request(send)).rejects.toBe(refused);
  await clock.sleep(1);
  expect([await pace.request(send), sent]).toEqual(["answer", [0, MINUTE]]);
});
