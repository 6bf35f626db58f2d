import { expect, test } from "bun:test";
import { KEPT_LINES, LiveLog, MAX_EVENT_BYTES } from "../../lib/cli/live_log.ts";
import { Writer } from "../../lib/cli/writer.ts";
import { virtualClock } from "../../lib/clock.ts";
import type { RunEvent } from "../../lib/model.ts";
import type { LogForm } from "../../lib/cli/settings.ts";
import { detectPlatform } from "../../lib/platforms/detect.ts";
import { createRedactor } from "../../lib/redact.ts";
import { fakeIo } from "./fake_io.ts";

const RUN_ID = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";

function event(message: string, number = 0): RunEvent {
  const createdAt = "2026-09-01T10:20:30.5+00:00";
  return { id: `event-${number}`, type: "log", toolName: null, message, payload: {}, createdAt };
}

interface Given {
  env?: Record<string, string>;
  form?: LogForm | null;
  json?: boolean;
  terminal?: boolean;
}

function liveLog({ env = {}, form = "compact", json = false, terminal = false }: Given = {}) {
  const io = fakeIo({ env });
  const platform = detectPlatform(io.env);
  const clock = virtualClock({ auto: false });
  const writer = new Writer(io, platform, createRedactor({ token: "mog_liveLogToken00" }));
  return { io, clock, log: new LiveLog({ writer, platform, clock, form, json, terminal }) };
}

test("LiveLog prints one line an event, with the number of further lines, when the form is compact", () => {
  const { io, log } = liveLog();
  log.item({ type: "event", event: event("first\nsecond\nthird") });
  log.item({ type: "event", event: { ...event("x".repeat(400)), toolName: "edit" } });
  expect(io.text.stdout).toBe(
    `10:20:30  log  first (+2 lines)\n10:20:30  log  tool=edit  ${"x".repeat(274)}…[+126 characters]\n`,
  );
});

test("LiveLog prints all lines and the payload when the form is full", () => {
  const { io, log } = liveLog({ form: "full" });
  log.item({ type: "event", event: { ...event("first\nsecond"), payload: { stage: "install" } } });
  expect(io.text.stdout).toBe(`10:20:30  log  first\n    second\n    {"stage":"install"}\n`);
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

test("LiveLog folds the events where the CI system can, and closes the section once", () => {
  const { io, log } = liveLog({ env: { GITHUB_ACTIONS: "true" } });
  log.open(RUN_ID);
  log.open(RUN_ID);
  log.close();
  log.close();
  expect(io.text.stdout).toBe(`::group::Mogplex run ${RUN_ID}\n::endgroup::\n`);
});

test("LiveLog keeps only the last lines once the limit of bytes is reached, and says so", () => {
  const { io, log } = liveLog();
  const line = "y".repeat(280);
  const count = 8_000;
  for (let number = 0; number < count; number++) log.item({ type: "event", event: event(`${number} ${line}`) });
  const before = io.text.stdout;
  expect(before.length).toBeLessThan(MAX_EVENT_BYTES + 300);
  expect(before).toEndWith(
    `(the log is full at ${MAX_EVENT_BYTES} bytes of events: the last ${KEPT_LINES} lines follow at the end)\n`,
  );
  log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
  expect(io.text.stdout.slice(before.length)).toBe("... streaming for 1 min, 12 requests\n");
  log.close();
  const rest = io.text.stdout.slice(before.length).trimEnd().split("\n").slice(1);
  expect(rest[0]).toMatch(/^\(\d+ event lines left out, see the reports\)$/);
  expect(rest.length).toBe(KEPT_LINES + 1);
  expect(rest.at(-1)).toStartWith(`10:20:30  log  ${count - 1} yyy`);
});

test("LiveLog has no limit and no heartbeats on stdout when it prints JSON", () => {
  const { io, log } = liveLog({ json: true, env: { GITHUB_ACTIONS: "true" } });
  log.open(RUN_ID);
  const count = 100;
  for (let number = 0; number < count; number++) {
    log.item({ type: "event", event: event("z".repeat(30_000), number) });
  }
  log.item({ type: "status", status: "streaming", run: {} as never });
  log.notice({ kind: "heartbeat", status: "streaming", elapsedMs: 60_000, requests: 12 });
  log.close();
  const lines = io.text.stdout.trimEnd().split("\n").map((line) => JSON.parse(line) as RunEvent);
  expect(lines.map((each) => each.id)).toEqual(Array.from({ length: count }, (_, number) => `event-${number}`));
  expect(io.text.stderr).toBe("note: ... streaming for 1 min, 12 requests\n");
});

test("LiveLog redraws a status line on a terminal and clears it before each line", async () => {
  const { io, log, clock } = liveLog({ terminal: true });
  log.item({ type: "status", status: "streaming", run: {} as never });
  clock.advance(1_000);
  await Promise.resolve();
  await Promise.resolve();
  log.item({ type: "event", event: event("hello") });
  log.close();
  expect(io.text.stdout).toBe(
    "\r\x1b[Kstarting for 0 s\r\x1b[Kstatus streaming\n\r\x1b[Kstreaming for 1 s\r\x1b[K10:20:30  log  hello\n\r\x1b[K",
  );
});
