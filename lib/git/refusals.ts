/**
 * What Git, and the server at its other end, say when they do not do what they were asked, and whether only a person can change that.
 *
 * Everything that is not in this table passes by itself, or is settled by a look at the branch: an outage, a full disk, a race.
 *
 * @module
 */

/** Words that are no refusal, although a hook or a status says "rejected" beside them: the server is in trouble. With their sources. */
const TROUBLE: readonly RegExp[] = [
  // GitHub: "! [remote rejected] main -> main (Internal Server Error)", desktop/desktop issue 21249. Gitea says it beside "pre-receive hook
  // declined", go-gitea/gitea issue 22293; GitLab as "GitLab: 500 Internal Server Error", NixOS/nixpkgs pull request 120947.
  /Internal (?:Server|API) error/i,
  // GitLab Shell, client/gitlabnet.go: "Internal API unreachable", and older "Failed to authorize your Git request: internal API unreachable".
  /Internal API unreachable/i,
  // Gitea, modules/private: "Unable to contact gitea: … connection refused", jfelten/gitea-helm-chart issue 85.
  /Unable to contact|connection refused|connection reset/i,
  // GitLab, lib/gitlab/git_access.rb: "Push operation timed out"; lib/gitlab/gitaly_client.rb: "The git server, Gitaly, is not available".
  /timed out|time-?out|deadline exceeded|Gitaly, is not available|code = (?:Unavailable|Internal|DeadlineExceeded)/i,
  // A hook in Ruby or Python that dies: rocq-prover/bot issue 2, gitlabhq/gitlabhq issue 9772.
  /\(NoMethodError\)|Traceback \(most recent call last\)/,
  // Git, http.c ("The requested URL returned error: %ld") and remote-curl.c ("RPC failed; HTTP %ld"); curl, lib/http_proxy.c (of a proxy).
  /error: (?:408|425|429|5\d\d)\b|HTTP (?:408|425|429|5\d\d)\b|response (?:408|425|429|5\d\d)\b/,
  // GitHub, "Rate limits"; GitLab, "Rate limits": over SSH and in bodies of 403.
  /rate limit|too many requests|abuse detection/i,
  // POSIX, strerror(): a disk that is full, of either side. Git adds it to whatever it could not do.
  /No space left on device|Disk quota exceeded|Read-only file system|Input\/output error/i,
];

const TOKEN =
  "look at the address, and give a token that may write to this branch in MOGPLEX_GIT_TOKEN; a protected branch must let it push";
const ADDRESS = "look at the address, and whether the token in MOGPLEX_GIT_TOKEN may see the repository";
const BRANCH = "name another branch with --home, or remove the one that is in its way";
const PROXY = "let the proxy pass the host through, or name it in NO_PROXY";
const TRUST =
  "give the certificates of the server's authority in GIT_SSL_CAINFO or SSL_CERT_FILE, or its host key in known_hosts";
const SERVER = "permit it in the settings of the repository, or name another one with --home";

/** Words of what only a person can change, with what to do. The first that fits counts. Each with its source. */
const REFUSALS: readonly (readonly [words: RegExp, advice: string])[] = [
  // curl, lib/cf-h1-proxy.c and lib/http_proxy.c: "CONNECT tunnel failed, response 403", "Received HTTP code 407 from proxy after CONNECT".
  [/CONNECT tunnel failed, response 4|HTTP code 4\d\d from proxy/, PROXY],
  // curl, lib/vtls: "SSL certificate problem: …"; GnuTLS: "server certificate verification failed"; OpenSSH, sshconnect.c.
  [/SSL certificate problem|certificate verification failed|Host key verification failed/i, TRUST],
  // Git, http.c and credential.c; curl's 401 and 403 there; GitLab: "HTTP Basic: Access denied"; OpenSSH, sshconnect2.c: "Permission denied (".
  [
    /Authentication failed|could not read (?:Username|Password)|error: 40[13]\b|HTTP 40[13]\b|Access denied|Permission denied/i,
    TOKEN,
  ],
  // Git, remote-curl.c, connect.c, upload-pack.c; GitHub over SSH; GitLab, lib/gitlab/git_access.rb; Azure DevOps, TF401019.
  [
    /repository '[^']*' not found|Repository not found|does not appear to be a git repository|could not be found or you don't have permission|A repository for this project does not exist|TF401019/i,
    ADDRESS,
  ],
  // Git, refs.c and refs/files-backend.c: "'refs/heads/a' exists; cannot create 'refs/heads/a/b'"; refs.c since 2.50.
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
  // Git, builtin/receive-pack.c: a hook of the server says no. It says why in lines of its own, which stand above.
  [/hook declined/i, TOKEN],
];

/** What to do about a refusal, when only a person can change it; undefined when the same may be permitted a little later. */
export function adviceOn(stderr: string): string | undefined {
  if (TROUBLE.some((words) => words.test(stderr))) return undefined;
  return REFUSALS.find(([words]) => words.test(stderr))?.[1];
}
