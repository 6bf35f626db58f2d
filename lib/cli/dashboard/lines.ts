/**
 * The dashboard as lines of a terminal.
 *
 * @module
 */
import { concernsOf } from "../../dashboard/attention.ts";
import { activeSandboxes, type AutomationEntry, countBy, type DashboardData, sumOf } from "../../dashboard/data.ts";
import { formatCount } from "../../result/duration.ts";
import { distanceText, instantMs, utcText } from "../../result/times.ts";
import { fitCells } from "../../text/cells.ts";
import { cutText } from "../../text/plain_text.ts";
import type { Writer } from "../log/writer.ts";

/** Most lines of a kind: a terminal has some 40. */
const MAX_LINES = 12;
const NAME_WIDTH = 32;

type Print = Pick<Writer, "untrusted" | "paint">;

function rows<T>(items: readonly T[], lineOf: (item: T) => string): string[] {
  const more = items.length - MAX_LINES;
  return [...items.slice(0, MAX_LINES).map(lineOf), ...more > 0 ? [`  … and ${more} more`] : []];
}

/** A name in a column. */
function column(print: Print, text: string, width = NAME_WIDTH): string {
  return fitCells(print.untrusted(text), width);
}

function automationLine(print: Print, { name, status, runs }: AutomationEntry, nowMs: number): string {
  const at = instantMs(runs?.last?.createdAt ?? null);
  const last = runs === null ? "not read" : runs.last === null ? "no run yet" : runs.last.status;
  const failed = runs === null || runs.read === 0 ? "" : `${runs.failed} of ${runs.read} failed`;
  const cells = [column(print, name), column(print, status, 9), column(print, last, 11)];
  const line = `  ${cells.join(" ")} ${(at === null ? "" : distanceText(at, nowMs)).padEnd(14)} ${failed}`.trimEnd();
  return runs?.last?.status === "failed" ? print.paint("red", line) : line;
}

function counts(print: Print, words: ReadonlyMap<string, number>): string {
  return [...words].map(([word, count]) => `${count} ${print.untrusted(word)}`).join(", ");
}

/**
 * The lines: what needs a person, then the lists.
 *
 * @param data Data after `cleanDashboard`.
 * @param seconds Time until the next look.
 * @returns Lines that are safe to print.
 */
export function dashboardLines(data: DashboardData, print: Print, seconds: number): string[] {
  const { repositories, sandboxes, automations, campaigns, runs, at, requests } = data;
  const nowMs = instantMs(at) ?? 0;
  const concerns = concernsOf(data);
  const failed = sumOf(automations, (each) => each.runs?.failedLastDay ?? 0);
  const used = formatCount(requests, "request");
  const heading = concerns.length === 0
    ? "Nothing needs a person"
    : `${formatCount(concerns.length, "thing")} to look at`;
  return [
    print.paint(concerns.length === 0 ? "green" : "yellow", heading),
    print.paint("dim", `${utcText(nowMs)}, ${used}, again in ${seconds} s; Ctrl-C ends it`),
    ...rows(concerns, ({ kind, name, what, details, tone }) => {
      const title = kind === "" ? what : `${kind} ${name}: ${what}`;
      const line = print.untrusted(cutText(`  ${title}${details.length > 0 ? ` (${details.join(", ")})` : ""}`, 200));
      return print.paint(tone === "bad" ? "red" : "yellow", line);
    }),
    "",
    `repositories: ${repositories.length}, sandboxes in use: ${
      activeSandboxes(data)
    }, failed automation runs in 24 h: ${failed}`,
    ...sandboxes.length > 0 ? [`sandboxes: ${counts(print, countBy(sandboxes, ({ status }) => status))}`] : [],
    ...runs.length > 0 ? [`runs: ${counts(print, countBy(runs, ({ outcome }) => outcome))}`] : [],
    ...campaigns.length > 0 ? ["", "campaigns"] : [],
    ...rows(
      campaigns,
      ({ name, state, ended, items, good }) =>
        `  ${column(print, name)} ${column(print, state, 9)} ${ended} of ${items} ended, ${good} good`,
    ),
    ...automations.length > 0 ? ["", "automations"] : [],
    ...rows(automations, (each) => automationLine(print, each, nowMs)),
  ];
}
