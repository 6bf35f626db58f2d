import { withMessage } from "../../../lib/text/notice_text.ts";
import { expect, test } from "bun:test";
import {
  DeadlineError,
  exitCodeFor,
  InterruptedError,
  NotFoundError,
  RateLimitedError,
  UsageError,
} from "../../../lib/errors.ts";
import { AutomationSuppressedError, AutomationVerdictError, triggerAutomation } from "../../../lib/run/automation.ts";
import type { AutomationHandleItem, AutomationItem } from "../../../lib/run/follow_automation.ts";
import { interruptible, type OnInterrupt } from "../../../lib/run/interrupts.ts";
import { good, html, scripted, thrown } from "../service/answers.ts";
import { AUTOMATION, type AutomationWorld, automationWorld, REPO, REQUEST } from "./automations.ts";
import { followAutomation, runAutomation, runAutomationJob, type RunAutomationOptions } from "./detecting.ts";
import { PASSING_FAULTS } from "./fake_client.ts";
import { fakeProcess } from "./memory_files.ts";
import { parseScenario } from "../emulator/scenarios.ts";

const RUN = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";

/** Built-in scenario, and how a job ends on it. */
const ENDS: [scenario: string, outcome: string, exitCode: number][] = [
  ["success", "success", 0],
  ["agent-failure", "failed", 1],
  ["automation-cancelled", "cancelled", 3],
  ["automation-slot", "success", 0],
  ["automation-resumed", "success", 0],
  ["automation-stuck", "deadline", 124],
];

test.each(ENDS)("runAutomation() ends %s as %s", async (scenario, outcome, exitCode) => {
  const { options } = automationWorld(scenario);
  const result = await runAutomation(AUTOMATION, REQUEST, options({ throwOnFailure: false }));
  expect(result).toMatchObject({ automationId: AUTOMATION, outcome, exitCode });
  expect(result.reason === null).toBe(["success", "cancelled"].includes(outcome));
});

test("runAutomation() gives everything that is known of the run, and no more", async () => {
  const { options, jobs } = automationWorld("agent-failure");
  const result = await runAutomation(AUTOMATION, REQUEST, options({ throwOnFailure: false }));
  expect(result).toEqual({
    schemaVersion: 1,
    kind: "automation-run",
    automationId: AUTOMATION,
    runId: jobs()[0]?.id ?? "",
    repoId: REQUEST.repoId,
    repository: "acme/api",
    status: "failed",
    outcome: "failed",
    exitCode: 1,
    reason: "Agent run exited with code 1.",
    error: null,
    replayed: false,
    idempotencyKey: expect.stringContaining(`${AUTOMATION}/${REPO}/ci1-`),
    mayExist: true,
    createdAt: expect.stringContaining("2026-09-01T00:00:00"),
    startedAt: expect.stringContaining("2026-09-01T00:00:00"),
    completedAt: expect.stringContaining("2026-09-01T00:00:15"),
    runDurationMs: 15_000,
    requests: expect.any(Number),
    waits: [],
    durationMs: expect.any(Number),
    origin: expect.stringMatching(/^https?:/),
    resume: null,
    resumeIsCommand: false,
  });
});

test("runAutomation() throws by the verdict, with the result", async () => {
  for (const [scenario, exitCode] of [["agent-failure", 1], ["automation-cancelled", 3]] as const) {
    const error = await thrown(runAutomation(AUTOMATION, REQUEST, automationWorld(scenario).options()));
    expect(error).toBeInstanceOf(AutomationVerdictError);
    expect([exitCodeFor(error), (error as AutomationVerdictError).result.exitCode]).toEqual([exitCode, exitCode]);
  }
  const late = automationWorld("automation-stuck").options({ timeoutMs: 60_000 });
  expect(await thrown(runAutomation(AUTOMATION, REQUEST, late))).toBeInstanceOf(DeadlineError);
  const suppressed = automationWorld("automation-suppressed").options();
  expect(await thrown(runAutomation(AUTOMATION, REQUEST, suppressed))).toBeInstanceOf(AutomationSuppressedError);
});

