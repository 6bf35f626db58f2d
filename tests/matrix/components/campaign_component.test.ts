/** The component `campaign` in pipelines of a project that has the program. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { sha256Hex } from "../../../lib/sha256.ts";
import { campaignFiles, openWorkFolder, type WorkFolder } from "../../programs/examples/systems/campaign_recipes.ts";
import { type CampaignProject, CHILD, openCampaignProject } from "./campaign_project.ts";
import { CAN_RUN, git, include, templateFiles } from "../../programs/components/project.ts";

const NAMES = ["a", "b"];
const FILE = ".gitlab-ci.yml";

let work: WorkFolder;
let checksum = "";

beforeAll(async () => {
  work = openWorkFolder();
  checksum = `${await sha256Hex(readFileSync(work.command, "utf8"))}  mogplex.mjs\n`;
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

/** Opens a project that includes the component once for each set of inputs. */
function open(
  inputs: readonly Record<string, unknown>[],
  files: Record<string, string> = {},
): Promise<CampaignProject> {
  return openCampaignProject(work, NAMES, "", {
    ...templateFiles("templates/campaign.yml"),
    "ci/mogplex.mjs.sha256": checksum,
    [FILE]: stringify({ include: inputs.map((each) => include("campaign", each)) }),
    ...files,
  });
}

test.skipIf(!CAN_RUN)(
  "the campaign component plans, makes the waves in a child pipeline and takes over its verdict; a hostile name of the file is data",
  async () => {
    const file = `it's $(touch PWNED) \`touch PWNED\` $HOME "x".yml`;
    const every = { file, every: "1h", "wave-tags": "linux,team a", "retry-interrupted": true };
    const project = await open([every], { [file]: campaignFiles(NAMES)["campaign.yml"] ?? "" });
    try {
      const { jobs, text } = await project.run({ file: FILE });
      expect(text).toContain("json schema validated");
      expect(text).not.toMatch(/FAIL|WARN \d/);
      expect(Object.keys(jobs).map((name) => name.trim())).toEqual(
        expect.arrayContaining(["mogplex-campaign", "[waves-mogplex-campaign] -> report"]),
      );
      expect(text).toContain("Campaign codemod is done: all 2 items succeeded");
      const child = jobs["mogplex-campaign"]?.artifact("mogplex-campaign-pipeline/campaign.gitlab-ci.yml") ?? "";
      expect(child).toContain("tags: [linux, team a]");
      expect(child).toMatch(/^ {4}when:\n(?: {6}- \w+\n)+ {6}- runner_interrupted\n/m);
      expect(child).toMatch(/needs:\n +- pipeline: "\d+"\n +job: mogplex-campaign\n/);
      expect(project.counts()).toEqual({ runs: 2, keys: 2, starts: 2 });
      for (const folder of [project.cwd, join(project.cwd, "mogplex-pipeline")]) {
        expect(existsSync(join(folder, "PWNED"))).toBe(false);
      }
    } finally {
      await project.close();
    }
  },
);

test.skipIf(!CAN_RUN)("the campaign component says what is missing, and sends nothing then", async () => {
  const cases: Record<string, [inputs: Record<string, unknown>, message: string]> = {
    missing: [{ program: "no/mogplex.mjs" }, "Cannot find the program and its checksum at no/mogplex.mjs"],
    changed: [{ program: "changed.mjs" }, "its checksum does not match"],
    "no-home": [{ action: "stop" }, "set input home to git:origin#BRANCH"],
    mistake: [{ file: "none.yml" }, 'because it does not exist: "none.yml"'],
  };
  const project = await open(Object.entries(cases).map(([name, [inputs]]) => ({ "job-name": name, ...inputs })), {
    "changed.mjs": "process.exit(0)",
    "changed.mjs.sha256": checksum,
  });
  try {
    const { jobs } = await project.run({ file: FILE });
    expect(Object.keys(jobs).sort()).toEqual(Object.keys(cases).sort());
    for (const [name, [, message]] of Object.entries(cases)) {
      expect({ name, code: jobs[name]?.code }).toEqual({ name, code: 2 });
      expect(jobs[name]?.log).toContain(message);
    }
    expect(project.service.recorder.requests).toEqual([]);
  } finally {
    await project.close();
  }
});

