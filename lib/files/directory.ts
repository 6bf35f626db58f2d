/**
 * What is in a directory.
 *
 * @module
 */
import * as fs from "node:fs";

/** What is in a directory. */
export interface DirectoryEntry {
  /** Its name, without the path. */
  name: string;
  /** What it is. A symbolic link is `other`, wherever it leads. */
  kind: "file" | "folder" | "other";
}

/** Entries of a directory, sorted by name; undefined when there is none, or it cannot be read. */
export type ListDirectory = (path: string) => DirectoryEntry[] | undefined;

/** Makes the function that reads directories of this machine. */
export function directoryLister(): ListDirectory {
  return (path) => {
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(path, { withFileTypes: true });
    } catch {
      return undefined;
    }
    return entries.map((entry): DirectoryEntry => ({
      name: entry.name,
      kind: entry.isFile() ? "file" : entry.isDirectory() ? "folder" : "other",
    })).sort((a, b) => a.name < b.name ? -1 : 1);
  };
}
