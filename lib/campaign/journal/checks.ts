/**
 * What a text in lock and journal may be. Both come from outside: from an artifact, a commit, another machine.
 *
 * @module
 */
import * as z from "zod/mini";
import { plainText } from "../../text/plain_text.ts";

/** Largest number of a start, a record, a wave, and of lines of a change. */
export const MAX_NUMBER = 1e9;
/** Most characters of a reason or a note. Source: specification of campaigns, section 5. */
export const MAX_REASON = 500;
/** Most characters of a status, of the service or of a forge. */
export const MAX_STATUS = 64;
/** Most characters of a branch's name. Source: longest name of a file in Git's own storage. */
export const MAX_BRANCH = 255;
/** Most characters of an address. */
export const MAX_URL = 2048;
/** Most characters of the name of somebody who did something by hand. */
export const MAX_PERSON = 200;
/** Most characters of the name of an item: repository, branch and root directory. */
export const MAX_ITEM_ID = 1500;
/** Most items that one record names, so that no line grows without limit. */
export const MAX_RECORD_ITEMS = 100;

/** Whether a text is one line without characters that are not seen: control characters, directions, zero-width characters. */
export function isVisible(text: string): boolean {
  // Nearly all texts end here: the normalisation takes longer than all other checks together.
  return /^[\x20-\x7e]*$/.test(text) || plainText(text) === text && !/[\t\n]/.test(text);
}

/** A text as one visible line of at most `maxLength` UTF-16 units, at least 1; blanks in a row become one. */
export function oneLine(text: string, maxLength: number): string {
  const line = plainText(text).replace(/\s+/g, " ").trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Whether a text is a date with time and zone in ISO 8601, as the service writes it, with up to nine digits of a second. */
export function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text));
}

/** Whether a text is an address that a person may click: HTTP, visible, without credentials. */
export function isWebUrl(text: string): boolean {
  if (text.length > MAX_URL || !isVisible(text) || /\s/.test(text)) return false;
  try {
    const { protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && username === "" && password === "";
  } catch {
    return false;
  }
}

/** The `schema` of a value that a newer version has written; undefined for any other. */
export function newerSchema(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("schema" in value)) return undefined;
  const { schema } = value;
  return typeof schema === "number" && Number.isSafeInteger(schema) && schema > 1 ? schema : undefined;
}

/** A visible text of at most `maxLength` characters, at least `minLength`. */
export function visible(maxLength: number, minLength = 0): z.ZodMiniType<string> {
  return z.string().check(
    z.minLength(minLength, "it is empty"),
    z.maxLength(maxLength, `it has more than ${maxLength} characters`),
    z.refine(isVisible, "it has characters that are not visible"),
  );
}

/** See {@linkcode isTime}. */
export function time(): z.ZodMiniType<string> {
  return z.string().check(z.refine(isTime, "it is not a date with time and zone"));
}

/** See {@linkcode isWebUrl}. */
export function webUrl(): z.ZodMiniType<string> {
  return z.string().check(z.refine(isWebUrl, "it is not an address of a web page"));
}

/** A text in lower-case hex digits, after `prefix`. */
export function hex(digits: number, prefix = ""): z.ZodMiniType<string> {
  const form = new RegExp(`^${prefix}[0-9a-f]{${digits}}$`);
  return z.string().check(z.refine((text) => form.test(text), `it is not ${prefix}${digits} hex digits`));
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number): z.ZodMiniType<number> {
  const inside = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return z.number().check(z.refine(inside, `it is not a whole number from ${min} to ${max}`));
}

/** Where a value does not fit a schema, and why: `"runId" (it is not a UUID)`. Never the value itself. */
export function problemOf(error: z.core.$ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.map(String).join(".") ?? "";
  const why = issue?.code === "custom" || issue?.code === "too_big" || issue?.code === "too_small"
    ? issue.message
    : issue?.code === "invalid_type"
    ? `it is not ${issue.expected === "object" || issue.expected === "array" ? "an" : "a"} ${issue.expected}`
    : "it has no value of its kind";
  return path === "" ? why : `${JSON.stringify(oneLine(path, 100))} (${why})`;
}
