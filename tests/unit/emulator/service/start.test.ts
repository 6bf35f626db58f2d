import { expect, test } from "bun:test";
import { API_REPO, arrange, type Arranged } from "../arrange.ts";

const post = ({ call }: Arranged, key: string, body: object, token = "alice_rw") =>
  call("POST", "/runs", {
    headers: { "idempotency-key": key },
    body: { repoId: API_REPO, prompt: "x", ...body },
    token,
  });

const failure = async (answer: ReturnType<typeof post>) => {
  const { status, json } = await answer;
  return `${status} ${json.error.message}`;
};

test("startRun() judges fields in the service's order", async () => {
  const world = arrange();
  const wrong = {
    prompt: "",
    harness: "x",
    baseBranch: "a b",
    rootDirectory: "..",
    workingBranch: "a b",
    createBranch: true,
  };
  const seen: string[] = [];
  const fixes: object[] = [
    {},
    { prompt: "p".repeat(100_001) },
    { prompt: "p" },
    { harness: "codex" },
    { baseBranch: "main" },
    { rootDirectory: "." },
    { workingBranch: "main" },
  ];
  let body = wrong;
  for (const fix of fixes) {
    body = { ...body, ...fix };
    seen.push(await failure(post(world, "k", body)));
  }
  expect(seen).toEqual([
    "400 Prompt is required",
    "400 Prompt is too long",
    "400 Invalid harness",
    "400 Invalid base branch",
    "400 Invalid root directory",
    "400 Invalid working branch",
    "400 Working branch must differ from base branch when createBranch is true",
  ]);
});

test("startRun() counts a prompt of 100 000 UTF-16 units as short enough, after trimming", async () => {
  const world = arrange();
  expect((await post(world, "k", { prompt: ` ${"😀".repeat(50_000)} ` })).status).toBe(202);
});

test("startRun() takes the spelling of the repository id into the hash", async () => {
  const world = arrange();
  const first = await post(world, "k", {});
  const same = await post(world, "k", { repoId: ` ${API_REPO} ` });
  const upper = await post(world, "k", { repoId: API_REPO.toUpperCase() });
  const other = await post(world, "k2", { repoId: API_REPO.toUpperCase() });
  expect([first.status, same.json.data.replayed, upper.status, other.status]).toEqual([202, true, 409, 202]);
  expect(other.json.data.repoId).toBe(API_REPO);
});

test("startRun() answers 404 for a repository id without dashes or in braces, which has taken a start slot", async () => {
  const world = arrange();
  const seen = [];
  for (const repoId of [API_REPO.replaceAll("-", ""), `{${API_REPO}}`, API_REPO.replace("-", "")]) {
    seen.push(await failure(post(world, "k", { repoId })));
  }
  expect(seen).toEqual(["404 Repo not found", "404 Repo not found", "404 Repo not found"]);
  for (let count = 0; count < 7; count++) expect((await post(world, "k", {})).status).toBe(202);
  expect((await post(world, "k", {})).status).toBe(429);
});

test("startRun() refuses a root directory with %2e or %2e%2e as a whole segment, before it trims, and no other spelling", async () => {
  const world = arrange();
  const refused = ["%2e", "%2E%2e", "a/%2e%2E/b", "a/%2e", "a/../b", "..", " .. "];
  const seen = [];
  for (const rootDirectory of refused) seen.push(await failure(post(world, "k", { rootDirectory })));
  expect(seen).toEqual(refused.map(() => "400 Invalid root directory"));
  world.emulator.control("reset");
  const accepted = [".%2e", "%2e.", " %2e", "a/ %2e /b", "%2e%2e%2e", "a%2e"];
  const roots = [];
  for (const rootDirectory of accepted) {
    roots.push(
      (await post(world, rootDirectory.replace(/[^a-z2]/g, "_") + roots.length, { rootDirectory })).json.data
        ?.rootDirectory,
    );
  }
  expect(roots).toEqual(accepted.map((root) => root.trim()));
});

test("startRun() answers 503 for a repository id that is no UUID, and takes no slot for it", async () => {
  const world = arrange();
  for (let count = 0; count < 12; count++) {
    expect((await post(world, "k", { repoId: count % 2 ? "abc" : " " })).status).toBe(503);
  }
  expect((await post(world, "k", {})).status).toBe(202);
});

