/**
 * Loaded before the first test file of each process (`bunfig.toml`). Many files share a process, so each must leave it as it was; a test of
 * `tests/unit` must not reach outside it.
 */
import { afterAll, beforeEach } from "bun:test";
import fc from "fast-check";
import child from "node:child_process";
import { Server } from "node:http";
import net from "node:net";
import { relative } from "node:path";
import process from "node:process";
import { propertyRuns } from "./property_runs.ts";

// 100 is the number of fast-check itself.
fc.configureGlobal({ numRuns: propertyRuns(100) });

/** What a file could change for the files after it. */
function state(): Record<string, unknown> {
  return { exitCode: process.exitCode, fetch: globalThis.fetch, cwd: process.cwd(), ...process.env };
}

if (process.env.MOGPLEX_TEST_LAYER === "unit") {
  const refuse = (what: string) => () => {
    throw new Error(`Cannot ${what} in tests/unit: move the test to tests/programs, or give it a double`);
  };
  const spawn = refuse("start a child");
  Object.assign(child, { spawn, spawnSync: spawn, exec: spawn, execSync: spawn, execFile: spawn, execFileSync: spawn });
  Object.assign(Bun, { spawn, spawnSync: spawn, serve: refuse("open a socket"), listen: refuse("open a socket") });
  Object.assign(net.Server.prototype, { listen: refuse("open a socket") });
  Object.assign(Server.prototype, { listen: refuse("open a socket") });
  Object.assign(net.Socket.prototype, { connect: refuse("connect to a socket") });
  Object.assign(globalThis, { fetch: refuse("send a request") });
  // The jitter of polls and retries is the same in each run. Another number tries another jitter.
  const { random } = Math;
  const seed = Number(process.env.MOGPLEX_TEST_JITTER ?? 1);
  beforeEach(() => {
    let last = Math.imul(seed, 2_654_435_761);
    // A linear congruential generator with the constants of Numerical Recipes.
    Math.random = () => (last = (Math.imul(last, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
  });
  afterAll(() => {
    Math.random = random;
  });
}

const before = state();
const { Request, Response } = globalThis;
const root = process.cwd();

// With `--parallel` Bun calls this after each file, else after the last one.
afterAll(() => {
  // For the progress: results of several files come mixed.
  if (process.env.MOGPLEX_TEST_LAYER !== undefined) process.stderr.write(`\n@done ${relative(root, Bun.main)}\n`);
  // @hono/node-server replaces both in the process that serves an emulator, and Bun.serve takes its own alone.
  Object.assign(globalThis, { Request, Response });
  const after = state();
  const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) =>
    before[key] !== after[key]
  );
  if (changed.length === 0) return;
  for (const key of changed.filter((each) => !(each in { exitCode: 0, fetch: 0, cwd: 0 }))) {
    if (before[key] === undefined) delete process.env[key];
    else process.env[key] = String(before[key]);
  }
  // Bun ignores `undefined` once a code was set.
  process.exitCode = before.exitCode as typeof process.exitCode ?? 0;
  globalThis.fetch = before.fetch as typeof fetch;
  process.chdir(String(before.cwd));
  throw new Error(`${relative(root, Bun.main)} does not restore ${changed.join(", ")}`);
});
