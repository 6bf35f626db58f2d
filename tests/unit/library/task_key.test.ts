/** Keys of the library: each task of a job is a run, and a retried job finds each of them again. */
import { expect, test } from "bun:test";
import { deriveKey } from "../../../lib/run/key.ts";
import { createMogplex, type Notice, type RunOptions } from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";
import { runJob } from "../run/detecting.ts";

const JOB = {
  ...{
    server: "https://ci.example",
    project: "acme/web",
    pipeline: "7",
    job: "fix",
    node: "",
    date: null,
    schedule: "",
  },
  attempt: "1",
};

function world() {
  const service = createEmulator();
  const mogplex = createMogplex(service.options);
  const notices: string[] = [];
  const onNotice = (notice: Notice) => void (notice.kind === "text" && notices.push(notice.message));
  async function started(prompt: string, more: RunOptions = {}) {
    const request = { repoId: service.repos[0]?.id ?? "", prompt };
    return await mogplex.start(request, { identity: JOB, onNotice, ...more });
  }
  return { service, started, notices: () => notices.filter((text) => text.includes("differs")) };
}

test("two tasks of a job are two runs, and a retried job finds both again, in any order", async () => {
  const { service, started, notices } = world();
  const first = [await started("Fix the tests"), await started("Update the docs")];
  expect(new Set(first.map(({ runId }) => runId)).size).toBe(2);
  const again = { identity: { ...JOB, attempt: "2" } };
  const second = [await started("Update the docs", again), await started("Fix the tests", again)];
  expect(second.map(({ runId, replayed }) => [runId, replayed])).toEqual([[first[1]?.runId ?? "", true], [
    first[0]?.runId ?? "",
    true,
  ]]);
  expect(service.runs.length).toBe(2);
  expect(notices()).toEqual([]);
});

/** What a start says of earlier attempts in a job with these variables. */
async function saidIn(variables: Record<string, string>): Promise<string[]> {
  const service = createEmulator();
  const notices: string[] = [];
  const onNotice = (notice: Notice) => void (notice.kind === "text" && notices.push(notice.message));
  const mogplex = createMogplex({ ...service.options, env: (name) => variables[name], onNotice });
  const { keyScope } = await mogplex.start({ repo: "acme/web", prompt: "Fix build 2" });
  expect(keyScope).toBe("pipeline");
  return notices.filter((text) => text.includes("earlier attempts"));
}

test("start() says in a repeated job that another task is a new run, where the CI system counts attempts", async () => {
  const github = {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "acme/web",
    GITHUB_RUN_ID: "5",
    GITHUB_JOB: "fix",
  };
  expect(await saidIn({ ...github, GITHUB_RUN_ATTEMPT: "1" })).toEqual([]);
  expect(await saidIn({ ...github, GITHUB_RUN_ATTEMPT: "2" })).toEqual([expect.stringContaining("a new run")]);
  expect(await saidIn({ ...github, GITHUB_RUN_ATTEMPT: "100" })).toEqual([expect.stringContaining("a new run")]);
});

test("start() says nothing of earlier attempts where their number is that of the pipeline", async () => {
  const woodpecker = {
    CI: "woodpecker",
    CI_SYSTEM_NAME: "woodpecker",
    CI_SYSTEM_URL: "https://ci.example",
    CI_REPO: "acme/web",
    CI_PIPELINE_NUMBER: "7",
    CI_WORKFLOW_NAME: "fix",
    CI_STEP_NAME: "agent",
  };
  expect(await saidIn(woodpecker)).toEqual([]);
});

test("the same task twice is one run, and two with a key part", async () => {
  const { started } = world();
  const one = await started("Fix the tests");
  expect((await started("Fix the tests")).runId).toBe(one.runId);
  expect((await started("  Fix the tests\n")).runId).toBe(one.runId);
  expect((await started("Fix the tests", { keyPart: "2" })).runId).not.toBe(one.runId);
});

test("the key of the command stays what it was: the request is no part of it", async () => {
  const service = createEmulator();
  const repoId = service.repos[0]?.id ?? "";
  const options = { ...service.options, identity: JOB };
  const { result } = await runJob({ repoId, prompt: "Fix the tests" }, options);
  const { key } = await deriveKey({ scope: "pipeline", identity: JOB, repoId, nowMs: 0 });
  expect(result.idempotencyKey).toBe(key);
});
