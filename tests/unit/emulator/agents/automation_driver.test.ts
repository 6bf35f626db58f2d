import { expect, test } from "bun:test";
import { API_REPO, arrange, type Arranged, AUTOMATION } from "../arrange.ts";
import { builtInScenario, parseScenario } from "../scenarios.ts";

async function trigger({ call }: Arranged, key = "k") {
  const { json } = await call("POST", `/automations/${AUTOMATION}/trigger`, {
    headers: { "idempotency-key": key },
    body: { repoId: API_REPO },
  });
  return json.data.run;
}

async function look({ call }: Arranged, id: string) {
  const { json } = await call("GET", `/automations/${AUTOMATION}/runs/${id}`);
  return json.data.run;
}

const play = (...names: string[]) => arrange({ scenarios: names.map(builtInScenario) });

test("automationDriver() leaves runs of automations where they are when there is no scenario", async () => {
  const world = arrange();
  const { jobRunId } = await trigger(world);
  world.clock.advance(3_600_000);
  expect(await look(world, jobRunId)).toMatchObject({ status: "running", completed_at: null });
});

test("automationDriver() plays success, with the times of the script rather than of the looks", async () => {
  const world = play("success");
  const { jobRunId } = await trigger(world);
  world.clock.advance(24_000);
  expect((await look(world, jobRunId)).status).toBe("running");
  world.clock.advance(600_000);
  const run = await look(world, jobRunId);
  expect(run).toMatchObject({ status: "success", duration_ms: 25_000, error: null, cancelable: false });
  expect(run.completed_at).toStartWith("2026-09-01T00:00:25");
});

test("automationDriver() plays failures with their words, and cancellations", async () => {
  const failing = play("agent-failure");
  const failed = await trigger(failing);
  failing.clock.advance(60_000);
  expect(await look(failing, failed.jobRunId)).toMatchObject({
    status: "failed",
    error: "Agent run exited with code 1.",
    requeueable: true,
  });
  const stopping = play("automation-cancelled");
  const cancelled = await trigger(stopping);
  stopping.clock.advance(60_000);
  const run = await look(stopping, cancelled.jobRunId);
  expect(run.status).toBe("cancelled");
  expect(run.cancelled_at).toStartWith("2026-09-01T00:00:10");
});

test("automationDriver() lets a run wait for a slot, and starts it by itself", async () => {
  const world = play("automation-slot");
  const answer = await trigger(world);
  expect(answer).toMatchObject({
    outcome: "queued",
    reason: "INSTALLATION_CONCURRENCY_LIMIT",
    started: false,
    status: "pending",
  });
  world.clock.advance(29_000);
  expect(await look(world, answer.jobRunId)).toMatchObject({
    status: "pending",
    last_start_error: "Installation concurrency limit reached",
  });
  world.clock.advance(2_000);
  const running = await look(world, answer.jobRunId);
  expect(running).toMatchObject({ status: "running", start_attempts: 2, last_start_error: null });
  expect(running.started_at).toStartWith("2026-09-01T00:00:30");
  world.clock.advance(60_000);
  expect(await look(world, answer.jobRunId)).toMatchObject({ status: "success", duration_ms: 20_000 });
});

test("automationDriver() gives the slot of a run that ends to the one that has waited longest", async () => {
  const world = play("success");
  const ids: string[] = [];
  for (let count = 0; count < 10; count++) {
    ids.push((await trigger(world, `k${count}`)).jobRunId);
    world.clock.advance(1_000);
  }
  const statuses = async () => (await Promise.all(ids.map((id) => look(world, id)))).map(({ status }) => status);
  expect((await statuses()).filter((status) => status === "pending")).toEqual(["pending", "pending"]);
  world.clock.advance(15_500);
  expect(await statuses()).toEqual(["success", ...Array(8).fill("running"), "pending"]);
  world.clock.advance(600_000);
  expect(new Set(await statuses())).toEqual(new Set(["success"]));
  const ninth = await look(world, ids[8] ?? "");
  expect(ninth.started_at).toStartWith("2026-09-01T00:00:25");
  expect(ninth.completed_at).toStartWith("2026-09-01T00:00:50");
});

