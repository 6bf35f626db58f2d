/** What `mogplex-run.sh` needs of a machine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What the script needs beside curl and jq; `mv` is for our own `sleep` and `date`. */
export const PROGRAMS: readonly string[] = ["cat", "env", "grep", "mktemp", "mv", "rm", "sed", "sh", "tail"];

const found = new Map<string, string | undefined>();

/** Path of a program, or undefined where this machine lacks it. */
export function which(name: string): string | undefined {
  if (!found.has(name)) {
    const folders = (process.env.PATH ?? "").split(":").filter((folder) => folder !== "");
    found.set(name, folders.map((folder) => join(folder, name)).find((path) => existsSync(path)));
  }
  return found.get(name);
}

/** A shell, and the programs beside it. */
export interface Shell {
  /** Its name, for messages. */
  name: string;
  /** Line that runs a script. */
  line: string[];
  /** Whether the programs beside it are BusyBox, too. */
  busybox?: boolean;
}

/** Whether this machine has a shell, curl and jq. */
export function isInstalled({ line: [program = ""] }: Shell): boolean {
  return [program, "curl", "jq"].every((name) => which(name) !== undefined);
}

/** The shell of all tests that are not about shells; `tests/matrix/examples/shell` tries others. */
export const SH: Shell = { name: "sh", line: [which("dash") === undefined ? "sh" : "dash"] };
/** Whether this machine cannot run the script. */
export const INCOMPLETE = !isInstalled(SH);
