import { expect, test } from "bun:test";
import fc from "fast-check";
import { readRecord } from "../../../../lib/campaign/journal/record.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { history } from "./history.ts";
import { recordsOf } from "./sample.ts";
import { propertyRuns } from "../../../property_runs.ts";

test("readRecord() takes what a campaign writes, in the same order", async () => {
  await fc.assert(
    fc.asyncProperty(history(4), async (bodies) => {
      for (const record of await recordsOf(bodies)) {
        const result = readRecord(Object.fromEntries(Object.entries({ ...record, more: 1 }).toReversed()));
        expect(result.ok && JSON.stringify(result.value)).toBe(JSON.stringify(record));
      }
    }),
    { numRuns: propertyRuns(30) },
  );
});

test("readRecord() takes nothing that it would refuse or change a second time", async () => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom(...CORPUS.map(({ text }) => text)),
    fc.constantFrom<unknown>(null, undefined, "", 0, -1, 1e10, 1.5, true, "x".repeat(65), "x".repeat(501)),
  );
  await fc.assert(
    fc.asyncProperty(history(3, 12), fc.nat(30), fc.string(), odd, async (bodies, index, added, value) => {
      for (const record of await recordsOf(bodies)) {
        const names = [...Object.keys(record), added];
        const result = readRecord({ ...record, [names[index % names.length] ?? ""]: value });
        if (result.ok) expect(readRecord(result.value)).toEqual(result);
      }
    }),
    { numRuns: propertyRuns(150) },
  );
});

test("readRecord() names the field that is not valid, and never its value", async () => {
  const [record] = await recordsOf([{
    type: "pull-request",
    item: "acme/web@main",
    state: "open",
    url: "https://forge.example/acme/web/pull/1",
  }]);
  const problems = [
    [],
    { type: "constructor" },
    { ...record, seq: "1" },
    { ...record, seq: 0 },
    { ...record, item: "" },
    { ...record, state: "x".repeat(65) },
    { ...record, url: "javascript:alert(1)" },
    { ...record, details: { draft: 1 } },
    { ...record, details: { draft: true, checks: "blue" } },
  ].map((value) => {
    const result = readRecord(value);
    return result.ok ? null : result.problem.replace("a field is not valid: ", "");
  });
  expect(problems).toEqual([
    "it is not an object",
    '"type" (it is not one of the allowed values)',
    '"seq" (it is not a number)',
    '"seq" (it is not a whole number from 1 to 1000000000)',
    '"item" (it is empty)',
    '"state" (it has more than 64 characters)',
    '"url" (it is not a web address)',
    '"details.draft" (it is not a boolean)',
    '"details.checks" (it is not one of the allowed values)',
  ]);
});
