import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../../../tools/setup.mjs";
import { RUNTIMES, runToEnd } from "../../programs/package/runtimes.ts";
import { launch, REPO, type Service, sharedService } from "../../programs/processes/world/service.ts";
import { openTunnel, type Tunnel } from "../../programs/processes/world/tunnel.ts";

const hasOpenssl = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "openssl")));
const nodeVersion = runToEnd([runtimes.node, "--version"]).stdout.trim().slice(1);

let service: Service;
let tunnel: Tunnel;
/** Ends with 0 when the service answered, whatever it said. */
let script: string;

beforeAll(async () => {
  if (!hasOpenssl) return;
  service = await sharedService();
  tunnel = await openTunnel(service.url);
  script = join(service.folder, "ask.mjs");
  writeFileSync(script, `await fetch(process.argv[2], { redirect: "manual" });\nconsole.log("reached");\n`);
});

afterAll(() => {
  if (hasOpenssl) tunnel.close();
});

/** The table of docs/install.md: what each column says of each row. */
function documented(): { columns: string[]; rows: Map<string, string[]> } {
  const page = readFileSync(join(root, "docs/install.md"), "utf8");
  const part = /<!-- proxies -->([^]*?)<!-- \/proxies -->/.exec(page)?.[1] ?? "";
  const lines = part.split("\n").filter((line) => line.startsWith("|"));
  const cells = lines.map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  return { columns: cells[0] ?? [], rows: new Map(cells.slice(2).map(([name = "", ...rest]) => [name, rest])) };
}

/** The column of this machine's Node: what it does with proxies came with 22.21 and 24.0. */
function nodeColumn(): number {
  const [major = 0, minor = 0] = nodeVersion.split(".").map(Number);
  return major > 23 || major === 22 && minor >= 21 ? 1 : 0;
}

type Env = Record<string, string>;

/** What a row says, as attempts: each with the environment, the address, and what shows that the variable had its effect. */
interface Attempt {
  env: Env;
  /** Address; the hidden one is reached through the proxy alone. */
  url: string;
  /** Tunnels that are asked for when the variable is obeyed. */
  asked: string[];
}

/** How each row of the table is tried, in the order of the table. */
function attempts(): Record<string, Attempt[]> {
  const { proxyUrl, hiddenUrl, localUrl, authority } = tunnel;
  const [hidden, local] = [new URL(hiddenUrl).host, new URL(localUrl).host];
  const trusted = { NODE_EXTRA_CA_CERTS: authority };
  const through = (names: string[], proxy = proxyUrl, login = ""): Attempt[] =>
    names.map((name) => ({ env: { ...trusted, [name]: proxy }, url: hiddenUrl, asked: [`${login}${hidden}`] }));
  const past = (names: string[], list: string): Attempt[] =>
    names.map((name) => ({ env: { ...trusted, HTTPS_PROXY: proxyUrl, [name]: list }, url: localUrl, asked: [] }));
  const trusting = (name: string): Attempt[] => [{ env: { [name]: authority }, url: localUrl, asked: [] }];
  return {
    "`HTTPS_PROXY`, `https_proxy`": through(["HTTPS_PROXY", "https_proxy"]),
    "`HTTPS_PROXY` with user and password": through(["HTTPS_PROXY"], proxyUrl.replace("//", "//me:pw@"), "me:pw@"),
    "`ALL_PROXY`, `all_proxy`": through(["ALL_PROXY", "all_proxy"]),
    "`NO_PROXY=host`, `no_proxy`": past(["NO_PROXY", "no_proxy"], "other.example,localhost"),
    "`NO_PROXY=host:port`": past(["NO_PROXY"], local),
    "`NO_PROXY=*`": past(["NO_PROXY"], "*"),
    "`NODE_EXTRA_CA_CERTS=file`": trusting("NODE_EXTRA_CA_CERTS"),
    "`DENO_CERT=file`": trusting("DENO_CERT"),
    "`SSL_CERT_FILE=file`": trusting("SSL_CERT_FILE"),
  };
}

/** Whether a runtime reaches the service as the attempt says. */
async function works(runtime: readonly string[], { env, url, asked }: Attempt, more: Env): Promise<boolean> {
  tunnel.asked();
  const quiet = { DENO_NO_UPDATE_CHECK: "1" };
  const { code, stdout } = await launch([...runtime, script, url], { env: { ...quiet, ...env, ...more } }).ended;
  const seen = tunnel.asked();
  return code === 0 && stdout === "reached\n" && JSON.stringify(seen) === JSON.stringify(asked);
}

/** Switches that a runtime has for such variables, each tried when a variable alone has no effect. */
const SWITCHES: Readonly<Record<string, readonly Env[]>> = {
  node: [{ NODE_USE_ENV_PROXY: "1" }, { NODE_OPTIONS: "--use-openssl-ca" }],
  deno: [{ DENO_TLS_CA_STORE: "system" }],
  bun: [],
};

/** What it takes for all attempts of a row: nothing, a switch, or undefined when nothing helps. */
async function needed(name: string, runtime: readonly string[], tries: readonly Attempt[], base: Env) {
  for (const more of [{}, ...SWITCHES[name] ?? []]) {
    const results = [];
    for (const each of tries) results.push(await works(runtime, each, { ...base, ...more }));
    if (results.every(Boolean)) return more;
    // Two spellings of a name that differ in their effect would need two rows.
    expect(results.some(Boolean)).toBe(false);
  }
}

