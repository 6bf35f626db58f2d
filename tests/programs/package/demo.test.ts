import { expect, test } from "bun:test";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { runToEnd } from "./runtimes.ts";
import { runtimes } from "../../../tools/setup.mjs";

const root = join(import.meta.dir, "../../..");

/** Starts the quick start as the leader of a group of its own, as a terminal does. */
function startDemo(...args: string[]) {
  const command = [join(root, "tools/task.mjs"), "start", ...args];
  const child = spawn(runtimes.node, command, { cwd: root, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  child.stdout.on("data", (piece) => stdout += piece);
  child.stderr.resume();
  return { child, output: () => stdout };
}

/** The processes of the quick start's local Mogplex, which is in a group of its own. */
function emulators(): string[] {
  const rows = execFileSync("ps", ["-A", "-ww", "-o", "args="], { encoding: "utf8" }).split("\n");
  return rows.filter((row) =>
    row.includes(join(root, "dist/mogplex-emulator.mjs")) && row.includes(join(root, ".demo"))
  );
}

test("npm start ends with the run's verdict and shows the branch when the agent's command succeeds", () => {
  const { code, stdout } = runToEnd([runtimes.node, join(root, "tools/task.mjs"), "start"], {
    cwd: root,
    // Settings of the caller's own jobs.
    env: { MOGPLEX_PROMPT: "Other", MOGPLEX_PROMPT_FILE: "none", MOGPLEX_TIMEOUT: "soon" },
  });
  // The line can be pasted in the clone.
  expect(stdout).toMatch(
    /^▸ MOGPLEX_DEV=1 MOGPLEX_URL=http:\S+ MOGPLEX_API_KEY=mog_\w+ node dist\/mogplex\.mjs run "[^"]+" --follow --repo \S+ /m,
  );
  expect(stdout).toContain("+  return Number(reference.slice(4, 8));");
  expect(stdout).toContain("In src/columns.mjs slice does the same.");
  // What the agent says is what the diff shows.
  expect(stdout.match(/^diff --git /gm)).toHaveLength(3);
  expect(stdout).toContain("All tests pass: 3 files changed.");
  expect(stdout).not.toContain("docs/exit-codes.md");
  expect(stdout).toContain("▸ What next");
  expect(stdout).toContain("MOGPLEX_PROMPT");
  expect(stdout).toContain("docs/emulator.md");
  // No person is there to press a key.
  expect(stdout).not.toContain("press a key");
  expect(code).toBe(0);
  const result = JSON.parse(readFileSync(join(root, ".demo/reports/result.json"), "utf8"));
  expect(result).toMatchObject({ outcome: "success", exitCode: 0, changed: true, pullRequest: { state: "open" } });
});

test("npm start with another task is red: the agent refuses it, says so and changes nothing", () => {
  const command = [runtimes.node, join(root, "tools/task.mjs"), "start", "Write a test for yearOf"];
  const { code, stdout } = runToEnd(command, { cwd: root });
  expect(stdout).toContain(
    "I am a script and know one task: replace substr. I have not done yours, and have changed nothing.",
  );
  expect(stdout).toContain("No branch was pushed");
  expect(stdout).toContain("docs/exit-codes.md explains exit code 1");
  expect(code).toBe(1);
});

test("npm start prints how it is used and starts nothing when it is asked for help", () => {
  const command = [runtimes.node, join(root, "tools/task.mjs"), "start"];
  const { code, stdout, stderr } = runToEnd([...command, "--help"], { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toStartWith("Usage: npm start [-- [TASK] [flags of run]]\n");
  expect(stdout).not.toContain("▸");
  expect(runToEnd([...command, "--log", "full", "-h"], { cwd: root })).toEqual({ code, stdout, stderr });
});

test("npm start ends with the run's verdict when the reader of its output closes the pipe", async () => {
  const { child } = startDemo("Write a test for yearOf");
  await once(child.stdout, "data");
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (piece) => stderr += piece);
  const [code] = await once(child, "close");
  expect([code, stderr]).toEqual([1, expect.not.stringContaining("EPIPE")]);
  expect(emulators()).toEqual([]);
});

const MOMENTS = [
  "Building dist/",
  "Starting a local Mogplex",
  "A local Mogplex is running",
  "MOGPLEX_DEV=1",
  "started run ",
];

test.each(MOMENTS)("npm start ends with 130 and leaves nothing running when Ctrl-C comes after %j", async (line) => {
  const { child, output } = startDemo();
  const group = -(child.pid ?? 0);
  let isSent = false;
  child.stdout.on("data", () => {
    if (isSent || !output().includes(line)) return;
    isSent = true;
    // A terminal sends the signal to the whole group.
    process.kill(group, "SIGINT");
  });
  const [code] = await once(child, "close");
  expect([code, output()]).toEqual([130, expect.stringContaining(line)]);
  expect(output()).toEndWith("▸ Stopped. Nothing is left running. To begin again: npm start\n");
  expect(output()).not.toMatch(/No branch was pushed|docs\/exit-codes|goes on|^resume/m);
  if (line === "started run ") expect(output()).toContain("the run was cancelled");
  expect(() => process.kill(group, 0)).toThrow("ESRCH");
  expect(emulators()).toEqual([]);
});

test("npm start cancels its run and ends with 143 when SIGTERM comes to it alone", async () => {
  const { child, output } = startDemo();
  let isSent = false;
  child.stdout.on("data", () => {
    // Once: a process that is ending has no handler any more, and would end by the signal.
    if (!isSent && output().includes("started run ")) isSent = child.kill("SIGTERM");
  });
  const [code] = await once(child, "close");
  expect([code, output()]).toEqual([143, expect.stringContaining("the run was cancelled")]);
  expect(output()).toEndWith("▸ Stopped. Nothing is left running. To begin again: npm start\n");
  expect(emulators()).toEqual([]);
});

test("npm run init in the clone of the toolkit itself ends with 2, writes nothing, and names the command", () => {
  for (const folder of [root, join(root, "docs")]) {
    const { code, stdout, stderr } = runToEnd([runtimes.node, join(root, "tools/task.mjs"), "init", "gitlab"], {
      cwd: root,
      env: { INIT_CWD: folder },
    });
    expect({ code, stdout, stderr }).toEqual({
      code: 2,
      stdout: "",
      stderr:
        `error: Cannot set up the clone of the toolkit itself; call it in your own repository: npm --prefix ${root} run init\n`,
    });
  }
});

test("npm run init obeys flags that npm has kept because -- is missing before them", () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-init-"));
  try {
    const init = (npmConfig: Record<string, string>) =>
      runToEnd([runtimes.node, join(root, "tools/task.mjs"), "init", "gitlab"], {
        cwd: root,
        env: { INIT_CWD: folder, ...npmConfig },
      });
    const { code, stdout } = init({ npm_config_dry_run: "true" });
    expect([code, stdout.includes("Nothing was written. "), readdirSync(folder)]).toEqual([0, true, []]);
    expect([init({ npm_config_dry_run: "" }).code, readdirSync(folder).includes("ci")]).toEqual([0, true]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
