import { REQUEST_LIMIT, REQUEST_WINDOW_MS, START_LIMITS } from "../../service/contract.ts";

type StartDecision = { allowed: true } | { allowed: false; message: string; retryAfterSeconds: number };

/** A refused request is not recorded, so it does not prolong the wait. Source: API reference, "Rate limits". */
export class RequestLimiter {
  readonly #accepted = new Map<string, number[]>();

  admit(tokenId: string, nowMs: number): boolean {
    const times = this.#accepted.get(tokenId) ?? [];
    const from = nowMs - REQUEST_WINDOW_MS;
    while (times[0] !== undefined && times[0] <= from) times.shift();
    this.#accepted.set(tokenId, times);
    if (times.length >= REQUEST_LIMIT) return false;
    times.push(nowMs);
    return true;
  }

  reset(): void {
    this.#accepted.clear();
  }
}

const START_MESSAGES = [
  "External Mogplex run rate limit exceeded",
  "External Mogplex run rate limit exceeded",
  "Daily external Mogplex run quota exceeded",
];

/** The first full window determines the answer. A slot is never given back. Source: API reference, "Run-start limits". */
export class StartLimiter {
  readonly #accepted = new Map<string, number[]>();
  readonly #limited: boolean;

  constructor(limited = true) {
    this.#limited = limited;
  }

  claim(key: string, nowMs: number): StartDecision {
    if (!this.#limited) return { allowed: true };
    const longest = Math.max(...START_LIMITS.map((limit) => limit.windowMs));
    const times = (this.#accepted.get(key) ?? []).filter((time) => time >= nowMs - longest);
    this.#accepted.set(key, times);
    for (const [index, { count, windowMs }] of START_LIMITS.entries()) {
      const first = times.findIndex((time) => time >= nowMs - windowMs);
      const oldest = times[first];
      if (oldest === undefined || times.length - first < count) continue;
      return {
        allowed: false,
        message: START_MESSAGES[index] ?? "",
        retryAfterSeconds: Math.max(1, Math.ceil((oldest + windowMs - nowMs) / 1_000)),
      };
    }
    times.push(nowMs);
    return { allowed: true };
  }

  reset(): void {
    this.#accepted.clear();
  }
}
