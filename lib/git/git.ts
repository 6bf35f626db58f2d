/**
 * Runs the system's Git in a private repository with private settings. Git ignores the configuration of the checkout, the user and the machine, and
 * never prompts for a password. Credentials are never in an argument, an address or a file.
 * @module
 */
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import type { Clock } from "../clock.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { isNotPermitted } from "../runtime.ts";
import { NETWORK_VARIABLES } from "../variables.ts";

export interface GitOptions {
  /**
   * Address that has passed `checkRemote`. Only the host of this address receives the password. A proxy never receives it. If the repository is
   * local, its hooks run with our environment but without the password.
   */
  remote: string;
  env: (name: string) => string | undefined;
  clock: Clock;
  /**
   * The owner of the temporary folder as text, and a function that reports whether the owner of another folder has ended. Folders whose owner has
   * ended are removed, because a killed process cannot remove its own folder. @default folders of other processes are ignored
   */
  owner?: { text: string; hasEnded(text: string): boolean } | undefined;
  signal?: AbortSignal | undefined;
}

export interface SystemGit {
  readonly folder: string;
  run(
    args: readonly string[],
    input?: string | Uint8Array,
    variables?: Readonly<Record<string, string>>,
  ): Promise<GitAnswer>;
  close(): Promise<void>;
}

export interface GitAnswer {
  /** `null` if Git was killed. */
  code: number | null;
  stdout: Uint8Array;
  /** At most the last 4000 characters. Untrusted text: parts of it can come from the server. */
  stderr: string;
}

const LIMIT_MS = 120_000;
const MAX_OUTPUT = 256 * 1024 * 1024;

