import { test } from "bun:test";
import fc from "fast-check";
import { propertyRuns } from "../../../property_runs.ts";
import { outcome } from "./files.ts";
import { WRONG_FILES } from "./wrong_files.ts";

test("readCampaignFile() reads or refuses any text, and throws nothing else", async () => {
  const token = fc.constantFrom(
    ..."version: 1|name: x|\n|  |\t|- |: |[|]|{|}|,|\"|'|&a|*a|!t|#|<<: |? ||-|>|repositories|repo|a/b|prompt|---|...|%|@|`|0x1|null|{{ a }}|{{|\r|\u00a0|\\"
      .split("|"),
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary", maxLength: 80 }),
    fc.array(token, { maxLength: 40 }).map((all) => all.join("")),
  );
  await fc.assert(fc.asyncProperty(texts, async (text) => void await outcome(text)), { numRuns: propertyRuns(1_000) });
});

test("readCampaignFile() reads or refuses a file in which something was cut or put in", async () => {
  const sources = WRONG_FILES.filter(({ text }) => text.length < 1_000);
  const edit = fc.record({
    source: fc.constantFrom(...sources),
    at: fc.nat(400),
    cut: fc.nat(12),
    put: fc.constantFrom(
      "",
      " ",
      "\n",
      "\t",
      ":",
      "- ",
      "{",
      "]",
      '"',
      "'",
      "&a ",
      "*a",
      "{{",
      "#",
      "x",
      "\u0000",
      "\ud800",
    ),
  });
  await fc.assert(
    fc.asyncProperty(edit, async ({ source: { text, files = {} }, at, cut, put }) => {
      await outcome(text.slice(0, at) + put + text.slice(at + cut), files);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test("readCampaignFile() reads or refuses any JSON", async () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const keys = [
    "version",
    "name",
    "prompt",
    "repositories",
    "variables",
    "limits",
    "agent",
    "windows",
    "canary",
    "exclude",
  ];
  const file = fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), value, { maxKeys: 8 });
  await fc.assert(fc.asyncProperty(file, async (given) => void await outcome(JSON.stringify(given))), {
    numRuns: propertyRuns(700),
  });
});
