/**
 * The error of a result: what stopped us before the service gave a verdict, in parts.
 *
 * @module
 */
import { errorSentence } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";

/** The parts of the error that stopped a job, as results and reports show them. Texts are untrusted. */
export interface ResultError {
  /** What was attempted, after "Cannot"; null when the message is not about an attempt. */
  attempted: string | null;
  /** Why it did not work; the whole message when the error has no parts. */
  why: string;
  /** The value at fault, quoted; null when there is none. */
  value: string | null;
  /** What the reader can do; null when nothing is known to help. */
  advice: string | null;
  /** The error code of the service, such as `FORBIDDEN`; null when it gave none. Absent in results of older versions. */
  code?: string | null;
}

// The error line in the log has the details of a bug, with the place where it happened.
const BUG = "the toolkit failed";

/** The parts of whatever was thrown. Everything but a {@linkcode MogplexError} is a bug of ours. */
export function resultError(error: unknown): ResultError {
  if (!(error instanceof MogplexError)) return { attempted: null, why: BUG, value: null, advice: null, code: null };
  const { attempted, why, value, advice, serviceCode: code } = error;
  return { attempted, why, value, advice, code };
}

/** The whole message of an error in parts, as `reason` has it. */
export function resultSentence({ attempted, why, value, advice }: ResultError): string {
  if (attempted === null) return why;
  return errorSentence({ attempted, why, value: value ?? undefined, advice: advice ?? undefined });
}

/** The whole message of whatever was thrown, for the `reason` of a result. */
export function reasonOf(error: unknown): string {
  return error instanceof MogplexError ? error.message : BUG;
}
