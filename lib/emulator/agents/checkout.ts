/**
 * The agent's working copy: clones the repository, chooses the branch, and delivers the changes.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../error_sentence.ts";
import { git, GitError, otherEnd } from "./git.ts";
import type { RunRow } from "../state/rows.ts";
import { agentBranch } from "./worker.ts";

/** A working copy. */
export interface Checkout {
  /** Directory that holds it. */
  directory: string;
  /** Branch that is checked out. */
  branch: string;
  /** Whether the branch was created. */
  created: boolean;
}

/** Result of a delivery. */
export interface Delivery {
  /** Whether a branch was pushed. */
  changed: boolean;
  /** Tracked files that the agent did not commit, and the delivery did. */
  autoCommitted: string[];
  /** The change as a patch, cut off after {@linkcode MAX_DIFF_CHARS} characters. */
  diff: string;
  /** Last commit of the branch. */
  commit: string;
}

const MAX_DIFF_CHARS = 1_000_000;
const MAX_NAMED_FILES = 20;

/** Makes an empty directory for a run, `mogplex-emulator-<run id>-…`. */
export function makeDirectory(run: RunRow): Promise<string> {
  return mkdtemp(join(tmpdir(), `mogplex-emulator-${run.id}-`));
}

/** Removes the directory of a run. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Clones a repository and checks out the branch of the run.
 *
 * @param path Repository, bare or not.
 * @param directory Empty directory.
 * @throws {GitError} with the service's message around Git's.
 */
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
    const known = new Set(names.split("\n").map((name) => name.replace("refs/remotes/origin/", "")));
    branch = agentBranch(run, (name) => known.has(name));
    const created = !known.has(branch);
    const start = `refs/remotes/origin/${created ? run.base_branch : branch}`;
    await git(directory, ["checkout", "--quiet", "--no-track", "-B", branch, start, "--"], { signal });
    return { directory, branch, created };
  } catch (error) {
    const reason = messageOf(error);
    throw new GitError(`Could not synchronize ${branch} before the agent run: ${reason}`);
  }
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

/**
 * Commits changes to tracked files and pushes the branch.
 *
 * @throws {GitError} if there are untracked files, or if Git fails.
 */
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