export async function openGit(options: GitOptions): Promise<SystemGit> {
  const { owner } = options;
  if (owner !== undefined) sweep(fs, os.tmpdir(), (text) => owner.hasEnded(text));
  const folder = fs.mkdtempSync(`${os.tmpdir()}/${FOLDER}`);
  if (owner !== undefined) fs.writeFileSync(`${folder}/${OWNER}`, owner.text, { flag: "wx", mode: 0o600 });
  const env = environment(options, folder);
  const { clock, signal } = options;

  function answered(
    args: readonly string[],
    input: string | Uint8Array,
    variables: Readonly<Record<string, string>>,
    ended: AbortSignal,
  ): Promise<GitAnswer> {
    return new Promise((resolve, reject) => {
      const child = spawn("git", [...args], {
        cwd: folder,
        env: { ...env, ...variables },
        stdio: ["pipe", "pipe", "pipe"],
        signal: ended,
      });
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      let stderr = "";
      child.stdout.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        if (bytes <= MAX_OUTPUT) chunks.push(chunk);
        else child.kill("SIGKILL");
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => stderr = (stderr + text).slice(-4_000));
      child.on(
        "error",
        (error: NodeJS.ErrnoException) => reject(error.name === "AbortError" ? ended.reason : cannotRun(error)),
      );
      child.on("close", (code: number | null) => resolve({ code, stdout: Buffer.concat(chunks), stderr }));
      // Git can exit before it has read all input.
      child.stdin.on("error", () => {});
      child.stdin.end(input);
    });
  }

  async function run(
    args: readonly string[],
    input: string | Uint8Array = "",
    variables: Readonly<Record<string, string>> = {},
  ): Promise<GitAnswer> {
    signal?.throwIfAborted();
    const late = new AbortController();
    const done = new AbortController();
    void clock.sleep(LIMIT_MS, { limit: true, background: true, signal: done.signal }).then(
      () =>
        late.abort(
          new MogplexError({
            attempted: `run git ${args[0]}`,
            why: `it took longer than ${LIMIT_MS / 1000} seconds`,
            advice: "try again: nothing is lost",
          }, "unavailable"),
        ),
      () => {},
    );
    try {
      const ended = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
      const answer = answered(args, input, variables, ended);
      return await (clock.during?.(answer) ?? answer);
    } finally {
      done.abort();
    }
  }

  // deno-lint-ignore require-await
  async function close(): Promise<void> {
    try {
      fs.rmSync(folder, { recursive: true, force: true });
    } catch {
      // If the folder cannot be removed, the operating system may remove it later, because it is in the temporary folder.
    }
  }

  try {
    const { code, stderr } = await run(["init", "-q", "--bare", env.GIT_DIR as string]);
    if (code !== 0) {
      throw new MogplexError({ attempted: "create a temporary Git repository", why: stderr.trim() }, "unavailable");
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { folder, run, close };
}

const [FOLDER, OWNER] = ["mogplex-git-", "owner.json"];
/** A folder with an unknown owner is removed at this age, because no campaign is followed for longer than 30 days. */
const MAX_AGE_MS = 31 * 86_400_000;

/** Folders that cannot be read are kept. */
function sweep(fs: typeof import("node:fs"), temporary: string, hasEnded: (text: string) => boolean): void {
  function isLeft(path: string): boolean {
    const { uid, mtimeMs } = fs.lstatSync(path);
    // In a shared temporary folder, another user may have created a folder with this name.
    if (process.getuid !== undefined && uid !== process.getuid()) return false;
    const file = `${path}/${OWNER}`;
    const facts = fs.lstatSync(file, { throwIfNoEntry: false });
    if (facts?.isFile() && facts.size <= 4_096) return hasEnded(fs.readFileSync(file, "utf8"));
    return facts === undefined && Date.now() - mtimeMs > MAX_AGE_MS;
  }
  try {
    for (const entry of fs.readdirSync(temporary, { withFileTypes: true })) {
      if (!entry.isDirectory() || !entry.name.startsWith(FOLDER)) continue;
      const path = `${temporary}/${entry.name}`;
      try {
        if (isLeft(path)) fs.rmSync(path, { recursive: true, force: true });
      } catch {
        // Another process is removing the folder, or this process is not allowed to read it.
      }
    }
  } catch {
    // This process is not allowed to read the temporary folder, for example on Deno with narrow permissions.
  }
}

/** Variables that are passed on to Git. Source: Git and curl, "Environment Variables". */
export const GIT_VARIABLES: readonly string[] = [
  "PATH",
  "HOME",
  "TMPDIR",
  "SSH_AUTH_SOCK",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "GIT_SSL_CAINFO",
  ...NETWORK_VARIABLES.filter((name) => /proxy/i.test(name) && !name.startsWith("NODE")),
];

const SETTINGS: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"],
  ["core.fsmonitor", "false"],
  ["core.sshCommand", "ssh -oBatchMode=yes -oConnectTimeout=30"],
  ["credential.helper", ""],
  ["credential.interactive", "false"],
  ["fetch.recurseSubmodules", "false"],
  ["gc.auto", "0"],
  // A redirect must not send the password to another server.
  ["http.followRedirects", "false"],
  ["push.recurseSubmodules", "no"],
  ["transfer.fsckObjects", "true"],
];

/** Credential helper, which Git runs in a shell. It prints the user name and password from the environment. */
const HELPER =
  `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$MOGPLEX_GIT_USERNAME" "$MOGPLEX_GIT_TOKEN"; }; f`;

function environment({ env, remote }: GitOptions, folder: string): Record<string, string> {
  const scope = passwordScope(remote);
  const entries = GIT_VARIABLES.flatMap((name) => {
    const value = env(name);
    return value === undefined ? [] : [[name, value]];
  });
  const all = scope === undefined ? SETTINGS : [...SETTINGS, [`credential.${scope}.helper`, HELPER] as const];
  const settings = all.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return {
    ...Object.fromEntries(entries),
    ...Object.fromEntries(settings),
    GIT_CONFIG_COUNT: String(all.length),
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_ATTR_NOSYSTEM: "1",
    GIT_ALLOW_PROTOCOL: "https:ssh:file",
    GIT_TERMINAL_PROMPT: "0",
    GIT_DIR: `${folder}/repository.git`,
    GIT_AUTHOR_NAME: "Mogplex CI",
    GIT_AUTHOR_EMAIL: "ci@mogplex.invalid",
    GIT_COMMITTER_NAME: "Mogplex CI",
    GIT_COMMITTER_EMAIL: "ci@mogplex.invalid",
    ...(scope !== undefined && {
      MOGPLEX_GIT_USERNAME: env("MOGPLEX_GIT_USERNAME") ?? "mogplex-ci",
      MOGPLEX_GIT_TOKEN: env("MOGPLEX_GIT_TOKEN") ?? "",
    }),
    // The code parses Git's messages, so they must be in English.
    LC_ALL: "C",
  };
}

