import type { ReadEnv } from "../ci/platform.ts";
import { type MogplexError, NetworkError } from "../errors.ts";
import { isLoopback } from "../loopback.ts";
import { type Answer, excerpt } from "./answer.ts";
import { type Origin, resolveOrigin } from "./connection.ts";
import { API_PREFIX } from "./contract.ts";
import { type NetworkTrouble, probe, troubleOf } from "./probe.ts";
import { authorityVariable, proxySetting } from "./proxies.ts";
import { formatDuration } from "../text/duration.ts";
import { createRedactor } from "../text/redact.ts";
import { isAtLeast } from "../runtime.ts";
import { adviceOf, type Check, failed, failedWith, follows, ok, skipped, tried, warning } from "../check.ts";
import { type Machine, runtimeParts, thisMachine } from "../runtime.ts";
import type { Clock } from "../clock.ts";
import type { Io } from "../io.ts";
import type { Platform } from "../ci/platform.ts";
import type { Fetch } from "./transport.ts";

export interface CheckContext {
  io: Pick<Io, "env" | "readFile">;
  clock: Clock;
  fetch: Fetch | undefined;
  platform: Platform;
}

/** Three requests in a row take less than 20 s. */
export const REQUEST_MS = 5_000;
/** The `Date` header has only whole seconds, so small differences are ignored. */
const MAX_SKEW_MS = 30_000;
export const OWN_ORIGIN = "Set MOGPLEX_URL to the service's own origin, or unset it";

export function checkUrl({ origin, custom, plain }: Origin): Check {
  return ok("url", `${origin}${custom ? ", not the default address" : ""}${plain ? ", unencrypted" : ""}`);
}

export function badUrl(error: MogplexError): Check {
  return failedWith("url", error, adviceOf(error, OWN_ORIGIN));
}

/** The password of the proxy is left out. `place` has the form `proxy:3128 (HTTPS_PROXY)`. */
function proxyFor({ origin }: Origin, env: ReadEnv, { runtime, args }: Machine) {
  const proxy = proxySetting(origin, { env, runtime, args });
  if (proxy === null) return undefined;
  const text = env(proxy.variable) ?? "";
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const host = URL.canParse(url) ? new URL(url).host : "(no URL)";
  return { place: `${host} (${proxy.variable})`, advice: proxy.advice };
}

/** Since version 2.8, Deno also reads `NODE_EXTRA_CA_CERTS`. Source: Deno, "Environment variables". */
function authorityVariables(machine: Machine): string[] {
  const { name, version } = runtimeParts(machine);
  const variable = authorityVariable(machine.runtime);
  return name === "deno" && isAtLeast(version, "2.8") ? [variable, "NODE_EXTRA_CA_CERTS"] : [variable];
}

export function checkProxy(origin: Origin, env: ReadEnv, machine: Machine): Check {
  if (origin.plain) return ok("proxy", "none, because plain HTTP requests never go through a proxy");
  const variables = authorityVariables(machine);
  if (env("NODE_TLS_REJECT_UNAUTHORIZED") === "0" && runtimeParts(machine).name !== "deno") {
    return warning(
      "proxy",
      "certificates are not checked (NODE_TLS_REJECT_UNAUTHORIZED=0): anyone on the network path to the service can read the token",
      `Unset it, and set ${variables[0]} to the path of your certificate authority's certificate`,
    );
  }
  const proxy = proxyFor(origin, env, machine);
  if (proxy !== undefined && proxy.advice !== null && !isLoopback(origin.host)) {
    return warning("proxy", `${machine.runtime} does not use ${proxy.place}`, `To use it: ${proxy.advice}`);
  }
  const authority = variables.find((each) => env(each));
  const unread = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"].find((each) => !variables.includes(each) && env(each));
  if (authority === undefined && unread !== undefined) {
    return warning("proxy", `${machine.runtime} does not read ${unread}`, `Set ${variables[0]} to the same file`);
  }
  return ok(
    "proxy",
    [proxy?.advice === null ? proxy.place : "none", authority && `also trusts the certificates in ${authority}`]
      .filter(Boolean).join("; "),
  );
}

export function networkFix(error: NetworkError, origin: Origin, env: ReadEnv, machine: Machine): string {
  return adviceFor(troubleOf(error), origin, env, machine);
}

export function withNetworkFix(error: unknown, env: ReadEnv): unknown {
  if (!(error instanceof NetworkError) || error.advice !== null) return error;
  const { attempted, why } = error;
  if (attempted === null) return error;
  const fix = networkFix(error, resolveOrigin({ env }), env, thisMachine());
  return new NetworkError({ attempted, why, advice: fix.charAt(0).toLowerCase() + fix.slice(1) }, { cause: error });
}

function adviceOfNewProxy({ origin }: Origin, env: ReadEnv, { runtime, args }: Machine): string {
  const withProxy = (name: string) => name === "HTTPS_PROXY" ? "http://proxy.example" : env(name);
  const advice = proxySetting(origin, { env: withProxy, runtime, args })?.advice ?? null;
  return advice === null ? "" : `, and ${advice}`;
}

