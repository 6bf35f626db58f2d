import { expect, test } from "bun:test";
import * as z from "zod/mini";
import { readRecord } from "../../../lib/campaign/journal/record.ts";
import { maxLength, minLength } from "../../../lib/lengths.ts";
import { parseScenario } from "../emulator/scenarios.ts";

/** Maps with a field `length`, which JSON and YAML can write. Most cannot be converted to a number. */
const MAPS = [
  '{"length":{}}',
  '{"length":{"valueOf":1,"toString":1}}',
  '{"length":[]}',
  '{"length":2}',
  '{"length":null}',
  '{"length":"2"}',
];

test.each(MAPS)("minLength() and maxLength() leave the map %s to the check of its type", (json) => {
  for (const value of [JSON.parse(json), Object.assign(Object.create(null), JSON.parse(json))]) {
    for (const type of [z.string(), z.array(z.string())]) {
      const { error } = z.safeParse(type.check(minLength(1), maxLength(3)), value);
      expect(error?.issues.map(({ code }) => code)).toEqual(["invalid_type"]);
    }
  }
});

test("minLength() and maxLength() measure texts and lists when their type fits", () => {
  const text = z.string().check(minLength(1, "short"), maxLength(2, { error: () => "long" }));
  const said = (value: string) => z.safeParse(text, value).error?.issues.map(({ message }) => message);
  expect(["", "a", "ab", "abc"].map(said)).toEqual([["short"], undefined, undefined, ["long"]]);
  expect(z.safeParse(z.array(z.number()).check(minLength(1), maxLength(1)), [1, 2]).success).toBe(false);
});

test.each(MAPS)("readRecord() and parseScenario() refuse the map %s where a text or a list belongs", (json) => {
  const map: unknown = JSON.parse(json);
  expect(readRecord({ schema: 1, type: "note", text: map }).ok).toBe(false);
  expect(readRecord({ schema: 1, type: "retry", items: map }).ok).toBe(false);
  expect(() => parseScenario(`name: x\nmatch: { repo: ${json} }\n`, "s.yaml")).toThrow("it must be a name or pattern");
});
