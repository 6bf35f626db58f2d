/**
 * What this process remembers of services, tokens and clients. Nothing else in `lib` keeps state outside of its objects, except `library/report.ts`,
 * where the entry `./campaigns` registers how views are written.
 * @module
 */
import { type Clock, loopTurn } from "../clock.ts";
import type { AutomationRun, Repo } from "../model.ts";
import type { AutomationRunRecord } from "./contract.ts";

class ProcessMemory {
  /** By clock, by token or its source, by origin. */
  readonly #paces = new WeakMap<Clock, Map<unknown, Map<string, TokenPace>>>();
  /** By `fetch`, since two of them may reach different services at one origin, and by origin. */
  readonly #streams = new WeakMap<object, Map<string, StreamMemory>>();
  readonly #clients = new WeakMap<object, ClientMemory>();
  /** Separate from the runs, because callers print what the client returns. */
  readonly #triggers = new WeakMap<AutomationRun, TriggerFacts>();
  /** Calls that had their turn in this turn of the event loop, and the next one. */
  #begun = 0;
  #nextTurn: Promise<void> | undefined;

  /**
   * Waits until another call may begin, end, or read its stream: a thousand at once must not block a server's other work.
   * @param clock A virtual clock does not move during the wait.
   */
  async turn(clock: Clock): Promise<void> {
    while (this.#nextTurn !== undefined && this.#begun >= CALLS_A_TURN) {
      await (clock.during?.(this.#nextTurn) ?? this.#nextTurn);
    }
    this.#begun++;
    this.#nextTurn ??= loopTurn(false).then(() => {
      this.#begun = 0;
      this.#nextTurn = undefined;
    });
  }

  /** @param token The token, or the object that provides it. */
  paceOf(clock: Clock, token: unknown, origin: string): TokenPace {
    const tokens = this.#paces.get(clock) ?? new Map<unknown, Map<string, TokenPace>>();
    this.#paces.set(clock, tokens);
    for (const [knownToken, origins] of tokens.size < MAX_TOKENS ? [] : tokens) {
      if ([...origins.values()].every(({ followers }) => followers === 0)) tokens.delete(knownToken);
    }
    const origins = tokens.get(token) ?? new Map<string, TokenPace>();
    tokens.set(token, origins);
    const pace = origins.get(origin) ?? new TokenPace();
    origins.set(origin, pace);
    return pace;
  }

  /** Whether a service has event streams. @param fetch The caller's; undefined for the runtime's own. */
  streamsOf(origin: string, fetch: object | undefined): StreamMemory {
    const byOrigin = this.#streams.get(fetch ?? OWN_FETCH) ?? new Map<string, StreamMemory>();
    this.#streams.set(fetch ?? OWN_FETCH, byOrigin);
    const memory = byOrigin.get(origin) ?? newStreamMemory();
    byOrigin.set(origin, memory);
    return memory;
  }

  /** The memory of a client. A client that we did not make gets a new one at the first call. */
  ofClient(client: object): ClientMemory {
    const memory = this.#clients.get(client) ??
      { token: newTokenMemory(), streams: newStreamMemory(), made: undefined };
    this.#clients.set(client, memory);
    return memory;
  }

  /** Stores the memory of a client that we made. */
  keepClient(client: object, memory: ClientMemory): void {
    this.#clients.set(client, memory);
  }

  /** The trigger data of a run that the client returned. */
  triggerOf(run: AutomationRun): TriggerFacts {
    return this.#triggers.get(run) ?? { repo: null, metadata: null };
  }

  /** A record for callers: its trigger data is removed and stored. */
  keepTrigger({ repo = null, metadata = null, ...run }: AutomationRunRecord): AutomationRun {
    this.#triggers.set(run, { repo, metadata });
    return run;
  }
}

/** Maximum number of calls that {@linkcode ProcessMemory.turn} lets continue in one turn of the event loop. */
const CALLS_A_TURN = 5;

export const PROCESS = new ProcessMemory();

/** `M` is what the maker of a client needs to make another one of the same connection. */
export interface ClientMemory<M = unknown> {
  readonly token: TokenMemory;
  readonly streams: StreamMemory;
  /** Undefined for a client that we did not make. */
  readonly made: M | undefined;
}

/** What a process has learned about one token at one service. Every retry loop reads and updates this. */
export interface TokenMemory {
  /** Whether the service has accepted the token in this process. A 401 may then come from its failing database. */
  worked: boolean;
  /**
   * Whether a journal or a state file shows that the service has accepted the token before this process. Then even the first answer may be such a
   * 401.
   */
  workedBefore: boolean;
  /** Whether a request of this process got an answer, from the service or from a proxy on the way. */
  answered: boolean;
  /** Time on the clock after which nothing waits for the first answer. */
  answerBy: number;
  /** Whether a function provides the token: after a refusal it may return another one. */
  readonly renews: boolean;
  /** Whether the log already has the advice for a network problem of this machine. */
  advised: boolean;
  /** Shared with all clients of this process. */
  readonly pace: TokenPace;
  /** Requests for the names of repositories, by id; empty for all repositories. Each is kept as long as a job waits for it. */
  readonly nameRequests: Map<string, NameRequest>;
}

