import { expect, test } from "bun:test";
import { progressNote, resultNote } from "../../../lib/report/note_text.ts";
import type { RunResult } from "../../../lib/run/result.ts";
import { sampleEvent, sampleResult } from "./sample.ts";

const SINCE = Date.parse("2026-12-01T06:16:00Z");
const JOB = "https://gitlab.example.com/j/1";
const PAGE = "https://gitlab.example.com/run.html";
const PROGRESS = { links: { job: JOB }, since: SINCE, nowMs: SINCE + 240_000, task: "fix the failing test" };

test("progressNote() says how long the run has been going, in which phase it is, and how to stop it", () => {
  expect(progressNote({
    ...PROGRESS,
    phase: "agent",
    phaseSince: SINCE + 50_000,
    ended: [["queue", 9_000], ["prepare", 41_000]],
    last: { type: "tool_started", at: "2026-12-01T06:20:00.123456+00:00" },
    stop: "@mogplex stop",
  })).toBe(`⏳ **Running** for 4 min: \`fix the failing test\`

✓ queue 9 s · ✓ prepare 41 s · **agent 3 min 10 s** · deliver

Last event at 06:20 UTC: a tool call

[Log](<${JOB}>) · To cancel, write \`@mogplex stop\`
`);
});

test("progressNote() shows no duration of zero, which would stay until the next event", () => {
  const text = progressNote({ ...PROGRESS, nowMs: SINCE, phase: "queue", phaseSince: SINCE });
  expect(text).toStartWith("⏳ **Running**: `fix the failing test`\n\n**queue** · prepare · agent · deliver\n");
});

test("progressNote() of a note that changes rarely has the time in the place of durations, and no last event", () => {
  expect(progressNote({
    ...PROGRESS,
    phase: "agent",
    phaseSince: SINCE + 50_000,
    ended: [["queue", 9_000], ["prepare", 41_000]],
    last: { type: "log", at: "2026-12-01T06:20:00Z" },
    isRare: true,
  })).toBe(`⏳ **Running**, as of 06:20 UTC: \`fix the failing test\`

✓ queue 9 s · ✓ prepare 41 s · **agent** · deliver

[Log](<${JOB}>)
`);
});

test("progressNote() before there is a run says why it cannot start yet", () => {
  const starting = { ...PROGRESS, links: {}, phase: "start", phaseSince: SINCE };
  expect(progressNote({ ...starting, trouble: "The service does not answer." })).toBe(
    "⏳ **Starting**: `fix the failing test`\n\nThe service does not answer.\n",
  );
  expect(progressNote({ ...starting, task: undefined })).toBe("⏳ **Starting**\n");
});

const note = (fields: Partial<RunResult>, options: Partial<Parameters<typeof resultNote>[1]> = {}) =>
  resultNote(sampleResult({ events: [], resume: null, ...fields }), {
    ...{ mayLink: () => true, links: { job: JOB, page: PAGE }, redact: (text) => text },
    ...{ pullName: (url) => url === "https://github.com/acme/web/pull/7" ? "#7" : undefined },
    ...options,
  });

const FAILED = {
  outcome: "failed",
  status: "failed",
  exitCode: 1,
  reason: "Agent run exited with code 1.",
  pullRequest: { state: "none", url: null },
  branch: { base: "main", requested: null, pushed: null },
} as const;

test("resultNote() of a success is the pull request, the first file and the links", () => {
  expect(note({ files: ["src/cart/total.ts", "src/cart/timer.ts"] })).toBe(
    `✅ **Succeeded** in 18 min: [#7](<https://github.com/acme/web/pull/7>) is ready for review

\`src/cart/total.ts\` and 1 more file · [Report](<${PAGE}>) · [Log](<${JOB}>)
`,
  );
});

test("resultNote() says why the work is on another branch than the requested one", () => {
  const of = (requested: string, pushed: string) => note({ branch: { base: "main", requested, pushed } });
  expect(of("feature", "mogplex/agent-1")).toContain(
    "\n\nThe branch `feature` does not exist on GitHub, or its last pull request there is closed. The agent worked on " +
      "`mogplex/agent-1`.\n\n",
  );
  for (const [requested, pushed] of [["feature", "feature"], ["main", "mogplex/agent-1"]] as const) {
    expect(of(requested, pushed)).not.toContain("does not exist");
  }
});

