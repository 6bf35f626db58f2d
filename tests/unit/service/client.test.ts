import { expect, test } from "bun:test";
import { UnauthorizedError, UsageError } from "../../../lib/errors.ts";
import { routesAt } from "../../../lib/service/calls.ts";
import { createMogplex } from "../../../mod.ts";
import type { Uuid } from "../../../lib/service/contract.ts";
import { checkUuid } from "../../../lib/service/validate.ts";
import { good, html, REPO_ID, run, RUN_ID, scripted, thrown, TOKEN } from "./answers.ts";

const AUTOMATION_ID = "3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d";
const REPO = {
  id: REPO_ID,
  full_name: "acme/web",
  installation_id: 12345678,
  default_branch: "main",
  root_directory: null,
};
const TRIGGERED = {
  automationId: AUTOMATION_ID,
  jobRunId: RUN_ID,
  outcome: "queued",
  reason: null,
  started: true,
  status: "running",
  runtime: { provider: "trigger", runId: "run_x" },
};
const KEY = { idempotencyKey: "key-1" };

/** Sends one call and tells what went out and what came back. */
async function exchange(
  answer: unknown,
  status: number,
  call: (client: ReturnType<typeof scripted>["client"]) => Promise<unknown>,
) {
  const { client, sent } = scripted([good(answer, status)]);
  const result = await call(client);
  const [request] = sent;
  return {
    request: `${request?.method} ${request?.path}`,
    body: request?.body,
    key: request?.headers.get("idempotency-key"),
    result,
  };
}

test("listRepos() asks with its query and gives the list", async () => {
  expect(await exchange({ repos: [REPO] }, 200, (client) => client.listRepos({ q: "a&b/c d", limit: 5 }))).toEqual(
    { request: "GET /repos?q=a%26b%2Fc+d&limit=5", body: "", key: null, result: [REPO] },
  );
  expect((await exchange({ repos: [] }, 200, (client) => client.listRepos())).request).toBe("GET /repos");
});

test("listRepos() takes a missing installation and unknown fields", async () => {
  const { result } = await exchange(
    { repos: [{ id: REPO_ID, full_name: "a/b", later: 1 }] },
    200,
    (client) => client.listRepos(),
  );
  expect(result).toEqual(
    [
      { id: REPO_ID, full_name: "a/b", later: 1, installation_id: null, default_branch: null, root_directory: null },
    ] as unknown as typeof result,
  );
});

test("listSandboxes() asks by repo_id", async () => {
  const { request } = await exchange(
    { sandboxes: [] },
    200,
    (client) => client.listSandboxes({ repoId: REPO_ID.toUpperCase(), status: "running", limit: 200 }),
  );
  expect(request).toBe(`GET /sandboxes?repo_id=${REPO_ID}&status=running&limit=200`);
});

test("startRun() posts the request under its key and gives the flat answer", async () => {
  const answer = { ...run("pending"), replayed: false, worktreeId: null };
  const { request, body, key, result } = await exchange(
    answer,
    202,
    (client) =>
      client.startRun(
        { repoId: REPO_ID, prompt: " Fix it\n", rootDirectory: "/apps//web/", mode: "safe" as never },
        KEY,
      ),
  );
  expect([request, key]).toEqual(["POST /runs", "key-1"]);
  expect(JSON.parse(body ?? "")).toEqual({
    repoId: REPO_ID,
    prompt: "Fix it",
    rootDirectory: "apps/web",
    mode: "SAFE",
  });
  expect(result).toEqual(answer);
});

test("getRun() and getRunEvents() give what lies under data", async () => {
  expect(await exchange({ run: run() }, 200, (client) => client.getRun(RUN_ID))).toMatchObject({
    request: `GET /runs/${RUN_ID}`,
    result: run(),
  });
  const events = [{
    id: RUN_ID,
    type: "log",
    toolName: null,
    message: "x",
    payload: {},
    createdAt: "2026-08-10T12:07:41.02+00:00",
  }];
  expect(await exchange({ run: run(), events }, 200, (client) => client.getRunEvents(RUN_ID, { limit: 7 })))
    .toMatchObject(
      { request: `GET /runs/${RUN_ID}/events?limit=7`, result: { run: run(), events } },
    );
});

test("getRun(), getRunEvents() and cancelRun() refuse an answer about another run", async () => {
  const other = { ...run("success"), runId: AUTOMATION_ID };
  const once = { maxAttempts: 1 };
  for (
    const [answer, call] of [
      [{ run: other }, (client) => client.getRun(RUN_ID, once)],
      [{ run: other, events: [] }, (client) => client.getRunEvents(RUN_ID, {}, once)],
      [{ run: other, status: "success", alreadyTerminal: true }, (client) => client.cancelRun(RUN_ID, once)],
    ] as [unknown, Parameters<typeof exchange>[2]][]
  ) {
    expect(await thrown(exchange(answer, 200, call))).toMatchObject({
      message: expect.stringContaining("another run"),
    });
  }
});

