/**
 * `runs recent`: prints what this machine started, the newest run first. It asks nobody.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import { isObject } from "../../lookup.ts";
import { recentFile, recentLines } from "../job/laptop.ts";
import { printList } from "../log/lists.ts";
import type { VerbContext } from "../verb.ts";

/** A run that this machine started. */
interface RecentRun {
  /** When, in ISO 8601. */
  startedAt: string;
  /** UUID of the run. */
  runId: string;
  /** Name or id of the repository, as it was given. */
  repository: string;
  /** Branch that the run works on. */
  branch: string;
  /** Directory of its reports. */
  folder: string;
  /** First line of its task; absent unless the user asked for it. */
  task?: string;
  /** Our last verdict; null while no command has seen an end. */
  outcome: string | null;
  /** The exit code that belonged to it. */
  exitCode: number | null;
  /** Address of the pull request; null when there is none, or none was seen. */
  pullRequest: string | null;
}

function parsed(line: string): Record<string, unknown>[] {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) && "runId" in value ? [value] : [];
  } catch {
    return [];
  }
}

const text = (value: unknown) => typeof value === "string" ? value : "";

/** The runs of a file's lines, the newest first. Later lines of a run add to earlier ones. */
export function recentRuns(lines: readonly string[]): RecentRun[] {
  const runs = new Map<string, RecentRun>();
  for (const each of lines.flatMap(parsed)) {
    const runId = text(each.runId);
    const before = runs.get(runId);
    if (typeof each.startedAt === "string" && before === undefined) {
      runs.set(runId, {
        startedAt: each.startedAt,
        runId,
        repository: text(each.repository),
        branch: text(each.branch),
        folder: text(each.folder),
        ...(typeof each.task === "string" && { task: each.task }),
        outcome: null,
        exitCode: null,
        pullRequest: null,
      });
    } else if (before !== undefined && typeof each.outcome === "string") {
      before.outcome = each.outcome;
      before.exitCode = typeof each.exitCode === "number" ? each.exitCode : null;
      before.pullRequest = text(each.pullRequest) || before.pullRequest;
    }
  }
  return [...runs.values()].reverse();
}

function cells({ startedAt, runId, repository, outcome, pullRequest, branch, task }: RecentRun): string[] {
  const when = startedAt.slice(0, 16).replace("T", " ");
  return [when, runId, outcome ?? "-", repository, pullRequest ?? branch, ...task === undefined ? [] : [task]];
}

/** Does the work of the verb. */
// deno-lint-ignore require-await
export async function printRecent(context: VerbContext, limit: number): Promise<number> {
  const { flags, writer } = context;
  const path = recentFile(context);
  const runs = path === undefined ? [] : recentRuns(recentLines(context, path)).slice(0, limit);
  printList(writer, flags.has("json"), runs, cells);
  if (runs.length === 0) {
    writer.note("this machine remembers no run (outside CI, run --follow and run --detach are remembered)");
  }
  return EXIT.success;
}
