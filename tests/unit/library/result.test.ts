import { expect, test } from "bun:test";
import * as z from "zod";
import * as mini from "zod/mini";
import {
  createMogplex,
  InvalidResultError,
  type Mogplex,
  type ResultRequest,
  type StandardSchema,
  UsageError,
} from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";
import { thrown } from "../service/answers.ts";

const SCHEMA = z.object({ ok: z.boolean(), since: z.string().transform((text) => text.length) });

interface World {
  mogplex: Mogplex;
  runs(): number;
  prompts(): string[];
  request<S extends object>(result: ResultRequest<S>): { repo: string; prompt: string; result: ResultRequest<S> };
}

/** An emulator whose runs commit a value. */
function world(value: unknown): World {
  const service = createEmulator({
    scenario: `steps:
  - { after: 5, sandbox: up }
  - after: 5
    result: { json: ${JSON.stringify(value)} }
    event:
      payload: { stage: git_delivery, changed: true, pull_request_url: "\${pull}", base_branch: "\${base}", working_branch: "\${branch}", auto_committed_files: [] }
  - { after: 1, status: success }
`,
  });
  return {
    mogplex: createMogplex(service.options),
    runs: () => service.runs.length,
    prompts: () => service.runs.map(({ request }) => request.prompt),
    request: (result) => ({ repo: "acme/web", prompt: "Review it", result }),
  };
}

const path = ".mogplex/result-{id}.json";

test("run() returns the output of a zod schema as its value, and keeps the input for reports", async () => {
  const { mogplex, request } = world({ ok: true, since: "monday" });
  const { value, resultFile, exitCode } = await mogplex.run(request({ path, schema: SCHEMA }));
  const typed: { ok: boolean; since: number } = value;
  expect({ typed, exitCode, input: resultFile?.value }).toEqual({
    typed: { ok: true, since: 6 },
    exitCode: 0,
    input: { ok: true, since: "monday" },
  });
});

