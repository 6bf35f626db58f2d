/**
 * What is special about starting a run: a 503 that means a wrong repository id, and an outcome that nobody knows.
 *
 * @module
 */
import { ApiError, MogplexError, StartUnknownError, UsageError } from "../../errors.ts";
import { isAmbiguous } from "../../retry/setback.ts";
import type { Redactor } from "../../text/redact.ts";

/** What {@linkcode guardStart} needs to know. */
export interface StartGuard {
  /** Idempotency key of the start. */
  key: string;
  /** Repository of the start. */
  repoId: string;
  /** Whether the token reaches the repository; asks once, and may fail. */
  reaches: () => Promise<boolean>;
  /** Masks the token. */
  redact: Redactor;
}

/**
 * Runs a start and turns its failures into what the user can act on.
 *
 * @param start The start; calls what it is given after each failed attempt.
 * @throws {UsageError} when the service is unavailable for this repository because the token does not reach it.
 * @throws {StartUnknownError} when an attempt may have been carried out, and no later one told.
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
    // The limiter takes the id unchecked and answers 503 when it belongs to nobody. A host's own 503 has no envelope.
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
    // Only these leave open whether an earlier attempt was carried out; any other answer is definite.
    const open = error instanceof MogplexError && (error.exit === "unavailable" || error.exit === "rateLimited");
    throw open && unsure ? startUnknown(error, key, redact.token(key)) : error;
  }
}

/**
 * The error of a start whose outcome is not known.
 *
 * @param last What the last attempt threw.
 * @param key Key of the start.
 * @param shownKey The key as messages may show it. @default the key
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
