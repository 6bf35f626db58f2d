import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseFragment } from "parse5";
import { markup, type Part } from "../../../lib/pages/markup.ts";

test("markup() escapes every value in content and in attributes, so that a parser gives it back", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (given) => {
    const text = given.replace(/\r\n?|[^\P{Cc}\t\n]|\p{Cs}|[\ufffe\uffff]/gu, "");
    const [element] = parseFragment(markup`<p title="${text}">x${text}</p>`.toString()).childNodes;
    expect(element).toMatchObject({
      tagName: "p",
      attrs: [{ name: "title", value: text }],
      childNodes: [{ nodeName: "#text", value: `x${text}` }],
    });
  }));
});

test("markup() takes its own markup as it is, joins lists and leaves out what is null, undefined or false", () => {
  const rows = ["a", "<b>"].map((each) => markup`<li>${each}</li>`);
  expect(markup`<ul>${rows}${null}${undefined}${false}${0}</ul>`.toString()).toBe(
    "<ul><li>a</li><li>&lt;b&gt;</li>0</ul>",
  );
});

test("markup() takes nothing that was read for markup, whatever its form", () => {
  const read = JSON.parse(`["<b>", ["<b>", ["<i>"]]]`) as Part[];
  expect(markup`${read}`.toString()).toBe("&lt;b&gt;&lt;b&gt;&lt;i&gt;");
});
