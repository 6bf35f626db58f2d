import { expect, test } from "bun:test";
import { recordOf } from "../../../lib/report/history.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import type { Outcome } from "../../../lib/run/result.ts";
import { breaches, elementsOf, textsOf } from "./page_parser.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "./sample.ts";

const ASKED = {
  repository: "acme/web",
  task: "Fix the flaky tests",
  files: ["src/a.ts", "src/b.ts"],
  finalMessage: "All 214 tests pass.",
};
const FAILED = {
  outcome: "failed",
  status: "failed",
  exitCode: 1,
  reason: "npm test exited with code 1",
  pullRequest: { state: "none", url: null },
  resume: null,
} as const;
const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Names and values of the lists of facts. */
function factsOf(page: string): Map<string, string> {
  const values = textsOf(page, "dd");
  return new Map(textsOf(page, "dt").map((name, index) => [name, values[index] ?? ""]));
}

/** Title, state and summary; then the panel with the reason. */
const topOf = (page: string) => [textsOf(page, "header")[0] ?? "", textsOf(page, "section")[0]?.trim() ?? ""];

test("renderRunPage() begins with the task, its state and what there is to do", () => {
  const top = (fields: Parameters<typeof sampleResult>[0]) =>
    topOf(renderRunPage({ ...sampleResult(), ...ASKED, ...fields }));
  expect(top({})).toEqual([
    "Fix the flaky testssucceededacme/web, by codex. Started 10 Aug 2026, 12:00 UTC, took 18 min 5 s.",
    "Pull request #7 is ready for reviewsrc/a.ts, src/b.ts. Review it",
  ]);
  expect(top({ ...FAILED, events: [], branch: { base: "main", requested: null, pushed: null } })).toEqual([
    "Fix the flaky testsfailedacme/web, by codex. Started 10 Aug 2026, 12:00 UTC, took 18 min 5 s.",
    "npm test exited with code 1It failed after 18 min 5 s, while the agent was working. Nothing was pushed, and no pull request was reported. " +
    "What to do: Read what the agent said and did last, make the task more precise, then start again." +
    "Start the task againmogplex-ci run --follow --repo acme/web --harness codex --new 'Fix the flaky tests'",
  ]);
  expect(top({ ...FAILED, outcome: "error", exitCode: 75 })[1]).toContain("nothing is started twice");
  const refused = { ...FAILED, outcome: "error", exitCode: 69, runId: null, mayExist: false } as const;
  expect(top(refused).join(" ")).toMatch(/not started.*retry the job: nothing was started\./);
  const error = { attempted: "read run", why: "no network", value: null, advice: "set MOGPLEX_URL" };
  const both = {
    ...FAILED,
    outcome: "error",
    exitCode: 69,
    error,
    reason: "Cannot read run: no network; set MOGPLEX_URL",
  };
  expect(top(both as never)[1]).toContain("What to do: Set MOGPLEX_URL");
});

test("renderRunPage() has no commands when the project has no program", () => {
  const render = (fields: Parameters<typeof sampleResult>[0], restart?: string) =>
    renderRunPage({ ...sampleResult(), ...ASKED, resumeIsCommand: false, ...fields }, { program: null, restart });
  const failed = render({ ...FAILED, events: [] });
  expect(topOf(failed)[1]).toEndWith("make the task more precise, then start again.");
  expect(textsOf(failed, "summary")).not.toContain("Reproduce");
  const late = render({ outcome: "deadline", exitCode: 124, resume: "retry this job" });
  expect(topOf(late)[1]).toContain("To follow it again: retry this job.");
  const stopped = (resume: string | null, restart?: string) =>
    topOf(render({ outcome: "interrupted", resume }, restart))[1];
  expect(stopped("retry this job")).toContain("What to do: To follow it again: retry this job.");
  expect(stopped("set the input run-id to x")).toContain("What to do: To follow it again: set the input run-id to x.");
  expect(stopped(null, "run this job again")).toContain("What to do: If you still need the run, run this job again.");
  for (const page of [failed, late]) expect(page).not.toContain('class="act');
});