test("getRun(), getRunEvents() and cancelRun() refuse a run of another repository than its first answer named", async () => {
  const other = run("success", { repoId: AUTOMATION_ID });
  const once = { maxAttempts: 1 };
  const request = { repoId: REPO_ID.toUpperCase(), prompt: "x" };
  const calls: ((client: ReturnType<typeof scripted>["client"]) => Promise<unknown>)[] = [
    (client) => client.getRun(RUN_ID, once),
    (client) => client.getRunEvents(RUN_ID, {}, once),
    (client) => client.cancelRun(RUN_ID, once),
    (client) => client.startRun(request, KEY, once),
  ];
  const answers = (
    of: ReturnType<typeof run>,
  ) => [{ run: of }, { run: of, events: [] }, { run: of, status: of.status, alreadyTerminal: true }];
  const named = run("streaming", { repoId: REPO_ID.toUpperCase() });
  for (const [index, first] of [...answers(named), { ...named, replayed: false }].entries()) {
    for (const [later, damaged] of answers(other).entries()) {
      const { client } = scripted([good(first), good(damaged), good(answers(run("success"))[later])]);
      await calls[index]?.(client);
      expect(await thrown(calls[later]?.(client) as Promise<unknown>)).toMatchObject({
        message: expect.stringContaining("data.run.repoId: a different repository than before"),
        exit: "unavailable",
      });
      await calls[later]?.(client);
    }
  }
});

test("getRunEvents() keeps no more events than it asked for", async () => {
  const event = { type: "log", toolName: null, message: "x", payload: {}, createdAt: "2026-08-10T12:07:41+00:00" };
  const events = Array.from({ length: 50_000 }, (_, index) => ({ ...event, id: String(index) }));
  const { result } = await exchange({ run: run(), events }, 200, (client) => client.getRunEvents(RUN_ID));
  expect((result as { events: unknown[] }).events).toEqual(events.slice(-200));
});

test("a client never sends its token as an idempotency key", async () => {
  const token = "oauth~token-1";
  const { client, sent } = scripted([html(500)], { token });
  const key = { idempotencyKey: `weekly ${token}` };
  expect(await thrown(client.startRun({ repoId: REPO_ID, prompt: "x" }, key))).toBeInstanceOf(UsageError);
  expect(await thrown(client.triggerAutomation(AUTOMATION_ID, { repoId: REPO_ID }, key))).toBeInstanceOf(UsageError);
  expect(sent).toEqual([]);
});

test("a client sends no text that the service cannot store", async () => {
  const { client, sent } = scripted([html(500)]);
  for (const text of ["a\0", "\ud800"]) {
    const input = { names: [{ [text]: 1 }] };
    const calls = [
      client.startRun({ repoId: REPO_ID, prompt: text }, KEY),
      client.triggerAutomation(AUTOMATION_ID, { repoId: REPO_ID, input }, KEY),
      client.listRepos({ q: text }),
      client.listRepos({ id: text }),
      client.listSandboxes({ status: text }),
      client.listAutomations({ cursor: text }),
    ];
    for (const call of calls) expect(await thrown(call)).toBeInstanceOf(UsageError);
  }
  expect(sent).toEqual([]);
});

test("cancelRun() takes an answer that contradicts itself for damaged, and asks again", async () => {
  for (const [inside, beside] of [["failed", "success"], ["streaming", "cancelled"], ["success", "failed"]] as const) {
    const damaged = good({ run: run(inside), status: beside, alreadyTerminal: false });
    const whole = good({ run: run("failed"), status: "failed", alreadyTerminal: true });
    const { client, sent, notices } = scripted([damaged, whole]);
    expect((await client.cancelRun(RUN_ID)).run.status).toBe("failed");
    expect([sent.length, notices]).toEqual([2, [expect.objectContaining({ cause: "invalid_answer" })]]);
    const once = scripted([damaged]).client.cancelRun(RUN_ID, { maxAttempts: 1 });
    expect((await thrown(once)).message).toContain("breaks the API's contract at data.status");
  }
});

test("cancelRun() posts without a body, and is tried again", async () => {
  const answer = { run: run("cancelled"), status: "cancelled", alreadyTerminal: false };
  const { client, sent } = scripted([html(502), good(answer)]);
  expect(await client.cancelRun(RUN_ID)).toEqual(answer);
  expect(sent.map(({ method, path, body }) => [method, path, body])).toEqual(
    Array(2).fill(["POST", `/runs/${RUN_ID}/cancel`, ""]),
  );
});

