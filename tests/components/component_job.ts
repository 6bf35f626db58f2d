/** A component's job as a runner gets it, on the stage of one runtime. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { runtimes } from "../../tools/setup.mjs";
import { runStage } from "../processes/runner.ts";
import { REPO, type Running } from "../processes/service.ts";
import { type CiJob, openJob, type Stage } from "../processes/stage.ts";
import { imageOf } from "./project.ts";

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

/** What a job prints when its script goes on after the component's lines. */
export const NEXT_LINE = "the script went on";

interface Resolved {
  script: string[];
  after_script: string[];
  variables: Record<string, string>;
}

/** The job of a template, with the declared defaults for the inputs that are not given. No input stands in a script. */
function resolve(template: string, inputs: Readonly<Record<string, unknown>>): Resolved {
  const [head, body] = parseAllDocuments(template).map((document) => document.toJS());
  const job = body["$[[ inputs.job-name ]]"];
  const value = (name: string) => String(inputs[name] ?? head.spec.inputs[name].default);
  const variables = Object.entries<string | { value: string }>(job.variables).map(([name, given]) => {
    const text = typeof given === "string" ? given : given.value;
    return [name, text.replace(/\$\[\[ inputs\.([\w-]+) \]\]/g, (_, input: string) => value(input))];
  });
  return { ...job, variables: Object.fromEntries(variables) };
}

/** A job at a runner. */
export interface ComponentJob extends CiJob {
  /** Starts its `script`. */
  script(): Running;
  /** Runs its `after_script` in a new shell, and says what it said and which requests it sent. */
  afterScript(status: "success" | "failed" | "canceled"): Promise<{ stdout: string; requests: string[] }>;
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
}

/** Opens a job of a component. */
export async function openComponentJob(stage: Stage, options: ComponentJobOptions): Promise<ComponentJob> {
  const { template, inputs = {}, shell = "bash", retried } = options;
  const job = await openJob(stage, retried);
  const { script, after_script, variables } = resolve(template, inputs);
  const runtime = stage.name as keyof typeof runtimes;
  const PATH = (shell === "bash" ? imageOf : alpine)(stage.service.folder, runtime);
  const env = { ...job.env, ...variables, PATH, CI_PROJECT_DIR: job.cwd, MOGPLEX_REPO_ID: REPO };
  const { cwd, recorder } = job;
  return {
    ...job,
    env,
    script: () => runStage([...script, `echo "${NEXT_LINE}"`], { cwd, env, shell }),
    async afterScript(CI_JOB_STATUS) {
      const before = recorder.requests.length;
      const { stdout } = await runStage(after_script, { cwd, env: { ...env, CI_JOB_STATUS }, shell }).ended;
      return { stdout, requests: recorder.requests.slice(before).map(({ what }) => what) };
    },
    state: () => JSON.parse(readFileSync(join(cwd, ".mogplex-ci/run.json"), "utf8")),
  };
}
