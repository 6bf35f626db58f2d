import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Ask, readMention } from "../../../lib/respond/mention.ts";
import { root } from "../../../tools/setup.mjs";

const task = (text: string): Ask => ({ kind: "task", task: text });

const READ: readonly (readonly [text: string, ask: Ask | null])[] = [
  ["@mogplex fix the test", task("fix the test")],
  ["@Mogplex: fix the test", task("fix the test")],
  ["Thanks!\r\n\r\n@mogplex fix\r\n- one\r\n- two", task("fix\n- one\n- two")],
  ["@mogplex\nfix the test", task("fix the test")],
  ["@mogplex", task("")],
  ["@mogplex.", task("")],
  ["@mogplex... fix it", task("... fix it")],
  ["@mogplex.com is down", null],
  ["@mogplex.com is down\n\n@mogplex fix it", task("fix it")],
  ["Mail me@mogplex.com", null],
  ["@mogplex stop", { kind: "stop" }],
  ["@mogplex STOP!", { kind: "stop" }],
  ...[
    "stop please",
    "please stop",
    "stop it",
    "stop?",
    "stop this run now.",
    "cancel",
    "abort!",
    "Cancel, please",
    "**stop**",
    "stop; thanks",
    "stop…",
    "stop the agent",
    "stop\n\nSorry, wrong thread.",
    "stop (wrong branch)",
    "stop - wrong thread",
    "stop, I will do it myself",
    "stop!!!1",
    "stop here",
    "stop: wrong branch",
    "stop for now",
    "stop working on it",
    "cancel the current run",
    "please stop the job",
    "please, stop",
    "ok, stop.",
    "no! Stop it, please",
    "thanks, stop now",
    "stop all runs",
    "cancel both jobs",
    "just stop",
    "stop—wrong branch",
    "STOP STOP STOP",
    "stop/cancel",
    "stop and cancel everything",
    "halt!",
    "hey, stop",
    "oh no, stop it",
    "could you stop, please?",
    "stop what you are doing",
    "stop the run on this branch",
    "stop this because it is the wrong branch",
    "stop until I am back",
    "help, stop",
    "help stop",
    "stop, help",
    "status and cancel",
    "again, please stop",
    "retry\nstop",
  ].map(
    (words): [string, Ask] => [`@mogplex ${words}`, { kind: "stop" }],
  ),
  ...["again please", "again!", "retry", "rerun", "try again", "please, again"].map((words): [string, Ask] => [
    `@mogplex ${words}`,
    { kind: "again" },
  ]),
  ...[
    "work on it",
    "stop working around the bug",
    "cancel:hover has no style",
    "stop the clock in tests",
    "stop-words are missing",
    "cancel --all must ask first",
    "abort.ts has a bug",
    "stop all runs of the linter",
    "please:\n- cancel\n- and submit need a color",
    "ok, stop retrying in the client",
    "rename it, stop",
    "no retry",
    "cancel(): close the stream, too",
    "abort(signal) has no test",
    "stop the retries, because they hide errors",
    "stop and wait for the server in the test",
    "can you fix it?",
  ].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, task(words)]),
  // As GitHub and Gitea paste a picture.
  ['<img width="200" alt="a b" src="/attachments/x" />\n\n@mogplex go', task("go")],
  ['It shows <img src="https://git.example/x">.\n\n@mogplex go', task("go")],
  ...["please", "Thanks!", "thank you", "ok", "ok, sorry", "run it", "\u{1f44d}"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, task("")]),
  ["@mogplex 请修复测试", task("请修复测试")],
  ["@mogplex，请修复测试", task("请修复测试")],
  ["@mogplex：stop，分支错了", { kind: "stop" }],
  ["@mogplex！stop", { kind: "stop" }],
  ["@mogplex again", { kind: "again" }],
  ...["again, but without the tests", "please again with a map", "retry, but use a map", "rerun but with Node 22"].map((
    text,
  ): [string, Ask] => [`@mogplex ${text}`, { kind: "task", task: text, isAfterLast: true, needsLast: true }]),
  ...["Again:\n\n- no tests", "again, the build is red"].map((text): [string, Ask] => [
    `@mogplex ${text}`,
    { kind: "task", task: text, isAfterLast: true },
  ]),
  ...["retry the upload three times", "rerun the migration", "retry-after is ignored", "fix it again"].map((
    text,
  ): [string, Ask] => [
    `@mogplex ${text}`,
    task(text),
  ]),
  ["@mogplex fix checks", { kind: "fix", fix: "checks" }],
  ["@mogplex fix review.", { kind: "fix", fix: "review" }],
  ["@mogplex fix conflict", { kind: "fix", fix: "conflict" }],
  ...["fix check", "fix the failing checks"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, { kind: "fix", fix: "checks" }]),
  ...["fix failed ci", "fix ci", "please fix the red CI checks"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, { kind: "fix", fix: "checks", task: words }]),
  ...["fix conflicts", "fix merge conflict", "fix the merge conflicts!"].map((words): [string, Ask] => [
    `@mogplex ${words}`,
    { kind: "fix", fix: "conflict" },
  ]),
  ["@mogplex fix the reviews", { kind: "fix", fix: "review" }],
  ...["fix the review comments", "fix review comment, please", "fix all the review feedback"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, { kind: "fix", fix: "review" }]),
  ...["address the review", "address review comments", "please address the review feedback", "resolve the review"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, { kind: "fix", fix: "review", task: words }]),
  ...[
    "fix tests",
    "fix the tests",
    "fix the build!",
    "please fix the failing tests",
    "fix all tests",
    "Fix the red build",
  ]
    .map((words): [string, Ask] => [`@mogplex ${words}`, { kind: "fix", fix: "checks", task: words }]),
  ...["fix the broken pipeline", "fix the CI tests"].map((words): [string, Ask] => [
    `@mogplex ${words}`,
    { kind: "fix", fix: "checks", task: words },
  ]),
  ...["resolve conflicts", "resolve the merge conflict"].map((words): [string, Ask] => [
    `@mogplex ${words}`,
    { kind: "fix", fix: "conflict", task: words },
  ]),
  ...[
    "fix the failing test",
    "fix merge",
    "fix ci and docs",
    "fix the failing review",
    "help me with the tests",
    // Near misses: each names something else, or something more.
    "fix the test",
    "fix tests and docs",
    "fix the tests in src/api",
    "fix the flaky tests",
    "fix the unit tests",
    "fix 3 tests",
    "fix tests.ts",
    "fix tests/",
    "fix `tests`",
    "fix tests #12",
    "fix build()",
    "fix ./build",
    "fix the build script",
    "fix the build on Windows",
    "fix the build time",
    "fix the tests, they are red",
    "fix the comments",
    "fix the comment",
    "fix the feedback form",
    "fix the review page",
    "fix the review by kim",
    "address the comments",
    "address the bug",
    "address the build",
    "address the conflict",
    "address",
    "resolve the tests",
    "resolve the DNS review",
    "review the comments",
    "review",
    "test the build",
    "run the tests",
    "build",
  ].map((words): [string, Ask] => [`@mogplex ${words}`, task(words)]),
  ...["help", "Help!", "help please", "please help"].map((words): [string, Ask] => [
    `@mogplex ${words}`,
    { kind: "help" },
  ]),
  ...["status", "status?"].map((words): [string, Ask] => [`@mogplex ${words}`, { kind: "status" }]),
  ...["pause", "kill", "quit", "terminate"].flatMap((word): [string, Ask][] =>
    [word, `please ${word} it`, `${word} the agent!`, `${word}, it is the wrong branch`].map((words) => [
      `@mogplex ${words}`,
      { kind: "stop", word },
    ])
  ),
  ...["kill the zombie processes", "terminate all jobs", "quit on SIGTERM", "pause the video player"].map((
    words,
  ): [string, Ask] => [`@mogplex ${words}`, task(words)]),
  ["@mogplex fix checks and docs", task("fix checks and docs")],
  ["@mogplex fix checks\n\nThe failing one is flaky.", {
    kind: "fix",
    fix: "checks",
    task: "fix checks\n\nThe failing one is flaky.",
    explanation: "The failing one is flaky.",
  }],
  ["@mogplex fix CI\n\nThe log says `ENOSPC`, see #12.", {
    kind: "fix",
    fix: "checks",
    task: "fix CI\n\nThe log says `ENOSPC`, see #12.",
    explanation: "The log says `ENOSPC`, see #12.",
  }],
  ["@mogplex fix the tests in src/\n\nThe clock is wrong.", task("fix the tests in src/\n\nThe clock is wrong.")],
  // The task may have code in it.
  ["@mogplex run\n```\nnpm test\n```", task("run\n```\nnpm test\n```")],
  ["> earlier\n\n@mogplex go", task("go")],
  ["`a` and ``b` c``\n\n@mogplex go", task("go")],
  ["a ` stray\n\n@mogplex go", task("go")],
  ["Thanks, @kim!\n@lee looked, too.\n@mogplex go", task("go")],
  ["It prints\n```\n<pre>\n> not a quote\n```\n@mogplex go", task("go")],
  ["~~~ js\nx\n~~~~  \n\n@mogplex go", task("go")],
  ["> ```\n> @mogplex no\n> ```\n\n@mogplex go", task("go")],
  ["- one\n  - two\n\n@mogplex go", task("go")],
  ["1. > one\n\n@mogplex go", task("go")],
  ["Title\n=====\n\n---\n\n@mogplex go", task("go")],
  ["> @mogplex no\n\n@mogplex go", task("go")],
  // A stop further down in the same comment holds; any other mention there belongs to the task.
  ["@mogplex fix a\n@mogplex stop", { kind: "stop" }],
  ["@mogplex fix a\n\nOh no.\n\n@mogplex stop, wrong branch", { kind: "stop" }],
  ["@mogplex again\n\n@mogplex cancel", { kind: "stop" }],
  ["@mogplex one\n@mogplex two\n@mogplex stop", { kind: "stop" }],
  ["@mogplex fix a\n@mogplex kill", { kind: "stop", word: "kill" }],
  ["@mogplex one\n@mogplex two", task("one\n@mogplex two")],
  ["@mogplex one\n@mogplex stop the clock", task("one\n@mogplex stop the clock")],
  ["@mogplex quote\n> a\n@mogplex stop", { kind: "stop" }],
  ["@mogplex document\n```\n@mogplex stop\n```", task("document\n```\n@mogplex stop\n```")],
  ["@mogplex document\n- @mogplex stop", task("document\n- @mogplex stop")],
  ["@mogplex go\n<pre>\n@mogplex stop", task("go\n<pre>\n@mogplex stop")],
  // What is behind the mention is the task, whatever it is.
  ["@mogplex go\n<pre>\n>>>\n\r\u001b[31mred", task("go\n<pre>\n>>>\n\nred")],
  ["hello", null],
  ["see @mogplex go", null],
  ["me@mogplex go", null],
  ["@mogplex-bot go", null],
  ["@mogplexy go", null],
  ["@mogplex/team go", null],
  ["> @mogplex go", null],
  ["> quoted\n@mogplex go", null],
  [">>>\n@mogplex go\n>>>", null],
  ["```\n@mogplex go\n```", null],
  ["~~~~\n```\n@mogplex go", null],
  ["- ```\n@mogplex go\n  ```", null],
  ["    @mogplex go", null],
  ["\t@mogplex go", null],
  ["`\n@mogplex go\n`", null],
  ["<!-- \n@mogplex go\n-->", null],
  ["<!--\n@mogplex go", null],
  ["<pre>\n@mogplex go\n</pre>", null],
  ["<blockquote>\n\n@mogplex go\n\n</blockquote>", null],
  ["<code>x\n@mogplex go", null],
  // A sign that looks like the end of a block of code, and is none; or the end of another one.
  ["```md\n> ```\n@mogplex go\n```", null],
  ["```\n ``` js\n@mogplex go\n```", null],
  ["```\n``` js\n\n@mogplex go\n```", null],
  ["```\n- ```\n\n@mogplex go\n```", null],
  ["```\n    ```\n\n@mogplex go\n```", null],
  ["```\n\t```\n\n@mogplex go\n```", null],
  ["```\n```\u00a0\n\n@mogplex go\n```", null],
  ["````\n```\n\n@mogplex go\n````", null],
  ["~~~\n~~~ js\n\n@mogplex go\n~~~", null],
  ["~~~\n```\n\n@mogplex go\n~~~", null],
  ["```\n>>>\n> ```\n\n@mogplex go\n```", null],
  // A sign that looks like the beginning of one, so that the next one seems to be its end.
  ["    ```\n\n```\n@mogplex go\n```", null],
  ["- ```\n\n```\n@mogplex go\n```", null],
  ["- a\n  ```\n\n```\n@mogplex go\n```", null],
  ["10. a\n\n ```\n@mogplex go\n```", null],
  ["-\n\n  ```\n@mogplex go\n```", null],
  ["[^1]: ```\n\n```\n@mogplex go\n```", null],
  ["a ```\n\n```\n@mogplex go\n```", null],
  ["``` a`b\n\n```\n@mogplex go\n```", null],
  ["\u200b```\n\n```\n@mogplex go\n```", null],
  ["\u00a0```\n\n```\n@mogplex go\n```", null],
  ["a\r```\n\n@mogplex go\n\n```", null],
  ["<div>\n```\n</div>\n\n```\n@mogplex go\n```", null],
  // A paragraph of a quote continues in lines without its sign, also in a list.
  ["- > the stranger wrote:\n@mogplex from inside a quote", null],
  ["1) > a\nb\n@mogplex go", null],
  ["> - a\nb\n@mogplex go", null],
  ["> a\n\u00a0\n@mogplex go", null],
  ["> [!NOTE]\n@mogplex go", null],
  ["[^1]: > a\n@mogplex go", null],
  // Elements are not counted: behind any of them there is no mention.
  ["<blockquote><blockquote>a</blockquote>\n@mogplex x\n</blockquote>", null],
  ["<blockquote><blockquote>a</blockquote>\n\n@mogplex x\n\n</blockquote>", null],
  ["<pre><pre>a</pre>\n\n@mogplex go\n</pre>", null],
  ["> <blockquote>\n\n@mogplex go", null],
  ["<xmp>\n@mogplex go\n</xmp>", null],
  ["<listing>\n\n@mogplex go\n</listing>", null],
  ["<tt>\n@mogplex go\n</tt>", null],
  ["<details>\n\n@mogplex go\n\n</details>", null],
  ["<svg>\n\n@mogplex go\n\n</svg>", null],
  ["<?\n@mogplex go\n?>", null],
  ["<![CDATA[\n\n@mogplex go\n]]>", null],
  ['<a title="\n@mogplex go\n">b</a>', null],
  ["<img alt='\n@mogplex go\n'>", null],
  ["`a\n` <pre> `\n\n@mogplex go", null],
  ["\\`<pre>`\n\n@mogplex go", null],
  // Links, their definitions, and images.
  ['[foo]: /url "title\n@mogplex invisible\nmore"', null],
  ["[foo]: /url 'title\n@mogplex invisible\nmore'", null],
  ["[//]: # (\n@mogplex go\n)", null],
  ["[foo]:\n/url (a\n@mogplex go\n)", null],
  ["![alt\n@mogplex go\nmore](a.png)", null],
  ["[a](/b '\n@mogplex go\n')", null],
  ["see [a](/b 'c\n@mogplex go\n')", null],
  // Spans of code, also with a sign that a backslash takes out.
  ["\\` and `a\n@mogplex x`", null],
  ["a ``\n@mogplex go\n``", null],
  ["a `\nb\n@mogplex go`", null],
  // Formulas, tables, settings at the beginning, and the quote of GitLab.
  ["$$\n@mogplex go\n$$", null],
  ["a $$\n\n@mogplex go\n$$", null],
  ["a $b\n@mogplex go$", null],
  ["\\[\n\n@mogplex go\n\\]", null],
  ["a\\(b\n@mogplex go\\)", null],
  ["a | b\n--|--\n@mogplex go", null],
  ["---\n@mogplex go\n---", null],
  ["\n---yaml\n\n@mogplex go\n---", null],
  ["# coding: utf-8\n+++\n\n@mogplex go\n+++", null],
  [";;;\n\n@mogplex go\n;;;", null],
  [">>>\na\n\n@mogplex go\n>>>", null],
  [">>>>\n>>>\n\n@mogplex go\n>>>>", null],
  // Other characters end no line, and are not left out.
  ["`a\u2028@mogplex go", null],
  ["a\u2028@mogplex go", null],
  ["a\u2029@mogplex go", null],
  ["a\u0085@mogplex go", null],
  ["a\v@mogplex go", null],
  ["a\f@mogplex go", null],
  ["a\r@mogplex go", null],
  ["> a\n\u000b\n@mogplex go", null],
  ["\u001b[0m@mogplex go", null],
  ["@mog\u200bplex go", null],
  ["\ufeff@mogplex go", null],
  [" @mogplex go", null],
  ["- @mogplex go", null],
  ["- a\n  @mogplex go", null],
];

