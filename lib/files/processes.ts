/**
 * Identifies this process, and checks whether another process is alive. Used for a file that names the process that uses a directory.
 * Nothing here throws: unknown facts are null. On Deno, the host needs `--allow-sys=hostname`. Everything else is read from `/proc`, which needs
 * `--allow-all`.
 * @module
 */
import * as fs from "node:fs";
import * as os from "node:os";
import process from "node:process";
import { valueOr } from "../lookup.ts";

export type ProcessState =
  | { state: "dead" }
  /** `startedAt` as in {@linkcode ProcessIdentity}. */
  | { state: "alive"; startedAt: string | null }
  /** The runtime has no permission to find out. */
  | { state: "unknown" };

/** Two identities are of the same process if all five fields are equal. */
export interface ProcessIdentity {
  host: string | null;
  /** Identifies the machine's start. Linux only. */
  bootId: string | null;
  /** Identifies the set of processes that see each other: processes in a container see no others. Linux only. */
  pidSpace: string | null;
  pid: number;
  /** Start time in ticks since the machine's start, because a number can belong to another process later. Linux only. */
  startedAt: string | null;
}

export interface Processes {
  own(): ProcessIdentity;
  /** Looks for a process of the same machine in the same process space. */
  find(pid: number): ProcessState;
}

/** @returns Undefined if that cannot be determined, because the process may be on another machine or in another container. */
export function hasEnded(
  { host, bootId, pidSpace, pid, startedAt }: ProcessIdentity,
  processes: Processes,
): boolean | undefined {
  const self = processes.own();
  if (host === null || host !== self.host) return undefined;
  // The machine has restarted since then.
  if (bootId !== null && self.bootId !== null && bootId !== self.bootId) return true;
  if (pidSpace !== self.pidSpace) return undefined;
  const match = pid === self.pid ? { state: "alive" as const, startedAt: self.startedAt } : processes.find(pid);
  if (match.state === "dead") return true;
  if (match.state === "unknown" || match.startedAt === null || startedAt === null) return undefined;
  return match.startedAt !== startedAt;
}

/** States of processes that have ended, but whose parent has not read the exit code. Source: proc_pid_stat(5), "state". */
const ENDED = ["Z", "X", "x"];

/** Null if the name is unknown. On Deno this needs `--allow-sys=userInfo`. */
export function machineUser(): string | null {
  return valueOr(() => os.userInfo().username.trim() || null, null);
}

export function systemProcesses(): Processes {
  const attempt = <T>(read: () => T): T | null => valueOr(read, null);

  /** Reads `/proc`. Null if the process does not exist, or cannot be read. */
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
