// Runs one task of the project after the setup: `node tools/task.mjs NAME [arguments]`. The scripts in package.json call this file.
import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { exitCodeOf, root, runtimes, setUp } from "./setup.mjs";

const { bun, deno } = runtimes;
const script = (/** @type {string} */ file) => [bun, "--no-env-file", join(root, file)];

// Tests keep more processes busy than there are cores. As a batch, each process works for a longer time at once, so less time is spent on switching
// between them. Source: sched(7), SCHED_BATCH.
const batch = ["chrt", "--batch", "0"];

/** @type {Record<string, string[]>} */
const tasks = {
  start: script("tools/demo.ts"),
  test: script("tools/test.ts"),
  gate: script("tools/gate.ts"),
  build: script("tools/build.ts"),
  bench: script("bench/main.ts"),
  docs: script("tools/docs.ts"),
  lab: script("lab/main.ts"),
  release: script("tools/release.ts"),
  emulator: script("lib/emulator/main.ts"),
  fmt: [deno, "fmt"],
  lint: [deno, "lint"],
  check: [deno, "check"],
  init: script("tools/init.ts"),
};

const [name = "", ...rest] = process.argv.slice(2);
const command = tasks[name];
if (command === undefined) {
  process.stderr.write(`error: Cannot run task "${name}": the tasks are ${Object.keys(tasks).join(", ")}\n`);
  process.exitCode = 2;
} else {
  setUp();
  const isBatch = (name === "test" || name === "gate") && spawnSync("chrt", [...batch.slice(1), "true"]).status === 0;
  const [program = "", ...args] = isBatch ? [...batch, ...command] : command;
  // A repository of the emulator is a path relative to the directory in which npm was called: `npm --prefix CLONE run emulator -- --repo acme/web=.`
  const cwd = name === "emulator" ? process.env.INIT_CWD ?? root : root;
  // The emulator is on this machine, so the programs of a task must not use a proxy to reach it.
  const list = [process.env.NO_PROXY, process.env.no_proxy, "127.0.0.1", "localhost"].filter(Boolean).join(",");
  const env = { ...process.env, NO_PROXY: list, no_proxy: list };
  const child = spawn(program, [...args, ...rest], { cwd, stdio: "inherit", env });
  // Forward signals. A signal to this process alone would leave the task running.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => {
    process.exitCode = code ?? exitCodeOf(signal ?? "SIGTERM");
  });
}
