import { withMessage } from "../../../lib/text/notice_text.ts";
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import {
  ConflictError,
  exitCodeFor,
  ForbiddenError,
  RateLimitedError,
  StartUnknownError,
  UnavailableError,
  UsageError,
} from "../../../lib/errors.ts";
import type { Notice } from "../../../lib/notice.ts";
import { triggerAutomation } from "../../../lib/run/automation.ts";
import { cancel } from "../../../lib/run/cancel.ts";
import { deriveKey } from "../../../lib/run/key.ts";
import { start } from "../../../lib/run/request.ts";
import { requestHash } from "../../../lib/run/state.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { validateStartRequest } from "../../../lib/service/validate.ts";
import { bad, good, scripted, thrown } from "../service/answers.ts";
import { REQUEST as SERVICE_REQUEST, service } from "../traps/service.ts";
import {
  aRun,
  BEGIN_MS,
  fakeClient,
  JOB,
  JOB_ENV,
  limited,
  lost,
  refusal,
  REPO_ID,
  REQUEST,
  RUN_ID,
  type Script,
  started,
  unavailable,
} from "./fake_client.ts";
import type { StartOptions } from "./detecting.ts";

// In the library the request is a part of the key, with its defaults.
const keyPart = JSON.stringify(["", await requestHash(validateStartRequest({ ...REQUEST, createBranch: true }))]);
const KEY = (await deriveKey({ scope: "pipeline", identity: JOB, keyPart, repoId: REPO_ID, nowMs: BEGIN_MS })).key;

const OLD = { createdAt: "2026-08-31T23:00:00+00:00" };
const dead = (status = "failed") => started(status, true, OLD);

async function tried(answers: Script["start"], options: StartOptions = {}) {
  const clock = virtualClock();
  const client = fakeClient(clock, { start: answers ?? [] });
  const notices: Notice[] = [];
  const all = { client, clock, env: () => undefined, identity: JOB, ...options };
  const result = await start(REQUEST, { ...all, onNotice: (notice) => notices.push(notice) }).catch((error) => error);
  return {
    result,
    keys: client.heard.map((call) => call.with),
    heard: client.heard,
    slept: clock.slept,
    notices,
    clock,
  };
}

test("start() warns of a variable that a template left in the prompt", async () => {
  const clock = virtualClock();
  const said: string[] = [];
  for (const prompt of ["Fix $TARGET_DIR now", "Pay $5, call $handle, ${NAME} and $1 or $A", "Deploy to ($STAGE)"]) {
    const client = fakeClient(clock, { start: [started("pending")] });
    const onNotice = (notice: Notice) => void (notice.kind === "text" && said.push(notice.message));
    await start({ ...REQUEST, prompt }, { client, clock, env: () => undefined, identity: JOB, onNotice });
    expect(client.heard.length).toBe(1);
  }
  expect(said.map((message) => /contains (\S+), which/.exec(message)?.[1])).toEqual(["$TARGET_DIR", "$STAGE"]);
});

test("start() starts a run under the derived key, and tells of it at once", async () => {
  const reported: string[] = [];
  const { result, keys } = await tried([started("pending")], { onStarted: ({ runId }) => reported.push(runId) });
  expect(result).toEqual({
    runId: RUN_ID,
    run: started("pending"),
    replayed: false,
    idempotencyKey: KEY,
    keyScope: "pipeline",
    owned: true,
  });
  expect(keys).toEqual([KEY]);
  expect(reported).toEqual([RUN_ID]);
});

test("start() uses a random key outside CI, without a notice", async () => {
  const { result, notices } = await tried([started("pending")], { identity: null });
  expect(result.keyScope).toBe("random");
  expect(notices).toEqual([]);
});

test("start() takes the identity from the environment of the CI system", async () => {
  const options = { env: (name: string) => JOB_ENV[name], identity: undefined };
  expect((await tried([started("pending")], options)).keys).toEqual([KEY]);
});

test("start() identifies a job on an unknown CI system by MOGPLEX_CI_JOB, else says so and uses a random key", async () => {
  const known = (name: string) => ({ CI: "true", MOGPLEX_CI_JOB: "build 7" } as Record<string, string>)[name];
  const first = await tried([started("pending")], { env: known, identity: undefined });
  const second = await tried([started("pending")], { env: known, identity: undefined });
  expect(first.keys).toEqual(second.keys);
  expect(first.result.keyScope).toBe("pipeline");
  const unknown = (name: string) => name === "CI" ? "true" : undefined;
  const { result, notices } = await tried([started("pending")], { env: unknown, identity: undefined });
  expect(result.keyScope).toBe("random");
  expect(notices).toEqual([withMessage({ kind: "random_key", missing: ["server", "project", "pipeline", "job"] })]);
});

