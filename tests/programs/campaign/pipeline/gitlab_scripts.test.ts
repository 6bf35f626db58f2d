/** The scripts of GitLab's jobs in shells of images, with a program that writes down how it is called. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parse } from "yaml";
import { renderGitlab } from "../../../../lib/campaign/pipeline/gitlab.ts";
import { type SampleChanges, sampleInput } from "../../../unit/campaign/pipeline/sample_input.ts";

/** Writes its arguments, then the state into the outputs of its directory, and ends with a code. */
const PROGRAM = `#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
directory=mogplex-campaign
while [ "$#" -gt 0 ]; do
  [ "$1" != --dir ] || directory=$2
  shift
done
mkdir -p "$directory/ci"
printf 'MOGPLEX_CAMPAIGN_STATE=%s\\n' "$STATE" > "$directory/ci/outputs.env"
exit "$CODE"
`;

interface Options {
  /** Files of the folder of the jobs. */
  files?: readonly string[];
  /** State that the program says. */
  state?: string;
  /** Exit code of the program. */
  code?: number;
  shell?: string;
}

/** Runs a script in its own folder. */
function run(script: string, { files = [], state = "running", code = 0, shell = "sh" }: Options = {}) {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-scripts-"));
  writeFileSync(join(folder, "mogplex-ci"), PROGRAM, { mode: 0o755 });
  const cwd = join(folder, "mogplex-pipeline");
  for (const file of ["x", ...files]) {
    mkdirSync(dirname(join(cwd, file)), { recursive: true });
    writeFileSync(join(cwd, file), file);
  }
  const calls = join(folder, "calls");
  const env = { PATH: `${folder}:/usr/bin:/bin`, CALLS: calls, STATE: state, CODE: String(code) };
  const { status, stderr } = spawnSync(shell, ["-euc", script], { cwd, env, encoding: "utf8" });
  return {
    status,
    stderr,
    calls: existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [],
    has: (path: string) => existsSync(join(cwd, path)),
    folder,
  };
}

/** The script of a job in a pipeline of 40 waves, the last part of it or the one so many before. */
function scriptOf(job: string, changes: SampleChanges = {}, before = 0): string {
  const waves = { delaysMs: Array(40).fill(900_000), gate: 4 };
  const input = sampleInput({ program: { kind: "command", name: "mogplex-ci" }, waves, ...changes });
  const [pipeline] = renderGitlab(input);
  return parse(pipeline?.text ?? "")[job].script.at(-1 - before);
}

const takeOverScript = () => scriptOf(".mogplex-wave", {}, 1);
const planScript = (changes?: SampleChanges) => scriptOf("plan", changes);
const waveScript = (changes?: SampleChanges) => scriptOf(".mogplex-wave", changes);
const gateScript = (changes?: SampleChanges) => scriptOf("wave-5", changes);
const reportScript = (changes?: SampleChanges) => scriptOf("report", changes);
const HOME = "git:https://git.example.com/it's/$(touch${IFS}PWNED)/$[[x]]#b";
const numbered = (number: number, script: string) => `mogplex_wave=${number}\n${script}`;

test("a wave takes the directory of the wave before, and nothing of an earlier attempt", () => {
  const files = ["mogplex-waves/6/lock.json", "mogplex-waves/7/journal/000002.ndjson"];
  const taken = run(numbered(7, takeOverScript()), { files });
  expect(taken.status).toBe(0);
  expect([taken.has("mogplex-waves/6"), taken.has("mogplex-waves/7/lock.json")]).toEqual([false, true]);
  expect(taken.has("mogplex-waves/7/journal")).toBe(false);
  const gone = run(numbered(7, takeOverScript()), { files: ["mogplex-waves/5/lock.json"] });
  expect([gone.status, gone.stderr]).toEqual([2, expect.stringContaining("previous wave's directory is missing")]);
});

test.each(["sh", "bash"])("a wave ends with the code of the program, in %s", (shell) => {
  for (const code of [0, 1, 69, 75, 143]) {
    expect(run(numbered(3, waveScript()), { code, shell })).toMatchObject({
      status: code,
      calls: ["campaign advance campaign.yml --dir mogplex-waves/3"],
    });
  }
});

test("a home in Git reaches the program as one word, whatever is in it", () => {
  const { status, calls, folder } = run(waveScript({ home: HOME }));
  expect({ status, calls }).toEqual({ status: 0, calls: [`campaign advance campaign.yml --home ${HOME}`] });
  expect(existsSync(join(folder, "mogplex-pipeline/PWNED"))).toBe(false);
});

test("the job plan takes the plan that is there, or plans", () => {
  const script = planScript();
  const files = ["../mogplex-campaign/lock.json", "mogplex-waves/x"];
  const there = run(script, { files });
  expect([there.status, there.calls, there.has("mogplex-waves/0/lock.json")]).toEqual([0, [], true]);
  const plan = "campaign plan campaign.yml --dir mogplex-waves/0";
  expect(run(script)).toMatchObject({ status: 0, calls: [plan] });
  expect(run(script, { code: 65 }).status).toBe(65);
  expect(run(planScript({ directory: "/elsewhere" })).calls).toEqual([plan]);
});

test("the job of a gate approves a closed gate alone, and says so when the canary is still at work", () => {
  const wave = "campaign advance campaign.yml --dir mogplex-waves/5";
  expect(run(numbered(5, gateScript()), { state: "gated" })).toMatchObject({
    status: 0,
    calls: [wave, "campaign approve campaign.yml --dir mogplex-waves/5", wave],
  });
  expect(run(numbered(5, gateScript()))).toMatchObject({
    status: 2,
    calls: [wave],
    stderr: expect.stringContaining("retry this job later"),
  });
  const inGit = numbered(5, gateScript({ home: "git:origin#b" }));
  // A person may have approved it from elsewhere.
  expect(run(inGit)).toMatchObject({ status: 0, calls: ["campaign advance campaign.yml --home git:origin#b"] });
  expect(run(inGit, { state: "gated" }).calls.slice(1)).toEqual([
    "campaign approve campaign.yml --home git:origin#b",
    "campaign advance campaign.yml --home git:origin#b",
  ]);
});

test("the job report takes the newest directory, and ends with the verdict", () => {
  const files = ["mogplex-waves/0/lock.json", "mogplex-waves/2/lock.json", "mogplex-waves/11/lock.json"];
  const done = run(reportScript(), { files: [...files, "mogplex-waves/11/newest"] });
  expect(done).toMatchObject({
    status: 0,
    calls: ["campaign report campaign.yml", "campaign status campaign.yml --exit-status"],
  });
  expect(done.has("mogplex-campaign/newest")).toBe(true);
  expect(run(reportScript(), { files, code: 75 }).status).toBe(75);
  expect(run(reportScript())).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("no wave saved a directory"),
  });
  expect(run(reportScript({ home: "git:origin#b" })).calls).toEqual([
    "campaign report campaign.yml --home git:origin#b",
    "campaign status campaign.yml --exit-status --home git:origin#b",
  ]);
});
