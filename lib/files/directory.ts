/**
 * What is in a directory.
 *
 * @module
 */
import type * as Files from "node:fs";

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
export async function directoryLister(): Promise<ListDirectory> {
  const fs: typeof Files = await import("node:fs");
  return (path) => {
    let entries: Files.Dirent[];
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
