import { expect, test } from "bun:test";
import {
  ConflictError,
  dropInExitCode,
  NetworkError,
  RateLimitedError,
  StartUnknownError,
  UnauthorizedError,
  UnavailableError,
  UsageError,
} from "../../../lib/errors.ts";
import { bad, good, html, REPO_ID, run, scripted, thrown, TOKEN } from "./answers.ts";

const REQUEST = { repoId: REPO_ID, prompt: "Fix it" };
const KEY = { idempotencyKey: "key-1" };
const REPO = { id: REPO_ID, full_name: "acme/web" };
const started = (replayed = false) => good({ ...run("pending"), replayed }, 202);
const limiterDown = () =>
  bad(503, "SERVICE_UNAVAILABLE", "External Mogplex run rate limit unavailable", { "retry-after": "60" });
const paths = (sent: { method: string; path: string }[]) => sent.map(({ method, path }) => `${method} ${path}`);

test("startRun() takes a run of another repository for a key conflict, never for its own, whether or not it is a replay", async () => {
  const repoId = "e0000000-0000-4000-8000-000000000002";
  for (const replayed of [true, false]) {
    const { client, sent } = scripted([good({ ...run("success", { repoId }), replayed }, 202)]);
    const error = await thrown(client.startRun(REQUEST, KEY));
    expect(error).toBeInstanceOf(ConflictError);
    expect([(error as ConflictError).exitCode, dropInExitCode(error), sent.length]).toEqual([2, 1, 1]);
  }
  const { client } = scripted([good({ ...run("success", { repoId: REPO_ID.toUpperCase() }), replayed: true }, 202)]);
  expect((await client.startRun(REQUEST, KEY)).replayed).toBe(true);
});

test("startRun() asks for the repository once when the service is unavailable for its id, and ends at once when it is not listed", async () => {
  const { client, sent, clock } = scripted([limiterDown(), good({ repos: [] })]);
  const error = await thrown(client.startRun(REQUEST, KEY));
  expect(error).toBeInstanceOf(UsageError);
  expect([(error as UsageError).exitCode, dropInExitCode(error)]).toEqual([2, 2]);
  expect(error.message).toContain(`"${REPO_ID}"`);
  expect(error.message).toContain("hidden repositories are not listed");
  expect(paths(sent)).toEqual(["POST /runs", `GET /repos?id=${REPO_ID}&limit=1`]);
  expect(clock.slept).toEqual([]);
});

test("startRun() asks for the repository even when a wait would not fit its deadline", async () => {
  const { client, clock } = scripted([limiterDown(), good({ repos: [] })]);
  expect(await thrown(client.startRun(REQUEST, KEY, { deadline: clock.now() + 10_000 }))).toBeInstanceOf(UsageError);
});

test("startRun() waits as told when the repository is listed, or when that cannot be learned, and asks only once", async () => {
  for (const probe of [good({ repos: [REPO] }), html(502), bad(429, "RATE_LIMITED")]) {
    const { client, sent, clock } = scripted([limiterDown(), probe, limiterDown(), started()]);
    expect((await client.startRun(REQUEST, KEY, { deadline: clock.now() + 300_000 })).replayed).toBe(false);
    expect(paths(sent)).toEqual(["POST /runs", `GET /repos?id=${REPO_ID}&limit=1`, "POST /runs", "POST /runs"]);
    expect(clock.slept).toEqual([60_000, 60_000]);
  }
});

test("startRun() does not ask again for a repository that was listed", async () => {
  const { client, sent, clock } = scripted([limiterDown(), good({ repos: [REPO] }), limiterDown()]);
  const once = { deadline: clock.now() + 10_000 };
  for (let count = 0; count < 3; count++) await thrown(client.startRun(REQUEST, KEY, once));
  expect(paths(sent).filter((path) => path.startsWith("GET"))).toHaveLength(1);
});

test("startRun() does not ask for the repository after a 503 of the host", async () => {
  const { client, sent } = scripted([html(503), started()]);
  await client.startRun(REQUEST, KEY);
  expect(paths(sent)).toEqual(["POST /runs", "POST /runs"]);
});

