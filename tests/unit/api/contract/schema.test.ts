import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  checked,
  exactly,
  list,
  Mismatch,
  nullable,
  number,
  object,
  only,
  type Schema,
  text,
} from "../../../../lib/api/contract/schema.ts";

/** The value that a schema reads, or where it does not. */
function read(schema: Schema<unknown>, value: unknown): unknown {
  const found = schema(value);
  return found instanceof Mismatch ? `${found.path.join(".")}: ${found.problem}` : found;
}

test("schemas of single values refuse every other value, also an absent one", () => {
  expect([read(text, ""), read(text, 5), read(text, undefined)]).toEqual(["", ": invalid_type", ": invalid_type"]);
  expect([0, Infinity, NaN, "1"].map((value) => read(number, value))).toEqual([
    0,
    ": invalid_type",
    ": invalid_type",
    ": invalid_type",
  ]);
  expect([read(exactly(true), true), read(exactly(true), 1)]).toEqual([true, ": invalid_value"]);
  expect([read(nullable(text), null), read(nullable(text), undefined)]).toEqual([null, ": invalid_type"]);
  const short = checked(text, (each) => each.length < 3, "it is long");
  expect(["ab", "abc", 1].map((value) => read(short, value))).toEqual(["ab", ": it is long", ": invalid_type"]);
});

test("a mismatch leads to the first wrong value in the order of the schema, and does not have it", () => {
  const schema = object({ a: list(object({ b: text })), c: text });
  const secret = "mog_0123456789abcdefghij";
  expect(read(schema, { c: 1, a: [{ b: "x" }, { b: [secret] }] })).toBe("a.1.b: invalid_type");
  expect(JSON.stringify(schema({ a: { b: secret }, c: secret }))).not.toContain(secret);
  expect([read(schema, []), read(schema, null), read(schema, { a: [] })]).toEqual([
    ": invalid_type",
    ": invalid_type",
    "c: invalid_type",
  ]);
});

test("object() puts its fields first and keeps all others but __proto__, and only() keeps none", () => {
  const value = JSON.parse('{"z":1,"__proto__":{"polluted":true},"constructor":2,"a":"x"}');
  const kept = read(object({ a: text }), value) as Record<string, unknown>;
  expect(Object.entries(kept)).toEqual([["a", "x"], ["z", 1], ["constructor", 2]]);
  expect([Object.getPrototypeOf(kept), kept.polluted]).toEqual([Object.prototype, undefined]);
  expect(Object.entries(read(only({ a: text }), value) as object)).toEqual([["a", "x"]]);
});

test("object() reads any JSON without an error, and never changes what it was given", () => {
  const schema = object({ a: text, b: list(nullable(number)), c: (value) => value === true });
  fc.assert(fc.property(fc.json(), (json) => {
    const value = JSON.parse(json);
    schema(value);
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(json)));
  }));
});
