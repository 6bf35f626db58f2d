import { UsageError } from "../errors.ts";
import { environmentVariable, runtimeArgs, runtimeName } from "../runtime.ts";

export interface ProxyWorld {
  /** The runtime reads its proxy from the environment of the process. */
  env(name: string): string | undefined;
  runtime: string;
  args: readonly string[];
}

function thisProcess(): ProxyWorld {
  return { env: environmentVariable, runtime: runtimeName(), args: runtimeArgs() };
}

function isExempt(hostname: string, list: string): boolean {
  const entries = list.split(/[\s,]+/).filter((entry) => entry !== "").map((entry) =>
    entry.replace(/:\d+$/, "").replace(/^\*?\.(?=.)/, "")
  );
  return entries.some((entry) => entry === "*" || hostname === entry || hostname.endsWith(`.${entry}`));
}

/**
 * Deno and Bun use `HTTPS_PROXY` and `ALL_PROXY`. Node.js uses only `HTTPS_PROXY`, and only with `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`, from
 * 22.21.0 and 24.0.0 on. Source: Node.js, "Enterprise Network Configuration"; tested in `tests/matrix/runtimes/proxies.test.ts`.
 * @returns `null` if the environment sets no proxy for the host. `advice` is `null` if the runtime already uses the proxy.
 */
export function proxySetting(
  origin: string,
  world: ProxyWorld = thisProcess(),
): { variable: string; advice: string | null } | null {
  const { protocol, hostname } = new URL(origin);
  const { env, runtime } = world;
  const [name = "", version = ""] = runtime.split("/");
  const all = name === "node" ? [] : ["ALL_PROXY", "all_proxy"];
  const variable = ["HTTPS_PROXY", "https_proxy", ...all].find((each) => env(each));
  if (protocol !== "https:" || variable === undefined) return null;
  if (isExempt(hostname, env("NO_PROXY") || env("no_proxy") || "")) return null;
  if (name !== "node") return { variable, advice: null };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < 22 || major === 22 && minor < 21 || major === 23) {
    return { variable, advice: "use Node 22.21, or 24 or later, with NODE_USE_ENV_PROXY=1, or use Deno or Bun" };
  }
  return { variable, advice: usesProxies(world) ? null : "set NODE_USE_ENV_PROXY=1" };
}

/**
 * Variables with a proxy for plain HTTP, measured on Bun 1.4 and Deno 2.9. Node.js reads only the first two, and only if its proxy support is turned
 * on.
 */
const PLAIN_PROXIES = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

function isExemptPlain({ hostname, host }: URL, { env, runtime }: ProxyWorld): boolean {
  const isDeno = runtime.startsWith("deno/");
  // Each runtime ignores the second name if the first one is set.
  const list = isDeno ? env("NO_PROXY") ?? env("no_proxy") : env("no_proxy") || env("NO_PROXY");
  return (list ?? "").split(/[\s,]+/).some((entry) => {
    if (entry === "*") return !isDeno;
    if (entry === "127.0.0.0/8") return /^127\./.test(hostname);
    return entry === hostname || entry === host && !isDeno;
  });
}

/**
 * Prevents sending the token unencrypted through a proxy. Plain HTTP is permitted only to this machine or one host. Bun and Deno, and Node.js with
 * proxy support turned on, send plain HTTP to the proxy of the environment.
 */
export function refusePlainProxy(origin: string, world: ProxyWorld = thisProcess()): void {
  const url = new URL(origin);
  if (url.protocol !== "http:") return;
  const variable = PLAIN_PROXIES.find((name) => world.env(name));
  if (variable === undefined || isExemptPlain(url, world) || world.runtime.startsWith("node/") && !usesProxies(world)) {
    return;
  }
  throw new UsageError({
    attempted: `send the token to ${origin}`,
    why: `${variable} is set, so the token would go to the proxy, unencrypted`,
    advice: `set NO_PROXY and no_proxy to ${url.hostname}`,
  });
}

function usesProxies({ env, args }: ProxyWorld): boolean {
  return env("NODE_USE_ENV_PROXY") === "1" || args.includes("--use-env-proxy") ||
    (env("NODE_OPTIONS") ?? "").includes("--use-env-proxy");
}

export function authorityVariable(runtime: string): string {
  return runtime.startsWith("deno/") ? "DENO_CERT" : "NODE_EXTRA_CA_CERTS";
}

/** `UnknownIssuer` comes from rustls, and the codes come from OpenSSL. */
function isUnknownAuthority(detail: string): boolean {
  return /UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT)|SELF_SIGNED_CERT|UnknownIssuer/.test(detail);
}

/** The runtime's message (`detail`) selects only the advice. It must not decide whether an error is a network failure. */
export function networkAdvice(
  origin: string,
  detail: string,
  world: ProxyWorld = thisProcess(),
): string | undefined {
  if (isUnknownAuthority(detail)) {
    const variable = authorityVariable(world.runtime);
    return `this machine does not trust the authority of the server's certificate: set ${variable} to the authority's PEM file`;
  }
  // Deno and Bun already use the proxy, so only Node.js needs advice. On Deno, reading a variable may prompt for a permission.
  const proxy = world.runtime.startsWith("node/") ? proxySetting(origin, world) : null;
  if (proxy === null || proxy.advice === null) return undefined;
  return `${proxy.variable} is set, but ${world.runtime.replace("node/", "Node ")} does not use it: ${proxy.advice}`;
}
