/** Streams over real sockets: clients that come, listen and leave. */
import { expect, test } from "bun:test";
import { type ServedEmulator, startEmulator } from "../../../../lib/emulator/server.ts";
import { createRevision } from "../../../../lib/emulator/state/store.ts";
import { runtimes } from "../../../../tools/setup.mjs";
import { builtInFixture } from "../../../../lib/emulator/state/fixture.ts";
import { listen, startRun, streamsEnd } from "../listeners.ts";
import { until } from "../../processes/world/recorder.ts";

/** The socket of a client that left is noticed some turns of the event loop later. */
const settled = (look: () => boolean) => until("the streams are as many as expected", look);

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

test("streams are served by a program, and do not keep it from ending", async () => {
  await streamsEnd([runtimes.node]);
});
