/**
 * Pull requests of the emulator.
 *
 * @module
 */
import type { World } from "../state/world.ts";

// Source: API reference, "Branches and pull requests".
const MAX_TITLE_LENGTH = 72;

/**
 * Opens a pull request, or updates the one of the same branch.
 *
 * @param pull The first line of its `prompt` becomes the title.
 * @returns Address of its page.
 */
export function openPull(
  world: World,
  pull: { repo: string; prompt: string; base: string; branch: string; diff: string },
): string {
  const { repo, base, branch, diff } = pull;
  const title = (pull.prompt.split("\n")[0] ?? "").slice(0, MAX_TITLE_LENGTH);
  const pulls = world.pulls.get(repo) ?? [];
  world.pulls.set(repo, pulls);
  const known = pulls.find((candidate) => candidate.branch === branch);
  const number = known?.number ?? pulls.length + 1;
  if (known !== undefined) Object.assign(known, { title, base, diff });
  else pulls.push({ number, repo, title, base, branch, diff });
  return `${world.origin}/${repo}/pull/${number}`;
}
