/**
 * What an answer of the service means: its data, or the error that callers meet. The HTTP status decides, the envelope's code
 * refines, its text is only shown.
 *
 * @module
 */
import {
  ApiError,
  BodyTooLargeError,
  ConflictError,
  ForbiddenError,
  MogplexError,
  NetworkError,
  NotFoundError,
  RateLimitedError,
  UnauthorizedError,
  UnavailableError,
} from "../errors.ts";
import { type Answer, describeAnswer, excerpt, factsOf, parseJson } from "../http/answer.ts";
import type { Verdict } from "../http/transport.ts";
import type { Redactor } from "../text/redact.ts";
import { readData, readFailure, type ReadResult } from "./contract/envelope.ts";
import type { Lazy } from "./contract/schemas.ts";

/** What messages need to know of a call. */
export interface Attempted {
  /** What is attempted, after "Cannot": `read run "…"`. */
  what: string;
  /** Scope that the route wants. */
  scope: "read" | "write";
  /** Idempotency key of a start. */
  key?: string | undefined;
  /** Whether some revisions of the service do not have the route. */
  recent?: boolean | undefined;
  /** UUID of the run that the answer has to be about, in lower case. */
  runId?: string | undefined;
  /** Whether it takes one of the slots for starts. */
  starts?: boolean | undefined;
  /** Where the token comes from. @default {"variable MOGPLEX_API_KEY"} */
  tokenPlace?: string | undefined;
}

// Source: API reference, "Rate limits": the limit of requests always names this delay, that of starts the true one.
const REQUEST_LIMIT_DELAY_MS = 60_000;

