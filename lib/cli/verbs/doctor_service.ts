/**
 * Checks that ask the service, with the token. They have no effect, and send at most eight requests in all.
 *
 * @module
 */
import type { ReadEnv } from "../../ci/platform.ts";
import {
  ForbiddenError,
  type MogplexError,
  NetworkError,
  NotFoundError,
  RateLimitedError,
  UnauthorizedError,
  UnavailableError,
} from "../../errors.ts";
import { isLoopback } from "../../loopback.ts";
import type { Repo } from "../../model.ts";
import { streamRefusal } from "../../run/events.ts";
import { type Answer, excerpt } from "../../service/answer.ts";
import { type CallOptions, clientFor, type MogplexApi } from "../../service/client.ts";
import {
  type Connection,
  findToken as findConnectionToken,
  type FoundToken,
  type Origin,
} from "../../service/connection.ts";
import { API_PREFIX, isUuid } from "../../service/contract.ts";
import { type NetworkTrouble, probe, troubleOf } from "../../service/probe.ts";
import { namesNear, repoName, rowOf, rowsText } from "../../service/repository.ts";
import { authorityVariable, proxySetting, userAgent } from "../../service/transport.ts";
import { REPOS_LIST } from "../../service/validate.ts";
import { formatCount, formatDuration } from "../../text/duration.ts";
import { createRedactor } from "../../text/redact.ts";
import { REPO } from "../options.ts";
import type { Context } from "../verb.ts";
import { ABSENT_ID, isAtLeast } from "./doctor_checks.ts";
import {
  adviceOf,
  type Check,
  failed,
  failedWith,
  follows,
  ok,
  skipped,
  type Tried,
  tried,
  warning,
} from "../../check.ts";
import { type Machine, runtimeParts } from "../../runtime.ts";

// Checks of the way to the service: its address, proxies and certificates, what answers there, and its clock.

/** Limit of one request in milliseconds: three of them in a row stay below 20 s. */
const REQUEST_MS = 5_000;
/** Difference of the clocks above which it is a warning, in milliseconds; `Date` has whole seconds. */
const MAX_SKEW_MS = 30_000;
/** Advice for an answer that is not from the service. */
const OWN_ORIGIN = "Set MOGPLEX_URL to the service's own origin, or unset it";

/** Describes an address that may be used. */
export function checkUrl({ origin, custom, plain }: Origin): Check {
  return ok("url", `${origin}${custom ? ", not the service's usual one" : ""}${plain ? ", unencrypted" : ""}`);
}

/** Describes an address that may not be used. */
export function badUrl(error: MogplexError): Check {
  return failedWith("url", error, adviceOf(error, OWN_ORIGIN));
}

/** The proxy that the environment names, without its password. */
interface Proxy {
  /** Host and port, and the variable, as in `proxy:3128 (HTTPS_PROXY)`. */
  place: string;
  /** How to make the runtime use it; null when it does. */
  advice: string | null;
}

function proxyFor({ origin }: Origin, env: ReadEnv, { runtime, args }: Machine): Proxy | undefined {
  const proxy = proxySetting(origin, { env, runtime, args });
  if (proxy === null) return undefined;
  const text = env(proxy.variable) ?? "";
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  const host = URL.canParse(url) ? new URL(url).host : "(no URL)";
  return { place: `${host} (${proxy.variable})`, advice: proxy.advice };
}

/** Variables that a runtime reads certificates of authorities from. Source: Deno, "Environment variables": Node's since 2.8. */
function authorityVariables(machine: Machine): string[] {
  const { name, version } = runtimeParts(machine);
  const own = authorityVariable(machine.runtime);
  return name === "deno" && isAtLeast(version, "2.8") ? [own, "NODE_EXTRA_CA_CERTS"] : [own];
}

