import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { Check } from "../../../lib/cli/verbs/doctor/check.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { RUNTIMES } from "../package/runtimes.ts";
import { type Ended, launch, REPO, type Service, startService } from "./world/service.ts";
import { openTunnel, type Tunnel } from "./world/tunnel.ts";

const hasOpenssl = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "openssl")));

let service: Service;
let tunnel: Tunnel | undefined;
let port: string;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  service = await startService();
  port = new URL(service.url).port;
  if (hasOpenssl) tunnel = await openTunnel(service.url);
});

afterAll(async () => {
  tunnel?.close();
  await service.close();
});

type Env = Record<string, string>;

interface Diagnosis extends Ended {
  checks: Record<string, Check>;
}

async function diagnose(line: readonly string[], env: Env, cwd: string, args: string[] = []): Promise<Diagnosis> {
  const whole = [...line, service.command, "doctor", "--json", ...args];
  const ended = await launch(whole, { cwd, env: { MOGPLEX_REPO_ID: REPO, DENO_NO_UPDATE_CHECK: "1", ...env } }).ended;
  const { checks } = JSON.parse(ended.stdout) as { checks: Check[] };
  return { ...ended, checks: Object.fromEntries(checks.map((check) => [check.name, check])) };
}

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  const token = () => (tokens[name] ??= service.token());
  const folder = () => mkdtempSync(join(service.folder, `doctor-${name}-`));
  const own = (): Env => ({ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token() });
  const doctor = (env: Env, cwd = folder(), args?: string[]) => diagnose(runtime, { ...own(), ...env }, cwd, args);

  test(`doctor on ${name} ends with 0 when all is well, and leaves nothing behind`, async () => {
    const cwd = folder();
    const line = [...runtime, service.command, "doctor", "--repo", REPO];
    const { code, stdout, stderr } = await launch(line, { cwd, env: own() }).ended;
    expect(stderr).toBe(`note: sending requests and the token to ${service.url}, unencrypted\n`);
    expect(stdout).toMatch(new RegExp(`^ok       runtime     ${name} \\d+\\.\\d+\\.\\d+`));
    expect(stdout).toContain("ok       connection  the service answers\n");
    expect(stdout).toEndWith("\n\na job can start\n");
    expect(code).toBe(0);
    expect(readdirSync(cwd, { recursive: true })).toEqual([]);
  });

  test(`doctor on ${name} ends with the code that a job would end with`, async () => {
    const unknown = await doctor({ MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" });
    expect([unknown.code, unknown.checks.access?.state]).toEqual([64, "failed"]);
    const misspelt = await doctor({ MOGPLEX_REPO_ID: "acme/wbe" });
    expect([misspelt.code, misspelt.checks.repository?.state]).toEqual([2, "failed"]);
    expect(misspelt.checks.repository?.finding).toStartWith('"acme/wbe" is not found; ');
    const named = await doctor({ MOGPLEX_REPO_ID: "acme/web" });
    expect([named.code, named.checks.repository?.state]).toEqual([0, "ok"]);
    const mistyped = await doctor({ MOGPLEX_REPOID: "x" });
    expect([mistyped.code, mistyped.checks.variables?.advice]).toEqual([
      0,
      "Did you mean MOGPLEX_REPO_ID in place of MOGPLEX_REPOID?",
    ]);
  });

  test(`doctor on ${name} ends with 2 when the directory of the reports is a link`, async () => {
    const cwd = folder();
    mkdirSync(join(cwd, "target"));
    symlinkSync("target", join(cwd, "mogplex-ci"));
    const { code, checks } = await doctor({}, cwd);
    expect(code).toBe(2);
    expect(checks.files?.finding).toContain(`through the symbolic link "mogplex-ci"`);
    expect(readdirSync(join(cwd, "target"))).toEqual([]);
  });

  test(`doctor on ${name} tells apart where the way to the service breaks`, async () => {
    const broken: [url: string, advice: string][] = [
      ["https://mogplex.invalid", "The name is not found"],
      [`https://127.0.0.1:${port}`, "What answers there speaks no TLS"],
      [`https://127.0.0.1:${await closedPort()}`, "Nobody listens there"],
    ];
    for (const [url, advice] of broken) {
      const { code, checks } = await doctor({ MOGPLEX_URL: url, MOGPLEX_DEV: "" });
      expect({ url, code, advice: checks.connection?.advice }).toMatchObject({ url, code: 69 });
      expect(checks.connection?.advice).toStartWith(advice);
      expect(checks.access?.state).toBe("skipped");
    }
  });

  test.skipIf(!hasOpenssl)(
    `doctor on ${name} names the variable for an authority of one's own, and it helps`,
    async () => {
      const { localUrl = "", authority = "" } = tunnel ?? {};
      const env = { MOGPLEX_URL: localUrl, MOGPLEX_DEV: "" };
      const without = await doctor(env);
      expect(without.code).toBe(69);
      expect(without.checks.connection?.advice).toStartWith(
        "The certificate is not from an authority that is known here",
      );
      const variable = /set (\w+) to its file/.exec(without.checks.connection?.advice ?? "")?.[1] ?? "";
      const trusted = await doctor({ ...env, [variable]: authority });
      expect([trusted.code, trusted.checks.proxy?.finding]).toEqual([0, `certificates from ${variable}`]);
      const other = await doctor({
        MOGPLEX_URL: localUrl.replace("localhost", "127.0.0.1"),
        MOGPLEX_DEV: "",
        [variable]: authority,
      });
      expect([other.code, other.checks.connection?.advice]).toEqual([
        69,
        "The certificate is for another name: check MOGPLEX_URL",
      ]);
    },
  );

  test.skipIf(!hasOpenssl)(`doctor on ${name} says whether the proxy is used, and that is so`, async () => {
    const { hiddenUrl = "", authority = "", proxyUrl = "" } = tunnel ?? {};
    const env = { MOGPLEX_URL: hiddenUrl, MOGPLEX_DEV: "", NODE_EXTRA_CA_CERTS: authority, HTTPS_PROXY: proxyUrl };
    const { code, checks } = await doctor(env);
    const used = checks.proxy?.state === "ok";
    expect({ code, used }).toEqual({ code: used ? 0 : 69, used: name !== "node" });
    expect(checks.proxy?.finding).toContain(new URL(proxyUrl).host);
    const dead = await doctor({ ...env, HTTPS_PROXY: `http://127.0.0.1:${await closedPort()}` });
    expect(dead.code).toBe(69);
    if (used) expect(dead.checks.connection?.advice).toContain("see whether the proxy");
  });
}

/** A port on which nobody listens any more. */
async function closedPort(): Promise<number> {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  await server.stop(true);
  return port;
}

const DENO = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt"];

test("doctor on Deno is content with the flags that permissions prints", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-permissions-"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([...RUNTIMES.deno, service.command, "permissions"], { cwd, env }).ended;
  const { code, checks } = await diagnose([...DENO, ...listed.stdout.trim().split(" ")], env, cwd);
  const unwell = Object.values(checks).filter(({ state }) => state !== "ok").map(({ name, state }) => [name, state]);
  expect({ code, unwell }).toEqual({ code: 0, unwell: [["variables", "skipped"]] });
});

