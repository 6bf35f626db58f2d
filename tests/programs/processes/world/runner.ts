/** How GitLab Runner runs the lines of a job, and how its executors stop them. */
import { execFileSync } from "node:child_process";
import process from "node:process";
import { launch, type Running } from "./service.ts";
import { until } from "./recorder.ts";

/** A line for a shell. */
export const quoted = (line: readonly string[]): string =>
  line.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");

/** Lines before the job's own, in every version. Source: GitLab Runner 18.11, shells/bash.go, `BashWriter.Finish`. */
const HEAD = `if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit
set +o noclobber
`;

/**
 * Forms in which the runner has put the lines of a job into the script of a stage.
 *
 * `pipe`, before 18.11.4 and 19.0.2: in bash 5.2 the exit code of a failing last command is 1 there, and only that of an `exit` is
 * kept; dash and busybox keep both. Source: GitLab Runner 18.11.3, shells/bash.go, `BashWriter.Finish`; measured with bash 5.2.15.
 *
 * `group`, since then. Source: GitLab Runner 19.3.0, shells/bash.go.
 */
export const FORMS = {
  pipe: (lines: string) => `trap exit 1 TERM\n\n${HEAD}: | eval ${quoted([lines])}\nexit 0\n`,
  group: (lines: string) =>
    `trap 'exit 1' TERM\n${HEAD}(trap 'exit 1' TERM; eval ${quoted([lines])}) < /dev/null\nexit 0\n`,
} as const satisfies Record<string, (lines: string) => string>;

/** A key of {@linkcode FORMS}. */
export type Form = keyof typeof FORMS;

/** How a stage is run. */
export interface StageOptions {
  cwd: string;
  /** Environment; its `PATH` is the image's. */
  env: Record<string, string>;
  /** Shell that the runner found in the image. @default bash */
  shell?: string;
  /** See {@linkcode FORMS}. @default group */
  form?: Form;
  /** Account of the jobs, as with `--user`; only for the shell executor, and only as root. @default ours */
  user?: string | undefined;
}

/**
 * Runs the lines of a stage in a shell that leads a session of its own, or below `su`, which gives the shell one more.
 *
 * Source: GitLab Runner 18.11, shells/bash.go, `GetConfiguration`: `su -s /bin/bash USER -c "bash -l"`; `BashWriter.Variable`:
 * variables are lines of the script.
 */
export function runStage(items: readonly string[], options: StageOptions): Running {
  const { cwd, env, shell = "bash", form = "group", user } = options;
  if (user === undefined) return launch(["setsid", shell], { cwd, env, stdin: FORMS[form](items.join("\n")) });
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${quoted([value])}`);
  const stdin = FORMS[form]([...variables, `cd ${quoted([cwd])}`, ...items].join("\n"));
  return launch(["setsid", "su", "-s", "/bin/bash", user, "-c", "bash -l"], { cwd, stdin });
}

/** Processes of a session that are alive, the youngest first. */
export function sessionOf(leader: number): number[] {
  // Not by their numbers, which begin again from the lowest after 32 768.
  const args = ["-e", "--sort=-start_time,-pid", "-o", "pid=,sid=,stat="];
  const rows = execFileSync("ps", args, { encoding: "utf8" }).trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/))
    .filter(([, sid, stat]) => Number(sid) === leader && !stat?.startsWith("Z"))
    .map(([pid]) => Number(pid));
}

/** What {@linkcode sessionOf} has without the leader. */
function members(leader: number): number[] {
  return sessionOf(leader).filter((pid) => pid !== leader);
}

/** Stops what a session's leader has started. */
export type Stop = (leader: number) => void | Promise<void>;

/**
 * How the executors stop a stage. With `--user` the group of the shell executor is `su` alone: it kills the shell below it after 2 s
 * and ends, and what the shell has started lives on. Source: util-linux 2.38, login-utils/su-common.c, `create_watching_parent`.
 *
 * Source: gitlab-runner, helpers/process and shells/bash.go, `ContainerSigTermScriptForLinux`. */
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
