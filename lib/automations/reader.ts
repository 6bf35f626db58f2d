/**
 * Reads the run of an automation.
 *
 * @module
 */
import type { CallOptions, MogplexClient } from "../api/client.ts";
import { BodyTooLargeError, MogplexError } from "../errors.ts";
import type { AutomationRun } from "../model.ts";
import type { Subject } from "../job/source.ts";

/** Most runs that one list returns. Source: API reference, "List automation runs". */
export const MAX_LISTED = 50;

/** Reads one run of an automation. */
export class AutomationReader implements Subject<AutomationRun> {
  readonly #client: MogplexClient;
  readonly #automationId: string;
  #listed = false;
  /** UUID of the automation run. */
  readonly runId: string;

  constructor(client: MogplexClient, automationId: string, runId: string) {
    this.#client = client;
    this.#automationId = automationId;
    this.runId = runId;
  }

  /** What a read attempts, after "Cannot". */
  get what(): string {
    return `read automation run "${this.runId}"`;
  }

  /**
   * Reads the run. Its record contains everything that the agents said. If that is too large, this and all later reads find the run in
   * the list, whose records are short.
   *
   * @throws what the client throws.
   * @throws {MogplexError} when the record is too large and the list does not contain the run.
   */
  async read(call: CallOptions): Promise<AutomationRun> {
    if (!this.#listed) {
      try {
        return await this.#client.getAutomationRun(this.#automationId, this.runId, call);
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        this.#listed = true;
      }
    }
    const runs = await this.#client.listAutomationRuns(this.#automationId, { limit: MAX_LISTED }, call);
    const run = runs.find(({ id }) => id.toLowerCase() === this.runId);
    if (run !== undefined) return run;
    const why = `its record is too large, and it is not among the newest ${MAX_LISTED} of its automation`;
    throw new MogplexError({ attempted: this.what, why }, "unavailable");
  }
}
