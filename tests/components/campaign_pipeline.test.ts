/** The child pipeline of a campaign, run job by job as GitLab would run it, each in a folder of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildCommand } from "../examples/systems/campaign_recipes.ts";
import { type CampaignProject, openCampaignProject } from "./campaign_project.ts";
import { CAN_RUN } from "./project.ts";

let built: { folder: string; command: string };

beforeAll(async () => {
  built = await buildCommand();
}, 60_000);

afterAll(() => rmSync(built.folder, { recursive: true, force: true }));

/** The campaign, as the report job leaves it. */
function reported(project: CampaignProject) {
  return JSON.parse(readFileSync(project.artifact("report", "mogplex-campaign/campaign.json"), "utf8"));
}

test.skipIf(!CAN_RUN)(
  "a child pipeline that fits GitLab's schema makes the waves; a person opens the gate; an edited checkout changes nothing",
  async () => {
    const project = await openCampaignProject(built, ["a", "b"], "canary: { size: 1, gate: manual }\n");
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
      expect(existsSync(project.artifact("report", "mogplex-campaign/junit.xml"))).toBe(true);
    } finally {
      await project.close();
    }
  },
  60_000,
);

test.skipIf(!CAN_RUN || !existsSync("/proc/self/cwd"))(
  "a wave that was killed or cancelled and is retried starts nothing twice, and another clone can take over",
  async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const project = await openCampaignProject(built, names);
    try {
      await project.call("plan", "campaign.yml");
      await project.generate();
      await project.run({ jobs: ["plan", "wave-1"] });
      expect(project.counts()).toEqual({ runs: 3, keys: 3, starts: 3 });
      // The machine is lost while the answer to a start is on its way.
      project.stopAt(/^POST \/runs$/, 2, "SIGKILL");
      const killed = await project.run({ jobs: ["wave-2"] });
      expect(killed.jobs["wave-2"]?.code).toBe(137);
      project.stopAt(undefined);
      expect(project.counts()).toEqual({ runs: 5, keys: 5, starts: 5 });
      // GitLab starts it at once, with the artifacts of the wave before.
      const again = await project.run({ jobs: ["wave-2"], before: () => {} });
      expect(again.jobs["wave-2"]?.code).toBe(0);
      expect(project.counts()).toEqual({ runs: 5, keys: 5, starts: 6 });

      project.stopAt(/^GET \/runs/, 1, "SIGTERM");
      const cancelled = await project.run({ jobs: ["wave-3"] });
      expect(cancelled.jobs["wave-3"]?.code).toBe(143);
      project.stopAt(undefined);
      const lost = project.artifact("wave-3", "mogplex-waves/3");
      expect(existsSync(join(lost, "lock.json"))).toBe(true);

      // Another clone goes on with what the cancelled wave has left.
      const clone = join(built.folder, "clone");
      cpSync(project.cwd, clone, { recursive: true, filter: (path) => !path.includes(".gitlab-ci-local") });
      rmSync(join(clone, "mogplex-campaign"), { recursive: true });
      cpSync(lost, join(clone, "mogplex-campaign"), { recursive: true });
      let taken = "";
      for (let wave = 0; wave < 5 && !taken.includes("all 6 items succeeded"); wave++) {
        project.tick("wave-");
        taken = (await project.call("advance", "campaign.yml", "--dir", join(clone, "mogplex-campaign"))).text;
      }
      expect(taken).toContain("all 6 items succeeded");
      expect(project.counts()).toMatchObject({ runs: 6, keys: 6 });

      // Somebody retries the job all the same.
      const rest = await project.run({ jobs: ["wave-3", "wave-4", "wave-5", "report"] });
      expect(rest.text).not.toMatch(/FAIL/);
      expect(reported(project)).toMatchObject({ state: "done", counts: { succeeded: 6 } });
      expect(project.counts()).toMatchObject({ runs: 6, keys: 6 });
    } finally {
      await project.close();
    }
  },
  60_000,
);

test.skipIf(!CAN_RUN)("the last job ends with 75 when items are left", async () => {
  const project = await openCampaignProject(built, ["stuck"]);
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
}, 60_000);
