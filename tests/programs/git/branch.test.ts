import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { virtualClock } from "../../../lib/clock.ts";
import { GitBranch, LostRaceError } from "../../../lib/git/remote.ts";
import { makeRemotes, type Remotes } from "./remotes.ts";

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

async function branchOf(remote: string, name = "state", options = {}): Promise<GitBranch> {
  return new GitBranch(await remotes.open({ remote, ...options }), remote, name, {
    clock: virtualClock(),
    random: Math.random,
    redact: (text) => text,
  });
}

async function texts(branch: GitBranch): Promise<Record<string, string> | undefined> {
  const files = await branch.read();
  if (files === undefined) return undefined;
  const contents = await branch.contents(files);
  return Object.fromEntries(files.map(({ path }, index) => [path, contents[index] ?? ""]));
}

test("GitBranch writes a branch that does not exist, and another one reads it", async () => {
  const remote = remotes.make("new.git");
  const branch = await branchOf(remote);
  expect(await branch.read()).toBeUndefined();
  await branch.write(new Map([["lock.json", "{}\n"], ["journal/000001.ndjson", "ä\u2028\n"]]), "First\n\nBody.\n");
  const other = await branchOf(remote);
  expect(await texts(other)).toEqual({ "lock.json": "{}\n", "journal/000001.ndjson": "ä\u2028\n" });
  expect(remotes.git(remote, "log", "-1", "--format=%an|%s|%b", "state")).toBe("Mogplex CI|First|Body.");
});

test("GitBranch adds a commit, and keeps other files of the branch", async () => {
  const remote = remotes.make("more.git");
  const branch = await branchOf(remote);
  await branch.write(new Map([["README.md", "hand-made"], ["lock.json", "1"]]), "one");
  const other = await branchOf(remote);
  await other.read();
  await other.write(new Map([["lock.json", "2"]]), "two");
  await other.write(new Map([["lock.json", "3"]]), "three");
  expect(await texts(branch)).toEqual({ "README.md": "hand-made", "lock.json": "3" });
  expect(remotes.git(remote, "rev-list", "--count", "state")).toBe("3");
});

test("GitBranch.write() throws LostRaceError when another one was faster, and changes nothing", async () => {
  const remote = remotes.make("race.git");
  const [one, two] = [await branchOf(remote), await branchOf(remote)];
  await Promise.all([one.read(), two.read()]);
  await one.write(new Map([["lock.json", "one"]]), "one");
  await expect(two.write(new Map([["lock.json", "two"]]), "two")).rejects.toBeInstanceOf(LostRaceError);
  expect(await texts(two)).toEqual({ "lock.json": "one" });
  await two.write(new Map([["lock.json", "two"]]), "two");
  await expect(one.write(new Map([["lock.json", "again"]]), "again")).rejects.toBeInstanceOf(LostRaceError);
});

test("GitBranch.write() lets one of two win that push at the same time", async () => {
  for (let round = 0; round < 5; round++) {
    const remote = remotes.make(`same-${round}.git`);
    const both = [await branchOf(remote), await branchOf(remote)];
    await Promise.all(both.map((each) => each.read()));
    const ends = await Promise.allSettled(both.map((each, index) => each.write(new Map([["a", String(index)]]), "x")));
    const lost = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
    expect(lost).toHaveLength(1);
    expect(lost[0]).toBeInstanceOf(LostRaceError);
  }
});

test("GitBranch.read() takes neither links nor programs nor odd names for files", async () => {
  const remote = remotes.make("odd.git");
  const work = join(remotes.folder, "odd");
  remotes.git(remotes.folder, "clone", "-q", remote, work);
  writeFileSync(join(work, "program"), "#!/bin/sh\n");
  chmodSync(join(work, "program"), 0o755);
  remotes.git(work, "config", "core.symlinks", "true");
  Bun.spawnSync(["ln", "-s", "/etc/passwd", join(work, "link")]);
  writeFileSync(join(work, "new\nline"), "odd");
  remotes.git(work, "add", "-A");
  remotes.git(work, "commit", "-q", "-m", "x");
  remotes.git(work, "push", "-q", "origin", "HEAD:refs/heads/state");
  expect(await texts(await branchOf(remote))).toEqual({ "new\nline": "odd" });
});

