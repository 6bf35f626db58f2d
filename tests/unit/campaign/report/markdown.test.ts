import { expect, test } from "bun:test";
import { stateWord } from "../../../../lib/campaign/report/words.ts";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { renderCampaignMarkdown } from "../../../../lib/campaign/report/markdown.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { outlineMarkdown } from "../../hostile/parsers/markup_parsers.ts";
import { anItem, everyVerdict, mixedView, NOW, viewOf } from "./sample_view.ts";

const command = { program: "mogplex-ci", file: "campaign.yaml", flags: [] };

function render(view: CampaignView, options: Parameters<typeof renderCampaignMarkdown>[1] = { command }): string {
  return renderCampaignMarkdown(cleanCampaign(view, (text) => text, (text) => text), options);
}

test("renderCampaignMarkdown() says in two lines where a campaign is, what it waits for, and whether a person is needed", () => {
  const lines = render(mixedView(100)).split("\n").filter((line) => line !== "");
  expect(lines.slice(0, 3)).toEqual([
    "## 🚀 Campaign `replace-moment`, round `2026-12`, is running",
    "3 runs active, 1 run needs an answer; the next start waits for the quota of starts per hour (30 of 30 used). " +
    "Next wave: 2026-12-01 14:05 UTC (in 12 min). **15 items did not succeed: see what to do below**.",
    "56 of 100 have finished: 34 succeeded, 5 unchanged, 2 unknown, 1 conflict, 8 failed, 2 overdue, 1 cancelled, 1 invalid, 2 skipped. " +
    "1 needs-input, 3 running, 1 held back by a quota, 1 held back by the service, 38 queued. 34 pull requests; " +
    "to see which are merged, set GITHUB_TOKEN or GITLAB_TOKEN, or for Gitea GITEA_TOKEN and --forge-host HOST.",
  ]);
});

test("renderCampaignMarkdown() puts what needs attention first, one cause at a time, with the command that retries it", () => {
  const items = [
    anItem(1, "failed", { reason: "npm test exited with code 1 in 3 s" }),
    anItem(2, "failed", { reason: "npm test exited with code 1 in 9 s" }),
    anItem(3, "needs-input", { reason: "UTC or local time?" }),
    anItem(4, "succeeded"),
  ];
  const text = render(viewOf(items));
  const part = text.slice(text.indexOf("### Needs attention"), text.indexOf("### Pace"));
  expect(part).toBe(`### Needs attention

#### needs-input (1)

 \`\`\`text
 UTC or local time?
 \`\`\`

\`acme/service-3 (run 3f0f6f0a-6f0e-4a7e-9a0b-000000000003)\`

Answer the agent in the app. Until then, the run occupies one of the 3 sandboxes.

Or cancel the run:

 \`\`\`text
 mogplex-ci runs cancel 3f0f6f0a-6f0e-4a7e-9a0b-000000000003
 \`\`\`

#### failed (2)

 \`\`\`text
 npm test exited with code 1 in … s
 \`\`\`

\`acme/service-1\`, \`acme/service-2\`

To see what the agent did in \`acme/service-1\`, the newest:

 \`\`\`text
 mogplex-ci report 3f0f6f0a-6f0e-4a7e-9a0b-000000000001
 \`\`\`

Fix the cause, then try again:

 \`\`\`text
 mogplex-ci campaign retry campaign.yaml --cause ${viewOf(items).causes[0]?.word}
 \`\`\`

`);
});

test("renderCampaignMarkdown() marks a campaign that is done by whether its end is good", () => {
  const done = { state: "done", waitingFor: null, nextWaveAt: null, endsAt: null } as const;
  const good = render(viewOf([anItem(1, "succeeded"), anItem(2, "unchanged")], done));
  expect(good).toStartWith("## ✅ Campaign");
  expect(good).toContain("All 2 items succeeded or needed no change.");
  expect(good).toContain("Nothing needs attention.");
  const bad = render(viewOf([anItem(1, "succeeded"), anItem(2, "failed")], done));
  expect(bad).toStartWith("## ❌ Campaign");
  expect(bad).toContain("mogplex-ci campaign run campaign.yaml");
});

test("renderCampaignMarkdown() is far below the limits of GitHub and GitLab, whatever the size, and says what it cut", () => {
  const long = "ß".repeat(390);
  const items = Array.from({ length: 10_000 }, (_, number) => {
    const letters = [...String(number)].map((digit) => "abcdefghij"[Number(digit)]).join("");
    return anItem(number, "failed", {
      id: `${long}${number}`,
      repository: `${long}${number}`,
      branch: long,
      reason: `${letters} ${"語".repeat(480)}`,
    });
  });
  for (const view of [viewOf(items), mixedView(10_000)]) {
    const text = render(view);
    expect(new TextEncoder().encode(text).length).toBeLessThan(600_000);
    expect(text).toMatch(/… and \d+ more: see `ci\/campaign\.csv` or `campaign\.json`\./);
    expect(outlineMarkdown(text).elements.filter((element) => element === "table").length).toBe(2);
  }
  expect(render(viewOf(items))).toMatch(/… and \d+ more: see `campaign\.json`, `causes`\./);
});

