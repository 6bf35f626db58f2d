import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { main } from "../../../lib/emulator/main.ts";
import { fakeIo } from "../../unit/cli/fake_io.ts";

const PROBE = `
  const { MOGPLEX_URL: url, MOGPLEX_API_KEY: key, MOGPLEX_REPO_ID: id, MOGPLEX_DEV: dev } = process.env;
  const answer = await fetch(url + "/api/v1/mogplex/repos?id=" + id, { headers: { authorization: "Bearer " + key } });
  const { data } = await answer.json();
  process.exit(dev === "1" && data.repos.length === 1 ? 7 : 1);
`;
const node = ["--input-type=module", "--eval"];

async function exec(args: string[]) {
  const io = fakeIo();
  return { code: await main(["exec", ...args], io), ...io.text };
}

test("exec points the command at the emulator, ends with its code, and prints nothing of its own", async () => {
  expect(await exec(["--", "node", ...node, PROBE])).toEqual({ code: 7, stdout: "", stderr: "" });
});

test("exec exempts the emulator from the proxies of this machine", async () => {
  const probe =
    'process.exit([process.env.NO_PROXY, process.env.no_proxy].every((list) => list.endsWith("127.0.0.1")) ? 0 : 1)';
  expect((await exec(["--", "node", ...node, probe])).code).toBe(0);
});

test("exec leaves what an agent prints to the log of the command, unless the events have none of it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=T", "-c", "user.email=t@t.invalid", ...args], { cwd: folder });
  git("init", "--quiet", "-b", "main");
  git("commit", "--quiet", "--allow-empty", "-m", "first");
  const flags = ["--repo", `acme/web=${folder}`, "--harness", "codex=echo I could not do it; exit 1"];
  const follow = `
    const { MOGPLEX_URL: url, MOGPLEX_API_KEY: key, MOGPLEX_REPO_ID: repoId } = process.env;
    const send = async (path, body) => {
      const headers = { authorization: "Bearer " + key, "idempotency-key": "k" };
      const method = body === undefined ? "GET" : "POST";
      const answer = await fetch(url + "/api/v1/mogplex/runs" + path, { method, headers, body: JSON.stringify(body) });
      return (await answer.json()).data;
    };
    const { runId } = await send("", { repoId, prompt: "Try", harness: "codex" });
    // The service takes 60 requests a minute.
    for (let run; run?.status !== "failed"; await new Promise((resolve) => setTimeout(resolve, 200))) {
      ({ run } = await send("/" + runId));
    }
    const { events } = await send("/" + runId + "/events");
    process.exit(10 + events.filter(({ message }) => message.includes("I could not do it")).length);
  `;
  try {
    const command = ["--", "node", ...node, follow];
    expect(await exec([...flags, ...command])).toEqual({ code: 11, stdout: "", stderr: "" });
    const bare = await exec([...flags, "--without", "agentOutput", ...command]);
    expect(bare).toEqual({ code: 10, stdout: "", stderr: "I could not do it\n" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("exec stops the emulator when the command has ended", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const file = join(folder, "url");
  expect((await exec(["--", "sh", "-c", `printf %s "$MOGPLEX_URL" > '${file}'`])).code).toBe(0);
  const url = readFileSync(file, "utf8");
  rmSync(folder, { recursive: true });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await fetch(url).then(() => "answers", () => "gone")).toBe("gone");
});

test("exec passes signals on, and ends as the command ends by them", async () => {
  const io = fakeIo();
  const listening = Promise.withResolvers<void>();
  const { onSignal } = io;
  io.onSignal = (handler) => {
    const forget = onSignal(handler);
    listening.resolve();
    return forget;
  };
  const code = main(["exec", "--", "sleep", "60"], io);
  await listening.promise;
  io.signal("SIGTERM");
  expect(await code).toBe(143);
});

test("exec ends with 2 and one sentence when there is nothing to run, or it cannot be run", async () => {
  const cases: [string[], string][] = [
    [[], "there is no command; write it after two dashes: mogplex-emulator exec [flags] -- COMMAND"],
    [["true"], "there is no command"],
    [["--"], "there is no command"],
    [["--", "/no/such/program"], 'Cannot run "/no/such/program": there is no such command'],
    [["--port", "x", "--", "true"], 'bad value for "--port"'],
  ];
  for (const [args, problem] of cases) {
    const { code, stderr } = await exec(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toContain(problem);
  }
  expect((await exec(["--help"])).stdout).toContain("exec [flags] -- COMMAND");
});

/** What a command of `exec` gets, with these variables set in this process. */
async function environmentOf(flags: string[], set: Record<string, string>): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const file = join(folder, "environment.json");
  const before = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]));
  Object.assign(process.env, set);
  try {
    const write = `require("node:fs").writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.env))`;
    expect((await exec([...flags, "--", "node", "--eval", write])).code).toBe(0);
    return JSON.parse(readFileSync(file, "utf8"));
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    rmSync(folder, { recursive: true });
  }
}

