/**
 * Runs Git without hooks, and without the configuration of the system and the user.
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { messageOf } from "../../error_sentence.ts";
import type { Contents } from "../state/contents.ts";
import type { RunRow } from "../state/store.ts";
import { agentBranch } from "../service/worker.ts";

export interface Checkout {
  directory: string;
  branch: string;
  created: boolean;
}

interface Delivery {
  changed: boolean;
  autoCommitted: string[];
  diff: string;
  commit: string;
}

const MAX_DIFF_CHARS = 1_000_000;
const MAX_NAMED_FILES = 20;

export function makeDirectory(run: RunRow): Promise<string> {
  return mkdtemp(join(tmpdir(), `mogplex-emulator-${run.id}-`));
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

export async function prepareCheckout(
  path: string,
  directory: string,
  run: RunRow,
  signal: AbortSignal,
): Promise<Checkout> {
  let branch = run.working_branch;
  try {
    await git(directory, ["clone", "--quiet", "--no-checkout", otherEnd("upload-pack"), "--", path, "."], { signal });
    const names = await git(directory, ["for-each-ref", "--format=%(refname)", "refs/remotes/origin"], { signal });
    const branches = new Set(names.split("\n").map((name) => name.replace("refs/remotes/origin/", "")));
    branch = agentBranch(run, (name) => branches.has(name));
    const created = !branches.has(branch);
    const start = `refs/remotes/origin/${created ? run.base_branch : branch}`;
    await git(directory, ["checkout", "--quiet", "--no-track", "-B", branch, start, "--"], { signal });
    return { directory, branch, created };
  } catch (error) {
    const reason = messageOf(error);
    throw new GitError(`Could not synchronize ${branch} before the agent run: ${reason}`);
  }
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/** As on the service, delivery fails if there are untracked files. */
export async function deliver({ directory, branch }: Checkout, run: RunRow, signal: AbortSignal): Promise<Delivery> {
  try {
    const untracked = lines(await git(directory, ["ls-files", "--others", "--exclude-standard"], { signal }));
    if (untracked.length > 0) {
      const more = untracked.length > MAX_NAMED_FILES ? ", …" : "";
      throw new GitError(`untracked files remain: ${untracked.slice(0, MAX_NAMED_FILES).join(", ")}${more}`);
    }
    const autoCommitted = lines(await git(directory, ["diff", "--name-only", "HEAD"], { signal }));
    if (autoCommitted.length > 0) {
      await git(directory, ["commit", "--quiet", "--no-verify", "-a", "-m", "Commit remaining changes"], { signal });
    }
    const base = `refs/remotes/origin/${run.base_branch}`;
    const commit = (await git(directory, ["rev-parse", "HEAD"], { signal })).trim();
    const ahead = Number(await git(directory, ["rev-list", "--count", `${base}..HEAD`], { signal }));
    if (ahead === 0) return { changed: false, autoCommitted, diff: "", commit };
    const target = `HEAD:refs/heads/${branch}`;
    await git(directory, ["push", "--quiet", "--no-verify", otherEnd("receive-pack"), "origin", target], { signal });
    const diff = await git(directory, ["diff", "--no-ext-diff", `${base}...HEAD`], { signal });
    return { changed: true, autoCommitted, diff: diff.slice(0, MAX_DIFF_CHARS), commit };
  } catch (error) {
    const reason = messageOf(error);
    throw new GitError(`The agent finished, but GitHub delivery failed: ${reason}`);
  }
}

/** The source uses a library, so that a command that replaces the library has something to change. */
function filesOf(fullName: string): Readonly<Record<string, string>> {
  const name = fullName.split("/")[1] ?? fullName;
  return {
    "README.md": `# ${name}\n\nCounts days. Dates are read with moment.\n`,
    "package.json": `${
      JSON.stringify(
        { name, version: "1.0.0", type: "module", main: "src/days.js", dependencies: { moment: "^2.30.1" } },
        null,
        2,
      )
    }\n`,
    "src/days.js": `import moment from "moment";

/** Whole days from one date to another, both as in 2026-01-31. */
function daysBetween(from, to) {
  return moment(to, "YYYY-MM-DD").diff(moment(from, "YYYY-MM-DD"), "days");
}
`,
  };
}

// A fixed time, so that the first commit of a project has the same id on every machine.
const COMMITTED = "Mogplex Emulator <emulator@mogplex.invalid> 1767225600 +0000";

