import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../../../../lib/check.ts";
import { isAtLeast } from "../../../../lib/runtime.ts";
import { doctor, type DoctorOptions, GITLAB } from "./doctor_world.ts";

const root = join(import.meta.dir, "../../../..");

const NO_CI = Object.fromEntries(Object.keys(GITLAB).map((name) => [name, ""]));

async function check(name: string, options: DoctorOptions): Promise<Partial<Check>> {
  return (await doctor(options)).checks[name] ?? {};
}

test("doctor names the oldest versions that package.json names", async () => {
  const { engines } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const oldest = Object.entries(engines).map(([name, from]) => `${name} ${String(from).replace(">=", "")}`);
  const { advice } = await check("runtime", { machine: { runtime: "node/18.20.4" } });
  expect(advice).toBe(`Use one of these versions, or a later one: ${oldest.join(", ")}`);
});

test("isAtLeast() compares numbers, not texts", () => {
  expect(["20.11.0", "20.9.9", "21.0.0", "9.99.0", "nightly"].map((version) => isAtLeast(version, "20.11"))).toEqual([
    true,
    false,
    true,
    false,
    false,
  ]);
});

test("doctor warns of a runtime that is too old, or that it does not know", async () => {
  for (const runtime of ["node/18.20.4", "deno/1.46.3", "bun/1.1.38", "workerd/1.0.0"]) {
    const { state, advice } = await check("runtime", { machine: { runtime } });
    expect({ runtime, state, advice }).toMatchObject({
      state: "warning",
      advice: expect.stringContaining("node 20.11"),
    });
  }
  expect((await check("runtime", { machine: { runtime: "deno/2.0.0" } })).state).toBe("ok");
});

test("doctor counts the variables that Deno hides, and names the flag", async () => {
  const refuses = (name: string) => ["MOGPLEX_OUT", "MOGPLEX_LOG", "CI_JOB_NAME", "HTTPS_PROXY"].includes(name);
  const { finding, advice } = await check("runtime", { machine: { runtime: "deno/2.9.6", refuses } });
  expect(finding).toMatch(/^deno 2\.9\.6 hides 4 variables, which are treated as unset: (?:[A-Z_]+, ){3}…$/);
  expect(advice).toContain("--allow-env");
  const token = await doctor({
    env: { MOGPLEX_API_KEY: "" },
    machine: { refuses: (name) => name === "MOGPLEX_API_KEY" },
  });
  expect(token.checks.token?.advice).toBe("Allow Deno to read it: --allow-env=MOGPLEX_API_KEY");
});

test("doctor says which CI system it sees, and what of it will be used", async () => {
  const github = {
    ...NO_CI,
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_REPOSITORY: "a/b",
  };
  const complete = {
    ...github,
    GITHUB_RUN_ID: "1",
    GITHUB_JOB: "agent",
    GITHUB_OUTPUT: "/o",
    GITHUB_STEP_SUMMARY: "/s",
  };
  expect((await check("ci", { env: complete })).finding).toBe(
    "github; a retried job finds its run; this step writes its outputs and summary; " +
      "cleanup needs MOGPLEX_JOB_STATUS to detect how the job ended; in a matrix, give each node its own --key-part",
  );
  expect((await check("ci", { env: { ...complete, MOGPLEX_KEY_PART: "linux" } })).finding).not.toContain("matrix");
  expect(await check("ci", { env: github })).toMatchObject({
    state: "warning",
    advice: expect.stringContaining("MOGPLEX_CI_JOB"),
  });
  const none = await check("ci", { env: NO_CI });
  expect(none).toMatchObject({
    state: "ok",
    finding:
      "no CI system; run --follow with the same task attaches to a run of this folder that is still running, or that succeeded within the last hour without being followed",
  });
  const unknown = { ...NO_CI, CI: "true" };
  expect((await check("ci", { env: unknown })).finding).toContain("missing: server, project, pipeline, job");
  expect((await check("ci", { env: { ...unknown, MOGPLEX_CI_JOB: "nightly-1" } })).finding).toStartWith(
    "an unknown CI system; a retried job finds its run; ",
  );
  expect((await check("ci", { args: ["--key-scope", "job"] })).finding).toContain(
    "each attempt of a job starts a new run",
  );
  expect((await check("ci", { args: ["--key-scope", "random"] })).finding).toContain(
    "each call starts a new run",
  );
});

test("doctor finds misspelt variables of ours", async () => {
  const env = {
    MOGPLEX_REPOID: "x",
    MOGPLEX_TIME_OUT: "5",
    mogplex_url: "y",
    MOGPLEX_GREETING_OF_MINE: "z",
    MOGPLEX_EMPTY: "",
  };
  const { state, finding, advice } = await check("variables", { env });
  expect(state).toBe("warning");
  expect(finding).toBe("unknown names: MOGPLEX_REPOID, MOGPLEX_TIME_OUT, mogplex_url, MOGPLEX_GREETING_OF_MINE");
  expect(advice).toBe(
    "Did you mean MOGPLEX_REPO_ID instead of MOGPLEX_REPOID?; Did you mean MOGPLEX_TIMEOUT instead of MOGPLEX_TIME_OUT?; " +
      "Did you mean MOGPLEX_URL instead of mogplex_url?; Unset MOGPLEX_GREETING_OF_MINE",
  );
});

