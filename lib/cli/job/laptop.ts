/**
 * What a command does outside CI alone: it finds the run that it left in the same folder, keeps the files of two runs apart, and keeps them
 * out of Git.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { openSession } from "../../job/session.ts";
import { checkRunRequest, resolveRequest, type RunRequest } from "../../runs/run_request.ts";
import { formatDuration } from "../../result/duration.ts";
import { type Remembered, rememberedRun, UNTOLD_MS } from "./remembered.ts";
import { requestHash } from "../../runs/state.ts";
import { DEFAULT_OUT, outDirectory, type Places, statePath } from "../options/places.ts";
import { IDEMPOTENCY_KEY, KEY_PART, KEY_SCOPE, STATE } from "../options/table.ts";
import type { Folder, VerbContext } from "../verb.ts";
import { connectOptions, ONE_SHOT_MS } from "./one_shot.ts";

/** Most folders that are looked at: one for each run that goes on. */
const MAX_FOLDERS = 50;

/** Whether nobody but a person calls the command again. */
export function isLaptop({ platform, io }: VerbContext): boolean {
  return !platform.isCi && platform.identity(io.env) === null;
}

/**
 * Chooses the folder of a start: that of the run with the same request that goes on, or whose end nobody was told, else the first one without
 * a run that goes on.
 *
 * @param wantsNew Whether a run with the same request counts as another one.
 * @throws {UsageError} when `--state` names the file of another run that goes on.
 * @throws what the client throws for the look at a run that was left.
 */
export async function chooseFolder(context: VerbContext, asked: RunRequest, wantsNew: boolean): Promise<Folder> {
  const { io, option, flags, writer, platform } = context;
  const base = outDirectory(context);
  const first = { request: asked, out: base, resumePath: undefined };
  const ownKey = [IDEMPOTENCY_KEY, KEY_SCOPE, KEY_PART].some((key) => option(key) !== undefined);
  // Without a state file there is nothing to remember, and nothing is sent.
  if (!isLaptop(context) || flags.get("resume") !== undefined || !exists(context, statePath(context))) return first;
  const connection = { ...context.connection(), notices: [] };
  const session = openSession(connectOptions(context), { connection, platform });
  const call = { deadline: session.startedAt + ONE_SHOT_MS };
  const request = await resolveRequest(session.client, checkRunRequest(asked), call);
  const hash = requestHash(request);
  for (let count = 1; count <= MAX_FOLDERS; count++) {
    const out = count === 1 ? base : `${base.replace(/\/+$/, "")}-${count}`;
    const path = statePath(context, out);
    const found = await rememberedRun(session, io, path, hash, call);
    // A run that has ended is in nobody's way.
    if (found === undefined || found.endAgeMs !== null && (wantsNew || ownKey)) {
      if (count > 1) {
        writer.note(`another run of this folder goes on: the files of this one go to ${JSON.stringify(out)}`);
      }
      return { request, out, resumePath: undefined };
    }
    if (found.same && !wantsNew && !ownKey) {
      writer.note(sentenceOf(found));
      return { request, out, resumePath: path, maxEndAgeMs: UNTOLD_MS };
    }
    if (option(STATE) !== undefined) {
      const why = `run "${found.runId ?? "unknown"}" of that state file goes on`;
      throw new UsageError({
        attempted: "start run",
        why,
        value: JSON.stringify(path),
        advice: "give another --state",
      });
    }
  }
  throw new UsageError({
    attempted: "start run",
    why: `${MAX_FOLDERS} runs of this folder go on`,
    advice: "give --out",
  });
}

function sentenceOf({ runId, endAgeMs }: Remembered): string {
  if (endAgeMs !== null) {
    return `run "${runId}" of this folder, with the same request, ended well ${
      formatDuration(endAgeMs)
    } ago, and nobody was told: ` +
      "here is its end (--new starts another one)";
  }
  const run = runId === null
    ? "an earlier start of this folder was not answered"
    : `run "${runId}" of this folder goes on`;
  return `${run}, with the same request: attaching to it (--new starts another one)`;
}

function exists({ io }: VerbContext, path: string): boolean {
  try {
    return io.realPath(path) !== undefined;
  } catch {
    // Deno may not read it. Nothing is remembered there then.
    return false;
  }
}

/**
 * Prepares a `.gitignore` for the folder of the reports, so that nobody commits them by accident. A folder that was there before, under a
 * name that the user chose, is left alone.
 *
 * @returns Writes it. A failure is not an error: the reports say whether the folder can be written.
 */
export function ignoringFolder(context: VerbContext, { out, targets }: Pick<Places, "out" | "targets">): () => void {
  const folder = out.replace(/\/+$/, "");
  const path = `${folder}/.gitignore`;
  const isInside = !folder.startsWith("/") && !folder.split("/").some((part) => /^\.*$/.test(part));
  const isOurs = folder.replace(/-\d+$/, "") === DEFAULT_OUT;
  const isUsed = targets.some((target) => target.path.startsWith(`${folder}/`));
  const wanted = isLaptop(context) && isInside && isUsed && (isOurs || !exists(context, folder));
  return () => {
    if (!wanted || exists(context, path)) return;
    try {
      context.io.writeFile(path, "*\n");
    } catch {
      // See above.
    }
  };
}
