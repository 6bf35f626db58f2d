import { expect, test } from "bun:test";
import { type StatusOptions, statusText } from "../../../../lib/cli/campaign/status_text.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { attentionOf } from "../../../../lib/campaign/report/attention.ts";
import { cellWidth } from "../../../../lib/text/cells.ts";
import { anItem, everyVerdict, mixedView, unlimited, viewOf } from "../../campaign/report/sample_view.ts";

const command = { program: "mogplex-ci", file: "campaign.yaml", flags: [] };

function status(view: CampaignView, options: Partial<StatusOptions> = {}): string[] {
  return statusText(view, { width: 80, color: false, command, ...options });
}

/** The part of a screen from one heading to the next. */
function part(lines: readonly string[], heading: string): string[] {
  const from = lines.findIndex((line) => line.startsWith(heading));
  const until = lines.findIndex((line, index) => index > from && /^(Needs attention|Nothing|Pace|Items)/.test(line));
  return lines.slice(from, until < 0 ? undefined : until - 1);
}

test("statusText() fits a small campaign on a screen: where it is, what it waits for, what comes next", () => {
  expect(status(mixedView(3)).join("\n")).toBe(
    `Campaign replace-moment, round 2026-12, is running: 2 runs active; the next
  start waits for the quota of starts per hour (30 of 30 used)
1 of 3 has finished: 1 succeeded
2 running
1 pull request; to see which are merged, set GITHUB_TOKEN or GITLAB_TOKEN, or
  for Gitea GITEA_TOKEN and --forge-host HOST

Nothing needs attention: the campaign continues with the next wave

Pace
  starts        3 of 10 a minute, 30 of 30 an hour, 84 of 150 a day
  sandboxes     2 of 3 in use
  next start    waits for the quota of starts per hour (30 of 30 used)
  next wave     2026-12-01 14:05 UTC (in 12 min), number 12
                A schedule or \`campaign run\` starts the next wave. To start it
                by hand:
                  mogplex-ci campaign advance campaign.yaml
  earliest end  2026-12-02 18:40 UTC (in 28 h 47 min), if the remaining runs
                take as long as the runs so far

Items
  ITEM            VERDICT    RUN       PR    TIME  ATTEMPTS
  acme/service-1  running    3f0f6f0a      21 min         1
  acme/service-2  running    3f0f6f0a      22 min         1
  acme/service-0  succeeded  3f0f6f0a  #7  20 min         1`,
  );
});

test("statusText() shows whose runs are still running although somebody has skipped them", () => {
  const items = [1, 2].map((number) => anItem(number, "running", number === 1 ? { skippedBy: "ann" } : {}));
  expect(part(status(viewOf(items)), "Needs attention")).toEqual([
    "Needs attention: 1 item",
    "",
    "  running (1): skipped by ann; its run is still running",
    "    acme/service-1",
    "    To cancel it:",
    "      mogplex-ci campaign skip campaign.yaml --only acme/service-1 --reason 'not wanted' --cancel",
  ]);
});

test("statusText() has one command that cancels all runs of items that a person has skipped", () => {
  const items = [1, 2, 3].map((number) => anItem(number, "running", number < 3 ? { skippedBy: "ann" } : {}));
  expect(part(status(viewOf(items)), "Needs attention").slice(-2)).toEqual([
    "    To cancel them:",
    "      mogplex-ci campaign skip campaign.yaml --only acme/service-1 --only acme/service-2 --reason 'not wanted' --cancel",
  ]);
});

/** Six items that failed with one reason, and the last lines of their agents: five different ones. */
function fiveEndings(): CampaignView {
  const endings = ["401 Unauthorized", "TypeError: x", "error TS: y", "401 Unauthorized", "no module z", "ENOSPC"];
  return viewOf(endings.map((line, index) =>
    anItem(index, "failed", {
      reason: "Agent run exited with code 1.",
      lastLines: [line],
      pullRequest: null,
      endedAt: `2026-12-01T1${index}:00:00Z`,
    })
  ));
}