/** One request for names of repositories, shared by all jobs with the same question. */
export interface NameRequest {
  /** Number of jobs that have not ended. The last one ends the request. */
  jobs: number;
  readonly controller: AbortController;
  readonly answer: Promise<readonly Repo[]>;
}

/**
 * The memory for an unused token.
 * @param pace The pace of the token. @default a new one
 * @param renews Whether a function provides the token. @default {false}
 */
export function newTokenMemory(pace: TokenPace = new TokenPace(), renews = false): TokenMemory {
  const nothing = { worked: false, workedBefore: false, answered: false, answerBy: Infinity, advised: false };
  return { ...nothing, renews, pace, nameRequests: new Map() };
}

/** Whether a service has event streams, so that a process asks each service only once. */
export interface StreamMemory {
  /** Time on the clock until which the service is assumed to have no event streams. */
  absentUntil: number;
  /** The first request for a stream, while it has no answer; undefined before and after. */
  asking?: Promise<void> | undefined;
  present: boolean;
}

function newStreamMemory(): StreamMemory {
  return { absentUntil: -Infinity, present: false };
}

/** The trigger data of an automation run, if its record shows it. */
export type TriggerFacts = Required<Pick<AutomationRunRecord, "repo" | "metadata">>;

const OWN_FETCH = {};

// The pace of everything in this process that polls with one token: all objects share one budget.
//
// A single follower is paced by its own cadence. As soon as several poll, they take turns: each gets its share of a budget that leaves room for
// requests that we do not see, and a refusal applies to all of them.

/** Window of the service's limit, in milliseconds. Source: API reference, "Rate limits": 60 requests. */
const WINDOW_MS = 60_000;
/** Maximum number of polling requests of this process in a window while several followers poll. The rest is for other requests. */
const BUDGET = 49;
/** Interval between two polls, in milliseconds. */
const TURN_MS = 1_200;
/** Factor of the interval after a refusal, and the part of it that remains after each window without one. */
const SLOWER = 1.5;
const EASE = 0.9;
/** Longest interval, in milliseconds: other programs send nearly everything. */
const MAX_TURN_MS = 20_000;
/** Number of tokens after which those without a follower are forgotten. */
const MAX_TOKENS = 100;

class TokenPace {
  /** Times of requests, including turns in the future, oldest first. */
  #times: number[] = [];
  /** Turns that were assigned, but whose request has not been sent yet. */
  #given = 0;
  #lastTurn = -Infinity;
  #blockedUntil = -Infinity;
  #turnMs = TURN_MS;
  #calmSince = -Infinity;
  #followers = 0;

  get followers(): number {
    return this.#followers;
  }

  /** Adds a follower. @returns Removes it again. */
  join(): () => void {
    this.#followers++;
    let hasLeft = false;
    return () => {
      if (!hasLeft) this.#followers--;
      hasLeft = true;
    };
  }

  /** @param atMs Time on the clock, in milliseconds. */
  sent(atMs: number): void {
    if (this.#given > 0) this.#given--;
    else this.#add(atMs);
  }

  /** Called after a refusal because the token has used up its requests. @param namedMs Its `Retry-After`, in milliseconds. */
  refused(atMs: number, namedMs: number | null): void {
    const isBlocked = this.#blockedUntil > atMs;
    this.#blockedUntil = Math.max(this.#blockedUntil, atMs + (namedMs ?? 0));
    // Simultaneous requests are refused together.
    if (!isBlocked) this.#turnMs = Math.min(this.#turnMs * SLOWER, MAX_TURN_MS);
    this.#calmSince = this.#blockedUntil;
  }

  /**
   * Returns the next turn to poll, in the order of the calls.
   * @param tokenShare Processes that use the token, at least 1.
   * @returns Milliseconds until the turn; 0 for now, and always for a follower that polls alone.
   */
  turn(atMs: number, tokenShare: number): number {
    if (this.#followers < 2) return 0;
    for (; this.#turnMs > TURN_MS && atMs - this.#calmSince >= WINDOW_MS; this.#calmSince += WINDOW_MS) {
      this.#turnMs = Math.max(this.#turnMs * EASE, TURN_MS);
    }
    this.#forget(atMs);
    const budget = Math.max(Math.floor(BUDGET / tokenShare), 1);
    const full = this.#times.length < budget ? -Infinity : (this.#times.at(-budget) ?? 0) + WINDOW_MS;
    const due = Math.max(atMs, this.#blockedUntil, full, this.#lastTurn + this.#turnMs * tokenShare);
    this.#lastTurn = due;
    this.#given++;
    this.#add(due);
    return due - atMs;
  }

  #add(atMs: number): void {
    const after = this.#times.findLastIndex((time) => time <= atMs) + 1;
    this.#times.splice(after, 0, atMs);
    this.#forget(atMs);
  }

  #forget(atMs: number): void {
    while (this.#times[0] !== undefined && this.#times[0] <= atMs - WINDOW_MS) this.#times.shift();
  }
}
