import { expect, test } from "bun:test";
import { type Ask, readMention } from "../../../lib/respond/mention.ts";

const task = (text: string): Ask => ({ kind: "task", task: text });

const READ: readonly (readonly [text: string, ask: Ask | null])[] = [
  ["@mogplex fix the test", task("fix the test")],
  ["@Mogplex: fix the test", task("fix the test")],
  ["Thanks!\r\n\r\n@mogplex fix\r\n- one\r\n- two", task("fix\n- one\n- two")],
  ["@mogplex\nfix the test", task("fix the test")],
  ["@mogplex", task("")],
  ["@mogplex stop", { kind: "stop" }],
  ["@mogplex STOP!", { kind: "stop" }],
  ["@mogplex stop the clock in tests", task("stop the clock in tests")],
  ["@mogplex again", { kind: "again" }],
  ["@mogplex fix checks", { kind: "mend", mend: "checks" }],
  ["@mogplex fix review.", { kind: "mend", mend: "review" }],
  ["@mogplex fix conflict", { kind: "mend", mend: "conflict" }],
  ["@mogplex fix checks and docs", task("fix checks and docs")],
  // The task may have code in it.
  ["@mogplex run\n```\nnpm test\n```", task("run\n```\nnpm test\n```")],
  ["> earlier\n\n@mogplex go", task("go")],
  ["`a` and ``b` c``\n@mogplex go", task("go")],
  ["a ` stray\n@mogplex go", task("go")],
  // Invisible characters do not count.
  ["@mog\u200bplex go", task("go")],
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
];

for (const [text, ask] of READ) {
  test(`readMention() reads ${JSON.stringify(text)}`, () => expect(readMention(text, "mogplex")).toEqual(ask));
}

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

test("readMention() reads a long task as a task, whatever its end looks like", () => {
  for (const part of ["!", ".!", "! "]) {
    const text = part.repeat(95_000 / part.length);
    expect(readMention(`@mogplex ${text}x`, "mogplex")).toEqual(task(`${text}x`));
  }
});

test("readMention() reads nothing of more than 100 000 characters", () => {
  expect(readMention(`@mogplex ${"x".repeat(100_000)}`, "mogplex")).toBeNull();
});
