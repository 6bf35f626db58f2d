import { expect, test } from "bun:test";
import { escapeMarkup } from "../../../lib/text/escape.ts";
import { plainText } from "../../../lib/text/plain_text.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { outlineHtml, outlineXml } from "../hostile/parsers/markup_parsers.ts";

/** The text with U+FFFD for each character that an XML document cannot hold. */
function holdable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]|\p{Cs}/gu, "\ufffd");
}

for (const { name, text } of CORPUS) {
  for (const [how, value] of [["alone", text], ["after plainText()", plainText(text)]] as const) {
    test(`escapeMarkup() ${how} gives text and attributes of XML and HTML and nothing else: ${name}`, () => {
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
  }
}
