import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { renderCampaignPage } from "../../../lib/campaign/report/campaign_page.ts";
import { cleanCampaign } from "../../../lib/campaign/report/clean.ts";
import { agoText } from "../../../lib/dashboard/attention.ts";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import { homePage, pullPage, runPage } from "../../../lib/emulator/wire/pages.ts";
import { openPull } from "../../../lib/emulator/service/listings.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { isInstalled } from "../../programs/report/programs.ts";
import { anItem, everyVerdict, mixedView, viewOf } from "../../unit/campaign/report/sample_view.ts";
import { brokenDashboard, emptyDashboard, fullDashboard, hostileDashboard } from "../../unit/dashboard/sample_data.ts";
import { arrange } from "../../unit/emulator/arrange.ts";
import { CORPUS } from "../../unit/hostile/corpus.ts";
import { resultOf } from "../../unit/hostile/hostile_result.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "../../unit/report/sample.ts";
import { parseScenario } from "../../unit/emulator/scenarios.ts";

const same = (text: string) => text;
const LONG = "a-very-long-name-".repeat(20);
const DONE = { state: "done", nextWaveAt: null, endsAt: null, waitingFor: null } as const;
// Source: Jenkins, "Configuring Content Security Policy", the default of DirectoryBrowserSupport.
const JENKINS = "sandbox; default-src 'none'; img-src 'self'; style-src 'self';";

const campaign = (view: Parameters<typeof cleanCampaign>[0], prompts: string[] = []) =>
  renderCampaignPage(cleanCampaign(view, same, same), { prompts });
const dashboard = (data: Parameters<typeof renderDashboardPage>[0]) =>
  renderDashboardPage(cleanDashboard(data, Object.assign(same, { token: same })));
const failed = sampleResult({
  outcome: "failed",
  status: "failed",
  exitCode: 1,
  reason: "npm test exited with code 1",
  resume: null,
  pullRequest: { state: "none", url: null },
  events: [0, 1, 7].map((minute) =>
    sampleEvent(minute, {
      type: minute === 7 ? "failed" : "log",
      message: minute === 7 ? "Harness run failed" : `line ${minute}`,
      payload: { minute },
    })
  ),
});

const PAGES = new Map<string, () => string>(Object.entries({
  "run.html": () => renderRunPage(sampleResult()),
  "failed.html": () => renderRunPage(failed),
  "nothing.html": () => renderRunPage(sampleResult({ outcome: "error", events: [], phases: [], waits: [] })),
  "automation.html": () => renderRunPage(sampleAutomationResult()),
  "long.html": () => renderRunPage(cleanResult(resultOf(LONG), same, (text) => text)),
  "right-to-left.html": () =>
    renderRunPage(cleanResult(resultOf("תקן את הבדיקות أصلح الاختبارات"), same, (text) => text)),
  "campaign.html": () => campaign(mixedView(40), ["Replace moment.\n\n".repeat(20)]),
  "verdicts.html": () => campaign(everyVerdict()),
  "thousand.html": () => campaign(mixedView(1_000)),
  "no-items.html": () => campaign(viewOf([], { ...DONE, state: "planned" })),
  "dashboard.html": () => dashboard(fullDashboard(12)),
  "dashboard-empty.html": () => dashboard(emptyDashboard()),
  "dashboard-broken.html": () => dashboard(brokenDashboard()),
  "dashboard-full.html": () => dashboard(fullDashboard(100)),
  "dashboard-long.html": () => dashboard(hostileDashboard(LONG)),
  "dashboard-rtl.html": () => dashboard(hostileDashboard("תקן את הבדיקות أصلح الاختبارات")),
  "dashboard-long-rtl.html": () => dashboard(hostileDashboard("תקן את הבדיקות أصلح الاختبارات ".repeat(10).trim())),
  "one-item.html": () => campaign(viewOf([anItem(0, "succeeded", { repository: `${LONG}/${LONG}`, files: 12 })], DONE)),
}));
// Every hostile text in every field of an event, and the addresses of the corpus in all other places.
const HOSTILE = CORPUS.map(({ text }) => text.slice(0, 2_000));
PAGES.set("hostile.html", () => {
  const texts = HOSTILE.filter((text) => /^https?:|^javascript:|^data:|</.test(text)).join(" ");
  const events = HOSTILE.map((text, index) =>
    sampleEvent(index, { type: text, toolName: text, message: text, payload: { text } })
  );
  return renderRunPage(cleanResult({ ...resultOf(texts), events }, same, (text) => text));
});

