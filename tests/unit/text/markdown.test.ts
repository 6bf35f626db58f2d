import { expect, test } from "bun:test";
import { markdownBlock, markdownCode, markdownLink, webUrl } from "../../../lib/text/escape.ts";
import { plainText } from "../../../lib/text/plain_text.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { outlineMarkdown } from "../hostile/parsers/markup_parsers.ts";

for (const { name, text } of CORPUS) {
  for (const [how, whole] of [["alone", text], ["after plainText()", plainText(text)]] as const) {
    test(`markdownCode() and markdownBlock() ${how} give code and nothing else: ${name}`, () => {
      // Our functions get the whole text; the renderer, which is not linear in all of them, gets a part.
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
      // GitLab drops carriage returns before it looks for quick actions.
      const actions = /^(?:\/|```|>>>|<)/m;
      expect(actions.test(markdownBlock(whole).replaceAll("\r", ""))).toBe(false);
    });
  }

  test(`markdownBlock() shows the whole text: ${name}`, () => {
    const value = plainText(text).slice(0, 20_000).trimEnd();
    expect(outlineMarkdown(markdownBlock(value)).code[0]?.trimEnd() === value).toBe(true);
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

test("markdownLink() shows the address and keeps what a person needs of it", () => {
  expect(markdownLink("https://github.com/acme/web/pull/7")).toBe(
    "[`https://github.com/acme/web/pull/7`](<https://github.com/acme/web/pull/7>)",
  );
  expect(outlineMarkdown(markdownLink("https://a.example/?a=1&colon;b=(2)|'3'")).elements[1]).toBe(
    "a href=https://a.example/?a=1&colon;b=%282%29%7C%273%27",
  );
});