test("GitBranch says which repository cannot be read, and what to do", async () => {
  const missing = await branchOf(join(remotes.folder, "missing.git"));
  await expect(missing.read()).rejects.toMatchObject({
    exit: "usage",
    message: expect.stringContaining("missing.git"),
  });
  const away = await branchOf("https://127.0.0.1:9/acme/web.git");
  await expect(away.read()).rejects.toMatchObject({ exit: "unavailable" });
});

test("GitBranch.write() names a branch that the server protects, and does not call it a race", async () => {
  const remote = remotes.make("protected.git");
  writeFileSync(
    join(remote, "hooks/pre-receive"),
    "#!/bin/sh\necho 'GitLab: You are not allowed to push code to protected branches'\nexit 1\n",
  );
  chmodSync(join(remote, "hooks/pre-receive"), 0o755);
  const branch = await branchOf(remote);
  const end = branch.write(new Map([["a", "b"]]), "x");
  await expect(end).rejects.toMatchObject({ exit: "usage", message: expect.stringContaining("MOGPLEX_GIT_TOKEN") });
});

test("openGit() obeys no configuration of a user, no hook, and no variable that runs programs", async () => {
  const remote = remotes.make("hostile.git");
  const home = join(remotes.folder, "home");
  const mark = join(remotes.folder, "PWNED");
  mkdirSync(home);
  const hooks = join(home, "hooks");
  mkdirSync(hooks);
  for (const name of ["pre-push", "reference-transaction", "post-index-change"]) {
    writeFileSync(join(hooks, name), `#!/bin/sh\ntouch ${mark}\n`);
    chmodSync(join(hooks, name), 0o755);
  }
  writeFileSync(
    join(home, ".gitconfig"),
    `[core]\n\thooksPath = ${hooks}\n\tsshCommand = touch ${mark}\n\tfsmonitor = touch ${mark}\n` +
      `[url "${remotes.folder}/elsewhere.git"]\n\tinsteadOf = ${remote}\n[credential]\n\thelper = !touch ${mark}\n`,
  );
  const hostile: Record<string, string> = {
    ...{ PATH: process.env.PATH ?? "", HOME: home, GIT_DIR: "/nonexistent", GIT_SSH_COMMAND: `touch ${mark}` },
    ...{
      GIT_EXTERNAL_DIFF: `touch ${mark}`,
      GIT_PROXY_COMMAND: `touch ${mark}`,
      GIT_CONFIG_GLOBAL: `${home}/.gitconfig`,
    },
    ...{ GIT_ASKPASS: `touch ${mark}`, GIT_CONFIG_PARAMETERS: `'core.sshCommand=touch ${mark}'`, GIT_TRACE: mark },
  };
  const branch = await branchOf(remote, "state", { env: (name: string) => hostile[name] });
  await branch.read();
  await branch.write(new Map([["lock.json", "{}"]]), "x");
  expect(remotes.git(remote, "show", "state:lock.json")).toBe("{}");
  expect(existsSync(mark)).toBe(false);
});

test("openGit() gives the password to a server that asks, and shows it nowhere", async () => {
  const seen: (string | null)[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      seen.push(request.headers.get("authorization"));
      return new Response("no", { status: 401, headers: { "WWW-Authenticate": 'Basic realm="x"' } });
    },
  });
  // Git itself decides when to send it; plain HTTP is permitted to this test only.
  const git = await remotes.open({
    env: (name) => ({ PATH: process.env.PATH ?? "", MOGPLEX_GIT_TOKEN: "hunter2-$(x)'\"" })[name],
  });
  const { stdout } = await git.run(
    ["-c", "credential.useHttpPath=false", "credential", "fill"],
    "protocol=https\nhost=example.com\n\n",
  );
  expect(new TextDecoder().decode(stdout)).toContain("username=mogplex-ci\npassword=hunter2-$(x)'\"\n");
  const answer = await git.run(["ls-remote", "--", `http://127.0.0.1:${server.port}/web.git`]);
  expect([answer.code, answer.stderr]).toEqual([128, expect.stringContaining("not allowed")]);
  expect(seen).toEqual([]);
  await server.stop(true);
});

test("openGit() throws when there is no Git, and names the way without", async () => {
  await expect(remotes.open({ env: (name) => name === "PATH" ? "/nonexistent" : undefined })).rejects.toThrow(
    "Cannot run git: git is not installed; install Git, or keep the campaign in a directory (--home dir)",
  );
});

