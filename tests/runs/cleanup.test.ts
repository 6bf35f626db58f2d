import { expect, test } from "bun:test";
import type { CallOptions } from "../../lib/api/client.ts";
import { virtualClock } from "../../lib/clock.ts";
import { ConflictError, ForbiddenError, UnauthorizedError, UsageError } from "../../lib/errors.ts";
import type { JobIdentity, JobState } from "../../lib/platforms/platform.ts";
import { cleanup, type CleanupDecision, decideCleanup } from "../../lib/runs/cleanup.ts";
import { type Left, requestHash, type RunState, stateProof } from "../../lib/runs/state.ts";
import {
  aRun,
  cancelled,
  fakeClient,
  JOB as GITLAB_JOB,
  JOB_ENV,
  limited,
  lost,
  refusal,
  REQUEST,
  RUN_ID,
  type Script,
  started,
  unavailable,
} from "./fake_client.ts";
import { memoryFiles } from "./memory_files.ts";

const JOB: JobIdentity = { ...GITLAB_JOB, date: null };
const FOLLOWING: RunState = {
  schema: 1,
  phase: "started",
  idempotencyKey: "k",
  owned: true,
  startedAt: "2026-09-01T00:00:00.000Z",
  onInterrupt: "auto",
  requestHash: await requestHash(REQUEST),
  request: null,
  job: JOB,
  proof: null,
  runId: RUN_ID,
  status: "streaming",
  lastEventId: null,
  left: "following",
};
const STARTING: RunState = { ...FOLLOWING, phase: "starting", request: REQUEST, runId: null, status: null };

test("decideCleanup() cancels what was being cancelled, or died in a job that was stopped, or always", () => {
  const states: JobState[] = ["success", "failed", "cancelled", "timed_out", "unknown"];
  const lefts: Left[] = ["following", "detached", "cancelling", "ended"];
  const table = Object.fromEntries(lefts.flatMap((left) =>
    states.map((job): [string, string[]] => [
      `${left} ${job}`,
      [false, true].map((always) => decideCleanup({ ...FOLLOWING, left }, job, always).what),
    ])
  ));
  expect(table).toEqual({
    "following success": ["nothing", "cancel"],
    "following failed": ["nothing", "cancel"],
    "following cancelled": ["cancel", "cancel"],
    "following timed_out": ["cancel", "cancel"],
    "following unknown": ["nothing", "cancel"],
    "detached success": ["nothing", "cancel"],
    "detached failed": ["nothing", "cancel"],
    "detached cancelled": ["nothing", "cancel"],
    "detached timed_out": ["nothing", "cancel"],
    "detached unknown": ["nothing", "cancel"],
    "cancelling success": ["cancel", "cancel"],
    "cancelling failed": ["cancel", "cancel"],
    "cancelling cancelled": ["cancel", "cancel"],
    "cancelling timed_out": ["cancel", "cancel"],
    "cancelling unknown": ["cancel", "cancel"],
    "ended success": ["nothing", "nothing"],
    "ended failed": ["nothing", "nothing"],
    "ended cancelled": ["nothing", "nothing"],
    "ended timed_out": ["nothing", "nothing"],
    "ended unknown": ["nothing", "nothing"],
  });
});

test("decideCleanup() leaves the run of a killed job alone when a signal would have", () => {
  const others: Partial<RunState> = { owned: false };
  const detached: Partial<RunState> = { onInterrupt: "detach" };
  const asked: Partial<RunState> = { owned: false, onInterrupt: "cancel" };
  const unknown: Partial<RunState> = { owned: null };
  const what = [others, detached, asked, unknown].map((more) =>
    [false, true].map((always) => decideCleanup({ ...FOLLOWING, ...more }, "cancelled", always).what)
  );
  expect(what).toEqual([["nothing", "cancel"], ["nothing", "cancel"], ["cancel", "cancel"], ["cancel", "cancel"]]);
});

test("decideCleanup() does nothing without a state file of this job", () => {
  expect(decideCleanup(undefined, "cancelled", true)).toEqual({ what: "nothing", why: "no state file of this job" });
});

test("decideCleanup() has the run found when the process died while it started it", () => {
  expect(decideCleanup(STARTING, "cancelled", false).what).toBe("find");
  expect(decideCleanup({ ...STARTING, left: "cancelling" }, "unknown", false).what).toBe("find");
  expect(decideCleanup(STARTING, "failed", false).what).toBe("nothing");
});

test("decideCleanup() sends no start again for a file that does not name this execution of the job, and says what finds the run", () => {
  const unnamed: RunState[] = [
    { ...STARTING, job: null },
    { ...STARTING, job: { ...JOB, attempt: null } },
    { ...STARTING, job: { ...JOB, pipeline: null } },
    { ...STARTING, request: null },
  ];
  for (const state of unnamed) {
    const { what, why }: CleanupDecision = decideCleanup(state, "cancelled", true);
    expect(what).toBe("nothing");
    expect(why).toContain(`idempotency key "k"`);
  }
});

async function tried(state: RunState | string | undefined, script: Script = {}, env: Record<string, string> = {}) {
  const clock = virtualClock();
  const client = fakeClient(clock, script);
  const content = typeof state === "object" ? JSON.stringify(state) : state;
  const files = memoryFiles(content === undefined ? {} : { "run.json": content });
  const all = { ...JOB_ENV, CI_JOB_STATUS: "canceled", ...env };
  const options = {
    client,
    clock,
    files,
    statePath: "run.json",
    env: (name: string) => (all as Record<string, string>)[name],
  };
  const result = await cleanup(options).catch((error) => error);
  const left = files.written.length === 0 ? undefined : JSON.parse(files.files.get("run.json") ?? "").left;
  return { result, left, calls: client.heard.map((call) => `${call.what} ${call.with}`) };
}

