import { expect, test } from "bun:test";
import fc from "fast-check";
import { virtualClock } from "../../../../lib/clock.ts";
import {
  type Fault,
  FAULT_KINDS,
  type FaultKind,
  parseFault,
  parseRandomFaults,
} from "../../../../lib/emulator/state/faults.ts";
import { ConnectionLost, Faults } from "../../../../lib/emulator/wire/faults.ts";
import { propertyRuns } from "../../../property_runs.ts";
import { API_REPO, arrange } from "../arrange.ts";

async function listOnce(fault: Fault) {
  const { emulator, call, clock } = arrange();
  emulator.control("fault", { ...fault });
  const before = clock.now();
  const { status, headers, text } = await call("GET", "/repos");
  return {
    status,
    text,
    retryAfter: headers.get("retry-after"),
    type: headers.get("content-type"),
    location: headers.get("location"),
    tookMs: clock.now() - before,
    after: (await call("GET", "/repos")).status,
  };
}

test("a fault answers one request in the service's way, and the next one is as ever", async () => {
  const json = "application/json";
  const none = { retryAfter: null, location: null, tookMs: 0, after: 200 };
  expect(await listOnce({ kind: "429", retryAfter: 7 })).toMatchObject({
    ...none,
    status: 429,
    type: json,
    retryAfter: "7",
  });
  expect(await listOnce({ kind: "503" })).toMatchObject({ ...none, status: 503, type: json, retryAfter: "60" });
  expect(await listOnce({ kind: "503-no-retry" })).toMatchObject({ ...none, status: 503, type: json });
  expect(await listOnce({ kind: "500" })).toMatchObject({ ...none, status: 500, type: json });
  expect(await listOnce({ kind: "empty5xx" })).toMatchObject({ ...none, status: 500, type: null, text: "" });
  expect(await listOnce({ kind: "html502" })).toMatchObject({ ...none, status: 502, type: "text/html" });
  expect(await listOnce({ kind: "401" })).toMatchObject({ ...none, status: 401, type: json });
  expect(await listOnce({ kind: "login" })).toMatchObject({
    ...none,
    status: 307,
    location: "/login?next=%2Fapi%2Fv1%2Fmogplex%2Frepos",
  });
  expect(await listOnce({ kind: "slow", delayMs: 4_000 })).toMatchObject({ ...none, status: 200, tookMs: 4_000 });
});

test("truncated ends the body half-way without an error", async () => {
  const { emulator, call } = arrange();
  const whole = (await call("GET", "/repos")).text;
  emulator.control("fault", { kind: "truncated" });
  const { status, text } = await call("GET", "/repos");
  expect([status, text]).toEqual([200, whole.slice(0, Math.floor(whole.length / 2))]);
});

test("resets reject in process, reset0 at once and resetMid while the body is read", async () => {
  const { emulator, call } = arrange();
  emulator.control("fault", { kind: "reset0" });
  await expect(call("GET", "/repos")).rejects.toThrow(ConnectionLost);
  emulator.control("fault", { kind: "resetMid" });
  await expect(call("GET", "/repos")).rejects.toThrow("middle of the answer");
});

test("limiter-down hits starts alone, and a start that was carried out is replayed afterwards", async () => {
  const { emulator, call } = arrange();
  emulator.control("fault", { kind: "limiter-down" });
  expect((await call("GET", "/repos")).status).toBe(200);
  const start = { headers: { "idempotency-key": "k" }, body: { repoId: API_REPO, prompt: "x" } };
  expect((await call("POST", "/runs", start)).json.error.message).toBe("External Mogplex run rate limit unavailable");
  emulator.control("fault", { kind: "reset0", processed: true });
  await expect(call("POST", "/runs", start)).rejects.toThrow(ConnectionLost);
  expect((await call("POST", "/runs", start)).json.data.replayed).toBe(true);
});

test("a fault that is not processed leaves nothing behind", async () => {
  const { emulator, call } = arrange();
  const start = { headers: { "idempotency-key": "k" }, body: { repoId: API_REPO, prompt: "x" } };
  for (const kind of ["500", "html502", "empty5xx", "503", "429", "401", "login"]) {
    emulator.control("fault", { kind });
    await call("POST", "/runs", start);
  }
  expect((await call("POST", "/runs", start)).json.data.replayed).toBe(false);
});

