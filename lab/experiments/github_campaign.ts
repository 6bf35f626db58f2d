/** The scheduled campaign of GitHub Actions, job after job, on nektos/act. */
import { startWorkflow, tail } from "../act.ts";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { ACT, GIT } from "../programs.ts";

async function campaign(bench: Bench): Promise<void> {
  const text = bench.example("github-actions/scheduled-campaign.yml");
  bench.writeProgram("gh", `#!/bin/sh\necho "gh was called: $*"\n`);
  for (const [scenario, good] of [["success", true], ["agent-failure", false]] as const) {
    const service = await bench.service(scenario);
    const files = {
      "campaign.yml": `version: 1\nname: act\nprompt-file: task.md\nrepositories: [${service.repo}]\n`,
      "task.md": "Rename the option.\n",
    };
    const args = ["--env", `LAB_CACHE=${bench.newFolder()}`];
    const act = async (event: string, payload: unknown) => {
      const running = await startWorkflow(bench, { text, service, files, event, payload, args });
      const { code } = await running.ended;
      return { code, log: running.text() };
    };
    const early = await act("schedule", {});
    // Do not check the message, because act may lose the last line of a step.
    const isRed = early.code === 1 && await service.runs() === 0;
    bench.check(`${scenario}: a wave without a plan is red, and starts nothing`, isRed, tail(early.log));
    const repository = { default_branch: "main" };
    const plan = await act("workflow_dispatch", { repository, inputs: { command: "plan campaign.yml" } });
    bench.check(`${scenario}: the plan starts nothing`, plan.log.includes("nothing was started"), tail(plan.log));
    let wave = await act("schedule", {});
    bench.check(`${scenario}: the first wave is green`, wave.code === 0, tail(wave.log));
    for (let waves = 0; waves < 20 && !wave.log.includes("is done:"); waves++) wave = await act("schedule", {});
    const right = wave.log.includes("is done:") && (wave.code === 0) === good;
    bench.check(`${scenario}: the last wave is ${good ? "green" : "red"}`, right, tail(wave.log));
    const off = /gh was called: workflow disable Campaign/.test(wave.log);
    bench.check(`${scenario}: the workflow is switched off`, off, tail(wave.log));
  }
}

export const GITHUB_CAMPAIGN: readonly Experiment[] = [
  {
    name: "act-campaign",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried:
      "scheduled-campaign.yml is started by hand and plans a campaign, runs each wave with the directory of the previous wave, and disables itself",
    limitSeconds: 240,
    run: campaign,
  },
];
