import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { sendSpans, writeSpans } from "../../../lib/telemetry/otlp.ts";
import { fakeIo } from "../cli/fake_io.ts";
import { collector } from "./receiver.ts";

const ENDPOINT = {
  url: "http://collector.test:4318/v1/traces",
  headers: { "x-key": "k" },
  timeoutMs: 10_000,
  gzip: false,
};

function world(answer: () => Response | Promise<Response>) {
  const clock = virtualClock();
  const received = collector(answer);
  const fetch =
    ((url: string, init: RequestInit) => received.fetch(url, init, () => Promise.reject())) as unknown as Fetch;
  const options = { fetch, clock, limitMs: 2_000, redact: (text: string) => text, random: () => 0.5 };
  return {
    clock,
    received,
    send: (body: string, more = {}) => sendSpans({ ...ENDPOINT, ...more }, body, options),
  };
}

test("sendSpans() sends a trace as JSON with the given headers, compressed if asked", async () => {
  const { received, send } = world(() => Response.json({}));
  expect(await send(`{"a":1}`)).toBeUndefined();
  expect(await send("{}", { gzip: true })).toBeUndefined();
  expect(received.requests.map(({ json }) => json)).toEqual([`{"a":1}`, "{}"]);
  const [first, last] = received.requests;
  expect(first?.headers).toMatchObject({ "content-type": "application/json", "x-key": "k" });
  expect(first?.headers["content-encoding"]).toBeUndefined();
  expect(last?.headers["content-encoding"]).toBe("gzip");
});

test("sendSpans() tries again after the answers that permit it, within its time", async () => {
  const answers = [503, 429, 200].map((status) => new Response("{}", { status }));
  const { received, send } = world(() => answers.shift() ?? new Response("{}"));
  expect(await send("{}")).toBeUndefined();
  expect(received.requests).toHaveLength(3);
});

test("sendSpans() says in one sentence what went wrong, and needs at most its time", async () => {
  const cases: [() => Response | Promise<Response>, string][] = [
    [() => new Response("no", { status: 400 }), "Cannot send the trace: the collector answered HTTP 400"],
    [() => new Response("", { status: 302 }), "Cannot send the trace: the collector answered HTTP 302"],
    [() => new Response("", { status: 503 }), "Cannot send the trace: the collector answered HTTP 503"],
    [() => Promise.reject(new TypeError("fetch failed")), "Cannot send the trace: the network failed: fetch failed"],
    [
      () => Promise.reject(new TypeError(`error sending request for url (${ENDPOINT.url}): refused`)),
      "Cannot send the trace: the network failed: error sending request for url (http://collector.test:4318): refused",
    ],
    [() => new Promise(() => {}), "Cannot send the trace: no complete response within 2 seconds"],
    [
      () => Response.json({ partialSuccess: { rejectedSpans: "2" } }),
      "Cannot send the trace completely: the collector refused 2 of the spans",
    ],
  ];
  for (const [answer, sentence] of cases) {
    const { clock, send } = world(answer);
    const before = clock.now();
    expect(await send("{}")).toBe(sentence);
    expect(clock.now() - before).toBeLessThanOrEqual(2_000);
  }
});

test("sendSpans() counts what a collector refused, and takes any other answer for a success", async () => {
  const refused = { partialSuccess: { rejectedSpans: "3", errorMessage: "x" } };
  expect(await world(() => Response.json(refused)).send("{}")).toEndWith("refused 3 of the spans");
  const answers = [{}, { partialSuccess: {} }, { partialSuccess: { rejectedSpans: "0" } }, null, "text"];
  for (const answer of answers) expect(await world(() => Response.json(answer)).send("{}")).toBeUndefined();
  expect(await world(() => new Response()).send("{}")).toBeUndefined();
});

test("sendSpans() does not wait for a collector that names a longer delay", async () => {
  const { clock, received, send } = world(() => new Response("", { status: 429, headers: { "Retry-After": "30" } }));
  expect(await send("{}")).toContain("HTTP 429");
  expect(received.requests).toHaveLength(1);
  expect(clock.slept).toEqual([]);
});

test("writeSpans() appends a line, and says what went wrong", () => {
  const io = fakeIo({ files: { "t.jsonl": "{}\n" }, readOnly: (path) => path === "/locked" });
  expect(writeSpans("t.jsonl", "1", io)).toBeUndefined();
  expect(io.files.get("t.jsonl")).toBe("{}\n1\n");
  expect(writeSpans("/locked", "1", io)).toStartWith(`Cannot write the trace to "/locked": EACCES`);
});
