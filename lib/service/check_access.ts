/**
 * Checks the token without changing anything.
 * @module
 */
import {
  ForbiddenError,
  type MogplexError,
  NotFoundError,
  RateLimitedError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import type { Repo } from "../model.ts";
import { streamRefusal } from "./stream.ts";
import { type CallOptions, clientFor, type ServiceClient } from "./client.ts";
import { type Connection, findToken as findConnectionToken, type FoundToken } from "./connection.ts";
import { isUuid } from "./contract.ts";
import { namesNear, repoName, rowOf, rowsText } from "./repository.ts";
import { userAgent } from "./transport.ts";
import { REPOS_LIST } from "./validate.ts";
import { formatCount } from "../text/duration.ts";
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
} from "../check.ts";
import { type Machine } from "../runtime.ts";
import { type CheckContext, OWN_ORIGIN, REQUEST_MS } from "./check_way.ts";

export const ABSENT_ID = "00000000-0000-4000-8000-000000000000";

/** The last request may exceed this limit by 2 s. */
const ALL_MS = 12_000;
/** Source: API reference, "List repositories". */
const MAX_REPOS = 200;

function tokenSource({ io }: Pick<CheckContext, "io">): { variable: string; place: string } {
  const variable = io.env("MOGPLEX_TOKEN_VARIABLE")?.trim() || "MOGPLEX_API_KEY";
  const file = io.env("MOGPLEX_API_KEY_FILE")?.trim() && !io.env(variable)?.trim();
  return { variable, place: file ? "the MOGPLEX_API_KEY_FILE file" : variable };
}

export function findToken({ io }: Pick<CheckContext, "io">): Promise<Tried<FoundToken>> {
  return tried(() => findConnectionToken({ env: io.env, readFile: io.readFile }));
}

/** No part of the token is ever shown. */
export function checkToken(context: CheckContext, token: Tried<FoundToken>, machine: Machine): Check {
  const { variable, place } = tokenSource(context);
  if (!token.ok) {
    const create = `Create a token under Settings > Mogplex Keys, and store it as the masked variable ${variable}`;
    const advice = machine.refuses(variable)
      ? `Allow Deno to read it: --allow-env=${variable}`
      : adviceOf(token.error, create);
    return failedWith("token", token.error, advice);
  }
  if (!token.value.token.startsWith("mog_")) {
    return warning(
      "token",
      `the token in ${place} does not begin with mog_, so it is treated as an OAuth token`,
      "If it is not an OAuth token, create a token under Settings > Mogplex Keys",
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
      ...trimmed ? ["spaces and line breaks around it are ignored"] : [],
      ...unmasked ? [`${name} does not mask the token until the step that fetches it prints ${maskCommand}`] : [],
    ].join("; "),
  );
}

interface ServiceAnswers {
  repos: Tried<Repo[]>;
  automations: Tried<unknown>;
  starts: Tried<void>;
  stream: Tried<void>;
}

async function openStream(client: ServiceClient, call: CallOptions): Promise<void> {
  (await client.openRunEvents(ABSENT_ID, { limit: 1 }, call)).close();
}

function listRepos(client: ServiceClient, wanted: string | undefined, call: CallOptions): Promise<Repo[]> {
  if (wanted === undefined) return client.listRepos({ limit: MAX_REPOS }, call);
  return isUuid(wanted)
    ? client.listRepos({ id: wanted.toLowerCase(), limit: 1 }, call)
    : client.listRepos({ q: repoName(wanted), limit: MAX_REPOS }, call);
}

async function ask(client: ServiceClient, wanted: string | undefined, deadline: number): Promise<ServiceAnswers> {
  const once = { deadline, requestTimeoutMs: REQUEST_MS, maxAttempts: 1 };
  const [repos, automations, starts, stream] = await Promise.all([
    // This request is retried once, because jobs also retry it and the exit code depends on it.
    tried(() => listRepos(client, wanted, { ...once, maxAttempts: 2 })),
    tried(() => client.listAutomations({ limit: 1 }, once)),
    tried(() => client.checkStartAccess(once)),
    tried(() => openStream(client, once)),
  ]);
  return { repos, automations, starts, stream };
}

