import { beforeAll, expect, test } from "bun:test";
import process from "node:process";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { runGithubLog } from "../../unit/hostile/parsers/github_runner.ts";
import { WITH_ACTION } from "../examples/systems/github_recipes.ts";
import { type Machine, signalled, signalledAll, type Stop } from "../examples/systems/machine.ts";
import { ACTIONS_APP, GITHUB_TOKEN, githubServer } from "../../unit/report/github_server.ts";
import { listen } from "../report/listen.ts";
import { REPO, type Service, sharedService } from "../processes/world/service.ts";
import { CANCEL, START } from "../processes/world/recorder.ts";
import { AGENT, onCleanMachine, runAction } from "./jobs.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

/** A concurrent test with its own machine, whose files hold no token at the end. */
function together(what: string, body: (machine: Machine) => Promise<void>): void {
  test.concurrent(what, () => onCleanMachine(service, body));
}

const sent = ({ recorder }: Machine, pattern: RegExp) => recorder.of(pattern).length;
const ALL = ["Check out", AGENT, `Post ${AGENT}`];

together("a job is green with all outputs and a summary when the run succeeds", async (machine) => {
  const end = await runAction(machine, { prompt: "Fix it <success>" });
  const url = end.outputs.pull_request_url ?? "";
  expect(end).toMatchObject({
    status: "success",
    ran: ALL,
    outputs: {
      run_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      status: "success",
      outcome: "success",
      branch: expect.stringMatching(/^mogplex\//),
      pull_request_url: expect.stringMatching(/\/acme\/web\/pull\/\d+$/),
      replayed: "false",
      exit_code: "0",
    },
  });
  const link = `[PR #${url.replace(/.*\//, "")}](<${url}>)`;
  expect(end.summary.match(/^## .*(?= \([\d.]+ s\)$)/gm)).toEqual([
    `## ✅ \`acme/web\`: \`Fix it <success>\` → ${link}`,
  ]);
  expect(machine.done.map(({ name, code }) => [name, code])).toEqual([[AGENT, 0], [`Post ${AGENT}`, 0]]);
  expect(JSON.parse(machine.recorder.of(START)[0]?.body ?? "")).toMatchObject({ createBranch: true });
});

together(
  "a job is red with exit code 1 when the run fails, and the code is an annotation and an output",
  async (machine) => {
    const end = await runAction(machine, { prompt: "Fix it <agent-failure>" });
    expect(end).toMatchObject({ status: "failure", ran: ALL, outputs: { outcome: "failed", exit_code: "1" } });
    const { obeyed, stopped } = runGithubLog(machine.done[0]?.stdout ?? "");
    expect(obeyed.filter((each) => each.startsWith("error "))).toEqual([expect.stringContaining("exit code 1: ")]);
    expect(stopped).toBe(false);
    expect(sent(machine, CANCEL)).toBe(0);
  },
);

together(
  "a job is red with exit code 2 when an input has a value that is not known, and nothing is sent",
  async (machine) => {
    const end = await runAction(machine, { prompt: "Fix it", "key-scope": "weekly" });
    expect(end).toMatchObject({
      status: "failure",
      ran: ALL,
      outputs: { run_id: "", outcome: "error", exit_code: "2" },
    });
    const words = 'Cannot use input key-scope because it must be one of pipeline, job, day, random: "weekly"';
    expect(machine.done[0]).toMatchObject({ code: 2, stdout: expect.stringContaining(`\nreason        ${words}`) });
    expect(end.summary).toContain("The Mogplex run was not started");
    expect(machine.recorder.requests).toEqual([]);
  },
);

together(
  "a job is red with exit code 64 when the token is missing or refused, and its post step is green",
  async (machine) => {
    for (const token of ["", "mog_nobodyHasThisToken00000000000001"]) {
      const end = await runAction(machine, { prompt: "Fix it", token });
      expect(end).toMatchObject({ status: "failure", ran: ALL, outputs: { outcome: "error", exit_code: "64" } });
      expect(machine.done.slice(-2).map(({ code }) => code)).toEqual([64, 0]);
    }
    expect(sent(machine, START)).toBe(1);
  },
);

together("the token may come from the environment, and the task from a file of the checkout", async (machine) => {
  const files = { "task.md": "Fix it <success>" };
  const env = { MOGPLEX_API_KEY: "${{ secrets.MOGPLEX_API_KEY }}", MOGPLEX_REPO_ID: REPO };
  const given = { "prompt-file": "task.md", token: "", repo: "" };
  const end = await runAction(machine, given, { files: { ...WITH_ACTION, ...files } }, env);
  expect([end.status, JSON.parse(machine.recorder.of(START)[0]?.body ?? "").prompt]).toEqual([
    "success",
    files["task.md"],
  ]);
});

/** As the runner cancels: SIGINT, and SIGKILL once the step had its time, here as soon as the cancel is on its way. */
const impatient = (machine: Machine): Stop => async ({ child, ended }) => {
  process.kill(child.pid as number, "SIGINT");
  await machine.recorder.arrived(CANCEL);
  process.kill(child.pid as number, "SIGKILL");
  return await ended;
};

together("a cancelled job cancels its run once when the step has its time", async (machine) => {
  machine.stop = signalled("SIGINT");
  const end = await runAction(machine, { prompt: "Fix it <stuck-streaming>" });
  expect(end).toMatchObject({ status: "cancelled", ran: ALL, outputs: { outcome: "interrupted", exit_code: "130" } });
  expect(machine.done[1]).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("nothing to clean up: the run has ended"),
  });
  expect(sent(machine, CANCEL)).toBe(1);
  expect(await service.status(end.outputs.run_id ?? "")).toBe("cancelled");
});

