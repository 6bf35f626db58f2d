/**
 * The kinds of fields that the schema of a campaign file is made of. Each carries the words for what is allowed.
 *
 * @module
 */
import * as z from "zod/mini";
import { type Rule, storable } from "./rules.ts";

/** A check by a rule. */
export function obeys<T>(rule: (value: T) => string | undefined) {
  return z.superRefine<T>((value, context) => {
    const problem = rule(value);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem, input: value });
  });
}

/** A text. @param allowed What is allowed, for messages about another type. */
export function text(allowed: string, rule: Rule) {
  return z.string({ error: () => allowed }).check(obeys((value) => storable(value) ?? rule(value)));
}

/** One of some words. */
export function choice<const T extends readonly string[]>(values: T) {
  const allowed = `it must be ${values.join(", ").replace(/, (?=[^,]*$)/, " or ")}`;
  return z.enum(values, { error: () => allowed });
}

/** A whole number of a range, both ends included. */
export function whole(min: number, max: number) {
  const error = () => `it must be a whole number from ${min} to ${max}`;
  return z.int({ error }).check(z.minimum(min, { error }), z.maximum(max, { error }));
}

/** True or false. */
export function flag() {
  return z.boolean({ error: () => "it must be true or false" });
}

/** A map with known keys. Its message lists them, so that the nearest one can be found. */
export function map<T extends Record<string, z.core.SomeType>>(shape: T) {
  return z.strictObject(shape, { error: () => Object.keys(shape).join(", ") });
}

/** A list. @param min Fewest items. @param max Most items. */
export function list<T extends z.core.SomeType>(item: T, min: number, max: number) {
  const error = () =>
    min === 0 ? `it must be a list of at most ${max} items` : `it must be a list of ${min} to ${max} items`;
  return z.array(item, { error }).check(z.minLength(min, { error }), z.maxLength(max, { error }));
}
