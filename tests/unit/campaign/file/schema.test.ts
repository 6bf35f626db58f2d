import { expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { campaignJsonSchema, campaignKeysTable, type JsonSchema } from "../../../../tools/docs/campaign_schema.ts";
import { read } from "./files.ts";
import { propertyRuns } from "../../../property_runs.ts";

const root = join(import.meta.dir, "../../../..");
const schema = JSON.parse(readFileSync(join(root, "schema/campaign.schema.json"), "utf8"));
const validate = new Ajv2020({ strict: true, strictTypes: false, allErrors: true }).compile(schema);
const EXAMPLE = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, "docs/campaign-file.md"), "utf8"))?.[1] ?? "";

/** What ajv says about a value: the places of its errors. */
function errorsOf(value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath} ${keyword}`);
}

const GOOD = { version: 1, name: "fix", prompt: "Fix it", repositories: ["acme/web"] };

test("campaign.schema.json takes the example of the documents, and the shortest file", () => {
  expect(errorsOf(parse(EXAMPLE))).toEqual([]);
  expect(errorsOf(GOOD)).toEqual([]);
  expect(errorsOf({ ...GOOD, "$schema": "campaign.schema.json" })).toEqual([]);
});

test.each<[string, Record<string, unknown>, string]>([
  ["an unknown key", { brnch: "x" }, " additionalProperties"],
  ["a missing key", { name: undefined }, " required"],
  ["a wrong version", { version: 2 }, "/version const"],
  ["a wrong name", { name: "My Fix" }, "/name pattern"],
  ["a number as a name", { name: 1 }, "/name type"],
  ["too many runs", { limits: { parallel: 4 } }, "/limits/parallel maximum"],
  ["a wrong duration", { limits: { "run-timeout": "1.5h" } }, "/limits/run-timeout anyOf"],
  ["a wrong share", { limits: { "stop-after-failures": "110%" } }, "/limits/stop-after-failures anyOf"],
  ["a wrong agent", { agent: { harness: "" } }, "/agent/harness minLength"],
  ["a wrong entry", { repositories: ["acme"] }, "/repositories/0 anyOf"],
  ["an entry of two forms", { repositories: [{ repo: "a/b", query: "a/" }] }, "/repositories/0 anyOf"],
  ["no entry", { repositories: [] }, "/repositories minItems"],
  ["a wrong window", { windows: ["Mon"] }, "/windows/0 pattern"],
  ["a wrong variable", { variables: { "a b": "x" } }, "/variables propertyNames"],
  ["a merge without its condition", { merge: {} }, "/merge required"],
  ["another condition of a merge", { merge: { when: "green" } }, "/merge/when enum"],
  ["a wrong reviewer", { "pull-requests": { reviewers: ["@ann"] } }, "/pull-requests/reviewers/0 pattern"],
  ["a label with a comma", { "pull-requests": { labels: ["a,b"] } }, "/pull-requests/labels/0 pattern"],
  ["a canary without size", { canary: {} }, "/canary required"],
])("campaign.schema.json refuses %s", (_name, change, expected) => {
  expect(errorsOf({ ...GOOD, ...change })).toContain(expected);
});

test("campaign.schema.json describes every key", () => {
  function check(at: JsonSchema, path: string): void {
    for (const [name, property] of Object.entries(at.properties ?? {})) {
      expect([`${path}${name}`, property.description ?? ""]).toEqual([
        `${path}${name}`,
        expect.stringMatching(/.{5}\.$/),
      ]);
      check(property, `${path}${name}.`);
      for (const form of property.items?.anyOf ?? []) check(form, `${path}${name}[].`);
    }
  }
  check(campaignJsonSchema(), "");
  expect(campaignKeysTable()).toContain("`repositories[].base-branch`");
});

/** Good values of each key. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  name: ["fix", "a-1", "a".repeat(40)],
  round: ["2026-12", "x y", ""],
  title: ["Fix {{ campaign }}", "x".repeat(72)],
  prompt: ["Fix it", "Fix {{ campaign }} in {{ root }}"],
  variables: [{ ticket: "A" }, { ticket: "" }, {}],
  exclude: [["acme/*"], ["*/docs", "**"], []],
  agent: [{ harness: "claude-code", mode: "YOLO" }, { harness: "mogplex" }, {}],
  branch: ["fix/{{ campaign }}", "{{ repository.name }}-{{ round }}x"],
  success: [{ require: "run" }, { "accept-unchanged": true }, {}],
  limits: [
    { parallel: 1, attempts: 10, "run-timeout": "1h30m", "stop-after-failures": "100%" },
    { "run-timeout": 60, "stop-after-failures": 1 },
    { "run-timeout": "0h90m0s" },
    { "run-timeout": "86400" },
  ],
  canary: [{ size: 1 }, { size: 1_000, gate: "manual" }],
  merge: [
    { when: "approved" },
    { when: "approved", after: 0, "at-most": 1_000, method: "rebase", update: false, "without-checks": [] },
    { when: "approved", after: "720h", "without-checks": ["acme/*"] },
  ],
  "pull-requests": [{}, { reviewers: ["ann", "team:acme/web", "codeowners"], labels: ["agent"] }],
  "not-people": [["approver"], []],
  windows: [["Mon 08:00-09:00"], [" daily  8:00-24:00   Europe/Vienna "], ["sat-MON,wed 23:59-0:00 UTC"]],
};

/** Values that some key does not take. */
const ODD = [1, 0, "", "A b", "on", null, true, [], {}, ["Mo"], { size: 0 }, { mode: "auto" }, { "run-timeout": "59" }];

const ENTRY = fc.constantFrom<unknown>(
  "acme/web",
  "acme/api",
  "8f3a2b1c-1234-4abc-9def-1234567890AB",
  { repo: "acme/shop", root: ".", "base-branch": "develop" },
  { repo: "acme/docs", root: "/packages//api/", variables: { ticket: "B" } },
  { repo: "x/y", root: "ünïcode dir" },
  { query: "acme/" },
  { query: "a", exclude: ["**", "a/?*"] },
  { file: "list.txt" },
);

const FILE = fc.record({
  good: fc.record(
    Object.fromEntries(Object.entries(VALUES).map(([key, values]) => [key, fc.constantFrom(...values)])),
    { requiredKeys: ["name", "prompt"] },
  ),
  repositories: fc.uniqueArray(ENTRY, { minLength: 1, maxLength: 4 }),
  odd: fc.option(fc.tuple(fc.constantFrom(...Object.keys(VALUES), "more"), fc.constantFrom<unknown>(...ODD)), {
    nil: null,
  }),
}).map(({ good, repositories, odd }) => ({
  version: 1,
  ...good,
  repositories,
  ...(odd === null ? {} : { [odd[0]]: odd[1] }),
}));

test("a file that the reader takes is valid by campaign.schema.json", async () => {
  let accepted = 0;
  const files = { "list.txt": "other/one\n" };
  await fc.assert(
    fc.asyncProperty(FILE, async (given) => {
      const text = JSON.stringify(given);
      try {
        await read(text, { files });
      } catch (error) {
        expect((error as Error).name).toBe("CampaignFileError");
        return;
      }
      accepted++;
      expect(errorsOf(JSON.parse(text))).toEqual([]);
    }),
    { numRuns: propertyRuns(2_000) },
  );
  expect(accepted).toBeGreaterThan(propertyRuns(200));
});
