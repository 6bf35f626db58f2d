/** `createMogplex()`: its options, and the verbs that are no handles. */
import { expect, test } from "bun:test";
import { createCampaigns } from "../../../campaigns.ts";
import { createMogplex, MogplexError, type MogplexOptions, type RequestReport } from "../../../mod.ts";
import { createEmulator, type TestEmulatorOptions } from "../../../testing.ts";

function world(options: TestEmulatorOptions = {}, more: MogplexOptions = {}) {
  const service = createEmulator(options);
  const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  return { service, request, mogplex: createMogplex({ ...service.options, ...more }) };
}

test("createMogplex() has the verbs and one method for each route", async () => {
  const { mogplex, request, service } = world();
  expect((await mogplex.api.listRepos({ q: undefined })).map(({ id }) => id)).toEqual([request.repoId]);
  const { runId } = await mogplex.start(request, { idempotencyKey: "one" });
  expect((await mogplex.cancel(runId)).status).toBe("cancelled");
  const followed: string[] = [];
  for await (const item of mogplex.attach(runId)) followed.push(item.type);
  expect(followed.at(-1)).toBe("end");
  for await (const automation of mogplex.automations.list()) {
    expect(automation.id).toBe(service.automations[0]?.id ?? "");
  }
  await expect(createCampaigns(mogplex).of("no-such-file.yml").plan()).rejects.toThrow("no-such-file.yml");
});

test("run() tells each further start after no sandbox was free, and ends with NO_SANDBOX when none is free in time", async () => {
  const { mogplex, request, service } = world({ scenario: "boot-failure" });
  const keys: string[] = [];
  const started: string[] = [];
  const run = mogplex.run(request, {
    timeoutMs: 20 * 60_000,
    onStarting: ({ idempotencyKey }) => keys.push(idempotencyKey),
    onStarted: ({ runId }) => started.push(runId),
  });
  const error = await run.then(() => undefined, (thrown: MogplexError) => thrown);
  expect(error).toMatchObject({ code: "NO_SANDBOX", exitCode: 75, isRetryable: true, runId: started[1] });
  expect(error?.result).toMatchObject({ outcome: "error", status: "failed" });
  expect(keys).toEqual(service.runs.map(({ idempotencyKey }) => idempotencyKey));
  expect([keys.length, (await run.started).runId]).toEqual([2, started[0] ?? ""]);
});

test("createMogplex() asks a token function once, again after a refusal, and masks what it gave", async () => {
  const service = createEmulator();
  const { token, ...rest } = service.options;
  let asked = 0;
  const tokens = ["mog_expiredToken0000000000001", token];
  const mogplex = createMogplex({ ...rest, token: () => Promise.resolve(tokens[asked++] ?? token) });
  await mogplex.api.listRepos();
  await mogplex.api.listRepos();
  expect(asked).toBe(2);
  let requests = 0;
  const old = createMogplex({
    ...rest,
    token: () => Promise.resolve("mog_expiredToken0000000000001"),
    fetch: (url, init) => (requests++, rest.fetch(url, init)),
  });
  const refused = await old.api.listRepos().catch((error) => error);
  expect([refused.name, requests]).toEqual(["UnauthorizedError", 2]);
  expect(JSON.stringify(refused)).not.toContain("expiredToken");
});

test("createMogplex() asks a token function again within a run whose first token is refused", async () => {
  const service = createEmulator();
  const { token, ...rest } = service.options;
  const tokens = ["mog_expiredToken0000000000001"];
  const mogplex = createMogplex({ ...rest, token: () => tokens.pop() ?? token });
  const result = await mogplex.run({ repoId: service.repos[0]?.id ?? "", prompt: "x" });
  expect([result.outcome, service.runs.length]).toEqual(["success", 1]);
});

test("a token function that fails is the cause of an error that names the reason, masked, and nothing is sent", async () => {
  const { token: _, ...rest } = createEmulator().options;
  let requests = 0;
  const cause = new Error("the vault is away: mog_secretOfTheVault0001");
  const failing = createMogplex({
    ...rest,
    token: () => Promise.reject(cause),
    fetch: (url, init) => (requests++, rest.fetch(url, init)),
  });
  const message = "Cannot read token: 'token' failed: the vault is away: [redacted]; nothing was sent";
  for (const call of [() => failing.start({ repo: "acme/web", prompt: "x" }), () => failing.api.listRepos()]) {
    const error: unknown = await call().then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MogplexError);
    expect(error).toMatchObject({ cause, code: "HOOK_FAILED", exitCode: 2, message });
  }
  expect(requests).toBe(0);
});

