import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { ConflictError, ForbiddenError, UsageError } from "../../../lib/errors.ts";
import { cancel } from "../../../lib/run/cancel.ts";
import { REQUEST as SERVICE_REQUEST, service } from "../traps/service.ts";
import { aRun, cancelled, fakeClient, refusal, RUN_ID, type Script } from "./fake_client.ts";

const conflict = refusal(ConflictError, "usage", 409);

async function tried(script: Script) {
  const clock = virtualClock();
  const client = fakeClient(clock, script);
  const result = await cancel(RUN_ID, { client, clock }).catch((error) => error);
  return { result, calls: client.heard.map(({ at, what }) => `${what} ${at}`) };
}

test("cancel() returns what became of the run", async () => {
  const answer = cancelled("success", false);
  expect(await tried({ cancel: [answer] })).toEqual({ result: answer, calls: ["cancel 0"] });
});

test("cancel() tries a 409 once more", async () => {
  const answer = cancelled("cancelled");
  expect(await tried({ cancel: [conflict, answer] })).toEqual({ result: answer, calls: ["cancel 0", "cancel 300"] });
});

test("cancel() reads the run after a second 409: one that has ended is no error", async () => {
  const { result, calls } = await tried({ cancel: [conflict], run: [aRun("failed")] });
  expect(result).toEqual({ run: aRun("failed"), status: "failed", alreadyTerminal: true });
  expect(calls).toEqual(["cancel 0", "cancel 300", "run 300"]);
});

test("cancel() throws the 409 when the run goes on", async () => {
  expect((await tried({ cancel: [conflict], run: [aRun("streaming")] })).result).toBe(conflict);
});

test("cancel() does not try again what the service refuses for good", async () => {
  const refused = refusal(ForbiddenError, "forbidden", 403);
  expect(await tried({ cancel: [refused] })).toEqual({ result: refused, calls: ["cancel 0"] });
});

test("cancel() refuses what is out of range before anything is sent", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  await expect(cancel("x", { client, clock })).rejects.toBeInstanceOf(UsageError);
  await expect(cancel(RUN_ID, { client, clock, timeoutMs: 0 })).rejects.toBeInstanceOf(UsageError);
  expect(client.requests).toBe(0);
});

test("cancel() sends a second request when the first one hangs", async () => {
  const { emulator, clientWith, clock, sent } = service("stuck-pending");
  const client = clientWith({});
  const { runId } = await client.startRun(SERVICE_REQUEST, { idempotencyKey: "hung-cancel" });
  emulator.control("fault", { kind: "slow", route: "POST /runs/*/cancel", delayMs: 45_000 });
  expect((await cancel(runId, { client, clock })).status).toBe("cancelled");
  expect(sent.filter((what) => what.endsWith("/cancel")).length).toBe(2);
});