test.skipIf(!CAN_RUN)(
  "with a home in Git the child pipeline hands nothing on, and other pipelines print, retry and stop",
  async () => {
    const remote = join(mkdtempSync(join(work.folder, "remote-")), "r.git");
    mkdirSync(remote);
    git(remote, "init", "-q", "--bare");
    const home = `git:file://${remote}#mogplex-campaign/codemod`;
    const actions = ["run", "stop", "status", "retry"];
    const project = await open(actions.map((action) => ({ "job-name": action, action, home, every: "1h" })));
    try {
      const { jobs: { run: planned } } = await project.run({ file: FILE, jobs: ["run"] });
      expect(planned?.code).toBe(0);
      const child = planned?.artifact("mogplex-campaign-pipeline/campaign.gitlab-ci.yml") ?? "";
      const decided = await project.run({ file: FILE, jobs: ["stop", "status", "retry"] });
      const ends = ["stop", "status", "retry"].map((name) => [decided.jobs[name]?.code, decided.jobs[name]?.log]);
      expect(ends).toEqual([
        [0, expect.stringContaining("nothing more will start")],
        [0, expect.stringContaining("Campaign codemod was stopped")],
        [2, expect.stringContaining("error: ")],
      ]);
      await project.call("resume", "campaign.yml", "--home", home);
      const { jobs } = await project.childRun(child);
      expect(Object.entries(jobs).filter(([, { code }]) => code !== 0)).toEqual([]);
      expect(jobs.report?.log).toContain("all 2 items succeeded");
      expect(jobs.report?.artifact("mogplex-pipeline/mogplex-campaign/ci/junit.xml")).toContain("acme/b");
      expect(project.counts()).toEqual({ runs: 2, keys: 2, starts: 2 });
    } finally {
      await project.close();
    }
  },
);

test.skipIf(!CAN_RUN)(
  "action retry starts a task that has changed since the plan only if the input changed-task says which",
  async () => {
    const remote = join(mkdtempSync(join(work.folder, "remote-")), "r.git");
    mkdirSync(remote);
    git(remote, "init", "-q", "--bare");
    const home = `git:file://${remote}#mogplex-campaign/codemod`;
    const only = { "": "", keep: "acme/a", adopt: "acme/b" };
    const retries = Object.entries(only).map(([choice, name]) => ({
      ...{ "job-name": `retry-${choice}`, action: "retry", home, only: name, "changed-task": choice },
    }));
    const project = await open([{ "job-name": "run", action: "run", home, every: "1h" }, ...retries]);
    const { emulator } = project.service;
    const retry = async (choice: string) => {
      const job = (await project.run({ file: FILE, jobs: [`retry-${choice}`] })).jobs[`retry-${choice}`];
      return [job?.code, job?.log];
    };
    try {
      const { jobs: { run: planned } } = await project.run({ file: FILE, jobs: ["run"] });
      const child = planned?.artifact("mogplex-campaign-pipeline/campaign.gitlab-ci.yml") ?? "";
      writeFileSync(join(project.cwd, CHILD), child);
      await project.run({
        before: (job) => {
          if (!job.startsWith("wave-")) return;
          for (const { id } of emulator.world.store.runs.values()) {
            emulator.control("setRun", {
              runId: id,
              run: { status: "failed", error: "Agent run exited with code 1." },
            });
          }
          emulator.control("advanceClock", { seconds: 15 * 60 });
        },
      });
      writeFileSync(join(project.cwd, "task.md"), "Replace the logger, and its tests.\n");
      expect(await retry("")).toEqual([2, expect.stringContaining("--adopt-changes")]);
      expect(await retry("keep")).toEqual([0, expect.stringContaining("1 item will be started again")]);
      expect(await retry("adopt")).toEqual([0, expect.stringContaining("1 item will be started again")]);
      expect(project.counts()).toEqual({ runs: 2, keys: 2, starts: 2 });
    } finally {
      await project.close();
    }
  },
);
