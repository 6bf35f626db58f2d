import { expect, test } from "bun:test";
import fc from "fast-check";
import { unescapeText } from "../../../lib/text/plain_text.ts";

test("unescapeText() reads JSON's escapes, however often the text was escaped, and drops other backslashes", () => {
  for (
    const [given, text] of [
      [String.raw`a\u005fb\u005Fc`, "a_b_c"],
      [String.raw`a\\u005fb\\\\u005fc`, "a_b_c"],
      [String.raw`a\u005cu005fb%5cu005fc`, "a_b_c"],
      [String.raw`\"a\" \/b\n\tc\\nd`, '"a" /b\n\tc\nd'],
      [String.raw`\u12 \x41 C:\Users\\`, "u12 x41 C:Users"],
      [String.raw`\ud83d\ude00`, "\u{1f600}"],
    ] as const
  ) expect([given, unescapeText(given)?.text]).toEqual([given, text]);
  expect(unescapeText("u005f %5d")).toBeUndefined();
});

test("unescapeText() knows where each character stood", () => {
  const { text, given } = unescapeText(String.raw`ab\\u005fc\d`) ?? { text: "", given: () => [] };
  expect(text).toBe("ab_cd");
  expect([given([0, 5]), given([2, 3]), given([3, 4]), given([4, 5])]).toEqual([[0, 12], [2, 9], [9, 10], [11, 12]]);
  const units = fc.string({ unit: fc.constantFrom("\\", "u005c", "u0061", "%5C", "n", "x", "\u{1f600}") });
  fc.assert(fc.property(units, (any) => {
    const unescaped = unescapeText(any);
    if (unescaped === undefined || unescaped.text === "") return;
    let end = 0;
    for (let at = 0; at < unescaped.text.length; at++) {
      const [from, to] = unescaped.given([at, at + 1]);
      expect(from >= end && to > from && to <= any.length).toBe(true);
      end = to;
    }
  }));
});
