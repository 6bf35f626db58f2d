/** Handles of campaigns, against the emulator on a virtual clock; lock and journal are on the disk. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type CampaignHandle, type CampaignHandleItem, createCampaigns } from "../../../campaigns.ts";
import { createMogplex, InterruptedError, MogplexError, UnauthorizedError, UsageError } from "../../../mod.ts";
import { createEmulator, type TestEmulatorOptions } from "../../../testing.ts";

const MINUTE = 60_000;
/** A run that works for 20 minutes. */
const SLOW = `steps: [{ sandbox: up }, { after: 1200, status: success }]`;
const REPOS = ["acme/one", "acme/two", "acme/three"];

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "mogplex-campaigns-"));
  process.on("unhandledRejection", note);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

function world(options: TestEmulatorOptions = {}, file: Record<string, unknown> = {}) {
  const service = createEmulator({ repos: REPOS, ...options });
  const top = mkdtempSync(join(folder, "c-"));
  const path = join(top, "campaign.yml");
  const keys = { version: 1, name: "replace-moment", prompt: "Replace moment", repositories: REPOS, ...file };
  writeFileSync(path, JSON.stringify(keys));
  const mogplex = createMogplex(service.options);
  const directory = join(top, "d");
  return { service, clock: service.clock, mogplex, path, directory, campaigns: createCampaigns(mogplex) };
}

async function itemsOf(handle: CampaignHandle): Promise<CampaignHandleItem[]> {
  const items: CampaignHandleItem[] = [];
  for await (const item of handle) items.push(item);
  return items;
}

const statuses = ({ service }: ReturnType<typeof world>) => service.runs.map(({ status }) => status);

test("a campaign's handle is awaited for its view, and tells at first what it looks like", async () => {
  const { campaigns, path, directory, service } = world();
  const handle = campaigns.run(path, { directory });
  const first = await handle.started;
  expect([first.campaign, first.items.length, first.counts.succeeded]).toEqual(["replace-moment", 3, 0]);
  const view = await handle;
  expect([view.state, view.exitCode, view.counts.succeeded]).toEqual(["done", 0, 3]);
  expect(service.runs.length).toBe(3);
  // Nothing is left to do: the next handle ends at once, and starts nothing.
  const again = campaigns.run(path, { directory });
  expect([(await again.started).state, (await again).state, service.runs.length]).toEqual(["done", "done", 3]);
});

test("a campaign's handle that is iterated ends with outcome, exit code and result, also when runs fail", async () => {
  for (const [scenario, outcome, exitCode] of [["success", "success", 0], ["agent-failure", "failed", 1]] as const) {
    const { campaigns, path, directory } = world({ scenario });
    const handle = campaigns.run(path, { directory });
    const [items, view] = await Promise.all([itemsOf(handle), handle]);
    expect(items.map(({ type }) => type).filter((type) => !["wave", "item", "waits", "end"].includes(type))).toEqual(
      [],
    );
    expect(items[0]).toEqual({ type: "wave", wave: 1 });
    expect(items.at(-1)).toMatchObject({ type: "end", outcome, exitCode, result: { state: "done", exitCode } });
    expect(view).toEqual((items.at(-1) as { result: typeof view }).result);
  }
});

test("a campaign that waits for a person, or is left at its timeout, ends as an item and is no error", async () => {
  const gated = world({ scenario: "agent-failure" }, { canary: { size: 1 } });
  const items = await itemsOf(gated.campaigns.run(gated.path, { directory: gated.directory }));
  expect(items.some(({ type }) => type === "gate")).toBe(true);
  expect([items.at(-1)?.type, gated.service.runs.length]).toEqual(["end", 1]);
  const late = world({ scenario: SLOW });
  const handle = late.campaigns.run(late.path, { directory: late.directory, timeoutMs: MINUTE });
  expect((await itemsOf(handle)).at(-1)).toMatchObject({ type: "end", outcome: "started", exitCode: 75 });
  expect((await handle).state).toBe("running");
  expect(statuses(late)).not.toContain("cancelled");
});

