import { expect, test } from "bun:test";
import { cleanResult } from "../../../lib/run/clean.ts";
import { renderMarkdown } from "../../../lib/report/markdown.ts";
import { outlineMarkdown } from "../hostile/parsers/markup_parsers.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "./sample.ts";

const TOLD = {
  repository: "acme/web",
  task: "# Fix the flaky tests\n\n1\n2\n3\n4\nfifth\nsixth",
  files: ["src/a.ts", "src/b|c.ts"],
  finalMessage: "Fixed. **Look** at it.",
};

test("renderMarkdown() tells a success: what came of which task, the agent's last words, all else folded", () => {
  expect(renderMarkdown(sampleResult(TOLD), { redact: (text) => text })).toBe(
    `## ✅ \`acme/web\`: \`Fix the flaky tests …\` → [PR #7](<https://github.com/acme/web/pull/7>) (2 files, 18 min 5 s)

Follow it again:

 \`\`\`text
 mogplex-ci follow 3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21
 \`\`\`

### Task

 \`\`\`text
 # Fix the flaky tests
 
 1
 2
 3
 4
 \`\`\`

<details><summary>The rest of the task</summary>

 \`\`\`text
 fifth
 sixth
 \`\`\`

</details>

### Last message from the agent

 \`\`\`text
 Fixed. **Look** at it.
 \`\`\`

### Files committed at the end of the run

- \`src/a.ts\`
- \`src/b│c.ts\`

<details><summary>Technical details</summary>

| Fact | Value |
| --- | --- |
| Run | \`3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21\` |
| Repository | \`acme/web\` |
| Agent | \`codex\` |
| Status | \`success\` |
| Exit code | 0 |
| Changes | yes |
| Branch | \`mogplex/external/70a41ec8-9562673e\` |
| Base branch | \`main\` |
| Pull request | [\`https://github.com/acme/web/pull/7\`](<https://github.com/acme/web/pull/7>) |
| Started | by this command |
| Idempotency key | \`ci1-0123456789abcdef0123456789abcdef01234567\` |
| Created | \`2026-08-10T12:00:00.021234+00:00\` |
| Events | 6 seen |
| Requests | 34 |
| Duration of the command | 18 min 5 s |

### Phases

| Phase | Started | Duration |
| --- | --- | --- |
| \`queue\` | \`2026-08-10T12:00:00.021Z\` | 3 min |
| \`prepare\` | \`2026-08-10T12:03:00.021Z\` | 2 min |
| \`agent\` | \`2026-08-10T12:05:00.021Z\` | end not seen |

### Waits

| Cause | Times | Total |
| --- | --- | --- |
| rate limit of the token | 2 | 1 min 1 s |

</details>
`,
  );
});

test("renderMarkdown() tells a failure: the reason follows the verdict, and what is unknown is called so", () => {
  const markdown = renderMarkdown(
    sampleResult({
      outcome: "failed",
      exitCode: 1,
      status: "failed",
      reason: "The agent finished, but GitHub delivery failed:\nfatal: ``` rejected",
      failureCode: "command_failed",
      replayed: true,
      branch: { base: null, requested: "fix/it", pushed: null },
      pullRequest: { state: "unknown", url: null },
      changed: null,
      events: [],
      eventCount: { seen: 200, missed: true, windowFull: true },
    }),
    { redact: (text) => text },
  );
  expect(markdown.startsWith(
    "## ❌ `8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c` → failed: the agent failed (18 min 1 s)\n\n" +
      "Mogplex run failed (exit code 1).\n\n" +
      " ````text\n The agent finished, but GitHub delivery failed:\n fatal: ``` rejected\n ````\n\n" +
      "**What to do now:** Read the last lines of the log, ",
  )).toBe(true);
  for (
    const row of [
      "| Failure code | `command_failed` |",
      "| Branch | `fix/it` (nothing pushed) |",
      "| Pull request | none reported |",
      "| Started | earlier; this command attached to it |",
      "| Duration | 18 min 1 s |",
      "| Events | 200 seen; some were missed; later events are not visible because the event feed is full |",
    ]
  ) expect(markdown).toContain(`${row}\n`);
});

test("renderMarkdown() tells that nothing was changed and that there is no pull request", () => {
  const markdown = renderMarkdown(
    sampleResult({
      branch: { base: "main", requested: null, pushed: null },
      pullRequest: { state: "none", url: null },
      changed: false,
    }),
    { redact: (text) => text },
  );
  expect(markdown).toContain("| Changes | no |\n| Branch | nothing to push |\n");
  expect(markdown).toContain("| Pull request | none |\n");
});

