/**
 * Stops that a second process asks for while another one holds a directory: one file each, `stops/ID.json` beside the journal. The holder
 * records them in the journal and removes the files. The second process touches neither lock nor journal.
 *
 * @module
 */
import * as z from "zod/mini";
import { messageOf } from "../../error_sentence.ts";
import type { DurableFiles } from "../../files/disk.ts";
import { parseJson } from "../../lookup.ts";
import { decodeUtf8 } from "../../runtime.ts";
import { diskError } from "./home.ts";
import { MAX_PERSON, MAX_REASON, oneLine, type StopRequest, visible } from "./record.ts";

export const STOPS_FOLDER = "stops";

const MAX_BYTES = 8_192;
/** Most files that are looked at: more are no work of people. */
const MAX_FILES = 100;
const FILE_NAME = /^([0-9a-f]{32})\.json$/;

const schema = z.lazy(() =>
  z.object({
    schema: z.literal(1),
    by: visible(MAX_PERSON, 1),
    cancel: z.boolean(),
    reason: z.optional(visible(MAX_REASON)),
  })
);

function pathOf(directory: string, id: string): string {
  return `${directory}/${STOPS_FOLDER}/${id}.json`;
}

/** Writes a new request. @throws {MogplexError} with exit code 69 if it cannot be written, 2 if there is something else in its place. */
export function writeStop(directory: string, files: DurableFiles, stop: Omit<StopRequest, "id">): StopRequest {
  const id = crypto.randomUUID().replaceAll("-", "");
  const by = oneLine(stop.by, MAX_PERSON) || "unknown";
  const reason = stop.reason === undefined ? undefined : oneLine(stop.reason, MAX_REASON);
  const content = { schema: 1, by, cancel: stop.cancel, reason };
  try {
    files.makeDirectory(`${directory}/${STOPS_FOLDER}`);
    files.create(pathOf(directory, id), `${JSON.stringify(content)}\n`);
  } catch (cause) {
    throw diskError(`write a stop in ${JSON.stringify(`${directory}/${STOPS_FOLDER}`)}`, cause);
  }
  return { id, by, cancel: stop.cancel, reason };
}

/**
 * Requests that wait. Never throws.
 *
 * @param onProblem Called for what is no request, with its path and why.
 */
export function readStops(
  directory: string,
  files: DurableFiles,
  onProblem: (path: string, why: string) => void,
): StopRequest[] {
  const folder = `${directory}/${STOPS_FOLDER}`;
  let names: readonly string[];
  try {
    names = files.list(folder) ?? [];
  } catch (error) {
    onProblem(folder, messageOf(error));
    return [];
  }
  return names.slice(0, MAX_FILES).flatMap((name) => {
    const id = FILE_NAME.exec(name)?.[1];
    if (id === undefined) return [];
    const path = pathOf(directory, id);
    try {
      const file = files.read(path, MAX_BYTES);
      if (file === undefined) return [];
      const { success, data } = z.safeParse(schema, parseJson(decodeUtf8(file.content)));
      if (success) return [{ id, by: data.by, cancel: data.cancel, reason: data.reason }];
      onProblem(path, "its content is not that of a stop");
    } catch (error) {
      onProblem(path, messageOf(error));
    }
    return [];
  });
}

/** Whether a request still waits. Never throws. */
export function stopWaits(directory: string, files: DurableFiles, { id }: StopRequest): boolean {
  try {
    return files.facts(pathOf(directory, id)) !== undefined;
  } catch {
    return true;
  }
}

/** Removes a request. Never throws: the journal knows each by its id. */
export function removeStop(directory: string, files: DurableFiles, { id }: Pick<StopRequest, "id">): void {
  try {
    files.remove(pathOf(directory, id));
  } catch {
    // See above.
  }
}
