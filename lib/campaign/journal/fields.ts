/**
 * The fields of records and locks. Records and locks are untrusted: they come from an artifact, a commit or another machine. One table defines which
 * values a field can have, how they are read, and how a value is made valid before it is written. Text from a service therefore never makes a journal
 * unreadable.
 *
 * @module
 */
import { isObject, lookup } from "../../lookup.ts";
import { plainText } from "../../text/plain_text.ts";

export interface Field<T> {
  /** Drops unknown fields of an object. @throws {Unfit} */
  read(value: unknown): T;
  /** Makes a value valid if possible. @param instead Replaces an invalid time. */
  fit(value: unknown, instead: string | null): unknown;
}

export interface OptionalField<T> extends Field<T | undefined> {
  readonly isOptional: true;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;

type OptionalName<F extends Fields> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? K : never }[keyof F];

type ValueOf<F> = F extends Field<infer T> ? T : never;

export type ObjectOf<F extends Fields> =
  & { [K in Exclude<keyof F, OptionalName<F>>]: ValueOf<F[K]> }
  & { [K in OptionalName<F>]?: ValueOf<F[K]> };

/** The message is a clause that does not contain the value. */
class Unfit extends Error {
  readonly path: string[] = [];
}

export function tryRead<T>(field: Field<T>, value: unknown): { ok: true; value: T } | { ok: false; problem: string } {
  try {
    return { ok: true, value: field.read(value) };
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    const { message, path } = error;
    const problem = path.length === 0 ? message : `${JSON.stringify(oneLine(path.join("."), 100))} (${message})`;
    return { ok: false, problem: `a field is not valid: ${problem}` };
  }
}

function readPart<T>(field: Field<T>, value: unknown, name: string): T {
  try {
    return field.read(value);
  } catch (error) {
    if (error instanceof Unfit) error.path.unshift(name);
    throw error;
  }
}

function fieldOf<T>(read: Field<T>["read"], fit: Field<T>["fit"] = (value) => value): Field<T> {
  return { read, fit };
}

export function checked<T>({ read, fit }: Field<T>, problem: (value: T) => string | undefined): Field<T> {
  return fieldOf((value) => {
    const result = read(value);
    const why = problem(result);
    if (why !== undefined) throw new Unfit(why);
    return result;
  }, fit);
}

function ofType<T>(type: "string" | "number" | "boolean"): Field<T> {
  return fieldOf((value) => {
    // deno-lint-ignore valid-typeof
    if (typeof value !== type) throw new Unfit(`it is not a ${type}`);
    return value as T;
  });
}

const anyText: Field<string> = ofType("string");
export const anyNumber: Field<number> = ofType("number");
export const flag: Field<boolean> = ofType("boolean");
export const anything: Field<unknown> = fieldOf((value) => value);

export function text(isValid: (text: string) => boolean, why: string): Field<string> {
  return checked(anyText, (value) => isValid(value) ? undefined : why);
}

export function atMost(most: number): Field<string> {
  return text((value) => value.length <= most, `it has more than ${most} characters`);
}

export function visible(most: number, fewest = 0): Field<string> {
  return checked(anyText, (value) => {
    if (value.length < fewest) return "it is empty";
    if (value.length > most) return `it has more than ${most} characters`;
    return isVisible(value) ? undefined : "it contains invisible characters";
  });
}

export function line(most: number, fewest = 0, empty = ""): Field<string> {
  return fieldOf(visible(most, fewest).read, (value) => oneLine(String(value), most) || empty);
}

export const time: Field<string> = fieldOf(
  text(isTime, "it is not a date with a time and a time zone").read,
  (value, instead) => isTime(String(value)) ? value : instead,
);

export const webUrl: Field<string> = text(isWebUrl, "it is not a web address");

export const commit: Field<string> = text(isCommit, "it is not a commit");

export function hex(digits: number, prefix = ""): Field<string> {
  const form = new RegExp(`^${prefix}[0-9a-f]{${digits}}$`);
  return text((value) => form.test(value), `it is not ${prefix}${digits} hex digits`);
}

export function whole(min: number, max: number): Field<number> {
  const isInside = (value: number) => Number.isSafeInteger(value) && value >= min && value <= max;
  return checked(anyNumber, (value) => isInside(value) ? undefined : `it is not a whole number from ${min} to ${max}`);
}

