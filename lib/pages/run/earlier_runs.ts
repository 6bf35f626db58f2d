/**
 * The runs before the one of a page, from the history of its job.
 *
 * @module
 */
import type { Earlier } from "../../history/compare.ts";
import { formatDuration } from "../../result/duration.ts";
import { code, type Html, markup, table, time } from "../blocks.ts";

/** How the run compares, and a row for each run before it; null when none is known. */
export function earlierRuns(earlier: Earlier | undefined): Html | null {
  if (earlier === undefined) return null;
  const columns = [
    { name: "When" },
    { name: "Outcome" },
    { name: "Exit code", number: true },
    { name: "Took", number: true },
    { name: "Requests", number: true },
    { name: "Run" },
  ];
  return markup`<p>${earlier.sentence}</p>${
    table(
      "Runs before, newest first",
      columns,
      earlier.runs.map(({ at, outcome, exitCode, tookMs, requests, runId }) => ({
        cells: [
          time(at),
          code(outcome),
          exitCode,
          tookMs === null ? "not known" : formatDuration(tookMs),
          requests,
          code(runId),
        ],
      })),
    )
  }`;
}
