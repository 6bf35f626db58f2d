/**
 * The kinds of fields that the schema of a campaign file is made of. Each carries the words for what is allowed.
 *
 * @module
 */
import * as z from "zod/mini";
import { type Rule, storable } from "./rules.ts";

/** What the JSON Schema says beside the type. Patterns are never narrower than the rules. */
interface Facts {
  description?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  maxProperties?: number;
  examples?: unknown[];
}

/** Facts for the JSON Schema. Reading a file does not look at them. */
export function about(facts: Facts) {
  return z.meta({ ...facts });
}

/** A text. @param allowed What is allowed, for messages about another type. */
export function text(allowed: string, rule: Rule, facts: Facts) {
  return z.string({ error: () => allowed }).check(
    z.superRefine((value, context) => {
      const problem = storable(value) ?? rule(value);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem, input: value });
    }),
    about(facts),
  );
}

/** One of some words. */
export function choice<const T extends readonly string[]>(values: T, description: string) {
  const allowed = `it must be ${values.join(", ").replace(/, (?=[^,]*$)/, " or ")}`;
  return z.enum(values, { error: () => allowed }).check(about({ description }));
}

/** A whole number of a range, both ends included. */
export function whole(min: number, max: number, description?: string) {
  const error = () => `it must be a whole number from ${min} to ${max}`;
  const number = z.int({ error }).check(z.minimum(min, { error }), z.maximum(max, { error }));
  return description === undefined ? number : number.check(about({ description }));
}

/** True or false. */
export function flag(description: string) {
  return z.boolean({ error: () => "it must be true or false" }).check(about({ description }));
}

/** A map with known keys. Its message lists them, so that the nearest one can be found. */
export function map<T extends Record<string, z.core.SomeType>>(shape: T, description?: string) {
  const schema = z.strictObject(shape, { error: () => Object.keys(shape).join(", ") });
  return description === undefined ? schema : schema.check(about({ description }));
}

/** A list. @param min Fewest items. @param max Most items. */
export function list<T extends z.core.SomeType>(item: T, min: number, max: number, description: string) {
  const error = () =>
    min === 0 ? `it must be a list of at most ${max} items` : `it must be a list of ${min} to ${max} items`;
  return z.array(item, { error }).check(
    z.minLength(min, { error }),
    z.maxLength(max, { error }),
    about({ description }),
  );
}
