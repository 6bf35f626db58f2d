/** The three runtimes as real binaries, started with the flags of the README that ignore the checkout's configuration. */
import { spawnSync } from "node:child_process";
import { runtimes } from "../../../tools/setup.mjs";

/** Command line of each runtime; a script's path and its arguments follow. */
export const RUNTIMES: Readonly<Record<"node" | "deno" | "bun", readonly string[]>> = {
  node: [runtimes.node],
  deno: [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", "--allow-all"],
  bun: [runtimes.bun, "--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"],
};

/** How a program ended. */
export interface Ended {
  /** Exit code; null after a signal. */
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, with `PATH` and `HOME` as its whole environment unless `env` has more. */
export function runToEnd(
  command: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Ended {
  const { PATH = "", HOME = "" } = process.env;
  const { status, stdout, stderr } = spawnSync(command[0] ?? "", command.slice(1), {
    cwd: options.cwd,
    env: { PATH, HOME, NO_COLOR: "1", ...options.env },
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}
