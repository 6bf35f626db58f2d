/**
 * The page of a run, with its events.
 *
 * @module
 */
import { html } from "hono/html";
import { isTerminal } from "../../api/contract/rules.ts";
import { formatTimestamp } from "../state/postgres.ts";
import type { EventRow, RunRow } from "../state/rows.ts";
import type { World } from "../state/world.ts";
import { type Html, page, scrolling, statusChip } from "./page.ts";

/** Newest events that are shown. */
const MAX_EVENTS = 1_000;
/** Characters of a payload that are shown. */
const MAX_PAYLOAD = 2_000;

/** Path of a run's page. */
export function runPath({ id }: Pick<RunRow, "id">): string {
  return `/__runs/${id}`;
}

/** Path of the pull request that a run has reported; undefined if it has reported none of this emulator. */
export function pullPath(world: World, run: RunRow): string | undefined {
  for (const { payload } of world.store.events.get(run.ai_call_id) ?? []) {
    const url = (payload as { pull_request_url?: unknown } | null)?.pull_request_url;
    const path = typeof url === "string" && url.startsWith(`${world.origin}/`) ? url.slice(world.origin.length) : "";
    if (/^\/[\w.-]+\/[\w.-]+\/pull\/\d+$/.test(path)) return path;
  }
  return undefined;
}

/** The time of day of a moment, in microseconds since 1970. */
export function timeOfDay(micros: number): string {
  return formatTimestamp(micros).slice(11, 19);
}

function payloadOf({ payload }: EventRow): Html | "" {
  const text = JSON.stringify(payload, null, 2) ?? "";
  if (text === "{}" || text === "null" || text === "") return "";
  const shown = text.length > MAX_PAYLOAD ? `${text.slice(0, MAX_PAYLOAD)}…` : text;
  return html`
    <details>
      <summary>more</summary>
      <pre>${shown}</pre>
    </details>
  `;
}

/** Page of a run; undefined if there is no such run. */
export function runPage(world: World, id: string): string | undefined {
  const run = world.store.runs.get(id);
  if (run === undefined) return undefined;
  const all = world.store.events.get(run.ai_call_id) ?? [];
  const rows = all.slice(-MAX_EVENTS).map((event) =>
    html`
      <tr>
        <td>${timeOfDay(event.created_at)}</td>
        <td>${event.event_type}</td>
        <td>${event.tool_name ?? ""} ${event.message ?? ""} ${payloadOf(event)}</td>
      </tr>
    `
  );
  const pull = pullPath(world, run);
  const repo = world.store.repos.get(run.repo_id)?.full_name ?? run.repo_id;
  const body = html`
    <p><a href="/">All runs and pull requests</a></p>
    <h1>${run.prompt.split("\n")[0] ?? ""}</h1>
    <p>${statusChip(run.status)}${run.error === null ? "" : `: ${run.error}`}</p>
    <p>${repo}, ${run.harness}, <code>${run.working_branch}</code> from <code>${run
      .base_branch}</code>${pull === undefined ? "" : html`, <a href="${pull}">pull request</a>`}</p>
    <p class="soft">Run ${run.id}</p>
    <h2>Events</h2>
    ${rows.length < all.length ? html`<p class="soft">The newest ${rows.length} of ${all.length}.</p>` : ""}
    ${scrolling("Events", rows)}
    <h2>Task</h2>
    <pre>${run.prompt}</pre>
  `;
  return page(`${run.status} · run ${run.id}`, body, !isTerminal(run.status));
}
