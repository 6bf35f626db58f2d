/**
 * What the emulator shows in a browser, made of the blocks of the client's pages: how to point the tool at it, its runs with their events,
 * and its pull requests with their diffs.
 *
 * @module
 */
import { isTerminal } from "../../service/contract.ts";
import { isLoopback } from "../../loopback.ts";
import {
  block,
  chip,
  code,
  facts,
  fold,
  type Html,
  markup,
  type Page,
  page,
  policyOf,
  section,
  table,
  type TableRow,
  type Tone,
} from "../../report/page.ts";
import { firstAccount, firstLine } from "../service/listings.ts";
import type { EventRow, RunRow } from "../state/store.ts";
import type { World } from "../state/world.ts";

/** Headers of a page: no script, no form, no frame and no request to anywhere, whatever a text on it could contain. */
export function pageHeaders(): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": `${policyOf(false)}; frame-ancestors 'none'`,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
  };
}

/** Newest runs and pull requests that are shown at `/`. */
const MAX_ROWS = 100;
const MAX_REPOSITORIES = 10;

export function homePage(world: World): string {
  const runs = [...world.store.runs.values()];
  const runRows = runs.slice(-MAX_ROWS).reverse().map((run) => runRow(world, run));
  const pulls = [...world.pulls.values()].flat();
  const pullRows = pulls.slice(-MAX_ROWS).reverse().map(({ repo, number, title, branch }) => ({
    cells: [
      markup`<a href="/${repo}/pull/${number}">${repo}#${number}</a>`,
      markup`<bdi>${title}</bdi>`,
      code(branch),
    ],
  }));
  const repos = (firstAccount(world)?.repos ?? []).map(({ full_name }) => full_name);
  const moreRepos = repos.length - MAX_REPOSITORIES;
  return pageOf({
    title: "Local Mogplex",
    verdict: {
      tone: undefined,
      headline: "Local Mogplex",
      line:
        "It answers like the service, on this machine. No model reads the tasks: each run plays a scenario, or runs a " +
        "command. Everything is forgotten when it ends.",
      reason: null,
      next: [],
    },
    body: [
      section(
        "settings",
        "Point the tool at it",
        block(settings(world)),
        markup`<p class="soft">Repositories: ${repos.slice(0, MAX_REPOSITORIES).join(", ")}${
          moreRepos > 0 && ` and ${moreRepos} more`
        }</p>`,
      ),
      section(
        "runs",
        "Runs",
        lastRows(
          "newest first, times in UTC",
          ["Task", "Status", "Repository", "Pull request", "Started"],
          runRows,
          runs.length,
        ),
      ),
      section(
        "pulls",
        "Pull requests",
        lastRows("of each repository the newest first", ["Pull request", "Title", "Branch"], pullRows, pulls.length),
      ),
    ],
  }, runs.some(({ status }) => !isTerminal(status)));
}

function runRow(world: World, run: RunRow): TableRow {
  const pull = pullPath(world, run);
  return {
    cells: [
      markup`<bdi><a href="/__runs/${run.id}">${titleOf(run)}</a></bdi>`,
      chip(run.status, toneOf(run.status)),
      repositoryOf(world, run),
      pull !== undefined && markup`<a href="${pull}">#${pull.split("/").at(-1)}</a>`,
      timeOfDay(run.created_at),
    ],
  };
}

/** Path of the pull request that a run has reported; undefined if it has reported none of this emulator. */
function pullPath(world: World, run: RunRow): string | undefined {
  for (const { payload } of world.store.events.get(run.ai_call_id) ?? []) {
    const url = (payload as { pull_request_url?: unknown } | null)?.pull_request_url;
    const path = typeof url === "string" && url.startsWith(`${world.origin}/`) ? url.slice(world.origin.length) : "";
    if (/^\/[\w.-]+\/[\w.-]+\/pull\/\d+$/.test(path)) return path;
  }
  return undefined;
}

const MAX_TITLE = 100;

function titleOf({ prompt }: RunRow): string {
  return firstLine(prompt, MAX_TITLE) || "(no text)";
}

const TONES: ReadonlyMap<string, Tone> = new Map([
  ["success", "good"],
  ["failed", "bad"],
  ["cancelled", "wait"],
  ["awaiting_input", "wait"],
]);

function toneOf(status: string): Tone {
  return TONES.get(status) ?? "none";
}

function repositoryOf(world: World, { repo_id }: RunRow): Html {
  return markup`<bdi>${world.store.repos.get(repo_id)?.full_name ?? repo_id}</bdi>`;
}

/** The time of day, in UTC, of a moment in microseconds since 1970. */
function timeOfDay(micros: number): Html {
  const text = new Date(micros / 1_000).toISOString();
  return markup`<time datetime="${text}">${text.slice(11, 19)}</time>`;
}

const RELOAD_SECONDS = 3;

/** A page without a script. While something on it changes, the browser loads it again, and would forget what a script did. */
function pageOf(parts: Pick<Page, "title" | "verdict" | "body">, changes = false): string {
  return page({ ...parts, notes: [], script: false, reloadSeconds: changes ? RELOAD_SECONDS : undefined });
}

