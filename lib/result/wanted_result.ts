import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import { isObject } from "../lookup.ts";
import { checkOptions, type Keys } from "../service/validate.ts";
import { cutText, plainText } from "../text/plain_text.ts";
import type { CheckByCaller } from "./check_file.ts";
import { SchemaMistake } from "./json_schema.ts";
import { shownPointer } from "./mistake_text.ts";
import { checkResultPath } from "./result_path.ts";
import { checkResultSchema, outputNames, type ResultSchema, shownSchema } from "./result_schema.ts";
import { pointerTo } from "./strict_json.ts";

/** What a validator returns. Source: Standard Schema, version 1. */
export type StandardSchemaAnswer<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

/** A mistake that a validator found. */
export interface StandardSchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Location of the mistake: keys, or objects with a key, from the outside in. */
  readonly path?: readonly (string | number | symbol | { readonly key: string | number | symbol })[] | undefined;
}

/** A schema from zod, Valibot, ArkType or another library. Source: Standard Schema, version 1. */
export type StandardSchema<O = unknown> = {
  /** The validator. */
  readonly "~standard": {
    /** Version of the interface. */
    readonly version: 1;
    /** Name of the library. */
    readonly vendor: string;
    /** Checks a value. */
    readonly validate: (value: unknown) => StandardSchemaAnswer<O> | Promise<StandardSchemaAnswer<O>>;
    /** Types for the compiler. They do not exist at run time. */
    readonly types?: { readonly input: unknown; readonly output: O } | undefined;
    /** Generates a JSON Schema, if the library can. Source: Standard JSON Schema, version 1. */
    readonly jsonSchema?:
      | { readonly input: (options: { readonly target: "draft-2020-12" }) => Record<string, unknown> }
      | undefined;
  };
};

/** A result file that a run must write. `S` is its schema. */
export interface ResultRequest<S extends object = object> {
  /**
   * Path of the file in the repository, with `/` as the separator. `{id}` is replaced by 8 characters derived from the key of the start. The file
   * must not exist on the branch where the run begins.
   */
  path: string;
  /** A JSON Schema, or a schema from zod or another library that implements Standard Schema. */
  schema: S;
  /** JSON Schema for the agent, if `schema` comes from a library. @default the JSON Schema that the library generates */
  jsonSchema?: object | undefined;
  /** Maximum number of follow-ups that request only the file, if the file is not valid: 0, 1 or 2. Each follow-up is a separate run. @default {0} */
  retries?: number | undefined;
}

/**
 * The checked value of a run with the schema `S`: the output of its validator, or `unknown` for a JSON Schema. If `throwOnFailure` (`F`) is `false`,
 * the value can also be `null`.
 */
export type ResultValue<S, F extends boolean = true> =
  | (S extends StandardSchema<infer O> ? O : unknown)
  | (F extends true ? never : null);

export interface WantedResult {
  readonly path: string;
  readonly schema: ResultSchema;
  readonly check?: CheckByCaller | undefined;
  readonly retries: number;
}

export interface PlannedResult extends WantedResult {
  readonly path: string;
}

const ATTEMPTED = "use 'result'";
const MAX_RETRIES = 2;
const MAX_MISTAKES = 20;
const MAX_MESSAGE = 300;

export function checkResultRequest(request: ResultRequest): WantedResult {
  const keys: Keys<ResultRequest> = { path: "string", schema: "any", jsonSchema: "any", retries: "number" };
  checkOptions("start run", request, keys, "'result'");
  const { schema, jsonSchema, retries = 0 } = request;
  const path = checkResultPath(typeof request.path === "string" ? request.path : "");
  if (!Number.isInteger(retries) || retries < 0 || retries > MAX_RETRIES) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `'retries' must be a whole number from 0 to ${MAX_RETRIES}`,
      value: String(retries),
    });
  }
  const standard = standardOf(schema);
  if (standard === undefined && jsonSchema !== undefined) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "'jsonSchema' is only for a schema from a library, and 'schema' has no '~standard'",
      advice: "pass only the JSON Schema, as 'schema'",
    });
  }
  try {
    if (standard === undefined) return { path, schema: checkResultSchema(schema), retries };
    const agentSchema = jsonSchema ?? jsonSchemaOf(standard);
    return {
      path,
      retries,
      schema: { text: shownSchema(agentSchema), draft: "2020-12", outputs: outputNames(agentSchema) },
      check: (value) => checkBy(standard, value),
    };
  } catch (error) {
    if (!(error instanceof SchemaMistake)) throw error;
    throw new UsageError({
      attempted: "use the schema of the result",
      why: error.message,
      value: JSON.stringify(`#${error.pointer}`),
      advice: error.advice,
    });
  }
}

type Standard = StandardSchema["~standard"];

/** ArkType's schemas are functions. */
function standardOf(schema: unknown): Standard | undefined {
  const isPossible = isObject(schema) || typeof schema === "function";
  const standard = isPossible ? (schema as Partial<StandardSchema>)["~standard"] : undefined;
  return isObject(standard) && typeof standard.validate === "function" ? standard as Standard : undefined;
}

/** The agent must write the input of the validator, so the JSON Schema describes the input. */
function jsonSchemaOf({ vendor, jsonSchema }: Standard): unknown {
  if (jsonSchema !== undefined) return writtenBy(vendor, () => jsonSchema.input({ target: "draft-2020-12" }));
  throw new UsageError({
    attempted: ATTEMPTED,
    why: `the ${vendor} schema does not provide a JSON Schema for the agent`,
    advice: "pass one as 'result.jsonSchema'",
  });
}

export function writtenBy<T>(vendor: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: `the ${vendor} schema cannot be converted to JSON Schema: ${messageOf(cause)}`,
      advice: "pass the schema for the agent as 'result.jsonSchema'",
    }, { cause });
  }
}

async function checkBy(standard: Standard, value: unknown): Promise<{ value: unknown } | { mistakes: string[] }> {
  let answer: StandardSchemaAnswer<unknown> | undefined;
  try {
    answer = await standard.validate(value);
  } catch (error) {
    return { mistakes: [`the whole value could not be checked: ${shortened(messageOf(error))}`] };
  }
  // ArkType returns an array of mistakes whose property `issues` is the array itself.
  if (typeof answer !== "object" || answer === null) {
    return { mistakes: ["the whole value could not be checked: the validator returned no result"] };
  }
  if (answer.issues === undefined) return { value: answer.value };
  const mistakes = answer.issues.slice(0, MAX_MISTAKES).map(({ path = [], message }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
    return `${shownPointer(keys.reduce(pointerTo, ""))}: ${shortened(message)}`;
  });
  return { mistakes: mistakes.length > 0 ? mistakes : ["the whole value is not valid"] };
}

const shortened = (message: string) => cutText(plainText(message).replace(/\s+/g, " "), MAX_MESSAGE);
