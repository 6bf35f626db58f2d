import { expect, test } from "bun:test";
import { TOKEN, world } from "../world.ts";

/** `.git/config` with remotes, as Git writes it. */
function config(remotes: Record<string, string>): Record<string, string> {
  const parts = Object.entries(remotes).map(([name, url]) =>
    `[remote "${name}"]\n\turl = ${url}\n\tfetch = +refs/heads/*:refs/remotes/${name}/*\n`
  );
  return { ".git/config": `[core]\n\tbare = false\n${parts.join("")}` };
}

const RUN = ["run", "--follow", "Fix it <success>", "--timeout", "30s"];

/** A call in a folder with these remotes, on a terminal. */
async function call(remotes: Record<string, string>, args: string[] = RUN, options = {}) {
  const { cli, emulator, requests } = world("");
  const ended = await cli(args, { terminal: true, files: config(remotes), ...options });
  return { ...ended, requests, repos: [...emulator.world.store.runs.values()].map(({ repo_id }) => repo_id), emulator };
}

const idOf = ({ emulator }: Awaited<ReturnType<typeof call>>, name: string) =>
  [...emulator.world.store.repos.values()].find(({ full_name }) => full_name === name)?.id;

test("run takes the repository from origin when a person names none, and says so first", async () => {
  const addresses = [
    "https://github.com/acme/api.git",
    "git@github.com:acme/api.git",
    "ssh://git@github.com/acme/api",
    "https://kim:hunter2secret@github.com/acme/api",
  ];
  for (const origin of addresses) {
    const ended = await call({ origin });
    expect(ended.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
    expect(ended.repos).toEqual([idOf(ended, "acme/api") ?? ""]);
    for (const text of [ended.stdout, ended.stderr, ...ended.io.files.values()]) {
      if (text !== config({ origin })[".git/config"]) expect(text).not.toContain("hunter2secret");
    }
  }
});

test("run starts nothing when origin is missing, on another host, or not the same as upstream, and prints the flag to add", async () => {
  const given = "give --repo or MOGPLEX_REPO_ID (`mogplex-ci repos list` shows the names)";
  const cases: [Record<string, string>, string][] = [
    [{}, `this folder has no remote origin; ${given}`],
    [{ origin: "/srv/git/web.git" }, `origin is a path on this machine; ${given}`],
    [
      { origin: "https://user:hunter2secret@git.example/acme/web.git" },
      "origin is on git.example, not on github.com; add --repo acme/web",
    ],
    [{ origin: "https://github.com.evil.example/acme/web" }, "origin is on github.com.evil.example, not on github.com"],
    [{ origin: "https://evil.example/github.com/acme/web" }, "origin is on evil.example, not on github.com"],
    [{ origin: "https://github.com@evil.example/acme/web" }, "origin is on evil.example, not on github.com"],
    [{ origin: "https://github.com/$(touch evil)" }, `the name in the address of origin is not owner/name; ${given}`],
    [
      { origin: "https://github.com/kim/web", upstream: "https://github.com/acme/web" },
      "origin is kim/web, but upstream is acme/web; add --repo kim/web or --repo acme/web",
    ],
  ];
  for (const [remotes, why] of cases) {
    const { code, stderr, requests } = await call(remotes);
    expect([code, requests]).toEqual([2, []]);
    expect(stderr).toContain(why);
    expect(stderr).not.toContain("hunter2secret");
  }
});

test("run takes origin on a host that --forge-host names, which never names a token", async () => {
  const remotes = { origin: "git@git.example:acme/api.git" };
  const ended = await call(remotes, [...RUN, "--forge-host", "git.example"]);
  expect(ended.repos).toEqual([idOf(ended, "acme/api") ?? ""]);
  const refused = await call(remotes, [...RUN, "--forge-host", "git.example=MY_TOKEN"]);
  expect([refused.code, refused.requests]).toEqual([2, []]);
  expect(refused.stderr).toContain("--forge-host accepts only a host here, not a token");
});

test("run ends with 2 when the service does not list the repository of origin", async () => {
  const { code, stdout, repos } = await call({ origin: "https://github.com/acme/unknown" });
  expect([code, repos]).toEqual([2, []]);
  expect(stdout).toStartWith("repository acme/unknown (from origin)");
});

test("run does not use origin without a terminal, says so, and names the flag to add", async () => {
  const piped = (origin: string) => call({ origin }, RUN, { terminal: false });
  const { code, stderr, requests } = await piped("https://kim:hunter2secret@github.com/acme/api");
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain(
    "the repository is missing, and origin is not used because stdout is a pipe or a file; add --repo acme/api",
  );
  expect(stderr).not.toContain("hunter2secret");
  expect((await piped("/srv/git/api.git")).stderr).toContain("the repository is missing; give --repo");
});

test("run does not look at origin in a CI job, and when a repository is named", async () => {
  const remotes = { origin: "https://github.com/acme/api" };
  const env = { MOGPLEX_API_KEY: TOKEN, GITLAB_CI: "true", CI: "true" };
  const { code, stderr, requests } = await call(remotes, RUN, { env });
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain("the repository is missing");
  expect(stderr).not.toContain("origin");
  const named = await call(remotes, [...RUN, "--repo", "acme/web"]);
  expect(named.repos).toEqual([idOf(named, "acme/web") ?? ""]);
  expect(named.stdout).not.toContain("from origin");
});

test("run says that the service knows the name only when --repo is an address of another host", async () => {
  const { stderr, code } = await call({}, [...RUN, "--repo", "https://kim:hunter2secret@evil.example/acme/web"]);
  expect(code).toBe(124);
  expect(stderr).toContain(
    "the service identifies repositories by name, so it ignores the host in --repo (evil.example); the repository is acme/web",
  );
  expect(stderr).not.toContain("hunter2secret");
  expect((await call({}, [...RUN, "--repo", "https://github.com/acme/web"])).stderr).not.toContain("not used");
});

test("doctor checks the repository of origin, and permissions takes every flag of run", async () => {
  const doctor = await call({ origin: "https://github.com/acme/api" }, ["doctor"]);
  expect(doctor.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
  const respond = await call({ origin: "https://github.com/acme/api" }, ["doctor", "--for", "respond"]);
  expect(respond.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
  expect(respond.stdout).toMatch(/ repository +acme\/api/);
  const follow = await call({ origin: "https://github.com/acme/api" }, ["doctor", "--for", "follow"]);
  expect(follow.stdout).not.toContain("from origin");
  const permissions = await call({}, ["permissions", "--repo", "acme/web", "--branch", "x", "--mode", "SAFE"]);
  expect([permissions.code, permissions.stdout.includes("--allow-net=")]).toEqual([0, true]);
});

test("doctor makes all other checks when the repository of origin cannot be used", async () => {
  const { code, stdout, stderr } = await call({ origin: "https://git.example/acme/api" }, ["doctor", "--json"]);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
  expect([code, stderr]).toEqual([2, ""]);
  expect(checks.filter(({ name }) => ["repository", "access"].includes(name))).toMatchObject([
    { name: "access", state: "ok" },
    {
      name: "repository",
      state: "failed",
      finding: "the repository is missing, and origin is on git.example, not on github.com",
      advice: "Add --repo acme/api",
    },
  ]);
  const respond = await call({}, ["doctor", "--for", "respond"]);
  expect(respond.stdout.replaceAll(/\s+/g, " ")).toContain(
    " repository neither --repo nor MOGPLEX_REPO_ID is set, so a job uses the name of its repository on the forge; " +
      "to check a name, add --repo",
  );
  const automation = await call({ origin: "https://github.com/acme/api" }, ["doctor", "--for", "automation"]);
  expect(automation.stdout).not.toContain("from origin");
});

test("run without --follow takes the repository from origin when a person names none", async () => {
  const origin = "https://github.com/acme/api";
  const ended = await call({ origin }, ["run", "Fix it"]);
  expect(ended.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
  expect([ended.code, ended.repos]).toEqual([0, [idOf(ended, "acme/api") ?? ""]]);
  const json = await call({ origin }, ["run", "Fix it", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ replayed: false });
  const other = await call({ origin: "https://git.example/acme/api" }, ["run", "Fix it"]);
  expect([other.code, other.requests]).toEqual([2, []]);
  expect(other.stderr).toContain("origin is on git.example, not on github.com; add --repo acme/api");
  const documented = "run: --repo <id> is required (find IDs via `mogplex repos list`)";
  expect((await call({ origin }, ["run", "Fix it"], { terminal: false })).stderr).toContain(documented);
  const env = { MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: "8f3a2b1c-1234-4abc-9def-1234567890ab" };
  expect((await call({ origin }, ["run", "Fix it"], { env })).stderr).toContain(documented);
});

test("run and doctor take origin from the repository when they run in a subfolder, a worktree or a submodule", async () => {
  const text = config({ origin: "git@github.com:acme/api.git" })[".git/config"] ?? "";
  const folders: Record<string, string>[] = [
    { "../.git/config": text },
    { "../../../.git/config": text },
    // As `git worktree add` writes them, with an absolute path and (worktree.useRelativePaths) a relative one.
    {
      ".git": "gitdir: /srv/web/.git/worktrees/wt\n",
      "/srv/web/.git/worktrees/wt/commondir": "../..\n",
      "/srv/web/.git/worktrees/wt/../../config": text,
    },
    {
      "../.git": "gitdir: ../web/.git/worktrees/wt\n",
      "../../web/.git/worktrees/wt/commondir": "../..\n",
      "../../web/.git/worktrees/wt/../../config": text,
    },
    // As `git submodule add` writes it.
    { ".git": "gitdir: ../.git/modules/api\n", "./../.git/modules/api/config": text, "../.git/config": "" },
  ];
  for (const files of folders) {
    const ended = await call({}, RUN, { files });
    expect(ended.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
    expect(ended.repos).toEqual([idOf(ended, "acme/api") ?? ""]);
    const doctor = await call({}, ["doctor"], { files });
    expect(doctor.stdout).toStartWith("repository acme/api (from origin); to choose another, use --repo\n");
  }
  const inner = { ".git/config": "", "../.git/config": text };
  expect((await call({}, RUN, { files: inner })).stderr).toContain("this folder has no remote origin");
});
