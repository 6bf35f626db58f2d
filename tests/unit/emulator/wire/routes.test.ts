import { expect, test } from "bun:test";
import {
  automationRunDataSchema,
  automationRunsSchema,
  automationSchema,
  automationsSchema,
  cancelResultSchema,
  readData,
  readFailure,
  reposSchema,
  runDataSchema,
  runEventsSchema,
  sandboxesSchema,
  type Schema,
  startResultSchema,
  triggerSchema,
} from "../../../../lib/service/contract.ts";
import { API_REPO, arrange, AUTOMATION, TOKENS } from "../arrange.ts";

const NOBODY = "0f0f0f0f-0000-4000-8000-00000000dead";

test("every route that a client uses answers what the contract's schema reads", async () => {
  const { call } = arrange();
  const start = await call("POST", "/runs", {
    headers: { "idempotency-key": "k" },
    body: { repoId: API_REPO, prompt: "x" },
  });
  const runId = start.json.data.runId;
  const trigger = await call("POST", `/automations/${AUTOMATION}/trigger`, {
    headers: { "idempotency-key": "t" },
    body: { repoId: API_REPO },
  });
  const answers: [Schema<unknown>, unknown][] = [
    [startResultSchema, start.json],
    [triggerSchema, trigger.json],
    [runDataSchema, (await call("GET", `/runs/${runId}`)).json],
    [runEventsSchema, (await call("GET", `/runs/${runId}/events`)).json],
    [cancelResultSchema, (await call("POST", `/runs/${runId}/cancel`)).json],
    [reposSchema, (await call("GET", "/repos")).json],
    [sandboxesSchema, (await call("GET", "/sandboxes")).json],
    [automationsSchema, (await call("GET", "/automations")).json],
    [automationSchema, (await call("GET", `/automations/${AUTOMATION}`)).json],
    [automationRunsSchema, (await call("GET", `/automations/${AUTOMATION}/runs`)).json],
    [
      automationRunDataSchema,
      (await call("GET", `/automations/${AUTOMATION}/runs/${trigger.json.data.run.jobRunId}`)).json,
    ],
  ];
  expect(answers.map(([schema, json]) => readData(json, schema)).filter((result) => !result.ok)).toEqual([]);
});

test("a detail of an automation run has the lists that its summary has not", async () => {
  const { call } = arrange();
  const trigger = await call("POST", `/automations/${AUTOMATION}/trigger`, {
    headers: { "idempotency-key": "t" },
    body: { repoId: API_REPO, input: { a: 1 } },
  });
  const { run } = (await call("GET", `/automations/${AUTOMATION}/runs/${trigger.json.data.run.jobRunId}`)).json.data;
  expect(run.dispatch_events.map((event: { event_kind: string; outcome: string }) => [event.event_kind, event.outcome]))
    .toEqual([["enqueue", "queued"], ["start", "started"]]);
  expect([run.ai_calls, run.review_findings, run.waits, run.latest_ai_call]).toEqual([[], [], [], null]);
});

test("a list of sandboxes refuses a repository id that is no UUID", async () => {
  const { call } = arrange();
  const { status, json } = await call("GET", "/sandboxes?repo_id=abc");
  expect([status, readFailure(json)]).toEqual([500, { code: "INTERNAL_ERROR", message: "Failed to list sandboxes" }]);
});

test("ids in paths are read in every spelling of a UUID, and a malformed one is a 500", async () => {
  const { call, start } = arrange();
  const runId = await start();
  const spellings = [runId, runId.toUpperCase(), runId.replaceAll("-", ""), "abc", "%00", "..%2frepos", NOBODY];
  const statuses = [];
  for (const id of spellings) statuses.push((await call("GET", `/runs/${id}`)).status);
  expect(statuses).toEqual([200, 200, 200, 500, 500, 500, 404]);
});

test("methods that a route does not have are 405 without a body, and OPTIONS lists the others", async () => {
  const { call } = arrange();
  const wrong = await call("DELETE", "/repos");
  expect([wrong.status, wrong.text, wrong.headers.get("content-type")]).toEqual([405, "", null]);
  const options = await call("OPTIONS", "/automations");
  expect([options.status, options.headers.get("allow")]).toEqual([204, "GET, HEAD, OPTIONS, POST"]);
  expect((await call("GET", "/mcp")).status).toBe(405);
});

test("POST /pr-reviews/rerun queues a review in a later revision", async () => {
  const { call } = arrange({ revision: { prReviews: true } });
  const { status, json } = await call("POST", "/pr-reviews/rerun", { body: { repoId: API_REPO, prNumber: 7 } });
  expect([status, json]).toEqual([200, {
    ok: true,
    data: {
      queued: true,
      jobRunId: expect.any(String),
      prNumber: 7,
      repoId: API_REPO,
      started: true,
      deferred: false,
      reason: null,
      status: "running",
      runtimeProvider: "trigger",
      runtimeRunId: expect.any(String),
      workflowRunId: null,
      versionFallbackUsed: false,
    },
  }]);
});

