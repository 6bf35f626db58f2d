import { expect, test } from "bun:test";
import fc from "fast-check";
import { cellWidth, cutCells, fitCells, hangCells, wrapCells } from "../../../lib/text/cells.ts";
import { plainText } from "../../../lib/text/plain_text.ts";

const line = fc.string({ unit: "grapheme" }).map((text) => plainText(text).replace(/\s+/g, " "));
const cells = fc.integer({ min: 0, max: 60 });

test("cellWidth() counts two cells for CJK and emoji, none for marks, one for all others", () => {
  const widths = ["", "abc", "日本", "ｆｗ", "한국", "é", "e\u0301", "😀", "✅", "שלום", "…", "❯"].map(cellWidth);
  expect(widths).toEqual([0, 3, 4, 4, 4, 1, 1, 2, 2, 4, 1, 1]);
});

test("cutCells() cuts by cells, never inside of a character, and says so", () => {
  expect(
    ["abcdef", "日本語", "日本語", "a😀b", "abc"].map((text, index) => cutCells(text, [4, 4, 5, 2, 3][index] ?? 0)),
  )
    .toEqual(["abc…", "日…", "日本…", "a…", "abc"]);
  expect([cutCells("abc", 0), cutCells("abc", -1), cutCells("", 3)]).toEqual(["", "", ""]);
});

test("cutCells() and fitCells() keep to their width, whatever the text", () => {
  fc.assert(fc.property(line, cells, (text, width) => {
    expect(cellWidth(cutCells(text, width))).toBeLessThanOrEqual(width);
    expect(cellWidth(fitCells(text, width))).toBe(width);
    expect(fitCells(text, width, "right").trimStart().length).toBeLessThanOrEqual(fitCells(text, width).length);
    if (cellWidth(text) <= width) expect(cutCells(text, width)).toBe(text);
  }));
});

test("wrapCells() breaks at blanks, and inside of a word only when it alone is too long", () => {
  expect(wrapCells("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrapCells("one two three", 8, 4)).toEqual(["one", "two", "three"]);
  expect(wrapCells("abcdefghij kl", 4)).toEqual(["abcd", "efgh", "ij", "kl"]);
  expect(wrapCells("日本語 です", 4)).toEqual(["日本", "語", "です"]);
  expect(wrapCells("", 10)).toEqual([""]);
});

test("wrapCells() keeps every character but blanks, and no line is too wide", () => {
  fc.assert(
    fc.property(line, fc.integer({ min: 2, max: 40 }), fc.integer({ min: 2, max: 40 }), (text, width, first) => {
      const lines = wrapCells(text, width, first);
      expect(lines.join("").replaceAll(" ", "")).toBe(text.replace(/\s/g, ""));
      for (const [index, each] of lines.entries()) {
        expect(cellWidth(each)).toBeLessThanOrEqual(index === 0 ? first : width);
      }
    }),
  );
});

test("hangCells() breaks at blanks only, below the text, and keeps every word and the blanks of the first line", () => {
  expect(hangCells("label  one two three", 14, 7)).toEqual(["label  one two", "       three"]);
  expect(hangCells("label  https://example.org/long two", 12, 7)).toEqual([
    "label  https://example.org/long",
    "       two",
  ]);
  expect(hangCells("short", 80, 7)).toEqual(["short"]);
  expect(hangCells("漢漢 漢漢", 5, 1)).toEqual(["漢漢", " 漢漢"]);
  fc.assert(
    fc.property(
      fc.string(),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 30 }),
      (text, cells, indent) => {
        const line = `label ${text.replace(/\s/g, " ")}`;
        const lines = hangCells(line, cells, indent);
        expect(lines.join(" ").split(/\s+/).filter(Boolean)).toEqual(line.split(/\s+/).filter(Boolean));
        for (const rest of lines.slice(1)) expect(rest.startsWith(" ".repeat(indent))).toBe(true);
      },
    ),
  );
});
