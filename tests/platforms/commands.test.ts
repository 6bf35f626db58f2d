import { expect, test } from "bun:test";
import { detectPlatform } from "../../lib/platforms/detect.ts";
import { CORPUS } from "../hostile/corpus.ts";
import {
  azureCommands,
  buildkiteCommands,
  githubCommands,
  gitlabCommands,
  teamcityCommands,
} from "../hostile/log_parsers.ts";

function platformBy(variable: string) {
  return detectPlatform((name) => name === variable ? "1" : undefined);
}

const github = platformBy("GITHUB_ACTIONS");
const gitlab = platformBy("GITLAB_CI");
const azure = platformBy("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI");
const teamcity = platformBy("TEAMCITY_VERSION");
const buildkite = platformBy("BUILDKITE");

test("maskCommand() registers a value on GitHub and Azure, and no blank one, which would mask everything", () => {
  expect(github.maskCommand?.("a%b\nc\r")).toBe("::add-mask::a%25b%0Ac%0D");
  expect(azure.maskCommand?.("a%b\nc")).toBe("##vso[task.setsecret]a%AZP25b%0Ac");
  for (const system of [github, azure]) {
    expect(["", " ", "\n"].map((value) => system.maskCommand?.(value))).toEqual([undefined, undefined, undefined]);
  }
  expect(gitlab.maskCommand).toBeUndefined();
});

test("section() folds with each system's own markers", () => {
  const lines = [github, gitlab, azure, teamcity, buildkite].map((system) => {
    const section = system.section?.("mogplex.agent", "Agent [1]", 1_560_896_352_900, true);
    return [section?.open, section?.close(1_560_896_353_000)];
  });
  expect(lines).toEqual([
    ["::group::Agent [1]", "::endgroup::"],
    [
      "\x1b[0Ksection_start:1560896352:mogplex.agent[collapsed=true]\r\x1b[0KAgent [1]",
      "\x1b[0Ksection_end:1560896353:mogplex.agent\r\x1b[0K",
    ],
    ["##[group]Agent [1]", "##[endgroup]"],
    [
      "##teamcity[blockOpened name='mogplex.agent' description='Agent |[1|]']",
      "##teamcity[blockClosed name='mogplex.agent']",
    ],
    ["--- Agent [1]", ""],
  ]);
  expect(platformBy("CI").section).toBeUndefined();
  expect([gitlab, buildkite].map((system) => system.section?.("agent", "Agent", 0, false).open)).toEqual([
    "\x1b[0Ksection_start:0:agent\r\x1b[0KAgent",
    "+++ Agent",
  ]);
});

test("fence() has another token each time on GitHub, and is there only", () => {
  const [first, second] = [github.fence?.(), github.fence?.()];
  const token = first?.open.slice("::stop-commands::".length) ?? "";
  expect(token).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(first?.close).toBe(`::${token}::`);
  expect(second?.open).not.toBe(first?.open);
  expect([gitlab, azure, teamcity, buildkite].map((system) => system.fence)).toEqual(Array(4).fill(undefined));
});

test("section() obeys no command in its name or header", () => {
  const systems = [
    [github, githubCommands],
    [gitlab, gitlabCommands],
    [azure, azureCommands],
    [teamcity, teamcityCommands],
    [buildkite, buildkiteCommands],
  ] as const;
  for (const { name, text } of CORPUS) {
    for (const [system, parse] of systems) {
      const open = system.section?.(text, text, 0, true).open ?? "";
      expect([name, system.name, parse(open).length]).toEqual([name, system.name, 1]);
    }
  }
});

test("section() and escapeLine() keep a TeamCity message whole", () => {
  const open = teamcity.section?.("a", "x' status='SUCCESS']|", 0, true).open;
  expect(open).toBe("##teamcity[blockOpened name='a' description='x|' status=|'SUCCESS|'|]||']");
});
