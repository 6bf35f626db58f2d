/**
 * Makes the pictures of pages in `docs/images` with Chromium: `bun tools/pages/pictures.ts`. They are made by hand, since every browser
 * draws a little differently.
 *
 * What they show are files that the command has written: a run, a campaign in the middle of its work, and a dashboard of ten days, against
 * the local Mogplex on a virtual clock.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { chromium } from "playwright-core";
import { main } from "../../lib/cli/main.ts";
import { virtualClock } from "../../lib/clock.ts";
import { builtInScenarios, parseScenarios, SCENARIO_TEXTS } from "../../lib/emulator/agents/scenario.ts";
import { makeEmulator } from "../../lib/emulator/emulator.ts";
import { builtInFixture } from "../../lib/emulator/state/fixture.ts";
import { type Io, processIo } from "../../lib/io.ts";
import { root } from "../setup.mjs";

const EXECUTABLE = Bun.which("chromium") ?? Bun.which("chromium-browser");
if (EXECUTABLE === null) throw new Error("Cannot make pictures: Chromium is not installed");

const ITEMS = Array.from({ length: 100 }, (_, index) => `acme/project-${String(index + 1).padStart(4, "0")}`);
const TASK = "Fix the flaky tests of the checkout. Do not raise timeouts.";
/** The agent leaves two changed files, which the delivery commits. */
const PROGRESS = (SCENARIO_TEXTS["agent-progress"] ?? "").replaceAll(
  "auto_committed_files: []",
  "auto_committed_files: [src/cart/total.ts, tests/cart.test.ts]",
);
const HOUR_MS = 3_600_000;
const DAYS = 10;
const WAVES_A_DAY = 3;

const clock = virtualClock({ startMs: Date.parse("2026-11-20T06:00:00Z") });
const emulator = makeEmulator({
  fixture: builtInFixture(["acme/web", ...ITEMS]),
  clock,
  scenarios: [
    // Every fourth run of the night fails.
    ...parseScenarios("play: agent-failure\nduration: 6m\nmatch: { repo: acme/web, every: 4 }", "failure"),
    ...parseScenarios(`${PROGRESS}\nduration: 14m\nmatch: { repo: acme/web }`, "progress"),
    ...builtInScenarios("campaign"),
  ],
  revision: { stream: true },
});
emulator.world.origin = "https://mogplex.com";
const tokens = [...emulator.world.store.tokens.values()];

/** Calls the command as a job in a folder of its own does. */
async function command(args: readonly string[], scope: "write" | "read" = "write"): Promise<number> {
  const token = tokens.find(({ scopes }) => scopes.includes("write") === (scope === "write"))?.token ?? "";
  const io: Io = {
    ...processIo(),
    env: (name) => name === "MOGPLEX_API_KEY" ? token : undefined,
    write: () => {},
    isTerminal: () => false,
    onSignal: () => () => {},
  };
  return await main([...args], io, { fetch: (url, init) => emulator.fetch(url, init), clock, program: "mogplex-ci" });
}

const work = mkdtempSync(join(tmpdir(), "mogplex-pictures-"));
process.chdir(work);
writeFileSync(
  "campaign.yml",
  `version: 1
name: replace-moment
title: Replace moment by Temporal
prompt: Replace every use of moment by Temporal, and remove the dependency.
repositories: [${ITEMS.join(", ")}]
success: { require: pull-request, accept-unchanged: true }
`,
);

/** One wave of the campaign. */
const wave = () => command(["campaign", "advance", "campaign.yml"]);

await command(["campaign", "plan", "campaign.yml"]);
for (let day = 0; day < DAYS; day++) {
  await command(["run", "--follow", "--repo", "acme/web", "--key-scope", "random", "--out", `runs/${day}`, TASK]);
  for (let turn = 0; turn < WAVES_A_DAY; turn++) {
    clock.advance(HOUR_MS / 10);
    await wave();
  }
  const results = ["--results", "runs/*/result.json", "--results", "mogplex-campaign/campaign.json"];
  await command(["dashboard", "--out", "public", ...results], "read");
  clock.advance(Math.ceil(clock.wallTime() / (24 * HOUR_MS)) * 24 * HOUR_MS - clock.wallTime() + 6 * HOUR_MS);
}
await emulator.close();

const PICTURES = [
  { name: "run-page", file: `runs/${DAYS - 1}/run.html`, colorScheme: "light", width: 900, height: 1_050 },
  { name: "campaign-page", file: "mogplex-campaign/campaign.html", colorScheme: "dark", width: 900, height: 760 },
  { name: "dashboard", file: "public/index.html", colorScheme: "light", width: 900, height: 1_150 },
] as const;

mkdirSync(join(root, "docs/images"), { recursive: true });
const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
for (const { name, file, colorScheme, width, height } of PICTURES) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.setContent(readFileSync(join(work, file), "utf8"));
  writeFileSync(join(root, `docs/images/${name}.png`), await page.screenshot());
}
await browser.close();
process.chdir(root);
rmSync(work, { recursive: true });
