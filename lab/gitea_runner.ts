/**
 * A runner for the Actions of a real Gitea. Two parts are real. The server finds the workflow, handles the event, and assigns the job with its
 * context, secrets and variables. The engine is Gitea's act, which Gitea's runner is based on. No registry has that runner, so this module connects
 * the two parts: it polls the server for jobs, passes them to the engine, and reports the log and the result of each step.
 *
 * @module
 */
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import type { Gitea } from "./gitea.ts";
import { type Running, signal } from "./processes.ts";
import { GITEA_ACT } from "./programs.ts";

/** Source: actions-proto-go 0.4.1, runner/v1/messages.pb.go, `Task`. */
interface Task {
  id: string;
  workflowPayload: string;
  // deno-lint-ignore no-explicit-any
  context: Record<string, string> & { event: any };
  secrets?: Record<string, string>;
  vars?: Record<string, string>;
}

interface Line {
  level: string;
  msg: string;
  time: string;
  stepNumber?: number;
  stage?: string;
  stepResult?: string;
  jobResult?: string;
}

export interface ServerJob {
  id: number;
  event: string;
  // deno-lint-ignore no-explicit-any
  payload: any;
  ended: Promise<string>;
  cancel(): void;
}

export interface RunnerOptions {
  labels: readonly string[];
  env: Readonly<Record<string, string>>;
  engine: Readonly<Record<string, string>>;
}

export interface Runner {
  jobs: readonly ServerJob[];
  job(isIt: (job: ServerJob) => boolean): Promise<ServerJob>;
  idle(): Promise<void>;
}

/**
 * Replaces the checkout action, whose code is only on GitHub. Like that action in an image without Git, this replacement downloads an archive from
 * the server.
 */
const CHECKOUT = `name: Check out
inputs: { ref: {}, persist-credentials: {} }
runs:
  using: composite
  steps:
    - shell: bash
      env:
        ADDRESS: \${{ github.api_url }}/repos/\${{ github.repository }}/archive/\${{ inputs.ref || github.sha }}.tar.gz
        TOKEN: \${{ github.token }}
      run: |
        node > ../code.tar.gz -e '
          const { ADDRESS, TOKEN } = process.env;
          fetch(ADDRESS, { headers: { authorization: "token " + TOKEN } }).then(async (answer) => {
            if (!answer.ok) throw new Error(ADDRESS + " was answered with " + answer.status);
            process.stdout.write(Buffer.from(await answer.arrayBuffer()));
          });'
        tar -xzf ../code.tar.gz --strip-components=1
`;

export async function startRunner(
  bench: Bench,
  gitea: Gitea,
  repository: string,
  { labels, env, engine }: RunnerOptions,
): Promise<Runner> {
  const program = GITEA_ACT.provide();
  const checkout = bench.newFolder();
  bench.writeFiles(checkout, { "action.yml": CHECKOUT });
  let headers: Record<string, string> = { "content-type": "application/json" };
  async function call(method: string, body: unknown) {
    const url = `${gitea.origin}/api/actions/runner.v1.RunnerService/${method}`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} was answered with ${answer.status}: ${text.slice(0, 300)}`);
    return JSON.parse(text);
  }

  function start({ workflowPayload, ...task }: Task): Running {
    const workflow = Buffer.from(workflowPayload, "base64").toString("utf8");
    const actions = [...workflow.matchAll(/uses: (actions\/checkout@\w+)/g)].map(([, action]) => [action, checkout]);
    const job = {
      ...task,
      workflowPayload,
      server: gitea.origin,
      env: { ...env, GITEA_ACTIONS: "true" },
      actions: Object.fromEntries(actions),
    };
    const own = { XDG_CACHE_HOME: join(bench.folder, "cache"), ...engine };
    return bench.start([program], { stdin: JSON.stringify(job), env: own });
  }

  async function finish({ id }: Task, running: Running, isCancelled: () => boolean): Promise<string> {
    const { stdout, stderr } = await running.ended;
    const lines = stdout.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
    const result = isCancelled() ? "cancelled" : lines.findLast(({ jobResult }) => jobResult !== undefined)?.jobResult;
    const steps = new Map<number, { id: number; logIndex: number; logLength: number; result?: string }>();
    const shown = lines.filter(({ level }) => level !== "debug" && level !== "trace");
    for (const [index, { stepNumber, stage }] of shown.entries()) {
      if (stepNumber === undefined || stage !== "Main") continue;
      const step = steps.get(stepNumber) ?? { id: stepNumber, logIndex: index, logLength: 0 };
      steps.set(stepNumber, { ...step, logLength: index + 1 - step.logIndex });
    }
    for (const { stepNumber = -1, stage, stepResult } of lines) {
      if (stage !== "Main" || stepResult === undefined) continue;
      steps.set(stepNumber, {
        ...steps.get(stepNumber) ?? { id: stepNumber, logIndex: 0, logLength: 0 },
        result: resultName(stepResult),
      });
    }
    const rows = shown.map(({ time, msg }) => ({ time, content: msg.trimEnd() }));
    if (result === undefined) rows.push({ time: new Date().toISOString(), content: stderr.slice(-2_000) });
    await call("UpdateLog", { taskId: id, index: 0, rows, noMore: true });
    const [startedAt, stoppedAt] = [lines[0]?.time, new Date().toISOString()];
    const states = [...steps.values()].map((step) => ({ ...step, startedAt, stoppedAt }));
    await call("UpdateTask", {
      state: { id, result: resultName(result ?? "failure"), startedAt, stoppedAt, steps: states },
    });
    return rows.map(({ content }) => content).join("\n");
  }

  const { token } = await gitea.call("GET", `/repos/${repository}/actions/runners/registration-token`);
  const { runner } = await call("Register", { name: "lab", token, labels, version: "lab" });
  headers = { ...headers, "x-runner-uuid": runner.uuid, "x-runner-token": runner.token };
  const jobs: ServerJob[] = [];
  let isOpen = true;
  let nothings = 0;
  let failure: unknown;
  const loop = (async () => {
    while (isOpen) {
      const { task } = await call("FetchTask", { tasksVersion: 0 });
      if (task === undefined) {
        nothings++;
        await Bun.sleep(200);
        continue;
      }
      const running = start(task);
      let isCancelled = false;
      const ended = finish(task, running, () => isCancelled);
      const cancel = () => {
        isCancelled = true;
        signal(running.pid, "SIGTERM");
      };
      const { event_name: event, event: payload } = task.context;
      jobs.push({ id: Number(task.id), event, payload, ended, cancel });
      await ended;
    }
  })().catch((error) => failure = error);
  bench.atEnd(async () => {
    isOpen = false;
    // If an experiment was stopped, its job does not end on its own.
    const last = jobs.at(-1);
    last?.cancel();
    await loop;
  });
  async function until<T>(look: () => T | undefined | Promise<T | undefined>): Promise<T> {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (failure !== undefined) throw failure;
      await Bun.sleep(100);
    }
  }
  return {
    jobs,
    job: (isIt) => until(() => jobs.find(isIt)),
    async idle() {
      // The first answer may have been sent before this call.
      const from = nothings;
      await until(() => nothings >= from + 2 ? true : undefined);
    },
  };
}

function resultName(result: string): string {
  return `RESULT_${result.toUpperCase()}`;
}
