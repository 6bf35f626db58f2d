import { expect, test } from "bun:test";
import * as errors from "../../../lib/errors.ts";
import { isAmbiguous, laterFailure } from "../../../lib/service/retry.ts";
import { bad, good, html, json, redirect, REPO_ID, RUN_ID, scripted, thrown, TOKEN } from "./answers.ts";

const once = { maxAttempts: 1 };

async function failure(step: Response | Error): Promise<Error> {
  return await thrown(scripted([step]).client.getRun(RUN_ID, once));
}

/** Answer, class, toolkit code, drop-in code. Source: design, "Exit codes"; contract, 6.4. */
const TABLE: [string, Response | Error, string, number, number][] = [
  ["400", bad(400, "BAD_REQUEST"), "ApiError", 2, 1],
  ["400 from a proxy", html(400), "ApiError", 2, 1],
  ["401", bad(401, "UNAUTHORIZED"), "UnauthorizedError", 64, 64],
  ["401 without envelope", html(401), "UnauthorizedError", 64, 64],
  ["login", redirect(307, "/login?next=%2Fapi%2Fv1%2Fmogplex%2Fruns"), "UnauthorizedError", 64, 64],
  ["login, absolute", redirect(302, "https://mogplex.com/login"), "UnauthorizedError", 64, 64],
  ["www", redirect(308, "https://mogplex.com/api/v1/mogplex/runs"), "UnavailableError", 69, 1],
  [
    "redirect to a page that mentions login in its query",
    redirect(307, "/home?next=/login"),
    "UnavailableError",
    69,
    1,
  ],
  ["redirect without location", new Response(null, { status: 301 }), "UnavailableError", 69, 1],
  ["403", bad(403, "FORBIDDEN"), "ForbiddenError", 65, 65],
  ["403 from a firewall", html(403), "ForbiddenError", 65, 65],
  ["403 automations only", bad(403, "AUTOMATION_REQUIRED"), "ForbiddenError", 65, 65],
  ["404", bad(404, "NOT_FOUND"), "NotFoundError", 2, 1],
  ["404 HTML", html(404), "UnavailableError", 69, 1],
  ["405", new Response(null, { status: 405 }), "UnavailableError", 69, 1],
  ["408", html(408), "UnavailableError", 69, 1],
  ["409", bad(409, "CONFLICT"), "ConflictError", 2, 1],
  ["409 key", bad(409, "IDEMPOTENCY_CONFLICT"), "ConflictError", 2, 1],
  ["413 from a proxy", html(413), "UnavailableError", 69, 1],
  ["422 unknown code", bad(422, "BRAND_NEW"), "ApiError", 2, 1],
  ["429", bad(429, "RATE_LIMITED"), "RateLimitedError", 75, 75],
  ["429 without envelope", html(429), "RateLimitedError", 75, 75],
  ["500", bad(500, "INTERNAL_ERROR"), "UnavailableError", 69, 1],
  ["500 of the framework", html(500, ""), "UnavailableError", 69, 1],
  ["501", bad(501, "SERVICE_UNAVAILABLE"), "UnavailableError", 69, 1],
  ["502", html(502), "UnavailableError", 69, 1],
  ["503", bad(503, "SERVICE_UNAVAILABLE"), "UnavailableError", 69, 69],
  ["503 from the host", html(503), "UnavailableError", 69, 69],
  ["504", html(504), "UnavailableError", 69, 1],
  ["599", bad(599, "BRAND_NEW"), "UnavailableError", 69, 1],
  ["200 HTML", html(200), "UnavailableError", 69, 1],
  ["200 of another shape", good({ run: 5 }), "UnavailableError", 69, 1],
  ["200 with a failure envelope", bad(200, "NOT_FOUND"), "UnavailableError", 69, 1],
  ["network", new TypeError("fetch failed"), "NetworkError", 69, 1],
];