test("renderRunPage() shows an instruction to continue as a sentence, also if the project has the program", () => {
  const at = { outcome: "deadline", exitCode: 124, resume: "retry this job", resumeIsCommand: false } as const;
  const page = renderRunPage(sampleResult(at));
  expect(topOf(page)[1]).toContain("To follow it again: retry this job.");
  expect(page).not.toContain("<code>retry this job");
  expect(page).not.toContain("Follow it again");
});

test("renderRunPage() has a state and a next step for every outcome", () => {
  const states: Record<Outcome, string> = {
    success: "succeeded",
    failed: "failed",
    cancelled: "cancelled",
    awaiting_input: "needs an answer",
    deadline: "no verdict",
    interrupted: "no verdict",
    started: "running",
    error: "no verdict",
  };
  for (const [outcome, state] of Object.entries(states) as [Outcome, string][]) {
    const page = renderRunPage(sampleResult({ outcome, exitCode: 75, resume: null }));
    expect([outcome, breaches(page)]).toEqual([outcome, []]);
    const [head = "", panel] = topOf(page);
    expect([outcome, head.includes(`Mogplex run${state}`)]).toEqual([outcome, true]);
    if (outcome !== "success") expect([outcome, panel]).toEqual([outcome, expect.stringContaining("What to do: ")]);
  }
});

test("renderRunPage() shows the question of an agent that waits, and where to answer it", () => {
  const events = [sampleEvent(0, { message: "May I change <timer.ts>?" })];
  const page = renderRunPage(sampleResult({ ...FAILED, outcome: "awaiting_input", reason: null, events }));
  expect(topOf(page)[1]).toStartWith("The agent is waiting for an answer What to do: ");
  expect(textsOf(page, "pre")).toContain("May I change <timer.ts>?");
  const linkOf = (origin: string, outcome: "awaiting_input" | "failed") =>
    elementsOf(renderRunPage(sampleResult({ ...FAILED, outcome, origin })))
      .find(({ text }) => text === "Open the app")?.attributes.href;
  const { runId } = sampleResult({});
  const commandsOf = (resume: string | null) =>
    textsOf(renderRunPage(sampleResult({ ...FAILED, outcome: "awaiting_input", resume })), "code");
  expect(commandsOf("mogplex-ci follow X")).toContain(`mogplex-ci runs cancel ${runId}`);
  expect(commandsOf(null)).not.toContain(`mogplex-ci runs cancel ${runId}`);
  expect(linkOf("https://mogplex.com", "awaiting_input")).toBe("https://mogplex.com/");
  // The page of a run on a local Mogplex: `lib/emulator/wire/routes.ts`.
  expect(linkOf("http://127.0.0.1:4000", "awaiting_input")).toBe(`http://127.0.0.1:4000/__runs/${runId}`);
  expect([linkOf("", "awaiting_input"), linkOf("https://mogplex.com", "failed")]).toEqual([undefined, undefined]);
});

test("renderRunPage() says after an interruption to follow a run that can be followed, and to start another one otherwise", () => {
  const step = (resume: string | null) => {
    const page = renderRunPage(sampleResult({ outcome: "interrupted", resume }));
    return /What to do: ([^.]*\.)/.exec(topOf(page)[1] ?? "")?.[1];
  };
  expect(step("mogplex-ci follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11")).toBe("Follow the run again.");
  expect(step(null)).toBe("Start the run again if you still need it.");
});

test("renderRunPage() shows what was asked, where, and what was done, and works without these fields", () => {
  const links = { job: "https://gitlab.example.com/j/1", commit: "https://gitlab.example.com/c/2" };
  const page = renderRunPage({ ...sampleResult(), ...ASKED }, { links });
  expect(textsOf(page, "h2")).toEqual([
    "Pull request #7 is ready for review",
    "Time",
    "Task and result",
    "Events",
    "More",
  ]);
  expect(textsOf(page, "h3")).toEqual(["Phases", "Task", "Last message from the agent", "Files changed"]);
  expect(textsOf(page, "summary").slice(-3)).toEqual([
    "Reproduce",
    "Requests: 34, some had to wait",
    "Identifiers and times",
  ]);
  const facts = factsOf(page);
  expect(facts.get("Repository")).toBe("acme/web");
  expect(facts.get("CI job")).toBe(links.job);
  expect(textsOf(page, "title")[0]).toBe("Succeeded: acme/web, Fix the flaky tests");
  const bare = renderRunPage(sampleResult());
  expect(factsOf(bare).get("Repository")).toBe("8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c");
  expect(textsOf(bare, "h3")).not.toContain("Task");
});

