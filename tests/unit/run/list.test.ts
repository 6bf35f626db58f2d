import { expect, test } from "bun:test";
import { ForbiddenError, MogplexError, UnavailableError, UsageError } from "../../../lib/errors.ts";
import type { Notice } from "../../../lib/notice.ts";
import { automationsOf, listAutomations } from "../../../lib/run/list_automations.ts";
import { bad, good, html, scripted, thrown } from "../service/answers.ts";
import { automationWorld } from "./automations.ts";
import { openSession } from "./detecting.ts";

test("listAutomations() gives all pages, and requests no page that is not read", async () => {
  const { options, emulator, sent } = automationWorld("");
  emulator.control("cursorFix");
  emulator.control("bulk", { what: "automations", user: "alice", count: 250 });
  const names: string[] = [];
  for await (const { name } of listAutomations(options())) names.push(name);
  expect([names.length, new Set(names).size, sent.length]).toEqual([255, 255, 3]);
  for await (const _ of listAutomations({ ...options(), pageSize: 1 })) break;
  expect(sent.length).toBe(4);
  expect(await thrown(Array.fromAsync(listAutomations({ ...options(), pageSize: 101 })))).toBeInstanceOf(UsageError);
});

const page = (from: number, count: number, nextCursor: string | null) =>
  good({
    automations: Array.from({ length: count }, (_, index) => ({
      ...{ id: String(from + index), name: `a${from + index}`, status: "active" },
      ...{ createdAt: "2026-08-10T12:00:00+00:00", updatedAt: "2026-08-10T12:00:00+00:00" },
    })),
    nextCursor,
  });

type Steps = Parameters<typeof scripted>[0];

async function listed(steps: Steps, more: Parameters<typeof listAutomations>[0] = {}) {
  const { client, clock, sent } = scripted(steps);
  const names: string[] = [];
  const notices: Notice[] = [];
  const stops: unknown[] = [];
  let error: unknown;
  const options = {
    client,
    clock,
    env: () => undefined,
    onNotice: (notice: Notice) => void notices.push(notice),
    ...more,
  };
  try {
    for await (const { name } of listAutomations({ onIncomplete: (where) => void stops.push(where), ...options })) {
      names.push(name);
    }
  } catch (thrown) {
    error = thrown;
  }
  return { names: names.length, notices, stops, error, sent: sent.length, ms: clock.now() };
}

test("listAutomations() ends with what is there when the second page never works, soon, and says where it stopped", async () => {
  for (const answer of [bad(500, "INTERNAL_ERROR"), html(502), new Error("reset"), bad(400, "BAD_REQUEST")]) {
    const { names, notices, stops, error, ms } = await listed([page(0, 100, "c1"), answer]);
    expect([names, error]).toEqual([100, undefined]);
    expect(ms).toBeLessThanOrEqual(5_000);
    expect(stops).toEqual([{ page: 2, count: 100, error: expect.any(Error) }]);
    const [notice] = notices;
    expect([notices.length, notice?.kind === "text" && notice.message]).toEqual([
      1,
      expect.stringMatching(/^the list ends after 100 automations because the service failed on page 2 \(.+\); some/),
    ]);
  }
});

test("listAutomations() ends with what is there when the service always names another page", async () => {
  const pages = Array.from({ length: 1_001 }, (_, index) => page(index * 2, 2, `page ${index}`));
  const { names, notices, stops, error, sent } = await listed(pages);
  expect([names, error, sent]).toEqual([2_000, undefined, 1_000]);
  const why = "it has more than 1000 pages";
  expect(notices).toEqual([{ kind: "text", message: `the list ends after 2000 automations because ${why}` }]);
  expect(stops).toEqual([{ page: 1_001, count: 2_000, error: expect.any(MogplexError) }]);
  expect((stops[0] as { error: MogplexError }).error).toMatchObject({ why, exit: "unavailable" });
});

test("listAutomations() ends with what is there when the service gives a cursor twice", async () => {
  const { names, notices, stops, error, sent } = await listed([page(0, 1, "again"), page(1, 2, "again")]);
  expect([names, error, sent]).toEqual([3, undefined, 2]);
  const why = "the service returned the same cursor again on page 2";
  expect(notices).toEqual([{ kind: "text", message: `the list ends after 3 automations because ${why}` }]);
  expect(stops).toEqual([{ page: 3, count: 3, error: expect.any(MogplexError) }]);
});

test("listAutomations() goes on when a later page works again, and waits as long as the service requested", async () => {
  const passing = await listed([page(0, 100, "c1"), bad(500, "INTERNAL_ERROR"), page(100, 7, null)]);
  expect([passing.names, passing.stops]).toEqual([107, []]);
  const limited = bad(429, "RATE_LIMITED", "x", { "retry-after": "30" });
  const waiting = await listed([page(0, 100, "c1"), limited, limited, page(100, 7, null)]);
  expect([waiting.names, waiting.stops, waiting.ms]).toEqual([107, [], 30_000]);
});

test("listAutomations() throws what the first page meets, and a refused token on every page", async () => {
  const first = await listed([bad(500, "INTERNAL_ERROR")]);
  expect([first.error, first.stops]).toEqual([expect.any(UnavailableError), []]);
  const later = await listed([page(0, 100, "c1"), bad(403, "FORBIDDEN")]);
  expect([later.names, later.error, later.stops]).toEqual([100, expect.any(ForbiddenError), []]);
  const reason = new Error("enough");
  const stopped = new AbortController();
  const aborted = await listed([page(0, 100, "c1"), () => {
    stopped.abort(reason);
    return html(500);
  }], { signal: stopped.signal });
  expect(aborted).toMatchObject({ names: 100, error: reason, stops: [] });
});

test("automationsOf() tells whether there are more than were asked for, without a further page", async () => {
  for (
    const [steps, limit, expected] of [
      [[page(0, 100, "c1")], 100, [100, true, 1]],
      [[page(0, 100, null)], 100, [100, false, 1]],
      [[page(0, 100, null)], 99, [99, true, 1]],
      [[page(0, 100, "c1"), page(100, 3, null)], 101, [101, true, 2]],
      [[page(0, 100, "c1"), page(100, 3, null)], 103, [103, false, 2]],
      [[page(0, 100, "c1"), bad(500, "INTERNAL_ERROR")], 101, [100, true, 4]],
    ] as [Steps, number, unknown][]
  ) {
    const { client, clock, sent } = scripted(steps);
    const items = automationsOf(openSession({ client, clock, env: () => undefined }), { limit });
    let count = 0;
    let step = await items.next();
    for (; !step.done; step = await items.next()) count++;
    expect([count, step.value, sent.length]).toEqual(expected as never);
  }
});
