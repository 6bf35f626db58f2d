/**
 * What a step does: it starts a run, follows one that an earlier step, another job or somebody else has started, or triggers an automation
 * and follows its run.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { INPUT } from "../options/automation_input.ts";
import type { VerbFunction } from "../verb.ts";
import { automationsTriggerFollowVerb } from "../verbs/automations_trigger_follow.ts";
import { followRun } from "../verbs/follow.ts";
import { startAndFollow } from "../verbs/run_follow.ts";
import { type InputName, inputText, isOn } from "./inputs.ts";

/** Inputs that say what a new run is to do: neither a run that exists nor an automation takes them. */
const FOR_STARTS: readonly InputName[] = [
  ...["prompt", "prompt-file", "harness", "mode", "base-branch", "branch", "create-branch", "root"] as const,
];

/** A kind of work, chosen by the input that names what it is about. */
interface Kind {
  input: InputName;
  run: VerbFunction;
  /** Inputs that contradict it. */
  refuses: readonly InputName[];
  /** Title of the annotation when it failed before its run could. */
  failed: string;
}

const KINDS: readonly Kind[] = [
  {
    input: "run-id",
    run: followRun,
    refuses: [...FOR_STARTS, "idempotency-key", "automation", "automation-input"],
    failed: "The Mogplex run was not followed",
  },
  {
    input: "automation",
    run: automationsTriggerFollowVerb.run,
    refuses: FOR_STARTS,
    failed: "The Mogplex automation was not triggered",
  },
];

/** What the step is about, and how; undefined when it starts a run. */
function chosen(env: ReadEnv): Kind | undefined {
  return KINDS.find(({ input }) => inputText(env, input) !== undefined);
}

/** The arguments that the verb of the step gets. */
export function argumentsOf(env: ReadEnv): string[] {
  const kind = chosen(env);
  return kind === undefined ? [] : [inputText(env, kind.input)?.trim() ?? ""];
}

/** The values of a flag that can be given several times: lines of the input `automation-input`. */
export function valuesOf(env: ReadEnv, flag: string): string[] {
  if (flag !== INPUT.name) return [];
  return (inputText(env, "automation-input") ?? "").split("\n").map((line) => line.trim()).filter((line) =>
    line !== ""
  );
}

/** The line is not shown: its value may be a secret. */
function checkAutomationInput(env: ReadEnv): void {
  const attempted = "use input automation-input";
  if (inputText(env, "automation-input") === undefined) return;
  if (inputText(env, "automation") === undefined) throw new UsageError({ attempted, why: "input automation is empty" });
  const wrong = valuesOf(env, INPUT.name).findIndex((line) => !/^(?!:=)[^=]+=/.test(line));
  if (wrong < 0) return;
  throw new UsageError({ attempted, why: `line ${wrong + 1} must have the form name=value, or name:=JSON` });
}

/** The work of the step. @throws {UsageError} when inputs contradict each other. */
export function chosenWork(env: ReadEnv): VerbFunction {
  const kind = chosen(env);
  if (kind !== undefined) {
    const attempted = `use input ${kind.input}`;
    const other = kind.refuses.find((name) => inputText(env, name) !== undefined);
    if (other !== undefined) throw new UsageError({ attempted, why: `input ${other} does not go with it` });
    if (!isOn(env, "follow", true)) {
      throw new UsageError({ attempted, why: "the step follows the run, but input follow is false" });
    }
  }
  checkAutomationInput(env);
  return kind?.run ?? startAndFollow;
}

/** Title of the annotation for a step that failed before its run could. */
export function failureTitle(env: ReadEnv): string {
  return chosen(env)?.failed ?? "The Mogplex run was not started";
}
