import { expect, test } from "bun:test";
import { main } from "../../../lib/cli/main.ts";
import { collector, readBatch, type ReceivedSpan, valuesOf } from "../telemetry/receiver.ts";
import { fakeIo, type FakeIoOptions } from "./fake_io.ts";
import { TRIGGER } from "./verbs/automation_texts.ts";
import { REPO, TOKEN, world } from "./world.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector.test:4318" };
const RUN = ["run", "--follow", "--repo", REPO, "Fix the secret bug zq81"];

/** Runs the command with a collector beside the service. */
async function traced(
  args: string[],
  options: FakeIoOptions = {},
  {
    scenario = "success",
    answer = () => Response.json({}) as Response | Promise<Response>,
    instead = (_request: string): Response | undefined => undefined,
  } = {},
) {
  const { emulator, clock } = world(scenario);
  const received = collector(answer);
  const io = fakeIo({ ...options, env: { MOGPLEX_API_KEY: TOKEN, ...options.env } });
  const fetch = (url: string, init: RequestInit) =>
    received.fetch(url, init, async (url, init) => {
      return instead(`${init.method} ${new URL(url).pathname}`) ?? await emulator.fetch(url, init);
    });
  const code = await main(args, io, { fetch, clock });
  return { code, io, received, text: received.requests.map(({ json }) => json).join("\n") };
}

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);

test("run --follow sends one trace when an endpoint is set: job, agent, phases and the start", async () => {
  const { code, received, io } = await traced(RUN, { env: ENDPOINT });
  expect(code).toBe(0);
  const spans = received.spans();
  expect(received.requests.map(({ url }) => url)).toEqual(["http://collector.test:4318/v1/traces"]);
  const [job] = named(spans, "mogplex run");
  const [agent] = spans.filter(({ name }) => name.startsWith("invoke_agent"));
  expect(job?.parentSpanId).toBeUndefined();
  expect(agent?.parentSpanId).toBe(job?.spanId);
  for (const phase of ["queue", "prepare", "agent"]) expect(named(spans, phase)[0]?.parentSpanId).toBe(agent?.spanId);
  expect(named(spans, "POST /api/v1/mogplex/runs")[0]?.parentSpanId).toBe(job?.spanId);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
  const facts = valuesOf(job?.attributes ?? []);
  expect(facts.get("cicd.pipeline.task.run.result")).toBe("success");
  expect(facts.get("cicd.pipeline.task.name")).toBe("mogplex-ci");
  expect(facts.get("mogplex.exit_code")).toBe("0");
  expect(Number(facts.get("mogplex.requests"))).toBeGreaterThan(Number(facts.get("mogplex.requests.polls")));
  const work = valuesOf(agent?.attributes ?? []);
  expect(work.get("gen_ai.operation.name")).toBe("invoke_agent");
  expect(io.text.stderr).toContain(`trace ${job?.traceId}`);
});

test("run --follow sends no task, no text of the agent and no token in a trace", async () => {
  const secret = "Bearer collector-secret-value";
  const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS: `authorization=${encodeURIComponent(secret)}` };
  const more = { OTEL_RESOURCE_ATTRIBUTES: `leak=${TOKEN},header=collector-secret-value` };
  const options = { env: { ...env, ...more } };
  const { received, text, io } = await traced(RUN, options, { scenario: "agent-progress" });
  expect(received.requests[0]?.headers.authorization).toBe(secret);
  const events = (io.files.get("mogplex-ci/events.ndjson") ?? "").trim().split("\n").map((line) => JSON.parse(line));
  const said = events.map(({ message }) => message as string | null).filter((message) => (message?.length ?? 0) > 8);
  expect(said.length).toBeGreaterThan(3);
  for (const part of [...said, "zq81", "Fix the", TOKEN, "collector-secret"]) expect(text).not.toContain(part ?? "?");
  expect(text).toContain("[redacted]");
});

test("run --follow gives later steps the place in the trace: dotenv, GitHub output", async () => {
  const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const github = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "/out", GITHUB_RUN_ID: "15", GITHUB_RUN_ATTEMPT: "1" };
  const { received, io } = await traced(RUN, { env: { ...ENDPOINT, ...github, TRACEPARENT: parent } });
  const [job] = named(received.spans(), "mogplex run");
  const value = `00-4bf92f3577b34da6a3ce929d0e0e4736-${job?.spanId}-01`;
  expect(job?.parentSpanId).toBe("00f067aa0ba902b7");
  expect(io.files.get("mogplex-ci/outputs.env")).toEndWith(`TRACEPARENT=${value}\n`);
  expect(io.files.get("/out")).toContain(value);
});

test("run --follow leaves outputs as they are when there is no trace", async () => {
  const { received, io } = await traced(RUN);
  expect(received.requests).toEqual([]);
  expect(io.files.get("mogplex-ci/outputs.env")).not.toContain("TRACEPARENT");
  expect(io.text.stderr).not.toContain("trace");
});

test("run --follow keeps its verdict when the collector has a problem", async () => {
  for (const answer of [() => new Promise<Response>(() => {}), () => new Response("", { status: 500 })]) {
    const { code, io } = await traced(RUN, { env: ENDPOINT }, { answer });
    expect(code).toBe(0);
    expect(io.text.stderr).toContain("Cannot send the trace");
  }
});

