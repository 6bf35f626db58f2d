/** Rules as GitHub, GitLab and Gitea document them; the examples are of those pages, with other names. */
import { expect, test } from "bun:test";
import { ForgeClient } from "../../../lib/forge/client.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { GITEA } from "../../../lib/forge/gitea.ts";
import { GITHUB } from "../../../lib/forge/github.ts";
import { GITLAB } from "../../../lib/forge/gitlab.ts";
import type { Forge } from "../../../lib/forge/forge.ts";
import type { MergeReading } from "../../../lib/forge/merging.ts";
import { PullRequestWriter, type WritableForge } from "../../../lib/forge/writer.ts";
import { COMMIT, URLS } from "./writes_world.ts";

const FORGES = { github: GITHUB, gitlab: GITLAB, gitea: GITEA };

interface Given {
  path?: string;
  changed?: string[] | null;
  reading?: Partial<MergeReading>;
}

/** A writer whose target branch has one file, and whose pull request changes some. */
function writerAt(at: keyof typeof FORGES, text: string, { path = "CODEOWNERS", changed = [], reading }: Given = {}) {
  const forge: Forge = FORGES[at];
  const read: string[] = [];
  const files: NonNullable<Forge["files"]> = {
    needs: "",
    open: () => ({
      head: () => Promise.reject(new Error("the branch of the pull request was read")),
      entry(commit, folder, name) {
        const whole = folder.path === "" ? name : `${folder.path}/${name}`;
        read.push(`${commit} ${whole}`);
        const isFile = whole === path;
        if (!isFile && !path.startsWith(`${whole}/`)) return Promise.resolve(undefined);
        return Promise.resolve({ mode: isFile ? "100644" : "040000", id: "1" });
      },
      blob: () => Promise.resolve(new TextEncoder().encode(text)),
    }),
  };
  const merging: NonNullable<Forge["merging"]> = {
    checks: () => Promise.resolve(null),
    read: () => Promise.resolve({ baseCommit: COMMIT, changedFiles: changed, ...reading } as MergeReading),
  };
  const client = new ForgeClient({ clock: virtualClock() }, forge, "https://forge.example", { token: "x", place: "x" });
  const address = {
    forge: at,
    origin: "https://forge.example",
    host: "forge.example",
    repository: "acme/web",
    number: 7,
  };
  const writer = new PullRequestWriter({ ...forge, files, merging } as WritableForge, client, {
    ...address,
    url: URLS[at],
  }, "x");
  return { writer, read };
}

const GITHUB_FILE = `
# Everything else.
*       @global-1 @global-2
*.js    @js-owner #an inline comment
*.go docs@example.com
*.txt @acme/octocats
/build/logs/ @doctocat
docs/* @docs
apps/ @octocat
/docs/ @tree
/scripts/ @doctocat @octocat
**/logs @logs
/apps/github
a\\ b.md @blank
`;

test.each<[path: string, users: string[], teams?: string[]]>([
  ["a.rb", ["global-1", "global-2"]],
  ["lib/x/a.js", ["js-owner"]],
  // An address of mail names no user.
  ["a.go", []],
  ["a.txt", [], ["acme/octocats"]],
  ["build/logs/x/a.rb", ["logs"]],
  ["docs/a.rb", ["tree"]],
  ["x/docs/a.rb", ["global-1", "global-2"]],
  ["x/apps/y/a.rb", ["octocat"]],
  ["apps/github/a.rb", []],
  ["deeply/nested/logs/a.rb", ["logs"]],
  ["scripts/a.sh", ["doctocat", "octocat"]],
  ["a b.md", ["blank"]],
])(
  "PullRequestWriter.codeOwners() finds the owners of %s by the last rule that matches on GitHub",
  async (path, users, teams = []) => {
    const { writer } = writerAt("github", GITHUB_FILE, { changed: [path] });
    expect(await writer.codeOwners()).toEqual({ users, teams });
  },
);

test.each<[pattern: string, path: string, matches: boolean]>([
  ["docs/*", "docs/a.md", true],
  ["docs/*", "docs/build/a.md", false],
  ["docs/**", "docs/build/a.md", true],
  ["docs", "x/docs/build/a.md", true],
  ["/docs", "x/docs/a.md", false],
  ["/docs", "docs/a.md", true],
  ["docs/", "docs", false],
  ["a/**/b", "a/b", true],
  ["a/**/b", "a/x/y/b", true],
  ["a/**/b", "a/x/yb", false],
  ["*.md", "x/a.md", true],
  ["a*c.md", "ab/c.md", false],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[ab].md", "a.md", false],
])("PullRequestWriter.codeOwners() reads pattern %j for %j as GitHub does: %p", async (pattern, path, matches) => {
  const { writer } = writerAt("github", `${pattern} @ann`, { changed: [path] });
  expect(await writer.codeOwners()).toEqual({ users: matches ? ["ann"] : [], teams: [] });
});

