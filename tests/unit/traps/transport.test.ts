/** Traps of status codes, redirects, headers and bodies. */
import { expect, test } from "bun:test";
import { createMogplex } from "../../../mod.ts";
import { resolveConnection } from "../../../lib/service/connection.ts";
import { dropInExitCode, exitCodeFor, UnauthorizedError, UnavailableError, UsageError } from "../../../lib/errors.ts";
import { bad, html, redirect, RUN_ID, scripted, thrown } from "../service/answers.ts";
import { freshKey, NOBODY, ORIGIN, REQUEST, service, TOKEN } from "./service.ts";

test("trap 01: a redirect to the login page is not followed, and means unauthorized", async () => {
  const { clientWith, fetch, sent } = service();
  const strip = (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.delete("authorization");
    return fetch(url, { ...init, headers });
  };
  const error = await thrown(clientWith({ fetch: strip }).getRun(RUN_ID));
  expect(error).toBeInstanceOf(UnauthorizedError);
  expect([exitCodeFor(error), dropInExitCode(error)]).toEqual([64, 64]);
  expect(sent).toEqual([`GET /runs/${RUN_ID}`]);
});

test("trap 01: a 401 from behind the gate also means unauthorized", async () => {
  const { emulator, clientWith } = service();
  emulator.control("gate", { enabled: false });
  expect(await thrown(clientWith({ token: "mog_nope" }).listRepos())).toBeInstanceOf(UnauthorizedError);
});

test("trap 02: the www host is normalized, so that its redirect never loses the token", async () => {
  const { fetch, clock } = service();
  const origins = new Set<string>();
  const watch = (url: string, init: RequestInit) => (origins.add(new URL(url).origin), fetch(url, init));
  const client = createMogplex({
    token: TOKEN,
    url: "https://www.mogplex.com",
    env: null,
    fetch: watch,
    clock,
  }).api;
  expect((await client.listRepos()).length).toBeGreaterThan(0);
  expect([...origins, client.origin]).toEqual([ORIGIN, ORIGIN]);
});

test("trap 02: a redirect to another host is explained, and not followed", async () => {
  const { client, sent } = scripted([redirect(308, "https://other.example/api/v1/mogplex/repos")]);
  const error = await thrown(client.listRepos());
  expect(error).toBeInstanceOf(UnavailableError);
  expect(error.message).toContain(`redirect to "https://other.example"`);
  expect(error.message).toContain("set MOGPLEX_URL");
  expect(sent.length).toBe(1);
});

test("trap 03: the authorization header is spelled as the service requires", async () => {
  const { client, sent } = scripted([html(404)]);
  await thrown(client.listRepos());
  expect(sent[0]?.headers.get("authorization")).toMatch(/^Bearer mog_\S+$/);
  const { fetch, clientWith } = service();
  const lower = (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    headers.set("authorization", headers.get("authorization")?.replace("Bearer", "bearer") ?? "");
    return fetch(url, { ...init, headers });
  };
  expect(await thrown(clientWith({ fetch: lower }).listRepos())).toBeInstanceOf(UnauthorizedError);
});

test("trap 04: a 401 is retried only when the same token has worked in this process", async () => {
  const { emulator, client, clock, sent } = service();
  emulator.control("fault", { kind: "401", times: 1 });
  expect(await thrown(client.listRepos())).toBeInstanceOf(UnauthorizedError);
  expect(sent.length).toBe(1);
  await client.listRepos();
  emulator.control("fault", { kind: "401", times: 2 });
  expect((await client.listRepos()).length).toBeGreaterThan(0);
  expect(clock.slept).toEqual([750, 1500]);
  emulator.control("fault", { kind: "401", times: 3 });
  expect(await thrown(client.listRepos())).toBeInstanceOf(UnauthorizedError);
});

test("trap 05: a repository id that is not a UUID is refused before it costs a minute and a slot", async () => {
  const { client, sent } = service();
  expect(await thrown(client.startRun({ ...REQUEST, repoId: "acme/web" }, freshKey()))).toBeInstanceOf(UsageError);
  expect(sent).toEqual([]);
});

test("trap 05: a 503 for an unknown repository is a usage error, not an outage", async () => {
  const { client, clock, sent } = service();
  const error = await thrown(client.startRun({ ...REQUEST, repoId: NOBODY }, freshKey()));
  expect(error).toBeInstanceOf(UsageError);
  expect(sent).toEqual(["POST /runs", `GET /repos?id=${NOBODY}&limit=1`]);
  expect(clock.slept).toEqual([]);
});

test("trap 05: the same 503 is retried when the limiter caused it", async () => {
  const { emulator, client, clock } = service();
  emulator.control("failLimiter", { times: 1 });
  expect((await client.startRun(REQUEST, freshKey())).status).toBe("pending");
  expect(clock.slept).toEqual([60_000]);
});