test("runAutomation() repeats a suppressed trigger with the same key until it is accepted", async () => {
  const scenario = parseScenario(
    "automation: { suppress: REPO_PENDING_LIMIT, times: 3, steps: [{ after: 5, status: success }] }",
    "s.yaml",
  );
  const { options, keys, notices, jobs } = automationWorld("", { scenarios: [scenario] });
  expect(await runAutomation(AUTOMATION, REQUEST, options())).toMatchObject({ outcome: "success", replayed: false });
  expect([keys.length, new Set(keys).size, jobs().length]).toEqual([4, 1, 1]);
  const waits = notices.filter(({ kind }) => kind === "wait");
  expect(waits[0]).toMatchObject({
    cause: "start_limit",
    detail: "suppressed: REPO_PENDING_LIMIT",
    fromService: false,
  });
});

test("runAutomation() throws AbortedError also with throwOnFailure false, when the reason of its signal is an error of ours", async () => {
  const stop = new AbortController();
  const reason = new InterruptedError("SIGTERM");
  const { options } = automationWorld("automation-stuck");
  const call = options({ throwOnFailure: false, signal: stop.signal, onItem: () => stop.abort(reason) });
  const error = await runAutomation(AUTOMATION, REQUEST, call).catch((error) => error);
  expect(error).toMatchObject({ name: "AbortedError", cause: reason, exitCode: 143, runId: expect.any(String) });
});

test("runAutomation() says at the deadline that a run which waits for a slot has not run, and why", async () => {
  const scenario = parseScenario("automation: { slotAfter: 3600 }", "s.yaml");
  const { options } = automationWorld("", { scenarios: [scenario] });
  const late = options({ timeoutMs: 90_000, throwOnFailure: false });
  expect(await runAutomation(AUTOMATION, REQUEST, late)).toMatchObject({
    outcome: "deadline",
    exitCode: 124,
    status: "pending",
    startedAt: null,
    reason: expect.stringContaining('nothing has run yet ("Installation concurrency limit reached")'),
  });
});

test("runAutomation() cancels at the deadline where the service can, and says where it cannot", async () => {
  const cancel = { timeoutMs: 60_000, cancelOn: ["timeout"], throwOnFailure: false } as const;
  const base = automationWorld("automation-stuck");
  const detached = await runAutomation(AUTOMATION, REQUEST, base.options(cancel));
  expect(detached).toMatchObject({ outcome: "deadline", exitCode: 124, status: "running" });
  expect(detached.reason).toEndWith(
    "; the automation run continues, because this revision of the service cannot cancel automation runs",
  );
  const later = automationWorld("automation-stuck", { revision: { automationRunCancel: true } });
  const stopped = await runAutomation(AUTOMATION, REQUEST, later.options(cancel));
  expect(stopped).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect(stopped.reason).toEndWith("; the automation run was cancelled");
  expect(later.jobs()).toMatchObject([{ status: "cancelled" }]);
});

test.each([["failed", "failed", 1], ["running", "deadline", 124], [undefined, "deadline", 124]])(
  "runAutomation() takes no verdict from the words of a cancel, but from the run, which is %s",
  async (status, outcome, exitCode) => {
    const { options, emulator } = automationWorld("automation-stuck", { revision: { automationRunCancel: true } });
    const { fetch = emulator.fetch, ...all } = options({
      timeoutMs: 5_000,
      cancelOn: ["timeout"],
      throwOnFailure: false,
    });
    let cancelled = false;
    const result = await runAutomation(AUTOMATION, REQUEST, {
      ...all,
      fetch(url, init) {
        if (url.endsWith("/cancel")) {
          cancelled = true;
          const id = url.split("/").at(-2);
          if (status !== undefined) emulator.control("setAutomationRun", { id, set: { status } });
          return good({ status: "success" });
        }
        return cancelled && status === undefined ? html(502) : fetch(url, init);
      },
    });
    expect(result).toMatchObject({ outcome, exitCode });
  },
);