test("renderMarkdown() folds the quote below the rule that ends a task", () => {
  const task = "Fix the test.\n\n---\n\nThe task was given on issue 8.";
  const text = renderMarkdown(sampleResult({ task }), { redact: (text) => text });
  expect(text).toContain(
    "### Task\n\n ```text\n Fix the test.\n ```\n\n<details><summary>The rest of the task</summary>\n\n ```text\n ---\n \n The task",
  );
});

test("renderMarkdown() links the job on its CI system, as far as that is known", () => {
  const links = { job: "https://gitlab.example/acme/web/-/jobs/9001", commit: "https://gitlab.example/a|b" };
  const markdown = renderMarkdown(sampleResult(), { redact: (text) => text, links });
  expect(markdown).toContain(
    "| CI job | [`https://gitlab.example/acme/web/-/jobs/9001`](<https://gitlab.example/acme/web/-/jobs/9001>) |\n" +
      "| CI commit | [`https://gitlab.example/a│b`](<https://gitlab.example/a%7Cb>) |",
  );
  expect(markdown).not.toContain("CI pipeline");
  for (
    const [noun, pipeline, pipelineNoun] of [
      ["pipeline", "https://gitlab.example/acme/web/-/pipelines/7", undefined],
      ["workflow run", "https://github.example/acme/web/actions/runs/7/attempts/1", "workflow run"],
    ] as const
  ) {
    const text = renderMarkdown(sampleResult(), { redact: (text) => text, links: { pipeline, pipelineNoun } });
    expect(text).toContain(`| CI ${noun} | [\`${pipeline}\`](<${pipeline}>) |`);
  }
});