/** The `Location` of a redirect, without its path and query, or null when it cannot be read. */
function redirectTarget(answer: Answer): { login: boolean; origin: string } {
  const location = answer.headers.get("location") ?? "";
  const login = /^[^?#]*\/login(?:[?#/]|$)/.test(location);
  return { login, origin: URL.canParse(location) ? new URL(location).origin : "" };
}

function errorFor(attempted: Attempted, answer: Answer, redact: Redactor): MogplexError {
  const { status } = answer;
  const failure = readFailure(parseJson(answer.text));
  const facts = factsOf(answer, failure === undefined ? null : excerpt(failure.code, redact, 60), redact);
  const where = describeAnswer(answer, facts, redact);
  const shown = excerpt(failure?.message ?? answer.text, redact);
  const said = shown === "" ? `(${where})` : `(${where}): "${shown}"`;
  const cannot = `Cannot ${attempted.what}:`;
  const newToken = `create one under Settings > API Keys and put it into ${
    attempted.tokenPlace ?? "variable MOGPLEX_API_KEY"
  }`;
  const foreign = `${cannot} the answer is not the API's ${said}; check MOGPLEX_URL and what lies between`;

  if (status >= 300 && status < 400) {
    const { login, origin } = redirectTarget(answer);
    if (login) {
      return new UnauthorizedError(
        `${cannot} the service saw no token and redirects to its login page (${where}); ${newToken}`,
      );
    }
    const target = origin === "" ? "" : ` to "${excerpt(origin, redact)}"`;
    return new UnavailableError(
      `${cannot} the answer is a redirect${target} (${where}), which would lose the token; set MOGPLEX_URL to the service's own origin`,
      "unavailable",
      facts,
    );
  }
  switch (status) {
    case 401:
      return new UnauthorizedError(
        `${cannot} the service refuses the token, which is unknown, expired or revoked (${where}); ${newToken}`,
      );
    case 403:
      if (facts.code === "AUTOMATION_REQUIRED") {
        return new ForbiddenError(
          `${cannot} the token may only trigger automations ${said}; use POST ` +
            "/api/v1/mogplex/automations/{automationId}/trigger, or a token with full access",
          "forbidden",
          facts,
        );
      }
      return new ForbiddenError(
        `${cannot} the token may not do this ${said}; it needs the scope "${attempted.scope}" (Settings > API Keys)`,
        "forbidden",
        facts,
      );
    case 404: {
      const missing = attempted.recent ? ", or the service's revision does not have this route" : "";
      return failure === undefined
        ? new UnavailableError(foreign + missing, "unavailable", facts)
        : new NotFoundError(`${cannot} the service does not find it ${said}`, "usage", facts);
    }
    case 409:
      return facts.code === "IDEMPOTENCY_CONFLICT"
        ? new ConflictError(
          `${cannot} the idempotency key ${
            JSON.stringify(redact(attempted.key ?? ""))
          } already protects another request ` +
            `${said}; keys are never free again, so take another idempotency key, or a key part that tells jobs apart`,
          "usage",
          facts,
        )
        : new ConflictError(`${cannot} its present state does not permit it ${said}`, "usage", facts);
    case 429: {
      const wait = facts.retryAfterMs === null ? "" : ` for ${Math.ceil(facts.retryAfterMs / 1000)} seconds`;
      return new RateLimitedError(
        `${cannot} the token has used up its requests or starts${wait} ${said}; wait, or use a token of its own`,
        "rateLimited",
        facts,
      );
    }
  }
  if (status >= 500) {
    const message = failure === undefined ? foreign : `${cannot} the service is in trouble ${said}`;
    return new UnavailableError(message, "unavailable", facts);
  }
  const refused = status === 400 || (failure !== undefined && status !== 405 && status !== 408 && status !== 425);
  return refused
    ? new ApiError(`${cannot} the service refuses the request ${said}`, "usage", facts)
    : new UnavailableError(foreign, "unavailable", facts);
}

/** An answer about another run than the one that was asked for, by a cache on the way say, must not become a verdict. */
function sameRun<T>({ runId }: Attempted, result: ReadResult<T>): ReadResult<T> {
  if (runId === undefined || !result.ok) return result;
  // What the documented null of an automation run means is the client's business.
  const { run } = result.data as { run?: { runId?: string; id?: string } | null };
  return run === null || (run?.runId ?? run?.id)?.toLowerCase() === runId
    ? result
    : { ok: false, problem: "data.run.runId: another run" };
}

/**
 * Judges an answer.
 *
 * @param schema Schema of `data` of a good one.
 */
export function judge<T>(attempted: Attempted, answer: Answer, schema: Lazy<T>, redact: Redactor): Verdict<T> {
  if (answer.status < 200 || answer.status > 299) {
    const slots = attempted.starts && answer.status === 429 &&
      ![null, REQUEST_LIMIT_DELAY_MS].includes(answer.retryAfterMs);
    return { ok: false, error: errorFor(attempted, answer, redact), cause: slots ? "start_limit" : undefined };
  }
  const body = parseJson(answer.text);
  const result = sameRun(attempted, readData(body, schema));
  if (result.ok) return { ok: true, value: result.data };
  const facts = factsOf(answer, null, redact);
  const where = describeAnswer(answer, facts, redact);
  const cannot = `Cannot ${attempted.what}:`;
  // Where it is JSON, the path says more than an excerpt, and shows nothing.
  const message = typeof body === "object" && body !== null
    ? `${cannot} the answer breaks the API's contract at ${excerpt(result.problem, redact)} (${where})`
    : `${cannot} the answer is not the API's (${where}): "${
      excerpt(answer.text, redact)
    }"; check MOGPLEX_URL and what lies between`;
  return { ok: false, error: new UnavailableError(message, "unavailable", facts) };
}

/** Judges an answer that should have been a stream of events: a status of 2xx means that there is none here, for good. */
export function refuse(attempted: Attempted, answer: Answer, redact: Redactor): Verdict<never> {
  if (answer.status < 200 || answer.status > 299) return { ok: false, error: errorFor(attempted, answer, redact) };
  const facts = factsOf(answer, null, redact);
  const where = describeAnswer(answer, facts, redact);
  const message = `Cannot ${attempted.what}: the answer is no event stream (${where})`;
  return { ok: false, error: new UnavailableError(message, "unavailable", facts), cause: null };
}

/** Whether a request that ended so may have been carried out all the same. */
export function isAmbiguous(error: MogplexError): boolean {
  if (error instanceof NetworkError || error instanceof BodyTooLargeError) return true;
  if (!(error instanceof UnavailableError)) return false;
  // 503 is the limiter's or the host's word before anything was written. Source: API reference, "Rate limits".
  return error.status === 408 || (error.status >= 200 && error.status < 300) ||
    (error.status >= 500 && ![501, 503, 505].includes(error.status));
}
