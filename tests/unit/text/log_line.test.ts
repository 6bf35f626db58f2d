import { expect, test } from "bun:test";
import fc from "fast-check";
import { escapeLogLine } from "../../../lib/text/escape.ts";
import { plainLines } from "../../../lib/text/plain_text.ts";
import { propertyRuns } from "../../property_runs.ts";
import { LOG_PARSERS } from "../hostile/parsers/log_parsers.ts";

const FRAGMENTS = [
  ...[
    "::",
    ":",
    "##",
    "#",
    "[",
    "]",
    "error",
    "vso",
    "teamcity",
    "##vso[",
    "##teamcity[",
    "##[",
    "section_start",
    ":1:a",
  ],
  ...["travis_fold", ":start:a", "---", "+++", "~~~", "^^^", " ", "\t", "\x1b[0m", "\x1b]", "\x07", "\u200b", "\u202e"],
  ...["\x9b", "\r", "\n", "\ud800", "\udc00", "\x85", "\u00a0", "text"],
];

test("escapeLogLine() makes any sequence of fragments of commands inert on all systems at once", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 20 }), (parts) => {
      const text = parts.join("");
      for (const line of [escapeLogLine(text), ...plainLines(text).map((one) => escapeLogLine(one))]) {
        expect(Object.values(LOG_PARSERS).flatMap((parse) => parse(line))).toEqual([]);
      }
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test("escapeLogLine() does not change ordinary lines", () => {
  const ordinary = ["std::vector<int> a;", "a --- b", "# Heading", "##", "time: 12:30::05", "section start", "- --- x"];
  expect<string[]>(ordinary.map((line) => escapeLogLine(line))).toEqual(ordinary);
});
