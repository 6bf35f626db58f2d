/** The public types, by what must compile and what must not. `deno check` of the gate reads this file as well. */
import { expect, test } from "bun:test";
import type { fetch as UndiciFetch } from "undici-types";
import {
  type AnyResult,
  type AutomationHandleItem,
  type DeadlineError,
  type Fetch,
  type Mogplex,
  type MogplexApi,
  type MogplexError,
  render,
  report,
  type RunEvent,
  type RunHandleItem,
  type RunResult,
  type StartedRun,
  type StartRequest,
  type WorkHandle,
} from "../../../mod.ts";
import { createEmulator, type TestEmulator, virtualClock } from "../../../testing.ts";

/** Never called: the compiler reads it. */
export async function accepted(
  mogplex: Mogplex,
  client: MogplexApi,
  undici: typeof UndiciFetch,
  service: TestEmulator,
) {
  const fetches: Fetch[] = [globalThis.fetch, undici, service.options.fetch];
  const handle: WorkHandle<RunHandleItem, RunResult, StartedRun> = mogplex.run({
    repoId: "x",
    prompt: "y",
    mode: "YOLO",
  });
  const promise: Promise<RunResult> = handle;
  const any: AnyResult = await promise;
  for await (const item of handle) {
    if (item.type === "end") {
      const code: number = item.exitCode + (item.result.events.length ?? 0);
      if (code > 300) return any;
    }
  }
  // What a loop gets is what `onItem` gets.
  const take = (_item: RunHandleItem) => {};
  for await (const item of mogplex.attach("x", { onItem: take })) take(item);
  const automations: AutomationHandleItem[] = [];
  const onItem = (item: AutomationHandleItem) => automations.push(item);
  for await (const item of mogplex.automations.attach("x", "y", { onItem })) onItem(item);
  for await (const item of mogplex.automations.run("x", { repoId: "y" }, { onItem })) onItem(item);
  // exactOptionalPropertyTypes: a value that may be undefined is passed through.
  const q: string | undefined = undefined;
  await client.listRepos({ q });
  const type: RunEvent["type"] = "a word of a later revision";
  const known: RunEvent["type"] = "tool_started";
  const wrong: StartRequest[] = [
    { repoId: "x", prompt: "y", harness: "an agent of a later revision" },
    // @ts-expect-error: modes are closed
    { repoId: "x", prompt: "y", mode: "yolo" },
    // @ts-expect-error: a misspelt field
    { repoId: "x", prompt: "y", createbranch: true },
  ];
  // @ts-expect-error: the client of createMogplex() is the only one
  mogplex.run({ repoId: "x", prompt: "y" }, { client });
  // @ts-expect-error: no repository
  mogplex.run({ prompt: "y" });
  // @ts-expect-error: two repositories
  mogplex.run({ repo: "acme/web", repoId: "x", prompt: "y" });
  // @ts-expect-error: no repository of an automation
  mogplex.automations.run("x", { input: {} });
  // @ts-expect-error: nothing is started that could have a key
  mogplex.attach("x", { idempotencyKey: "y" });
  // What an error tells of its run is reported as the error has it.
  const told = (error: MogplexError) => error.result === null ? "" : render(error.result, "markdown");
  const kept = async ({ result }: DeadlineError) =>
    result && await report(result, [{ format: "json", path: "r.json" }]);
  // @ts-expect-error: nothing is known of a run
  render(null, "markdown");
  // @ts-expect-error: a controller is no signal
  mogplex.attach("x", { signal: new AbortController() });
  // @ts-expect-error: a misspelt option of the test kit
  virtualClock({ auot: false });
  // @ts-expect-error: a misspelt field of a fault
  service.fault({ kind: "503", time: 2 });
  // @ts-expect-error: a misspelt option of the emulator
  createEmulator({ scenarios: "success" });
  // @ts-expect-error: a misspelt option
  mogplex.run({ repoId: "x", prompt: "y" }, { timeout: 5 });
  return { fetches, type, known, wrong, told, kept };
}

test("the public types compile as this file says", () => {
  expect(typeof accepted).toBe("function");
});
