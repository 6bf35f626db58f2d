/** What a script can write by mistake: nothing may start another run than the one that was meant. */
import { expect, test } from "bun:test";
import { createCampaigns, memoryHome } from "../../../campaigns.ts";
import * as library from "../../../mod.ts";
import { createMogplex } from "../../../mod.ts";
import { createEmulator, virtualClock } from "../../../testing.ts";

const service = createEmulator();
const REPO = service.repos[0]?.id ?? "";
const REQUEST = { repoId: REPO, prompt: "Fix the flaky tests" };
const { options } = service;

/** What a call throws or rejects with. */
async function thrownBy(call: () => unknown): Promise<unknown> {
  try {
    await call();
    return "no error";
  } catch (error) {
    return error;
  }
}

/** What every call gets, one wrong thing each, and a part of the message. */
const REQUESTS: [unknown, string][] = [
  [{ ...REQUEST, createbranch: true }, "did you mean 'createBranch'?"],
  [{ ...REQUEST, base_branch: "main" }, "did you mean 'baseBranch'?"],
  [{ ...REQUEST, promt: "x" }, "did you mean 'prompt'?"],
  [{ ...REQUEST, mode: "yolo" }, `did you mean "YOLO"?`],
  [{ ...REQUEST, mode: "fast" }, "one of SAFE, AUTO, YOLO"],
  [{ ...REQUEST, harness: " " }, "use harness"],
  [{ ...REQUEST, createBranch: "true" }, "'createBranch' must be a boolean"],
  [{ ...REQUEST, prompt: 7 }, "'prompt' must be a string"],
  [{ ...REQUEST, baseBranch: null }, "'baseBranch' must be a string: null"],
  ["Fix the flaky tests", "requests must be an object"],
  [null, "requests must be an object: null"],
  [[REQUEST], "requests must be an object: a list"],
];
const OPTIONS: [unknown, string][] = [
  [{ timeout: 5 }, "did you mean 'timeoutMs'?"],
  [{ timeoutMs: "60000" }, "'timeoutMs' must be a number"],
  [{ timeoutms: 5 }, "did you mean 'timeoutMs'?"],
  [{ tokenshare: 2 }, "did you mean 'tokenShare'?"],
  [{ onItems: () => {} }, "did you mean 'onItem'?"],
  [{ onItem: "print" }, "'onItem' must be a function"],
  [{ signal: 5 }, "'signal' must be an AbortSignal: 5"],
  [
    { signal: new AbortController() },
    "'signal' must be an AbortSignal: an object; pass the 'signal' of the AbortController",
  ],
  [{ cancelon: ["abort"] }, "did you mean 'cancelOn'?"],
  [{ cancelOn: ["kill"] }, "'cancelOn' must be one of timeout, abort"],
  [{ cancelOn: ["timeot"] }, 'must be one of timeout, abort: "timeot"; did you mean "timeout"?'],
  [{ cancelOn: "abort" }, "'cancelOn' must be a list"],
  [{ constructor: 1 }, "unknown key 'constructor' in options"],
  [JSON.parse('{"__proto__": {"timeoutMs": 1}}'), "unknown key '__proto__' in options"],
  [60_000, "options must be an object: 60000"],
  ["fast", "options must be an object"],
];

test("requests with a misspelt field, a wrong type or a wrong word are refused, and nothing is started", async () => {
  for (const [request, part] of REQUESTS) {
    const wrong = request as typeof REQUEST;
    for (
      const call of [
        () => library.run(wrong, options),
        () => createMogplex(options).run(wrong),
        () => createMogplex(options).start(wrong),
      ]
    ) {
      const error = await thrownBy(call);
      expect(error, JSON.stringify(request)).toMatchObject({
        name: "UsageError",
        message: expect.stringContaining(part),
      });
    }
  }
  expect(service.runs).toEqual([]);
});

