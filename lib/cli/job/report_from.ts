/**
 * No request is sent.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { checkTargets, plainPath, problemLines, writeReports } from "../../report/write.ts";
import { readResult } from "../../run/read_result.ts";
import { verdictWords } from "../../run/result_view.ts";
import { own } from "../../text/safe_line.ts";
import { isInteractive } from "../log/writer.ts";
import { maskToken } from "../context.ts";
import { JSON_LINES, OPEN, REPORT } from "../options.ts";
import { readPlaces } from "../settings.ts";
import type { Context } from "../verb.ts";

/** Maximum size of a file to read. The events of a very long run are smaller. */
const MAX_BYTES = 2 ** 26;

function textOf({ io }: Context, path: string): string {
  const text = io.readFile(path, MAX_BYTES, "follow");
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

export async function reportFrom(context: Context, paths: readonly string[]): Promise<number> {
  const { io, flags, option, writer, laptop, vocabulary } = context;
  context.guard();
  maskToken(context);
  const { targets: all } = readPlaces(context);
  const isChosen = flags.all(REPORT).length > 0 || option(REPORT) !== undefined;
  const targets = isChosen ? all : all.filter(({ format }) => format === "html");
  const source = targets.find(({ path }) => paths.some((each) => plainPath(each) === plainPath(path)));
  if (source !== undefined) {
    const why = "--from reads the same file";
    throw new UsageError({ attempted: `write report "${source.format}"`, why, value: JSON.stringify(source.path) });
  }
  const result = readResult(paths.map((path) => ({ path, text: textOf(context, path) })));
  checkTargets(targets, io);
  const problems = writeReports(result, targets, io, writer.redact, {
    redactToken: (text) => writer.redact.token(text),
    program: laptop && vocabulary.program,
  });
  if (problems.length > 0) throw new UsageError(problemLines(problems).join("; "));
  const { runId, status, outcome, exitCode } = result;
  if (flags.has(JSON_LINES)) writer.json(writer.clean({ runId, status, outcome, exitCode }));
  else {
    writer.out(
      own`verdict of the job: ${writer.untrusted(verdictWords(result).word)} (exit code ${exitCode})`,
      ...targets.map(({ path }) => writer.untrusted(`wrote ${path}`)),
    );
  }
  const page = targets.find(({ format }) => format === "html")?.path;
  if (page !== undefined && flags.has(OPEN) && isInteractive(context)) await laptop?.openPage(context, page);
  return exitCode;
}