/** What is treated as a mention; null for one that is not sure, too. */
function surely(text: string, name = "mogplex"): Ask | null {
  const ask = readMention(text, name);
  return ask?.kind === "unsure" ? null : ask;
}

for (const [text, ask] of READ) {
  test(`readMention() reads ${JSON.stringify(text)}`, () => expect(surely(text)).toEqual(ask));
}

for (
  const text of [
    "> quoted\n@mogplex go",
    "The class List<string> is broken.\n\n@mogplex go",
    "- one\n@mogplex go",
    "see `x`:\n@mogplex go",
    "$$ too much\n\n@mogplex go",
    '<img src="x">\n@mogplex go',
    '<img src="x" onerror=y>\n\n@mogplex go',
    '<img src="x">  <pre>\n\n@mogplex go',
    '<<img src="x">pre>\n\n@mogplex go',
  ]
) {
  test(`readMention() is not sure of ${JSON.stringify(text)}`, () => {
    expect(readMention(text, "mogplex")).toEqual({ kind: "unsure" });
  });
}

test("readMention() is not sure of a mention that begins a sentence inside a line, behind greetings and other users", () => {
  for (
    const text of [
      "Hi @mogplex please fix it",
      "Hi, @mogplex, fix it",
      "cc @mogplex fix it",
      "- @mogplex fix it",
      "1. @mogplex fix it",
      "Thank you!\n\nok @mogplex: fix it",
      "@kim @mogplex fix it",
      "@kim, @lee-2 and @mogplex: fix it",
      "(@mogplex fix)",
      "The test is red (cc @mogplex, fix it)",
      "I have looked at it. @mogplex fix the rest",
      "It is `cancel()` again. @mogplex fix it",
      "See @mogplex-docs. @mogplex fix it",
      "That was @mogplex again. @mogplex fix it",
      "<!-- a hint -->\nHi @mogplex fix it",
    ]
  ) expect([text, readMention(text, "mogplex")]).toEqual([text, { kind: "unsure", isInside: true }]);
  for (
    const text of [
      "I think @mogplex broke it",
      "`@mogplex` is a name",
      "Hi `@mogplex` fix it",
      "Thanks @mogplex!",
      "> Hi @mogplex fix it",
      "```\nHi @mogplex fix it\n```",
      "    Hi @mogplex fix it",
      "Hi @mogplexy fix it",
      "@kim wrote @mogplex fix it",
      '"@mogplex fix it"',
      'Write "please @mogplex fix it"',
      "Write `x. @mogplex fix it`",
      "Write for example: @mogplex fix it",
      "(@mogplex)",
      "(see @mogplex for that)",
      "kim@mogplex fix it",
      "<!-- cc @mogplex fix it -->",
      "<!--\ncc @mogplex fix it\n-->",
      "> said\n> (@mogplex fix it)",
      ">>>\nHi @mogplex fix it\n>>>",
      "| Hi @mogplex fix it |",
    ]
  ) expect([text, readMention(text, "mogplex")]).toEqual([text, null]);
});

