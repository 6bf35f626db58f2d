/**
 * The verdict on a run for somebody who did not see it: how it ended, why, and what to do.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { lookup } from "../../lookup.ts";
import { headlineOf } from "../../result/headline.ts";
import type { Outcome } from "../../result/run_result.ts";
import type { ResultView } from "../../result/result_view.ts";
import { PHASE_WORDS } from "../../result/words.ts";
import { block, link, markup, type Part, type Tone } from "../blocks.ts";
import type { Verdict } from "../page.ts";

const TONES: Readonly<Partial<Record<ResultView["outcome"], Tone>>> = {
  success: "good",
  failed: "bad",
  error: "bad",
  started: "none",
};

// By exit code, for jobs that ended without a verdict of the service.
const AFTER_ERRORS: readonly (readonly [code: number, text: string])[] = [
  [EXIT.usage, "Correct what the reason names, then start the job again. A retry alone changes nothing."],
  [EXIT.unavailable, "Look whether the service and the network are up, then retry the job: nothing is started twice."],
  [EXIT.rateLimited, "Wait until the limit allows more, then retry the job: nothing is started twice."],
  [EXIT.internal, "Report this as an error of the toolkit, with the log of the job."],
];

function afterSuccess({ git }: ResultView): Part {
  const url = git?.pullRequest.url ?? null;
  if (url !== null) return markup`Review the pull request ${link(url)}`;
  if (git?.changed === false) return "Nothing: the agent changed nothing.";
  if (git?.branch.pushed) {
    return "Look at the branch that the agent has pushed; there is no pull request that is known of.";
  }
  return "Look whether the work is there: no event that was seen says where it is.";
}

function nextOf(view: ResultView): Part {
  const { outcome, resume, exitCode, kind: { noun } } = view;
  const texts: Readonly<Record<Exclude<Outcome, "success" | "error"> | "suppressed", string>> = {
    failed: `Correct what the reason names. Where a second try can help, start the ${noun} again.`,
    cancelled: `Somebody has cancelled the ${noun}. Start it again if it is still wanted.`,
    awaiting_input: "Answer the agent in the app.",
    deadline: `The ${noun} may still be going on: follow it again.`,
    interrupted: resume === null ? `Start the ${noun} again if it is still wanted.` : `Follow the ${noun} again.`,
    started: "Follow it.",
    suppressed: "Wait until one of the active runs has ended, then trigger it again.",
  };
  if (outcome === "success") return afterSuccess(view);
  if (outcome === "error") return AFTER_ERRORS.find(([code]) => code === exitCode)?.[1];
  return lookup(texts, outcome);
}

/** The first line, of which each name keeps its direction to itself. */
function heading(view: ResultView): Part {
  const { where, title, end, more } = headlineOf(view);
  const names = [where, title].filter((part) => part !== null);
  const what = names.map((name, index) => markup`${index > 0 && ": "}<bdi>${name}</bdi>`);
  // In a text of its own: the built file is ASCII, and a tagged template cannot be escaped.
  return markup`${names.length === 0 ? `Mogplex ${view.kind.noun}` : what}${` \u2192 ${end} ${more}`}`;
}

/** The beginning of the page. */
export function verdictOf(view: ResultView): Verdict {
  const { verdict: { word }, outcome, exitCode, reason, advice, nextStep, phases, resume } = view;
  const last = lookup(PHASE_WORDS, phases.at(-1)?.name ?? "");
  const next = advice ?? nextStep ?? nextOf(view);
  const steps: Part[] = next === undefined ? [] : [next];
  if (resume !== null) steps.push(markup`To follow it again:${block(resume, 2_000)}`);
  return {
    tone: lookup(TONES, outcome) ?? "wait",
    headline: heading(view),
    line: markup`<strong>${word}</strong>, exit code ${exitCode}${
      outcome === "failed" && last !== undefined && `, in ${last}`
    }`,
    reason,
    next: steps,
  };
}
