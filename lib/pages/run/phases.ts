/**
 * Where the time of a run went.
 *
 * @module
 */
import { lookup } from "../../lookup.ts";
import { formatDuration } from "../../result/duration.ts";
import type { ResultView } from "../../result/result_view.ts";
import { code, type Html, markup, table, time } from "../blocks.ts";
import { bar, type Share, swatch } from "../charts.ts";

const MEANINGS: Readonly<Partial<Record<string, string>>> = {
  queue: "waiting for a sandbox",
  prepare: "the sandbox boots, the repository is cloned",
  agent: "the agent works",
  deliver: "branch and pull request",
};

const GREY = 4;
/** Most phases that are shown: a run has four kinds of them. */
const MAX_PHASES = 100;

/** A row of the table. */
interface Row extends Share {
  readonly began: string | null;
  readonly meaning: string;
}

/** Bar and table of the phases, and the time that this job spent besides; null when no phase is known. */
export function phases(view: ResultView): Html | null {
  const { times, durationMs, replayed } = view;
  const known = times?.durationMs === undefined || times.durationMs === null
    ? view.phases.slice(0, MAX_PHASES)
    : [{ name: "run", startedAt: times.startedAt ?? "", durationMs: times.durationMs }];
  const rows: Row[] = known.map(({ name, startedAt, durationMs }, index) => ({
    name,
    began: startedAt === "" ? null : startedAt,
    meaning: lookup(MEANINGS, name) ?? "",
    value: durationMs ?? 0,
    text: durationMs === null ? "its end was not seen" : formatDuration(durationMs),
    colour: index % GREY,
  }));
  if (rows.length === 0) return null;
  const ours = durationMs - rows.reduce((sum, { value }) => sum + value, 0);
  // Only a job that started the run was there all the time.
  if (replayed === false && ours > 0 && known.every(({ durationMs }) => durationMs !== null)) {
    const meaning = "this job, before the start and after the end";
    rows.push({ name: "job", began: null, meaning, value: ours, text: formatDuration(ours), colour: GREY });
  }
  const columns = [{ name: "Phase" }, { name: "Took", number: true }, { name: "What happens" }, { name: "Began" }];
  return markup`${bar("time by phase", rows)}${
    table(
      "Phases",
      columns,
      rows.map(({ name, meaning, began, text, colour }) => ({
        cells: [markup`${swatch(colour)} ${code(name)}`, text, meaning, time(began)],
      })),
    )
  }`;
}
