import { expect, test } from "bun:test";
import { API_REPO, arrange, type Arranged, AUTOMATION } from "../arrange.ts";

const trigger = ({ call }: Arranged, key: string, given: { body?: object; id?: string; token?: string } = {}) =>
  call("POST", `/automations/${given.id ?? AUTOMATION}/trigger`, {
    headers: { "idempotency-key": key },
    body: { repoId: API_REPO, ...given.body },
    token: given.token ?? "alice_rw",
  });

const summary = async (answer: ReturnType<typeof trigger>) => {
  const { status, json } = await answer;
  if (!json.ok) return `${status} ${json.error.code} ${json.error.message}`;
  const { outcome, reason, started, status: state } = json.data.run;
  return `${status} ${outcome} ${reason} ${started} ${state}`;
};

test("triggerAutomation() checks publication before activity", async () => {
  const world = arrange();
  expect(await summary(trigger(world, "a", { id: "f1000000-0000-4000-8000-000000000003" }))).toBe(
    "409 CONFLICT Publish the automation before triggering it",
  );
  expect(await summary(trigger(world, "a", { id: "f1000000-0000-4000-8000-000000000002" }))).toBe(
    "409 CONFLICT Activate the automation before triggering it",
  );
});

test("triggerAutomation() lets keys be unique over everything, and compares no body", async () => {
  const world = arrange();
  const first = await trigger(world, "k", { body: { input: { a: 1 } } });
  const second = await trigger(world, "k", { body: { input: { a: 2 } } });
  expect(second.json.data.run).toEqual({
    automationId: AUTOMATION,
    jobRunId: first.json.data.run.jobRunId,
    outcome: "suppressed",
    reason: "IDEMPOTENT_DUPLICATE",
    started: false,
    status: "suppressed",
    runtime: null,
  });
});

test("triggerAutomation() runs eight at once, queues up to 25 for a repository, and suppresses more", async () => {
  const world = arrange();
  const seen: string[] = [];
  for (let count = 0; count < 26; count++) seen.push(await summary(trigger(world, `k${count}`)));
  expect(seen[7]).toBe("202 queued null true running");
  expect(seen[8]).toBe("202 queued INSTALLATION_CONCURRENCY_LIMIT false pending");
  expect(seen[24]).toBe("202 queued INSTALLATION_CONCURRENCY_LIMIT false pending");
  expect(seen[25]).toBe("202 suppressed REPO_PENDING_LIMIT false suppressed");
});

test("triggerAutomation() suppresses when a hundred are active on the installation", async () => {
  const world = arrange();
  const { store } = world.emulator.world;
  await trigger(world, "first");
  const [job] = store.automationRuns.values();
  if (job === undefined) throw new Error("no job");
  for (let count = 0; count < 99; count++) {
    const metadata = { ...job.metadata, repo_id: crypto.randomUUID() };
    store.automationRuns.set(`copy ${count}`, { ...job, id: `copy ${count}`, metadata });
  }
  expect(await summary(trigger(world, "k"))).toBe("202 suppressed INSTALLATION_PENDING_LIMIT false suppressed");
});

test("triggerAutomation() answers 500 when the job cannot be queued in the database, and is free to be retried", async () => {
  const world = arrange();
  world.emulator.control("failStore", { op: "rpc", table: "enqueue_automation_job_run", times: 1 });
  expect(await summary(trigger(world, "k"))).toBe("500 INTERNAL_ERROR Failed to trigger automation");
  expect(await summary(trigger(world, "k"))).toBe("202 queued null true running");
});

test("triggerAutomation() says so when the runtime's handle cannot be stored", async () => {
  const world = arrange();
  world.emulator.control("failStore", { op: "update", table: "job_runs", times: 1 });
  expect(await summary(trigger(world, "k"))).toBe("202 queued RUNTIME_HANDLE_PERSIST_FAILED false pending");
});

test("triggerAutomation() takes a repository id without dashes or in braces", async () => {
  for (const repoId of [API_REPO.replaceAll("-", ""), `{${API_REPO}}`]) {
    const { call } = arrange();
    const { status, json } = await call("POST", `/automations/${AUTOMATION}/trigger`, {
      headers: { "idempotency-key": "k" },
      body: { repoId },
    });
    expect([status, json.data?.run.outcome]).toEqual([202, "queued"]);
  }
});

test("a run of an automation and its first dispatch event carry the same time", async () => {
  const { call, emulator } = arrange();
  await call("POST", `/automations/${AUTOMATION}/trigger`, {
    headers: { "idempotency-key": "k" },
    body: { repoId: API_REPO },
  });
  const [run] = emulator.world.store.automationRuns.values();
  expect(emulator.world.store.dispatches.map(({ created_at }) => created_at === run?.created_at)).toEqual([
    true,
    false,
  ]);
});

test("triggerAutomation() cannot store NUL in the input", async () => {
  expect((await trigger(arrange(), "k", { body: { input: { a: ["\0"] } } })).status).toBe(500);
});

test("triggerAutomation() compares and replays in later revisions, for each user and automation", async () => {
  const world = arrange({ revision: { comparedTriggers: true } });
  const first = await trigger(world, "k", { body: { input: { a: 1 } } });
  const again = await trigger(world, "k", { body: { input: { a: 1 } } });
  expect(again.json.data.run).toMatchObject({
    jobRunId: first.json.data.run.jobRunId,
    outcome: "replayed",
    replayed: true,
    status: "running",
    versionNumber: 3,
  });
  expect(await summary(trigger(world, "k", { body: { input: { a: 2 } } }))).toStartWith("409 IDEMPOTENCY_CONFLICT");
});
