import { expect, test } from "bun:test";
import { API_REPO, arrange } from "../arrange.ts";

async function streaming(options: Parameters<typeof arrange>[0] = {}, command: string | null = "cmd_1") {
  const world = arrange(options);
  const runId = await world.start("k", { createBranch: false });
  world.emulator.control("setRun", {
    runId,
    run: { status: "streaming" },
    call: { status: "streaming", runtime_command_id: command },
  });
  const cancel = async () => {
    const { status, json } = await world.call("POST", `/runs/${runId}/cancel`);
    return json.ok
      ? `${status} ${json.data.status} ${json.data.alreadyTerminal}`
      : `${status} ${json.error.code} ${json.error.message}`;
  };
  return { ...world, runId, cancel };
}

test("cancelRun() says that the state is inconsistent when the call is gone", async () => {
  const { emulator, runId, cancel } = await streaming();
  emulator.control("setRun", { runId, deleteCall: true });
  expect(await cancel()).toBe("409 CONFLICT Run state is inconsistent");
});

test("cancelRun() finalises a call whose control state is cancelled already, without a second request", async () => {
  const { emulator, runId, cancel, look } = await streaming({}, null);
  emulator.control("setRun", { runId, call: { control_state: "cancel_requested" } });
  expect(await cancel()).toBe("200 cancelled false");
  expect((await look(runId)).messages).toEqual(["External Mogplex run accepted", "External Mogplex run cancelled"]);
});

const STORE: [string, object, string, string][] = [
  ["loading the run", { op: "select", table: "external_agent_runs" }, "500", "200 cancelled false"],
  ["loading the call", { op: "select", table: "ai_calls" }, "500", "200 cancelled false"],
  ["marking the call", { op: "update", table: "ai_calls" }, "500", "200 cancelled false"],
  ["updating the run", { op: "update", table: "external_agent_runs" }, "500", "200 cancelled true"],
  ["loading the sandbox", { op: "select", table: "sandboxes" }, "404", "200 cancelled false"],
  ["writing the events", { op: "insert", table: "ai_call_events" }, "200", "200 cancelled true"],
];

for (const [name, args, first, second] of STORE) {
  test(`cancelRun() can be repeated when ${name} fails once`, async () => {
    const { emulator, cancel } = await streaming();
    emulator.control("failStore", { ...args, times: 1 });
    expect((await cancel()).slice(0, 3)).toBe(first);
    expect(await cancel()).toBe(second);
  });
}

test("cancelRun() shows the sandbox lookup's own words and status", async () => {
  const { emulator, runId, cancel } = await streaming();
  emulator.control("setRun", { runId, run: { sandbox_record_id: "0f0f0f0f-0000-4000-8000-00000000dead" } });
  expect(await cancel()).toBe("404 CONFLICT Not found");
});

test("cancelRun() goes on when the process cannot be killed, in later revisions", async () => {
  const { emulator, cancel } = await streaming({ revision: { ignoresKillFailures: true } });
  emulator.control("sandboxMode", { mode: "killfail" });
  expect(await cancel()).toBe("200 cancelled false");
});

test("cancelRun() copies status and error of a call that has ended", async () => {
  const { emulator, runId, cancel, look } = await streaming();
  emulator.control("setRun", { runId, call: { status: "failed", error: "swept" } });
  expect(await cancel()).toBe("200 failed true");
  expect(await look(runId)).toMatchObject({ status: "failed", error: "swept" });
});

test("cancelRun() needs the write scope, and looks a run up before it changes anything", async () => {
  const { call, runId } = await streaming();
  const as = async (token: string, id = runId) => (await call("POST", `/runs/${id}/cancel`, { token })).status;
  expect([await as("alice_ro"), await as("bob_rw"), await as("alice_rw", "abc"), await as("alice_wo")]).toEqual([
    403,
    404,
    500,
    200,
  ]);
});

test("a run's key shows the cancelled run for ever", async () => {
  const { call, cancel } = await streaming();
  await cancel();
  const { json } = await call("POST", "/runs", {
    headers: { "idempotency-key": "k" },
    body: { repoId: API_REPO, prompt: "Fix the flaky tests", createBranch: false },
  });
  expect([json.data.replayed, json.data.status]).toEqual([true, "cancelled"]);
});
