import { expect, test } from "bun:test";
import { renderCampaignPage } from "../../../../lib/campaign/report/campaign_page.ts";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { STATES, stateWord } from "../../../../lib/campaign/report/words.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { breaches, elementsOf, textsOf } from "../../report/page_parser.ts";
import { anItem, everyVerdict, mixedView, unlimited, viewOf } from "./sample_view.ts";

const rendered = (view: CampaignView) => renderCampaignPage(cleanCampaign(view, (text) => text, (text) => text));
const rowsOf = (page: string) =>
  elementsOf(page).filter(({ tag, attributes }) => tag === "tr" && "data-k" in attributes);

test("renderCampaignPage() begins with what the campaign is, its state and what needs attention", () => {
  const page = rendered(mixedView(100));
  expect(textsOf(page, "h1")).toEqual(["replace-moment"]);
  expect(textsOf(page, "header")[0]).toContain(
    "running, needs attentionCampaign replace-moment, round 2026-12: 100 repositories. 3 runs active",
  );
  expect(textsOf(page, "h2")).toEqual(["Needs attention", "Progress", "Finished over time", "Items"]);
  expect(textsOf(page, "h3")[0]).toStartWith("1 item: needs-input");
  const commands = textsOf(page, "code").filter((text) => text.startsWith("mogplex-ci campaign retry FILE --cause "));
  expect(commands.length).toBeGreaterThan(3);
  expect(page.includes("waiting for 25\u00a0min when this page was written")).toBe(true);
  expect(/failed [^.;,<]*UTC/.exec(page)?.[0]).toMatch(/^failed (?:at \d\d:\d\d|on \d+ \w+ \d{4}, \d\d:\d\d) UTC$/);
});

test("renderCampaignPage() says that commands exit with 75 while a process holds the directory, and only then", () => {
  const busy = "A process (campaign run) was using the campaign's directory when this page was written. " +
    "Until it ends, you can view the campaign and use campaign stop. Other commands that change the campaign exit with code 75.";
  const paragraphs = (writer: string | null) => textsOf(rendered({ ...mixedView(100), writer }), "p");
  expect(paragraphs("campaign run")).toContain(busy);
  expect(paragraphs(null).filter((text) => text.includes("exit with 75"))).toEqual([]);
  const onBranch = renderCampaignPage({ ...mixedView(100), writer: "campaign run" }, { isShared: true });
  expect(onBranch).not.toContain("exit with 75");
});

const ABOUT = {
  title: "Replace moment by <Temporal>",
  agent: "claude <b>",
  fileHash: "ab".repeat(32),
  plannedAt: "2026-12-01T00:00:00Z",
  origin: "https://mogplex.com",
  limits: { parallel: 3, attempts: 2, runTimeoutMs: 3_600_000, stopAfterFailures: "10%", openPullRequests: null },
  windows: 1,
  approvals: [{ gate: "canary", by: "lin <b>", at: "2026-12-01T01:00:00Z", note: "all three are good" }],
  records: 42,
  lastRecordAt: null,
} as const;

test("renderCampaignPage() has the title of the task, and a bar of the items", () => {
  const view = cleanCampaign({ ...mixedView(100), about: ABOUT }, (text) => text, (text) => text);
  const page = renderCampaignPage(view, { prompts: [] });
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual(["Replace moment by <Temporal>"]);
  expect(textsOf(page, "header")[0]).toContain("100 repositories, by claude <b>. 3 runs");
  expect(textsOf(page, "title")).toEqual([
    "Running, needs attention: Replace moment by <Temporal> (replace-moment, round 2026-12)",
  ]);
  const [bar] = elementsOf(page).filter(({ attributes }) => attributes.role === "img");
  expect(bar?.attributes["aria-label"]).toBe(
    "100 items: 39 succeeded or unchanged, 15 did not succeed, 2 skipped, 1 needs an answer, 3 running, 40 queued",
  );
});

test("renderCampaignPage() has a bar of 28, 1, 1 and 9 items with its legend: what has not finished is empty track", () => {
  const states = [["succeeded", 28], ["failed", 1], ["running", 1], ["waiting", 9]] as const;
  const items = states.flatMap(([state, count]) => Array.from({ length: count }, () => state))
    .map((state, index) => anItem(index, state));
  const elements = elementsOf(rendered(viewOf(items, { state: "running" })));
  const legend = elements.find(({ tag, attributes }) => tag === "ul" && attributes.class === "legend");
  expect(legend?.text).toBe("28 succeeded or unchanged1 did not succeed1 running9 queued");
  const fills = elements.filter(({ tag, attributes }) => tag === "rect" && attributes.height === "12")
    .map(({ attributes }) => attributes.class);
  expect(fills).toEqual(["f-track", "f-good", "f-bad"]);
});

