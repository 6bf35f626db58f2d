/** Campaigns on a branch, on GitHub: the recipe that other workflows call. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { START } from "../../processes/world/recorder.ts";
import { startScriptService } from "../scripts.ts";
import { campaignFiles, endRuns, openWorkFolder, UNTIL_ENDED, type WorkFolder } from "./campaign_recipes.ts";
import { openMachine, signalled } from "./machine.ts";
import { type JobEnd, type JobOptions, runGithubWorkflow } from "./models/github_steps.ts";

const BRANCH = "mogplex-campaign/codemod";

let work: WorkFolder;
let remotes: Remotes;

beforeAll(() => {
  work = openWorkFolder();
  remotes = makeRemotes();
});

afterAll(async () => {
  rmSync(work.folder, { recursive: true, force: true });
  await remotes.close();
});

/** A repository with a campaign, and its workflow. @param name Which one; the folder of the server has the same name. */
async function onGithub(
  name: "lost" | "stopped",
  names: readonly string[],
  body: (bench: {
    wave: (options?: Partial<JobOptions>) => Promise<Record<string, JobEnd>>;
    machine: Awaited<ReturnType<typeof openMachine>>;
    service: Awaited<ReturnType<typeof startScriptService>>;
    log: () => string[];
  }) => Promise<void>,
): Promise<void> {
  const service = await startScriptService({ ...UNTIL_ENDED, names });
  const machine = await openMachine({
    ...{ url: service.url, ...work, token: () => service.token, readOnlyToken: "" },
    control: (action, args) => Promise.resolve(void service.emulator.control(action, args)),
    status: () => Promise.reject(new Error("not used")),
    close: () => Promise.resolve(),
  });
  const repository = remotes.make(`${name}.git`);
  remotes.git(remotes.folder, "clone", "-q", "--bare", repository, `${name}/acme/web.git`);
  const remote = `${remotes.folder}/${name}/acme/web.git`;
  const files = { ...campaignFiles(names), "ci/mogplex.mjs": readFileSync(work.command, "utf8") };
  const text = machine.recipe("github-actions/campaign-waves.yml", "");
  let runId = 0;
  try {
    await body({
      machine,
      service,
      log: () => remotes.git(remote, "log", "--reverse", "--format=%s", BRANCH).split("\n"),
      wave: async ({ inputs = {}, ...options } = {}) => {
        endRuns(service);
        return await runGithubWorkflow(text, machine, {
          runId: `${name}${++runId}`,
          marks: {
            GITHUB_SERVER_URL: `file://${remotes.folder}/${name}`,
            GITHUB_WORKFLOW_REF: "acme/web/.github/workflows/workflow.yml@refs/heads/main",
            GITHUB_REF_NAME: "main",
          },
          eventName: inputs.command === undefined ? "schedule" : "workflow_dispatch",
          event: { repository: { default_branch: "main" } },
          files,
          // What the caller gives.
          inputs: { branch: BRANCH, file: "campaign.yml", ...inputs },
          ...options,
        });
      },
    });
  } finally {
    await machine.close();
    await service.close();
  }
}

const PLAN = { inputs: { command: "plan campaign.yml" } };

test.concurrent(
  "campaign-waves.yml plans by hand, makes waves on the branch that it names, and survives a lost machine",
  () =>
    onGithub("lost", ["web", "api"], async ({ wave, machine, service, log }) => {
      expect((await wave()).campaign?.status).toBe("failure");
      expect(machine.done.at(-1)?.stderr).toContain("there is no plan");
      expect((await wave(PLAN)).campaign?.status).toBe("success");
      expect(machine.recorder.of(START)).toEqual([]);

      // Its machine is lost with a start under way: the intent is on the branch, and a later wave finds the run by its key.
      const held = machine.recorder.of(START).length + 1;
      machine.recorder.intercept = ({ what }) =>
        START.test(what) && machine.recorder.of(START).length === held ? new Promise(() => {}) : Promise.resolve();
      machine.stopWhen = () => machine.recorder.arrived(START, held);
      machine.stop = signalled("SIGKILL");
      expect((await wave({ lostWith: "Run a wave" })).campaign?.status).toBe("cancelled");
      machine.recorder.intercept = undefined;

      // Its start may have arrived, so waves wait for some minutes before they ask; a person need not.
      await wave();
      const retry = await wave({ inputs: { command: "retry campaign.yml --only acme/*" } });
      expect(retry.campaign?.status).toBe("success");
      let last = await wave();
      for (let count = 0; count < 5 && last.campaign?.outputs.state !== "done"; count++) last = await wave();
      expect(last.campaign).toMatchObject({ status: "success", outputs: { state: "done" } });
      expect(service.statuses()).toHaveLength(2);
      expect(log()[0]).toBe("codemod: plan");
      expect(Object.values(last.campaign?.artifacts ?? {})[0]).toContain("mogplex-campaign/campaign.md");
    }),
);

test.concurrent(
  "campaign-waves.yml does what its caller asks for",
  () =>
    onGithub("stopped", ["web", "api"], async ({ wave, machine, service, log }) => {
      expect((await wave()).campaign?.status).toBe("failure");
      expect((await wave(PLAN)).campaign?.status).toBe("success");
      expect(machine.recorder.of(START)).toEqual([]);
      const stop = "node ci/mogplex.mjs campaign stop campaign.yml --home 'git:origin#mogplex-campaign/codemod'";
      expect((await wave({ inputs: { command: stop } })).campaign?.status).toBe("success");
      expect((await wave()).campaign?.outputs.state).toBe("stopped");
      expect(machine.recorder.of(START)).toEqual([]);
      await wave({ inputs: { command: "resume campaign.yml" } });
      let last = await wave();
      for (let count = 0; count < 5 && last.campaign?.outputs.state !== "done"; count++) last = await wave();
      expect(last.campaign).toMatchObject({ status: "success", outputs: { state: "done" } });
      expect(service.statuses()).toHaveLength(2);
      expect(log()).toEqual(expect.arrayContaining(["codemod: plan", expect.stringContaining("1 stop")]));
    }),
);
