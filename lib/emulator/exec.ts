/**
 * `mogplex-emulator exec`: runs a command whose environment points at the emulator.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { UsageError } from "../errors.ts";
import type { Io } from "../io.ts";

/** What the environment of the command is made of. */
interface Target {
  /** Origin of the emulator. */
  url: string;
  /** A token with both scopes. */
  token: string;
  /** Repositories; the first one becomes `MOGPLEX_REPO_ID`. */
  repos: readonly { id: string }[];
  /** Whether starts are limited. @default {true} */
  startLimits?: boolean | undefined;
}

// A token from elsewhere would contradict ours, and a name of a repository the id.
const REMOVED = ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE", "MOGPLEX_REPO"];

/** The environment of the command: that of this process, pointed at the emulator. */
export function commandEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  { url, token, repos, startLimits = true }: Target,
): Record<string, string | undefined> {
  const kept = Object.fromEntries(Object.entries(base).filter(([name]) => !REMOVED.includes(name)));
  const repo = repos[0] === undefined ? {} : { MOGPLEX_REPO_ID: repos[0].id };
  return {
    ...kept,
    MOGPLEX_DEV: "1",
    MOGPLEX_URL: url,
    MOGPLEX_API_KEY: token,
    ...repo,
    ...!startLimits && { MOGPLEX_DEV_START_LIMITS: "off" },
  };
}

/** Why a command cannot be started, by error code. Source: Node.js, "Common system errors". */
const START_PROBLEMS = new Map([["ENOENT", "there is no such command"], ["EACCES", "it may not be run"]]);

/**
 * Runs a command to its end, on the streams of this process. Signals are passed on to it.
 *
 * @param command The program and its arguments.
 * @returns Its exit code; 128 and the number of the signal if one ended it.
 * @throws {UsageError} when it cannot be started.
 */
export function runCommand(command: readonly string[], target: Target, io: Pick<Io, "onSignal">): Promise<number> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", env: commandEnvironment(process.env, target) });
    const forget = io.onSignal((signal) => void child.kill(signal));
    child.once("error", (error: Error & { code?: string }) => {
      forget();
      const why = START_PROBLEMS.get(error.code ?? "") ?? error.message;
      reject(new UsageError({ attempted: `run ${JSON.stringify(program)}`, why }, { cause: error }));
    });
    child.once("exit", (code, signal) => {
      forget();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
