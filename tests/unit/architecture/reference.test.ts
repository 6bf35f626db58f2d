/** The reference of the library: it names nothing that a script cannot import, and nothing that is internal. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { root } from "../../../tools/setup.mjs";

const TEXT = readFileSync(join(root, "docs/reference/library.md"), "utf8");

/** Types that every runtime has, and parameters of types. */
const GIVEN = [
  ...["AbortSignal", "AsyncGenerator", "AsyncIterable", "Error", "Headers", "Promise", "RequestInit", "Response"],
  ...["Exclude", "Omit", "Readonly", "Record", "SymbolConstructor", "Known", "Message"],
];

test("the reference names no type that no entry exports", () => {
  const known = new Set([...GIVEN, ...[...TEXT.matchAll(/^### (\w+)$/gm)].map(([, name]) => name)]);
  const declared = [...TEXT.matchAll(/```ts\n([^]*?)```|^- `([^`\n]*)`/gm)].map(([, block, item]) =>
    block ?? item ?? ""
  );
  const named = declared.flatMap((code) => code.replace(/"[^"]*"/g, "").match(/\b[A-Z]\w+/g) ?? []);
  expect(named.length).toBeGreaterThan(200);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});

test("each function, class and constant of the reference can be imported", async () => {
  const values = {
    ...await import("../../../mod.ts"),
    ...await import("../../../campaigns.ts"),
    ...await import("../../../testing.ts"),
  };
  const declared = [...TEXT.matchAll(/^```ts\n(?:function|class|const) (\w+)/gm)].map(([, name = ""]) => name);
  expect(declared.length).toBeGreaterThan(40);
  expect(declared.filter((name) => !Object.hasOwn(values, name))).toEqual([]);
});

test("the reference shows no internal member, no value of a constant that it does not know, and no constant of ours", () => {
  expect(TEXT.match(/@internal|readonly \w+: undefined|systemClock|typeof \w+\[number\]/g)).toBeNull();
});

test("the reference has no tag of a docstring in its text, and closes each brace of a default", () => {
  expect(TEXT.match(/.*@(?:param|throws|returns|default|example)\b.*/g)).toBeNull();
  const defaults = [...TEXT.matchAll(/Default: `([^`]*)`/g)].map(([, value = ""]) => value);
  expect(defaults.length).toBeGreaterThan(50);
  expect(defaults.filter((value) => value.split("{").length !== value.split("}").length)).toEqual([]);
});

test("the reference says what the fields of notices and events of campaigns are", () => {
  for (const name of ["Notice", "CampaignEvent"]) {
    const [, section = ""] = TEXT.split(`\n### ${name}\n`);
    const items = (section.split("\n### ")[0] ?? "").match(/^ {2}- `.*/gm) ?? [];
    expect(items.length).toBeGreaterThan(8);
    expect(items.filter((item) => !/`: \S/.test(item))).toEqual([]);
  }
});

test("the reference links a member only under the name of a type that has it", () => {
  const sections = new Map(TEXT.split("\n### ").map((text) => [/^\w+/.exec(text)?.[0] ?? "", text]));
  const links = [...TEXT.matchAll(/\[`(\w+)\.(\w+)`\]/g)];
  expect(links.length).toBeGreaterThan(10);
  const own = links.filter(([, name = ""]) => !sections.get(name)?.includes(" extends "));
  const lost = own.filter(([, name = "", member]) =>
    !new RegExp(`^- \`(?:readonly )?${member}\\b`, "m").test(sections.get(name) ?? "")
  );
  expect(lost.map(([link]) => link)).toEqual([]);
});

test("the reference has the signatures of render() and report() that a script can call, and not that of their body", () => {
  const formats = [...TEXT.matchAll(/^function (\w+)\(.*?\b(?:format|targets): ([^,]+)/gm)].map((
    [, name, type],
  ) => [name, type]);
  expect(formats).toEqual([
    ["render", "ReportFormatName"],
    ["render", '"openmetrics"'],
    ["render", "CampaignFormatName"],
    ["report", "readonly ReportTarget[]"],
    ["report", "readonly ReportTarget<CampaignFormatName>[]"],
  ]);
});
