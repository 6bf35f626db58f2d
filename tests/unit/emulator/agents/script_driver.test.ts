import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { SCENARIO_NAMES } from "../../../../lib/emulator/agents/scenario.ts";
import { API_REPO, arrange } from "../arrange.ts";
import { propertyRuns } from "../../../property_runs.ts";
import { builtInScenario, parseScenario } from "../scenarios.ts";

function play(name: string, options: Parameters<typeof arrange>[0] = {}) {
  return arrange({ scenarios: [builtInScenario(name)], ...options });
}

test("scriptDriver() plays success with every event, the finished one before the terminal status", async () => {
  const { clock, start, look, call } = play("success");
  const runId = await start();
  const statuses: string[] = [];
  for (let second = 0; second < 40; second += 1) {
    clock.advance(1_000);
    const { status, messages } = await look(runId);
    statuses.push(`${status} ${messages.at(-1)}`);
  }
  expect([...new Set(statuses)]).toEqual([
    "pending External Mogplex run accepted",
    "streaming External Mogplex run accepted",
    "streaming Harness run started: codex",
    expect.stringContaining("streaming Synchronized mogplex/external/"),
    "streaming Harness run streaming",
    "streaming Pull request ready",
    "streaming Harness run finished",
    "success Harness run finished",
  ]);
  const { json } = await call("GET", `/runs/${runId}/events`);
  const delivery = json.data.events.find((event: { message: string }) => event.message === "Pull request ready");
  expect(delivery.payload).toMatchObject({ changed: true, pull_request_url: "http://localhost/acme/api/pull/1" });
  expect((await call("GET", "/acme/api/pull/1")).text).toContain("Fix the flaky tests");
});

test("scriptDriver() shows a change of two lines on the pull request of success, with the task in it", async () => {
  const { clock, start, call } = play("success");
  await start();
  clock.advance(40_000);
  const page = (await call("GET", "/acme/api/pull/1")).text;
  const text = page.replace(/<[^>]*>/g, "");
  expect(text).toContain("new file mode 100644");
  const added = text.split("\n").filter((line) => /^\+(?!\+\+)/.test(line));
  expect(added).toEqual(["+A scripted run of the emulator wrote this file. Its task:", "+Fix the flaky tests"]);
});

test("scriptDriver() gives the same events however often the run is read", async () => {
  const story = async (looks: readonly number[]) => {
    const { clock, start, call } = play("delivery-failure");
    const runId = await start();
    for (const ms of looks) {
      clock.advance(ms);
      await call("GET", `/runs/${runId}`);
    }
    clock.advance(200_000);
    const { json } = await call("GET", `/runs/${runId}/events?limit=200`);
    return json.data.events.map((event: { message: string; createdAt: string }) => [
      event.message,
      event.createdAt.slice(0, 19),
    ]);
  };
  const once = await story([]);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 20 }), async (looks) => {
      expect(await story(looks)).toEqual(once);
    }),
    { numRuns: propertyRuns(25) },
  );
});

const ENDS: Record<string, { status: string; error: string | null; last: string }> = {
  "success": { status: "success", error: null, last: "Harness run finished" },
  "no-changes": { status: "success", error: null, last: "Harness run finished" },
  "agent-failure": { status: "failed", error: "Agent run exited with code 1.", last: "Harness run failed" },
  "boot-failure": { status: "failed", error: "Too many active sandboxes", last: "External Mogplex run failed" },
  "delivery-failure": {
    status: "failed",
    error: "The agent finished, but GitHub delivery failed: remote rejected (protected branch)",
    last: "External Mogplex run failed",
  },
  "rate-limited": {
    status: "failed",
    error: "OpenAI rate-limited this run. Wait a moment, then try again.",
    last: "Harness run failed",
  },
  "duplicate-failed": {
    status: "failed",
    error: "Agent run exited with code 2.",
    last: "External Mogplex run failed",
  },
  "stuck-streaming": { status: "streaming", error: null, last: "Harness run streaming" },
  "stuck-pending": { status: "pending", error: null, last: "External Mogplex run accepted" },
  "cancelled-during-boot": { status: "cancelled", error: null, last: "External Mogplex run cancelled" },
  "cancelled-during-boot-revived": {
    status: "failed",
    error: "ai_call is not pending",
    last: "External Mogplex run failed",
  },
  "agent-progress": { status: "success", error: null, last: "Harness run finished" },
  "awaiting-input": { status: "awaiting_input", error: null, last: "Harness run finished" },
  "awaiting-input-resumed": { status: "success", error: null, last: "Harness run finished" },
  "stuck-finished": { status: "streaming", error: null, last: "Harness run finished" },
};

for (const [name, { status, error, last }] of Object.entries(ENDS)) {
  test(`the built-in scenario ${name} ends as it says`, async () => {
    const { clock, start, look } = play(name);
    const runId = await start();
    clock.advance(3_600_000);
    const seen = await look(runId);
    expect({ status: seen.status, error: seen.error, last: seen.messages.at(-1) }).toEqual({ status, error, last });
  });
}