test("renderCampaignPage() has the newest task, and the earlier ones folded", () => {
  const view = cleanCampaign({ ...mixedView(3), about: ABOUT }, (text) => text, (text) => text);
  const prompts = Array.from({ length: 9 }, (_, index) => `task ${index}\n${"line\n".repeat(20)}`);
  const page = renderCampaignPage(view, { prompts });
  expect(breaches(page)).toEqual([]);
  const summaries = textsOf(page, "summary").filter((text) => text.includes("task") || text.startsWith("Show all"));
  expect(summaries).toEqual(["Show all 107 characters", "8 earlier tasks, the last 4 shown"].concat(
    Array(4).fill("Show all 107 characters"),
  ));
  const texts = textsOf(page, "pre").flatMap((text) => /^task \d/.exec(text) ?? []);
  expect([...new Set(texts)]).toEqual([8, 7, 6, 5, 4].map((index) => `task ${index}`));
});

test("renderCampaignPage() asks the question of a closed gate first, with the work that the answer needs", () => {
  const pull = { draft: false, review: "approved", conflict: false, owner: "mira", reason: null } as const;
  const open = {
    ...pull,
    state: "open",
    createdAt: null,
    updatedAt: null,
    files: 4,
    additions: 14,
    deletions: 9,
  } as const;
  const items = [
    anItem(0, "succeeded", { pullRequestState: { ...open, checks: "green" } }),
    anItem(1, "unchanged"),
    ...[2, 3, 4].map((number) => anItem(number, "waiting")),
  ];
  const decisions = [
    { at: "2026-12-01T08:31:00.000Z", what: "Canary finished: approval needed", by: null, reason: "2 <b>finished" },
    { at: "2026-12-01T09:00:00.000Z", what: "Retried 1 item", by: "ann", reason: null },
  ];
  const page = rendered(viewOf(items, {
    state: "gated",
    stateReason: "2 canary items succeeded or needed no change",
    waitingFor: "gate",
    gatedAt: "2026-12-01T08:31:00.000Z",
    endsAt: null,
    endsAtIfApproved: "2026-12-01T15:05:00.000Z",
    about: { ...ABOUT, decisions },
  }));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h2")).toEqual([
    "Approve the other 3 repositories?",
    "Progress",
    "Queued",
    "Decisions",
    "More",
  ]);
  expect(textsOf(page, "header")[0]).toContain("needs approval");
  const [panel = ""] = textsOf(page, "section");
  expect(panel).toContain("Waiting for 5 h 22 min, since 1 Dec 2026, 08:31 UTC.");
  expect(rowsOf(page).map(({ text }) => text)).toEqual([
    "acme/service-0 #7succeeded+14 -9 in 4 filesgreenapprovedmira20 min3f0f6f0a-6f0e-4a7e-9a0b-000000000000",
    "acme/service-1unchanged20 min3f0f6f0a-6f0e-4a7e-9a0b-000000000001",
  ]);
  expect(textsOf(page, "code").filter((text) => text.startsWith("mogplex-ci")).slice(0, 3)).toEqual([
    "mogplex-ci campaign approve FILE",
    "mogplex-ci campaign retry FILE --only acme/service-0",
    "mogplex-ci campaign stop FILE",
  ]);
  const text = textsOf(page, "main").join(" ");
  expect(text).toContain("If approved nowdone at about 1 Dec 2026, 15:05 UTC (in 1 h 12 min)");
  // Newest first.
  expect(text).toContain(
    "1 Dec 2026, 09:00ann retried 1 item1 Dec 2026, 08:31Canary finished: approval needed: 2 <b>finished",
  );
});

/** The panels that ask for something, and their commands, the main one in capitals. */
const asksOf = (page: string) =>
  elementsOf(page).filter(({ attributes }) => (attributes.class ?? "").startsWith("panel call")).map(({ text }) =>
    text
  );
const mainsOf = (page: string) =>
  elementsOf(page).filter(({ attributes }) => attributes.class === "act first").map(({ text }) => text);

