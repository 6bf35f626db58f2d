/**
 * `run.html`: a run for people, in a browser. Everything on it comes from the result.
 *
 * @module
 */
import type { PlatformLinks } from "../../platforms/platform.ts";
import type { Earlier } from "../../history/compare.ts";
import type { AnyResult } from "../../result/any_result.ts";
import { formatDuration } from "../../result/duration.ts";
import { headlineText } from "../../result/headline.ts";
import { type ResultView, viewOf } from "../../result/result_view.ts";
import { branchWords, WAIT_CAUSES } from "../../result/words.ts";
import { cutText } from "../../text/plain_text.ts";
import {
  code,
  facts,
  fold,
  type Html,
  jobLinks,
  link,
  longBlock,
  markup,
  type Part,
  section,
  table,
  time,
} from "../blocks.ts";
import { page } from "../page.ts";
import { earlierRuns } from "./earlier_runs.ts";
import { phases } from "./phases.ts";
import { reproduce } from "./reproduce.ts";
import { type Setting, settingsTable } from "./settings.ts";
import { timeLine } from "./time_line.ts";
import { verdictOf } from "./verdict.ts";

/** Options of {@linkcode renderRunPage}. */
export interface RunPageOptions {
  /** Pages of the job on its CI system. @default {{}} */
  links?: PlatformLinks | undefined;
  /** The runs before, fit to be shown. @default {undefined} (nothing is said about them) */
  earlier?: Earlier | undefined;
  /** Settings of the job with where they came from, fit to be shown. @default {[]} (nothing is said about them) */
  settings?: readonly Setting[] | undefined;
}

const MAX_TASK = 100_000;
const MAX_FILES = 500;
const MAX_NAME = 400;

function pullRequest({ git }: ResultView): Part {
  if (git === null) return null;
  const { state, url } = git.pullRequest;
  if (url !== null) return link(url);
  return state === "none" ? "none" : "unknown: no event that was seen says so";
}

function changes(view: ResultView, { links = {} }: RunPageOptions): Part {
  const { git, repoId, repository, harness, automationId, kind, status } = view;
  return facts([
    ["Pull request", pullRequest(view)],
    ["Branch", git === null ? null : markup`<bdi>${cutText(branchWords(git), MAX_NAME)}</bdi>`],
    ["Base branch", code(git?.branch.base ?? null)],
    ["Repository", repository === null ? code(repoId) : markup`<bdi>${cutText(repository, MAX_NAME)}</bdi>`],
    ["Agent", code(harness)],
    ["Automation", code(automationId)],
    ["Status", kind.noun === "run" || status !== null ? code(status) : null],
    ...jobLinks(links),
  ]);
}

function files(view: ResultView): Part {
  const files = view.git?.files ?? null;
  if (files === null) return null;
  if (files.length === 0) {
    return view.git?.changed
      ? markup`<p>The delivery names none: the agent has committed its changes itself.</p>`
      : null;
  }
  const more = files.length - MAX_FILES;
  return markup`<ul>${files.slice(0, MAX_FILES).map((file) => markup`<li>${code(file)}</li>`)}</ul>${
    more > 0 && markup`<p>and ${more} more</p>`
  }`;
}

function requests({ requests, waits, durationMs }: ResultView): Part {
  return markup`<p>${requests} requests in ${formatDuration(durationMs)}; ${
    waits.length === 0 ? "none had to wait" : "these waits were among them"
  }.</p>${
    waits.length > 0 &&
    table(
      "Waits by cause",
      [{ name: "Because of" }, { name: "Times", number: true }, { name: "In all", number: true }],
      waits.map(({ cause, count, totalMs }) => ({
        cells: [WAIT_CAUSES[cause], count, {
          show: formatDuration(totalMs),
          value: totalMs,
        }],
      })),
    )
  }`;
}

function startOf({ replayed, kind: { begun } }: ResultView): string {
  if (replayed === null) return `not ${begun} by this job`;
  return replayed ? "this job attached: the idempotency key was known" : `${begun} by this job`;
}

function details(view: ResultView): Html {
  const { kind: { noun }, runId, repoId, failureCode, idempotencyKey, createdAt, times, origin } = view;
  const content = facts([
    [noun === "run" ? "Run" : "Automation run", code(runId)],
    ["Repository id", code(repoId)],
    ["Failure code", code(failureCode)],
    ["Start", startOf(view)],
    ["Idempotency key", code(idempotencyKey)],
    ["Created", time(createdAt)],
    ["Started", time(times?.startedAt ?? null)],
    ["Completed", time(times?.completedAt ?? null)],
    ["Service", code(origin)],
  ]);
  return fold("ids, key and times", content);
}

/**
 * Renders the page.
 *
 * @param result Result after `cleanResult`. Texts in it are shown as texts, and only its pull request becomes a link.
 */
export function renderRunPage(result: AnyResult, options: RunPageOptions = {}): string {
  const view = viewOf(result);
  const { task, finalMessage } = view;
  const { schemaVersion } = result;
  return page({
    // A tab shows its beginning.
    title: cutText(headlineText(view), MAX_NAME),
    verdict: verdictOf(view),
    body: [
      section("what", "What it is about", changes(view, options)),
      section("task", "Task", task !== null && longBlock(task, MAX_TASK)),
      section("time", "Where the time went", phases(view)),
      section("files", "Files changed", files(view)),
      section("said", "What the agent said last", finalMessage !== null && longBlock(finalMessage)),
      section("events", "Events", timeLine(view)),
      section("requests", "Requests and waits", requests(view)),
      section("settings", "Settings", settingsTable(options.settings ?? [])),
      section("again", "Reproduce", reproduce(view)),
      section("earlier", "The runs before it", earlierRuns(options.earlier)),
      section("more", "Details", details(view)),
    ],
    notes: [
      "The service does not report what a run costs.",
      `Result of schema version ${schemaVersion}.`,
    ],
  });
}
