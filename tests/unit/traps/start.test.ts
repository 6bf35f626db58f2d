/** Traps of starting a run: start slots, idempotency keys, and the rules for a request. */
import { expect, test } from "bun:test";
import { ConflictError, RateLimitedError, UsageError } from "../../../lib/errors.ts";
import type { Emulator } from "../../../lib/emulator/emulator.ts";
import type { AutomationRow } from "../../../lib/emulator/state/store.ts";
import type { StartRequest } from "../../../lib/model.ts";
import { triggerAutomation } from "../../../lib/run/automation.ts";
import { deriveKey } from "../../../lib/run/key.ts";
import { good, REPO_ID, run, scripted, thrown } from "../service/answers.ts";
import { freshKey, REPO, REPOS, REQUEST, SECOND_TOKEN, service } from "./service.ts";

/** An active, published automation that fits. */
function automationOf({ world }: Emulator, fits: (one: AutomationRow) => boolean): AutomationRow {
  const found = [...world.store.automations.values()].find((one) =>
    one.status === "active" && one.publishedVersion !== null && fits(one)
  );
  if (found === undefined) throw new Error("the fixture has no such automation");
  return found;
}

/** Id of the user whose token the tests use. */
function userOf({ world }: Emulator): string {
  return world.store.repos.get(REPO)?.userId ?? "";
}

/** The JSON body that the client sends for a request. */
async function body(request: StartRequest): Promise<Record<string, unknown>> {
  const { client, sent } = scripted([good({ ...run("pending"), replayed: false }, 202)]);
  await client.startRun(request, freshKey());
  return JSON.parse(sent[0]?.body ?? "");
}
const minimal: StartRequest = { repoId: REPO_ID, prompt: "Fix it" };

test("trap 08: a request that breaks a rule is refused locally and uses no start slot", async () => {
  const { client, emulator } = service();
  const wrong: StartRequest[] = [
    { ...REQUEST, repoId: "x" },
    { ...REQUEST, prompt: " " },
    { ...REQUEST, prompt: "x".repeat(100_001) },
    { ...REQUEST, harness: " " },
    { ...REQUEST, baseBranch: "a b" },
    { ...REQUEST, workingBranch: "a@b" },
    { ...REQUEST, baseBranch: "main", workingBranch: "main" },
    { ...REQUEST, rootDirectory: "../x" },
    { ...REQUEST, mode: "FAST" as never },
  ];
  for (const request of [...wrong, ...wrong]) {
    expect(await thrown(client.startRun(request, freshKey()))).toBeInstanceOf(UsageError);
  }
  for (let count = 0; count < 10; count++) await client.startRun(REQUEST, freshKey());
  expect(emulator.world.store.runs.size).toBe(10);
});

test("trap 08: a lost answer is retried with the same key, so only one run is started", async () => {
  const { client, emulator, sent } = service();
  emulator.control("fault", { kind: "reset0", processed: true, times: 1 });
  expect((await client.startRun(REQUEST, freshKey())).replayed).toBe(true);
  expect(emulator.world.store.runs.size).toBe(1);
  expect(sent).toEqual(["POST /runs", "POST /runs"]);
});

test("trap 09: the client waits for a limit that another token of the user has used up", async () => {
  const { client, clientWith, clock, notices } = service(undefined, { startLimitScope: "user" });
  const other = clientWith({ token: SECOND_TOKEN });
  for (let count = 0; count < 10; count++) await other.startRun(REQUEST, freshKey());
  expect((await client.startRun(REQUEST, freshKey())).replayed).toBe(false);
  // The limiter adds a second to the full minute.
  expect(clock.now()).toBeGreaterThanOrEqual(60_000);
  expect(clock.now()).toBeLessThanOrEqual(61_000);
  expect(notices[0]).toMatchObject({ kind: "wait", fromService: true });
});

test("trap 09: the hourly limit is thrown when waiting would exceed the timeout", async () => {
  const { client, clock } = service();
  for (let count = 0; count < 30; count++) await client.startRun(REQUEST, freshKey());
  const error = await thrown(client.startRun(REQUEST, freshKey()));
  expect(error).toBeInstanceOf(RateLimitedError);
  expect((error as RateLimitedError).retryAfterMs).toBeGreaterThan(3_000_000);
  expect(clock.now()).toBeLessThan(600_000);
});

test("trap 11: a replay is marked as such, and returns the run as it is now", async () => {
  const { client, emulator } = service();
  const key = freshKey();
  const first = await client.startRun(REQUEST, key);
  emulator.control("setRun", { runId: first.runId, run: { status: "failed", error: "x" } });
  expect(await client.startRun(REQUEST, key)).toMatchObject({ runId: first.runId, replayed: true, status: "failed" });
  expect(first.replayed).toBe(false);
});

test("trap 27: the error about a legal Git branch that the service refuses names the character", async () => {
  const { client } = service();
  const error = await thrown(
    client.startRun({ ...REQUEST, baseBranch: "dependabot/npm_and_yarn/@types/node-20" }, freshKey()),
  );
  expect(error.message).toContain(`the character "@" is not allowed`);
});

test("trap 28: an absolute root directory is accepted, and made relative", async () => {
  expect((await body({ ...minimal, rootDirectory: "/apps/web" })).rootDirectory).toBe("apps/web");
  const { client } = service();
  expect((await client.startRun({ ...REQUEST, rootDirectory: "/apps/web" }, freshKey())).rootDirectory).toBe(
    "apps/web",
  );
});