test("renderCampaignPage() shows after too many failures what failed, then its retry, then the approval", () => {
  const reason = "npm test exited with code 1";
  const items = [anItem(0, "failed", { reason, lastLines: ["ENOSPC"] }), anItem(5, "waiting")];
  const about = { ...ABOUT, limits: { ...ABOUT.limits, stopAfterFailures: "1" } };
  const closed = {
    state: "stopped",
    stateReason: "the first item failed (stop-after-failures: 1)",
    waitingFor: "gate",
    gatedAt: "2026-12-01T08:31:00.000Z",
    endsAt: null,
    about,
  } as const;
  const view = viewOf(items, closed);
  const page = rendered(view);
  expect(breaches(page)).toEqual([]);
  const [header = ""] = textsOf(page, "header");
  expect(header).toContain("stopped after 1 failureCampaign replace-moment");
  expect(header).toEndWith(
    "2 repositories, by claude <b>. The first item failed (stop-after-failures: 1). 1 has finished, 1 is queued.",
  );
  expect(textsOf(page, "h2")).toEqual(["Needs attention", "Progress", "Items", "More"]);
  const retry = `mogplex-ci campaign retry FILE --cause ${view.causes[0]?.word}`;
  const asks = asksOf(page);
  expect(asks.length).toBe(2);
  expect(asks[0]).toMatch(new RegExp(`^1 item: failed${reason}.*ENOSPC.*mogplex-ci report .*${retry}$`));
  expect(asks[1]).toBe(
    "gate closedFix the cause and retry the failed items, as shown above. Then let the campaign continue:" +
      "mogplex-ci campaign approve FILE",
  );
  expect(mainsOf(page).map((text) => text.includes("approve"))).toEqual([false]);
  expect(page).not.toContain("Stops automatically");
  expect(page).not.toContain("your approval");
  // After the retry only the approval is left.
  const retried = rendered(viewOf([anItem(0, "waiting", { attempts: 1 }), anItem(5, "waiting")], closed));
  expect(textsOf(retried, "header")[0]).toEndWith(" 2 are queued (1 of them retried).");
  expect(asksOf(retried)).toEqual([
    "gate closedOnce the cause is fixed, let the campaign continue; 1 retried item starts first:" +
    "mogplex-ci campaign approve FILE",
  ]);
  expect(mainsOf(retried).length).toBe(1);
});

test("renderCampaignPage() shows what failed of the canary before the question of its gate, which has no main action", () => {
  const reason = "npm test exited with code 1";
  const items = [anItem(0, "succeeded"), anItem(1, "failed", { reason }), anItem(5, "waiting")];
  const page = rendered(viewOf(items, { state: "gated", waitingFor: "gate", stateReason: `1 of 2: ${reason}` }));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "header")[0]).toContain("needs attention");
  expect(textsOf(page, "h2").slice(0, 3)).toEqual([
    "Needs attention",
    "Approve the other repository anyway?",
    "Progress",
  ]);
  const [panel = ""] = asksOf(page).slice(-1);
  expect(panel).toContain("Deal with the items above first. Retried items do not wait for the gate.");
  expect(panel).not.toContain("Review the work");
  expect(mainsOf(page).map((text) => text.includes("approve"))).toEqual([false]);
});

test("renderCampaignPage() has the groups of pull requests until they are merged, each with its links and its command", () => {
  const blocked = { merge: { stage: "blocked", reason: "its checks are <red>" } } as const;
  const items = [0, 1, 2, 3].map((number) => anItem(number, "succeeded", number === 3 ? blocked : {}));
  const [merged, first, second, last] = items.map(({ id }) => id) as [string, string, string, string];
  const since = "2026-11-29T13:53:00.000Z";
  const merging = [
    { stage: "merged", owners: [{ owner: "acme", items: [merged], since }] },
    {
      stage: "review",
      owners: [{ owner: "ann <b>", items: [first], since }, { owner: "ben", items: [second], since: null }],
    },
    { stage: "blocked", owners: [{ owner: "acme", items: [last], since: "2026-12-01T10:53:00.000Z" }] },
  ] as const;
  const page = rendered(viewOf(items, { state: "done", merging }));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h2").slice(-3)).toEqual(["Progress", "Merge status", "Items"]);
  const section = elementsOf(page).find(({ tag, attributes }) =>
    tag === "section" && attributes["aria-labelledby"] === "merging"
  )?.text;
  expect(section).toBe(
    [
      "Merge status",
      "1 is merged",
      "Pull requestshttps://github.com/acme/service-0/pull/7",
      "2 are waiting for review: ann <b> 1, ben 1; the oldest for 2 d",
      "mogplex-ci campaign merge FILE --dry-run",
      "Pull requestshttps://github.com/acme/service-1/pull/8https://github.com/acme/service-2/pull/9",
      "1 is blocked: acme 1; the oldest for 3 h",
      "mogplex-ci campaign merge FILE --dry-run",
      "Pull requestshttps://github.com/acme/service-3/pull/10: its checks are <red>",
    ].join(""),
  );
  const done = viewOf(items, { state: "done", merging: merging.slice(0, 1) });
  expect(textsOf(rendered(done), "h2")).not.toContain("Merge status");
});