test("statusText() shows which items have which last lines, and how many other endings there are", () => {
  const attention = (all: boolean) => part(status(fiveEndings(), { all, width: 100 }), "Needs attention");
  const word = fiveEndings().causes[0]?.word;
  const run = "3f0f6f0a-6f0e-4a7e-9a0b-000000000005";
  const end = [
    "    To see more of acme/service-5:",
    `      mogplex-ci report ${run}`,
    "    Fix the cause, then try again:",
    `      mogplex-ci campaign retry campaign.yaml --cause ${word}`,
  ];
  const begin = [
    "Needs attention: 6 items",
    "",
    "  failed (6), 5 different log endings: Agent run exited with code 1.",
    `    ${[0, 1, 2, 3, 4, 5].map((number) => `acme/service-${number}`).join(", ")}`,
    "    Last lines from the agent in acme/service-5, the newest:",
    "      ENOSPC",
    "    Last lines from the agents in 2 items (acme/service-3, acme/service-0):",
    "      401 Unauthorized",
    "    Last lines from the agent in acme/service-4:",
    "      no module z",
  ];
  expect(attention(false)).toEqual([
    ...begin,
    "    And 2 other log endings, in acme/service-2, acme/service-1: `campaign status --all` shows them",
    ...end,
  ]);
  expect(attention(true)).toEqual([
    ...begin,
    "    Last lines from the agent in acme/service-2:",
    "      error TS: y",
    "    Last lines from the agent in acme/service-1:",
    "      TypeError: x",
    ...end,
  ]);
});

test("statusText() counts the items that need attention, and what holds up the whole campaign", () => {
  const late = { ...everyVerdict(), state: "running" as const, nextWaveAt: "2026-11-01T00:00:00.000Z" };
  const [heading = ""] = part(status(late), "Needs attention");
  const shown = attentionOf(late, command, null).filter(({ title }) => title !== "When that is done");
  expect(shown[0]?.title).toBe("wave is late");
  const items = shown.reduce((sum, { count }) => sum + count, 0);
  expect(heading).toBe(`Needs attention: ${items} items and a late wave`);
});

test("statusText() tells for every cause what to do, with commands that can be copied", () => {
  const view = everyVerdict();
  const word = (verdict: string) => view.causes.find((cause) => cause.verdict === verdict)?.word;
  const attention = part(status(view), "Needs attention");
  expect(attention[0]).toBe("Needs attention: 8 items");
  const commands = attention.filter((line) => line.startsWith("      ")).map((line) => line.trim());
  expect(commands).toEqual([
    "mogplex-ci runs cancel 3f0f6f0a-6f0e-4a7e-9a0b-000000000000",
    "mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000001",
    `mogplex-ci campaign skip campaign.yaml --cause ${word("unknown")} --reason 'checked by hand'`,
    `mogplex-ci campaign retry campaign.yaml --cause ${word("unknown")}`,
    `mogplex-ci campaign retry campaign.yaml --cause ${word("conflict")}`,
    `mogplex-ci campaign skip campaign.yaml --cause ${word("conflict")} --reason 'done by an earlier run'`,
    "mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000003",
    `mogplex-ci campaign retry campaign.yaml --cause ${word("failed")}`,
    "mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000004",
    `mogplex-ci campaign retry campaign.yaml --cause ${word("overdue")}`,
    "mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000005",
    `mogplex-ci campaign retry campaign.yaml --cause ${word("cancelled")}`,
    `mogplex-ci campaign skip campaign.yaml --cause ${word("cancelled")} --reason 'not wanted'`,
    "mogplex-ci campaign plan campaign.yaml",
    `mogplex-ci campaign skip campaign.yaml --cause ${word("invalid")} --reason 'not wanted'`,
  ]);
  expect(attention.slice(2, 8)).toEqual([
    "  needs-input (1): Should dates without a zone be read as UTC?",
    "    acme/service-0 (run 3f0f6f0a-6f0e-4a7e-9a0b-000000000000)",
    "    Answer the agent in the app. Until then, the run occupies one of the 3",
    "    sandboxes.",
    "    Or cancel the run:",
    "      mogplex-ci runs cancel 3f0f6f0a-6f0e-4a7e-9a0b-000000000000",
  ]);
});

const CLOSED: [string, Partial<CampaignView>, string[]][] = [
  [
    "the threshold",
    { state: "stopped", stateReason: "3 of 20 items failed", waitingFor: "gate", nextWaveAt: null },
    ["gate closed", "approve campaign.yaml"],
  ],
  [
    "a person who stopped it",
    { state: "stopping", stateReason: "stopped by ann", waitingFor: "stopped" },
    ["stopped", "resume campaign.yaml", "stop campaign.yaml --cancel"],
  ],
  [
    "a person who had it cancelled",
    { state: "stopping", stateReason: "stopped by ann", waitingFor: "stopped", pendingCancels: 1 },
    ["stopped", "resume campaign.yaml", "advance campaign.yaml"],
  ],
  [
    "a plan that was not started",
    { state: "planned", waitingFor: null, nextWaveAt: null },
    ["not started", "run campaign.yaml", "advance campaign.yaml"],
  ],
  [
    "a schedule that does not come",
    { state: "waiting", nextWaveAt: "2026-12-01T11:00:00Z" },
    ["wave is late: it was due 2026-12-01 11:00 UTC (2 h 53 min ago), but has not", "advance campaign.yaml"],
  ],
];

