/**
 * The one follow loop: waits for news, passes it on, and stops at the end or at the deadline.
 *
 * @module
 */
import type { DeadlineError } from "../errors.ts";
import type { Pacer } from "../retry/pacer.ts";
import { ownCopy } from "../text/own_copy.ts";
import { cutText } from "../text/plain_text.ts";
import type { CadenceEvent } from "./cadence.ts";
import type { Connected } from "./session.ts";
import { lookAtDeadline, recordAtDeadline, type Source, type Subject } from "./source.ts";

/** Something that can be followed. `N` is its news, `I` an item for the caller, `E` the value at its end. */
export interface Followed<N, I, E> {
  /** Waits for news. */
  source: Source<N>;
  /** Read once more when the deadline comes. */
  subject: Subject<N>;
  /** Records news, yields the items that are new, and returns the outcome of the poll. */
  take(news: N): Generator<I, CadenceEvent, void>;
  /** The last items if the news says that it has ended; undefined while it goes on. */
  end(news: N): AsyncGenerator<I, E, void> | undefined;
  /** The error if the deadline comes first and the last read worked. */
  late(news: N): DeadlineError;
  /** Ends waits and requests. Is called more than once. */
  close(): void;
}

/**
 * Yields items until the end, and closes `followed` whatever happens.
 *
 * @throws {DeadlineError} if the deadline comes first and the last read works; else what the last read threw.
 * @throws an error that a retry cannot mend (see `setbackOf`); `signal.reason` if the session's signal aborts.
 */
export async function* followToEnd<N, I, E>(
  session: Connected,
  followed: Followed<N, I, E>,
): AsyncGenerator<I, E, void> {
  try {
    let meaning: CadenceEvent | undefined;
    for (;;) {
      const inTime = await followed.source.next(meaning);
      const news = inTime ?? await lookAtDeadline(followed.subject, session);
      meaning = yield* followed.take(news);
      const end = followed.end(news);
      if (end !== undefined) {
        followed.close();
        return yield* end;
      }
      if (inTime === null) return yield* lastLook(session, followed, news);
    }
  } finally {
    followed.close();
  }
}

/** Reads the record once more if the last read showed no end. @throws {DeadlineError} if the record shows none either. */
async function* lastLook<N, I, E>(
  session: Connected,
  followed: Followed<N, I, E>,
  seen: N,
): AsyncGenerator<I, E, void> {
  const news = await recordAtDeadline(followed.subject, session);
  if (news === undefined) throw followed.late(seen);
  yield* followed.take(news);
  const end = followed.end(news);
  if (end === undefined) throw followed.late(news);
  followed.close();
  return yield* end;
}

/** Most statuses that are announced: a service that sends ever new ones must not fill the memory. */
const MAX_ANNOUNCED = 20;
/** How many UTF-16 units of a status are compared. */
const MAX_STATUS_LENGTH = 200;

/** Tracks the status of something that is followed: finds changes, and announces each unknown status once. */
export class StatusWatch {
  readonly #session: Connected;
  readonly #pacer: Pacer;
  readonly #known: readonly string[];
  readonly #announced = new Set<string>();
  #status: string | undefined;

  /** @param known All statuses that we understand. */
  constructor(session: Connected, pacer: Pacer, known: readonly string[]) {
    this.#session = session;
    this.#pacer = pacer;
    this.#known = known;
  }

  /**
   * Records a status.
   *
   * @param shown Text for heartbeats. @default the status
   * @returns Whether the status has changed.
   */
  take(status: string, shown = status): boolean {
    const changed = status !== this.#status;
    this.#status = status;
    this.#pacer.status = shown;
    if (changed) this.#pacer.spoke();
    return changed;
  }

  /** Sends a notice if the status is unknown; once for each status. */
  announceUnknown(): void {
    const status = this.#status;
    if (status === undefined || this.#known.includes(status)) return;
    const shown = cutText(status, MAX_STATUS_LENGTH);
    if (this.#announced.has(shown) || this.#announced.size >= MAX_ANNOUNCED) return;
    this.#announced.add(ownCopy(shown));
    this.#session.notify({ kind: "unknown_status", status });
  }
}
