/** Secrets in everything that a result or an error prints by itself, on the three runtimes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../../../tools/setup.mjs";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";

/** One that has the shape of a secret; another one is known to the environment alone. */
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

const folder = mkdtempSync(join(tmpdir(), "printing-"));
const path = join(folder, "script.mjs");

beforeAll(async () => {
  await build({
    stdin: { contents: SCRIPT, resolveDir: root, loader: "js" },
    bundle: true,
    outfile: path,
    format: "esm",
    platform: "node",
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

for (const [name, command] of Object.entries(RUNTIMES)) {
  test(`results and errors print no secret by themselves, nor does an error that is not caught, on ${name}`, () => {
    const { code, stdout, stderr } = runToEnd([...command, path]);
    const printed = `${stdout}\n${stderr}`;
    expect(code, printed).toBe(1);
    for (const secret of [SHAPED, "environment-secret-1"]) expect(printed).not.toContain(secret);
    expect(printed).toContain("[redacted]");
    expect(stdout).not.toContain("NO SECRET");
  });
}
