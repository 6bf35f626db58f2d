/**
 * Classifies the errors of opening a stream.
 *
 * @module
 */
import { ApiError, ForbiddenError, NotFoundError, RateLimitedError, UnavailableError } from "../../errors.ts";
import { isUnauthorized } from "../../retry/setback.ts";

/**
 * Why a stream could not be opened:
 * - `absent`: the service, or a proxy before it, has no streams;
 * - `forgotten`: the service no longer knows the event after which the stream should continue;
 * - `unauthorized`: as for any request, the service's database may be failing;
 * - `lasting`: as for any request, a retry does not help;
 * - `busy`: a stream can be opened after the delay that the service names;
 * - `broken`: anything else; other requests may still work.
 */
export type StreamRefusal = "absent" | "forgotten" | "unauthorized" | "lasting" | "busy" | "broken";

/**
 * Classifies the error. Source: design, "Following a run".
 *
 * @param error What opening the stream threw.
 * @param resumes Whether the stream was to continue after an event.
 */
export function streamRefusal(error: unknown, resumes: boolean): StreamRefusal {
  if (isUnauthorized(error)) return "unauthorized";
  if (!(error instanceof ApiError)) return "broken";
  const { status, code } = error;
  if (error instanceof ForbiddenError || error instanceof NotFoundError) return "lasting";
  if (error instanceof RateLimitedError) return "busy";
  if (status === 400 && resumes) return "forgotten";
  if (!(error instanceof UnavailableError)) return "broken";
  if (status === 404 && code === null || status === 405 || status >= 200 && status < 300) return "absent";
  return status === 503 ? "busy" : "broken";
}
