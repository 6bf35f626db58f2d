import { expect, test } from "bun:test";
import { renderCampaignPage } from "../../../lib/campaign/report/campaign_page.ts";
import { cleanCampaign, cleanProblem } from "../../../lib/campaign/report/clean.ts";
import { cleanDashboard } from "../../../lib/dashboard/collect.ts";
import { renderDashboardPage } from "../../../lib/dashboard/dashboard_page.ts";
import { renderRunPage } from "../../../lib/report/run_page.ts";
import { cleanResult } from "../../../lib/run/clean.ts";
import { plainText } from "../../../lib/text/plain_text.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { hostileView } from "../campaign/report/sample_view.ts";
import { hostileDashboard } from "../dashboard/sample_data.ts";
import { breaches, elementsOf, type PageElement } from "../report/page_parser.ts";
import { CORPUS } from "./corpus.ts";
import { automationResultOf, resultOf } from "./hostile_result.ts";
import { terminalCommands } from "./parsers/log_parsers.ts";

const same = (text: string) => text;

const PAGES: Readonly<Record<string, (text: string) => string>> = {
  run: (text) =>
    renderRunPage(cleanResult(resultOf(text), same, (text) => text), { links: { job: text, commit: text } }),
  "automation run": (text) => renderRunPage(cleanResult(automationResultOf(text), same, (text) => text)),
  campaign: (text) =>
    renderCampaignPage(cleanCampaign(hostileView(text), same, same), {
      command: { program: "mogplex-ci", file: "FILE", flags: [] },
      problem: cleanProblem(text, same),
      prompts: [plainText(text), plainText(text)],
    }),
  dashboard: (text) => renderDashboardPage(cleanDashboard(hostileDashboard(text), createRedactor())),
};

/** Where links may lead. The dashboard leads to pages of runs beside it, too. */
const addressesOf = (kind: string) => kind === "dashboard" ? /^(#|https?:\/\/|(?!\/)[^:]*$)/ : undefined;

/** Elements with the names of their attributes. */
const shapesOf = (elements: readonly PageElement[]) =>
  elements.map(({ tag, attributes }) => [tag, ...Object.keys(attributes).sort()].join(" "));

for (const [kind, render] of Object.entries(PAGES)) {
  // A long text adds what is folded, a time what is quiet.
  const known = new Set([
    ...shapesOf(elementsOf(render("harmless"))),
    ...shapesOf(elementsOf(render("https://harmless.example/ long\n".repeat(100)))),
    // A command in an advice.
    ...shapesOf(elementsOf(render("`harmless command`"))),
  ]);
  known.add("a href rel").add("details").add("summary").add("time class datetime").add("time datetime").add("li class");
  // The state of a pull request whose address is a link.
  known.add("br").add("span class");
  // Names of files that are blank, and variables of a title.
  known.add("p class").add("var");
  // Some texts are a time to the runtime.
  known.add("td data-v").add("td data-n data-v").add("time datetime title");
  test(`the page of a ${kind} has no markup but its own, whatever stands in it`, () => {
    for (const { name, text } of CORPUS) {
      // What is longer is cut before and here.
      const page = render(text.slice(0, 5_000));
      const elements = elementsOf(page);
      expect([name, breaches(page, elements, addressesOf(kind))]).toEqual([name, []]);
      expect([name, terminalCommands(page)]).toEqual([name, []]);
      expect([name, shapesOf(elements).filter((shape) => !known.has(shape))]).toEqual([name, []]);
    }
  });
}
