import { expect, test } from "bun:test";
import fc from "fast-check";
import { virtualClock } from "../../../lib/clock.ts";
import type { EventStream, StreamMessage } from "../../../lib/service/event_stream.ts";
import { createTransport, type Fetch } from "../../../lib/service/transport.ts";
import { bad, html, ORIGIN, redirect, run, RUN_ID, scripted, thrown, TOKEN } from "./answers.ts";

type Source = (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>;
const encode = (text: string) => new TextEncoder().encode(text);

/** Most characters of one message. */
const MAX_MESSAGE_LENGTH = 512 * 1024;

/** Opens a stream by a transport whose `fetch` gives one answer. */
async function opening(answer: Response, signal?: AbortSignal) {
  const clock = virtualClock();
  let request: AbortSignal | undefined;
  const fetch: Fetch = (_, init) => {
    request = init.signal;
    return answer;
  };
  const stream = await createTransport({ token: TOKEN, origin: ORIGIN, clock, fetch }).open({
    what: "open",
    send: (fetch) => fetch(`${ORIGIN}/stream`),
    refuse: ({ status }) => ({ ok: false, error: new Error(`no stream: ${status}`) as never }),
  }, { limitMs: 1_000, signal });
  return { stream, clock, aborted: () => request?.aborted };
}

interface Opened {
  stream: EventStream;
  clock: ReturnType<typeof virtualClock>;
  /** Whether the request was ended. */
  aborted: () => boolean | undefined;
  cancelled: () => boolean;
}

async function opened(source: Source, signal?: AbortSignal): Promise<Opened> {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => void source(controller),
    cancel: () => void (cancelled = true),
  });
  const response = new Response(body, { headers: { "content-type": "text/event-stream" } });
  return { ...await opening(response, signal), cancelled: () => cancelled };
}

/** All messages, and how it ended. */
async function all(stream: EventStream) {
  const messages: StreamMessage[] = [];
  for (;;) {
    const step = await stream.next();
    if (step.kind === "messages") messages.push(...step.messages);
    else return { messages, end: step };
  }
}

function pieces(...parts: (string | Uint8Array)[]): Source {
  return (controller) => {
    for (const part of parts) controller.enqueue(typeof part === "string" ? encode(part) : part);
    controller.close();
  };
}

test("Transport.open() asks for 200 and the type of an event stream, whatever its case and parameters", async () => {
  const answer = (type: string, status = 200) => new Response("", { status, headers: { "content-type": type } });
  await opening(answer("text/event-stream"));
  await opening(answer("Text/Event-Stream; charset=UTF-8"));
  await expect(opening(answer("text/event-stream", 206))).rejects.toThrow("no stream: 206");
  await expect(opening(answer("text/event-streams"))).rejects.toThrow("no stream: 200");
  await expect(opening(new Response(null))).rejects.toThrow("no stream: 200");
});

test("EventStream.next() reads messages, and passes over comments and what no standard knows", async () => {
  const { stream } = await opened(pieces(
    `\ufeff: connected\n\nevent: run\ndata: {}\n\nid: 1\nevent: log\ndata: a\ndata: b\n\n`,
    "retry: 5\nfoo: bar\n\ndata: c\r\rdata:d\r\n\r\ndata: half",
  ));
  expect(await all(stream)).toEqual({
    messages: [
      { event: "run", id: undefined, data: "{}" },
      { event: "log", id: "1", data: "a\nb" },
      { event: undefined, id: undefined, data: "c" },
      { event: undefined, id: undefined, data: "d" },
    ],
    end: { kind: "closed", detail: null, tooLarge: false },
  });
});

test("EventStream.next() reads the same messages however the bytes are cut", async () => {
  const text =
    'id: 1\nevent: log\ndata: Größe 😀\n\n: x\n\nid: 2\r\ndata: {"a":1}\r\ndata:\r\n\r\nid: \0\rdata: z\r\r\n';
  const whole = await all((await opened(pieces(text))).stream);
  expect(whole.messages.length).toBe(3);
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(encode(text).length)), async (cuts) => {
    const bytes = encode(text);
    const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
    const parts = at.slice(1).map((end, index) => bytes.subarray(at[index], end)).filter((part) => part.length > 0);
    expect(await all((await opened(pieces(...parts))).stream)).toEqual(whole);
  }));
});

test("EventStream.next() finds the same messages whatever ends the lines", async () => {
  const lines = [
    "event: a",
    "data: 1",
    "data: 2",
    "id: 7",
    "",
    ": comment",
    "data",
    "",
    "data:x",
    "",
    "event: none",
    "",
    "",
  ];
  const expected = [
    { event: "a", id: "7", data: "1\n2" },
    { event: undefined, id: undefined, data: "" },
    { event: undefined, id: undefined, data: "x" },
  ];
  for (const end of ["\n", "\r", "\r\n"]) {
    expect((await all((await opened(pieces(lines.join(end)))).stream)).messages).toEqual(expected);
    expect((await all((await opened(pieces(...lines.join(end)))).stream)).messages).toEqual(expected);
  }
});

