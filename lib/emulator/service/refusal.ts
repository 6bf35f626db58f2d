/**
 * How the service refuses: an error that a route answers with a status, a code and a message.
 *
 * @module
 */
import type { FailureStatus } from "../../service/contract.ts";

/** A failure with its own envelope. Any other error that a handler throws is answered with a 500. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly status: FailureStatus;
  readonly code: string;

  /** @param message Message in the envelope. */
  constructor(status: FailureStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