test("run() returns the checked value when the schema is a JSON Schema", async () => {
  const { mogplex, request } = world({ ok: true });
  const schema = { type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"] };
  const { value, resultFile } = await mogplex.run(request({ path, schema }), { throwOnFailure: false });
  const unknownValue: unknown = value;
  expect([unknownValue, resultFile?.outputs]).toEqual([{ ok: true }, { ok: true }]);
});

test("run() throws InvalidResultError when the value is not valid, or returns it with the cause and without a value", async () => {
  const { mogplex, request } = world({ ok: "yes", since: "x" });
  const error = await thrown(mogplex.run(request({ path, schema: SCHEMA })));
  expect(error).toBeInstanceOf(InvalidResultError);
  expect(error).toMatchObject({
    exitCode: 1,
    code: "RUN_FAILED",
    result: {
      outcome: "failed",
      value: null,
      resultFile: { cause: "result-invalid", mistakes: ['"/ok": Invalid input: expected boolean, received string'] },
    },
  });
  const { value, exitCode } = await mogplex.run(request({ path, schema: SCHEMA }), {
    throwOnFailure: false,
    keyPart: "b",
  });
  const typed: { ok: boolean; since: number } | null = value;
  expect([typed, exitCode]).toEqual([null, 1]);
});

/** A validator of another library. */
function foreign<O>(validate: StandardSchema<O>["~standard"]["validate"]): StandardSchema<O> {
  return { "~standard": { version: 1, vendor: "acme", validate } };
}

test("run() awaits a validator of any library, and asks for the JSON Schema that it cannot make", async () => {
  const { mogplex, request, runs } = world({ n: 1 });
  const schema = foreign((value) => Promise.resolve({ value: (value as { n: number }).n + 1 }));
  const error = await thrown(mogplex.run(request({ path, schema })));
  expect(error).toBeInstanceOf(UsageError);
  expect((error as UsageError).message).toBe(
    "Cannot use 'result': the acme schema does not provide a JSON Schema for the agent; pass one as 'result.jsonSchema'",
  );
  expect(runs()).toBe(0);
  const { value } = await mogplex.run(request({ path, schema, jsonSchema: { type: "object" } }));
  const typed: number = value;
  expect(typed).toBe(2);
});

test("run() gives the agent the JSON Schema of a schema of zod/mini, which cannot write it itself", async () => {
  const { mogplex, request, runs, prompts } = world({ ok: true });
  const wanted = request({ path, schema: mini.object({ ok: mini.boolean() }) });
  let key = "";
  const { value, runId } = await mogplex.run(wanted, {
    onStarting: ({ idempotencyKey }) => void (key = idempotencyKey),
  });
  const typed: { ok: boolean } = value;
  expect(typed).toEqual({ ok: true });
  expect(prompts()).toEqual([expect.stringMatching(/"required": ?\[\s*"ok"\s*\]/)]);
  expect((await mogplex.resume({ request: wanted, key, runId })).value).toEqual({ ok: true });
  const error = await thrown(mogplex.run(request({ path, schema: mini.object({ at: mini.date() }) })));
  expect((error as UsageError).message).toBe(
    "Cannot use 'result': the zod schema cannot be converted to JSON Schema: Date cannot be represented in JSON Schema; " +
      "pass the schema for the agent as 'result.jsonSchema'",
  );
  expect(runs()).toBe(1);
});

test("run() takes what a validator throws or answers for mistakes of the value", async () => {
  const cases: [StandardSchema["~standard"]["validate"], string][] = [
    [() => Promise.reject(new Error("boom")), "the whole value could not be checked: boom"],
    [() => ({ issues: [{ message: "too\nlong", path: ["a", { key: 0 }] }] }), '"/a/0": too long'],
    [() => ({ issues: [] }), "the whole value is not valid"],
    // Source: ArkType 2, `ArkErrors`.
    [() => Object.assign([], { issues: [{ message: "too short" }] }), "the whole value: too short"],
    [(() => undefined) as never, "the whole value could not be checked: the validator returned no result"],
  ];
  for (const [validate, mistake] of cases) {
    const { mogplex, request } = world({});
    const wanted = request({ path, schema: foreign(validate), jsonSchema: {} });
    const { resultFile } = await mogplex.run(wanted, { throwOnFailure: false });
    expect(resultFile?.mistakes).toEqual([mistake]);
  }
});

test("run() starts nothing when the result is wrong", async () => {
  const { mogplex, runs } = world({});
  const cases: [result: unknown, message: string][] = [
    [{ path, schema: { type: "objekt" } }, "Cannot use the schema of the result because"],
    [{ path: "../x", schema: {} }, "Cannot use the path of the result because"],
    [{ schema: {} }, "Cannot use the path of the result because it must be the path of a file"],
    [{ path, schema: "x" }, "Cannot use the schema of the result because a schema must be an object"],
    [{ path, schema: {}, retries: 3 }, "'retries' must be a whole number from 0 to 2: 3"],
    [
      { path, schema: {}, retry: 1 },
      "unknown key 'retry' in 'result'; use one of path, schema, jsonSchema, retries",
    ],
    [
      { path, schema: { type: "integer" }, jsonSchema: {} },
      "'jsonSchema' is only for a schema from a library, and 'schema' has no '~standard'",
    ],
    ...[undefined, "x", [], Object].map((made): [unknown, string] => [
      {
        path,
        schema: { "~standard": { version: 1, vendor: "acme", validate() {}, jsonSchema: { input: () => made } } },
      },
      "Cannot use the schema of the result because a schema must be an object",
    ]),
    [7, "'result' must be"],
  ];
  for (const [result, message] of cases) {
    const error = await thrown(mogplex.run({ repo: "acme/web", prompt: "x", result } as never));
    expect(error).toBeInstanceOf(UsageError);
    expect((error as UsageError).message).toContain(message);
  }
  const detached = await thrown(mogplex.start({ repo: "acme/web", prompt: "x", result: { path, schema: {} } }));
  expect((detached as UsageError).message).toContain("start() does not check result files");
  expect(runs()).toBe(0);
});

test("resume() checks the result of a run that is known, at the path of its key", async () => {
  const { mogplex, request, runs } = world({ ok: true, since: "x" });
  let key = "";
  const wanted = request({ path, schema: SCHEMA });
  const first = await mogplex.run(wanted, { onStarting: ({ idempotencyKey }) => void (key = idempotencyKey) });
  const again = await mogplex.resume({ request: wanted, key, runId: first.runId });
  expect([again.value, again.resultFile?.path, runs()]).toEqual(
    [{ ok: true, since: 1 }, first.resultFile?.path, 1] as unknown[],
  );
});

test("run() asks again for the file as often as 'retries' permits", async () => {
  const { mogplex, request, runs } = world({ ok: "yes" });
  const { exitCode } = await mogplex.run(request({ path, schema: SCHEMA, retries: 1 }), { throwOnFailure: false });
  expect([exitCode, runs()]).toEqual([1, 2]);
});

test("run() keeps the value of the file when a validator changes the object that it gets", async () => {
  const { mogplex, request } = world({ list: [1, 2] });
  const schema = foreign((value) => ({ value: (value as { list: number[] }).list.splice(0) }));
  const { value, resultFile } = await mogplex.run(request({ path, schema, jsonSchema: {} }));
  expect([value, resultFile?.value]).toEqual([[1, 2], { list: [1, 2] }]);
});
