/**
 * GitHub workflows on nektos/act without containers: each step is a real process of this machine, on a terminal, with act's readers of
 * outputs, summaries and commands.
 */
import { join } from "node:path";
import type { Bench, Service } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { type Running, signal } from "../processes.ts";
import { ACT, GIT, JQ } from "../programs.ts";

/** A later job that shows what the first one passes on. */
const LATER = `
  later:
    needs: cleanup
    runs-on: ubuntu-24.04
    steps:
      - run: echo "later job got [\${{ needs.cleanup.outputs.outcome }}] [\${{ needs.cleanup.outputs.pull_request_url }}]"
`;

interface Workflow {
  text: string;
  service: Service;
  /** @default workflow_dispatch */
  event?: string;
  /** Payload of the event. @default none */
  payload?: unknown;
  /** More arguments of act. @default [] */
  args?: readonly string[];
}

/** Takes the place of `actions/upload-artifact`, which act would fetch from GitHub: it lists what it would keep. */
const UPLOAD = `name: Upload
inputs: { name: { required: true }, path: { required: true }, if-no-files-found: { required: false } }
runs:
  using: composite
  steps:
    - { shell: bash, run: 'echo "upload \${{ inputs.name }}:" mogplex-ci/*' }
`;

/** The arguments with which act finds the actions of a workflow in a local folder. */
function localActions(text: string, folder: string): string[] {
  const actions = new Set(
    [...text.matchAll(/^\s*(?:- )?uses: (actions\/upload-artifact@[0-9a-f]{40})/gm)].map((found) => found[1]),
  );
  return [...actions].flatMap((action) => ["--local-repository", `${action}=${folder}`]);
}

