import { expect, test } from "bun:test";
import { readData, readFailure } from "../../../../lib/api/contract/envelope.ts";
import {
  cancelResultSchema,
  runEventsSchema,
  runSchema,
  startResultSchema,
} from "../../../../lib/api/contract/schemas.ts";
import { run, RUN_ID } from "../../http/answers.ts";

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

test("readData() cuts off what is nested so deeply that whoever walks through it would run out of stack", () => {
  const deep = JSON.parse(`{"__proto__":1,"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`);
  const result = readData({ ok: true, data: { ...run("success"), deep } }, runSchema);
  expect(result.ok).toBe(true);
  const text = JSON.stringify(result);
  expect(text).toContain("[nested too deeply]");
  expect(text.length).toBeLessThan(2_000);
});

test("readData() cuts a text of millions of characters, and nothing that the service takes", () => {
  const texts = { long: "☃".repeat(3 * 1024 * 1024), prompt: "x".repeat(500_000), list: ["y".repeat(2_000_000)] };
  const result = readData({ ok: true, data: { ...run("success"), ...texts } }, runSchema);
  if (!result.ok) throw new Error(result.problem);
  const { long, prompt, list } = result.data as unknown as typeof texts;
  expect([long.length, long.slice(-23)]).toEqual([1024 * 1024 + 22, "☃…[+2097152 characters]"]);
  expect([prompt, list[0]?.slice(-21)]).toEqual([texts.prompt, `…[+${2_000_000 - 1024 * 1024} characters]`]);
});