test("options with a misspelt name or a wrong type are refused by every call, and nothing is started", async () => {
  const id = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  for (const [given, part] of OPTIONS) {
    const plain = typeof given === "object"
      ? Object.defineProperties({ ...options }, Object.getOwnPropertyDescriptors(given))
      : given;
    const wrong = plain as typeof options;
    const verb = given as Record<never, never>;
    for (
      const call of [
        () => library.run(REQUEST, wrong),
        () => library.follow(id, wrong),
        () => createMogplex(options).run(REQUEST, verb),
        () => createMogplex(options).attach(id, verb),
      ]
    ) {
      const error = await thrownBy(call);
      expect(error, JSON.stringify(given)).toMatchObject({
        name: "UsageError",
        message: expect.stringContaining(part),
      });
    }
  }
  expect(service.runs).toEqual([]);
});

test("a word of another library, or an option under another name, is refused with our word by each call that has the option", async () => {
  const id = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const mogplex = createMogplex(options);
  const { automations } = mogplex;
  const definition = { name: "one", prompt: "Fix it", repositories: ["acme/web"] };
  const campaign = createCampaigns(mogplex).of(definition, { home: memoryHome() });
  const ofClient = { apiKey: "token", baseURL: "url", baseUrl: "url", defaultHeaders: "headers" };
  const limits = { timeout: "timeoutMs", maxRetries: "maxAttempts" };
  const stops = { onTimeout: "cancelOn", onAbort: "cancelOn" };
  const calls: [Readonly<Record<string, string>>, (given: never) => unknown][] = [
    [{ ...ofClient, ...limits }, (given) => createMogplex(given)],
    [limits, (given) => mogplex.withOptions(given)],
    [limits, (given) => mogplex.api.listRepos({}, given)],
    [{ ...ofClient, timeout: "timeoutMs", ...stops }, (given) => library.run(REQUEST, given)],
    [stops, (given) => library.follow(id, given)],
    [stops, (given) => mogplex.run(REQUEST, given)],
    [stops, (given) => mogplex.attach(id, given)],
    [stops, (given) => mogplex.resume({ request: REQUEST, key: "k", runId: null }, given)],
    [stops, (given) => automations.run(id, { repoId: REPO }, given)],
    [stops, (given) => automations.attach(id, id, given)],
    [stops, (given) => campaign.run(given)],
  ];
  for (const [words, call] of calls) {
    for (const [word, ours] of Object.entries(words)) {
      expect(await thrownBy(() => call({ [word]: "x" } as never)), `${word} of ${call}`).toMatchObject({
        name: "UsageError",
        why: expect.stringMatching(new RegExp(`^unknown key '${word}' in \\w+$`)),
        advice: `did you mean '${ours}'?`,
      });
    }
  }
  expect(service.runs).toEqual([]);
});

test("start() and cancel() refuse what only following uses, and say which calls have it", async () => {
  const id = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const mogplex = createMogplex(options);
  const following = {
    cancelOn: ["abort"],
    onItem() {},
    eventsFile: "events.ndjson",
    stream: false,
    tokenShare: 2,
    throwOnFailure: false,
  };
  for (const [name, value] of Object.entries(following)) {
    const given = { [name]: value };
    for (const call of [() => mogplex.start(REQUEST, given), () => mogplex.cancel(id, given)]) {
      expect(await thrownBy(call)).toMatchObject({
        name: "UsageError",
        why: `unknown key '${name}' in options`,
        advice: "only run() and attach(), which follow the run, accept it",
      });
    }
  }
  expect(await thrownBy(() => mogplex.start(REQUEST, { onstarted() {} } as never))).toMatchObject({
    advice: "did you mean 'onStarted'?",
  });
  expect(await thrownBy(() => mogplex.automations.trigger(id, { repoId: REPO }, { cancelOn: ["abort"] } as never)))
    .toMatchObject({ advice: "only run() and attach(), which follow the run, accept it" });
  expect(service.runs).toEqual([]);
});

