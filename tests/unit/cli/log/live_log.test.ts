import { expect, test } from "bun:test";
import { LiveLog, type LogForm } from "../../../../lib/cli/log/live_log.ts";
import { Writer } from "../../../../lib/cli/log/writer.ts";
import { type VirtualClock, virtualClock } from "../../../../lib/clock.ts";
import type { Run, RunEvent } from "../../../../lib/model.ts";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { createRedactor } from "../../../../lib/text/redact.ts";
import { successEvents } from "../../report/sample.ts";
import { fakeIo } from "../fake_io.ts";

/** Most bytes of events in a log, and of the last ones, which follow when it is full; at most so many lines. */
const MAX_EVENT_BYTES = 1_800_000;
const MAX_KEPT_BYTES = 400_000;
const KEPT_LINES = 200;

function event(message: string, number = 0): RunEvent {
  const createdAt = "2026-09-01T10:20:30.5+00:00";
  return { id: `event-${number}`, type: "log", toolName: null, message, payload: {}, createdAt };
}

interface Given {
  env?: Record<string, string>;
  form?: LogForm | null;
  json?: boolean;
  interactive?: boolean;
  times?: boolean;
  timeoutMs?: number;
  skewMs?: () => number | undefined;
  width?: number;
  secrets?: readonly string[];
}

function liveLog(given: Given = {}) {
  const { env = {}, form = "compact", json = false, interactive = false, times, timeoutMs, skewMs, width, secrets } =
    given;
  const io = fakeIo({ env });
  const platform = detectPlatform(io.env);
  const clock = virtualClock({ auto: false });
  const writer = new Writer(io, platform, createRedactor({ token: "mog_liveLogToken00", secrets }));
  const log = new LiveLog({ writer, platform, clock, form, json, interactive, times, timeoutMs, skewMs, width });
  return { io, clock, writer, log };
}

test("LiveLog prints one line an event, with the number of further lines, when the form is compact", () => {
  const { io, log } = liveLog();
  log.item({ type: "event", event: event("first\nsecond\nthird") });
  log.item({ type: "event", event: { ...event("x".repeat(400)), toolName: "edit" } });
  expect(io.text.stdout).toBe(
    `10:20:30  log       first (+2 lines)\n10:20:30  log       tool=edit\n` +
      `${" ".repeat(20)}${"x".repeat(251)}…[+149 characters]\n`,
  );
});

test("LiveLog prints all lines and the payload when the form is full", () => {
  const { io, log } = liveLog({ form: "full" });
  log.item({ type: "event", event: { ...event("first\nsecond"), payload: { stage: "install" } } });
  expect(io.text.stdout).toBe(`10:20:30  log       first\n    second\n    {"stage":"install"}\n`);
});

test("LiveLog keeps its columns in both forms, whatever the type is called", () => {
  for (const form of ["compact", "full"] as const) {
    const { io, log } = liveLog({ form });
    for (const type of ["status_changed", "cancel_requested", "tool_started", "tool_finished"]) {
      log.item({ type: "event", event: { ...event("text"), type } });
    }
    for (const line of io.text.stdout.trimEnd().split("\n")) expect(line).toMatch(/^10:20:30 {2}.{9} text$/);
  }
});