test("statusText() shows after too many failures what failed, then its retry, then the approval", () => {
  const reason = "npm test exited with code 1";
  const items = [anItem(1, "failed", { reason }), anItem(2, "needs-input"), anItem(3, "waiting")];
  const closed = {
    state: "stopped",
    stateReason: "the first item failed (stop-after-failures: 1)",
    waitingFor: "gate",
    nextWaveAt: null,
  } as const;
  const view = viewOf(items, closed);
  const lines = status(view);
  expect(lines.filter((line) => line.includes("the first item failed")).length).toBe(1);
  const attention = part(lines, "Needs attention");
  expect([attention[0], attention[2]]).toEqual([
    "Needs attention: 2 items and a closed gate",
    `  failed (1): ${reason}`,
  ]);
  const word = view.causes.find(({ verdict }) => verdict === "failed")?.word;
  expect(attention.filter((line) => line.startsWith("      mogplex-ci")).map((line) => line.trim())).toEqual([
    "mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000001",
    `mogplex-ci campaign retry campaign.yaml --cause ${word}`,
    "mogplex-ci runs cancel 3f0f6f0a-6f0e-4a7e-9a0b-000000000002",
    "mogplex-ci campaign approve campaign.yaml",
  ]);
  expect(attention.slice(-4)).toEqual([
    "  gate closed",
    "    Fix the cause and retry the failed items, as shown above. Then let the",
    "    campaign continue:",
    "      mogplex-ci campaign approve campaign.yaml",
  ]);
  const retried = part(status(viewOf([anItem(3, "waiting", { attempts: 1 })], closed)), "Needs attention");
  expect(retried.slice(2)).toEqual([
    "  gate closed",
    "    Once the cause is fixed, let the campaign continue; 1 retried item starts",
    "    first:",
    "      mogplex-ci campaign approve campaign.yaml",
  ]);
});

test("statusText() says at its end, and only there, what opens a canary that failed", () => {
  const items = [anItem(1, "failed"), anItem(2, "waiting")];
  const closed = { state: "gated", stateReason: "1 of 3 canary items failed", waitingFor: "gate" } as const;
  const lines = status(viewOf(items, { ...closed, nextWaveAt: null }));
  expect(lines.slice(0, 2).join(" ")).toContain("is gated: 1 of 3 canary items failed");
  expect(lines.filter((line) => line.includes("gate"))).toEqual([
    lines[0] ?? "",
    "Needs attention: 1 item and a closed gate",
    "The gate is closed",
    "  Deal with the items above first. Retried items do not wait for the gate.",
  ]);
  expect(lines.slice(-5)).toEqual([
    "  Deal with the items above first. Retried items do not wait for the gate.",
    "  To start the other items anyway:",
    "    mogplex-ci campaign approve campaign.yaml",
    "  To stop the campaign instead:",
    "    mogplex-ci campaign stop campaign.yaml",
  ]);
});

test("statusText() ends at a closed gate with the process that prevents an approval", () => {
  const closed = {
    state: "gated",
    stateReason: "1 canary item succeeded",
    waitingFor: "gate",
    nextWaveAt: null,
  } as const;
  const view = viewOf([anItem(1, "succeeded"), anItem(2, "waiting")], { ...closed, writer: "process 7" });
  expect(status(view, { width: 200 }).slice(-8, -6)).toEqual([
    "The gate is closed",
    "  Another process is running: process 7. Until it ends, you can view the campaign and use `campaign stop`. For the other commands below, stop that process first.",
  ]);
});

test("statusText() says after a stop that the other process is still ending", () => {
  const stopped = { state: "stopped", stateReason: "stopped by ann", waitingFor: "stopped", nextWaveAt: null } as const;
  const view = viewOf([anItem(1, "failed"), anItem(2, "waiting")], { ...stopped, writer: "process 7" });
  const lines = status(view, { width: 200 });
  expect(lines.filter((line) => line.includes("campaign resume"))).toEqual([]);
  expect(lines).toContain(
    "  Another process is shutting down: process 7. Once it has ended, `campaign status` shows how to continue.",
  );
});

