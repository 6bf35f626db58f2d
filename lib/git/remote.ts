/**
 * Reads and writes files on a branch of a remote repository without a checkout, and checks the addresses that Git gets. A push succeeds only if the
 * branch has not changed since it was read.
 * @module
 */
import type { Clock } from "../clock.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { adviceOn, type GitAnswer, isDoubtful, type SystemGit } from "./git.ts";

interface BranchOptions {
  clock: Clock;
  random: () => number;
  signal?: AbortSignal | undefined;
  redact: (text: string) => string;
}

/** The commit that was read, the commit to push, and the newest commit after a push whose answer was lost. */
const [BASE, NEXT, SEEN] = ["refs/mogplex/base", "refs/mogplex/next", "refs/mogplex/seen"];
/** Source: Git, fetch-pack and remote.c. */
const NO_BRANCH = /couldn't find remote ref/i;
/** Longest waits before another attempt. A random part of up to half is subtracted, so that two jobs do not keep colliding. */
export const WAITS_MS: readonly number[] = [2_000, 6_000];

interface BranchFile {
  path: string;
  bytes: number;
  object: string;
}

export class GitBranch {
  readonly #git: SystemGit;
  readonly #remote: string;
  readonly #branch: string;
  readonly #options: BranchOptions;
  #exists = false;
  /** Whether a push that got no answer may have succeeded. */
  #unsure = false;

  constructor(git: SystemGit, remote: string, branch: string, options: BranchOptions) {
    this.#git = git;
    this.#remote = remote;
    this.#branch = branch;
    this.#options = options;
  }

  get name(): string {
    return this.#branch;
  }

