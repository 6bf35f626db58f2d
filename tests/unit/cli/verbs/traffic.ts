/** What `respond` sends to forge and service, and when. */
import { expect } from "bun:test";
import type { VirtualClock } from "../../../../lib/clock.ts";

export interface Traffic {
  clock: VirtualClock;
  /** Requests in the order in which they were sent. */
  sent: { atMs: number; line: string }[];
  /** How long each of them takes. */
  requestMs: number;
}

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Records what is sent. */
export function recorded(at: Traffic, fetch: Fetch): Fetch {
  return async (url, init) => {
    at.sent.push({ atMs: at.clock.now(), line: `${init.method ?? "GET"} ${new URL(url).pathname}` });
    if (at.requestMs > 0) await at.clock.sleep(at.requestMs);
    return await fetch(url, init);
  };
}

/**
 * Expects that a note was made in the first second, and before the start was sent.
 *
 * @param path Where notes are posted.
 * @param most Most requests before it.
 */
export function expectFirstSecond({ sent, requestMs }: Traffic, path: string, most: number): void {
  const lines = sent.map(({ line }) => line);
  const posted = lines.indexOf(`POST ${path}`);
  expect([posted > 0, posted < lines.indexOf("POST /api/v1/mogplex/runs")]).toEqual([true, true]);
  expect(posted).toBeLessThanOrEqual(most);
  expect((sent[posted]?.atMs ?? Infinity) + requestMs - (sent[0]?.atMs ?? NaN)).toBeLessThanOrEqual(1_000);
}
