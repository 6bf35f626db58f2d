/**
 * Stop requests for a campaign whose directory another process is using. Each request is a file, `stops/ID.json` next to the journal. The process
 * that uses the directory records the requests in the journal and removes the files. The requesting process changes neither the lock nor the journal.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import type { DurableFiles } from "../../files/disk.ts";
import { parseJson } from "../../lookup.ts";
import { decodeUtf8 } from "../../runtime.ts";
import { diskError } from "./home.ts";
import { fitFields, flag, object, oneOf, orAbsent, tryRead } from "./fields.ts";
import { person, reason, type StopRequest } from "./record.ts";

export const STOPS_FOLDER = "stops";

const MAX_BYTES = 8_192;
/** Far more requests than users make. */
const MAX_FILES = 100;
const FILE_NAME = /^([0-9a-f]{32})\.json$/;

const FIELDS = { schema: oneOf(1), by: person, cancel: flag, reason: orAbsent(reason) };
const stopField = object(FIELDS);

function pathOf(directory: string, id: string): string {
  return `${directory}/${STOPS_FOLDER}/${id}.json`;
}

export function writeStop(directory: string, files: DurableFiles, stop: Omit<StopRequest, "id">): StopRequest {
  const id = crypto.randomUUID().replaceAll("-", "");
  const { by, cancel, reason } = fitFields(FIELDS, stop, null);
  const content = { schema: 1, by, cancel, reason };
  try {
    files.makeDirectory(`${directory}/${STOPS_FOLDER}`);
    files.create(pathOf(directory, id), `${JSON.stringify(content)}\n`);
  } catch (cause) {
    throw diskError(`write a stop request in ${JSON.stringify(`${directory}/${STOPS_FOLDER}`)}`, cause);
  }
  return { id, by, cancel, reason };
}

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
      const result = tryRead(stopField, parseJson(decodeUtf8(file.content)));
      if (result.ok) return [{ id, by: result.value.by, cancel: result.value.cancel, reason: result.value.reason }];
      onProblem(path, "it is not a request to stop");
    } catch (error) {
      onProblem(path, messageOf(error));
    }
    return [];
  });
}

export function stopWaits(directory: string, files: DurableFiles, { id }: StopRequest): boolean {
  try {
    return files.facts(pathOf(directory, id)) !== undefined;
  } catch {
    return true;
  }
}

export function removeStop(directory: string, files: DurableFiles, { id }: Pick<StopRequest, "id">): void {
  try {
    files.remove(pathOf(directory, id));
  } catch {
    // A remaining file does no harm: the journal already contains the request's id, so the request is not recorded again.
  }
}
