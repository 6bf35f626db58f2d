/** The entry for tests of scripts, `testing.ts`: what it shows, what it plays, and what it refuses. */
import { expect, test } from "bun:test";
import { createMogplex } from "../../../mod.ts";
import { createEmulator, type Fault, type TestEmulatorOptions } from "../../../testing.ts";

const REQUEST = { repo: "acme/web", prompt: "Fix the flaky tests" };

test("createEmulator() shows what was sent for each run, with its key and its status", async () => {
  const service = createEmulator({ scenario: "agent-failure" });
  const mogplex = createMogplex(service.options);
  await mogplex.run({ ...REQUEST, harness: "codex", mode: "SAFE" }, { throwOnFailure: false, idempotencyKey: "one" });
  await mogplex.start({ ...REQUEST, workingBranch: "fix", baseBranch: "main" }, { idempotencyKey: "two" });
  const repoId = service.repos[0]?.id ?? "";
  expect(service.runs).toMatchObject([
    {
      status: "failed",
      idempotencyKey: "one",
      request: { repoId, prompt: REQUEST.prompt, harness: "codex", mode: "SAFE", createBranch: true },
    },
    { idempotencyKey: "two", request: { repoId, workingBranch: "fix", baseBranch: "main" } },
  ]);
  expect(service.runs[1]?.request.createBranch ?? false).toBe(false);
});

test("createEmulator() shows the status of a run as it is now when no request has asked for it", async () => {
  const service = createEmulator({ runMs: 60_000 });
  await createMogplex(service.options).start(REQUEST);
  expect(service.runs[0]?.status).toBe("pending");
  service.clock.advance(3_600_000);
  expect(service.runs[0]?.status).toBe("success");
});

test("createEmulator() makes the next requests fail, and no more", async () => {
  const service = createEmulator();
  service.fault({ kind: "503", route: "GET /repos", times: 2, retryAfter: 1 });
  const { api } = createMogplex(service.options);
  const before = api.requests;
  expect(await api.listRepos()).toHaveLength(1);
  expect(api.requests - before).toBe(3);
});

test("createEmulator() has the repositories and automations that are named, and runs that take as long as is said", async () => {
  const service = createEmulator({
    repos: ["acme/one", "acme/two"],
    automations: ["nightly", "weekly", "monthly", "yearly"],
    runMs: 600_000,
  });
  expect(service.repos.map(({ full_name }) => full_name)).toEqual(["acme/one", "acme/two"]);
  const { automations, ...mogplex } = createMogplex(service.options);
  const names: string[] = [];
  for await (const { name } of automations.list()) names.push(name);
  expect(names).toEqual(["nightly", "weekly", "monthly", "yearly"]);
  const from = service.clock.now();
  await mogplex.run({ repo: "acme/two", prompt: "x" });
  const tookMs = service.clock.now() - from;
  expect([tookMs >= 600_000, tookMs < 700_000]).toEqual([true, true]);
});

test("createEmulator() fails a run that needs one sandbox more than there are", async () => {
  const service = createEmulator({ sandboxLimit: 1, runMs: 600_000 });
  const mogplex = createMogplex(service.options);
  const first = mogplex.run(REQUEST);
  await first.started;
  service.clock.advance(60_000);
  const second = await mogplex.start({ ...REQUEST, prompt: "Other" });
  service.clock.advance(60_000);
  expect(await mogplex.api.getRun(second.runId)).toMatchObject({
    status: "failed",
    error: "Too many active sandboxes",
  });
  expect((await first).outcome).toBe("success");
});

test("createEmulator() keeps what is sent to other addresses, and sends nothing", async () => {
  const service = createEmulator();
  const { fetch } = service.options;
  const answer = await fetch("https://hooks.test/x", { method: "POST", body: JSON.stringify({ text: "done" }) });
  expect([answer.status, service.notifications]).toEqual([200, [{
    url: "https://hooks.test/x",
    body: { text: "done" },
  }]]);
});