function accessAdvice(error: MogplexError): string {
  if (error instanceof UnauthorizedError) {
    return "Check under Settings > Mogplex Keys whether the token has expired. If so, create a new one";
  }
  if (error instanceof ForbiddenError) return "Give the token the read and write scopes";
  if (error instanceof RateLimitedError) {
    return "A job waits at most until its deadline; give busy jobs their own tokens";
  }
  if (error instanceof UnavailableError && error.status < 500) return OWN_ORIGIN;
  return "Try again later; a job retries until its deadline";
}

function checkAccess({ repos }: ServiceAnswers): Check {
  if (repos.ok) return ok("access", "the service accepts the token");
  return failedWith("access", repos.error, accessAdvice(repos.error));
}

/** If the access check failed, it already reports why this check could not be made. */
function unasked(name: string, { repos }: ServiceAnswers, error: MogplexError): Check {
  return repos.ok ? skipped(name, error.message) : follows(name, "access");
}

/** Each purpose needs different rights. A gate needs no rights in the service, so no request is sent. */
export type Purpose = "run" | "follow" | "respond" | "gate" | "dashboard" | "automation";

export const PURPOSES: readonly Purpose[] = ["run", "follow", "respond", "gate", "dashboard", "automation"];

const NEED_REPOSITORY: readonly Purpose[] = ["run", "automation"];

const createToken = (rights: string) => `Create a token with ${rights} (Settings > Mogplex Keys)`;

function judgeScopes(missing: readonly string[], restricted: boolean, purpose: Purpose): Check {
  const name = "scopes";
  const [writes, reads] = [!missing.includes("write"), !missing.includes("read")];
  const both = createToken("the read and write scopes");
  if (!reads && !writes && !restricted) return failed(name, "read and write are missing", both, "forbidden");
  if (purpose === "dashboard") {
    if (!writes && !restricted) return ok(name, "the token can read, but cannot start anything");
    const advice =
      "Create a read-only token (scope read; Settings > Mogplex Keys), or add --allow-write-token to the dashboard";
    return failed(name, "the token can start runs or automations, but a dashboard only needs to read", advice, "usage");
  }
  if (purpose === "follow") {
    if (!reads) return warning(name, "read is missing", both);
    return ok(name, writes ? "the token can read and write" : "the token can read, so it can follow runs");
  }
  if (restricted) {
    const finding = "the token can read and trigger automations, but cannot start runs";
    const advice = "Use the automations trigger command, or a token with full access (Settings > Mogplex Keys)";
    return purpose === "automation" ? ok(name, finding) : failed(name, finding, advice, "forbidden");
  }
  if (!writes) {
    const what = purpose === "automation" ? "trigger automations" : "start runs";
    return failed(name, `the token cannot ${what}, because the write scope is missing`, both, "forbidden");
  }
  if (!reads) return warning(name, "read is missing", both);
  return ok(name, "the token can start runs (read and write)");
}

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