test("EventStream.next() gets through millions of line ends in one piece", async () => {
  const text = "\r".repeat(8 * 1024 * 1024);
  expect((await all((await opened(pieces(`${text}data: x\n\n`))).stream)).messages).toMatchObject([{ data: "x" }]);
});

test("EventStream.next() never rejects, whatever the bytes are", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 })), async (parts) => {
    const { end } = await all((await opened(pieces(...parts))).stream);
    expect(end).toEqual({ kind: "closed", detail: null, tooLarge: false });
  }));
});

test("EventStream.next() takes long lines, and ends a stream whose message does not end", async () => {
  const long = "x".repeat(MAX_MESSAGE_LENGTH / 2);
  const { messages } = await all((await opened(pieces(`data: ${long}\n\n: ${long}\n\ndata: end\n\n`))).stream);
  expect(messages.map(({ data }) => data.length)).toEqual([long.length, 3]);
  for (const endless of [long, `data: ${long}\n`]) {
    const { stream, aborted, cancelled } = await opened((controller) => {
      for (let sent = 0; sent <= MAX_MESSAGE_LENGTH; sent += long.length) controller.enqueue(encode(endless));
      controller.enqueue(encode("\n\ndata: next\n\n"));
    });
    const { messages, end } = await all(stream);
    expect(messages).toEqual([]);
    expect(end).toEqual({
      kind: "closed",
      detail: expect.stringContaining(`larger than ${MAX_MESSAGE_LENGTH}`),
      tooLarge: true,
    });
    expect([aborted(), cancelled()]).toEqual([true, true]);
  }
});

test("EventStream.next() is silent when nothing comes in time, and gives later what came meanwhile", async () => {
  let send = () => {};
  const { stream, clock } = await opened((controller) =>
    void (send = () => controller.enqueue(encode("data: late\n\n")))
  );
  void clock.sleep(20_000).then(() => send());
  expect(await stream.next(5_000)).toEqual({ kind: "silent" });
  expect(await stream.next(0)).toEqual({ kind: "silent" });
  expect(clock.now()).toBe(5_000);
  await clock.sleep(30_000);
  expect(await stream.next(5_000)).toMatchObject({ kind: "messages", messages: [{ data: "late" }] });
  expect(clock.now()).toBe(35_000);
});

test("EventStream.next() beside another wait is silent in its time, and moves no virtual clock by itself", async () => {
  const { stream, clock } = await opened(() => {});
  const silence = stream.next(5_000, true).then((step) => [step.kind, clock.now()]);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  expect(clock.now()).toBe(0);
  await clock.sleep(20_000);
  expect(await silence).toEqual(["silent", 5_000]);
});

test("EventStream.next() gives what came before the end, then the end, again and again", async () => {
  const { stream } = await opened((controller) => {
    controller.enqueue(encode("data: 1\n\n"));
    setTimeout(() => controller.error(new Error(`reset of Bearer ${TOKEN}`)), 0);
  });
  expect(await stream.next()).toMatchObject({ messages: [{ data: "1" }] });
  const end = await stream.next();
  expect(end).toMatchObject({ kind: "closed", tooLarge: false });
  expect(JSON.stringify(end)).not.toContain(TOKEN);
  expect(await stream.next()).toEqual(end);
});

test("a stream ends with the caller's signal, and when it is closed during a wait", async () => {
  const stop = new AbortController();
  const first = await opened(() => {}, stop.signal);
  const waiting = first.stream.next();
  stop.abort(new Error("enough"));
  expect(await waiting).toMatchObject({ kind: "closed" });
  expect([first.aborted(), first.cancelled()]).toEqual([true, true]);
  const second = await opened(() => {});
  const next = second.stream.next(1_000_000);
  second.stream.close();
  second.stream.close();
  expect(await next).toMatchObject({ kind: "closed" });
  expect(await second.stream.next()).toMatchObject({ kind: "closed" });
  await expect(opened(() => {}, stop.signal)).rejects.toThrow("enough");
});

const sse = (text: string) => new Response(text, { headers: { "content-type": "text/event-stream" } });

