/** Campaigns on a service whose gateway loses, delays and mixes up answers for hours, while people decide at random. */
import { expect, test } from "bun:test";
import { seeded } from "../../../bench/fleet_world.ts";
import type { Decision } from "../../../lib/campaign/decide.ts";
import { MogplexError } from "../../../lib/errors.ts";
import { propertyRuns } from "../../property_runs.ts";
import { type CampaignWorld, campaignWorld, project, type Step, verdicts } from "./world.ts";

const MINUTE = 60_000;
const COUNT = 6;

const html = (status: number) => new Response("<html>", { status });
const refused = (status: number, code: string) =>
  Response.json({ ok: false, error: { code, message: "x" } }, { status, headers: { "Retry-After": "60" } });

/** Sends the newest start to the service, whose answer gets lost. */
async function arrive({ emulator, starts, token }: CampaignWorld): Promise<Response> {
  const { body = "", key = "" } = starts.at(-1) ?? {};
  return await emulator.fetch("http://localhost/api/v1/mogplex/runs", {
    method: "POST",
    headers: { "Authorization": `Bearer ${token}`, "Content-Type": "application/json", "Idempotency-Key": key },
    body,
  });
}

/** The answer with the id of another run. */
async function mixedUp(world: CampaignWorld): Promise<Response> {
  const answer = await arrive(world);
  if (answer.status !== 202) return answer;
  const { data } = await answer.json() as { data: Record<string, unknown> };
  return Response.json({ ok: true, data: { ...data, runId: crypto.randomUUID() } }, { status: 202 });
}

const FAULTS: readonly ((world: CampaignWorld) => Response | Promise<Response>)[] = [
  async (world) => {
    await arrive(world);
    return html(502);
  },
  async (world) => {
    await arrive(world);
    throw new TypeError("fetch failed");
  },
  mixedUp,
  () => html(504),
  () => refused(503, "UNAVAILABLE"),
  () => refused(429, "RATE_LIMITED"),
];

/** What a person decides after a wave; null for nothing. */
function decisionOf(random: () => number): Decision | null {
  const choice = random();
  const select = { only: [project(1 + Math.floor(random() * COUNT))] };
  if (choice < 0.04) return { kind: "stop", cancel: false };
  if (choice < 0.12) return { kind: "resume" };
  if (choice < 0.14) return { kind: "skip", select, reason: "no", cancel: true };
  return choice < 0.2 ? { kind: "retry", select, adopt: false } : null;
}

/** Decides, unless that makes no sense now. A retry is only about starts without an answer: others may bring a second run. */
async function decide(world: CampaignWorld, decision: Decision, { view }: Step): Promise<void> {
  if (decision.kind === "retry") {
    const isOpen = view.items.some(({ verdict, repository }) =>
      verdict === "starting" && decision.select.only?.includes(repository)
    );
    if (!isOpen) return;
  }
  await world.decide(decision).catch((error) => {
    if (!(error instanceof MogplexError) || error.exitCode !== 2) throw error;
  });
}

test("every repository has one run, and the campaign comes to its end, whatever is lost and decided", async () => {
  for (let seed = 1; seed <= propertyRuns(30); seed++) {
    const random = seeded(seed);
    const world = campaignWorld({ count: COUNT, runDuration: () => (5 + Math.floor(random() * 40)) * MINUTE });
    await world.plan();
    const [badUntil, share] = [world.clock.now() + random() * 600 * MINUTE, random()];
    world.before = (request) =>
      request === "POST /runs" && world.clock.now() < badUntil && random() < share
        ? FAULTS[Math.floor(random() * FAULTS.length)]?.(world)
        : undefined;
    let step = await world.advance();
    for (let wave = 0; wave < 300 && step.view.state !== "done"; wave++) {
      const decision = wave < 200 ? decisionOf(random) : { kind: "resume" } as const;
      if (decision !== null) await decide(world, decision, step);
      await world.clock.sleep(15 * MINUTE);
      step = await (random() < 0.1 ? world.run({ timeoutMs: 40 * MINUTE }) : world.advance());
    }
    const ends = Object.values(verdicts(step.view)).filter((end) => !["succeeded", "skipped"].includes(end));
    // A run that found no sandbox has failed, and is started again.
    const runs = world.runs().filter((run) => !run.endsWith(" failed")).map((run) => run.split(" ")[0]);
    const open = world.runs().filter((run) => / (?:pending|streaming)$/.test(run));
    expect([seed, step.view.state, step.code, ends, open]).toEqual([seed, "done", 0, [], []]);
    expect([seed, runs.length - new Set(runs).size, world.starts.length < 150]).toEqual([seed, 0, true]);
  }
});