/** Checks proxies and certificates, as far as the environment says. */
export function checkProxy(origin: Origin, env: ReadEnv, machine: Machine): Check {
  if (origin.plain) return ok("proxy", "none, as it is plain HTTP");
  const own = authorityVariables(machine);
  if (env("NODE_TLS_REJECT_UNAUTHORIZED") === "0" && runtimeParts(machine).name !== "deno") {
    return warning(
      "proxy",
      "certificates are not checked (NODE_TLS_REJECT_UNAUTHORIZED=0): anybody on the way can read the token",
      `Unset it, and name the certificate of your own authority in ${own[0]}`,
    );
  }
  const proxy = proxyFor(origin, env, machine);
  if (proxy !== undefined && proxy.advice !== null && !isLoopback(origin.host)) {
    return warning("proxy", `${machine.runtime} does not use ${proxy.place}`, `To use it: ${proxy.advice}`);
  }
  const authority = own.find((each) => env(each));
  const unread = ["NODE_EXTRA_CA_CERTS", "DENO_CERT"].find((each) => !own.includes(each) && env(each));
  if (authority === undefined && unread !== undefined) {
    return warning("proxy", `${machine.runtime} does not read ${unread}`, `Set ${own[0]} to the same file`);
  }
  return ok(
    "proxy",
    [proxy?.advice === null && proxy.place, authority && `certificates from ${authority}`].filter(Boolean).join("; ") ||
      "none",
  );
}

/** What to do about each trouble. */
function adviceFor(trouble: NetworkTrouble, origin: Origin, env: ReadEnv, machine: Machine): string {
  const proxy = proxyFor(origin, env, machine);
  // Plain HTTP stays on this machine or its network, where no proxy is.
  const way = origin.plain || isLoopback(origin.host)
    ? "see whether the service there runs"
    : proxy === undefined
    ? "if this network has a proxy, name it in HTTPS_PROXY"
    : `see whether the proxy ${proxy.place} is right`;
  switch (trouble) {
    case "permission":
      return `Start Deno with --allow-net=${origin.host}; the verb permissions prints all flags`;
    case "proxy":
      return "The proxy refuses to connect: see its rules, and name and password in HTTPS_PROXY";
    case "name":
      return `The name is not found: check MOGPLEX_URL and the DNS of this machine; ${way}`;
    case "refused":
      return `No program listens there: check MOGPLEX_URL; ${way}`;
    case "expired":
      return "The certificate is not valid at this time: see whether the clock of this machine is right";
    case "wrong_name":
      return "The certificate is for another name: check MOGPLEX_URL";
    case "issuer":
      return `The certificate is not from an authority that is known here: for your own one, set ${
        authorityVariable(machine.runtime)
      } to its file in PEM form`;
    case "no_tls":
      return "The server at this address does not use TLS: check port and scheme in MOGPLEX_URL, and the proxy";
    case "timeout":
      return `No answer came in time: a firewall may drop what is sent; ${way}`;
    case "reset":
      return `The connection was closed: a firewall or a proxy may do that; ${way}`;
    case "unknown":
      return `Check MOGPLEX_URL and the network; ${way}`;
  }
}

const isLogin = (pathname: string) => /\/login$/.test(pathname);

/** Judges by the answer to a request without a token whether it is the service that answers. */
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
      `the answer is a redirect to ${JSON.stringify(excerpt(where, redact))} (HTTP ${status}), which is never followed`,
      target !== undefined && isLogin(target.pathname)
        ? "The login page of another site answers in its place: let CI pass without it"
        : OWN_ORIGIN,
      "unavailable",
    );
  }
  if (status === 401) return ok("connection", "the service answers");
  if (status === 429) {
    return failed("connection", "the host refuses requests for now (HTTP 429)", "Try again later", "rateLimited");
  }
  if (status >= 500) {
    return failed(
      "connection",
      `what answers is in trouble (${seen})`,
      "Try again later; a job does so itself",
      "unavailable",
    );
  }
  return failed("connection", `what answers is not the service (${seen})`, OWN_ORIGIN, "unavailable");
}

/** Result of {@linkcode reach}. */
interface Reached {
  /** Checks `connection` and `clock`. */
  checks: Check[];
  /** Whether there was an answer, whatever it was. */
  answered: boolean;
}

/** Checks the difference between the clocks. */
function checkClock({ dateMs }: Answer, wallTimeMs: number): Check {
  if (dateMs === null) return skipped("clock", "the answer has no date");
  const skewMs = wallTimeMs - dateMs;
  const differs = `this machine is ${formatDuration(Math.abs(skewMs))} ${
    skewMs < 0 ? "behind" : "ahead of"
  } the service`;
  if (Math.abs(skewMs) <= MAX_SKEW_MS) {
    return ok("clock", Math.abs(skewMs) < 2_000 ? "the same as the service's" : differs);
  }
  return warning(
    "clock",
    differs,
    "Set the clock (NTP): a wrong clock makes certificates look invalid, and gives wrong keys of scope day and wrong times in the log",
  );
}