test("listAutomations() and getAutomation() give pages and single ones", async () => {
  const automation = {
    id: AUTOMATION_ID,
    installationId: 1,
    name: "n",
    description: null,
    status: "active",
    publishedVersionId: null,
    createdAt: "x",
    updatedAt: "y",
  };
  expect(
    await exchange(
      { automations: [automation], nextCursor: "abc=" },
      200,
      (client) => client.listAutomations({ limit: 2, cursor: "a+b" }),
    ),
  )
    .toMatchObject({
      request: "GET /automations?limit=2&cursor=a%2Bb",
      result: { automations: [automation], nextCursor: "abc=" },
    });
  expect(await exchange({ automation }, 200, (client) => client.getAutomation(AUTOMATION_ID)))
    .toMatchObject({ request: `GET /automations/${AUTOMATION_ID}`, result: automation });
});

test("getAutomation() takes the version's id out of the version, where the record has it", async () => {
  const record = {
    id: AUTOMATION_ID,
    installationId: 1,
    name: "n",
    description: null,
    status: "active",
    createdAt: "x",
    updatedAt: "y",
    publishedVersion: { id: RUN_ID, versionNumber: 3, graph: { nodes: [] } },
    runSummary: { lastRunId: RUN_ID, lastRunStatus: "failed", runningCount: 1, pendingCount: 0, failed24h: "x" },
  };
  const { client } = scripted([good({ automation: record })]);
  expect(await client.getAutomation(AUTOMATION_ID)).toMatchObject({
    publishedVersionId: RUN_ID,
    publishedVersion: { id: RUN_ID, versionNumber: 3 },
    runSummary: { lastRunStatus: "failed", runningCount: 1, failed24h: null },
  });
  const never = { ...record, publishedVersion: null, runSummary: undefined };
  expect(await scripted([good({ automation: never })]).client.getAutomation(AUTOMATION_ID)).toMatchObject({
    publishedVersionId: null,
    publishedVersion: null,
    runSummary: null,
  });
});

test("triggerAutomation() posts under its key", async () => {
  const exchanged = await exchange(
    { run: TRIGGERED },
    202,
    (client) => client.triggerAutomation(AUTOMATION_ID, { repoId: REPO_ID, input: { a: 1 } }, KEY),
  );
  expect(exchanged).toEqual({
    request: `POST /automations/${AUTOMATION_ID}/trigger`,
    body: JSON.stringify({ repoId: REPO_ID, input: { a: 1 } }),
    key: "key-1",
    result: TRIGGERED,
  });
});

test("listAutomationRuns() and getAutomationRun() keep no more than what is safe to print", async () => {
  const record = {
    id: RUN_ID,
    status: "running",
    created_at: "x",
    started_at: null,
    completed_at: null,
    duration_ms: 5,
    error: null,
    last_start_error: null,
    active_wait_count: 1,
  };
  const raw = { ...record, waits: [{ resume_token: "whsec_x" }], ai_calls: [] };
  expect(await exchange({ runs: [raw] }, 200, (client) => client.listAutomationRuns(AUTOMATION_ID, { limit: 3 })))
    .toMatchObject({ request: `GET /automations/${AUTOMATION_ID}/runs?limit=3`, result: [record] });
  const { request, result } = await exchange(
    { run: raw },
    200,
    (client) => client.getAutomationRun(AUTOMATION_ID, RUN_ID),
  );
  expect(request).toBe(`GET /automations/${AUTOMATION_ID}/runs/${RUN_ID}`);
  expect(result).toEqual(record);
});

test("getAutomationRun() throws NotFoundError for the documented null", async () => {
  const { client } = scripted([good({ run: null })]);
  expect((await thrown(client.getAutomationRun(AUTOMATION_ID, RUN_ID))).name).toBe("NotFoundError");
});

test("getAutomationRun() refuses an answer about another run", async () => {
  const { client } = scripted([good({ run: { id: AUTOMATION_ID, status: "success" } })]);
  const error = await thrown(client.getAutomationRun(AUTOMATION_ID, RUN_ID, { maxAttempts: 1 }));
  expect(error.message).toContain("another run");
});

test("triggerAutomation() refuses a run whose id is no UUID, and takes a missing one for none", async () => {
  const call = (run: object) =>
    scripted([good({ run }, 202)]).client.triggerAutomation(AUTOMATION_ID, { repoId: REPO_ID }, KEY, {
      maxAttempts: 1,
    });
  expect((await thrown(call({ ...TRIGGERED, jobRunId: "../x" }))).name).toBe("UnavailableError");
  expect((await call({ ...TRIGGERED, jobRunId: undefined })).jobRunId).toBeNull();
});

