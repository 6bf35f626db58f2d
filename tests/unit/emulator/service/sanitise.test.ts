import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { cleanForReading, cleanForStorage } from "../../../../lib/emulator/service/sanitise.ts";

const payloads = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 }));

function depthOf(value: unknown): number {
  if (value === null || typeof value !== "object") return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object") return [];
  return Object.values(value).flatMap(strings);
}

test("cleanForReading() never exceeds its bounds", () => {
  fc.assert(fc.property(payloads, (payload) => {
    const cleaned = cleanForReading(payload);
    expect(depthOf(cleaned)).toBeLessThanOrEqual(3);
    expect(Object.keys(cleaned).length).toBeLessThanOrEqual(25);
    expect(JSON.stringify(cleaned).length).toBeLessThanOrEqual(50_000);
    for (const text of strings(cleaned)) expect(text.length).toBeLessThanOrEqual(20_000);
  }));
});

test("cleanForReading() changes nothing when it is applied again, texts that are cut aside", () => {
  const short = fc.dictionary(
    fc.string({ maxLength: 8 }),
    fc.oneof(fc.string({ maxLength: 50 }), fc.integer(), fc.boolean()),
  );
  fc.assert(fc.property(short, (payload) => {
    const once = cleanForReading(payload);
    expect(cleanForReading(once)).toEqual(once);
  }));
});

test("cleanForReading() leaves no GitHub token standing", () => {
  const token = fc.tuple(
    fc.constantFrom("ghp_", "gho_", "ghr_", "ghs_", "ghu_", "github_pat_"),
    fc.stringMatching(/^\w{1,40}$/),
  )
    .map((parts) => parts.join(""));
  fc.assert(fc.property(token, fc.constantFrom(" ", "/", "@", ":"), (secret, around) => {
    expect(JSON.stringify(cleanForReading({ text: `a${around}${secret}${around}b` }))).not.toContain(secret);
  }));
});

test("cleanForReading() does not know mog_ tokens", () => {
  expect(cleanForReading({ text: "mog_abc" })).toEqual({ text: "mog_abc" });
});

test("cleanForReading() counts the marker's text when a cut string lies in JSON", () => {
  const nested = JSON.stringify({ s: "y".repeat(2_100) });
  expect(cleanForReading({ nested }).nested).toBe(`{"s":"${"y".repeat(1_994)}\n...[truncated 34 chars]`);
});

test("cleanForReading() redacts environment keys outside of JSON texts only", () => {
  expect(cleanForReading({ "E-N-V": { a: 1 }, text: '{"env":{"A":1}}' })).toEqual({
    "E-N-V": "[redacted]",
    text: '{"env":{"A":1}}',
  });
});

test("cleanForReading() shows the first 20 000 characters of a payload that is too long", () => {
  const payload = Object.fromEntries("abcdefghijk".split("").map((key) => [key, "x".repeat(2_000)]));
  const cleaned = cleanForReading(payload);
  expect(cleaned.truncated).toBe(true);
  expect(String(cleaned.payloadPreview)).toHaveLength(20_000);
  expect(String(cleaned.payloadPreview)).toStartWith('{"a":"xxx');
});

test("cleanForStorage() has wider bounds and masks too", () => {
  const cleaned = cleanForStorage({
    text: "z".repeat(40_001),
    list: Array.from({ length: 60 }, (_, index) => index),
    deep: { a: { b: { c: { d: 1 } } } },
    token: 1,
  });
  expect(String(cleaned.text)).toEndWith("z\n...[truncated 1 chars]");
  expect(cleaned.list).toHaveLength(50);
  expect(cleaned.deep).toEqual({ a: { b: { c: "[truncated]" } } });
  expect(cleaned.token).toBe("[redacted]");
});

test("cleanForStorage() makes an empty payload of what is no object", () => {
  expect([[], "text", 5, null, undefined].map(cleanForStorage)).toEqual([{}, {}, {}, {}, {}]);
});
