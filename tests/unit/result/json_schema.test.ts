import { expect, test } from "bun:test";
import * as z from "zod";
import { UsageError } from "../../../lib/errors.ts";
import { checkResultSchema } from "../../../lib/result/result_schema.ts";
import { readSchemaFile } from "../../../lib/result/schema_file.ts";

function mistakeIn(schema: unknown, file = "schema.json"): string {
  try {
    readSchemaFile(typeof schema === "string" ? schema : JSON.stringify(schema), file);
    return "none";
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return [error.value, error.why, error.advice].filter((part) => part !== null).join(" | ");
  }
}

test("readSchemaFile() accepts every keyword that the validator has, in each draft", () => {
  const schema = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: "https://example.com/findings",
    $defs: {
      finding: { $anchor: "finding", type: "object", properties: { file: { $ref: "#/$defs/path" } } },
      path: true,
    },
    type: "object",
    required: ["ok"],
    properties: {
      ok: { type: "boolean", default: false, description: "Whether all is well", examples: [true] },
      findings: { type: "array", items: { $ref: "#finding" }, maxItems: 5, uniqueItems: true },
      self: { $ref: "https://example.com/findings#/properties/findings" },
      pair: { prefixItems: [{ const: 1 }, { enum: [1, "a", null] }], items: false, unevaluatedItems: false },
      tree: { type: "object", properties: { child: { $ref: "#/properties/tree" } }, unevaluatedProperties: false },
    },
    patternProperties: { "^x-": {} },
    additionalProperties: false,
    dependentRequired: { a: ["b"] },
    dependentSchemas: { a: { minProperties: 2 } },
    if: { required: ["a"] },
    then: {},
    else: true,
  };
  expect(mistakeIn(schema)).toBe("none");
  expect(mistakeIn({ $schema: "http://json-schema.org/draft-07/schema#", dependencies: { a: ["b"] }, items: [{}] }))
    .toBe("none");
  expect(mistakeIn({ $schema: "https://json-schema.org/draft/2019-09/schema", items: [{}], additionalItems: {} })).toBe(
    "none",
  );
});

test("readSchemaFile() accepts what zod makes of its schemas", () => {
  const schema = z.object({
    verdict: z.enum(["yes", "no"]),
    score: z.number().int().min(0).max(10),
    findings: z.array(z.object({ file: z.string(), line: z.int().positive(), note: z.string().optional() }).strict()),
    more: z.record(z.string(), z.union([z.string(), z.null()])),
    link: z.url().optional(),
  });
  for (const target of ["draft-2020-12", "draft-7"] as const) {
    expect(mistakeIn(z.toJSONSchema(schema, { target, io: "input" }))).toBe("none");
  }
});

test("readSchemaFile() names the place and what to write when a keyword or its value is wrong", () => {
  const cases: [schema: unknown, mistake: string][] = [
    ["[]", '"schema.json:1:1" | a schema must be an object'],
    ["true", '"schema.json:1:1" | a schema must be an object'],
    ["{", '"schema.json:1:2" | a key must be a string in double quotes'],
    [
      '{"type": "object",\n  "propertys": {}}',
      '"schema.json:2:16" | the keyword "propertys" is unknown | did you mean "properties"?',
    ],
    ['{"a":1,"a":2}', '"schema.json:1:8" | a key appears twice'],
    [
      { $schema: "http://json-schema.org/draft-04/schema#" },
      '"schema.json:1:12" | the draft is unknown | use one of https://json-schema.org/draft/2020-12/schema, ' +
      "https://json-schema.org/draft/2019-09/schema, http://json-schema.org/draft-07/schema",
    ],
    [
      { type: "strin" },
      '"schema.json:1:9" | "type" must be one of string, number, integer, boolean, object, array, null | did you mean "string"?',
    ],
    [{ type: [] }, '"schema.json:1:9" | "type" must be a type, or a list of types without duplicates'],
    [{ properties: { a: { minimum: "1" } } }, '"schema.json:1:31" | "minimum" must be a number'],
    [{ properties: [] }, '"schema.json:1:15" | "properties" must be an object'],
    [{ properties: { a: 1 } }, '"schema.json:1:20" | a schema must be an object, true or false'],
    [{ required: ["a", "a"] }, '"schema.json:1:13" | "required" must be a list of names without duplicates'],
    [{ required: true }, '"schema.json:1:13" | "required" must be a list'],
    [{ enum: [] }, '"schema.json:1:9" | "enum" must be a non-empty list'],
    [{ anyOf: [] }, '"schema.json:1:10" | "anyOf" must be a non-empty list'],
    [{ pattern: "(" }, '"schema.json:1:12" | "pattern" must be a JavaScript regular expression with the flag u'],
    [
      { patternProperties: { "[": {} } },
      '"schema.json:1:27" | "[" must be a JavaScript regular expression with the flag u',
    ],
    [{ maxItems: -1 }, '"schema.json:1:13" | "maxItems" must be a whole number, 0 or more'],
    [{ multipleOf: 0 }, '"schema.json:1:15" | "multipleOf" must be a number above 0'],
    [{ items: [{}] }, '"schema.json:1:10" | "items" must be one schema | write the list as "prefixItems"'],
    [
      { $schema: "http://json-schema.org/draft-07/schema#", prefixItems: [{}] },
      '"schema.json:1:68" | the keyword "prefixItems" does not exist in this draft',
    ],
    [{ $dynamicRef: "#a" }, '"schema.json:1:16" | the keyword "$dynamicRef" is not supported'],
    [
      { $ref: "other.json" },
      '"schema.json:1:9" | a reference must stay inside the schema | write "#/…", with the target under "$defs"',
    ],
    [
      { $ref: "https://example.com/a#/b" },
      '"schema.json:1:9" | a reference must stay inside the schema | write "#/…", with the target under "$defs"',
    ],
    [{ $ref: "#/$defs/none" }, '"schema.json:1:9" | the reference "#/$defs/none" does not point to a schema'],
    [{ $ref: "#/properties" }, '"schema.json:1:9" | the reference "#/properties" does not point to a schema'],
    [{ $ref: "#" }, '"schema.json:1:1" | the schema refers to itself in an endless loop'],
    [
      { $defs: { a: { allOf: [{ $ref: "#/$defs/a" }] } } },
      '"schema.json:1:15" | the schema refers to itself in an endless loop',
    ],
    [
      { properties: { a: { $id: "https://example.com/b" } } },
      '"schema.json:1:27" | only the root schema can have an "$id"',
    ],
    [
      { properties: { file: { type: "string" }, "file-name": { type: "string" } } },
      '"schema.json:1:53" | an output cannot have the name "file-name" | rename it, or move it into an object',
    ],
    [
      { properties: { Path: { type: "string" } } },
      '"schema.json:1:23" | "result_path" is reserved for the path of value.json | rename it, or move it into an object',
    ],
    [
      { properties: { a: { type: "string" }, A: { type: "number" } } },
      '"schema.json:1:42" | two outputs differ only in case: "A" | rename it, or move it into an object',
    ],
    [
      { description: "x".repeat(33_000) },
      '"schema.json:1:1" | the schema must have at most 32768 bytes as one line of JSON, not 33018',
    ],
  ];
  for (const [schema, mistake] of cases) expect([schema, mistakeIn(schema)]).toEqual([schema, mistake]);
  const many = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`a${index}`, { type: "integer" }]));
  expect(mistakeIn({ properties: many })).toEndWith(
    "more than 10 properties would become outputs | move some into an object",
  );
  let deep: unknown = {};
  for (let count = 0; count < 70; count++) deep = { not: deep };
  expect(mistakeIn(deep)).toEndWith("it is nested more than 64 levels deep");
});