test("start() uses a given key as it is, and attaches to whatever it finds", async () => {
  const { result, keys } = await tried([dead()], { idempotencyKey: " weekly-1 " });
  expect(result).toMatchObject({ idempotencyKey: "weekly-1", keyScope: "given", replayed: true, owned: false });
  expect(keys).toEqual(["weekly-1"]);
});

test.each(["pending", "streaming", "success", "awaiting_input"])(
  "start() attaches to a replay that is %s",
  async (status) => {
    const { result, keys } = await tried([started(status, true, OLD)]);
    expect(result).toMatchObject({ replayed: true, run: { status } });
    expect(keys).toEqual([KEY]);
  },
);

test("start() starts afresh in order when the runs that it finds are dead", async () => {
  const { result, keys, notices } = await tried([dead(), dead("cancelled"), started("pending")]);
  expect(result).toMatchObject({ replayed: false, idempotencyKey: `${KEY}.3` });
  expect(keys).toEqual([KEY, `${KEY}.2`, `${KEY}.3`]);
  expect(notices).toEqual([
    withMessage({ kind: "restart", runId: RUN_ID, status: "failed", suffix: 2 }),
    withMessage({ kind: "restart", runId: RUN_ID, status: "cancelled", suffix: 3 }),
  ]);
});

test("start() attaches to the run of a racing job, the first live one of the series", async () => {
  const { result, keys, notices } = await tried([dead(), started("streaming", true)]);
  expect(result).toMatchObject({ replayed: true, idempotencyKey: `${KEY}.2`, owned: true });
  expect(keys).toEqual([KEY, `${KEY}.2`]);
  // No run is started, so the notice does not claim that one is.
  expect(notices.map(({ message }) => message)).toEqual([
    `Run ${RUN_ID} with this key has ended (failed): starting a new run, unless there is already a newer one`,
  ]);
});

test("start() tries four keys in one process, then reports the last dead run", async () => {
  const { result, keys, notices } = await tried([dead()]);
  expect(keys).toEqual([KEY, `${KEY}.2`, `${KEY}.3`, `${KEY}.4`]);
  expect(result).toMatchObject({ replayed: true, run: { status: "failed" } });
  expect(notices.at(-1)).toMatchObject({ kind: "text" });
});

test("start() sends the same key again when an answer was lost", async () => {
  const { result, keys, notices } = await tried([lost(), unavailable(500), started("pending", true)]);
  expect(result).toMatchObject({ replayed: true, owned: true });
  expect(keys).toEqual([KEY, KEY, KEY]);
  expect(notices.map((notice) => notice.kind === "wait" && [notice.cause, notice.what, notice.attempt])).toEqual([
    ["network", "start run", 1],
    ["unavailable", "start run", 2],
  ]);
});

test("start() ends with 69 when the service answered 5xx and failed the run (its queue was down)", async () => {
  const { result, keys } = await tried([unavailable(500), started("failed", true)]);
  expect(result).toBeInstanceOf(UnavailableError);
  expect(exitCodeFor(result)).toBe(69);
  expect(keys).toEqual([KEY, KEY]);
});

test("start() takes the verdict of a run that failed in its sandbox after a 5xx", async () => {
  const { result, keys } = await tried([unavailable(500), started("failed", true, { sandboxRecordId: RUN_ID })]);
  expect(result).toMatchObject({ run: { status: "failed" }, idempotencyKey: KEY, owned: true });
  expect(keys).toEqual([KEY, KEY]);
});

test("start() starts afresh after a 5xx when the dead run is older than it", async () => {
  const { result, keys } = await tried([unavailable(500), dead(), started("pending")]);
  expect(result).toMatchObject({ replayed: false, idempotencyKey: `${KEY}.2` });
  expect(keys).toEqual([KEY, KEY, `${KEY}.2`]);
});