test("renderCampaignMarkdown() has a row for each of a few items, and links only where that is permitted", () => {
  const text = render(everyVerdict());
  for (const { repository, verdict } of everyVerdict().items) {
    expect(text).toContain(`| \`${repository}\` | ${stateWord(verdict)} |`);
  }
  expect(outlineMarkdown(text).elements).toContain("a href=https://github.com/acme/service-13/pull/20");
  const unlinked = render(everyVerdict(), { mayLink: () => false });
  expect(outlineMarkdown(unlinked).elements.filter((element) => element.startsWith("a "))).toEqual([]);
});

test("renderCampaignMarkdown() shows the problem of the last step, the job's pages, and an empty campaign", () => {
  const links = { job: "https://ci.example/job/1" };
  const text = render(viewOf([], { state: "planned", waitingFor: null, nextWaveAt: null, endsAt: null }), {
    command,
    links,
    problem: "Cannot advance the campaign: this token belongs to a different user",
  });
  expect(text).toContain("There are no items.");
  expect(text).toContain(" Cannot advance the campaign: this token belongs to a different user");
  expect(text).toContain("[`https://ci.example/job/1`](<https://ci.example/job/1>)");
  expect(text).not.toContain("### Items");
  expect(text).toContain(`| As of | ${NOW.slice(0, 16).replace("T", " ")} UTC |`);
});

test("renderCampaignMarkdown() says once how many items of a campaign that is done did not succeed", () => {
  const text = render(
    viewOf([anItem(1, "failed"), anItem(2, "succeeded")], { state: "done", nextWaveAt: null, endsAt: null }),
  );
  expect(text).toContain("1 of 2 items succeeded, 1 did not succeed. **See what to do below**.");
  expect(text.match(/did not succeed/g)?.length).toBe(1);
});

test("renderCampaignMarkdown() shows how many items have each set of last lines, three sets at most: the newest, then the most frequent", () => {
  const lastLines = ["E403 after 3 s", "E403 after 14 s", "no Temporal", "no Temporal", "no disk", "no memory"];
  const items = lastLines.map((line, index) =>
    anItem(index + 1, "failed", {
      reason: "boom",
      lastLines: [line],
      pullRequest: null,
      endedAt: `2026-12-01T1${index}:00:00Z`,
    })
  );
  const blocks = render(viewOf(items), { command }).split("\n\n");
  const heads = blocks.flatMap((block, at) => block.startsWith("Last lines") ? [[block, blocks[at + 1]]] : []);
  expect(heads).toEqual([
    ["Last lines from the agent in `acme/service-6`, the newest:", " ```text\n no memory\n ```"],
    ["Last lines from the agents in 2 items (`acme/service-4`, `acme/service-3`):", " ```text\n no Temporal\n ```"],
    ["Last lines from the agents in 2 items (`acme/service-2`, `acme/service-1`):", " ```text\n E403 after 14 s\n ```"],
  ]);
  expect(blocks.slice(blocks.indexOf("#### failed (6), 4 different log endings"))).toEqual(
    expect.arrayContaining([
      "And 1 other log ending, in `acme/service-5`: see `campaign.html`",
      "To see more of `acme/service-6`:",
    ]),
  );
});

test("renderCampaignMarkdown() shows the last lines of the newest agent, and links its pull request only where it may", () => {
  const url = "https://evil.example/acme/service-2/pull/7";
  const items = [
    anItem(1, "unknown", { lastLines: ["old"], pullRequest: null, endedAt: "2026-12-01T10:00:00Z" }),
    anItem(2, "unknown", { lastLines: ["one", "``` two"], pullRequest: url, endedAt: "2026-12-01T11:00:00Z" }),
  ];
  const part = (mayLink: boolean) =>
    render(viewOf(items), { command, mayLink: () => mayLink }).split("\n\n").filter((block) =>
      /^Last lines|^ ````text/.test(block)
    );
  expect(part(true)).toEqual([
    `Last lines from the agent in \`acme/service-2\`, the newest ([\`${url}\`](<${url}>)):`,
    " ````text\n one\n ``` two\n ````",
    "Last lines from the agent in `acme/service-1`:",
  ]);
  expect(part(false)[0]).toBe(`Last lines from the agent in \`acme/service-2\`, the newest (\`${url}\`):`);
});