test("trap 06: an id that is not a UUID is refused, so that it cannot cause a 500 that is retried", async () => {
  const { client, sent } = service();
  for (
    const call of [
      client.getRun("run-1"),
      client.cancelRun("run-1"),
      client.getRunEvents("run-1"),
      client.getAutomation("a"),
    ]
  ) {
    expect(await thrown(call)).toBeInstanceOf(UsageError);
  }
  expect(sent).toEqual([]);
});

test("trap 07: a 500 without an envelope is an outage, and retried", async () => {
  const { emulator, client, sent } = service();
  emulator.control("fault", { kind: "empty5xx", times: 1 });
  expect((await client.startRun(REQUEST, freshKey())).replayed).toBe(false);
  expect(sent).toEqual(["POST /runs", "POST /runs"]);
});

test("trap 10: a named delay is announced and obeyed when it fits, and thrown at once when it does not", async () => {
  const { emulator, client, clock, notices } = service();
  emulator.control("fault", { kind: "429", times: 1, retryAfter: 60 });
  await client.listRepos();
  expect(clock.slept).toEqual([60_000]);
  expect(notices).toMatchObject([{ kind: "wait", cause: "rate_limit", delayMs: 60_000, fromService: true }]);
  emulator.control("fault", { kind: "429", times: 1, retryAfter: 86_400 });
  const error = await thrown(client.startRun(REQUEST, freshKey()));
  expect(error).toMatchObject({ name: "RateLimitedError", retryAfterMs: 86_400_000 });
  expect(clock.slept).toEqual([60_000]);
});

test("trap 33: the status decides the error class, whatever the code is", async () => {
  const names = [];
  for (
    const [status, code] of [[404, "CONFLICT"], [401, "CONFLICT"], [500, "CONFLICT"], [502, "SERVICE_UNAVAILABLE"], [
      409,
      "NOT_FOUND",
    ], [422, "BAD_REQUEST"]] as const
  ) {
    names.push((await thrown(scripted([bad(status, code)]).client.cancelRun(RUN_ID, { maxAttempts: 1 }))).name);
  }
  expect(names).toEqual([
    "NotFoundError",
    "UnauthorizedError",
    "UnavailableError",
    "UnavailableError",
    "ConflictError",
    "ApiError",
  ]);
});

test("trap 35: tokens of any length are accepted", () => {
  for (const length of [1, 24, 32, 100]) {
    const token = `mog_${"a".repeat(length)}`;
    expect(resolveConnection({ env: () => undefined, token }).token).toBe(token);
  }
});

test("trap 40: the error about an answer without an envelope is short, and masks the token", async () => {
  const { emulator, client } = service();
  emulator.control("fault", { kind: "html502", times: 1 });
  const error = await thrown(client.listRepos({}, { maxAttempts: 1 }));
  expect(error.message).toMatch(
    /^Cannot list repositories: the response is not from the API \(HTTP 502, content type "text\/html/,
  );
  expect(error.message.length).toBeLessThan(400);
  const leaking = await thrown(
    scripted([html(200, `<p>${TOKEN}</p>`)], { token: TOKEN }).client.listRepos({}, { maxAttempts: 1 }),
  );
  expect(leaking.message).toContain(`(HTTP 200, content type "text/html; charset=utf-8"): "<p>[redacted]</p>"`);
});

test("trap 40: truncated, reset and HTML answers are retried", async () => {
  for (const kind of ["truncated", "reset0", "resetMid", "html502", "empty5xx", "500", "503", "503-no-retry"]) {
    const { emulator, client, sent } = service();
    emulator.control("fault", { kind, times: 1 });
    expect((await client.listRepos()).length).toBeGreaterThan(0);
    expect([kind, sent.length]).toEqual([kind, 2]);
  }
});

test("trap 44: 501 is not retried", async () => {
  const { client, sent } = scripted([bad(501, "SERVICE_UNAVAILABLE")]);
  expect(await thrown(client.listRepos())).toBeInstanceOf(UnavailableError);
  expect(sent.length).toBe(1);
});

test("trap 48: an empty token is an error that names its variable", () => {
  for (const value of ["", " \n"]) {
    const resolve = () => resolveConnection({ env: (name) => name === "MOGPLEX_API_KEY" ? value : undefined });
    expect(resolve).toThrow(UnauthorizedError);
    expect(resolve).toThrow("variable MOGPLEX_API_KEY is empty");
  }
});

test("trap 49: 429 is handled on every call, also when cancelling", async () => {
  const { emulator, client, clock } = service();
  const { runId } = await client.startRun(REQUEST, freshKey());
  emulator.control("fault", { kind: "429", times: 1, retryAfter: 7, route: "POST /runs/*/cancel" });
  expect((await client.cancelRun(runId)).status).toBe("cancelled");
  expect(clock.slept).toEqual([7_000]);
});
