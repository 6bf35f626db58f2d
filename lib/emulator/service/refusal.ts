import type { FailureStatus } from "../../service/contract.ts";

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