/** Git whose network fails as a test wants it. */
async function flaky(fault: (args: readonly string[], count: number) => "before" | "after" | undefined) {
  const git = await remotes.open();
  const counts = new Map<string, number>();
  const failed = { code: 1, stdout: new Uint8Array(), stderr: "fatal: the remote end hung up unexpectedly" };
  const run: typeof git.run = async (args, input) => {
    const [name = ""] = args;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const at = fault(args, count);
    if (at === "before") return failed;
    const answer = await git.run(args, input);
    return at === "after" ? failed : answer;
  };
  return { git: { ...git, run }, counts };
}

const quick = () => {
  const clock = virtualClock();
  return { clock, waits: { clock, random: () => 0.5, redact: (text: string) => text } };
};

test("GitBranch tries a fetch and a push three times, with growing waits", async () => {
  const remote = remotes.make("flaky.git");
  const { clock, waits } = quick();
  const { git, counts } = await flaky(([name], count) => name === "push" && count < 3 ? "before" : undefined);
  const branch = new GitBranch(git, remote, "state", waits);
  await branch.read();
  await branch.write(new Map([["lock.json", "{}"]]), "x");
  expect([counts.get("push"), clock.slept]).toEqual([3, [1_500, 4_500]]);

  const away = await flaky(([name]) => name === "fetch" ? "before" : undefined);
  const other = new GitBranch(away.git, remote, "state", quick().waits);
  await expect(other.read()).rejects.toMatchObject({ exit: "unavailable" });
  expect(away.counts.get("fetch")).toBe(3);
});

test("GitBranch.write() succeeds when its answer is lost and the commit is on the branch, also below another one", async () => {
  const remote = remotes.make("cut.git");
  const { git } = await flaky(([name]) => name === "push" ? "after" : undefined);
  const branch = new GitBranch(git, remote, "state", quick().waits);
  await branch.read();
  await branch.write(new Map([["lock.json", "1"]]), "one");
  const other = await branchOf(remote);
  let pushes = 0;
  const faster = await flaky(([name]) => name === "push" ? "after" : undefined);
  const run = faster.git.run;
  const late = new GitBranch(
    {
      ...faster.git,
      async run(args, input) {
        const answer = await run(args, input);
        if (args[0] === "push" && pushes++ === 0) {
          await other.read();
          await other.write(new Map([["README.md", "x"]]), "three");
        }
        return answer;
      },
    },
    remote,
    "state",
    quick().waits,
  );
  await late.read();
  await late.write(new Map([["lock.json", "2"]]), "two");
  expect(remotes.git(remote, "log", "--reverse", "--format=%s", "state").split("\n")).toEqual(["one", "two", "three"]);
  expect(pushes).toBe(1);
  // The next one has to read what another machine has added.
  await expect(late.write(new Map([["lock.json", "3"]]), "four")).rejects.toBeInstanceOf(LostRaceError);
});

test("GitBranch.write() goes on after an outage in which a push arrived unseen", async () => {
  const remote = remotes.make("unseen.git");
  let isAway = false;
  const { git } = await flaky(([name]) =>
    !isAway ? undefined : name === "push" ? "after" : name === "fetch" ? "before" : undefined
  );
  const branch = new GitBranch(git, remote, "state", quick().waits);
  await branch.read();
  await branch.write(new Map([["lock.json", "1"]]), "one");
  isAway = true;
  await expect(branch.write(new Map([["lock.json", "2"]]), "two")).rejects.toMatchObject({ exit: "unavailable" });
  isAway = false;
  await branch.write(new Map([["lock.json", "3"]]), "three");
  expect(remotes.git(remote, "log", "--reverse", "--format=%s", "state").split("\n")).toEqual(["one", "two", "three"]);
});

