import { expect, test } from "bun:test";
import { openDirHome } from "../../../../lib/campaign/journal/dir_home.ts";
import { Store } from "../../../../lib/campaign/work/store.ts";
import { processesOf } from "../journal/rooms.ts";
import { type CampaignWorld, campaignWorld, DIRECTORY, project } from "../world.ts";

const MINUTE = 60_000;

async function storeOf({ files, clock }: CampaignWorld): Promise<{ store: Store; close: () => Promise<void> }> {
  const home = await openDirHome(DIRECTORY, {
    ...{ files, clock, processes: processesOf(), campaign: "replace-moment", round: "", access: "write" },
    onNotice: () => {},
  });
  const lock = await home.readLock();
  if (lock === undefined) throw new Error("no lock");
  return { store: await Store.open(home, lock), close: () => home.close() };
}

test("a run that the service gives to two starts is written for the first alone, and the second one is a conflict", async () => {
  const file = {
    repositories: [{ repo: project(1), root: "a" }, { repo: project(1), root: "b" }],
    branch: "x/{{ root }}",
  };
  const world = campaignWorld({ count: 1, file, runDuration: () => 30 * MINUTE });
  let first: unknown;
  world.before = async (request) => {
    if (request !== "POST /runs") return;
    if (first !== undefined) return Response.json(first, { status: 202 });
    const headers = { Authorization: `Bearer ${world.token}`, "Idempotency-Key": world.starts[0]?.key ?? "" };
    const url = "http://localhost/api/v1/mogplex/runs";
    first = await (await world.emulator.fetch(url, { method: "POST", headers, body: world.starts[0]?.body })).json();
  };
  const { view, problem } = await world.advance();
  expect([problem, view.items.map(({ verdict }) => verdict)]).toEqual([null, ["running", "conflict"]]);
  expect(view.items[1]?.reason).toMatch(/which belongs to start 1 of acme\/project-0001@main:a$/);
  expect((await world.records()).filter(({ type }) => type === "started").length).toBe(1);
  // Every reader of the journal continues.
  expect((await world.read()).state).toBe("running");
  world.before = undefined;
  const { text, view: after } = await world.decide({ kind: "stop", cancel: true });
  expect(text).toContain("1 run was cancelled");
  expect(after.counts).toMatchObject({ cancelled: 1, conflict: 1 });
});

test("Store.record() writes nothing that contradicts what the journal has", async () => {
  const world = campaignWorld({ count: 1, runDuration: () => 30 * MINUTE });
  await world.advance();
  const before = await world.records();
  const opened = await storeOf(world);
  const seen = { type: "seen", item: `${project(1)}@main`, start: 7, status: "streaming", updatedAt: null } as const;
  await expect(opened.store.record(seen)).rejects.toThrow(
    /the record "seen" of item .* contradicts the records before it/,
  );
  await opened.close();
  expect(await world.records()).toEqual(before);
});