test("renderCampaignPage() at a gate says what a retry of a succeeded item does with its pull request", () => {
  const again = (more: Parameters<typeof anItem>[2], ...others: ReturnType<typeof anItem>[]) => {
    const items = [anItem(0, "succeeded", more), ...others, anItem(2, "waiting")];
    const texts = textsOf(rendered(viewOf(items, { state: "gated", waitingFor: "gate", stateReason: "x" })), "p");
    return texts.filter((text) => text.startsWith("To run "));
  };
  const pullRequest = "https://github.com/acme/service-0/pull/7";
  expect(again({ pullRequest, pullRequestState: null })).toEqual([
    "To run acme/service-0 again before you decide (its pull request #7 stays open; the campaign follows the new one)",
  ]);
  expect(again({ pullRequest: null })).toEqual(["To run acme/service-0 again before you decide"]);
  expect(again({ pullRequest: null }, anItem(1, "succeeded"))).toEqual([
    "To run one again before you decide, for example acme/service-0",
  ]);
});

test("renderCampaignPage() counts at a gate what has finished, what waits for an answer, and what is queued", () => {
  const items = [anItem(0, "succeeded"), anItem(1, "needs-input"), anItem(2, "running"), anItem(3, "waiting")];
  const page = rendered(viewOf(items, { state: "gated", waitingFor: "gate", stateReason: "x" }));
  expect(textsOf(page, "header")[0]).toContain("1 has finished, 1 is running, 1 needs an answer, 1 is queued");
});

test("renderCampaignPage() has a segment of the bar for a run that waits for an answer, and says once what to do", () => {
  const reason = "the run is waiting for an answer";
  const page = rendered(viewOf([anItem(0, "succeeded"), anItem(1, "needs-input", { reason }), anItem(2, "running")]));
  const [bar = ""] = /<svg class="meter"[^>]*aria-label="3 items: .*?<\/svg>/.exec(page) ?? [];
  expect(
    [...bar.matchAll(/ width="([\d.]+%)" height="12" class="([\w-]+)"/g)].map(([, width, color]) => [width, color]),
  )
    .toEqual([["100%", "f-track"], ["33.33%", "f-good"], ["33.33%", "f-warn"]]);
  expect(page.match(/in the app/g)).toHaveLength(1);
});

test("renderCampaignPage() at a gate leaves out what its forge did not show", () => {
  const page = rendered(viewOf([anItem(0, "succeeded"), anItem(3, "waiting")], { state: "gated", stateReason: "x" }));
  expect(textsOf(page, "th").filter((text) => ["Checks", "Review", "Owner", "Why"].includes(text))).toEqual([]);
  expect(textsOf(page, "h2")[0]).toBe("Approve the other repository?");
});

test("renderCampaignPage() has one line an item: pull requests by number, short ids, and once what shows which are merged", () => {
  const reason = "npm test exited with code 1 after twenty attempts to install the packages";
  const page = rendered(viewOf([anItem(3, "succeeded"), anItem(4, "succeeded"), anItem(5, "failed", { reason })]));
  const rows = rowsOf(page).map(({ text }) => text);
  expect(rows[0]).toStartWith(`acme/service-5failed${reason}`);
  expect(rows[1]).toStartWith("acme/service-3succeeded#10");
  // The style shows eight digits; a click selects the whole id.
  const ids = elementsOf(page).filter(({ tag, attributes }) => tag === "code" && attributes.class === "id");
  expect(ids.map(({ text }) => text)).toEqual(
    [5, 3, 4].map((number) => `3f0f6f0a-6f0e-4a7e-9a0b-00000000000${number}`),
  );
  expect(rows.join(" ")).not.toContain("not read");
  expect(page).not.toContain("not read");
  expect(page.split("GITHUB_TOKEN or GITLAB_TOKEN, or for Gitea GITEA_TOKEN and --forge-host HOST").length).toBe(2);
  const local = anItem(3, "succeeded", { pullRequest: "http://127.0.0.1:4319/acme/service-3/pull/1" });
  expect(rendered(viewOf([local]))).not.toContain("GITHUB_TOKEN");
});

