/**
 * What this process remembers of services, tokens and clients. Nothing else in `lib` keeps state beside its objects, but `library/report.ts`, where
 * the entry `./campaigns` registers how views are written.
 *
 * @module
 */
import { type Clock, loopTurn } from "../clock.ts";
import type { AutomationRun, Repo } from "../model.ts";
import type { AutomationRunRecord } from "./contract.ts";

/** What a process remembers. */
class ProcessMemory {
  /** By clock, by token or what gives it, by origin. */
  readonly #paces = new WeakMap<Clock, Map<unknown, Map<string, TokenPace>>>();
  /** By `fetch`, since two of them may reach different services at one origin, and by origin. */
  readonly #streams = new WeakMap<object, Map<string, StreamMemory>>();
  readonly #clients = new WeakMap<object, ClientMemory>();
  /** Beside the runs, since callers print what the client returns. */
  readonly #triggers = new WeakMap<AutomationRun, TriggerFacts>();
  /** Calls that had their turn in this turn of the event loop, and the next one. */
  #begun = 0;
  #nextTurn: Promise<void> | undefined;

  /**
   * Waits until another call may begin, end, or read what its stream has sent: a thousand at once must not hold up everything else that a
   * server does.
   *
   * @param clock Stands still meanwhile if it is virtual.
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

  /** The pace of a token. @param token The token, or the object that gives it. */
  paceOf(clock: Clock, token: unknown, origin: string): TokenPace {
    const tokens = this.#paces.get(clock) ?? new Map<unknown, Map<string, TokenPace>>();
    this.#paces.set(clock, tokens);
    for (const [known, origins] of tokens.size < MAX_TOKENS ? [] : tokens) {
      if ([...origins.values()].every(({ followers }) => followers === 0)) tokens.delete(known);
    }
    const origins = tokens.get(token) ?? new Map<string, TokenPace>();
    tokens.set(token, origins);
    const pace = origins.get(origin) ?? new TokenPace();
    origins.set(origin, pace);
    return pace;
  }

  /** Whether a service has streams of events. @param fetch What reaches it; undefined for the runtime's own. */
  streamsOf(origin: string, fetch: object | undefined): StreamMemory {
    const known = this.#streams.get(fetch ?? OWN_FETCH) ?? new Map<string, StreamMemory>();
    this.#streams.set(fetch ?? OWN_FETCH, known);
    const memory = known.get(origin) ?? newStreamMemory();
    known.set(origin, memory);
    return memory;
  }

  /** The memory of a client. A client that we did not make gets a new one at the first call. */
  ofClient(client: object): ClientMemory {
    const memory = this.#clients.get(client) ??
      { token: newTokenMemory(), streams: newStreamMemory(), made: undefined };
    this.#clients.set(client, memory);
    return memory;
  }

  /** Records what is known of a client that we made. */
  keepClient(client: object, memory: ClientMemory): void {
    this.#clients.set(client, memory);
  }

  /** What a run that the client returned was triggered with. */
  triggerOf(run: AutomationRun): TriggerFacts {
    return this.#triggers.get(run) ?? { repo: null, metadata: null };
  }

  /** A record as callers get it: without what it was triggered with, which is kept. */
  keepTrigger({ repo = null, metadata = null, ...run }: AutomationRunRecord): AutomationRun {
    this.#triggers.set(run, { repo, metadata });
    return run;
  }
}

/** Most calls that {@linkcode ProcessMemory.turn} lets go on in one turn of the event loop. */
const CALLS_A_TURN = 5;

export const PROCESS = new ProcessMemory();

/** What is known of a client. `M` is what its maker needs to make another one of the same connection. */
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
   * Whether a journal or a state file shows that the service has accepted the token before this process. The first answer may then be such
   * a 401, too.
   */
  workedBefore: boolean;
  /** Whether a function gives the token: after a refusal it may give another one. */
  readonly renews: boolean;
  /** Whether the log already has the advice for a network that fails because of this machine. */
  advised: boolean;
  /** The pace of the token, which it has in common with all clients of this process. */
  readonly pace: TokenPace;
  /** Requests for the names of repositories, by id; empty for all repositories. Each is kept as long as a job waits for it. */
  readonly nameRequests: Map<string, NameRequest>;
}