test("startRun() answers 503 for a bad id even when the quota is used up", async () => {
  const world = arrange();
  for (let count = 0; count < 10; count++) await post(world, "k", {});
  const bad = await post(world, "k", { repoId: "abc" });
  expect([(await post(world, "k", {})).status, bad.status, bad.headers.get("retry-after")]).toEqual([429, 503, "60"]);
});

test('startRun() counts starts of one token by default, and of a user with the scope "user"', async () => {
  for (const [scope, expected] of [["token", 202], ["user", 429]] as const) {
    const world = arrange({ startLimitScope: scope });
    for (let count = 0; count < 10; count++) await post(world, "k", {});
    expect((await post(world, "k", {}, "alice_rw2")).status).toBe(expected);
  }
});

test("startRun() sees a slot used by a bad field, and none by a bad key or body", async () => {
  const world = arrange();
  for (let count = 0; count < 20; count++) {
    await world.call("POST", "/runs", { body: {} });
    await world.call("POST", "/runs", { headers: { "idempotency-key": "k".repeat(201) }, body: {} });
  }
  for (let count = 0; count < 9; count++) await post(world, "k", { prompt: "" });
  expect((await post(world, "k", {})).status).toBe(202);
  expect((await post(world, "k", {})).status).toBe(429);
});

test("startRun() lets one of two simultaneous starts insert, and answers the other as a replay", async () => {
  const world = arrange();
  const [a, b] = await Promise.all([post(world, "k", {}), post(world, "k", {})]);
  expect([a.status, b.status, a.json.data.runId === b.json.data.runId]).toEqual([202, 202, true]);
  expect([a.json.data.replayed, b.json.data.replayed].sort()).toEqual([false, true]);
});

const FAILURES: [string, object, number, string][] = [
  ["select repos", { op: "select", table: "repos" }, 500, "202 pending"],
  ["select runs", { op: "select", table: "external_agent_runs" }, 500, "202 pending"],
  ["select sandboxes", { op: "select", table: "sandboxes" }, 500, "202 pending"],
  ["insert calls", { op: "insert", table: "ai_calls" }, 500, "202 pending"],
  ["insert runs", { op: "insert", table: "external_agent_runs" }, 500, "202 pending"],
  ["update runs", { op: "update", table: "external_agent_runs" }, 500, "202 pending"],
  ["insert events", { op: "insert", table: "ai_call_events" }, 202, "202 pending"],
];

for (const [name, args, status, retry] of FAILURES) {
  test(`startRun() can be retried with its key when the store fails once: ${name}`, async () => {
    const world = arrange();
    world.emulator.control("failStore", { ...args, times: 1 });
    const first = await post(world, "k", {});
    const second = await post(world, "k", {});
    expect([first.status, `${second.status} ${second.json.data.status}`]).toEqual([status, retry]);
    expect(world.emulator.world.store.runs.size).toBe(1);
  });
}

test("startRun() leaves the run pending when the queue refuses and that cannot be recorded either", async () => {
  const world = arrange();
  world.emulator.control("failQueue", { times: 1, message: "full" });
  world.emulator.control("failStore", { op: "update", table: "external_agent_runs", times: 1 });
  expect((await post(world, "k", {})).status).toBe(500);
  const { json } = await post(world, "k", {});
  expect([json.data.status, json.data.error, json.data.runtime.provider]).toEqual(["pending", null, null]);
});

test("startRun() is refused by a limiter that fails", async () => {
  const world = arrange();
  world.emulator.control("failLimiter", { times: 1 });
  expect(await failure(post(world, "k", {}))).toBe("503 External Mogplex run rate limit unavailable");
  expect((await post(world, "k", {})).status).toBe(202);
});

test("startRun() cannot store NUL, wherever it comes", async () => {
  const world = arrange();
  for (const field of ["prompt", "mode", "conversationId", "workspaceSessionId"]) {
    expect((await post(world, "k", { [field]: "a\0b" })).status).toBe(500);
  }
  expect((await post(world, "k", {})).status).toBe(202);
});
