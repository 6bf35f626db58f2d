/** How GitLab Runner runs the lines of a job, and how its executors stop them. */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { launch, type Running } from "./service.ts";
import { until } from "./stage.ts";

/** A line for a shell. */
export const quoted = (line: readonly string[]): string =>
  line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");

/** The script of one stage, which comes on a shell's stdin. Source: gitlab-runner, shells/bash.go. */
function stageScript(items: readonly string[]): string {
  return `trap 'exit 1' TERM
if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit
set +o noclobber
(trap 'exit 1' TERM; eval ${quoted([items.join("\n")])}) < /dev/null
exit 0
`;
}

/** How a stage is run. */
export interface StageOptions {
  /** Working directory. */
  cwd: string;
  /** Environment; its `PATH` is the image's. */
  env: Record<string, string>;
  /** Shell that the runner found in the image. @default bash */
  shell?: string;
}

/** Runs the lines of a stage in a shell that leads a session of its own. */
export function runStage(items: readonly string[], { cwd, env, shell = "bash" }: StageOptions): Running {
  return launch(["setsid", shell], { cwd, env, stdin: stageScript(items) });
}

/** Processes of a session that are alive, the youngest first. */
export function sessionOf(leader: number): number[] {
  const rows = execFileSync("ps", ["-e", "-o", "pid=,sid=,stat="], { encoding: "utf8" }).trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/))
    .filter(([, sid, stat]) => Number(sid) === leader && !stat?.startsWith("Z"))
    .map(([pid]) => Number(pid)).sort((a, b) => b - a);
}

/** What {@linkcode sessionOf} has without the leader. */
function members(leader: number): number[] {
  return sessionOf(leader).filter((pid) => pid !== leader);
}

/** Stops what a session's leader has started. */
export type Stop = (leader: number) => void | Promise<void>;

/** How the executors stop a stage. Source: gitlab-runner, helpers/process and shells/bash.go, `ContainerSigTermScriptForLinux`. */
export const EXECUTORS: Readonly<Record<"shell" | "docker", Stop>> = {
  // SIGTERM to the whole group.
  shell: (leader) => void process.kill(-leader, "SIGTERM"),
  // SIGTERM to one process after the other, the youngest first; the leader is process 1 of the container and gets none.
  async docker(leader) {
    for (const pid of members(leader)) {
      try {
        process.kill(pid, "SIGTERM");
      } catch (error) {
        // It went by itself, as those do whose reader has gone.
        if ((error as { code?: string }).code !== "ESRCH") throw error;
      }
      await until(`process ${pid} has gone`, () => !members(leader).includes(pid));
    }
  },
};
