/**
 * The page at `/`: how to point the tool at the emulator, its runs, and its pull requests.
 *
 * @module
 */
import { html } from "hono/html";
import { isTerminal } from "../../api/contract/rules.ts";
import { isLoopback } from "../../loopback.ts";
import { firstAccount } from "../service/account.ts";
import type { RunRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";
import { type Html, page, scrolling, statusChip } from "./page.ts";
import { pullPath, runPath, timeOfDay } from "./run_page.ts";

/** Newest runs and pull requests that are shown. */
const MAX_ROWS = 100;

/** Variables and a command to paste. The token is shown on this machine only. */
function settings(world: World): string {
  const account = firstAccount(world);
  const token = isLoopback(new URL(world.origin).host) ? account?.token : undefined;
  return [
    "export MOGPLEX_DEV=1",
    `export MOGPLEX_URL=${world.origin}`,
    `export MOGPLEX_API_KEY=${token ?? "…  # the token of the line on standard output"}`,
    `export MOGPLEX_REPO_ID=${account?.repos[0]?.id ?? "…"}`,
    'node mogplex.mjs run --follow --create-branch "Fix the flaky tests"',
  ].join("\n");
}

function runRow(world: World, run: RunRow): Html {
  const pull = pullPath(world, run);
  return html`
    <tr>
      <td>${timeOfDay(run.created_at)}</td>
      <td>${statusChip(run.status)}</td>
      <td>${world.store.repos.get(run.repo_id)?.full_name ?? run.repo_id}</td>
      <td><a href="${runPath(run)}">${(run.prompt.split("\n")[0] ?? "").slice(0, 100) || "(no text)"}</a></td>
      <td>${pull === undefined ? "" : html`<a href="${pull}">pull request</a>`}</td>
    </tr>
  `;
}

function more(shown: number, all: number): Html | "" {
  return shown < all ? html`<p class="soft">The newest ${shown} of ${all}.</p>` : "";
}

/** The page at `/`. */
export function homePage(world: World): string {
  const runs = [...world.store.runs.values()];
  const newest = runs.slice(-MAX_ROWS).reverse();
  const pulls = [...world.pulls.values()].flat();
  const pullRows = pulls.slice(-MAX_ROWS).reverse().map((pull) =>
    html`
      <tr>
        <td><a href="/${pull.repo}/pull/${pull.number}">${pull.repo}#${pull.number}</a></td>
        <td>${pull.title}</td>
        <td><code>${pull.branch}</code></td>
      </tr>
    `
  );
  const repos = firstAccount(world)?.repos ?? [];
  const body = html`
    <h1>Local Mogplex</h1>
    <p>It answers like the service, on this machine. Everything is forgotten when it ends.</p>
    <h2>Point the tool at it</h2>
    <pre>${settings(world)}</pre>
    <p class="soft">Repositories: ${repos.slice(0, 10).map(({ full_name }) => full_name).join(", ")}${repos.length > 10
      ? html`
        and ${repos.length - 10} more
      `
      : ""}</p>
    <h2>Runs</h2>
    ${newest.length === 0
      ? html`<p class="soft">None yet.</p>`
      : scrolling("Runs", newest.map((run) => runRow(world, run)))}
    ${more(newest.length, runs.length)}
    <h2>Pull requests</h2>
    ${pullRows.length === 0 ? html`<p class="soft">None yet.</p>` : scrolling("Pull requests", pullRows)}
    ${more(pullRows.length, pulls.length)}
  `;
  return page("Local Mogplex", body, runs.some(({ status }) => !isTerminal(status)));
}