test("runAutomationJob() says whether a trigger without a run may have started one", async () => {
  const refused = automationWorld("success");
  refused.emulator.control("fault", { kind: "503", route: "POST /automations/*/trigger", times: 99 });
  const { result } = await runAutomationJob(AUTOMATION, REQUEST, refused.options({ timeoutMs: 30_000 }));
  expect(result).toMatchObject({ exitCode: 69, runId: null, mayExist: false, resume: null });
  // The key finds the run of an earlier attempt of the job, which cannot be read.
  const named = automationWorld("automation-stuck");
  await triggerAutomation(AUTOMATION, REQUEST, named.options());
  named.emulator.control("fault", { kind: "503", route: "GET /automations/*/runs/*", times: 99 });
  const again = await runAutomationJob(AUTOMATION, REQUEST, named.options({ timeoutMs: 30_000 }));
  expect(again.result).toMatchObject({ exitCode: 69, runId: null, mayExist: true });
  expect(again.result.resume).toStartWith("the same call with idempotencyKey ");
  expect(again.result.resumeIsCommand).toBe(false);
});

test("runAutomation() throws what is wrong with the request even when failures are not thrown", async () => {
  const { options, sent } = automationWorld("success");
  const quiet = { throwOnFailure: false };
  expect(await thrown(runAutomation("x", REQUEST, options(quiet)))).toBeInstanceOf(UsageError);
  expect(await thrown(runAutomation(AUTOMATION, { repoId: "x" }, options(quiet)))).toBeInstanceOf(UsageError);
  const odd = { ...quiet, cancelOn: ["explode"] } as unknown as RunAutomationOptions;
  expect(await thrown(runAutomation(AUTOMATION, REQUEST, options(odd)))).toBeInstanceOf(UsageError);
  expect(sent).toEqual([]);
});

test("runAutomation() asks no more often than the budget of a quiet run permits", async () => {
  const { options, sent } = automationWorld("automation-stuck");
  await runAutomation(AUTOMATION, REQUEST, options({ timeoutMs: 600_000, throwOnFailure: false }));
  expect(sent.length).toBeLessThanOrEqual(72);
});

test("runAutomation() ends with the right verdict whatever fails on the way, and triggers once", async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const faulty = automationWorld("success", {
      randomFaults: { rate: 0.3, kinds: PASSING_FAULTS, seed, retryAfter: 5 },
    });
    const result = await runAutomation(AUTOMATION, REQUEST, faulty.options({ timeoutMs: 3_600_000 }));
    expect(result).toMatchObject({ outcome: "success", exitCode: 0 });
    expect(faulty.jobs().length).toBe(1);
  }
});

/** The options of a world that following an automation takes. */
function followOptions(world: AutomationWorld, more: RunAutomationOptions = {}) {
  const { identity: _, ...options } = world.options(more);
  return options;
}

async function follow(world: AutomationWorld) {
  const { runId } = await triggerAutomation(AUTOMATION, REQUEST, world.options());
  const heard: AutomationHandleItem[] = [];
  const onItem = (item: AutomationHandleItem) => heard.push(item);
  const items = await Array.fromAsync(followAutomation(AUTOMATION, runId, { ...followOptions(world), onItem }));
  expect(heard).toEqual(items);
  return items.map((item) =>
    item.type === "end"
      ? `end ${item.outcome}`
      : item.type === "waiting"
      ? `waits ${item.count}`
      : item.type === "status"
      ? `status ${item.status}`
      : item.cause
  );
}

test("followAutomation() yields each status once, waits, and the end last", async () => {
  expect(await follow(automationWorld("success"))).toEqual(["status running", "status success", "end success"]);
  expect(await follow(automationWorld("automation-slot"))).toEqual([
    "status pending",
    "status running",
    "status success",
    "end success",
  ]);
  expect(await follow(automationWorld("automation-resumed"))).toEqual([
    "status running",
    "waits 1",
    "waits 0",
    "status success",
    "end success",
  ]);
});

