/** Handles, against the emulator on a virtual clock. */
import { afterAll, beforeAll, expect, jest, test } from "bun:test";
import {
  AbortedError,
  type AttachedRun,
  createMogplex,
  DeadlineError,
  exitCodeFor,
  follow,
  render,
  run,
  RunFailedError,
  type RunHandleItem,
  UsageError,
} from "../../../mod.ts";
import { createEmulator, type TestEmulatorOptions } from "../../../testing.ts";

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => {
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

function world(options: TestEmulatorOptions = {}) {
  const service = createEmulator(options);
  const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  return { service, request, mogplex: createMogplex(service.options), clock: service.clock };
}

async function itemsOf(handle: AsyncIterable<RunHandleItem>): Promise<RunHandleItem[]> {
  const items: RunHandleItem[] = [];
  for await (const item of handle) items.push(item);
  return items;
}

const kinds = (items: readonly RunHandleItem[]) => [...new Set(items.map(({ type }) => type))];

test("run() gives a handle to await, with the result of run()", async () => {
  const { mogplex, request, service } = world();
  const handle = mogplex.run(request);
  const { runId } = await handle.started;
  expect(await handle).toMatchObject({ runId, outcome: "success", exitCode: 0 });
  expect(service.runs).toMatchObject([{ runId, status: "success", request: { prompt: request.prompt } }]);
});

test("a handle that is iterated ends with outcome, exit code and result, and never throws for an outcome", async () => {
  for (const [scenario, outcome, exitCode] of [["success", "success", 0], ["agent-failure", "failed", 1]] as const) {
    const { mogplex, request } = world({ scenario });
    const items = await itemsOf(mogplex.run(request));
    expect(kinds(items)).toEqual(["status", "event", "end"]);
    expect(items.at(-1)).toMatchObject({ type: "end", outcome, exitCode, result: { outcome, exitCode } });
  }
  const { mogplex, request } = world({ scenario: "stuck-streaming" });
  const late = await itemsOf(mogplex.run(request, { timeoutMs: 60_000 }));
  expect(late.at(-1)).toMatchObject({
    type: "end",
    outcome: "deadline",
    exitCode: 124,
    result: { status: "streaming" },
  });
});

test("a handle that is awaited and iterated shows the items and rejects with the verdict", async () => {
  const { mogplex, request } = world({ scenario: "agent-failure" });
  const handle = mogplex.run(request);
  const [items, error] = await Promise.all([itemsOf(handle), handle.catch((thrown) => thrown)]);
  expect(items.at(-1)).toMatchObject({ type: "end", outcome: "failed" });
  expect(error).toBeInstanceOf(RunFailedError);
});

test("onItem gets the items of a loop, the end included, and none for what came before there was a run", async () => {
  for (const [scenario, outcome] of [["agent-failure", "failed"], ["stuck-streaming", "deadline"]] as const) {
    const { mogplex, request } = world({ scenario });
    const heard: RunHandleItem[] = [];
    const onItem = (item: RunHandleItem) => heard.push(item);
    const items = await itemsOf(mogplex.run(request, { onItem, timeoutMs: 60_000 }));
    expect(heard).toEqual(items);
    expect(heard.at(-1)).toMatchObject({ type: "end", outcome });
  }
  const { mogplex } = world();
  const heard: RunHandleItem[] = [];
  const refused = mogplex.run({ repoId: "nonsense", prompt: "x" }, { onItem: (item) => heard.push(item) });
  expect(await refused.catch((error) => error)).toBeInstanceOf(UsageError);
  expect(heard).toEqual([]);
});

test("a caller that changes an event gets an error, and changes neither the result nor what others get", async () => {
  const { mogplex, request } = world();
  const notices: string[] = [];
  const handle = mogplex.run(request, {
    onNotice: ({ kind }) => notices.push(kind),
    onItem: (item) => {
      if (item.type === "event") item.event.payload = {};
    },
  });
  const items = await itemsOf(handle);
  expect(notices).toEqual(["hook_failed"]);
  const { events, pullRequest } = await handle;
  expect(pullRequest.state).toBe("open");
  const seen = items.flatMap((item) => item.type === "event" ? [item.event] : []);
  expect(seen).toEqual(events);
  expect(() => Object.assign(seen[0]?.payload ?? {}, { stage: "x" })).toThrow(TypeError);
});

test("iterating throws what came before there was a run", async () => {
  const { mogplex } = world();
  await expect(itemsOf(mogplex.run({ repoId: "nonsense", prompt: "x" }))).rejects.toBeInstanceOf(UsageError);
  const handle = mogplex.run({ repoId: "nonsense", prompt: "x" });
  await expect(handle.started).rejects.toBeInstanceOf(UsageError);
});

test("leaving the loop stops following at once, and leaves the run alone", async () => {
  const { mogplex, request, service, clock } = world();
  const handle = mogplex.run(request);
  for await (const item of handle) if (item.type === "status") break;
  const leftAt = clock.now();
  expect(await handle.catch((error) => error)).toBeInstanceOf(AbortedError);
  expect(clock.now()).toBe(leftAt);
  const [run] = service.runs;
  const again = await mogplex.attach(run?.runId ?? "");
  expect(again).toMatchObject({ runId: run?.runId as string, outcome: "success" });
});

test("a handle that was left rejects with what happened, for who awaits it, and gives another loop the items so far without an end", async () => {
  for (const throwOnFailure of [true, false]) {
    const { mogplex, request, service } = world();
    const handle = mogplex.run(request, { throwOnFailure });
    const seen: RunHandleItem[] = [];
    for await (const item of handle) {
      seen.push(item);
      if (item.type === "event") break;
    }
    const error = await handle.catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AbortedError);
    const runId = service.runs[0]?.runId;
    expect(error.message).toStartWith(
      `Following stopped when the last loop ended, or at the end of \`await using\`; run "${runId}" continues; to find the run, start again with idempotency key `,
    );
    expect([error.runId, error.exitCode, error.result.outcome]).toEqual([runId, 130, "interrupted"]);
    const again = await itemsOf(handle);
    expect(again.slice(0, seen.length)).toEqual(seen);
    expect(kinds(again)).not.toContain("end");
  }
});

