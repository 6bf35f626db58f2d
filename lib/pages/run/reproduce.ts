/**
 * How to look at a run again, to start it again, and to play its end on a laptop. How to follow one that goes on is part of the verdict.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";
import type { ResultView } from "../../result/result_view.ts";
import { block, type Html, markup } from "../blocks.ts";

/** The scenario of the emulator that ends as a run did. */
function scenarioOf({ outcome, failureCode, git, phases }: ResultView): string | undefined {
  if (outcome === "failed") {
    if (phases.at(-1)?.name === "deliver") return "delivery-failure";
    return failureCode === null && phases.at(-1)?.name !== "agent" ? "boot-failure" : "agent-failure";
  }
  if (outcome === "success") return git?.changed === false ? "no-changes" : "success";
  return lookup({ awaiting_input: "awaiting-input", deadline: "stuck-streaming" }, outcome);
}

/** Commands to copy; null for a result that names no run. */
export function reproduce(view: ResultView): Html | null {
  const { runId, kind: { noun }, git } = view;
  if (noun !== "run" || runId === null || !/^[\w-]{1,100}$/.test(runId)) return null;
  const scenario = scenarioOf(view);
  const start = git?.branch.base ? " --create-branch" : "";
  return markup`<p>Look at this run again, with the command-line tool:</p>${
    block(`mogplex-ci report ${runId}`)
  }<p>Start the same task again (the file has the task):</p>${
    block(`mogplex-ci run --follow${start} --key-scope random --prompt-file task.md`)
  }${
    scenario !== undefined &&
    markup`<p>A run that ends in this way, from the emulator, with this text as its scenario file:</p>${
      block(`play: ${scenario}`)
    }`
  }`;
}
