/**
 * `cleanup` for the GitLab components and the GitHub action. Runs the verb, and then updates the reports and the job's note if they still show the
 * run as active. GitLab uploads reports after `after_script`, and GitHub shows a separate summary for a post step.
 *
 * @module
 */
import { problemLines, writeReports } from "../report/write.ts";
import type { RunResult } from "../run/result.ts";
import { endKilledJobNote } from "./job/note.ts";
import { readPlaces } from "./settings.ts";
import type { Context } from "./verb.ts";
import { cleanUpJob } from "./verbs/cleanup.ts";

type EndNote = typeof endKilledJobNote;

function reported(context: Context, path: string | undefined, runId: string | null): Partial<RunResult> {
  try {
    const result = JSON.parse((path && context.io.readFile(path)) || "null") as RunResult | null;
    if (result?.runId !== runId) return {};
    const { idempotencyKey, replayed, waits, durationMs, task } = result;
    return { idempotencyKey, replayed, waits, durationMs, ...(typeof task === "string" && { task }) };
  } catch {
    // The report is only additional information, so an unreadable report is ignored.
    return {};
  }
}

async function reportAgain(context: Context, stopped: RunResult, endNote: EndNote): Promise<void> {
  const { io, platform, writer, vocabulary } = context;
  const { targets } = readPlaces(context);
  const path = targets.find(({ format }) => format === "json")?.path;
  const end: RunResult = { ...stopped, ...reported(context, path, stopped.runId) };
  const options = {
    files: platform.files(io.env),
    links: platform.links(io.env),
    redactToken: writer.redact.token,
    program: null,
    restart: vocabulary.restart,
  };
  for (const line of problemLines(writeReports(end, targets, io, writer.redact, options))) writer.note(line);
  await endNote(context, end, targets);
}

export async function cleanUpAndReport(
  context: Context,
  by: string,
  endNote: EndNote = endKilledJobNote,
): Promise<number> {
  return await cleanUpJob(context, by, {
    exists: () => true,
    text: "the reports still show the state at the end of the script",
    update: (end) => reportAgain(context, end, endNote),
  });
}
