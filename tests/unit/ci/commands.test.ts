import { expect, test } from "bun:test";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import type { AnnotationLevel, Platform } from "../../../lib/ci/platform.ts";
import * as systems from "../../../lib/ci/systems.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { runGithubLog } from "../hostile/parsers/github_runner.ts";
import {
  azureCommands,
  buildkiteCommands,
  githubCommands,
  gitlabCommands,
  teamcityCommands,
} from "../hostile/parsers/log_parsers.ts";
import { SYSTEMS as OBEYING } from "../hostile/systems.ts";

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

test("no service message of TeamCity refers to a parameter of the build", () => {
  for (const text of ["%env.SECRET%", "a%b%c", "100 % of %system.password%", "%%x%%", "%\n%", "%[env.X]%"]) {
    const messages = [
      teamcity.section?.(text, text, 0, true).open ?? "",
      teamcity.annotate?.("error", text, text) ?? "",
      teamcity.annotate?.("error", "50 %", "of 70 %") ?? "",
      teamcity.setOutput?.("MOGPLEX_BRANCH", text) ?? "",
    ];
    expect(messages.filter((message) => message === "" || /'[^']*%[^']*%[^']*'/.test(message))).toEqual([]);
  }
  expect(teamcity.setOutput?.("MOGPLEX_BRANCH", "%env.A%")).toBe(
    "##teamcity[setParameter name='env.MOGPLEX_BRANCH' value='\uff05env.A\uff05']",
  );
});

test("section() folds with the markers of each system", () => {
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

test("fence() has a new token each time on GitHub, Gitea and Forgejo, and is absent elsewhere", () => {
  for (const system of [github, gitea, forgejo]) {
    const [first, second] = [system.fence?.(), system.fence?.()];
    const token = first?.open.slice("::stop-commands::".length) ?? "";
    expect(token).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(first?.close).toBe(`::${token}::`);
    expect(second?.open).not.toBe(first?.open);
  }
  expect([gitlab, azure, teamcity, buildkite].map((system) => system.fence)).toEqual(Array(4).fill(undefined));
});

test("annotate() uses the command of each system", () => {
  const levels: AnnotationLevel[] = ["notice", "warning", "error"];
  const annotations = (system: typeof github) =>
    levels.map((level) => system.annotate?.(level, "Run: a,b", "50 % [x];"));
  expect([github, azure, teamcity].map(annotations)).toEqual([
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
  expect(annotations(gitea)).toEqual(annotations(github));
  expect(annotations(forgejo)).toEqual(annotations(github));
});

test("setOutput() and showSummary() exist on systems that read them from the log", () => {
  expect([azure, teamcity].map((system) => system.setOutput?.("MOGPLEX_BRANCH", "a%b"))).toEqual([
    "##vso[task.setvariable variable=MOGPLEX_BRANCH;isOutput=true]a%AZP25b",
    "##teamcity[setParameter name='env.MOGPLEX_BRANCH' value='a%b']",
  ]);
  expect(azure.showSummary?.("/work/50%/summary.md")).toBe("##vso[task.uploadsummary]/work/50%AZP25/summary.md");
  const others = [github, gitea, forgejo, gitlab, buildkite];
  expect(others.map(({ setOutput }) => setOutput)).toEqual(Array(others.length).fill(undefined));
  expect([...others, teamcity].map(({ showSummary }) => showSummary)).toEqual(Array(6).fill(undefined));
});

test("stampsLines() knows from the runner's version or flag whether GitLab's log has times", () => {
  const stamps = (env: Record<string, string>) => gitlab.stampsLines((name) => env[name]);
  expect(["18.7.0", "18.7.0~pre.1", "19.3.0", "20.0.1"].map((CI_RUNNER_VERSION) => stamps({ CI_RUNNER_VERSION })))
    .toEqual(
      Array(4).fill(true),
    );
  expect(["", "16.10.0", "18.6.6", "development version"].map((CI_RUNNER_VERSION) => stamps({ CI_RUNNER_VERSION })))
    .toEqual(Array(4).fill(false));
  const flag = (FF_TIMESTAMPS: string) => stamps({ FF_TIMESTAMPS, CI_RUNNER_VERSION: "19.0.0" });
  expect(["true", "1", "", "false", "0", "yes"].map(flag)).toEqual([true, true, true, false, false, false]);
  expect(stamps({ FF_TIMESTAMPS: "true", CI_RUNNER_VERSION: "17.0.0" })).toBe(true);
  for (const { stampsLines } of [github, azure, ...SILENT]) expect(stampsLines(() => "true")).toBe(false);
});

test("maskCommand names the command on systems where a step can register a secret", () => {
  const named = [github, gitea, forgejo, azure, buildkite].map(({ maskCommand }) => maskCommand);
  expect(named).toEqual(["add-mask", "add-mask", "add-mask", "task.setsecret", "buildkite-agent redactor add"]);
  expect([gitlab, teamcity, ...SILENT].filter(({ maskCommand }) => maskCommand !== undefined)).toEqual([]);
});

test("every system with a table is in SILENT, or among those that obey commands", () => {
  const names = Object.values<Partial<Platform>>(systems).flatMap(({ name }) => name ?? []);
  const placed = [...SILENT.map(({ name }) => name), ...Object.keys(OBEYING)];
  expect(names.filter((name) => !placed.includes(name)), "CONTRIBUTING.md, Adding something, says where").toEqual([]);
});

test("systems whose log has no commands have no functions for them", () => {
  expect(SILENT.map((system) => system.name)).toEqual(
    ["circle", "bitbucket", "jenkins", "woodpecker", "drone", "ci", "none"],
  );
  for (const { annotate, setOutput, showSummary, section, fence } of SILENT) {
    expect([annotate, setOutput, showSummary, section, fence]).toEqual(Array(5).fill(undefined));
  }
  expect([gitlab.annotate, buildkite.annotate]).toEqual([undefined, undefined]);
});

for (const { name, text } of CORPUS) {
  test(`section() contains no command but its own, whatever name and header say: ${name}`, () => {
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

  test(`annotate() contains one command, whatever title and text say: ${name}`, () => {
    const short = text.slice(0, 5_000);
    const runner = runGithubLog(github.annotate?.("error", short, short) ?? "");
    expect(runner).toMatchObject({ stopped: false, tokens: [], rendered: [] });
    expect(runner.obeyed.map((command) => command.split(" ")[0])).toEqual(["error"]);
    const azureLine = azure.annotate?.("warning", short, short) ?? "";
    // Azure's agent obeys the first command of a line; the rest must not contain another one.
    expect(azureLine).toStartWith("##vso[task.logissue type=warning]");
    expect(azureCommands(azureLine.replace("##vso[task.logissue type=warning]", ""))).toEqual([]);
    expect(azureCommands(azure.annotate?.("notice", short, short) ?? "")).toEqual([]);
    const message = teamcity.annotate?.("error", short, short) ?? "";
    expect(message).toMatch(/^##teamcity\[message text='(?:[^|'[\]\r\n]|\|[|'[\]rn])*' status='ERROR'\]$/);
    expect(teamcityCommands(message).length).toBe(1);
  });
}

test("section() escapes what would end a TeamCity message", () => {
  const open = teamcity.section?.("a", "x' status='SUCCESS']|", 0, true).open;
  expect(open).toBe("##teamcity[blockOpened name='a' description='x|' status=|'SUCCESS|'|]||']");
});
