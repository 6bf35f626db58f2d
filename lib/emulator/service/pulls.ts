/**
 * Pull requests of the emulator, and the page that shows one.
 *
 * @module
 */
import { html } from "hono/html";
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
  return `${world.origin}/__pulls/${repo}/${number}`;
}

/** Page of a pull request, with every value escaped; undefined if there is no such pull request. */
export function pullPage(world: World, repo: string, number: string): string | undefined {
  const pull = world.pulls.get(repo)?.find((candidate) => String(candidate.number) === number);
  if (pull === undefined) return undefined;
  const name = `${pull.repo}#${pull.number}`;
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <title>${pull.title} · ${name}</title>
      </head>
      <body>
        <h1>${pull.title}</h1>
        <p>${name}: <code>${pull.branch}</code> into <code>${pull.base}</code></p>
        <pre>${pull.diff === "" ? "A scripted run changes nothing." : pull.diff}</pre>
      </body>
    </html>
  `.toString();
}
