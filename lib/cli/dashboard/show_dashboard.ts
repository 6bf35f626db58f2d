/**
 * `dashboard`: reads, renders and writes.
 *
 * @module
 */
import { cleanDashboard } from "../../dashboard/clean.ts";
import { collect } from "../../dashboard/collect.ts";
import type { DashboardData } from "../../dashboard/data.ts";
import { FILES, renderDashboard } from "../../dashboard/files.ts";
import { filesOf, MAX_ENTRIES } from "../../dashboard/glob.ts";
import { readStored, type Stored } from "../../dashboard/stored.ts";
import { messageOf } from "../../error_sentence.ts";
import { InterruptedError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { interruptible } from "../../job/interrupt.ts";
import type { Session } from "../../job/session.ts";
import { directoryLister } from "../../files/directory.ts";
import { formatCount } from "../../result/duration.ts";
import { openOneShot } from "../job/one_shot.ts";
import { ALLOW_WRITE, DASHBOARD_OUT, DASHBOARD_WATCH, PARTIAL, RESULTS } from "./flags.ts";
import type { VerbContext } from "../verb.ts";
import { watchDashboard } from "./watch.ts";

const ATTEMPTED = "make a dashboard";
/** Largest file of a run or a campaign: 10 000 items have half of it. */
const MAX_BYTES = 16 * 1024 * 1024;
/** Most files of runs and campaigns: a page with more is no dashboard. */
const MAX_FILES = 2_000;

/** What the files of `--results` say. @throws {UsageError} when there are too many. */
function storedOf({ io, flags }: VerbContext): Stored {
  const { found, isCut } = filesOf(flags.all(RESULTS.name), directoryLister());
  const paths = [...new Set([...found.values()].flat())];
  if (isCut) {
    const why = `the patterns of --results look at more than ${MAX_ENTRIES} files and folders`;
    throw new UsageError({ attempted: ATTEMPTED, why, advice: "begin them with a folder" });
  }
  if (paths.length > MAX_FILES) {
    const why = `--results finds more than ${MAX_FILES} files`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: String(paths.length) });
  }
  const stored = readStored(paths, (path) => io.readFile(path, MAX_BYTES, "follow"));
  const empty = [...found].filter(([, files]) => files.length === 0).map(([file]) => ({
    file,
    why: "No file that can be read matches this pattern",
  }));
  return { ...stored, fileProblems: [...empty, ...stored.fileProblems] };
}

function write({ io, writer, flags }: VerbContext, out: string, data: DashboardData): void {
  const directory = out.replace(/(.)\/+$/, "$1");
  const pathOf = (name: string) => directory === "/" ? `/${name}` : `${directory}/${name}`;
  let history = "";
  try {
    history = io.readFile(pathOf(FILES.history), MAX_BYTES, "refuse", "replace") ?? "";
  } catch (cause) {
    // It would be lost if we wrote another one.
    const why = `"${pathOf(FILES.history)}" cannot be read`;
    throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, { cause });
  }
  const { files, unread } = renderDashboard(data, history);
  if (unread > 0) {
    writer.note(`${formatCount(unread, "line")} of ${FILES.history} could not be read: left out from now on`);
  }
  for (const { name, text } of files) {
    try {
      io.writeFile(pathOf(name), text);
    } catch (cause) {
      const why = `"${pathOf(name)}" cannot be written`;
      throw new UsageError({ attempted: ATTEMPTED, why, value: messageOf(cause) }, { cause });
    }
  }
  if (!flags.has("json")) writer.out(...files.map(({ name }) => writer.untrusted(`wrote ${pathOf(name)}`)));
}

/** Reads everything once. @param signal Ends it. */
async function look(context: VerbContext, session: Session, signal?: AbortSignal): Promise<DashboardData> {
  const { flags, clock, writer } = context;
  // A mistake in a pattern costs no request.
  const stored = storedOf(context);
  const allowWriteToken = flags.has(ALLOW_WRITE.name);
  const collected = await collect({ client: session.client, clock, signal, allowWriteToken });
  return cleanDashboard({ schema: 1, ...collected, ...stored }, writer.redact);
}

function say({ writer, flags }: VerbContext, data: DashboardData): void {
  for (const { state, why } of Object.values(data.lists)) {
    if (why !== null && state !== "skipped") writer.note(why);
  }
  for (const { file, why } of data.fileProblems) writer.note(`${file}: ${why}`);
  if (flags.has("json")) writer.json(data);
}

/** Does the work of the verb. @returns The exit code. */
export async function showDashboard(context: VerbContext): Promise<number> {
  const { flags, option, io, clock } = context;
  const out = option(DASHBOARD_OUT);
  const seconds = option(DASHBOARD_WATCH);
  if (out === undefined && seconds === undefined && !flags.has("json")) {
    const advice = "give --out DIR for the files, --watch SECONDS for a table, or --json for the data on stdout";
    throw new UsageError({ attempted: ATTEMPTED, why: "nothing says where it goes", advice });
  }
  const { session } = openOneShot(context);
  if (seconds !== undefined) {
    try {
      return await interruptible({ io, clock }, ({ signal }) =>
        watchDashboard(context, {
          seconds,
          signal,
          look: () => look(context, session, signal),
          onLook: (data) => out !== undefined && write(context, out, data),
        }));
    } catch (error) {
      // The usual end, which the table itself names: no error to tell.
      if (error instanceof InterruptedError) return error.exitCode;
      throw error;
    }
  }
  const data = await look(context, session);
  say(context, data);
  if (out !== undefined) write(context, out, data);
  return flags.has(PARTIAL.name) ? EXIT.success : data.exitCode;
}
