import { expect, test } from "bun:test";
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { builtInScenarios, parseScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { logNormal } from "../../../lib/emulator/state/chance.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { createRevision } from "../../../lib/emulator/state/store.ts";

const MINUTE = 60_000;
const ENDS = ["success", "failed", "cancelled", "awaiting_input"];

interface Item {
  repo: string;
  status: string;
  error: string | null;
  /** Wall time of the start and of the end as the service saw them, in milliseconds. */
  startedMs: number;
  endedMs: number;
}

interface Campaign {
  items: Item[];
  requests: number;
  /** Starts that the limiter refused. */
  refusals: number;
  /** Virtual time that it took. */
  days: number;
  /** Most sandboxes that were active at a time. */
  sandboxes: number;
}

class Client {
  requests = 0;
  readonly #emulator: Emulator;
  readonly #token: string;

  constructor(emulator: Emulator) {
    this.#emulator = emulator;
    this.#token = [...emulator.world.store.tokens.keys()][0] ?? "";
  }

  // deno-lint-ignore no-explicit-any
  async send(method: string, path: string, key = "", body?: object): Promise<{ status: number; data: any }> {
    this.requests++;
    const answer = await this.#emulator.fetch(`http://localhost/api/v1/mogplex${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#token}`, "idempotency-key": key },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, data: (await answer.json() as { data?: unknown }).data };
  }
}

/** Starts a run for every repository as the limits allow, and looks at everything each quarter of an hour. */
async function playCampaign(options: EmulatorOptions, parallel = 3, everyMs = 15 * MINUTE): Promise<Campaign> {
  const clock: VirtualClock = virtualClock({ auto: false });
  const emulator = makeEmulator({ clock, ...options });
  const client = new Client(emulator);
  const waiting = [...emulator.world.store.repos.values()];
  const running = new Map<string, string>();
  const items: Item[] = [];
  const result = { refusals: 0, sandboxes: 0 };
  const startMs = clock.now();
  while (waiting.length + running.size > 0) {
    for (const [runId, repo] of running) {
      const { status, error, createdAt, updatedAt } = (await client.send("GET", `/runs/${runId}`)).data.run;
      if (!ENDS.includes(status)) continue;
      running.delete(runId);
      items.push({ repo, status, error, startedMs: Date.parse(createdAt), endedMs: Date.parse(updatedAt) });
    }
    const listed = (await client.send("GET", "/sandboxes?limit=200")).data.sandboxes as { status: string }[];
    const active = listed.filter(({ status }) => status === "creating" || status === "running").length;
    result.sandboxes = Math.max(result.sandboxes, active);
    for (let free = parallel - active; free > 0 && waiting[0] !== undefined; free--) {
      const { id, full_name } = waiting[0];
      const start = { repoId: id, prompt: "Replace moment", createBranch: true };
      const { status, data } = await client.send("POST", "/runs", `key ${id}`, start);
      if (status === 429) {
        result.refusals++;
        break;
      }
      running.set(data.runId, full_name);
      waiting.shift();
    }
    clock.advance(everyMs);
  }
  return { ...result, items, requests: client.requests, days: (clock.now() - startMs) / (1_440 * MINUTE) };
}

function countBy(items: readonly Item[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, error } of items) {
    const name = `${status} ${error ?? ""}`.trim();
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const DELIVERY = "failed The agent finished, but GitHub delivery failed: remote rejected (protected branch)";
const RATE_LIMITED = "failed OpenAI rate-limited this run. Wait a moment, then try again.";
const AGENT = "failed Agent run exited with code 1.";

test("the set campaign lets 10 of 200 repositories fail for three causes, the same ones each time", async () => {
  const options = { projects: [{ owner: "acme", count: 200 }], scenarios: builtInScenarios("campaign") };
  const base = await playCampaign(options);
  expect(countBy(base.items)).toEqual({ success: 190, [AGENT]: 4, [DELIVERY]: 4, [RATE_LIMITED]: 2 });
  const slow = base.items.filter(({ startedMs, endedMs }) => endedMs - startedMs > 60 * MINUTE);
  expect(slow.map(({ repo }) => repo).sort()).toEqual(["acme/project-0050", "acme/project-0150"]);
  const failed = ({ items }: Campaign) =>
    items.filter(({ status }) => status === "failed").map(({ repo }) => repo).sort();
  const later = await playCampaign({ ...options, revision: createRevision("later") });
  expect(failed(later)).toEqual(failed(base));
  expect(countBy(later.items)).toMatchObject({ success: 188, awaiting_input: 2 });
});

test("a scenario by attempt lets the second run of a repository succeed", async () => {
  const scenarios = parseScenarios(
    "scenarios: [{ match: { attempt: 1, repo: '*1' }, play: agent-failure }, { play: success }]",
    "test",
  );
  const clock = virtualClock({ auto: false });
  const emulator = makeEmulator({ clock, scenarios, projects: [{ owner: "acme", count: 2 }] });
  const client = new Client(emulator);
  const statuses: string[] = [];
  for (const key of ["first", "first", "second"]) {
    for (const { id } of emulator.world.store.repos.values()) {
      const body = { repoId: id, prompt: "x", createBranch: true };
      const { data } = await client.send("POST", "/runs", `${key} ${id}`, body);
      clock.advance(MINUTE);
      statuses.push((await client.send("GET", `/runs/${data.runId}`)).data.run.status);
    }
  }
  // The second request for each repository is a replay of the first.
  expect(statuses).toEqual(["failed", "success", "failed", "success", "success", "success"]);
});

test("a thousand runs of log-normal length take a week of virtual time, and each as long as its distribution says", async () => {
  const duration = { median: 1_200, sigma: 0.5, seed: 3 };
  const [success] = builtInScenarios("success");
  const { items, days, requests, sandboxes } = await playCampaign({
    projects: [{ owner: "acme", count: 1_000 }],
    scenarios: success === undefined ? [] : [{ ...success, duration }],
    sandboxLimit: 3,
  });
  expect(countBy(items)).toEqual({ success: 1_000 });
  for (const { repo, startedMs, endedMs } of items) {
    const seconds = logNormal(duration, JSON.stringify([repo, null, 1]));
    expect(Math.abs(endedMs - startedMs - seconds * 1_000)).toBeLessThan(2);
  }
  expect(sandboxes).toBe(3);
  expect(days).toBeGreaterThan(6);
  expect(days).toBeLessThan(9);
  expect(requests).toBeLessThan(6_000);
});

test("runDuration() decides how long a run takes, whatever scenario and speed say", async () => {
  const seen: unknown[] = [];
  const { items } = await playCampaign({
    projects: [{ owner: "acme", count: 4 }],
    scenarios: builtInScenarios("success").map((scenario) => ({ ...scenario, duration: 5 })),
    speed: 100,
    runDuration(run) {
      seen.push([run.repo, run.attempt, run.harness]);
      return run.repo.endsWith("4") ? undefined : Number(run.repo.slice(-1)) * MINUTE;
    },
  });
  expect(seen[0]).toEqual(["acme/project-0001", 1, "codex"]);
  const lengths = items.map(({ repo, startedMs, endedMs }) => [repo.slice(-1), Math.round((endedMs - startedMs) / 10)]);
  expect(lengths.sort()).toEqual([["1", 6_000], ["2", 12_000], ["3", 18_000], ["4", 5]]);
});

test("a run beyond the limit on sandboxes fails, on both revisions, and a lingering sandbox counts in the base", async () => {
  const options = { projects: [{ owner: "acme", count: 12 }], scenarios: builtInScenarios("success"), sandboxLimit: 3 };
  const failed = { "failed Too many active sandboxes": 2, success: 10 };
  for (const revision of [createRevision(), createRevision("later")]) {
    const { items } = await playCampaign({ ...options, revision }, 3);
    expect(countBy(items)).toEqual({ success: 12 });
    // Five are started at once where three have a place, for as long as there are five.
    const greedy = await playCampaign({ ...options, projects: [{ owner: "acme", count: 5 }], revision }, 5);
    expect(countBy(greedy.items)).toEqual({ ...failed, success: 3 });
  }
  const lingering = await playCampaign({ ...options, sandboxLingerMs: 20 * MINUTE });
  const prompt = await playCampaign(options);
  expect(countBy(lingering.items)).toEqual({ success: 12 });
  expect(lingering.days).toBeGreaterThan(1.5 * prompt.days);
});
