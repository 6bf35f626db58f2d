/**
 * The address of a remote may contain a password, so print only its name and its host.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { repoName } from "../../service/repository.ts";
import { JSON_LINES, ORIGIN_HOST, REPO } from "../options.ts";
import { isLaptop } from "../settings.ts";
import type { Context } from "../verb.ts";
import { valueOr } from "../../lookup.ts";

const KNOWN_HOST = "github.com";

/** Safe in a command line. */
const SAFE_NAME = /^[\w.-]+\/[\w.-]+$/;

const MAX_UP = 20;

/** Paths on this machine are left out. */
export function remotesOf(context: Context): Map<string, string> {
  return new Map([...allRemotes(context)].filter(([, address]) => hostOf(address) !== undefined));
}

/** May be a path on this machine. */
export function originOfFolder(context: Context): string | undefined {
  return isLaptop(context) ? allRemotes(context).get("origin") : undefined;
}

function allRemotes({ io }: Context): Map<string, string> {
  const remotes = [...(readGitFile(io, "config") ?? "").matchAll(/\[remote "([^"\n]+)"\][^[]*?\n\s*url\s*=\s*(\S+)/g)];
  return new Map(remotes.map(([, name = "", address = ""]): [string, string] => [name, address]));
}

/** The default branch at the time when this repository was cloned. */
export function defaultBranchOf(io: Io): string | undefined {
  return /^ref: refs\/remotes\/origin\/(\S+)/.exec(readGitFile(io, "refs/remotes/origin/HEAD") ?? "")?.[1];
}

/**
 * Also works in a worktree, a submodule or a subfolder.
 * @param path Path of a file that all worktrees share.
 */
function readGitFile(io: Io, path: string): string | undefined {
  const root = rootOfRepository(io);
  if (root === undefined) return undefined;
  const read = (path: string) => valueOr(() => io.readFile(path, undefined, "follow", "replace"), undefined);
  const below = (directory: string, path: string) => path.startsWith("/") ? path : `${directory}/${path}`;
  const git = root === "." ? ".git" : `${root}/.git`;
  // In a worktree or a submodule, `.git` is a file. Source: Git, "gitrepository-layout".
  const [, pointer] = /^gitdir: (.+)/.exec(read(git) ?? "") ?? [];
  const directory = pointer === undefined ? git : below(root, pointer);
  const common = read(`${directory}/commondir`)?.trim();
  return read(`${common === undefined ? directory : below(directory, common)}/${path}`);
}

export function rootOfRepository(io: Io): string | undefined {
  const ups = Array.from({ length: MAX_UP }, (_, count) => Array(count + 1).fill("..").join("/"));
  return [".", ...ups].find((up) =>
    valueOr(() => io.realPath(up === "." ? ".git" : `${up}/.git`), undefined) !== undefined
  );
}

export function hostOf(address: string): string | undefined {
  const [, host] = /^\w+:\/\/(?:[^/@]*@)*([^/:@]+)(?::\d+)?\//.exec(address) ??
    /^(?:[^/@:]+@)([^/:@]+):(?!\/\/)/.exec(address) ?? [];
  return host?.toLowerCase();
}

/**
 * If stdout is not a terminal, `origin` is not used.
 * @param isRequired Whether the verb cannot work without a repository. The error then explains why `origin` is not used.
 */
export function repositoryOfFolder(context: Context, attempted: string, isRequired: boolean): string | undefined {
  const { flags, io, writer, vocabulary } = context;
  const hosts = flags.all(ORIGIN_HOST).map((host) => checkHost(host, attempted));
  if (!isLaptop(context)) return undefined;
  const remotes = remotesOf(context);
  const names = new Map([...remotes].map(([remote, address]) => [remote, repoName(address)]));
  const refuse = (why: string, ...choices: string[]) => {
    const lines = choices.filter((choice) => SAFE_NAME.test(choice)).map((choice) => `--${REPO.name} ${choice}`);
    const advice = lines.length === 0 ? `give ${vocabulary.repo}` : `add ${lines.join(" or ")}`;
    return new UsageError({ attempted, why, advice });
  };
  const origin = remotes.get("origin");
  const name = names.get("origin") ?? "";
  if (!io.isTerminal("stdout")) {
    if (!isRequired || !SAFE_NAME.test(name)) return undefined;
    throw refuse("the repository is missing, and origin is not used because stdout is a pipe or a file", name);
  }
  if (origin === undefined) {
    const fact = allRemotes(context).has("origin")
      ? "origin is a path on this machine"
      : "this folder has no remote origin";
    throw refuse(`the repository is missing, and ${fact}`);
  }
  const host = hostOf(origin) ?? "";
  if (![KNOWN_HOST, ...hosts].includes(host)) {
    const hostNames = [KNOWN_HOST, ...hosts].join(" or ");
    throw refuse(`the repository is missing, and origin is on ${host}, not on ${hostNames}`, name);
  }
  if (!SAFE_NAME.test(name)) {
    throw refuse("the repository is missing, and the name in the address of origin is not owner/name");
  }
  const upstream = names.get("upstream");
  if (upstream !== undefined && upstream !== name) {
    throw refuse(`origin is ${name}, but upstream is ${upstream}`, name, upstream);
  }
  const line = writer.untrusted(`repository ${name} (from origin); to choose another, use --${REPO.name}`);
  if (flags.has(JSON_LINES)) writer.note(line);
  else writer.out(line);
  return name;
}

/** Unlike `--forge-host` of the campaign verbs, this flag accepts only a host. */
function checkHost(text: string, attempted: string): string {
  if (/^[a-z0-9.-]+$/i.test(text)) return text.toLowerCase();
  throw new UsageError({
    attempted,
    why: text.includes("=")
      ? `--${ORIGIN_HOST.name} accepts only a host here, not a token`
      : `--${ORIGIN_HOST.name} must be the name of a host`,
    value: JSON.stringify(text.slice(0, 200)),
    advice: `write --${ORIGIN_HOST.name} git.example.com`,
  });
}

export function hostNote(repo: string): string | undefined {
  const host = hostOf(repo.trim());
  if (host === undefined || host === KNOWN_HOST) return undefined;
  return `the service identifies repositories by name, so it ignores the host in --${REPO.name} (${host}); the repository is ${
    repoName(repo)
  }`;
}
