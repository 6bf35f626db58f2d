import type { Clock } from "../clock.ts";
import { withLimit } from "../service/answer.ts";
import type { PullRequestFacts } from "./model.ts";
import type { OpenPull } from "./forge.ts";

const READ_MS = 10_000;
const ATTEMPT_MS = 5_000;

/** Returns Markdown without untrusted text. Errors are not thrown, because the note is more important. */
export async function pullNeeds({ forge, client, address }: OpenPull, clock: Clock): Promise<string | null> {
  try {
    const [outcome] = await withLimit((signal) => {
      const limits = { signal, deadline: clock.now() + READ_MS, requestTimeoutMs: ATTEMPT_MS };
      return forge.pulls.read(client.within({ limits, reason: () => undefined }), [address]);
    }, { clock, limitMs: READ_MS, signal: undefined });
    return outcome?.ok === true ? needsOf(outcome.facts) : null;
  } catch {
    return null;
  }
}

function needsOf({ state, draft, checks, review, conflict, isBehind, problem }: PullRequestFacts): string | null {
  if (state !== "open") return null;
  const needs = [
    draft && "it is a draft",
    conflict === true && "it conflicts with the target branch",
    isBehind && "it is behind the target branch",
    checks === "red" && "its checks are red",
    checks === "pending" && "its checks have not finished",
    review === "changes-requested" && "a review requests changes",
  ].filter((need) => need !== false);
  const unknown = problem === null ? "" : ` ${problem}.`;
  if (review === "requested" || review === "not-requested") {
    // If no rule requires a review, the forge would merge the agent's work without a review.
    const missing = "the newest commit is not approved";
    if (needs.length === 0) return `**Needs a review:** ${missing}.${unknown}`;
    needs.push(missing);
  }
  if (needs.length > 0) return `**Not ready to merge:** ${needs.join("; ")}.${unknown}`;
  if (problem !== null) return `**Unknown whether it is ready to merge.**${unknown}`;
  const start = "**Ready to merge:** the newest commit is approved";
  return checks === "none" ? `${start}. It has no checks.` : `${start}, and its checks are green.`;
}
