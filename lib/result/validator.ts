/**
 * The code that runs in the worker: the validator, and the messages that the worker exchanges with the program. `npm run docs` combines this file and
 * the package into one text (`validator_source.ts`). A worker starts from a file or a string. A bundled program is a single file, so there is no
 * separate file for the worker.
 * @module
 */
import { validate } from "@cfworker/json-schema";
import type { Check, CheckAnswer, Mistake } from "./check_value.ts";

type OutputUnit = ReturnType<typeof validate>["errors"][number];

/** Keywords whose mistakes show only that there is a mistake further inside. */
const OUTER = [
  "$ref",
  "additionalItems",
  "additionalProperties",
  "allOf",
  "dependentSchemas",
  "else",
  "if",
  "items",
  "patternProperties",
  "prefixItems",
  "properties",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
];
/** Keywords whose own mistake is the relevant one. A mistake in one of their branches does not make the value invalid. */
const BRANCHING = ["anyOf", "contains", "not", "oneOf"];

function mistakesOf(errors: readonly OutputUnit[], max: number): Mistake[] {
  const branches = errors.filter(({ keyword }) => BRANCHING.includes(keyword)).map(({ keywordLocation }) =>
    `${keywordLocation}/`
  );
  const inner = errors.filter(({ keyword, keywordLocation }) =>
    !OUTER.includes(keyword) && !branches.some((branch) => keywordLocation.startsWith(branch))
  );
  const mistakes = (inner.length > 0 ? inner : errors).map(({ instanceLocation, keyword, keywordLocation, error }) => ({
    pointer: instanceLocation.replace(/^#/, ""),
    keyword,
    rule: keywordLocation.replace(/^#/, ""),
    // This is the only mistake whose text has a name that the pointer does not contain. The name comes from the schema.
    property: keyword === "required" ? /"([^]*)"\.$/.exec(error)?.[1] ?? null : null,
  }));
  const distinct = new Map(mistakes.map((mistake) => [JSON.stringify(mistake), mistake]));
  return [...distinct.values()].slice(0, max);
}

function answer({ value, schema, draft, max }: Check): CheckAnswer {
  const [instance, rules] = [JSON.parse(value), JSON.parse(schema)];
  const first = validate(instance, rules, draft);
  if (first.valid) return { mistakes: [] };
  let all = first;
  try {
    all = validate(instance, rules, draft, undefined, false);
  } catch {
    // Collecting all mistakes can overflow the stack. The first check has already found some of them.
  }
  return { mistakes: mistakesOf(all.errors, max) };
}

interface Port {
  postMessage(message: CheckAnswer): void;
}

interface NodePort extends Port {
  on(event: "message", handler: (check: Check) => void): void;
}

function serve(port: Port, check: Check): void {
  try {
    port.postMessage(answer(check));
  } catch {
    // The message of an error may contain a part of the value.
    port.postMessage({ mistakes: null });
  }
}

declare const require: ((name: string) => { parentPort: NodePort | null }) | undefined;

const port = typeof require === "function" ? require("node:worker_threads").parentPort : null;
if (port === null) {
  const scope = globalThis as unknown as Port & { onmessage: (event: { data: Check }) => void };
  scope.onmessage = ({ data }) => serve(scope, data);
} else port.on("message", (check) => serve(port, check));