test("trap 29: a value of the wrong type is refused, and not silently dropped", async () => {
  const { client, sent } = service();
  for (
    const more of [{ createBranch: "true" }, { createBranch: 1 }, { harness: 5 }, { mode: 1 }, { baseBranch: {} }, {
      rootDirectory: 7,
    }]
  ) {
    expect(await thrown(client.startRun({ ...REQUEST, ...more } as StartRequest, freshKey()))).toBeInstanceOf(
      UsageError,
    );
  }
  expect(sent).toEqual([]);
});

test("trap 30: only the three known modes are ever sent", async () => {
  expect((await body({ ...minimal, mode: " yolo " as never })).mode).toBe("YOLO");
  expect(await body(minimal)).not.toHaveProperty("mode");
  const { client } = service();
  for (const mode of ["review", "fast", ""]) {
    expect(await thrown(client.startRun({ ...REQUEST, mode: mode as never }, freshKey()))).toBeInstanceOf(UsageError);
  }
});

test("trap 31: a derived key depends on the repository, since a key is valid for all of a user's repositories", async () => {
  const identity = {
    server: "https://gitlab.example",
    project: "7",
    pipeline: "8",
    job: "agent",
    node: "",
    attempt: "9",
    date: "2026-08-10",
    schedule: "",
  };
  const keys = await Promise.all(REPOS.map(({ id }) => deriveKey({ scope: "day", identity, repoId: id, nowMs: 0 })));
  expect(new Set(keys.map(({ key }) => key)).size).toBe(REPOS.length);
});

test("trap 31: a key of another request is a conflict, which is not retried and names the key", async () => {
  const { client, sent } = service();
  const key = freshKey();
  await client.startRun(REQUEST, key);
  const error = await thrown(client.startRun({ ...REQUEST, repoId: REPOS[1]?.id ?? "" }, key));
  expect(error).toBeInstanceOf(ConflictError);
  expect(error.message).toContain(`"${key.idempotencyKey}" was already used for another request`);
  expect(sent.length).toBe(2);
});

test("trap 32: a trigger that was accepted but suppressed differs from one that started work", async () => {
  const { client, emulator } = service();
  const automation = [...emulator.world.store.automations.values()].find((
    { status, publishedVersion, installationId },
  ) =>
    status === "active" && publishedVersion !== null &&
    emulator.world.store.repos.get(REPO)?.installation_id === installationId
  );
  const id = automation?.id ?? "";
  const key = freshKey();
  const first = await client.triggerAutomation(id, { repoId: REPO }, key);
  expect(first).toMatchObject({ outcome: "queued", automationId: id });
  const again = await client.triggerAutomation(id, { repoId: REPO, input: { other: true } }, key);
  expect(again).toMatchObject({
    outcome: "suppressed",
    reason: "IDEMPOTENT_DUPLICATE",
    started: false,
    jobRunId: first.jobRunId,
  });
});

test("trap 32: keys of triggers begin with the ids of automation and repository, so that they differ from other users' keys", async () => {
  const { options, emulator } = service("automation-stuck");
  const shared = { idempotencyKey: "weekly" };
  const stranger = automationOf(emulator, (one) => one.userId !== userOf(emulator));
  const strangers = [...emulator.world.store.tokens.values()].find(({ userId }) => userId === stranger.userId);
  const theirs = [...emulator.world.store.repos.values()].find((repo) =>
    repo.installation_id === stranger.installationId
  );
  // A client of another user, which sends the key without a prefix.
  const other = service().clientWith({ token: strangers?.token ?? "", fetch: options().fetch });
  const first = await other.triggerAutomation(stranger.id, { repoId: theirs?.id ?? "" }, shared);
  const ours = automationOf(
    emulator,
    (one) => emulator.world.store.repos.get(REPO)?.installation_id === one.installationId,
  );
  const mine = await triggerAutomation(ours.id, { repoId: REPO }, options(shared));
  expect(mine).toMatchObject({ replayed: false, status: "running", idempotencyKey: `${ours.id}/${REPO}/weekly` });
  expect(mine.runId).not.toBe(first.jobRunId ?? "");
});

test("trap 32: another input starts another run, although the base would silently return the first one", async () => {
  const { options, emulator } = service("automation-stuck");
  const { id } = automationOf(
    emulator,
    (one) => emulator.world.store.repos.get(REPO)?.installation_id === one.installationId,
  );
  const env = (name: string) => ({ CI: "true", MOGPLEX_CI_JOB: "nightly" })[name];
  const trigger = (input: Record<string, unknown>) => triggerAutomation(id, { repoId: REPO, input }, options({ env }));
  const [first, second, again] = [await trigger({ a: 1 }), await trigger({ a: 2 }), await trigger({ a: 1 })];
  expect(second).toMatchObject({ replayed: false });
  expect(again).toMatchObject({ replayed: true, runId: first.runId });
  expect(second.runId).not.toBe(first.runId);
});

test("trap 52: a root directory is sent only when it is given, and null or a dot forces the repository's root", async () => {
  expect(await body(minimal)).not.toHaveProperty("rootDirectory");
  expect((await body({ ...minimal, rootDirectory: null })).rootDirectory).toBeNull();
  expect((await body({ ...minimal, rootDirectory: "." })).rootDirectory).toBeNull();
  const stored = REPOS.find(({ root_directory }) => root_directory !== null);
  const { client } = service();
  const at = { ...REQUEST, repoId: stored?.id ?? "" };
  expect((await client.startRun(at, freshKey())).rootDirectory).toBe(stored?.root_directory ?? "");
  expect((await client.startRun({ ...at, rootDirectory: null }, freshKey())).rootDirectory).toBeNull();
});
