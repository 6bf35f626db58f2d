import { expect, test } from "bun:test";
import fc from "fast-check";
import { cutMiddle, cutText, plainLines, plainText } from "../../../lib/text/plain_text.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { terminalCommands } from "../hostile/parsers/log_parsers.ts";
import { propertyRuns } from "../../property_runs.ts";

for (const { name, text } of CORPUS) {
  test(`plainText() keeps only what is visible: ${name}`, () => {
    const plain = plainText(text);
    expect(terminalCommands(plain)).toEqual([]);
    expect(plainText(plain) === plain).toBe(true);
  });
}

test("plainText() is idempotent, and its result is visible, for any text", () => {
  const unit = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "\x1b[",
      "\x1b]",
      "\x1b\\",
      "\x9d",
      "\x07",
      "\r",
      "\n",
      "\ud83d",
      "\ude00",
      "\u200b",
      "0;",
      "m",
      "8;;",
    ),
  );
  fc.assert(
    fc.property(fc.array(unit).map((parts) => parts.join("")), (text) => {
      const plain = plainText(text);
      expect(terminalCommands(plain)).toEqual([]);
      expect(plainText(plain)).toBe(plain);
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test("plainText() keeps tabs, line feeds, accents, emoji and the text of links", () => {
  expect(plainText("a\tb\nc")).toBe("a\tb\nc");
  expect(plainText("naïve Ünïcode 東京 😀 é")).toBe("naïve Ünïcode 東京 😀 é");
  expect(plainText("\x1b]8;;https://evil.example\x1b\\docs\x1b]8;;\x07!")).toBe("docs!");
  expect(plainText("\x1b[1;31mred\x1b[0m \x9b4mline\x1b(B")).toBe("red line");
});

test("plainText() turns every line break into a line feed, so that no line overwrites another", () => {
  expect(plainText("10 %\r20 %\r\n30 %\r\r\n40 %")).toBe("10 %\n20 %\n30 %\n40 %");
  expect(plainText("a\x85b\u2028c\u2029d\ve\ff")).toBe("a\nb\nc\nd\ne\nf");
  expect(plainText("failed\b\b\b\b\b\bsuccess")).toBe("failedsuccess");
});

test("plainText() shows what follows an unclosed sequence", () => {
  expect(plainText("\x1b]8;;https://evil.example and more\nnext")).toBe("8;;https://evil.example and more\nnext");
  expect(plainText("a\x1b\x1b[0m[31mb\x1b")).toBe("a[31mb");
});

test("plainText() turns lone surrogates into U+FFFD, also when removing text would join two of them", () => {
  expect(plainText("a\ud83d\u200b\ude00b")).toBe("a\ufffd\ufffdb");
});

test("plainText() cuts with a visible mark, and never splits a surrogate pair", () => {
  expect(plainText("abcdef", { maxLength: 6 })).toBe("abcdef");
  expect(plainText("abcdef", { maxLength: 4 })).toBe("abc…");
  expect(plainText("abc😀d", { maxLength: 5 })).toBe("abc…");
  expect(cutText("😀", 1)).toBe("…");
  const cut = cutText("a".repeat(120), 99);
  expect([cut, cut.length, cutText(cut, 99)]).toEqual([`${"a".repeat(81)}…[+39 characters]`, 98, cut]);
});

test("cutText() cuts after a word, and inside a word only when it is long", () => {
  expect(cutText("Fix the flaky tests", 12)).toBe("Fix the…");
  expect(cutText("Fix the flaky tests", 14)).toBe("Fix the flaky…");
  const text = "Fix the flaky tests and the linter ".repeat(3);
  expect(cutText(text, 60)).toBe("Fix the flaky tests and the linter Fix the…[+63 characters]");
  const address = "see https://git.example/";
  expect(cutText(`${address}${"a".repeat(80)}`, 60)).toBe(`${address}${"a".repeat(18)}…[+62 characters]`);
});

test("plainLines() splits, and drops empty lines at the end", () => {
  expect(plainLines("")).toEqual([]);
  expect(plainLines("\n \r\n")).toEqual([]);
  expect(plainLines("a\r\n\nb\n")).toEqual(["a", "", "b"]);
});

test("cutMiddle() keeps the first clauses and what to do", () => {
  const reason = "no sandbox was free (Too many active sandboxes), and the deadline is too close to wait for one; " +
    "a sandbox becomes free 10 to 35 minutes after its run ends; retry the job later, or raise its time limit";
  expect(cutMiddle(reason, 190)).toBe(
    "no sandbox was free (Too many active sandboxes), and the deadline is too close to wait for one; […] " +
      "retry the job later, or raise its time limit",
  );
  expect(cutMiddle(`Run failed; ${"the cause is long ".repeat(9)}`, 60)).toBe(
    "Run failed; the cause is long the cause is…[+132 characters]",
  );
  expect(cutMiddle("One. Two is long; Three is long. Four! Five is the end", 40)).toBe(
    "One. Two is long; […] Five is the end",
  );
});

test("cutMiddle() cuts a long first clause between words, and keeps what to do", () => {
  const text = `Cannot start run: ${
    "the repository has a very long name ".repeat(10)
  }; install the app, and run it again`;
  const cut = cutMiddle(text, 100);
  expect(cut).toStartWith("Cannot start run: the repository has a");
  expect(cut).toEndWith(" […] install the app, and run it again");
  expect(cut.length).toBeLessThanOrEqual(100);
  expect([cutMiddle("short", 40), cutMiddle("x".repeat(99), 40).length]).toEqual(["short", 40]);
});
