import { expect, test } from "bun:test";
import { networkAdvice, proxySetting, type ProxyWorld, refusePlainProxy } from "../../../lib/service/proxies.ts";
import { UsageError } from "../../../lib/errors.ts";
import { scripted } from "./answers.ts";

const ORIGIN = "https://mogplex.com";
const PROXY = { HTTPS_PROXY: "http://proxy.example:3128" };

function world(env: Record<string, string>, runtime = "node/20.20.2", args: string[] = []): ProxyWorld {
  return { env: (name) => env[name], runtime, args };
}

test("proxySetting() is null when no proxy is named, the address is plain or the host is exempt", () => {
  const exempt = ["mogplex.com", ".com", "*", "other.example, mogplex.com", "mogplex.com:443", "*.com"];
  expect(proxySetting(ORIGIN, world({}))).toBeNull();
  expect(proxySetting(ORIGIN, world({ HTTPS_PROXY: "" }))).toBeNull();
  expect(proxySetting("http://127.0.0.1:1", world(PROXY))).toBeNull();
  for (const list of exempt) expect(proxySetting(ORIGIN, world({ ...PROXY, NO_PROXY: list }))).toBeNull();
  expect(proxySetting(ORIGIN, world({ ...PROXY, no_proxy: "mogplex.com" }))).toBeNull();
  for (const list of ["plex.com", "www.mogplex.com", "mogplex.co", "."]) {
    expect(proxySetting(ORIGIN, world({ ...PROXY, NO_PROXY: list }))).not.toBeNull();
  }
});

test("proxySetting() has advice only for a Node that leaves the proxy aside", () => {
  const advice = (runtime: string, env: Record<string, string> = {}, args: string[] = []) =>
    proxySetting(ORIGIN, world({ https_proxy: "http://proxy.example", ...env }, runtime, args))?.advice ?? null;
  for (const runtime of ["deno/2.0.0", "bun/1.2.0"]) expect(advice(runtime)).toBeNull();
  for (const old of ["node/20.20.2", "node/22.20.9", "node/23.11.0"]) {
    expect(advice(old, { NODE_USE_ENV_PROXY: "1" })).toBe(
      "use Node 22.21, or 24 or later, with NODE_USE_ENV_PROXY=1, or use Deno or Bun",
    );
  }
  for (const able of ["node/22.21.0", "node/24.0.0", "node/26.1.0"]) {
    expect(advice(able)).toBe("set NODE_USE_ENV_PROXY=1");
    expect(advice(able, { NODE_USE_ENV_PROXY: "0" })).toBe("set NODE_USE_ENV_PROXY=1");
    expect(advice(able, { NODE_USE_ENV_PROXY: "1" })).toBeNull();
    expect(advice(able, { NODE_OPTIONS: "--use-env-proxy" })).toBeNull();
    expect(advice(able, {}, ["--use-env-proxy"])).toBeNull();
  }
});

test("networkAdvice() names the variable for an authority when the certificate's is not known", () => {
  const words = "fetch failed: unable to verify the first certificate (UNABLE_TO_VERIFY_LEAF_SIGNATURE)";
  const rest = "this machine does not trust the authority of the server's certificate: set ";
  expect(networkAdvice(ORIGIN, words, world(PROXY))).toBe(
    `${rest}NODE_EXTRA_CA_CERTS to the authority's PEM file`,
  );
  expect(networkAdvice(ORIGIN, "invalid peer certificate: UnknownIssuer", world({}, "deno/2.0.0"))).toBe(
    `${rest}DENO_CERT to the authority's PEM file`,
  );
});

test("networkAdvice() is undefined when there is nothing to advise", () => {
  expect(networkAdvice(ORIGIN, "ECONNREFUSED", world({}))).toBeUndefined();
  expect(networkAdvice(ORIGIN, "ECONNREFUSED", world(PROXY, "bun/1.4.5"))).toBeUndefined();
});

test("networkAdvice() never shows the proxy's address, which may hold a password", () => {
  const env = { HTTPS_PROXY: "http://user:secret@proxy.example" };
  expect(networkAdvice(ORIGIN, "getaddrinfo ENOTFOUND mogplex.com", world(env))).toBe(
    "HTTPS_PROXY is set, but Node 20.20.2 does not use it: use Node 22.21, or 24 or later, with NODE_USE_ENV_PROXY=1, or use Deno or Bun",
  );
});

test("a client with a fetch of its own gets no advice on this machine's network when it fails", async () => {
  const lost = new TypeError("fetch failed", { cause: new Error("UNABLE_TO_VERIFY_LEAF_SIGNATURE") });
  const { client } = scripted([lost]);
  await expect(client.getRun("5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11", { maxAttempts: 1 })).rejects.toThrow(
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE$/,
  );
});

test("refusePlainProxy() refuses plain HTTP that a runtime sends through a proxy, and names NO_PROXY", () => {
  const refusal = (env: Record<string, string>, runtime: string, origin = "http://127.0.0.1:4100"): string | null => {
    try {
      refusePlainProxy(origin, world(env, runtime));
      return null;
    } catch (error) {
      expect(error).toBeInstanceOf(UsageError);
      return (error as Error).message;
    }
  };
  const address = "http://user:secret@proxy.example:3128";
  for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
    for (const runtime of ["bun/1.4.5", "deno/2.9.6"]) {
      const env = { [name]: address };
      const message = "Cannot send the token to http://127.0.0.1:4100: " +
        `${name} is set, so the token would go to the proxy, unencrypted; set NO_PROXY and no_proxy to 127.0.0.1`;
      expect(refusal(env, runtime)).toBe(message);
      expect(refusal(env, runtime, "http://localhost:1")).not.toBeNull();
      expect(refusal(env, runtime, ORIGIN)).toBeNull();
      for (const list of ["127.0.0.1", "localhost,127.0.0.1", "127.0.0.0/8"]) {
        for (const exempt of ["NO_PROXY", "no_proxy"]) expect(refusal({ ...env, [exempt]: list }, runtime)).toBeNull();
      }
      expect(refusal({ ...env, NO_PROXY: "localhost" }, runtime)).not.toBeNull();
    }
    expect(refusal({ [name]: address }, "node/24.21.0")).toBeNull();
  }
  const http = { HTTP_PROXY: address };
  expect(refusal({ ...http, NODE_USE_ENV_PROXY: "1" }, "node/24.21.0")).not.toBeNull();
  // Each runtime has its own rule for the two names, and only Bun knows ports and a star here.
  const mixed = { ...http, NO_PROXY: "127.0.0.1", no_proxy: "other.example" };
  expect([refusal(mixed, "deno/2.9.6"), refusal(mixed, "bun/1.4.5")]).toEqual([null, expect.any(String)]);
  for (const list of ["*", "127.0.0.1:4100"]) {
    const env = { ...http, NO_PROXY: list };
    expect([refusal(env, "bun/1.4.5"), refusal(env, "deno/2.9.6")]).toEqual([null, expect.any(String)]);
  }
  expect(refusal({ HTTPS_PROXY: address }, "bun/1.4.5")).toBeNull();
});