test("statusText() counts a start as being sent while a process runs and the start is younger than its timeout", () => {
  const title = (at: string, writer: string | null) => {
    const item = { ...anItem(1, "starting"), startedAt: "2026-12-01T13:00:00.000Z" };
    const [first = "", second = ""] = status({ ...viewOf([item], { state: "running" }), at, writer });
    return /1 start[^;]*/.exec(`${first} ${second}`.replace(/\s+/g, " "))?.[0];
  };
  expect(title("2026-12-01T13:01:29.000Z", "campaign run")).toBe("1 start is being sent");
  expect(title("2026-12-01T13:01:30.000Z", "campaign run")).toBe("1 start without an answer");
  expect(title("2026-12-01T13:00:05.000Z", null)).toBe("1 start without an answer");
});

test("statusText() begins with the error of the last wave, unless a process is running", () => {
  const title = (changes: Partial<CampaignView>) => {
    const view = viewOf([anItem(1, "running"), anItem(2, "waiting")], {
      lastError: "Cannot read runs: no",
      ...changes,
    });
    return status(view).slice(0, 2).join(" ").replace(/\s+/g, " ");
  };
  expect(title({})).toContain("is running: the last wave ended with an error: Cannot read runs: no; 1 run active");
  expect(title({ writer: "process 7" })).not.toContain("error");
});

test("statusText() says that runs are to be cancelled, and by whom", () => {
  const changes = {
    state: "stopping",
    stateReason: "stopped by ann",
    waitingFor: "stopped",
    pendingCancels: 1,
  } as const;
  const items = [anItem(1, "running"), anItem(2, "waiting")];
  const title = (view: CampaignView) => status(view).slice(0, 2).join(" ").replace(/\s+/g, " ");
  expect(title(viewOf(items, changes))).toContain(
    "was stopped by ann; nothing more will start, 1 run active; the next wave cancels 1 run",
  );
  expect(title(viewOf(items, { ...changes, writer: "process 7" }))).toContain(
    "1 run active; 1 run is being cancelled",
  );
});

test.each(CLOSED)("statusText() says first what opens %s", (_name, changes, [title = "", ...verbs]) => {
  const attention = part(status(viewOf([anItem(1, "running"), anItem(2, "waiting")], changes)), "Needs attention");
  expect(attention[2]).toBe(`  ${title}`);
  expect(attention.filter((line) => line.startsWith("      ")).map((line) => line.trim())).toEqual(
    verbs.map((verb) => `mogplex-ci campaign ${verb}`),
  );
});

test("statusText() shows the problem of the last step first: a token of another user, for example", () => {
  const problem =
    "Cannot advance the campaign: this token belongs to a different user than the runs so far; use that user's token";
  expect(part(status(mixedView(3), { problem }), "Needs attention").slice(0, 4)).toEqual([
    "Needs attention",
    "",
    "  stopped by an error: Cannot advance the campaign: this token belongs to a",
    "    different user than the runs so far; use that user's token",
  ]);
});

test("statusText() says when starts are not limited", () => {
  expect(status(mixedView(3))).toContain("  starts        3 of 10 a minute, 30 of 30 an hour, 84 of 150 a day");
  const lines = status(mixedView(3, { quota: unlimited(mixedView(3)) }));
  expect(lines).toContain("  starts        not limited");
});

test("statusText() shows what stopped the last wave, and how it goes on", () => {
  const lines = part(status(mixedView(3, { lastError: "Cannot read run: the network failed" })), "Needs attention");
  expect(lines.slice(2)).toEqual([
    "  stopped by an error: Cannot read run: the network failed",
    "    Nothing is lost. Once the problem is fixed, the next wave continues. To run",
    "    it by hand:",
    "      mogplex-ci campaign advance campaign.yaml",
  ]);
});