test("renderRunPage() does not claim that there is no pull request when it could not be seen", () => {
  const page = renderRunPage(sampleResult({ pullRequest: { state: "unknown", url: null }, events: [] }));
  expect(factsOf(page).get("Pull request")).toBe("unknown: no event shows one");
  expect(factsOf(renderRunPage(sampleResult(FAILED))).get("Pull request")).toBe("none");
});

test("renderRunPage() keeps the mark of an event with more to show beside its last word", () => {
  const page = renderRunPage(
    sampleResult({ events: [sampleEvent(0, { message: "All tests pass.\n\n", payload: { a: 1 } })] }),
  );
  const texts = elementsOf(page).filter(({ attributes }) => attributes.class === "what").map(({ text }) => text);
  expect(texts).toEqual(["All tests pass."]);
  // A blank would let the line break in front of the mark.
  const marks = [...page.matchAll(/content: ?"([^"]*25b[8e])"/g)].map(([, mark]) => mark);
  expect(marks).toEqual(["\\a0\\25b8", "\\a0\\25be"]);
});

test("renderRunPage() breaks no line between a number and its unit, and says which phase failed", () => {
  const page = renderRunPage({ ...sampleResult(), ...ASKED, ...FAILED });
  expect(page).toContain("took 18\u00a0min 5\u00a0s.");
  const during = (name: string, outcome: "failed" | "cancelled" = "failed") =>
    /It (?:failed|was cancelled) after[^.]*\./.exec(
      renderRunPage(
        sampleResult({ ...FAILED, outcome, phases: [{ name, startedAt: "2026-08-10T12:00:00Z", durationMs: 3_000 }] }),
      ),
    )?.[0];
  expect(["queue", "prepare", "agent", "deliver", "other"].map((name) => during(name))).toEqual([
    "It failed after 18\u00a0min 5\u00a0s, while it was queued.",
    "It failed after 18\u00a0min 5\u00a0s, while the sandbox was being prepared.",
    "It failed after 18\u00a0min 5\u00a0s, while the agent was working.",
    "It failed after 18\u00a0min 5\u00a0s, while the work was being delivered.",
    "It failed after 18\u00a0min 5\u00a0s.",
  ]);
  expect(during("queue", "cancelled")).toBe("It was cancelled after 18\u00a0min 5\u00a0s, while it was queued.");
  // Only the result of this run is not valid: it did not stop while its work was delivered.
  const invalid = renderRunPage(sampleResult({ ...FAILED, status: "success" }));
  expect(/It failed after/.exec(invalid)).toBeNull();
});

test("renderRunPage() does not show the failure of a run that was cancelled as its reason", () => {
  const events = [
    sampleEvent(0, { type: "cancelled", message: "Run cancelled" }),
    sampleEvent(1, { type: "failed", message: "ai_call is not pending" }),
  ];
  const page = renderRunPage(sampleResult({ ...FAILED, outcome: "cancelled", exitCode: 3, reason: null, events }));
  const evidence = elementsOf(page).find(({ attributes }) => attributes["aria-label"] === "Last lines")?.text;
  expect([evidence?.includes("Run cancelled"), evidence?.includes("ai_call")]).toEqual([true, false]);
  expect(factsOf(page).get("Status")).toBe("failed after the cancellation");
});

test("renderRunPage() has no pull request to wait for if the run was not started", () => {
  const refused = sampleResult({
    outcome: "error",
    exitCode: 2,
    runId: null,
    mayExist: false,
    branch: { base: null, requested: null, pushed: null },
    pullRequest: { state: "unknown", url: null },
  });
  const page = renderRunPage(refused);
  expect(textsOf(page, "dt").indexOf("Pull request")).toBeGreaterThanOrEqual(0);
  expect(textsOf(page, "dd")[textsOf(page, "dt").indexOf("Pull request")]).toBe("none");
});

