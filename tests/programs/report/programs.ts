/**
 * Programs of others that read reports.
 *
 * @module
 */
import { spawnSync } from "node:child_process";

/** Whether a program is installed; tests of the others are skipped. */
export function isInstalled(program: string): boolean {
  return Bun.which(program) !== null;
}

/** What a program makes of a text on its standard input: everything it says, and its exit code. */
export function judge(program: string, args: readonly string[], input: string): { code: number | null; said: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: "utf8" });
  return { code: status, said: `${stdout}${stderr}` };
}