const GITLAB_FILE = `
* @admin
[Documentation][2] @docs-team
docs/
README.md @ann
!docs/generated/

^[Database] @acme/group/dba
model/db/ @@maintainer
*.sql
`;

test.each<[path: string, users: string[], teams?: string[]]>([
  ["a.rb", ["admin"]],
  ["docs/a.md", ["admin", "docs-team"]],
  ["README.md", ["admin", "ann"]],
  ["docs/generated/a.md", ["admin"]],
  ["x/a.sql", ["admin"], ["acme/group/dba"]],
])("PullRequestWriter.codeOwners() adds up the sections of %s on GitLab", async (path, users, teams = []) => {
  const { writer } = writerAt("gitlab", GITLAB_FILE, { changed: [path], path: ".gitlab/CODEOWNERS" });
  expect(await writer.codeOwners()).toEqual({ users, teams });
});

const GITEA_FILE = `
.*\\\\.go @user1 @user2
src/.* @acme/team
!src/.* @other
`.replaceAll("\\\\", "\\");

test("PullRequestWriter.codeOwners() takes every rule that matches on Gitea", async () => {
  for (
    const [path, users, teams] of [
      ["src/a.go", ["user1", "user2"], ["acme/team"]],
      ["a.go", ["user1", "user2", "other"], []],
      ["ago", ["other"], []],
    ] as const
  ) {
    const { writer } = writerAt("gitea", GITEA_FILE, { changed: [path], path: "docs/CODEOWNERS" });
    expect(await writer.codeOwners()).toEqual({ users: [...users], teams: [...teams] });
  }
});

test("PullRequestWriter.codeOwners() uses no expression of Gitea that may take long", async () => {
  for (const pattern of ["(a+)+b", "(.*a){20}", ".*.*.*x", "(a)\\1", "(?=a)b", "[", "a".repeat(600)]) {
    const { writer } = writerAt("gitea", `${pattern} @ann`, { changed: ["a"] });
    expect(await writer.codeOwners()).toMatch(/^a pattern in CODEOWNERS is too complex: /);
  }
});

test("PullRequestWriter.codeOwners() reads three places of the target's commit, and nothing of the pull request", async () => {
  for (
    const [at, paths] of [
      ["github", [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"]],
      ["gitlab", ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"]],
      ["gitea", ["CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS"]],
    ] as const
  ) {
    const { writer, read } = writerAt(at, "* @ann", { path: "elsewhere", changed: ["a"] });
    expect(await writer.codeOwners()).toEqual({ users: [], teams: [] });
    const folders = paths.map((path) => path.split("/")[0]);
    expect(read.slice(0, 3)).toEqual(folders.map((name) => `${COMMIT} ${name}`));
    const found = writerAt(at, at === "gitea" ? ".* @ann" : "* @ann", { path: paths[2], changed: ["a"] });
    expect(await found.writer.codeOwners()).toEqual({ users: ["ann"], teams: [] });
  }
});

test("PullRequestWriter.codeOwners() says what the forge does not show", async () => {
  const { writer } = writerAt("github", "* @ann", { changed: null });
  expect(await writer.codeOwners()).toBe("GitHub does not show all changed files");
  const hidden = writerAt("gitlab", "* @ann", { reading: { baseCommit: null } });
  expect(await hidden.writer.codeOwners()).toBe("GitLab does not show the commit of the target branch");
  const long = writerAt("github", "* @ann\n".repeat(3_001), { changed: ["a"] });
  expect(await long.writer.codeOwners()).toBe("CODEOWNERS has more than 3000 rules");
});

test("PullRequestWriter.codeOwners() gives up when the comparison takes long", async () => {
  const pattern = "*a".repeat(240);
  const one = writerAt("github", `${pattern}b @ann\n`, { changed: ["a".repeat(4_000)] });
  expect(await one.writer.codeOwners()).toEqual({ users: [], teams: [] });
  const many = writerAt("github", `${pattern}b @ann\n`.repeat(200), { changed: ["a".repeat(4_000)] });
  expect(await many.writer.codeOwners()).toBe("CODEOWNERS and the list of changed files are too long");
});
