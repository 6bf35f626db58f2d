import { expect, test } from "bun:test";
import fc from "fast-check";
import type { RunEvent } from "../../../lib/model.ts";
import { emptyWindow, observe, SeenIds, type WindowState } from "../../../lib/run/events.ts";
import { anEvent, someEvents } from "./fake_client.ts";

const LIMIT = 5;

interface Seen {
  state: WindowState;
  ids: string[];
}

/** Takes in pages; at the last one the run has ended. */
function observed(pages: readonly RunEvent[][], limit = LIMIT, ended = false): Seen {
  let state = emptyWindow(new SeenIds());
  const ids: string[] = [];
  pages.forEach((events, index) => {
    const step = observe(state, { events, limit, ended: ended && index === pages.length - 1 });
    state = step.state;
    ids.push(...step.fresh.map((event) => event.id));
  });
  return { state, ids };
}

const flags = ({ state: { missed, full } }: Seen) => ({ missed, full });

test("observe() takes each event once, also within a page", () => {
  const twice = [...someEvents(1, 2), ...someEvents(2, 3)];
  expect(observed([someEvents(1, 1), twice, twice]).ids).toEqual(["e1", "e2", "e3"]);
});

test("observe() sees nothing wrong with pages that are not full", () => {
  const page = someEvents(1, LIMIT - 1);
  expect(flags(observed([page, page, page, page], LIMIT, true))).toEqual({ missed: false, full: false });
});

test("observe() calls the feed full when a full page does not change", () => {
  const page = someEvents(1, LIMIT);
  expect(flags(observed([page, page]))).toEqual({ missed: false, full: false });
  expect(flags(observed([page, page, page]))).toEqual({ missed: false, full: true });
});

test("observe() calls the feed full when a run has ended and its full page does not show the end", () => {
  expect(flags(observed([someEvents(1, LIMIT)], LIMIT, true))).toEqual({ missed: false, full: true });
  const whole = [...someEvents(1, LIMIT - 1), anEvent("f", "finished")];
  expect(flags(observed([whole], LIMIT, true))).toEqual({ missed: false, full: false });
});

test("observe() never calls a sliding window full", () => {
  const pages = [someEvents(1, LIMIT), someEvents(2, LIMIT + 1), ...Array(9).fill(someEvents(2, LIMIT + 1))];
  expect(flags(observed(pages, LIMIT, true))).toEqual({ missed: false, full: false });
});

test("observe() says that events were missed when no event of a full page was known", () => {
  expect(flags(observed([someEvents(1, 3), someEvents(4, 3 + LIMIT)]))).toEqual({ missed: true, full: false });
  expect(flags(observed([someEvents(1, 3), someEvents(3, 2 + LIMIT)]))).toEqual({ missed: false, full: false });
});

test("observe() says that events were missed when the first page is full and does not begin with the start", () => {
  expect(flags(observed([someEvents(11, 10 + LIMIT)]))).toEqual({ missed: true, full: false });
  expect(flags(observed([someEvents(1, LIMIT)]))).toEqual({ missed: false, full: false });
});

test("observe() knows the events of a stream, which say nothing about what is hidden", () => {
  const seen = new SeenIds();
  for (const { id } of someEvents(11, 21)) seen.add(id);
  const page = observe(emptyWindow(seen), { events: someEvents(17, 16 + LIMIT), limit: LIMIT, ended: false });
  expect(page.fresh).toEqual([]);
  expect(page.state).toMatchObject({ missed: false, full: false });
});

test("observe() recognizes the restart of the list of a resumed run", () => {
  const resumed = [anEvent("r1", "started"), anEvent("r2")];
  const seen = observed([someEvents(1, 4), resumed]);
  expect(flags(seen)).toEqual({ missed: false, full: false });
  expect(seen.ids).toEqual(["e1", "e2", "e3", "e4", "r1", "r2"]);
});

/** How many events there are at each look: never fewer than before. */
const counts = fc.array(fc.nat({ max: 2 * LIMIT }), { minLength: 1, maxLength: 12 })
  .map((steps) => steps.map((_, index) => 1 + steps.slice(0, index + 1).reduce((sum, step) => sum + step, 0)));

test("observe() sees every event of a prefix window that the page can show, once, and never says that one was missed", () => {
  fc.assert(fc.property(counts, (looks) => {
    const seen = observed(looks.map((count) => someEvents(1, Math.min(count, LIMIT))));
    const last = looks.at(-1) ?? 0;
    expect(seen.ids).toEqual(someEvents(1, Math.min(last, LIMIT)).map((event) => event.id));
    expect(seen.state.missed).toBe(false);
    if (seen.state.full) expect(last).toBeGreaterThanOrEqual(LIMIT);
  }));
});

test("observe() says that events were missed by a tail window exactly when some were", () => {
  fc.assert(fc.property(counts, (looks) => {
    const seen = observed(looks.map((count) => someEvents(Math.max(1, count - LIMIT + 1), count)));
    const total = looks.at(-1) ?? 0;
    const lost = total - seen.ids.length;
    expect(new Set(seen.ids).size).toBe(seen.ids.length);
    // A full page may join the last one without a gap: that cannot be told from a gap.
    if (lost > 0) expect(seen.state.missed).toBe(true);
    if (!seen.state.missed) expect(lost).toBe(0);
    if (seen.state.full) expect(total).toBe(LIMIT);
  }));
});
