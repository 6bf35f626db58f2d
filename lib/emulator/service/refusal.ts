import type { FailureStatus } from "../../service/contract.ts";

/** A handler throws this error to refuse a request with this status, code and message. Any other error becomes a 500. */
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