test("a handle that was left before anything was started rejects with an AbortedError, too", async () => {
  const { mogplex, request, service } = world();
  const handle = mogplex.run(request);
  await handle[Symbol.asyncIterator]().return?.();
  const error = await handle.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AbortedError);
  expect(error.message).toContain("; nothing was started");
  expect([error.runId, error.idempotencyKey, service.runs]).toEqual([null, null, []]);
});

test("await using stops following at the end of the block, and causes no unhandled rejection", async () => {
  const { mogplex, request, service } = world();
  {
    await using handle = mogplex.run(request);
    await handle.started;
  }
  const { runId = "" } = service.runs[0] ?? {};
  {
    await using again = mogplex.attach(runId);
    expect(await again.started).toEqual({ runId });
  }
  expect(await mogplex.attach(runId)).toMatchObject({ outcome: "success" });
});

test("cancel() cancels the run, and the handle ends as it does", async () => {
  const { mogplex, request } = world({ scenario: "stuck-streaming" });
  const handle = mogplex.run(request, { throwOnFailure: false });
  const items = itemsOf(handle);
  await handle.cancel();
  expect(await handle).toMatchObject({ outcome: "cancelled", exitCode: 3 });
  expect((await items).at(-1)).toMatchObject({ type: "end", outcome: "cancelled" });
});

/** A service whose only sandbox is taken for some minutes. */
async function crowded() {
  const made = world({ scenario: "stuck-streaming", sandboxLimit: 1 });
  const { runId } = await made.mogplex.start({ ...made.request, prompt: "Takes the only sandbox" });
  void made.clock.sleep(5 * 60_000).then(() => made.mogplex.cancel(runId));
  return made;
}

test("cancel() cancels the newest run of a handle that started another one since no sandbox was free", async () => {
  const { mogplex, request, service } = await crowded();
  const ids: string[] = [];
  const handle = mogplex.run(request, {
    timeoutMs: 60 * 60_000,
    throwOnFailure: false,
    onStarted: ({ runId }) => void ids.push(runId),
    onItem: (item) => void (item.type === "status" && item.status === "streaming" && handle.cancel()),
  });
  const result = await handle;
  expect(result).toMatchObject({ outcome: "cancelled", exitCode: 3, runId: ids[1] ?? "" });
  expect([handle.runId, handle.status, (await handle.started).runId]).toEqual([
    ids[1] ?? "",
    "cancelled",
    ids[0] ?? "",
  ]);
  expect(service.runs.map(({ status }) => status).slice(1)).toEqual(["failed", "cancelled"]);
});

