import type { EmulatorOptions } from "../../../../lib/emulator/options.ts";
import { expect, test } from "bun:test";
import { virtualClock } from "../../../../lib/clock.ts";
import { STREAM_FAULT_KINDS } from "../../../../lib/emulator/state/faults.ts";
import { arrange, type Arranged, TOKENS } from "../arrange.ts";
import { builtInScenario } from "../scenarios.ts";

interface Message {
  event: string;
  id: string | undefined;
  // deno-lint-ignore no-explicit-any
  data: any;
}

/** Messages in a text of whole ones. */
function parse(text: string): Message[] {
  return text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":")).map((block) => {
    const fields = Object.fromEntries(
      block.split("\n").map((line) => [line.split(": ")[0], line.replace(/^\w+: /, "")]),
    );
    return { event: fields.event ?? "", id: fields.id, data: JSON.parse(fields.data ?? "") };
  });
}

const names = (messages: Message[]) => messages.map(({ event, data }) => event === "run" ? data.status : data.message);

function later(scenario = "", options: EmulatorOptions = {}): Arranged {
  const scenarios = scenario === "" ? [] : [builtInScenario(scenario)];
  return arrange({ revision: { stream: true }, scenarios, ...options });
}

/** An emulator whose time stands still while a test looks at it. */
const still = () => later("", { clock: virtualClock({ auto: false }) });

interface Opened {
  response: Response;
  /** What has come since the last call. */
  now(): Promise<string>;
  /** Everything until the end. */
  rest(): Promise<string>;
  leave(): Promise<void>;
}

async function open({ emulator }: Arranged, path: string, headers: Record<string, string> = {}): Promise<Opened> {
  const response = await emulator.fetch(`http://localhost/api/v1/mogplex${path}`, {
    headers: { authorization: `Bearer ${TOKENS.alice_rw}`, ...headers },
  });
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let done = false;
  async function pump() {
    for (;;) {
      const piece = await reader?.read();
      if (piece?.value === undefined) return done = true;
      text += decoder.decode(piece.value, { stream: true });
    }
  }
  const all = pump();
  function take(): string {
    const taken = text;
    text = "";
    return taken;
  }
  return {
    response,
    async now() {
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
      return take();
    },
    async rest() {
      await all;
      expect(done).toBe(true);
      return take();
    },
    leave: async () => await reader?.cancel(),
  };
}

test("the stream is an HTML page in the base, with a valid token, and costs nothing", async () => {
  const { call, start, emulator } = arrange();
  const runId = await start();
  const before = emulator.world.requests;
  for (let count = 0; count < 70; count++) {
    const { status, headers } = await call("GET", `/runs/${runId}/events/stream`);
    expect([status, headers.get("content-type")]).toEqual([404, "text/html; charset=utf-8"]);
  }
  expect(before).toBe(emulator.world.requests);
  expect((await call("POST", `/runs/${runId}/events/stream`)).status).toBe(404);
});

test("the stream says that it is connected, then the run, then the events, and goes on with what comes", async () => {
  const arranged = still();
  const { emulator, start } = arranged;
  const runId = await start();
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  expect(stream.response.headers.get("content-type")).toStartWith("text/event-stream");
  const head = await stream.now();
  expect(head).toStartWith(": connected\n\nevent: run\ndata: {");
  const [run, event] = parse(head);
  const page = (await arranged.call("GET", `/runs/${runId}/events`)).json.data;
  expect(run).toEqual({ event: "run", id: undefined, data: page.run });
  expect(event).toEqual({ event: "started", id: page.events[0].id, data: page.events[0] });
  emulator.control("appendEvents", { runId, events: [{ message: "one" }, { type: "status_changed", message: "two" }] });
  expect(parse(await stream.now()).map(({ event, data }) => [event, data.message])).toEqual([
    ["log", "one"],
    ["status_changed", "two"],
  ]);
  emulator.control("appendEvents", { runId, events: [{ type: "finished", message: "end" }, { message: "after" }] });
  expect(names(parse(await stream.rest()))).toEqual(["end"]);
  expect(emulator.world.feed.size).toBe(0);
});

test("the stream plays a scenario although no other request comes, and ends with its last event, before the row does", async () => {
  const arranged = later("success");
  const runId = await arranged.start();
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  const messages = parse(await stream.rest());
  expect(names(messages)).toEqual([
    "pending",
    "External Mogplex run accepted",
    "Harness run started: codex",
    expect.stringContaining("Synchronized "),
    "Harness run streaming",
    "Pull request ready",
    "Harness run finished",
  ]);
  expect(arranged.clock.now()).toBe(33_000);
  expect((await arranged.look(runId)).status).toBe("streaming");
});

