import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  automationRunDataSchema,
  automationRunsSchema,
  cancelResultSchema,
  readData,
  readFailure,
  reposSchema,
  runEventsSchema,
  runSchema,
  type Schema,
  startResultSchema,
} from "../../../lib/service/contract.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { run, RUN_ID } from "./answers.ts";

test("readData() keeps unknown fields and statuses of later revisions", () => {
  const later = { ...run("awaiting_input"), harness: "mogplex", worktreeId: "w", terminalCommitSha: null };
  expect(readData({ ok: true, data: later, more: 1 }, runSchema)).toEqual({ ok: true, data: later });
  expect(readData({ ok: true, data: run("brand_new") }, runSchema).ok).toBe(true);
});

test("readData() reads null where a field that nothing hangs on is missing or odd", () => {
  const { aiCallId: _1, error: _2, runtime: _3, eventsUrl: _4, ...rest } = run();
  const result = readData({ ok: true, data: { ...rest, sandboxId: 5 } }, startResultSchema);
  expect(result).toMatchObject({
    ok: true,
    data: { aiCallId: null, error: null, runtime: null, eventsUrl: "", sandboxId: null, replayed: false },
  });
});

test("readData() names the path of the first disagreement", () => {
  const event = { id: RUN_ID, type: "log", createdAt: "x" };
  expect(readData({ ok: true, data: { run: run(), events: [event, { ...event, id: 5 }] } }, runEventsSchema)).toEqual(
    { ok: false, problem: "data.events.1.id: invalid_type" },
  );
  expect(readData(null, runSchema)).toEqual({ ok: false, problem: "(root): invalid_type" });
  expect(readData({ ok: false }, runSchema).ok).toBe(false);
});

test("readData() tells the first of half a million mistakes, in the order of the schema, and never a value", () => {
  const secret = "mog_0123456789abcdefghij";
  const wrong = { ...run(), status: [secret], createdAt: 1, branch: { base: secret, working: { secret } } };
  expect(readData({ ok: true, data: wrong }, runSchema)).toEqual({ ok: false, problem: "data.status: invalid_type" });
  const events = new Array(500_000).fill({ id: { secret } });
  expect(readData({ ok: true, data: { run: run(), events } }, runEventsSchema)).toEqual(
    { ok: false, problem: "data.events.0.id: invalid_type" },
  );
  expect(readData({ ok: true, data: { repos: [{ id: "x", full_name: 1e400 }] } }, reposSchema)).toEqual(
    { ok: false, problem: "data.repos.0.full_name: invalid_type" },
  );
});

test("readData() puts the known fields first and keeps all others but __proto__, and of an automation run none", () => {
  const more = '"z":1,"__proto__":{"polluted":true},"constructor":2';
  const known = { id: "i", full_name: "a/b", installation_id: null, default_branch: null, root_directory: null };
  const repos = readData(
    JSON.parse(`{"ok":true,"data":{"repos":[{${more},"full_name":"a/b","id":"i"}]}}`),
    reposSchema,
  );
  const [repo = known] = repos.ok ? repos.data.repos : [];
  expect(Object.entries(repo)).toEqual([...Object.entries(known), ["z", 1], ["constructor", 2]]);
  expect([Object.getPrototypeOf(repo), "polluted" in repo]).toEqual([Object.prototype, false]);
  const record = JSON.parse(`{"ok":true,"data":{"run":{${more},"id":"i","status":"s"}}}`);
  const { data } = readData(record, automationRunDataSchema) as { data: { run: object } };
  expect(Object.keys(data.run)).toEqual([
    ...["id", "status", "created_at", "started_at", "completed_at", "duration_ms", "error", "last_start_error"],
    ...["active_wait_count", "repo", "metadata"],
  ]);
});

test("readData() reads any JSON without an error", () => {
  fc.assert(fc.property(fc.json(), fc.constantFrom(runSchema, runEventsSchema, reposSchema), (json, schema) => {
    for (const body of [JSON.parse(json), { ok: true, data: JSON.parse(json) }]) {
      expect(readData(body, schema as Schema<unknown>).ok).toBe(false);
    }
  }));
});