test("exec keeps what is set for the command, but for what contradicts it", async () => {
  const given = await environmentOf([], {
    MOGPLEX_TIMEOUT: "60",
    MOGPLEX_API_KEY: "x",
    MOGPLEX_API_KEY_FILE: "y",
    MOGPLEX_TOKEN_VARIABLE: "w",
    MOGPLEX_REPO: "acme/api",
    MOGPLEX_URL: "z",
  });
  expect(given).toMatchObject({
    PATH: process.env.PATH,
    MOGPLEX_TIMEOUT: "60",
    MOGPLEX_API_KEY: expect.stringMatching(/^mog_/),
    MOGPLEX_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    MOGPLEX_REPO_ID: expect.stringMatching(/^[\da-f-]{36}$/),
    MOGPLEX_DEV: "1",
  });
  const removed = ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE", "MOGPLEX_REPO", "MOGPLEX_DEV_START_LIMITS"];
  expect(Object.keys(given).filter((name) => removed.includes(name))).toEqual([]);
  expect((await environmentOf(["--start-limits", "off"], {})).MOGPLEX_DEV_START_LIMITS).toBe("off");
});

/** Starts a run in the only repository, and waits for its pull request. */
const START = `
  const { MOGPLEX_URL: url, MOGPLEX_API_KEY: key, MOGPLEX_REPO_ID: repoId } = process.env;
  const headers = { authorization: "Bearer " + key, "idempotency-key": "k" };
  const runs = url + "/api/v1/mogplex/runs";
  const body = JSON.stringify({ repoId, prompt: "Fix it", createBranch: true });
  const { data: { runId } } = await (await fetch(runs, { method: "POST", headers, body })).json();
  while (!(await (await fetch(runs + "/" + runId, { headers })).text()).includes('"success"'));
`;

test("exec says after a scripted run of a local repository that nothing was changed there", async () => {
  const path = mkdtempSync(join(tmpdir(), "mogplex-exec-"));
  const git = (...args: string[]) =>
    execFileSync("git", ["-C", path, "-c", "user.name=T", "-c", "user.email=t@t", ...args]);
  git("init", "--quiet");
  git("commit", "--quiet", "--allow-empty", "-m", "Begin");
  const flags = ["--speed", "10000", "--repo", `acme/web=${path}`];
  const note =
    `note: a scenario simulated the run: the repository at ${path} is unchanged, and the pull request is made up`;
  const command = ["--", "node", ...node, START];
  expect((await exec([...flags, ...command])).stderr).toStartWith(note);
  expect((await exec([...flags, "--quiet", ...command])).stderr).toBe("");
  expect((await exec([...flags, "--harness", "codex=true", ...command])).stderr).toBe("");
  const other = (await exec([...flags, "--harness", "claude-code=true", ...command])).stderr;
  expect(other).toStartWith(
    "note: there is no command for codex, so a scenario simulates its runs.",
  );
  rmSync(path, { recursive: true });
});
