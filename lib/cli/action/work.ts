/**
 * What a step does: it starts a run, or follows one that an earlier step, another job or somebody else has started.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import type { VerbFunction } from "../verb.ts";
import { followRun } from "../verbs/follow.ts";
import { startAndFollow } from "../verbs/run_follow.ts";
import { type InputName, inputText, isOn } from "./inputs.ts";

/** Inputs that say something about a start alone, and are empty unless the workflow gives them. */
const FOR_STARTS: readonly InputName[] = ["prompt", "prompt-file", "idempotency-key"];

function givenRunId(env: ReadEnv): string | undefined {
  return inputText(env, "run-id")?.trim();
}

/** The arguments that the verb of the step gets. */
export function argumentsOf(env: ReadEnv): string[] {
  const runId = givenRunId(env);
  return runId === undefined ? [] : [runId];
}

/** The work of the step. @throws {UsageError} when inputs contradict each other. */
export function chosenWork(env: ReadEnv): VerbFunction {
  if (givenRunId(env) === undefined) return startAndFollow;
  const attempted = "use input run-id";
  const other = FOR_STARTS.find((name) => inputText(env, name) !== undefined);
  if (other !== undefined) {
    const why = `input ${other} is given as well, and a run that exists takes none`;
    throw new UsageError({ attempted, why, advice: "leave one of them empty" });
  }
  if (isOn(env, "follow", true)) return followRun;
  throw new UsageError({ attempted, why: "input follow is false, so that there is nothing to do" });
}

/** Title of the annotation for a step that failed before its run could. */
export function failureTitle(env: ReadEnv): string {
  return givenRunId(env) === undefined ? "The Mogplex run was not started" : "The Mogplex run was not followed";
}
