import { expect, test } from "bun:test";
import { escapeText, UsageError } from "../../../mod.ts";

// deno-lint-ignore no-control-regex
const INVISIBLE = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]/;
const NASTY =
  "a`b``c | @everyone\n/close\n<img src=x onerror=alert(1)> \x1b[31m&amp; \"q\" 'r'\u202e ::error::x\n##vso[x]";

test("escapeText makes a text harmless for each place", () => {
  const { markdown, markdownBlock, html, slack, terminal } = escapeText;
  expect(markdown("a`b | c\n/close")).toBe("``a`b │ c /close``");
  expect(markdown(" \n ")).toBe("");
  expect(markdownBlock("")).toBe(" ```text\n \n ```");
  expect(markdownBlock("one\n```\n/close")).toBe(" ````text\n one\n ```\n /close\n ````");
  expect(html(`<a href="x">'&`)).toBe("&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
  expect(slack("<!channel> <https://evil.example|bank> & it's\x1b[1m *fine*\r\nnext")).toBe(
    "&lt;!channel&gt; &lt;https://evil.example|bank&gt; &amp; it's *fine*\nnext",
  );
  expect(terminal("fine\n::error::forged\n\x1b[2Jgone")).toBe("fine\n: :error::forged\ngone");
  for (const escape of Object.values(escapeText)) expect(escape(NASTY)).not.toMatch(INVISIBLE);
  expect(markdown(NASTY)).not.toContain("\n");
  expect(html(NASTY)).not.toMatch(/[<>"']/);
  expect(slack(NASTY)).not.toMatch(/[<>]/);
  expect(terminal(NASTY)).not.toMatch(/^::|##vso\[/m);
});

test("escapeText refuses what is no text", () => {
  for (const escape of Object.values(escapeText)) {
    for (const value of [undefined, null, 7, {}]) expect(() => escape(value as never)).toThrow(UsageError);
  }
});