test("readSchemaFile() knows a format or refuses it, because the validator would skip it", () => {
  expect(mistakeIn({ format: "date-time" })).toBe("none");
  expect(mistakeIn({ format: "datetime" })).toEndWith('relative-json-pointer | did you mean "date-time"?');
});

test("readSchemaFile() reads YAML, and names the place of a mistake in it", () => {
  const text = "type: object\nproperties:\n  ok: { type: boolean }\n  path/to: {type: array}\nrequired: [ok]\n";
  expect(checkResultSchema(readSchemaFile(text, "schema.yml"))).toEqual({
    text: '{"type":"object","properties":{"ok":{"type":"boolean"},"path/to":{"type":"array"}},"required":["ok"]}',
    draft: "2020-12",
    outputs: ["ok"],
  });
  expect(mistakeIn("type: object\nrequird: [ok]\n", "schema.yaml"))
    .toBe('"schema.yaml:2:10" | the keyword "requird" is unknown | did you mean "required"?');
  expect(mistakeIn("type: object\ntype: array\n", "a.yaml")).toBe('"a.yaml:2:1" | Map keys must be unique');
  expect(mistakeIn("a: &x {type: string}\nb: *x\n", "a.yaml")).toBe(
    '"a.yaml:2:4" | it contains an alias | write the value itself',
  );
  expect(mistakeIn("type: [object\n", "a.yaml")).toStartWith(
    '"a.yaml:2:1" | Flow sequence in block collection must be',
  );
  expect(mistakeIn("", "a.yaml")).toBe('"a.yaml" | a schema must be an object');
});

test("checkResultSchema() makes outputs of the scalars of the top level alone", () => {
  const properties = {
    ok: { type: "boolean" },
    note: { type: ["string", "null"] },
    list: { type: "array", items: { type: "string" } },
    any: true,
    version: { type: "string" },
    count: { type: "integer" },
    share: { type: "number" },
  };
  expect(checkResultSchema({ properties }).outputs).toEqual(["ok", "version", "count", "share"]);
});

test("readSchemaFile() refuses YAML that JSON cannot hold, because another rule would be sent and checked", () => {
  const cases: [text: string, message: string][] = [
    ["maximum: .inf", 'a number is too large or has too many digits: "s.yml:1:10"'],
    ["enum: [1, .nan]", 'a number is too large or has too many digits: "s.yml:1:11"'],
    ["const: 12345678901234567891", 'a number is too large or has too many digits: "s.yml:1:8"'],
    ["const: !!binary aGVsbG8=", 'JSON cannot contain this value: "s.yml:1:17"'],
    ["properties: !!omap [a: { type: string }]", 'JSON cannot contain this value: "s.yml:1:20"'],
    ["properties: !!set { a }", 'JSON cannot contain this value: "s.yml:1:19"'],
  ];
  for (const [text, message] of cases) {
    expect(() => readSchemaFile(text, "s.yml"), text).toThrow(
      `Cannot read the schema of the result because ${message}`,
    );
  }
  expect(readSchemaFile("enum: [0x10, 1.5, 0, 0.0, -0, 12345678901234567168]", "s.yml")).toEqual({
    enum: [16, 1.5, 0, 0, -0, 12345678901234567168],
  });
});

test("checkResultSchema() refuses what JSON cannot hold", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  for (const value of [Infinity, NaN, 1n, () => 1, new Map(), new Date(0), undefined]) {
    expect(() => checkResultSchema({ enum: [value] }), String(value)).toThrow("JSON cannot contain this value");
  }
  expect(() => checkResultSchema({ const: circle })).toThrow("a schema can have at most 64 levels");
});
