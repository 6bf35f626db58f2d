import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseFragment } from "parse5";
import {
  action,
  code,
  facts,
  link,
  list,
  longText,
  markup,
  type Part,
  section,
  state,
  table,
  wordsOf,
} from "../../../lib/report/page.ts";
import { elementsOf, textsOf } from "./page_parser.ts";

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

test("markup() takes nothing that was read for markup, whatever its form", async () => {
  const read = JSON.parse(`["<b>", ["<b>", ["<i>"]]]`) as Part[];
  expect(markup`${read}`.toString()).toBe("&lt;b&gt;&lt;b&gt;&lt;i&gt;");
  // Data that pretends to be markup: the compiler refuses it, and it becomes no markup either.
  const forged = [
    `{"isEscaped":true,"0":"<b>","length":3}`,
    `{"isEscaped":true,"value":"<b>","callbacks":["<b>"]}`,
    `[{"isEscaped":true,"buffer":["<b>"]}]`,
    `{"then":"<b>"}`,
  ];
  for (const text of forged) {
    expect([text, String(await markup`<p>${JSON.parse(text)}</p>`)]).toEqual([text, "<p>[object Object]</p>"]);
  }
  expect(() => markup`${JSON.parse(`{"isEscaped":true,"toString":"<b>"}`)}`).toThrow(TypeError);
});

test("link() makes a link of an address of the web alone", () => {
  expect(link("https://github.com/a/b/pull/7").toString()).toBe(
    '<a href="https://github.com/a/b/pull/7" rel="noopener noreferrer"><bdi>https://github.com/a/b/pull/7</bdi></a>',
  );
  for (const address of ["javascript:alert(1)", "data:text/html,x", "https://user:pw@evil.example", "/relative"]) {
    expect(textsOf(link(address).toString(), "a")).toEqual([]);
  }
});

test("longText() shows the first lines, and folds a text that has more", () => {
  expect(elementsOf(longText("one\ntwo").toString()).map(({ tag }) => tag)).not.toContain("details");
  const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`).join("\n");
  const [first, all] = textsOf(longText(lines).toString(), "pre");
  expect(first).toMatch(/^line 0\nline 1[^]*line 7\n…$/);
  expect(all).toBe(lines);
  expect(textsOf(longText("x".repeat(5_000)).toString(), "pre").map((text) => text.length)).toEqual([1_002, 5_000]);
});

test("wordsOf() makes a time machine-readable, and shows what is no time as it is", () => {
  expect(String(wordsOf({ time: "2026-08-10T12:00:00.021234+00:00" }))).toBe(
    '<time datetime="2026-08-10T12:00:00.021Z">2026-08-10 12:00:00 UTC</time>',
  );
  expect(String(wordsOf({ time: "<soon>" }))).toContain("&lt;soon&gt;");
  expect([wordsOf({ time: null }), code(null), code("")]).toEqual([null, null, null]);
});

test("facts() and section() leave out what has no value", () => {
  expect(facts([["A", null], ["B", ""], ["C", undefined], ["D", false]])).toBeNull();
  expect(facts([["A", 0], ["B", null]])?.toString()).toBe('<dl class="facts"><dt>A</dt><dd>0</dd></dl>');
  expect(section("a", "A", null, null, false)).toBeNull();
});

test("table() names its rows and columns, and gives scripts the value behind a cell", () => {
  const page = table("Waits", [{ name: "Cause" }, { name: "In all", number: true }], [
    { kind: "net", cells: ["network", { show: "2 min", value: 120_000 }] },
  ]).toString();
  const found = elementsOf(page);
  expect(found.find(({ tag }) => tag === "tr")?.text).toContain("Cause");
  expect(found.filter(({ tag }) => tag === "th").map(({ attributes }) => attributes.scope)).toEqual([
    "col",
    "col",
    "row",
  ]);
  expect(found.find(({ tag }) => tag === "td")).toMatchObject({
    attributes: { class: "number", "data-v": "120000" },
    text: "2 min",
  });
});

test("list() hides its tools until a script shows them", () => {
  const page = list({ name: "items", rows: "items", kinds: [["failed", 2]], copy: true }, "x").toString();
  expect(elementsOf(page).find(({ attributes }) => attributes.class === "tools")?.attributes).toHaveProperty("hidden");
  expect(textsOf(page, "option")).toEqual(["All items", "failed (2)"]);
});

test("state() has a shape and a word, and a color that repeats them", () => {
  const made = elementsOf(String(state("failed", "bad")));
  expect(made.find(({ tag }) => tag === "use")?.attributes.href).toBe("#i-bad");
  expect(made.find(({ tag }) => tag === "span")).toMatchObject({ attributes: { class: "state bad" }, text: "failed" });
  expect(String(state("<word>", "none"))).toBe("<bdi>&lt;word&gt;</bdi>");
});

test("action() keeps flags whole where it breaks, and can be copied as it is", () => {
  const made = String(action("Again", "mogplex-ci run --follow 'a  b'"));
  expect(textsOf(made, "code")).toEqual(["mogplex-ci run --follow 'a  b'"]);
  expect(textsOf(made, "span")).toEqual(["mogplex-ci", "--follow"]);
});
