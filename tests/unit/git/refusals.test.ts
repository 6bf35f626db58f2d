import { expect, test } from "bun:test";
import { adviceOn } from "../../../lib/git/git.ts";

const rejected = (reason: string, ...remote: string[]) =>
  [...remote.map((line) => `remote: ${line}`), ` ! [remote rejected] state -> state (${reason})`].join("\n");

/** Messages as they are, with where they were seen or are written. */
const PASSING: readonly (readonly [source: string, stderr: string])[] = [
  ["desktop/desktop issue 21249", rejected("Internal Server Error", "Internal Server Error")],
  ["LSSTDESC/descwl-shear-sims issue 64", " ! [remote failure]  a -> a (remote failed to report status)"],
  ["go-gitea/gitea issue 22293", rejected("pre-receive hook declined", "", "Gitea: Internal Server Error")],
  [
    "jfelten/gitea-helm-chart issue 85",
    rejected("pre-receive hook declined", "Unable to contact gitea: Post http://x: dial tcp: connection refused"),
  ],
  ["NixOS/nixpkgs pull request 120947", rejected("pre-receive hook declined", "GitLab: 500 Internal Server Error")],
  ["GitLab Shell, API of a hook", rejected("pre-receive hook declined", "GitLab: Internal API error (500)")],
  ["GitLab Shell, client", rejected("pre-receive hook declined", "GitLab: Internal API unreachable")],
  [
    "GitLab Shell, over SSH",
    "remote: ERROR: Internal API unreachable\nfatal: Could not read from remote repository.\n\n" +
    "Please make sure you have the correct access rights\nand the repository exists.",
  ],
  ["GitLab, git_access.rb", rejected("pre-receive hook declined", "GitLab: Push operation timed out")],
  [
    "GitLab, git_access.rb, as a hook's answer",
    rejected("pre-receive hook declined", "GitLab: The repository is temporarily read-only. Please try again later."),
  ],
  [
    "GitLab, git_access.rb, by HTTP",
    "remote: GitLab: The repository is temporarily read-only. Please try again later.\n" +
    "fatal: unable to access 'https://x/': The requested URL returned error: 403",
  ],
  [
    "GitLab, documentation, Maintenance mode, as a hook's answer",
    rejected(
      "pre-receive hook declined",
      "GitLab: Git push is not allowed because this GitLab instance is currently in (read-only) maintenance mode.",
    ),
  ],
  [
    "GitLab, documentation, Maintenance mode, by HTTP",
    "remote: Git push is not allowed because this GitLab instance is currently in (read-only) maintenance mode.\n" +
    "fatal: unable to access 'https://x/': The requested URL returned error: 403",
  ],
  [
    "rocq-prover/bot issue 2",
    rejected("pre-receive hook declined", "hooks/pre-receive:19:in `x': undefined method `[]' for nil (NoMethodError)"),
  ],
  ["Git, receive-pack.c: a full disk", rejected("unpacker error", "fatal: write error: No space left on device")],
  ["Git, receive-pack.c", rejected("unpacker error", "error: unpack failed: index-pack abnormal exit")],
  ["Git, receive-pack.c", rejected("failed to update ref")],
  ["Git, receive-pack.c", rejected("missing necessary objects")],
  ["Git, receive-pack.c", rejected("transaction failed to start")],
  ["Git, refs.c", rejected("cannot lock ref 'refs/heads/state': is at 1 but expected 2")],
  [
    "Git, lockfile.c",
    rejected("failed to update ref", "error: cannot lock ref 'x': Unable to create 'x.lock': File exists."),
  ],
  ["Git, refs.c since 2.50", rejected("incorrect old value provided")],
  ["Git, refs.c since 2.50", rejected("reference already exists")],
  ["Git, refs/reftable-backend.c", rejected("failed to update ref", "error: cannot lock references")],
  ["Git, reftable/error.c", rejected("reftable: transaction prepare: data is outdated")],
  ["JGit, ReceivePack", rejected("failed to lock")],
  ["JGit, BatchRefUpdate", rejected("transaction aborted")],
  ["JGit, ReceivePack", rejected("non-fast forward")],
  ["JGit, ReceivePack", rejected("lock error: x")],
  ["Gerrit", rejected("internal server error")],
  ["libgit2, refdb_fs.c", rejected("old reference value does not match")],
  ["libgit2, filebuf.c", rejected("failed to lock file 'x.lock' for writing: ")],
  ["GitHub", rejected("failed")],
  ["Git, http.c", "fatal: unable to access 'https://x/': The requested URL returned error: 503"],
  ["Git, http.c", "fatal: unable to access 'https://x/': The requested URL returned error: 429"],
  ["Git, remote-curl.c", "error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502"],
  ["curl", "fatal: unable to access 'https://x/': Could not resolve host: x"],
  ["curl", "fatal: unable to access 'https://x/': CONNECT tunnel failed, response 503"],
  ["Git, pkt-line.c", "fatal: the remote end hung up unexpectedly"],
  ["Git, index-pack.c", "fatal: early EOF\nfatal: index-pack failed"],
  ["OpenSSH", "kex_exchange_identification: Connection closed by remote host"],
  ["OpenSSH", "ssh: connect to host x port 22: Connection timed out"],
];

