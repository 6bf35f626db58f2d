/**
 * Functions that read a value of the service, and of which schemas are made. They are a few lines, while a package for the same is a sixth
 * of what following a run costs in somebody's bundle.
 *
 * @module
 */
import { isObject } from "../../lookup.ts";

/** Where and why a value is not what a schema reads. It never has the value itself. */
export class Mismatch {
  /** Names and positions that lead to the value, the outermost one first. */
  readonly path: string[] = [];

  /** What is wrong: a word such as `invalid_type`, or a clause of our own. */
  readonly problem: string;

  /** @param problem See {@linkcode Mismatch.problem}. */
  constructor(problem: string) {
    this.problem = problem;
  }

  /** The mismatch as seen from the object or list that has the value. */
  within(key: string): this {
    this.path.unshift(key);
    return this;
  }
}

/** Reads a value, also an absent one: undefined. @returns The value, or where it is not what was expected. */
export type Schema<T> = (value: unknown) => T | Mismatch;

/** What a schema reads. */
export type Read<S> = S extends Schema<infer T> ? Exclude<T, Mismatch> : never;

/** A schema for each field of an object. */
type Shape = Readonly<Record<string, Schema<unknown>>>;
type Fields<S extends Shape> = { -readonly [K in keyof S]: Read<S[K]> };

/** Text. */
export const text: Schema<string> = (value) => typeof value === "string" ? value : new Mismatch("invalid_type");

/** A finite number. */
export const number: Schema<number> = (value) =>
  Number.isFinite(value) ? value as number : new Mismatch("invalid_type");

/** One value and no other. */
/* @__NO_SIDE_EFFECTS__ */
export function exactly<const T>(expected: T): Schema<T> {
  return (value) => value === expected ? expected : new Mismatch("invalid_value");
}

/** A value with a rule of its own. @param problem What is wrong with a value that `holds` refuses, as a clause. */
/* @__NO_SIDE_EFFECTS__ */
export function checked<T>(schema: Schema<T>, holds: (value: T) => boolean, problem: string): Schema<T> {
  return (value) => {
    const read = schema(value);
    return read instanceof Mismatch || holds(read) ? read : new Mismatch(problem);
  };
}

/** A value, or null when it is null. */
/* @__NO_SIDE_EFFECTS__ */
export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return (value) => value === null ? null : schema(value);
}

/** A list, all of whose elements the schema reads. */
/* @__NO_SIDE_EFFECTS__ */
export function list<T>(schema: Schema<T>): Schema<T[]> {
  return (value) => {
    if (!Array.isArray(value)) return new Mismatch("invalid_type");
    const items: T[] = [];
    for (const [index, each] of value.entries()) {
      const read = schema(each);
      if (read instanceof Mismatch) return read.within(String(index));
      items.push(read);
    }
    return items;
  };
}

/** An object with these fields; all others are dropped. */
/* @__NO_SIDE_EFFECTS__ */
export function only<S extends Shape>(shape: S): Schema<Fields<S>> {
  const fields = Object.entries(shape);
  return (value) => {
    if (!isObject(value)) return new Mismatch("invalid_type");
    const read: [string, unknown][] = [];
    for (const [name, schema] of fields) {
      const field = schema(value[name]);
      if (field instanceof Mismatch) return field.within(name);
      read.push([name, field]);
    }
    return Object.fromEntries(read) as Fields<S>;
  };
}

/** An object with these fields, which come first; all others are kept as they are, but for `__proto__`, which some code would obey. */
/* @__NO_SIDE_EFFECTS__ */
export function object<S extends Shape>(shape: S): Schema<Fields<S>> {
  const known = only(shape);
  return (value) => {
    const read = known(value);
    if (read instanceof Mismatch) return read;
    const isOther = ([name]: [string, unknown]) => name !== "__proto__" && !Object.hasOwn(shape, name);
    const others = Object.entries(value as Record<string, unknown>).filter(isOther);
    return others.length === 0 ? read : Object.fromEntries([...Object.entries(read), ...others]) as Fields<S>;
  };
}
