import { expect, test } from "bun:test";
import fc from "fast-check";
import { type FenceParts, itemKey, requestHash } from "../../../../lib/campaign/journal/chain.ts";
import { propertyRuns } from "../../../property_runs.ts";

const REQUEST = {
  prompt: "Replace moment\n\nby Temporal",
  agent: { harness: "codex", mode: "AUTO" },
  branch: "codemod/{{ campaign }}",
};
const PARTS: FenceParts = {
  campaign: "replace-moment",
  round: "2026-12",
  requestHash: "d3b07384d113edec49eaa6238ad5ff00d3b07384d113edec49eaa6238ad5ff00",
  repositoryId: "8f3a2b1c-1234-4abc-9def-1234567890ab",
  baseBranch: "main",
  root: "packages/api",
  kind: "task",
  start: 1,
};

// Made apart from this code, with another library, over the JSON text that the docstrings describe. A change here means that running campaigns start everything again.
test("requestHash() makes the pinned hashes", async () => {
  expect([
    await requestHash(REQUEST),
    await requestHash({ prompt: "", agent: { harness: "claude-code", mode: null }, branch: null }),
    await requestHash({ ...REQUEST, prompt: 'ä "\u2028' }),
  ]).toEqual([
    "375a369afca7e5a09f12b3dec0f1d4ffe23737e594331d758a8b4e12629366d0",
    "9c294c0e4574a01bd22a2ea8d104f577d58da8912bf6368456d8aa769500ca7e",
    "4171acae26274ee0f5725268fa4bd94085d6104ef0dd40b59790d80bb72ee52e",
  ]);
});

test("itemKey() makes the pinned keys", async () => {
  expect([
    await itemKey(PARTS),
    await itemKey({ ...PARTS, round: "", root: null }),
    await itemKey({ ...PARTS, kind: "follow-up", start: 12 }),
    await itemKey({ ...PARTS, repositoryId: PARTS.repositoryId.toUpperCase() }),
  ]).toEqual([
    "cp1-8f151dead06f246340431a079b0dec40c79e714e",
    "cp1-fbe81a3344116d9b17cf6953cb5b73d268a87e49",
    "cp1-4b453004ec890bc9b15c6294a50a3d815b2d38fe",
    "cp1-8f151dead06f246340431a079b0dec40c79e714e",
  ]);
});

test("itemKey() gives different keys to starts that differ in any part, and the same to equal ones", async () => {
  const text = fc.string({ maxLength: 6 });
  const parts: fc.Arbitrary<FenceParts> = fc.record({
    campaign: text,
    round: text,
    requestHash: text,
    repositoryId: text.map((each) => each.toLowerCase()),
    baseBranch: text,
    root: fc.option(text),
    kind: fc.constantFrom("task" as const, "follow-up" as const),
    start: fc.integer({ min: 1, max: 20 }),
  });
  await fc.assert(
    fc.asyncProperty(
      parts,
      parts,
      fc.constantFrom(...Object.keys(PARTS) as (keyof FenceParts)[]),
      async (a, b, name) => {
        const mixed = { ...a, [name]: b[name] };
        expect(await itemKey(a)).toMatch(/^cp1-[0-9a-f]{40}$/);
        expect(await itemKey(mixed) === await itemKey(a)).toBe(a[name] === b[name]);
      },
    ),
    { numRuns: propertyRuns(200) },
  );
});

test("requestHash() changes with the prompt, the agent, the mode and the branch", async () => {
  const others = [
    { ...REQUEST, prompt: `${REQUEST.prompt} ` },
    { ...REQUEST, agent: { harness: "codex", mode: null } },
    { ...REQUEST, agent: { harness: "claude-code", mode: "AUTO" } },
    { ...REQUEST, branch: null },
    { ...REQUEST, branch: "" },
  ];
  const hashes = await Promise.all([REQUEST, ...others].map(requestHash));
  expect(new Set(hashes).size).toBe(hashes.length);
});
