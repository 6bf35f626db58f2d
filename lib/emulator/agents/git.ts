/**
 * Runs Git for the exec driver: with an identity of its own, without hooks, and without the user's configuration.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";

/** A Git command failed. The message is the one that Git printed. */
export class GitError extends Error {
  override name = "GitError";
}

const GIT_SETTINGS: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["safe.directory", "*"],
  ["commit.gpgSign", "false"],
  ["protocol.file.allow", "always"],
  ["core.fsmonitor", "false"],
];

const IDENTITY = {
  GIT_AUTHOR_NAME: "Mogplex Emulator",
  GIT_AUTHOR_EMAIL: "emulator@mogplex.invalid",
  GIT_COMMITTER_NAME: "Mogplex Emulator",
  GIT_COMMITTER_EMAIL: "emulator@mogplex.invalid",
};

/** Variables that Git and the commands of harnesses get from the environment of the emulator. */
const PASSED_ON = ["PATH", "HOME", "LANG", "TMPDIR", "TERM"];

/**
 * Environment for Git and for the command of a harness: a few variables of our own, an identity, and settings. Everything else
 * stays here, since it may hold secrets.
 *
 * @param names Further variables to pass on, if they are set. @default {[]}
 */
export function chosenEnvironment(names: readonly string[] = []): Record<string, string> {
  const kept = [...PASSED_ON, ...names].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const settings = GIT_SETTINGS.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...Object.fromEntries(kept),
    ...IDENTITY,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_COUNT: String(GIT_SETTINGS.length),
    ...Object.fromEntries(settings),
  };
}

/** Option that runs the other end of a fetch or push without hooks, too. That process does not inherit the settings above. */
export function otherEnd(service: "upload-pack" | "receive-pack"): string {
  return `--${service}=git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=true -c safe.directory=* ${service}`;
}

/** Options of {@linkcode git}. */
export interface GitOptions {
  /** Kills the process when it aborts. @default {undefined} */
  signal?: AbortSignal | undefined;
  /** Standard input. @default {""} */
  input?: string | undefined;
}

/**
 * Runs Git.
 *
 * @param directory Working directory.
 * @param args Arguments after `git`.
 * @returns Standard output.
 * @throws {GitError} if Git fails.
 */
export function git(
  directory: string,
  args: readonly string[],
  { signal, input = "" }: GitOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: directory, env: chosenEnvironment(), signal });
    // A command may end without reading it.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
    const out: Uint8Array[] = [];
    const err: Uint8Array[] = [];
    child.stdout.on("data", (chunk: Uint8Array) => out.push(chunk));
    child.stderr.on("data", (chunk: Uint8Array) => err.push(chunk));
    let failure: Error | undefined;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) reject(error);
    });
    // Not before the end of the process: one that was aborted still removes its files, in a directory that somebody else removes.
    child.on("close", (code) => {
      if (failure !== undefined) return reject(failure);
      const text = (chunks: Uint8Array[]) => new TextDecoder().decode(Buffer.concat(chunks));
      if (code === 0) resolve(text(out));
      else reject(new GitError(text(err).trim() || `git ${args[0]} ended with ${code}`));
    });
  });
}

/**
 * The branch that is checked out in a repository.
 *
 * @returns Undefined if there is no repository.
 */
export function currentBranch(path: string): string | undefined {
  const options = { encoding: "utf8" as const, env: chosenEnvironment() };
  const exists = spawnSync("git", ["-C", path, "rev-parse", "--git-dir"], options);
  if (exists.status !== 0) return undefined;
  const head = spawnSync("git", ["-C", path, "symbolic-ref", "--short", "HEAD"], options);
  return head.status === 0 ? head.stdout.trim() : "main";
}
