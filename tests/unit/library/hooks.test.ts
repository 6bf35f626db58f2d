/** Functions of the caller: which are awaited, and what becomes of their failures. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type CampaignSettings, createCampaigns, memoryHome } from "../../../campaigns.ts";
import {
  createMogplex,
  DeadlineError,
  MogplexError,
  NetworkError,
  type Notice,
  type RunAutomationOptions,
} from "../../../mod.ts";
import { createEmulator, virtualClock } from "../../../testing.ts";

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => {
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

function world(options: Parameters<typeof createEmulator>[0] = {}) {
  const service = createEmulator(options);
  const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  const notices: Notice[] = [];
  const onNotice = (notice: Notice) => void notices.push(notice);
  const mogplex = createMogplex({ ...service.options, onNotice });
  const automation = (given?: RunAutomationOptions) =>
    mogplex.automations.run(service.automations[0]?.id ?? "", { repoId: request.repoId }, given);
  return { service, request, notices, mogplex, automation };
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test("onStarting is awaited: its key is stored before anything is sent", async () => {
  const { mogplex, request, service } = world();
  const stored: string[] = [];
  let runsBefore = -1;
  const handle = mogplex.run(request, {
    async onStarting({ idempotencyKey }) {
      await turns(20);
      runsBefore = service.runs.length;
      stored.push(idempotencyKey);
    },
  });
  expect(await handle).toMatchObject({ outcome: "success", idempotencyKey: stored[0] as string });
  expect(runsBefore).toBe(0);
});

test("onStarting that fails stops the start, and is the cause of its error", async () => {
  const { mogplex, request, service } = world();
  const cause = new Error("the database is away");
  const repoId = request.repoId;
  const automation = service.automations[0]?.id ?? "";
  const failing = { onStarting: () => Promise.reject(cause) };
  const throwing = {
    onStarting() {
      throw cause;
    },
  };
  const calls = [failing, throwing].flatMap((options) => [
    () => mogplex.run(request, options),
    () => mogplex.start(request, options),
    () => mogplex.automations.run(automation, { repoId }, options),
    () => mogplex.automations.trigger(automation, { repoId }, options),
  ]);
  for (const call of calls) {
    const error: unknown = await call().then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MogplexError);
    expect(error).toMatchObject({ cause, code: "HOOK_FAILED", exitCode: 2, runId: null });
    expect((error as Error).message).toContain("'onStarting' failed: the database is away; nothing was sent");
  }
  const own: [unknown, number][] = [
    [new NetworkError("the vault is away"), 69],
    [new MogplexError("a bug of ours", "internal"), 70],
    [new DOMException("too slow", "TimeoutError"), 124],
    [new DOMException("enough", "AbortError"), 130],
  ];
  for (const [thrown, exitCode] of own) {
    const options = { onStarting: () => Promise.reject(thrown) };
    expect(await mogplex.run(request, options).catch((error) => error)).toMatchObject({ cause: thrown, exitCode });
  }
  expect(service.runs).toEqual([]);
});

test("onStarting that does not end is given up at the deadline, and at the signal", async () => {
  const clock = virtualClock({ auto: false });
  const { mogplex, request, service } = world({ clock });
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => asked = resolve);
  const onStarting = () => {
    asked();
    return new Promise<void>(() => {});
  };
  const late = mogplex.run(request, { timeoutMs: 60_000, onStarting }).catch((error) => error);
  await isAsked;
  clock.advance(60_000);
  expect(await late).toBeInstanceOf(DeadlineError);
  for (const cancelOn of [[], ["abort"]] as const) {
    const stop = new AbortController();
    const handle = mogplex.run(request, { signal: stop.signal, cancelOn, onStarting });
    stop.abort(new DOMException("enough", "AbortError"));
    expect(await handle.catch((error) => error)).toMatchObject({ name: "AbortError", message: "enough" });
  }
  expect(service.runs).toEqual([]);
});

test("hooks after an effect break nothing: what they throw, or their promises reject with, is one notice each", async () => {
  const failures = [() => Promise.reject(new Error("away")), () => {
    throw new Error("away");
  }];
  for (const fail of failures) {
    const { mogplex, request, notices, service } = world();
    const result = await mogplex.run(request, { onStarted: fail, onItem: fail });
    expect(result.outcome).toBe("success");
    const { runId } = await mogplex.start({ ...request, prompt: "Another task" }, { onStarted: fail });
    expect(runId).not.toBe(result.runId ?? "");
    const automation = service.automations[0]?.id ?? "";
    const triggered = await mogplex.automations.trigger(automation, { repoId: request.repoId }, { onTriggered: fail });
    await mogplex.automations.attach(automation, triggered.runId, { onItem: fail });
    await mogplex.automations.run(automation, { repoId: request.repoId }, { onTriggered: fail, onItem: fail });
    const failed = notices.flatMap((notice) => notice.kind === "hook_failed" ? [notice.hook] : []);
    expect(failed).toEqual(["onStarted", "onItem", "onStarted", "onTriggered", "onItem", "onTriggered", "onItem"]);
    expect(notices.find(({ kind }) => kind === "hook_failed")).toMatchObject({ error: new Error("away") });
  }
});

test("onRequest and onNotice that fail break nothing", async () => {
  const { service, request } = world();
  const notices: Notice[] = [];
  const fail = () => Promise.reject(new Error("away"));
  const onNotice = (notice: Notice) => {
    notices.push(notice);
    return fail();
  };
  const result = await createMogplex({ ...service.options, onRequest: fail, onNotice }).run(request);
  expect(result.outcome).toBe("success");
  expect(notices.filter(({ kind }) => kind === "hook_failed")).toMatchObject([{ hook: "onRequest" }]);
});

test("an automatic clock stands still while an async hook is at work that nobody waits for", async () => {
  type Play = (hook: () => Promise<number>, on: ReturnType<typeof world>) => PromiseLike<unknown>;
  const campaign = ({ mogplex }: ReturnType<typeof world>, settings: CampaignSettings) =>
    createCampaigns(mogplex).of(
      { name: "one", prompt: "Fix it", repositories: ["acme/web"] },
      { home: memoryHome(), ...settings },
    );
  const plays: Readonly<Record<string, Play>> = {
    "onStarted of run()": (onStarted, { mogplex, request }) => mogplex.run(request, { onStarted }),
    "onStarted of start()": (onStarted, { mogplex, request }) => mogplex.start(request, { onStarted }),
    "onTriggered of run()": (onTriggered, { automation }) => automation({ onTriggered }),
    "onTriggered of trigger()": (onTriggered, { mogplex, service, request: { repoId } }) =>
      mogplex.automations.trigger(service.automations[0]?.id ?? "", { repoId }, { onTriggered }),
    "onItem of a run": (onItem, { mogplex, request }) => mogplex.run(request, { onItem }),
    "onItem of an automation": (onItem, { automation }) => automation({ onItem }),
    "onRequest": (onRequest, { service, request }) => createMogplex({ ...service.options, onRequest }).run(request),
    "onNotice of the client": (onNotice, { service, request }) =>
      createMogplex({ ...service.options, onNotice }).run(request),
    "onNotice of a verb": (onNotice, { mogplex, request }) => mogplex.run(request, { onNotice }),
    "onNotice of a campaign": (onNotice, on) =>
      campaign(on, { onNotice, notify: () => Promise.reject(new Error("away")) }).run(),
    "onEvent": (onEvent, on) => campaign(on, { onEvent }).run(),
  };
  for (const [name, play] of Object.entries(plays)) {
    const on = world();
    const { clock } = on.service;
    on.service.fault({ kind: "503", route: "POST /runs" });
    const moved: Promise<number>[] = [];
    const atWork = async () => {
      const before = clock.now();
      void clock.sleep(1);
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
      return clock.now() - before;
    };
    await play(() => {
      const work = atWork();
      moved.push(work);
      return work;
    }, on);
    expect([name, ...new Set(await Promise.all(moved))]).toEqual([name, 0]);
  }
});

test("onBeforeRequest adds headers to each attempt, and is awaited", async () => {
  const { service, request } = world();
  service.fault({ kind: "503", times: 1, route: "POST /runs" });
  const asked: string[] = [];
  const sent: (string | null)[] = [];
  const mogplex = createMogplex({
    ...service.options,
    headers: { "x-gateway": "blue", "x-dropped": "yes" },
    async onBeforeRequest({ method, url, attempt, body, headers }) {
      await turns(3);
      asked.push(
        `${method} ${new URL(url).pathname} ${attempt} ${body === null ? "" : JSON.parse(body).prompt}`.trim(),
      );
      headers.traceparent = `trace-${asked.length}`;
      delete headers["x-dropped"];
    },
    fetch(url, init) {
      const headers = new Headers(init.headers);
      expect(headers.get("authorization")).toBe(`Bearer ${service.options.token}`);
      expect([headers.get("x-gateway"), headers.get("x-dropped")]).toEqual(["blue", null]);
      sent.push(headers.get("traceparent"));
      return service.options.fetch(url, init as RequestInit);
    },
  });
  await mogplex.run(request);
  expect(asked.slice(0, 1)).toEqual(["POST /api/v1/mogplex/runs 1 Fix the flaky tests"]);
  expect(asked).toContain("POST /api/v1/mogplex/runs 2 Fix the flaky tests");
  expect(sent).toEqual(asked.map((_, index) => `trace-${index + 1}`));
});

test("onBeforeRequest that does not end is named when the time of the request is over, and nothing was sent", async () => {
  const clock = virtualClock({ auto: false });
  const { service, request } = world({ clock });
  let asked = () => {};
  const onBeforeRequest = () => (asked(), new Promise<void>(() => {}));
  const mogplex = createMogplex({ ...service.options, onBeforeRequest });
  const runId = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  for (const begin of [() => mogplex.start(request, { timeoutMs: 2_000 }), () => mogplex.cancel(runId)]) {
    const isAsked = new Promise<void>((resolve) => asked = resolve);
    const late = begin().catch((error: unknown) => error);
    await isAsked;
    clock.advance(60_000);
    const error = await late;
    expect(error).toBeInstanceOf(DeadlineError);
    expect((error as Error).message).toContain("'onBeforeRequest' did not finish in time");
  }
  expect(service.runs).toEqual([]);
});

test("headers are an object or Headers, of the client and of onBeforeRequest, and nothing else", async () => {
  const { service, request } = world();
  const sent: (string | null)[][] = [];
  const fetch = (url: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    sent.push([headers.get("x-gateway"), headers.get("x-trace")]);
    return service.options.fetch(url, init);
  };
  const options = { ...service.options, fetch, headers: new Headers({ "X-Gateway": "blue" }) };
  const adds = (headers: unknown) => (outgoing: { headers: unknown }) => void (outgoing.headers = headers);
  await createMogplex(options).start(request);
  const onBeforeRequest = adds(new Headers({ "x-trace": "1" }));
  await createMogplex({ ...options, onBeforeRequest }).start({ ...request, prompt: "Another task" });
  expect([sent[0], sent.at(-1)]).toEqual([["blue", null], [null, "1"]]);
  const count = sent.length;
  for (const wrong of [new Map([["x-trace", "1"]]), [["x-trace", "1"]]]) {
    const refused = createMogplex({ ...options, onBeforeRequest: adds(wrong) }).start(request);
    expect(await refused.catch((error) => error)).toMatchObject({ code: "HOOK_FAILED", exitCode: 2 });
    expect(() => createMogplex({ ...options, headers: wrong as never })).toThrow("'headers' must be an");
  }
  expect(() => createMogplex({ ...options, headers: new Headers({ Authorization: "Bearer x" }) })).toThrow(
    "'headers' must not contain",
  );
  expect(sent.length).toBe(count);
});

test("onBeforeRequest that fails, or sets what it may not, stops the request", async () => {
  const { service, request } = world();
  const cause = new Error("the signer is away");
  const refused = (onBeforeRequest: (request: { headers: Record<string, string> }) => unknown) =>
    createMogplex({ ...service.options, onBeforeRequest }).run(request).catch((error) => error);
  expect(await refused(() => Promise.reject(cause))).toMatchObject({ cause, code: "HOOK_FAILED", exitCode: 2 });
  const token = await refused(({ headers }) => headers.Authorization = "Bearer other");
  expect(token).toMatchObject({ exitCode: 2, cause: { name: "UsageError" } });
  expect(token.message).toContain("'headers' must not contain \"Authorization\"");
  expect(await refused(({ headers }) => headers["x y"] = "1")).toMatchObject({ exitCode: 2 });
  expect(service.runs).toEqual([]);
});

test("a token function that does not end is named at the deadline of the call, and ends with its signal", async () => {
  const clock = virtualClock({ auto: false });
  const { service, request } = world({ clock });
  let isStuck = true;
  let asked = () => {};
  const token = () => (asked(), isStuck ? new Promise<string>(() => {}) : Promise.resolve(service.options.token));
  const mogplex = createMogplex({ ...service.options, token });
  const runId = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const limits = { timeoutMs: 60_000 };
  const campaign = createCampaigns(mogplex).of(
    { name: "one", prompt: "Fix it", repositories: ["acme/web"] },
    { home: memoryHome() },
  );
  const calls: ((options: { timeoutMs?: number; signal?: AbortSignal }) => Promise<unknown>)[] = [
    (options) => mogplex.run(request, options),
    (options) => mogplex.start(request, options),
    (options) => mogplex.attach(runId, options),
    (options) => campaign.run(options),
  ];
  for (const call of calls) {
    const isAsked = new Promise<void>((resolve) => asked = resolve);
    const late = call(limits).catch((error: unknown) => error);
    await isAsked;
    clock.advance(60_000);
    const error = await late;
    expect(error).toBeInstanceOf(DeadlineError);
    expect((error as Error).message).toContain("Cannot read token: 'token' did not finish in time");
    const stop = new AbortController();
    const wasAsked = new Promise<void>((resolve) => asked = resolve);
    const handle = call({ signal: stop.signal }).catch((error: unknown) => error);
    await wasAsked;
    stop.abort(new DOMException("enough", "AbortError"));
    expect(await handle).toMatchObject({ name: "AbortError", message: "enough" });
  }
  const isAsked = new Promise<void>((resolve) => asked = resolve);
  const late = mogplex.api.listRepos().catch((error: unknown) => error);
  await isAsked;
  clock.advance(600_000);
  expect(await late).toMatchObject({ message: "Cannot read token: 'token' did not finish in time" });
  // What did not end is not kept.
  isStuck = false;
  expect(await mogplex.start(request)).toMatchObject({ replayed: false });
});

test("the time that a token takes belongs to the time of the call", async () => {
  const clock = virtualClock({ auto: false });
  const { service, request } = world({ clock });
  let give = (_: string) => {};
  let asked = () => {};
  const token = () => (asked(), new Promise<string>((resolve) => give = resolve));
  const mogplex = createMogplex({ ...service.options, token });
  const isAsked = new Promise<void>((resolve) => asked = resolve);
  const startedAt = clock.now();
  const late = mogplex.run(request, {
    timeoutMs: 60_000,
    throwOnFailure: false,
    onStarting: () => new Promise(() => {}),
  })
    .catch((error: unknown) => error);
  await isAsked;
  clock.advance(50_000);
  give(service.options.token);
  await turns(20);
  clock.advance(10_000);
  expect(await late).toBeInstanceOf(DeadlineError);
  expect(clock.now() - startedAt).toBe(60_000);
});
