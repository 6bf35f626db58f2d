import { expect, test } from "bun:test";
import { commandOutputs, commandResult, Writer } from "../../../../lib/cli/log/writer.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { defaultTargets } from "../../../../lib/report/write.ts";
import type { AutomationResult, RunResult } from "../../../../lib/run/result.ts";
import azureDocumented from "../../ci/environments/azure_pipelines.json" with { type: "json" };
import bitbucketDocumented from "../../ci/environments/bitbucket.json" with { type: "json" };
import githubDocumented from "../../ci/environments/github.json" with { type: "json" };
import teamcityDocumented from "../../ci/environments/teamcity.json" with { type: "json" };
import { CORPUS } from "../../hostile/corpus.ts";
import { runGithubLog } from "../../hostile/parsers/github_runner.ts";
import { azureCommands, teamcityCommands } from "../../hostile/parsers/log_parsers.ts";
import { sampleAutomationResult, sampleResult } from "../../report/sample.ts";
import { fakeIo } from "../fake_io.ts";
import { REPO, TOKEN, world } from "../world.ts";

const RUN = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"];
const AZURE = azureDocumented.environment;
const TEAMCITY = teamcityDocumented.environment;
const GITHUB = githubDocumented.environment;

/** The commands that a result makes on one system. */
function commandsOf(env: Record<string, string>, result: RunResult | AutomationResult): string[] {
  const io = fakeIo({ env, files: { "out/summary.md": "x" } });
  const writer = new Writer(io, detectPlatform(io.env), createRedactor({ token: TOKEN }));
  const targets = defaultTargets("out");
  commandResult({ writer, io }, detectPlatform(io.env), result, { written: targets });
  return io.text.stdout.split("\n").slice(0, -1);
}

function commands(env: Record<string, string>, result: Partial<RunResult>): string[] {
  return commandsOf(env, sampleResult(result));
}

test("run --follow tells Azure each output once, the run at the start, the summary, and no verdict when it succeeded", async () => {
  const { stdout, code } = await world().cli(RUN, { env: AZURE });
  const set = (name: string, value: string) => `##vso[task.setvariable variable=MOGPLEX_${name};isOutput=true]${value}`;
  const lines = stdout.split("\n").filter((line) => line.startsWith("##vso"));
  const branch = /MOGPLEX_BRANCH;isOutput=true\](.+)/.exec(stdout)?.[1] ?? "";
  const pullRequest = /MOGPLEX_PULL_REQUEST_URL;isOutput=true\](.+)/.exec(stdout)?.[1] ?? "";
  expect(branch).toStartWith("mogplex/external/");
  expect(pullRequest).toStartWith("http://localhost/acme/");
  expect({ code, lines }).toEqual({
    code: 0,
    lines: [
      set("RUN_ID", "<run>"),
      set("RUN_STATUS", "success"),
      set("OUTCOME", "success"),
      set("BRANCH", branch),
      set("PULL_REQUEST_URL", pullRequest),
      set("REPLAYED", "false"),
      "##vso[task.uploadsummary]/work/mogplex-ci/summary.md",
    ],
  });
  expect(azureCommands(stdout).filter((line) => !/^##(vso|\[(end)?group\])/.test(line))).toEqual([]);
});