test("createEmulator() refuses options, faults and arguments that it does not know", () => {
  const service = createEmulator();
  const cases: [() => unknown, string][] = [
    [() => createEmulator({ scenarios: "success" } as TestEmulatorOptions), "did you mean 'scenario'?"],
    [() => createEmulator({ scenario: "agent-failur" }), 'did you mean "agent-failure"? use one of success'],
    [() => createEmulator({ runMs: -1 }), "'runMs' must be 0 or more: -1"],
    [() => createEmulator({ sandboxLimit: NaN }), "'sandboxLimit'"],
    [() => createEmulator({ revision: "latest" as "later" }), `'revision' must be "base" or "later": "latest"`],
    [() => createEmulator({ like: "user" as "service" }), `'like' must be "service": "user"`],
    [() => createEmulator({ repos: [] }), "'repos' must contain at least one repository: an empty list"],
    [() => createEmulator({ repos: ["acme/web", "api"] }), `each name in 'repos' must have the form owner/name: "api"`],
    [() => createEmulator({ repos: ["acme/"] }), `each name in 'repos' must have the form owner/name: "acme/"`],
    [() => createEmulator({ repos: "acme/web" as never }), `'repos' must be a list of names: "acme/web"`],
    [() => createEmulator({ automations: [7] as never }), "'automations' must be a list of names: a list"],
    [() => service.fault({ kind: "503", time: 3 } as Fault), "unknown key 'time' in faults; did you mean 'times'?"],
    [() => service.fault({ kind: "504" as "503" }), 'unknown kind "504"'],
    [() => service.fault({ kind: "resetmid" as "503" }), 'did you mean "resetMid"? use one of 429'],
    [() => service.fault({ kind: "503", times: -1 }), '"times" must be a whole number of 1 or more'],
    [() => service.fault({ kind: "503", times: 0 }), '"times" must be a whole number of 1 or more'],
    [() => service.fault({ kind: "503", route: "DELETE /runs" }), 'no route matches "DELETE /runs"'],
    [() => service.fault({ kind: "503", route: "POST /run" }), 'did you mean "POST /runs"?'],
    [() => service.fault({ kind: "503", route: "POST /api/v1/runs" }), "use one of GET /repos, "],
    [() => service.control("fault", { kind: "503", route: "POST /api/v1/mogplex/runs" }), "below /api/v1/mogplex"],
    [
      () => createEmulator({ scenario: "{ faults: [{ kind: '503', route: POST /rnus }], play: success }" }),
      'did you mean "POST /runs"?',
    ],
    [() => service.control("setRuns"), 'unknown action "setRuns"'],
    [() => service.control("setRun", { runID: "x" }), "did you mean 'runId'?"],
  ];
  for (const [call, part] of cases) expect(call).toThrow(part);
});

test("createEmulator() tells how often each fault was met, also when it is over", async () => {
  const service = createEmulator({ scenario: "faults: [{ kind: 429, retryAfter: 1 }]\nsteps: [{ status: success }]" });
  service.fault({ kind: "503", route: "GET /repos", times: 3, retryAfter: 1 });
  service.fault({ kind: "500", route: "POST /runs" });
  await createMogplex(service.options).api.listRepos();
  expect(service.faults).toMatchObject([
    { kind: "429", hits: 1 },
    { kind: "503", route: "GET /repos", times: 3, hits: 3 },
    { kind: "500", hits: 0 },
  ]);
});

test("createEmulator() refuses a token that was revoked, and gives the next one", async () => {
  const service = createEmulator();
  let token = service.options.token;
  const asked: string[] = [];
  const renewing = createMogplex({ ...service.options, token: () => (asked.push(token), token) });
  const fixed = createMogplex(service.options);
  await renewing.api.listRepos();
  for (let count = 0; count < 2; count++) {
    token = service.revokeToken();
    expect(await renewing.api.listRepos()).toHaveLength(1);
    expect((await renewing.start({ ...REQUEST, prompt: `Task ${count}` })).replayed).toBe(false);
  }
  expect(new Set(asked).size).toBe(3);
  expect(asked[2]).toBe(token);
  expect(await fixed.api.listRepos().catch((error) => error.name)).toBe("UnauthorizedError");
});

