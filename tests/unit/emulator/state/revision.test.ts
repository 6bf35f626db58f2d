import { expect, test } from "bun:test";
import { createRevision, SWITCHES } from "../../../../lib/emulator/state/store.ts";
import { API_REPO, arrange } from "../arrange.ts";

const body = { repoId: API_REPO, prompt: "x" };

test("createRevision() turns everything on for later, nothing for the base, and single switches over that", () => {
  expect(Object.values(createRevision()).some(Boolean)).toBe(false);
  expect(SWITCHES.filter((name) => !createRevision("later")[name])).toEqual([]);
  expect(SWITCHES.filter((name) => createRevision("base", { checksMode: true })[name])).toEqual(["checksMode"]);
  expect(SWITCHES.filter((name) => !createRevision("later", { tailWindow: false })[name])).toEqual(["tailWindow"]);
});

test("checksMode refuses unknown modes", async () => {
  const outcomes = [];
  for (const checksMode of [false, true]) {
    const { call } = arrange({ revision: { checksMode } });
    for (const mode of ["auto", "warp"]) {
      const { status, json } = await call("POST", "/runs", {
        headers: { "idempotency-key": mode },
        body: { ...body, mode },
      });
      outcomes.push(json.error?.message ?? status);
    }
  }
  expect(outcomes).toEqual([202, 202, 202, 'mode must be one of SAFE, AUTO, YOLO (got "warp")']);
});

test("mogplexHarness adds a harness that works on a new branch alone", async () => {
  const harnesses = [];
  for (const mogplexHarness of [false, true]) {
    const { call } = arrange({ revision: { mogplexHarness } });
    for (const extra of [{}, { createBranch: true, mode: "AUTO" }, { createBranch: true }]) {
      const { status, json } = await call("POST", "/runs", {
        headers: { "idempotency-key": JSON.stringify(extra) },
        body: { ...body, harness: "mogplex", ...extra },
      });
      harnesses.push(json.data?.harness ?? status);
    }
  }
  expect(harnesses).toEqual([400, 400, 400, 400, 400, "mogplex"]);
});

test("extraRunFields shows four more fields, and makes the first a part of what is compared", async () => {
  const { call } = arrange({ revision: { extraRunFields: true } });
  const send = (worktreeId: string) =>
    call("POST", "/runs", { headers: { "idempotency-key": "k" }, body: { ...body, worktreeId } });
  expect((await send("a")).json.data).toMatchObject({
    worktreeId: "a",
    agentId: null,
    mode: null,
    terminalCommitSha: null,
  });
  expect((await send("b")).status).toBe(409);
  const base = arrange();
  const plain = await base.call("POST", "/runs", {
    headers: { "idempotency-key": "k" },
    body: { ...body, worktreeId: "a" },
  });
  expect(Object.keys(plain.json.data)).not.toContain("worktreeId");
});

test("automationsOnly keeps marked tokens from starting and cancelling runs", async () => {
  const { call, emulator } = arrange({ revision: { automationsOnly: true } });
  emulator.control("setToken", { token: "alice_rw", set: { automationsOnly: true } });
  const { status, json } = await call("POST", "/runs", { headers: { "idempotency-key": "k" }, body });
  expect([status, json.error.code]).toEqual([403, "AUTOMATION_REQUIRED"]);
  expect((await call("GET", "/repos")).status).toBe(200);
});

test("pagesAutomations and cursorFix make the second page of automations readable, which is a 500 in the base", async () => {
  const statuses = [];
  for (const [pagesAutomations, fixed] of [[false, false], [true, false], [false, true]] as const) {
    const { call, emulator } = arrange({ revision: { pagesAutomations } });
    if (fixed) emulator.control("cursorFix");
    const { nextCursor } = (await call("GET", "/automations?limit=2")).json.data;
    const { status, json } = await call("GET", `/automations?limit=2&cursor=${nextCursor}`);
    statuses.push(json.error?.message ?? status);
  }
  expect(statuses).toEqual(["Failed to list automations", 200, 200]);
});

test("tailWindow shows the newest events", async () => {
  const firsts = [];
  for (const tailWindow of [false, true]) {
    const { emulator, start, call } = arrange({ revision: { tailWindow } });
    const runId = await start();
    const events = Array.from({ length: 9 }, (_, index) => ({ message: `m${index}` }));
    emulator.control("appendEvents", { runId, events });
    const { json } = await call("GET", `/runs/${runId}/events?limit=3`);
    firsts.push(json.data.events.map((event: { message: string }) => event.message));
  }
  expect(firsts).toEqual([["External Mogplex run accepted", "m0", "m1"], ["m6", "m7", "m8"]]);
});