test("run --follow tells each system of a failure once, in its own words", async () => {
  const marked = async (env: Record<string, string>, mark: RegExp) => {
    const { stdout, code } = await world("agent-failure").cli(RUN, { env });
    return [
      code,
      ...stdout.split("\n").filter((line) => mark.test(line)).map((line) =>
        line.replace(/\(\d+ s\)/, "(<time>)").slice(0, 96)
      ),
    ];
  };
  expect(await marked(GITHUB, /^::(error|warning|notice)/)).toEqual([
    1,
    "::error title=acme/api%3A Fix it → failed%3A the agent failed (<time>)::run <run> (failed), exit",
  ]);
  expect(await marked(AZURE, /logissue/)).toEqual([
    1,
    "##vso[task.logissue type=error]acme/api: Fix it → failed: the agent failed (<time>): run <run> (",
  ]);
  expect(await marked(TEAMCITY, /teamcity\[message/)).toEqual([
    1,
    "##teamcity[message text='acme/api: Fix it → failed: the agent failed (<time>): run <run> (failed",
  ]);
});

test("run --follow prints a warning for a run that waits for an answer", async () => {
  const { stdout } = await world("awaiting-input").cli(RUN, { env: TEAMCITY });
  expect(stdout).toMatch(/##teamcity\[message text='acme\/api: Fix it → needs an answer \(.+' status='WARNING'\]/);
});

test("run --follow gives no command with --json, and none to a system that has none", async () => {
  for (const env of [AZURE, TEAMCITY, GITHUB]) {
    const { stdout } = await world("agent-failure").cli([...RUN, "--json"], { env });
    for (const line of stdout.trimEnd().split("\n")) expect(typeof JSON.parse(line)).toBe("object");
  }
  const { stdout, io } = await world("agent-failure").cli(RUN, { env: bitbucketDocumented.environment });
  expect(stdout).not.toMatch(/^(::|##)/m);
  const variables = io.files.get(bitbucketDocumented.files.variables) ?? "";
  expect(variables.split("\n").map((line) => line.split("=")[0])).toEqual([
    ...["MOGPLEX_RUN_ID", "MOGPLEX_RUN_STATUS", "MOGPLEX_OUTCOME", "MOGPLEX_BRANCH"],
    ...["MOGPLEX_PULL_REQUEST_URL", "MOGPLEX_REPLAYED", ""],
  ]);
});

test("run --follow links the job in its summary", async () => {
  const { io } = await world().cli(RUN, { env: AZURE });
  expect(io.files.get("mogplex-ci/summary.md")).toContain(`| CI pipeline | [\`${azureDocumented.links.pipeline}\`]`);
});

test("run --follow tells the second node of a GitHub matrix that the key is shared, and a rerun nothing", async () => {
  const { cli } = world();
  const text = async (env: Record<string, string>) => {
    const { stdout, stderr } = await cli(RUN, { env });
    return stdout + stderr;
  };
  const first = await cli(RUN, { env: GITHUB });
  expect(first.stdout + first.stderr).not.toContain("--key-part");
  // The same job runs the command again: its state file names the run.
  const state = first.io.files.get("mogplex-ci/run.json") ?? "";
  const again = await cli(RUN, { env: GITHUB, files: { "mogplex-ci/run.json": state } });
  expect(again.stdout + again.stderr).not.toContain("--key-part");
  const second = await cli(RUN, { env: GITHUB });
  expect(`\n${second.stdout}`).toContain(
    "\n::warning title=This job shares the run of another job::Run <run> was already started with the key of this job",
  );
  expect(second.stderr).not.toContain("--key-part");
  const json = await cli([...RUN, "--json"], { env: GITHUB });
  expect(json.stdout).not.toContain("::warning");
  expect(json.stderr).toContain("matrix jobs and repeated steps look the same");
  expect(await text({ ...GITHUB, GITHUB_RUN_ATTEMPT: "2" })).not.toContain("--key-part");
});

test("commandOutputs() leaves a value empty that a CI system could obey", () => {
  const io = fakeIo();
  const azure = detectPlatform((name) => AZURE[name as keyof typeof AZURE]);
  const writer = new Writer(io, azure, createRedactor());
  commandOutputs(writer, azure, { branch: "a;b]##vso[task.complete]", run_id: "run-1" });
  expect(io.text.stdout).toBe(
    "##vso[task.setvariable variable=MOGPLEX_BRANCH;isOutput=true]\n" +
      "##vso[task.setvariable variable=MOGPLEX_RUN_ID;isOutput=true]run-1\n",
  );
});

test("commandResult() gives the outputs of an automation run, and names it in its verdict", () => {
  const failed = sampleAutomationResult({ outcome: "failed", exitCode: 1, status: "failed", reason: "No luck" });
  expect(commandsOf(TEAMCITY, failed)).toEqual([
    ...["RUN_ID", "RUN_STATUS", "OUTCOME", "BRANCH", "PULL_REQUEST_URL", "REPLAYED"].map((name, index) => {
      const value = ["5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", "failed", "failed", "", "", "false"][index] ?? "";
      return `##teamcity[setParameter name='env.MOGPLEX_${name}' value='${value}']`;
    }),
    "##teamcity[message text='Mogplex automation run failed: automation run 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11 " +
    "(failed), exit code 1: No luck. Check the run in the app, then trigger the automation again.' status='ERROR']",
  ]);
});

test("commandResult() says that nothing was started, as an error when it was refused and else as a warning", () => {
  const nothing = { runId: null, mayExist: false, status: null, replayed: null };
  const refused = { ...nothing, outcome: "error", exitCode: 65, reason: "Cannot start run: no scope" } as const;
  const last = (result: RunResult | AutomationResult) => commandsOf(GITHUB, result).at(-1);
  expect(last(sampleResult(refused))).toBe(
    "::error title=The Mogplex run was not started::no run, exit code 65: Cannot start run: no scope",
  );
  // An advice that was found later is not in the reason.
  const error = { attempted: "start run", why: "no network", value: null, advice: "Check the DNS", code: "NETWORK" };
  const unreached = { ...refused, exitCode: 69, reason: "Cannot start run: no network", error };
  expect(last(sampleResult(unreached))).toBe(
    "::error title=The Mogplex run was not started::no run, exit code 69: Cannot start run: no network. Check the DNS",
  );
  expect(last(sampleResult({ ...unreached, reason: "Cannot start run: no network; Check the DNS" }))).toBe(
    "::error title=The Mogplex run was not started::no run, exit code 69: Cannot start run: no network; Check the DNS",
  );
  const suppressed = { ...nothing, outcome: "suppressed", exitCode: 75, reason: "too many" } as const;
  expect(last(sampleAutomationResult(suppressed))).toBe(
    "::warning title=The automation was not started::no automation run, exit code 75: too many",
  );
});

test("commandResult() does not call a run that did not start by its repository, whether its name is known or only its id", () => {
  const refused = { runId: null, mayExist: false, outcome: "error", exitCode: 64, reason: "Cannot start run" } as const;
  const last = (repository: string | null) => commandsOf(GITHUB, sampleResult({ ...refused, repository })).at(-1);
  expect(last("acme/web")).toStartWith("::error title=The Mogplex run was not started::no run, exit code 64: ");
  expect(last("acme/web")).toBe(last(null) ?? "");
});

test("commandResult() shows the id of a run once, and what to do", () => {
  const last = (result: Partial<RunResult>) =>
    commandsOf(GITHUB, sampleResult({ outcome: "awaiting_input", exitCode: 4, status: "awaiting_input", ...result }))
      .at(-1)?.split("::")[2];
  const { runId } = sampleResult({});
  const resume = { resume: "run this job again", resumeIsCommand: false };
  const step = "Answer the question in the app, then run this job again.";
  expect(last({ ...resume, reason: "It asks" })).toBe(`run ${runId} (awaiting_input), exit code 4: It asks. ${step}`);
  expect(last({ ...resume, reason: `Run "${runId}" has not finished` })).toBe(
    `exit code 4: Run "${runId}" has not finished. ${step}`,
  );
  expect(last({ ...resume, reason: null })).toBe(`run ${runId} (awaiting_input), exit code 4: ${step}`);
});

test("commandResult() says less than 2 000 characters of a reason, and nothing of the token", () => {
  for (const env of [AZURE, TEAMCITY, GITHUB]) {
    const lines = commands(env, {
      outcome: "failed",
      exitCode: 1,
      reason: `${"x".repeat(990)} ${TOKEN} ${"y".repeat(9_000)}`,
    });
    const text = lines.join("\n");
    expect(text).not.toContain(TOKEN.slice(0, 12));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(2_000);
  }
});

for (const { name, text } of CORPUS) {
  test(`commandResult() gives no command but ours, whatever the run says: ${name}`, () => {
    const said = text.slice(0, 5_000);
    const result: Partial<RunResult> = {
      outcome: "failed",
      exitCode: 1,
      reason: said,
      status: said,
      branch: { base: "main", requested: null, pushed: said },
      pullRequest: { state: "open", url: said },
    };
    const names = (lines: string[], parse: (log: string) => string[], pattern: RegExp) => ({
      lines: lines.length,
      names: parse(lines.join("\n")).map((line) => pattern.exec(line)?.[1]),
    });
    const outputs = Array(6);
    expect(names(commands(AZURE, result), azureCommands, /^##vso\[([\w.]+)/)).toEqual({
      lines: 8,
      names: [...outputs.fill("task.setvariable"), "task.uploadsummary", "task.logissue"],
    });
    expect(names(commands(TEAMCITY, result), teamcityCommands, /^##teamcity\[(\w+)/)).toEqual({
      lines: 7,
      names: [...outputs.fill("setParameter"), "message"],
    });
    const log = commands(GITHUB, result).join("\n");
    expect(runGithubLog(log).obeyed.map((command) => command.split(" ")[0])).toEqual(["error"]);
  });
}
