/**
 * Files of the checkout whose text is sent: a task, an input.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { isNotPermitted } from "../../runtime.ts";
import type { VerbContext } from "../verb.ts";

/**
 * A checkout can plant a link in the place of a file that we send, to have a file of the machine sent to the agent. A path that begins
 * outside, or climbs with `..`, was written by the caller on purpose.
 *
 * @throws {UsageError} when a path below the working directory leads out of it.
 */
function refuseEscape({ io }: VerbContext, path: string, attempted: string): void {
  if (path.split("/").includes("..")) return;
  const below = `${io.realPath(".")?.replace(/\/+$/, "") ?? ""}/`;
  if (path.startsWith("/") && !path.startsWith(below)) return;
  const there = io.realPath(path);
  if (there === undefined || there.startsWith(below)) return;
  throw new UsageError({ attempted, why: `file ${JSON.stringify(path)} leads out of the working directory` });
}

/**
 * The text of a file that is going to be sent.
 *
 * @param attempted What is attempted, after "Cannot".
 * @throws {UsageError} when it cannot be read, or leads out of the working directory.
 */
export function readCheckoutFile(context: VerbContext, path: string, attempted: string): string {
  const { io } = context;
  const file = `file ${JSON.stringify(path)}`;
  let text: string | undefined;
  try {
    refuseEscape(context, path, attempted);
    text = io.readFile(path);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (isNotPermitted(cause)) {
      const advice =
        "start it with --allow-read for it, the verb permissions prints all flags (permissions --prompt-file FILE)";
      throw new UsageError({ attempted, why: `Deno may not read ${file}`, advice }, { cause });
    }
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    throw new UsageError({ attempted, why: `${file} cannot be read${reason}` }, { cause });
  }
  if (text === undefined) throw new UsageError({ attempted, why: `${file} does not exist` });
  return text;
}