together("a cancelled job cancels its run in the post step when the step was killed at once", async (machine) => {
  machine.stop = signalledAll("SIGKILL");
  const end = await runAction(machine, { prompt: "Fix it <stuck-streaming>" });
  expect(end).toMatchObject({ status: "cancelled", ran: ALL, outputs: { exit_code: "" } });
  expect(machine.done[1]).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^cleaned up: run "\S+" was cancelled/m),
  });
  expect(sent(machine, CANCEL)).toBe(1);
  expect(end.summary).toContain("The job was stopped, so the post step cancelled the run");
  expect(await service.status(end.outputs.run_id ?? "")).toBe("cancelled");
});

together(
  "a cancelled job makes sure of its cancel in the post step when the step was killed before the answer",
  async (machine) => {
    machine.stop = impatient(machine);
    let unanswered = 1;
    machine.recorder.intercept = ({ what }) =>
      CANCEL.test(what) && unanswered-- > 0 ? Promise.reject(new Error("lost")) : Promise.resolve();
    const end = await runAction(machine, { prompt: "Fix it <stuck-streaming>" });
    expect(end).toMatchObject({ status: "cancelled", ran: ALL });
    expect(machine.done[1]).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^cleaned up: run "\S+" was cancelled/m),
    });
    expect(sent(machine, CANCEL)).toBeGreaterThanOrEqual(2);
    expect(await service.status(end.outputs.run_id ?? "")).toBe("cancelled");
  },
);

together("a job that is killed while it starts a run finds it in the post step, and cancels it", async (machine) => {
  machine.stop = signalledAll("SIGKILL");
  machine.stopWhen = () => machine.recorder.arrived(START);
  machine.recorder.intercept = async ({ what }) => {
    // The answer does not reach the step that is killed.
    if (START.test(what) && sent(machine, START) === 1) await machine.recorder.arrived(START, 2);
  };
  const end = await runAction(machine, { prompt: "Fix it <stuck-streaming>" });
  expect(end).toMatchObject({ status: "cancelled", ran: ALL });
  const [first, second] = machine.recorder.of(START);
  expect(second).toMatchObject({ key: first?.key, body: first?.body });
  expect(machine.done[1]?.stdout).toMatch(/^cleaned up: run "\S+" was cancelled/m);
  expect(sent(machine, CANCEL)).toBe(1);
});

together("a step that is killed before it has begun is not run once more by its post step", async (machine) => {
  // The process itself: its group may not be there yet.
  machine.stop = signalled("SIGKILL");
  machine.stopWhen = () => Promise.resolve();
  const end = await runAction(machine, { prompt: "Fix it <stuck-streaming>" });
  expect(end).toMatchObject({ status: "cancelled", ran: ALL });
  expect(machine.done[1]).toMatchObject({ code: 0, stdout: expect.stringContaining("nothing to clean up: ") });
  expect(sent(machine, START)).toBe(0);
});

