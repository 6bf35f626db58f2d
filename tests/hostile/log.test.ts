import { expect, test } from "bun:test";
import fc from "fast-check";
import { plainLines } from "../../lib/text/plain_text.ts";
import { detectPlatform } from "../../lib/platforms/detect.ts";
import { escapeLogLine } from "../../lib/text/escape/log_line.ts";
import type { Platform } from "../../lib/platforms/platform.ts";
import { CORPUS } from "./corpus.ts";
import { LOG_PARSERS, terminalCommands } from "./log_parsers.ts";

const VARIABLES = {
  github: "GITHUB_ACTIONS",
  gitea: "GITEA_ACTIONS",
  forgejo: "FORGEJO_ACTIONS",
  gitlab: "GITLAB_CI",
  azure_pipelines: "SYSTEM_TEAMFOUNDATIONCOLLECTIONURI",
  teamcity: "TEAMCITY_VERSION",
  buildkite: "BUILDKITE",
};

function platform(variable: string): Platform {
  return detectPlatform((name) => name === variable ? "1" : undefined);
}

function parsersOf(name: string) {
  const own = LOG_PARSERS[name];
  return own === undefined ? Object.values(LOG_PARSERS) : [own];
}

const PLATFORMS = [...Object.values(VARIABLES), "JENKINS_URL", "CIRCLECI", "DRONE", "TRAVIS", "CI", ""].map(platform);

test("CORPUS has at least 80 texts, and the models of CI systems obey many of them as they are", () => {
  expect(CORPUS.length).toBeGreaterThanOrEqual(80);
  for (const [name, parse] of Object.entries({ ...LOG_PARSERS, terminal: terminalCommands })) {
    const obeyed = CORPUS.filter(({ text }) => parse(text).length > 0).length;
    expect([name, obeyed >= (name === "travis" ? 1 : 2)]).toEqual([name, true]);
  }
});

for (const { name, text } of CORPUS) {
  test(`escapeLine() of every platform makes inert: ${name}`, () => {
    const lines = plainLines(text);
    for (const system of PLATFORMS) {
      const log = lines.map((line) => `${system.escapeLine(line)}\n`).join("");
      // A person reads it on a terminal, whatever the system is.
      const found = [...parsersOf(system.name), terminalCommands].flatMap((parse) => parse(log));
      expect([system.name, found.slice(0, 3)]).toEqual([system.name, []]);
      expect(log.split("\n").length).toBe(lines.length + 1);
    }
  });

  test(`escapeLine() alone, without plainText(), keeps to one line and no command: ${name}`, () => {
    for (const system of PLATFORMS) {
      const line = system.escapeLine(text);
      // deno-lint-ignore no-control-regex
      expect(line).not.toMatch(/[\n\r\v\f\x1b\x85\x9b\u2028\u2029]/);
      expect([system.name, parsersOf(system.name).flatMap((parse) => parse(line)).slice(0, 3)]).toEqual([
        system.name,
        [],
      ]);
    }
  });
}

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
    { numRuns: 2_000 },
  );
});

test("escapeLogLine() leaves ordinary lines as they are", () => {
  const ordinary = ["std::vector<int> a;", "a --- b", "# Heading", "##", "time: 12:30::05", "section start", "- --- x"];
  expect(ordinary.map((line) => escapeLogLine(line))).toEqual(ordinary);
});