const FOR_A_PERSON: readonly (readonly [source: string, stderr: string, advice: string])[] = [
  ["GitHub", rejected("protected branch hook declined", "error: GH006: Protected branch update failed"), "GIT_TOKEN"],
  ["GitHub", rejected("push declined due to repository rule violations"), "GIT_TOKEN"],
  ["GitHub", "ERROR: The key you are authenticating with has been marked as read only.", "GIT_TOKEN"],
  ["GitHub", "ERROR: This repository was archived so it is read-only.", "GIT_TOKEN"],
  ["GitHub", "ERROR: Repository not found.\nfatal: Could not read from remote repository.", "address"],
  ["GitHub", "ERROR: The `acme' organization has enabled or enforced SAML SSO.", "GIT_TOKEN"],
  [
    "GitLab, git_access.rb",
    rejected(
      "pre-receive hook declined",
      "GitLab: You are not allowed to push code to protected branches on this project.",
    ),
    "GIT_TOKEN",
  ],
  [
    "GitLab, git_access.rb",
    "remote: The project you were looking for could not be found or you don't have permission to view it.",
    "address",
  ],
  ["GitLab", "remote: HTTP Basic: Access denied", "GIT_TOKEN"],
  ["Azure DevOps", rejected("TF402455: Pushes to this branch are not permitted; use a pull request"), "GIT_TOKEN"],
  ["Azure DevOps", "remote: TF401019: The Git repository with name or identifier x does not exist", "address"],
  ["Gerrit", rejected("prohibited by Gerrit: not permitted: create"), "GIT_TOKEN"],
  ["Git, receive-pack.c", rejected("pre-receive hook declined"), "GIT_TOKEN"],
  ["Git, receive-pack.c", rejected("branch is currently checked out"), "another branch"],
  [
    "Git, files-backend.c",
    rejected(
      "failed to update ref",
      "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
    ),
    "another branch",
  ],
  ["Git, refs.c since 2.50", rejected("refname conflict"), "another branch"],
  ["Git, index-pack.c", rejected("unpacker error", "fatal: pack exceeds maximum allowed size"), "settings"],
  [
    "Git, object-file.c",
    rejected("unpacker error", "error: insufficient permission for adding an object to repository database ./objects"),
    "GIT_TOKEN",
  ],
  ["Git, http.c", "fatal: Authentication failed for 'https://x/'", "GIT_TOKEN"],
  ["Git, http.c", "fatal: unable to access 'https://x/': The requested URL returned error: 403", "GIT_TOKEN"],
  ["Git, remote-curl.c", "fatal: repository 'https://x/' not found", "address"],
  ["Git, credential.c", "fatal: could not read Username for 'https://x': terminal prompts disabled", "GIT_TOKEN"],
  ["OpenSSH", "git@x: Permission denied (publickey).", "GIT_TOKEN"],
  ["OpenSSH", "Host key verification failed.", "known_hosts"],
  ["curl", "fatal: unable to access 'https://x/': CONNECT tunnel failed, response 403", "proxy"],
  ["curl", "fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", "GIT_SSL_CAINFO"],
];

test.each(PASSING)("adviceOn() has no advice for a person where it passes by itself: %# %s", (_source, stderr) => {
  expect(adviceOn(stderr)).toBeUndefined();
});

test.each(FOR_A_PERSON)("adviceOn() says what a person must change: %# %s", (_source, stderr, advice) => {
  expect(adviceOn(stderr)).toContain(advice);
});
