/** Decides what to do after a run. The tests beside this file test this code.
 */
// @ts-check

/**
 * Runs a task, and returns one word: what to do next.
 *
 * @param {import("@mogplex/ci").Mogplex} mogplex
 * @param {string} repo
 * @param {string} prompt
 */
export async function decide(mogplex, repo, prompt) {
  const options = { throwOnFailure: false, timeoutMs: 30 * 60_000 };
  const { outcome, pullRequest } = await mogplex.run({ repo, prompt, createBranch: true }, options);
  if (outcome === "success") return pullRequest.state === "open" ? "review" : "nothing to do";
  return outcome === "deadline" ? "look again later" : "call a person";
}