/** One request for names of repositories, for all jobs that want the same. */
export interface NameRequest {
  /** Number of jobs that have not ended. The last one ends the request. */
  jobs: number;
  readonly controller: AbortController;
  readonly answer: Promise<readonly Repo[]>;
}

/**
 * The memory for a token that has not been used.
 *
 * @param pace The pace of the token. @default one of its own
 * @param renews Whether a function gives the token. @default {false}
 */
export function newTokenMemory(pace: TokenPace = new TokenPace(), renews = false): TokenMemory {
  return { worked: false, workedBefore: false, renews, advised: false, pace, nameRequests: new Map() };
}

/** What is known of the streams of one service, so that a process asks each service only once. */
export interface StreamMemory {
  /** Point on the clock until which the service counts as one without streams of events. */
  absentUntil: number;
  /** The first question whether it has them, while there is no answer; undefined before and after. */
  asking?: Promise<void> | undefined;
  /** Whether a stream was opened. */
  present: boolean;
}

function newStreamMemory(): StreamMemory {
  return { absentUntil: -Infinity, present: false };
}

/** What a run of an automation was triggered with, as far as its record shows it. */
export type TriggerFacts = Required<Pick<AutomationRunRecord, "repo" | "metadata">>;

/** Key for the runtime's own `fetch`. */
const OWN_FETCH = {};

// The pace of everything in this process that polls with one token: whatever objects it uses, it shares one budget.
//
// Alone, a follower is paced by its own cadence. As soon as several poll, they take turns: each gets its share of a budget that leaves
// room for requests that we do not see, and a refusal counts for all of them.

/** Window of the service's limit, in milliseconds. Source: API reference, "Rate limits": 60 requests. */
const WINDOW_MS = 60_000;
/** Most of our own requests in a window while several followers poll: the rest is for requests of others. */
const BUDGET = 49;
/** Distance between two polls, in milliseconds. */
const TURN_MS = 1_200;
/** Factor of the distance after a refusal, and the part of it that remains after each window without one. */
const SLOWER = 1.5;
const EASE = 0.9;
/** Longest distance, in milliseconds: others send nearly everything. */
const MAX_TURN_MS = 20_000;
/** Number of tokens after which those without a follower are forgotten. */
const MAX_TOKENS = 100;

class TokenPace {
  /** Times of requests, also of turns that are still to come, oldest first. */
  #times: number[] = [];
  /** Turns that were given and whose request was not sent yet. */
  #given = 0;
  #lastTurn = -Infinity;
  #blockedUntil = -Infinity;
  #turnMs = TURN_MS;
  #calmSince = -Infinity;
  #followers = 0;

  /** Number of followers that poll. */
  get followers(): number {
    return this.#followers;
  }

  /** Counts a follower in. @returns Counts it out again. */
  join(): () => void {
    this.#followers++;
    let left = false;
    return () => {
      if (!left) this.#followers--;
      left = true;
    };
  }

  /** Counts a request. @param atMs Time on the clock, in milliseconds. */
  sent(atMs: number): void {
    if (this.#given > 0) this.#given--;
    else this.#add(atMs);
  }

  /** The service refused a request, since the token has used up its requests. @param namedMs Its `Retry-After`, in milliseconds. */
  refused(atMs: number, namedMs: number | null): void {
    const known = this.#blockedUntil > atMs;
    this.#blockedUntil = Math.max(this.#blockedUntil, atMs + (namedMs ?? 0));
    // Requests that were under way together are refused together.
    if (!known) this.#turnMs = Math.min(this.#turnMs * SLOWER, MAX_TURN_MS);
    this.#calmSince = this.#blockedUntil;
  }

  /**
   * Gives the next turn to poll, in the order of the calls.
   *
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