together(
  "nodes of a matrix on one repository have runs of their own, and attach to them on a re-run",
  async (machine) => {
    const nodes = [{ os: "linux" }, { os: "windows" }];
    const inputs = { prompt: "Fix it <stuck-streaming>", follow: "false", "token-share": "2" };
    const attempt = (number: number) =>
      Promise.all(nodes.map((matrix) => runAction(machine, inputs, { runId: "matrix", matrix, attempt: number })));
    const [first, second] = [await attempt(1), await attempt(2)];
    expect(first.map(({ outputs }) => [outputs.exit_code, outputs.replayed])).toEqual([["0", "false"], ["0", "false"]]);
    expect(second.map(({ outputs }) => outputs.replayed)).toEqual(["true", "true"]);
    const ids = (ends: typeof first) => ends.map(({ outputs }) => outputs.run_id);
    expect(ids(second)).toEqual(ids(first));
    expect(new Set(ids(first)).size).toBe(2);
  },
);

together("a re-run after a failure starts a new run, and ends with its verdict", async (machine) => {
  const inputs = { prompt: "Fix it <agent-failure>" };
  const first = await runAction(machine, inputs, { runId: "again" });
  const second = await runAction(machine, inputs, { runId: "again", attempt: 2 });
  expect([first, second].map(({ outputs }) => [outputs.exit_code, outputs.replayed])).toEqual([["1", "false"], [
    "1",
    "false",
  ]]);
  expect(second.outputs.run_id).not.toBe(first.outputs.run_id);
});

/** As much as one read of the events shows without its window being full. PostgreSQL stores no NUL. */
const SAID = CORPUS.map(({ text }) => text).filter((text) => text.length < 2_000 && !text.includes("\0")).slice(0, 190);

together("a job has no output, obeys no command and mentions no user, whatever the agent says", async (machine) => {
  const github = githubServer("acme/web", "7");
  const close = await listen(github);
  const speak = async () => {
    await machine.recorder.arrived(/^GET /);
    const { runId } = JSON.parse(machine.recorder.of(START)[0]?.answer ?? "").data;
    await service.control("appendEvents", { runId, events: SAID.map((message) => ({ type: "log", message })) });
    const error = "@octocat see #1 and acme/web#2 ::set-output name=outcome::success";
    await service.control("setRun", { runId, run: { status: "failed", error } });
  };
  const inputs = { prompt: "Fix it <stuck-pending>", comment: "true" };
  const event = { pull_request: { number: 7 } };
  const given = { event, githubToken: GITHUB_TOKEN, githubApi: github.api };
  const [end] = await Promise.all([runAction(machine, inputs, given), speak()]);
  close();
  expect(end.outputs).toMatchObject({ outcome: "failed", pull_request_url: "", exit_code: "1" });
  const log = machine.done[0]?.stdout ?? "";
  const { obeyed, stopped } = runGithubLog(log);
  expect(stopped).toBe(false);
  expect(obeyed.filter((command) => /forged|evil|hidden|pause|set-output/.test(command.split(":")[0] ?? ""))).toEqual(
    [],
  );
  expect(log).not.toContain(GITHUB_TOKEN);
  for (const text of [end.summary, github.comments[0]?.body ?? ""]) {
    expect(text).toContain("@octocat see #1");
    const outside = text.replace(/^ (`{3,})text\n[^]*?\n \1$/gm, "").replace(/(`+)[^`]+?\1/g, "");
    expect(outside).not.toMatch(/@octocat|#1\b|acme\/web#2/);
  }
});

together("a job keeps one comment on its pull request, by the token of the job alone", async (machine) => {
  const github = githubServer("acme/web", "7");
  const close = await listen(github);
  const given = { event: { pull_request: { number: 7 } }, githubToken: GITHUB_TOKEN, githubApi: github.api };
  for (const scenario of ["success", "agent-failure"]) {
    const end = await runAction(machine, { prompt: `Fix it <${scenario}>`, comment: "true" }, given);
    expect(end.status).toBe(scenario === "success" ? "success" : "failure");
  }
  expect(github.comments).toHaveLength(1);
  expect(github.comments[0]?.body).toMatch(
    /^❌ \*\*Failed\*\* after .*: `Agent run exited with code 1\.`$/m,
  );
  github.tokens.set(GITHUB_TOKEN, { user: ACTIONS_APP, ofJob: true, pullRequests: "read" });
  const fork = await runAction(machine, { prompt: "Fix it <success>", comment: "true" }, given);
  close();
  expect(fork.status).toBe("success");
  const { obeyed } = runGithubLog(machine.done.at(-2)?.stdout ?? "");
  expect(obeyed.filter((each) => each.startsWith("warning "))).toEqual([
    expect.stringContaining("in a pull request from a fork, it can only read"),
  ]);
  for (const received of github.received) expect(received).not.toContain(machine.token);
});
