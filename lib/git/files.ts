import type { Clock } from "../clock.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { adviceOn, type GitAnswer, isDoubtful, openGit } from "./git.ts";
import { isNotPermitted } from "../runtime.ts";
import { said, WAITS_MS } from "./remote.ts";
import { MAX_FILE_BYTES, type TreeEntry, type TreeFolder, type TreeReader } from "./tree.ts";

interface GitFilesOptions {
  remote: string;
  credentials?: { username: string; password: string } | undefined;
  env: (name: string) => string | undefined;
  clock: Clock;
  random: () => number;
  signal?: AbortSignal | undefined;
  redact: (text: string) => string;
}

export interface GitFiles extends TreeReader {
  close(): Promise<void>;
}

// Any object that was not fetched is too large, so Git must not fetch it on demand. Source: Git, "git", since 2.44. Older versions try to fetch the
// object, but fail because no configuration file contains the address.
const LOCAL = { GIT_NO_LAZY_FETCH: "1" };
/** Git fetches a part of a repository only from a named remote. */
const REMOTE = "source";

export async function openGitFiles(options: GitFilesOptions): Promise<GitFiles> {
  const { remote, credentials, clock, random, signal, redact } = options;
  const env = (name: string) => {
    if (name === "MOGPLEX_GIT_TOKEN") return credentials?.password;
    return name === "MOGPLEX_GIT_USERNAME" ? credentials?.username : options.env(name);
  };
  const git = await openGit({ remote, env, clock, signal }).catch((cause) => {
    if (!isNotPermitted(cause)) throw cause;
    const why = "Deno is not allowed to create a temporary directory for Git";
    throw new UsageError({
      attempted: "run git",
      why,
      advice: "start Deno with the flags that the permissions command prints",
    }, {
      cause,
    });
  });
  const attempted = `read ${JSON.stringify(remote)}`;
  const fetched = new Set<string>();
  const settings = Object.entries({
    "protocol.version": "2",
    // Checking the objects would require the files, which are not fetched. Nothing is checked out.
    "fetch.fsckObjects": "false",
    [`remote.${REMOTE}.url`]: remote,
  }).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const fetchOf = (object: string, ...flags: string[]) => [
    ...[...settings, "fetch", "-q", "--no-tags", "--no-write-fetch-head", ...flags],
    ...["--", REMOTE, object],
  ];

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
   * Fetches the folder again, with the files that are small enough, into a separate repository. In the first repository, Git would assume that it
   * already has the files. Fetching a file by its id would ignore the size limit.
   */
  async function blob(commit: string, folder: TreeFolder, id: string): Promise<Uint8Array | undefined> {
    const place = { GIT_DIR: `${git.folder}/${folder.id}.git` };
    await local(["init", "-q", "--bare", place.GIT_DIR]);
    const limit = `--filter=blob:limit=${MAX_FILE_BYTES + 1}`;
    // Some servers do not send a folder on its own, only whole commits.
    const isPart = folder.path !== "" && (await git.run(fetchOf(folder.id, limit), "", place)).code === 0;
    if (!isPart) await ask(fetchOf(commit, "--depth=1", limit), place);
    const list = await local(["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objectsize)"], place);
    const row = new TextDecoder().decode(list).split("\n").find((each) => each.startsWith(`${id} `));
    if (row === undefined || Number(row.slice(id.length)) > MAX_FILE_BYTES) return undefined;
    return await local(["cat-file", "blob", id], place);
  }

  return { head, entry, blob, close: git.close };
}
