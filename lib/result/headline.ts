/**
 * The first line of every report: where, what was asked, what came of it, in how long.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { formatCount, formatDuration } from "./duration.ts";
import type { ResultView } from "./result_view.ts";
import { PHASE_WORDS } from "./words.ts";
import { lookup } from "../lookup.ts";

/** Most UTF-16 units of a title. Source: API reference, "Branches and pull requests": that of a pull request has as many. */
const MAX_TITLE = 72;
/** The same of a repository: forges permit less. */
const MAX_WHERE = 200;
/** Most paths of a delivery event. Source: API reference, `payload`: lists are cut to 25 items. */
const MAX_NAMED_FILES = 25;

/** The parts of the line. The first two are untrusted. */
export interface Headline {
  /** Repository by name, else by id; the automation; null when none is known. */
  where: string | null;
  /** First line of the task, cut; null when the task is not known. */
  title: string | null;
  /** What came of it: `PR #12`, `no changes`, `failed in delivery`. */
  end: string;
  /** Files and time, in brackets: `(3 files, 4 min)`. */
  more: string;
}

/** First line of a task that says something, without the marks of a heading. */
function titleOf(task: string | null): string | null {
  const line = task?.split("\n").map((each) => each.replace(/^[#>*\s-]+/, "").trim()).find((each) => each !== "");
  if (line === undefined) return null;
  return line.length > MAX_TITLE ? `${cutText(line, MAX_TITLE - 1).replace(/\u2026\[.*$/s, "").trimEnd()}…` : line;
}

/** A pull request by its number, if its address ends in one. */
function pullRequestWord(url: string): string {
  const number = /\/(\d{1,12})\/?$/.exec(url)?.[1];
  return number === undefined ? "pull request" : `PR #${number}`;
}

function endOf({ outcome, exitCode, verdict, git, phases }: ResultView): string {
  const url = git?.pullRequest.url ?? null;
  if (outcome === "failed") {
    const phase = lookup(PHASE_WORDS, phases.at(-1)?.name ?? "");
    return phase === undefined ? verdict.word : `${verdict.word} in ${phase}`;
  }
  if (outcome === "error" && verdict.word === "not known") return "verdict not known";
  if (outcome !== "success") return verdict.word;
  if (exitCode === 0 && url !== null) return pullRequestWord(url);
  if (git?.changed === false) return "no changes";
  return git?.pullRequest.state === "none" ? "success, no pull request" : verdict.word;
}

/** How many files the delivery names: an agent may have committed more itself. */
function filesWord(count: number): string {
  return count < MAX_NAMED_FILES ? formatCount(count, "file") : `${count} files or more`;
}

/** The parts of the first line about a result. */
export function headlineOf(view: ResultView): Headline {
  const { automationId, repository, repoId, kind: { noun }, runId } = view;
  const work = automationId === null ? runId === null ? null : `${noun} ${runId}` : `automation ${automationId}`;
  const count = view.git?.files?.length ?? 0;
  const where = repository ?? repoId ?? work;
  return {
    where: where === null ? null : cutText(where, MAX_WHERE),
    title: titleOf(view.task),
    end: endOf(view),
    more: `(${count === 0 ? "" : `${filesWord(count)}, `}${formatDuration(view.durationMs)})`,
  };
}

/** The line as plain text; untrusted. Where nothing is known of a run, the kind stands for it. */
export function headlineText(view: ResultView): string {
  const { where, title, end, more } = headlineOf(view);
  const what = [where, title].filter((part) => part !== null).join(": ");
  return `${what === "" ? `Mogplex ${view.kind.noun}` : what} → ${end} ${more}`;
}
