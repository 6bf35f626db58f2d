/**
 * Advice for a network that fails because of this machine: the runtime does not use the proxy, or does not know the certificate
 * authority.
 *
 * @module
 */
import { environmentVariable, runtimeArgs, runtimeName } from "../runtime.ts";

/** A proxy that the environment sets for the service. */
export interface ProxySetting {
  /** Name of the variable. */
  variable: string;
  /** How to make this runtime use it; null when it already does. */
  advice: string | null;
}

/** The process as {@linkcode proxySetting} sees it; tests pass their own. */
export interface ProxyWorld {
  /** Reads the environment of the process, since that is where the runtime looks for its proxy. */
  env(name: string): string | undefined;
  /** As `runtimeName()` gives it. */
  runtime: string;
  /** Arguments of the runtime itself. */
  args: readonly string[];
}

function thisProcess(): ProxyWorld {
  return { env: environmentVariable, runtime: runtimeName(), args: runtimeArgs() };
}

/** Whether `NO_PROXY` exempts a host: by its name, by the end of its name, or by `*`. */
function isExempt(hostname: string, list: string): boolean {
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== "").map((entry) =>
    entry.replace(/:\d+$/, "").replace(/^\*?\.(?=.)/, "")
  );
  return entries.some((entry) => entry === "*" || hostname === entry || hostname.endsWith(`.${entry}`));
}

/**
 * The proxy that the environment sets for the service, and whether this runtime uses it; null when there is none, or `NO_PROXY`
 * exempts the host.
 *
 * Deno and Bun use `HTTPS_PROXY` and `ALL_PROXY`. Node uses only `HTTPS_PROXY`, and only with `NODE_USE_ENV_PROXY=1` or
 * `--use-env-proxy`, from 22.21.0 and 24.0.0 on.
 * Source: Node.js, "Enterprise Network Configuration"; `tests/matrix/runtimes/proxies.test.ts` tries it.
 *
 * @param origin Origin of the service. Plain HTTP stays on this machine or its local network, so only `https:` is considered.
 */
export function proxySetting(origin: string, world: ProxyWorld = thisProcess()): ProxySetting | null {
  const { protocol, hostname } = new URL(origin);
  const { env, runtime, args } = world;
  const [name = "", version = ""] = runtime.split("/");
  const all = name === "node" ? [] : ["ALL_PROXY", "all_proxy"];
  const variable = ["HTTPS_PROXY", "https_proxy", ...all].find((each) => env(each));
  if (protocol !== "https:" || variable === undefined) return null;
  if (isExempt(hostname, env("NO_PROXY") || env("no_proxy") || "")) return null;
  if (name !== "node") return { variable, advice: null };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || major === 22 && minor < 21 || major === 23) {
    return { variable, advice: "use Node 24 or later with NODE_USE_ENV_PROXY=1, Deno or Bun" };
  }
  const asked = env("NODE_USE_ENV_PROXY") === "1" || args.includes("--use-env-proxy") ||
    (env("NODE_OPTIONS") ?? "").includes("--use-env-proxy");
  return { variable, advice: asked ? null : "set NODE_USE_ENV_PROXY=1" };
}

/** Name of the variable that adds a certificate authority; `runtime` is as `runtimeName()` gives it. */
export function authorityVariable(runtime: string): string {
  return runtime.startsWith("deno/") ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS";
}

/** Whether a network failure is about an unknown certificate authority: OpenSSL's codes, or rustls. */
function isUnknownAuthority(detail: string): boolean {
  return /UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|SELF_SIGNED_CERT|UnknownIssuer/.test(detail);
}

/**
 * What the reader can do about a network failure; undefined when no advice is known.
 *
 * @param origin Origin of the service.
 * @param detail The runtime's message. It only selects the advice; it never decides whether this is a network failure.
 */
export function networkAdvice(
  origin: string,
  detail: string,
  world: ProxyWorld = thisProcess(),
): string | undefined {
  if (isUnknownAuthority(detail)) {
    const variable = authorityVariable(world.runtime);
    return `the authority of its certificate is not known here: name its PEM file in ${variable}`;
  }
  // Deno and Bun use their proxy, and on Deno reading a variable may ask the user for a permission.
  const proxy = world.runtime.startsWith("node/") ? proxySetting(origin, world) : null;
  if (proxy === null || proxy.advice === null) return undefined;
  return `${proxy.variable} is set, but ${world.runtime.replace("node/", "Node ")} does not use it: ${proxy.advice}`;
}