test("createEmulator() refuses a fault that no request of its revision can meet", () => {
  const stream = "GET /runs/*/events/stream";
  const base = createEmulator();
  const later = createEmulator({ revision: "later" });
  const refused: [() => unknown, string][] = [
    [() => base.fault({ kind: "stream-cut" }), 'this revision of the service has no streams; set revision to "later"'],
    [() => base.fault({ kind: "stream-500", route: stream }), "this revision of the service has no streams"],
    [
      () => later.fault({ kind: "stream-cut", route: "POST /runs" }),
      `"stream-cut" applies only to GET /runs/*/events/stream`,
    ],
    [
      () => later.fault({ kind: "stream-cut", route: "GET /runs/*/events" }),
      `applies only to GET /runs/*/events/stream`,
    ],
    [() => base.fault({ kind: "limiter-down", route: "GET /repos" }), '"limiter-down" applies only to POST /runs'],
    [() => createEmulator({ scenario: "{ faults: [{ kind: stream-cut }], play: success }" }), "has no streams"],
    [
      () => createEmulator({ scenario: "steps: [{ fault: { kind: stream-cut } }, { status: success }]" }),
      "has no streams",
    ],
  ];
  for (const [call, message] of refused) expect(call).toThrow(message);
  later.fault({ kind: "stream-cut", route: stream });
  later.fault({ kind: "stream-cut", route: "/runs/*/events/stream" });
  later.fault({ kind: "limiter-down" });
  expect([base.faults.length, later.faults.length]).toEqual([0, 3]);
});

test("createEmulator() tells of a run that no scenario fits: a prompt is a part of the text, no pattern", async () => {
  const scenario =
    "scenarios: [{ match: { prompt: '*fail*' }, play: agent-failure }, { match: { prompt: Fix }, play: success }]";
  const service = createEmulator({ scenario });
  const mogplex = createMogplex(service.options);
  const repoId = service.repos[0]?.id ?? "";
  for (const prompt of ["Let it fail", "Fix it"]) await mogplex.start({ repoId, prompt });
  const stands = () => service.runs.map(({ request, status, hasScenario }) => [request.prompt, status, hasScenario]);
  expect(stands()).toEqual([["Let it fail", "pending", false], ["Fix it", "pending", true]]);
  service.control("reset");
  expect(stands()).toEqual([]);
});

test("createEmulator() counts no hit for a fault of streams where the answer is no stream", async () => {
  const { fault, faults, options } = createEmulator({ revision: "later" });
  fault({ kind: "stream-cut" });
  const headers = { authorization: `Bearer ${options.token}` };
  const unknown = `${options.url}/api/v1/mogplex/runs/8f3a2b1c-1234-4abc-9def-1234567890ab/events/stream`;
  expect((await options.fetch(unknown, { headers })).status).toBe(404);
  expect(faults[0]?.hits).toBe(0);
});

test("createEmulator() refuses a fault of a step whose route no request has, with the nearest one", () => {
  const scenario = (route: string) => `steps: [{ fault: { kind: 503, route: "${route}" } }, { status: success }]`;
  expect(() => createEmulator({ scenario: scenario("GET /run/*/events") })).toThrow(
    'did you mean "GET /runs/*/events"? use one of GET /repos, GET /sandboxes,',
  );
  for (const route of ["GET /runs/*/events", "/runs/${runId}", "GET /runs/${runId}/events"]) {
    expect(createEmulator({ scenario: scenario(route) }).faults).toEqual([]);
  }
});