test("createMogplex() sends its headers and user agent, and tells of each request without any secret", async () => {
  const seen: Headers[] = [];
  const told: RequestReport[] = [];
  const service = createEmulator();
  const mogplex = createMogplex({
    ...service.options,
    headers: { "X-Gateway": "blue" },
    userAgent: "deploy-bot/3",
    onRequest(request) {
      told.push(request);
      throw new Error("ignored");
    },
    fetch(url, init) {
      seen.push(new Headers(init.headers));
      return service.options.fetch(url, init);
    },
  });
  service.control("fault", { kind: "503", times: 1 });
  await mogplex.api.listRepos({ q: "secret-name" });
  expect(seen.map((headers) => [headers.get("x-gateway"), headers.get("user-agent")?.split(" ")[0]])).toEqual([
    ["blue", "deploy-bot/3"],
    ["blue", "deploy-bot/3"],
  ]);
  expect(told.map(({ method, path, status, attempt }) => [method, path, status, attempt])).toEqual([
    ["GET", "/api/v1/mogplex/repos", 503, 1],
    ["GET", "/api/v1/mogplex/repos", 200, 2],
  ]);
  expect(JSON.stringify(told)).not.toMatch(/mog_|secret-name/);
});

test("createMogplex() takes nothing from the surroundings with env: null", async () => {
  const mogplex = createMogplex({ env: null });
  expect(() => mogplex.api).toThrow(
    "none was given, and `env: null` means that no variable is read; pass the option 'token'",
  );
  await expect(mogplex.start({ repoId: "x", prompt: "y" })).rejects.toThrow("pass the option 'token'");
});

test("createMogplex() permits plain HTTP to this machine by an option, and names the option in its messages", () => {
  const token = "mog_abcdefghijklmnopqrstuvwx";
  const url = "http://127.0.0.1:9";
  expect(createMogplex({ token, url, plainHttp: "loopback", env: null }).api.origin).toBe(url);
  const messageFor = (options: MogplexOptions) => {
    try {
      return createMogplex({ token, env: null, ...options }).api.origin;
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(messageFor({ url })).toContain(
    "Cannot use option url because plain HTTP would expose the token to the network",
  );
  expect(messageFor({ url: "http://mogplex.example", plainHttp: "loopback" })).toContain("plain HTTP");
  expect(messageFor({ url: "nonsense" })).not.toContain("MOGPLEX_URL");
});

test("createMogplex() refuses headers that are ours, and options that it does not know", () => {
  const refusals: [MogplexOptions, string][] = [
    [{ headers: { Authorization: "x" } }, '"Authorization"'],
    [{ headers: { "bad name": "x" } }, "is not a valid header"],
    [{ headers: { "x-a": "a\nb" } }, "is not a valid header"],
    [{ userAgent: "a\nb" }, "userAgent"],
    [{ plainHttp: "yes" as never }, "plainHttp"],
    [{ token: 7 as never }, "'token'"],
    [{ tokn: "x" } as never, "did you mean 'token'?"],
    [createEmulator() as never, "for a test's emulator, pass its options, as in createMogplex(service.options)"],
  ];
  for (const [options, part] of refusals) expect(() => createMogplex(options)).toThrow(part);
});

test("calls of one client are counted each alone, and the client's own count has all of them", async () => {
  const { mogplex, request } = world();
  const [first, second] = await Promise.all([mogplex.run(request), mogplex.run({ ...request, prompt: "Other" })]);
  expect(mogplex.api.requests).toBe(first.requests + second.requests);
  expect(Math.min(first.requests, second.requests)).toBeGreaterThan(3);
});

test("no verb has an option of the client", async () => {
  const { mogplex, request, service } = world();
  for (const [name, value] of Object.entries({ ...service.options, client: mogplex.api })) {
    const more = { [name]: value } as object;
    const calls = [
      () => mogplex.run(request, more),
      () => mogplex.start(request, more),
      () => mogplex.attach(request.repoId, more),
      () => mogplex.cancel(request.repoId, more),
      () => mogplex.automations.run(request.repoId, request, more),
    ];
    for (const call of calls) {
      const error = await (call() as Promise<unknown>).catch((thrown) => thrown);
      expect(error).toMatchObject({ message: expect.stringContaining(`unknown key '${name}' in options`) });
    }
  }
  expect(service.runs).toEqual([]);
});

test("one 404 turns streams off for a quarter of an hour, not for ever", async () => {
  const asked: number[] = [];
  const service = createEmulator({ scenario: "stuck-streaming", revision: "later" });
  const mogplex = createMogplex({
    ...service.options,
    fetch(url, init) {
      if (!url.includes("/events/stream")) return service.options.fetch(url, init);
      asked.push(Math.round(service.clock.now() / 60_000));
      return asked.length === 1 ? new Response("gone", { status: 404 }) : service.options.fetch(url, init);
    },
  });
  const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  await mogplex.run(request, { timeoutMs: 20 * 60_000, throwOnFailure: false });
  expect(asked.slice(0, 2)).toEqual([0, 15]);
});
