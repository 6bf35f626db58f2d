/** Campaigns on each runtime: a process for each wave, and processes that are killed. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { buildWorker, crashPlan, playCrashes } from "../../programs/processes/world/crashes.ts";
import { launch, startService } from "../../programs/processes/world/service.ts";
import { onEveryRuntime } from "./every_runtime.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-crashes-")));
let worker = "";

beforeAll(async () => {
  worker = await buildWorker(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

onEveryRuntime(
  "plan, run and status bring a campaign with a failure to its end, each as a process of its own",
  async (on) => {
    const { name, runtime } = on;
    // Runs of other files may use all sandboxes of the shared service's user.
    const service = await startService();
    const cwd = mkdtempSync(join(service.folder, "campaign-"));
    const file = { version: 1, name: `on-${name}`, prompt: "<agent-failure>", repositories: ["acme/web"] };
    writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
    const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token(), CI: "true" };
    const campaign = (verb: string, ...args: string[]) =>
      launch([...runtime, built("mogplex.mjs"), "campaign", verb, "campaign.yml", ...args], { cwd, env }).ended;
    expect((await campaign("plan")).code).toBe(0);
    expect((await campaign("status", "--exit-status")).code).toBe(75);
    expect((await campaign("run", "--timeout", "150s")).code).toBe(1);
    const status = await campaign("status", "--exit-status", "--json");
    expect([status.code, status.stderr, JSON.parse(status.stdout).state]).toEqual([1, "", "done"]);
    expect(JSON.parse(readFileSync(join(cwd, "mogplex-campaign/campaign.json"), "utf8")).counts.failed).toBe(1);
    await service.close();
  },
);

// More of them, on Node: tests/programs/processes/crashes.test.ts.
for (const [index, name] of (["bun", "deno"] as const).entries()) {
  test(`a campaign that is killed starts nothing twice, and forgets nothing, on ${name}`, async () => {
    const plan = crashPlan(5 + index, RUNTIMES[name], worker);
    const { killed, code, otherRuns, wrong, story } = await playCrashes(plan);
    // One of the repositories fails, as its agent does.
    expect({ killed, code, otherRuns, wrong }, story).toEqual({
      killed: plan.kills.length,
      code: 1,
      otherRuns: [],
      wrong: [],
    });
  });
}
