import { expect, test } from "bun:test";
import { parseScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { API_REPO, arrange, type Arranged, TOKENS } from "./arrange.ts";

/** Sends a control request as a script on this machine would. */
async function send(world: Arranged, action: string, body: unknown, headers: Record<string, string> = {}) {
  const answer = await world.emulator.fetch(`http://127.0.0.1:8080/__control/${action}`, {
    method: "POST",
    headers,
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return [answer.status, await answer.json().catch(() => null)];
}

test("control routes do not exist when they were not asked for", async () => {
  const { emulator } = arrange();
  const answer = await emulator.fetch("http://127.0.0.1/__control/reset", { method: "POST" });
  expect(answer.status).toBe(404);
});

test("control routes refuse what a browser sends and what does not come over loopback", async () => {
  const world = arrange({ controlRoutes: true });
  const cases: Record<string, string>[] = [
    {},
    { host: "localhost:1" },
    { host: "[::1]:1" },
    { origin: "http://localhost" },
    { "sec-fetch-site": "same-origin" },
    { host: "evil.example" },
    { host: "127.0.0.1.evil.example" },
    { host: "0.0.0.0" },
  ];
  const statuses = [];
  for (const headers of cases) statuses.push((await send(world, "reset", {}, headers))[0]);
  expect(statuses).toEqual([200, 200, 200, 403, 403, 403, 403, 403]);
});

test("control() says what is wrong with its arguments", async () => {
  const world = arrange({ controlRoutes: true });
  expect([
    await send(world, "nothing", {}),
    await send(world, "setRun", {}),
    await send(world, "advanceClock", { seconds: "1" }),
    await send(world, "setRun", { runId: "0f0f0f0f-0000-4000-8000-00000000dead" }),
    await send(world, "fault", { kind: "x" }),
    (await send(world, "reset", "{"))[0],
    await send(world, "toString", {}),
  ]).toEqual([
    [400, {
      ok: false,
      error: expect.stringMatching(/^Cannot run control action: unknown action "nothing"; use one of fault, /),
    }],
    [400, { ok: false, error: 'Cannot run control action: "runId" must be text' }],
    [400, { ok: false, error: 'Cannot run control action: "seconds" must be a number' }],
    [400, { ok: false, error: 'Cannot find run: no run has the id "0f0f0f0f-0000-4000-8000-00000000dead"' }],
    [400, { ok: false, error: expect.stringContaining('unknown kind "x"') }],
    400,
    [400, { ok: false, error: expect.stringContaining('unknown action "toString"') }],
  ]);
});

test("control reset goes back to the fixture and forgets runs, quotas, faults and time windows", async () => {
  const { emulator, call, start } = arrange();
  for (let index = 0; index < 10; index++) await start(`k${index}`);
  await expect(start("k10")).rejects.toThrow("RATE_LIMITED");
  emulator.control("fault", { kind: "503", times: 9 });
  emulator.control("failLimiter", { times: 9 });
  emulator.control("reset");
  const { status, json } = await call("POST", "/runs", {
    headers: { "idempotency-key": "k0" },
    body: { repoId: API_REPO, prompt: "another" },
  });
  expect([status, json.data.replayed]).toEqual([202, false]);
});

test("control advanceClock moves both limits' windows", async () => {
  const { emulator, call, start } = arrange();
  for (let index = 0; index < 60; index++) await call("GET", "/repos");
  expect((await call("GET", "/repos")).status).toBe(429);
  emulator.control("advanceClock", { seconds: 60 });
  expect((await call("GET", "/repos")).status).toBe(200);
  for (let index = 0; index < 10; index++) await start(`k${index}`);
  await expect(start("k10")).rejects.toThrow("RATE_LIMITED");
  emulator.control("advanceClock", { seconds: 3601 });
  await start("k10");
});

test("control setRun overwrites a run and its call, and the answer that was made before is not reused", async () => {
  const { emulator, start, look } = arrange();
  const runId = await start();
  expect((await look(runId)).status).toBe("pending");
  emulator.control("setRun", { runId, run: { status: "streaming", error: "odd" }, call: { status: "failed" } });
  expect(await look(runId)).toMatchObject({ status: "streaming", error: "odd" });
});

test("control execute boots, reports and finishes, or fails where its script says so", async () => {
  const { emulator, start, look } = arrange();
  const outcomes = [];
  for (
    const script of [
      { launchError: "no sandbox" },
      { harnessError: "agent broke" },
      { finish: "success", events: [{ message: "hello" }] },
    ]
  ) {
    const runId = await start(JSON.stringify(script));
    emulator.control("execute", { runId, script });
    outcomes.push(await look(runId));
  }
  expect(outcomes.map(({ status, error }) => [status, error])).toEqual([
    ["failed", "no sandbox"],
    ["failed", "agent broke"],
    ["success", null],
  ]);
  expect(outcomes[2]?.messages).toContain("hello");
});

test("control setToken revokes and narrows a token", async () => {
  const { emulator, call } = arrange();
  emulator.control("setToken", { token: "alice_rw", set: { scopes: ["read"] } });
  expect((await call("POST", "/runs")).status).toBe(403);
  emulator.control("setToken", { token: "alice_rw", set: { revoked_at: "2026-01-01T00:00:00Z" } });
  expect((await call("GET", "/repos")).status).toBe(401);
});

test("control setToken finds a token by its text, and an OAuth token", async () => {
  const { emulator, call } = arrange();
  emulator.control("setToken", { token: TOKENS.alice_rw, set: { scopes: ["read"] } });
  expect((await call("POST", "/runs")).status).toBe(403);
  const [oauth] = emulator.world.store.oauthTokens.values();
  const asked = () => call("GET", "/agents", { headers: { authorization: `Bearer ${oauth?.token}` } });
  expect((await asked()).status).toBe(200);
  emulator.control("setToken", { token: oauth?.key, set: { scopes: "write" } });
  expect((await asked()).status).toBe(403);
  const unknown = "mog_somebodyElsesSecret";
  const problem = await send(arrange({ controlRoutes: true }), "setToken", { token: unknown, set: {} });
  expect(problem).toEqual([400, { ok: false, error: "Cannot find token: no token has this key or value" }]);
});

test("control bulk adds automations that were all updated at one time", async () => {
  const { emulator, call } = arrange();
  emulator.control("bulk", { what: "automations", user: "alice", count: 3 });
  const { automations } = (await call("GET", "/automations?limit=100")).json.data;
  const bulk = automations.filter(({ name }: { name: string }) => name.startsWith("Bulk "));
  expect(bulk.map((each: Record<string, string>) => [each.name, each.createdAt, each.updatedAt])).toEqual([
    ["Bulk 002", "2026-01-01T00:00:02+00:00", "2026-01-01T00:00:00+00:00"],
    ["Bulk 001", "2026-01-01T00:00:01+00:00", "2026-01-01T00:00:00+00:00"],
    ["Bulk 000", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00+00:00"],
  ]);
});

test("control failStore breaks the named operation so many times", async () => {
  const { emulator, call } = arrange();
  emulator.control("failStore", { op: "select", table: "repos", times: 2 });
  const statuses = [];
  for (let index = 0; index < 3; index++) statuses.push((await call("GET", "/repos")).status);
  expect(statuses).toEqual([500, 500, 200]);
});

test("control bulk adds records that lists then page through", async () => {
  const { emulator, call } = arrange();
  const before = (await call("GET", "/repos")).json.data.repos.length;
  emulator.control("bulk", { what: "repos", user: "alice", count: 5 });
  expect((await call("GET", "/repos")).json.data.repos.length).toBe(before + 5);
  expect(() => emulator.control("bulk", { what: "stars", user: "alice" })).toThrow('unknown kind "stars"');
});

test("control setRepo finds a repository by its name, renames it, hides it and changes its default branch", async () => {
  const { emulator, call, start } = arrange();
  const listed = async (name: string) => (await call("GET", `/repos?q=${name}`)).json.data.repos;
  emulator.control("setRepo", { id: "acme/api", set: { full_name: "acme/backend", default_branch: "trunk" } });
  expect(await listed("acme/api")).toEqual([]);
  expect(await listed("acme/backend")).toMatchObject([{ id: API_REPO, default_branch: "trunk" }]);
  const { json } = await call("GET", `/runs/${await start("renamed")}`);
  expect(json.data.run.branch.base).toBe("trunk");
  emulator.control("setRepo", { id: API_REPO, set: { hidden: true } });
  expect(await listed("acme/backend")).toEqual([]);
  // A hidden repository takes runs all the same.
  await start("hidden");
  expect(() => emulator.control("setRepo", { id: "acme/api", set: {} })).toThrow('there is no "acme/api"');
});

test("control removeRepo makes a repository unknown, and reset brings it back", async () => {
  const { emulator, call, start } = arrange();
  const listed = async () => (await call("GET", `/repos?id=${API_REPO}`)).json.data.repos.length;
  emulator.control("removeRepo", { id: "acme/api" });
  expect(await listed()).toBe(0);
  await expect(start("gone")).rejects.toThrow("rate limit unavailable");
  emulator.control("reset");
  expect(await listed()).toBe(1);
});

test("control removeRepo removes runs, events, sandboxes and keys with the repository", async () => {
  const { emulator, call, start } = arrange({ scenarios: parseScenarios("play: stuck-streaming", "test") });
  const runId = await start("key");
  emulator.control("advanceClock", { seconds: 600 });
  const before = (await call("GET", "/sandboxes")).json.data.sandboxes.length;
  const [run] = [...emulator.world.store.runs.values()];
  emulator.control("removeRepo", { id: run?.repo_id });
  for (const path of [`/runs/${runId}`, `/runs/${runId}/events`]) expect((await call("GET", path)).status).toBe(404);
  expect((await call("POST", `/runs/${runId}/cancel`)).status).toBe(404);
  const { sandboxes } = (await call("GET", "/sandboxes")).json.data;
  expect(sandboxes.length).toBeLessThan(before);
  const other = [...emulator.world.store.repos.values()].find(({ userId }) => userId === run?.user_id);
  const body = { repoId: other?.id, prompt: "Fix it" };
  const headers = { "Idempotency-Key": "key" };
  expect((await call("POST", "/runs", { body, headers })).json.data).toMatchObject({ replayed: false });
});

test("control addToken adds a token of a user, or of a new user who sees nothing of the others", async () => {
  const world = arrange({ controlRoutes: true });
  const { emulator, call, start } = world;
  const runId = await start();
  const asks = async (token: unknown, path: string, method = "GET") =>
    (await call(method, path, { token: null, headers: { authorization: `Bearer ${token}` } })).status;
  const second = emulator.control("addToken", { user: "alice" }).token;
  const reader = emulator.control("addToken", { user: "alice", scopes: ["read"] }).token;
  const [status, answer] = await send(world, "addToken", { user: "dave", token: "mog_davesToken" });
  expect([status, answer]).toEqual([200, { ok: true, token: "mog_davesToken" }]);
  expect([
    await asks(second, `/runs/${runId}`),
    await asks(reader, `/runs/${runId}`),
    await asks(reader, "/runs", "POST"),
    await asks("mog_davesToken", `/runs/${runId}`),
    await asks("mog_davesToken", "/repos"),
  ]).toEqual([200, 200, 403, 404, 200]);
  emulator.control("setToken", { token: second, set: { revoked_at: "2026-01-01T00:00:00Z" } });
  expect([await asks(second, "/repos"), await asks(reader, "/repos")]).toEqual([401, 200]);
  for (
    const args of [{}, { user: "alice", scopes: "read" }, { user: "alice", token: "x" }, { user: "a", token: reader }]
  ) {
    expect(() => emulator.control("addToken", args)).toThrow("Cannot run control action");
  }
});

test("control addToken gives a token its own limit on requests", async () => {
  const { emulator, call } = arrange();
  for (let index = 0; index < 60; index++) await call("GET", "/repos");
  const { token } = emulator.control("addToken", { user: "alice" });
  const asked = await call("GET", "/repos", { token: null, headers: { authorization: `Bearer ${token}` } });
  expect([(await call("GET", "/repos")).status, asked.status]).toEqual([429, 200]);
});
