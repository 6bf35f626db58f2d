/**
 * What an automation is triggered with: the repository, and the input from a file and from single values.
 *
 * @module
 */
import type { TriggerRequest } from "../../automations/plan.ts";
import { UsageError } from "../../errors.ts";
import type { Option, VerbContext } from "../verb.ts";
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

/** One value: `name=text`, or `name:=JSON`. Messages do not show the value: it may be a secret. */
function inputPair(text: string): [name: string, value: unknown] {
  const attempted = "use --input";
  const [, name, sign, value = ""] = /^(?!:=)([^=]+?)(:?=)(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError({ attempted, why: "it must have the form name=value, or name:=JSON" });
  }
  if (sign === "=") return [name, value];
  try {
    return [name, JSON.parse(value)];
  } catch {
    const why = `what follows ":=" is no JSON`;
    throw new UsageError({ attempted, why, value: JSON.stringify(name), advice: "write name=value to send text" });
  }
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
  const text = path === "-" ? await context.io.readStdin() : readCheckoutFile(context, path, attempted);
  let value: unknown;
  try {
    // Editors and shells on Windows put a byte order mark before it.
    value = JSON.parse(text.replace(/^\ufeff/, ""));
  } catch {
    throw new UsageError({ attempted, why: `${JSON.stringify(path)} holds no JSON` });
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
  const repoId = requiredRepo(context, "trigger automation");
  const path = context.option(INPUT_FILE);
  const pairs = inputPairs(context);
  if (path === undefined && pairs.length === 0) return { repoId };
  const file = path === undefined ? {} : await readInputFile(context, path);
  return { repoId, input: Object.fromEntries([...Object.entries(file), ...pairs]) };
}
