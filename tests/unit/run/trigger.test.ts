import { expect, test } from "bun:test";
import { ConflictError, exitCodeFor, NotFoundError, StartUnknownError, UsageError } from "../../../lib/errors.ts";
import { AutomationSuppressedError, triggerAutomation } from "../../../lib/run/automation.ts";
import type { TriggerOptions, TriggerRequest } from "../../../lib/run/automation_request.ts";
import { good, RUN_ID, scripted, thrown } from "../service/answers.ts";
import { AUTOMATION, automationWorld, REPO, REQUEST, TOKEN } from "./automations.ts";
import { parseScenario } from "../emulator/scenarios.ts";

const INACTIVE = "f1000000-0000-4000-8000-000000000002";
const OTHER_REPO = "e0000000-0000-4000-8000-000000000002";
const KEY = new RegExp(`^${AUTOMATION}/${REPO}/ci1-[0-9a-f]{40}$`);

test("triggerAutomation() starts a run and tells that it runs", async () => {
  const { options, jobs, sent } = automationWorld("success");
  const told: string[] = [];
  const triggered = await triggerAutomation(
    AUTOMATION,
    REQUEST,
    options({ onTriggered: ({ runId }) => told.push(runId) }),
  );
  const [job] = jobs();
  expect(triggered).toEqual({
    automationId: AUTOMATION,
    runId: job?.id ?? "",
    status: "running",
    replayed: false,
    reason: null,
    idempotencyKey: expect.stringMatching(KEY),
    keyScope: "pipeline",
    owned: true,
  });
  expect(told).toEqual([triggered.runId]);
  expect(sent).toEqual(["POST /automations/<automation>/trigger"]);
});

test("triggerAutomation() tells a run that waits for a slot from one that runs", async () => {
  const { options } = automationWorld("automation-slot");
  expect(await triggerAutomation(AUTOMATION, REQUEST, options())).toMatchObject({
    status: "pending",
    replayed: false,
    reason: "INSTALLATION_CONCURRENCY_LIMIT",
  });
});

test("triggerAutomation() throws when the service accepts the trigger and starts nothing", async () => {
  const { options, jobs } = automationWorld("automation-suppressed");
  const error = await thrown(triggerAutomation(AUTOMATION, REQUEST, options()));
  expect(error).toBeInstanceOf(AutomationSuppressedError);
  expect(error).toMatchObject({ automationId: AUTOMATION, reason: "REPO_PENDING_LIMIT", exitCode: 75 });
  expect(jobs()).toEqual([]);
});

for (const comparedTriggers of [false, true]) {
  const revision = comparedTriggers ? "later" : "base";
  test(`triggerAutomation() attaches to the run of a job that is retried, on the ${revision} of the trigger route`, async () => {
    const { options, jobs, clock } = automationWorld("success", { revision: { comparedTriggers } });
    const first = await triggerAutomation(AUTOMATION, REQUEST, options());
    const again = await triggerAutomation(AUTOMATION, REQUEST, options({}, { CI_JOB_ID: "9002" }));
    expect(again).toMatchObject({ runId: first.runId, replayed: true, status: "running", owned: true });
    clock.advance(60_000);
    const late = await triggerAutomation(AUTOMATION, REQUEST, options({}, { CI_JOB_ID: "9003" }));
    expect(late).toMatchObject({ runId: first.runId, replayed: true, status: "success" });
    expect(jobs().length).toBe(1);
  });

  test(`triggerAutomation() starts afresh in place of a dead run that a derived key found, on the ${revision} of the trigger route`, async () => {
    const { options, jobs, clock, notices } = automationWorld("agent-failure", { revision: { comparedTriggers } });
    const first = await triggerAutomation(AUTOMATION, REQUEST, options());
    clock.advance(60_000);
    const again = await triggerAutomation(AUTOMATION, REQUEST, options({}, { CI_JOB_ID: "9002" }));
    expect(again).toMatchObject({ replayed: false, status: "running" });
    expect(again.idempotencyKey).toBe(`${first.idempotencyKey}.2`);
    expect(notices).toContainEqual(expect.objectContaining({ kind: "restart", runId: first.runId, suffix: 2 }));
    expect(jobs().map(({ status }) => status)).toEqual(["failed", "running"]);
  });
}

