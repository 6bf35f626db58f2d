/**
 * The rules that values of options obey.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";

/** Reads a value: see `Option.parse`. */
export type Parse<T> = (text: string, source: string) => T;

function refusal(source: string, why: string, text: string): UsageError {
  return new UsageError({ attempted: `use ${source}`, why, value: JSON.stringify(text) });
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
    throw refusal(source, `it must be one of ${choices.join(", ")}`, text);
  };
}

/** A whole number within a range, both ends included. @param unit For the message: `seconds`. @default none */
export function wholeNumber(min: number, max: number, unit?: string): Parse<number> {
  return (text, source) => {
    const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw refusal(
      source,
      `it must be a whole number ${unit === undefined ? "" : `of ${unit} `}from ${min} to ${max}`,
      text,
    );
  };
}

/** A switch: the flag alone, or a variable that says `true` or `false`. */
export function onOrOff(text: string, source: string): boolean {
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw refusal(source, "it must be true or false", text);
}
