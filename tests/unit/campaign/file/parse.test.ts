import { expect, test } from "bun:test";
import { MistakeList } from "../../../../lib/campaign/file/mistakes.ts";
import {
  dataOf,
  keyOf,
  keyStartAt,
  nodeAt,
  otherMeaning,
  parseText,
  Source,
  textAt,
} from "../../../../lib/campaign/file/syntax.ts";

async function parse(text: string) {
  const mistakes = new MistakeList();
  const source = new Source("f", text);
  const { root, brokenFrom } = await parseText(source, mistakes);
  const lines = mistakes.empty ? [] : mistakes.error("f").lines.slice(1);
  return { source, root, brokenFrom, lines, data: root === undefined ? undefined : dataOf(root) };
}

test.each<[string, unknown]>([
  ["a: 1\nb: [x, 'y', true, null]\n", { a: 1, b: ["x", "y", true, null] }],
  ["---\na: b # comment\n...\n", { a: "b" }],
  ['{\n\t"a": 1,\n\t"b": [\n\t\t"\\u00e4\\ud83d\\ude00"\n\t]\n}', { a: 1, b: ["ä😀"] }],
  ["a: |\n  x\n  \ty\nb: >\n  one\n  two\n", { a: "x\n\ty\n", b: "one two\n" }],
  ["a: on\nb: 2026-12-01\n", { a: "on", b: "2026-12-01" }],
  ["a:\n- b\n- c\n", { a: ["b", "c"] }],
  ["a: ${{ x }}\n", { a: "${{ x }}" }],
  ["a: x\r\nb: y\r\n", { a: "x", b: "y" }],
])("parseText() reads %j", async (text, expected) => {
  const { data, lines, brokenFrom } = await parse(text);
  expect(lines).toEqual([]);
  expect(brokenFrom).toBe(Infinity);
  expect(JSON.parse(JSON.stringify(data))).toEqual(expected);
});

test("parseText() goes on after a mistake that is not one of syntax", async () => {
  const { lines, brokenFrom } = await parse("a: &x 1\nb: *x\na: 2\nc: !t 3\n<<: d\n");
  expect(brokenFrom).toBe(Infinity);
  expect(lines.map((line) => line.slice(0, 12))).toEqual([
    "f:1:4: a: an",
    "f:2:4: b: an",
    "f:3:1: a: du",
    "f:4:4: c: a ",
    "f:5:1: a mer",
  ]);
});

test("parseText() says from where on a file may have been read wrongly", async () => {
  const { brokenFrom, source, lines } = await parse("a: 1\nb: 'x\nc: 2\n");
  expect(source.placeAt(brokenFrom)).toEqual({ file: "f", line: 2, column: 4 });
  expect(lines).toEqual(["f:2:4: b: a quote is not closed; close it, and write '' for a quote inside single quotes"]);
});

test("a tree knows the places of its values and keys", async () => {
  const { root, source } = await parse("a:\n  - b: c\n    d: [1, 2]\ne: f\n");
  if (root === undefined) throw new Error("there is no tree");
  const at = (offset = -1) => {
    const { line, column } = source.placeAt(offset);
    return [line, column];
  };
  const path = ["a", 0, "d", 1];
  expect(keyOf(path)).toBe("a[0].d[1]");
  expect(at(nodeAt(root, path)?.start)).toEqual([3, 12]);
  expect(at(keyStartAt(root, ["a", 0, "d"]))).toEqual([3, 5]);
  expect(at(keyStartAt(root, path))).toEqual([3, 12]);
  expect(textAt(root, ["e"])).toBe("f");
  expect(textAt(root, path)).toBeUndefined();
  expect(nodeAt(root, ["a", "b"])).toBeUndefined();
  expect(nodeAt(root, ["constructor"])).toBeUndefined();
  expect(source.lineAt(source.text.indexOf("d:"))).toBe("    d: [1, 2]");
});

test("Source counts columns in UTF-16 units, and places the end of the text after its last character", () => {
  const source = new Source("f", "😀x\n\ny");
  expect(source.placeAt(2)).toEqual({ file: "f", line: 1, column: 3 });
  expect(source.placeAt(4)).toEqual({ file: "f", line: 2, column: 1 });
  expect(source.placeAt(source.end)).toEqual({ file: "f", line: 3, column: 2 });
});

test("dataOf() makes maps that have no prototype", async () => {
  const { data } = await parse("constructor: 1\ntoString: { hasOwnProperty: 2 }\n");
  expect(Object.getPrototypeOf(data)).toBeNull();
  expect(Object.keys(data as object)).toEqual(["constructor", "toString"]);
});

test("otherMeaning() knows what readers of YAML 1.1 and 1.2 do not take for a text", () => {
  const texts = [
    "y",
    "NO",
    "On",
    "~",
    "",
    "1",
    "-1.5",
    "1e3",
    "0123",
    "0x1F",
    "0o17",
    "1_000",
    ".inf",
    "1:30",
    "20:00:00",
  ];
  for (const text of [...texts, "2026-12-01", "2026-12-01 10:00", ".5", "+1"]) {
    expect([text, otherMeaning(text)]).toEqual([text, expect.any(String)]);
  }
  for (
    const text of ["yes!", "2026-12", "1.2.3", "a", "0.1.0", "12ab", "e3", "-", "1m", "10%", "none", "20:00-06:00"]
  ) {
    expect([text, otherMeaning(text)]).toEqual([text, undefined]);
  }
});
