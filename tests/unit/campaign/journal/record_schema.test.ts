import { expect, test } from "bun:test";
import fc from "fast-check";
import { isUsualRecord, readRecord } from "../../../../lib/campaign/journal/record.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { history } from "./history.ts";
import { recordsOf } from "./sample.ts";
import { propertyRuns } from "../../../property_runs.ts";

const USUAL = ["wave", "intent", "started", "seen", "ended"];

test("isUsualRecord() takes what a campaign writes of starts and waves", async () => {
  await fc.assert(
    fc.asyncProperty(history(4), async (bodies) => {
      for (const record of await recordsOf(bodies)) expect(isUsualRecord(record)).toBe(USUAL.includes(record.type));
    }),
    { numRuns: propertyRuns(30) },
  );
});

test("isUsualRecord() takes nothing that the schema would refuse or change", async () => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom(...CORPUS.map(({ text }) => text)),
    fc.constantFrom<unknown>(null, undefined, "", 0, -1, 1e10, 1.5, true, "x".repeat(65), "x".repeat(501)),
  );
  await fc.assert(
    fc.asyncProperty(history(3, 12), fc.nat(30), fc.string(), odd, async (bodies, index, added, value) => {
      for (const record of await recordsOf(bodies)) {
        const names = [...Object.keys(record), added];
        const changed = { ...record, [names[index % names.length] ?? ""]: value };
        if (!isUsualRecord(changed)) continue;
        expect(readRecord(changed)).toEqual({ ok: true, record: changed });
      }
    }),
    { numRuns: propertyRuns(150) },
  );
});
