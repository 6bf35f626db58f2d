/**
 * One look at the run of an automation.
 *
 * @module
 */
import type { CallOptions, MogplexClient } from "../api/client.ts";
import { BodyTooLargeError, MogplexError } from "../errors.ts";
import type { AutomationRun } from "../model.ts";
import type { Looker } from "../job/source.ts";

/** Most runs that one list shows. Source: API reference, "List automation runs". */
const MAX_LISTED = 50;

/** Looks at one run of an automation. */
export class AutomationReader implements Looker<AutomationRun> {
  readonly #client: MogplexClient;
  readonly #automationId: string;
  #listed = false;
  #worked: boolean;
  /** UUID of the automation run. */
  readonly runId: string;

  /** @param proven Whether token and origin have worked before in this process. */
  constructor(client: MogplexClient, automationId: string, runId: string, proven: boolean) {
    this.#client = client;
    this.#automationId = automationId;
    this.#worked = proven;
    this.runId = runId;
  }

  /** See {@linkcode Looker}. */
  get what(): string {
    return `read automation run "${this.runId}"`;
  }

  /** See {@linkcode Looker}. */
  get proven(): boolean {
    return this.#worked;
  }

  /**
   * Looks now. A record holds everything that the agents of the run said; one that is too large is looked for in the list,
   * whose records are short, from then on.
   *
   * @throws what the client throws.
   */
  async read(call: CallOptions): Promise<AutomationRun> {
    if (!this.#listed) {
      try {
        const run = await this.#client.getAutomationRun(this.#automationId, this.runId, call);
        this.#worked = true;
        return run;
      } catch (error) {
        if (!(error instanceof BodyTooLargeError)) throw error;
        this.#listed = true;
      }
    }
    const runs = await this.#client.listAutomationRuns(this.#automationId, { limit: MAX_LISTED }, call);
    this.#worked = true;
    const run = runs.find(({ id }) => id.toLowerCase() === this.runId);
    if (run !== undefined) return run;
    throw new MogplexError(
      `Cannot ${this.what}: its record is too large, and it is not among the newest ${MAX_LISTED} of its automation`,
      "unavailable",
    );
  }
}
