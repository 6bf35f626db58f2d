/** Jobs of a CI system on an emulator, each with a recorder between it and the service. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { built } from "../../../built.ts";
import { RUNTIMES } from "../../package/runtimes.ts";
import { type Recorder, startRecorder } from "./recorder.ts";
import { type Ended, launch, REPO, type Running, type Service } from "./service.ts";

/** A runtime, and the service that its jobs use. */
export interface RuntimeService {
  /** `node`, `deno` or `bun`. */
  name: string;
  /** Command line of the runtime. */
  runtime: readonly string[];
  service: Service;
}

/** Node, and the service that its jobs use. */
export function onNode(service: Service): RuntimeService {
  return { name: "node", runtime: RUNTIMES.node, service };
}

/** A job of GitLab CI: a working directory, an environment, and a recorder between it and the service. */
export interface CiJob {
  service: Service;
  /** What goes over the wire. */
  recorder: Recorder;
  cwd: string;
  env: Record<string, string>;
  /** Line that starts the command with some arguments. */
  line(...args: string[]): string[];
  /** Arguments of a job. */
  follow(prompt: string, ...args: string[]): string[];
  launch(...args: string[]): Running;
  /** Starts the command with further variables. */
  launchWith(env: Record<string, string>, ...args: string[]): Running;
  /** Runs `cleanup` as an `after_script` does, and says what it said and which requests it sent. */
  cleanup(status: string, ...args: string[]): Promise<{ code: number | null; stdout: string; requests: string[] }>;
  state(): Record<string, unknown>;
  result(): Record<string, unknown>;
}

let pipelines = 0;

/** Opens a job in a new pipeline, or in the pipeline of another job. */
export async function openJob({ name, runtime, service }: RuntimeService, like?: CiJob): Promise<CiJob> {
  const recorder = await startRecorder(service.url);
  const cwd = mkdtempSync(join(service.folder, `${name}-`));
  const env = {
    MOGPLEX_DEV: "1",
    GITLAB_CI: "true",
    CI: "true",
    CI_SERVER_URL: "https://gitlab.example",
    CI_PROJECT_ID: "42",
    CI_PIPELINE_ID: like?.env.CI_PIPELINE_ID ?? String(++pipelines),
    CI_JOB_NAME: "agent",
    CI_JOB_ID: crypto.randomUUID(),
    MOGPLEX_API_KEY: like?.env.MOGPLEX_API_KEY ?? service.token(),
    MOGPLEX_URL: recorder.url,
  };
  const line = (...args: string[]) => [...runtime, built("mogplex.mjs"), ...args];
  const read = (path: string) => JSON.parse(readFileSync(join(cwd, "mogplex-ci", path), "utf8"));
  return {
    service,
    recorder,
    cwd,
    env,
    line,
    follow: (prompt, ...args) => ["run", "--follow", prompt, "--repo", REPO, "--create-branch", ...args],
    launch: (...args) => launch(line(...args), { cwd, env }),
    launchWith: (more, ...args) => launch(line(...args), { cwd, env: { ...env, ...more } }),
    async cleanup(status, ...args) {
      const before = recorder.requests.length;
      const after: Ended = await launch(line("cleanup", ...args), { cwd, env: { ...env, CI_JOB_STATUS: status } })
        .ended;
      expect(after.stderr.replace(/^note: sending requests.*\n/, "")).toBe("");
      const requests = recorder.requests.slice(before).map(({ what }) => what);
      return { code: after.code, stdout: after.stdout, requests };
    },
    state: () => read("run.json"),
    result: () => read("result.json"),
  };
}

/** What `cleanup` says and does when there is nothing to do. */
export function nothing(why: string) {
  return { code: 0, stdout: `nothing to clean up: ${why}\n`, requests: [] };
}

/** What `cleanup` says and does when it cancels a run; `before` are the requests that it takes to find it. */
export function cancels(runId: string, why: string, before: string[] = []) {
  return {
    code: 0,
    stdout: `cleaned up: run "${runId}" was cancelled (${why})\n`,
    requests: [...before, `POST /runs/${runId}/cancel`],
  };
}

/** Resolves once a process has written something that matches on stderr; throws when it ends before. */
export function noted({ child, ended }: Running, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stderr?.on("data", (chunk: string) => {
      text += chunk;
      if (pattern.test(text)) resolve();
    });
    void ended.then((end) => reject(new Error(`Cannot see ${pattern}: ${JSON.stringify(end)}`)));
  });
}