test("triggerAutomation() takes a given key, with the ids of automation and repository before it, and attaches whatever became of the run", async () => {
  const { options, keys, clock } = automationWorld("agent-failure");
  const { runId, idempotencyKey } = await triggerAutomation(
    AUTOMATION,
    REQUEST,
    options({ idempotencyKey: " weekly " }),
  );
  expect(keys).toEqual([`${AUTOMATION}/${REPO}/weekly`]);
  expect(idempotencyKey).toBe(`${AUTOMATION}/${REPO}/weekly`);
  clock.advance(60_000);
  const again = await triggerAutomation(AUTOMATION, REQUEST, options({ idempotencyKey }));
  expect(again).toMatchObject({ runId, replayed: true, status: "failed", keyScope: "given", idempotencyKey });
  expect(new Set(keys).size).toBe(1);
});

for (const comparedTriggers of [false, true]) {
  const revision = comparedTriggers ? "later" : "base";
  test(`triggerAutomation() starts a run in each repository under one given key, on the ${revision} of the trigger route`, async () => {
    const { options, jobs } = automationWorld("success", { revision: { comparedTriggers } });
    const first = await triggerAutomation(AUTOMATION, REQUEST, options({ idempotencyKey: "weekly" }));
    const second = await triggerAutomation(
      AUTOMATION,
      { repoId: OTHER_REPO },
      options({ idempotencyKey: "weekly" }),
    );
    expect(second).toMatchObject({ replayed: false, idempotencyKey: `${AUTOMATION}/${OTHER_REPO}/weekly` });
    expect(jobs().map(({ id }) => id)).toEqual([first.runId, second.runId]);
  });
}

/** Result or error of a trigger whose key an earlier one has used; the first one is sent unchanged. */
async function replayOf(first: object, second: TriggerRequest, more: TriggerOptions = { idempotencyKey: "k" }) {
  const { options, emulator, jobs } = automationWorld("success");
  const all = options();
  const headers = { authorization: `Bearer ${TOKEN}`, "idempotency-key": `${AUTOMATION}/${REPO}/k` };
  const url = `https://mogplex.com/api/v1/mogplex/automations/${AUTOMATION}/trigger`;
  await emulator.fetch(url, { method: "POST", headers, body: JSON.stringify(first) });
  const end = await triggerAutomation(AUTOMATION, second, { ...all, ...more }).catch((error: unknown) => error);
  expect(jobs().length).toBe(1);
  return end;
}

test.each([
  ["another repository", { repoId: OTHER_REPO }, {}],
  ["another value", { ...REQUEST, input: { depth: "full" } }, { depth: "quick" }],
  ["another value of a name that later revisions drop", { ...REQUEST, input: { input_x: 1 } }, { input_x: 2 }],
  ["a further name", { ...REQUEST, input: { depth: "full" } }, { depth: "full", more: 1 }],
  ["a name less", { ...REQUEST, input: { depth: "full", more: 1 } }, { depth: "full" }],
  ["another value deep inside", { ...REQUEST, input: { a: { b: [1, 2] } } }, { a: { b: [1, 3] } }],
  ["a list of another length", { ...REQUEST, input: { a: [1, 2] } }, { a: [1] }],
  ["an object in place of a list", { ...REQUEST, input: { a: [1] } }, { a: { 0: 1 } }],
])("triggerAutomation() never attaches to a run of %s", async (_, first, input) => {
  const error = await replayOf(first, { ...REQUEST, input });
  expect([error, exitCodeFor(error)]).toEqual([expect.any(ConflictError), 2]);
});

test("triggerAutomation() attaches to the run of an equal input, however it is written and whatever the service adds", async () => {
  let deep: Record<string, unknown> = { end: 1 };
  for (let depth = 0; depth < 60; depth++) deep = { deep };
  const input = { b: -0, source: "mine", flow_x: "y", "": [{}, null, 1e21, "\u{1f680}"], deep, constructor: {} };
  const same = { ...REQUEST, input: Object.fromEntries(Object.entries(input).reverse()) };
  expect(await replayOf({ ...REQUEST, input }, same)).toMatchObject({ replayed: true, keyScope: "given" });
  expect(await replayOf(REQUEST, REQUEST)).toMatchObject({ replayed: true });
});

