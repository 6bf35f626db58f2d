/**
 * Only the numbers and the kind of the event are used. All other data is requested from the forge. Other users write the text in an event, and a CI
 * system may have expanded secret variables in this text. On GitHub, Gitea and Forgejo, the text of a new comment is kept for comparison with the
 * forge's text, and can stop a run.
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

export function numberOf(value: unknown, ...names: string[]): number | undefined {
  const number = field(value, ...names);
  return typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}
