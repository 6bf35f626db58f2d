/**
 * What a verb cannot do without: its argument, a run, a repository.
 *
 * @module
 */
import { isUuid } from "../../api/contract/rules.ts";
import { UsageError } from "../../errors.ts";
import { readTextVariable } from "../../platforms/file_variable.ts";
import type { VerbContext } from "../verb.ts";
import { REPO } from "./table.ts";

/** The argument of a verb. @throws {UsageError} when it is missing or empty. */
export function requiredArgument({ flags }: VerbContext, verb: string, name: string): string {
  const value = flags.positionals[0]?.trim() ?? "";
  if (value !== "") return value;
  throw new UsageError({
    attempted: `parse arguments of ${verb}`,
    why: `<${name}> is missing`,
    advice: "give it as an argument",
  });
}

function runIdText({ io, flags }: VerbContext): string {
  return flags.positionals[0]?.trim() || readTextVariable(io.env, "MOGPLEX_RUN_ID")?.trim() || "";
}

/** Whether argument or variable name a run. */
export function namesRun(context: VerbContext): boolean {
  return runIdText(context) !== "";
}

/** The run that a verb is about; null when it has none, or not by a UUID. */
export function givenRunId(context: VerbContext): string | null {
  const runId = runIdText(context);
  return isUuid(runId) ? runId.toLowerCase() : null;
}

/** The run that a verb is about: its argument, else `MOGPLEX_RUN_ID`. @throws {UsageError} when there is none. */
export function requiredRunId(context: VerbContext, attempted: string): string {
  const { vocabulary } = context;
  const runId = runIdText(context);
  if (runId !== "") return runId;
  throw new UsageError({ attempted, why: "the id of a run is missing", advice: `give ${vocabulary.runId}` });
}

/** The repository of a verb, by name or id. @throws {UsageError} when there is none. */
export function requiredRepo({ option, vocabulary }: VerbContext, attempted: string): string {
  const repo = option(REPO);
  if (repo !== undefined) return repo;
  throw new UsageError({ attempted, why: "a repository is missing", advice: `give ${vocabulary.repo}` });
}