test("leaving the loop, and await using, stop following at once and leave the runs alone", async () => {
  const there = world({ scenario: SLOW });
  const { campaigns, path, directory, clock } = there;
  const handle = campaigns.run(path, { directory });
  for await (const item of handle) if (item.type === "item" && item.item.verdict === "running") break;
  const leftAt = clock.now();
  expect(await handle.catch((error) => error)).toMatchObject({ name: "AbortError" });
  expect(clock.now()).toBe(leftAt);
  {
    // The directory is free again.
    await using again = campaigns.run(path, { directory });
    expect((await again.started).counts.succeeded).toBe(0);
  }
  expect(statuses(there)).not.toContain("cancelled");
  expect((await campaigns.run(path, { directory })).counts.succeeded).toBe(3);
  expect(there.service.runs.length).toBe(3);
});

test("cancel() cancels the runs that are at work, and the handle ends with the view", async () => {
  const there = world({ scenario: SLOW });
  const handle = there.campaigns.run(there.path, { directory: there.directory });
  const items: CampaignHandleItem[] = [];
  for await (const item of handle) {
    items.push(item);
    const isLast = item.type === "item" && items.filter((each) => each.type === "item").length === 3;
    if (isLast) await handle.cancel();
  }
  expect(new Set(statuses(there))).toEqual(new Set(["cancelled"]));
  expect(items.at(-1)).toMatchObject({ type: "end", result: { counts: { running: 0 } } });
  expect((await handle).counts.cancelled).toBe(there.service.runs.length);
});

test("a campaign's handle rejects with the signal's reason, and the runs go on", async () => {
  const there = world({ scenario: SLOW });
  const stop = new AbortController();
  const reason = new InterruptedError("SIGTERM");
  const handle = there.campaigns.run(there.path, { directory: there.directory, signal: stop.signal });
  const loop = itemsOf(handle).catch((error) => error);
  void there.clock.sleep(5 * MINUTE).then(() => stop.abort(reason));
  expect(await handle.catch((error) => error)).toBe(reason);
  expect(await loop).toBe(reason);
  expect([there.service.runs.length, statuses(there).includes("cancelled")]).toEqual([3, false]);
});

test("what stops a campaign rejects the handle and ends the loop: mistakes, a token that is refused", async () => {
  const { campaigns, path, directory, service } = world();
  const { token: _, ...rest } = service.options;
  for (
    const [begin, kind] of [
      [() => campaigns.run("no-such-file.yml"), UsageError],
      [() => campaigns.run(path, { directory, timeoutMs: -1 }), UsageError],
      [() => campaigns.run(path, { directory, timoutMs: 1 } as object), UsageError],
      [() => createCampaigns(createMogplex(rest)).run(path, { directory }), UnauthorizedError],
      [
        () =>
          createCampaigns(createMogplex({ ...rest, token: "mog_unknownToken000000000001" })).run(path, { directory }),
        UnauthorizedError,
      ],
    ] as const
  ) {
    const [awaited, iterated, asked] = [begin(), begin(), begin()];
    expect(await awaited.catch((error) => error)).toBeInstanceOf(kind);
    // Two handles on one directory: the second may find the first at work.
    expect(await itemsOf(iterated).catch((error) => error)).toBeInstanceOf(MogplexError);
    expect(await asked.started.catch((error) => error)).toBeInstanceOf(MogplexError);
  }
  expect(service.runs).toEqual([]);
});

test("two handles on one campaign never work at the same time: the second is refused with 75", async () => {
  const { campaigns, path, directory, clock, service } = world({ scenario: SLOW });
  const first = campaigns.run(path, { directory });
  await first.started;
  await clock.sleep(MINUTE);
  expect(await campaigns.run(path, { directory }).catch((error) => error.exitCode)).toBe(75);
  expect([(await first).state, service.runs.length]).toEqual(["done", 3]);
});