test("every answer has its class and its exit codes", async () => {
  for (const [what, step, name, toolkit, dropIn] of TABLE) {
    const error = await failure(step);
    expect([what, error.name, errors.exitCodeFor(error), errors.dropInExitCode(error)]).toEqual([
      what,
      name,
      toolkit,
      dropIn,
    ]);
  }
});

test("every message says what was attempted, and has one line, no full stop and no token", async () => {
  const steps = TABLE.map(([, step]) => step);
  steps.push(
    bad(400, TOKEN, `a ${TOKEN}\n::error::b\u001b[2J.`, { "x-vercel-id": TOKEN }),
    html(502, `<p>${TOKEN}\r\n##[x]`),
    redirect(307, `https://evil.example/${TOKEN}`),
  );
  steps.push(new TypeError(`cannot reach ${TOKEN}\nnow`));
  for (const step of steps) {
    const error = await failure(step);
    expect(error.message).toStartWith(`Cannot read run "${RUN_ID}": `);
    expect(error.message).not.toMatch(/\.$|!|\p{C}/u);
    expect(error.message.length).toBeLessThan(700);
    expect(Bun.inspect(error)).not.toContain(TOKEN);
    expect(JSON.stringify(error)).not.toContain(TOKEN);
  }
});

test("an error carries status, code, request id and the delay", async () => {
  const error = await failure(
    bad(429, "RATE_LIMITED", "Slow down", { "x-vercel-id": "fra1::abc", "retry-after": "60" }),
  );
  expect(error).toMatchObject({ status: 429, code: "RATE_LIMITED", requestId: "fra1::abc", retryAfterMs: 60_000 });
  expect(error.message).toBe(
    `Cannot read run "${RUN_ID}": the token's limit of requests or starts has been reached (HTTP 429 RATE_LIMITED, request id "fra1::abc"): ` +
      `"Slow down"; wait 1 min, or give this job its own token`,
  );
  const starts = await failure(bad(429, "RATE_LIMITED", "External Mogplex run rate limit exceeded", {}));
  expect(starts.message).toBe(
    `Cannot read run "${RUN_ID}": the limit of starts per minute or per hour, which all tokens of a user share, has been reached ` +
      `(HTTP 429 RATE_LIMITED): "External Mogplex run rate limit exceeded"; wait`,
  );
});

test("a 429 says which limit is used up, as far as the service tells", async () => {
  for (
    const [said, limit, limitText] of [
      [
        "Rate limit exceeded. Retry after 60s.",
        "60 requests per minute for all commands with this token",
        "the token's limit of 60 requests per minute",
      ],
      [
        "External Mogplex run rate limit exceeded",
        "starts per minute or per hour for all tokens of the user",
        "the limit of starts per minute or per hour, which all tokens of a user share,",
      ],
      [
        "Daily external Mogplex run quota exceeded",
        "starts per day for all tokens of the user",
        "the limit of starts per day, which all tokens of a user share,",
      ],
    ] as const
  ) {
    const error = await failure(bad(429, "RATE_LIMITED", said, { "retry-after": "36" }));
    expect(error.message).toContain(`: ${limitText} has been reached (HTTP 429 RATE_LIMITED)`);
    expect(error.message).toContain(`"; wait 36 s`);
    expect(laterFailure(error)?.detail).toBe(`HTTP 429 RATE_LIMITED, the limit of ${limit}`);
  }
});

test("an error names a delay in units that people read", async () => {
  for (
    const [seconds, text] of [
      ["1", "1 s"],
      ["3599", "59 min 59 s"],
      ["85000", "23 h 37 min"],
      ["2591999", "720 h"],
      ["2592000", "30 days or more"],
      ["9000000000000", "30 days or more"],
    ]
  ) {
    const { message } = await failure(bad(429, "RATE_LIMITED", "x", { "retry-after": String(seconds) }));
    expect(message).toEndWith(`; wait ${text}, or give this job its own token`);
  }
});

