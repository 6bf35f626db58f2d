/**
 * Each process starts a session and has a mark in its environment, by which its descendants are found.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import process from "node:process";

const MARK = "MOGPLEX_LAB_MARK";

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  pid: number;
  text(): string;
  seen(pattern: RegExp): Promise<RegExpExecArray>;
  /** Does not wait for descendants or their output. */
  ended: Promise<Ended>;
  closed: Promise<void>;
  /** Closes our ends of the streams. Otherwise, a descendant that holds the other ends would keep this process alive. */
  release(): void;
}

export interface LaunchOptions {
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdin?: string;
}

export function launch(line: readonly string[], { cwd, env, stdin = "" }: LaunchOptions): Running {
  const child = spawn(line[0] ?? "", line.slice(1), { cwd, env, detached: true, stdio: "pipe" });
  const texts = { all: "", stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (chunk: string) => {
      texts[stream] += chunk;
      texts.all += chunk;
      for (const look of [...waiting]) look();
    });
  }
  child.stdin.on("error", () => {}).end(stdin);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => {
      // Waits only briefly for the remaining output, because a descendant may keep the stream open.
      const end = () => resolve({ code, stdout: texts.stdout, stderr: texts.stderr });
      const timer = setTimeout(end, 1_000);
      child.on("close", () => (clearTimeout(timer), end()));
    });
  });
  ended.catch(() => {});
  const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
  function seen(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(texts.all);
        if (match === null) return false;
        waiting.delete(look);
        resolve(match);
        return true;
      };
      waiting.add(look);
      if (look()) return;
      const lost = (why: string) =>
        look() || reject(new Error(`${pattern} was never printed (${why}): ${texts.all.slice(-800)}`));
      ended.then(({ code }) => void lost(`the process ended with ${code}`), (error) => void lost(String(error)));
    });
  }
  function release(): void {
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    child.unref();
  }
  return { pid: child.pid ?? -1, text: () => texts.all, seen, ended, closed, release };
}

export function marked(env: Readonly<Record<string, string>>, mark: string): Record<string, string> {
  return { ...env, [MARK]: mark };
}

export interface Survivor {
  pid: number;
  line: string;
}

export function survivors(mark: string): Survivor[] {
  const found: Survivor[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const line = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      // A zombie has no command line.
      if (environment.includes(`${MARK}=${mark}`) && line !== "") found.push({ pid: Number(name), line });
    } catch {
      // The process has ended in the meantime, or belongs to another user.
    }
  }
  return found;
}

export async function endMarked(mark: string): Promise<void> {
  for (let tries = 1;; tries++) {
    const found = survivors(mark);
    if (found.length === 0) return;
    if (tries > 500) throw new Error(`processes do not end: ${found.map(({ line }) => line.slice(0, 120)).join("; ")}`);
    for (const { pid } of found) signal(pid, "SIGKILL");
    await Bun.sleep(10);
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as { code?: string }).code !== "ESRCH") throw error;
  }
}