test("cancel() between two starts of a handle keeps the next one from being sent, and ends the handle", async () => {
  const { mogplex, request, service, clock } = world({ scenario: "boot-failure" });
  const handle = mogplex.run(request, { timeoutMs: 60 * 60_000, throwOnFailure: false });
  const { runId } = await handle.started;
  await clock.sleep(5 * 60_000);
  expect(handle.status).toBe("failed");
  const cancelledAt = clock.now();
  await handle.cancel();
  expect(await handle).toMatchObject({
    outcome: "error",
    runId,
    exitCode: 75,
    error: { code: "NO_SANDBOX" },
    reason: expect.stringContaining("and it was cancelled; a sandbox becomes free"),
  });
  expect([clock.now() - cancelledAt < 60_000, service.runs.map(({ status }) => status)]).toEqual([true, ["failed"]]);
});

test("cancel() while another start is on its way cancels the run of that start, too", async () => {
  const { mogplex, request, service } = await crowded();
  let starts = 0;
  const handle = mogplex.run(request, {
    timeoutMs: 60 * 60_000,
    throwOnFailure: false,
    onStarting: async () => {
      if (++starts === 2) await handle.cancel();
    },
  });
  expect(await handle).toMatchObject({ outcome: "cancelled", exitCode: 3 });
  expect(service.runs.map(({ status }) => status).slice(1)).toEqual(["failed", "cancelled"]);
});

test("cancelOn: abort stops the run when the signal fires, also while its start is under way", async () => {
  for (const early of [true, false]) {
    const { mogplex, request, service } = world({ scenario: "stuck-streaming" });
    const stop = new AbortController();
    const keys: string[] = [];
    const handle = mogplex.run(request, {
      signal: stop.signal,
      cancelOn: ["abort"],
      onStarting({ idempotencyKey }) {
        keys.push(idempotencyKey);
        if (early) queueMicrotask(() => queueMicrotask(() => stop.abort(new DOMException("late", "TimeoutError"))));
      },
    });
    if (!early) void handle.started.then(() => stop.abort(new DOMException("late", "TimeoutError")));
    const error = await handle.catch((thrown) => thrown);
    expect(error.exitCode ?? 124).toBe(124);
    expect(keys.length).toBe(1);
    expect(service.runs.map(({ status }) => status).filter((status) => status !== "cancelled")).toEqual([]);
  }
});

test("an aborted handle rejects with run, key and result, and the run goes on", async () => {
  const { mogplex, request, service } = world();
  const stop = new AbortController();
  const reason = new DOMException("enough", "AbortError");
  const handle = mogplex.run(request, { signal: stop.signal });
  const { runId, idempotencyKey } = await handle.started;
  stop.abort(reason);
  const error = await handle.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AbortedError);
  expect(error).toMatchObject({
    cause: reason,
    exitCode: 130,
    runId,
    idempotencyKey,
    result: { runId, outcome: "interrupted" },
  });
  expect(error.message).toContain(idempotencyKey);
  expect(service.runs[0]?.status).not.toBe("cancelled");
});

test("the result of an aborted handle says what its error says, for any reason of the signal, whatever becomes of the run", async () => {
  const reasons = [
    [new DOMException("enough", "AbortError"), 130],
    [new DOMException("late", "TimeoutError"), 124],
    [new Error("enough"), 130],
    ["enough", 130],
    [new UsageError("enough"), 2],
  ] as const;
  for (const [reason, exitCode] of reasons) {
    for (const cancelOn of [[], ["abort"]] as const) {
      const { mogplex, request } = world({ scenario: "stuck-streaming" });
      const stop = new AbortController();
      const handle = mogplex.run(request, { signal: stop.signal, cancelOn });
      const { runId } = await handle.started;
      stop.abort(reason);
      const error = await handle.catch((thrown) => thrown);
      const said = cancelOn.length > 0 ? "the run was cancelled" : `run "${runId}" continues`;
      expect([error.exitCode, error.message]).toEqual([
        exitCode,
        cancelOn.length > 0 ? `The signal ended the call; run "${runId}" was cancelled` : expect.stringContaining(
          `The signal ended the call; run "${runId}" continues; to find the run, start again with idempotency key `,
        ),
      ]);
      expect(error.result).toMatchObject({ outcome: "interrupted", exitCode, reason: `Stopped; ${said}` });
      expect(error.result.error).toMatchObject({ attempted: null, why: `Stopped; ${said}` });
      const text = render(error.result, "markdown");
      expect(text).toContain(said.slice(0, 7));
      expect(text).not.toContain("toolkit failed");
    }
  }
});

