/**
 * Writing the state file, each time as a whole and with a new proof.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { MogplexError, UsageError } from "../errors.ts";
import type { OnNotice } from "../notice.ts";
import { type RunState, type StateFiles, stateFolder, type StateSeal, stateText } from "./state.ts";

/** What a new state file begins with. */
export type StateBeginning = Pick<
  RunState,
  "idempotencyKey" | "owned" | "startedAt" | "onInterrupt" | "requestHash" | "request" | "job" | "runId"
>;

/** A status or an id of the service; anything else that it may have sent (our own token, say) has no place in a file. */
const word = (value: string | null): string | null =>
  value !== null && /^[a-z0-9_-]{1,64}$/i.test(value) &&
    !value.startsWith("mog_")
    ? value
    : null;

/** Writes one state file. */
export class StateWriter {
  readonly #files: StateFiles;
  readonly #path: string;
  readonly #seal: StateSeal;
  readonly #notify: OnNotice;
  #state: RunState | undefined;
  #broken = false;

  /** @param notify Hears once when the file cannot be written any more. */
  constructor(files: StateFiles, path: string, seal: StateSeal, notify: OnNotice) {
    this.#files = files;
    this.#path = path;
    this.#seal = seal;
    this.#notify = notify;
  }

  /**
   * Proves that the file can be written, and removes what an earlier job left in its place.
   *
   * @throws {UsageError} when it cannot be written.
   */
  clear(): void {
    // Written first: that refuses a symbolic link, which a removal would follow.
    this.#attempt(() => this.#files.writeFile(this.#path, ""));
    this.#attempt(() => this.#files.removeFile(this.#path));
  }

  /**
   * Writes the first state in the place of an old file. Called before anything is started, and again for each further key.
   *
   * @throws {UsageError} when the file cannot be written.
   */
  begin(beginning: StateBeginning): void {
    const { idempotencyKey, owned, startedAt, onInterrupt, requestHash, request, job, runId } = beginning;
    try {
      this.#attempt(() => {
        this.#state = {
          phase: runId === null ? "starting" : "started",
          idempotencyKey,
          owned,
          startedAt,
          onInterrupt,
          requestHash,
          request,
          job,
          folder: stateFolder(this.#files, this.#path, job),
          runId,
          status: null,
          lastEventId: null,
          parting: "following",
        };
        this.#write(this.#state);
      });
    } catch (error) {
      // Nothing is going to be started, so nothing is to be written about it either.
      this.#state = undefined;
      throw error;
    }
  }

  /** Goes on with the state of an earlier process, without writing it. */
  adopt(state: RunState): void {
    this.#state = { ...state };
  }

  /** Changes the state. A file that cannot be written is no reason to lose a run: a notice says so once. */
  update(change: Partial<Pick<RunState, "runId" | "owned" | "status" | "lastEventId" | "parting">>): void {
    const { runId } = change;
    if (this.#state === undefined) return;
    const before = JSON.stringify(this.#state);
    Object.assign(this.#state, change, runId ? { phase: "started", request: null } : {});
    this.#state.status = word(this.#state.status);
    this.#state.lastEventId = word(this.#state.lastEventId);
    if (JSON.stringify(this.#state) === before || this.#broken) return;
    try {
      this.#write(this.#state);
    } catch {
      this.#broken = true;
      this.#notify({
        kind: "text",
        message: `state file ${JSON.stringify(this.#path)} cannot be written any more: cleanup will not know this run`,
      });
    }
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      if (cause instanceof MogplexError) throw cause;
      const why = messageOf(cause);
      throw new UsageError({ attempted: `write state file ${JSON.stringify(this.#path)}`, why }, { cause });
    }
  }

  #write(state: RunState): void {
    this.#files.writeFile(this.#path, stateText(state, this.#seal));
  }
}
