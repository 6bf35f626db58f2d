/**
 * `--open`: the page of the run in a browser, at the end of a job that a person watches.
 *
 * @module
 */
import { openFile } from "../../files/open_file.ts";
import type { Context } from "../verb.ts";

/** Opens the page. A failure is printed, and changes no verdict. @param path Path of the page. */
export async function openPage({ io, writer }: Context, path: string): Promise<void> {
  const problem = await openFile(path, (name) => io.env(name));
  if (problem !== null) writer.error(`Cannot open page ${JSON.stringify(path)}: ${problem}; open it by hand`);
}
