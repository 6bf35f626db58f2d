/**
 * The text of an event. Only its numbers and its kind are used; everything else is requested from the forge. Other people write its texts, and a CI
 * system may have expanded secret variables in them. Only on GitHub, Gitea and Forgejo the text of a new comment is kept: it is compared with the
 * forge's, and can stop a run.
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

/** A whole number from 1 on. */
export function numberOf(value: unknown, ...names: string[]): number | undefined {
  const number = field(value, ...names);
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