function importStream(fullName: string, branch: string): string {
  const data = (text: string) => `data ${new TextEncoder().encode(text).length}\n${text}\n`;
  const files = Object.entries(filesOf(fullName)).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`);
  return `commit refs/heads/${branch}\ncommitter ${COMMITTED}\n${data(`Begin ${fullName}\n`)}${files.join("")}`;
}

export class ProjectStore {
  readonly directory: string;
  readonly #made = new Map<string, Promise<string>>();

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), "mogplex-emulator-projects-"));
  }

  path(fullName: string, branch: string): Promise<string> {
    const existingRepository = this.#made.get(fullName);
    if (existingRepository !== undefined) return existingRepository;
    const creation = this.#make(fullName, branch);
    this.#made.set(fullName, creation);
    creation.catch(() => this.#made.delete(fullName));
    return creation;
  }

  existingPath(fullName: string): string | undefined {
    return this.#made.has(fullName) ? this.#pathOf(fullName) : undefined;
  }

  #pathOf(fullName: string): string {
    return join(this.directory, `${fullName}.git`);
  }

  async #make(fullName: string, branch: string): Promise<string> {
    const path = this.#pathOf(fullName);
    // The repository has a temporary name until it is complete.
    const draft = `${path}.new`;
    await rm(draft, { recursive: true, force: true });
    await mkdir(dirname(path), { recursive: true });
    await git(dirname(path), ["init", "--quiet", "--bare", "--template=", `--initial-branch=${branch}`, "--", draft]);
    await git(draft, ["fast-import", "--quiet"], { input: importStream(fullName, branch) });
    await rename(draft, path);
    return path;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#made.values());
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

class GitError extends Error {
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

const PASSED_ON = ["PATH", "HOME", "LANG", "TMPDIR", "TERM"];

/** Environment for Git and for the commands of harnesses. Only listed variables are passed on, because others can contain secrets. */
export function chosenEnvironment(names: readonly string[] = []): Record<string, string> {
  const entries = [...PASSED_ON, ...names].flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  const settings = GIT_SETTINGS.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...Object.fromEntries(entries),
    ...IDENTITY,
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    GIT_CONFIG_COUNT: String(GIT_SETTINGS.length),
    ...Object.fromEntries(settings),
  };
}

/** Makes Git run the other end of a clone or push without hooks. That process does not inherit the settings of {@linkcode chosenEnvironment}. */
function otherEnd(service: "upload-pack" | "receive-pack"): string {
  return `--${service}=git -c core.hooksPath=/dev/null -c core.alternateRefsCommand=true -c safe.directory=* ${service}`;
}

interface GitOptions {
  signal?: AbortSignal | undefined;
  input?: string | undefined;
}

async function git(directory: string, args: readonly string[], options: GitOptions = {}): Promise<string> {
  return new TextDecoder().decode(await gitBytes(directory, args, options));
}

function gitBytes(
  directory: string,
  args: readonly string[],
  { signal, input = "" }: GitOptions = {},
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn("git", args, { cwd: directory, env: chosenEnvironment(), signal });
    // Git can exit without reading its input.
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
    // An aborted Git process still removes its own files, so wait for its end. The caller then removes the directory.
    child.on("close", (code) => {
      if (failure !== undefined) return reject(failure);
      const text = (chunks: Uint8Array[]) => new TextDecoder().decode(Buffer.concat(chunks));
      if (code === 0) resolve(Buffer.concat(out));
      else reject(new GitError(text(err).trim() || `git ${args[0]} ended with ${code}`));
    });
  });
}

export function gitContents(path: string): Contents {
  async function read(...args: string[]): Promise<Uint8Array | undefined> {
    try {
      return await gitBytes(path, args);
    } catch (error) {
      if (error instanceof GitError) return undefined;
      throw error;
    }
  }
  const isId = (id: string) => /^[0-9a-f]{40,64}$/.test(id);
  return {
    async head(branch) {
      const id = await read("rev-parse", "--verify", "--quiet", "--end-of-options", `refs/heads/${branch}^{commit}`);
      return id && new TextDecoder().decode(id).trim();
    },
    async tree(id) {
      const rows = isId(id) ? await read("ls-tree", "-z", "-l", id) : undefined;
      return rows && new TextDecoder().decode(rows).split("\0").flatMap((row) => {
        const [, mode, sha, size, name] = /^(\d{6}) \w+ ([0-9a-f]+) +(\d+|-)\t([^]+)$/.exec(row) ?? [];
        if (mode === undefined || sha === undefined || name === undefined) return [];
        return [{ path: name, mode, sha, ...(size !== "-" && { size: Number(size) }) }];
      });
    },
    blob: async (id) => isId(id) ? await read("cat-file", "blob", id) : undefined,
  };
}

export function branchExists(path: string, branch: string): boolean {
  const args = ["-C", path, "show-ref", "--verify", "--quiet", `refs/heads/${branch}`];
  return spawnSync("git", args, { env: chosenEnvironment() }).status === 0;
}

export function currentBranch(path: string): string | undefined {
  const options = { encoding: "utf8" as const, env: chosenEnvironment() };
  const exists = spawnSync("git", ["-C", path, "rev-parse", "--git-dir"], options);
  if (exists.status !== 0) return undefined;
  const head = spawnSync("git", ["-C", path, "symbolic-ref", "--short", "HEAD"], options);
  return head.status === 0 ? head.stdout.trim() : "main";
}
