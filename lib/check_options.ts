import { UsageError } from "./errors.ts";
import { lookup } from "./lookup.ts";
import { nearest } from "./nearest.ts";

export type Kind = "string" | "number" | "boolean" | "function" | "object" | "list" | "signal" | "clock" | "any";

export type Keys<T> = Readonly<Record<keyof T & string, Kind>>;

/** Keys whose value is never shown in a message. */
const HIDDEN: readonly string[] = ["token", "secrets", "headers", "prompt", "input", "idempotencyKey"];

const NEIGHBORS: Readonly<Record<string, string>> = {
  apiKey: "token",
  baseURL: "url",
  baseUrl: "url",
  defaultHeaders: "headers",
  maxRetries: "maxAttempts",
  onAbort: "cancelOn",
  onTimeout: "cancelOn",
  timeout: "timeoutMs",
};

function meantOption(key: string, keys: Readonly<Record<string, Kind>>): string | undefined {
  const neighbor = lookup(NEIGHBORS, key);
  return neighbor !== undefined && lookup(keys, neighbor) !== undefined ? neighbor : nearest(key, Object.keys(keys));
}

/** A short form of a value for a message; never a secret. */
export function shown(key: string, value: unknown): string {
  if (value === null || Array.isArray(value)) return value === null ? "null" : "a list";
  if (typeof value === "object" || typeof value === "function") {
    return typeof value === "object" ? "an object" : "a function";
  }
  if (HIDDEN.includes(key)) return `a ${typeof value}`;
  return (typeof value === "string" ? JSON.stringify(value) : String(value)).slice(0, 80);
}

function hasMethods(value: unknown, names: readonly string[]): boolean {
  const methods = value as Readonly<Record<string, unknown>> | null;
  return typeof methods === "object" && methods !== null && names.every((name) => typeof methods[name] === "function");
}

function checkKind(attempted: string, key: string, value: unknown, kind: Kind): void {
  const refuse = (what: string, advice?: string) =>
    new UsageError({ attempted, why: `'${key}' must be ${what}`, value: shown(key, value), advice });
  if (kind === "any") return;
  if (kind === "signal") {
    if (hasMethods(value, ["addEventListener", "throwIfAborted"])) return;
    const isController = hasMethods(value, ["abort"]);
    throw refuse("an AbortSignal", isController ? "pass the 'signal' of the AbortController" : undefined);
  }
  if (kind === "list") {
    if (!Array.isArray(value)) throw refuse("a list");
    return;
  }
  if (kind === "clock") {
    if (!hasMethods(value, ["now", "wallTime", "sleep"])) throw refuse("a clock with now(), wallTime() and sleep()");
  } else if (typeof value !== kind || value === null) throw refuse(`${kind === "object" ? "an" : "a"} ${kind}`);
}

/** A spread would accept any other value and find no options. */
function checkObject(attempted: string, value: unknown, what: string): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return;
  throw new UsageError({ attempted, why: `${what} must be an object`, value: shown(what, value) });
}

export function checkOptions<T>(
  attempted: string,
  options: T,
  keys: Readonly<Record<string, Kind>>,
  what = "options",
  ...others: readonly ({ keys: Readonly<Record<string, Kind>>; advice: string } | undefined)[]
): T {
  checkObject(attempted, options, what);
  for (const [key, value] of Object.entries(options as object)) {
    if (value === undefined) continue;
    const kind = lookup(keys, key);
    if (kind === undefined) {
      const near = meantOption(key, keys);
      const other = others.find((each) => each !== undefined && lookup(each.keys, key) !== undefined);
      const advice = other !== undefined
        ? other.advice
        : near === undefined
        ? `use one of ${Object.keys(keys).join(", ")}`
        : `did you mean '${near}'?`;
      throw new UsageError({ attempted, why: `unknown key '${key.slice(0, 80)}' in ${what}`, advice });
    }
    checkKind(attempted, key, value, kind);
  }
  // Other code in the process may have written to `Object.prototype`. Such keys are not options of the caller.
  const foreign = Object.keys(keys).filter((key) => key in Object.prototype && !Object.hasOwn(options as object, key));
  if (foreign.length === 0) return options;
  return { ...options, ...Object.fromEntries(foreign.map((key) => [key, undefined])) };
}
