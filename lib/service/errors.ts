import {
  type AnswerFacts,
  ApiError,
  ConflictError,
  ForbiddenError,
  type MogplexError,
  NotFoundError,
  RateLimitedError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import { parseJson } from "../lookup.ts";
import { formatDuration } from "../text/duration.ts";
import type { Redactor } from "../text/redact.ts";
import { type Answer, describeAnswer, excerpt, factsOf, MAX_RETRY_AFTER_MS } from "./answer.ts";
import {
  BASE_HARNESSES,
  isLimitOfUser,
  limitWords,
  type Masker,
  readData,
  readFailure,
  type ReadResult,
  type Schema,
} from "./contract.ts";
import type { Verdict } from "./transport.ts";

export interface Attempted {
  what: string;
  scope: "read" | "write";
  key?: string | undefined;
  /** The automation's settings can refuse what the token permits. */
  automationId?: string | undefined;
  recent?: boolean | undefined;
  runId?: string | undefined;
  repoId?: string | undefined;
  tokenPlace?: string | undefined;
  addressPlace?: string | undefined;
}

function redirectTarget(answer: Answer): { login: boolean; origin: string } {
  const location = answer.headers.get("location") ?? "";
  const login = /^[^?#]*\/login(?:[?#/]|$)/.test(location);
  return { login, origin: URL.canParse(location) ? new URL(location).origin : "" };
}

interface Described {
  attempted: Attempted;
  answer: Answer;
  facts: AnswerFacts;
  where: string;
  said: string;
  redact: Redactor;
}

function describe(
  attempted: Attempted,
  answer: Answer,
  failure: ReturnType<typeof readFailure>,
  redact: Redactor,
): Described {
  const facts = factsOf(answer, failure === undefined ? null : excerpt(failure.code, redact, 60), redact);
  const where = describeAnswer(answer, facts, redact);
  const quote = excerpt(failure?.message ?? answer.text, redact);
  return { attempted, answer, facts, where, said: quote === "" ? `(${where})` : `(${where}): "${quote}"`, redact };
}

function checkAddress({ addressPlace = "MOGPLEX_URL" }: Attempted): string {
  return `check ${addressPlace} and the network`;
}

function foreign({ attempted, facts, said }: Described): UnavailableError {
  const { what, recent } = attempted;
  const missing = recent && facts.status === 404 ? "; this revision of the service may not have this route" : "";
  const problem = {
    attempted: what,
    why: `the response is not from the API ${said}`,
    advice: checkAddress(attempted) + missing,
  };
  return new UnavailableError(problem, "unavailable", facts);
}

function newToken({ tokenPlace = "variable MOGPLEX_API_KEY" }: Attempted): string {
  return `create a token under Settings > Mogplex Keys and store it in ${tokenPlace}`;
}

function redirected({ attempted, answer, facts, where, redact }: Described): MogplexError {
  const { login, origin } = redirectTarget(answer);
  if (login) {
    const why = `the service received no token and redirects to its login page (${where})`;
    return new UnauthorizedError({ attempted: attempted.what, why, advice: newToken(attempted) });
  }
  const target = origin === "" ? "" : ` to "${excerpt(origin, redact)}"`;
  const why = `the response is a redirect${target} (${where}), and following it would lose the token`;
  const advice = `set ${attempted.addressPlace ?? "MOGPLEX_URL"} to the service's own origin`;
  return new UnavailableError({ attempted: attempted.what, why, advice }, "unavailable", facts);
}

function unauthorized({ attempted, facts, where }: Described): MogplexError {
  const why = `the service refuses the token, which is unknown, expired or revoked (${where})`;
  const problem = { attempted: attempted.what, why, advice: newToken(attempted) };
  return new UnauthorizedError(problem, { serviceCode: facts.code });
}

function forbiddenAdvice({ attempted: { automationId }, facts }: Described): string {
  if (facts.code === "AUTOMATION_REQUIRED") {
    return automationId !== undefined
      ? "give the automation an API trigger, or use a token with full access"
      : "use POST /api/v1/mogplex/automations/{automationId}/trigger, or a token with full access";
  }
  return automationId !== undefined
    ? "check which repositories the automation permits, and what the token can do (Settings > Mogplex Keys)"
    : "check what the token can do (Settings > Mogplex Keys)";
}

function forbidden(described: Described): MogplexError {
  const { attempted: { what, automationId, scope }, facts, where, said } = described;
  // Only the text distinguishes a missing scope from a rule of the workspace or of the automation.
  if (facts.code !== "AUTOMATION_REQUIRED" && /\bscope\b/i.test(said)) {
    const why = `the token lacks the "${scope}" scope (${where})`;
    const advice = "create a token with this scope under Settings > Mogplex Keys";
    return new ForbiddenError({ attempted: what, why, advice }, "forbidden", facts);
  }
  const only = facts.code === "AUTOMATION_REQUIRED";
  const can = automationId !== undefined ? "only trigger automations with an API trigger" : "only trigger automations";
  const why = `the token ${only ? `can ${can}` : "is not allowed to do this"} ${said}`;
  return new ForbiddenError({ attempted: what, why, advice: forbiddenAdvice(described) }, "forbidden", facts);
}

export const OTHER_KEY = "use another idempotency key, because each request needs its own";

function conflict({ attempted: { what, key = "" }, facts, said, redact }: Described): MogplexError {
  if (facts.code !== "IDEMPOTENCY_CONFLICT") {
    return new ConflictError({ attempted: what, why: `its current state does not allow this ${said}` }, "usage", facts);
  }
  const why = `the idempotency key ${JSON.stringify(redact(key))} was already used for another request ${said}`;
  return new ConflictError({ attempted: what, why, advice: OTHER_KEY }, "usage", facts);
}

function delayText(ms: number): string {
  if (ms >= MAX_RETRY_AFTER_MS) return "30 days or more";
  return formatDuration(Math.ceil(ms / 1_000) * 1_000);
}

function rateLimited({ attempted: { what }, facts, said }: Described): MogplexError {
  const wait = facts.retryAfterMs === null ? "wait" : `wait ${delayText(facts.retryAfterMs)}`;
  const limit = limitWords(said) ?? "requests or starts";
  const isShared = isLimitOfUser(limit);
  const advice = isShared ? wait : `${wait}, or give this job its own token`;
  const why = isShared
    ? `the limit of ${limit}, which all tokens of a user share, has been reached ${said}`
    : `the token's limit of ${limit} has been reached ${said}`;
  return new RateLimitedError({ attempted: what, why, advice }, "rateLimited", facts);
}

function errorFor(attempted: Attempted, answer: Answer, redact: Redactor): MogplexError {
  const { status } = answer;
  const { what } = attempted;
  const failure = readFailure(parseJson(answer.text));
  const described = describe(attempted, answer, failure, redact);
  const { facts, said } = described;
  if (status >= 300 && status < 400) return redirected(described);
  if (status === 401) return unauthorized(described);
  if (status === 403) return forbidden(described);
  if (status === 409) return conflict(described);
  if (status === 429) return rateLimited(described);
  if (status === 404 && failure !== undefined) {
    const advice =
      "check that the id is correct, that the token's user has access, and that the repository still exists";
    return new NotFoundError({ attempted: what, why: `not found ${said}`, advice }, "usage", facts);
  }
  if (status >= 500 && failure !== undefined) {
    return new UnavailableError({ attempted: what, why: `the service has a problem ${said}` }, "unavailable", facts);
  }
  const refused = status === 400 || failure !== undefined && status < 500 && ![405, 408, 425].includes(status);
  if (!refused) return foreign(described);
  const advice = failure?.message === "Invalid harness"
    ? `use a harness that the service supports, such as ${BASE_HARNESSES.join(" or ")}`
    : undefined;
  return new ApiError({ attempted: what, why: `the service refuses the request ${said}`, advice }, "usage", facts);
}

/** An answer about another run, repository or automation, for example from a cache, must not decide the outcome of this run. */
function sameRun<T>({ runId, repoId, automationId }: Attempted, result: ReadResult<T>): ReadResult<T> {
  if (!result.ok) return result;
  if (automationId !== undefined) {
    const { run } = result.data as { run: { automationId: string } };
    if (run.automationId.toLowerCase() === automationId) return result;
    return { ok: false, problem: "data.run.automationId: another automation" };
  }
  if (runId === undefined) return result;
  // The documentation permits `null` for an automation run. The caller handles this value.
  const { run } = result.data as { run?: { runId?: string; id?: string; repoId?: string } | null };
  if (run === null) return result;
  if ((run?.runId ?? run?.id)?.toLowerCase() !== runId) return { ok: false, problem: "data.run.runId: another run" };
  return repoId === undefined || run?.repoId?.toLowerCase() === repoId
    ? result
    : { ok: false, problem: "data.run.repoId: a different repository than before" };
}

export function judge<T>(
  attempted: Attempted,
  answer: Answer,
  schema: Schema<T>,
  redact: Redactor,
  masker: Masker,
): Verdict<T> {
  if (answer.status < 200 || answer.status > 299) return { ok: false, error: errorFor(attempted, answer, redact) };
  const body = parseJson(answer.text);
  const result = sameRun(attempted, readData(body, schema, masker));
  if (result.ok) return { ok: true, value: result.data };
  const facts = factsOf(answer, null, redact);
  const where = describeAnswer(answer, facts, redact);
  // For JSON, the path of the mismatch is more useful than an excerpt, and shows no data.
  const problem = typeof body === "object" && body !== null
    ? {
      attempted: attempted.what,
      why: `the response breaks the API's contract at ${excerpt(result.problem, redact)} (${where})`,
    }
    : {
      attempted: attempted.what,
      why: `the response is not from the API (${where}): "${excerpt(answer.text, redact)}"`,
      advice: checkAddress(attempted),
    };
  return { ok: false, error: new UnavailableError(problem, "unavailable", facts) };
}

/** After a 2xx answer, a retry does not help. */
export function refuse(attempted: Attempted, answer: Answer, redact: Redactor): Verdict<never> {
  if (answer.status < 200 || answer.status > 299) return { ok: false, error: errorFor(attempted, answer, redact) };
  const facts = factsOf(answer, null, redact);
  const why = `the response is not an event stream (${describeAnswer(answer, facts, redact)})`;
  return { ok: false, error: new UnavailableError({ attempted: attempted.what, why }, "unavailable", facts) };
}

export function ifFound<T>(answer: Promise<T>): Promise<T | undefined> {
  return answer.catch((error) => {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  });
}

/** A 404 or 405 that does not come from the API means that the service, or a proxy in front of it, lacks the route. */
export function isMissingRoute(error: unknown): boolean {
  if (!(error instanceof UnavailableError) || error.code !== null) return false;
  return error.status === 404 || error.status === 405;
}
