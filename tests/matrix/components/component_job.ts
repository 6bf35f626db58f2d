/** A component's job as a runner gets it. */
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseAllDocuments } from "yaml";
import { runtimes } from "../../../tools/setup.mjs";
import { type Form, runStage } from "../../programs/processes/world/runner.ts";
import { REPO, type Running } from "../../programs/processes/world/service.ts";
import { type CiJob, openJob, type RuntimeService } from "../../programs/processes/world/ci_job.ts";
import { imageOf } from "../../programs/components/project.ts";

const APPLETS = (spawnSync("busybox", ["--list"], { encoding: "utf8" }).stdout ?? "").split("\n").filter(Boolean);

/** Whether this machine has the shell and the tools of an Alpine image. */
export const HAS_BUSYBOX = APPLETS.length > 0;

/** Shells that the runner finds in images: `bash` in a Debian one, `sh` in an Alpine one. */
export type ImageShell = "bash" | "sh";

/** The `PATH` of a job in an Alpine image: busybox and one runtime. */
export function alpine(folder: string, runtime: keyof typeof runtimes): string {
  const bin = join(folder, `alpine-${runtime}`);
  if (existsSync(bin)) return bin;
  mkdirSync(bin);
  for (const name of APPLETS) symlinkSync("/usr/bin/busybox", join(bin, name));
  symlinkSync(runtimes[runtime], join(bin, runtime));
  return bin;
}

/** What a job prints when its script continues after the component's lines. */
export const NEXT_LINE = "the script went on";

/** What GitLab makes of the end of a job's script. */
export interface Color {
  /** Color of the job in its pipeline. */
  color: "green" | "yellow" | "red";
  /** Whether GitLab runs the job again. */
  retried: boolean;
}

interface Resolved {
  script: string[];
  after_script: string[];
  variables: Record<string, string>;
  retry: { exit_codes: number[] };
  /** Exit codes that make the job yellow. */
  allowed: number[];
}

/** The job of a template, with the declared defaults for the inputs that are not given. No input is part of a script. */
function resolve(template: string, inputs: Readonly<Record<string, unknown>>): Resolved {
  const [head, body] = parseAllDocuments(template).map((document) => document.toJS());
  const job = body["$[[ inputs.job-name ]]"];
  const value = (name: string) => String(inputs[name] ?? head.spec.inputs[name].default);
  const variables = Object.entries<string | { value: string }>(job.variables).map(([name, given]) => {
    const text = typeof given === "string" ? given : given.value;
    return [name, text.replace(/\$\[\[ inputs\.([\w-]+) \]\]/g, (_, input: string) => value(input))];
  });
  const given = (name: string) => inputs[name] ?? head.spec.inputs[name].default;
  const allowed = given("allow-failure") ? given("allow-failure-exit-codes") : [];
  return { ...job, variables: Object.fromEntries(variables), allowed };
}

/** Source: GitLab, "CI/CD YAML syntax reference", `retry:exit_codes` and `allow_failure:exit_codes`. */
function colorOf({ retry, allowed }: Resolved, code: number | null): Color {
  if (code === 0) return { color: "green", retried: false };
  return { color: allowed.includes(code ?? -1) ? "yellow" : "red", retried: retry.exit_codes.includes(code ?? -1) };
}

/** A job at a runner. */
export interface ComponentJob extends CiJob {
  script(): Running;
  /** Runs its `after_script` in a new shell, and says what it said and which requests it sent. */
  afterScript(
    status: "success" | "failed" | "canceled",
  ): Promise<{ stdout: string; stderr: string; requests: string[] }>;
  colorOf(code: number | null): Color;
}

/** What a job is made of. */
export interface ComponentJobOptions {
  /** Text of the component. */
  template: string;
  /** Its inputs. @default the declared defaults */
  inputs?: Readonly<Record<string, unknown>>;
  /** Shell of the image. @default bash */
  shell?: ImageShell;
  /** A job that this one is a retry of. @default none */
  retried?: ComponentJob;
  /** Form of the runner's script. @default group */
  form?: Form;
  /** Account that the runner was given with `--user`. @default none */
  user?: string | undefined;
  /** Further variables of the project. @default {} */
  more?: Readonly<Record<string, string>>;
  /**
   * Variables of type File, by name: the runner writes the text to `$CI_PROJECT_DIR.tmp/NAME`, and the value is that path. @default {}
   *
   * Source: GitLab Runner 18.11, shells/bash.go, `BashWriter.Variable`; common/build.go, `TmpProjectDir`.
   */
  files?: Readonly<Record<string, string>>;
}

/** Lets another account work in a folder, as a runner with `--user` does. */
function giveTo(user: string, cwd: string): void {
  chmodSync(dirname(cwd), 0o755);
  spawnSync("chown", ["-R", user, cwd]);
}

function writeFileVariables(cwd: string, files: Readonly<Record<string, string>>): Record<string, string> {
  const folder = `${cwd}.tmp`;
  mkdirSync(folder);
  const paths = Object.keys(files).map((name) => [name, join(folder, name)] as const);
  for (const [name, path] of paths) writeFileSync(path, files[name] ?? "");
  return Object.fromEntries(paths);
}

/** Opens a job of a component. */
export async function openComponentJob(on: RuntimeService, options: ComponentJobOptions): Promise<ComponentJob> {
  const { template, inputs = {}, shell = "bash", retried, form = "group", user, more = {}, files = {} } = options;
  const job = await openJob(on, retried);
  const resolved = resolve(template, inputs);
  const { script, after_script, variables } = resolved;
  const runtime = on.name as keyof typeof runtimes;
  const PATH = (shell === "bash" ? imageOf : alpine)(on.service.folder, runtime);
  const env = {
    ...job.env,
    ...variables,
    PATH,
    CI_PROJECT_DIR: job.cwd,
    MOGPLEX_REPO_ID: REPO,
    ...more,
    ...writeFileVariables(job.cwd, files),
  };
  const { cwd, recorder } = job;
  if (user !== undefined) giveTo(user, cwd);
  return {
    ...job,
    env,
    script: () => runStage([...script, `echo "${NEXT_LINE}"`], { cwd, env, shell, form, user }),
    async afterScript(CI_JOB_STATUS) {
      const before = recorder.requests.length;
      const after = { cwd, env: { ...env, CI_JOB_STATUS }, shell, form, user };
      const { stdout, stderr } = await runStage(after_script, after).ended;
      const said = stdout.replaceAll(/^note: sending requests.*\n/gm, "");
      return { stdout: said, stderr, requests: recorder.requests.slice(before).map(({ what }) => what) };
    },
    colorOf: (code) => colorOf(resolved, code),
    state: () => JSON.parse(readFileSync(join(cwd, ".mogplex-ci/run.json"), "utf8")),
  };
}
