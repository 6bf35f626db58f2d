/** The child pipeline of a campaign, run job by job as GitLab would run it, each in its own folder. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWorkFolder, type WorkFolder } from "../../programs/examples/systems/campaign_recipes.ts";
import { type CampaignProject, openCampaignProject } from "./campaign_project.ts";
import { parse, parseAllDocuments } from "yaml";
import { root, sha256 } from "../../../tools/setup.mjs";
import { CAN_RUN, imageOf } from "../../programs/components/project.ts";
import { until } from "../../programs/processes/world/recorder.ts";
import { EXECUTORS, FORMS, runStage } from "../../programs/processes/world/runner.ts";
import { makeUser, NO_USER } from "../processes/world/other_user.ts";

let work: WorkFolder;

beforeAll(() => {
  work = openWorkFolder();
});

afterAll(() => rmSync(work.folder, { recursive: true, force: true }));

/** The campaign, as the report job leaves it. */
function reported(project: CampaignProject) {
  return JSON.parse(readFileSync(project.artifact("report", "mogplex-campaign/campaign.json"), "utf8"));
}

test.skipIf(!CAN_RUN)(
  "a child pipeline that fits GitLab's schema makes the waves; a person opens the gate; an edited checkout changes nothing",
  async () => {
    const project = await openCampaignProject(work, ["a", "b"], "canary: { size: 1, gate: manual }\n");
    try {
      await project.call("plan", "campaign.yml");
      const child = await project.generate("--every", "1h");
      const gate = /^(wave-\d+):\n(?: {2}.*\n)*? {2}when: manual$/m.exec(child)?.[1] ?? "";
      const { text } = await project.run({
        args: ["--manual", gate],
        before(job) {
          project.tick(job);
          if (job !== "wave-2") return;
          writeFileSync(join(project.cwd, "task.md"), "Something else.\n");
          writeFileSync(join(project.cwd, "repositories.txt"), "acme/a\n");
          writeFileSync(join(project.cwd, "ci/mogplex.mjs"), "process.exit(0)");
        },
      });
      expect(text).toContain("json schema validated");
      expect(text).not.toMatch(/FAIL|WARN/);
      const { state, counts, waves } = reported(project);
      expect({ state, succeeded: counts.succeeded }).toEqual({ state: "done", succeeded: 2 });
      expect(waves).toBeLessThan(20);
      expect(project.counts()).toEqual({ runs: 2, keys: 2, starts: 2 });
      expect(new Set(project.service.recorder.of(/^POST \/runs$/).map(({ body }) => JSON.parse(body).prompt))).toEqual(
        new Set(["Replace the logger\n\nReplace the logger."]),
      );
      const number = Number(gate.slice("wave-".length)) - 1;
      const before = readFileSync(project.artifact(`wave-${number}`, `mogplex-waves/${number}/campaign.json`), "utf8");
      expect(JSON.parse(before)).toMatchObject({ state: "gated", counts: { succeeded: 1, waiting: 1 } });
      expect(existsSync(project.artifact("report", "mogplex-campaign/ci/junit.xml"))).toBe(true);
    } finally {
      await project.close();
    }
  },
);

const CAN_SIGNAL = CAN_RUN && existsSync("/proc/self/cwd");

test.skipIf(!CAN_SIGNAL)("a wave whose machine was lost and that is retried starts nothing twice", async () => {
  const project = await openCampaignProject(work, ["a", "b", "c", "d", "e", "f"]);
  try {
    await project.call("plan", "campaign.yml");
    await project.generate();
    await project.run({ jobs: ["plan", "wave-1"] });
    expect(project.counts()).toEqual({ runs: 3, keys: 3, starts: 3 });
    // The answer to a start is on its way.
    project.stopAt(/^POST \/runs$/, 2);
    const killed = await project.run({ jobs: ["wave-2"] });
    expect(killed.jobs["wave-2"]?.code).toBe(137);
    project.stopAt(undefined);
    expect(project.counts()).toEqual({ runs: 5, keys: 5, starts: 5 });
    // GitLab starts it at once, with the artifacts of the wave before. It sends starts of the lost one again, with their keys.
    const again = await project.run({ jobs: ["wave-2"], before: () => {} });
    expect(again.jobs["wave-2"]?.code).toBe(0);
    const { runs, keys, starts } = project.counts();
    expect(runs).toBe(keys);
    expect(starts).toBeGreaterThan(5);
  } finally {
    await project.close();
  }
});

test.skipIf(!CAN_SIGNAL)(
  "a cancelled wave loses nothing: another clone takes over, and the wave can be retried",
  async () => {
    const project = await openCampaignProject(work, ["a", "b", "c"]);
    try {
      await project.call("plan", "campaign.yml");
      await project.generate();
      await project.run({ jobs: ["plan", "wave-1"] });
      project.stopAt(/^GET \/runs/, 1, "SIGTERM");
      const cancelled = await project.run({ jobs: ["wave-2"] });
      expect(cancelled.jobs["wave-2"]?.code).toBe(143);
      project.stopAt(undefined);
      const left = project.artifact("wave-2", "mogplex-waves/2");

      const clone = join(work.folder, "clone");
      cpSync(left, clone, { recursive: true });
      const taken = await project.call("advance", "campaign.yml", "--dir", clone);
      expect(taken).toMatchObject({ code: 0, text: expect.stringContaining("all 3 items succeeded") });

      const rest = await project.run({ jobs: ["wave-2", "report"], before: () => {} });
      expect(rest.text).not.toMatch(/FAIL/);
      expect(reported(project)).toMatchObject({ state: "done", counts: { succeeded: 3 } });
      expect(project.counts()).toEqual({ runs: 3, keys: 3, starts: 3 });
    } finally {
      await project.close();
    }
  },
);