test("an aborted handle on a run that no answer has shown says that it was not read, and not that it goes on", async () => {
  const { mogplex, request, service } = world();
  const unknown = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const { attach, automations } = mogplex;
  const calls = [
    [() => attach(unknown, { signal: AbortSignal.abort() }), `run "${unknown}"`],
    [() => automations.attach(unknown, unknown, { signal: AbortSignal.abort() }), `automation run "${unknown}"`],
  ] as const;
  for (const [call, label] of calls) {
    const error = await call().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AbortedError);
    expect(error.message).toBe(`The signal ended the call; the status of ${label} is not known yet`);
    expect(error.result).toMatchObject({
      outcome: "interrupted",
      reason: `Stopped; the status of ${label} is not known yet`,
    });
  }
  const { runId } = await mogplex.start(request);
  const stop = new AbortController();
  const seen = mogplex.attach(runId, { signal: stop.signal, onItem: () => stop.abort() });
  const error = await seen.catch((thrown) => thrown);
  expect(error.message).toBe(`The signal ended the call; run "${runId}" continues`);
  expect(service.runs.map(({ status }) => status)).not.toContain("cancelled");
});

test("a deadline tells run, key and result", async () => {
  const { mogplex, request } = world({ scenario: "stuck-streaming" });
  const handle = mogplex.run(request, { timeoutMs: 30_000 });
  const { runId, idempotencyKey } = await handle.started;
  const error = await handle.catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DeadlineError);
  expect(error).toMatchObject({ code: "DEADLINE", runId, idempotencyKey, result: { status: "streaming", runId } });
});

test("attach() tells by its exit code whether another try makes sense: unknown ids and refused tokens are ends that are not", async () => {
  const { mogplex, request, service } = world({ scenario: "stuck-streaming" });
  const unknown = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const ends: [string, number][] = [];
  const look = async (runId: string) => {
    const { outcome, exitCode } = await mogplex.attach(runId, { throwOnFailure: false, timeoutMs: 60_000 });
    const last = (await itemsOf(mogplex.attach(runId, { timeoutMs: 60_000 }))).at(-1);
    expect(last).toMatchObject({ type: "end", outcome, exitCode });
    const error = await mogplex.attach(runId, { timeoutMs: 60_000 }).catch((thrown) => thrown);
    expect([error.exitCode, error.isRetryable]).toEqual([exitCode, exitCode === 69 || exitCode === 75]);
    ends.push([outcome, exitCode]);
  };
  const { runId } = await mogplex.start(request);
  await look(runId);
  await look(unknown);
  service.fault({ kind: "503", times: 1_000 });
  await look(runId);
  service.control("clearFaults");
  service.revokeToken();
  await look(runId);
  expect(ends).toEqual([["deadline", 124], ["error", 2], ["error", 69], ["error", 64]]);
});

test("follow() throws for no outcome: a loop and an awaited handle have the deadline as their end", async () => {
  const { mogplex, request, service } = world({ scenario: "stuck-streaming" });
  const { runId } = await mogplex.start(request);
  const handle = follow(runId, { ...service.options, timeoutMs: 20_000 });
  expect((await itemsOf(handle)).at(-1)).toMatchObject({ type: "end", outcome: "deadline", exitCode: 124 });
  expect(await handle).toMatchObject({ outcome: "deadline", runId });
  const failed = await run({ ...request, prompt: "Other" }, { ...service.options, timeoutMs: 20_000 }).catch((error) =>
    error
  );
  expect(failed).toMatchObject({ name: "DeadlineError", result: { outcome: "deadline" } });
});