test("the stream ends at once when its run has ended with an event that says so, and stays open when not", async () => {
  const arranged = later("success");
  const runId = await arranged.start();
  arranged.clock.advance(60_000);
  const ended = await open(arranged, `/runs/${runId}/events/stream?limit=2`);
  expect(names(parse(await ended.rest()))).toEqual(["success", "Pull request ready", "Harness run finished"]);
  const other = still();
  const second = await other.start();
  other.emulator.control("setRun", { runId: second, run: { status: "failed" } });
  const open2 = await open(other, `/runs/${second}/events/stream`);
  expect(names(parse(await open2.now()))).toEqual(["failed", "External Mogplex run accepted"]);
  expect(other.emulator.world.feed.size).toBe(1);
  await open2.leave();
  expect(other.emulator.world.feed.size).toBe(0);
});

test("the stream is closed by the host after 800 s, and goes on after Last-Event-ID", async () => {
  const arranged = later();
  const { emulator, start } = arranged;
  const runId = await start();
  const first = await open(arranged, `/runs/${runId}/events/stream`);
  const lastId = parse(await first.rest()).at(-1)?.id ?? "";
  expect(arranged.clock.now()).toBe(800_000);
  const events = Array.from({ length: 450 }, (_, index) => ({ message: `m${index}` }));
  emulator.control("appendEvents", { runId, events: [...events, { type: "failed", message: "end" }] });
  const second = await open(arranged, `/runs/${runId}/events/stream?limit=1`, { "last-event-id": lastId });
  const got = names(parse(await second.rest()));
  expect(got).toEqual(["pending", ...events.map(({ message }) => message), "end"]);
});

test("the stream refuses foreign and malformed ids as the service does", async () => {
  const arranged = later();
  const { call, start, emulator } = arranged;
  const runId = await start();
  const ask = async (path: string, headers = {}, token: string | undefined = undefined) => {
    const { status, json } = await call("GET", path, { headers, token });
    return [status, json?.error?.code, json?.error?.message];
  };
  const path = `/runs/${runId}/events/stream`;
  const foreign = { "last-event-id": "00000000-0000-4000-8000-00000000dead" };
  expect(await ask(path, foreign)).toEqual([400, "BAD_REQUEST", "Last-Event-ID does not belong to this run"]);
  expect(await ask(path, { "last-event-id": "7" })).toEqual([500, "INTERNAL_ERROR", "Failed to stream events"]);
  expect(await ask("/runs/7/events/stream")).toEqual([500, "INTERNAL_ERROR", "Failed to stream events"]);
  expect(await ask(path.replace(runId, foreign["last-event-id"]))).toEqual([404, "NOT_FOUND", "Run not found"]);
  expect(await ask(path, {}, "bob_rw")).toEqual([404, "NOT_FOUND", "Run not found"]);
  emulator.control("failListener", {});
  expect(await ask(path)).toEqual([500, "INTERNAL_ERROR", "Failed to stream events"]);
  emulator.control("failListener", { enabled: false });
  expect((await call("HEAD", path)).status).toBe(200);
  expect(emulator.world.feed.size).toBe(0);
});

test("the stream costs one request, however long it lasts", async () => {
  const arranged = later();
  const runId = await arranged.start();
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  // The start and the stream are two of 60.
  for (let count = 0; count < 58; count++) expect((await arranged.call("GET", `/runs/${runId}`)).status).toBe(200);
  expect((await arranged.call("GET", `/runs/${runId}`)).status).toBe(429);
  await stream.leave();
});

test("the stream moves with advanceClock on a clock that stands still", async () => {
  const clock = virtualClock({ auto: false });
  const arranged = arrange({ revision: { stream: true }, scenarios: [builtInScenario("success")], clock });
  const runId = await arranged.start();
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  expect(names(parse(await stream.now()))).toEqual(["pending", "External Mogplex run accepted"]);
  arranged.emulator.control("advanceClock", { seconds: 9 });
  expect(names(parse(await stream.now()))).toEqual(["Harness run started: codex"]);
  arranged.emulator.control("advanceClock", { seconds: 60 });
  expect(names(parse(await stream.rest())).at(-1)).toBe("Harness run finished");
});

test("the stream ends when everything is reset or closed", async () => {
  const arranged = later();
  const runId = await arranged.start();
  const first = await open(arranged, `/runs/${runId}/events/stream`);
  arranged.emulator.control("reset");
  await first.rest();
  const again = await open(arranged, `/runs/${await arranged.start()}/events/stream`);
  await arranged.emulator.close();
  await again.rest();
});

