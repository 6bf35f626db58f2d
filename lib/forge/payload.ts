/**
 * The text of an event. Only numbers are taken from it, and the words that say of what kind it is: everything else is asked of the forge. Its texts
 * are written by others, and on their way a CI system may have put the values of secret variables into them. Only on GitHub, Gitea and Forgejo the
 * text of a new comment is kept: to be compared with what the forge shows, and for a stop.
 *
 * @module
 */
import { isObject } from "../lookup.ts";
import type { AskEvent } from "./threads.ts";

export const UNREADABLE: AskEvent = { kind: "unreadable" };
export const nothing = (reason: string): AskEvent => ({ kind: "nothing", reason });

export function field(value: unknown, ...names: string[]): unknown {
  return names.reduce<unknown>(
    (each, name) => isObject(each) && Object.hasOwn(each, name) ? each[name] : undefined,
    value,
  );
}

/** A number of the payload: a whole one from 1 on. */
export function numberOf(value: unknown, ...names: string[]): number | undefined {
  const found = field(value, ...names);
  return typeof found === "number" && Number.isSafeInteger(found) && found > 0 ? found : undefined;
}
