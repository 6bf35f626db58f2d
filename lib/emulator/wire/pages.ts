import { isTerminal } from "../../service/contract.ts";
import { isLoopback } from "../../loopback.ts";
import {
  bare,
  block,
  call,
  code,
  facts,
  fold,
  type Html,
  longText,
  markup,
  type Page,
  page,
  panel,
  type Part,
  policyOf,
  section,
  state,
  table,
  type TableRow,
  type Tone,
} from "../../report/page.ts";
import { firstAccount, firstLine } from "../service/listings.ts";
import type { EventRow, RunRow } from "../state/store.ts";
import type { World } from "../state/world.ts";

/** Pages show untrusted text from prompts and events. The policy blocks scripts, forms, frames and requests to other sites. */
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

const MAX_ROWS = 100;
const MAX_REPOSITORIES = 10;

export function homePage(world: World): string {
  const runs = [...world.store.runs.values()];
  const runRows = runs.slice(-MAX_ROWS).reverse().map((run) => runRow(world, run));
  const pulls = [...world.pulls.values()].flat();
  const pullRows = pulls.slice(-MAX_ROWS).reverse().map(({ repo, number, title, branch }) => ({
    cells: [
      markup`<bdi>${title}</bdi>`,
      markup`<a href="/${repo}/pull/${number}">${repo}#${number}</a>`,
      code(branch),
    ],
  }));
  const repos = (firstAccount(world)?.repos ?? []).map(({ full_name }) => full_name);
  const moreRepos = repos.length - MAX_REPOSITORIES;
  return pageOf({
    title: "Local Mogplex",
    path: [],
    heading: "Local Mogplex",
    summary:
      "This server behaves like the service, but runs on this machine. Each run plays a scenario or executes a " +
      "command. All data is lost when the server stops.",
    body: [
      section(
        "settings",
        "Use this server",
        null,
        panel(
          block(settings(world)),
          markup`<p class="soft">Repositories: ${repos.slice(0, MAX_REPOSITORIES).join(", ")}${
            moreRepos > 0 && ` and ${moreRepos} more`
          }</p>`,
        ),
      ),
      section(
        "runs",
        "Runs",
        countText(runRows.length, runs.length, "newest first, times in UTC"),
        lastRows("Runs", ["Task", "Status", "Repository", "Pull request", "Started"], runRows),
      ),
      section(
        "pulls",
        "Pull requests",
        countText(pullRows.length, pulls.length, "newest first"),
        lastRows("Pull requests", ["Title", "Pull request", "Branch"], pullRows),
      ),
    ],
  }, runs.some(({ status }) => !isTerminal(status)));
}

function runRow(world: World, run: RunRow): TableRow {
  const pull = pullPath(world, run);
  return {
    cells: [
      markup`<span class="long"><bdi><a href="/__runs/${run.id}">${titleOf(run)}</a></bdi></span>`,
      statusOf(run.status),
      repositoryOf(world, run),
      pull !== undefined && markup`<a href="${pull}">#${pull.split("/").at(-1)}</a>`,
      timeOfDay(run.created_at),
    ],
  };
}

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

const STATES: ReadonlyMap<string, readonly [tone: Tone, word: string]> = new Map([
  ["success", ["good", "succeeded"]],
  ["failed", ["bad", "failed"]],
  ["cancelled", ["skipped", "cancelled"]],
  ["awaiting_input", ["warn", "needs attention"]],
  ["pending", ["queued", "queued"]],
  ["queued", ["queued", "queued"]],
  ["running", ["run", "running"]],
  ["streaming", ["run", "running"]],
]);

function stateOf(status: string): readonly [tone: Tone, word: string] {
  return STATES.get(status) ?? ["none", status];
}

function statusOf(status: string): Html {
  const [tone, word] = stateOf(status);
  return state(word, tone);
}

function repositoryOf(world: World, { repo_id }: RunRow): Html {
  return markup`<bdi>${world.store.repos.get(repo_id)?.full_name ?? repo_id}</bdi>`;
}

function timeOfDay(micros: number): Html {
  const text = new Date(micros / 1_000).toISOString();
  return markup`<time datetime="${text}">${text.slice(11, 19)}</time>`;
}

