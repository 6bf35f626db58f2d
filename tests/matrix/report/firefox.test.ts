/**
 * The pages in Firefox, which needs no driver: it speaks WebDriver BiDi by itself, as JSON over a WebSocket. One browser opens all of them.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { renderCampaignPage } from "../../../lib/campaign/report/campaign_page.ts";
import { cleanCampaign } from "../../../lib/campaign/report/clean.ts";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import { isInstalled } from "../../programs/report/programs.ts";
import { mixedView } from "../../unit/campaign/report/sample_view.ts";
import { fullDashboard } from "../../unit/dashboard/sample_data.ts";
import { sampleResult } from "../../unit/report/sample.ts";

const same = (text: string) => text;
const PAGES = {
  "run.html": () => renderRunPage(sampleResult()),
  "campaign.html": () =>
    renderCampaignPage(cleanCampaign(mixedView(40), same, same), { prompts: ["Replace moment.\nRun the tests."] }),
  "dashboard.html": () => renderDashboardPage(cleanDashboard(fullDashboard(100), Object.assign(same, { token: same }))),
} as const;

const test_ = test.skipIf(!isInstalled("firefox-esr"));

interface Message {
  id?: number;
  method?: string;
  result?: { context?: string; contexts?: { context: string }[]; result?: { value?: unknown } };
  error?: string;
  message?: string;
  exceptionDetails?: { text: string };
  params?: { text?: string };
}

/** One window of a browser. */
class Window {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #context = "";
  #sent = 0;
  /** What consoles said, scripts failed with, and the policy of a page refused. */
  readonly said: string[] = [];

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      const message: Message = JSON.parse(String(data));
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
      else if (message.method === "log.entryAdded") this.said.push(message.params?.text ?? "");
    };
  }

  /** @param address Where the browser listens. */
  static async open(address: string): Promise<Window> {
    const socket = new WebSocket(`${address}/session`);
    await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }));
    const window = new Window(socket);
    await window.send("session.new", { capabilities: {} });
    await window.send("session.subscribe", { events: ["log.entryAdded"] });
    const { result } = await window.send("browsingContext.getTree");
    window.#context = result?.contexts?.[0]?.context ?? "";
    return window;
  }

  async send(method: string, params: Record<string, unknown> = {}): Promise<Message> {
    const id = ++this.#sent;
    const answer = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const message = await answer;
    if (message.error !== undefined) throw new Error(`${method}: ${message.error}: ${message.message}`);
    return message;
  }

  async visit(url: string, width: number): Promise<void> {
    const context = this.#context;
    await this.send("browsingContext.setViewport", { context, viewport: { width, height: 800 } });
    await this.send("browsingContext.navigate", { context, url, wait: "complete" });
  }

  /** What an expression of the page is, or what it promises. */
  async value(expression: string): Promise<unknown> {
    const parts = { expression: `(async () => JSON.stringify(await (${expression})))()`, awaitPromise: true };
    const { result } = await this.send("script.evaluate", { ...parts, target: { context: this.#context } });
    return JSON.parse(String(result?.result?.value));
  }

  /** Types as a person does. */
  async type(text: string): Promise<void> {
    const actions = [...text].flatMap((value) => ["keyDown", "keyUp"].map((type) => ({ type, value })));
    await this.send("input.performActions", {
      context: this.#context,
      actions: [{ type: "key", id: "keyboard", actions }],
    });
  }
}

const directory = mkdtempSync(join(tmpdir(), "mogplex-firefox-"));
let firefox: ChildProcess | undefined;
let window: Window;

beforeAll(async () => {
  if (!isInstalled("firefox-esr")) return;
  for (const [name, render] of Object.entries(PAGES)) writeFileSync(join(directory, name), render());
  const args = ["--headless", "--no-remote", "--profile", directory, "--remote-debugging-port=0", "about:blank"];
  // A home of its own: that of root may belong to another user, with which Firefox refuses to start.
  const browser = firefox = spawn("firefox-esr", args, { env: { ...process.env, HOME: directory } });
  const address = await new Promise<string>((resolve, reject) => {
    let said = "";
    browser.stderr.on("data", (text) => {
      said += text;
      const [, found] = /WebDriver BiDi listening on (ws:\S+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
    browser.on("error", reject);
    browser.on("exit", (code) => reject(new Error(`firefox-esr has ended with ${code}: ${said}`)));
  });
  window = await Window.open(address);
});

afterAll(async () => {
  if (firefox !== undefined && firefox.exitCode === null) {
    const ended = new Promise((resolve) => firefox?.on("exit", resolve));
    if (window === undefined) firefox.kill();
    else await window.send("browser.close");
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
});

/** Opens a page, looks at it, and expects that nothing was said. */
async function look(name: keyof typeof PAGES, width: number, work: () => Promise<void>): Promise<void> {
  window.said.length = 0;
  await window.visit(pathToFileURL(join(directory, name)).href, width);
  await work();
  expect([name, window.said]).toEqual([name, []]);
}

test_("Firefox shows pages with their style on a phone, and nothing sticks out", async () => {
  for (const name of ["run.html", "campaign.html", "dashboard.html"] as const) {
    await look(name, 400, async () => {
      const found = "[innerWidth, document.documentElement.scrollWidth - document.documentElement.clientWidth, " +
        "[...document.querySelectorAll('.scroll')].filter((each) => each.scrollWidth > each.clientWidth && each.checkVisibility()).length, " +
        "getComputedStyle(document.querySelector('h1')).fontWeight]";
      expect([name, await window.value(found)]).toEqual([name, [400, 0, 0, "650"]]);
    });
  }
});

test_("Firefox searches, filters and sorts rows, opens what is folded, and shows the row of a link", async () => {
  await look("campaign.html", 1_200, async () => {
    const shown = () => window.value("document.querySelectorAll('tr[data-k]:not([hidden])').length");
    await window.type("/service-16");
    expect([await shown(), await window.value("document.querySelector('output').textContent")]).toEqual([1, "1 of 40"]);
    await window.type("\uE00C");
    expect(await shown()).toBe(40);
    const choose = "(() => { const list = document.querySelector('select'); list.value = 'failed'; " +
      "list.dispatchEvent(new Event('input', { bubbles: true })); list.dispatchEvent(new Event('change', { bubbles: true })) })() ?? 0";
    await window.value(choose);
    expect(await shown()).toBe(3);
    const sorted =
      "[...document.querySelectorAll('th button')].find((each) => each.textContent === 'Took').click() ?? " +
      "document.querySelectorAll('th[aria-sort=ascending]').length";
    expect(await window.value(sorted)).toBe(1);
  });
  await look("run.html", 1_200, async () => {
    const payload = "(() => { const fold = [...document.querySelectorAll('.events details')].at(-1); " +
      "const before = fold.querySelector('pre').checkVisibility(); fold.querySelector('summary').click(); " +
      "return [before, fold.open, fold.querySelector('pre').checkVisibility()] })()";
    expect(await window.value(payload)).toEqual([false, true, true]);
    await window.type("/no such event");
    const first = "[document.querySelector('#e-1').checkVisibility(), document.querySelector('output').textContent]";
    expect(await window.value(first)).toEqual([false, expect.stringMatching(/^0 of \d+$/)]);
    const linked = "new Promise((resolve) => { addEventListener('hashchange', () => setTimeout(() => " +
      "resolve(document.querySelector('#e-1').checkVisibility()))); location.hash = '#e-1' })";
    expect(await window.value(linked)).toBe(true);
  });
});