test("renderRunPage() shows events with their numbers, types and quiet stretches, and what was not seen", () => {
  const events = [0, 1, 9].map((minute) =>
    sampleEvent(minute, { type: minute === 9 ? "failed" : "log", message: `m${minute}` })
  );
  const page = renderRunPage(sampleResult({
    events,
    eventsOmitted: 4,
    eventCount: { seen: 7, missed: true, windowFull: true },
  }));
  const rows = elementsOf(page).filter(({ tag, attributes }) => tag === "li" && attributes["data-k"] !== undefined);
  expect(rows.map(({ attributes }) => [attributes.id, attributes["data-k"]])).toEqual([
    ["e-1", "log"],
    ["e-2", "log"],
    ["e-3", "failed"],
  ]);
  expect(textsOf(page, "li").filter((text) => text.startsWith("Quiet"))).toEqual([
    "Quiet for 1 min",
    "Quiet for 8 min",
  ]);
  expect(page).toContain(
    "7 seen; times are relative to the start of the run. 4 of them are only in the ndjson report. Some were missed.",
  );
  expect(textsOf(page, "option")).toEqual(["All events", "log (2)", "failed (1)"]);
});

test("renderRunPage() gives the event finished no color, because the run may be waiting for an answer", () => {
  const classesOf = (type: string) => {
    const page = renderRunPage(sampleResult({ events: [sampleEvent(1, { type })] }));
    const list = page.slice(page.indexOf('<ol class="events"'));
    return list.slice(0, list.indexOf("</ol>")).match(/class="state [^"]*"/g) ?? [];
  };
  expect([classesOf("finished"), classesOf("failed")]).toEqual([[], ['class="state bad"']]);
});

test("renderRunPage() has one row for the start and the end of a tool, with what it did and how long it took", () => {
  const call = { kind: "tool", toolCallId: "c1" };
  const events = [
    sampleEvent(1, {
      type: "tool_started",
      toolName: "bash",
      message: "bash started",
      payload: { ...call, input: { command: "npm test" } },
    }),
    sampleEvent(2, { message: "meanwhile" }),
    sampleEvent(2, { message: "I run the tests", payload: { kind: "assistant_final" } }),
    sampleEvent(3, {
      type: "tool_finished",
      toolName: "bash",
      message: "bash finished",
      payload: { ...call, output: "12 passed" },
    }),
    sampleEvent(4, { type: "tool_started", toolName: "edit", message: "edit started", payload: { toolCallId: "c2" } }),
  ];
  const page = renderRunPage(sampleResult({ events }));
  const rows = elementsOf(page).filter(({ tag, attributes }) => tag === "li" && attributes["data-k"] !== undefined);
  expect(rows.map(({ attributes, text }) => [attributes.id, text.split("\n")[0]])).toEqual([
    ["e-1", "1:00toolbash: npm test · 2 min{"],
    ["e-2", "2:00logmeanwhile"],
    ["e-3", "2:00agentI run the tests{"],
    ["e-5", "4:00tooledit started{"],
  ]);
  expect(rows[0]?.text).toContain("12 passed");
  expect(breaches(page)).toEqual([]);
});

test("renderRunPage() draws a phase whose end was not seen, until the end of the job that started the run", () => {
  const startedAt = "2026-08-10T12:00:00Z";
  const page = renderRunPage(sampleResult({
    outcome: "interrupted",
    replayed: false,
    events: [],
    durationMs: 5_600,
    phases: [
      { name: "queue", startedAt, durationMs: 1_000 },
      { name: "prepare", startedAt, durationMs: 600 },
      { name: "agent", startedAt, durationMs: null },
    ],
  }));
  const [gantt] = elementsOf(page).filter(({ attributes }) => attributes.class === "gantt");
  expect(gantt?.text).toBe("queue1 sprepare0.6 sagent4 s so fardelivernot reached");
});

const lastLinesOf = (page: string) =>
  elementsOf(page).filter(({ attributes }) => attributes.class === "log").map(({ text }) => text);

