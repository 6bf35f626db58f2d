import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { runToEnd } from "./runtimes.ts";
import { runtimes } from "../../../tools/setup.mjs";

const root = join(import.meta.dir, "../../..");

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
  expect(stdout).toContain("The job ends with 0");
  expect(stdout).toContain("▸ What next");
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
  expect(code).toBe(1);
});

test("npm start lists no reports and claims no verdict when it is asked for the help", () => {
  const command = [runtimes.node, join(root, "tools/task.mjs"), "start", "--help"];
  const { code, stdout, stderr } = runToEnd(command, { cwd: root });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("No branch was pushed");
  expect(stdout).toEndWith("▸ The job ends with 0\n");
});

test("npm start cancels its run when Ctrl-C comes, as the local Mogplex ends with it", async () => {
  const command = [join(root, "tools/task.mjs"), "start"];
  // A terminal sends the signal to the whole group.
  const child = spawn(runtimes.node, command, { cwd: root, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  let isSent = false;
  child.stdout.on("data", (piece) => {
    stdout += piece;
    if (isSent || !stdout.includes("started run ")) return;
    isSent = true;
    process.kill(-(child.pid ?? 0), "SIGINT");
  });
  const [code] = await once(child, "close");
  expect([code, stdout]).toEqual([130, expect.stringContaining("the run was cancelled")]);
  expect(stdout).not.toMatch(/goes on|^resume/m);
  expect(stdout).toEndWith("▸ Stopped. The local Mogplex ends now, too. To begin again: npm start\n");
});
