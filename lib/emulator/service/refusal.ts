/**
 * The error that a handler throws to refuse a request.
 *
 * @module
 */
import type { FailureStatus } from "../../service/contract.ts";

/** Answered with this status, code and message. Any other error that a handler throws is answered with a 500. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly status: FailureStatus;
  readonly code: string;

  constructor(status: FailureStatus, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