test("renderRunPage() has the last events of a run that failed, with links into the list of events", () => {
  const events = [
    ...Array.from({ length: 8 }, (_, at) => sampleEvent(at, { message: `m${at}\nand on` })),
    sampleEvent(9, { type: "failed", message: "Agent run exited with code 1." }),
  ];
  const page = renderRunPage(sampleResult({ ...FAILED, events }));
  expect(lastLinesOf(page)).toEqual([
    "4:00m4 (+1 line)5:00m5 (+1 line)6:00m6 (+1 line)7:00m7 (+1 line)9:00Agent run exited with code 1.",
  ]);
  const links = elementsOf(page).filter(({ attributes }) => attributes.href?.startsWith("#e-")).slice(0, 5);
  expect(links.map(({ attributes }) => attributes.href)).toEqual(["#e-5", "#e-6", "#e-7", "#e-8", "#e-9"]);
  expect(breaches(page)).toEqual([]);
  expect(lastLinesOf(renderRunPage(sampleResult({ events })))).toEqual([]);
});

test("renderRunPage() has the last lines of the last tool of a run that failed, linked to the row of that tool", () => {
  const payload = { kind: "tool", toolCallId: "c1" };
  const events = [
    sampleEvent(0, { message: "before" }),
    sampleEvent(1, { type: "tool_started", toolName: "bash", payload: { ...payload, input: { command: "npm test" } } }),
    sampleEvent(2, {
      type: "tool_finished",
      toolName: "bash",
      payload: { ...payload, output: "1\n2\n3\n4\n5\n6\n  <7>\n" },
    }),
    sampleEvent(3, { type: "failed", message: "Agent run exited with code 1." }),
  ];
  const page = renderRunPage(sampleResult({ ...FAILED, events }));
  expect(lastLinesOf(page)).toEqual([
    "2:00bash: npm test2:0022:0032:0042:0052:0062:00  <7>3:00Agent run exited with code 1.",
  ]);
  expect(breaches(page)).toEqual([]);
});

test("renderRunPage() has the line in its beginning that says what went wrong, and not the inner lines of a stack trace", () => {
  const stack = [
    "Reading package.json",
    "x.mjs:7",
    "  throw e;",
    "  ^",
    "",
    "Error: EAGAIN",
    "    at read (x.mjs:7:9)",
  ];
  const lines = [...stack, "  errno: -11,", "  syscall: 'read'", "}", "", "Node.js v24.1.0"];
  const events = [
    ...lines.map((message) => sampleEvent(0, { message })),
    sampleEvent(1, { type: "failed", message: "" }),
  ];
  const page = renderRunPage(sampleResult({ ...FAILED, events }));
  expect(lastLinesOf(page)).toEqual(["0:00Reading package.json0:00x.mjs:70:00Error: EAGAIN0:00Node.js v24.1.0"]);
});

test("renderRunPage() has each line that the agent wrote in one event or in several, without the service's steps, and masks secrets in them", () => {
  const piece = (index: number, message: string) =>
    sampleEvent(index, { message, payload: { kind: "assistant_delta" } });
  const events = [
    sampleEvent(0, { type: "started", message: "Harness run started: codex" }),
    piece(1, "2 of 214 tests fail: TypeError\n  The key is here:\nThe key is mog_se"),
    piece(2, "cret, so there is no pull request.\n"),
    sampleEvent(3, { type: "failed", message: "Agent run exited with code 1." }),
  ];
  const redact = (text: string) => text.replaceAll("mog_secret", "[redacted]");
  expect(lastLinesOf(renderRunPage(sampleResult({ ...FAILED, events }), { redact }))).toEqual([
    "1:002 of 214 tests fail: TypeError2:00The key is [redacted], so there is no pull request." +
    "3:00Agent run exited with code 1.",
  ]);
});

test("renderRunPage() has what the agent wrote after its last tool, below the output of the tool", () => {
  const events = [
    sampleEvent(0, { message: "before" }),
    sampleEvent(1, { type: "tool_finished", toolName: "bash", message: "npm test", payload: { output: "1 failed" } }),
    sampleEvent(2, { message: "I cannot fix this test.", payload: { kind: "assistant_final" } }),
    sampleEvent(3, { type: "failed", message: "" }),
  ];
  expect(lastLinesOf(renderRunPage(sampleResult({ ...FAILED, events })))).toEqual([
    "1:00npm test1:001 failed2:00I cannot fix this test.",
  ]);
});

