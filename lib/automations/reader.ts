/**
 * One look at the run of an automation.
 *
 * @module
 */
import type { CallOptions, MogplexClient } from "../api/client.ts";
import { BodyTooLargeError, MogplexError } from "../errors.ts";
import type { AutomationRun } from "../model.ts";
import type { Subject } from "../job/source.ts";

/** Most runs that one list shows. Source: API reference, "List automation runs". */
export const MAX_LISTED = 50;

/** Looks at one run of an automation. */
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

  /** A look, as in error messages. */
  get what(): string {
    return `read automation run "${this.runId}"`;
  }

  /**
   * Looks now. A record holds everything that the agents of the run said. When it is too large, the run is read from the list from then
   * on, whose records are short.
   *
   * @throws what the client throws.
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