test("renderCampaignPage() shows skipped items without a judgment, and in amber the quota that the next start waits for", () => {
  const page = rendered(viewOf([anItem(0, "skipped")], { waitingFor: "hour" }));
  const states = elementsOf(page).filter(({ tag, text }) => tag === "span" && text === "skipped");
  expect(states.map(({ attributes }) => attributes.class)).toEqual(["state idle"]);
  const waits = textsOf(page, "li").filter((text) => text.includes("the next start waits for this"));
  expect(waits).toEqual(["Starts in the last hour the next start waits for this30 of 30"]);
});

test("renderCampaignPage() names no limit where starts are not limited", () => {
  const limited = rendered(mixedView(40));
  const page = rendered(mixedView(40, { quota: unlimited(mixedView(40)) }));
  const { minute, hour, day } = unlimited(mixedView(40));
  expect(textsOf(page, "p")).toContain(
    `This service does not limit starts. Starts of this campaign: ${minute.used} in the last minute, ${hour.used} in the last hour, ${day.used} in the last 24 hours.`,
  );
  expect(textsOf(page, "li").filter((text) => text.startsWith("Starts in"))).toEqual([]);
  expect([limited, page].map((each) => each.includes("what the quotas allow"))).toEqual([true, false]);
});

test("renderCampaignPage() keeps the rules and has every item, whatever its verdict", () => {
  const page = rendered(everyVerdict());
  expect(breaches(page)).toEqual([]);
  expect(rowsOf(page).map(({ attributes }) => attributes["data-k"])).toEqual(STATES.map(stateWord));
});

test("renderCampaignPage() shows what became of pull requests, and whose hands they are in", () => {
  const pull = {
    draft: false,
    checks: "red",
    review: "requested",
    conflict: null,
    owner: "lin",
    reason: null,
  } as const;
  const times = { createdAt: "2026-12-01T00:00:00Z", updatedAt: "2026-12-02T00:00:00Z" };
  const url = (number: number) => ({ pullRequest: `https://github.com/acme/r/pull/${number}` });
  const open = { ...pull, ...times, state: "open", files: 2, additions: 12, deletions: 3 } as const;
  const merged = { ...open, state: "merged", checks: "green" } as const;
  const items = [
    anItem(0, "succeeded", { ...url(1), pullRequestState: open, stuck: "failed-checks" }),
    anItem(1, "succeeded", { ...url(2), pullRequestState: merged }),
  ];
  const page = rendered(viewOf(items, { state: "running" }));
  expect(breaches(page)).toEqual([]);
  const text = textsOf(page, "main").join(" ");
  for (
    const each of [
      "2 pull requests: 1 open (1 stuck), 1 merged",
      "open, red, review requested",
      "+12 -3 in 2 files",
    ]
  ) {
    expect(text).toContain(each);
  }
  expect(textsOf(page, "p").some((each) => each.includes("owner: lin"))).toBe(true);
});

test("renderCampaignPage() shows the size of a change as the forge says it, and else what the events name", () => {
  const pull = { draft: false, checks: null, review: null, conflict: null, owner: null, reason: null } as const;
  const state = { ...pull, createdAt: null, updatedAt: null, state: "open" } as const;
  const address = { pullRequest: "https://github.com/acme/r/pull/1", files: 2 };
  const sizeOf = (fields: Parameters<typeof anItem>[2]) =>
    /[+\d-]+ [+\d-]+ in \d+ files?|(?:at least )?\d+ files?/.exec(
      rowsOf(rendered(viewOf([anItem(0, "succeeded", fields)])))[0]?.text ?? "",
    )?.[0];
  expect([
    sizeOf({ ...address, pullRequestState: { ...state, files: 5, additions: 40, deletions: 7 } }),
    // GitLab names no lines.
    sizeOf({ ...address, pullRequestState: { ...state, files: 5, additions: null, deletions: null } }),
    sizeOf({ ...address, pullRequestState: { ...state, state: "unreadable" } }),
    sizeOf(address),
    sizeOf({ ...address, files: undefined }),
    sizeOf({ branch: "mogplex/a", files: 1 }),
  ]).toEqual(["+40 -7 in 5 files", "5 files", "at least 2 files", "at least 2 files", undefined, "at least 1 file"]);
  const headings = (fields: Parameters<typeof anItem>[2]) =>
    textsOf(rendered(viewOf([anItem(0, "succeeded", fields), anItem(1, "waiting")])), "th").includes("Change");
  expect([headings(address), headings({})]).toEqual([true, false]);
});