test("triggerAutomation() compares repository and known values with a record of later revisions, which compare inputs themselves", async () => {
  const replay = { automationId: AUTOMATION, jobRunId: RUN_ID, outcome: "replayed", status: "running" };
  const facts = (repo: string, input: object) => ({
    ...{ id: RUN_ID, status: "running", repo: { id: repo.toUpperCase() } },
    metadata: { input, input_hash: "x", trigger: {}, flow_version_number: 3 },
  });
  async function end(repo: string, input: object) {
    const { client } = scripted([good({ run: replay }, 202), good({ run: facts(repo, input) })]);
    const options = { client, env: () => undefined, idempotencyKey: "k" };
    return await triggerAutomation(AUTOMATION, { ...REQUEST, input: { depth: 1 } }, options).catch((error) => error);
  }
  expect(await end(REPO, { depth: 1, filled: "in" })).toMatchObject({ replayed: true, runId: RUN_ID });
  expect(await end(REPO, { depth: 2 })).toBeInstanceOf(ConflictError);
  expect(await end(OTHER_REPO, { depth: 1 })).toBeInstanceOf(ConflictError);
});

test("triggerAutomation() derives another key for another pipeline, repository, part and input, and the same for an equal input", async () => {
  const { options, keys } = automationWorld("success");
  await triggerAutomation(AUTOMATION, REQUEST, options());
  await triggerAutomation(AUTOMATION, REQUEST, options({}, { CI_PIPELINE_ID: "1002" }));
  await triggerAutomation(AUTOMATION, { repoId: OTHER_REPO }, options());
  await triggerAutomation(AUTOMATION, REQUEST, options({ keyPart: "b" }));
  await triggerAutomation(AUTOMATION, { repoId: REPO, input: { a: 1, b: { c: 2, d: [3] } } }, options());
  await triggerAutomation(AUTOMATION, { repoId: REPO, input: { a: 1, b: { c: 2, d: [4] } } }, options());
  await triggerAutomation(AUTOMATION, REQUEST, options({ keyScope: "random" }));
  expect(new Set(keys).size).toBe(7);
  const same = await triggerAutomation(AUTOMATION, { repoId: REPO, input: { b: { d: [3], c: 2 }, a: 1 } }, options());
  expect(same).toMatchObject({ replayed: true, idempotencyKey: keys[4] });
});

test("triggerAutomation() finds its own run when an answer was lost, and starts no second one", async () => {
  for (const kind of ["reset0", "html502", "500"]) {
    const { options, emulator, jobs, sent } = automationWorld("success");
    emulator.control("fault", { kind, processed: true, times: 1 });
    expect(await triggerAutomation(AUTOMATION, REQUEST, options())).toMatchObject({ replayed: true, owned: true });
    expect(jobs().length).toBe(1);
    expect(sent.length).toBe(3);
  }
});

test("triggerAutomation() waits out a busy service, and says so", async () => {
  const { options, emulator, notices, clock } = automationWorld("success");
  emulator.control("fault", { kind: "429", times: 1, retryAfter: 60 });
  expect(await triggerAutomation(AUTOMATION, REQUEST, options())).toMatchObject({ replayed: false });
  expect(notices).toMatchObject([{ kind: "wait", what: `trigger automation "${AUTOMATION}"`, cause: "rate_limit" }]);
  expect(clock.now()).toBeGreaterThanOrEqual(60_000);
});

test("triggerAutomation() says with which key to repeat it when it is not known whether it worked", async () => {
  const { options, emulator } = automationWorld("success");
  emulator.control("fault", { kind: "500", times: 99 });
  const error = await thrown(triggerAutomation(AUTOMATION, REQUEST, options({ timeoutMs: 20_000 })));
  expect(error).toBeInstanceOf(StartUnknownError);
  expect((error as StartUnknownError).idempotencyKey).toMatch(KEY);
  expect(exitCodeFor(error)).toBe(69);
});