test("follow() and run() reject for what is wrong with their options, and throw nothing at once", async () => {
  const { request, service } = world();
  const { token: _, ...rest } = service.options;
  const cases: [() => Promise<unknown>, string][] = [
    [() => follow("x", service.options), "run id"],
    [
      () => follow("0990d5ca", service.options),
      "; give the full id: a shortened id works only in commands outside CI",
    ],
    [() => follow(service.repos[0]?.id ?? "", rest), "MOGPLEX_API_KEY is not set"],
    [
      () => follow("x", { ...service.options, throwOnFailure: true } as object),
      "unknown key 'throwOnFailure' in options; follow() does not throw if the run failed: remove the option",
    ],
    [() => run(request, { ...rest, tokn: "mog_x" } as object), "did you mean 'token'?"],
    [() => run(request, { ...rest, token: "no token" }), "the token in the option token"],
    [() => run(request, { ...service.options, client: {} } as object), "unknown key 'client' in options"],
  ];
  for (const [call, part] of cases) {
    const error = await call().catch((thrown) => thrown);
    expect(error, part).toMatchObject({ message: expect.stringContaining(part) });
  }
  expect(service.runs).toEqual([]);
});

/** A handle on a run of so many events, which come in pages: each begins with the last event of the one before. */
async function chatty(lines: number): Promise<{ handle: AttachedRun }> {
  const { mogplex, request, service } = world();
  const { runId } = await mogplex.run(request);
  const run = await mogplex.api.getRun(runId ?? "");
  const { createdAt } = run;
  const events = Array.from({ length: lines }, (_, index) => {
    const id = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
    const type = index === 0 ? "started" : index === lines - 1 ? "finished" : "log";
    return { id, type, toolName: null, message: `m${index}`, payload: null, createdAt };
  });
  let from = 0;
  async function fetch(url: string, init: RequestInit) {
    if (!new URL(url).pathname.endsWith("/events")) return await service.options.fetch(url, init);
    const page = events.slice(from, from + 200);
    const isLast = from + 200 >= lines;
    from = Math.min(from + 199, Math.max(lines - 200, 0));
    return Response.json({
      ok: true,
      data: { run: { ...run, status: isLast ? "success" : "streaming" }, events: page },
    });
  }
  return {
    handle: createMogplex({ ...service.options, fetch }).attach(runId ?? "", { timeoutMs: 86_400_000, stream: false }),
  };
}

const linesIn = (items: readonly RunHandleItem[]) =>
  items.flatMap((item) => item.type === "event" && item.event.message?.startsWith("m") ? [item.event.message] : []);

test("two loops over a handle get every item each, the end included, however slow one of them is", async () => {
  const { handle } = await chatty(1_500);
  async function slowly() {
    const items: RunHandleItem[] = [];
    for await (const item of handle) {
      if (items.length === 3) await handle;
      items.push(item);
    }
    return items;
  }
  const [fast, slow, other] = await Promise.all([itemsOf(handle), slowly(), itemsOf(handle)]);
  expect(kinds(fast)).toEqual(["status", "event", "end"]);
  expect(linesIn(fast).length).toBe(1_500);
  expect(slow).toEqual(fast);
  expect(other).toEqual(fast);
});

test("a loop that begins after the end gets everything of a usual run", async () => {
  const { handle } = await chatty(700);
  await handle;
  const items = await itemsOf(handle);
  expect(kinds(items)).toEqual(["status", "event", "end"]);
  expect(linesIn(items).length).toBe(700);
  expect(await itemsOf(handle)).toEqual(items);
});

test("a loop that begins late gets the newest 1 000 items, after a gap that says so", async () => {
  const { handle } = await chatty(1_500);
  const first = await itemsOf(handle);
  const items = await itemsOf(handle);
  expect(items[0]).toEqual({ type: "gap", cause: "events_missed" });
  expect(items.slice(1)).toEqual(first.slice(-1_001));
});

test("a loop that is too slow gets a gap in place of what was dropped, and a faster one gets all of it", async () => {
  const { handle } = await chatty(10_500);
  const slow = handle[Symbol.asyncIterator]();
  expect((await slow.next()).value).toMatchObject({ type: "status" });
  const fast = await itemsOf(handle);
  expect(linesIn(fast).length).toBe(10_500);
  expect((await slow.next()).value).toEqual({ type: "gap", cause: "events_missed" });
  const rest: RunHandleItem[] = [];
  for (let step = await slow.next(); !step.done; step = await slow.next()) rest.push(step.value);
  expect(rest).toEqual(fast.slice(-10_001));
});

