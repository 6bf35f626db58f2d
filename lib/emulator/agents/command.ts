/**
 * The process of a harness command: starts it in the working copy, and kills it with everything that it started.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { chosenEnvironment } from "./git.ts";
import type { RunRow } from "../state/rows.ts";

// Linux refuses an argument or variable of 128 KiB. Source: execve(2), MAX_ARG_STRLEN.
const MAX_PROMPT_VARIABLE_BYTES = 120 * 1_024;
const KILL_GRACE_MS = 2_000;
const OUTPUT_GRACE_MS = 500;

/** Options of {@linkcode startHarness}. */
export interface HarnessOptions {
  /** Command, run by `sh -c`. */
  command: string;
  /** Working directory. */
  directory: string;
  /** Branch that is checked out. */
  branch: string;
  /** Names of variables to pass on, besides the usual ones. @default {[]} */
  environment?: readonly string[] | undefined;
  /** Takes the output of the command. @default {undefined} (discarded) */
  onOutput?: ((text: string) => void) | undefined;
  /** Takes what the command prints on its standard output, line by line. @default {undefined} (discarded) */
  onLine?: ((line: string) => void) | undefined;
}

// A line without an end must not fill the memory.
const MAX_LINE = 4_000;

/** Cuts pieces of a text into lines, each with its line break. The last one may have none. */
function lineCutter(onLine: (line: string) => void): { take(piece: string): void; end(): void } {
  let rest = "";
  return {
    take(piece) {
      const lines = (rest + piece).split(/(?<=\n)/);
      rest = lines.at(-1)?.endsWith("\n") ? "" : lines.pop() ?? "";
      for (const line of lines) onLine(line);
      if (rest.length > MAX_LINE) this.end();
    },
    end() {
      if (rest !== "") onLine(rest);
      rest = "";
    },
  };
}

/** Sends a signal to a process and to everything that it started. */
function signalGroup(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** Starts the command of a run. The prompt comes on its standard input. */
export function startHarness(run: RunRow, options: HarnessOptions): ChildProcess {
  const { command, directory, branch, environment, onOutput, onLine } = options;
  const prompt = new TextEncoder().encode(run.prompt);
  const child = spawn("sh", ["-c", command], {
    cwd: directory,
    env: {
      ...chosenEnvironment(environment),
      MOGPLEX_RUN_ID: run.id,
      MOGPLEX_BASE_BRANCH: run.base_branch,
      MOGPLEX_WORKING_BRANCH: branch,
      ...(prompt.length < MAX_PROMPT_VARIABLE_BYTES ? { MOGPLEX_PROMPT: run.prompt } : {}),
    },
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    const decoder = new TextDecoder();
    stream.on("data", (chunk: Uint8Array) => onOutput?.(decoder.decode(chunk, { stream: true })));
  }
  if (onLine !== undefined) {
    const decoder = new TextDecoder();
    const cutter = lineCutter(onLine);
    child.stdout.on("data", (chunk: Uint8Array) => cutter.take(decoder.decode(chunk, { stream: true })));
    child.stdout.on("end", () => cutter.end());
  }
  // A command may end without reading its prompt.
  child.stdin.on("error", () => {});
  child.stdin.end(prompt);
  return child;
}

/**
 * Waits for the end of a command, and kills what it left running. Output that a process of it still holds open is not waited
 * for.
 *
 * @returns Exit code; null if a signal ended the command.
 * @throws the error of a command that could not be started.
 */
export function harnessExit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      signalGroup(child, "SIGKILL");
      resolve(code);
    });
  });
}

/** Waits until the output of a command that has ended is read; not for long, as a process that it left behind may hold it open. */
export async function outputRead({ stdout }: ChildProcess): Promise<void> {
  if (stdout === null || stdout.readableEnded) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, OUTPUT_GRACE_MS));
  await Promise.race([once(stdout, "end"), late]);
  clearTimeout(timer);
}

/** Ends a command: SIGTERM, then SIGKILL after {@linkcode KILL_GRACE_MS} to it and to everything that it started. */
export function stopHarness(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_GRACE_MS);
  child.once("close", () => {
    clearTimeout(timer);
    // Processes that outlived the shell.
    signalGroup(child, "SIGKILL");
  });
}
