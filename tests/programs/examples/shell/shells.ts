/** What `mogplex-run.sh` needs of a machine. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What the script says it needs, beside curl, and `sleep` and `date`, which are ours. */
export const PROGRAMS: readonly string[] = "awk grep head mktemp mv od printf rm sed sh sha256sum tr wc"
  .split(" ");
/** What every system has, and most shells have built in. yash runs its own only where the program is there, too. */
export const EVERYWHERE: readonly string[] = ["[", "echo", "kill", "pwd", "test", "true"];

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
  /** What the shell needs in its environment. */
  env?: Record<string, string>;
}

/** Whether this machine has a shell and curl. */
export function isInstalled({ line: [program = ""] }: Shell): boolean {
  return which(program) !== undefined && which("curl") !== undefined;
}

/** The shell of all tests that are not about shells; `tests/matrix/examples/shell` tries the others. */
export const SH: Shell = { name: "sh", line: [which("dash") === undefined ? "sh" : "dash"] };
/** Whether this machine cannot run the script. */
export const INCOMPLETE = !isInstalled(SH);