test("GitBranch.checkUnmoved() notices what others have written, and leaves that to be found by the next push", async () => {
  const remote = remotes.make("looked.git");
  const [one, two] = [await branchOf(remote), await branchOf(remote)];
  await one.read();
  await one.checkUnmoved();
  await one.write(new Map([["lock.json", "1"]]), "one");
  await one.checkUnmoved();
  await two.read();
  await two.write(new Map([["lock.json", "2"]]), "two");
  await two.checkUnmoved();
  await expect(one.checkUnmoved()).rejects.toBeInstanceOf(LostRaceError);
  await expect(one.write(new Map([["lock.json", "3"]]), "three")).rejects.toBeInstanceOf(LostRaceError);
  await one.read();
  await one.checkUnmoved();
  remotes.git(remote, "branch", "-q", "-D", "state");
  await expect(one.checkUnmoved()).rejects.toBeInstanceOf(LostRaceError);
});

test("GitBranch.checkUnmoved() takes a push whose answer was lost for its own", async () => {
  const remote = remotes.make("unsure.git");
  let isAway = false;
  const { git } = await flaky(([name]) => !isAway ? undefined : name === "push" ? "after" : "before");
  const branch = new GitBranch(git, remote, "state", quick().waits);
  await branch.read();
  await branch.write(new Map([["lock.json", "1"]]), "one");
  isAway = true;
  const end = branch.write(new Map([["lock.json", "2"]]), "two");
  await expect(end).rejects.toMatchObject({ exit: "unavailable" });
  await expect(branch.checkUnmoved()).rejects.toMatchObject({ exit: "unavailable" });
  isAway = false;
  await branch.checkUnmoved();
  const other = await branchOf(remote);
  await other.read();
  await other.write(new Map([["lock.json", "3"]]), "three");
  await expect(branch.checkUnmoved()).rejects.toBeInstanceOf(LostRaceError);
});

test("openGit() gives the password to the host of the repository alone, and to no hook of a repository on this machine", async () => {
  const remote = remotes.make("hooked.git");
  const seen = join(remotes.folder, "seen");
  for (const name of ["pre-receive", "update", "post-receive", "reference-transaction"]) {
    writeFileSync(join(remote, "hooks", name), `#!/bin/sh\ncat >/dev/null\nenv >> ${seen}\n`);
    chmodSync(join(remote, "hooks", name), 0o755);
  }
  const env = (name: string) => ({ PATH: process.env.PATH ?? "", MOGPLEX_GIT_TOKEN: "hunter2" })[name];
  for (const address of [remote, `file://${remote}`]) {
    const branch = await branchOf(address, `state-${address.length}`, { env });
    await branch.read();
    await branch.write(new Map([["a", "b"]]), "x");
  }
  const text = readFileSync(seen, "utf8");
  expect(text).toContain("GIT_DIR");
  expect(text).not.toContain("hunter2");

  const git = await remotes.open({ env, remote: "https://git.example.com:8443/acme/web.git" });
  const asked = async (protocol: string, host: string) => {
    const answer = await git.run(["credential", "fill"], `protocol=${protocol}\nhost=${host}\n\n`);
    return new TextDecoder().decode(answer.stdout).includes("password=hunter2");
  };
  expect(await asked("https", "git.example.com:8443")).toBe(true);
  // A proxy asks by the same way.
  for (
    const [protocol, host] of [["https", "git.example.com"], ["http", "proxy.example.com:3128"], [
      "https",
      "example.com",
    ]]
  ) {
    expect([host, await asked(protocol ?? "", host ?? "")]).toEqual([host, false]);
  }
});

test("openGit() removes the folders of processes that were killed, and no other", async () => {
  const before = process.env.TMPDIR;
  const temporary = join(remotes.folder, "tmp");
  mkdirSync(temporary);
  process.env.TMPDIR = temporary;
  try {
    const owner = (text: string) => ({ text, hasEnded: (other: string) => other === "killed" });
    const killed = await remotes.open({ owner: owner("killed") });
    writeFileSync(join(killed.folder, "task.md"), "secret task");
    const alive = await remotes.open({ owner: owner("alive") });
    mkdirSync(join(temporary, "mogplex-git-young"));
    mkdirSync(join(temporary, "elsewhere"));
    writeFileSync(join(temporary, "elsewhere/owner.json"), "killed");
    symlinkSync(join(temporary, "elsewhere"), join(temporary, "mogplex-git-link"));
    const next = await remotes.open({ owner: owner("next") });
    expect(readdirSync(temporary).sort()).toEqual(
      ["elsewhere", "mogplex-git-link", "mogplex-git-young", basename(alive.folder), basename(next.folder)].sort(),
    );
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