test("messages about options never show a token, a prompt or a header", async () => {
  const secret = "mog_abcdefghijklmnopqrstuvwx";
  for (const wrong of [{ token: { toString: () => secret } }, { token: [secret] }, { idempotencyKey: 7 }]) {
    const error = await library.run(REQUEST, wrong as never).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "UsageError", message: expect.not.stringContaining(secret) });
  }
});

test("a missing result, text, list or function is refused", async () => {
  const id = "8f3a2b1c-1234-4abc-9def-1234567890ab";
  const mogplex = createMogplex(options);
  const { line, json } = library.createLogText({ env: () => undefined });
  const { main, exitCodeFor } = library;
  const none = undefined as never;
  const calls: [string, () => unknown][] = [
    ["must be the result of a run", () => library.report({} as never, [])],
    ["must be the result of a run", () => library.render(null as never, "markdown")],
    ["must be a list of targets", () => library.report({ kind: "run" } as never, none)],
    ["the text must be a string: undefined", () => line(none)],
    ["the value cannot be written as JSON: undefined", () => json(undefined)],
    ["the value cannot be written as JSON: function", () => json(() => 1)],
    ["'secrets' must be a list of strings", () => library.createLogText({ secrets: [7] as never })],
    ["entry 2 of 'secrets' cannot be masked", () => library.mask("a short b", { secrets: ["long enough", "short"] })],
    ["entry 1 of 'secrets' cannot be masked", () => library.createLogText({ secrets: ["   short   "] })],
    ["entry 1 of 'secrets' cannot be masked", () => library.mask("x", { secrets: ["https://hooks.example/1"] })],
    ["unknown key 'client' in options", () => mogplex.run(REQUEST, { client: {} } as never)],
    ["'clock' must be a clock with now(), wallTime() and sleep()", () => createMogplex({ clock: {} } as never)],
    ["'signal' must be an AbortSignal", () => mogplex.api.listRepos({}, { signal: new AbortController() } as never)],
    ["unknown key 'idempotencyKey' in options", () => mogplex.attach(id, { idempotencyKey: "k" } as never)],
    ["unknown key 'onStarted' in options", () => library.follow(id, { ...options, onStarted: () => {} } as never)],
    ["the repository is missing", () => mogplex.run({ prompt: "x" } as never)],
    ["'repo' and 'repoId' both name a repository", () => mogplex.run({ ...REQUEST, repo: "acme/web" } as never)],
    ["did you mean 'auto'?", () => virtualClock({ auot: false } as never)],
    ["did you mean 'times'?", () => service.control("fault", { kind: "503", time: 3 })],
    ["did you mean 'clearFaults'?", () => service.control("clearFault")],
  ];
  for (const [part, call] of calls) {
    expect(await thrownBy(call), part).toMatchObject({ name: "UsageError", message: expect.stringContaining(part) });
  }
  expect([typeof main, exitCodeFor(undefined)]).toEqual(["function", 70]);
  expect(service.runs).toEqual([]);
});

