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

test("renderRunPage() says in its first lines how the run ended, why, and what to do", () => {
  const top = (fields: Parameters<typeof sampleResult>[0]) => textsOf(renderRunPage(sampleResult(fields)), "header")[0];
  expect(top({ resume: null })).toBe(
    "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c → PR #7 (18 min 5 s)success, exit code 0What to do: Review the pull request https://github.com/acme/web/pull/7",
  );
  expect(top(FAILED)).toStartWith(
    "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c → failed in the agent's work (18 min 5 s)failed, exit code 1npm test exited with code 1",
  );
  expect(top({ ...FAILED, outcome: "error", exitCode: 75 })).toContain("nothing is started twice");
  const refused = { ...FAILED, outcome: "error", exitCode: 69, runId: null, mayExist: false } as const;
  expect(top(refused)).toMatch(/→ not started .* exit code 69.*retry the job: nothing was started\./);
  const error = { attempted: "read run", why: "no network", value: null, advice: "set MOGPLEX_URL" };
  const both = {
    ...FAILED,
    outcome: "error",
    exitCode: 69,
    error,
    reason: "Cannot read run: no network; set MOGPLEX_URL",
  };
  expect(top(both as never)).toContain("What to do: set MOGPLEX_URL");
});

test("renderRunPage() has a next step for every outcome", () => {
  const outcomes: Outcome[] = [
    "success",
    "failed",
    "cancelled",
    "awaiting_input",
    "deadline",
    "interrupted",
    "started",
  ];
  for (const outcome of outcomes) {
    const page = renderRunPage(sampleResult({ outcome, resume: null }));
    expect([outcome, breaches(page)]).toEqual([outcome, []]);
    expect(textsOf(page, "header")[0]).toContain("What to do: ");
  }
});

test("renderRunPage() says after an interruption to follow a run that can be followed, and to start another one otherwise", () => {
  const step = (resume: string | null) => {
    const page = renderRunPage(sampleResult({ outcome: "interrupted", resume }));
    return /What to do: ([^.]*\.)/.exec(textsOf(page, "header")[0] ?? "")?.[1];
  };
  expect(step("mogplex-ci follow 5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11")).toBe("Follow the run again.");
  expect(step(null)).toBe("Start the run again if it is still wanted.");
});

test("renderRunPage() shows what was asked, where, and what was done, and works without these fields", () => {
  const links = { job: "https://gitlab.example.com/j/1", commit: "https://gitlab.example.com/c/2" };
  const page = renderRunPage({ ...sampleResult(), ...ASKED }, { links });
  expect(textsOf(page, "h2")).toEqual([
    "What it is about",
    "Task",
    "Where the time went",
    "Files changed",
    "What the agent said last",
    "Events",
    "Requests and waits",
    "Reproduce",
    "Details",
  ]);
  const facts = factsOf(page);
  expect(facts.get("Repository")).toBe("acme/web");
  expect(facts.get("CI job")).toBe(links.job);
  expect(textsOf(page, "title")[0]).toBe("acme/web: Fix the flaky tests → PR #7 (2 files, 18 min 5 s)");
  const bare = renderRunPage(sampleResult());
  expect(factsOf(bare).get("Repository")).toBe("8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c");
  expect(textsOf(bare, "h2")).not.toContain("Task");
});

test("renderRunPage() does not claim that there is no pull request when it could not be seen", () => {
  const page = renderRunPage(sampleResult({ pullRequest: { state: "unknown", url: null }, events: [] }));
  expect(factsOf(page).get("Pull request")).toBe("not known: no event names one");
  expect(factsOf(renderRunPage(sampleResult(FAILED))).get("Pull request")).toBe("none");
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
  expect(textsOf(page, "li").filter((text) => text.startsWith("quiet"))).toEqual([
    "quiet for 1 min",
    "quiet for 8 min",
  ]);
  expect(page).toContain(
    "7 events seen. 4 of them are not on this page; the report ndjson has all. Some went by unseen.",
  );
  expect(textsOf(page, "nav")[0]).toContain("log (2)");
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
  const [bar] = elementsOf(page).filter(({ attributes }) => attributes.role === "img");
  expect(bar?.attributes["aria-label"]).toBe("time by phase: queue 1 s, prepare 0.6 s, agent 4 s so far");
  expect(elementsOf(page).filter(({ attributes }) => "stroke-dasharray" in attributes).length).toBe(1);
});