test("renderRunPage() says why it has no task when another job has started the run", () => {
  const about = (fields: object) => textsOf(renderRunPage(sampleResult(fields)), "section")[2] ?? "";
  const why = "TaskThe task is known only to the job that started the run: the service does not return it.";
  expect(about({ replayed: null })).toContain(why);
  for (const fields of [{ replayed: false }, { replayed: null, task: "Fix it" }, { replayed: null, runId: null }]) {
    expect([fields, about(fields).includes(why)]).toEqual([fields, false]);
  }
});

test("renderRunPage() has commands that start the task again as it was asked for, or say what is missing", () => {
  const commands = (fields: object, options = {}) =>
    textsOf(renderRunPage({ ...sampleResult(), ...ASKED, ...fields }, options), "code")
      .filter((text) => text.includes(" run --follow"));
  const settings = [{ name: "timeout", value: "25m", from: "flag" }, { name: "mode", value: "x", from: "default" }];
  expect(commands({ task: "Fix the user's tests" }, { program: "node ci/mogplex.mjs", settings })).toEqual([
    "node ci/mogplex.mjs run --follow --repo acme/web --harness codex --timeout 25m --new 'Fix the user'\\''s tests'",
    "mogplex-emulator exec --scenario success -- node ci/mogplex.mjs run --follow 'Try it'",
  ]);
  const harness = (from: string) =>
    commands({ task: "x" }, { settings: [{ name: "harness", value: "claude-code", from }] })[0];
  expect(harness("default")).toBe("mogplex-ci run --follow --repo acme/web --new x");
  expect(harness("MOGPLEX_HARNESS")).toBe("mogplex-ci run --follow --repo acme/web --harness claude-code --new x");
  const hidden = renderRunPage({ ...sampleResult(), ...ASKED, task: null });
  expect(hidden).toContain("This page does not contain the task. Save your task as task.md");
  expect(commands({ task: "x".repeat(5_000) })[0]).toEndWith("--new --prompt-file task.md");
  expect(textsOf(renderRunPage(sampleResult({ origin: "http://127.0.0.1:8080" })), "code")).toContain(
    "export MOGPLEX_URL=http://127.0.0.1:8080 MOGPLEX_DEV=1",
  );
});

test("renderRunPage() has the comment that repeats a run, and no command for it, when a comment asked for the run", () => {
  const page = renderRunPage({ ...sampleResult(), ...ASKED, ...FAILED }, { repeat: "@mogplex again" });
  expect(textsOf(page, "code")).toContain("@mogplex again");
  expect(page).toContain("To repeat the task, write this comment in the thread of the request");
  expect([page.includes("Start the task again"), page.includes("--new")]).toEqual([false, false]);
});

test("renderRunPage() has no command for a second agent when a run whose id is unknown may be running", () => {
  const page = (mayExist: boolean) =>
    renderRunPage({ ...sampleResult(), ...ASKED, outcome: "error", exitCode: 69, runId: null, resume: null, mayExist });
  expect([page(false).includes("Start the task again"), page(false).includes("--new")]).toEqual([true, true]);
  expect([page(true).includes("Start the task again"), page(true).includes("--new")]).toEqual([false, false]);
});

test("renderRunPage() has a command that asks for the same file, on the same branch, or continues the same pull request", () => {
  const command = (set: Record<string, string>) =>
    textsOf(
      renderRunPage({ ...sampleResult(), ...ASKED }, {
        settings: Object.entries(set).map(([name, value]) => ({ name, value, from: "flag" })),
      }),
      "code",
    ).find((text) => text.includes(" run --follow"))?.replace(
      "mogplex-ci run --follow --repo acme/web --harness codex ",
      "",
    );
  const file = { result: "out/answer.json", schema: "ci/my answer.json", "result-retries": "1" };
  expect(command(file)).toBe(
    "--result out/answer.json --schema 'ci/my answer.json' --result-retries 1 --new 'Fix the flaky tests'",
  );
  expect(command({ branch: "topic", "create-branch": "true" })).toBe(
    "--branch topic --create-branch --new 'Fix the flaky tests'",
  );
  expect(command({ "create-branch": "0" })).toBe("--no-create-branch --new 'Fix the flaky tests'");
  expect(command({ after: "42", branch: "topic" })).toBe("--after 42 --new 'Fix the flaky tests'");
  expect(command({ after: "42", fix: "checks" })).toBe("--after 42 --fix checks --new");
});

