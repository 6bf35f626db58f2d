/** Secrets in everything that a result or an error prints by itself, on the three runtimes. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { createClient, createMogplex, maskResult, renderReport, RunFailedError, type RunResult } from "../../../mod.ts";
import { createEmulator } from "../../../testing.ts";
import { emptyRunResult } from "../../../lib/result/run_result.ts";
import { root } from "../../../tools/setup.mjs";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";

/** One that has the shape of a secret, one that only the environment knows. */
const SHAPED = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
const SCENARIO = `
steps:
  - sandbox: up
  - after: 1
    event: { type: failed, message: "pushed with HERE", payload: { error: "bad HERE" }, verbatim: true }
  - after: 1
    status: failed
`;

const SCRIPT = `
import { inspect } from "node:util";
import { createMogplex } from ${JSON.stringify(join(root, "mod.ts"))};
import { createEmulator } from ${JSON.stringify(join(root, "testing.ts"))};
const service = createEmulator({ scenario: ${JSON.stringify(SCENARIO)} });
// The emulator masks what it stores, so the secret comes into its answers here.
const secret = ["ghp", "abcdefghijklmnopqrstuvwxyz0123456789"].join("_") + " environment-" + "secret-1";
async function fetch(url, init) {
  const answer = await service.options.fetch(url, init);
  const text = (await answer.text()).replaceAll("HERE", secret);
  return new Response(text, { status: answer.status, headers: { "content-type": "application/json" } });
}
const env = (name) => name === "GITHUB_TOKEN" ? "environment-" + "secret-1" : undefined;
const mogplex = createMogplex({ ...service.options, fetch, env });
const request = { repoId: service.repos[0].id, prompt: "x" };
const result = await mogplex.run(request, { throwOnFailure: false });
if (!result.reason.includes(secret)) console.log("NO SECRET TO FIND");
const handle = mogplex.run({ ...request, prompt: "again" }, { throwOnFailure: false });
let end;
for await (const item of handle) end = item;
const failed = await mogplex.run({ ...request, prompt: "z" }).catch((e) => e);
const all = await Promise.allSettled([handle, mogplex.run({ ...request, prompt: "a" })]);
const subjects = [
  ...[result, handle, handle.started, end, [end], new Map([["result", result]]), Promise.resolve(result), all, mogplex],
  ...[failed, failed.result, new AggregateError([failed], "several"), new Error("outer", { cause: failed }), mogplex.api],
];
const everything = { depth: Infinity, showHidden: true };
for (const subject of subjects) {
  for (const method of ["log", "info", "debug", "warn", "error", "trace", "group", "dir"]) console[method](subject);
  console.groupEnd();
  console.assert(false, subject);
  console.dir(subject, { ...everything, depth: null });
  console.error("%o %O %s %j", subject, subject, subject, subject);
  console.log(inspect(subject, everything), inspect(subject, { ...everything, customInspect: false }));
  console.log(JSON.stringify({ subject }), \`\${subject}\`);
}
// Errors have no field with a text of the service.
console.table([failed]);
// Lists in a result mask as well; a list of Node's own console.dir does not.
console.log(result.events, inspect(result.events, everything), JSON.stringify(result.events));
const late = createEmulator({ scenario: "stuck-streaming" });
const error = await createMogplex(late.options).run({ ...request, repoId: late.repos[0].id }, { timeoutMs: 9000 }).catch((e) => e);
console.log(error, JSON.stringify(error), String(error), error.runId === error.result.runId);
console.dir(error);
throw await mogplex.run({ ...request, prompt: "y" }).catch((e) => {
  console.log(e, [e], JSON.stringify(e), JSON.stringify({ e }), String(e), { ...e });
  return new Error("outer", { cause: e });
});
`;