test("readData() says in words which rule of its own an answer breaks", () => {
  const contradiction = { run: run("failed"), status: "success", alreadyTerminal: true };
  expect(readData({ ok: true, data: contradiction }, cancelResultSchema)).toEqual(
    { ok: false, problem: "data.status: it differs from the status of the run" },
  );
  expect(readData({ ok: true, data: { ...run(), runId: "x" } }, runSchema)).toEqual(
    { ok: false, problem: "data.runId: it is not a UUID" },
  );
});

test("readFailure() takes any code, and a missing message", () => {
  expect(readFailure({ ok: false, error: { code: "BRAND_NEW", message: "x", more: 1 } })).toMatchObject({
    code: "BRAND_NEW",
    message: "x",
  });
  expect(readFailure({ ok: false, error: { code: "X" } })).toEqual({ code: "X", message: "" });
  for (
    const body of [null, "x", [], { ok: true }, { ok: false }, { error: "x" }, { ok: false, error: { message: "x" } }]
  ) {
    expect(readFailure(body)).toBeUndefined();
  }
});

test("readData() cuts off what is nested so deeply that a walk through it would exhaust the stack", () => {
  const deep = JSON.parse(`{"__proto__":1,"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
  const result = readData({ ok: true, data: { ...run("success"), deep } }, runSchema);
  expect(result.ok).toBe(true);
  const text = JSON.stringify(result);
  expect(text).toContain("[nested too deeply]");
  expect(text.length).toBeLessThan(2_000);
});

test("readData() cuts a message to 65536 characters, and every other text and name to 4096, with the mark", () => {
  const [message, other] = ["☃".repeat(65_537), "x".repeat(4_097)];
  const value = { message, other, status: other, list: [other], fits: "y".repeat(4_096), [`${other}`]: 1 };
  const result: unknown = readData({ ok: true, data: { ...run(), ...value } }, runSchema);
  const cut = `${"x".repeat(4_077)}…[+20 characters]`;
  const limited = { message: `${"☃".repeat(65_516)}…[+21 characters]`, other: cut, status: cut, list: [cut] };
  expect(result).toEqual({ ok: true, data: { ...run(), ...limited, fits: value.fits, [cut]: 1 } });
});

test("readData() leaves what a user gave to an automation as it is", () => {
  const metadata = { input: { text: "x".repeat(100_000) } };
  const record = { id: RUN_ID, status: "running", metadata };
  const runs = readData({ ok: true, data: { runs: [record] } }, automationRunsSchema);
  expect(runs).toMatchObject({ ok: true, data: { runs: [{ metadata }] } });
  const one = readData({ ok: true, data: { run: record } }, automationRunDataSchema);
  expect(one).toMatchObject({ ok: true, data: { run: { metadata } } });
  // The words are no license for an agent.
  const event = { id: RUN_ID, type: "log", payload: { metadata }, createdAt: "" };
  const events = readData({ ok: true, data: { run: run(), events: [event] } }, runEventsSchema);
  expect(JSON.stringify(events).length).toBeLessThan(6_000);
});

test("readData() shows no part of a secret that stands where a text is cut", () => {
  const secret = "hunter2-hunter2-hunter2";
  const token = `ghp_${"a1B2".repeat(9)}`;
  const masker = () => createRedactor({ secrets: [secret] });
  for (const text of [secret, token, `${secret.slice(0, 9)}\u200b${secret.slice(9)}`]) {
    for (let before = 4_070; before <= 4_100; before++) {
      const other = `${"x ".repeat(before / 2)}${text} ${"y ".repeat(4_000)}`;
      const result = JSON.stringify(readData({ ok: true, data: { ...run(), other } }, runSchema, masker));
      expect([result.includes("hunter"), result.includes("ghp_"), result.includes("characters]")]).toEqual([
        false,
        false,
        true,
      ]);
    }
  }
});
