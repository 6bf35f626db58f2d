import { expect, test } from "bun:test";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import type { FileProblem } from "../../../lib/dashboard/data.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { breaches as breachesOf, elementsOf, textsOf } from "../report/page_parser.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, listsWith, someDays } from "./sample_data.ts";

type Data = Parameters<typeof cleanDashboard>[0];

const render = (data: Data, days = someDays(0)) => renderDashboardPage(cleanDashboard(data, createRedactor()), days);

/** Beside addresses of the web, it leads to pages in its own folder. */
const breaches = (page: string) =>
  breachesOf(page, elementsOf(page), /^(?:#|https?:\/\/|(?!\.\.)[\w%.-]+(?:\/[\w%.-]+)*\/(?:run|campaign)\.html$)/);

test("renderDashboardPage() says first what needs a person, and links to it", () => {
  const page = render(fullDashboard(12), someDays(40));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual(["8 runs, 3 campaign items and 10 other things need a person"]);
  expect(textsOf(page, "th")).toContain("move-to-node-24, round 2026-12");
  const concerns = textsOf(page, "li").filter((text) => text.endsWith("Show"));
  expect(concerns.slice(0, 2)).toEqual([
    "campaign move-to-node-24, round 2026-12: 3 items did not succeed19 of 40 ended well or were skippedShow",
    "automation Weekly dependency update: its last run failed3 of the last 20 failed · Agent exited with code 1: npm testShow",
  ]);
});

test("renderDashboardPage() counts what a reader counts, and leaves out runs whose job was stopped", () => {
  const { runs: [run], campaigns: [campaign] } = fullDashboard(1);
  if (run === undefined || campaign === undefined) throw new Error("Cannot count: there is nothing");
  const headline = (outcomes: string[], campaigns: Data["campaigns"] = [], changes = {}) => {
    const runs = outcomes.map((outcome) => ({ ...run, outcome }));
    return textsOf(render(emptyDashboard({ runs, campaigns, ...changes })), "h1")[0];
  };
  expect(headline(["success", "interrupted", "started"])).toBe("Nothing needs a person");
  expect(headline(["failed", "interrupted"])).toBe("1 run needs a person");
  expect(headline(["failed", "deadline", "awaiting_input"], [campaign])).toBe(
    "3 runs and 3 campaign items need a person",
  );
  const fileProblems: FileProblem[] = [{ file: "broken.json", kind: "file", why: "line 1 is not an event" }];
  expect(headline(["failed"], [campaign, { ...campaign, state: "gated" }], { fileProblems })).toBe(
    "1 run, 3 campaign items and 2 other things need a person",
  );
  expect(headline([], [], { fileProblems })).toBe("1 thing needs a person");
});

test("renderDashboardPage() has a sentence where there is nothing, and no chart before the second day", () => {
  const page = render(emptyDashboard(), someDays(1));
  expect(breaches(page)).toEqual([]);
  expect(textsOf(page, "h1")).toEqual(["Nothing needs a person"]);
  for (const text of ["There is no sandbox.", "The token reaches no repository.", "No campaign.json was given"]) {
    expect(page).toContain(text);
  }
  expect(textsOf(page, "table")).toEqual([]);
  expect(page).toContain("From the second day on, a chart");
  expect(page).not.toContain('class="chart"');
  expect(page.length).toBeLessThan(60_000);
  expect(render(emptyDashboard(), someDays(2))).toContain("From 2026-11-30 to 2026-12-01, at the end: ");
});

test("renderDashboardPage() has tools from 20 rows on, no empty column, and no red badge for what is done", () => {
  const few = render(fullDashboard(12));
  expect(elementsOf(few).filter(({ attributes }) => "data-list" in attributes)).toEqual([]);
  const many = elementsOf(render(fullDashboard(20))).filter(({ attributes }) => "data-list" in attributes);
  expect(many.length).toBeGreaterThan(2);
  expect(textsOf(few, "th")).toContain("Why");
  const data = fullDashboard(12);
  const done = data.campaigns.map((each) => ({ ...each, state: "done", stateReason: null, ended: 40, good: 30 }));
  const page = render({ ...data, campaigns: done, runs: [] });
  expect(textsOf(page, "th")).not.toContain("Why");
  expect(elementsOf(page).filter(({ tag, text }) => tag === "span" && text === "done")).toEqual([]);
});

test("renderDashboardPage() shows one table at once, before the days, and repositories and sandboxes at a click", () => {
  const page = render(fullDashboard(12), someDays(5));
  expect(textsOf(page, "h2").slice(0, 4)).toEqual(["Needs attention", "Campaigns (3)", "Day by day", "Runs (12)"]);
  expect(textsOf(page, "summary")).toContain("show the repositories");
});

test("renderDashboardPage() does not show as empty what was not read, and says what is cut off", () => {
  const page = render(brokenDashboard());
  expect(breaches(page)).toEqual([]);
  expect(page).not.toContain("There is no sandbox.");
  expect(page).toContain("Cannot list sandboxes: the service answers with HTTP 503");
  expect(page).toContain("and has sent 200");
  const skipped = render(emptyDashboard({ lists: listsWith({ automations: { state: "skipped", why: "Later" } }) }));
  expect(skipped).not.toContain("The token reaches no automation.");
});

test("renderDashboardPage() says of a pattern that it matches no file, and not that a file could not be read", () => {
  const pattern = { file: "out/**/result.json", kind: "pattern", why: "No file" } as const;
  const broken = { file: "broken.json", kind: "file", why: "line 1 is not an event" } as const;
  const said = (...fileProblems: FileProblem[]) =>
    textsOf(render(emptyDashboard({ fileProblems })), "main").join("")
      .match(/\d (?:files?|patterns?) (?:could not be read|match(?:es)? no file)/g);
  expect(said(pattern)).toEqual(["1 pattern matches no file"]);
  expect(said(pattern, pattern, broken)).toEqual(["2 patterns match no file", "1 file could not be read"]);
});

test("renderDashboardPage() has every row of a thousand, in 3 MB", () => {
  const page = render(fullDashboard(1_000), someDays(800));
  expect(breaches(page)).toEqual([]);
  expect(elementsOf(page).filter(({ attributes }) => attributes["data-k"] !== undefined).length).toBe(4_250);
  expect(page.length).toBeLessThan(3_100_000);
});

test("renderDashboardPage() names runs by repository, id or file, as links to their pages", () => {
  const data = fullDashboard(3);
  const file = "out/unknown/result.json";
  const [first, second, third] = data.runs.map((each) => ({ ...each, createdAt: data.at }));
  const runs = [
    { ...first, task: "Fix it", page: "runs/javascript:x/1 2/run.html" },
    { ...second, repository: null, page: "javascript:alert(1)/run.html" },
    { ...third, repository: null, runId: null, file, page: null },
  ] as Data["runs"];
  const page = render({ ...data, runs });
  expect(textsOf(page, "td")).toContain("Fix it");
  const links = elementsOf(page).filter(({ attributes }) => attributes.href?.endsWith("run.html"));
  expect(links.map(({ attributes, text }) => [attributes.href, text])).toEqual([
    ["runs/javascript%3Ax/1%202/run.html", "acme/service-0"],
    ["javascript%3Aalert(1)/run.html", "d0000000"],
  ]);
  expect(textsOf(page, "th")).toContain(file);
  // Without runs there is nothing to count for a repository.
  expect(textsOf(page, "th")).toContain("Of the runs above");
  expect(textsOf(render({ ...data, runs: [] }), "th")).not.toContain("Of the runs above");
});

test("renderDashboardPage() links a campaign to its page where there is one, and to no file of another folder tree", () => {
  const data = fullDashboard(12);
  const [first, second, third] = data.campaigns;
  const campaigns = [first, second, { ...third, page: "/reports/campaign.html" }] as Data["campaigns"];
  const html = render({ ...data, campaigns });
  const links = elementsOf(html).filter(({ attributes }) => attributes.href?.endsWith("campaign.html"));
  expect(links.map(({ attributes }) => attributes.href)).toEqual(["campaigns/0/campaign.html"]);
  expect(textsOf(html, "a")).toContain("move-to-node-24");
  expect(textsOf(html, "bdi")).toContain("campaign-2");
});

test("renderDashboardPage() rounds the age of a sandbox as it rounds when it was active", () => {
  const data = fullDashboard(1);
  const at = Date.parse(data.at);
  const ago = (seconds: number) => new Date(at - seconds * 1_000).toISOString();
  const sandboxes = data.sandboxes.map((each) => ({ ...each, createdAt: ago(93), lastActiveAt: ago(91) }));
  const cells = textsOf(render({ ...data, sandboxes }), "td");
  expect(cells).toContain("2 min");
  expect(cells).toContain("2 min ago");
});

test("renderDashboardPage() says why more items can be at work than sandboxes are in use", () => {
  const data = fullDashboard(4);
  const [campaign] = data.campaigns;
  const [sandbox] = data.sandboxes;
  if (campaign === undefined || sandbox === undefined) throw new Error("Cannot compare: there is nothing");
  const says = (used: number, lists = listsWith()) =>
    render({
      ...data,
      lists,
      campaigns: [{ ...campaign, running: 3 }],
      sandboxes: Array.from({ length: used }, () => ({ ...sandbox, status: "running" })),
    }).includes("More items are at work than sandboxes are in use");
  // Nothing is said of sandboxes that were not all read.
  const unread = listsWith({ sandboxes: { state: "failed", why: "HTTP 503" } });
  expect([says(0), says(2), says(3), says(0, unread)]).toEqual([true, true, false, false]);
});
