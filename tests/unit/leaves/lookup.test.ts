import { expect, test } from "bun:test";
import { groupBy, lookup } from "../../../lib/lookup.ts";
import { detectPlatform } from "../../../lib/ci/detect.ts";

const INHERITED = [...Object.getOwnPropertyNames(Object.prototype), "prototype", ""];

test("lookup() finds what is in a table and nothing that it inherits", () => {
  expect(lookup({ a: 1, b: undefined }, "a")).toBe(1);
  for (const name of INHERITED) expect(lookup({ a: 1 }, name)).toBeUndefined();
  expect(lookup(JSON.parse('{"__proto__": 2}') as Record<string, number>, "__proto__")).toBe(2);
});

test("Platform.jobState() takes a word that every object inherits for unknown", () => {
  for (const word of INHERITED) {
    const env = (name: string) => ({ GITLAB_CI: "true", CI_JOB_STATUS: word, MOGPLEX_JOB_STATUS: word })[name];
    expect([word, detectPlatform(env).jobState(env)]).toEqual([word, "unknown"]);
  }
});

test("groupBy() keeps the order of items and keys, and takes the names that every object inherits as keys", () => {
  expect([...groupBy(["b1", "a1", "b2", "__proto__"], (text) => text.replace(/\d/, ""))])
    .toEqual([["b", ["b1", "b2"]], ["a", ["a1"]], ["__proto__", ["__proto__"]]]);
});
