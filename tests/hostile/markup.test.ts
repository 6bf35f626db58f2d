import { expect, test } from "bun:test";
import { plainText } from "../../lib/text/plain_text.ts";
import { jsonText } from "../../lib/text/escape/json.ts";
import { markdownBlock, markdownCode, markdownLink } from "../../lib/text/escape/markdown.ts";
import { escapeMarkup } from "../../lib/text/escape/markup.ts";
import { webUrl } from "../../lib/text/escape/url.ts";
import { CORPUS } from "./corpus.ts";
import { terminalCommands } from "./log_parsers.ts";
import { outlineHtml, outlineMarkdown, outlineXml } from "./markup_parsers.ts";

/** What an XML document can hold of a text. */
function holdable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, "\ufffd");
}

test("the parsers of markup see links, images and elements where they are", () => {
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

for (const { name, text } of CORPUS) {
  for (const [how, whole] of [["alone", text], ["after plainText()", plainText(text)]] as const) {
    const value = whole;
    test(`escapeMarkup() ${how} gives text and attributes of XML and HTML, nothing else: ${name}`, () => {
      const safe = escapeMarkup(value);
      const xml = outlineXml(`<a b="${safe}" c='${safe}'>${safe}</a>`);
      expect(xml.elements).toEqual(["a"]);
      expect(Object.keys(xml.attributes)).toEqual(["b", "c"]);
      // Compared outside `expect`, which would print a megabyte.
      expect([xml.text, xml.attributes.b, xml.attributes.c].every((read) => read === holdable(value))).toBe(true);
      const html = outlineHtml(`<p title="${safe}" lang='${safe}'>${safe}</p>`);
      expect(html.elements).toEqual([`p title=${holdable(value)} lang=${holdable(value)}`]);
      expect(html.prose === holdable(value)).toBe(true);
    });

    test(`markdownCode() and markdownBlock() ${how} give code, nothing else: ${name}`, () => {
      // Whole texts for ourselves, parts for the renderer, which is not linear in all of them.
      expect(typeof markdownCode(whole) + typeof markdownBlock(whole)).toBe("stringstring");
      const value = whole.slice(0, 20_000);
      const cell = outlineMarkdown(`| a | b |\n| --- | --- |\n| ${markdownCode(value)} | end |\n`);
      const inCode = value.trim() !== "";
      expect(cell.elements).toEqual(
        ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", ...(inCode ? ["code"] : []), "td"],
      );
      expect(cell.prose.replace(/\s+/g, " ")).toBe(" a b end ");
      const line = outlineMarkdown(`before ${markdownCode(value)} after`);
      expect(line.elements).toEqual(inCode ? ["p", "code"] : ["p"]);
      const block = outlineMarkdown(`before\n\n${markdownBlock(value)}\n\nafter`);
      expect(block.elements).toEqual(["p", "pre", "code", "p"]);
      expect(block.prose.replace(/\s+/g, " ")).toBe("before after ");
      // GitLab drops carriage returns before it looks for commands.
      const actions = /^(?:\/|```|>>>|<)/m;
      expect(actions.test(markdownBlock(whole).replaceAll("\r", ""))).toBe(false);
    });
  }

  test(`markdownBlock() shows the whole text: ${name}`, () => {
    const value = plainText(text).slice(0, 20_000).trimEnd();
    expect(outlineMarkdown(markdownBlock(value)).code[0]?.trimEnd() === value).toBe(true);
  });

  test(`jsonText() is one visible line that reads back as it was: ${name}`, () => {
    const line = jsonText({ [text]: text });
    expect(line).not.toMatch(/[\n\r]/);
    expect(terminalCommands(line)).toEqual([]);
    expect(Object.entries(JSON.parse(line))[0]?.every((read) => read === text)).toBe(true);
  });

  test(`webUrl() and markdownLink() give one honest link or none: ${name}`, () => {
    const url = webUrl(text);
    if (url === undefined) return;
    const { protocol, username, password } = new URL(url);
    expect(["http:", "https:"].includes(protocol) && username === "" && password === "").toBe(true);
    const cell = outlineMarkdown(`| a | b |\n| --- | --- |\n| ${markdownLink(url)} | end |\n`);
    const links = cell.elements.filter((element) => element.startsWith("a "));
    expect(links.length).toBe(1);
    expect(new URL((links[0] as string).slice("a href=".length)).host).toBe(new URL(url).host);
    expect(cell.elements.filter((element) => !/^(a .*|code|table|thead|tbody|tr|th|td)$/.test(element))).toEqual([]);
  });
}

test("webUrl() takes addresses of pull requests and nothing that is not one", () => {
  expect(webUrl("https://github.com/acme/web/pull/7")).toBe("https://github.com/acme/web/pull/7");
  expect(webUrl("http://127.0.0.1:4010/__pulls/acme/web/1")).toBe("http://127.0.0.1:4010/__pulls/acme/web/1");
  for (
    const bad of [
      "",
      "github.com/acme",
      "ftp://a.example/",
      "https://u:p@a.example/",
      "https://u@a.example/",
      "https://",
    ]
      .concat("https://a.example/\nb", "https://a.example\\@evil.example", `https://a.example/${"x".repeat(3_000)}`)
  ) expect([bad, webUrl(bad)]).toEqual([bad, undefined]);
});

test("markdownLink() shows the address and keeps what a person needs of it", () => {
  expect(markdownLink("https://github.com/acme/web/pull/7")).toBe(
    "[`https://github.com/acme/web/pull/7`](<https://github.com/acme/web/pull/7>)",
  );
  expect(outlineMarkdown(markdownLink("https://a.example/?a=1&colon;b=(2)|'3'")).elements[1]).toBe(
    "a href=https://a.example/?a=1&colon;b=%282%29%7C%273%27",
  );
});