test("doctor leaves no directory behind that it made, and keeps those that were there", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-tidy-"));
  mkdirSync(join(cwd, "kept"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  for (const runtime of Object.values(RUNTIMES)) {
    for (const out of ["mogplex-ci", "a/b/c", "kept", "kept/new"]) {
      const { code } = await launch([...runtime, service.command, "doctor", "--out", out], { cwd, env }).ended;
      expect([code, readdirSync(cwd), readdirSync(join(cwd, "kept"))]).toEqual([0, ["kept"], []]);
    }
  }
});

test("doctor on Deno names the flag that is missing, and never falls over", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-refused-"));
  const env = { MOGPLEX_API_KEY: service.token() };
  const nothing = await diagnose(DENO, env, cwd);
  expect([nothing.code, nothing.checks.token?.advice]).toEqual([
    64,
    "Permit Deno to read it: --allow-env=MOGPLEX_API_KEY",
  ]);
  expect(nothing.checks.connection?.advice).toStartWith("Start Deno with --allow-net=mogplex.com");
  const unreached = await diagnose([...DENO, "--allow-env", "--allow-read", "--allow-write"], env, cwd);
  expect([unreached.code, unreached.checks.connection?.state]).toEqual([2, "failed"]);
  const { code, checks } = await diagnose([...DENO, "--allow-env"], env, cwd);
  expect(code).toBe(2);
  expect(checks.files?.advice).toContain("--allow-write");
});
