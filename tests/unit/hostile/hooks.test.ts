/** Hooks after an effect that are async functions and fail: they break nothing. */
import { expect, test } from "bun:test";
import process from "node:process";
import { createEmulator } from "../../../lib/emulator/emulator.ts";
import { createMogplex } from "../../../lib/library/mogplex.ts";
import { campaignWorld } from "../campaign/world.ts";

test("async hooks that reject change nothing, and do not end the process", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  let calls = 0;
  // deno-lint-ignore require-await
  const hook = async () => {
    calls++;
    throw new Error("the hook has failed");
  };
  try {
    const { connection, repo } = testRun();
    const request = { repo, prompt: "x" };
    const hooks = { onStarted: hook, onNotice: hook };
    const mogplex = createMogplex({ ...connection, onRequest: hook, onNotice: hook });
    await mogplex.start(request, hooks);
    expect((await mogplex.run({ ...request, prompt: "y" }, { onItem: hook, onStarted: hook })).outcome).toBe("success");
    const world = campaignWorld({ count: 1 });
    expect((await world.run({ onNotice: hook })).code).toBe(0);
    // Unhandled rejections are reported after the microtasks.
    await new Promise((resolve) => setTimeout(resolve, 0));
  } finally {
    process.off("unhandledRejection", listen);
  }
  expect(calls).toBeGreaterThan(10);
  expect(unhandled).toEqual([]);
});

/** An emulator in process. */
function testRun() {
  const emulator = createEmulator();
  return { connection: emulator.options, repo: "acme/web" };
}
