/**
 * `report --from`: reports from the files of an earlier job, without any request.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { readResult } from "../../result/stored/read_result.ts";
import { checkTargets, plainPath } from "../../report/targets.ts";
import { writeReports } from "../../report/write.ts";
import { verdictWords } from "../../result/words.ts";
import { readPlaces } from "../options/places.ts";
import { OPEN, REPORT } from "../options/table.ts";
import { isInteractive } from "../log/interactive.ts";
import type { VerbContext } from "../verb.ts";

/** Largest file that is read: the events of a very long run. */
const MAX_BYTES = 2 ** 26;

function textOf({ io }: VerbContext, path: string): string {
  const text = io.readFile(path, MAX_BYTES, "follow");
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

/**
 * Reads the files, and writes the reports that were asked for; the page alone when none was.
 *
 * @param paths `result.json`, `events.ndjson`, or both.
 * @returns The exit code of the result that was read.
 * @throws {UsageError} when a file is no result and no events, or when a report would replace it.
 */
export async function reportFrom(context: VerbContext, paths: readonly string[]): Promise<number> {
  const { io, flags, option, writer, laptop, vocabulary } = context;
  context.guard();
  try {
    // The token is masked in what is written. None is needed.
    context.connection();
  } catch {
    // Known secrets are masked in any case.
  }
  const { targets: all } = readPlaces(context);
  const isChosen = flags.all(REPORT.name).length > 0 || option(REPORT) !== undefined;
  const targets = isChosen ? all : all.filter(({ format }) => format === "html");
  const own = targets.find(({ path }) => paths.some((each) => plainPath(each) === plainPath(path)));
  if (own !== undefined) {
    const why = "it is read at the same time";
    throw new UsageError({ attempted: `write report "${own.format}"`, why, value: JSON.stringify(own.path) });
  }
  const result = readResult(paths.map((path) => ({ path, text: textOf(context, path) })));
  checkTargets(targets, io);
  const problems = writeReports(result, targets, io, writer.redact, {
    redactToken: (text) => writer.redact.token(text),
    program: laptop && vocabulary.program,
  });
  if (problems.length > 0) throw new UsageError(problems.map(({ message }) => message).join("; "));
  const { runId, status, outcome, exitCode } = result;
  if (flags.has("json")) writer.json(writer.clean({ runId, status, outcome, exitCode }));
  else {
    writer.out(
      `verdict of that job: ${verdictWords(result).word} (exit code ${exitCode})`,
      ...targets.map(({ path }) => writer.untrusted(`wrote ${path}`)),
    );
  }
  const page = targets.find(({ format }) => format === "html")?.path;
  if (page !== undefined && flags.has(OPEN.name) && isInteractive(context)) await laptop?.openPage(context, page);
  return exitCode;
}
