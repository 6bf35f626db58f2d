/**
 * Zod's own checks for lengths read the field `length` of any value, even of a map where a text or list was expected, and convert that field to a
 * number. A map from a YAML file cannot be converted, so `name: { length: {} }` threw a `TypeError` (zod 4.6.7, `_whenHasLength`).
 *
 * @module
 */
import * as z from "zod/mini";

type Message = string | { error: () => string };

function onTextsAndLists<T extends z.core.$ZodCheckMinLength | z.core.$ZodCheckMaxLength>(check: T): T {
  check._zod.def.when = ({ value }) => typeof value === "string" || Array.isArray(value);
  return check;
}

export function minLength(fewest: number, message?: Message) {
  return onTextsAndLists(z.minLength(fewest, message));
}

export function maxLength(most: number, message?: Message) {
  return onTextsAndLists(z.maxLength(most, message));
}
