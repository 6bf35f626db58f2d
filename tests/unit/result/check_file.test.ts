import { expect, test } from "bun:test";
import { checkResultFile } from "../../../lib/result/check_file.ts";
import { checkResultSchema } from "../../../lib/result/result_schema.ts";
import { createRedactor } from "../../../lib/text/redact.ts";

const NO_SECRETS = createRedactor({ env: (name) => name === "GITHUB_TOKEN" ? "s3cret-of-the-job" : undefined });

function check(schema: unknown, value: unknown, limitMs?: number) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return checkResultFile(new TextEncoder().encode(text), {
    schema: checkResultSchema(schema),
    redact: NO_SECRETS,
    limitMs,
  });
}

const FINDINGS = {
  type: "object",
  required: ["ok", "findings"],
  properties: {
    ok: { type: "boolean" },
    findings: { type: "array", items: { $ref: "#/$defs/finding" }, maxItems: 30 },
  },
  additionalProperties: false,
  $defs: {
    finding: {
      type: "object",
      required: ["file"],
      properties: {
        file: { type: "string", pattern: "^[a-z/.]+$" },
        severity: { enum: ["low", "high"] },
        line: { type: "integer", minimum: 1 },
      },
    },
  },
};

test("checkResultFile() returns the value when it is valid", async () => {
  const value = { ok: true, findings: [{ file: "a.ts", line: 1, severity: "low" }] };
  expect(await check(FINDINGS, value)).toEqual({ kind: "good", value, output: value });
  expect(await check({ type: "integer" }, "3")).toEqual({ kind: "good", value: 3, output: 3 });
});

test("checkResultFile() names pointer and rule of each mistake, and never a value", async () => {
  const value = {
    ok: "sure",
    findings: [{ file: "A.ts" }, { file: "a", severity: "secret", line: 0.5 }, {}],
    extra: 1,
  };
  expect(await check(FINDINGS, value)).toEqual({
    kind: "result-invalid",
    mistakes: [
      '"/ok" must be of type boolean, but is of type string (type)',
      '"/findings/0/file" must match "^[a-z/.]+$" (pattern)',
      '"/findings/1/severity" must be one of "low", "high" (enum)',
      '"/findings/1/line" must be of type integer, but is of type number (type)',
      '"/findings/1/line" must be at least 1 (minimum)',
      '"/findings/2" lacks the property "file" (required)',
      '"/extra" is not allowed (schema)',
    ],
  });
  expect(await check(FINDINGS, [])).toEqual({
    kind: "result-invalid",
    mistakes: ["the whole value must be of type object, but is of type array (type)"],
  });
});

test("checkResultFile() names the type of a value at any name, and of one that is both integer and number", async () => {
  const names = ["a b", "50%", "x/y", "x~y", "#1", "ü", "$ref"];
  const result = await check(
    { additionalProperties: { type: ["string", "null"] } },
    Object.fromEntries(names.map((name, index) => [name, [1, 1.5, true, [], {}, 2, 3][index]])),
  );
  expect(result.kind === "result-invalid" && result.mistakes.map((text) => text.replace(/^.* must/, "must"))).toEqual(
    ["integer", "number", "boolean", "array", "object", "integer", "integer"].map((type) =>
      `must be of type string or null, but is of type ${type} (type)`
    ),
  );
});

test("checkResultFile() names the branching keyword alone when no branch matches", async () => {
  const schema = {
    properties: {
      a: { anyOf: [{ type: "string" }, { type: "null" }] },
      b: { not: { const: 1 } },
      c: { contains: { const: 2 } },
    },
  };
  expect(await check(schema, { a: 1, b: 1, c: [1] })).toEqual({
    kind: "result-invalid",
    mistakes: [
      '"/a" must match one of the schemas (anyOf)',
      '"/b" must not match the schema under "not" (not)',
      '"/c" must have an item that matches (contains)',
    ],
  });
});

test("checkResultFile() reports at most 20 mistakes, however many there are", async () => {
  const result = await check({ items: { type: "string" } }, Array.from({ length: 200_000 }, () => 1));
  expect(result.kind).toBe("result-invalid");
  expect(result.kind === "result-invalid" && result.mistakes.length).toBeGreaterThan(0);
  const some = await check({ items: { type: "string" } }, Array.from({ length: 50 }, () => 1));
  expect(some.kind === "result-invalid" && some.mistakes).toHaveLength(20);
});

test("checkResultFile() treats __proto__ and names of every object as ordinary keys", async () => {
  const schema = {
    type: "object",
    properties: { constructor: { type: "string" } },
    additionalProperties: { type: "number" },
  };
  expect(await check(schema, '{"__proto__": 1}')).toMatchObject({ kind: "good" });
  expect(await check(schema, '{"__proto__": "x", "toString": {}}')).toEqual({
    kind: "result-invalid",
    mistakes: [
      '"/__proto__" must be of type number, but is of type string (type)',
      '"/toString" must be of type number, but is of type object (type)',
    ],
  });
  expect(await check({ type: "object", required: ["constructor"] }, "{}")).toEqual({
    kind: "result-invalid",
    mistakes: ['the whole value lacks the property "constructor" (required)'],
  });
});

test("checkResultFile() refuses a file that is not JSON with line and column", async () => {
  expect(await check(FINDINGS, '{"ok": true,\n "findings": [1e999]}')).toEqual({
    kind: "result-not-json",
    mistakes: ["line 2, column 15: a number is too large or has too many digits"],
  });
});

test("checkResultFile() refuses a secret by its pointer, in a text, in a key, and hidden", async () => {
  const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
  const holds = (pointer: string) => ({ kind: "result-invalid" as const, mistakes: [`${pointer} contains a secret`] });
  expect(await check({}, { a: [{ b: `see ${token}` }] })).toEqual(holds('"/a/0/b"'));
  expect(await check({}, { a: "s3cret-of-the-job" })).toEqual(holds('"/a"'));
  expect(await check({}, { a: btoa("s3cret-of-the-job") })).toEqual(holds('"/a"'));
  expect(await check({}, { a: { [token]: 1 } })).toEqual(holds('"/a"'));
  expect(await check({}, { a: token.replace("ghp_", "ghp\u200b_") })).toEqual(holds('"/a"'));
  expect(await check({}, token)).toMatchObject({ kind: "result-not-json" });
  expect(await check({}, JSON.stringify(token))).toEqual(holds("the whole value"));
});

test("checkResultFile() ends a check that takes too long", async () => {
  // The engine of Bun gives up on such an expression, so the time goes to comparisons.
  const value = Array.from({ length: 60_000 }, (_, index) => ({ index }));
  expect(await check({ uniqueItems: true }, value, 50)).toEqual({
    kind: "result-invalid",
    mistakes: ["the whole value could not be checked within 0.05 s"],
  });
});