test("triggerAutomation() throws at once an error that a retry cannot fix", async () => {
  const { options, sent } = automationWorld("success");
  expect(await thrown(triggerAutomation(INACTIVE, REQUEST, options()))).toBeInstanceOf(ConflictError);
  const nobody = "00000000-0000-4000-8000-00000000dead";
  expect(await thrown(triggerAutomation(nobody, REQUEST, options()))).toBeInstanceOf(NotFoundError);
  expect(sent.length).toBe(2);
  const later = automationWorld("success", { revision: { comparedTriggers: true } });
  const given = { idempotencyKey: "k" };
  await triggerAutomation(AUTOMATION, REQUEST, later.options(given));
  const other = { ...REQUEST, input: { a: 1 } };
  const error = await thrown(triggerAutomation(AUTOMATION, other, later.options(given)));
  expect(error).toBeInstanceOf(ConflictError);
  expect(exitCodeFor(error)).toBe(2);
});

test("triggerAutomation() sends nothing when something breaks a rule", async () => {
  const { options, sent } = automationWorld("success");
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const cases: [id: string, request: object, more?: object][] = [
    ["nightly", REQUEST],
    [AUTOMATION, { repoId: "acme/web" }],
    [AUTOMATION, { ...REQUEST, input: [] }],
    [AUTOMATION, { ...REQUEST, input: null }],
    [AUTOMATION, { ...REQUEST, input: "x" }],
    [AUTOMATION, { ...REQUEST, input: circle }],
    [AUTOMATION, { ...REQUEST, input: { a: ["x\0"] } }],
    [AUTOMATION, REQUEST, { idempotencyKey: "k".repeat(127) }],
    [AUTOMATION, REQUEST, { idempotencyKey: `${AUTOMATION}/k` }],
    [AUTOMATION, REQUEST, { idempotencyKey: `${AUTOMATION}/${OTHER_REPO}/k` }],
    [AUTOMATION, REQUEST, { idempotencyKey: `${INACTIVE}/${REPO}/k` }],
    [AUTOMATION, REQUEST, { idempotencyKey: " " }],
    [AUTOMATION, REQUEST, { idempotencyKey: "k", keyScope: "job" }],
    [AUTOMATION, REQUEST, { keyScope: "galaxy" }],
    [AUTOMATION, REQUEST, { timeoutMs: 0 }],
  ];
  for (const [id, request, more] of cases) {
    const error = await thrown(triggerAutomation(id, request as typeof REQUEST, options(more)));
    expect([id, request, error]).toEqual([id, request, expect.any(UsageError)]);
  }
  expect(sent).toEqual([]);
  // Not a NUL, but a backslash and letters.
  const fine = { ...REQUEST, input: { a: "\\u0000" } };
  expect((await triggerAutomation(AUTOMATION, fine, options({ idempotencyKey: "k".repeat(126) }))).status).toBe(
    "running",
  );
});

test("triggerAutomation() takes an outcome that is not known and has no run for a broken contract, never for a success", async () => {
  const run = { automationId: AUTOMATION, jobRunId: null, outcome: "postponed", reason: null, started: false };
  const { client } = scripted([good({ run: { ...run, status: null, runtime: null } }, 202)]);
  const error = await thrown(triggerAutomation(AUTOMATION, REQUEST, { client, env: () => undefined, timeoutMs: 1 }));
  expect([error.message.includes("postponed"), exitCodeFor(error)]).toEqual([true, 69]);
});

test("triggerAutomation() says of a queue that was down that the run exists and waits", async () => {
  const { options, emulator } = automationWorld("success");
  emulator.control("failQueue", { times: 1, message: "queue is full" });
  expect(await triggerAutomation(AUTOMATION, REQUEST, options())).toMatchObject({ status: "pending", replayed: true });
});

test("triggerAutomation() keeps the key of a suppressed trigger free", async () => {
  const scenario = parseScenario("automation: { suppress: REPO_PENDING_LIMIT, times: 1 }", "s.yaml");
  const { options, keys } = automationWorld("", { scenarios: [scenario] });
  await thrown(triggerAutomation(AUTOMATION, REQUEST, options()));
  expect(await triggerAutomation(AUTOMATION, REQUEST, options())).toMatchObject({ replayed: false, status: "running" });
  expect(keys[0]).toBe(keys[1] ?? "");
});
