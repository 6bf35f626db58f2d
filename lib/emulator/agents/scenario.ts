/**
 * Reads scenario files: YAML or JSON to scenarios, and every mistake with its place.
 *
 * @module
 */
import { isNode, LineCounter, parseDocument } from "yaml";
import * as z from "zod/mini";
import { UsageError } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";
import { explainIssue } from "../state/fixture.ts";
import { PLACEHOLDERS, type Scenario, scenarioSchema, scenarioSetSchema } from "./scenario_schema.ts";
import { SCENARIO_TEXTS } from "./scenario_texts.ts";

export type { AutomationStep, AutomationStory, Scenario, ScenarioEvent, ScenarioStep } from "./scenario_schema.ts";

type Schema = z.core.$ZodType;
type Written = z.infer<typeof scenarioSchema>;

/** The issue that says most: of a value that may have several forms, the one of the form that it has. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== "invalid_union") return issue;
  const deeper = issue.errors.map(([first]) => first).find((first) =>
    first !== undefined && (first.path.length > 0 || first.code === "unrecognized_keys")
  );
  return deeper === undefined ? issue : innermost({ ...deeper, path: [...issue.path, ...deeper.path] });
}

/** Names of the fields that a schema knows at a path; empty if it knows none there. */
function fieldsAt(schema: Schema, [first, ...rest]: readonly PropertyKey[]): string[] {
  const def = schema._zod.def as {
    type: string;
    innerType?: Schema;
    element?: Schema;
    options?: readonly Schema[];
    shape?: Readonly<Record<string, Schema>>;
  };
  if (def.innerType !== undefined) return fieldsAt(def.innerType, first === undefined ? [] : [first, ...rest]);
  if (def.options !== undefined) {
    return def.options.flatMap((option) => fieldsAt(option, first === undefined ? [] : [first, ...rest]));
  }
  if (def.element !== undefined) return first === undefined ? [] : fieldsAt(def.element, rest);
  if (def.shape === undefined) return [];
  if (first === undefined) return Object.keys(def.shape);
  const field = lookup(def.shape, String(first));
  return field === undefined ? [] : fieldsAt(field, rest);
}

/** What is wrong, with the known name that is nearest to an unknown one. */
function explain(schema: Schema, issue: z.core.$ZodIssue, value: unknown): string {
  const [unknown = "", known] = issue.code === "unrecognized_keys"
    ? [issue.keys[0], fieldsAt(schema, issue.path)]
    : [String(value), issue.code === "invalid_value" ? issue.values.map(String) : []];
  const hint = nearest(unknown, known);
  return hint === undefined ? explainIssue(issue) : `${explainIssue(issue)}; did you mean "${hint}"?`;
}

/** The value at a path; undefined if there is none. */
function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}

/** Does a part of the reading that a hostile file can make fail: by aliases that multiply, lead nowhere or to themselves, or by depth. */
function reading<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const why = cause instanceof RangeError ? "it is nested too deeply" : (cause as Error).message.split("\n")[0];
    throw new UsageError({ attempted: "read scenario", why: `${name}: ${why}` }, { cause });
  }
}

function problem(why: string): UsageError {
  return new UsageError({ attempted: "read scenario", why });
}

/** What is wrong with a text: the first `${…}` in it that stands for nothing. */
function badPlaceholder(text: string): string | undefined {
  const unknown = [...text.matchAll(/(\$?)\$\{([^}]*)\}/g)].find(([, escape, name = ""]) =>
    escape === "" && !(PLACEHOLDERS as readonly string[]).includes(name)
  );
  if (unknown === undefined) return undefined;
  const name = unknown[2] ?? "";
  const hint = nearest(name, PLACEHOLDERS);
  const known = hint === undefined ? `there are ${PLACEHOLDERS.join(", ")}` : `did you mean "\${${hint}}"?`;
  return `"\${${name}}" stands for nothing (${known}); write "$\${${name}}" for the text itself`;
}