test("cleanup() cancels the run of a job that was cancelled, and says so in the state", async () => {
  const { result, left, calls } = await tried(FOLLOWING, { cancel: [cancelled("cancelled")] });
  expect(result).toEqual({
    action: "cancelled",
    words: `run "${RUN_ID}" is "cancelled" (the job is "cancelled")`,
    runId: RUN_ID,
    status: "cancelled",
  });
  expect(left).toBe("ended");
  expect(calls).toEqual([`cancel ${RUN_ID}`]);
});

test("cleanup() does nothing after a job that went on to its end, and needs no token for it", async () => {
  const files = memoryFiles({ "run.json": JSON.stringify(FOLLOWING) });
  const env = { ...JOB_ENV, CI_JOB_STATUS: "failed" } as Record<string, string>;
  const end = await cleanup({ files, statePath: "run.json", env: (name) => env[name] });
  expect(end).toMatchObject({ action: "nothing", runId: RUN_ID });
});

test("cleanup() ignores the file of another job", async () => {
  const others: Record<string, string>[] = [{ CI_JOB_ID: "9002" }, { CI_PIPELINE_ID: "1002" }, { CI_PROJECT_ID: "43" }];
  for (const env of others) {
    const { result, calls } = await tried(FOLLOWING, {}, env);
    expect(result).toMatchObject({ action: "nothing", words: "no state file of this job" });
    expect(calls).toEqual([]);
  }
});

test("cleanup() ignores damaged files", async () => {
  for (const content of [undefined, "", "{", `{"schema":1,"phase":"started","runId":"../x","left":"cancelling"}`]) {
    expect((await tried(content)).result.action).toBe("nothing");
  }
});

test("cleanup() finds the run of a start that died, by the same key, and cancels it", async () => {
  const script = { start: [started("pending", true)], cancel: [cancelled("cancelled")] };
  const { result, left, calls } = await tried(STARTING, script);
  expect(calls).toEqual(["start k", `cancel ${RUN_ID}`]);
  expect(result).toMatchObject({ action: "cancelled", runId: RUN_ID, status: "cancelled" });
  expect(left).toBe("ended");
});

test("cleanup() lets the run go on that it finds under a key of others", async () => {
  const dying = { ...STARTING, owned: null };
  const theirs = started("streaming", true, { createdAt: "2026-08-31T00:00:00+00:00" });
  const { result, left, calls } = await tried(dying, { start: [theirs] });
  expect(calls).toEqual(["start k"]);
  expect(result).toEqual({ action: "nothing", words: "another job started the run", runId: RUN_ID, status: null });
  expect(left).toBe("detached");
  for (const ours of [started("pending", false), started("pending", true)]) {
    const script = { start: [ours], cancel: [cancelled("cancelled")] };
    expect((await tried(dying, script)).calls).toEqual(["start k", `cancel ${RUN_ID}`]);
  }
});

test("cleanup() has time to wait out the minute that a full limiter asks for, twice", async () => {
  const deadlines: (number | undefined)[] = [];
  const cancel = ({ deadline }: CallOptions) => {
    deadlines.push(deadline);
    return Promise.resolve(cancelled("cancelled"));
  };
  await tried(FOLLOWING, { cancel: [cancel] });
  expect(deadlines).toEqual([150_000]);
});

test("cleanup() tells of a run that it could not cancel, and leaves the state as it is", async () => {
  const conflict = refusal(ConflictError, "usage", 409);
  for (const error of [limited(), unavailable(500), lost(), conflict]) {
    const { result, left } = await tried(FOLLOWING, { cancel: [error], run: [aRun("streaming")] });
    expect(result).toMatchObject({ action: "failed", runId: RUN_ID, status: null });
    expect(left).toBeUndefined();
  }
});

test("cleanup() throws what the caller or the token is to blame for", async () => {
  const refused = refusal(ForbiddenError, "forbidden", 403);
  for (const error of [refused, new UnauthorizedError("no"), new UsageError("no")]) {
    expect((await tried(FOLLOWING, { cancel: [error] })).result).toBe(error);
  }
});

test("cleanup() sends nothing for a file that the checkout brought along, though it guessed the numbers of the job", async () => {
  const token = "mog_AAAAbbbbCCCCddddEEEEffff";
  const other = await stateProof("mog_another0token0of0mine", JOB);
  const ofAnotherBuild = await stateProof(token, { ...JOB, attempt: "9000" });
  const env: Record<string, string | undefined> = { ...JOB_ENV, CI_JOB_STATUS: "canceled", MOGPLEX_API_KEY: token };
  let sent = 0;
  const fetch = () => {
    sent++;
    return Response.json({ ok: false, error: { code: "FORBIDDEN", message: "no" } }, { status: 403 });
  };
  const planted = [FOLLOWING, STARTING].flatMap((state) =>
    [null, "", "0".repeat(64), other, ofAnotherBuild].map((proof) => ({ ...state, left: "cancelling", proof }))
  );
  for (const state of planted) {
    const files = memoryFiles({ "run.json": JSON.stringify(state) });
    const options = { files, statePath: "run.json", env: (name: string) => env[name], fetch };
    const end = await cleanup({ ...options, always: true });
    expect(end).toMatchObject({ action: "nothing", runId: null });
    expect(end.words).toContain("was not written with this token");
  }
  expect(sent).toBe(0);
  const own = { ...FOLLOWING, proof: await stateProof(token, JOB) };
  const files = memoryFiles({ "run.json": JSON.stringify(own) });
  const options = { files, statePath: "run.json", env: (name: string) => env[name], fetch };
  expect(await cleanup(options).catch((error) => error.name)).toBe("ForbiddenError");
  expect(sent).toBe(1);
});
