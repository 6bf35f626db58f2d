/**
 * `pr-reviews rerun`: runs the review of a pull request again.
 *
 * Each call queues another attempt, and no key protects it: it is sent once. The exit codes for a review that waits for a slot, and for
 * one that was not queued, are those of `automations trigger`.
 *
 * @module
 */
import { checkRepository, resolveRepository } from "../../service/repository.ts";
import { isAmbiguous } from "../../service/retry.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import type { PrReviewRerun } from "../../model.ts";
import { openOneShot } from "../job/run_job.ts";
import { shownRerun } from "../log/lists.ts";
import { JSON_LINES, REPO, requiredRepo, wholeNumber } from "../options.ts";
import type { Option, Verb } from "../verb.ts";
import { ASKING } from "./codes.ts";

const PR: Option<number> = {
  name: "pr",
  value: "N",
  help: "Number of the pull request; required",
  parse: wholeNumber(1, 999_999_999),
};

/** The exit code of a rerun, and why it is not success. */
function endOf(
  { queued, started, jobRunId, reason, prNumber }: PrReviewRerun,
): { code: number; problem: string | null } {
  const why = reason === null ? "" : ` (${reason})`;
  if (started) return { code: EXIT.success, problem: null };
  if (!queued) {
    return {
      code: EXIT.rateLimited,
      problem: `Cannot rerun review of pull request ${prNumber}: nothing was queued${why}`,
    };
  }
  const problem =
    `Cannot say that the review of pull request ${prNumber} runs: run "${jobRunId}" waits for a slot${why}; do not ` +
    "run it again, that would queue another one";
  return { code: EXIT.deadline, problem };
}

export const prReviewsRerunVerb: Verb = {
  name: "pr-reviews rerun",
  usage: "--pr N",
  maxPositionals: 0,
  summary: "Run the review of a pull request again; each call queues another one",
  group: "toolkit",
  flags: [REPO, PR, JSON_LINES],
  codes: [ASKING, "deadline"],
  meanings: {
    success: "the review runs",
    rateLimited: "429 for longer than it waits; nothing was queued",
    deadline: "the review waits for a slot",
  },
  examples: ["mogplex-ci pr-reviews rerun --repo acme/web --pr 7"],
  async run(context) {
    const { flags, writer } = context;
    const attempted = "rerun review";
    const repository = checkRepository({ repo: requiredRepo(context, attempted) }, attempted);
    const prNumber = context.option(PR);
    if (prNumber === undefined) {
      throw new UsageError({ attempted, why: "a pull request is missing", advice: "give --pr" });
    }
    const { session: { client }, call } = openOneShot(context);
    const repoId = await resolveRepository(client, repository, call);
    const result = await client.rerunPrReview({ repoId, prNumber }, call).catch((error) => {
      if (error instanceof MogplexError && isAmbiguous(error)) {
        writer.note("the review may have been queued nevertheless: look at the pull request before you run it again");
      }
      throw error;
    });
    const { code, problem } = endOf(result);
    const { jobRunId, status } = result;
    const line = `queued review of pull request ${prNumber}: run ${jobRunId} (${status ?? "status unknown"})`;
    if (flags.has("json")) writer.json(shownRerun(result));
    else if (result.queued) writer.out(writer.untrusted(line));
    if (problem !== null) writer.error(problem);
    return code;
  },
};
