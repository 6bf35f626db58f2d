import { expect, test } from "bun:test";
import { bareValue, renderDotenvFile } from "../../../lib/text/escape.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { parseDotenv } from "../hostile/parsers/file_parsers.ts";

for (const { name, text } of CORPUS) {
  test(`renderDotenvFile() gives each value one line: ${name}`, () => {
    const pairs = parseDotenv(renderDotenvFile({ MOGPLEX_BRANCH: text, MOGPLEX_OUTCOME: "failed" }));
    expect(pairs.map(([key]) => key)).toEqual(["MOGPLEX_BRANCH", "MOGPLEX_OUTCOME"]);
    expect([text, ""]).toContain(pairs[0]?.[1] as string);
  });
}

test("renderDotenvFile() throws when a name has other characters, or GitLab would not take the file", () => {
  expect(() => renderDotenvFile({ "A-B": "" })).toThrow(RangeError);
  const many = Object.fromEntries(Array.from({ length: 6 }, (_, index) => [`A${index}`, "x".repeat(1_000)]));
  expect(() => renderDotenvFile(many)).toThrow("at most 5000 bytes");
});

test("bareValue() lets branches, addresses and ids through, and refuses what a shell or GitLab would expand", () => {
  for (
    const good of [
      "feature/ü-1_2.3",
      "https://a.example/x?y=1#z",
      "mogplex/external/70a4-95",
      "dependabot/npm/@types/node",
    ]
  ) {
    expect(bareValue(good)).toBe(good);
  }
  for (
    const bad of [
      "a b",
      "a&b",
      "$a",
      "`a`",
      "a;b",
      "a|b",
      "(a)",
      "'a'",
      '"a"',
      "a\\b",
      "a\nb",
      "<a>",
      "a*",
      "{a}",
      "!a",
      "-rf",
      "--upload-pack=./evil",
      "~root/.ssh",
      "#comment",
      "=cmd",
    ]
  ) {
    expect([bad, bareValue(bad)]).toEqual([bad, ""]);
  }
});
