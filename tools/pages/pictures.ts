/**
 * Takes the pictures of pages in `docs/images` with Chromium: `bun tools/pages/pictures.ts`. Run it by hand, because every browser renders slightly
 * differently.
 *
 * The pictures show files that the command has written against the local Mogplex on a virtual clock: a run, a campaign in progress, and a dashboard
 * of twelve weeks. The note comes from `MOGPLEX_LAB_NOTES=.lab/notes npm run lab -- gitea-respond`, where a real Gitea renders the HTML. Without that
 * file, the picture of the note does not change.
 *
 * @module
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";
import { main } from "../../lib/cli/main.ts";
import { virtualClock } from "../../lib/clock.ts";
import { parseScenarios, SCENARIO_TEXTS } from "../../lib/emulator/agents/scenario.ts";
import { makeEmulator } from "../../lib/emulator/emulator.ts";
import { builtInFixture } from "../../lib/emulator/state/fixture.ts";
import { type Io, processIo } from "../../lib/io.ts";
import { readHistory } from "../../lib/report/history.ts";
import { aNode, githubForge, reviews, rollup } from "../../tests/unit/forge/github_forge.ts";
import { root } from "../setup.mjs";

const EXECUTABLE = Bun.which("chromium") ?? Bun.which("chromium-browser");
if (EXECUTABLE === null) throw new Error("Cannot make pictures: Chromium is not installed");

const ITEMS = Array.from({ length: 100 }, (_, index) => `acme/project-${String(index + 1).padStart(4, "0")}`);
const TASK = "Fix the flaky tests of the checkout. Do not raise timeouts.";
const PROGRESS = (SCENARIO_TEXTS["agent-progress"] ?? "").replaceAll(
  "auto_committed_files: []",
  "auto_committed_files: [src/cart/total.ts, tests/cart.test.ts]",
);
/** Nightly runs and campaign runs take about the same time, so that their figures can be compared. */
const TIMES = "{ median: 11m, sigma: 0.35, seed: 4 }";
const CAMPAIGN = (SCENARIO_TEXTS.campaign ?? "").replace("{ play: success }", `{ play: success, duration: ${TIMES} }`);
const HOUR_MS = 3_600_000;
/** Twelve calendar weeks, regardless of the day of the week. */
const DAYS = 84;
const CAMPAIGN_DAYS = 5;
const WAVES_A_DAY = 3;
/** Time between a wave and the creation of the dashboard. At this time, the sandboxes of the wave's runs are running, and the runs have not ended. */
const BOOTED_MS = 15_000;

const DAY_MS = 24 * HOUR_MS;
/** The last day ends before now, so that no picture shows a future time. */
const lastDayMs = Math.floor((Date.now() - 8 * HOUR_MS) / DAY_MS) * DAY_MS;
const clock = virtualClock({ startMs: lastDayMs - (DAYS - 1) * DAY_MS + 6 * HOUR_MS });
const emulator = makeEmulator({
  fixture: builtInFixture(["acme/web", ...ITEMS]),
  clock,
  scenarios: [
    ...parseScenarios("play: agent-failure\nduration: 6m\nmatch: { repo: acme/web, every: 4 }", "failure"),
    ...parseScenarios(`${PROGRESS}\nduration: ${TIMES}\nmatch: { repo: acme/web }`, "progress"),
    ...parseScenarios(CAMPAIGN, "campaign"),
  ],
  revision: { stream: true },
});
const forge = githubForge();
const REVIEWERS = [["kim"], ["sam"], [], ["kim"]].map((logins) => ({
  totalCount: logins.length,
  nodes: logins.map((login) => ({ requestedReviewer: { __typename: "User", login } })),
}));
emulator.world.origin = "https://github.com";
const tokens = [...emulator.world.store.tokens.values()];

async function command(
  args: readonly string[],
  scope: "write" | "read" = "write",
  forgeToken?: string,
): Promise<number> {
  const token = tokens.find(({ scopes }) => scopes.includes("write") === (scope === "write"))?.token ?? "";
  const io: Io = {
    ...processIo(),
    env: (name) => name === "MOGPLEX_API_KEY" ? token : name === "GITHUB_TOKEN" ? forgeToken : undefined,
    write: () => {},
    isTerminal: () => false,
    onSignal: () => () => {},
  };
  const fetch = (url: string, init: RequestInit) =>
    url.startsWith("https://api.github.com/") ? forge.fetch(url, init) : emulator.fetch(url, init);
  return await main([...args], io, { fetch, clock, program: "mogplex-ci" });
}

function deliver(): void {
  const nowMs = clock.wallTime();
  const campaign = JSON.parse(readFileSync("mogplex-campaign/campaign.json", "utf8"));
  const pulls = [
    ...readHistory(readFileSync("runs.ndjson", "utf8")).records,
    ...campaign.items as { pullRequest: string | null; endedAt: string | null }[],
  ];
  for (const [index, { pullRequest, endedAt }] of pulls.entries()) {
    const [, name = "", number = ""] = /github\.com\/(.+)\/pull\/(\d+)$/.exec(pullRequest ?? "") ?? [];
    if (name === "" || endedAt === null) continue;
    const openedMs = Date.parse(endedAt);
    const endMs = openedMs + (index * 7 % 44 + 3) * HOUR_MS;
    const isLate = index % 9 === 0 && nowMs - openedMs < 6 * DAY_MS;
    const state = endMs > nowMs || isLate ? "OPEN" : index % 11 === 0 ? "CLOSED" : "MERGED";
    const end = state === "OPEN" ? null : new Date(endMs).toISOString();
    const isRed = state === "OPEN" && index % 5 === 0;
    forge.pulls.set(
      `${name}#${number}`,
      aNode({
        ...{ number: Number(number), state, createdAt: endedAt, updatedAt: end ?? endedAt },
        ...{ mergedAt: state === "MERGED" ? end : null, closedAt: end },
        ...{ reviewDecision: null, reviewRequests: REVIEWERS[index % REVIEWERS.length] },
        ...reviews(),
        ...rollup(isRed ? "FAILURE" : "SUCCESS"),
      }),
    );
  }
}