test("readMention() says that only formatting precedes a mention inside a line", () => {
  for (const text of ["**@mogplex** fix it", "_@mogplex_ fix it", "Hello.\n\n***@mogplex fix it***"]) {
    expect(readMention(text, "mogplex")).toEqual({ kind: "unsure", isInside: true, isFormatted: true });
  }
  expect(readMention("Hi **@mogplex** fix it", "mogplex")).toEqual({ kind: "unsure", isInside: true });
  expect(readMention("`@mogplex` fix it", "mogplex")).toBe(null);
});

test("readMention() is not sure of a mention that only looks as if it were at the beginning of a line", () => {
  for (const text of ["\u200f@mogplex go", "@mogplex\u200b go", "@mog\u00adplex go", "Thanks!\n\n\ufeff@mogplex go"]) {
    expect(readMention(text, "mogplex")).toEqual({ kind: "unsure", isHidden: true });
  }
  for (const text of ["\u200f\u202e", "> \u200f@mogplex go", "```\n\u200f@mogplex go\n```", "@m\u043egplex go"]) {
    expect(readMention(text, "mogplex")).toBeNull();
  }
});

test("readMention() sees no mention in a block of code, or inside of a line", () => {
  for (const text of ["```\n@mogplex go\n```", "~~~\n@mogplex go", "<b>\n\nsee @mogplex", "> @mogplex go\n> b"]) {
    expect(readMention(text, "mogplex")).toBeNull();
  }
});