/** Sends one request without the token, and judges the answer. */
export async function reach(origin: Origin, context: Context, machine: Machine): Promise<Reached> {
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

/** Limit of all requests in milliseconds; the last one may run over by 2 s. */
const ALL_MS = 12_000;
/** Most repositories that one listing has. Source: API reference, "List repositories". */
const MAX_REPOS = 200;

/** Where the token is looked for. */
function tokenSource({ io }: Context): { variable: string; place: string } {
  const variable = io.env("MOGPLEX_TOKEN_VARIABLE")?.trim() || "MOGPLEX_API_KEY";
  const file = io.env("MOGPLEX_API_KEY_FILE")?.trim() && !io.env(variable)?.trim();
  return { variable, place: file ? "the file of MOGPLEX_API_KEY_FILE" : variable };
}

/** Finds the token. */
export function findToken({ io }: Context): Promise<Tried<FoundToken>> {
  return tried(() => findConnectionToken({ env: io.env, readFile: io.readFile }));
}

/** Checks the form of the token; nothing of it is ever shown. */
export function checkToken(context: Context, token: Tried<FoundToken>, machine: Machine): Check {
  const { variable, place } = tokenSource(context);
  if (!token.ok) {
    const create =
      `Create a token under Settings > Mogplex Keys, and give it to the job as the masked variable ${variable}`;
    const advice = machine.refuses(variable)
      ? `Permit Deno to read it: --allow-env=${variable}`
      : adviceOf(token.error, create);
    return failedWith("token", token.error, advice);
  }
  if (!token.value.token.startsWith("mog_")) {
    return warning(
      "token",
      `the one in ${place} does not begin with mog_, so it is treated as an OAuth token`,
      "Unless it is one, create a token under Settings > Mogplex Keys",
    );
  }
  const text = context.io.env(variable);
  const trimmed = place === variable && text !== undefined && text !== token.value.token;
  const { name, maskCommand } = context.platform;
  const unmasked = place !== variable && maskCommand !== undefined;
  return ok(
    "token",
    [
      `from ${place}`,
      ...trimmed ? ["blanks and line breaks around it are removed"] : [],
      ...unmasked ? [`${name} does not mask it until the step that fetches it prints ${maskCommand}`] : [],
    ].join("; "),
  );
}

/** Answers to the requests with the token. */
interface ServiceAnswers {
  repos: Tried<Repo[]>;
  automations: Tried<unknown>;
  starts: Tried<void>;
  stream: Tried<void>;
}

async function openStream(client: MogplexApi, call: CallOptions): Promise<void> {
  (await client.openRunEvents(ABSENT_ID, { limit: 1 }, call)).close();
}

/** Lists the wanted repository, by id or name; all repositories without one. */
function listRepos(client: MogplexApi, wanted: string | undefined, call: CallOptions): Promise<Repo[]> {
  if (wanted === undefined) return client.listRepos({ limit: MAX_REPOS }, call);
  return isUuid(wanted)
    ? client.listRepos({ id: wanted.toLowerCase(), limit: 1 }, call)
    : client.listRepos({ q: repoName(wanted), limit: MAX_REPOS }, call);
}

async function ask(client: MogplexApi, wanted: string | undefined, deadline: number): Promise<ServiceAnswers> {
  const once = { deadline, requestTimeoutMs: REQUEST_MS, maxAttempts: 1 };
  const [repos, automations, starts, stream] = await Promise.all([
    // A job repeats this request as well, and the exit code depends on it.
    tried(() => listRepos(client, wanted, { ...once, maxAttempts: 2 })),
    tried(() => client.listAutomations({ limit: 1 }, once)),
    tried(() => client.checkStartAccess(once)),
    tried(() => openStream(client, once)),
  ]);
  return { repos, automations, starts, stream };
}

/** What to do when the service refuses the token, or the listing that shows whether it takes it. */
function accessAdvice(error: MogplexError): string {
  if (error instanceof UnauthorizedError) {
    return "See under Settings > Mogplex Keys whether it has expired, and create another one";
  }
  if (error instanceof ForbiddenError) return "Give the token the scopes read and write";
  if (error instanceof RateLimitedError) {
    return "A job waits as long as its deadline allows; give busy jobs their own tokens";
  }
  if (error instanceof UnavailableError && error.status < 500) return OWN_ORIGIN;
  return "Try again later; a job does so until its deadline";
}

/** Checks that the service takes the token. */
function checkAccess({ repos }: ServiceAnswers): Check {
  if (repos.ok) return ok("access", "the service takes the token");
  return failedWith("access", repos.error, accessAdvice(repos.error));
}

/** A check whose request failed for a reason that another check reports already. */
function unasked(name: string, { repos }: ServiceAnswers, error: MogplexError): Check {
  return repos.ok ? skipped(name, error.message) : follows(name, "access");
}

/** What a job is to do: each needs other rights. */
export type Purpose = "run" | "follow" | "respond" | "dashboard" | "automation";

/** All purposes, the default first. */
export const PURPOSES: readonly Purpose[] = ["run", "follow", "respond", "dashboard", "automation"];

/** The purposes whose job has to be told its repository. The forge tells `respond`. */
const NEED_REPOSITORY: readonly Purpose[] = ["run", "automation"];

/** How to get a token with these rights. */
const createToken = (rights: string) => `Create a token with ${rights} (Settings > Mogplex Keys)`;

/**
 * What the token may do, for a job of this purpose.
 *
 * @param missing The scopes that it lacks.
 * @param restricted Whether it may trigger automations, and start nothing else.
 */
function judgeScopes(missing: readonly string[], restricted: boolean, purpose: Purpose): Check {
  const name = "scopes";
  const [writes, reads] = [!missing.includes("write"), !missing.includes("read")];
  const both = createToken("the scopes read and write");
  if (!reads && !writes && !restricted) return failed(name, "read and write are missing", both, "forbidden");
  if (purpose === "dashboard") {
    if (!writes && !restricted) return ok(name, "the token may read, and start nothing");
    const advice = `${createToken("the scope read alone")}, or give dashboard --allow-write-token`;
    return failed(name, "the token may start runs or automations, and a dashboard only reads", advice, "usage");
  }
  if (purpose === "follow") {
    if (!reads) return warning(name, "read is missing", both);
    return ok(name, writes ? "the token may read and write" : "the token may read, so it may follow runs");
  }
  if (restricted) {
    const finding = "the token may read and trigger automations, but not start runs";
    const advice = "Use automations trigger, or a token with full access (Settings > Mogplex Keys)";
    return purpose === "automation" ? ok(name, finding) : failed(name, finding, advice, "forbidden");
  }
  if (!writes) {
    const what = purpose === "automation" ? "trigger automations" : "start runs";
    return failed(name, `the token may not ${what}, since write is missing`, both, "forbidden");
  }
  if (!reads) return warning(name, "read is missing", both);
  return ok(name, "the token may start runs (read and write)");
}

/** Checks whether the token may do what the job is for. */
function checkScopes(asked: ServiceAnswers, purpose: Purpose): Check {
  const { automations, starts } = asked;
  const isForbidden = ({ ok, error }: { ok: boolean; error?: MogplexError }) => !ok && error instanceof ForbiddenError;
  const other = [automations, starts].find((each) => !each.ok && !isForbidden(each));
  if (other?.ok === false) return unasked("scopes", asked, other.error);
  const restricted = !starts.ok && starts.error instanceof ForbiddenError &&
    starts.error.code === "AUTOMATION_REQUIRED";
  const missing = [...isForbidden(automations) ? ["read"] : [], ...isForbidden(starts) ? ["write"] : []];
  const check = judgeScopes(missing, restricted, purpose);
  return missing.includes("write") ? { ...check, startsRuns: false } : check;
}

/** Checks for the event stream, by asking for that of a run that does not exist. */
function checkServer(asked: ServiceAnswers): Check {
  const { stream, repos } = asked;
  const there = "it has event streams: following a run takes a few requests";
  if (stream.ok || stream.error instanceof NotFoundError) return ok("server", there);
  const { error } = stream;
  const refusal = streamRefusal(error, false);
  if (refusal === "absent") {
    return ok("server", "it has no event streams, which does no harm: a run is followed by polling");
  }
  if (refusal !== "broken" || !repos.ok) return unasked("server", asked, error);
  return warning("server", `event streams do not work now: ${error.message}`, "Nothing: runs are polled meanwhile");
}

function foundRepository({ full_name, default_branch }: Repo): string {
  return `${full_name}, default branch ${JSON.stringify(default_branch ?? "main")}`;
}

function shortList(repos: readonly Repo[]): string {
  const names = repos.slice(0, 3).map((repo) => `${repo.full_name} (${repo.id})`);
  return `${names.join(", ")}${repos.length > names.length ? ", …" : ""}`;
}

function countRepositories({ length }: readonly Repo[]): string {
  return `${length < MAX_REPOS ? "" : "at least "}${formatCount(length, "repository").replace(/ys$/, "ies")}`;
}

/** Advice for a name that is not found. */
const LISTS_THEM = `${REPOS_LIST} shows the names`;

/** Looks up a repository that is given by name. */
function resolveName(wanted: string, repos: Tried<Repo[]> | undefined, near: readonly string[]): Check {
  const given = JSON.stringify(wanted);
  const name = repoName(wanted).toLowerCase();
  if (!repos?.ok) {
    if (name.includes("/")) {
      return skipped("repository", `${given} is looked up when a job starts; the list could not be read`);
    }
    return failed("repository", `${given} is neither owner/name nor an id`, LISTS_THEM, "usage");
  }
  const known = repos.value.filter((repo) => isUuid(repo.id));
  const rows = known.filter((repo) => repo.full_name.toLowerCase() === name);
  const same = rowOf(rows);
  if (same !== undefined) return ok("repository", foundRepository(same));
  if (rows.length > 1) {
    return failed("repository", `several have the name ${given}`, `Give the id of one: ${rowsText(rows)}`, "usage");
  }
  const listed = known.length === 0 ? "no listed repository has that name" : `there are ${shortList(known)}`;
  const meant = near.length === 0 ? "" : `Did you mean ${near.map((each) => JSON.stringify(each)).join(" or ")}? `;
  const advice = `${meant}${LISTS_THEM}`;
  return failed("repository", `${given} is not found; ${listed}`, advice, "usage");
}

/** Checks the repository; without answers it is not looked up. @param near Names that the user may have meant. */
function checkRepository(
  wanted: string | undefined,
  repos: Tried<Repo[]> | undefined,
  purpose: Purpose,
  near: readonly string[] = [],
): Check {
  if (wanted === undefined) {
    if (!NEED_REPOSITORY.includes(purpose)) return ok("repository", "none is given, and none is needed");
    const found = repos?.ok ? `none is given; the token reaches ${countRepositories(repos.value)}` : "none is given";
    return failed("repository", found, `Set MOGPLEX_REPO_ID, or give --repo. ${LISTS_THEM}`, "usage");
  }
  if (!isUuid(wanted)) return resolveName(wanted, repos, near);
  if (!repos?.ok) return follows("repository", "access");
  const [first] = repos.value;
  if (first !== undefined) {
    return ok("repository", foundRepository(first));
  }
  return warning(
    "repository",
    `the token reaches no listed repository with the id ${wanted}`,
    `${REPOS_LIST} shows the ids. A hidden repository is not listed, but runs can start on it`,
  );
}

/** Names that the user may have meant by one that is not listed; none when it is, or is an id. Takes two requests at most. */
async function namesMeant(
  client: MogplexApi,
  wanted: string | undefined,
  { repos }: ServiceAnswers,
  deadline: number,
): Promise<string[]> {
  if (wanted === undefined || isUuid(wanted) || !repos.ok) return [];
  const name = repoName(wanted).toLowerCase();
  if (repos.value.some(({ full_name }) => full_name.toLowerCase() === name)) return [];
  return await namesNear(client, name, { deadline, requestTimeoutMs: REQUEST_MS, maxAttempts: 1 });
}

/** Results by name of the check. */
type ServiceChecks = Record<"access" | "scopes" | "server" | "repository", Check>;

/**
 * Makes all checks that ask the service.
 *
 * @param connection The service and the token; or the check because of which the service cannot be asked.
 * @param purpose What the job is for.
 */
export async function checkService(
  context: Context,
  connection: Connection | string,
  purpose: Purpose,
): Promise<ServiceChecks> {
  const { option, clock, fetch, platform } = context;
  const wanted = option(REPO)?.trim();
  if (typeof connection === "string") {
    const skip = (name: string) => follows(name, connection);
    const repository = checkRepository(wanted, undefined, purpose);
    return {
      access: skip("access"),
      scopes: skip("scopes"),
      server: skip("server"),
      repository: repository.state === "skipped" ? skip("repository") : repository,
    };
  }
  const client = clientFor({ ...connection, clock, fetch, userAgent: userAgent(platform.name) });
  const asked = await ask(client, wanted, clock.now() + ALL_MS);
  return {
    access: checkAccess(asked),
    scopes: checkScopes(asked, purpose),
    server: checkServer(asked),
    repository: checkRepository(
      wanted,
      asked.repos,
      purpose,
      await namesMeant(client, wanted, asked, clock.now() + ALL_MS),
    ),
  };
}