test("faults wait for their route, come in order and as often as they say, and can be cleared", async () => {
  const { emulator, call } = arrange();
  emulator.control("fault", { kind: "503", route: "GET /sandboxes" });
  emulator.control("fault", { kind: "500", times: 2 });
  const statuses = [];
  for (const path of ["/repos", "/sandboxes", "/sandboxes", "/repos"]) statuses.push((await call("GET", path)).status);
  expect(statuses).toEqual([500, 503, 500, 200]);
  emulator.control("fault", { kind: "500", times: 5 });
  emulator.control("clearFaults");
  expect((await call("GET", "/repos")).status).toBe(200);
});

test("the route of a fault compares method and segments, with * for one of them", async () => {
  const cases: [string, string, string, boolean][] = [
    ["/runs", "POST", "/api/v1/mogplex/runs", true],
    ["POST /runs", "GET", "/api/v1/mogplex/runs", false],
    ["GET /runs/*", "GET", "/api/v1/mogplex/runs/1", true],
    ["GET /runs/*", "GET", "/api/v1/mogplex/runs/1/events", false],
    ["GET /runs/*/events", "GET", "/api/v1/mogplex/runs/1/events", true],
  ];
  for (const [route, method, path, fits] of cases) {
    const faults = new Faults(virtualClock());
    faults.add({ kind: "500", route });
    const answer = await faults.answer(
      new Request(`http://localhost${path}`, { method }),
      () => Promise.resolve(new Response()),
    );
    expect([route, method, path, answer.status === 500]).toEqual([route, method, path, fits]);
  }
});

async function outcomes(seed: number, requests: number, rate = 0.5): Promise<string[]> {
  const kinds: FaultKind[] = ["429", "503", "500", "html502", "reset0"];
  const faults = new Faults(virtualClock(), { rate, kinds, seed });
  const seen = [];
  for (let index = 0; index < requests; index++) {
    const request = new Request("http://localhost/api/v1/mogplex/repos");
    const answer = await faults.answer(request, () => Promise.resolve(new Response("ok"))).catch(() => "reset");
    seen.push(typeof answer === "string" ? answer : String(answer.status));
  }
  return seen;
}

test("faults at random depend on the seed and the number of the request alone", async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 20 }), async (seed, requests) => {
      const all = await outcomes(seed, 20);
      expect(await outcomes(seed, requests)).toEqual(all.slice(0, requests));
    }),
    { numRuns: propertyRuns(50) },
  );
  expect(await outcomes(1, 50)).not.toEqual(await outcomes(2, 50));
});

test("faults at random come as often as their rate says", async () => {
  const count = async (rate: number) => (await outcomes(7, 2_000, rate)).filter((outcome) => outcome !== "200").length;
  expect(await count(0)).toBe(0);
  expect(await count(1)).toBe(2_000);
  const third = await count(0.3);
  expect(third).toBeGreaterThan(500);
  expect(third).toBeLessThan(700);
});

test("parseFault() names what is wrong", () => {
  const problem = (args: Record<string, unknown>) => {
    try {
      return parseFault(args);
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect([
    problem({ kind: "teapot" }),
    problem({ kind: "503", times: -1 }),
    problem({ kind: "503", retryAfter: "1" }),
    problem({ kind: "503", route: "runs" }),
  ]).toEqual([
    `Cannot inject fault: unknown kind "teapot"; use one of ${FAULT_KINDS.join(", ")}`,
    'Cannot inject fault: "times" must be a whole number of 1 or more: current value is -1',
    'Cannot inject fault: "retryAfter" must be a number of 0 or more: current value is 1',
    'Cannot inject fault: "route" must be a path, such as "GET /runs/*": current value is runs',
  ]);
});

test("parseRandomFaults() reads the command line's form and names what is wrong", () => {
  expect(parseRandomFaults("rate=0.3,kinds=503+reset0,retryAfter=1,delayMs=20", 4)).toEqual({
    rate: 0.3,
    kinds: ["503", "reset0"],
    seed: 4,
    retryAfter: 1,
    delayMs: 20,
  });
  const problems: [string, string][] = [
    ["rate=2,kinds=503", "rate must be between 0 and 1"],
    ["kinds=503", "rate must be between 0 and 1"],
    ["rate=0.1", 'unknown kind ""'],
    ["rate=0.1,kinds=503+x", 'unknown kind "x"'],
    ["rate=0.1,kinds=503,color=red", 'unknown field "color"'],
    ["rate=0.1,kinds=503,delayMs=-4", "delayMs must be a number"],
  ];
  for (const [text, problem] of problems) expect(() => parseRandomFaults(text, 1)).toThrow(problem);
});
