/**
 * `cleanup`: stops what the job left behind. It ends with 0 unless the caller or the token is at fault: the job has its verdict.
 *
 * @module
 */
import { UnauthorizedError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { cleanup } from "../../runs/cleanup.ts";
import { noticeText } from "../log/notices.ts";
import { statePath } from "../options/settings.ts";
import { protectToken } from "../job/whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  const { io, flags, writer, clock, fetch } = context;
  try {
    protectToken(context);
  } catch (error) {
    // Where there is nothing to stop, nobody misses the token.
    if (!(error instanceof UnauthorizedError)) throw error;
  }
  const { action, text, runId, status } = await cleanup({
    files: io,
    readFile: io.readFile,
    statePath: statePath(context),
    always: flags.has("always"),
    env: io.env,
    clock,
    fetch,
    onNotice: (notice) => writer.note(noticeText(notice)),
  });
  if (flags.has("json")) writer.json({ action, runId, status, words: text });
  else if (action === "failed") writer.error(`Cannot clean up: ${text}`);
  else writer.out(writer.untrusted(`${action === "nothing" ? "nothing to clean up" : "cleaned up"}: ${text}`));
  return EXIT.success;
}