test("timeoutMs and tokenShare of createMogplex() hold for its verbs, unless a verb gets its own", async () => {
  const kit = createEmulator({ scenario: "stuck-streaming" });
  const request = { repoId: kit.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  const mogplex = createMogplex({ ...kit.options, timeoutMs: 60_000, tokenShare: 3 });
  const seconds = async (given: { timeoutMs?: number | undefined }) => {
    const startedAt = kit.clock.now();
    const result = await mogplex.run(request, { ...given, throwOnFailure: false });
    expect(result.outcome).toBe("deadline");
    return Math.round((kit.clock.now() - startedAt) / 1_000);
  };
  expect([await seconds({}), await seconds({ timeoutMs: undefined }), await seconds({ timeoutMs: 90_000 })]).toEqual([
    60,
    60,
    90,
  ]);
  for (const wrong of [{ timeoutMs: 0 }, { timeoutMs: Infinity }, { tokenShare: 1.5 }, { tokenShare: "3" as never }]) {
    expect(() => createMogplex({ ...kit.options, ...wrong })).toThrow(library.UsageError);
  }
});

test("tokenShare of createMogplex() decides how often a run is read", async () => {
  const counts: number[] = [];
  for (const tokenShare of [1, 30]) {
    const { options, repos } = createEmulator({ scenario: "stuck-streaming" });
    let reads = 0;
    const onRequest = ({ path }: library.RequestReport) => void (path.endsWith("/events") && reads++);
    const mogplex = createMogplex({ ...options, tokenShare, onRequest });
    const request = { repoId: repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
    await mogplex.run(request, { timeoutMs: 600_000, throwOnFailure: false });
    counts.push(reads);
  }
  const [alone = NaN, shared = NaN] = counts;
  // Thirty processes share 60 requests a minute.
  expect(shared).toBeLessThanOrEqual(10 * 60 / 30);
  expect(alone).toBeGreaterThan(2 * shared);
});

test("a harness that the library does not know is sent, with a notice that has the nearest word", async () => {
  const kit = createEmulator();
  const request = { repoId: kit.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  const said: string[] = [];
  const onNotice = (notice: library.Notice) =>
    void (notice.kind === "text" && notice.message.includes("harness") && said.push(notice.message));
  const mogplex = createMogplex({ ...kit.options, onNotice });
  for (const harness of ["claude", "Codex", "gemini"]) {
    // The service refuses it.
    expect(await thrownBy(() => mogplex.run({ ...request, harness }))).toMatchObject({ name: "ApiError", status: 400 });
  }
  expect(said).toEqual([
    'the harness "claude" is unknown to this version; did you mean claude-code?',
    'the harness "Codex" is unknown to this version; did you mean codex?',
    'the harness "gemini" is unknown to this version; known names are codex, claude-code, mogplex',
  ]);
  expect((await mogplex.run({ ...request, harness: "claude-code" })).harness).toBe("claude-code");
  expect(said.length).toBe(3);
});

test("a time that is too short to follow a run is refused before anything is started; a cancel may be short", async () => {
  const kit = createEmulator();
  const mogplex = createMogplex(kit.options);
  const request = { repoId: kit.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
  const automation = kit.automations[0]?.id ?? "";
  const { runId } = await mogplex.start(request);
  const campaign = createCampaigns(mogplex).of(
    { name: "one", prompt: "Fix it", repositories: ["acme/web"] },
    { home: memoryHome() },
  );
  const short = { timeoutMs: 30 };
  const calls = [
    () => mogplex.run({ ...request, prompt: "Another task" }, short),
    () => mogplex.attach(runId, short),
    () => mogplex.automations.run(automation, { repoId: request.repoId }, short),
    () => mogplex.automations.attach(automation, runId, short),
    () => campaign.run(short),
    () => library.run(request, { ...kit.options, ...short }),
    () => library.follow(runId, { ...kit.options, ...short }),
    () => createMogplex({ ...kit.options, ...short }),
  ];
  for (const call of calls) {
    expect(await thrownBy(call)).toMatchObject({
      name: "UsageError",
      message: "Cannot wait because 'timeoutMs' is in milliseconds, and must be at least 1000 to follow a run: 30",
    });
  }
  expect(kit.runs.length).toBe(1);
  expect((await mogplex.cancel(runId, { timeoutMs: 500 })).status).toBe("cancelled");
});

test("a fetch that gives no Response is a mistake at once, and no failure of the network", async () => {
  const { token, clock, env, url } = options;
  for (const answer of [undefined, null, {}, "ok", { status: 200 }]) {
    let sent = 0;
    const fetch = (() => (sent++, answer)) as unknown as typeof options.fetch;
    const error = await thrownBy(() => createMogplex({ token, clock, env, url, fetch }).run(REQUEST));
    expect([error, sent]).toMatchObject([{ name: "UsageError", why: "'fetch' did not return a Response" }, 1]);
  }
});
