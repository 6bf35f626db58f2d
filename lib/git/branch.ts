/**
 * Files on a branch of a remote repository, read and written without a checkout. A push is a compare-and-swap: it succeeds only when nobody
 * has written to the branch since it was read.
 *
 * @module
 */
import { MogplexError, UsageError } from "../errors.ts";
import type { GitAnswer, SystemGit } from "./system_git.ts";

/** Somebody else has written to the branch since it was read. Read it again, and decide anew. Exit code 75. */
export class LostRaceError extends MogplexError {
  override name = "LostRaceError";
  /** @param branch Name of the branch. */
  constructor(branch: string) {
    super({
      attempted: `write to branch ${JSON.stringify(branch)}`,
      why: "another job has written to it meanwhile",
      advice: "start the same command again: nothing is lost",
    }, "rateLimited");
  }
}

/** An ordinary file of the branch. */
export interface BranchFile {
  /** Its path. */
  path: string;
  /** Its length in bytes. */
  bytes: number;
  /** Name of its content in Git. */
  object: string;
}

/** The commit that was read, and the one that is to be pushed. */
const [BASE, NEXT] = ["refs/mogplex/base", "refs/mogplex/next"];
/** What Git says when a push would not be a fast-forward, or another push holds the branch. Source: Git, builtin/send-pack.c, refs.c. */
const LOST =
  /\[rejected\]|non-fast-forward|fetch first|stale info|cannot lock ref|failed to update ref|reference already exists/i;
const NOT_ALLOWED =
  /\[remote rejected\]|Authentication failed|could not read (?:Username|Password)|Permission denied|access denied|not allowed|protected|HTTP (?:401|403)|error: 40[13]|Repository not found|repository '[^']*' not found|does not appear to be a git repository/i;
const NO_BRANCH = /couldn't find remote ref/i;

/** What the other end says is a text of somebody else: one line of it, without control characters. */
function said({ stderr, code }: GitAnswer): string {
  // deno-lint-ignore no-control-regex
  const lines = stderr.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ").split("\n")
    .map((line) => line.trim()).filter((line) => line !== "" && !/^(?:To|From) |^hint:/.test(line));
  const line = lines.find((each) => /rejected|denied|fatal|error/i.test(each)) ?? lines.at(-1) ??
    `git ended with ${code}`;
  return line.slice(0, 300);
}

/** A text for `git fast-import`. */
function data(text: string): string {
  return `data ${new TextEncoder().encode(text).length}\n${text}\n`;
}

/** See the module. */
export class GitBranch {
  readonly #git: SystemGit;
  readonly #remote: string;
  readonly #branch: string;
  /** Whether there was such a branch when it was read or written last. */
  #exists = false;

  /**
   * @param git Git.
   * @param remote Address that `checkRemote` has checked.
   * @param branch Name of a branch that is valid.
   */
  constructor(git: SystemGit, remote: string, branch: string) {
    this.#git = git;
    this.#remote = remote;
    this.#branch = branch;
  }

  /** Its name. */
  get name(): string {
    return this.#branch;
  }

  #failure(attempted: string, answer: GitAnswer): MogplexError {
    const why = said(answer);
    if (!NOT_ALLOWED.test(answer.stderr)) {
      return new MogplexError({
        attempted,
        why,
        advice: "when it can be reached, start the same command again: nothing is lost",
      }, "unavailable");
    }
    const advice =
      "look at the address, and give a token that may write to this branch in MOGPLEX_GIT_TOKEN; a protected branch must let it push";
    return new UsageError({ attempted, why, advice });
  }

  async #run(attempted: string, args: readonly string[], input?: string | Uint8Array): Promise<Uint8Array> {
    const answer = await this.#git.run(args, input);
    if (answer.code !== 0) throw this.#failure(attempted, answer);
    return answer.stdout;
  }

  /**
   * Reads the newest commit of the branch, and nothing of its history.
   *
   * @returns Its ordinary files; undefined when there is no such branch. Links, programs and submodules are not among them.
   * @throws {MogplexError} with exit code 69 when the repository is out of reach, 2 when it may not be read.
   */
  async read(): Promise<BranchFile[] | undefined> {
    const attempted = `read branch ${JSON.stringify(this.#branch)} of ${JSON.stringify(this.#remote)}`;
    const from = `+refs/heads/${this.#branch}:${BASE}`;
    const answer = await this.#git.run([
      "fetch",
      "-q",
      "--depth=1",
      "--no-tags",
      "--no-write-fetch-head",
      "--",
      this.#remote,
      from,
    ]);
    this.#exists = answer.code === 0;
    if (answer.code !== 0) {
      if (NO_BRANCH.test(answer.stderr)) return undefined;
      throw this.#failure(attempted, answer);
    }
    const list = new TextDecoder().decode(await this.#run(attempted, ["ls-tree", "-r", "-l", "-z", BASE]));
    return list.split("\0").flatMap((row) => {
      const [, object, bytes, path] = /^100644 blob ([0-9a-f]+) +(\d+)\t([^]+)$/.exec(row) ?? [];
      return object === undefined || path === undefined ? [] : [{ object, path, bytes: Number(bytes) }];
    });
  }

  /** Contents of files that {@linkcode GitBranch.read} has found, in their order. */
  async contents(files: readonly BranchFile[]): Promise<string[]> {
    const names = files.map(({ object }) => `${object}\n`).join("");
    const output = await this.#run("read files of the branch", ["cat-file", "--batch"], names);
    let at = 0;
    return files.map(({ bytes }) => {
      // Each content stands between a line with its facts and a line feed.
      const from = output.indexOf(10, at) + 1;
      at = from + bytes + 1;
      return new TextDecoder().decode(output.subarray(from, from + bytes));
    });
  }

  /**
   * Writes files in one commit on top of the one that was read, and pushes it. Other files of the branch stay.
   *
   * @param files Contents by path; a path has letters, digits, dots, dashes, underscores and slashes only.
   * @param message Of the commit.
   * @throws {LostRaceError} when somebody else has written meanwhile. Nothing is on the branch then.
   * @throws {MogplexError} with exit code 69 when the repository is out of reach, 2 when the branch may not be written.
   */
  async write(files: ReadonlyMap<string, string>, message: string): Promise<void> {
    const attempted = `write to branch ${JSON.stringify(this.#branch)} of ${JSON.stringify(this.#remote)}`;
    const parts = [`commit ${NEXT}\ncommitter Mogplex CI <ci@mogplex.invalid> now\n`, data(message)];
    if (this.#exists) parts.push(`from ${BASE}^0\n`);
    for (const [path, content] of files) parts.push(`M 100644 inline ${path}\n`, data(content));
    const flags = ["--quiet", "--force", "--date-format=now"];
    await this.#run(attempted, ["fast-import", ...flags], parts.join(""));
    const answer = await this.#git.run(["push", "-q", "--", this.#remote, `${NEXT}:refs/heads/${this.#branch}`]);
    if (answer.code !== 0) {
      if (LOST.test(answer.stderr) && !/hook declined|protected/i.test(answer.stderr)) {
        throw new LostRaceError(this.#branch);
      }
      throw this.#failure(attempted, answer);
    }
    await this.#run(attempted, ["update-ref", BASE, NEXT]);
    this.#exists = true;
  }
}
