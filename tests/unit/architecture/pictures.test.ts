import { expect, test } from "bun:test";
import { linesOf, textOf } from "../../../tools/docs/pictures/ansi.ts";
import { stalePictures } from "../../../tools/docs/pictures/pictures.ts";
import { line, xml } from "../../../tools/docs/pictures/svg.ts";

test("stalePictures() finds no picture that differs from what the command prints", async () => {
  expect(Object.keys(await stalePictures()), "Run `npm run docs`").toEqual([]);
});

test("linesOf() shows what a terminal shows in the end", () => {
  const output = "\x1b[2mwaiting\x1b[0m\r\x1b[K\x1b[1;32mok\x1b[0m done\n\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n";
  expect(linesOf(output)).toEqual([
    [{ text: "ok", style: ["bold", "green"] }, { text: " done", style: [] }],
    [{ text: "link", style: [] }],
  ]);
  expect(linesOf("a\n\nb").map(textOf)).toEqual(["a", "", "b"]);
});

test("line() escapes every text", () => {
  expect(xml('<a href="x">&')).toBe("&#60;a href=&#34;x&#34;&#62;&#38;");
  expect(line([{ text: "<", style: ["red"] }], 1, 2)).toContain('<tspan fill="#ff7b72">&#60;</tspan>');
});
