/**
 * Starts the emulator of `dist/` as a separate process, for tests that need a real one.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { built } from "../../built.ts";

/** What the ready line says. */
export interface Ready {
  url: string;
  token: string;
  readOnlyToken: string | null;
  repos: { id: string; full_name: string }[];
}

/** A served emulator process. */
export interface Served {
  ready: Ready;
  /** Everything on stdout. */
  stdout(): string;
  child: ChildProcess;
  /** Sends SIGTERM and waits. @returns The exit code. */
  stop(): Promise<number | null>;
}

/** Starts the emulator. @param command Runtime and its arguments. @param args Arguments of the emulator. */
export async function serve(command: readonly string[], args: readonly string[]): Promise<Served> {
  const [program = "", ...before] = command;
  const child = spawn(program, [...before, built("mogplex-emulator.mjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => stdout += chunk);
  child.stderr.on("data", (chunk) => stderr += chunk);
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`the emulator ended with ${code}: ${stderr}`);
    }),
  ]);
  return {
    ready: JSON.parse(line),
    stdout: () => stdout,
    child,
    async stop() {
      if (child.exitCode === null) {
        const exited = once(child, "exit");
        child.kill("SIGTERM");
        await exited;
      }
      return child.exitCode;
    },
  };
}

/** An empty directory that is removed when the tests end. */
export function scratch(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `emulator-${name}-`));
  mkdirSync(directory, { recursive: true });
  process.on("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