test("renderCampaignPage() shows a campaign without items, one that is done, and one that is gated", () => {
  const nothing = { nextWaveAt: null, endsAt: null, waitingFor: null };
  const empty = rendered(viewOf([], { state: "planned", ...nothing }));
  expect([breaches(empty), textsOf(empty, "h3")[0]]).toEqual([[], "no items"]);
  const done = rendered(viewOf([anItem(0, "succeeded")], { state: "done", ...nothing }));
  expect(textsOf(done, "header")[0]).toEndWith(
    "doneCampaign replace-moment, round 2026-12: 1 repository. Its item succeeded.",
  );
  expect(textsOf(done, "h2")).toEqual(["Progress", "Items"]);
  const mixed = rendered(viewOf([anItem(0, "succeeded"), anItem(1, "failed")], { state: "done", ...nothing }));
  expect(textsOf(mixed, "header")[0]).toContain("done, 1 did not succeed");
});

test("renderCampaignPage() links the row of an item to the entry with its cause and its commands", () => {
  const lost = anItem(4, "failed", { reason: "npm test exited with code 1", lastLines: ["404 Not Found"] });
  const page = rendered(viewOf([anItem(2, "conflict"), anItem(3, "succeeded"), lost]));
  expect(breaches(page)).toEqual([]);
  const elements = elementsOf(page);
  const links = elements.filter(({ attributes }) => /^#c\d/.test(attributes.href ?? ""));
  const entryOf = (href: string) => elements.find(({ attributes }) => `#${attributes.id}` === href)?.text ?? "";
  expect(links.map(({ text }) => text)).toEqual(["conflict", "failed", "npm test exited with code 1"]);
  expect(links[2]?.attributes.href).toBe(links[1]?.attributes.href);
  const [conflict, failed] = links.map(({ attributes }) => entryOf(attributes.href ?? ""));
  expect(failed).toStartWith("1 item: failednpm test exited with code 1");
  expect(failed).toContain("404 Not Found");
  expect(failed).toContain(`mogplex-ci report ${lost.runId}`);
  expect(conflict).toStartWith("1 item: conflict");
});

test("renderCampaignPage() links runs to their pages on a local Mogplex only", () => {
  const failed = anItem(5, "failed", { reason: "see http://evil.example/ <b>" });
  const items = [failed, anItem(6, "succeeded", { runId: "../x?<b>" })];
  const runLinks = (origin: string) => {
    const page = rendered(viewOf(items, { about: { ...ABOUT, origin } }));
    expect(breaches(page)).toEqual([]);
    return elementsOf(page).filter(({ tag, attributes }) => tag === "a" && attributes.href?.startsWith("http"))
      .map(({ attributes, text }) => [attributes.href, text]);
  };
  const pull = ["https://github.com/acme/service-6/pull/13", "#13"];
  expect(runLinks("http://127.0.0.1:4319")).toEqual([
    [`http://127.0.0.1:4319/__runs/${failed.runId}`, String(failed.runId)],
    pull,
    ["http://127.0.0.1:4319/__runs/..%2Fx%3F%3Cb%3E", "../x?<b>"],
  ]);
  for (const origin of ["https://mogplex.com", "javascript:alert(1)", "http://localhost.evil.example", ""]) {
    expect(runLinks(origin)).toEqual([pull]);
  }
});

test("renderCampaignPage() links the pull requests that an entry names", () => {
  const url = "https://github.com/acme/service-4/pull/11";
  const page = rendered(viewOf([anItem(4, "unknown", { pullRequest: url })]));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "li")).toContain(`acme/service-4 (${url})`);
  const links = elementsOf(page).filter(({ tag, text }) => tag === "a" && text === url);
  // In the list of items, and above the last lines of the agent.
  expect(links.map(({ attributes }) => attributes.href)).toEqual([url, url]);
});