/** A job that makes a wave, with its checkout. */
interface WaveJob {
  script: string[];
  env?: Record<string, string>;
}

/** What the jobs are made of: the files of their checkout go to `cwd`. */
const WAVE_JOBS: Record<string, (project: CampaignProject, cwd: string) => Promise<WaveJob>> = {
  async "a wave"(project, cwd) {
    await project.call("plan", "campaign.yml");
    const child = parse(await project.generate());
    await project.run({ jobs: ["plan"] });
    cpSync(project.artifact("plan", ""), join(cwd, "mogplex-pipeline"), { recursive: true });
    return { script: [...child["wave-1"].before_script, ...child[".mogplex-wave"].script] };
  },
  async "campaign-in-git.yml"(project, cwd) {
    const remote = join(cwd, "remote");
    spawnSync("git", ["init", "-q", "--bare", `${remote}.git`]);
    await project.call("plan", "campaign.yml", "--home", `git:file://${remote}.git#mogplex-campaign/codemod`);
    for (const name of ["campaign.yml", "task.md", "repositories.txt", "ci"]) {
      if (existsSync(join(project.cwd, name))) cpSync(join(project.cwd, name), join(cwd, name), { recursive: true });
    }
    const sum = sha256(readFileSync(join(cwd, "ci/mogplex.mjs"), "utf8"));
    writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${sum}  mogplex.mjs\n`);
    const { campaign } = parse(readFileSync(join(root, "examples/gitlab/campaign-in-git.yml"), "utf8"));
    return { script: campaign.script, env: { CI_PROJECT_URL: `file://${remote}` } };
  },
  async "scheduled-campaign.yml"(project, cwd) {
    await project.call("plan", "campaign.yml");
    cpSync(project.cwd, cwd, { recursive: true, filter: (path) => !path.startsWith(cwd) && !path.includes(".git") });
    const text = readFileSync(join(root, "examples/gitlab/scheduled-campaign.yml"), "utf8");
    const [, document] = parseAllDocuments(text).map((each) => each.toJS());
    const sum = sha256(readFileSync(join(cwd, "ci/mogplex.mjs"), "utf8"));
    writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${sum}  mogplex.mjs\n`);
    return { script: document.campaign.script, env: { COMMAND: "" } };
  },
};

test.skipIf(!CAN_SIGNAL || NO_USER !== undefined).each(Object.entries(WAVE_JOBS))(
  `%s whose shell executor runs it as another user starts no more agents when su is stopped${
    NO_USER === undefined ? "" : ` (skipped: ${NO_USER})`
  }`,
  async (_name, prepare) => {
    const account = makeUser();
    try {
      for (const form of Object.keys(FORMS) as (keyof typeof FORMS)[]) {
        const project = await openCampaignProject(work, ["a", "b", "c"]);
        const cwd = mkdtempSync(join(work.folder, "job-"));
        const { script, env: more = {} } = await prepare(project, cwd);
        spawnSync("chown", ["-R", account.name, cwd]);
        for (const folder of [work.folder, project.cwd]) chmodSync(folder, 0o755);
        // The first start is answered when the signal of a cancelled job has long arrived.
        const begun = Promise.withResolvers<void>();
        project.service.recorder.intercept = async ({ what }) => {
          if (what !== "POST /runs") return;
          begun.resolve();
          const from = performance.now();
          await until("the shell of the job has gone, and that was seen", () => performance.now() - from > 5_000);
        };
        const { url } = project.service.recorder;
        const env = { MOGPLEX_DEV: "1", MOGPLEX_URL: url, MOGPLEX_API_KEY: project.service.token };
        const PATH = imageOf(work.folder, "node");
        const wave = runStage(script, {
          cwd,
          env: { ...env, PATH, CI: "true", GITLAB_CI: "true", ...more },
          form,
          user: account.name,
        });
        await begun.promise;
        await EXECUTORS.shell(wave.child.pid ?? 0);
        await wave.ended;
        await until("nothing of the job is left", () => account.processes().length === 0);
        expect([form, project.counts().starts]).toEqual([form, 1]);
        await project.close();
      }
    } finally {
      account.remove();
    }
  },
);

test.skipIf(!CAN_RUN)("the last job ends with 75 when items are left", async () => {
  const project = await openCampaignProject(work, ["stuck"]);
  try {
    await project.call("plan", "campaign.yml");
    await project.generate("--every", "1h");
    // A red wave skips those behind it: the report finds the newest directory.
    const { jobs } = await project.run({ jobs: ["plan", "wave-1", "report"], before: () => {} });
    expect(Object.entries(jobs).filter(([, { code }]) => code !== 0).map(([name, { code }]) => [name, code])).toEqual([[
      "report",
      75,
    ]]);
    expect(reported(project)).toMatchObject({ counts: { running: 1 } });
  } finally {
    await project.close();
  }
});
