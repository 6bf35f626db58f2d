import { afterEach, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProjectStore } from "../../../../lib/emulator/agents/git.ts";
import { type ServedEmulator, startEmulator } from "../../../../lib/emulator/server.ts";
import { runtimes } from "../../../../tools/setup.mjs";
import { withOwnTemporaryFolder } from "../../temporary.ts";
import { serve } from "../served.ts";
import { until } from "../../processes/world/recorder.ts";

withOwnTemporaryFolder();

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const git = (path: string, ...args: string[]) => execFileSync("git", args, { cwd: path, encoding: "utf8" });

type Connection = Pick<ServedEmulator, "url" | "token">;

async function send({ url, token }: Connection, method: string, route: string, body?: object, key = "key") {
  const answer = await fetch(`${url}/api/v1/mogplex${route}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "idempotency-key": key },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await answer.json() as { data: { run: { status: string; error: string | null }; runId: string } }).data;
}

/** Starts a run for each repository, all at once. @returns Their ids. */
async function startAll(to: Connection, repos: readonly { id: string }[]): Promise<string[]> {
  const starts = repos.map(({ id }, index) =>
    send(to, "POST", "/runs", { repoId: id, prompt: "Replace moment", createBranch: true }, `key ${index}`)
  );
  return (await Promise.all(starts)).map(({ runId }) => runId);
}

/** Waits for the end of a run: its command is a process, so that there is nothing else to wait for. */
async function ended(emulator: ServedEmulator, runId: string) {
  for (let tries = 0; tries < 2_000; tries++) {
    emulator.emulator.world.requests.reset();
    const { run } = await send(emulator, "GET", `/runs/${runId}`);
    if (run.status !== "pending" && run.status !== "streaming") return run;
    await Bun.sleep(5);
  }
  throw new Error("the run never ended");
}

async function served(options: Parameters<typeof startEmulator>[0]): Promise<ServedEmulator & { projects: string }> {
  const emulator = await startEmulator(options);
  closing.push(emulator.close);
  return { ...emulator, projects: emulator.projects ?? "" };
}

test("ProjectStore.path() makes a repository once, with the same first commit each time, and close() removes it", async () => {
  const stores = [new ProjectStore(), new ProjectStore()];
  const commits = [];
  for (const store of stores) {
    const paths = await Promise.all([store.path("acme/project-0001", "main"), store.path("acme/project-0001", "main")]);
    expect(new Set(paths)).toEqual(new Set([join(store.directory, "acme/project-0001.git")]));
    const path = paths[0] ?? "";
    commits.push(git(path, "rev-parse", "main").trim());
    expect(git(path, "ls-tree", "-r", "--name-only", "HEAD").split("\n")).toEqual([
      "README.md",
      "package.json",
      "src/days.js",
      "",
    ]);
    expect(git(path, "show", "HEAD:README.md")).toStartWith("# project-0001\n");
    expect(JSON.parse(git(path, "show", "HEAD:package.json")).name).toBe("project-0001");
    expect(git(path, "fsck", "--strict")).toBe("");
    await store.close();
    expect(existsSync(store.directory)).toBe(false);
  }
  expect(commits[0]).toBe(commits[1] ?? "");
});

test("startEmulator() lets commands change projects: a branch and a pull request for each", async () => {
  const emulator = await served({
    projects: [{ owner: "acme", count: 3 }, { owner: "b", count: 2 }],
    commands: { codex: "sed -i s/moment/temporal/ src/days.js" },
  });
  expect(readdirSync(emulator.projects)).toEqual([]);
  const ids = await startAll(emulator, emulator.repos.slice(1, 4));
  for (const id of ids) expect(await ended(emulator, id)).toMatchObject({ status: "success", error: null });
  expect(readdirSync(emulator.projects).sort()).toEqual(["acme", "b"]);
  for (const name of ["acme/project-0002", "acme/project-0003", "b/project-0001"]) {
    const page = await (await fetch(`${emulator.url}/${name}/pull/1`)).text();
    expect(page).toContain("+import temporal from &quot;moment&quot;;");
    expect(git(join(emulator.projects, `${name}.git`), "branch", "--list", "mogplex/*").trim()).not.toBe("");
  }
  expect(existsSync(join(emulator.projects, "acme/project-0001.git"))).toBe(false);
  await emulator.close();
  closing.length = 0;
  expect(existsSync(emulator.projects)).toBe(false);
});

test("startEmulator() finds the Git repository of a project that was renamed, with its default branch of the first run", async () => {
  const emulator = await served({ projects: [{ owner: "acme", count: 1 }], commands: { codex: "true" } });
  const set = { full_name: "acme/../../elsewhere", default_branch: "trunk" };
  emulator.emulator.control("setRepo", { id: "acme/project-0001", set });
  const [runId = ""] = await startAll(emulator, emulator.repos);
  expect(await ended(emulator, runId)).toMatchObject({ status: "success", error: null });
  expect(git(join(emulator.projects, "acme/project-0001.git"), "branch", "--list", "trunk")).toContain("trunk");
});

test("startEmulator() makes no directory without a command, and leaves none behind when it cannot start", async () => {
  const projects = [{ owner: "acme", count: 2 }];
  const plain = await startEmulator({ projects });
  closing.push(plain.close);
  expect([plain.projects, plain.repos.length]).toEqual([undefined, 2]);
  const port = Number(new URL(plain.url).port);
  await expect(startEmulator({ projects, commands: { codex: "true" }, port })).rejects.toThrow("Cannot listen");
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("mogplex-emulator-projects-"))).toEqual([]);
});

// On other runtimes: tests/matrix/runtimes/emulator.test.ts.
test("the emulator removes projects and working copies at SIGTERM, also while commands run", async () => {
  const emulator = await serve([runtimes.node], ["--repos", "4", "--harness", "codex=sleep 600"]);
  const { projects = "", ...ready } = emulator.ready as typeof emulator.ready & { projects?: string };
  expect(existsSync(projects)).toBe(true);
  const ids = await startAll(ready, ready.repos);
  const copies = () => readdirSync(tmpdir()).filter((file) => ids.some((id) => file.includes(id)));
  await until("four working copies are there", () => copies().length === 4);
  expect(await emulator.stop()).toBe(0);
  expect([existsSync(projects), copies()]).toEqual([false, []]);
});
