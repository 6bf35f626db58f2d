/**
 * What an automation is triggered with: the repository, and the input from a file and from single values.
 *
 * @module
 */
import type { TriggerRequest } from "../../automations/plan.ts";
import { UsageError } from "../../errors.ts";
import type { Option, VerbContext, VerbFlag } from "../verb.ts";
import { requiredRepo } from "./arguments.ts";
import { readCheckoutFile } from "./checkout_file.ts";
import { anyText } from "./values.ts";

/** Single values of the input. */
export const INPUT: Option<string> = {
  name: "input",
  value: "NAME=VALUE",
  multiple: true,
  help: "Input as text, or with := as JSON (count:=3); may be given several times",
  parse: anyText,
};

/** A file with the whole input. */
export const INPUT_FILE: Option<string> = {
  name: "input-file",
  value: "FILE",
  help: "Input as a JSON object, - for standard input; --input wins over it",
  parse: anyText,
};

/** The input of a trigger. */
export const INPUTS: readonly VerbFlag[] = [INPUT, INPUT_FILE];

// A text, or a number. A text comes first, so that digits in it are no number.
const TEXT_OR_NUMBER = /"[^"]*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Whether JSON has a whole number that would be sent with other digits: `JSON.parse` keeps about sixteen of them. */
function losesDigits(json: string): boolean {
  // Backslashes stand in texts only. Without what follows them, a text ends at its next quotation mark.
  const tokens = json.replace(/\\./gs, "").match(TEXT_OR_NUMBER) ?? [];
  return tokens.some((token) => {
    const value = Number(token);
    // Numbers that are too large for JSON are refused with the request.
    return /^-?\d+$/.test(token) && Number.isFinite(value) && !Number.isSafeInteger(value) &&
      BigInt(token) !== BigInt(value);
  });
}

const TOO_MANY_DIGITS = "it has a whole number with more digits than a number of JSON keeps";

/** One value: `name=text`, or `name:=JSON`. Messages do not show the value: it may be a secret. */
function inputPair(text: string): [name: string, value: unknown] {
  const attempted = "use --input";
  const [, name, sign, value = ""] = /^(?!:=)([^=]+?)(:?=)(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError({ attempted, why: "it must have the form name=value, or name:=JSON" });
  }
  if (sign === "=") return [name, value];
  const refused = (why: string) =>
    new UsageError({ attempted, why, value: JSON.stringify(name), advice: "write name=value to send text" });
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw refused(`what follows ":=" is no JSON`);
  }
  if (losesDigits(value)) throw refused(TOO_MANY_DIGITS);
  return [name, parsed];
}

/** The values of `--input`. @throws {UsageError} for one without a name, and for a name that is given twice. */
function inputPairs({ flags }: VerbContext): [name: string, value: unknown][] {
  const pairs = flags.all(INPUT.name).map(inputPair);
  const twice = pairs.find(([name], index) => pairs.findIndex(([other]) => other === name) < index);
  if (twice === undefined) return pairs;
  throw new UsageError({ attempted: "use --input", why: "a name is given twice", value: JSON.stringify(twice[0]) });
}

/** The object that a file holds; `-` is standard input. @throws {UsageError} when it holds none. */
async function readInputFile(context: VerbContext, path: string): Promise<Record<string, unknown>> {
  const attempted = "read input";
  const given = path === "-" ? await context.io.readStdin() : readCheckoutFile(context, path, attempted);
  // Editors and shells on Windows put a byte order mark before it.
  const text = given.replace(/^\ufeff/, "");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UsageError({ attempted, why: `${JSON.stringify(path)} holds no JSON` });
  }
  if (losesDigits(text)) {
    const advice = "write that number as a text";
    throw new UsageError({ attempted, why: TOO_MANY_DIGITS, value: JSON.stringify(path), advice });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UsageError({ attempted, why: `${JSON.stringify(path)} must hold a JSON object, {"name": value, …}` });
}

/**
 * The request, complete. A single value wins over one of the file.
 *
 * @throws {UsageError} naming what is missing or breaks a rule; nothing was sent.
 */
export async function readTriggerRequest(context: VerbContext): Promise<TriggerRequest> {
  const repo = requiredRepo(context, "trigger automation");
  const path = context.option(INPUT_FILE);
  const pairs = inputPairs(context);
  if (path === undefined && pairs.length === 0) return { repo };
  const file = path === undefined ? {} : await readInputFile(context, path);
  return { repo, input: Object.fromEntries([...Object.entries(file), ...pairs]) };
}