test("renderRunPage() has the last five events in the beginning of a run that did not succeed, with links", () => {
  const events = Array.from({ length: 8 }, (_, at) => sampleEvent(at, { message: `m${at}\nand on` }));
  const page = renderRunPage(sampleResult({ ...FAILED, events }));
  const top = textsOf(page, "header")[0] ?? "";
  expect(top).toContain("Last events, in UTC:");
  for (const each of [3, 4, 5, 6, 7]) expect(top).toContain(`m${each}`);
  expect([top.includes("m2"), top.includes("and on")]).toEqual([false, false]);
  expect(breaches(page)).toEqual([]);
  expect(textsOf(renderRunPage(sampleResult({ events })), "header")[0]).not.toContain("Last events, in UTC:");
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
  const shown = elementsOf(page).filter(({ attributes }) => attributes.class === "what").slice(0, 5);
  expect(shown.map(({ text }) => text)).toEqual([
    "Reading package.json",
    "x.mjs:7",
    "Error: EAGAIN",
    "Node.js v24.1.0",
    "",
  ]);
  const links = elementsOf(page).filter(({ attributes }) => attributes.href?.startsWith("#e-")).slice(0, 5);
  expect(links.map(({ attributes }) => attributes.href)).toEqual(["#e-1", "#e-2", "#e-6", "#e-12", "#e-13"]);
});

test("renderRunPage() has commands that start the task again as it was asked for, or say what is missing", () => {
  const commands = (fields: object, options = {}) =>
    textsOf(renderRunPage({ ...sampleResult(), ...ASKED, ...fields }, options), "pre")
      .filter((text) => text.includes(" run --follow"));
  const settings = [{ name: "timeout", value: "25m", from: "flag" }, { name: "mode", value: "x", from: "default" }];
  expect(commands({ task: "Fix the user's tests" }, { program: "node ci/mogplex.mjs", settings })).toEqual([
    "node ci/mogplex.mjs run --follow --repo acme/web --harness codex --timeout 25m --new 'Fix the user'\\''s tests'",
    "mogplex-emulator exec --scenario success -- node ci/mogplex.mjs run --follow 'Try it'",
  ]);
  const hidden = renderRunPage({ ...sampleResult(), ...ASKED, task: null });
  expect(hidden).toContain("The task is not on this page. Write it to <code><bdi>task.md</bdi></code>");
  expect(commands({ task: "x".repeat(5_000) })[0]).toEndWith("--new --prompt-file task.md");
  expect(textsOf(renderRunPage(sampleResult({ origin: "http://127.0.0.1:8080" })), "pre")).toContain(
    "export MOGPLEX_URL=http://127.0.0.1:8080 MOGPLEX_DEV=1",
  );
});

test("renderRunPage() says nothing twice: no caption is to be seen below a heading", () => {
  const page = renderRunPage(sampleResult());
  const spans = elementsOf(page).filter(({ attributes }) => attributes.class === "hide").map(({ text }) => text);
  expect(textsOf(page, "caption")).toEqual(spans);
});

test("renderRunPage() shows an automation run, which has no events and no branch", () => {
  const page = renderRunPage(sampleAutomationResult());
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual(["8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c → success (10 min 20 s)"]);
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
  expect(textsOf(page, "h2")).toContain("Settings");
  const rows = textsOf(page, "tr").filter((row) => /timeout|reports|compact/.test(row));
  expect(rows).toEqual(["timeout<1500>--timeout", "outreportsMOGPLEX_OUT", "logcompactdefault"]);
});

test("renderRunPage() shows the runs before, and how this one compares", () => {
  const before = recordOf(sampleResult({ ...FAILED, runId: "<b>1</b>" }), Date.parse("2026-08-09T12:00:00Z"), null);
  const runs = before === undefined ? [] : [before];
  const page = renderRunPage(sampleResult(), { earlier: { sentence: "Compared with <i>it</i>: longer.", runs } });
  expect(breaches(page)).toEqual([]);
  const [text = ""] = textsOf(page, "section#earlier").concat(textsOf(page, "main"));
  expect(page).not.toContain("<i>it</i>");
  for (const each of ["Compared with <i>it</i>: longer.", "failed", "<b>1</b>"]) expect(text).toContain(each);
  expect(textsOf(renderRunPage(sampleResult()), "h2")).not.toContain("The runs before it");
});
