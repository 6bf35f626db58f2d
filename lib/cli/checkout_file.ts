/**
 * Files of the checkout whose text is sent: a task, an input.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import type { VerbContext } from "./verb.ts";

/**
 * A checkout can plant a link in the place of a file that we send, to have a file of the machine sent to the agent. Who writes `..` or an
 * absolute path means it.
 *
 * @throws {UsageError} when a path below the working directory leads out of it.
 */
function refuseEscape({ io }: VerbContext, path: string, what: string): void {
  if (path.startsWith("/") || path.split("/").includes("..")) return;
  const [here, there] = [io.realPath("."), io.realPath(path)];
  if (here === undefined || there === undefined || there.startsWith(`${here.replace(/\/+$/, "")}/`)) return;
  throw new UsageError(`Cannot ${what}: file ${JSON.stringify(path)} leads out of the working directory`);
}

/**
 * The text of a file that is going to be sent.
 *
 * @param what What is attempted, after "Cannot".
 * @throws {UsageError} when it cannot be read, or leads out of the working directory.
 */
export function readCheckoutFile(context: VerbContext, path: string, what: string): string {
  const { io } = context;
  let text: string | undefined;
  try {
    refuseEscape(context, path, what);
    text = io.readFile(path);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`Cannot ${what}: file ${JSON.stringify(path)} cannot be read`, { cause });
  }
  if (text === undefined) throw new UsageError(`Cannot ${what}: file ${JSON.stringify(path)} does not exist`);
  return text;
}
