/** Traps of successful answers. */
import { expect, test } from "bun:test";
import { ForbiddenError } from "../../../lib/errors.ts";
import { bad, good, run, RUN_ID, scripted, thrown } from "../service/answers.ts";
import { freshKey, REPO, REQUEST, service, WRITE_ONLY_TOKEN } from "./service.ts";

test("trap 12: the run is found in each of the four answers that contain it, at different places", async () => {
  const { client } = service();
  const started = await client.startRun(REQUEST, freshKey());
  const { replayed: _, ...known } = started;
  const { runId } = started;
  expect(await client.getRun(runId)).toEqual(known);
  const { run: seen, events } = await client.getRunEvents(runId);
  expect([seen, events.map(({ type }) => type)]).toEqual([known, ["started"]]);
  const cancelled = await client.cancelRun(runId);
  expect([cancelled.run.runId, cancelled.status, cancelled.alreadyTerminal]).toEqual([runId, "cancelled", false]);
});

test("trap 14: every known result of a cancel is accepted", async () => {
  for (const status of ["cancelled", "cancellation_requested", "already_terminal"]) {
    const { client } = scripted([good({ run: run("cancelled"), status, alreadyTerminal: true })]);
    expect(await client.cancelRun(RUN_ID)).toMatchObject({
      status,
      alreadyTerminal: true,
      run: { status: "cancelled" },
    });
  }
});

test("trap 15: a cancel that comes too late can return success without alreadyTerminal", async () => {
  const { client } = scripted([good({ run: run("success"), status: "success", alreadyTerminal: false })]);
  expect(await client.cancelRun(RUN_ID)).toMatchObject({ status: "success", alreadyTerminal: false });
});

test("trap 16: events of any type are accepted", async () => {
  const types = ["stream_started", "tool_call", "assistant_message", "brand_new"];
  const events = types.map((type, index) => ({
    id: `e${index}`,
    type,
    toolName: null,
    message: null,
    payload: {},
    createdAt: "x",
  }));
  const { client } = scripted([good({ run: run(), events })]);
  expect((await client.getRunEvents(RUN_ID)).events.map(({ type }) => type)).toEqual(types);
});

test("trap 18: events are requested with the largest limit by default", async () => {
  const { client, emulator, sent } = service();
  const { runId } = await client.startRun(REQUEST, freshKey());
  emulator.control("appendEvents", { runId, events: Array.from({ length: 150 }, (_, n) => ({ message: `${n}` })) });
  expect((await client.getRunEvents(runId)).events.length).toBe(151);
  expect(sent.at(-1)).toBe(`GET /runs/${runId}/events?limit=200`);
});

test("trap 34: a token without the read scope can follow a run, and other routes name the missing scope", async () => {
  const { client, clientWith } = service();
  const { runId } = await client.startRun(REQUEST, freshKey());
  const writer = clientWith({ token: WRITE_ONLY_TOKEN });
  expect((await writer.getRunEvents(runId)).run.runId).toBe(runId);
  const error = await thrown(writer.listAutomations());
  expect(error).toBeInstanceOf(ForbiddenError);
  expect(error.message).toContain(`lacks the "read" scope`);
});

test("trap 37: a sandbox whose id is the word pending is accepted", async () => {
  const { client } = scripted([good({ run: run("pending", { sandboxId: "pending" }) })]);
  expect((await client.getRun(RUN_ID)).sandboxId).toBe("pending");
});

test("trap 38: every record keeps the field names of its route, in camel case or snake case", async () => {
  const { client } = service();
  expect(Object.keys((await client.listRepos())[0] ?? {})).toContain("full_name");
  expect(Object.keys((await client.listSandboxes())[0] ?? {})).toContain("sandbox_id");
  expect(Object.keys((await client.listAutomations()).automations[0] ?? {})).toContain("publishedVersionId");
  const { runId } = await client.startRun(REQUEST, freshKey());
  expect(Object.keys(await client.getRun(runId))).toContain("repoId");
});

/** Triggers the first automation that fits the repository, and returns its id and that of its run. */
async function triggered({ client, emulator }: ReturnType<typeof service>) {
  const installation = emulator.world.store.repos.get(REPO)?.installation_id;
  const fits = [...emulator.world.store.automations.values()].find((one) =>
    one.status === "active" && one.publishedVersion !== null && one.installationId === installation
  );
  const automationId = fits?.id ?? "";
  const { jobRunId } = await client.triggerAutomation(automationId, { repoId: REPO }, freshKey());
  return { automationId, jobRunId: jobRunId ?? "" };
}

test("trap 39: the status running of an automation's run and the status streaming of a run are both kept", async () => {
  const world = service();
  const { automationId, jobRunId } = await triggered(world);
  world.emulator.control("setAutomationRun", { id: jobRunId, set: { status: "running" } });
  expect((await world.client.listAutomationRuns(automationId)).find(({ id }) => id === jobRunId)?.status).toBe(
    "running",
  );
  expect((await scripted([good({ run: run("streaming") })]).client.getRun(RUN_ID)).status).toBe("streaming");
});

test("trap 45: an automation's run has only fields that cannot hold a secret", async () => {
  const world = service();
  const { automationId, jobRunId } = await triggered(world);
  const kept = await world.client.getAutomationRun(automationId, jobRunId);
  expect(Object.keys(kept).sort()).toEqual([
    "active_wait_count",
    "completed_at",
    "created_at",
    "duration_ms",
    "error",
    "id",
    "last_start_error",
    "started_at",
    "status",
  ]);
});

test("trap 50: fields, a status, a code and a harness of later revisions are accepted", async () => {
  const { client } = service(undefined, { revision: { extraRunFields: true, mogplexHarness: true } });
  const started = await client.startRun({ ...REQUEST, harness: "mogplex" }, freshKey());
  expect(started.harness).toBe("mogplex");
  expect(started).toHaveProperty("worktreeId");
  expect((await scripted([good({ run: run("awaiting_input") })]).client.getRun(RUN_ID)).status).toBe("awaiting_input");
  const error = await thrown(scripted([bad(403, "AUTOMATION_REQUIRED")]).client.startRun(REQUEST, freshKey()));
  expect(error).toBeInstanceOf(ForbiddenError);
  expect(error.message).toContain("can only trigger automations");
});
