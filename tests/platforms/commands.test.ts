import { expect, test } from "bun:test";
import { detectPlatform } from "../../lib/platforms/detect.ts";
import type { AnnotationLevel } from "../../lib/platforms/platform.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { runGithubLog } from "../hostile/github_runner.ts";
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
const gitea = platformBy("GITEA_ACTIONS");
const forgejo = platformBy("FORGEJO_ACTIONS");
const gitlab = platformBy("GITLAB_CI");
const azure = platformBy("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI");
const teamcity = platformBy("TEAMCITY_VERSION");
const buildkite = platformBy("BUILDKITE");
const SILENT = ["CIRCLECI", "BITBUCKET_COMMIT", "JENKINS_URL", "CI=woodpecker", "DRONE", "CI", ""]
  .map((mark) => detectPlatform((name) => name === mark.split("=")[0] ? mark.split("=")[1] ?? "1" : undefined));

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
  expect([gitlab, buildkite].map((system) => system.section?.("agent", "Agent", 0, false).open)).toEqual([
    "\x1b[0Ksection_start:0:agent\r\x1b[0KAgent",
    "+++ Agent",
  ]);
});

test("fence() has another token each time on GitHub and those that speak its language, and is there only", () => {
  for (const system of [github, gitea, forgejo]) {
    const [first, second] = [system.fence?.(), system.fence?.()];
    const token = first?.open.slice("::stop-commands::".length) ?? "";
    expect(token).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(first?.close).toBe(`::${token}::`);
    expect(second?.open).not.toBe(first?.open);
  }
  expect([gitlab, azure, teamcity, buildkite].map((system) => system.fence)).toEqual(Array(4).fill(undefined));
});

test("annotate() says it in each system's own words", () => {
  const levels: AnnotationLevel[] = ["notice", "warning", "error"];
  const said = (system: typeof github) => levels.map((level) => system.annotate?.(level, "Run: a,b", "50 % [x];"));
  expect([github, azure, teamcity].map(said)).toEqual([
    ["notice", "warning", "error"].map((level) => `::${level} title=Run%3A a%2Cb::50 %25 [x];`),
    [
      "Run: a,b: 50 % [x];",
      "##vso[task.logissue type=warning]Run: a,b: 50 %AZP25 [x];",
      "##vso[task.logissue type=error]Run: a,b: 50 %AZP25 [x];",
    ],
    ["NORMAL", "WARNING", "ERROR"].map((status) =>
      `##teamcity[message text='Run: a,b: 50 % |[x|];' status='${status}']`
    ),
  ]);
  expect(said(gitea)).toEqual(said(github));
  expect(said(forgejo)).toEqual(said(github));
});

test("setOutput() and showSummary() are there where the log is the way", () => {
  expect([azure, teamcity].map((system) => system.setOutput?.("MOGPLEX_BRANCH", "a%b"))).toEqual([
    "##vso[task.setvariable variable=MOGPLEX_BRANCH;isOutput=true]a%AZP25b",
    "##teamcity[setParameter name='env.MOGPLEX_BRANCH' value='a%b']",
  ]);
  expect(azure.showSummary?.("/work/50%/summary.md")).toBe("##vso[task.uploadsummary]/work/50%AZP25/summary.md");
  const others = [github, gitea, forgejo, gitlab, buildkite];
  expect(others.map(({ setOutput }) => setOutput)).toEqual(Array(others.length).fill(undefined));
  expect([...others, teamcity].map(({ showSummary }) => showSummary)).toEqual(Array(6).fill(undefined));
});

test("maskCommand names the command of those systems that learn a secret from a step", () => {
  const named = [github, gitea, forgejo, azure, buildkite].map(({ maskCommand }) => maskCommand);
  expect(named).toEqual(["add-mask", "add-mask", "add-mask", "task.setsecret", "buildkite-agent redactor add"]);
  expect([gitlab, teamcity, ...SILENT].filter(({ maskCommand }) => maskCommand !== undefined)).toEqual([]);
});

test("systems whose log knows no commands are given none", () => {
  expect(SILENT.map((system) => system.name)).toEqual(
    ["circle", "bitbucket", "jenkins", "woodpecker", "drone", "ci", "none"],
  );
  for (const { annotate, setOutput, showSummary, section, fence } of SILENT) {
    expect([annotate, setOutput, showSummary, section, fence]).toEqual(Array(5).fill(undefined));
  }
  expect([gitlab.annotate, buildkite.annotate]).toEqual([undefined, undefined]);
});

for (const { name, text } of CORPUS) {
  test(`section() obeys no command in its name or header: ${name}`, () => {
    const systems = [
      [github, githubCommands],
      [gitlab, gitlabCommands],
      [azure, azureCommands],
      [teamcity, teamcityCommands],
      [buildkite, buildkiteCommands],
    ] as const;
    for (const [system, parse] of systems) {
      const open = system.section?.(text, text, 0, true).open ?? "";
      expect([system.name, parse(open).length]).toEqual([system.name, 1]);
    }
  });

  test(`annotate() is one command of ours, whatever title and text say: ${name}`, () => {
    const said = text.slice(0, 5_000);
    const runner = runGithubLog(github.annotate?.("error", said, said) ?? "");
    expect(runner).toMatchObject({ stopped: false, tokens: [], rendered: [] });
    expect(runner.obeyed.map((command) => command.split(" ")[0])).toEqual(["error"]);
    const azureLine = azure.annotate?.("warning", said, said) ?? "";
    // The agent takes the first command of a line; whoever reads the rest again must find none either.
    expect(azureLine).toStartWith("##vso[task.logissue type=warning]");
    expect(azureCommands(azureLine.replace("##vso[task.logissue type=warning]", ""))).toEqual([]);
    expect(azureCommands(azure.annotate?.("notice", said, said) ?? "")).toEqual([]);
    const message = teamcity.annotate?.("error", said, said) ?? "";
    expect(message).toMatch(/^##teamcity\[message text='(?:[^|'[\]\r\n]|\|[|'[\]rn])*' status='ERROR'\]$/);
    expect(teamcityCommands(message).length).toBe(1);
  });
}

test("section() and escapeLine() keep a TeamCity message whole", () => {
  const open = teamcity.section?.("a", "x' status='SUCCESS']|", 0, true).open;
  expect(open).toBe("##teamcity[blockOpened name='a' description='x|' status=|'SUCCESS|'|]||']");
});
