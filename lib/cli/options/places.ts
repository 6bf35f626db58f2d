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

/** Name of the directory of the reports where none is given. */
export const DEFAULT_OUT = "mogplex-ci";

/** Directory of the reports. */
export function outDirectory({ option }: VerbContext): string {
  return option(OUT) ?? DEFAULT_OUT;
}

/** Path of the state file. @param out Directory of the reports. */
export function statePath(context: VerbContext, out: string = outDirectory(context)): string {
  return context.option(STATE) ?? `${out.replace(/\/+$/, "")}/run.json`;
}

/**
 * Directory, reports and state file.
 *
 * @param out Directory of the reports.
 * @throws {UsageError} for a format that is not known, or a report in the place of the state file.
 */
export function readPlaces(context: VerbContext, out: string = outDirectory(context)): Places {
  const { flags, option } = context;
  const flag = flags.all(REPORT.name);
  const given = flag.length > 0 ? flag : [option(REPORT) ?? ""];
  const wanted = given.flatMap((each) => each.split(",")).map((each) => each.trim()).filter(Boolean);
  const targets = wanted.length > 0 ? wanted.map((each) => parseReportTarget(each, out)) : defaultTargets(out);
  const state = statePath(context, out);
  const same = targets.find(({ path }) => plainPath(path) === plainPath(state));
  if (same === undefined) return { out, targets, state };
  throw new UsageError({
    attempted: `write report "${same.format}"`,
    why: "the state file of the job goes to the same file",
    value: JSON.stringify(same.path),
  });
}