/** The column of a runtime, as it is measured. */
async function measured(name: string, runtime: readonly string[]): Promise<[string, string][]> {
  const column: [string, string][] = [];
  let proxies: Env | undefined;
  for (const [row, tries] of Object.entries(attempts())) {
    const exempts = row.includes("NO_PROXY");
    // Taking hosts out means nothing where no proxy is used.
    const more = exempts && proxies === undefined
      ? undefined
      : await needed(name, runtime, tries, exempts ? proxies ?? {} : {});
    if (column.length === 0) proxies = more;
    const [setting] = Object.entries(more ?? {});
    const no = exempts && proxies === undefined ? "–" : "no";
    column.push([row, more === undefined ? no : setting === undefined ? "yes" : `with \`${setting.join("=")}\``]);
  }
  return column;
}

const COLUMN: Readonly<Record<string, number>> = { node: nodeColumn(), deno: 2, bun: 3 };

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test.skipIf(!hasOpenssl)(
    `fetch() obeys the variables of proxies and certificates on ${name} as docs/install.md says`,
    async () => {
      const { rows } = documented();
      const found = await measured(name, runtime);
      expect(found).toEqual(found.map(([row]) => [row, rows.get(row)?.[COLUMN[name] ?? -1] ?? "(no such row)"]));
      expect([...rows.keys()]).toEqual(["measured on", ...found.map(([row]) => row)]);
    },
  );
}

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test(`a command sends plain HTTP and its token to no proxy, on ${name}`, async () => {
    const asked: string[] = [];
    const proxy = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        asked.push(request.url);
        return new Response("no", { status: 502 });
      },
    });
    const { url, token } = await sharedService();
    for (const variable of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
      const env = { MOGPLEX_DEV: "1", MOGPLEX_URL: url, MOGPLEX_API_KEY: token(), [variable]: proxy.url.href };
      const list = async (more: Env) =>
        await launch([...runtime, built("mogplex.mjs"), "repos", "list"], { env: { ...env, ...more } }).ended;
      const { code, stderr } = await list({});
      expect([code, stderr.includes("set NO_PROXY and no_proxy to 127.0.0.1")])
        .toEqual(name === "node" ? [0, false] : [2, true]);
      expect((await list({ NO_PROXY: "127.0.0.1" })).code).toBe(0);
    }
    await proxy.stop(true);
    expect(asked).toEqual([]);
  });
}

test("the table of docs/install.md names the versions that are installed here", () => {
  const { columns, rows } = documented();
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [old, recent, deno, bun] = rows.get("measured on") ?? [];
  expect(columns.slice(3)).toEqual(["Deno", "Bun"]);
  expect([deno, bun]).toEqual([devDependencies.deno, devDependencies.bun]);
  // Node is the machine's: its column is measured above whatever its version is.
  expect([old, recent].every((version) => /^\d+\.\d+\.\d+$/.test(version ?? ""))).toBe(true);
});

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  const able = name !== "node" || nodeColumn() === 1;
  test.skipIf(!hasOpenssl)(`mogplex.mjs ${able ? "follows a run through" : "names"} the proxy on ${name}`, async () => {
    const env = {
      MOGPLEX_URL: tunnel.hiddenUrl,
      MOGPLEX_API_KEY: service.token(),
      HTTPS_PROXY: tunnel.proxyUrl,
      NODE_EXTRA_CA_CERTS: tunnel.authority,
      NODE_USE_ENV_PROXY: "1",
      // Deno would ask the same proxy for news of itself.
      DENO_NO_UPDATE_CHECK: "1",
    };
    const job = async (prompt: string) => {
      const cwd = mkdtempSync(join(service.folder, `proxy-${name}-`));
      const args = ["run", "--follow", prompt, "--repo", REPO, "--create-branch"];
      return await launch([...runtime, built("mogplex.mjs"), ...args, ...able ? [] : ["--timeout", "1"]], { cwd, env })
        .ended;
    };
    tunnel.asked();
    const ended = [await job("<success>"), await job("<agent-failure>")];
    if (able) {
      expect(ended.map(({ code }) => code)).toEqual([0, 1]);
      expect(new Set(tunnel.asked())).toEqual(new Set([new URL(tunnel.hiddenUrl).host]));
      return;
    }
    expect(ended.map(({ code }) => code)).toEqual([69, 69]);
    expect(tunnel.asked()).toEqual([]);
    const advice =
      `HTTPS_PROXY is set, but Node ${nodeVersion} does not use it: use Node 22.21, or 24 or later, with NODE_USE_ENV_PROXY=1, or use Deno or Bun`;
    for (const { stdout, stderr } of ended) expect(stdout + stderr).toContain(advice);
  });

  test.skipIf(!hasOpenssl)(`mogplex.mjs names the variable for an unknown authority on ${name}`, async () => {
    const env = { MOGPLEX_URL: tunnel.localUrl, MOGPLEX_API_KEY: service.token() };
    const cwd = mkdtempSync(join(service.folder, `authority-${name}-`));
    const line = [...runtime, built("mogplex.mjs"), "follow", "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", "--timeout", "1"];
    const { code, stdout, stderr } = await launch(line, { cwd, env }).ended;
    expect(stdout + stderr).toContain(
      `set ${name === "deno" ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS"} to the authority's PEM file`,
    );
    expect(code).toBe(69);
  });
}
