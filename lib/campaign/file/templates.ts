/**
 * Templates: `{{ name }}` stands for the value of a variable. `{{{{` is the text `{{`, and `${{ … }}` stays as it is.
 *
 * A value is inserted as it is: braces in it are no template.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { nearest } from "../../nearest.ts";

/** Part of a template: a text, or a variable with the place where it is written. */
export type TemplatePart = string | { name: string; offset: number; length: number };

/** What is wrong at a place of a template. */
export interface TemplateProblem {
  /** Offset in the text, in UTF-16 units. */
  offset: number;
  /** Length of the part at fault. */
  length: number;
  /** What is wrong, what is allowed, and the nearest name. */
  message: string;
}

/** A template in parts. */
export interface Template {
  parts: TemplatePart[];
  /** Places that begin like a variable and are none. */
  problems: TemplateProblem[];
}

/** Most problems of one text that are told. */
const MAX_PROBLEMS = 100;
/** Longest name that is compared with the known ones. */
const MAX_NAME = 100;
/** Most UTF-16 units of a text that was filled in: ten times what the service takes. A few variables could make one of gigabytes. */
const MAX_TEXT = 1_000_000;

// Sticky, and nothing that it repeats can contain the next `{{`: a text of any kind is read in linear time.
const VARIABLE = /\{\{[ \t]*([A-Za-z][\w.-]*)[ \t]*\}\}/y;

/** Takes a template apart, in linear time. */
export function parseTemplate(text: string): Template {
  const parts: TemplatePart[] = [];
  const problems: TemplateProblem[] = [];
  let from = 0;
  for (let at = text.indexOf("{{"); at >= 0; at = text.indexOf("{{", at)) {
    if (text.startsWith("{{{{", at)) {
      parts.push(text.slice(from, at + 2));
      at += 4;
      from = at;
      continue;
    }
    if (text[at - 1] === "$") {
      at += 2;
      continue;
    }
    VARIABLE.lastIndex = at;
    const [all, name] = VARIABLE.exec(text) ?? [];
    if (all === undefined || name === undefined) {
      const shown = /^\{\{[^\n]{0,30}/.exec(text.slice(at, at + 32))?.[0] ?? "{{";
      const message = `${JSON.stringify(shown)} is no variable; write {{ name }}, or {{{{ for the text {{`;
      if (problems.length < MAX_PROBLEMS) problems.push({ offset: at, length: 2, message });
      at += 2;
      continue;
    }
    parts.push(text.slice(from, at), { name, offset: at, length: all.length });
    at += all.length;
    from = at;
  }
  parts.push(text.slice(from));
  return { parts: parts.filter((part) => part !== ""), problems };
}

/** Names of the variables of a template, each once, in the order of the text. */
export function variablesIn({ parts }: Template): string[] {
  return [...new Set(parts.flatMap((part) => typeof part === "string" ? [] : [part.name]))];
}

/**
 * Everything that is wrong with a template.
 *
 * @param known Names of all variables that have a value.
 */
export function templateProblems(text: string, known: readonly string[]): TemplateProblem[] {
  const { parts, problems } = parseTemplate(text);
  const names = new Set(known);
  for (const part of parts) {
    if (typeof part === "string" || names.has(part.name)) continue;
    if (problems.length >= MAX_PROBLEMS) break;
    const near = part.name.length > MAX_NAME ? undefined : nearest(part.name, known);
    const hint = near === undefined ? `known are ${known.slice(0, 20).join(", ")}` : `did you mean "{{ ${near} }}"?`;
    const name = part.name.slice(0, MAX_NAME);
    const message = `there is no variable "${name}"; give it in variables, or write {{{{ for the text {{; ${hint}`;
    problems.push({ offset: part.offset, length: part.length, message });
  }
  return problems.sort((a, b) => a.offset - b.offset);
}

/**
 * The text of a template.
 *
 * @param values Values by name. A place that is no variable stays as it is.
 * @throws {UsageError} when a variable has no value, or the text would have more than a million UTF-16 units.
 */
export function renderTemplate(text: string | Template, values: Readonly<Record<string, string>>): string {
  const { parts } = typeof text === "string" ? parseTemplate(text) : text;
  const attempted = "fill in a template";
  let whole = "";
  for (const part of parts) {
    const value = typeof part === "string" ? part : lookup(values, part.name);
    if (value === undefined) {
      const name = typeof part === "string" ? part : part.name;
      const why = "a variable has no value";
      throw new UsageError({ attempted, why, value: JSON.stringify(name), advice: "give it in variables" });
    }
    if (whole.length + value.length > MAX_TEXT) {
      throw new UsageError({ attempted, why: `the text would have more than ${MAX_TEXT} characters` });
    }
    whole += value;
  }
  return whole;
}
