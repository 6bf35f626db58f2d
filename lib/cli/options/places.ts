/**
 * Where the files of a job go.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { defaultTargets, parseReportTarget, plainPath, type ReportTarget } from "../../report/targets.ts";
import type { VerbContext } from "../verb.ts";
import { OUT, REPORT, STATE } from "./table.ts";

/** Where files go. */
export interface Places {
  /** Directory of the reports. */
  out: string;
  /** Reports to write. */
  targets: ReportTarget[];
  /** State file. */
  state: string;
}

const DEFAULT_OUT = "mogplex-ci";

function outDirectory({ option }: VerbContext): string {
  return option(OUT) ?? DEFAULT_OUT;
}

/** Path of the state file. */
export function statePath(context: VerbContext): string {
  return context.option(STATE) ?? `${outDirectory(context).replace(/\/+$/, "")}/run.json`;
}

/**
 * Directory, reports and state file.
 *
 * @throws {UsageError} for a format that is not known, or a report in the place of the state file.
 */
export function readPlaces(context: VerbContext): Places {
  const { flags, option } = context;
  const out = outDirectory(context);
  const flag = flags.all(REPORT.name);
  const given = flag.length > 0 ? flag : [option(REPORT) ?? ""];
  const wanted = given.flatMap((each) => each.split(",")).map((each) => each.trim()).filter(Boolean);
  const targets = wanted.length > 0 ? wanted.map((each) => parseReportTarget(each, out)) : defaultTargets(out);
  const state = statePath(context);
  const same = targets.find(({ path }) => plainPath(path) === plainPath(state));
  if (same === undefined) return { out, targets, state };
  throw new UsageError({
    attempted: `write report "${same.format}"`,
    why: "the state file of the job goes to the same file",
    value: JSON.stringify(same.path),
  });
}