test("startRun() throws UnavailableError for a lasting 503, since nothing was started", async () => {
  const { client, clock } = scripted([limiterDown(), good({ repos: [REPO] }), limiterDown()]);
  const error = await thrown(client.startRun(REQUEST, KEY, { deadline: clock.now() + 10_000 }));
  expect(error).toBeInstanceOf(UnavailableError);
  expect(dropInExitCode(error)).toBe(69);
});

test("startRun() throws StartUnknownError with the key when no attempt told whether a run exists", async () => {
  for (
    const step of [
      new TypeError("reset"),
      html(500),
      html(502),
      html(504),
      html(202),
      new Response(`{"ok":true,"da`, { status: 202 }),
    ]
  ) {
    const { client, sent } = scripted([step]);
    const error = await thrown(client.startRun(REQUEST, KEY, { maxAttempts: 3 })) as StartUnknownError;
    expect(error).toBeInstanceOf(StartUnknownError);
    expect(error.idempotencyKey).toBe("key-1");
    expect(error.message).toStartWith("Cannot determine whether the run was started: ");
    expect(error.message).toContain(`idempotency key "key-1"`);
    expect([error.exitCode, dropInExitCode(error)]).toEqual([69, 1]);
    expect(error.cause).toBeInstanceOf(step instanceof Error ? NetworkError : UnavailableError);
    expect(sent.length).toBe(3);
  }
});

test("startRun() still does not know when a lost attempt is followed by a refusal for other reasons", async () => {
  for (const step of [bad(429, "RATE_LIMITED", "x", { "retry-after": "3600" }), html(503)]) {
    const { client } = scripted([new TypeError("reset"), step]);
    expect(await thrown(client.startRun(REQUEST, KEY, { maxAttempts: 2 }))).toBeInstanceOf(StartUnknownError);
  }
  const { client } = scripted([bad(429, "RATE_LIMITED", "x", { "retry-after": "3600" })]);
  expect(await thrown(client.startRun(REQUEST, KEY))).toBeInstanceOf(RateLimitedError);
});

test("startRun() gives the run that a lost attempt has started", async () => {
  const { client, sent } = scripted([new TypeError("reset"), started(true)]);
  expect((await client.startRun(REQUEST, KEY)).replayed).toBe(true);
  expect(new Set(sent.map(({ body, headers }) => body + headers.get("idempotency-key"))).size).toBe(1);
});

test("startRun() repeats slower than a read, as each attempt takes a slot", async () => {
  const { client, clock } = scripted([html(500), html(500), started()]);
  await client.startRun(REQUEST, KEY);
  expect(clock.slept).toEqual([3_000, 6_000]);
});

test("startRun() tells the limit of starts from the limit of requests by the delay that it names", async () => {
  const limited = (seconds: string) => bad(429, "RATE_LIMITED", "x", { "retry-after": seconds });
  const { client, notices } = scripted([limited("17"), limited("60"), started()]);
  await client.startRun(REQUEST, KEY);
  expect(notices.map((notice) => notice.kind === "wait" && notice.cause)).toEqual(["start_limit", "rate_limit"]);
});

test("startRun() sends nothing when a field breaks a rule", async () => {
  const { client, sent } = scripted([started()]);
  expect(await thrown(client.startRun({ ...REQUEST, baseBranch: "a b" }, KEY))).toBeInstanceOf(UsageError);
  expect(await thrown(client.startRun(REQUEST, { idempotencyKey: " " }))).toBeInstanceOf(UsageError);
  expect(sent).toEqual([]);
});

test("startRun() rejects with the caller's reason, even while it asks for the repository", async () => {
  const controller = new AbortController();
  const { client } = scripted([limiterDown(), () => (controller.abort("enough"), new Promise(() => {}))]);
  expect(await thrown(client.startRun(REQUEST, KEY, { signal: controller.signal }))).toBe("enough" as unknown as Error);
});

test("startRun() leaves errors of the token as they are", async () => {
  const { client } = scripted([html(502), bad(401, "UNAUTHORIZED")]);
  expect(await thrown(client.startRun(REQUEST, KEY))).toBeInstanceOf(UnauthorizedError);
});

test("startRun() shows no token that was used as key", async () => {
  const { client } = scripted([html(502)]);
  const error = await thrown(client.startRun(REQUEST, { idempotencyKey: TOKEN }, { maxAttempts: 1 }));
  expect(error.message).not.toContain(TOKEN);
});