test("every built-in scenario is tested, and can be parsed", () => {
  // Those with a script for automations only are tested in automation_driver.test.ts, the set in campaign.test.ts.
  const names = SCENARIO_NAMES.filter((name) => !name.startsWith("automation-") && name !== "campaign");
  expect([...names].sort()).toEqual([...Object.keys(ENDS), "many-events", "queue-failure"].sort());
});

test("the built-in scenario many-events fills the window of the base and hides the pull request", async () => {
  const { clock, start, look } = play("many-events");
  const runId = await start();
  clock.advance(3_600_000);
  const { status, messages } = await look(runId);
  expect([status, messages.length, messages.includes("Pull request ready")]).toEqual(["success", 200, false]);
});

test("the built-in scenario many-events shows its end in later revisions", async () => {
  const { clock, start, look } = play("many-events", { revision: { tailWindow: true } });
  const runId = await start();
  clock.advance(3_600_000);
  const { messages } = await look(runId);
  expect(messages.slice(-3)).toEqual(["step 260 of 260\n", "Pull request ready", "Harness run finished"]);
});

test("the built-in scenario queue-failure is a 500 first and a failed run then", async () => {
  const { call } = play("queue-failure");
  const send = () =>
    call("POST", "/runs", { headers: { "idempotency-key": "k" }, body: { repoId: API_REPO, prompt: "x" } });
  expect((await send()).status).toBe(500);
  const { status, json } = await send();
  expect([status, json.data.replayed, json.data.status, json.data.error]).toEqual([
    202,
    true,
    "failed",
    "Trigger.dev runtime is not configured",
  ]);
});

test("scriptDriver() keeps a run cancelled when later revisions do", async () => {
  const { clock, start, look } = play("cancelled-during-boot-revived", { revision: { keepsCancelled: true } });
  const runId = await start();
  clock.advance(3_600_000);
  expect((await look(runId)).status).toBe("cancelled");
});

test("scriptDriver() brings a run back to life that a client cancelled during its boot", async () => {
  const { clock, start, look, call } = play("success");
  const runId = await start();
  clock.advance(2_000);
  expect((await call("POST", `/runs/${runId}/cancel`)).json.data.status).toBe("cancelled");
  clock.advance(2_000);
  expect((await look(runId)).status).toBe("cancelled");
  clock.advance(60_000);
  expect(await look(runId)).toEqual({
    status: "failed",
    error: "ai_call is not pending",
    messages: [
      "External Mogplex run accepted",
      "Cancellation requested",
      "External Mogplex run cancelled",
      "External Mogplex run failed",
    ],
  });
});

test("scriptDriver() stops when the agent's process is killed, and says so a second later", async () => {
  const { clock, start, look, call } = play("success");
  const runId = await start();
  clock.advance(15_000);
  await look(runId);
  const { json } = await call("POST", `/runs/${runId}/cancel`);
  expect([json.data.status, json.data.alreadyTerminal]).toEqual(["cancelled", false]);
  expect((await look(runId)).messages.at(-1)).toBe("External Mogplex run cancelled");
  clock.advance(60_000);
  const { status, messages } = await look(runId);
  expect([status, messages.at(-1)]).toEqual(["cancelled", "Harness run cancelled"]);
});

test("scriptDriver() lets a cancel repair a run that is stuck", async () => {
  const { clock, start, look, call } = play("stuck-streaming");
  const runId = await start();
  clock.advance(7_200_000);
  expect((await look(runId)).status).toBe("streaming");
  expect((await call("POST", `/runs/${runId}/cancel`)).json.data.status).toBe("cancelled");
});

test("scriptDriver() can be asked to cancel a run that waits for input", async () => {
  const { clock, start, call } = play("awaiting-input");
  const runId = await start();
  clock.advance(3_600_000);
  const { json } = await call("POST", `/runs/${runId}/cancel`);
  expect([json.data.status, json.data.alreadyTerminal]).toEqual(["cancelled", false]);
});

test.each(SCENARIO_NAMES.filter((name) => !/^(?:automation-|campaign$|queue-failure$)/.test(name)))(
  "scriptDriver() keeps a run of %s cancelled, whenever it is cancelled after its boot",
  async (name) => {
    const statuses: string[] = [];
    for (let second = 10; second < 120; second += 5) {
      const { clock, start, look, call } = play(name);
      const runId = await start();
      clock.advance(second * 1_000);
      if (!["streaming", "awaiting_input"].includes((await look(runId)).status)) continue;
      // A cancel that comes after the end of the agent's work changes nothing.
      if ((await call("POST", `/runs/${runId}/cancel`)).json.data.status !== "cancelled") continue;
      clock.advance(3_600_000);
      statuses.push((await look(runId)).status);
    }
    expect([...new Set(statuses)].filter((status) => status !== "cancelled")).toEqual([]);
  },
);

