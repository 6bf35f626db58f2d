/** The child pipeline of a campaign, run job by job as GitLab would run it, each in a folder of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildCommand } from "../examples/systems/campaign_recipes.ts";
import { type CampaignProject, CHILD, openCampaignProject } from "./campaign_project.ts";
import { CAN_RUN, git } from "./project.ts";

let built: { folder: string; command: string };

beforeAll(async () => {
  built = await buildCommand();
}, 60_000);

afterAll(() => rmSync(built.folder, { recursive: true, force: true }));

const artifact = ({ cwd }: CampaignProject, job: string, path: string) =>
  join(cwd, ".gitlab-ci-local/artifacts", job, "mogplex-pipeline", path);

/** The campaign, as the report job leaves it. */
function reported(project: CampaignProject) {
  return JSON.parse(readFileSync(artifact(project, "report", "mogplex-campaign/campaign.json"), "utf8"));
}

/** How a job ended: `PASS`, or `FAIL` and `WARN` with its exit code. */
function ends(text: string): Record<string, string> {
  const found = [...text.matchAll(/^ *(PASS|FAIL|WARN) +(\S+)(?:$|[^\n]*)/gm)];
  return Object.fromEntries(found.map(([line, word = "", job = ""]) => [job, line.includes("exited") ? line : word]));
}

test.skipIf(!CAN_RUN)(
  "a child pipeline that fits GitLab's schema makes the waves; a person opens the gate; an edited checkout changes nothing",
  async () => {
    const project = await openCampaignProject(built, ["a", "b", "c", "d"], "canary: { size: 1, gate: manual }\n");
    try {
      await project.call("plan", "campaign.yml");
      const child = await project.generate("--every", "30m");
      const gate = /^(wave-\d+):\n(?: {2}.*\n)*? {2}when: manual$/m.exec(child)?.[1] ?? "";
      const text = await project.run({
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
      expect({ state, succeeded: counts.succeeded }).toEqual({ state: "done", succeeded: 4 });
      expect(waves).toBeLessThan(20);
      expect(project.counts()).toEqual({ runs: 4, keys: 4, starts: 4 });
      expect(new Set(project.service.recorder.of(/^POST \/runs$/).map(({ body }) => JSON.parse(body).prompt))).toEqual(
        new Set(["Replace the logger\n\nReplace the logger."]),
      );
      const before = readFileSync(
        artifact(
          project,
          `wave-${Number(gate.slice(5)) - 1}`,
          `mogplex-waves/${Number(gate.slice(5)) - 1}/campaign.json`,
        ),
        "utf8",
      );
      expect(JSON.parse(before)).toMatchObject({ state: "gated", counts: { succeeded: 1, waiting: 3 } });
      expect(existsSync(artifact(project, "report", "mogplex-campaign/junit.xml"))).toBe(true);
    } finally {
      await project.close();
    }
  },
  60_000,
);
