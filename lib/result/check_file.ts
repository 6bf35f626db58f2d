/**
 * The bytes of a result file to a value, or to what is wrong with them.
 * @module
 */
import type { Clock } from "../clock.ts";
import { type Checked, checkValue } from "./check_value.ts";
import { mistakeText, shownPointer } from "./mistake_text.ts";
import type { ResultSchema } from "./result_schema.ts";
import { secretIn } from "./secrets.ts";
import { decodeStrictly, JsonMistake, parseStrictJson } from "./strict_json.ts";

/** A file with a value that the next step can use. */
export interface GoodFile {
  kind: "good";
  value: unknown;
}

/** Why a file is refused. */
export interface BadFile {
  kind: "result-not-json" | "result-invalid";
  /** One line each, without any part of a value but names of properties; untrusted. */
  mistakes: readonly string[];
}

/** Checks a value by the rules of a validator other than ours. @returns What is wrong; empty if nothing is. */
export type CheckByCaller = (value: unknown) => Promise<readonly string[]>;

interface FileRules {
  schema: ResultSchema;
  /** Used instead of the schema. @default the schema is used */
  check?: CheckByCaller | undefined;
  /** Masks secrets. */
  redact(text: string): string;
  clock?: Clock | undefined;
  /** Time for the check of the schema, in milliseconds. */
  limitMs?: number | undefined;
}

export async function checkResultFile(bytes: Uint8Array, rules: FileRules): Promise<GoodFile | BadFile> {
  let value: unknown;
  try {
    value = parseStrictJson(decodeStrictly(bytes));
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    return { kind: "result-not-json", mistakes: [`line ${error.line}, column ${error.column}: ${error.message}`] };
  }
  const secret = secretIn(value, rules.redact);
  if (secret !== undefined) return { kind: "result-invalid", mistakes: [`${shownPointer(secret)} holds a secret`] };
  const mistakes = rules.check === undefined ? await mistakesIn(value, rules) : await rules.check(value);
  return mistakes.length === 0 ? { kind: "good", value } : { kind: "result-invalid", mistakes };
}

async function mistakesIn(value: unknown, { schema, clock, limitMs }: FileRules): Promise<readonly string[]> {
  const checked: Checked = await checkValue(JSON.stringify(value), schema, { clock, limitMs });
  if (checked.kind === "valid") return [];
  if (checked.kind === "unchecked") return [`the whole value ${checked.why}`];
  return checked.mistakes.map((mistake) => mistakeText(mistake, schema.text));
}