test("scriptDriver() plays the first scenario that fits, and none when none does", async () => {
  const quick = (status: string, match: string) =>
    parseScenario(`match: ${match}\nsteps: [{ status: ${status} }]`, "test");
  const { start, look } = arrange({
    scenarios: [
      quick("failed", "{ prompt: flaky, harness: claude-code }"),
      quick("success", "{ repo: acme/api, key: first }"),
      quick("cancelled", "{ prompt: flaky, key: second }"),
    ],
  });
  const ids = [
    await start("first"),
    await start("second"),
    await start("third"),
    await start("fourth", { harness: "claude-code" }),
  ];
  const seen = await Promise.all(ids.map(look));
  expect(seen.map(({ status }) => status)).toEqual(["success", "cancelled", "pending", "failed"]);
});

test("scriptDriver() divides all times by the speed", async () => {
  const { clock, start, look } = play("success", { speed: 10 });
  const runId = await start();
  clock.advance(4_000);
  expect((await look(runId)).status).toBe("success");
});

test("scriptDriver() stores a verbatim event without the writer's cleaning", async () => {
  const text = `
steps:
  - event: { message: a, payload: { list: [${Array.from({ length: 60 }, (_, n) => n)}], text: "${"x".repeat(2_001)}" } }
  - event: { message: "\${harness} $\${nothing}", verbatim: true, payload: { l1: { l2: { l3: { l4: 1 } } } } }`;
  const { emulator, start } = arrange({ scenarios: [parseScenario(text, "test")] });
  const runId = await start();
  const run = emulator.world.store.anyRun(runId);
  emulator.world.driver.catchUp();
  const [, first, second] = emulator.world.store.events.get(run.ai_call_id) ?? [];
  expect((first?.payload as { list: unknown[] }).list).toHaveLength(50);
  expect([second?.message, second?.payload]).toEqual(["codex ${nothing}", { l1: { l2: { l3: { l4: 1 } } } }]);
});

test("scriptDriver() brings the faults of a step to the requests about its run, from that moment on", async () => {
  const text =
    "steps: [{ sandbox: up }, { after: 5, fault: { kind: 503, times: 2, retryAfter: 1 } }, { after: 60, status: success }]";
  const { call, clock, start } = arrange({ scenarios: [parseScenario(text, "s")] });
  const [id, other] = [await start("a"), await start("b")];
  const status = async (path: string) => (await call("GET", path)).status;
  expect(await status(`/runs/${id}`)).toBe(200);
  await clock.advance(5_000);
  expect([await status("/repos"), await status(`/runs/${id}/events`), await status(`/runs/${id}`)]).toEqual([
    200,
    503,
    503,
  ]);
  expect([await status(`/runs/${id}`), await status(`/runs/${other}`)]).toEqual([200, 503]);
});

test("scriptDriver() brings the faults of a step with a route to that route, and the faults of a scenario to the start", async () => {
  const text =
    "faults: [{ kind: 500, route: POST /runs }]\nsteps: [{ sandbox: up, fault: { kind: 429, route: 'GET /runs/${runId}' } }]";
  const { emulator, call, start } = arrange({ scenarios: [parseScenario(text, "s")] });
  await expect(start("a")).rejects.toThrow("INTERNAL_ERROR");
  const id = await start("a");
  expect([(await call("GET", `/runs/${id}/events`)).status, (await call("GET", `/runs/${id}`)).status]).toEqual([
    200,
    429,
  ]);
  emulator.control("reset");
  await expect(start("a")).rejects.toThrow("INTERNAL_ERROR");
});

/** Branch and `created_branch` of the run that success plays, and its pull request. */
async function branchOf(options: Parameters<typeof arrange>[0], bodies: readonly object[]) {
  const { clock, start, call } = play("success", options);
  const found = [];
  for (const [index, body] of bodies.entries()) {
    const runId = await start(`key-${index}`, body);
    clock.advance(60_000);
    const { json } = await call("GET", `/runs/${runId}/events`);
    const stage = (name: string) =>
      json.data.events.find(({ payload }: { payload: { stage?: string } }) => payload?.stage === name)?.payload;
    const { working_branch: branch, created_branch: created } = stage("git_sync");
    found.push({ branch, created, pull: stage("git_delivery").pull_request_url });
  }
  return found;
}

test("scriptDriver() works on the branch of the request when an earlier run has pushed it", async () => {
  const [first, again] = await branchOf({}, [
    { workingBranch: "topic" },
    { workingBranch: "topic", createBranch: false, prompt: "Name the test" },
  ]);
  const pull = "http://localhost/acme/api/pull/1";
  expect(first).toEqual({ branch: "topic", created: true, pull });
  expect(again).toEqual({ branch: "topic", created: false, pull });
});

test("scriptDriver() works on a branch that the repository has, and not on one that it does not have", async () => {
  const hasBranch = (_: unknown, branch: string) => branch === "topic";
  const [there, missing, base] = await branchOf({ local: () => ({ hasBranch }) }, [
    { workingBranch: "topic", createBranch: false },
    { workingBranch: "other", createBranch: false },
    { createBranch: false },
  ]);
  expect(there).toMatchObject({ branch: "topic", created: false });
  const agent = { branch: expect.stringMatching(/^mogplex\/agent-[0-9a-f]{12}$/), created: true };
  expect(missing).toMatchObject(agent);
  expect(base).toMatchObject(agent);
});
