import { expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_RETRY_AFTER_MS, parseRetryAfter } from "../../../lib/service/answer.ts";

const NOW = Date.UTC(2026, 7, 10, 12, 0, 0);

test("parseRetryAfter() reads whole seconds", () => {
  expect(["0", "1", "60", "86400", "007"].map((text) => parseRetryAfter(text, NOW))).toEqual([
    0,
    1000,
    60_000,
    86_400_000,
    7000,
  ]);
});

test("parseRetryAfter() reads the three HTTP dates", () => {
  const dates = ["Mon, 10 Aug 2026 12:00:30 GMT", "Monday, 10-Aug-26 12:00:30 GMT", "Mon Aug 10 12:00:30 2026"];
  expect(dates.map((text) => parseRetryAfter(text, NOW))).toEqual([30_000, 30_000, 30_000]);
});

test("parseRetryAfter() gives 0 for a date that has passed", () => {
  expect(parseRetryAfter("Sun, 06 Nov 1994 08:49:37 GMT", NOW)).toBe(0);
  expect(parseRetryAfter("Sunday, 06-Nov-94 08:49:37 GMT", NOW)).toBe(0);
  expect(parseRetryAfter("Sun Nov  6 08:49:37 1994", NOW)).toBe(0);
});

test("parseRetryAfter() ignores everything else", () => {
  const odd = [
    null,
    "",
    " ",
    "-1",
    "+5",
    "1.5",
    "1e3",
    "0x10",
    "5s",
    "60, 60",
    "soon",
    "2026-08-10T12:00:30Z",
    "Aug 10 2026",
    "Mon, 10 Aug 2026 12:00:30 UTC",
    "Mon, 10 Aug 2026 12:00:30 +0000",
    "Mon, 32 Aug 2026 12:00:30 GMT",
    "Mon, 30 Feb 2026 12:00:30 GMT",
    "Mon, 10 Abc 2026 12:00:30 GMT",
    "Mon, 10 Aug 2026 24:00:00 GMT",
  ];
  expect(odd.map((text) => parseRetryAfter(text, NOW))).toEqual(odd.map(() => null));
});

test("parseRetryAfter() gives null or a whole number of milliseconds for any text", () => {
  const near = fc.stringMatching(/^[0-9a-zA-Z ,:+-]{0,40}$/);
  fc.assert(fc.property(fc.oneof(fc.string(), near, fc.bigInt({ min: 0n }).map(String)), (text) => {
    const ms = parseRetryAfter(text, NOW);
    return ms === null || (Number.isSafeInteger(ms) && ms >= 0);
  }));
});

test("parseRetryAfter() never gives more than 30 days, so that the delay can be added to any time", () => {
  for (const text of ["2592001", "9000000000000", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"]) {
    expect(parseRetryAfter(text, NOW)).toBe(MAX_RETRY_AFTER_MS);
  }
  expect(new Date(NOW + MAX_RETRY_AFTER_MS).toISOString()).toBe("2026-09-09T12:00:00.000Z");
});

test("parseRetryAfter() undoes Date.toUTCString() for any date in the next 30 days", () => {
  const last = NOW + MAX_RETRY_AFTER_MS;
  fc.assert(fc.property(fc.integer({ min: NOW / 1000, max: last / 1000 }), (second) => {
    return parseRetryAfter(new Date(second * 1000).toUTCString(), NOW) === second * 1000 - NOW;
  }));
});

test("parseRetryAfter() puts a two-digit year at most 50 years ahead: a later one has passed", () => {
  expect(parseRetryAfter("Monday, 10-Aug-76 12:00:00 GMT", NOW)).toBe(MAX_RETRY_AFTER_MS);
  expect(parseRetryAfter("Monday, 10-Aug-77 12:00:00 GMT", NOW)).toBe(0);
});