test("renderRunPage() has the time of all phases above them, with the time of the job if that is longer, and no cut reason as its heading", () => {
  const phases = [["queue", 0], ["prepare", 400], ["agent", 100]].map(([name, durationMs]) => ({
    name: String(name),
    startedAt: "2026-09-01T00:00:00.000Z",
    durationMs: Number(durationMs),
  }));
  const page = renderRunPage(sampleResult({ phases, durationMs: 1_500, outcome: "success" }));
  const sum = (text: string) => /Phases<\/h3>.*?>([^<]*)<\/span>/s.exec(text)?.[1];
  expect(sum(page)).toBe("0.5\u00a0s (the command took 1.5\u00a0s)");
  const exact = renderRunPage(sampleResult({ phases, durationMs: 500, outcome: "success" }));
  expect(sum(exact)).toBe("0.5\u00a0s");
  const reason = `Cannot use run id because ${"no id starts with these digits, ".repeat(8)}and that is all`;
  const long = renderRunPage(sampleResult({ outcome: "error", exitCode: 2, runId: null, mayExist: false, reason }));
  expect(long).not.toContain("characters]");
  expect(long.split("and that is all").length - 1).toBe(1);
});

test("renderRunPage() shows an automation run, which has no events and no branch", () => {
  const page = renderRunPage(sampleAutomationResult());
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual(["Mogplex automation run"]);
  expect(factsOf(page).has("Pull request")).toBe(false);
});

test("renderRunPage() has at most 60 KB for a run of which nothing is known, and 3 MB for 200 events of 20 KB", () => {
  expect(bytes(renderRunPage(sampleResult({ events: [], phases: [], waits: [] })))).toBeLessThan(60_000);
  for (const text of ["x", '"', "<", "\u20ac", "\ud83d\ude00"]) {
    const payload = { output: text.repeat(20_000 / text.length) };
    const events = Array.from({ length: 200 }, (_, index) => sampleEvent(index, { message: payload.output, payload }));
    const page = renderRunPage(sampleResult({ events }));
    expect([text, bytes(page) < 3_000_000, bytes(page) > 1_000_000]).toEqual([text, true, true]);
    expect(page).toContain("characters]");
  }
});

test("renderRunPage() shows where each setting came from, beginning with those that were set", () => {
  const page = renderRunPage(sampleResult(), {
    settings: [
      { name: "log", value: "compact", from: "default" },
      { name: "timeout", value: "<1500>", from: "flag" },
      { name: "out", value: "reports", from: "MOGPLEX_OUT" },
    ],
  });
  expect(textsOf(page, "summary")).toContain("Settings: 2 set, 1 defaults");
  const rows = textsOf(page, "tr").filter((row) => /timeout|reports|compact/.test(row));
  expect(rows).toEqual(["timeout<1500>--timeout", "outreportsMOGPLEX_OUT", "logcompactdefault"]);
});

test("renderRunPage() shows the runs before, and how this one compares", () => {
  const before = recordOf(sampleResult({ ...FAILED, runId: "<b>1</b>" }), Date.parse("2026-08-09T12:00:00Z"), null);
  const runs = before === undefined ? [] : [before, { ...before, runId: "2" }];
  const earlier = { sentence: "Compared with <i>it</i>: longer.", streak: 1, runs };
  const page = renderRunPage(sampleResult(), { earlier });
  expect(breaches(page)).toEqual([]);
  expect(page).not.toContain("<i>it</i>");
  expect(topOf(page)[0]).toEndWith("took 18 min 5 s. Compared with <i>it</i>: longer.");
  for (const each of ["failed", "<b>1</b>"]) expect(textsOf(page, "main")[0]).toContain(each);
  expect(textsOf(page, "h3")).toContain("Last 3 runs");
  const failed = renderRunPage(sampleResult(FAILED), { earlier: { ...earlier, streak: 3 } });
  expect(topOf(failed)[0]).toEndWith("took 18 min 5 s. Third failure in a row.");
  // Two columns show no trend.
  expect(textsOf(renderRunPage(sampleResult(), { earlier: { ...earlier, runs: runs.slice(1) } }), "h3")).not.toContain(
    "Last 2 runs",
  );
});
