import { expect, test } from "bun:test";
import { clientFor } from "../../../lib/service/client.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { collect, type CollectOptions } from "../../../lib/dashboard/collect.ts";
import { UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import { bad, good, run as runAnswer } from "../service/answers.ts";

const TOKEN = "mog_aliceReadOnlyToken00000000000001";
const NOW = "2026-08-10T12:00:00+00:00";
const uuid = (number: number) => `a0000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const repo = (index: number) => ({ id: uuid(index), full_name: `acme/r-${index}` });
const sandbox = (index: number) => ({ id: uuid(index), repo_id: uuid(index), status: "running", created_at: NOW });
const automation = (index: number) => ({
  id: uuid(index),
  name: `a-${index}`,
  status: index < 20 ? "inactive" : "active",
  publishedVersionId: uuid(1),
  createdAt: NOW,
  updatedAt: NOW,
});
const run = (index: number) => ({ id: uuid(index), status: index < 2 ? "failed" : "success", created_at: NOW });

type Answer = () => Response;
const forbidden: Answer = () => bad(403, "FORBIDDEN");

const openRun = (id: string, status: string) => runAnswer(status, { runId: id });

const PULL = "https://github.com/acme/r-0/pull/1";

/** The events of a delivered run. */
const events = (id: string) =>
  good({
    run: openRun(id, "success"),
    events: [{
      ...{ id: uuid(9), type: "log", toolName: null, message: "Delivered", createdAt: NOW },
      payload: { stage: "git_delivery", changed: true, pull_request_url: PULL },
    }],
  });

test("collect() reads runs that were not finished, the first ten before the runs of automations, and their pull requests", async () => {
  const ids = many(12, (index) => uuid(500 + index));
  const answer = (id: string) => good({ run: openRun(id, id === ids[0] ? "success" : "running") });
  const few = service({}, answer);
  const { answers, lists, requests } = await few.read({ openRuns: ids });
  expect([...answers].map(([id, answer]) => [id, answer?.run.status, answer?.pullRequest])).toEqual(
    ids.map((id, index) => index === 0 ? [id, "success", PULL] : [id, "running", null]),
  );
  expect([lists.openRuns, requests]).toEqual([{ state: "complete", why: null }, 20]);
  expect(few.sent.indexOf(`runs/${ids[9]}`)).toBeLessThan(few.sent.indexOf(`automations/${uuid(0)}/runs`));
  expect(few.sent.indexOf(`runs/${ids[10]}`)).toBeGreaterThan(few.sent.indexOf(`automations/${uuid(0)}/runs`));

  const automations = () => good({ automations: many(60, automation), nextCursor: null });
  const busy = await service({ automations }, answer).read({ openRuns: ids });
  expect([busy.requests, busy.answers.size, busy.lists.openRuns]).toEqual([30, 10, {
    state: "cut",
    why: "2 of 12 unfinished runs were not read because a dashboard sends at most 30 requests",
  }]);
});

test("collect() says which unfinished runs the token cannot see, and stops after failures in series", async () => {
  const openRuns = many(5, (index) => uuid(500 + index));
  const gone = await service().read({ openRuns });
  expect([gone.exitCode, gone.lists.openRuns]).toEqual([0, {
    state: "cut",
    why: "This token cannot see any of the 5 unfinished runs: they were deleted, or they belong to another user",
  }]);
  const whyOf = async (count: number) =>
    (await service().read({ openRuns: openRuns.slice(0, count) })).lists.openRuns.why;
  expect([await whyOf(1), await whyOf(2)]).toEqual([
    "This token cannot see the unfinished run: it was deleted, or it belongs to another user",
    "This token cannot see either of the 2 unfinished runs: they were deleted, or they belong to another user",
  ]);
  expect([...gone.answers]).toEqual(openRuns.map((id) => [id, null]));
  // 40 runs that it does not know: both numbers are named.
  expect((await service().read({ openRuns: many(40, (index) => uuid(500 + index)) })).lists.openRuns.why).toBe(
    "This token cannot see 23 of the 40 unfinished runs: they were deleted, or they belong to another user; 17 of 40 unfinished runs were not read because a dashboard sends at most 30 requests",
  );
  const { sent, read } = service({}, () => bad(500, "INTERNAL_ERROR"));
  const { lists, exitCode, answers } = await read({ openRuns });
  expect([exitCode, answers.size, lists.openRuns]).toMatchObject([69, 0, {
    state: "failed",
    why: expect.stringMatching(/^5 of 5 unfinished runs could not be read: .*HTTP 500/),
  }]);
  expect(sent.filter((path) => path.startsWith("runs/")).length).toBe(6);
  const refused = await service({ sandboxes: () => bad(401, "UNAUTHORIZED") }).read({ openRuns });
  expect(refused.lists.openRuns).toMatchObject({
    state: "skipped",
    why: expect.stringMatching(/^They were not read because an earlier request failed: /),
  });
});

/** A service with so many of everything. */
function service(
  answers: Partial<Record<"starts" | "repos" | "sandboxes" | "automations" | "runs", Answer>> = {},
  openRunAnswer: (id: string) => Response = () => bad(404, "NOT_FOUND"),
) {
  const sent: string[] = [];
  const clock = virtualClock();
  const client = clientFor({
    origin: "https://mogplex.com",
    token: TOKEN,
    userAgent: "test",
    clock,
    random: () => 0,
    fetch(url: string) {
      const path = new URL(url).pathname.replace("/api/v1/mogplex/", "");
      sent.push(path);
      const [, id] = /^runs\/([^/]+)/.exec(path) ?? [];
      if (id !== undefined) return Promise.resolve(path.endsWith("/events") ? events(id) : openRunAnswer(id));
      const kind = path === "runs" ? "starts" : path.endsWith("/runs") ? "runs" : path as "repos";
      const usual: Record<string, Answer> = {
        starts: forbidden,
        repos: () => good({ repos: many(3, repo) }),
        sandboxes: () => good({ sandboxes: many(2, sandbox) }),
        automations: () => good({ automations: many(3, automation), nextCursor: null }),
        runs: () => good({ runs: many(5, run) }),
      };
      return Promise.resolve((answers[kind] ?? usual[kind] as Answer)());
    },
  });
  const read = (options: Partial<CollectOptions> = {}) => collect({ client, clock, ...options });
  return { sent, read };
}

test("collect() reads every list with one request, and the last runs of each automation", async () => {
  const { sent, read } = service();
  const { requests, exitCode, lists, repositories, sandboxes, automations } = await read();
  expect([requests, exitCode, sent.length]).toEqual([7, 0, 7]);
  expect(new Set(Object.values(lists).map(({ state }) => state))).toEqual(new Set(["complete"]));
  expect(repositories[0]).toEqual({ id: uuid(0), name: "acme/r-0", defaultBranch: null });
  expect(sandboxes.map(({ repository }) => repository)).toEqual(["acme/r-0", "acme/r-1"]);
  expect(automations[0]?.runs).toMatchObject({ read: 5, more: false, failed: 2, open: 0, last: { status: "failed" } });
});

test("collect() never sends more than 30 requests, retries included, and says what it left out", async () => {
  const calm = service({ automations: () => good({ automations: many(60, automation), nextCursor: null }) });
  const data = await calm.read();
  expect([data.requests, calm.sent.length, data.exitCode]).toEqual([30, 30, 0]);
  expect(data.lists.automationRuns).toEqual({
    state: "cut",
    why: "The runs of 34 of 60 automations were not read because a dashboard sends at most 30 requests",
  });
  // Automations that can have new runs come first.
  expect(data.automations.filter(({ runs }) => runs !== null).every(({ status }) => status === "active")).toBe(true);

  let answer = 0;
  const shaky = service({
    repos: () => ++answer % 3 === 0 ? good({ repos: [] }) : bad(503, "SERVICE_UNAVAILABLE"),
    automations: () => good({ automations: many(60, automation), nextCursor: "more" }),
    runs: () => ++answer % 2 === 0 ? good({ runs: [] }) : bad(500, "INTERNAL_ERROR"),
  });
  const shaken = await shaky.read();
  expect(shaky.sent.length).toBeLessThanOrEqual(30);
  expect(shaken.lists.automations).toMatchObject({ state: "cut" });
});

test("collect() says that a list has exactly as many rows as the service gives at most", async () => {
  const { read } = service({
    repos: () => good({ repos: many(200, repo) }),
    sandboxes: () => good({ sandboxes: many(200, sandbox) }),
  });
  const { lists, exitCode } = await read();
  expect([lists.repositories.state, lists.sandboxes.state, exitCode]).toEqual(["cut", "cut", 0]);
  expect(lists.sandboxes.why).toBe(
    "The service lists at most 200 sandboxes and returned 200, so there may be more",
  );
});

test("collect() refuses a token that could start runs or trigger automations, after one request", async () => {
  const refusing: Answer[] = [() => bad(400, "BAD_REQUEST"), () => bad(403, "AUTOMATION_REQUIRED")];
  for (const starts of refusing) {
    const { sent, read } = service({ starts });
    const error = await read().then(() => undefined, (thrown) => thrown);
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toContain("--allow-write-token");
    expect(sent).toEqual(["runs"]);
  }
  const allowed = service({ starts: refusing[0] as Answer });
  expect((await allowed.read({ allowWriteToken: true })).exitCode).toBe(0);
  expect(allowed.sent).not.toContain("runs");
});

test("collect() shows what it has when one list fails, with the code of that failure", async () => {
  const { sent, read } = service({ sandboxes: () => bad(500, "INTERNAL_ERROR") });
  const { lists, exitCode, repositories, automations } = await read();
  expect([exitCode, repositories.length, automations.length]).toEqual([69, 3, 3]);
  expect(lists.sandboxes).toMatchObject({ state: "failed", why: expect.stringContaining("HTTP 500") });
  expect(lists.automationRuns.state).toBe("complete");
  expect(sent.filter((path) => path === "sandboxes").length).toBe(3);

  const closed = await service({ automations: forbidden }).read();
  expect([closed.exitCode, closed.lists.automations.state, closed.lists.automationRuns.state])
    .toEqual([65, "failed", "skipped"]);
});

test("collect() asks for nothing else once the token is refused midway", async () => {
  const { sent, read } = service({ sandboxes: () => bad(401, "UNAUTHORIZED") });
  const { lists, exitCode, repositories } = await read();
  expect([exitCode, repositories.length]).toEqual([64, 3]);
  expect(Object.values(lists).map(({ state }) => state)).toEqual([
    "complete",
    "failed",
    "skipped",
    "complete",
    "skipped",
  ]);
  expect(sent).not.toContain("automations");
});

test("collect() throws when nothing could be read", async () => {
  const denied = service({ starts: () => bad(401, "UNAUTHORIZED") });
  expect(denied.read()).rejects.toBeInstanceOf(UnauthorizedError);
  const broken: Answer = () => bad(500, "INTERNAL_ERROR");
  const { sent, read } = service({ repos: broken, sandboxes: broken, automations: broken });
  expect(read()).rejects.toMatchObject({ exit: "unavailable" });
  await read().catch(() => {});
  expect(sent.length).toBeLessThanOrEqual(60);
});

test("collect() leaves out an automation that was removed meanwhile, and stops after failures in series", async () => {
  const gone = await service({ runs: () => bad(404, "NOT_FOUND") }).read();
  expect([gone.automations, gone.exitCode, gone.lists.automationRuns.state]).toEqual([[], 0, "complete"]);
  const { sent, read } = service({
    automations: () => good({ automations: many(20, automation), nextCursor: null }),
    runs: () => bad(500, "INTERNAL_ERROR"),
  });
  const { lists, exitCode } = await read();
  expect([exitCode, lists.automationRuns.state]).toEqual([69, "failed"]);
  expect(sent.filter((path) => path.endsWith("/runs")).length).toBe(6);
});