test("LiveLog makes every line of an event inert on its CI system", () => {
  const hostile = `a\n::error::b\n##[group]c\r::add-mask::d\nsection_start:1:e\n--- f mog_liveLogToken00`;
  for (const form of ["compact", "full", "json"] as const) {
    const github = liveLog({ form, env: { GITHUB_ACTIONS: "true" } });
    github.log.item({ type: "event", event: event(hostile) });
    expect(github.io.text.stdout).not.toMatch(/^\s*::|##\[|mog_liveLogToken00/m);
    const gitlab = liveLog({ form, env: { GITLAB_CI: "true" } });
    gitlab.log.item({ type: "event", event: event(hostile) });
    expect(gitlab.io.text.stdout).not.toMatch(/section_start:|mog_liveLogToken00/);
    const buildkite = liveLog({ form, env: { BUILDKITE: "true" } });
    buildkite.log.item({ type: "event", event: event(hostile) });
    expect(buildkite.io.text.stdout).not.toMatch(/^(---|~~~|\+\+\+)/m);
  }
});

test("LiveLog has a section a phase where the CI system can fold, with a name of its own", () => {
  const { io, log } = liveLog({ env: { GITLAB_CI: "true" } });
  log.open("pending");
  log.open("pending");
  const [accepted, , , streaming, delivered] = successEvents();
  for (const each of [accepted, streaming, piece("All "), piece("done"), delivered, streaming]) {
    if (each !== undefined) log.item({ type: "event", event: each });
  }
  log.close();
  log.close();
  const names: string[] = [];
  const shown = io.text.stdout.replace(
    // deno-lint-ignore no-control-regex
    /\x1b\[0Ksection_(start|end):\d+:(\w+)(\S*)\r\x1b\[0K/g,
    (_, word, name, more) => {
      if (word === "start") names.push(name);
      return `<${word} ${names.indexOf(name)}${more}>`;
    },
  );
  expect(shown).toBe([
    "<start 0[collapsed=true]>Mogplex: queue and prepare",
    "12:00:00  started   External Mogplex run accepted",
    "<end 0>",
    "<start 1>Mogplex: agent",
    "12:05:00  status",
    "10:20:30  agent     All done",
    "<end 1>",
    "<start 2>Mogplex: deliver",
    "12:17:00  log       Pull request ready",
    "12:05:00  status",
    "<end 2>",
    "",
  ].join("\n"));
  expect(names.map((name) => name.replace(/_[0-9a-f]{8}$/, ""))).toEqual([
    "mogplex_prepare",
    "mogplex_agent",
    "mogplex_deliver",
  ]);
});

test("LiveLog prints no section in which nothing happened", () => {
  const { io, log } = liveLog({ env: { GITLAB_CI: "true" } });
  log.open("streaming");
  const [, , , streaming] = successEvents();
  if (streaming !== undefined) log.item({ type: "event", event: streaming });
  log.close();
  // deno-lint-ignore no-control-regex
  expect([...io.text.stdout.matchAll(/\x1b\[0Ksection_start:\d+:mogplex_(\w+?)_/g)].map(([, name]) => name)).toEqual([
    "agent",
  ]);
  const empty = liveLog({ env: { GITLAB_CI: "true" } });
  empty.log.open("success");
  empty.log.leave();
  expect(empty.io.text.stdout).toBe("");
});

test("LiveLog writes no times where the CI system writes them", () => {
  for (const form of ["compact", "full"] as const) {
    const { io, log } = liveLog({ form, times: false });
    log.item({ type: "event", event: event("text") });
    log.item({ type: "status", status: "paused" } as never);
    expect(io.text.stdout).toBe("log       text\nstatus    paused\n");
  }
});

test("LiveLog gives the status of a run no time, since earlier events may follow, and leaves one out that events tell", () => {
  const { io, log } = liveLog({});
  for (const status of ["pending", "streaming", "paused"]) log.item({ type: "status", status } as never);
  expect(io.text.stdout).toBe("          status    pending\n          status    paused\n");
});

test("LiveLog gives a status without events the time of its change", () => {
  const { io, log, clock } = liveLog({});
  log.status("running", false);
  const time = new Date(clock.wallTime()).toISOString().slice(11, 19);
  expect(io.text.stdout).toBe(`${time}  status    running\n`);
});

test("LiveLog prints no sections where the CI system has none, nor with --json", () => {
  for (const given of [{}, { json: true, env: { GITLAB_CI: "true" } }]) {
    const { io, log } = liveLog(given);
    log.open();
    log.close();
    expect(io.text.stdout).toBe("");
  }
});

function piece(message: string, kind = "assistant_delta"): RunEvent {
  return { ...event(message), payload: { kind } };
}

function tool(type: "tool_started" | "tool_finished", call: string, message: string, seconds: number): RunEvent {
  const createdAt = `2026-09-01T10:20:${seconds}+00:00`;
  return {
    ...event(message),
    type,
    toolName: message.split(" ")[0] ?? "",
    payload: { kind: "tool", toolCallId: call },
    createdAt,
  };
}

test("LiveLog joins the agent's words into lines, and has one line a tool, when the form is compact", () => {
  const { io, log } = liveLog();
  const events = [
    piece("I will look "),
    piece("at it.\nThen "),
    piece("I fix it"),
    tool("tool_started", "1", "bash started", 31),
    tool("tool_started", "2", "edit started", 32),
    tool("tool_finished", "2", "edit denied", 33),
    tool("tool_finished", "1", "bash finished", 45),
    tool("tool_finished", "9", "read finished", 46),
    tool("tool_started", "3", "web started", 47),
    piece(`${"word ".repeat(40)}end`),
    piece("Summary\n- one", "assistant_final"),
    { ...event("Harness run finished"), type: "finished" },
  ];
  for (const each of events) log.item({ type: "event", event: each });
  log.close();
  expect(io.text.stdout.split("\n")).toEqual([
    "10:20:30  agent     I will look at it.",
    "10:20:30  agent     Then I fix it",
    "10:20:33  tool      edit denied (1 s)",
    "10:20:45  tool      bash finished (14 s)",
    "10:20:46  tool      read finished",
    `10:20:30  agent     ${"word ".repeat(32).trimEnd()}`,
    `10:20:30  agent     ${"word ".repeat(8)}end`,
    "10:20:30  agent     Summary",
    "10:20:30  agent     - one",
    "10:20:47  tool      web started (end not seen)",
    "10:20:30  finished  Harness run finished",
    "",
  ]);
});

/** Lets a log do what it does when so much time has passed. */
async function passes(clock: VirtualClock, ms: number): Promise<void> {
  clock.advance(ms);
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

/** The agent's words in a log, without times and labels. */
const words = (text: string) =>
  text.split("\n").map((line) => line.replace(/^10:20:30 {2}agent +/, "").trim()).filter((line) => line !== "").join(
    " ",
  );

test("LiveLog shows words without a line break after 5 s, cut at a blank", async () => {
  const { io, clock, log } = liveLog();
  log.item({ type: "event", event: piece("I read the files of the project, and then I look at the te") });
  await passes(clock, 4_999);
  expect(io.text.stdout).toBe("");
  await passes(clock, 1);
  // As many characters are kept back as the longest secret has: the secret of the test has 18.
  expect(io.text.stdout).toBe("10:20:30  agent     I read the files of the project, and\n");
  log.item({ type: "event", event: piece("sts.") });
  await passes(clock, 5_000);
  expect(words(io.text.stdout)).toBe("I read the files of the project, and then I");
  await passes(clock, 60_000);
  log.item({ type: "event", event: piece("\nNext") });
  log.close();
  expect(words(io.text.stdout)).toBe("I read the files of the project, and then I look at the tests. Next");
  await passes(clock, 60_000);
  expect(io.text.stdout.split("\n").length).toBe(5);
});

const SECRETS = {
  "the token": "mog_liveLogToken00",
  "a longer token": `mog_${"Ab3".repeat(20)}`,
  "a secret with blanks": "correct horse battery staple",
  "a credential behind its word": "Bearer abcdefghijklmnopqrstuvwx",
};

for (const [what, secret] of Object.entries(SECRETS)) {
  test(`LiveLog masks ${what} wherever it is divided, by pieces of the agent's words and by 5 s`, async () => {
    const hidden = secret.replace(/^Bearer /, "");
    for (const env of [{}, { GITLAB_CI: "true" }, { GITHUB_ACTIONS: "true" }] as Record<string, string>[]) {
      for (let at = 0; at <= secret.length; at++) {
        const { io, clock, log } = liveLog({ env, secrets: [SECRETS["a secret with blanks"]] });
        const long = "some words ".repeat(20);
        for (
          const text of [long, `the key is ${secret.slice(0, at)}`, `${secret.slice(at)} and`, ` so ${long}`, long]
        ) {
          log.item({ type: "event", event: piece(text) });
          await passes(clock, 5_000);
        }
        log.close();
        const shown = words(io.text.stdout.replace(/^::stop-commands::.*|^::[0-9a-f-]+::$/gm, ""));
        expect([at, shown]).toEqual([
          at,
          `${long}the key is ${secret.replace(hidden, "[redacted]")} and so ${long}${long}`.trim(),
        ]);
      }
    }
  });
}

test("LiveLog makes every part of the words inert where it is cut after 5 s", async () => {
  const hostile = "::error::a ##[group]b section_start:1:c --- d +++ e ^^^ f ~~~ g ::add-mask::h ";
  const commands = {
    GITHUB_ACTIONS: /^\s*::(?!stop-commands::[\w-]+$|[\w-]+::$)|##\[/,
    GITLAB_CI: /section_start:/,
    BUILDKITE: /^(?:---|~~~|\+\+\+|\^\^\^)/,
  };
  for (const [variable, command] of Object.entries(commands)) {
    for (let at = 0; at < hostile.length; at++) {
      const { io, clock, log } = liveLog({ env: { [variable]: "true" }, times: false });
      for (const text of [hostile.slice(0, at), hostile.slice(at), hostile]) {
        log.item({ type: "event", event: piece(text) });
        await passes(clock, 5_000);
      }
      log.close();
      const lines = io.text.stdout.split("\n");
      expect(lines.length).toBeGreaterThan(2);
      expect(lines.filter((line) => command.test(line))).toEqual([]);
    }
  }
});

test("LiveLog gives up on the tools that have waited longest when more than 100 are at work", () => {
  const { io, log } = liveLog();
  const started = Array.from({ length: 103 }, (_, index) => tool("tool_started", `${index}`, `tool ${index}`, 31));
  for (const each of started) log.item({ type: "event", event: each });
  log.item({ type: "event", event: tool("tool_finished", "102", "tool 102 done", 35) });
  const lines = io.text.stdout.trimEnd().split("\n");
  expect(lines).toEqual([
    ...[0, 1, 2].map((index) => `10:20:31  tool      tool ${index} (end not seen)`),
    "10:20:35  tool      tool 102 done (4 s)",
  ]);
});

test("LiveLog reads the events of the harness mogplex, whose tools have no kind and whose words are whole", () => {
  const { io, log } = liveLog();
  function native(event: RunEvent): RunEvent {
    const { kind: _kind, ...payload } = event.payload;
    return { ...event, payload: { ...payload, output: "x" } };
  }
  const events = [
    { ...event("Mogplex agent run started"), type: "started", payload: {} },
    piece("I read the tests", "run_progress"),
    native(tool("tool_started", "1", "bash started", 31)),
    native(tool("tool_finished", "1", "bash finished", 45)),
    piece("Now the fix", "run_progress"),
    { ...event("The sandbox is gone"), type: "failed", payload: {} },
  ];
  for (const each of events) log.item({ type: "event", event: each });
  log.close();
  expect(io.text.stdout.split("\n")).toEqual([
    "10:20:30  started   Mogplex agent run started",
    "10:20:30  agent     I read the tests",
    "10:20:45  tool      bash finished (14 s)",
    "10:20:30  agent     Now the fix",
    "10:20:30  failed    The sandbox is gone",
    "",
  ]);
});

test("LiveLog masks a secret that comes in pieces, and words that wait are shown with a heartbeat", () => {
  const { io, log } = liveLog();
  const token = "mog_liveLogToken00";
  for (const message of ["the to", "ken is mog_live", "LogToken00", " and", ` Bearer ${"a".repeat(150)}`, " x"]) {
    log.item({ type: "event", event: piece(message) });
  }
  log.item({ type: "event", event: tool("tool_started", "1", "bash started", 31) });
  log.item({ type: "event", event: piece("wait") });
  log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
  expect(io.text.stdout).not.toContain(token.slice(4));
  expect(io.text.stdout.split("\n")).toEqual([
    "10:20:30  agent     the token is [redacted] and Bearer [redacted] x",
    "10:20:30  agent     wait",
    "... 0:00 · the agent is using bash · starting for 0 s",
    "",
  ]);
});

test("LiveLog says why when an event of a failure has another message", () => {
  const { io, log } = liveLog();
  const failed = { ...event("Harness stream failed"), type: "failed", payload: { error: "remote\nrejected" } };
  log.item({ type: "event", event: failed });
  expect(io.text.stdout).toBe("10:20:30  failed    Harness stream failed: remote rejected\n");
});

test("LiveLog keeps only the last lines once the limit of bytes is reached, and says so", () => {
  const { io, log } = liveLog();
  const line = "y".repeat(280);
  const count = 8_000;
  for (let number = 0; number < count; number++) log.item({ type: "event", event: event(`${number} ${line}`) });
  const before = io.text.stdout;
  expect(before.length).toBeLessThan(MAX_EVENT_BYTES + 300);
  expect(before).toEndWith(
    `(the log is limited to ${MAX_EVENT_BYTES} bytes of events: the last ${KEPT_LINES} lines follow at the end)\n`,
  );
  log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
  expect(io.text.stdout.slice(before.length)).toBe("... 0:00 · starting for 0 s\n");
  log.close();
  const rest = io.text.stdout.slice(before.length).trimEnd().split("\n").slice(1);
  expect(rest[0]).toMatch(/^\(\d+ event lines left out; see the reports\)$/);
  expect(rest.length).toBe(KEPT_LINES + 1);
  expect(rest.findLast((line) => !line.startsWith(" "))).toBe(`10:20:30  log       ${count - 1}`);
});

test("LiveLog stays below the limit of a job's log however long the lines are", () => {
  for (const form of ["compact", "full", "json"] as const) {
    const { io, log } = liveLog({ form });
    const text = "z".repeat(1_000_000);
    for (let number = 0; number < 12; number++) {
      log.item({ type: "event", event: event(`${text}\n`.repeat(2), number) });
      log.item({ type: "event", event: event("\u6f22".repeat(40_000), number) });
    }
    log.close();
    const limit = MAX_EVENT_BYTES + MAX_KEPT_BYTES + 300;
    expect([form, new TextEncoder().encode(io.text.stdout).length < limit]).toEqual([form, true]);
  }
});

test("LiveLog has no limit and no heartbeats on stdout when it prints JSON", () => {
  const { io, log } = liveLog({ json: true, env: { GITHUB_ACTIONS: "true" } });
  log.open();
  const count = 100;
  for (let number = 0; number < count; number++) {
    log.item({ type: "event", event: event("z".repeat(30_000), number) });
  }
  log.item({ type: "status", status: "streaming", run: {} as never });
  log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
  log.close();
  const lines = io.text.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as RunEvent);
  expect(lines.map((each) => each.id)).toEqual(Array.from({ length: count }, (_, number) => `event-${number}`));
  expect(io.text.stderr).toBe("note: ... streaming after 1 min\n");
});

test("LiveLog keeps a status line below everything on a terminal", async () => {
  const { io, log, clock } = liveLog({ interactive: true });
  const line = (text: string) => `\r\x1b[K\x1b[?7l${text}\x1b[?7h`;
  log.item({ type: "status", status: "streaming", run: {} as never });
  log.countRequests(() => 7);
  clock.advance(1_000);
  await Promise.resolve();
  await Promise.resolve();
  log.item({ type: "event", event: event("hello") });
  log.close();
  expect(io.text.stdout).toBe(
    [
      line("0:00 · starting for 0 s"),
      line("0:00 · preparing the agent · streaming for 0 s"),
      line("0:01 · preparing the agent · streaming for 1 s"),
      "\r\x1b[K10:20:30  log       hello\n",
      line("0:01 · preparing the agent · streaming for 1 s").slice(4),
      "\r\x1b[K",
    ].join("").slice(4),
  );
});

test("LiveLog's status line has the status of a run as soon as it is known, also of one that has ended", () => {
  const { io, log } = liveLog({ interactive: true });
  log.open("success");
  expect(io.text.stdout).toEndWith("0:00 · success for 0 s\x1b[?7h");
  log.close();
});

test("LiveLog's heartbeat shows what the job waits for when its run has ended", () => {
  const { io, log, clock } = liveLog({ timeoutMs: 7_200_000 });
  log.open("pending");
  log.item({ type: "status", status: "failed", run: {} as never });
  log.notice({ kind: "heartbeat", status: "waiting for a sandbox", elapsedMs: 0, requests: 1 });
  clock.advance(540_000);
  log.notice({ kind: "heartbeat", status: "waiting for a sandbox", elapsedMs: 540_000, requests: 1 });
  expect(io.text.stdout.split("\n").filter((line) => line.startsWith("..."))).toEqual([
    "... 0:00 / 2:00:00 · waiting for a sandbox for 0 s",
    "... 9:00 / 2:00:00 · waiting for a sandbox for 9 min",
  ]);
});

test("LiveLog's heartbeat has the run's own time after attaching, and the time of a status only if it saw the change", () => {
  const skewMs = 7_200_000;
  const lines = (runAgeMs: number, skew: number | undefined = skewMs) => {
    const { io, log, clock } = liveLog({ timeoutMs: 1_800_000, skewMs: () => skew });
    const run = { createdAt: new Date(clock.wallTime() - skewMs - runAgeMs).toISOString() } as Run;
    const beat = () => log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
    log.open();
    clock.advance(1_000);
    log.item({ type: "status", status: "pending", run });
    clock.advance(9_000);
    beat();
    log.item({ type: "status", status: "streaming", run });
    clock.advance(20_000);
    beat();
    return io.text.stdout.split("\n").filter((line) => line.startsWith("..."));
  };
  expect(lines(720_000)).toEqual([
    "... run time 12:10 · attached for 0:10 / 30:00 · booting the sandbox · pending · quiet for 9 s",
    "... run time 12:30 · attached for 0:30 / 30:00 · preparing the agent · streaming for 20 s",
  ]);
  // The command has started the run, or does not know the time at the service.
  for (const each of [lines(0), lines(720_000, NaN)]) {
    expect(each).toEqual([
      "... 0:10 / 30:00 · booting the sandbox · pending for 9 s",
      "... 0:30 / 30:00 · preparing the agent · streaming for 20 s",
    ]);
  }
});

test("LiveLog's heartbeat has time and limit, phase or tools, the time of the status and of silence; requests when full", () => {
  for (const form of ["compact", "full"] as const) {
    const { io, log, clock } = liveLog({ form, timeoutMs: 1_800_000 });
    log.open("pending");
    clock.advance(43_000);
    const [, , , streaming] = successEvents();
    if (streaming !== undefined) log.item({ type: "event", event: streaming });
    log.item({ type: "status", status: "streaming", run: {} as never });
    clock.advance(60_000);
    const before = io.text.stdout.length;
    log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 103_000, requests: 12 });
    log.item({ type: "event", event: tool("tool_started", "1", "bash started", 31) });
    clock.advance(3_600_000);
    log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 103_000, requests: 13 });
    const requests = form === "full" ? [" · 12 requests", " · 13 requests"] : ["", ""];
    const lines = io.text.stdout.slice(before).split("\n").filter((line) => line.startsWith("..."));
    expect(lines).toEqual([
      `... 1:43 / 30:00 · agent working · streaming for 1 min${requests[0]}`,
      ...(form === "full"
        ? [`... 1:01:43 / 30:00 · agent working · streaming for 1 h 1 min · quiet for 1 h${requests[1]}`]
        : ["... 1:01:43 / 30:00 · the agent is using bash · streaming for 1 h 1 min · quiet for 1 h"]),
    ]);
  }
});

test("LiveLog breaks long lines below their text, and every piece is inert", () => {
  const { io, log } = liveLog({ width: 40, env: { GITHUB_ACTIONS: "true" } });
  log.item({
    type: "event",
    event: event("one two three four ::error::x https://example.org/a/very/long/address five"),
  });
  expect(io.text.stdout.replace(/^.*stop-commands.*\n/, "")).toBe([
    "10:20:30  log       one two three four",
    "                    : :error::x",
    "                    https://example.org/a/very/long/address",
    "                    five",
    "",
  ].join("\n"));
});

test("LiveLog colors time and label where a CI system shows colors, and never what an agent says", () => {
  const { io, log, writer } = liveLog({ env: { GITLAB_CI: "true" }, width: 48 });
  writer.beginLog();
  const text = "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07link\x1b]8;;\x07 failed here and there";
  log.item({ type: "event", event: { ...event(text), type: "failed" } });
  log.item({ type: "event", event: { ...event("as it is"), type: "__proto__" } });
  expect(io.text.stdout.split("\n")).toEqual([
    "\x1b[2m10:20:30  \x1b[0m\x1b[31mfailed\x1b[0m    red link failed here and",
    "                    there",
    "10:20:30  __proto__ as it is",
    "",
  ]);
});