const RELOAD_SECONDS = 3;

/** A page reloads while `changes` is true. It has no script, because a reload would lose the state of the script. */
function pageOf(
  parts: Pick<Page, "title" | "path" | "heading" | "summary" | "body"> & Partial<Pick<Page, "tone" | "state">>,
  changes = false,
): string {
  return page({
    tone: "none",
    ...parts,
    home: { name: "Local Mogplex", ...parts.path.length > 0 && { href: "/" } },
    asOf: null,
    notes: [],
    script: false,
    reloadSeconds: changes ? RELOAD_SECONDS : undefined,
  });
}

const NO_TOKEN =
  '…  # "token" in the line that mogplex-emulator printed, or in the result of startEmulator(); exec sets this variable itself';

/** Shows the token only on a loopback address, and never if the token allows running commands on the owner's machine. */
function settings(world: World): string {
  const account = firstAccount(world);
  const shows = isLoopback(new URL(world.origin).host) && !world.runsCommands;
  const token = shows ? account?.token : undefined;
  const reading = shows ? account?.readOnlyToken ?? null : null;
  return [
    "export MOGPLEX_DEV=1",
    `export MOGPLEX_URL=${world.origin}`,
    `export MOGPLEX_API_KEY=${token ?? NO_TOKEN}`,
    `export MOGPLEX_REPO_ID=${account?.repos[0]?.full_name ?? "…"}`,
    ...reading === null ? [] : [`# For a dashboard, which needs a read-only token: export MOGPLEX_API_KEY=${reading}`],
    "# In a clone of the toolkit; in a repository that init set up, run node ci/mogplex.mjs run …",
    `node dist/mogplex.mjs run --follow "${taskToTry(world)}"`,
  ].join("\n");
}