/** Each puts a text into what a forge shows as a quote or as code, or does not show. */
const WRAPS: readonly ((text: string) => string)[] = [
  (text) => prefixed("> ", text),
  (text) => prefixed(">", text),
  (text) => prefixed("> - ", text),
  (text) => prefixed("    ", text),
  (text) => prefixed("\t", text),
  (text) => `- > a\n${prefixed("  > ", text)}`,
  (text) => `1. a\n${prefixed("       ", text)}`,
  (text) => `- ${fenced("`", text).replaceAll("\n", "\n  ")}`,
  (text) => `> ${fenced("~", text).replaceAll("\n", "\n> ")}`,
  (text) => fenced("`", text),
  (text) => fenced("~", text),
  (text) => `>>>\n${text}\n>>>`,
  (text) => `<!--\n${text}\n-->`,
  (text) => `$$\n${text}\n$$`,
  (text) => `---\n${text}\n---`,
  (text) => `<a title="\n${text}\n">b</a>`,
  ...[
    "blockquote",
    "pre",
    "code",
    "q",
    "xmp",
    "listing",
    "tt",
    "samp",
    "script",
    "style",
    "textarea",
    "details",
    "svg",
    "x-y",
  ]
    .flatMap((tag) => [
      (text: string) => `<${tag}>\n${text}\n</${tag}>`,
      (text: string) => `<${tag}><${tag}></${tag}>\n\n${text}\n\n</${tag}>`,
    ]),
];

