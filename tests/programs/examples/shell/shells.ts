/** The shells that `mogplex-run.sh` names, and those of them that this machine has. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** What the script says it needs, beside curl, and `sleep` and `date`, which are ours. */
export const PROGRAMS: readonly string[] = "awk chmod grep head mkdir mktemp mv od printf rm sed sh sha256sum tr wc"
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
  /** For people. */
  name: string;
  /** Line that runs a script. */
  line: string[];
  /** Where the programs come from; by name of the program when it is not busybox. */
  busybox: boolean;
  /** Whether jq is there. */
  jq: boolean;
  /** Whether it runs on a terminal, which the program `script` gives it: then it is the child of the process. */
  terminal?: boolean;
  /** What the shell needs in its environment. */
  env?: Record<string, string>;
}

/** The shells that the script names. */
export const ALL_SHELLS: readonly Shell[] = [
  { name: "dash", line: ["dash"], busybox: false, jq: false },
  { name: "bash with jq", line: ["bash"], busybox: false, jq: true },
  { name: "BusyBox", line: ["busybox", "sh"], busybox: true, jq: false },
  { name: "bash --posix", line: ["bash", "--posix"], busybox: false, jq: false },
  { name: "zsh", line: ["zsh"], busybox: false, jq: false },
  { name: "zsh as sh", line: ["zsh", "--emulate", "sh"], busybox: false, jq: false },
  { name: "ksh93", line: ["ksh93"], busybox: false, jq: false },
  { name: "mksh", line: ["mksh"], busybox: false, jq: false },
  { name: "yash", line: ["yash"], busybox: false, jq: false, env: { LC_ALL: "C.UTF-8" } },
  { name: "posh", line: ["posh"], busybox: false, jq: false },
];

/** Whether this machine has a shell, and the programs beside it. */
export function isInstalled({ line: [program = ""], jq }: Shell): boolean {
  return [program, "curl", ...(jq ? ["jq"] : [])].every((name) => which(name) !== undefined);
}

/** The shells of this machine. */
export const SHELLS: readonly Shell[] = ALL_SHELLS.filter(isInstalled);
/** Whether there is none. */
export const INCOMPLETE = SHELLS.length === 0;
