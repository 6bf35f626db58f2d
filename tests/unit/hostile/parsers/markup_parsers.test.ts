import { expect, test } from "bun:test";
import { outlineMarkdown, outlineXml } from "./markup_parsers.ts";

test("outlineMarkdown() and outlineXml() see links, images and elements where they are", () => {
  expect(outlineMarkdown("[a](https://x.example) ![b](https://x.example) <b>c</b> www.github.com `d`")).toEqual({
    elements: [
      "p",
      "a href=https://x.example",
      "img src=https://x.example alt=b",
      "b",
      "a href=http://www.github.com",
      "code",
    ],
    prose: "a  c www.github.com \n",
    code: ["d"],
  });
  expect(() => outlineXml("<a>&x;</a>")).toThrow();
});
