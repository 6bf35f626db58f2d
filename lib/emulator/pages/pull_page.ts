/**
 * The page of a pull request, with its diff.
 *
 * @module
 */
import { html } from "hono/html";
import type { World } from "../state/world.ts";
import { type Html, page } from "./page.ts";

/** Most lines of a diff that are shown. */
const MAX_LINES = 5_000;

function kindOf(line: string): string {
  if (/^(?:diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity )/.test(line)) return "file";
  if (line.startsWith("@@")) return "hunk";
  return line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "";
}

function diffOf(diff: string): Html {
  if (diff === "") return html`<p class="soft">A scripted run changes nothing.</p>`;
  const lines = diff.replace(/\n$/, "").split("\n");
  const shown = lines.slice(0, MAX_LINES).map((line) => html`<span class="${kindOf(line)}">${line}</span>\n`);
  const left = lines.length - shown.length;
  return html`<pre class="diff">${shown}</pre>${
    left > 0 ? html`<p class="soft">${left} more lines are not shown.</p>` : ""
  }`;
}

/** Page of a pull request, with every value escaped; undefined if there is no such pull request. */
export function pullPage(world: World, repo: string, number: string): string | undefined {
  const pull = world.pulls.get(repo)?.find((candidate) => String(candidate.number) === number);
  if (pull === undefined) return undefined;
  const name = `${pull.repo}#${pull.number}`;
  const body = html`
    <p><a href="/">All runs and pull requests</a></p>
    <h1>${pull.title}</h1>
    <p>${name}: <code>${pull.branch}</code> into <code>${pull.base}</code></p>
    ${diffOf(pull.diff)}
  `;
  return page(`${pull.title} · ${name}`, body);
}
