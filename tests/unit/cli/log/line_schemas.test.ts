import { expect, test } from "bun:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { GATES } from "../../../../lib/campaign/journal/record.ts";
import { renderNdjson } from "../../../../lib/run/event_file.ts";
import { cleanEvent } from "../../../../lib/run/clean.ts";
import { schemaId } from "../../../../tools/docs/schema_files.ts";
import { CORPUS } from "../../hostile/corpus.ts";
import { sampleResult } from "../../report/sample.ts";
import { anEvent } from "../../run/fake_client.ts";
import { cliWorld } from "../campaign/world.ts";
import { AUTOMATION, JOB, TRIGGER } from "../verbs/automation_texts.ts";
import { REPO, world } from "../world.ts";

interface Alternative {
  properties?: Record<string, { const?: string }>;
}

const folder = join(import.meta.dir, "../../../../schema");
const files = readdirSync(folder);
const schemas = new Map(files.map((name) => [name, JSON.parse(readFileSync(join(folder, name), "utf8"))]));
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false, schemas: [...schemas.values()] });

/** Checks lines against a schema. @returns Their types, or what is wrong with the first bad one. */
function typesOf(name: string, text: string): string[] {
  const validate = ajv.getSchema(schemas.get(name).$id);
  return text.trimEnd().split("\n").map((line) => {
    const value = JSON.parse(line);
    return validate?.(value) ? value.type : `${JSON.stringify(validate?.errors)} in ${line}`;
  });
}

/** The fields that the schema of lines has for a type, besides it. */
function fieldsOf(name: string, type: string): string[] {
  const found = (schemas.get(name).anyOf as Alternative[]).find(({ properties }) => properties?.type?.const === type);
  return Object.keys(found?.properties ?? {}).sort();
}

test("every schema has its address in the release as its $id, or its name until the address is known", () => {
  expect(files.length).toBe(9);
  const released = { version: "1.2.3", repository: { url: "git+https://gitlab.example/group/mogplex-ci.git" } };
  expect(schemaId("event.schema.json", released)).toBe(
    "https://gitlab.example/group/mogplex-ci/-/raw/1.2.3/schema/event.schema.json",
  );
  const github = { version: "1.2.3", repository: { url: "git+https://github.com/group/mogplex-ci.git" } };
  expect(schemaId("event.schema.json", github)).toBe(
    "https://github.com/group/mogplex-ci/raw/1.2.3/schema/event.schema.json",
  );
  const now = JSON.parse(readFileSync(join(folder, "../package.json"), "utf8"));
  for (const [name, schema] of schemas) expect([name, schema.$id]).toEqual([name, schemaId(name, now)]);
});

test("every line of events.ndjson and --json of a run follows its schema", async () => {
  const run = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch", "--json"];
  const { stdout, io } = await world().cli(run, { env: JOB });
  const types = typesOf("line.schema.json", stdout);
  expect([types[0], types.at(-1), types.length]).toEqual(["run", "result", 8]);
  expect(Object.keys(JSON.parse(stdout.split("\n")[0] ?? "")).sort()).toEqual(fieldsOf("line.schema.json", "run"));
  expect(typesOf("event.schema.json", io.files.get("mogplex-ci/events.ndjson") ?? "")).toEqual(types.slice(1, -1));
});

test("events with hostile texts follow the schema, and one without an id does not", () => {
  const same = (text: string) => text;
  const events = CORPUS.map(({ text }) =>
    cleanEvent({ ...anEvent("e1", text), message: text, payload: { [text]: text } }, same, same)
  );
  const lines = renderNdjson(sampleResult({ events }));
  expect(typesOf("event.schema.json", lines).filter((type) => type.includes(" in {"))).toEqual([]);
  const { id: _, ...rest } = anEvent("e1");
  expect(typesOf("event.schema.json", JSON.stringify(rest))[0]).toContain("'id'");
});

test("every line of automations trigger --follow --json follows the schema", async () => {
  const { stdout } = await world("automation-slot").cli([...TRIGGER, "--follow", "--json"], { env: JOB });
  const types = typesOf("line.schema.json", stdout);
  expect([types[0], types[1], types.at(-1)]).toEqual(["trigger", "status", "result"]);
  expect(JSON.parse(stdout.split("\n")[0] ?? "").automationId).toBe(AUTOMATION);
  for (const line of stdout.trimEnd().split("\n").slice(0, -1)) {
    expect(Object.keys(JSON.parse(line)).sort()).toEqual(fieldsOf("line.schema.json", JSON.parse(line).type));
  }
});

test("the lines of an automation run that waits for people follow the schema", async () => {
  const { stdout } = await world("automation-resumed").cli([...TRIGGER, "--follow", "--json"], { env: JOB });
  const types = typesOf("line.schema.json", stdout);
  expect(types).toEqual(["trigger", "status", "waiting", "waiting", "status", "result"]);
  const waiting = stdout.split("\n").find((line) => line.includes('"waiting"'));
  expect(Object.keys(JSON.parse(waiting ?? "")).sort()).toEqual(fieldsOf("line.schema.json", "waiting"));
});

test("a line for each gate that can close follows the schema", () => {
  const lines = GATES.map((gate) => JSON.stringify({ type: "gate", gate, reason: "why" }));
  expect(typesOf("campaign-line.schema.json", lines.join("\n"))).toEqual(GATES.map(() => "gate"));
});

test("every line of campaign run --json follows the schema", async () => {
  const { stdout } = await cliWorld({ count: 2, file: { limits: { parallel: 1 } } }).campaign("run", ["--json"]);
  const types = new Set(typesOf("campaign-line.schema.json", stdout));
  expect([...types].sort()).toEqual(["campaign", "item", "wave", "waiting"].sort());
  for (const line of stdout.trimEnd().split("\n").slice(0, -1)) {
    const fields = fieldsOf("campaign-line.schema.json", JSON.parse(line).type);
    expect(Object.keys(JSON.parse(line)).sort()).toEqual(fields);
  }
});