test("doctor knows the variable of a flag with another name", async () => {
  const { advice } = await check("variables", { env: { MOGPLEX_REPO: "acme/web", MOGPLEX_HOME: "x" } });
  expect(advice).toBe(
    "Did you mean MOGPLEX_REPO_ID (or the flag --repo) instead of MOGPLEX_REPO?; " +
      "Did you mean MOGPLEX_CAMPAIGN_HOME (or the flag --home) instead of MOGPLEX_HOME?",
  );
});

test("doctor knows the outputs of an earlier job, the token's own variable, and variables that documents ask for", async () => {
  const env = {
    MOGPLEX_RUN_STATUS: "success",
    MOGPLEX_OUTCOME: "success",
    MOGPLEX_CI: "../mogplex-ci",
    MOGPLEX_SCHEDULE: "run",
    MOGPLEX_TEAM: "mog_aliceReadWriteToken0000000000001",
  };
  const { state } = await check("variables", {
    env: { ...env, MOGPLEX_API_KEY: "", MOGPLEX_TOKEN_VARIABLE: "MOGPLEX_TEAM" },
  });
  expect(state).toBe("ok");
});

test("doctor skips the search for mistyped variables where they cannot be listed", async () => {
  expect(await check("variables", { machine: { runtime: "deno/2.9.6", names: undefined } })).toMatchObject({
    state: "skipped",
  });
});

test("doctor ends with 2 when a setting is not possible", async () => {
  const wrong: Record<string, string>[] = [
    { MOGPLEX_TIMEOUT: "soon" },
    { MOGPLEX_KEY_SCOPE: "week" },
    { MOGPLEX_LOG: "loud" },
    { MOGPLEX_REPORT: "pdf" },
    { MOGPLEX_MODE: "fast" },
    { MOGPLEX_BASE_BRANCH: "a b" },
    { MOGPLEX_ROOT: "../x" },
  ];
  for (const env of wrong) {
    const { code, checks } = await doctor({ env });
    expect({ env, code, state: checks.settings?.state }).toEqual({ env, code: 2, state: "failed" });
  }
  expect((await doctor({ env: { MOGPLEX_HARNESS: "codx" } })).checks.settings).toMatchObject({
    state: "warning",
    finding: 'the harness "codx" is unknown to this version; did you mean codex?',
  });
});

test("doctor reads, writes and asks nothing when Bun has read a .env that may have set our variables", async () => {
  const touched: string[] = [];
  const { code, checks, requests } = await doctor({
    machine: { runtime: "bun/1.4.5" },
    env: { MOGPLEX_API_KEY: "", MOGPLEX_API_KEY_FILE: "/dev/zero", MOGPLEX_OUT: "/home" },
    files: { ".env.local": "MOGPLEX_API_KEY_FILE=/dev/zero\nMOGPLEX_OUT=/home\n" },
    before(_, io) {
      const { readFile } = io;
      io.readFile = (path) => (touched.push(path), readFile(path));
      io.writeFile = (path) => void touched.push(path);
    },
  });
  expect({ code, requests }).toEqual({ code: 2, requests: [] });
  expect(checks.checkout?.finding).toContain(`Cannot trust MOGPLEX_API_KEY_FILE: it is set in ".env.local"`);
  for (const name of ["url", "token", "files", "proxy", "connection", "clock", "access", "scopes", "server"]) {
    expect(checks[name]).toMatchObject({ state: "skipped", finding: "checkout failed" });
  }
  expect(touched.filter((path) => !/^\.env/.test(path))).toEqual([]);
});

test("doctor warns of what Bun and Deno obey in a checkout", async () => {
  const bun = { runtime: "bun/1.4.5" };
  const hermetic = { ...bun, args: ["--no-env-file", "--config=/dev/null", "--tsconfig-override=/dev/null"] };
  const bunfig = { "bunfig.toml": `env = false\npreload = ["./evil.ts"]\n` };
  expect((await check("checkout", { machine: bun })).finding).toContain(".env files");
  expect((await check("checkout", { machine: bun, files: bunfig })).finding).toContain("preload script in bunfig.toml");
  expect((await check("checkout", { machine: hermetic, files: bunfig })).state).toBe("ok");
  expect((await check("checkout", { machine: bun, env: NO_CI })).state).toBe("ok");
  const deno = {
    machine: { runtime: "deno/2.9.6" },
    files: { "deno.jsonc": `{ "imports": { "node:process": "./evil.ts" } }` },
  };
  expect(await check("checkout", deno)).toMatchObject({ state: "warning", advice: "Start with --no-config" });
  expect((await check("checkout", { ...deno, machine: {} })).state).toBe("ok");
  const dotenv = { files: { ".env": "A=1\nMOGPLEX_DEV=1\n" } };
  expect(await check("checkout", dotenv)).toMatchObject({
    state: "ok",
    finding: ".env sets MOGPLEX_DEV, which node ignores",
  });
});

