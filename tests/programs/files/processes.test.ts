import { expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { hasEnded, systemProcesses } from "../../../lib/files/processes.ts";

const LINUX = existsSync("/proc/self/stat");

test("Processes.own() says who this process is, and the same each time", async () => {
  const processes = await systemProcesses();
  const own = processes.own();
  expect(own.pid).toBe(process.pid);
  expect(typeof own.host).toBe("string");
  expect(processes.own()).toEqual(own);
  if (LINUX) {
    expect(own.bootId).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
    expect(own.pidSpace).toMatch(/^pid:\[\d+\]$/);
    expect(processes.find(own.pid)).toEqual({ state: "alive", startedAt: own.startedAt });
  }
});

test("Processes.find() tells a process that lives from one that has gone", async () => {
  const processes = await systemProcesses();
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  expect(processes.find(child.pid ?? 0).state).toBe("alive");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(processes.find(child.pid ?? 0)).toEqual({ state: "dead" });
  expect(processes.find(1).state).toBe("alive");
  expect(processes.find(2 ** 30)).toEqual({ state: "dead" });
});

test.skipIf(!LINUX)("Processes.find() calls a process dead although its exit code was not collected", async () => {
  const processes = await systemProcesses();
  // The shell's child ends once another program has replaced the shell; that one never asks for it.
  const shell = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = await once(shell.stdout, "data");
  const pid = Number(String(line));
  const column = (name: string, of: number) =>
    spawnSync("ps", ["-o", `${name}=`, "-p", String(of)], { encoding: "utf8" }).stdout.trim();
  while (column("comm", shell.pid ?? 0) !== "sleep") await new Promise((resolve) => setTimeout(resolve, 5));
  process.kill(pid, "SIGKILL");
  while (!column("stat", pid).startsWith("Z")) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(processes.find(pid)).toEqual({ state: "dead" });
  shell.kill("SIGKILL");
});

test("hasEnded() is sure of what has ended on this machine, and of nothing else", async () => {
  const processes = systemProcesses();
  const own = processes.own();
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const pid = child.pid ?? 0;
  const found = processes.find(pid);
  const of = { ...own, pid, startedAt: found.state === "alive" ? found.startedAt : null };
  expect([hasEnded(own, processes), hasEnded(of, processes)]).toEqual([false, LINUX ? false : undefined]);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(hasEnded(of, processes)).toBe(true);
  expect(hasEnded({ ...own, bootId: "another start" }, processes)).toBe(LINUX ? true : undefined);
  expect(hasEnded({ ...of, host: "elsewhere" }, processes)).toBeUndefined();
  expect(hasEnded({ ...of, pidSpace: "pid:[1]" }, processes)).toBeUndefined();
});
