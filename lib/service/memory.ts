import { type Clock, loopTurn } from "../clock.ts";
import type { AutomationRun, Repo } from "../model.ts";
import type { AutomationRunRecord } from "./contract.ts";

class ProcessMemory {
  readonly #paces = new WeakMap<Clock, Map<unknown, Map<string, TokenPace>>>();
  /** Keys: `fetch`, then origin. Two `fetch` functions can reach different services at the same origin. */
  readonly #streams = new WeakMap<object, Map<string, StreamMemory>>();
  readonly #clients = new WeakMap<object, ClientMemory>();
  /** Trigger data is kept out of the run objects, because callers print those objects. */
  readonly #triggers = new WeakMap<AutomationRun, TriggerFacts>();
  #begun = 0;
  #nextTurn: Promise<void> | undefined;

  /**
   * Limits how many calls begin, end or read their stream in one turn of the event loop. Otherwise, a thousand simultaneous calls would block the
   * other work of a server.
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

  streamsOf(origin: string, fetch: object | undefined): StreamMemory {
    const byOrigin = this.#streams.get(fetch ?? OWN_FETCH) ?? new Map<string, StreamMemory>();
    this.#streams.set(fetch ?? OWN_FETCH, byOrigin);
    const memory = byOrigin.get(origin) ?? newStreamMemory();
    byOrigin.set(origin, memory);
    return memory;
  }

  ofClient(client: object): ClientMemory {
    const memory = this.#clients.get(client) ??
      { token: newTokenMemory(), streams: newStreamMemory(), made: undefined };
    this.#clients.set(client, memory);
    return memory;
  }

  keepClient(client: object, memory: ClientMemory): void {
    this.#clients.set(client, memory);
  }

  triggerOf(run: AutomationRun): TriggerFacts {
    return this.#triggers.get(run) ?? { repo: null, metadata: null };
  }

  keepTrigger({ repo = null, metadata = null, ...run }: AutomationRunRecord): AutomationRun {
    this.#triggers.set(run, { repo, metadata });
    return run;
  }
}

const CALLS_A_TURN = 5;

export const PROCESS = new ProcessMemory();

export interface ClientMemory<M = unknown> {
  readonly token: TokenMemory;
  readonly streams: StreamMemory;
  readonly made: M | undefined;
}

export interface TokenMemory {
  /** Whether the service has accepted the token in this process. If so, a later 401 may be caused by a failure of the service's database. */
  worked: boolean;
  /**
   * Whether a journal or a state file shows that the service accepted the token earlier. If so, even the first 401 may be caused by a failure of the
   * service's database.
   */
  workedBefore: boolean;
  answered: boolean;
  answerBy: number;
  /** A function that provides the token may return another token after a refusal. */
  readonly renews: boolean;
  advised: boolean;
  readonly pace: TokenPace;
  /** Keyed by repository id. The empty key requests all repositories. */
  readonly nameRequests: Map<string, NameRequest>;
}

export interface NameRequest {
  jobs: number;
  readonly controller: AbortController;
  readonly answer: Promise<readonly Repo[]>;
}

export function newTokenMemory(pace: TokenPace = new TokenPace(), renews = false): TokenMemory {
  const nothing = { worked: false, workedBefore: false, answered: false, answerBy: Infinity, advised: false };
  return { ...nothing, renews, pace, nameRequests: new Map() };
}

export interface StreamMemory {
  absentUntil: number;
  asking?: Promise<void> | undefined;
  present: boolean;
}

function newStreamMemory(): StreamMemory {
  return { absentUntil: -Infinity, present: false };
}

export type TriggerFacts = Required<Pick<AutomationRunRecord, "repo" | "metadata">>;

const OWN_FETCH = {};

// Paces all polling in this process with one token.
//
// A single follower keeps its own interval. Two or more followers take turns. Their shared budget leaves room for requests that this process does not
// see, and a refusal slows down all of them.

/** The service permits 60 requests in this window. Source: API reference, "Rate limits". */
const WINDOW_MS = 60_000;
/** While several followers poll, the remaining requests of the window are left for other purposes. */
const BUDGET = 49;
const TURN_MS = 1_200;
/** A refusal multiplies the interval by `SLOWER`. Each window without a refusal multiplies it by `EASE`, down to `TURN_MS`. */
const SLOWER = 1.5;
const EASE = 0.9;
/** This interval is reached if other programs use nearly all requests. */
const MAX_TURN_MS = 20_000;
const MAX_TOKENS = 100;

class TokenPace {
  #times: number[] = [];
  #given = 0;
  #lastTurn = -Infinity;
  #blockedUntil = -Infinity;
  #turnMs = TURN_MS;
  #calmSince = -Infinity;
  #followers = 0;

  get followers(): number {
    return this.#followers;
  }

  join(): () => void {
    this.#followers++;
    let hasLeft = false;
    return () => {
      if (!hasLeft) this.#followers--;
      hasLeft = true;
    };
  }

  sent(atMs: number): void {
    if (this.#given > 0) this.#given--;
    else this.#add(atMs);
  }

  refused(atMs: number, namedMs: number | null): void {
    const isBlocked = this.#blockedUntil > atMs;
    this.#blockedUntil = Math.max(this.#blockedUntil, atMs + (namedMs ?? 0));
    // Simultaneous requests are refused together. The interval grows only once for all of them.
    if (!isBlocked) this.#turnMs = Math.min(this.#turnMs * SLOWER, MAX_TURN_MS);
    this.#calmSince = this.#blockedUntil;
  }

  /** @returns Milliseconds until the turn; always 0 if there is only one follower. */
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