function adviceFor(trouble: NetworkTrouble, origin: Origin, env: ReadEnv, machine: Machine): string {
  const proxy = proxyFor(origin, env, machine);
  // Plain HTTP is permitted only to this machine or one development host, so no proxy is suggested.
  const way = origin.plain || isLoopback(origin.host)
    ? "check that the service is running there"
    : proxy === undefined
    ? `if this network has a proxy, set HTTPS_PROXY${adviceOfNewProxy(origin, env, machine)}`
    : proxy.advice === null
    ? `check the proxy ${proxy.place}`
    : `${machine.runtime} does not use the proxy ${proxy.place}: ${proxy.advice}`;
  switch (trouble) {
    case "permission":
      return `Start Deno with --allow-net=${origin.host}; the permissions command prints all flags`;
    case "proxy":
      return "The proxy refuses to connect: check its rules, and the user name and password in HTTPS_PROXY";
    case "name":
      return `The host name was not found: check MOGPLEX_URL and the DNS of this machine; ${way}`;
    case "refused":
      return `Nothing is listening there: check MOGPLEX_URL; ${way}`;
    case "expired":
      return "The certificate is not valid at this time: check the clock of this machine";
    case "wrong_name":
      return "The certificate is for another name: check MOGPLEX_URL";
    case "issuer":
      return `This machine does not trust the authority of the certificate: if it is your own authority, set ${
        authorityVariable(machine.runtime)
      } to its PEM file`;
    case "no_tls":
      return "The server at this address does not use TLS: check the port and the scheme in MOGPLEX_URL, and the proxy";
    case "timeout":
      return `There was no answer in time: a firewall may be dropping the packets; ${way}`;
    case "reset":
      return `The connection was closed, possibly by a firewall or a proxy; ${way}`;
    case "unknown":
      return `Check MOGPLEX_URL and the network; ${way}`;
  }
}

const isLogin = (pathname: string) => /\/login$/.test(pathname);

function judgeAnswer(answer: Answer, { origin }: Origin): Check {
  const { status, headers } = answer;
  const redact = createRedactor();
  const type = excerpt(headers.get("content-type") ?? "none", redact, 60);
  const seen = `HTTP ${status}, content type ${JSON.stringify(type)}`;
  if (status >= 300 && status < 400) {
    const location = headers.get("location") ?? "";
    const target = URL.canParse(location, origin) ? new URL(location, origin) : undefined;
    // The service redirects a request without a token to its login page. Source: API reference, "Authentication".
    if (target?.origin === origin && isLogin(target.pathname)) return ok("connection", "the service answers");
    const where = target === undefined ? "nowhere" : target.origin === origin ? "another path" : target.origin;
    return failed(
      "connection",
      `the server redirects to ${
        JSON.stringify(excerpt(where, redact))
      } (HTTP ${status}), but redirects are not followed`,
      target !== undefined && isLogin(target.pathname)
        ? "Another site's login page intercepts the requests: allow requests from CI without a login"
        : OWN_ORIGIN,
      "unavailable",
    );
  }
  if (status === 401) return ok("connection", "the service answers");
  if (status === 429) {
    return failed("connection", "the host refuses requests at the moment (HTTP 429)", "Try again later", "rateLimited");
  }
  if (status >= 500) {
    return failed(
      "connection",
      `the server has a problem (${seen})`,
      "Try again later; a job retries automatically",
      "unavailable",
    );
  }
  return failed("connection", `the server that answers is not Mogplex (${seen})`, OWN_ORIGIN, "unavailable");
}

function checkClock({ dateMs }: Answer, wallTimeMs: number): Check {
  if (dateMs === null) return skipped("clock", "the response has no date");
  const skewMs = wallTimeMs - dateMs;
  const differs = `this machine is ${formatDuration(Math.abs(skewMs))} ${
    skewMs < 0 ? "behind" : "ahead of"
  } the service`;
  if (Math.abs(skewMs) <= MAX_SKEW_MS) {
    return ok("clock", Math.abs(skewMs) < 2_000 ? "same as the service" : differs);
  }
  return warning(
    "clock",
    differs,
    "Set the clock (NTP): a wrong clock makes certificates look invalid, and causes wrong times in the log and wrong keys with the key scope day",
  );
}

export async function reach(
  origin: Origin,
  context: CheckContext,
  machine: Machine,
): Promise<{ checks: Check[]; answered: boolean }> {
  const { io, clock, fetch } = context;
  const url = `${origin.origin}${API_PREFIX}/repos?limit=1`;
  const answer = await tried(() => probe(url, { fetch, clock, limitMs: REQUEST_MS }));
  if (answer.ok) {
    return { checks: [judgeAnswer(answer.value, origin), checkClock(answer.value, clock.wallTime())], answered: true };
  }
  const { error } = answer;
  const trouble = error instanceof NetworkError ? troubleOf(error) : "unknown";
  // A missing permission ends a job at once.
  const exit = trouble === "permission" ? "usage" : error.exit;
  const check = failed("connection", error.message, adviceFor(trouble, origin, io.env, machine), exit);
  return { checks: [check, follows("clock", "connection")], answered: false };
}
