/** What `doctor` says of a network, which each runtime has in other words and with other variables. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { diagnose, type Env } from "../../programs/processes/world/doctor.ts";
import { type Service, sharedService } from "../../programs/processes/world/service.ts";
import { openTunnel, type Tunnel } from "../../programs/processes/world/tunnel.ts";

const hasOpenssl = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, "openssl")));

let service: Service;
let tunnel: Tunnel | undefined;
let port: string;

beforeAll(async () => {
  service = await sharedService();
  port = new URL(service.url).port;
  if (hasOpenssl) tunnel = await openTunnel(service.url);
});

afterAll(() => tunnel?.close());

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  let token: string | undefined;
  const own = (): Env => ({ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: token ??= service.token() });
  const doctor = (env: Env) =>
    diagnose([...runtime, built("mogplex.mjs")], { ...own(), ...env }, mkdtempSync(join(service.folder, "doctor-")));

  test(`doctor names its runtime and is content, on ${name}`, async () => {
    const { code, checks, stderr } = await doctor({});
    expect([code, stderr]).toEqual([0, `note: sending requests and the token to ${service.url}, unencrypted\n`]);
    expect(checks.runtime?.finding).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+`));
  });

  test(`doctor says at which point the way to the service breaks, on ${name}`, async () => {
    const broken: [url: string, advice: string][] = [
      ["https://mogplex.invalid", "The host name was not found"],
      [`https://127.0.0.1:${port}`, "The server at this address does not use TLS"],
      [`https://127.0.0.1:${await closedPort()}`, "Nothing is listening there"],
    ];
    for (const [url, advice] of broken) {
      const { code, checks } = await doctor({ MOGPLEX_URL: url, MOGPLEX_DEV: "" });
      expect({ url, code, advice: checks.connection?.advice }).toMatchObject({ url, code: 69 });
      expect(checks.connection?.advice).toStartWith(advice);
      expect(checks.access?.state).toBe("skipped");
    }
  });

  test.skipIf(!hasOpenssl)(
    `doctor names the variable for a certificate authority of one's own, and the variable works, on ${name}`,
    async () => {
      const { localUrl = "", authority = "" } = tunnel ?? {};
      const env = { MOGPLEX_URL: localUrl, MOGPLEX_DEV: "" };
      const without = await doctor(env);
      expect(without.code).toBe(69);
      expect(without.checks.connection?.advice).toStartWith(
        "This machine does not trust the authority of the certificate",
      );
      const variable = /set (\w+) to its PEM file/.exec(without.checks.connection?.advice ?? "")?.[1] ?? "";
      const trusted = await doctor({ ...env, [variable]: authority });
      expect([trusted.code, trusted.checks.proxy?.finding]).toEqual([
        0,
        `none; also trusts the certificates in ${variable}`,
      ]);
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

  test.skipIf(!hasOpenssl)(`doctor says correctly whether the proxy is used, on ${name}`, async () => {
    const { hiddenUrl = "", authority = "", proxyUrl = "" } = tunnel ?? {};
    const env = { MOGPLEX_URL: hiddenUrl, MOGPLEX_DEV: "", NODE_EXTRA_CA_CERTS: authority, HTTPS_PROXY: proxyUrl };
    const { code, checks } = await doctor(env);
    const used = checks.proxy?.state === "ok";
    expect({ code, used }).toEqual({ code: used ? 0 : 69, used: name !== "node" });
    expect(checks.proxy?.finding).toContain(new URL(proxyUrl).host);
    const dead = await doctor({ ...env, HTTPS_PROXY: `http://127.0.0.1:${await closedPort()}` });
    expect(dead.code).toBe(69);
    if (used) expect(dead.checks.connection?.advice).toContain("check the proxy");
  });
}

/** A port on which no server listens any more. */
async function closedPort(): Promise<number> {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  await server.stop(true);
  return port;
}