test("automationDriver() gives the slot of a run that was cancelled away, no earlier than that", async () => {
  const world = arrange({ scenarios: [builtInScenario("automation-stuck")], revision: { automationRunCancel: true } });
  const ids: string[] = [];
  for (let count = 0; count < 9; count++) ids.push((await trigger(world, `k${count}`)).jobRunId);
  world.clock.advance(40_000);
  expect((await look(world, ids[8] ?? "")).status).toBe("pending");
  await world.call("POST", `/automations/${AUTOMATION}/runs/${ids[0]}/cancel`);
  const { status, started_at } = await look(world, ids[8] ?? "");
  expect(status).toBe("running");
  expect(started_at).toStartWith("2026-09-01T00:00:40");
});

test("automationDriver() suppresses triggers without using up their key, as often as the scenario says", async () => {
  const scenario = parseScenario("automation: { suppress: INSTALLATION_PENDING_LIMIT, times: 2 }", "s.yaml");
  const world = arrange({ scenarios: [scenario] });
  const suppressed = { outcome: "suppressed", reason: "INSTALLATION_PENDING_LIMIT", jobRunId: null, runtime: null };
  expect(await trigger(world)).toMatchObject(suppressed);
  expect(await trigger(world)).toMatchObject(suppressed);
  expect(await trigger(world)).toMatchObject({ outcome: "queued", started: true });
  world.emulator.control("reset");
  expect(await trigger(world)).toMatchObject(suppressed);
});

test("automationDriver() shows a wait with its resume token, and goes on when a person answers", async () => {
  const world = play("automation-resumed");
  const { jobRunId } = await trigger(world);
  world.clock.advance(15_000);
  const waiting = await look(world, jobRunId);
  expect(waiting).toMatchObject({ status: "running", active_wait_count: 1 });
  expect(waiting.waits).toMatchObject([{ status: "waiting", resume_token: expect.stringMatching(/^resume_/) }]);
  world.clock.advance(60_000);
  expect(await look(world, jobRunId)).toMatchObject({ status: "running", active_wait_count: 0 });
  world.clock.advance(30_000);
  expect((await look(world, jobRunId)).status).toBe("success");
});

test("automationDriver() plays the first scenario that fits automation, repository and key, and none that is about runs", async () => {
  const scenarios = [
    parseScenario("match: { prompt: x }\nautomation: { steps: [{ status: failed }] }", "prompt.yaml"),
    parseScenario("match: { automation: Weekly }\nautomation: { steps: [{ status: failed }] }", "name.yaml"),
    parseScenario("match: { repo: acme/web }\nautomation: { steps: [{ status: failed }] }", "repo.yaml"),
    parseScenario("steps: [{ status: failed }]", "run.yaml"),
    parseScenario(
      "match: { automation: Nightly, key: yes }\nautomation: { steps: [{ status: success }] }",
      "fits.yaml",
    ),
  ];
  const world = arrange({ scenarios });
  const [fitting, other] = [await trigger(world, "oh yes"), await trigger(world, "no")];
  world.clock.advance(1_000);
  expect((await look(world, fitting.jobRunId)).status).toBe("success");
  expect((await look(world, other.jobRunId)).status).toBe("running");
});

test("scriptDriver() plays no scenario for a run that only tells of automations", async () => {
  const world = play("automation-stuck", "success");
  const runId = await world.start();
  world.clock.advance(3_600_000);
  expect((await world.look(runId)).status).toBe("success");
});

test("automationDriver() leaves a run pending for ever when the queue refuses it, as the service does", async () => {
  const world = play("success");
  world.emulator.control("failQueue", { times: 1, message: "queue is full" });
  const { status } = await world.call("POST", `/automations/${AUTOMATION}/trigger`, {
    headers: { "idempotency-key": "k" },
    body: { repoId: API_REPO },
  });
  expect(status).toBe(500);
  const { jobRunId, reason } = await trigger(world);
  expect(reason).toBe("IDEMPOTENT_DUPLICATE");
  world.clock.advance(3_600_000);
  expect(await look(world, jobRunId)).toMatchObject({ status: "pending", last_start_error: "queue is full" });
});

test("automationDriver() replays a scripted run with its status in later revisions", async () => {
  const world = arrange({ scenarios: [builtInScenario("success")], revision: { comparedTriggers: true } });
  const { jobRunId } = await trigger(world);
  world.clock.advance(60_000);
  expect(await trigger(world)).toMatchObject({ outcome: "replayed", replayed: true, status: "success", jobRunId });
});
