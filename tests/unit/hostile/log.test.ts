import { expect, test } from "bun:test";
import { plainLines } from "../../../lib/text/plain_text.ts";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import type { Platform } from "../../../lib/ci/platform.ts";
import { CORPUS } from "./corpus.ts";
import { LOG_PARSERS, terminalCommands } from "./parsers/log_parsers.ts";

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

test("CORPUS has at least 80 texts, and the models of CI systems obey many of them when nothing is escaped", () => {
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
      // People also read the log of any system on a terminal.
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
