/** One engine: a run and the run of an automation are brought to an end by the same rules. */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { UnavailableError } from "../../../lib/errors.ts";
import { AutomationSuppressedError } from "../../../lib/run/automation.ts";
import { type CancelCause, interruptible } from "../../../lib/run/interrupts.ts";
import { thrown } from "../service/answers.ts";
import { AUTOMATION, automationWorld, REQUEST as TRIGGER } from "./automations.ts";
import { run, runAutomation, runAutomationJob, runJob } from "./detecting.ts";
import { cancelled, fakeClient, page, REQUEST, started, unavailable } from "./fake_client.ts";
import { fakeProcess } from "./memory_files.ts";

const TIMEOUT_MS = 60_000;

/** A run whose looks fail from the second one on, while its cancel is answered. */
function runOutOfReach(cancelOn: readonly CancelCause[]) {
  const clock = virtualClock();
  const client = fakeClient(clock, {
    start: [started("pending")],
    events: [page("streaming"), unavailable(503)],
    cancel: [cancelled("cancelled")],
  });
  const options = { client, clock, identity: null, timeoutMs: TIMEOUT_MS, cancelOn, throwOnFailure: false };
  return { options, cancels: () => client.heard.filter(({ what }) => what === "cancel").length };
}

/** The same of an automation's run. */
function automationOutOfReach(cancelOn: readonly CancelCause[], revision = { automationRunCancel: true }) {
  const { emulator, options, sent, jobs } = automationWorld("automation-stuck", { revision });
  const all = options({
    timeoutMs: TIMEOUT_MS,
    cancelOn,
    throwOnFailure: false,
    onItem: () => emulator.control("fault", { kind: "503", route: "GET /automations/*/runs/*", times: 999 }),
  });
  return { options: all, cancels: () => sent.filter((each) => each.endsWith("/cancel")).length, jobs };
}

test("run() cancels at the deadline with the service out of reach, and ends 124 when the cancel is answered", async () => {
  const { options, cancels } = runOutOfReach(["timeout"]);
  const result = await run(REQUEST, options);
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect(result.reason).toEndWith("longer than 60 seconds: the run was cancelled");
  expect(result.error).toMatchObject({ why: "the run was cancelled" });
  expect(cancels()).toBe(1);
});

test("runAutomation() cancels at the deadline with the service out of reach, and ends 124 when the cancel is answered", async () => {
  const { options, cancels, jobs } = automationOutOfReach(["timeout"]);
  const result = await runAutomation(AUTOMATION, TRIGGER, options);
  expect(result).toMatchObject({ outcome: "deadline", exitCode: 124, status: "cancelled" });
  expect(result.reason).toEndWith("longer than 60 seconds: the automation run was cancelled");
  expect(cancels()).toBe(1);
  expect(jobs()).toMatchObject([{ status: "cancelled" }]);
});

test("run() and runAutomation() end with the error of the last look when the run is not to be cancelled", async () => {
  const ofRun = runOutOfReach([]);
  expect(await run(REQUEST, ofRun.options)).toMatchObject({ outcome: "error", exitCode: 69 });
  const ofAutomation = automationOutOfReach([]);
  const result = await runAutomation(AUTOMATION, TRIGGER, ofAutomation.options);
  expect(result).toMatchObject({ outcome: "error", exitCode: 69 });
  expect([ofRun.cancels(), ofAutomation.cancels()]).toEqual([0, 0]);
});

test("runAutomation() keeps the cause and says that the run goes on when the service cannot cancel it", async () => {
  const { options, jobs } = automationOutOfReach(["timeout"], { automationRunCancel: false });
  const result = await runAutomation(AUTOMATION, TRIGGER, options);
  expect(result).toMatchObject({ outcome: "error", exitCode: 69 });
  expect(result.reason).toEndWith(
    "; the automation run continues, because this revision of the service cannot cancel automation runs",
  );
  expect(jobs()).toMatchObject([{ status: "running" }]);
});

test("run() and runAutomation() throw what goes wrong before there is a run, also with throwOnFailure false", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, { start: [unavailable(503)] });
  const quiet = { client, clock, identity: null, timeoutMs: TIMEOUT_MS, throwOnFailure: false };
  expect(await thrown(run(REQUEST, quiet))).toBeInstanceOf(UnavailableError);
  const down = automationWorld("success");
  down.emulator.control("fault", { kind: "503", times: 999 });
  const options = down.options({ timeoutMs: TIMEOUT_MS, throwOnFailure: false });
  expect(await thrown(runAutomation(AUTOMATION, TRIGGER, options))).toBeInstanceOf(UnavailableError);
  const suppressed = automationWorld("automation-suppressed").options({ throwOnFailure: false });
  expect(await thrown(runAutomation(AUTOMATION, TRIGGER, suppressed))).toBeInstanceOf(AutomationSuppressedError);
});

test("runAutomationJob() has the outcome suppressed when nothing was started", async () => {
  const { options } = automationWorld("automation-suppressed");
  const { result } = await runAutomationJob(AUTOMATION, TRIGGER, options());
  expect(result).toMatchObject({ outcome: "suppressed", exitCode: 75, runId: null });
  expect(result.error).toMatchObject({ advice: "try again when some runs have finished" });
});

test("runJob() and runAutomationJob() end a run that was cancelled before our deadline's cancel as cancelled, 3", async () => {
  const clock = virtualClock();
  const script = { start: [started("pending")], events: [page("streaming")], cancel: [cancelled("cancelled", true)] };
  const options = {
    client: fakeClient(clock, script),
    clock,
    identity: null,
    timeoutMs: 5_000,
    cancelOn: ["timeout"],
  } as const;
  expect((await runJob(REQUEST, options)).result).toMatchObject({ outcome: "cancelled", exitCode: 3 });
  const world = automationWorld("automation-stuck", { revision: { automationRunCancel: true } });
  const all = world.options({
    timeoutMs: 5_000,
    cancelOn: ["timeout"],
    onNotice: () => {},
    onItem: (item) => {
      if (item.type !== "status") return;
      // Another process cancels it after our last look.
      void world.clock.sleep(4_999).then(() => {
        world.emulator.control("setAutomationRun", { id: item.run.id, set: { status: "cancelled" } });
      });
    },
  });
  const { result } = await runAutomationJob(AUTOMATION, TRIGGER, all);
  expect(result).toMatchObject({ outcome: "cancelled", exitCode: 3, status: "cancelled" });
});

test("runAutomationJob() puts the signal's parts into the result", async () => {
  const world = automationWorld("automation-stuck");
  const { io, send } = fakeProcess();
  void world.clock.sleep(1_000).then(() => send("SIGINT"));
  const { result } = await interruptible(
    { io, clock: world.clock },
    (interrupts) => runAutomationJob(AUTOMATION, TRIGGER, world.options(), { interrupts }),
  );
  expect(result).toMatchObject({
    outcome: "interrupted",
    exitCode: 130,
    error: {
      attempted: null,
      why: expect.stringMatching(/^Stopped by SIGINT; the automation run /),
      value: null,
      advice: null,
    },
  });
});