test("cancelAutomationRun() posts, tells a status as far as there is one, and says where the route may be missing", async () => {
  const cancel = (client: ReturnType<typeof scripted>["client"]) => client.cancelAutomationRun(AUTOMATION_ID, RUN_ID);
  expect(await exchange({ status: "cancelled" }, 200, cancel)).toMatchObject({
    request: `POST /automations/${AUTOMATION_ID}/runs/${RUN_ID}/cancel`,
    body: "",
    result: { status: "cancelled" },
  });
  expect((await exchange({ run: {} }, 200, cancel)).result).toMatchObject({ status: null });
  const error = await thrown(cancel(scripted([html(404)]).client));
  expect(error).toMatchObject({ name: "UnavailableError", status: 404 });
  expect(error.message).toContain("this revision of the service may not have this route");
});

test("routesAt() takes checked ids alone into a path, by its type", () => {
  const route = routesAt("https://mogplex.example").runs[":runId"];
  const send = (runId: string) =>
    // @ts-expect-error: an unchecked id
    route.$get({ param: { runId } });
  expect(send).toBeFunction();
  expect(checkUuid(RUN_ID.toUpperCase(), "run id") satisfies Uuid).toBe(RUN_ID as Uuid);
});

test("every method refuses an id that is no UUID before it sends anything", async () => {
  const { client, sent } = scripted([good({})]);
  for (
    const id of [
      "",
      "run-1",
      "../repos?x=1#",
      `${RUN_ID}/events`,
      `${RUN_ID}%2f`,
      "5b1f0c1e6a534d0c9d5e0f7c7b0a9b11",
      `${RUN_ID}\n::x`.slice(1),
    ]
  ) {
    const calls = [
      client.getRun(id),
      client.getRunEvents(id),
      client.cancelRun(id),
      client.listSandboxes({ repoId: id }),
      client.startRun({ repoId: id, prompt: "x" }, KEY),
      client.getAutomation(id),
      client.triggerAutomation(id, { repoId: REPO_ID }, KEY),
      client.triggerAutomation(AUTOMATION_ID, { repoId: id }, KEY),
      client.listAutomationRuns(id),
      client.getAutomationRun(AUTOMATION_ID, id),
      client.getAutomationRun(id, RUN_ID),
      client.cancelAutomationRun(id, RUN_ID),
      client.cancelAutomationRun(AUTOMATION_ID, id),
    ];
    for (const call of calls) expect(await thrown(call)).toBeInstanceOf(UsageError);
  }
  expect(sent).toEqual([]);
});

test("the api of createMogplex() refuses plain HTTP unless it was permitted, and a malformed token", () => {
  const create = (options: { token?: string; url?: string }, variables: Record<string, string> = {}) => () =>
    createMogplex({ token: TOKEN, env: (name) => variables[name], ...options }).api;
  const dev = { MOGPLEX_DEV: "1" };
  expect(create({ url: "http://127.0.0.1:4000" })).toThrow(UsageError);
  expect(create({ url: "http://127.0.0.1:4000" }, dev)().origin).toBe("http://127.0.0.1:4000");
  expect(create({ url: "http://emulator:4000" }, dev)).toThrow(UsageError);
  expect(create({ url: "http://emulator:4000" }, { ...dev, MOGPLEX_DEV_HOST: "emulator:4000" })().origin).toBe(
    "http://emulator:4000",
  );
  expect(create({ url: "https://www.mogplex.com/" })().origin).toBe("https://mogplex.com");
  expect(create({})().origin).toBe("https://mogplex.com");
  expect(create({ token: "" })).toThrow(UnauthorizedError);
  expect(create({ token: "mog_a\r\nX-Evil: 1" })).toThrow(UnauthorizedError);
});

test("the api of createMogplex() takes token and origin from the environment when they are not given, and announces the latter", () => {
  const variables: Record<string, string> = { MOGPLEX_API_KEY: TOKEN, MOGPLEX_URL: "https://mogplex.example" };
  const notices: unknown[] = [];
  const client = createMogplex({ env: (name) => variables[name], onNotice: (notice) => notices.push(notice) }).api;
  expect(client.origin).toBe("https://mogplex.example");
  expect(notices).toEqual([{ kind: "text", message: "sending requests and the token to https://mogplex.example" }]);
  expect(() => createMogplex({ env: () => undefined }).api).toThrow("variable MOGPLEX_API_KEY is not set");
});

test("every list refuses a limit that the service would silently change", async () => {
  const { client, sent } = scripted([good({})]);
  for (const limit of [0, -1, 1.5, NaN, 201]) {
    const calls = [
      client.listRepos({ limit }),
      client.listSandboxes({ limit }),
      client.getRunEvents(RUN_ID, { limit }),
      client.listAutomations({ limit }),
      client.listAutomationRuns(AUTOMATION_ID, { limit }),
    ];
    for (const call of calls) expect(await thrown(call)).toBeInstanceOf(UsageError);
  }
  expect(sent).toEqual([]);
});
