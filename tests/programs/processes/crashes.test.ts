/**
 * Campaigns whose processes are killed with SIGKILL at seeded points of their work, and started again: nothing is started twice, forgotten or
 * judged wrongly. Other runtimes: tests/matrix/runtimes/campaigns.test.ts. `npm run bench -- campaign`
 * does the same at a hundred points.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIMES } from "../package/runtimes.ts";
import { buildWorker, crashPlan, playCrashes } from "./world/crashes.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-crashes-")));
let worker = "";

beforeAll(async () => {
  worker = await buildWorker(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each([1, 2, 3, 4])(
  "a campaign that is killed starts nothing twice, and forgets nothing (seed %d)",
  async (seed) => {
    const plan = crashPlan(seed, RUNTIMES.node, worker);
    const { killed, code, otherRuns, wrong, story } = await playCrashes(plan);
    // One of the repositories fails, as its agent does.
    expect({ killed, code, otherRuns, wrong }, story).toEqual({
      killed: plan.kills.length,
      code: 1,
      otherRuns: [],
      wrong: [],
    });
  },
);
