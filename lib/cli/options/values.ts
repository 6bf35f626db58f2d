/**
 * The rules that values of options obey.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { nearest } from "../../nearest.ts";
import { DURATION_FORMS, parseDuration } from "../../result/duration.ts";

/** Reads a value: see `Option.parse`. */
export type Parse<T> = (text: string, source: string) => T;

function refusal(source: string, why: string, text: string, hint?: string): UsageError {
  const advice = hint === undefined ? undefined : `did you mean ${JSON.stringify(hint)}?`;
  return new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text), advice });
}

/** Any text; the code that uses it checks it. */
export function anyText(text: string): string {
  return text;
}

/** One of some choices. */
export function oneOf<T extends string>(choices: readonly T[]): Parse<T> {
  return (text, source) => {
    const choice = choices.find((each) => each === text);
    if (choice !== undefined) return choice;
    throw refusal(source, `it must be one of ${choices.join(", ")}`, text, nearest(text, choices));
  };
}

/** A whole number within a range, both ends included. */
export function wholeNumber(min: number, max: number): Parse<number> {
  return (text, source) => {
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw refusal(source, `it must be a whole number from ${min} to ${max}`, text);
  };
}

/**
 * A duration in milliseconds: a number of seconds, or parts such as `30m` and `1h30m`.
 *
 * @param maxMs Most milliseconds. The least is one second.
 */
export function duration(maxMs: number): Parse<number> {
  return (text, source) => {
    const ms = parseDuration(text.trim()) ?? 0;
    if (ms >= 1_000 && ms <= maxMs) return ms;
    throw refusal(source, `it must be a time like ${DURATION_FORMS}, at most ${maxMs / 3_600_000}h`, text);
  };
}

/** A switch: the flag alone, or a variable that says `true` or `false`. */
export function onOrOff(text: string, source: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw refusal(source, "it must be true or false", text);
}