/** The only origin (scheme, host and port) that may receive the password; `undefined` if none may. */
function passwordScope(remote: string): string | undefined {
  return URL.canParse(remote) && new URL(remote).protocol === "https:" ? new URL(remote).origin : undefined;
}

function cannotRun(cause: unknown): UsageError {
  const permitted = !isNotPermitted(cause);
  return new UsageError({
    attempted: "run git",
    why: permitted ? "git is not installed" : "Deno is not allowed to run git",
    advice: permitted
      ? "install Git, or keep the campaign in a directory (--home dir)"
      : "start Deno with --allow-run=git",
  }, { cause });
}

// The messages of Git and of the server show whether only a person can fix the cause of a refusal. All other failures are temporary (an outage or a
// full disk) or are resolved by reading the branch again (a race).

/** Messages about server problems, each with its source. These are not refusals, even if a hook or a status adds "rejected". */
const TROUBLE: readonly RegExp[] = [
  // GitHub: "! [remote rejected] main -> main (Internal Server Error)", desktop/desktop issue 21249. Gitea prints this message together
  // with "pre-receive hook declined", go-gitea/gitea issue 22293; GitLab prints "GitLab: 500 Internal Server Error", NixOS/nixpkgs pull request 120947.
  /Internal (?:Server|API) error/i,
  // GitLab Shell, client/gitlabnet.go: "Internal API unreachable", and older "Failed to authorize your Git request: internal API unreachable".
  /Internal API unreachable/i,
  // Gitea, modules/private: "Unable to contact gitea: … connection refused", jfelten/gitea-helm-chart issue 85.
  /Unable to contact|connection refused|connection reset/i,
  // GitLab, lib/gitlab/git_access.rb: "Push operation timed out"; lib/gitlab/gitaly_client.rb: "The git server, Gitaly, is not available".
  /timed out|time-?out|deadline exceeded|Gitaly, is not available|code = (?:Unavailable|Internal|DeadlineExceeded)/i,
  // GitLab, lib/gitlab/git_access.rb, while its storage moves: "The repository is temporarily read-only. Please try again later."; and
  // documentation, "Maintenance mode": "Git push is not allowed because this GitLab instance is currently in (read-only) maintenance mode."
  /temporarily read-only|\(read-only\) maintenance mode/i,
  // A Ruby or Python hook that crashes: rocq-prover/bot issue 2, gitlabhq/gitlabhq issue 9772.
  /\(NoMethodError\)|Traceback \(most recent call last\)/,
  // Git, http.c ("The requested URL returned error: %ld") and remote-curl.c ("RPC failed; HTTP %ld"); curl, lib/http_proxy.c (errors of a proxy).
  /error: (?:408|425|429|5\d\d)\b|HTTP (?:408|425|429|5\d\d)\b|response (?:408|425|429|5\d\d)\b/,
  // GitHub, "Rate limits"; GitLab, "Rate limits". These messages occur over SSH, and in the bodies of 403 answers.
  /rate limit|too many requests|abuse detection/i,
  // POSIX, strerror(): a full disk on either side. Git appends this text to the message of the failed operation.
  /No space left on device|Disk quota exceeded|Read-only file system|Input\/output error/i,
];

const TOKEN =
  "check the address, and set MOGPLEX_GIT_TOKEN to a token that can write to this branch; if the branch is protected, allow this token to push to it";