test("openRunEvents() asks with the token, and gives runs and events, however odd their neighbours are", async () => {
  const event = {
    id: RUN_ID,
    type: "log",
    toolName: null,
    message: "m",
    payload: {},
    createdAt: "2026-08-10T12:00:00Z",
  };
  const text = [
    `event: run\ndata: ${JSON.stringify(run())}`,
    `event: run\ndata: {"runId":1}`,
    "event: ping\ndata: {}",
    `id: ${RUN_ID}\nevent: log\ndata: ${JSON.stringify(event)}`,
    `event: log\ndata: ${JSON.stringify({ ...event, payload: null })}`,
    `id: ${RUN_ID}\nevent: log\ndata: {"id":`,
    "id: x\nevent: log\ndata: nonsense",
  ].join("\n\n");
  const { client, sent } = scripted([sse(`: connected\n\n${text}\n\n`)]);
  const stream = await client.openRunEvents(RUN_ID, { limit: 7, lastEventId: RUN_ID.toUpperCase() });
  expect(await stream.next()).toEqual({
    kind: "messages",
    messages: [
      { type: "run", run: run() },
      { type: "event", event },
      { type: "event", event },
      { type: "unreadable", id: RUN_ID },
    ],
  });
  expect(sent.map(({ method, path, redirect }) => [method, path, redirect])).toEqual([
    ["GET", `/runs/${RUN_ID}/events/stream?limit=7`, "manual"],
  ]);
  expect(sent[0]?.headers.get("authorization")).toBe(`Bearer ${TOKEN}`);
  expect(sent[0]?.headers.get("accept")).toBe("text/event-stream");
  expect(sent[0]?.headers.get("last-event-id")).toBe(RUN_ID);
});

test("openRunEvents() cuts off what is nested too deeply", async () => {
  const payload = `${"[".repeat(5_000)}${"]".repeat(5_000)}`;
  const data = `{"id":"${RUN_ID}","type":"log","message":"m","payload":{"x":${payload}},"createdAt":""}`;
  const { client } = scripted([sse(`data: ${data}\n\ndata: ${"[".repeat(5_000_000)}\n\n`)]);
  const step = await (await client.openRunEvents(RUN_ID)).next();
  expect(JSON.stringify(step)).toContain("[nested too deeply]");
  expect(step).toMatchObject({ kind: "messages", messages: [{ type: "event" }] });
});

test("openRunEvents() checks ids before it sends them", async () => {
  const { client, sent } = scripted([sse("")]);
  for (const lastEventId of ["1", "a\r\nx: y", ""]) {
    expect((await thrown(client.openRunEvents(RUN_ID, { lastEventId }))).name).toBe("UsageError");
  }
  expect((await thrown(client.openRunEvents("../repos"))).name).toBe("UsageError");
  expect(sent).toEqual([]);
});

test("openRunEvents() throws as any request does, and says where there is no stream", async () => {
  const outcome = async (answer: Response) => {
    const error = await thrown(scripted([answer]).client.openRunEvents(RUN_ID));
    return [error.name, (error as { status?: number }).status, (error as { exitCode?: number }).exitCode];
  };
  expect(await outcome(bad(401, "UNAUTHORIZED"))).toEqual(["UnauthorizedError", undefined, 64]);
  expect(await outcome(redirect(307, "/login?next=x"))).toEqual(["UnauthorizedError", undefined, 64]);
  expect(await outcome(bad(403, "FORBIDDEN"))).toEqual(["ForbiddenError", 403, 65]);
  expect(await outcome(bad(404, "NOT_FOUND"))).toEqual(["NotFoundError", 404, 2]);
  expect(await outcome(html(404))).toEqual(["UnavailableError", 404, 69]);
  expect(await outcome(new Response(null, { status: 405 }))).toEqual(["UnavailableError", 405, 69]);
  expect(await outcome(html(200))).toEqual(["UnavailableError", 200, 69]);
  expect(await outcome(new Response(null, { status: 204 }))).toEqual(["UnavailableError", 204, 69]);
});

test("openRunEvents() tries again what may pass, and reads nothing of a page that never ends", async () => {
  const busy = scripted([bad(503, "SERVICE_UNAVAILABLE", "x", { "retry-after": "9" }), html(502), sse("data: x\n\n")]);
  await busy.client.openRunEvents(RUN_ID);
  expect(busy.clock.slept[0]).toBe(9_000);
  let cancelled = false;
  const endless = new ReadableStream({ cancel: () => void (cancelled = true) });
  const page = scripted([() => new Response(endless, { headers: { "content-type": "text/html" } })]);
  await thrown(page.client.openRunEvents(RUN_ID));
  expect(cancelled).toBe(true);
  expect(page.clock.now()).toBe(0);
});

test("the limit of the opening does not end the stream", async () => {
  const clock = virtualClock();
  let signal: AbortSignal | null | undefined;
  const transport = createTransport({
    token: TOKEN,
    origin: ORIGIN,
    clock,
    fetch: (_, init) => {
      signal = init.signal;
      return sse(": connected\n\n");
    },
  });
  const stream = await transport.open({
    what: "open",
    send: (fetch) => fetch(`${ORIGIN}/stream`),
    refuse: () => ({ ok: false, error: new Error() as never }),
  }, { limitMs: 1_000 });
  await clock.sleep(60_000);
  expect(signal?.aborted).toBe(false);
  stream.close();
  expect(signal?.aborted).toBe(true);
});