test("start() starts afresh in place of a run that was cancelled moments before its first attempt, which fails", async () => {
  for (const failure of ["503", "500", "reset0", "html502"]) {
    for (const ageMs of [0, 400, 1_500, 4_900]) {
      const { emulator, clock, options } = service("stuck-streaming");
      const job = options({ identity: JOB });
      const first = await start(SERVICE_REQUEST, job);
      await cancel(first.runId, job);
      clock.advance(ageMs);
      emulator.control("fault", { kind: failure, times: 1, retryAfter: 1 });
      const again = await start(SERVICE_REQUEST, options({ identity: { ...JOB, attempt: "9002" } }));
      expect([failure, ageMs, again.idempotencyKey, again.replayed]).toEqual([
        failure,
        ageMs,
        `${first.idempotencyKey}.2`,
        false,
      ]);
      // The base may revive a run that was cancelled during its boot, so only their number counts.
      expect([...emulator.world.store.runs.keys()]).toEqual([first.runId, again.runId]);
    }
  }
});

/** Cancels the run of a start whose answer is lost, so many milliseconds after it began. */
async function cancelledMeanwhile(identity: typeof JOB, afterMs: number) {
  const { emulator, clock, options } = service("stuck-streaming");
  const { fetch, ...all } = options({ identity });
  let lostId = "";
  const started = await start(SERVICE_REQUEST, {
    ...all,
    async fetch(url, init) {
      const answer = await (fetch as Fetch)(url, init);
      if (lostId !== "") return answer;
      lostId = (await (answer as Response).json()).data.runId;
      clock.advance(afterMs);
      await cancel(lostId, options());
      throw new TypeError("connection reset");
    },
  });
  return { started, lostId, runs: emulator.world.store.runs.size };
}

test("start() takes a run of its own that was cancelled while the answer was lost", async () => {
  const { started, lostId, runs } = await cancelledMeanwhile(JOB, 20_000);
  const { runId, run, idempotencyKey } = started;
  expect([runId, run.status, idempotencyKey.includes(".")]).toEqual([lostId, "cancelled", false]);
  expect(runs).toBe(1);
});

test("start() takes such a run on the job's first attempt however soon it was cancelled, as there is no earlier one", async () => {
  for (const afterMs of [0, 500, 1_900, 4_000]) {
    const { started, lostId, runs } = await cancelledMeanwhile({ ...JOB, attempt: "1" }, afterMs);
    expect([afterMs, started.runId, runs]).toEqual([afterMs, lostId, 1]);
  }
});

test("start() takes the verdict of a run that this process started although the answer was lost", async () => {
  const { result, keys } = await tried([lost(), started("failed", true)]);
  expect(result).toMatchObject({ run: { status: "failed" }, idempotencyKey: KEY, owned: true });
  expect(keys).toEqual([KEY, KEY]);
});

test("start() waits for a start slot as long as the service requested, and says so", async () => {
  const { result, slept, notices } = await tried([limited(45_000), started("pending")]);
  expect(result.replayed).toBe(false);
  expect(slept).toEqual([45_000]);
  expect(notices).toEqual([withMessage({
    kind: "wait",
    what: "start run",
    cause: "start_limit",
    detail: "HTTP 429 RATE_LIMITED",
    attempt: 1,
    delayMs: 45_000,
    fromService: true,
    untilMs: BEGIN_MS + 45_000,
  })]);
});

test("start() waits out a limiter that is down", async () => {
  const { result, slept } = await tried([unavailable(503, 60_000, "SERVICE_UNAVAILABLE"), started("pending")]);
  expect(result.replayed).toBe(false);
  expect(slept).toEqual([60_000]);
});

test("start() throws at once when the slot comes after the deadline, and says when it would work", async () => {
  const { result, slept } = await tried([limited(7_200_000)], { timeoutMs: 600_000 });
  expect(result).toBeInstanceOf(RateLimitedError);
  expect(exitCodeFor(result)).toBe(75);
  expect(result.advice).toBe(
    "wait until 2026-09-01 02:00 UTC, or use a timeout that ends after that time",
  );
  expect(slept).toEqual([]);
});

