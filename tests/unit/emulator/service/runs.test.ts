import { expect, test } from "bun:test";
import { API_REPO, arrange, type Arranged, AUTOMATION } from "../arrange.ts";

const trigger = ({ call }: Arranged, key: string, given: { body?: object; id?: string; token?: string } = {}) =>
  call("POST", `/automations/${given.id ?? AUTOMATION}/trigger`, {
    headers: { "idempotency-key": key },
    body: { repoId: API_REPO, ...given.body },
    token: given.token ?? "alice_rw",
  });

test("setAutomationRun overwrites what the list then shows", async () => {
  const world = arrange();
  const id = (await trigger(world, "k")).json.data.run.jobRunId;
  const set = { status: "failed", error: "boom", completed_at: "2026-09-01T00:00:01Z", duration_ms: 5 };
  world.emulator.control("setAutomationRun", { id, set });
  const { json } = await world.call("GET", `/automations/${AUTOMATION}/runs`);
  expect(json.data.runs[0]).toMatchObject({
    status: "failed",
    error: "boom",
    completed_at: "2026-09-01T00:00:01+00:00",
    duration_ms: 5,
    requeueable: true,
    cancelable: false,
  });
});

test("an automation run can be cancelled in later revisions", async () => {
  const world = arrange({ revision: { automationRunCancel: true } });
  const id = (await trigger(world, "k")).json.data.run.jobRunId;
  const cancel = async (runId: string) =>
    (await world.call("POST", `/automations/${AUTOMATION}/runs/${runId}/cancel`)).status;
  expect([await cancel("abc"), await cancel(id), await cancel(id)]).toEqual([400, 200, 409]);
});
