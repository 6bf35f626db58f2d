/**
 * No function throws; unknown facts are `null`. On Deno, the host name needs `--allow-sys=hostname`. The facts from `/proc` need `--allow-all`.
 * @module
 */
import * as fs from "node:fs";
import * as os from "node:os";
import process from "node:process";
import { valueOr } from "../lookup.ts";

export type ProcessState =
  | { state: "dead" }
  | { state: "alive"; startedAt: string | null }
  | { state: "unknown" };

/** Two identities belong to the same process if all five fields are equal. */
export interface ProcessIdentity {
  host: string | null;
  /** Identifies the boot of the machine. Linux only. */
  bootId: string | null;
  /** Identifies the PID namespace: processes in a container do not see other processes. Linux only. */
  pidSpace: string | null;
  pid: number;
  /** Start time in ticks since the boot, because another process may get the same process id later. Linux only. */
  startedAt: string | null;
}

export interface Processes {
  own(): ProcessIdentity;
  find(pid: number): ProcessState;
}

/** @returns `undefined` if this cannot be determined, for example because the process is on another machine or in another container. */
export function hasEnded(
  { host, bootId, pidSpace, pid, startedAt }: ProcessIdentity,
  processes: Processes,
): boolean | undefined {
  const self = processes.own();
  if (host === null || host !== self.host) return undefined;
  if (bootId !== null && self.bootId !== null && bootId !== self.bootId) return true;
  if (pidSpace !== self.pidSpace) return undefined;
  const match = pid === self.pid ? { state: "alive" as const, startedAt: self.startedAt } : processes.find(pid);
  if (match.state === "dead") return true;
  if (match.state === "unknown" || match.startedAt === null || startedAt === null) return undefined;
  return match.startedAt !== startedAt;
}

/** States of processes that have ended. Source: proc_pid_stat(5), "state". */
const ENDED = ["Z", "X", "x"];

/** On Deno, this needs `--allow-sys=userInfo`. */
export function machineUser(): string | null {
  return valueOr(() => os.userInfo().username.trim() || null, null);
}

export function systemProcesses(): Processes {
  const attempt = <T>(read: () => T): T | null => valueOr(read, null);

  function statOf(pid: number | "self"): { state: string; startedAt: string } | null {
    return attempt(() => {
      const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
      // The process name before these fields may contain blanks and parentheses. Source: proc_pid_stat(5): state is field 3, starttime field 22.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const [state = "", startedAt = ""] = [fields[0], fields[19]];
      return /^\d+$/.test(startedAt) ? { state, startedAt } : null;
    });
  }

  return {
    own: () => ({
      host: attempt(() => os.hostname()) || null,
      bootId: attempt(() => fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()) || null,
      pidSpace: attempt(() => fs.readlinkSync("/proc/self/ns/pid")),
      pid: process.pid,
      startedAt: statOf("self")?.startedAt ?? null,
    }),
    find(pid) {
      const stat = statOf(pid);
      if (stat !== null) {
        return ENDED.includes(stat.state) ? { state: "dead" } : { state: "alive", startedAt: stat.startedAt };
      }
      try {
        // Signal 0 only checks whether the process exists. Other users may not be allowed to read `/proc`.
        process.kill(pid, 0);
        return { state: "alive", startedAt: null };
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "ESRCH") return { state: "dead" };
        return code === "EPERM" ? { state: "alive", startedAt: null } : { state: "unknown" };
      }
    },
  };
}
