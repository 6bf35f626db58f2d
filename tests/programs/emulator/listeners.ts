/** Clients that listen to the streams of an emulator. */
import { expect } from "bun:test";
import { serve } from "./served.ts";

/** A client that listens to the stream of a run. */
export interface Listener {
  /** Reads until the text has come; fails when the stream ends first. */
  until(text: string): Promise<void>;
  /** Reads to the end. */
  rest(): Promise<string>;
  leave(): void;
}

export async function listen(url: string, token: string, runId: string): Promise<Listener> {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/v1/mogplex/runs/${runId}/events/stream`, {
    headers: { authorization: `Bearer ${token}` },
    signal: stop.signal,
  });
  expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let got = "";
  async function more(): Promise<boolean> {
    const piece = await reader?.read();
    if (piece?.value === undefined) return false;
    got += decoder.decode(piece.value, { stream: true });
    return true;
  }
  return {
    async until(text) {
      while (!got.includes(text)) if (!await more()) throw new Error(`the stream ended before "${text}"`);
    },
    async rest() {
      while (await more());
      return got;
    },
    leave: () => stop.abort(),
  };
}

/** Starts a run. @returns Its id. */
export async function startRun(url: string, token: string, repoId: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/mogplex/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify({ repoId, prompt: "x", createBranch: true }),
  });
  return (await response.json()).data.runId;
}

/** Lets twenty clients listen to an emulator that is a program; half of them leave, then it is stopped. @param command Its runtime. */
export async function streamsEnd(command: readonly string[]): Promise<void> {
  const { ready, stop } = await serve(command, ["--server-revision", "later", "--control"]);
  const runId = await startRun(ready.url, ready.token, ready.repos[0]?.id ?? "");
  const control = (action: string, args: object) =>
    fetch(`${ready.url}/__control/${action}`, { method: "POST", body: JSON.stringify(args) });
  const listeners = await Promise.all(Array.from({ length: 20 }, () => listen(ready.url, ready.token, runId)));
  await control("appendEvents", { runId, events: [{ message: "first" }] });
  await Promise.all(listeners.map((listener) => listener.until("first")));
  for (const listener of listeners.slice(0, 10)) listener.leave();
  await control("appendEvents", { runId, events: [{ message: "second" }] });
  const staying = listeners.slice(10);
  await Promise.all(staying.map((listener) => listener.until("second")));
  const ends = staying.map((listener) => listener.rest().catch(() => "broken"));
  expect(await stop()).toBe(0);
  await Promise.all(ends);
}
