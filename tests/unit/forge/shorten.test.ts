import { expect, test } from "bun:test";
import fc from "fast-check";
import { shortenMarkdown } from "../../../lib/forge/shorten.ts";
import { markdownBlock, markdownCode } from "../../../lib/text/escape.ts";
import { propertyRuns } from "../../property_runs.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { outlineMarkdown } from "../hostile/parsers/markup_parsers.ts";

const size = (text: string) => [...text].length + text.split("\n").length;

test("shortenMarkdown() leaves a text that fits as it is, at exactly the limit too", () => {
  const text = `## Title\n\n${markdownBlock("why\nit is so")}\n\nend\n`;
  expect(shortenMarkdown(text, size(text))).toBe(text);
  expect(shortenMarkdown(text, size(text) - 1)).not.toBe(text);
});

test("shortenMarkdown() cuts long blocks first, with a fence that fits what is left", () => {
  const text = `## Title\n\n${markdownBlock(`${"a".repeat(30_000)}${"\`".repeat(30_000)}`)}\n\n| Exit code | 1 |\n`;
  const short = shortenMarkdown(text, 63_000);
  expect(short).toBe(
    `## Title\n\n \`\`\`text\n ${"a".repeat(19_980)}…[+40020 characters]\n \`\`\`\n\n| Exit code | 1 |\n`,
  );
  expect(shortenMarkdown(text, 1_000)).toContain(`\n ${"a".repeat(480)}…[+59520 characters]\n`);
});

test("shortenMarkdown() leaves out the end by whole lines when short blocks are not enough, and shows it", () => {
  const rows = Array.from({ length: 200 }, (_, index) => `| ${markdownCode(`row ${index}`)} |`);
  const text = ["## Title", "", markdownBlock("why"), "", ...rows, ""].join("\n");
  const lines = shortenMarkdown(text, 1_000).split("\n");
  expect(lines.slice(-3)).toEqual(["", "…", ""]);
  expect(size(lines.join("\n"))).toBeGreaterThan(970);
  expect(lines.slice(0, -3)).toEqual(text.split("\n").slice(0, lines.length - 3));
});

test("shortenMarkdown() fits and keeps untrusted text in code, whatever the text and the limit", () => {
  const hostile = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(...CORPUS.map(({ text }) => text.slice(0, 500))),
  );
  const part = fc.oneof(
    hostile.map(markdownBlock),
    hostile.map((text) => `| ${markdownCode(text)} |`),
    hostile.map((text) => `Said: ${markdownCode(text)}`),
  );
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 3_000 }), (parts, limit) => {
      const text = `## Title\n\n${parts.join("\n\n")}\n`;
      const short = shortenMarkdown(text, limit);
      expect(size(short)).toBeLessThanOrEqual(Math.max(limit, 0) + 8);
      const { elements, prose } = outlineMarkdown(short);
      const known = ["p", ...outlineMarkdown(text).elements];
      expect(elements.filter((element) => !known.includes(element))).toEqual([]);
      expect(prose.replace(/[^\p{L}@]/gu, "").replaceAll("Said", "").replaceAll("Title", "")).toBe("");
    }),
    { numRuns: propertyRuns(100) },
  );
});