function checkServer(asked: ServiceAnswers): Check {
  const { stream, repos } = asked;
  const there = "the service has event streams, so following a run takes few requests";
  if (stream.ok || stream.error instanceof NotFoundError) return ok("server", there);
  const { error } = stream;
  const refusal = streamRefusal(error, false);
  if (refusal === "absent") {
    return ok("server", "the service has no event streams; jobs poll instead, with the same result");
  }
  if (refusal !== "broken" || !repos.ok) return unasked("server", asked, error);
  return warning(
    "server",
    `event streams do not work at the moment: ${error.message}`,
    "Nothing to fix: jobs poll until event streams work again",
  );
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

const LISTS_THEM = `${REPOS_LIST} shows the names`;

function resolveName(wanted: string, repos: Tried<Repo[]> | undefined, near: readonly string[]): Check {
  const quotedName = JSON.stringify(wanted);
  const name = repoName(wanted).toLowerCase();
  if (!repos?.ok) {
    if (name.includes("/")) {
      return skipped("repository", `${quotedName} is looked up when a job starts, because the list could not be read`);
    }
    return failed("repository", `${quotedName} is neither owner/name nor an id`, LISTS_THEM, "usage");
  }
  const reachable = repos.value.filter((repo) => isUuid(repo.id));
  const rows = reachable.filter((repo) => repo.full_name.toLowerCase() === name);
  const same = rowOf(rows);
  if (same !== undefined) return ok("repository", foundRepository(same));
  if (rows.length > 1) {
    return failed(
      "repository",
      `several repositories have the name ${quotedName}`,
      `Use one of these ids: ${rowsText(rows)}`,
      "usage",
    );
  }
  const listed = reachable.length === 0
    ? "the token cannot access a repository with that name"
    : `the token can access ${shortList(reachable)}`;
  const suggestion = near.length === 0 ? "" : `Did you mean ${near.map((each) => JSON.stringify(each)).join(" or ")}? `;
  const advice = `${suggestion}${LISTS_THEM}`;
  return failed("repository", `${quotedName} was not found; ${listed}`, advice, "usage");
}

function checkRepository(
  wanted: string | undefined,
  repos: Tried<Repo[]> | undefined,
  purpose: Purpose,
  near: readonly string[] = [],
): Check {
  if (wanted === undefined) {
    if (purpose === "dashboard" && repos?.ok) return visibleRepositories(repos.value);
    if (!NEED_REPOSITORY.includes(purpose)) return repositoryElsewhere(purpose);
    const why = repos?.ok ? `none given; the token can access ${countRepositories(repos.value)}` : "none given";
    return failed("repository", why, `Set MOGPLEX_REPO_ID, or pass --repo. ${LISTS_THEM}`, "usage");
  }
  if (!isUuid(wanted)) return resolveName(wanted, repos, near);
  if (!repos?.ok) return follows("repository", "access");
  const [first] = repos.value;
  if (first !== undefined) {
    return ok("repository", foundRepository(first));
  }
  return warning(
    "repository",
    `the token cannot access a listed repository with the id ${wanted}`,
    `${REPOS_LIST} shows the ids. A hidden repository is not listed, but runs can start on it`,
  );
}

function visibleRepositories(repos: readonly Repo[]): Check {
  const finding = `the token can access ${countRepositories(repos)}`;
  if (repos.length > 0) return ok("repository", finding);
  const advice = "Create the token as the user whose token your jobs use: a dashboard sees only what that user can see";
  return warning("repository", finding, advice);
}

function repositoryElsewhere(purpose: Purpose): Check {
  if (purpose !== "respond") {
    return ok("repository", "neither --repo nor MOGPLEX_REPO_ID is set, and no repository is needed");
  }
  return skipped(
    "repository",
    "neither --repo nor MOGPLEX_REPO_ID is set, so a job uses the name of its repository on the forge; to check a name, add --repo",
  );
}

async function namesMeant(
  client: ServiceClient,
  wanted: string | undefined,
  { repos }: ServiceAnswers,
  deadline: number,
): Promise<string[]> {
  if (wanted === undefined || isUuid(wanted) || !repos.ok) return [];
  const name = repoName(wanted).toLowerCase();
  if (repos.value.some(({ full_name }) => full_name.toLowerCase() === name)) return [];
  return await namesNear(client, name, { deadline, requestTimeoutMs: REQUEST_MS, maxAttempts: 1 });
}

export async function checkService(
  context: CheckContext,
  connection: Connection | string,
  purpose: Purpose,
  wanted: string | undefined,
): Promise<Record<"access" | "scopes" | "server" | "repository", Check>> {
  const { clock, fetch, platform } = context;
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
  const answers = await ask(client, wanted, clock.now() + ALL_MS);
  return {
    access: checkAccess(answers),
    scopes: checkScopes(answers, purpose),
    server: checkServer(answers),
    repository: checkRepository(
      wanted,
      answers.repos,
      purpose,
      await namesMeant(client, wanted, answers, clock.now() + ALL_MS),
    ),
  };
}