test("renderCampaignPage() has every item, with at most 410 bytes each", () => {
  const thousand = rendered(mixedView(1_000));
  expect([rowsOf(thousand).length, thousand.length < 1_000_000]).toEqual([1_000, true]);
  const more = rendered(mixedView(10_000));
  expect([rowsOf(more).length, more.length < 4_100_000]).toEqual([10_000, true]);
});

test("renderCampaignPage() shows file, limits, journal, and who opened a gate", () => {
  const page = rendered(viewOf([anItem(0, "succeeded")], { state: "running", about: ABOUT }));
  expect(breaches(page)).toEqual([]);
  const text = textsOf(page, "main").join(" ");
  const words = [ABOUT.fileHash, "3 at a time, 2 attempts, 1 h a run, stops after 10% failures, 1 window", "lin <b>"];
  for (const each of [...words, "all three are good", "42 records"]) expect(text).toContain(each);
});

test("renderCampaignPage() counts the items that need attention, and not what comes afterwards", () => {
  const done = { state: "done", nextWaveAt: null, endsAt: null, waitingFor: null } as const;
  const page = rendered(viewOf([anItem(1, "failed"), anItem(2, "conflict"), anItem(3, "succeeded")], done));
  const headings = textsOf(page, "h3");
  expect(headings.at(-1)).toStartWith("When that is done");
  expect(textsOf(page, "section")[0]).toStartWith("Needs attention2 items");
});

test("renderCampaignPage() says that sandboxes were not read", () => {
  const view = mixedView(3);
  const sandboxes = { used: null, limit: 3 };
  const page = rendered({ ...view, quota: { ...view.quota, sandboxes } });
  expect(textsOf(page, "li")).toContain("Sandboxes at a timeat most 3");
});

test("renderCampaignPage() links why an item failed to the last lines of its own agent", () => {
  const lines = ["401 Unauthorized", "TypeError: x", "401 Unauthorized", null];
  const items = lines.map((line, index) =>
    anItem(index, "failed", {
      reason: "Agent run exited with code 1.",
      ...line !== null && { lastLines: [line] },
      pullRequest: null,
      endedAt: `2026-12-01T1${index}:00:00Z`,
    })
  );
  const page = rendered(viewOf(items, { state: "running" }));
  expect(breaches(page)).toEqual([]);
  const elements = elementsOf(page);
  const places = elements.filter(({ tag, attributes, text }) =>
    tag === "a" && text === "Agent run exited with code 1." && attributes.href?.startsWith("#c")
  ).map(({ attributes }) => attributes.href?.slice(1));
  const textOf = (id: string | undefined) => elements.find(({ attributes }) => attributes.id === id)?.text ?? "";
  expect(places).toEqual(["c0-0", "c0-1", "c0-0", "c0"]);
  expect(textOf("c0-0")).toBe(
    "Last lines from the agents in 2 items (acme/service-2, acme/service-0):401 Unauthorized",
  );
  expect(textOf("c0-1")).toBe("Last lines from the agent in acme/service-1:TypeError: x");
  expect(textOf("c0")).toContain("4 items: failed, 2 different log endings");
});

test("renderCampaignPage() shows when the first and the newest item of a cause ended, and the owner of a pull request, not of a repository", () => {
  const items = [
    anItem(0, "failed", { reason: "boom", pullRequest: null, endedAt: "2026-12-01T10:00:00Z" }),
    anItem(1, "failed", { reason: "boom", pullRequest: null, endedAt: "2026-12-01T12:30:00Z" }),
  ];
  const panelOf = (view: CampaignView) =>
    elementsOf(rendered(view)).find(({ attributes }) => attributes.id === "c0")?.text ?? "";
  expect(panelOf(viewOf(items, { state: "running" }))).toStartWith(
    "2 items: failedboomfailed at 10:00 UTC, the newest at 12:30 UTC",
  );
  expect(panelOf(viewOf(items, { state: "running" }))).not.toContain("owner");
  expect(panelOf(viewOf(items.slice(0, 1), { state: "running" }))).toContain("boomfailed at 10:00 UTC");
});

test("renderCampaignPage() has a link to the cause also beside a long reason", () => {
  const items = [anItem(0, "failed", { reason: "x ".repeat(200), pullRequest: null })];
  const links = elementsOf(rendered(viewOf(items, { state: "running" })))
    .filter(({ tag, attributes, text }) => tag === "a" && attributes.href === "#c0" && text === "cause");
  expect(links.length).toBe(1);
});