test("resultNote() names the task only if it is not above the note, as inert and masked text", () => {
  const task = "ask @kim `now` for mog_secret\nand more";
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  const [first, , second] = note({}, { task, isRepeated: true, redact }).split("\n");
  expect([first, second]).toEqual([
    "✅ **Succeeded** in 18 min: [#7](<https://github.com/acme/web/pull/7>) is ready for review",
    "Repeated task: ``ask @kim `now` for [redacted]``",
  ]);
  expect(note({}, { task })).not.toContain("ask");
  expect(note({}, { isRepeated: true })).not.toContain("Repeated");
});

test("resultNote() names a pull request of another project by its address, as code where a link would leave a mark", () => {
  const url = "https://git.example.com/a/b/pulls/1";
  const pullRequest = { state: "open", url } as const;
  expect(note({ pullRequest }).split("\n")[0]).toBe(
    `✅ **Succeeded** in 18 min: [${url}](<${url}>) is ready for review`,
  );
  expect(note({ pullRequest }, { mayLink: () => false }).split("\n")[0]).toBe(
    `✅ **Succeeded** in 18 min: \`${url}\` is ready for review`,
  );
});

test("resultNote() has the answer of an agent that changed nothing, and folds the last message otherwise", () => {
  const answer = { finalMessage: "The timer is created at import.", changed: false } as const;
  const none = { pullRequest: { state: "none", url: null }, branch: FAILED.branch } as const;
  expect(note({ ...answer, ...none })).toBe(`✅ **Finished** in 18 min: nothing was changed

 \`\`\`text
 The timer is created at import.
 \`\`\`

[Report](<${PAGE}>) · [Log](<${JOB}>)
`);
  const firstLine = (task: string, more: Partial<RunResult> = {}) =>
    note({ ...answer, ...none, ...more }, { task }).split("\n")[0];
  expect(["Why?", "Is it red? Look.", "为什么？", "Is `a` used (or `b`?)"].map((task) => firstLine(task))).toEqual(
    Array(4).fill("✅ **Answered** in 18 min"),
  );
  expect(["fix it", "Read https://x.example/?a=1"].map((task) => firstLine(task))).toEqual(
    Array(2).fill("✅ **Finished** in 18 min: nothing was changed"),
  );
  expect(firstLine("Why?", { finalMessage: null })).toBe("✅ **Finished** in 18 min: nothing was changed");
  expect(note({ finalMessage: "Done." })).toContain("<details><summary>Last message from the agent</summary>");
});

test("resultNote() of a failure has the reason, how often it failed in a row, what to do, and the last lines", () => {
  const events = [sampleEvent(0, { message: "FAIL tests/checkout/coupon.test.ts" })];
  expect(
    note({ ...FAILED, events }, { streak: 3, steps: { failed: ["To try again, write ", { name: "@mogplex again" }] } }),
  )
    .toBe(`❌ **Failed** after 18 min: \`Agent run exited with code 1.\`

Third failure in a row. Nothing was pushed. To try again, write \`@mogplex again\`

<details><summary>Last lines</summary>

 \`\`\`text
 12:00:00  log       FAIL tests/checkout/coupon.test.ts
 \`\`\`

</details>

[Report](<${PAGE}>) · [Log](<${JOB}>)
`);
});

test("resultNote() of an agent that waits has the question, where to answer it, and how to stop it", () => {
  const events = [sampleEvent(0, { message: "May I change src/cart/timer.ts?" })];
  const waiting = {
    ...FAILED,
    outcome: "awaiting_input",
    status: "awaiting_input",
    exitCode: 4,
    reason: null,
    events,
  } as const;
  expect(note(waiting, { stop: "@mogplex stop", links: {} })).toBe(
    `⚠️ **Needs attention**: the agent is waiting for an answer

 \`\`\`text
 May I change src/cart/timer.ts?
 \`\`\`

Replies in this thread do not reach the agent. Answer in the [app](<https://mogplex.com/>) (run \`3f0f6f0a\`), or cancel the run with \`@mogplex stop\`.
`,
  );
});

test("resultNote() has the whole reason in a block where it is longer than a line", () => {
  const text = note({ ...FAILED, reason: "fatal: a\nfatal: b" });
  expect(text).toContain("❌ **Failed** after 18 min: `fatal: a`\n\n ```text\n fatal: a\n fatal: b\n ```\n");
});