const ADDRESS = "check the address, and whether the token in MOGPLEX_GIT_TOKEN has access to the repository";
const BRANCH = "choose another branch with --home, or remove the branch that conflicts with it";
const PROXY = "allow the host in the proxy, or list it in NO_PROXY";
const TRUST =
  "set GIT_SSL_CAINFO or SSL_CERT_FILE to the certificate file of the server's authority, or add the server's host key to known_hosts";
const SERVER = "allow this in the settings of the repository, or choose another repository with --home";

/** Refusals that only a person can fix, each with its source and advice. The first match is used. */
const REFUSALS: readonly (readonly [words: RegExp, advice: string])[] = [
  // curl, lib/cf-h1-proxy.c and lib/http_proxy.c: "CONNECT tunnel failed, response 403", "Received HTTP code 407 from proxy after CONNECT".
  [/CONNECT tunnel failed, response 4|HTTP code 4\d\d from proxy/, PROXY],
  // curl, lib/vtls: "SSL certificate problem: …"; GnuTLS: "server certificate verification failed"; OpenSSH, sshconnect.c.
  [/SSL certificate problem|certificate verification failed|Host key verification failed/i, TRUST],
  // Git, http.c and credential.c, including HTTP 401 and 403; GitLab: "HTTP Basic: Access denied"; OpenSSH, sshconnect2.c: "Permission denied (".
  [
    /Authentication failed|could not read (?:Username|Password)|error: 40[13]\b|HTTP 40[13]\b|Access denied|Permission denied/i,
    TOKEN,
  ],
  // Git, remote-curl.c, connect.c, upload-pack.c; GitHub over SSH; GitLab, lib/gitlab/git_access.rb; Azure DevOps, TF401019.
  [
    /repository '[^']*' not found|Repository not found|does not appear to be a git repository|could not be found or you don't have permission|A repository for this project does not exist|TF401019/i,
    ADDRESS,
  ],
  // Git, refs.c and refs/files-backend.c: "'refs/heads/a' exists; cannot create 'refs/heads/a/b'". Since 2.50, refs.c also reports conflicts of case.
  [/exists; cannot create|refname conflict|conflict due to case-insensitive/i, BRANCH],
  // Git, builtin/receive-pack.c.
  [/funny refname|deny updating a hidden ref|branch is currently checked out|deletion prohibited/i, BRANCH],
  // Git, builtin/index-pack.c, builtin/unpack-objects.c; JGit, ReceivePack ("Object too large"); a proxy's or server's limit.
  [/pack exceeds maximum allowed size|Object too large|error: 413\b|HTTP 413\b/i, SERVER],
  // Git, object-file.c.
  [/insufficient permission for adding an object/i, TOKEN],
  // GitHub: "(protected branch hook declined)", "(push declined due to repository rule violations)", "GH006", "GH013", and of the SSH server:
  // "marked as read only", "This repository was archived so it is read-only", "enabled or enforced SAML SSO".
  [
    /protected branch|repository rule violations|\bGH0\d\d\b|marked as read only|archived so it is read-only|SAML SSO|refusing to allow/i,
    TOKEN,
  ],
  // GitLab, lib/gitlab/checks and git_access.rb: "You are not allowed to push code to protected branches on this project", "You can't push
  // code to a read-only GitLab instance"; Azure DevOps: TF401027 and TF402455; Gerrit: "prohibited by Gerrit"; JGit: "creation prohibited".
  [/not allowed|not permitted|You can't push|TF40\d{4}|prohibited/i, TOKEN],
  [/hook declined/i, TOKEN],
];

/**
 * Refusals that can also have a temporary cause that the server does not report: a 403 right after the same token was accepted, or a hook that could
 * not reach its service. The request is repeated before such a refusal is reported.
 */
const DOUBTFUL = /error: 403\b|HTTP 403\b|hook declined/i;

export function isDoubtful(stderr: string): boolean {
  return DOUBTFUL.test(stderr);
}

/** `undefined` if the same request may succeed later. */
export function adviceOn(stderr: string): string | undefined {
  if (TROUBLE.some((words) => words.test(stderr))) return undefined;
  return REFUSALS.find(([words]) => words.test(stderr))?.[1];
}
