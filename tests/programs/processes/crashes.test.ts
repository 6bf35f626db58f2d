/**
 * Campaigns whose processes are killed with SIGKILL at seeded points of their work, and started again: nothing is started twice, forgotten or
 * judged wrongly. `npm run bench -- campaign` does the same at a hundred points.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RUNTIMES } from "../package/runtimes.ts";
import { buildWorker, crashPlan, playCrashes } from "./world/crashes.ts";

/** Campaigns on each runtime. */
const CAMPAIGNS = 4;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "mogplex-crashes-")));
let worker = "";

beforeAll(async () => {
  worker = await buildWorker(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CASES = Object.entries(RUNTIMES).flatMap(([name, runtime], index) =>
  Array.from({ length: CAMPAIGNS }, (_, number) => [name, 1 + index * CAMPAIGNS + number, runtime] as const)
);

test.each(CASES)(
  "a campaign that is killed on %s starts nothing twice, and forgets nothing (seed %d)",
  async (_name, seed, runtime) => {
    const plan = crashPlan(seed, runtime, worker);
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
