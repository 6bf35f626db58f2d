/** A campaign that another machine continues, with a token of the same user; and one of another user, who must not start anything. */
import { expect, test } from "bun:test";
import { judge } from "../../../bench/campaign/judge.ts";
import { verdictsOf } from "../../../bench/campaign/ways.ts";
import { type CampaignWorld, campaignWorld, runTimes } from "../../../bench/campaign/world.ts";
import { MogplexError } from "../../../lib/errors.ts";
import { type Machine, machineIn } from "./machines.ts";

const MINUTE_MS = 60_000;

function worldOf(repositories: number, settings = ""): CampaignWorld {
  return campaignWorld({ repositories, times: runTimes("log-normal", repositories, 3), seed: 3, settings });
}

function newToken({ emulator }: CampaignWorld, user: string): string {
  const token = emulator.control("addToken", { user })?.token;
  if (typeof token !== "string") throw new Error("Cannot make a token");
  return token;
}

/** Waves every 15 minutes. @param most How many; it may be done before. */
async function waves({ clock }: CampaignWorld, machine: Machine, most = 300): Promise<void> {
  for (let wave = 0; wave < most; wave++) {
    if ((await machine.work("wave")).state === "done") return;
    await clock.sleep(15 * MINUTE_MS);
  }
}

async function failureOf(act: () => Promise<unknown>): Promise<{ code: number; message: string }> {
  try {
    await act();
  } catch (error) {
    if (error instanceof MogplexError) return { code: error.exitCode, message: error.message };
    throw error;
  }
  throw new Error("Cannot see a failure: there was none");
}

test("a second machine with another token of the same user continues 120 repositories in the middle", async () => {
  const world = worldOf(120);
  try {
    const first = machineIn(world, "one");
    await world.clock.drive(waves(world, first, 25));
    const before = await first.view();
    expect(before.counts.succeeded).toBeGreaterThan(20);
    expect(before.counts.waiting).toBeGreaterThan(20);
    const second = first.copy("two", newToken(world, "ci"));
    const view = await world.clock.drive(second.work("run"));
    expect(judge(world, verdictsOf(view))).toMatchObject({ right: 120, wrong: 0, secondRuns: 0, forgotten: 0 });
    expect(second.notices.filter((text) => !text.startsWith("sending requests"))).toEqual([]);
    // The first machine has fallen asleep in the middle, and wakes up with its old journal: every start finds its run.
    await world.clock.drive(waves(world, first));
    expect(verdictsOf(await first.view())).toEqual(verdictsOf(view));
    expect(judge(world, verdictsOf(view)).secondRuns).toBe(0);
  } finally {
    await world.close();
  }
});

test("a second machine takes over from one that died in the middle of its work, 5 minutes later, and says so", async () => {
  const world = worldOf(12);
  try {
    const first = machineIn(world, "one");
    await world.clock.drive(waves(world, first, 2));
    // It dies: nothing that it does from now on reaches its disk.
    first.files.before = (step) => {
      if (step === "append") throw new Error("the machine stands still");
    };
    expect((await failureOf(() => world.clock.drive(first.work("run")))).code).toBe(69);
    const left = '{"schema":1,"token":"00000000000000000000000000000001","host":"one","bootId":"boot of one",' +
      '"pidSpace":"pid:[1]","pid":8,"startedAt":"1","since":"2026-09-01T00:00:00.000Z"}';
    first.files.before = undefined;
    first.files.put("state/writer.json", left);
    const second = first.copy("two", newToken(world, "ci"));
    const refused = await failureOf(() => world.clock.drive(second.work("run")));
    expect(refused.code).toBe(75);
    expect(refused.message).toMatch(/process 8 on "one" has been using ".*" since 2026-09-01 00:00 UTC/);
    await world.clock.drive(world.clock.sleep(5 * MINUTE_MS));
    const view = await world.clock.drive(second.work("run"));
    expect(second.notices[0]).toMatch(
      /^took over from process 8 on "one", .*: it has not touched its writer file for 5 minutes$/,
    );
    expect(judge(world, verdictsOf(view))).toMatchObject({ right: 12, wrong: 0, secondRuns: 0, forgotten: 0 });
  } finally {
    await world.close();
  }
});

test("a token of another user ends with 2, names both remedies, and starts nothing", async () => {
  const world = worldOf(30);
  try {
    const first = machineIn(world, "one");
    await world.clock.drive(waves(world, first, 4));
    const { starts } = world.wire;
    const journal = first.files.paths().map((path) => first.files.text(path));
    for (const way of ["run", "wave"] as const) {
      const second = first.copy("two", newToken(world, "somebody else"));
      const { code, message } = await failureOf(() => world.clock.drive(second.work(way)));
      expect(code).toBe(2);
      expect(message).toMatch(/this token does not belong to the user who started the campaign/);
      expect(message).toMatch(/use that user's token, or start your own campaign/);
      expect((await second.view()).counts).toEqual((await first.view()).counts);
    }
    expect(world.wire.starts).toBe(starts);
    expect(first.files.paths().map((path) => first.files.text(path))).toEqual(journal);
  } finally {
    await world.close();
  }
});

test("a token of another user ends with 2 when every run of the journal has ended, and the next start would be the first request", async () => {
  const world = worldOf(6, "canary: { size: 1, gate: manual }");
  try {
    const first = machineIn(world, "one");
    await world.clock.drive(first.work("run"));
    expect(await first.view()).toMatchObject({ state: "gated", counts: { succeeded: 1, running: 0, waiting: 5 } });
    const { starts } = world.wire;
    const second = first.copy("two", newToken(world, "somebody else"));
    const { code, message } = await failureOf(() => world.clock.drive(second.work("run", { approvedBy: "ada" })));
    expect([code, world.wire.starts]).toEqual([2, starts]);
    expect(message).toMatch(/this token does not belong to the user/);
    const { counts } = await second.view();
    expect(counts).toMatchObject({ succeeded: 1, waiting: 5, invalid: 0 });
  } finally {
    await world.close();
  }
});