/** The pages of an emulator with a run that has ended, and with a pull request. */
async function addEmulatorPages(): Promise<void> {
  const { emulator: { world }, clock, start } = arrange({ scenarios: [parseScenario("play: agent-failure", "s")] });
  const id = await start("key", { prompt: `${LONG}\n${LONG}` });
  await clock.advance(600_000);
  world.driver.catchUp();
  const diff = `--- a/${LONG}\n+++ b/${LONG}\n@@ -1 +1 @@\n-${LONG}\n+${LONG}\n same\n`;
  openPull(world, { repo: "acme/api", prompt: LONG, base: "main", branch: LONG, diff });
  PAGES.set("emulator.html", () => homePage(world));
  PAGES.set("emulator-run.html", () => runPage(world, id) ?? "");
  PAGES.set("emulator-pull.html", () => pullPage(world, "acme/api", "1") ?? "");
}

// Texts, since the types of a browser are not those of our runtimes.
const SIZE_AND_COLOR = "[document.documentElement.scrollWidth - document.documentElement.clientWidth, " +
  "getComputedStyle(document.body).backgroundColor]";

const browserPath = ["chromium", "chromium-browser"].find((name) => isInstalled(name));
const test_ = test.skipIf(browserPath === undefined);
let browser: Browser;
let server: Server;
let origin = "";
const asked: string[] = [];

