/** `mogplex.api` as scripts call it, on the emulator and a virtual clock. */
import { expect, test } from "bun:test";
import { createMogplex, type MogplexOptions, UsageError } from "../../../mod.ts";
import { createEmulator, type TestEmulatorOptions } from "../../../testing.ts";

/** A service and a client, with what was sent. */
function world(options: TestEmulatorOptions = {}, more: MogplexOptions = {}) {
  const service = createEmulator(options);
  const sent: string[] = [];
  const mogplex = createMogplex({
    ...service.options,
    fetch(url, init) {
      sent.push(`${init.method ?? "GET"} ${url.slice(service.options.url.length)}`);
      return service.options.fetch(url, init);
    },
    ...more,
  });
  return { service, mogplex, api: mogplex.api, sent, clock: service.clock };
}

/** How long a call takes on the clock until it fails, and its exit code. */
async function failing(
  clock: { now(): number },
  call: () => PromiseLike<unknown>,
): Promise<[code: unknown, ms: number]> {
  const before = clock.now();
  const error = await Promise.resolve(call()).then(() => undefined, (error) => error);
  return [error.exitCode, clock.now() - before];
}

test("a call of api ends after its timeoutMs, that of the client, or two minutes, and makes at most maxAttempts", async () => {
  const { service, mogplex, api, sent, clock } = world();
  service.fault({ kind: "503-no-retry", times: 9_999 });
  const [code, ms] = await failing(clock, () => api.listSandboxes({}, { timeoutMs: 5_000 }));
  expect([code, ms <= 5_000]).toEqual([69, true]);
  const [, ofClient] = await failing(clock, () => mogplex.withOptions({ timeoutMs: 20_000 }).api.listSandboxes());
  expect([ofClient > 5_000, ofClient <= 20_000]).toEqual([true, true]);
  const [, usual] = await failing(clock, () => api.listSandboxes());
  expect([usual > 60_000, usual <= 120_000]).toEqual([true, true]);
  sent.length = 0;
  await failing(clock, () => api.getRun("8f3a2b1c-1234-4abc-9def-1234567890ab", { maxAttempts: 2 }));
  expect(sent.length).toBe(2);
  await failing(clock, () => mogplex.withOptions({ maxAttempts: 1 }).api.listRepos());
  expect(sent.length).toBe(3);
});

test("a call of api refuses what only the client below it knows, and values out of range", async () => {
  const { api, sent } = world();
  for (
    const [options, part] of [
      [{ deadline: 5 }, "unknown key 'deadline' in options"],
      [{ overrun: true }, "unknown key 'overrun' in options"],
      [{ requestTimeoutMs: 5 }, "unknown key 'requestTimeoutMs' in options"],
      [{ timeoutMs: 0 }, "'timeoutMs' must be more than 0"],
      [{ timeoutMs: Date.now() }, "'timeoutMs' must be more than 0"],
      [{ maxAttempts: 0 }, "'maxAttempts' must be a whole number of at least 1: 0"],
      [{ maxRetries: 3 }, "did you mean 'maxAttempts'?"],
      [{ timeout: 5 }, "did you mean 'timeoutMs'?"],
    ] as const
  ) {
    await expect(Promise.resolve(api.listRepos({}, options as object))).rejects.toThrow(part);
  }
  expect(sent).toEqual([]);
});

test("every list can be awaited and looped over, with one request a page", async () => {
  const { api, sent } = world({
    repos: ["acme/one", "acme/two"],
    automations: Array.from({ length: 5 }, (_, index) => `nightly ${index}`),
    revision: "later",
  });
  const list = api.listRepos();
  const names: string[] = [];
  for await (const { full_name } of list) names.push(full_name);
  expect([names, (await list).length, sent.length]).toEqual([["acme/one", "acme/two"], 2, 1]);
  sent.length = 0;
  const automations = await Array.fromAsync(api.listAutomations({ limit: 2 }));
  expect([automations.length, new Set(automations.map(({ id }) => id)).size, sent.length]).toEqual([5, 5, 3]);
  expect(await Array.fromAsync(api.listSandboxes())).toEqual([]);
  expect(await Array.fromAsync(api.listAutomationRuns(automations[0]?.id ?? ""))).toEqual([]);
  await expect(Array.fromAsync(api.listRepos({ limit: 0 }))).rejects.toBeInstanceOf(UsageError);
});