/** The task of the first run, because it suits this emulator's agent. Used only if a shell would not change the task between double quotes. */
function taskToTry({ store }: World): string {
  const [first] = store.runs.values();
  const task = first === undefined ? "" : titleOf(first);
  return /^[\w .,:;()'-]+$/.test(task) && task === first?.prompt ? task : "Fix the flaky tests";
}

function countText(visibleCount: number, all: number, order: string): string | null {
  if (all === 0) return null;
  return visibleCount < all ? `the newest ${visibleCount} of ${all}, ${order}` : `${all}, ${order}`;
}

function lastRows(name: string, columns: readonly string[], rows: readonly TableRow[]): Html | null {
  if (rows.length === 0) return panel(markup`<p class="soft">None yet.</p>`);
  return markup`<div class="panel">${table(name, columns.map((column) => ({ name: column })), rows)}</div>`;
}

const MAX_EVENTS = 1_000;
const MAX_PAYLOAD = 2_000;

export function runPage(world: World, id: string): string | undefined {
  const run = world.store.runs.get(id);
  if (run === undefined) return undefined;
  const { status, error, harness, working_branch, base_branch, prompt } = run;
  const events = world.store.events.get(run.ai_call_id) ?? [];
  const rows = events.slice(-MAX_EVENTS).map(eventRow);
  const pull = pullPath(world, run);
  const [tone, word] = stateOf(status);
  return pageOf({
    title: `${word.replace(/^./, (letter) => letter.toUpperCase())}: ${titleOf(run)}`,
    path: [{ name: repositoryOf(world, run) }, { name: code(id.slice(0, 8)) }],
    tone,
    heading: markup`<bdi>${titleOf(run)}</bdi>`,
    state: word,
    summary: markup`${repositoryOf(world, run)}, by ${code(harness)}.`,
    body: [
      error !== null &&
      call({ id: "why", tone, heading: firstLine(error, MAX_TITLE), line: null, evidence: reason(error) }),
      pull !== undefined && call({
        id: "pull",
        tone,
        heading: markup`Pull request <a href="${pull}">#${pull.split("/").at(-1)}</a>`,
        line: markup`<a href="${pull}">View the changes</a>`,
      }),
      section(
        "events",
        "Events",
        countText(rows.length, events.length, "oldest first, times in UTC"),
        lastRows("Events", ["Time", "Type", "Text"], rows),
      ),
      section("task", "Task", null, panel(longText(prompt))),
      section(
        "what",
        "Facts",
        null,
        panel(facts([["Branch", code(working_branch)], ["Base branch", code(base_branch)], ["Run", code(id)]])),
      ),
    ],
  }, !isTerminal(status));
}

function reason(error: string): Part {
  return firstLine(error, MAX_TITLE) !== error && markup`<div class="evidence">${block(error, MAX_PAYLOAD)}</div>`;
}

function eventRow({ created_at, event_type, tool_name, message, payload }: EventRow): TableRow {
  const text = JSON.stringify(payload, null, 2) ?? "";
  return {
    cells: [
      timeOfDay(created_at),
      bare(event_type),
      markup`<span class="long">${tool_name !== null && code(tool_name)} <bdi>${message}</bdi></span> ${
        !["{}", "null", ""].includes(text) && fold("more", block(text, MAX_PAYLOAD))
      }`,
    ],
  };
}

export function pullPage(world: World, repo: string, number: string): string | undefined {
  const pull = world.pulls.get(repo)?.find((candidate) => String(candidate.number) === number);
  if (pull === undefined) return undefined;
  const { title, branch, base, diff } = pull;
  const name = `${pull.repo}#${pull.number}`;
  const path = `/${pull.repo}/pull/${pull.number}`;
  const run = [...world.store.runs.values()].findLast((candidate) => pullPath(world, candidate) === path);
  return pageOf({
    title: `${title} · ${name}`,
    path: [{ name: pull.repo }, { name: `#${pull.number}` }],
    heading: markup`<bdi>${title}</bdi>`,
    summary: markup`<bdi>${name}</bdi>: ${code(branch)} into ${code(base)}.${
      run !== undefined && markup` <a href="/__runs/${run.id}">Open the run</a>`
    }`,
    body: [section("changes", "Changes", null, diffOf(diff))],
  });
}

const MAX_LINES = 5_000;
const MAX_FILES = 300;

function diffOf(diff: string): Html | null {
  if (diff === "") return panel(markup`<p class="soft">Nothing was changed.</p>`);
  const lines = diff.replace(/\n$/, "").split("\n");
  const visibleLines = lines.slice(0, MAX_LINES);
  const files: string[][] = [];
  for (const line of visibleLines) {
    const isNew = line.startsWith("diff --git ") ||
      line.startsWith("--- ") && !/^(?:diff|index|new|deleted|old|similarity|rename)/.test(files.at(-1)?.at(-1) ?? "");
    if (isNew || files.length === 0) files.push([]);
    files.at(-1)?.push(line);
  }
  const more = lines.length - visibleLines.length;
  const moreFiles = files.length - MAX_FILES;
  return markup`${files.slice(0, MAX_FILES).map(fileOf)}${
    (more > 0 || moreFiles > 0) &&
    markup`<p class="soft">${Math.max(0, more)} more lines and ${Math.max(0, moreFiles)} more files are not shown.</p>`
  }`;
}

function fileOf(lines: readonly string[]): Html {
  const [added, removed] = ["add", "del"].map((kind) => lines.filter((line) => kindOf(line) === kind).length);
  const heads = lines.filter((line) => kindOf(line) === "file");
  const path = /^\+\+\+ (?:b\/)?(.*)$/.exec(heads.find((line) => /^\+\+\+ (?!\/dev\/null)/.test(line)) ?? "")?.[1] ??
    /^--- (?:a\/)?(.*)$/.exec(heads.find((line) => line.startsWith("--- ")) ?? "")?.[1] ?? heads[0] ?? "Changes";
  const content = lines.filter((line) => !/^(?:diff |index |--- |\+\+\+ )/.test(line));
  return markup`<details class="panel file" open><summary>${
    code(path)
  } <span class="good">+${added}</span> <span class="bad">−${removed}</span></summary><pre class="diff">${
    content.map((line) => markup`<span class="${kindOf(line)}">${line}\n</span>`)
  }</pre></details>`;
}

function kindOf(line: string): string {
  if (/^(?:diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity )/.test(line)) return "file";
  if (line.startsWith("@@")) return "hunk";
  return line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "";
}
