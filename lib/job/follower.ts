/**
 * The one loop of looks: waits for news, takes it in, and stops at the end or at the deadline.
 *
 * @module
 */
import type { DeadlineError } from "../errors.ts";
import type { Pacer } from "../retry/pacer.ts";
import { ownCopy } from "../text/own_copy.ts";
import { cutText } from "../text/plain_text.ts";
import type { CadenceEvent } from "./cadence.ts";
import type { Session } from "./session.ts";
import { lookAtDeadline, type Source, type Subject } from "./source.ts";

/** What is followed, and what its news mean. */
export interface Followed<N, I, E> {
  /** Where news come from. */
  source: Source<N>;
  /** What is looked at when the deadline comes. */
  subject: Subject<N>;
  /** Takes news in, yields what is new, and says what the rhythm makes of it. */
  take(news: N): Generator<I, CadenceEvent, void>;
  /** The last items when the news says that it has ended; undefined while it goes on. */
  end(news: N): AsyncGenerator<I, E, void> | undefined;
  /** The error when the deadline comes first and the last look worked. */
  late(news: N): DeadlineError;
  /** Ends what is under way. */
  close(): void;
}

/**
 * Yields until the end.
 *
 * @throws {DeadlineError} if the deadline comes first and the last look works, else what the last look threw.
 * @throws what lasts: see `setbackOf`; `signal.reason` if the session's signal aborts.
 */
export async function* followToEnd<N, I, E>(session: Session, followed: Followed<N, I, E>): AsyncGenerator<I, E, void> {
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
      if (inTime === null) throw followed.late(news);
    }
  } finally {
    followed.close();
  }
}

/** Most statuses that are announced; a service that sends others for ever must not fill the memory. */
const MAX_ANNOUNCED = 20;
/** Statuses are told apart by so many UTF-16 units. */
const MAX_STATUS_LENGTH = 200;

/** Watches the status of what is followed: tells changes from repetitions, and announces a status that is not known once. */
export class StatusWatch {
  readonly #session: Session;
  readonly #pacer: Pacer;
  readonly #known: readonly string[];
  readonly #announced = new Set<string>();
  #status: string | undefined;

  /** @param known Every status with a meaning. */
  constructor(session: Session, pacer: Pacer, known: readonly string[]) {
    this.#session = session;
    this.#pacer = pacer;
    this.#known = known;
  }

  /**
   * Takes a status in.
   *
   * @param shown Status that heartbeats show. @default the status
   * @returns Whether it has changed.
   */
  take(status: string, shown = status): boolean {
    const changed = status !== this.#status;
    this.#status = status;
    this.#pacer.status = shown;
    if (changed) this.#pacer.spoke();
    return changed;
  }

  /** Announces a status that is not known, once. */
  announceUnknown(): void {
    const status = this.#status;
    if (status === undefined || this.#known.includes(status)) return;
    const shown = cutText(status, MAX_STATUS_LENGTH);
    if (this.#announced.has(shown) || this.#announced.size >= MAX_ANNOUNCED) return;
    this.#announced.add(ownCopy(shown));
    this.#session.notify({ kind: "unknown_status", status });
  }
}
