/** One document, as each printer prints it. */
import { expect, test } from "bun:test";
import { factsText, Screen } from "../../../lib/cli/log/terminal.ts";
import { htmlOf, markup, wordsOf } from "../../../lib/report/page.ts";
import { type Block, type Fact, markdownOf, plainWords, sentence, type Words } from "../../../lib/text/document.ts";

const HOSTILE = "<b>|\n::error::`x`";
const FACTS: Fact[] = [
  ["Run", { name: "a1" }],
  ["Branch", [{ name: HOSTILE }, " (not pushed)"]],
  ["Created", { time: "2026-12-01T14:05:09Z" }],
  ["Exit code", 1],
  ["Agent", { name: null }],
  ["Status", null],
];
const TEXT: Words = ["The agent said ", { strong: "this" }, ": ", { name: HOSTILE, max: 4 }];
const LINK: Words = { link: "https://forge.example/pull/7", words: "PR #7" };

test("markdownOf() shows names as code, and leaves out facts without a value", () => {
  const blocks: Block[] = [
    { heading: ["Run ", { name: "a1" }], level: 2 },
    { text: TEXT },
    { facts: FACTS },
    { list: [{ name: HOSTILE }, LINK] },
    {
      summary: "All of it",
      details: [{ code: HOSTILE }, { table: "Waits", head: ["Cause", "Times"], rows: [["network", 2]] }],
    },
  ];
  expect(markdownOf(blocks)).toBe(`## Run \`a1\`

The agent said **this**: \`<b>…\`

| Fact | Value |
| --- | --- |
| Run | \`a1\` |
| Branch | \`\` <b>│ ::error::\`x\` \`\` (not pushed) |
| Created | \`2026-12-01T14:05:09Z\` |
| Exit code | 1 |

- \`\` <b>│ ::error::\`x\` \`\`
- [PR #7](<https://forge.example/pull/7>)

<details><summary>All of it</summary>

 \`\`\`text
 <b>|
 ::error::\`x\`
 \`\`\`

### Waits

| Cause | Times |
| --- | --- |
| network | 2 |

</details>`);
});

test("htmlOf() escapes names, and numbers stand on the right", () => {
  const html = (blocks: readonly Block[]) => markup`${htmlOf(blocks)}`.toString();
  expect(html([{ heading: "Head", level: 3 }, { text: TEXT }])).toBe(
    "<h3>Head</h3><p>The agent said <strong>this</strong>: <code><bdi>&lt;b&gt;…</bdi></code></p>",
  );
  expect(html([{ facts: FACTS.slice(2) }, { list: [LINK] }])).toBe(
    '<dl class="facts"><dt>Created</dt><dd><time datetime="2026-12-01T14:05:09.000Z">2026-12-01 14:05:09 UTC</time></dd>' +
      '<dt>Exit code</dt><dd>1</dd></dl><ul><li><a href="https://forge.example/pull/7" rel="noopener noreferrer"><bdi>PR #7</bdi></a></li></ul>',
  );
  expect(html([{ summary: "All", details: [{ code: HOSTILE }] }])).toBe(
    '<details><summary>All</summary><div class="cmd"><code dir="auto">&lt;b&gt;|\n::error::`x`</code></div></details>',
  );
  const table = html([{ table: "Waits", head: ["Cause", "Times"], rows: [["network", 2], ["limit", 1]] }]);
  expect(table).toContain('<th scope="row">network</th><td class="number">2</td>');
  expect(markup`${wordsOf({ link: "javascript:x" })}`.toString()).toBe("<bdi>javascript:x</bdi>");
});

test("Screen.print() breaks what is too long, keeps commands whole and makes names harmless", () => {
  const screen = new Screen({ width: 40, color: false });
  const command = `mogplex-ci campaign retry ${"x".repeat(40)}`;
  screen.print([
    { heading: ["Campaign ", { name: HOSTILE }], level: 3 },
    { text: ["::error::", { name: HOSTILE }, " and more than fits the width of this"] },
    { facts: FACTS.slice(0, 2) },
    { code: command },
  ], 2);
  expect<string[]>(screen.lines).toEqual([
    "",
    "Campaign <b>| ::error::`x`",
    "  : :error::<b>| ::error::`x` and more",
    "  than fits the width of this",
    "  Run           a1",
    "  Branch        <b>| ::error::`x` (not",
    "                pushed)",
    `    ${command}`,
  ]);
});

test("factsText() keeps the lines of a value below each other", () => {
  expect(factsText([["reason", { name: "one\ntwo" }], ["status", null], ["requests", 3]])).toBe(
    "reason        one\n              two\nrequests      3",
  );
});

test("sentence() begins with a capital where our own word comes first", () => {
  const words: Words[] = ["nothing runs", ["next wave ", { name: "x" }], [{ name: "ann" }, " stopped it"], {
    name: "x",
  }];
  expect(words.map((each) => plainWords(sentence(each)))).toEqual([
    "Nothing runs.",
    "Next wave x.",
    "ann stopped it.",
    "x.",
  ]);
});