beforeAll(async () => {
  if (browserPath === undefined) return;
  await addEmulatorPages();
  server = createServer(({ url = "" }, response) => {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    asked.push(pathname);
    const render = PAGES.get(pathname.slice(1));
    if (searchParams.has("jenkins")) response.setHeader("Content-Security-Policy", JENKINS);
    response.writeHead(render === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" });
    response.end(render?.());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const executablePath = Bun.which(browserPath) ?? undefined;
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
});

afterAll(async () => {
  await browser?.close();
  server?.close();
});

/**
 * Opens pages one after the other, and looks at each. One renderer shows them all: its start costs as much as a page.
 *
 * @param work Gets what the console has said since the page was opened, too.
 */
async function lookAt(
  names: readonly string[],
  options: BrowserContextOptions,
  work: (page: Page, name: string, said: readonly string[]) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  let said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", ({ message }) => said.push(message));
  for (const name of names) {
    said = [];
    asked.length = 0;
    await page.goto(`${origin}/${name}`);
    await work(page, name, said);
  }
  await context.close();
}

/** Opens a page, and looks at it. */
const look = (name: string, options: BrowserContextOptions, work: (page: Page) => Promise<void>) =>
  lookAt([name], options, work);

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds of impact serious or critical. @param rules Only these. @default all */
async function findings(page: Page, rules?: string[]): Promise<string[]> {
  return await page.evaluate(async (values) => {
    // deno-lint-ignore no-explicit-any
    const { violations } = await (globalThis as any).axe.run({
      resultTypes: ["violations"],
      ...values === undefined ? {} : { runOnly: values },
    });
    // deno-lint-ignore no-explicit-any
    return violations.filter(({ impact }: any) => impact === "serious" || impact === "critical").map((each: any) =>
      `${each.id}: ${each.nodes[0].html.slice(0, 200)} ${each.nodes[0].failureSummary}`
    );
  }, rules);
}

test_(
  "pages ask for nothing and leave the console empty, and nothing sticks out, wide and narrow, light and dark",
  async () => {
    await lookAt([...PAGES.keys()], {}, async (page, name, said) => {
      const sticksOut = () => page.evaluate<[number, string]>(SIZE_AND_COLOR);
      await page.setViewportSize({ width: 320, height: 800 });
      await page.emulateMedia({ colorScheme: "dark" });
      expect([name, ...await sticksOut()]).toEqual([name, 0, "rgb(14, 17, 22)"]);
      await page.setViewportSize({ width: 2_560, height: 800 });
      await page.emulateMedia({ colorScheme: "light" });
      expect([name, ...await sticksOut()]).toEqual([name, 0, "rgb(246, 247, 249)"]);
      expect([name, said, asked]).toEqual([name, [], [`/${name}`]]);
    });
  },
);

test_("on a phone, what opens on the emulator's page of a run begins at one edge", async () => {
  await look("emulator-run.html", { viewport: { width: 400, height: 800 } }, async (page) => {
    const edges = await page.evaluate<number[]>(
      "[...document.querySelectorAll('.rows details')].map((each) => Math.round(each.getBoundingClientRect().left))",
    );
    expect(edges.length).toBeGreaterThan(2);
    expect([...new Set(edges)]).toHaveLength(1);
  });
});

test_("axe finds nothing serious on pages, light and dark", async () => {
  const names = ["failed.html", "long.html", "verdicts.html", "dashboard.html"]
    .concat("emulator.html", "emulator-run.html", "emulator-pull.html");
  await lookAt(names, { viewport: { width: 600, height: 800 }, bypassCSP: true }, async (page, name) => {
    await page.emulateMedia({ colorScheme: "light" });
    await page.evaluate(axe);
    expect([name, await findings(page)]).toEqual([name, []]);
    await page.emulateMedia({ colorScheme: "dark" });
    expect([name, await findings(page, ["color-contrast"])]).toEqual([name, []]);
  });
});

test_("everything is there without JavaScript, and under Jenkins' policy, which takes the style as well", async () => {
  for (const [name, options] of [["failed.html", { javaScriptEnabled: false }], ["failed.html?jenkins", {}]] as const) {
    await look(name, options, async (page) => {
      const text = await page.locator("body").innerText();
      for (
        const each of [
          "failed",
          "npm test exited with code 1",
          "Quiet for 6\u00a0min",
          "Harness run failed",
        ]
      ) {
        expect(text).toContain(each);
      }
      expect(await page.locator(".tools").isVisible()).toBe(false);
      expect(await page.locator("[data-k]").count()).toBe(3);
    });
  }
  await look("campaign.html", { javaScriptEnabled: false }, async (page) => {
    expect(await page.locator("tr[data-k]").count()).toBe(40);
    expect(await page.locator("code", { hasText: "mogplex-ci campaign retry" }).count()).toBe(3);
  });
});

test_("the script searches, filters and sorts, and a link to a hidden row shows it", async () => {
  await look("failed.html", {}, async (page) => {
    const shown = () => page.locator("li[data-k]:visible").count();
    await page.keyboard.press("/");
    await page.keyboard.type("failed harness");
    expect([await shown(), await page.locator("output").innerText()]).toEqual([1, "1 of 3"]);
    await page.keyboard.press("Escape");
    await page.locator("select").selectOption("failed");
    expect(await shown()).toBe(1);
    await page.evaluate("location.hash = '#e-1'");
    await page.waitForFunction("document.querySelectorAll('li[data-k]:not([hidden])').length === 3");
  });
  await look("campaign.html", {}, async (page) => {
    const times = () => page.locator("tr[data-k] td:nth-child(5)").allInnerTexts();
    await page.getByRole("button", { name: "Took" }).click();
    const up = (await times()).filter(Boolean);
    await page.getByRole("button", { name: "Took" }).click();
    expect((await times()).filter(Boolean)).toEqual(up.toReversed());
    expect((await times()).at(-1)).toBe("");
    expect(await page.locator("th[aria-sort=descending]").count()).toBe(1);
  });
});

test_(
  "the filter finds every item of a thousand, by name, by pull request and by the whole id of its run",
  async () => {
    await look("thousand.html", {}, async (page) => {
      const found = async (words: string) => {
        await page.locator("input[type=search]").fill(words);
        return await page.locator("output").innerText();
      };
      expect(await found("acme/service-999")).toBe("1 of 1000");
      // The first run, and no other, has this id; and so has a pull request its address.
      expect(await found("3f0f6f0a-6f0e-4a7e-9a0b-000000000000")).toBe("1 of 1000");
      expect(await found("service-0/pull/7")).toBe("1 of 1000");
      expect(await found("")).toBe("1000 of 1000");
    });
  },
);

test_("whole tables are shown at every width: no list has to be moved sideways", async () => {
  const names = ["campaign.html", "dashboard.html", "dashboard-full.html", "run.html"];
  await lookAt(names, { viewport: { width: 400, height: 800 } }, async (page, name) => {
    const wide = "Array.from(document.querySelectorAll('.scroll'))" +
      ".filter((each) => each.scrollWidth > each.clientWidth && each.checkVisibility())" +
      ".map((each) => each.getAttribute('aria-label') + each.scrollWidth + '>' + each.clientWidth)";
    // Lists that are folded have to fit as well.
    await page.evaluate(
      "document.querySelectorAll('details:not(.clip, .more, .events *)').forEach((each) => { each.open = true; })",
    );
    for (const width of [1_440, 1_200, 1_100, 1_030, 900, 800, 768, 700, 615, 600, 400, 390]) {
      await page.setViewportSize({ width, height: 800 });
      expect([name, width, await page.evaluate<string[]>(wide)]).toEqual([name, width, []]);
    }
    // What is in further columns on a wide screen is below the name of its row.
    const hidden =
      "Array.from(document.querySelectorAll('[data-list] td')).filter((each) => each.textContent !== '' && !each.closest('details:not([open])') && !each.checkVisibility()).length";
    expect(await page.evaluate<number>(hidden)).toBe(0);
  });
});

test_("a phone has the figures of a repository below its name, however short the name is", async () => {
  await look("dashboard.html", { viewport: { width: 390, height: 800 } }, async (page) => {
    const below =
      "Array.from(document.querySelectorAll('[aria-label=Repositories] tbody tr'), ({ children: [name, figure] }) => " +
      "figure.getBoundingClientRect().top >= name.getBoundingClientRect().bottom)";
    expect(new Set(await page.evaluate<boolean[]>(below))).toEqual(new Set([true]));
  });
});

test_("a dashboard shows its age, and from two days on a warning above its heading", async () => {
  const ages: [at: string, age: string, warning: string][] = [
    ["2026-12-01T06:59:00Z", "06:00 UTC", ""],
    ["2026-12-01T07:30:00Z", "06:00 UTC (1 hour ago)", ""],
    ["2026-12-03T05:59:00Z", "06:00 UTC (47 hours ago)", ""],
    [
      "2026-12-04T08:00:00Z",
      "06:00 UTC (3 days ago)",
      "This page is 3 days old. The job that updates it may have stopped.",
    ],
  ];
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const [at, age, warning] of ages) {
    await page.clock.setFixedTime(at);
    await page.goto(`${origin}/dashboard.html`);
    expect(await page.locator("h1").innerText()).toEndWith(age);
    expect([at, (await page.locator(".head > .stale").allInnerTexts()).join()]).toEqual([at, warning]);
  }
  await context.close();
});

test_("a dashboard shows how long ago something happened when it is opened, with the words of agoText()", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  for (const at of ["2026-12-01T06:00:20Z", "2026-12-01T07:29:00Z", "2026-12-02T05:40:00Z", "2026-12-04T08:00:00Z"]) {
    await page.clock.setFixedTime(at);
    await page.goto(`${origin}/dashboard.html`);
    const times = await page.evaluate<[text: string, at: string][]>(
      "Array.from(document.querySelectorAll('time[title]'), (each) => [each.textContent.replaceAll('\\u00a0', ' '), each.dateTime])",
    );
    const past = times.filter(([text]) => text.endsWith(" ago"));
    expect(past.length).toBeGreaterThan(20);
    expect(past).toEqual(past.map(([, moment]) => [agoText(Date.parse(moment), Date.parse(at)), moment]));
  }
  await context.close();
});

test_("a phone has all headings that sort the items, on three lines", async () => {
  await look("campaign.html", { viewport: { width: 400, height: 800 } }, async (page) => {
    const tops = "Array.from(document.querySelectorAll('.items thead th'), (each) => each.getBoundingClientRect().top)";
    const found = await page.evaluate<number[]>(tops);
    expect([found.length, found.every((top) => top > 0), new Set(found).size]).toEqual([7, true, 3]);
  });
});

test_("a phone has the repository of each run of the local Mogplex", async () => {
  await look("emulator.html", { viewport: { width: 400, height: 800 } }, async (page) => {
    const row = page.locator('[aria-label="Runs"] tbody tr');
    expect(await row.locator("bdi", { hasText: "acme/api" }).isVisible()).toBe(true);
  });
});

test_("a long name wraps, and figures are not wider than their boxes", async () => {
  await lookAt(["dashboard-long.html", "dashboard-long-rtl.html", "emulator.html"], {}, async (page, name) => {
    const wide = "Array.from(document.querySelectorAll('.scroll, .tile > *'))" +
      ".filter((each) => each.scrollWidth > each.clientWidth && each.checkVisibility()).map((each) => each.outerHTML.slice(0, 200))";
    for (const width of [1_440, 1_200, 768, 390]) {
      await page.setViewportSize({ width, height: 800 });
      expect([name, width, await page.evaluate<string[]>(wide)]).toEqual([name, width, []]);
    }
  });
});

test_("a text that is not cut has no mark that promises more", async () => {
  await look("dashboard.html", {}, async (page) => {
    const marks = "Array.from(document.querySelectorAll('.clip summary'))" +
      ".filter((each) => getComputedStyle(each).listStyleType !== 'none').length";
    expect([await page.evaluate<number>(marks), await page.locator(".clip").count() > 0]).toEqual([0, true]);
  });
});

test_(
  "the name of a repository leads to its runs: with scripts only these are shown, without them the newest one is",
  async () => {
    for (const javaScriptEnabled of [true, false]) {
      await look("dashboard-full.html", { javaScriptEnabled }, async (page) => {
        // The names of ten others begin with this one.
        const links = page.locator("section[aria-labelledby=repositories] tbody a").filter({ visible: true });
        const link = links.filter({ hasText: /^acme\/service-[1-9]$/ }).first();
        const [name, place] = [await link.innerText(), await link.getAttribute("href") ?? ""];
        await link.click();
        expect(await page.locator(place).isVisible()).toBe(true);
        const rows = page.locator("section[aria-labelledby=runs] tbody tr").filter({ visible: true });
        const names = await rows.locator("> :first-child").allInnerTexts();
        expect([javaScriptEnabled, names.includes(name), names.some((each) => each !== name)]).toEqual([
          ...[javaScriptEnabled, true, !javaScriptEnabled],
        ]);
      });
    }
  },
);

test_("a long text gets the room that the other columns leave, and is cut only where there is none", async () => {
  await look("campaign.html", { viewport: { width: 1_200, height: 800 } }, async (page) => {
    const widths = "Array.from(document.querySelectorAll('td .clip bdi'), (each) => each.clientWidth)";
    const found = await page.evaluate<number[]>(widths);
    // A share of the page was its limit.
    expect([found.length > 0, found.every((width) => width > 0.16 * 1_200)]).toEqual([true, true]);
    const over =
      "document.querySelector('.items .scroll').scrollWidth - document.querySelector('.items .scroll').clientWidth";
    expect(await page.evaluate<number>(over)).toBe(0);
  });
});

test_(
  "the dashboard cuts no task of 60 letters where a page is 1 200 px wide, and a list that opens has its own scrolling",
  async () => {
    await look("dashboard-full.html", { viewport: { width: 1_200, height: 800 } }, async (page) => {
      const cut = (name: string) =>
        page.evaluate<number[]>(
          `(([all]) => [all.length, all.filter((each) => each.scrollHeight > each.clientHeight + 2 || each.scrollWidth > each.clientWidth).length])` +
            `([Array.from(document.querySelectorAll('[aria-label="${name}"] .clip bdi'))])`,
        );
      await page.locator("summary", { hasText: "Show the" }).click();
      const [all = 0, found] = await cut("Runs");
      expect([all > 80, found]).toEqual([true, 0]);
      const list = await page.locator('[aria-label="Runs"]').boundingBox();
      expect(list?.height).toBeLessThan(0.76 * 800);
      expect(list?.height).toBeGreaterThan(0.5 * 800);
    });
  },
);

test_("a command breaks between its words, and is copied as it is", async () => {
  await look("failed.html", { viewport: { width: 400, height: 800 } }, async (page) => {
    const command = page.locator(".cmd code", { hasText: "run --follow --repo" }).first();
    const words = await command.locator(".word", { hasText: /^--/ }).evaluateAll((spans) =>
      // One line has one height.
      spans.map((span) => Math.round((span as unknown as { offsetHeight: number }).offsetHeight))
    );
    expect([words.length > 2, new Set(words).size]).toEqual([true, 1]);
    // One click selects it, and "Copy" is there as well.
    await command.click();
    const copied = await page.evaluate<string>("String(getSelection())");
    expect(copied.trim()).toBe((await command.textContent())?.trim() ?? "");
  });
});

test_("rows of items have at most three lines", async () => {
  await look("campaign.html", { viewport: { width: 1_200, height: 800 } }, async (page) => {
    const heights = "Math.max(...Array.from(document.querySelectorAll('tr[data-k]'), (row) => row.offsetHeight))";
    expect(await page.evaluate<number>(heights)).toBeLessThan(95);
  });
});

test_("the script copies the rows that are shown as CSV, and no cell is a formula", async () => {
  await look("campaign.html", { permissions: ["clipboard-read", "clipboard-write"] }, async (page) => {
    await page.locator("select").selectOption("failed");
    await page.getByRole("button", { name: "Copy as CSV" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const lines = (await page.evaluate<string>("navigator.clipboard.readText()")).split(/\r?\n/);
    expect(lines.length).toBe(4);
    expect(lines[0]).toBe('"Item","State","Pull request or branch","Why","Took","Attempts","Run"');
    expect(lines[1]).toStartWith('"acme/service-16","failed","","fatal: could not push');
    expect(lines[1]).toEndWith('"3f0f6f0a-6f0e-4a7e-9a0b-000000000010"');
  });
});

test_("the script selects what the browser does not copy, and says so", async () => {
  await look("campaign.html", {}, async (page) => {
    await page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error())");
    const selection = () => page.evaluate<string>("getSelection().toString()");
    await page.locator("select").selectOption("failed");
    await page.getByRole("button", { name: "Copy as CSV" }).click();
    await page.getByRole("button", { name: "No clipboard access: copy the selected rows" }).waitFor();
    const rows = await selection();
    expect([rows.includes("acme/service-16"), rows.includes("acme/service-20")]).toEqual([true, false]);
    const command = page.locator(".cmd", { hasText: "mogplex-ci campaign retry" }).first();
    await command.getByRole("button").click();
    await command.getByRole("button", { name: "Selected: copy it" }).waitFor();
    expect(await selection()).toStartWith("mogplex-ci campaign retry");
  });
});

/** Paper of size A4, less its margins. */
const PAPER = { width: 718, height: 1_000 };

test_(
  "pages keep within a dark phone, and are printed dark on white with all that is folded except payloads",
  async () => {
    for (const name of ["failed.html", "campaign.html", "dashboard-full.html"]) {
      await look(name, { viewport: { width: 400, height: 800 }, colorScheme: "dark" }, async (page) => {
        const looks = () =>
          page.evaluate<[number, string, string]>(
            SIZE_AND_COLOR.replace(/\]$/, ", getComputedStyle(document.body).color]"),
          );
        expect([name, ...await looks()]).toEqual([name, 0, "rgb(14, 17, 22)", "rgb(232, 235, 239)"]);
        await page.setViewportSize(PAPER);
        await page.emulateMedia({ media: "print" });
        expect([name, ...await looks()]).toEqual([name, 0, "rgb(255, 255, 255)", "rgb(20, 24, 29)"]);
        const unseen = (selector: string) =>
          page.evaluate<number>(
            `Array.from(document.querySelectorAll('${selector}')).filter((each) => !each.checkVisibility()).length`,
          );
        const count = (selector: string) => page.locator(selector).count();
        const folded = "details > :not(summary):not(.events details > *)";
        expect([name, await count(folded) > 0, await unseen(folded)]).toEqual([name, true, 0]);
        const tools = await count(".tools, .skip");
        expect([name, tools > 0, await unseen(".tools, .skip")]).toEqual([name, true, tools]);
        const payloads = await count(".events details > pre");
        expect(await unseen(".events details > pre")).toBe(payloads);
        const wide =
          "Array.from(document.querySelectorAll('.scroll, pre')).filter((each) => each.scrollWidth > each.clientWidth).length";
        expect([name, await page.evaluate<number>(wide)]).toEqual([name, 0]);
        const cut =
          "Array.from(document.querySelectorAll('.clip bdi')).filter((each) => each.scrollHeight > each.clientHeight + 2 && each.clientHeight > 0).length";
        expect([name, await page.evaluate<number>(cut)]).toEqual([name, 0]);
      });
    }
  },
);

test_("events stand in columns, and a payload is there at a click alone", async () => {
  await look("failed.html", { viewport: { width: 1_200, height: 800 } }, async (page) => {
    const lefts = "Array.from(document.querySelectorAll('li[data-k]'), (row) => " +
      "Array.from(row.querySelector('.event').children, (cell) => Math.round(cell.getBoundingClientRect().left)).join())";
    const rows = await page.evaluate<string[]>(lefts);
    expect([rows.length, new Set(rows.map((row) => row.split(",").slice(0, 3).join())).size]).toEqual([3, 1]);
    expect(new Set((rows[0] ?? "").split(",")).size).toBe(3);
    const payload = page.locator("#e-3 pre");
    expect([await payload.isVisible(), await page.locator(".events pre:visible").count()]).toEqual([false, 0]);
    await page.locator("#e-3 summary").click();
    expect([await payload.innerText(), await page.locator(".events pre:visible").count()]).toEqual([
      expect.stringContaining('"minute": 7'),
      1,
    ]);
  });
});
