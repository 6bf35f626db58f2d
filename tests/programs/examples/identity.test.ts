/** The recipes of examples/identity: real curl, a model of Vault and of GitHub's OIDC (their documentation), and the emulator. */
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { delimiter, join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { root, runtimes, sha256 } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { REPO, type Service, startService } from "../processes/world/service.ts";

const IDENTITY = "eyJhbGciOiJSUzI1NiJ9.identity.of-this-job";
const VAULT_TOKEN = "hvs.vault-token-1234567890";
const OIDC_TOKEN = "oidc-request-token-12345";

let service: Service;
let server: Server;
let address = "";
let requests: string[] = [];
let isRefused = false;
let key = "";

beforeAll(async () => {
  service = await startService({ "Update minor": "success" });
  // Source: Vault API, "JWT/OIDC auth method" and "KV secrets engine, version 2"; GitHub, "OpenID Connect reference".
  server = createServer(async (request, reply) => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += chunk;
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    requests.push(`${request.method} ${pathname}`);
    const send = (status: number, value: unknown) => reply.writeHead(status).end(JSON.stringify(value));
    if (pathname === "/oidc" && request.headers.authorization === `Bearer ${OIDC_TOKEN}`) {
      return send(searchParams.get("audience") === address ? 200 : 400, { value: IDENTITY });
    }
    if (pathname === "/v1/auth/jwt/login" && request.method === "POST") {
      const { role, jwt } = JSON.parse(body);
      const isRight = role === "mogplex" && jwt === IDENTITY && !isRefused;
      return send(isRight ? 200 : 403, isRight ? { auth: { client_token: VAULT_TOKEN } } : { errors: ["denied"] });
    }
    if (pathname === "/v1/secret/data/mogplex" && request.headers["x-vault-token"] === VAULT_TOKEN) {
      return send(200, { data: { data: { token: key } } });
    }
    return send(404, {});
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(() => {
  requests = [];
  isRefused = false;
  key = service.token();
});

afterAll(async () => {
  server.close();
  await service.close();
});

// deno-lint-ignore no-explicit-any
const recipe = (name: string): any => parse(readFileSync(join(root, "examples/identity", name), "utf8"));

/** A checkout with the program, in a job's folder. */
function checkout(): { cwd: string; base: Record<string, string> } {
  const folder = mkdtempSync(join(service.folder, "identity-"));
  const cwd = join(folder, "project");
  mkdirSync(join(cwd, "ci"), { recursive: true });
  const program = readFileSync(built("mogplex.mjs"), "utf8");
  writeFileSync(join(cwd, "ci/mogplex.mjs"), program);
  writeFileSync(join(cwd, "ci/mogplex.mjs.sha256"), `${sha256(program)}  mogplex.mjs\n`);
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(runtimes.node, join(bin, "node"));
  return {
    cwd,
    base: {
      PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
      HOME: folder,
      MOGPLEX_URL: service.url,
      MOGPLEX_DEV: "1",
      MOGPLEX_REPO_ID: REPO,
      VAULT_ADDR: address,
      VAULT_ROLE: "mogplex",
      VAULT_SECRET: "secret/data/mogplex",
    },
  };
}

async function script(text: string, cwd: string, env: Record<string, string>): Promise<{ code: number; text: string }> {
  const child = Bun.spawn(["bash", "-e", "-c", text], { cwd, env, stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, text: stdout + stderr };
}

/** Nothing secret is in a log. */
function expectNoSecret(text: string): void {
  for (const secret of [key, IDENTITY, VAULT_TOKEN, OIDC_TOKEN]) expect(text).not.toContain(secret);
}

async function gitlab(prompt: string) {
  const { cwd, base } = checkout();
  const { agent } = recipe("vault.gitlab.yml");
  expect(agent.id_tokens).toEqual({ VAULT_ID_TOKEN: { aud: agent.variables.VAULT_ADDR } });
  const file = agent.variables.MOGPLEX_API_KEY_FILE.replace("${CI_PROJECT_DIR}", cwd);
  const env = {
    ...base,
    CI: "true",
    GITLAB_CI: "true",
    MOGPLEX_CI_JOB: crypto.randomUUID(),
    VAULT_ID_TOKEN: IDENTITY,
    MOGPLEX_API_KEY_FILE: file,
    MOGPLEX_PROMPT: prompt,
    CI_PROJECT_PATH: "acme/web",
  };
  const result = await script(agent.script.join("\n"), cwd, env);
  const mode = existsSync(file) ? statSync(file).mode & 0o777 : 0;
  const after = await script(agent.after_script.join("\n"), cwd, env);
  expectNoSecret(result.text + after.text);
  return { ...result, mode, isGone: !existsSync(file) };
}

test("vault.gitlab.yml runs the agent with the token from Vault, and removes it", async () => {
  expect(await gitlab("Update minor versions")).toMatchObject({ code: 0, mode: 0o600, isGone: true });
  expect(requests).toEqual(["POST /v1/auth/jwt/login", "GET /v1/secret/data/mogplex"]);
  expect((await gitlab("<agent-failure>")).code).toBe(1);
});

test("vault.gitlab.yml starts nothing when Vault refuses the job", async () => {
  isRefused = true;
  const { code, text } = await gitlab("Update minor versions");
  expect(code).not.toBe(0);
  expect(text).not.toContain("started run");
  expect(requests).toEqual(["POST /v1/auth/jwt/login"]);
});

async function github(prompt: string) {
  const { cwd, base } = checkout();
  const { jobs: { agent } } = recipe("vault.github.yml");
  expect(agent.permissions["id-token"]).toBe("write");
  const file = join(cwd, "../mogplex-key");
  const env = {
    ...base,
    CI: "true",
    MOGPLEX_CI_JOB: crypto.randomUUID(),
    ACTIONS_ID_TOKEN_REQUEST_URL: `${address}/oidc?v=1`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: OIDC_TOKEN,
    KEY_FILE: file,
    MOGPLEX_API_KEY_FILE: file,
    MOGPLEX_PROMPT: prompt,
  };
  let all = "";
  const scripts = agent.steps.flatMap(({ run, if: condition }: { run?: string; if?: string }) =>
    condition === undefined && run !== undefined ? [run] : []
  );
  for (const text of scripts) {
    const { code, text: said } = await script(text, cwd, env);
    all += said;
    if (code !== 0) {
      expectNoSecret(all);
      return { code, text: all };
    }
  }
  expectNoSecret(all);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  return { code: 0, text: all };
}

test("vault.github.yml runs the agent with the token that Vault gives to the identity of the job", async () => {
  expect((await github("Update minor versions")).code).toBe(0);
  expect(requests).toEqual(["GET /oidc", "POST /v1/auth/jwt/login", "GET /v1/secret/data/mogplex"]);
  expect((await github("<agent-failure>")).code).toBe(1);
});

test("vault.github.yml starts nothing when Vault refuses the job", async () => {
  isRefused = true;
  const { code, text } = await github("Update minor versions");
  expect(code).not.toBe(0);
  expect(text).not.toContain("started run");
});

test("attest.github.yml attests the result that the run wrote, also of a failed run, with the rights that this needs", async () => {
  const { jobs: { agent } } = recipe("attest.github.yml");
  expect(agent.permissions).toEqual({ contents: "read", "id-token": "write", attestations: "write" });
  const attest = agent.steps.find(({ uses = "" }: { uses?: string }) => uses.startsWith("actions/attest@"));
  expect(attest.if).toStartWith("always()");
  const run = agent.steps.find(({ run = "" }: { run?: string }) => run.includes("run --follow")).run;
  const { cwd, base } = checkout();
  for (const [prompt, code] of [["Update minor versions", 0], ["<agent-failure>", 1]] as const) {
    const env = { ...base, CI: "true", MOGPLEX_CI_JOB: crypto.randomUUID(), MOGPLEX_API_KEY: service.token() };
    rmSync(join(cwd, "mogplex-ci"), { recursive: true, force: true });
    expect((await script(run, cwd, { ...env, MOGPLEX_PROMPT: prompt })).code).toBe(code);
    // Subject and predicate are this file, of at most 16 MB: the limit of actions/attest.
    for (const path of [attest.with["subject-path"], attest.with["predicate-path"]]) {
      const text = readFileSync(join(cwd, path), "utf8");
      expect(JSON.parse(text)).toMatchObject({ kind: "run", outcome: code === 0 ? "success" : "failed" });
      expect(text.length).toBeLessThan(16_000_000);
    }
  }
});
