import { type Checked, type CheckLimits, checkValue } from "./check_value.ts";
import { mistakeText, shownPointer } from "./mistake_text.ts";
import type { ResultSchema } from "./result_schema.ts";
import { secretIn } from "./secrets.ts";
import { decodeStrictly, JsonMistake, parseStrictJson } from "./strict_json.ts";

export interface GoodFile {
  kind: "good";
  value: unknown;
  /** The output of the caller's validator. Without a validator, the output is the value itself. */
  output: unknown;
}

export interface BadFile {
  kind: "result-not-json" | "result-invalid";
  /** One line for each mistake. The toolkit's own lines contain no part of the value, except for names of properties. Untrusted texts. */
  mistakes: readonly string[];
}

export type CheckByCaller = (value: unknown) => Promise<{ value: unknown } | { mistakes: readonly string[] }>;

interface FileRules extends CheckLimits {
  schema: ResultSchema;
  check?: CheckByCaller | undefined;
  redact(text: string): string;
}

export async function checkResultFile(bytes: Uint8Array, rules: FileRules): Promise<GoodFile | BadFile> {
  let value: unknown;
  let text: string;
  try {
    text = decodeStrictly(bytes);
    value = parseStrictJson(text);
  } catch (error) {
    if (!(error instanceof JsonMistake)) throw error;
    return { kind: "result-not-json", mistakes: [`line ${error.line}, column ${error.column}: ${error.message}`] };
  }
  const secret = secretIn(value, rules.redact);
  if (secret !== undefined) return { kind: "result-invalid", mistakes: [`${shownPointer(secret)} contains a secret`] };
  // The caller's validator may change the value that it gets.
  const checked = await (rules.check?.(parseStrictJson(text)) ?? checkBySchema(value, rules));
  if ("mistakes" in checked) return { kind: "result-invalid", mistakes: checked.mistakes };
  return { kind: "good", value, output: checked.value };
}

async function checkBySchema(value: unknown, { schema, ...limits }: FileRules): ReturnType<CheckByCaller> {
  const checked: Checked = await checkValue(JSON.stringify(value), schema, limits);
  if (checked.kind === "valid") return { value };
  if (checked.kind === "unchecked") return { mistakes: [`the whole value ${checked.why}`] };
  return { mistakes: checked.mistakes.map((mistake) => mistakeText(mistake, value, schema.text)) };
}