/** Variables and a command to paste. The token is shown on this machine only, and not where it lets its reader run commands as the owner. */
function settings(world: World): string {
  const account = firstAccount(world);
  const token = isLoopback(new URL(world.origin).host) && !world.runsCommands ? account?.token : undefined;
  return [
    "export MOGPLEX_DEV=1",
    `export MOGPLEX_URL=${world.origin}`,
    `export MOGPLEX_API_KEY=${token ?? "…  # the token of the line on standard output"}`,
    `export MOGPLEX_REPO_ID=${account?.repos[0]?.full_name ?? "…"}`,
    "# In a clone of the toolkit. Where init has put the program: node ci/mogplex.mjs run …",
    `node dist/mogplex.mjs run --follow "${taskToTry(world)}"`,
  ].join("\n");
}

/** The task of the first run, which suits the command that works here, if a shell takes it between double quotes as it is. */
function taskToTry({ store }: World): string {
  const [first] = store.runs.values();
  const task = first === undefined ? "" : titleOf(first);
  return /^[\w .,:;()'-]+$/.test(task) && task === first?.prompt ? task : "Fix the flaky tests";
}

/** The last rows of a table. @param order Which of them comes first. */
function lastRows(order: string, columns: readonly string[], rows: readonly TableRow[], all: number): Html {
  if (all === 0) return markup`<p class="soft">None yet.</p>`;
  const count = rows.length < all ? `The newest ${rows.length} of ${all}, ${order}` : `${all}, ${order}`;
  return markup`<div class="rows">${table(count, columns.map((name) => ({ name })), rows, true)}</div>`;
}

const HOME = markup`<nav><a href="/">All runs and pull requests</a></nav>`;
const MAX_EVENTS = 1_000;
const MAX_PAYLOAD = 2_000;

/** Page of a run; undefined if there is no such run. */
export function runPage(world: World, id: string): string | undefined {
  const run = world.store.runs.get(id);
  if (run === undefined) return undefined;
  const { status, error, harness, working_branch, base_branch, prompt } = run;
  const events = world.store.events.get(run.ai_call_id) ?? [];
  const rows = events.slice(-MAX_EVENTS).map(eventRow);
  const pull = pullPath(world, run);
  return pageOf({
    title: `${status} · run ${id}`,
    verdict: {
      tone: toneOf(status),
      headline: markup`<bdi>${titleOf(run)}</bdi>`,
      line: markup`${chip(status, toneOf(status))} in ${repositoryOf(world, run)}`,
      reason: error,
      next: pull === undefined ? [] : [markup`<a href="${pull}">Look at the pull request</a>`],
    },
    body: [
      HOME,
      section(
        "what",
        "What it is about",
        facts([
          ["Branch", code(working_branch)],
          ["Base branch", code(base_branch)],
          ["Agent", code(harness)],
          ["Run", code(id)],
        ]),
      ),
      section(
        "events",
        "Events",
        lastRows("oldest first, times in UTC", ["Time", "Type", "Text"], rows, events.length),
      ),
      section("task", "Task", block(prompt)),
    ],
  }, !isTerminal(status));
}

function eventRow({ created_at, event_type, tool_name, message, payload }: EventRow): TableRow {
  const text = JSON.stringify(payload, null, 2) ?? "";
  return {
    cells: [
      timeOfDay(created_at),
      event_type,
      markup`${tool_name !== null && code(tool_name)} <bdi>${message}</bdi> ${
        !["{}", "null", ""].includes(text) && fold("more", block(text, MAX_PAYLOAD))
      }`,
    ],
  };
}

/** Page of a pull request; undefined if there is no such pull request. */
export function pullPage(world: World, repo: string, number: string): string | undefined {
  const pull = world.pulls.get(repo)?.find((candidate) => String(candidate.number) === number);
  if (pull === undefined) return undefined;
  const { title, branch, base, diff } = pull;
  const name = `${pull.repo}#${pull.number}`;
  const path = `/${pull.repo}/pull/${pull.number}`;
  const run = [...world.store.runs.values()].findLast((candidate) => pullPath(world, candidate) === path);
  return pageOf({
    title: `${title} · ${name}`,
    verdict: {
      tone: undefined,
      headline: markup`<bdi>${title}</bdi>`,
      line: markup`<bdi>${name}</bdi>: ${code(branch)} into ${code(base)}`,
      reason: null,
      next: run === undefined ? [] : [markup`<a href="/__runs/${run.id}">Look at its run</a>`],
    },
    body: [HOME, section("changes", "Changes", diffOf(diff))],
  });
}

const MAX_LINES = 5_000;

function diffOf(diff: string): Html {
  if (diff === "") return markup`<p class="soft">Nothing was changed.</p>`;
  const lines = diff.replace(/\n$/, "").split("\n");
  const visibleLines = lines.slice(0, MAX_LINES).map((line) => markup`<span class="${kindOf(line)}">${line}</span>\n`);
  const omittedCount = lines.length - visibleLines.length;
  return markup`<pre class="diff">${visibleLines}</pre>${
    omittedCount > 0 && markup`<p class="soft">${omittedCount} more lines are not shown.</p>`
  }`;
}

function kindOf(line: string): string {
  if (/^(?:diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity )/.test(line)) return "file";
  if (line.startsWith("@@")) return "hunk";
  return line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "";
}
