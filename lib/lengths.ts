/**
 * Checks for the length of a text or a list.
 *
 * Zod's own checks look at everything with a field `length`, even a map where a text or list was expected, and convert that field to a number. A map
 * from a YAML file cannot be converted, so `name: { length: {} }` threw a `TypeError` (zod 4.6.7, `_whenHasLength`).
 *
 * @module
 */
import * as z from "zod/mini";

/** Message for a wrong length: a text, or an object in the form that zod's own checks accept. */
type Message = string | { error: () => string };

function onTextsAndLists<T extends z.core.$ZodCheckMinLength | z.core.$ZodCheckMaxLength>(check: T): T {
  check._zod.def.when = ({ value }) => typeof value === "string" || Array.isArray(value);
  return check;
}

/** A text of at least `fewest` characters, or a list of at least `fewest` items. */
export function minLength(fewest: number, message?: Message) {
  return onTextsAndLists(z.minLength(fewest, message));
}

/** A text of at most `most` characters, or a list of at most `most` items. */
export function maxLength(most: number, message?: Message) {
  return onTextsAndLists(z.maxLength(most, message));
}