test("renderMarkdown() shows an address as text where it may not be a link", () => {
  const seen: string[] = [];
  const mayLink = (url: string) => seen.push(url) === 0;
  const markdown = renderMarkdown(sampleResult(), { redact: (text) => text, mayLink });
  expect(markdown).toContain("| Pull request | `https://github.com/acme/web/pull/7` |\n");
  expect(markdown).toMatch(/^## .* → `PR #7` \(/);
  expect(new Set(seen)).toEqual(new Set(["https://github.com/acme/web/pull/7"]));
});

test("renderMarkdown() has a heading for every outcome", () => {
  const outcomes = [
    "success",
    "failed",
    "cancelled",
    "awaiting_input",
    "deadline",
    "interrupted",
    "started",
    "error",
  ] as const;
  const headings = outcomes.map((outcome) =>
    renderMarkdown(sampleResult({ outcome }), { redact: (text) => text }).split("\n")[0]
  );
  expect(new Set(headings).size).toBe(outcomes.length);
});

test("renderMarkdown() shows how to cancel a run that can be followed again, if the reader has the program", () => {
  const result = sampleResult({ outcome: "awaiting_input", exitCode: 4, resume: "node mogplex.mjs follow X" });
  const command = `Cancel it:\n\n\`\`\`text\nnode mogplex.mjs runs cancel ${result.runId}\n\`\`\`\n`;
  const cases: [program: string | null, resume: string | null, isShown: boolean][] = [
    ["node mogplex.mjs", result.resume, true],
    ["node mogplex.mjs", null, false],
    [null, result.resume, false],
  ];
  for (const [program, resume, isShown] of cases) {
    const markdown = renderMarkdown({ ...result, resume }, { redact: (text) => text, program }).replace(
      /^ (?=\S)/gm,
      "",
    );
    expect([program, resume, markdown.includes(command)]).toEqual([program, resume, isShown]);
    expect(markdown.includes("runs cancel")).toBe(isShown);
  }
});

test("renderMarkdown() stays below GitHub's limit with the longest texts, and they stay in their places", () => {
  const long = "東".repeat(400_000);
  const result = cleanResult(
    sampleResult({
      reason: `${"`".repeat(300_000)}${long}`,
      error: { attempted: long, why: long, value: long, advice: `|${long}`, code: long },
      resume: long,
      harness: long,
      failureCode: "|".repeat(300_000),
      branch: { base: long, requested: long, pushed: "`".repeat(300_000) },
      phases: Array(5_000).fill({ name: long, startedAt: long, durationMs: 1 }),
    }),
    (text) => text,
    (text) => text,
  );
  const markdown = renderMarkdown(result, { redact: (text) => text });
  expect(new TextEncoder().encode(markdown).length).toBeLessThan(1024 * 1024);
  expect(outlineMarkdown(markdown).elements.filter((element) => /^(img|script|b)/.test(element))).toEqual([]);
});

test("renderMarkdown() has the facts of an automation run, and no row for what it does not have", () => {
  expect(renderMarkdown(sampleAutomationResult(), { redact: (text) => text })).toBe(
    `## ✅ \`8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c\` → success (10 min 20 s)

<details><summary>Technical details</summary>

| Fact | Value |
| --- | --- |
| Automation | \`3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d\` |
| Automation run | \`5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11\` |
| Repository | \`8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c\` |
| Status | \`success\` |
| Exit code | 0 |
| Started | by this command |
| Idempotency key | \`3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d/ci1-0123456789abcdef0123456789abcdef01234567\` |
| Created | \`2026-08-10T12:00:00.021234+00:00\` |
| Started | \`2026-08-10T12:02:00.021234+00:00\` |
| Completed | \`2026-08-10T12:10:05+00:00\` |
| Duration | 8 min 5 s |
| Requests | 21 |
| Duration of the command | 10 min 20 s |

### Waits

| Cause | Times | Total |
| --- | --- | --- |
| limit of run starts | 1 | 15 s |

</details>
`,
  );
});

test("renderMarkdown() says what failed and why under the heading, and what to do below", () => {
  const error = {
    attempted: "start run",
    why: "the token is not allowed to do this (HTTP 403)",
    value: null,
    advice: 'it needs the "write" scope; see | Settings',
    code: null,
  };
  const reason = `Cannot start run: ${error.why}; ${error.advice}`;
  const refused = { runId: null, mayExist: false, exitCode: 65, outcome: "error", reason, error } as const;
  for (
    const [result, started, time] of [
      [sampleResult(refused), "Mogplex run", "18 min 5 s"],
      [sampleAutomationResult(refused), "automation", "10 min 20 s"],
    ] as const
  ) {
    expect(
      renderMarkdown(result, { redact: (text) => text }).startsWith(
        `## ❌ \`8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c\` → not started (${time})

The ${started} was not started (exit code 65).

 \`\`\`text
 Cannot start run: the token is not allowed to do this (HTTP 403)
 \`\`\`

**What to do now:** \`It needs the "write" scope; see │ Settings\`
`,
      ),
    ).toBe(true);
  }
});

test("renderMarkdown() shows the question of an agent that waits, as code, and where to answer it", () => {
  const message = "May I change <b>timer.ts</b>, @kim?\n```\n# no heading";
  const result = sampleResult({
    ...{ outcome: "awaiting_input", exitCode: 4, resume: null, origin: "https://mogplex.com", finalMessage: message },
    events: [sampleEvent(0, { message })],
  });
  const markdown = renderMarkdown(result, { redact: (text) => text });
  expect(markdown).toContain(
    "\n\n ````text\n May I change <b>timer.ts</b>, @kim?\n ```\n # no heading\n ````\n\n[Open the app](<https://mogplex.com/>)\n",
  );
  expect(markdown).not.toContain("Last message from the agent");
  const step = sampleEvent(1, { message: "Synchronized mogplex/x", payload: { stage: "git_sync" } });
  const withStep = renderMarkdown({ ...result, events: [...result.events, step] }, { redact: (text) => text });
  expect(withStep).toContain("\n\n ````text\n May I change <b>timer.ts</b>, @kim?\n");
  const failed = renderMarkdown({ ...result, outcome: "failed" }, { redact: (text) => text });
  expect(failed).not.toContain("Open the app");
});

test("renderMarkdown() shows a command as code, and an instruction as a sentence", () => {
  const text = (resume: string, resumeIsCommand = false) =>
    renderMarkdown(sampleResult({ outcome: "deadline", exitCode: 124, resume, resumeIsCommand }), {
      redact: (each) => each,
    });
  expect(text("mogplex-ci follow x", true)).toContain("Follow it again:\n\n ```text\n mogplex-ci follow x\n ```");
  expect(text("run this job again")).toContain("\n\nTo follow it again: run this job again.\n\n");
  expect(text("set the input run-id of the action to x*y*")).toContain(
    "\n\nTo follow it again: set the input run-id of the action to `x*y*`.\n\n",
  );
  // A file of another job can have any text.
  expect(text("[x](https://example.com) @kim")).toContain("To follow it again: `[x](https://example.com) @kim`.");
});
