/**
 * Two special failures of a start: a 503 that means a wrong repository id, and an attempt whose outcome is unknown.
 *
 * @module
 */
import { ApiError, MogplexError, StartUnknownError, UsageError } from "../../errors.ts";
import { isAmbiguous } from "../../retry/setback.ts";
import type { Redactor } from "../../text/redact.ts";

/** Options of {@linkcode guardStart}. */
export interface StartGuard {
  /** Idempotency key. */
  key: string;
  /** UUID of the repository. */
  repoId: string;
  /** Asks the service whether the token reaches the repository. May reject. */
  reaches: () => Promise<boolean>;
  /** Masks the token. */
  redact: Redactor;
}

/**
 * Makes a start, and turns its two special failures into errors that the user can act on.
 *
 * @param start The start. It must call the given function after each failed attempt.
 * @throws {UsageError} when the service answers 503 because the token does not reach the repository.
 * @throws {StartUnknownError} when an attempt may have started the run, and no later attempt gave an answer.
 * @throws what else `start` throws.
 */
export async function guardStart<T>(
  guard: StartGuard,
  start: (onFailure: (error: MogplexError) => Promise<void>) => Promise<T>,
): Promise<T> {
  const { key, repoId, reaches, redact } = guard;
  let unsure = false;
  let probed = false;

  async function onFailure(error: MogplexError): Promise<void> {
    unsure ||= isAmbiguous(error);
    // The service's rate limiter answers 503 for a repository that does not exist. A 503 of the host has no error code.
    if (probed || !(error instanceof ApiError) || error.status !== 503 || error.code === null) return;
    probed = true;
    if (await reaches().catch(() => true)) return;
    throw new UsageError({
      attempted: "start run",
      why: `the token reaches no repository "${repoId}"`,
      advice: 'correct the id ("repos list" shows them), or unhide the repository in the app (hidden ' +
        "repositories are not listed)",
    }, { cause: error });
  }

  try {
    return await start(onFailure);
  } catch (error) {
    // After these an earlier attempt may still have started the run; any other answer is definite.
    const open = error instanceof MogplexError && (error.exit === "unavailable" || error.exit === "rateLimited");
    throw open && unsure ? startUnknown(error, key, redact.token(key)) : error;
  }
}

/**
 * The error for a start whose outcome is unknown.
 *
 * @param last Error of the last attempt.
 * @param shownKey The key with secrets masked, for the message. @default the key
 */
export function startUnknown(last: MogplexError, key: string, shownKey = key): StartUnknownError {
  return new StartUnknownError(
    {
      attempted: "tell whether the run was started",
      why: last.attempted === null ? last.message : withAdvice(last),
      advice:
        `repeat the start with idempotency key ${JSON.stringify(shownKey)} and the same inputs: it finds the run, ` +
        "or starts it once",
    },
    key,
    { cause: last },
  );
}

function withAdvice({ why, advice }: MogplexError): string {
  return advice === null ? why : `${why}; ${advice}`;
}