/** Starts a workflow in a repository of its own. */
async function startWorkflow(bench: Bench, workflow: Workflow): Promise<Running> {
  const { text, service, event = "workflow_dispatch", payload = {}, args = [] } = workflow;
  const cwd = bench.newFolder();
  bench.writeFiles(cwd, { ".github/workflows/agent.yml": text, "event.json": JSON.stringify(payload) });
  const upload = bench.newFolder();
  bench.writeFiles(upload, { "action.yml": UPLOAD });
  const git = ["git", "-c", "user.name=Lab", "-c", "user.email=lab@example.com", "-c", "init.defaultBranch=main"];
  for (const step of [["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]]) {
    await bench.run([...git, ...step], { cwd });
  }
  const places = ["ubuntu-24.04", "ubuntu-latest", "docker"].flatMap((label) => ["-P", `${label}=-self-hosted`]);
  const line = [ACT.provide(), event, "-W", ".github/workflows/agent.yml", "-e", "event.json", "--no-cache-server"]
    .concat(places, ["--env", `MOGPLEX_URL=${service.url}`, "--env", "MOGPLEX_DEV=1"])
    .concat(
      ["--secret", `MOGPLEX_API_KEY=${service.token}`, "--var", `MOGPLEX_REPO_ID=${service.repo}`],
      localActions(text, upload),
      args,
    );
  return bench.start(line, { cwd, env: { XDG_CACHE_HOME: join(bench.folder, "cache") } });
}

/** The end of a log that a reader needs to understand a failure. */
const tail = (text: string) => text.slice(-500);

// deno-lint-ignore no-control-regex
const REDRAWN = /\x1b\[(?:\?7l|K)/;

/** The fences around untrusted text that act saw opened, and those of them that it saw closed. */
function fences(text: string): { opened: string[]; closed: string[] } {
  const opened = [...text.matchAll(/⚙ +::stop-commands::([\w-]+)/g)].map((match) => match[1] ?? "");
  return { opened, closed: opened.filter((token) => text.includes(`⚙  ::${token}::`)) };
}

async function success(bench: Bench): Promise<void> {
  const service = await bench.service("success");
  const text = bench.example("github-actions/weekly-cleanup.yml") + LATER;
  const running = await startWorkflow(bench, { text, service });
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job passes when the run succeeds", code === 0, tail(log));
  bench.check(
    "a later job gets outcome and pull request",
    /later job got \[success\] \[http[^\]]+\]/.test(log),
    tail(log),
  );
  bench.check("act shows the summary of the job", /Summary - \s*## .*Mogplex run succeeded/.test(log), tail(log));
  bench.check("the reports are uploaded", /upload mogplex-ci-1: .*mogplex-ci\/summary\.md/.test(log), tail(log));
  bench.check("no line of the log is drawn again", !REDRAWN.test(log), "the log has escapes that move the cursor");
  const { opened, closed } = fences(log);
  const fenced = opened.length > 0 && opened.length === closed.length;
  bench.check("every fence around untrusted text closes", fenced, `${opened.length} opened, ${closed.length} closed`);
  bench.check("the token is not in the log", !log.includes(service.token));
}

async function failure(bench: Bench): Promise<void> {
  const service = await bench.service("agent-failure");
  const text = bench.example("github-actions/weekly-cleanup.yml") + LATER;
  const running = await startWorkflow(bench, { text, service });
  const { code } = await running.ended;
  const log = running.text();
  bench.check("the job fails when the run fails", code === 1, `act ended with ${code}: ${tail(log)}`);
  bench.check("the verdict has exit code 1", /verdict +failed \(exit code 1\)/.test(log), tail(log));
  bench.check("act reads the annotation", /❗ +::error[ :]/.test(log), tail(log));
  bench.check("the later job does not run", !log.includes("later job got ["), tail(log));
}

async function cancel(bench: Bench): Promise<void> {
  const service = await bench.service("stuck-streaming");
  const running = await startWorkflow(bench, { text: bench.example("github-actions/weekly-cleanup.yml"), service });
  const [, runId = ""] = await running.seen(/started run (\S+)/);
  await running.seen(/Harness run streaming/);
  signal(running.pid, "SIGINT");
  const { code } = await running.ended;
  bench.check("a cancelled act ends with a failure", code !== 0, `act ended with ${code}`);
  bench.check("the run is cancelled", await service.reaches(runId, "cancelled"), tail(running.text()));
  await bench.checkNothingLeft("no process is left behind");
}

/** Another recipe, and what starts it. */
interface Other {
  file: string;
  event?: string;
  payload: unknown;
  /** Number of its jobs. */
  jobs: number;
}

const OTHERS: readonly Other[] = [
  { file: "github-actions/codemod-matrix.yml", payload: { inputs: { task: "Rename the option" } }, jobs: 3 },
  { file: "github-actions/drop-in.yml", payload: {}, jobs: 1 },
  {
    file: "github-actions/fix-failing-ci.yml",
    event: "workflow_run",
    payload: {
      repository: { full_name: "acme/web" },
      workflow_run: {
        conclusion: "failure",
        head_branch: "main",
        head_sha: "0123456789abcdef0123456789abcdef01234567",
        html_url: "https://github.example/acme/web/actions/runs/1",
        head_repository: { full_name: "acme/web" },
      },
    },
    jobs: 1,
  },
];

/** How often a log tells a status: as our verdict, or as drop-in.yml says it. */
function timesPrinted(log: string, status: string): number {
  return log.match(new RegExp(`verdict +${status} |::notice::Final run status: ${status}`, "g"))?.length ?? 0;
}

async function others(bench: Bench): Promise<void> {
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    for (const { file, jobs, ...rest } of OTHERS) {
      const service = await bench.service(scenario);
      const text = bench.example(file).replace(/8f3a2b1c-1234-4abc-9def-[0-9a-f]{12}/g, service.repo);
      // act takes the name of the repository from its own environment.
      const running = await startWorkflow(bench, {
        ...rest,
        text,
        service,
        args: ["--env", "GITHUB_REPOSITORY=acme/web"],
      });
      const { code } = await running.ended;
      const log = running.text();
      const right = (code === 0) === (status === "success") && timesPrinted(log, status) === jobs;
      bench.check(`${file} ends as its ${jobs === 1 ? "run" : `${jobs} runs`}: ${status}`, right, tail(log));
    }
  }
}

async function forgejo(bench: Bench): Promise<void> {
  // Without its container: the image's programs are those of this machine.
  const text = bench.example("forgejo/cleanup.yml").replace(/^ {4}container:\n(?: {6}.*\n)+/m, "");
  for (const [scenario, status] of [["success", "success"], ["agent-failure", "failed"]] as const) {
    const running = await startWorkflow(bench, { text, service: await bench.service(scenario) });
    const { code } = await running.ended;
    const right = (code === 0) === (status === "success") && timesPrinted(running.text(), status) === 1;
    bench.check(`the job ends as its run: ${status}`, right, tail(running.text()));
  }
}

/** Experiments with nektos/act. */
export const GITHUB: readonly Experiment[] = [
  {
    name: "act-success",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml succeeds: outputs of a later job, summary, log",
    run: success,
  },
  {
    name: "act-failure",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml fails: exit code, annotation, later job",
    run: failure,
  },
  {
    name: "act-cancel",
    system: "GitHub Actions",
    programs: [ACT, GIT],
    tried: "weekly-cleanup.yml is cancelled: no run and no process lives on",
    run: cancel,
  },
  {
    name: "act-others",
    system: "GitHub Actions",
    programs: [ACT, GIT, JQ],
    tried: "codemod-matrix.yml, drop-in.yml and fix-failing-ci.yml succeed and fail",
    run: others,
  },
  {
    name: "act-forgejo",
    system: "Forgejo, Gitea",
    programs: [ACT, GIT],
    tried: "the recipe succeeds and fails, without its container",
    run: forgejo,
  },
];
