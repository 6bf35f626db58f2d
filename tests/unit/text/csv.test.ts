import { expect, test } from "bun:test";
import fc from "fast-check";
import { csvLine } from "../../../lib/text/escape.ts";
import { parseCsv } from "../hostile/parsers/file_parsers.ts";

test("csvLine() puts an apostrophe before what a spreadsheet would take for a formula", () => {
  const formulas = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", "\u00a0=1", '="x"'];
  for (const text of formulas) expect(csvLine([text]).startsWith(`"'`)).toBe(true);
  for (const text of ["", "a=b", "1-1", "'=1", "acme/web", "…"]) expect(csvLine([text])).toBe(`"${text}"\r\n`);
});

test("csvLine() gives every text back to a strict parser, but for the apostrophe", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" }), { minLength: 1 }), (texts) => {
    const cells = parseCsv(csvLine(texts))[0]?.map((cell, index) => {
      const text = texts[index]?.replaceAll("\0", "\ufffd") ?? "";
      return cell === `'${text}` ? cell.slice(1) : cell;
    });
    expect(cells).toEqual(texts.map((text) => text.replaceAll("\0", "\ufffd")));
  }));
});

test("csvLine() writes numbers bare and null as an empty cell", () => {
  expect(csvLine(["a", 12, null, 0, ""])).toBe('"a",12,,0,""\r\n');
});