test("leaving one of two loops leaves the other alone, and leaving the last one stops following", async () => {
  const { mogplex, request, clock } = world({ scenario: "stuck-streaming" });
  const handle = mogplex.run(request, { timeoutMs: 60_000 });
  const first = handle[Symbol.asyncIterator]();
  const second = handle[Symbol.asyncIterator]();
  await Promise.all([first.next(), second.next()]);
  await first.return?.();
  expect((await first.next()).done).toBe(true);
  expect((await second.next()).value).toMatchObject({ type: "event" });
  await second.return?.();
  const leftAt = clock.now();
  expect(await handle.catch((error) => error)).toBeInstanceOf(AbortedError);
  expect(clock.now()).toBe(leftAt);
});

test("a handle that is awaited goes on when its loop is left", async () => {
  const { mogplex, request } = world();
  const handle = mogplex.run(request);
  const result = handle.then(({ outcome }) => outcome);
  for await (const item of handle) if (item.type === "status") break;
  expect(await result).toBe("success");
});

test("await using ends the loops of a handle", async () => {
  const { mogplex, request } = world({ scenario: "stuck-streaming" });
  let items: Promise<RunHandleItem[]>;
  {
    await using handle = mogplex.run(request);
    items = itemsOf(handle);
    await handle.started;
  }
  expect(kinds(await items)).not.toContain("end");
});

test("a handle that is not awaited raises nothing, whatever becomes of its run", async () => {
  const { mogplex, request, service } = world({ scenario: "agent-failure" });
  mogplex.run(request);
  mogplex.run({ repoId: "nonsense", prompt: "x" });
  const { runId } = await mogplex.run({ ...request, prompt: "Another" }, { throwOnFailure: false });
  expect(service.runs.map(({ status }) => status)).toEqual(["failed", "failed"]);
  expect(service.runs.map((run) => run.runId)).toContain(runId ?? "");
});

test("automations.run() gives the same kind of handle", async () => {
  const { mogplex, service } = world({ scenario: "automation-slot" });
  const request = { repoId: service.repos[0]?.id ?? "" };
  const items = [];
  const handle = mogplex.automations.run(service.automations[0]?.id ?? "", request);
  for await (const item of handle) items.push(item);
  expect(items.at(-1)).toMatchObject({
    type: "end",
    outcome: "success",
    exitCode: 0,
    result: { kind: "automation-run" },
  });
  expect(await handle).toMatchObject({ outcome: "success" });
});

/** A service where everybody's token may read one run that has ended: it never says that there are too many requests. */
async function ended() {
  const { mogplex, request, service } = world();
  const { runId = "" } = await mogplex.start(request);
  await mogplex.attach(runId);
  const answers = new Map<string, string>();
  async function fetch(url: string, init: RequestInit) {
    const { pathname } = new URL(url);
    const headers = { authorization: `Bearer ${service.options.token}` };
    const text = answers.get(pathname) ?? await (await service.options.fetch(url, { ...init, headers })).text();
    answers.set(pathname, text);
    return new Response(text, { headers: { "content-type": "application/json" } });
  }
  const mogplexOf = (customer: number) =>
    createMogplex({ ...service.options, fetch, token: `mog_customer${String(customer).padStart(24, "0")}` });
  await mogplexOf(0).attach(runId);
  return { runId, mogplexOf };
}

test(
  "1 000 handles at once end as each should, and leave nothing behind: no listener on a shared signal, no promise that rejects unheard",
  async () => {
    const { runId, mogplexOf } = await ended();
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = function (...args: unknown[]) {
      listeners++;
      return (addEventListener as (...all: unknown[]) => void).apply(this, args);
    };
    signal.removeEventListener = function (...args: unknown[]) {
      listeners--;
      return (removeEventListener as (...all: unknown[]) => void).apply(this, args);
    };
    async function use(index: number): Promise<string> {
      const handle = mogplexOf(index).attach(runId, { signal, stream: false });
      if (index % 3 === 0) return (await handle).outcome;
      if (index % 3 === 1) return (await itemsOf(handle)).at(-1)?.type ?? "";
      for await (const { type } of handle) return type;
      return "";
    }
    const ends = await Promise.all(Array.from({ length: 1_000 }, (_, index) => use(index)));
    expect(["success", "end", "status"].map((word) => ends.filter((end) => end === word).length)).toEqual([
      334,
      333,
      333,
    ]);
    expect(listeners).toBeLessThanOrEqual(2);
  },
);

