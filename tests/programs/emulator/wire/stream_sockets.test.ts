/** Streams over real sockets: clients that come, listen and leave. */
import { expect, test } from "bun:test";
import { type ServedEmulator, startEmulator } from "../../../../lib/emulator/server.ts";
import { createRevision } from "../../../../lib/emulator/state/revision.ts";
import { runtimes } from "../../../../tools/setup.mjs";
import { builtInFixture } from "../../../../lib/emulator/state/fixture.ts";
import { serve } from "../served.ts";

interface Listener {
  /** Reads until the text has come; fails when the stream ends first. */
  until(text: string): Promise<void>;
  /** Reads to the end. */
  rest(): Promise<string>;
  leave(): void;
}

async function listen(url: string, token: string, runId: string): Promise<Listener> {
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

async function startRun(url: string, token: string, repoId: string): Promise<string> {
  const response = await fetch(`${url}/api/v1/mogplex/runs`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "idempotency-key": crypto.randomUUID() },
    body: JSON.stringify({ repoId, prompt: "x", createBranch: true }),
  });
  return (await response.json()).data.runId;
}

/** Looks until it is so; the socket of a client that left is noticed some turns of the event loop later. */
async function settled(look: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000 && !look(); turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(look()).toBe(true);
}

/** Tokens for so many requests as there are streams. */
async function crowded(tokens: number): Promise<ServedEmulator & { tokens: string[] }> {
  const fixture = builtInFixture();
  const [first] = fixture.tokens;
  const more = Array.from({ length: tokens }, (_, index) => ({
    ...first,
    key: `more${index}`,
    token: `mog_streamSocketToken${String(index).padStart(4, "0")}`,
  })) as typeof fixture.tokens;
  const served = await startEmulator({
    fixture: { ...fixture, tokens: [...fixture.tokens, ...more] },
    revision: createRevision("later"),
  });
  return { ...served, tokens: more.map(({ token }) => token) };
}

test("two hundred streams hear every event, and nothing of those that leave is left", async () => {
  const { emulator, url, token, tokens, repos, close } = await crowded(4);
  const { feed } = emulator.world;
  const runId = await startRun(url, token, repos[0]?.id ?? "");
  const listeners = await Promise.all(
    Array.from({ length: 200 }, (_, index) => listen(url, tokens[index % tokens.length] ?? "", runId)),
  );
  expect(feed.size).toBe(200);
  emulator.control("appendEvents", { runId, events: [{ message: "first" }] });
  await Promise.all(listeners.map((listener) => listener.until("first")));
  for (const listener of listeners.slice(0, 150)) listener.leave();
  await settled(() => feed.size === 50);
  const staying = listeners.slice(150);
  emulator.control("appendEvents", { runId, events: [{ type: "finished", message: "last" }] });
  for (const text of await Promise.all(staying.map((listener) => listener.rest()))) {
    expect(text.match(/^event: /gm)?.length).toBe(4);
    expect(text).toEndWith("}\n\n");
  }
  expect(feed.size).toBe(0);
  await close();
});

test("a cut breaks the connection in the middle of an event, and truncated ends it as if all were well", async () => {
  const { emulator, url, token, repos, close } = await crowded(0);
  const runId = await startRun(url, token, repos[0]?.id ?? "");
  emulator.control("fault", { kind: "resetMid" });
  const reset = await listen(url, token, runId);
  expect(await reset.rest().then(() => "ended", () => "broken")).toBe("broken");
  emulator.control("fault", { kind: "truncated" });
  expect(await (await listen(url, token, runId)).rest()).toMatch(/\ndata: \{"id":"[^}]*$/);
  emulator.control("fault", { kind: "stream-cut" });
  const cut = await listen(url, token, runId);
  await cut.until("accepted");
  emulator.control("appendEvents", { runId, events: [{ message: "live" }] });
  expect(await cut.rest().then(() => "ended", () => "broken")).toBe("broken");
  await settled(() => emulator.world.feed.size === 0);
  await close();
});

test.each(["node", "bun", "deno"] as const)(
  "streams are served on %s, and do not keep it from ending",
  async (name) => {
    const command = {
      node: [runtimes.node],
      bun: [runtimes.bun],
      deno: [runtimes.deno, "run", "--no-config", "--allow-net=127.0.0.1", "--allow-env", "--allow-read"],
    }[name];
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
  },
);
