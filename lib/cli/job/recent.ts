/**
 * What this machine started: a small file in the state directory of the user, outside CI alone. It holds no token, and of the task its first
 * line unless the user wants otherwise.
 *
 * One JSON object a line: a start, and later the end of the same run. A line that another version wrote, or that a crash cut, is skipped.
 *
 * @module
 */
import { jsonLine } from "../../text/escape/json.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { EXIT } from "../../exit_codes.ts";
import { END_EXIT, type EndOutcome } from "../../result/ends.ts";
import type { AnyResult } from "../../result/any_result.ts";
import type { StartedRun } from "../../runs/start_plan.ts";
import type { Asked, VerbContext } from "../verb.ts";
import { SHOW_TASK } from "../options/table.ts";
import { isLaptop } from "./laptop.ts";

/** Most lines that are kept when the file has become long, and the length at which that happens. */
const KEPT = 200;
const MOST = 400;
/** Most bytes that are read. */
const MAX_BYTES = 1024 * 1024;
/** Most characters of a text in the file. */
const MAX_TEXT = 200;

/** Path of the file; undefined in CI, without a home, and where the user wants none. */
export function recentFile(context: VerbContext): string | undefined {
  const { io: { env } } = context;
  if (!isLaptop(context) || env("MOGPLEX_RECENT")?.trim() === "off") return undefined;
  const home = env("HOME");
  const state = env("XDG_STATE_HOME") || (home ? `${home}/.local/state` : env("LOCALAPPDATA")?.replaceAll("\\", "/"));
  // Source: XDG base directories: a relative path counts as unset.
  return state && /^(?:\/|[A-Za-z]:)/.test(state) ? `${state}/mogplex-ci/recent.ndjson` : undefined;
}

/** Lines of the file; none when it cannot be read. */
export function recentLines({ io }: VerbContext, path: string): string[] {
  try {
    return (io.readFile(path, MAX_BYTES, "refuse", "replace") ?? "").split("\n").filter((line) => line !== "");
  } catch {
    return [];
  }
}

/** Adds a line. A failure is no reason to lose a run, and nothing to tell in every log. */
function add(context: VerbContext, value: object): void {
  const path = recentFile(context);
  if (path === undefined) return;
  const { io, writer } = context;
  const text = `${writer.redact.token(jsonLine(writer.clean(value)))}\n`;
  try {
    const lines = recentLines(context, path);
    if (lines.length > 0 && lines.length < MOST) io.appendFile(path, text);
    else io.writeFile(path, [...lines.slice(-KEPT), text].join("\n"));
  } catch {
    // See above.
  }
}

const short = (text: string | null) => text === null ? null : cutText(plainText(text), MAX_TEXT);

/** Remembers a start. */
export function rememberStart(context: VerbContext, { run }: StartedRun, out: string, asked: Asked): void {
  const { io, clock } = context;
  let folder: string | undefined;
  try {
    folder = io.realPath(out);
  } catch {
    // Deno may not read it.
  }
  const withTask = io.env("MOGPLEX_RECENT")?.trim() !== "ids" && context.option(SHOW_TASK) !== false;
  add(context, {
    startedAt: new Date(clock.wallTime()).toISOString(),
    runId: run.runId,
    repository: short(asked.repository),
    branch: short(run.branch.working),
    folder: folder ?? out,
    ...(withTask && { task: short(asked.task.trim().split("\n")[0] ?? "") }),
  });
}

/** Remembers what the service says of the end of a run. */
export function rememberState(context: VerbContext, runId: string, outcome: EndOutcome): void {
  add(context, { runId, outcome, exitCode: EXIT[END_EXIT[outcome]], pullRequest: null });
}

/** Remembers how a run ended, as far as this command knows. */
export function rememberEnd(context: VerbContext, result: AnyResult): void {
  if (result.kind !== "run" || result.runId === null || result.outcome === "started") return;
  const { runId, outcome, exitCode, pullRequest } = result;
  add(context, { runId, outcome, exitCode, pullRequest: short(pullRequest.url) });
}