test("api.request() sends a request for any route below the API, and gives the data of its answer", async () => {
  const { api, sent, service } = world({ repos: ["acme/one", "acme/two"] });
  expect(await api.request("GET /repos", { query: { q: "acme/t", limit: 5, id: undefined } }))
    .toMatchObject({ repos: [{ full_name: "acme/two" }] });
  const body = { repoId: service.repos[0]?.id, prompt: "Fix the flaky tests" };
  const started = await api.request("POST /runs", { body, idempotencyKey: "request-test-1" });
  expect(started).toMatchObject({ repoId: body.repoId, replayed: false });
  expect(sent).toEqual(["GET /api/v1/mogplex/repos?q=acme%2Ft&limit=5", "POST /api/v1/mogplex/runs"]);
  expect(service.runs.map(({ request }) => request.prompt)).toEqual([body.prompt]);
});

test("api.request() repeats a GET, and a request with a key, and nothing else", async () => {
  for (
    const [route, idempotencyKey, times] of [
      ["GET /repos", undefined, 3],
      ["POST /runs", "request-test-2", 3],
      ["POST /runs", undefined, 1],
      ["DELETE /repos", undefined, 1],
    ] as const
  ) {
    const { api, sent, service } = world();
    const body = route === "POST /runs" ? { repoId: service.repos[0]?.id, prompt: "Fix it" } : undefined;
    service.fault({ kind: "503-no-retry", times: 2 });
    await api.request(route, { body, idempotencyKey }).catch(() => {});
    expect([route, sent.length]).toEqual([route, times]);
  }
});

test("api.request() refuses a key that contains the access token, as every other call does", async () => {
  const { service, api, sent } = world();
  const key = `job ${service.options.token}`;
  await expect(api.request("POST /runs", { body: {}, idempotencyKey: key })).rejects.toThrow(
    "it contains an access token",
  );
  expect(sent).toEqual([]);
});

test("api.request() refuses a path that leaves the API, before anything is sent", async () => {
  const { api, sent } = world();
  for (
    const path of [
      ...[
        "",
        "runs",
        "//evil.example/x",
        "/\\evil.example",
        "/../../v2/x",
        "/runs/../../admin",
        "/runs/%2e%2e/x",
        "/a%2Fb",
      ],
      ...["/runs?limit=5", "/runs#x", "https://evil.example/x", "/ru ns", "/\tx", "/\u0000", "/.", "/runs/."],
    ]
  ) {
    await expect(api.request(`GET ${path}`)).rejects.toBeInstanceOf(UsageError);
  }
  for (const route of ["/runs", "get /runs", "TRACE /runs", "GET  /runs", "GET", 5 as unknown as string]) {
    await expect(api.request(route)).rejects.toBeInstanceOf(UsageError);
  }
  await expect(api.request("GET /runs", { retries: 1 } as object)).rejects.toThrow("unknown key 'retries' in options");
  expect(sent).toEqual([]);
});

test("a derived client has its own options, and shares token, budget and what is known of the token", async () => {
  let asked = 0;
  const service = createEmulator({ repos: ["acme/one"] });
  const { token, ...rest } = service.options;
  const told: string[] = [];
  const mogplex = createMogplex({ ...rest, token: () => (asked++, token) });
  const derived = mogplex.withOptions({
    onNotice: ({ message }) => void told.push(message),
    secrets: ["hunter2-hunter2"],
  });
  await mogplex.api.listRepos();
  service.fault({ kind: "503", times: 1 });
  const run = await derived.run({ repo: "acme/one", prompt: "say hunter2-hunter2" });
  expect([asked, run.outcome, told.length]).toEqual([1, "success", 1]);
  expect(`${JSON.stringify(run)}`).not.toContain("hunter2-hunter2");
  for (const name of ["token", "url", "fetch", "env", "clock", "headers"]) {
    expect(() => mogplex.withOptions({ [name]: "x" })).toThrow(
      `unknown key '${name}' in options; only createMogplex() accepts it: create another client`,
    );
  }
});