export function oneOf<const T extends readonly (string | number | boolean)[]>(...values: T): Field<T[number]> {
  return fieldOf((value) => {
    if (!values.includes(value as T[number])) throw new Unfit("it is not one of the allowed values");
    return value as T[number];
  });
}

export function orNull<T>({ read, fit }: Field<T>): Field<T | null> {
  return fieldOf((value) => value === null ? null : read(value), (value) => value === null ? null : fit(value, null));
}

/** A value that cannot be made valid is written as `null`. */
export function elseNull<T>(field: Field<T>): Field<T | null> {
  const { read, fit } = orNull(field);
  return fieldOf(read, (value, instead) => {
    const result = fit(value, instead);
    return tryRead(field, result).ok ? result : null;
  });
}

export function orAbsent<T>({ read, fit }: Field<T>): OptionalField<T> {
  return { read: (value) => value === undefined ? undefined : read(value), fit, isOptional: true };
}

export function list<T>(item: Field<T>, fewest: number, most: number, what = "items"): Field<readonly T[]> {
  return fieldOf((value) => {
    if (!Array.isArray(value)) throw new Unfit("it is not an array");
    if (value.length < fewest) throw new Unfit("it is empty");
    if (value.length > most) throw new Unfit(`it has more than ${most} ${what}`);
    return value.map((each, index) => readPart(item, each, String(index)));
  }, (value, instead) => (value as readonly unknown[]).map((each) => item.fit(each, instead)));
}

export function object<F extends Fields>(fields: F): Field<ObjectOf<F>> {
  const entries = Object.entries(fields);
  return fieldOf((value) => {
    if (!isObject(value)) throw new Unfit("it is not an object");
    const result = {} as ObjectOf<F>;
    for (const [name, field] of entries) {
      const part = readPart(field, lookup(value, name), name);
      if (part !== undefined) result[name as keyof ObjectOf<F>] = part as never;
    }
    return result;
  }, (value, instead) => fitFields(fields, value as Record<string, unknown>, instead));
}

export function fitFields<T extends object>(fields: Fields, value: T, instead: string | null): T {
  const parts = Object.entries(value).map(([name, part]) => {
    const field = lookup(fields, name);
    return [name, field === undefined || part === undefined ? part : field.fit(part, instead)];
  });
  return Object.fromEntries(parts);
}

export function kinds<T>(name: string, all: ReadonlyMap<unknown, Field<T>>): Field<T> {
  return fieldOf((value) => {
    if (!isObject(value)) throw new Unfit("it is not an object");
    const kind = all.get(value[name]);
    return kind === undefined ? readPart(oneOf(), undefined, name) : kind.read(value);
  });
}

export function texts(name: Field<string>, text: Field<string>): Field<Readonly<Record<string, string>>> {
  return fieldOf((value) => {
    if (!isObject(value)) throw new Unfit("it is not an object");
    const entries = Object.entries(value).filter(([key]) => key !== "__proto__");
    return Object.fromEntries(entries.map(([key, each]) => [readPart(name, key, key), readPart(text, each, key)]));
  });
}

const MAX_URL = 2048;

export function isVisible(text: string): boolean {
  // Nearly all texts match this shortcut. Normalization is slower than all other checks together.
  return /^[\x20-\x7e]*$/.test(text) || plainText(text) === text && !/[\t\n]/.test(text);
}

/** @param maxLength In UTF-16 code units. */
export function oneLine(text: string, maxLength: number): string {
  const line = plainText(text).replace(/\s+/g, " ").trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** Accepts the service's format: ISO 8601 with a date, a time with up to nine fractional digits, and a time zone. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(text));
}

/** Whether an address is safe to click: HTTP or HTTPS, visible, and without credentials. */
export function isWebUrl(text: string): boolean {
  if (text.length > MAX_URL || !isVisible(text) || /\s/.test(text)) return false;
  try {
    const { protocol, username, password } = new URL(text);
    return /^https?:$/.test(protocol) && username === "" && password === "";
  } catch {
    return false;
  }
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(text);
}

export function newerSchema(value: unknown): number | undefined {
  if (typeof value !== "object" || value === null || !("schema" in value)) return undefined;
  const { schema } = value;
  return typeof schema === "number" && Number.isSafeInteger(schema) && schema > 1 ? schema : undefined;
}