test("a response that is not from the API is described by status, content type, request id and a short excerpt", async () => {
  const answer = new Response(`<html>${"x".repeat(500)}`, {
    status: 404,
    headers: { "content-type": "text/html", "x-request-id": "r-1" },
  });
  expect((await failure(answer)).message).toBe(
    `Cannot read run "${RUN_ID}": the response is not from the API (HTTP 404, content type "text/html", request id "r-1"): ` +
      `"<html>${"x".repeat(154)}…"; check MOGPLEX_URL and the network`,
  );
});

test("an answer of another shape is described by path, never by value", async () => {
  const { message } = await failure(good({ run: { runId: 5, secret: "hunter2" } }));
  expect(message).toContain("at data.run.runId: invalid_type");
  expect(message).not.toContain("hunter2");
});

test("a forbidden call names the scope that it needs when the answer speaks of a scope", async () => {
  const { client } = scripted([bad(403, "FORBIDDEN", "Missing required scope: …")]);
  expect((await thrown(client.getRun(RUN_ID))).message).toContain(`lacks the "read" scope`);
  expect((await thrown(client.cancelRun(RUN_ID))).message).toContain(`lacks the "write" scope`);
});

test("a forbidden call advises no scope when the service refuses for another reason", async () => {
  const { client } = scripted([bad(403, "FORBIDDEN", "This automation cannot run on this repository.")]);
  const trigger = await thrown(client.triggerAutomation(RUN_ID, { repoId: REPO_ID }, { idempotencyKey: "k" }));
  expect(trigger.message).toContain("check which repositories the automation permits");
  expect((await thrown(client.cancelRun(RUN_ID))).message).toContain("check what the token can do");
  expect(trigger.message).not.toContain("the scope");
});

test("a trigger that a token for automations only may not send asks for an API trigger", async () => {
  const { client } = scripted([bad(403, "AUTOMATION_REQUIRED")]);
  const { message } = await thrown(client.triggerAutomation(RUN_ID, { repoId: REPO_ID }, { idempotencyKey: "k" }));
  expect(message).toContain("give the automation an API trigger, or use a token with full access");
  expect(message).not.toContain("POST /api");
});

test("a token for automations only is pointed to the trigger route", async () => {
  const { client } = scripted([bad(403, "AUTOMATION_REQUIRED")]);
  const error = await thrown(client.startRun({ repoId: REPO_ID, prompt: "x" }, { idempotencyKey: "k" }));
  expect(error.message).toContain("/api/v1/mogplex/automations/{automationId}/trigger");
});

test("a key conflict names the key and what to do", async () => {
  const { client, sent } = scripted([bad(409, "IDEMPOTENCY_CONFLICT")]);
  const error = await thrown(client.startRun({ repoId: REPO_ID, prompt: "x" }, { idempotencyKey: "nightly" }));
  expect(error).toBeInstanceOf(errors.ConflictError);
  expect(error.message).toContain(`the idempotency key "nightly" was already used for another request`);
  expect(error.message).toEndWith("; use another idempotency key, because each request needs its own");
  expect(sent.length).toBe(1);
});

test("the text of the service decides nothing", async () => {
  for (const text of ["Unauthorized", "Run not found", "rate limit", "/login"]) {
    expect((await failure(json(500, { ok: false, error: { code: "INTERNAL_ERROR", message: text } }))).name).toBe(
      "UnavailableError",
    );
  }
});

test("isAmbiguous() is true where the request may have been carried out", () => {
  const unavailable = (status: number) =>
    new errors.UnavailableError("x", "unavailable", { status, code: null, requestId: null, retryAfterMs: null });
  expect([200, 202, 408, 500, 502, 504, 520].map((status) => isAmbiguous(unavailable(status)))).toEqual(
    Array(7).fill(true),
  );
  expect([302, 404, 405, 425, 501, 503, 505].map((status) => isAmbiguous(unavailable(status)))).toEqual(
    Array(7).fill(false),
  );
  expect([new errors.NetworkError("x"), new errors.BodyTooLargeError("x")].map(isAmbiguous)).toEqual([true, true]);
  expect([new errors.UsageError("x"), new errors.UnauthorizedError("x")].map(isAmbiguous)).toEqual([false, false]);
});