test("routes of later revisions are the HTML page in the base", async () => {
  const { call } = arrange();
  const answers = [
    await call("POST", "/pr-reviews/rerun", { body: {} }),
    await call("OPTIONS", "/pr-reviews/rerun"),
    await call("POST", `/automations/${AUTOMATION}/runs/${NOBODY}/cancel`),
    await call("GET", `/runs/${NOBODY}/events/stream`),
  ];
  expect(answers.map(({ status, headers }) => [status, headers.get("content-type")])).toEqual(
    answers.map(() => [404, "text/html; charset=utf-8"]),
  );
});

test("routes outside the emulator refuse as the service does and then say where the emulator ends", async () => {
  const { call } = arrange();
  const send = async (path: string, token: string, body?: unknown) => {
    const { status, json } = await call("POST", path, { token, body });
    return `${status} ${json.error.message}`;
  };
  expect([
    await send("/sandboxes", "alice_rw", {}),
    await send("/sandboxes", "alice_rw", { repoId: API_REPO }),
    await send("/automations", "alice_rw", { name: "x" }),
    await send(`/repos/${API_REPO}/env-vars`, "alice_rw", {}),
  ]).toEqual([
    "400 repoId is required",
    "501 The emulator does not implement this route",
    "400 installationId must be a positive integer",
    "501 The emulator does not implement this route",
  ]);
  expect((await call("POST", "/sandboxes", { token: "alice_ro", body: {} })).status).toBe(403);
});

test("a path parameter with a broken percent sign is the framework's own 500, whatever the method", async () => {
  const { call } = arrange({ revision: { stream: true } });
  const broken = [
    "GET /runs/%",
    "GET /runs/%zz/events",
    "POST /runs/%ff/cancel",
    "PUT /runs/%E0%A4%A",
    "OPTIONS /automations/%",
  ];
  for (const request of broken) {
    const [method = "", path = ""] = request.split(" ");
    const { status, headers, text } = await call(method, path);
    expect([request, status, headers.get("content-type"), text]).toEqual([
      request,
      500,
      "text/plain",
      "Internal Server Error",
    ]);
  }
  const others = [];
  for (const path of ["/%zz", "/repos/%", "/repos?q=%", "/runs/%2e%2e%2f"]) {
    others.push((await call("GET", path)).status);
  }
  expect(others).toEqual([404, 404, 200, 500]);
  expect((await call("GET", "/runs/%", { token: null })).status).toBe(307);
});

test("a body beyond the limit is 413, announced or not, and takes no start slot", async () => {
  const { emulator, call } = arrange({ controlRoutes: true });
  const headers = { authorization: `Bearer ${TOKENS.alice_rw}`, "idempotency-key": "k" };
  let pulled = 0;
  const endless = () =>
    new ReadableStream({ pull: (controller) => (pulled++, controller.enqueue(new Uint8Array(1024 * 1024).fill(32))) });
  const send = (path: string, body: BodyInit, more: Record<string, string> = {}) =>
    emulator.fetch(
      `http://localhost${path}`,
      { method: "POST", headers: { ...headers, ...more }, body, duplex: "half" } as RequestInit,
    );
  const paths = ["/api/v1/mogplex/runs", `/api/v1/mogplex/automations/${AUTOMATION}/trigger`, "/__control/reset"];
  for (const path of paths) {
    expect((await send(path, "{}", { "content-length": String(64 * 1024 * 1024 + 1) })).status).toBe(413);
    pulled = 0;
    const { status } = await send(path, endless());
    expect([status, pulled < 80]).toEqual([413, true]);
  }
  const start = { headers: { "idempotency-key": "k" }, body: { repoId: API_REPO, prompt: "x" } };
  for (let count = 0; count < 10; count++) expect((await call("POST", "/runs", start)).status).toBe(202);
});

test("the document that a 401 points to is public JSON", async () => {
  const { emulator, call } = arrange();
  const { headers } = await call("GET", "/repos", { headers: { authorization: "Bearer x" } });
  const url = /resource_metadata="([^"]+)"/.exec(headers.get("www-authenticate") ?? "")?.[1] ?? "";
  const answer = await emulator.fetch(url);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(await answer.json()).toMatchObject({ resource: "http://localhost/api/v1/mogplex/mcp" });
  const statuses = [];
  for (const method of ["HEAD", "OPTIONS", "POST"]) statuses.push((await emulator.fetch(url, { method })).status);
  expect(statuses).toEqual([200, 204, 405]);
  expect((await emulator.fetch("http://localhost/.well-known/other")).status).toBe(404);
});

test("POST /mcp authenticates by itself", async () => {
  const { call } = arrange();
  const without = await call("POST", "/mcp", { token: null });
  expect([without.status, without.headers.get("www-authenticate")]).toEqual([
    401,
    'Bearer resource_metadata="http://localhost/.well-known/oauth-protected-resource/api/v1/mogplex/mcp"',
  ]);
  expect((await call("POST", "/mcp", { body: {} })).json.error.code).toBe(-32601);
});