  #failure(attempted: string, answer: GitAnswer): MogplexError {
    const why = this.#options.redact(said(answer));
    const advice = adviceOn(answer.stderr);
    if (advice !== undefined) return new UsageError({ attempted, why, advice });
    return new MogplexError({
      attempted,
      why,
      advice: "when the repository can be reached, run the same command again; nothing is lost",
    }, "unavailable");
  }

  async #waited(tried: number): Promise<boolean> {
    const longest = WAITS_MS[tried - 1];
    if (longest === undefined) return false;
    const { clock, random, signal } = this.#options;
    await clock.sleep(longest * (1 + random()) / 2, { signal });
    return true;
  }

  /** @param isSettled Whether nothing is left to do although Git failed. */
  async #ask(
    attempted: string,
    args: readonly string[],
    isSettled: (answer: GitAnswer) => boolean | Promise<boolean>,
  ): Promise<GitAnswer> {
    for (let tried = 1;; tried++) {
      const answer = await this.#git.run(args);
      if (answer.code === 0) return answer;
      await this.#checkMoved(attempted, answer);
      const failure = this.#failure(attempted, answer);
      const isRefused = failure instanceof UsageError;
      if (isRefused && !isDoubtful(answer.stderr)) throw failure;
      if (!isRefused && await isSettled(answer)) return answer;
      if (!await this.#waited(tried)) throw failure;
    }
  }

  /**
   * Git is not allowed to follow redirects, because a redirect could send the password to another server. Git does not print the new address; only a
   * trace of the answer contains it.
   */
  async #checkMoved(attempted: string, { stderr }: GitAnswer): Promise<void> {
    if (!REDIRECT.test(stderr)) return;
    const args = ["ls-remote", "-q", "--", this.#remote];
    const trace = await this.#git.run(args, "", { GIT_TRACE_CURL: "1", GIT_TRACE_CURL_NO_DATA: "1" });
    const [, location = ""] =
      /^.*Recv header: location: (\S+)\/info\/refs\?service=git-upload-pack\s*$/im.exec(trace.stderr) ??
        [];
    // A redirect to a page, such as a maintenance page, is not a new address.
    if (location === "" || !URL.canParse(location, this.#remote)) return;
    throw new UsageError({
      attempted,
      why: "the repository now has a different address",
      value: JSON.stringify(this.#options.redact(maskAddress(new URL(location, this.#remote).href).slice(0, MAX_SAID))),
      advice: "use that address in --home, in MOGPLEX_CAMPAIGN_HOME, or as the home in the campaign file",
    });
  }

  async #fetch(attempted: string, to: string, ...flags: readonly string[]): Promise<boolean> {
    const from = `+refs/heads/${this.#branch}:${to}`;
    const args = ["fetch", "-q", ...flags, "--no-tags", "--no-write-fetch-head", "--", this.#remote, from];
    const { code } = await this.#ask(attempted, args, ({ stderr }) => NO_BRANCH.test(stderr));
    return code === 0;
  }

  /** The push may have succeeded although its answer was lost. */
  async #hasArrived(attempted: string): Promise<boolean> {
    // The pushed commit might no longer be the newest commit, because another writer may have added a commit on top of it.
    const exists = await this.#fetch(attempted, SEEN);
    this.#unsure = false;
    if (!exists) return false;
    const { code } = await this.#git.run(["merge-base", "--is-ancestor", NEXT, SEEN]);
    if (code === 0) return true;
    const before = this.#exists ? await this.#commitOf(BASE) : undefined;
    if (await this.#commitOf(SEEN) !== before) throw new LostRaceError(this.#branch);
    return false;
  }

  async #takeNext(attempted: string): Promise<void> {
    await this.#run(attempted, ["update-ref", BASE, NEXT]);
    this.#exists = true;
    this.#unsure = false;
  }

  async #commitOf(reference: string): Promise<string | undefined> {
    const { code, stdout } = await this.#git.run(["rev-parse", "-q", "--verify", reference]);
    return code === 0 ? new TextDecoder().decode(stdout).trim() : undefined;
  }

  /** Does not fetch, because a fetch would change the base of the next write. */
  async checkUnmoved(): Promise<void> {
    const attempted = `read branch ${JSON.stringify(this.#branch)} of ${JSON.stringify(this.#remote)}`;
    const name = `refs/heads/${this.#branch}`;
    const { stdout } = await this.#ask(attempted, ["ls-remote", "-q", "--", this.#remote, name], () => false);
    const list = new TextDecoder().decode(stdout);
    const newest = list.split("\n").map((row) => row.split("\t")).find(([, reference]) => reference === name)?.[0];
    if (newest === (this.#exists ? await this.#commitOf(BASE) : undefined)) return;
    if (this.#unsure && newest !== undefined && newest === await this.#commitOf(NEXT)) return;
    throw new LostRaceError(this.#branch);
  }

  async isDefault(): Promise<boolean> {
    const attempted = `read the default branch of ${JSON.stringify(this.#remote)}`;
    const args = ["ls-remote", "-q", "--symref", "--", this.#remote, "HEAD"];
    const { stdout } = await this.#ask(attempted, args, () => false);
    return new TextDecoder().decode(stdout).split("\n").includes(`ref: refs/heads/${this.#branch}\tHEAD`);
  }

  async #run(attempted: string, args: readonly string[], input?: string | Uint8Array): Promise<Uint8Array> {
    const answer = await this.#git.run(args, input);
    if (answer.code !== 0) throw this.#failure(attempted, answer);
    return answer.stdout;
  }

  /** @returns The regular files of the newest commit, without links, executables and submodules; `undefined` if there is no such branch. */
  async read(): Promise<BranchFile[] | undefined> {
    const attempted = `read branch ${JSON.stringify(this.#branch)} of ${JSON.stringify(this.#remote)}`;
    this.#exists = await this.#fetch(attempted, BASE, "--depth=1");
    this.#unsure = false;
    if (!this.#exists) return undefined;
    const list = new TextDecoder().decode(await this.#run(attempted, ["ls-tree", "-r", "-l", "-z", BASE]));
    return list.split("\0").flatMap((row) => {
      const [, object, bytes, path] = /^100644 blob ([0-9a-f]+) +(\d+)\t([^]+)$/.exec(row) ?? [];
      return object === undefined || path === undefined ? [] : [{ object, path, bytes: Number(bytes) }];
    });
  }

  async contents(files: readonly BranchFile[]): Promise<string[]> {
    const names = files.map(({ object }) => `${object}\n`).join("");
    const output = await this.#run("read files of the branch", ["cat-file", "--batch"], names);
    let at = 0;
    return files.map(({ bytes }) => {
      const from = output.indexOf(10, at) + 1;
      at = from + bytes + 1;
      return new TextDecoder().decode(output.subarray(from, from + bytes));
    });
  }

  /**
   * Writes all files in one commit on top of the commit that was read. Other files of the branch are kept. After a lost race, none of the files has
   * been written.
   * @param files Contents by path. A path contains only letters, digits, dots, dashes, underscores and slashes.
   */
  async write(files: ReadonlyMap<string, string>, message: string): Promise<void> {
    const attempted = `write to branch ${JSON.stringify(this.#branch)} of ${JSON.stringify(this.#remote)}`;
    if (this.#unsure && await this.#hasArrived(attempted)) await this.#takeNext(attempted);
    const parts = [`commit ${NEXT}\ncommitter Mogplex CI <ci@mogplex.invalid> now\n`, data(message)];
    if (this.#exists) parts.push(`from ${BASE}^0\n`);
    for (const [path, content] of files) parts.push(`M 100644 inline ${path}\n`, data(content));
    const flags = ["--quiet", "--force", "--date-format=now"];
    await this.#run(attempted, ["fast-import", ...flags], parts.join(""));
    this.#unsure = true;
    try {
      // Git's message does not show whether the race was lost or the push succeeded, but the state of the branch does.
      const args = ["push", "-q", "--", this.#remote, `${NEXT}:refs/heads/${this.#branch}`];
      await this.#ask(attempted, args, () => this.#hasArrived(attempted));
    } catch (error) {
      // After an outage, the next attempt begins with a fetch, which shows that the repository is available again.
      this.#unsure = !(error instanceof UsageError || error instanceof LostRaceError);
      throw error;
    }
    await this.#takeNext(attempted);
  }
}

/** Git's message about a redirect that Git does not follow. Source: Git, http.c. */
const REDIRECT = /error: 30[1278]\b/;

const MAX_SAID = 300;

/** Quotes the server's messages separately from Git's. Both are untrusted, so control characters are removed. */
export function said({ stderr, code }: GitAnswer): string {
  // deno-lint-ignore no-control-regex
  const lines = stderr.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, " ").split("\n")
    .map((line) => line.trim()).filter((line) => line !== "" && !/^(?:To|From) |^hint:/.test(line));
  const [ofServer, own] = [true, false].map((isServer) =>
    lines.filter((line) => line.startsWith("remote:") === isServer)
  );
  const line = own?.find((each) => /rejected|denied|fatal|error/i.test(each)) ?? own?.at(-1) ??
    `git exited with ${code}`;
  const words = (ofServer ?? []).map((each) => each.slice("remote:".length).trim()).filter((each) =>
    /\p{L}/u.test(each)
  );
  if (words.length === 0) return line.slice(0, MAX_SAID);
  return `${line.slice(0, MAX_SAID)}; the server says ${JSON.stringify(words.join(" ").slice(0, MAX_SAID))}`;
}

/** Another writer has changed the branch since it was read. The caller must read the branch and decide again. Exit code 75. */
export class LostRaceError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "LostRaceError";
  constructor(branch: string) {
    super({
      attempted: `write to branch ${JSON.stringify(branch)}`,
      why: "another job has written to the branch in the meantime",
      advice: "run the same command again; nothing is lost",
    }, "rateLimited");
  }
}

function data(text: string): string {
  return `data ${new TextEncoder().encode(text).length}\n${text}\n`;
}

// A safe address for Git contains no program, no credentials and no option.

const MAX_CHARS = 2_000;
const FORMS = "https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH, file:///PATH or /PATH";
/** User and host of an SSH address. Neither may begin with a dash, which `ssh` would read as an option. */
const SSH_PLACE = /^(?:[A-Za-z0-9_][\w.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*$/;

/** `ext::` and similar helpers run programs, a leading dash begins an option, and plain HTTP exposes the password to the network. */
export function checkRemote(text: string): string {
  // deno-lint-ignore no-control-regex
  if (text === "" || text.length > MAX_CHARS || /[\x00-\x20\x7f]/.test(text)) {
    throw refused(
      text.slice(0, MAX_CHARS),
      "it is empty, too long, or has spaces or control characters",
      `use ${FORMS}`,
    );
  }
  if (text.startsWith("//")) throw refused(text, "it begins with two slashes", `use ${FORMS}`);
  if (text.startsWith("/")) return text;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && ["https:", "ssh:", "file:"].includes(url.protocol) && text.includes("://")) {
    checkUrl(text, url);
    return text;
  }
  const [place = "", ...path] = text.split(":");
  if (
    !text.includes("::") && !text.includes("://") && path.length > 0 && SSH_PLACE.test(place) &&
    /^[^-]/.test(path.join(":"))
  ) {
    // `user:password@host/path` looks like a path on the host `user`.
    if (path.join(":").includes("@")) throw withCredentials(text);
    return text;
  }
  throw refused(text, "it is not in a supported form", `use ${FORMS}`);
}

function refused(text: string, why: string, advice: string): UsageError {
  return new UsageError({
    attempted: "use the address of a Git repository",
    why,
    value: JSON.stringify(maskAddress(text)),
    advice,
  });
}

/**
 * Hides the user and password, which can include everything up to the last `@`, as well as the query and fragment. The user of an SSH address and the
 * branch of a home are not secret.
 */
export function maskAddress(text: string): string {
  // The address of a home begins with `git:`.
  const [prefix = ""] = /^(?:git:(?!\/\/))?(?:[A-Za-z][\w+.-]*:\/\/)?/.exec(text) ?? [];
  const at = text.lastIndexOf("@");
  const isSsh = /^(?:git:)?ssh:\/\/$/i.test(prefix) || !prefix.endsWith("/") && /^@[^/:]+:/.test(text.slice(at));
  const isPlain = isSsh && /^[A-Za-z0-9_][\w.-]*$/.test(text.slice(prefix.length, at));
  const address = at < prefix.length || isPlain ? text : `${prefix}***${text.slice(at)}`;
  const isHome = /^git:(?!\/\/)/.test(prefix);
  return (isHome ? address : address.replace(/#.+/, "#***")).replace(/\?[^#]*/, "?***");
}

function checkUrl(text: string, url: URL): void {
  if (url.password !== "" || url.protocol === "https:" && url.username !== "") {
    throw withCredentials(text);
  }
  if (url.search !== "" || url.hash !== "") throw refused(text, "it has a query or a fragment", `use ${FORMS}`);
  if (url.protocol === "ssh:" && !SSH_PLACE.test(`${url.username === "" ? "" : `${url.username}@`}${url.hostname}`)) {
    throw refused(text, "the user or host has a character that is not allowed", `use ${FORMS}`);
  }
}

function withCredentials(text: string): UsageError {
  return refused(
    text,
    "it contains credentials, which would be visible in process lists and logs",
    "remove them, and set MOGPLEX_GIT_TOKEN to the password",
  );
}