test("run --follow names the result of the task by the verdict", async () => {
  const results: [string[], string, string, number][] = [
    [RUN, "agent-failure", "failure", 1],
    [[...RUN, "--timeout", "5"], "stuck-streaming", "timeout", 124],
    [[...RUN, "--harness", "no such"], "success", "error", 2],
  ];
  for (const [args, scenario, result, exit] of results) {
    const { code, received } = await traced(args, { env: ENDPOINT }, { scenario });
    expect([scenario, code]).toEqual([scenario, exit]);
    const job = named(received.spans(), "mogplex run")[0];
    const facts = valuesOf(job?.attributes ?? []);
    expect(facts.get("cicd.pipeline.task.run.result")).toBe(result);
    expect(facts.get("error.type")).toBeString();
    expect(job?.status?.code).toBe(2);
  }
});

test("run --follow appends the trace to a file when --otel-file names one, a line for each batch", async () => {
  const { code, io } = await traced([...RUN, "--otel-file", "trace.jsonl"], { files: { "trace.jsonl": "old\n" } });
  expect(code).toBe(0);
  const lines = (io.files.get("trace.jsonl") ?? "").trimEnd().split("\n");
  expect(lines).toHaveLength(2);
  const { spans, resource } = readBatch(lines[1] ?? "");
  expect(named(spans, "mogplex run")).toHaveLength(1);
  expect(resource.get("service.name")).toBe("mogplex-ci");
});

test("run --follow sends nothing to the service when the file of the trace cannot be written", async () => {
  const { code, io } = await traced([...RUN, "--otel-file", "/locked"], { readOnly: (path) => path === "/locked" });
  expect(code).toBe(2);
  expect(io.text.stderr).toContain("Cannot write the trace");
});

test("run --follow records nothing when the span above is not recorded, and still hands the trace on", async () => {
  const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
  const { received, io } = await traced(RUN, { env: { ...ENDPOINT, TRACEPARENT: parent } });
  expect(received.requests).toEqual([]);
  expect(io.files.get("mogplex-ci/outputs.env")).toMatch(
    /^TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/m,
  );
});

test("run --follow has a span for each request that failed or was repeated, and an event for each wait", async () => {
  const faults = [503, 502].map((status) => new Response("", { status }));
  const instead = (request: string) => request.startsWith("POST ") ? faults.shift() : undefined;
  const { code, received } = await traced(RUN, { env: ENDPOINT }, { instead });
  expect(code).toBe(0);
  const starts = named(received.spans(), "POST /api/v1/mogplex/runs");
  expect(starts.map(({ attributes, status }) => {
    const facts = valuesOf(attributes);
    return [facts.get("http.response.status_code"), facts.get("http.request.resend_count"), status?.message];
  })).toEqual([["503", undefined, "HTTP 503"], ["502", "1", "HTTP 502"], ["202", "2", undefined]]);
  const [job] = named(received.spans(), "mogplex run");
  expect(job?.events?.map(({ name }) => name)).toEqual(["mogplex.wait", "mogplex.wait"]);
  expect(valuesOf(job?.events?.[0]?.attributes ?? []).get("mogplex.wait.cause")).toBe("unavailable");
});

test("automations trigger --follow makes a span of the automation run", async () => {
  const args = [...TRIGGER, "--follow"];
  const { code, received } = await traced(args, { env: ENDPOINT });
  expect(code).toBe(0);
  const spans = received.spans();
  const [job] = named(spans, "mogplex automation");
  expect(named(spans, "automation run")[0]?.parentSpanId).toBe(job?.spanId);
  expect(valuesOf(job?.attributes ?? []).get("mogplex.kind")).toBe("automation-run");
});

test("a good run has no red span: that the service has no event stream is no failure", async () => {
  const { code, received } = await traced(RUN, { env: ENDPOINT });
  expect(code).toBe(0);
  expect(received.spans().filter(({ status }) => status?.code === 2).map(({ name }) => name)).toEqual([]);
});

test("a run that began before its job is linked to the job, and not below it", async () => {
  const { emulator, clock } = world("success");
  const received = collector();
  const fetch = (url: string, init: RequestInit) => received.fetch(url, init, (url, init) => emulator.fetch(url, init));
  const call = async (...args: string[]) => {
    const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN, ...ENDPOINT } });
    return { code: await main(args, io, { fetch, clock }), io };
  };
  const { io } = await call("run", "--detach", "--repo", REPO, "x");
  const runId = /[0-9a-f]{8}-[0-9a-f-]{27}/.exec(io.text.stdout)?.[0] ?? "";
  await clock.sleep(60_000);
  received.requests.length = 0;
  expect((await call("follow", runId)).code).toBe(0);
  const spans = received.spans();
  const [job] = named(spans, "mogplex run");
  const [agent] = spans.filter(({ name }) => name.startsWith("invoke_agent"));
  expect([agent?.parentSpanId, agent?.links?.[0]?.spanId]).toEqual([undefined, job?.spanId]);
  for (const span of spans) {
    const above = spans.find(({ spanId }) => spanId === span.parentSpanId);
    if (above !== undefined) expect(BigInt(span.startTimeUnixNano) >= BigInt(above.startTimeUnixNano)).toBe(true);
  }
});