const work = mkdtempSync(join(tmpdir(), "mogplex-pictures-"));
process.chdir(work);
writeFileSync(
  "campaign.yml",
  `version: 1
name: replace-moment
title: Replace moment with Temporal
prompt: Replace every use of moment with Temporal, and remove the dependency.
repositories: [${ITEMS.join(", ")}]
success: { require: pull-request, accept-unchanged: true }
`,
);

const wave = () => command(["campaign", "advance", "campaign.yml"]);

for (let day = 0; day < DAYS; day++) {
  const isCampaign = day >= DAYS - CAMPAIGN_DAYS;
  if (day === DAYS - CAMPAIGN_DAYS) await command(["campaign", "plan", "campaign.yml"]);
  for (let run = 0; run < 1 + Math.floor(day / 28) + day % 2; run++) {
    // Every run ends before its job, so that the forge has each pull request of the history.
    const flags = ["--key-scope=random", "--history=runs.ndjson", `--out=runs/${day}-${run}`, "--timeout=7200"];
    await command(["run", "--follow", "--repo", "acme/web", ...flags, TASK]);
    clock.advance(HOUR_MS);
  }
  for (let turn = 0; isCampaign && turn < WAVES_A_DAY; turn++) {
    clock.advance(HOUR_MS / 3);
    await wave();
  }
  if (day < DAYS - 1) clock.advance(Math.ceil(clock.wallTime() / DAY_MS) * DAY_MS - clock.wallTime() + 6 * HOUR_MS);
}
clock.advance(BOOTED_MS);
const results = ["--results", "runs/*/result.json", "--results", "mogplex-campaign/campaign.json"];
deliver();
await command(["dashboard", "--out", "public", "--history", "runs.ndjson", ...results], "read", "ghp_forgeToken");
await emulator.close();

const PICTURES = [
  { name: "run-page", file: `runs/${DAYS - 1}-0/run.html`, colorScheme: "light", width: 1_100, height: 1_150 },
  { name: "campaign-page", file: "mogplex-campaign/campaign.html", colorScheme: "light", width: 1_100, height: 900 },
  { name: "dashboard", file: "public/index.html", colorScheme: "light", width: 1_200, height: 1_500 },
] as const;

mkdirSync(join(root, "docs/images"), { recursive: true });
const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
for (const { name, file, colorScheme, width, height } of PICTURES) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  // The pages show their age.
  await page.clock.setFixedTime(clock.wallTime());
  await page.setContent(readFileSync(join(work, file), "utf8"));
  writeFileSync(join(root, `docs/images/${name}.png`), await page.screenshot());
}

/** Gitea's module has no style sheets, and not every machine has an emoji font. Therefore, this style is plain and uses symbols of a common font. */
const NOTE_STYLE = `
section { --line: light-dark(#d0d7de, #3d444d); --soft: light-dark(#f6f8fa, #151b23) }
body { margin: 0; font: 14px/1.5 "Liberation Sans", Arial, sans-serif }
section { padding: 12px; color: light-dark(#1f2328, #f0f6fc) }
article { background: light-dark(#fff, #0d1117); border: 1px solid var(--line); border-radius: 6px; padding: 4px 16px } article + article { margin-top: 12px }
h2 { font-size: 20px; margin: 8px 0 12px; padding-bottom: 6px; border-bottom: 1px solid var(--line) } h3 { margin: 12px 0 }
a { color: light-dark(#0969da, #4493f8) }
table { border-collapse: collapse; margin: 12px 0 } th, td { border: 1px solid var(--line); padding: 5px 12px; text-align: left }
code { font: 12px/1.45 "DejaVu Sans Mono", monospace; background: var(--soft); border-radius: 6px; padding: 2px 5px }
h2 code { font-size: 17px }
pre { background: var(--soft); border-radius: 6px; padding: 10px; white-space: pre-wrap } pre code { padding: 0 }
details, p { margin: 12px 0 }
.emoji { font-size: 0 } .emoji::before { font: 20px "DejaVu Sans" }
.emoji[aria-label^="hourglass"]::before { content: "\\231b"; color: #9a6700 }
.emoji[aria-label^="check"]::before { content: "\\2714"; color: #2da44e }
`;

const NOTES = ["note-works", "note"].map((name) => join(root, `.lab/notes/${name}.html`));
if (NOTES.every((file) => existsSync(file))) {
  const page = await browser.newPage({ viewport: { width: 620, height: 100 }, colorScheme: "light" });
  const notes = NOTES.map((file) => `<article>${readFileSync(file, "utf8")}</article>`);
  await page.setContent(`<!DOCTYPE html><style>${NOTE_STYLE}</style><section>${notes.join("")}</section>`);
  writeFileSync(join(root, "docs/images/note.png"), await page.screenshot({ fullPage: true, omitBackground: true }));
}
await browser.close();
process.chdir(root);
rmSync(work, { recursive: true });
