import { expect, test } from "bun:test";
import fc from "fast-check";
import { groupByCause, isTrouble } from "../../../../lib/campaign/report/causes.ts";
import { STATES } from "../../../../lib/campaign/report/words.ts";
import type { CampaignItem } from "../../../../lib/campaign/view/view.ts";
import { anItem } from "./sample_view.ts";

function failed(number: number, reason: string | null, changes: Partial<CampaignItem> = {}): CampaignItem {
  return anItem(number, "failed", { reason, ...changes });
}

/** Causes and sizes of the groups of failures with these reasons. */
function causes(...reasons: (string | null)[]): [string, number][] {
  return groupByCause(reasons.map((reason, number) => failed(number, reason)))
    .map(({ cause, items }) => [cause, items.length]);
}

test("groupByCause() groups what differs only in numbers, ids, hashes, temporary folders and names", () => {
  expect(causes("attempt 1 after 3.5 s", "attempt -2 after 12 s")).toEqual([["attempt … after … s", 2]]);
  expect(causes("took 1,234ms", "took 7ms")).toEqual([["took …ms", 2]]);
  const uuids = ["3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21", "8F3A2B1C-0D4E-4F5A-8B6C-7D8E9F0A1B2C"];
  expect(causes(...uuids.map((uuid) => `run ${uuid} died`))).toEqual([["run … died", 2]]);
  expect(causes("bad object 3f2a9bc", "bad object 0123456789abcdef0123456789abcdef01234567")).toEqual([[
    "bad object …",
    2,
  ]]);
  expect(causes("id run_01HZXW3J5K7M", "id run_01J2AB9C3D4E")).toEqual([["id run_…", 2]]);
  expect(causes("cannot read /tmp/a8Js/x/package.json:1", "cannot read /var/folders/q_/T/zz/package.json:20")).toEqual([
    ["cannot read …package.json:…", 2],
  ]);
  expect(causes("no space in C:\\Users\\a\\AppData\\Local\\Temp\\q1", "no space in /private/tmp/q2")).toEqual([
    ["no space in …", 2],
  ]);
  const items = [
    failed(1, "fatal: 'https://github.com/acme/web.git/' not found on codemod/a", {
      repository: "acme/web",
      branch: "codemod/a",
    }),
    failed(2, "fatal: 'https://github.com/acme/api.git/' not found on x", { repository: "acme/api", branch: "x" }),
    failed(3, "npm ERR! web@1.0.0 in 'web'", { repository: "acme/web", root: "a" }),
    failed(4, "npm ERR! api@2.0.0 in 'api'", { repository: "acme/api", root: "a" }),
  ];
  expect(groupByCause(items).map(({ cause, items }) => [cause, items.length])).toEqual([
    ["fatal: 'https://github.com/….git/' not found on …", 2],
    ["npm ERR! …@… in '…'", 2],
  ]);
});

test("groupByCause() shows what all items of a group share, and the whole text of a single one", () => {
  expect(causes("npm test exited with code 1 in 3 s", "npm test exited with code 1 in 9 s")).toEqual([
    ["npm test exited with code 1 in … s", 2],
  ]);
  expect(causes("3 of 214 tests failed")).toEqual([["3 of 214 tests failed", 1]]);
});

test("groupByCause() keeps apart reasons that differ in words, files, error codes or verdicts, and items without a reason", () => {
  expect(causes("TS2304: no name", "TS2551: no name").length).toBe(2);
  expect(causes("Agent run exited with code 3.", "Agent run exited with code 1.", "Agent run exited with code 3."))
    .toEqual([
      ["Agent run exited with code 3.", 2],
      ["Agent run exited with code 1.", 1],
    ]);
  expect(causes("exit status: 1", "exit status: 2", "HTTP 502", "HTTP 503", "code=-1", "code=1").length).toBe(6);
  expect(causes("lint failed", "test failed").length).toBe(2);
  expect(causes("cannot read /tmp/1/x/a.json", "cannot read /tmp/2/x/b.json").length).toBe(2);
  expect(causes(null, "", " ", "x").map(([, size]) => size)).toEqual([3, 1]);
  const verdicts = groupByCause([failed(1, "boom"), anItem(2, "overdue", { reason: "boom" })]);
  expect(verdicts.map(({ verdict }) => verdict)).toEqual(["failed", "overdue"]);
  expect(new Set(verdicts.map(({ word }) => word)).size).toBe(2);
});

test("groupByCause() names a group by the first words of its cause, or by its verdict when the cause has no words", () => {
  const words = groupByCause([
    failed(1, "npm test exited with code 1"),
    failed(2, null),
    failed(3, "データ 12"),
    failed(4, "x".repeat(100)),
  ]).map(({ word }) => word);
  expect(words[0]).toMatch(/^npm-test-exited-code-[0-9a-f]{4}$/);
  expect(words[1]).toBe("failed");
  expect(words[2]).toMatch(/^failed-[0-9a-f]{4}$/);
  expect(words[3]).toMatch(/^x{24}-[0-9a-f]{4}$/);
});