test("doctor ends with 2 when reports cannot be written, and leaves those that are there alone", async () => {
  const closed = await doctor({ readOnly: (path) => path.startsWith("mogplex-ci/") });
  expect({ code: closed.code, finding: closed.checks.files?.finding }).toMatchObject({
    code: 2,
    finding: expect.stringMatching(/^Cannot write to "mogplex-ci": EACCES/),
  });
  const state = await doctor({
    args: ["--state", "elsewhere/run.json"],
    readOnly: (path) => path.startsWith("elsewhere/"),
  });
  expect(state.checks.files?.finding).toStartWith(`Cannot write to "elsewhere": `);
  const files = { "mogplex-ci/run.json": "{}", "mogplex-ci/summary.md": "old" };
  const { code, io } = await doctor({ files });
  expect({ code, files: Object.fromEntries(io.files) }).toEqual({ code: 0, files });
});

test("doctor says whether the runtime uses the proxy, and shows no password", async () => {
  const env = { HTTPS_PROXY: "http://user:swordfish@proxy.corp:3128" };
  const of = (runtime: string, more: Record<string, string> = {}, args: string[] = []) =>
    check("proxy", { env: { ...env, ...more }, machine: { runtime, args } });
  for (const runtime of ["deno/2.9.6", "bun/1.4.5"]) {
    expect(await of(runtime)).toMatchObject({ state: "ok", finding: "proxy.corp:3128 (HTTPS_PROXY)" });
  }
  for (const runtime of ["node/20.20.0", "node/22.20.0", "node/23.11.0"]) {
    expect(await of(runtime, { NODE_USE_ENV_PROXY: "1" })).toMatchObject({
      state: "warning",
      advice: expect.stringContaining("Node 22.21, or 24 or later"),
    });
  }
  for (const runtime of ["node/22.21.0", "node/24.0.0", "node/25.1.0"]) {
    expect(await of(runtime)).toMatchObject({ state: "warning", advice: "To use it: set NODE_USE_ENV_PROXY=1" });
    expect((await of(runtime, { NODE_USE_ENV_PROXY: "1" })).state).toBe("ok");
    expect((await of(runtime, { NODE_OPTIONS: "--no-warnings --use-env-proxy" })).state).toBe("ok");
    expect((await of(runtime, {}, ["--use-env-proxy"])).state).toBe("ok");
  }
  for (const list of ["*", "mogplex.com", "x, .mogplex.com", "a b *.mogplex.com", "mogplex.com:443"]) {
    expect(await of("node/20.20.0", { NO_PROXY: list })).toMatchObject({ state: "ok", finding: "none" });
  }
  expect((await of("node/20.20.0", { no_proxy: "plex.com" })).state).toBe("warning");
  expect((await check("proxy", { env: { ALL_PROXY: "proxy.corp:1080" }, machine: { runtime: "bun/1.4.5" } })).finding)
    .toBe("proxy.corp:1080 (ALL_PROXY)");
  expect(JSON.stringify(await doctor({ env }))).not.toContain("swordfish");
});

test("doctor says which variable names certificates for this runtime", async () => {
  const of = (runtime: string, env: Record<string, string>) => check("proxy", { env, machine: { runtime } });
  expect(await of("node/20.20.0", { NODE_EXTRA_CA_CERTS: "ca.pem" })).toMatchObject({
    state: "ok",
    finding: "none; also trusts the certificates in NODE_EXTRA_CA_CERTS",
  });
  expect(await of("bun/1.4.5", { DENO_CERT: "ca.pem" })).toMatchObject({
    state: "warning",
    advice: "Set NODE_EXTRA_CA_CERTS to the same file",
  });
  expect(await of("deno/2.7.0", { NODE_EXTRA_CA_CERTS: "ca.pem" })).toMatchObject({
    state: "warning",
    advice: "Set DENO_CERT to the same file",
  });
  expect((await of("deno/2.8.0", { NODE_EXTRA_CA_CERTS: "ca.pem" })).state).toBe("ok");
  expect((await of("deno/2.8.0", { DENO_CERT: "ca.pem" })).state).toBe("ok");
  const open = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
  expect((await of("node/20.20.0", open)).finding).toContain("certificates are not checked");
  expect((await of("deno/2.9.6", open)).state).toBe("ok");
});

test("doctor ends with the code of what a job would meet first", async () => {
  const first: [options: DoctorOptions, code: number, name: string][] = [
    [{ args: ["--repo", "web"], env: { MOGPLEX_API_KEY: "" } }, 2, "repository"],
    [{ env: { MOGPLEX_API_KEY: "", MOGPLEX_URL: "http://mogplex.example" } }, 2, "url"],
    [{ env: { MOGPLEX_API_KEY: "" }, readOnly: () => true }, 64, "token"],
    [{ env: { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" }, readOnly: () => true }, 2, "files"],
    [{ env: { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" } }, 64, "access"],
  ];
  for (const [options, code, name] of first) {
    const diagnosis = await doctor(options);
    expect({ name, code: diagnosis.code }).toEqual({ name, code });
    expect(await diagnosis.text()).toContain(`a command would exit with ${code}: the check "${name}" failed`);
  }
});
