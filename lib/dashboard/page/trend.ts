/**
 * The days of the history as lines.
 *
 * @module
 */
import { fold, type Html, type Line, markup, steps, swatch, table } from "../../pages/pages.ts";
import type { Day } from "../history.ts";

const DAY_MS = 86_400_000;
/** Days that are drawn. */
const MAX_DRAWN = 120;
/** Days that are in the table. */
const MAX_ROWS = 60;

/** Numbers of a day that have a line. */
type Drawn = "sandboxes" | "failedRuns" | "openItems" | "pullRequests";
const LINES: readonly (readonly [name: Drawn, words: string, colour: number])[] = [
  ["sandboxes", "sandboxes in use", 0],
  ["failedRuns", "failed runs of automations in 24 h", 5],
  ["openItems", "open items of campaigns", 1],
  ["pullRequests", "pull requests", 2],
];

/** The chart with its legend and its numbers; null before the second day. */
export function trend(all: readonly Day[]): Html | null {
  const days = all.slice(-MAX_DRAWN);
  const [first, last] = [days[0], days.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  const fromMs = Date.parse(first.day);
  const most = Math.max(1, ...days.flatMap((day) => LINES.map(([name]) => day[name] ?? 0)));
  const lines: Line[] = LINES.map(([name, words, colour]) => ({
    name: words,
    colour,
    // A day without a number keeps the height of the day before.
    points: days.flatMap((day) => {
      const value = day[name] ?? null;
      return value === null ? [] : [[Date.parse(day.day) - fromMs, value] as const];
    }),
  }));
  const now = LINES.map(([name, words]) => `${last[name] ?? "unknown"} ${words}`).join(", ");
  const label = `From ${first.day} to ${last.day}, at the end: ${now}`;
  const columns = [
    { name: "Day" },
    { name: "Repositories", number: true },
    { name: "Automations", number: true },
    ...LINES.map(([, words]) => ({ name: words, number: true })),
  ];
  const rows = days.slice(-MAX_ROWS).reverse().map((day) => ({
    cells: [day.day, day.repositories, day.automations, ...LINES.map(([name]) => day[name] ?? null)],
  }));
  return markup`<figure>${
    steps(label, lines, { x: Date.parse(last.day) - fromMs + DAY_MS, y: most })
  }<figcaption><span class="ends"><span>${first.day}</span><span>${last.day}</span></span>From 0 to ${most}.</figcaption><ul class="legend">${
    LINES.map(([name, words, colour]) => markup`<li>${swatch(colour)} ${words}: ${last[name] ?? "not read"}</li>`)
  }</ul></figure>${fold("the numbers", table("Numbers of each day", columns, rows))}`;
}