test("followAutomation() takes an unknown status for not finished, and tells of it once", async () => {
  const answers = ["dreaming", "dreaming", "success"].map((status) => good({ run: { id: RUN, status } }));
  const { client, notices, clock } = scripted(answers);
  const onNotice = (notice: (typeof notices)[number]) => void notices.push(notice);
  const options = { client, clock, env: () => undefined, onNotice };
  const items = await Array.fromAsync(followAutomation(AUTOMATION, RUN, options));
  expect(items.map(({ type }) => type)).toEqual(["status", "status", "end"]);
  expect(notices.filter(({ kind }) => kind === "unknown_status")).toEqual([withMessage({
    kind: "unknown_status",
    status: "dreaming",
  })]);
});

test("followAutomation() rejects with what lasts at once, and with the cause when the last look does not work", async () => {
  const world = automationWorld("success");
  const { emulator, sent } = world;
  const options = (more: RunAutomationOptions = {}) => followOptions(world, more);
  expect(await thrown(followAutomation(AUTOMATION, RUN, options()))).toBeInstanceOf(NotFoundError);
  expect(sent.length).toBe(1);
  const wrong = [followAutomation(AUTOMATION, "x", options()), followAutomation("x", RUN, options())];
  for (const call of [...wrong, followAutomation(AUTOMATION, RUN, options({ tokenShare: 0 }))]) {
    expect(await thrown(call)).toBeInstanceOf(UsageError);
    expect(await thrown(Array.fromAsync(call))).toBeInstanceOf(UsageError);
  }
  const { runId } = await triggerAutomation(AUTOMATION, REQUEST, world.options());
  emulator.control("fault", { kind: "429", times: 99, retryAfter: 60 });
  const limited = followAutomation(AUTOMATION, runId, options({ timeoutMs: 100_000 }));
  expect((await Array.fromAsync(limited)).at(-1)).toMatchObject({ type: "end", outcome: "error", exitCode: 75 });
  expect(await thrown(limited)).toBeInstanceOf(RateLimitedError);
});

test("followAutomation() gives what is known of the run, with its verdict, and rejects with the verdict unless asked otherwise", async () => {
  const world = automationWorld("agent-failure");
  const { runId } = await triggerAutomation(AUTOMATION, REQUEST, world.options());
  const quiet = { ...followOptions(world), throwOnFailure: false };
  const result = await followAutomation(AUTOMATION, runId, quiet);
  expect(result).toMatchObject({
    kind: "automation-run",
    automationId: AUTOMATION,
    runId,
    outcome: "failed",
    exitCode: 1,
    reason: "Agent run exited with code 1.",
    replayed: null,
    idempotencyKey: null,
    resume: null,
  });
  const error = await thrown(followAutomation(AUTOMATION, runId, followOptions(world)));
  expect(error).toBeInstanceOf(AutomationVerdictError);
  expect(error).toMatchObject({ runId, result: { runId, outcome: "failed" } });
});

test("followAutomation() leaves the run alone at its deadline, and cancels it if it is asked to", async () => {
  for (const [cancelOn, status] of [[[], "running"], [["timeout"], "cancelled"]] as const) {
    const world = automationWorld("automation-stuck", { revision: { automationRunCancel: true } });
    const { runId } = await triggerAutomation(AUTOMATION, REQUEST, world.options());
    const handle = followAutomation(AUTOMATION, runId, { ...followOptions(world), timeoutMs: 60_000, cancelOn });
    expect(await handle.started).toEqual({ runId });
    expect((await Array.fromAsync(handle)).at(-1)).toMatchObject({ type: "end", outcome: "deadline", exitCode: 124 });
    expect(await thrown(handle)).toBeInstanceOf(DeadlineError);
    expect(world.jobs().map((job) => job.status)).toEqual([status]);
  }
});