test("groupByCause() puts the largest group first, then goes by the order of verdicts", () => {
  const items = [
    anItem(1, "invalid"),
    failed(2, "a b"),
    failed(3, "a b"),
    anItem(4, "needs-input"),
    anItem(5, "service"),
    anItem(6, "succeeded"),
    anItem(7, "skipped"),
    anItem(8, "running"),
  ];
  expect(groupByCause(items).map(({ verdict, items }) => [verdict, items.length])).toEqual([
    ["failed", 2],
    ["needs-input", 1],
    ["invalid", 1],
    ["service", 1],
  ]);
});

const number = fc.integer().map(String);
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: length, maxLength: length });
const hash = hex(40).filter((text) => /\d/.test(text));
const variable = fc.oneof(number, fc.uuid(), hash, number.map((text) => `/tmp/run-${text}/out`));
const text = fc.constantFrom(
  "tests failed:",
  "push refused by",
  "tests failed in",
  "no such object:",
  "after",
  "(see",
  "日本",
  "E0308",
);
/** A reason as a row of texts with something variable behind each of them. */
const template = fc.array(text, { minLength: 1, maxLength: 6 });

function fill(parts: readonly string[], values: readonly string[]): string {
  return parts.map((part, index) => `${part} ${values[index % values.length]}`).join(" ");
}

test("groupByCause() finds the template behind reasons, whatever stands in its places", () => {
  const values = fc.array(variable, { minLength: 1, maxLength: 6 });
  fc.assert(fc.property(template, fc.array(values, { minLength: 1, maxLength: 8 }), (parts, all) => {
    expect(groupByCause(all.map((each, index) => failed(index, fill(parts, each)))).length).toBe(1);
  }));
});

const anyItem = fc.record({
  verdict: fc.constantFrom(...STATES),
  reason: fc.oneof(
    fc.constant(null),
    fc.string({ unit: "binary" }),
    fc.tuple(template, fc.array(variable, { minLength: 1 })).map(([parts, values]) => fill(parts, values)),
  ),
  repository: fc.oneof(fc.string(), fc.constantFrom("acme/exit", "acme/in", "a/b/c/d/e/f/g/h", "/", "@")),
});
const anyItems = fc.array(anyItem, { maxLength: 40 })
  .map((all) => all.map(({ verdict, ...rest }, index) => anItem(index, verdict, { ...rest, id: `item-${index}` })));

test("groupByCause() puts every item without a good end into exactly one group, and no other", () => {
  fc.assert(fc.property(anyItems, (items) => {
    const groups = groupByCause(items);
    const grouped = groups.flatMap((group) => group.items);
    expect([...grouped].sort()).toEqual(items.filter((item) => isTrouble(item.verdict)).map((item) => item.id).sort());
    const verdicts = new Map(items.map(({ id, verdict }) => [id, verdict]));
    for (const group of groups) expect(group.items.every((id) => verdicts.get(id) === group.verdict)).toBe(true);
  }));
});

test("groupByCause() gives unique words that need no quotes in a shell", () => {
  fc.assert(fc.property(anyItems, (items) => {
    const words = groupByCause(items).map(({ word }) => word);
    expect(new Set(words).size).toBe(words.length);
    for (const word of words) expect(word).toMatch(/^[a-z][a-z0-9-]{0,39}$/);
  }));
});

test("groupByCause() has the same groups and words in any order of the items, and when others are added", () => {
  const shape = (items: readonly CampaignItem[]) =>
    new Map(groupByCause(items).map(({ word, items }) => [word, [...items].sort()]));
  fc.assert(fc.property(anyItems, (items) => {
    expect(shape(items.toReversed())).toEqual(shape(items));
    const before = shape(items);
    const after = shape([...items, failed(1_000, "something that no other item says", { id: "new" })]);
    for (const [word, ids] of before) expect(after.get(word)).toEqual(ids);
  }));
});

test("groupByCause() makes words of two causes unique when their short hashes are the same", () => {
  // Enough causes with one slug that some short hashes of four digits meet.
  const letters = (index: number) =>
    [...index.toString(26)].map((digit) => "qwertzuiopasdfghjklyxcvbnm"[parseInt(digit, 26)]).join("");
  const items = Array.from(
    { length: 2_000 },
    (_, index) => failed(index, `the same beginning of causes, ${letters(index + 26)}`),
  );
  const groups = groupByCause(items);
  expect(groups.length).toBe(2_000);
  expect(new Set(groups.map(({ word }) => word)).size).toBe(2_000);
});