test("start() and triggerAutomation() end with 69 or 75 when the service names a delay of any size", async () => {
  for (const after of ["9000000000000", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"]) {
    for (const [status, code, exitCode] of [[429, "RATE_LIMITED", 75], [503, "SERVICE_UNAVAILABLE", 69]] as const) {
      const answer = () => bad(status, code, "x", { "retry-after": after });
      const options = () => ({
        client: scripted([answer(), good({ repos: [{ id: REPO_ID }] })]).client,
        env: () => undefined,
      });
      const ends = [
        await thrown(start(REQUEST, options())),
        await thrown(triggerAutomation(REPO_ID, { repoId: REPO_ID }, options())),
      ];
      for (const error of ends) {
        expect([after, exitCodeFor(error), error.message]).toEqual([
          after,
          exitCode,
          expect.stringMatching(
            /; wait until 2\d{3}-\d\d-\d\d \d\d:\d\d UTC or later, or use a timeout that ends after that time/,
          ),
        ]);
      }
    }
  }
});

test("start() throws StartUnknownError with the key when no attempt tells whether the run exists", async () => {
  const { result, keys } = await tried([lost()], { idempotencyKey: "weekly" });
  expect(result).toBeInstanceOf(StartUnknownError);
  expect(result).toMatchObject({ idempotencyKey: "weekly", exitCode: 69 });
  expect(result.message).toContain(`"weekly"`);
  expect(keys.length).toBe(8);
});

test("start() throws StartUnknownError when the deadline cuts off a start that may have worked", async () => {
  const { result, clock } = await tried([lost(), limited(60_000)], { timeoutMs: 30_000 });
  expect(result).toBeInstanceOf(StartUnknownError);
  expect(clock.now()).toBeLessThanOrEqual(30_000);
});

test("start() does not try again what the service refuses for good", async () => {
  const refusals = [
    refusal(ForbiddenError, "forbidden", 403),
    refusal(ConflictError, "usage", 409),
    new UsageError("no"),
  ];
  for (const error of refusals) {
    const { result, keys } = await tried([error]);
    expect(result).toBe(error);
    expect(keys.length).toBe(1);
  }
});

test("start() owns a replay only by its scope, or when the run is newer than its first attempt", async () => {
  const old = started("streaming", true, OLD);
  expect((await tried([old], { keyScope: "pipeline" })).result.owned).toBe(true);
  expect((await tried([old], { keyScope: "job" })).result.owned).toBe(true);
  expect((await tried([old], { keyScope: "day" })).result.owned).toBe(false);
  expect((await tried([old], { idempotencyKey: "shared" })).result.owned).toBe(false);
  expect((await tried([lost(), started("pending", true)], { idempotencyKey: "shared" })).result.owned).toBe(true);
});

test("start() says that a key is shared where nodes look the same and a first attempt finds a run", async () => {
  const live = started("streaming", true, OLD);
  const noticed = async (env: Record<string, string>, answers = [live], options: StartOptions = {}) => {
    const github = {
      GITHUB_ACTIONS: "true",
      GITHUB_SERVER_URL: "https://github.com",
      GITHUB_REPOSITORY: "acme/web",
      GITHUB_RUN_ID: "1",
      GITHUB_JOB: "tidy",
      GITHUB_RUN_ATTEMPT: "1",
    };
    const read = (name: string) => ({ ...github, ...env })[name];
    const { notices } = await tried(answers, { env: read, identity: undefined, ...options });
    return notices.filter(({ kind }) => kind === "shared_key");
  };
  const shared: Notice[] = [withMessage({ kind: "shared_key", runId: RUN_ID })];
  expect(await noticed({})).toEqual(shared);
  expect(await noticed({}, [live], { keyPart: "linux" })).toEqual(shared);
  // A later attempt finds its own run, another day's job that of the day, and a given key is taken as it is.
  expect(await noticed({ GITHUB_RUN_ATTEMPT: "2" })).toEqual([]);
  expect(await noticed({}, [live], { keyScope: "day" })).toEqual([]);
  expect(await noticed({}, [live], { idempotencyKey: "shared" })).toEqual([]);
  // What is not found is started, and what an attempt of our own may have started is ours.
  expect(await noticed({}, [started("pending")])).toEqual([]);
  expect(await noticed({}, [lost(), live] as never)).toEqual([]);
  expect(await noticed({ GITHUB_ACTIONS: "", GITLAB_CI: "true", CI_SERVER_URL: "https://gitlab.example" })).toEqual([]);
});

test("start() reports that no agent starts when its key finds a run that ended earlier", async () => {
  const noticed = async (status: string, updatedAt: string | null, options: StartOptions = {}) => {
    const { notices } = await tried([started(status, true, { ...OLD, updatedAt: updatedAt as string })], options);
    return notices.map(({ message }) => message);
  };
  const key = { idempotencyKey: "web-nightly/agent" };
  const yesterday = "2026-08-31T00:00:00+00:00";
  const ended = (how: string) => [
    `no agent was started: this key belongs to run "${RUN_ID}", which ended ${how}; to start another run, use another key`,
  ];
  expect(await noticed("success", yesterday, key)).toEqual(ended("24 h ago (success)"));
  expect(await noticed("failed", yesterday, key)).toEqual(ended("24 h ago (failed)"));
  expect(await noticed("success", yesterday)).toEqual(ended("24 h ago (success)"));
  expect(await noticed("success", null, key)).toEqual(ended("earlier (success)"));
  // A run that is still running, or that ended a moment ago, is what a retry looks for.
  expect(await noticed("streaming", yesterday, key)).toEqual([]);
  expect(await noticed("success", new Date(BEGIN_MS - 5_000).toISOString(), key)).toEqual([]);
});

test("start() does not own a young replay when no attempt of its own can have started it", async () => {
  const young = started("pending", true);
  expect((await tried([young], { idempotencyKey: "shared" })).result.owned).toBe(false);
  expect((await tried([limited(1_000), young], { idempotencyKey: "shared" })).result.owned).toBe(false);
});

test("start() refuses its own token as a key before anything else sees it", async () => {
  const { sent, options } = service();
  for (const token of ["mog_Zk9pQ2rT7vXw3YbN5sLdF8aG", "oauth~token-1"]) {
    const error = await thrown(start(SERVICE_REQUEST, options({ token, idempotencyKey: token })));
    expect([exitCodeFor(error), error.message.includes(token)]).toEqual([2, false]);
  }
  expect(sent).toEqual([]);
});

test("start() refuses what breaks a rule before a slot is spent", async () => {
  const clock = virtualClock();
  const client = fakeClient(clock, {});
  const bad: [Parameters<typeof start>[0], StartOptions][] = [
    [{ ...REQUEST, repoId: "acme/web" }, {}],
    [{ ...REQUEST, prompt: " " }, {}],
    [{ ...REQUEST, baseBranch: "a b" }, {}],
    [REQUEST, { timeoutMs: -1 }],
    [REQUEST, { keyScope: "week" as "day" }],
    [REQUEST, { idempotencyKey: "k".repeat(201) }],
    [REQUEST, { idempotencyKey: "k", keyPart: "x" }],
    [REQUEST, { keyPart: "x".repeat(1_001) }],
  ];
  for (const [request, options] of bad) {
    await expect(start(request, { client, clock, identity: JOB, ...options })).rejects.toBeInstanceOf(UsageError);
  }
  expect(client.requests).toBe(0);
});

test("start() rejects with the reason when the signal aborts during a wait", async () => {
  const clock = virtualClock();
  const stop = new AbortController();
  const client = fakeClient(clock, { start: [limited(60_000), started("pending")] });
  const reason = new Error("enough");
  const starting = start(REQUEST, {
    client,
    clock,
    identity: JOB,
    signal: stop.signal,
    onNotice: () => stop.abort(reason),
  });
  await expect(starting).rejects.toBe(reason);
  expect(client.requests).toBe(1);
});

test("start() is never silent for more than a minute while it waits", async () => {
  const { notices } = await tried([limited(150_000), started("pending")]);
  expect(notices.slice(1).map((notice) => notice.kind === "heartbeat" && notice.elapsedMs)).toEqual([60_000, 120_000]);
});

test("start() answers with the run as it is now", async () => {
  const { result } = await tried([started("success", true, OLD)]);
  expect(result.run).toEqual({ ...aRun("success", OLD), replayed: true });
});

test.each([3_600_000, -3_600_000])(
  "start() tells its own dead run from an older one when this machine's wall time is %i ms off",
  async (offMs) => {
    const { clock, fetch, clientWith } = service("boot-failure");
    const wrong = { ...clock, wallTime: () => clock.wallTime() + offMs };
    const ours = clientWith({ clock: wrong });
    let answers = 0;
    const losing = clientWith({
      clock: wrong,
      fetch: async (url, init) => {
        const answer = await (fetch as Fetch)(url, init);
        if (++answers > 1) return answer;
        // The start worked, its answer is lost, and the run is dead before the second attempt.
        clock.advance(600_000);
        throw new TypeError("connection reset");
      },
    });
    const options = {
      clock: wrong,
      env: () => undefined,
      identity: { ...JOB, pipeline: `skew ${offMs}` },
      timeoutMs: 1_800_000,
    };
    const found = await start(SERVICE_REQUEST, { ...options, client: losing });
    expect({ replayed: found.replayed, status: found.run.status }).toEqual({ replayed: true, status: "failed" });
    expect(found.idempotencyKey).not.toContain(".2");
    clock.advance(60_000);
    const again = await start(SERVICE_REQUEST, { ...options, client: ours });
    expect(again.idempotencyKey).toBe(`${found.idempotencyKey}.2`);
  },
);