test("statusText() says which process is at work, never calls it late, and that only stop works meanwhile", () => {
  const changes = { writer: 'process 7 on "one"', nextWaveAt: "2026-12-01T11:00:00Z" };
  const quiet = status(mixedView(3, changes));
  expect(quiet).toContain("Nothing needs attention: a process is running");
  expect(quiet).toContain('  used by       process 7 on "one"');
  expect(quiet.join("\n")).not.toMatch(/By hand|next wave/);
  const view = viewOf([anItem(1, "failed"), anItem(2, "running")], changes);
  expect(part(status(view), "Needs attention").slice(1, 3)).toEqual([
    '  Another process is running: process 7 on "one". Until it ends, you can view',
    "  the campaign and use `campaign stop`. For the other commands below, stop that",
  ]);
});

test("statusText() says whose sandboxes are in the way, and what the canary holds back", () => {
  const others = viewOf([anItem(1, "running"), anItem(2, "waiting")], {
    waitingFor: "sandboxes",
    quota: { ...viewOf([]).quota, sandboxes: { used: 3, limit: 3 } },
  });
  expect(status(others).join(" ").replace(/\s+/g, " ")).toContain(
    "waits for a free sandbox (3 of 3 used, 2 of them outside this campaign)",
  );
  const canary = viewOf([anItem(1, "running"), anItem(7, "waiting")], { waitingFor: "nothing" });
  expect(status(canary).slice(0, 2).join(" ").replace(/\s+/g, " ")).toContain(
    "1 run active; the next start waits for the end of the canary (1 item)",
  );
  const ended = viewOf([anItem(1, "succeeded"), anItem(7, "waiting")], { waitingFor: "nothing" });
  expect(status(ended).slice(0, 2).join(" ").replace(/\s+/g, " ")).toContain(
    "nothing is running; the next start waits for the canary's gate",
  );
  const failed = viewOf([anItem(1, "failed"), anItem(7, "waiting")], { waitingFor: "nothing" });
  expect(status(failed).slice(0, 2).join(" ").replace(/\s+/g, " ")).toContain(
    "nothing is running; the next start waits for the canary's gate",
  );
  const last = viewOf([anItem(1, "running")], { waitingFor: "nothing" });
  expect(status(last).slice(0, 2).join(" ").replace(/\s+/g, " ")).toContain(
    "1 run active; no item is waiting to start",
  );
});

test("statusText() of a campaign that is done says whether it is good, and how a retry begins", () => {
  const done = { state: "done", waitingFor: null, nextWaveAt: null, endsAt: null } as const;
  expect(status(viewOf([anItem(1, "succeeded", { pullRequest: null })], done)).slice(0, 4)).toEqual([
    "Campaign replace-moment, round 2026-12, is done: its item succeeded",
    "1 of 1 has finished: 1 succeeded",
    "",
    "Nothing needs attention",
  ]);
  const bad = part(status(viewOf([anItem(1, "failed"), anItem(2, "skipped")], done)), "Needs attention");
  expect(bad.slice(-3)).toEqual([
    "  When that is done",
    "    After a retry, start the next wave (unless a schedule does):",
    "      mogplex-ci campaign run campaign.yaml",
  ]);
});

test("statusText() of an empty list says so", () => {
  const lines = status(
    viewOf([], { round: "", state: "planned", waitingFor: null, nextWaveAt: null, endsAt: null, waves: 0 }),
  );
  expect(lines[0]).toBe("Campaign replace-moment is planned: 0 items, nothing has been started");
  expect(lines).toContain("  no items");
  expect(lines.some((line) => line.startsWith("Items"))).toBe(false);
});

test("statusText() cuts the table of a large campaign by verdict, and --all shows every item", () => {
  const rows = (view: CampaignView, all: boolean) => part(status(view, { all }), "Items").slice(2);
  const short = rows(mixedView(400), false);
  expect(short.length).toBeLessThan(90);
  expect(short.filter((line) => line.includes("more"))).toEqual([
    "  … 22 more failed (--all shows them)",
    "  … 156 more queued (--all shows them)",
    "  … 3 more skipped (--all shows them)",
    "  … 131 more succeeded (--all shows them)",
    "  … 15 more unchanged (--all shows them)",
  ]);
  expect(rows(mixedView(400), true).length).toBe(400);
  // Only items that wait or have succeeded are folded in a small one.
  expect(rows(mixedView(40), false).length).toBe(20);
  expect(rows(mixedView(40), true).length).toBe(40);
});