test("followAutomation() looks for a run whose record is too large in the list, from then on", async () => {
  const huge = new Response(new Uint8Array(1_000), { headers: { "content-type": "application/json" } });
  const list = (status: string) => good({ runs: [{ id: AUTOMATION, status: "failed" }, { id: RUN, status }] });
  const { client, sent, clock } = scripted([huge, list("running"), list("success")], { maxBodyBytes: 900 });
  const options = { client, clock, env: () => undefined };
  const items = await Array.fromAsync(followAutomation(AUTOMATION, RUN, options));
  expect(items.at(-1)).toMatchObject({ type: "end", outcome: "success" });
  expect(sent.map(({ path }) => path.replace(AUTOMATION, "<automation>"))).toEqual([
    `/automations/<automation>/runs/${RUN}`,
    "/automations/<automation>/runs?limit=50",
    "/automations/<automation>/runs?limit=50",
  ]);
});

/** A job that gets a signal after a while. */
async function interrupted(
  world: AutomationWorld,
  afterMs: number,
  onInterrupt: OnInterrupt = "auto",
  more: RunAutomationOptions = {},
) {
  const { io, send } = fakeProcess();
  void world.clock.sleep(afterMs).then(() => send("SIGTERM"));
  return await interruptible(
    { io, clock: world.clock },
    (interrupts) => runAutomationJob(AUTOMATION, REQUEST, world.options(more), { interrupts, onInterrupt }),
  );
}

test("runAutomationJob() cancels its run on a signal where the service can", async () => {
  const world = automationWorld("automation-stuck", { revision: { automationRunCancel: true } });
  const { result } = await interrupted(world, 30_000);
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, status: "cancelled" });
  expect(result.reason).toBe("Stopped by SIGTERM; the automation run was cancelled");
  expect(world.sent.filter((each) => each.endsWith("/cancel")).length).toBe(1);
  expect(world.jobs()).toMatchObject([{ status: "cancelled" }]);
});

test("runAutomationJob() says on a signal that the run goes on where the service cannot cancel it", async () => {
  const world = automationWorld("automation-stuck");
  const { result } = await interrupted(world, 30_000);
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, status: "running" });
  expect(result.reason).toEndWith(
    "the automation run continues, because this revision of the service cannot cancel automation runs",
  );
});

test("runAutomationJob() leaves the run alone on a signal when told to, or when another job owns it", async () => {
  const revision = { automationRunCancel: true };
  const detached = automationWorld("automation-stuck", { revision });
  expect((await interrupted(detached, 30_000, "detach")).result.reason).toEndWith("the automation run continues");
  const shared = automationWorld("automation-stuck", { revision });
  await triggerAutomation(AUTOMATION, REQUEST, shared.options({ idempotencyKey: "ours" }));
  shared.clock.advance(60_000);
  const { result } = await interrupted(shared, 30_000, "auto", { idempotencyKey: "ours" });
  expect(result).toMatchObject({ replayed: true, exitCode: 143 });
  expect([...shared.jobs(), ...detached.jobs()].map(({ status }) => status)).toEqual(["running", "running"]);
});

test("runAutomationJob() names the key on a signal in the middle of a trigger, and triggers no second time", async () => {
  const world = automationWorld("success");
  world.emulator.control("fault", { kind: "500", processed: true, times: 99 });
  const { result } = await interrupted(world, 1_000);
  expect(result).toMatchObject({ outcome: "interrupted", exitCode: 143, runId: null });
  expect(result.reason).toContain(
    `may have been triggered; to find its run, trigger it again with idempotency key "${result.idempotencyKey}"`,
  );
  const waiting = automationWorld("automation-suppressed");
  const nothing = await interrupted(waiting, 1_000);
  expect(nothing.result.reason).toEndWith("; nothing was triggered");
});

test("runAutomationJob() tells the end of a run that ended in the moment of the signal", async () => {
  const world = automationWorld("success", { revision: { automationRunCancel: true } });
  const { io, send } = fakeProcess();
  const { result } = await interruptible({ io, clock: world.clock }, (interrupts) => {
    const onItem = (item: AutomationItem | AutomationHandleItem) => {
      if (item.type !== "status") return;
      world.emulator.control("setAutomationRun", { id: item.run.id, set: { status: "success" } });
      send("SIGTERM");
    };
    return runAutomationJob(AUTOMATION, REQUEST, world.options({ onItem }), { interrupts });
  });
  expect(result).toMatchObject({ outcome: "success", exitCode: 143, status: "success" });
});
