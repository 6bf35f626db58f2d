/**
 * Makes the pictures of pages in `docs/images` with Chromium: `bun tools/pages/pictures.ts`. They are made by hand, since every browser
 * draws a little differently.
 *
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { cleanCampaign } from "../../lib/campaign/report/clean.ts";
import { renderCampaignPage } from "../../lib/campaign/report/campaign_page.ts";
import { cleanDashboard } from "../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../lib/dashboard/dashboard_page.ts";
import { renderRunPage } from "../../lib/report/run_page.ts";
import { createRedactor } from "../../lib/text/redact.ts";
import { mixedView } from "../../tests/unit/campaign/report/sample_view.ts";
import { fullDashboard, someDays } from "../../tests/unit/dashboard/sample_data.ts";
import { sampleResult } from "../../tests/unit/report/sample.ts";
import { root } from "../setup.mjs";

const EXECUTABLE = Bun.which("chromium") ?? Bun.which("chromium-browser");

const RESULT = {
  ...sampleResult({
    resume: null,
    phases: [
      { name: "queue", startedAt: "2026-08-10T12:00:00Z", durationMs: 42_000 },
      { name: "prepare", startedAt: "2026-08-10T12:00:42Z", durationMs: 75_000 },
      { name: "agent", startedAt: "2026-08-10T12:01:57Z", durationMs: 840_000 },
      { name: "deliver", startedAt: "2026-08-10T12:15:57Z", durationMs: 64_000 },
    ],
    durationMs: 1_030_000,
  }),
  repository: "acme/web",
  task: "Fix the flaky tests of the checkout. Do not raise timeouts.",
  files: ["src/cart/total.ts", "tests/cart.test.ts"],
  finalMessage:
    "Three tests waited for the real clock; they have a fake one now. All 214 tests pass, twenty times in a row.",
};

const PICTURES = [
  { name: "run-page", page: renderRunPage(RESULT), colorScheme: "light", width: 900, height: 1_050 },
  {
    name: "campaign-page",
    page: renderCampaignPage(cleanCampaign(mixedView(40), (text) => text)),
    colorScheme: "dark",
    width: 900,
    height: 760,
  },
  {
    name: "dashboard",
    page: renderDashboardPage(cleanDashboard(fullDashboard(5), createRedactor()), someDays(30)),
    colorScheme: "light",
    width: 900,
    height: 1_360,
  },
] as const;

if (EXECUTABLE === null) throw new Error("Cannot make pictures: Chromium is not installed");
mkdirSync(join(root, "docs/images"), { recursive: true });
const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ["--no-sandbox"] });
for (const { name, page: text, colorScheme, width, height } of PICTURES) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  await page.setContent(text);
  writeFileSync(join(root, `docs/images/${name}.png`), await page.screenshot());
}
await browser.close();
