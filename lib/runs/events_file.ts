/**
 * The option `eventsFile` of the library: a file that gets all events of a run while the run is followed.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { processIo } from "../io.ts";
import type { Connected } from "../job/session.ts";
import { EventFile } from "../report/event_file.ts";
import { messageOf } from "../error_sentence.ts";
import { createRedactor } from "../text/redact.ts";

/**
 * Creates the file, so that a wrong path is found before a run is started. Secrets are masked as in reports.
 *
 * @param token Access token to mask if the session has none.
 * @throws {UsageError} when the file cannot be written.
 */
export function openEventsFile(path: string, session: Connected, token?: string): EventFile {
  const { env, notify } = session;
  const redact = createRedactor({ token: session.token ?? token, env });
  const attempted = `write events to ${JSON.stringify(path)}`;
  const file = new EventFile(path, processIo(), {
    redact,
    redactToken: redact.token,
    onProblem: (error) => notify({ kind: "text", message: `Cannot ${attempted} any more: ${messageOf(error)}` }),
  });
  try {
    file.open();
  } catch (cause) {
    throw new UsageError({ attempted, why: messageOf(cause) }, { cause });
  }
  return file;
}