test("statusText() at the end of a command shows the causes last, on a screen of 30 rows, and the newest five of the others", () => {
  const items = Array.from({ length: 40 }, (_, number) =>
    anItem(number, number % 13 === 0 ? "failed" : "succeeded", {
      endedAt: new Date(Date.UTC(2026, 11, 1, 10, number)).toISOString(),
    }));
  const done = { state: "done", waitingFor: null, nextWaveAt: null, endsAt: null } as const;
  const lines = status(viewOf(items, done), { isEnd: true });
  // The page, the next command and the prompt follow.
  const screen = lines.slice(-26);
  expect(screen).toContain("Needs attention: 4 items");
  const rows = part(lines, "Items").slice(2).map((line) => line.trim().split(/ {2,}/).slice(0, 2).join(" "));
  expect(rows).toEqual([
    ...[0, 13, 26, 39].map((number) => `acme/service-${number} failed`),
    ...[34, 35, 36, 37, 38].map((number) => `acme/service-${number} succeeded`),
    "… 31 more succeeded (`campaign status --all` shows them)",
  ]);
});

test("statusText() fits its width for any size, but for commands", () => {
  for (const width of [60, 80, 160]) {
    for (const size of [0, 1, 3, 40, 400, 10_000]) {
      const lines = status(mixedView(size), { width });
      expect(lines.filter((line) => cellWidth(line) > width && !line.trim().startsWith("mogplex-ci "))).toEqual([]);
    }
  }
});

test("statusText() shows whole ids and addresses where there is room, and short ones elsewhere", () => {
  const row = (width: number) => status(viewOf([anItem(1, "succeeded")]), { width }).at(-1);
  expect(row(160)).toContain("3f0f6f0a-6f0e-4a7e-9a0b-000000000001  https://github.com/acme/service-1/pull/8");
  expect(row(80)).toContain("  3f0f6f0a  #8 ");
  const gitlab = anItem(1, "succeeded", { pullRequest: "https://gitlab.com/a/b/-/merge_requests/12" });
  expect(status(viewOf([gitlab])).at(-1)).toContain(" !12 ");
});

test("statusText() aligns columns by cells, whatever the names", () => {
  const names = ["日本/データベース変換サービス管理", "acme/e\u0301mo😀ji", "acme/שלום", `acme/${"x".repeat(200)}`];
  const view = viewOf(names.map((repository, index) => anItem(index, "succeeded", { repository })));
  const lines = status(view, { width: 80 });
  const starts = lines.slice(-4).map((line) => cellWidth(line.slice(0, line.indexOf("succeeded"))));
  expect(new Set(starts).size).toBe(1);
});

test("statusText() names roots, and base branches where the same repository and root occur twice", () => {
  const items = [
    anItem(1, "waiting", { id: "1", repository: "acme/web", root: "packages/api" }),
    anItem(2, "waiting", { id: "2", repository: "acme/web", baseBranch: "main" }),
    anItem(3, "waiting", { id: "3", repository: "acme/web", baseBranch: "next" }),
  ];
  expect(status(viewOf(items)).slice(-3).map((line) => line.trim().replace(/ {2,}.*/, ""))).toEqual([
    "acme/web:packages/api",
    "acme/web @ main",
    "acme/web @ next",
  ]);
});

test("statusText() paints with colors that say no more than the words", () => {
  const view = mixedView(100);
  const colored = status(view, { color: true });
  // deno-lint-ignore no-control-regex
  expect(colored.map((line) => line.replace(/\x1b\[\d+m/g, ""))).toEqual(status(view));
  expect(colored.join("\n")).toContain("\x1b[31mfailed (3): \x1b[0m");
  const hostile = viewOf([anItem(1, "failed", { reason: "##[error]forged" })]);
  expect(status(hostile, { color: true }).join("\n")).not.toContain("##[");
});

test("statusText() masks secrets before it cuts", () => {
  const secret = "mog_0123456789abcdef0123456789abcdef";
  const view = viewOf([anItem(1, "failed", { reason: `${"x ".repeat(290)}${secret}`, repository: `acme/${secret}` })]);
  const lines = status(view, { redact: (text) => text.replaceAll(secret, "[redacted]") });
  expect(lines.join("")).not.toContain("mog_");
});

test.each([
  ["2026-12-01T13:53:00.000Z", "due now, number 12"],
  ["2026-12-01T13:52:29.000Z", "due now, number 12"],
  ["2026-12-01T13:00:00.000Z", "due since 2026-12-01 13:00 UTC (53 min ago), number 12"],
])("statusText() says what is true of a next wave at %s", (nextWaveAt, text) => {
  expect(status(mixedView(3, { nextWaveAt })).join("\n")).toContain(`next wave     ${text}`);
});