test(
  "results and errors print no secret by themselves, nor does an error that nobody catches, on Node, Deno and Bun",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "printing-"));
    try {
      const path = join(folder, "script.mjs");
      const { outputFiles } = await build({
        stdin: { contents: SCRIPT, resolveDir: root, loader: "js" },
        bundle: true,
        write: false,
        format: "esm",
        platform: "node",
        banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
      });
      writeFileSync(path, outputFiles[0]?.text ?? "");
      for (const [name, command] of Object.entries(RUNTIMES)) {
        const { code, stdout, stderr } = runToEnd([...command, path]);
        const printed = `${name}\n${stdout}\n${stderr}`;
        expect(code, printed).toBe(1);
        for (const secret of [SHAPED, "environment-secret-1"]) expect(printed).not.toContain(secret);
        expect(printed).toContain("[redacted]");
        expect(stdout).not.toContain("NO SECRET");
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);

const RESULT: RunResult = { ...emptyRunResult(), outcome: "failed", exitCode: 1, reason: `leaked ${SHAPED}` };

test("a result whose printing is masked is an ordinary object for everything else", () => {
  const plain = { ...RESULT };
  const { result } = new RunFailedError({ ...RESULT });
  expect(result).toEqual(plain);
  expect({ ...result }).toEqual(plain);
  expect(structuredClone(result)).toEqual(plain);
  expect(Object.keys(result)).toEqual(Object.keys(plain));
  const changed = Object.assign(result, { reason: "other" });
  expect([changed.reason, JSON.parse(JSON.stringify(changed)).reason]).toEqual(["other", "other"]);
});

test("an error that a script makes of its own result masks it as well", () => {
  const error = new RunFailedError({ ...RESULT });
  expect(error.result.reason).toContain(SHAPED);
  expect(JSON.stringify(error) + Bun.inspect(error) + Bun.inspect(error.result)).not.toContain(SHAPED);
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({
    ...{ name: "RunFailedError", code: "RUN_FAILED", exitCode: 1, isRetryable: false, runId: null, cause: null },
    result: { reason: "leaked [redacted]" },
  });
});

test("maskResult() and renderReport() mask the token, secrets of the environment and given texts", () => {
  const env = (name: string) => name === "GITHUB_TOKEN" ? "environment-secret-1" : undefined;
  const token = "mog_verySecretToken1";
  const result = { ...RESULT, reason: `${token} environment-secret-1 given-secret-22 ${SHAPED}` };
  const options = { token, env, secrets: ["given-secret-22"] };
  const masked = maskResult(result, options);
  expect(masked.reason).toBe("[redacted] [redacted] [redacted] [redacted]");
  for (const format of ["json", "markdown", "junit", "dotenv", "ndjson", "openmetrics", "annotations"] as const) {
    const text = renderReport(result, format, options);
    expect(text).not.toMatch(/verySecret|environment-secret|given-secret|ghp_/);
  }
  expect(() => renderReport(result, "yaml" as never, options)).toThrow("format");
});

test("errors of the service tell what helps: code, whether and when to try again, id of the request, headers", async () => {
  const service = createEmulator();
  const { clock, env, token, url } = service.options;
  const headers = {
    "retry-after": "7",
    "x-vercel-id": "fra1::abc",
    server: "edge",
    "content-type": "application/json",
  };
  const body = JSON.stringify({ ok: false, error: { code: "RATE_LIMITED", message: "slow down" } });
  const fetch = () => new Response(body, { status: 429, headers });
  const error = await createClient({ token, url, clock, env, fetch }).listRepos({}, { maxAttempts: 1 }).catch((e) => e);
  expect(error).toMatchObject({
    ...{ name: "RateLimitedError", code: "RATE_LIMITED", status: 429, exitCode: 75 },
    ...{ isRetryable: true, retryAfterMs: 7_000, requestId: "fra1::abc" },
    headers: { server: "edge", "retry-after": "7" },
  });
  expect(JSON.parse(JSON.stringify(error))).toMatchObject({ message: error.message, retryAfterMs: 7_000, status: 429 });
  expect(await createMogplex({ env: null }).start({ repoId: "x", prompt: "y" }).catch((e) => [e.code, e.isRetryable]))
    .toEqual(
      ["UNAUTHORIZED", false],
    );
});