test("the log line at the end of a run has the reason of a failure on one line", async () => {
  const service = createEmulator({ repos: ["acme/one"], scenario: "agent-failure" });
  const lines: string[] = [];
  const logger = { debug() {}, info: (line: string) => void lines.push(line), warn() {}, error() {} };
  const mogplex = createMogplex({ ...service.options, logger, logLevel: "info" });
  const { runId, reason } = await mogplex.run({ repo: "acme/one", prompt: "x" }, { throwOnFailure: false });
  expect(reason).toBeString();
  expect(lines.at(-1)).toBe(`mogplex: run ${runId}: failed (${reason?.replace(/\s+/g, " ")})`);
});

test("a client logs that it is attached to a run after the service's answer, and not for an unknown run", async () => {
  const service = createEmulator({ repos: ["acme/one"], scenario: "success" });
  const lines: string[] = [];
  const logger = { debug() {}, info: (line: string) => void lines.push(line), warn() {}, error() {} };
  const mogplex = createMogplex({ ...service.options, logger, logLevel: "info" });
  const { runId } = await mogplex.run({ repo: "acme/one", prompt: "x" });
  const attach = async (id: string) => {
    lines.length = 0;
    await mogplex.attach(id).catch(() => {});
    return [...lines];
  };
  expect(await attach(runId ?? "")).toEqual([`mogplex: attached to run ${runId}`, `mogplex: run ${runId}: success`]);
  expect(await attach("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11")).not.toContainEqual(expect.stringContaining("attached"));
});

test("notices have words, with the secrets of the client masked, and the logger gets them by level", async () => {
  const service = createEmulator({ repos: ["acme/one"], scenario: "success" });
  const lines: string[] = [];
  const write = (level: string) => (text: string) => void lines.push(`${level} ${text}`);
  const logger = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  const secrets = ["hunter2-hunter2"];
  const run = async (logLevel?: "off" | "error" | "info" | "debug") => {
    lines.length = 0;
    const notices: string[] = [];
    service.fault({ kind: "503", times: 1 });
    await createMogplex({ ...service.options, logger, logLevel, secrets }).run({ repo: "acme/one", prompt: "x" }, {
      onNotice: ({ kind, message }) => void notices.push(`${kind}: ${message}`),
      onItem() {
        throw new Error("hunter2-hunter2 failed");
      },
    });
    return notices;
  };
  const notices = await run("info");
  expect(notices[0]).toMatch(/^wait: Cannot list repositories yet \(HTTP 503.*\): trying again in /);
  expect(notices).toContain("hook_failed: The function onItem failed; nothing else is affected: [redacted] failed");
  expect(lines.shift()).toBe("warn mogplex: sending requests and the token to https://mogplex.test");
  const isProgress = (line: string) => / (?:started )?run [0-9a-f-]{36}/.test(line);
  const [started = "", ended, ...others] = lines.filter(isProgress);
  const [, runId] = /^info mogplex: started run (\S+)$/.exec(started) ?? [];
  expect([ended, others]).toEqual([`info mogplex: run ${runId}: success`, []]);
  expect(lines.filter((line) => !isProgress(line))).toEqual(
    notices.map((notice) => notice.replace(/^wait: /, "info mogplex: ").replace(/^hook_failed: /, "error mogplex: ")),
  );
  await run();
  expect(lines.map((line) => line.split(" ")[0])).toEqual(["warn", "error"]);
  await run("off");
  expect(lines).toEqual([]);
  await run("debug");
  expect(lines[1]).toMatch(/^debug mogplex: GET \/api\/v1\/mogplex\/repos: HTTP 503 after \d+ ms \(attempt 1/);
  expect(() => createMogplex({ logger: { info() {} } as never })).toThrow("'logger' must have the methods");
  expect(() => createMogplex({ logLevel: "verbose" as never })).toThrow("'logLevel' must be one of");
});