/** Each puts the mention into a paragraph that is one of these. */
const PARAGRAPHS = [
  "> a\n@mogplex go",
  "- > a\n@mogplex go",
  '[a]: /b "\n@mogplex go\n"',
  "![\n@mogplex go\n](a.png)",
  "a `\n@mogplex go\n`",
];

/** What may stand in front, as a whole block. */
const BEFORE = [
  "",
  "Thanks!\n",
  "a `b` c\n\n",
  "> a\n\n",
  "- a\n\n",
  "```\n~\n```\n",
  "~~~~ js\n`\n~~~~\n\n",
  "# a\n\n---\n\n",
];

function prefixed(prefix: string, text: string): string {
  return text.split("\n").map((line) => `${prefix}${line}`).join("\n");
}

function fenced(sign: string, text: string): string {
  const fence = sign.repeat(Math.max(3, ...[...text.matchAll(/`+|~+/g)].map(([run]) => run.length + 1)));
  return `${fence}\n${text}\n${fence}`;
}

test("readMention() finds nothing in a comment that was put into quotes, code or HTML, and into these again", () => {
  const mentions = READ.flatMap(([text, ask]) => ask === null ? [] : [text.replaceAll("\r\n", "\n")]);
  const once = [...PARAGRAPHS, ...mentions.flatMap((text) => WRAPS.map((wrap) => wrap(text)))];
  const behind = once.filter((text) => !text.startsWith("---")).flatMap((text) =>
    BEFORE.map((before) => before + text)
  );
  const twice = once.flatMap((text) => WRAPS.map((wrap) => wrap(text)));
  const found = [...once, ...behind, ...twice, ...behind.map((text) => text.replaceAll("\n", "\r\n"))]
    .filter((text) => surely(text) !== null);
  expect(found).toEqual([]);
});

test("readMention() goes by the name that was chosen", () => {
  expect(readMention("@agent go", "agent")).toEqual(task("go"));
  expect(readMention("@mogplex go", "agent")).toBeNull();
});

const MARKUP = [
  "`",
  "` ``",
  "<q>",
  "<q></q>",
  "<!--",
  "> ",
  "```\n",
  ">>>",
  "<code",
  "@",
  "@mogplex",
  "\n\n`",
  "*_[](",
  "&#64;mogplex ",
];

for (const part of MARKUP) {
  test(`readMention() reads 60 KB of ${JSON.stringify(part)}, and never a request behind them that is not one`, () => {
    const text = part.repeat(Math.ceil(60_000 / part.length));
    readMention(text, "mogplex");
    readMention(`${text}\n\n@mogplex go`, "mogplex");
  });
}

test("readMention() reads long lines with the signs of code in the time of a short one", () => {
  for (const sign of ["~", "`"]) {
    const run = sign.repeat(30_000);
    for (const line of [`${run}a${sign}${"b".repeat(60_000)}`, `${run}${" ".repeat(60_000)}a`]) {
      for (const before of ["", `${sign.repeat(3)}\n`]) {
        expect(surely(`${before}${line}\n\n@mogplex go`)).toBeNull();
      }
    }
  }
});

test("readMention() reads a long task as a task, whatever its end looks like", () => {
  for (const part of ["!", ".!", "! "]) {
    const text = part.repeat(95_000 / part.length);
    expect(readMention(`@mogplex ${text}x`, "mogplex")).toEqual(task(`${text}x`));
  }
});

test("readMention() looks at the first 100 000 characters, and takes no half of a task for one", () => {
  const log = "x".repeat(100_000);
  for (const words of ["fix this", "again\n", "fix checks\n"]) {
    const text = `@mogplex ${words}\n${log}`;
    expect(readMention(text, "mogplex")).toEqual(task(text));
  }
  expect(readMention(`@mogplex stop, see this\n${log}`, "mogplex")).toEqual({ kind: "stop" });
  expect(readMention(`${log}\n\n@mogplex go`, "mogplex")).toBeNull();
});

/** The commands of the row of docs/ask.md whose result has these words. */
function commandsOfPage(words: string): string[] {
  const page = readFileSync(join(root, "docs/ask.md"), "utf8");
  const row = page.split("\n").find((line) => line.startsWith("| `") && line.includes(words)) ?? "";
  return [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, command = ""]) => command);
}

test("readMention() knows which commands of docs/ask.md are refused on an issue, and which are a task there", () => {
  const fixes = (words: string) =>
    commandsOfPage(words).map((command) => {
      const ask = readMention(`@mogplex ${command}`, "mogplex");
      return ask?.kind === "fix" ? [command, ask.fix, ask.task] : [command, ask?.kind];
    });
  expect(fixes("On an issue, these commands are refused")).toEqual([
    ["fix checks", "checks", undefined],
    ["fix review", "review", undefined],
    ["fix the review comments", "review", undefined],
    ["fix conflict", "conflict", undefined],
  ]);
  expect(fixes("these words are an ordinary task")).toEqual([
    ["fix CI", "checks", "fix CI"],
    ["fix the tests", "checks", "fix the tests"],
    ["fix the build", "checks", "fix the build"],
    ["fix the pipeline", "checks", "fix the pipeline"],
    ["address the review", "review", "address the review"],
    ["resolve the conflict", "conflict", "resolve the conflict"],
  ]);
});
