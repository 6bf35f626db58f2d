/**
 * Reads files of a remote repository with Git, without a checkout.
 * @module
 */
import type { Clock } from "../clock.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { adviceOn, type GitAnswer, isDoubtful, openGit } from "./git.ts";
import { isNotPermitted } from "../runtime.ts";
import { said, WAITS_MS } from "./remote.ts";
import { MAX_FILE_BYTES, type TreeEntry, type TreeFolder, type TreeReader } from "./tree.ts";

interface GitFilesOptions {
  /** Address that has passed `checkRemote`. */
  remote: string;
  /** User and password for the host of the address. */
  credentials?: { username: string; password: string } | undefined;
  env: (name: string) => string | undefined;
  clock: Clock;
  /** From 0 up to 1. */
  random: () => number;
  signal?: AbortSignal | undefined;
  /** Masks secrets in the server's texts. */
  redact: (text: string) => string;
}

export interface GitFiles extends TreeReader {
  /** Never throws. */
  close(): Promise<void>;
}

// An object that was not fetched is too large, so Git must not fetch it when it looks for the object. Source: Git, "git", since 2.44. Older
// versions try to fetch the object, but cannot: the address is in no configuration file.
const LOCAL = { GIT_NO_LAZY_FETCH: "1" };
/** Git fetches a part of a repository only from a remote with a name. */
const REMOTE = "source";

/** @throws {UsageError} if there is no Git, or Deno is not allowed to run it. */
export async function openGitFiles(options: GitFilesOptions): Promise<GitFiles> {
  const { remote, credentials, clock, random, signal, redact } = options;
  const env = (name: string) => {
    if (name === "MOGPLEX_GIT_TOKEN") return credentials?.password;
    return name === "MOGPLEX_GIT_USERNAME" ? credentials?.username : options.env(name);
  };
  const git = await openGit({ remote, env, clock, signal }).catch((cause) => {
    if (!isNotPermitted(cause)) throw cause;
    const why = "Deno is not allowed to make a temporary folder for it";
    throw new UsageError({
      attempted: "run git",
      why,
      advice: "start it with the flags that the permissions command prints",
    }, {
      cause,
    });
  });
  const attempted = `read ${JSON.stringify(remote)}`;
  const fetched = new Set<string>();
  const settings = Object.entries({
    "protocol.version": "2",
    // Checking the objects would need the files that are not fetched. Nothing is checked out.
    "fetch.fsckObjects": "false",
    [`remote.${REMOTE}.url`]: remote,
  }).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const fetchOf = (object: string, ...flags: string[]) => [
    ...[...settings, "fetch", "-q", "--no-tags", "--no-write-fetch-head", ...flags],
    ...["--", REMOTE, object],
  ];

  /** Runs a command that contacts the server, up to three times. */
  async function ask(args: readonly string[], variables?: Readonly<Record<string, string>>): Promise<GitAnswer> {
    for (const longestMs of [...WAITS_MS, undefined]) {
      const answer = await git.run(args, "", variables);
      if (answer.code === 0) return answer;
      const why = redact(said(answer));
      const isRefused = adviceOn(answer.stderr) !== undefined;
      if (isRefused && !isDoubtful(answer.stderr) || longestMs === undefined) {
        if (isRefused) throw new UsageError({ attempted, why });
        throw new MogplexError({ attempted, why }, "unavailable");
      }
      await clock.sleep(longestMs * (1 + random()) / 2, { signal });
    }
    throw new Error("unreachable");
  }

  async function local(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Promise<Uint8Array> {
    const answer = await git.run(args, "", { ...LOCAL, ...variables });
    if (answer.code === 0) return answer.stdout;
    throw new MogplexError({ attempted, why: redact(said(answer)) }, "unavailable");
  }

  async function head(branch?: string): Promise<string | null> {
    const name = branch === undefined ? "HEAD" : `refs/heads/${branch}`;
    const { stdout } = await ask(["ls-remote", "-q", "--", remote, name]);
    const rows = new TextDecoder().decode(stdout).split("\n").map((row) => row.split("\t"));
    return rows.find(([, reference]) => reference === name)?.[0] ?? null;
  }

  /** Fetches the folders of a commit without its files. */
  async function fetchFolders(commit: string): Promise<void> {
    if (fetched.has(commit)) return;
    await ask(fetchOf(commit, "--depth=1", "--filter=blob:none"));
    fetched.add(commit);
  }

  async function entry(commit: string, folder: TreeFolder, name: string): Promise<TreeEntry | undefined> {
    await fetchFolders(commit);
    const rows = new TextDecoder().decode(await local(["ls-tree", "-z", folder.id])).split("\0");
    for (const row of rows) {
      const [, mode, id, path] = /^(\d{6}) \w+ ([0-9a-f]+)\t([^]+)$/.exec(row) ?? [];
      if (mode !== undefined && id !== undefined && path === name) return { mode, id };
    }
    return undefined;
  }

  /**
   * Fetches the folder again, with its files that are small enough, into a separate repository. In the first repository, Git would assume that
   * it already has the files. A file that is requested by its id would be sent regardless of its size.
   */
  async function blob(commit: string, folder: TreeFolder, id: string): Promise<Uint8Array | undefined> {
    const place = { GIT_DIR: `${git.folder}/${folder.id}.git` };
    await local(["init", "-q", "--bare", place.GIT_DIR]);
    const limit = `--filter=blob:limit=${MAX_FILE_BYTES + 1}`;
    // Some servers send only commits.
    const isPart = folder.path !== "" && (await git.run(fetchOf(folder.id, limit), "", place)).code === 0;
    if (!isPart) await ask(fetchOf(commit, "--depth=1", limit), place);
    const list = await local(["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objectsize)"], place);
    const row = new TextDecoder().decode(list).split("\n").find((each) => each.startsWith(`${id} `));
    if (row === undefined || Number(row.slice(id.length)) > MAX_FILE_BYTES) return undefined;
    return await local(["cat-file", "blob", id], place);
  }

  return { head, entry, blob, close: git.close };
}