/** The path of the first text below a value that has a `${…}` which stands for nothing, and what is wrong with it. */
function findBadPlaceholder(
  value: unknown,
  path: readonly PropertyKey[],
): { path: readonly PropertyKey[]; why: string } | undefined {
  if (typeof value === "string") {
    const why = badPlaceholder(value);
    return why === undefined ? undefined : { path, why };
  }
  if (value === null || typeof value !== "object") return undefined;
  for (const [key, nested] of Object.entries(value)) {
    const found = findBadPlaceholder(nested, [...path, Array.isArray(value) ? Number(key) : key]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The scenario with the steps of the built-in one that it plays. */
function resolved({ play, ...written }: Written, place: () => string): Scenario {
  if (play === undefined) return written;
  if (written.steps.length > 0 || written.automation !== undefined || written.refuseQueue !== undefined) {
    throw problem(`${place()}: "play" stands for steps of its own; leave out steps, automation and refuseQueue`);
  }
  const { steps, automation, refuseQueue, speed } = parseScenario(lookup(SCENARIO_TEXTS, play) ?? "", play);
  return {
    ...written,
    name: written.name ?? play,
    speed: written.speed * speed,
    steps,
    ...(automation === undefined ? {} : { automation }),
    ...(refuseQueue === undefined ? {} : { refuseQueue }),
  };
}

/**
 * Parses a file with one scenario, or with a set of them below `scenarios`.
 *
 * @param text YAML or JSON.
 * @param name Name of the file in messages.
 * @returns The scenarios in order.
 * @throws {UsageError} with line and column of the first problem.
 */
export function parseScenarios(text: string, name: string): Scenario[] {
  const lines = new LineCounter();
  const document = reading(name, () => parseDocument(text, { lineCounter: lines }));
  const placeOf = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  /** Place of the nearest existing node: a missing field is reported at its parent. */
  const placeAt = (path: readonly PropertyKey[]) => {
    let offset = 0;
    for (let length = 0; length <= path.length; length++) {
      const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    }
    return placeOf(offset);
  };
  const [mistake] = document.errors;
  if (mistake !== undefined) {
    const why = mistake.message.split("\n")[0]?.replace(/ at line \d+, column \d+:$/, "");
    throw problem(`${placeOf(mistake.pos[0])}: ${why}`);
  }
  const value = reading(name, () => {
    const plain: unknown = document.toJS();
    // Events are sent as JSON, which has no circles.
    JSON.stringify(plain);
    return plain;
  });
  function check<T>(schema: z.core.$ZodType<T>): T {
    const result = z.safeParse(schema, value);
    if (result.success) return result.data;
    const issue = innermost(result.error.issues[0] as z.core.$ZodIssue);
    const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
    const why = explain(schema, issue, valueAt(value, path));
    throw problem(`${placeAt(path)}: at "${path.map(String).join(".")}", ${why}`);
  }
  /** Checks the texts of the steps, which the schema takes as they are. */
  function filled(scenario: Written, path: readonly PropertyKey[]): Scenario {
    const bad = findBadPlaceholder(valueAt(value, [...path, "steps"]), [...path, "steps"]);
    if (bad !== undefined) throw problem(`${placeAt(bad.path)}: at "${bad.path.map(String).join(".")}", ${bad.why}`);
    return resolved(scenario, () => placeAt([...path, "play"]));
  }
  if (value === null || typeof value !== "object" || !Object.hasOwn(value, "scenarios")) {
    return [filled(check(scenarioSchema), [])];
  }
  return check(scenarioSetSchema).scenarios.map((each, index) => filled(each, ["scenarios", index]));
}

/**
 * Parses a file with one scenario.
 *
 * @param text YAML or JSON.
 * @param name Name of the file in messages.
 * @throws {UsageError} with line and column of the first problem, or for a set of several scenarios.
 */
export function parseScenario(text: string, name: string): Scenario {
  const [scenario, ...more] = parseScenarios(text, name);
  if (scenario === undefined || more.length > 0) throw problem(`${name}: it has several scenarios`);
  return scenario;
}
