/**
 * Inputs of triggers in later revisions: typed ones of automations with an API trigger, and the names that other automations drop.
 *
 * @module
 */
import { Refusal } from "../refusal.ts";
import type { Revision } from "../../state/revision.ts";
import type { AutomationInput, AutomationRow } from "../../state/rows.ts";

/** Input of a trigger. */
export type TriggerInput = Record<string, unknown>;

// Source: contract notes of November 2026, typed inputs: 2 000 characters by default, JSON 64 KiB, 512 KiB in all.
const DEFAULT_MAX_LENGTH = 2_000;
const MAX_JSON_BYTES = 64 * 1_024;
const MAX_INPUT_BYTES = 512 * 1_024;

// Source: as above, names that all other automations drop.
const DROPPED_PREFIXES = ["flow_", "repo_", "sandbox_", "source", "dispatch_", "trigger", "input"];
const DROPPED_NAMES = [
  "working_branch",
  "installation_id",
  "team_id",
  "default_branch",
  "webhook",
  "slack",
  "schedule",
];

/** Whether an automation has an API trigger. */
export function hasApiTrigger({ startEvent }: Pick<AutomationRow, "startEvent">): boolean {
  return startEvent === "api";
}

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value)).length;

/** What is wrong with a text, or undefined. */
function textProblem({ pattern, maxLength }: AutomationInput, text: string): string | undefined {
  const max = maxLength ?? DEFAULT_MAX_LENGTH;
  if (text.length > max) return `must be at most ${max} characters`;
  if (pattern !== null && !new RegExp(pattern, "u").test(text)) return `must match ${pattern}`;
  return undefined;
}

/** What is wrong with a value, or undefined. */
function valueProblem(input: AutomationInput, value: unknown): string | undefined {
  if (input.type === "string" && typeof value !== "string") return "must be a string";
  if (input.type === "integer" && !Number.isSafeInteger(value)) return "must be an integer";
  if (input.type === "boolean" && typeof value !== "boolean") return "must be a boolean";
  if (input.type === "json" && bytesOf(value) > MAX_JSON_BYTES) {
    return `must be at most ${MAX_JSON_BYTES} bytes of JSON`;
  }
  if (input.enum !== null && !input.enum.includes(value)) return `must be one of ${input.enum.join(", ")}`;
  return typeof value === "string" && input.type === "string" ? textProblem(input, value) : undefined;
}

/** @throws {Refusal} 400 for the first input that the automation does not declare, or declares otherwise. */
function checkInputs({ inputs }: AutomationRow, given: TriggerInput): void {
  const bad = (message: string) => new Refusal(400, "BAD_REQUEST", message);
  if (bytesOf(given) > MAX_INPUT_BYTES) throw bad(`input must be at most ${MAX_INPUT_BYTES} bytes of JSON`);
  for (const [name, value] of Object.entries(given)) {
    const declared = inputs.find((input) => input.name === name);
    if (declared === undefined) throw bad(`Unknown input: ${name}`);
    const problem = valueProblem(declared, value);
    if (problem !== undefined) throw bad(`Input ${name} ${problem}`);
  }
  const missing = inputs.find(({ name, required }) => required && !Object.hasOwn(given, name));
  if (missing !== undefined) throw bad(`Input ${missing.name} is required`);
}

/** Whether an automation without an API trigger drops an input of this name. */
export function isDropped(name: string): boolean {
  return DROPPED_NAMES.includes(name) || DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * The input that a run gets.
 *
 * @throws {Refusal} 400 for an input that the API trigger does not declare so.
 */
export function acceptInput(revision: Revision, automation: AutomationRow, given: TriggerInput): TriggerInput {
  if (hasApiTrigger(automation)) {
    if (revision.typedInputs) checkInputs(automation, given);
    return given;
  }
  if (!revision.dropsInputs) return given;
  return Object.fromEntries(Object.entries(given).filter(([name]) => !isDropped(name)));
}