test("a run with faults, hooks and hours of waiting ends under fake timers, those of Bun and those that replace the globals", async () => {
  const names = [
    "setTimeout",
    "setInterval",
    "setImmediate",
    "clearTimeout",
    "clearInterval",
    "clearImmediate",
  ] as const;
  const timers = names.map((name) => globalThis[name]);
  const fakes: [begin: () => void, end: () => void][] = [
    [() => jest.useFakeTimers(), () => jest.useRealTimers()],
    [
      () => names.forEach((name) => Object.assign(globalThis, { [name]: () => ({ unref() {} }) })),
      () => names.forEach((name, index) => Object.assign(globalThis, { [name]: timers[index] })),
    ],
  ];
  for (const [begin, end] of fakes) {
    begin();
    try {
      const { mogplex, request, service } = world({ scenario: "stuck-streaming" });
      service.fault({ kind: "503", times: 5 });
      const onStarting = async () => await Promise.resolve();
      const options = { timeoutMs: 3_600_000, throwOnFailure: false, onStarting } as const;
      expect((await mogplex.run(request, options)).outcome).toBe("deadline");
    } finally {
      end();
    }
  }
});

test("a handle shows id and status of its run as soon as they are known", async () => {
  const { mogplex, request } = world({ scenario: "success" });
  const handle = mogplex.run(request);
  expect([handle.runId, handle.status]).toEqual([null, null]);
  const { runId } = await handle.started;
  expect([handle.runId, handle.status]).toEqual([runId, "pending"]);
  const seen: unknown[] = [];
  for await (const item of handle) if (item.type === "status") seen.push(handle.status === null);
  expect([handle.status, new Set(seen)]).toEqual(["success", new Set([false])]);
  const attached = mogplex.attach(runId);
  await attached;
  expect([attached.runId, attached.status]).toEqual([runId, "success"]);
});

test("resume() attaches to a run that is known, finds the one of the key, and starts once where there is none", async () => {
  const { mogplex, request, service } = world({ scenario: "success" });
  const stored = { request, runId: null, key: "job-42" };
  expect((await mogplex.resume(stored)).outcome).toBe("success");
  const again = mogplex.resume(stored, { throwOnFailure: false });
  const { runId } = await again.started;
  expect((await again).outcome).toBe("success");
  expect((await mogplex.resume({ ...stored, runId })).runId).toBe(runId);
  expect(service.runs.length).toBe(1);
  const error = await mogplex.resume({ request } as never).catch((error) => error);
  expect([error.name, error.attempted]).toEqual(["UsageError", "resume run"]);
  const misspelt = await mogplex.resume(stored, { timeout: 5 } as never).catch((error) => error);
  expect(misspelt.message).toContain("did you mean 'timeoutMs'?");
});

test("report() and render() take an error that has a result, and exitCodeFor() what its toJSON() gave", async () => {
  const { mogplex, request } = world({ scenario: "agent-failure" });
  const error = await mogplex.run(request).catch((error) => error);
  expect(render(error, "markdown")).toBe(render(error.result, "markdown"));
  const copy = structuredClone(JSON.parse(JSON.stringify(error)));
  expect([exitCodeFor(copy), exitCodeFor({ exitCode: 4 }), exitCodeFor({ ...copy, exitCode: 77 })]).toEqual([
    1,
    70,
    70,
  ]);
  expect(render(copy, "json")).toBe(render(error.result, "json"));
  expect(() => render(new UsageError("nothing"), "json")).toThrow("the error has no result");
});

test("render() joins the metrics of several runs: each name once, and each sample with its run", async () => {
  const { mogplex, request } = world({ scenario: "success" });
  const results = [await mogplex.run(request), await mogplex.run({ ...request, prompt: "Another" })];
  const lines = render(results, "openmetrics").split("\n");
  expect(lines.filter((line) => line === "# EOF")).toEqual(["# EOF"]);
  const heads = lines.filter((line) => line.startsWith("# HELP"));
  expect(new Set(heads).size).toBe(heads.length);
  expect(lines.filter((line) => line.startsWith("mogplex_run_exit_code"))).toEqual(
    results.map(({ runId }) => `mogplex_run_exit_code{run="${runId}"} 0`),
  );
  expect(() => render(results, "json" as "openmetrics")).toThrow("only the format openmetrics accepts several results");
});
