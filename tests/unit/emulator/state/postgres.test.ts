import { expect, test } from "bun:test";
import * as fc from "fast-check";
import {
  DatabaseError,
  formatTimestamp,
  likeFinder,
  parseTimestamp,
  parseUuid,
  storeJson,
  storeText,
} from "../../../../lib/emulator/state/postgres.ts";

test("formatTimestamp() writes no trailing zeros and the offset +00:00", () => {
  const whole = Date.UTC(2026, 7, 3, 15, 0, 20) * 1_000;
  expect(formatTimestamp(whole)).toBe("2026-08-03T15:00:20+00:00");
  expect(formatTimestamp(whole + 500_000)).toBe("2026-08-03T15:00:20.5+00:00");
  expect(formatTimestamp(whole + 638_123)).toBe("2026-08-03T15:00:20.638123+00:00");
});

test("parseTimestamp() reads what formatTimestamp() writes", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 4e15 }), (micros) => {
    expect(parseTimestamp(formatTimestamp(micros))).toBe(micros);
  }));
});

test("parseTimestamp() takes offsets, Z and a missing zone", () => {
  const same = ["2026-01-01T02:30:00+02:30", "2026-01-01T00:00:00Z", "2026-01-01 00:00:00", "2025-12-31T19:00:00-05"];
  expect(new Set(same.map(parseTimestamp)).size).toBe(1);
});

test("parseUuid() takes every spelling of the column type and gives one back", () => {
  const plain = "0f0f0f0f-0000-4000-8000-00000000dead";
  const spellings = [
    plain,
    plain.toUpperCase(),
    plain.replaceAll("-", ""),
    `{${plain}}`,
    "0f0f-0f0f0000-40008000-00000000-dead",
  ];
  expect(spellings.map(parseUuid)).toEqual(spellings.map(() => plain));
});

test("parseUuid() refuses everything else", () => {
  for (
    const text of ["", "abc", " 0f0f0f0f-0000-4000-8000-00000000dead", "0f0f0f0f-0000-4000-8000-00000000deag", "{0f}"]
  ) {
    expect(() => parseUuid(text)).toThrow(DatabaseError);
  }
});

test("storeText() refuses NUL and nothing else", () => {
  expect(storeText("\ud800é\n")).toBe("\ud800é\n");
  expect(() => storeText("a\0b")).toThrow(DatabaseError);
});

test("storeJson() sorts keys by length, then by bytes, at every depth", () => {
  const stored = storeJson({ bb: 1, a: { zz: 1, c: 2 }, é: 3, ab: [{ y: 1, x: 2 }] });
  expect(JSON.stringify(stored)).toBe('{"a":{"c":2,"zz":1},"ab":[{"x":2,"y":1}],"bb":1,"é":3}');
});

test("storeJson() keeps what a value means", () => {
  const noOddities = (value: unknown) => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value)) && !hasUndefined(value);
  fc.assert(fc.property(fc.jsonValue().filter(noOddities), (value) => {
    expect(storeJson(value)).toEqual(value as never);
  }));
});

function hasUndefined(value: unknown): boolean {
  return JSON.stringify(value) === undefined;
}

test("storeJson() refuses NUL and half a surrogate pair, in keys too", () => {
  for (const value of [{ a: "\0" }, { "\0": 1 }, ["\ud800"], { a: [{ "\udc00": 1 }] }]) {
    expect(() => storeJson(value)).toThrow(DatabaseError);
  }
});

test("likeFinder() knows SQL's wildcards and escapes, and ignores letter case", () => {
  const names = ["acme/snake_case", "acme/snakexcase", "acme/100%", "acme/back\\slash", "acme/[a-z].*"];
  const found = (part: string) => names.filter(likeFinder(part));
  expect(found("SNAKE_CASE")).toEqual(["acme/snake_case", "acme/snakexcase"]);
  expect(found("snake\\_case")).toEqual(["acme/snake_case"]);
  expect(found("e/%se")).toEqual(["acme/snake_case", "acme/snakexcase"]);
  expect(found("100\\%")).toEqual(["acme/100%"]);
  expect(found("back\\\\slash")).toEqual(["acme/back\\slash"]);
  expect(found("[a-z].*")).toEqual(["acme/[a-z].*"]);
  expect(found("")).toEqual(names);
  expect(found("100\\")).toEqual(["acme/100%"]);
  expect(found("10\\")).toEqual([]);
});