test("a resumed run has a new call and a new list of events, and forgets the ids of the old one", async () => {
  const arranged = later("awaiting-input-resumed");
  const runId = await arranged.start();
  const first = parse(await (await open(arranged, `/runs/${runId}/events/stream`)).rest());
  expect(names(first).at(-1)).toBe("Harness run finished");
  arranged.clock.advance(2_000);
  expect((await arranged.look(runId)).status).toBe("awaiting_input");
  arranged.clock.advance(61_000);
  expect(await arranged.look(runId)).toMatchObject({ status: "streaming", messages: ["Harness run started: codex"] });
  const lastId = first.at(-1)?.id ?? "";
  const old = await open(arranged, `/runs/${runId}/events/stream`, { "last-event-id": lastId });
  expect(old.response.status).toBe(400);
  const second = parse(await (await open(arranged, `/runs/${runId}/events/stream`)).rest());
  expect(names(second)).toEqual([
    "streaming",
    "Harness run started: codex",
    "Pull request ready",
    "Harness run finished",
  ]);
  expect(second[0]?.data.aiCallId).not.toBe(first[0]?.data.aiCallId);
});

async function faulty(kind: string, args: object = {}) {
  const arranged = still();
  const runId = await arranged.start();
  arranged.emulator.control("fault", { kind, ...args });
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  return { ...arranged, runId, stream };
}

test("faults of streams hit the opening of a stream alone", async () => {
  for (const kind of STREAM_FAULT_KINDS) {
    const arranged = later();
    const runId = await arranged.start();
    arranged.emulator.control("fault", { kind });
    expect((await arranged.call("GET", `/runs/${runId}/events`)).status).toBe(200);
    await (await open(arranged, `/runs/${runId}/events/stream`)).leave().catch(() => {});
    expect(arranged.emulator.world.feed.size).toBeLessThanOrEqual(1);
  }
});

test("stream-405, stream-html, stream-json and stream-500 answer what their names say, and leave nothing open", async () => {
  const seen = [];
  for (const kind of ["stream-405", "stream-html", "stream-json", "stream-500"]) {
    const { stream, emulator } = await faulty(kind);
    seen.push([stream.response.status, stream.response.headers.get("content-type")]);
    expect(emulator.world.feed.size).toBe(0);
  }
  expect(seen).toEqual([[405, null], [200, "text/html"], [200, "application/json"], [500, "application/json"]]);
});

test("stream-buffered shows headers and nothing else, stream-silent nothing live, stream-closed an early end", async () => {
  const buffered = await faulty("stream-buffered");
  const silent = await faulty("stream-silent");
  const closed = await faulty("stream-closed");
  for (const { emulator, runId } of [buffered, silent, closed]) {
    emulator.control("appendEvents", { runId, events: [{ message: "live" }] });
  }
  expect(await buffered.stream.now()).toBe("");
  expect(names(parse(await silent.stream.now()))).toEqual(["pending", "External Mogplex run accepted"]);
  expect(names(parse(await closed.stream.rest()))).toEqual(["pending", "External Mogplex run accepted"]);
  expect(closed.emulator.world.feed.size).toBe(0);
});

test("stream-cut breaks the connection in the middle of an event", async () => {
  const { stream, emulator, runId } = await faulty("stream-cut");
  const head = await stream.now();
  emulator.control("appendEvents", { runId, events: [{ message: "live" }] });
  const error = await stream.rest().catch((thrown) => thrown);
  expect(error).toMatchObject({ name: "ConnectionLost" });
  expect(await stream.now()).toMatch(/^id: [0-9a-f-]{36}\nevent: log\ndata: \{/);
  expect(parse(head).length).toBe(2);
  expect(emulator.world.feed.size).toBe(0);
});

test("truncated and resetMid end a stream within what it sends first", async () => {
  const truncated = await faulty("truncated");
  expect(await truncated.stream.rest()).toMatch(/^: connected\n\nevent: run\n.*\n\nid: .*$/s);
  const reset = await faulty("resetMid");
  expect(await reset.stream.rest().catch((thrown) => thrown)).toMatchObject({ name: "ConnectionLost" });
});

test("stream-disorder repeats events and turns their order round", async () => {
  const arranged = later();
  const runId = await arranged.start();
  arranged.emulator.control("appendEvents", { runId, events: [{ message: "1" }, { message: "2" }] });
  arranged.emulator.control("fault", { kind: "stream-disorder" });
  const stream = await open(arranged, `/runs/${runId}/events/stream`);
  const first = "External Mogplex run accepted";
  expect(names(parse(await stream.now()))).toEqual(["pending", "2", "2", "1", "1", first, first]);
  await stream.leave();
});
