import { expect, test } from "bun:test";
import fc from "fast-check";
import { nextStarts, type Pace, type PaceInput } from "../../../../lib/campaign/pace/next_starts.ts";
import {
  accepts,
  DAY,
  HOUR,
  mayStart,
  MINUTE,
  paceInput,
  randomNumbers,
  SECOND,
  SLOT_GUARD_MS,
  START,
  window,
} from "./reference.ts";
import { propertyRuns } from "../../../property_runs.ts";

const GUARD = SLOT_GUARD_MS;

/** `count` slots with a distance, the last one `agoMs` before the start of the tests. */
function slots(count: number, agoMs: number, everyMs = 0): number[] {
  return Array.from({ length: count }, (_, index) => START - agoMs - (count - 1 - index) * everyMs);
}

function pace(change: Partial<PaceInput>): Pace {
  return nextStarts(paceInput(change));
}

test("nextStarts() starts as many as sandboxes and waiting items allow, and names what limits it", () => {
  expect(pace({})).toEqual({ starts: 3, because: "sandboxes", nextMs: null });
  expect(pace({ running: 2 })).toEqual({ starts: 1, because: "sandboxes", nextMs: null });
  expect(pace({ running: 3 })).toEqual({ starts: 0, because: "sandboxes", nextMs: null });
  expect(pace({ waiting: 2 })).toEqual({ starts: 2, because: "nothing", nextMs: null });
  expect(pace({ waiting: 0 })).toEqual({ starts: 0, because: "nothing", nextMs: null });
  expect(pace({ parallel: 1 })).toEqual({ starts: 1, because: "parallel", nextMs: null });
  expect(pace({ parallel: 2, running: 2 })).toEqual({ starts: 0, because: "parallel", nextMs: null });
});

test("nextStarts() counts a run without a sandbox, and reads sandboxes of others again after a minute", () => {
  expect(pace({ sandboxes: 1, running: 2 })).toEqual({ starts: 1, because: "sandboxes", nextMs: null });
  expect(pace({ sandboxes: 2, running: 1 })).toEqual({ starts: 1, because: "sandboxes", nextMs: START + MINUTE });
  expect(pace({ sandboxes: 3, running: 0 })).toEqual({ starts: 0, because: "sandboxes", nextMs: START + MINUTE });
  expect(pace({ sandboxes: 7, running: 0 })).toEqual({ starts: 0, because: "sandboxes", nextMs: START + MINUTE });
  expect(pace({ sandboxes: 2, running: 0, parallel: 1 })).toEqual({ starts: 1, because: "parallel", nextMs: null });
});

test("nextStarts() names the quota that is used up, and when it frees a slot", () => {
  expect(pace({ slotsMs: slots(9, SECOND) })).toEqual({
    starts: 1,
    because: "minute",
    nextMs: START + 59 * SECOND + GUARD,
  });
  expect(pace({ slotsMs: slots(10, MINUTE) })).toEqual({ starts: 0, because: "minute", nextMs: START + GUARD });
  expect(pace({ slotsMs: slots(10, MINUTE + GUARD) }).starts).toBe(3);
  expect(pace({ slotsMs: slots(30, 5 * MINUTE) })).toEqual({
    starts: 0,
    because: "hour",
    nextMs: START + 55 * MINUTE + GUARD,
  });
  expect(pace({ slotsMs: slots(150, HOUR, 5 * MINUTE) })).toEqual({
    starts: 0,
    because: "day",
    nextMs: START - HOUR - 149 * 5 * MINUTE + DAY + GUARD,
  });
  expect(pace({ slotsMs: slots(148, HOUR, 5 * MINUTE) })).toMatchObject({ starts: 2, because: "day" });
});

test("nextStarts() takes slots in any order, and ignores those that no quota counts any more", () => {
  const used = slots(150, HOUR, 5 * MINUTE);
  expect(pace({ slotsMs: [...used].reverse() })).toEqual(pace({ slotsMs: used }));
  expect(pace({ slotsMs: [...slots(5_000, 2 * DAY, MINUTE), ...used] })).toEqual(pace({ slotsMs: used }));
});

test("nextStarts() waits as long as the service said", () => {
  expect(pace({ refusedUntilMs: START + 1 })).toEqual({ starts: 0, because: "refused", nextMs: START + 1 });
  expect(pace({ refusedUntilMs: START + 1, refusedBy: "start_limit" }).because).toBe("user-starts");
  expect(pace({ refusedUntilMs: START }).starts).toBe(3);
  const both = { slotsMs: slots(10, 0), refusedUntilMs: START + HOUR };
  expect(pace(both)).toEqual({ starts: 0, because: "refused", nextMs: START + HOUR });
});

test("nextStarts() names the reason that ends last, and a window that is closed when the others end", () => {
  const windows = [window([2], "02:00", "03:00", "UTC")];
  expect(pace({ windows })).toEqual({ starts: 0, because: "window", nextMs: START + 2 * HOUR });
  const refusedUntilMs = START + 2.5 * HOUR;
  expect(pace({ windows, refusedUntilMs })).toEqual({ starts: 0, because: "refused", nextMs: refusedUntilMs });
  const later = pace({ windows, refusedUntilMs: START + 4 * HOUR });
  expect(later).toEqual({ starts: 0, because: "window", nextMs: START + 7 * DAY + 2 * HOUR });
  expect(pace({ windows: [window([], "02:00", "03:00", "UTC")] })).toEqual({
    starts: 0,
    because: "window",
    nextMs: null,
  });
  expect(pace({ windows, nowMs: START + 2 * HOUR }).starts).toBe(3);
});

test("nextStarts() names first what only a person can end", () => {
  const full = { slotsMs: slots(10, 0), running: 3 };
  expect(pace({ ...full, closed: "gate" })).toEqual({ starts: 0, because: "gate", nextMs: null });
  expect(pace({ ...full, closed: "stopped" })).toEqual({ starts: 0, because: "stopped", nextMs: null });
  expect(pace({ ...full, closed: "stopped", waiting: 0 }).because).toBe("nothing");
  expect(pace(full), "no start before that, even if a run ends").toMatchObject({
    because: "minute",
    nextMs: START + MINUTE + GUARD,
  });
});

test("nextStarts() sends one probe after a refusal for want of a sandbox, then one after 10, 20, 40, 60, 60 minutes", () => {
  let nowMs = START;
  const slotsMs = [START - 30 * SECOND];
  const waits: number[] = [];
  for (let count = 1; count <= 6; count++) {
    const sandboxRefusals = { count, lastMs: nowMs };
    const held = pace({ nowMs, slotsMs, sandboxRefusals });
    if (count > 1) {
      expect(held).toMatchObject({ starts: 0, because: "sandboxes" });
      waits.push(((held.nextMs ?? 0) - nowMs) / MINUTE);
      nowMs = held.nextMs ?? 0;
    }
    const probe = pace({ nowMs, slotsMs, sandboxRefusals });
    expect(probe).toMatchObject({ starts: 1, because: "sandboxes" });
    slotsMs.push(nowMs);
    nowMs += 20 * SECOND;
  }
  expect(waits).toEqual([10, 20, 40, 60, 60]);
});

test("nextStarts() sends no second probe while the end of the first is not known, unless it has waited as after a failure", () => {
  const sandboxRefusals = { count: 1, lastMs: START - MINUTE };
  const probed = { sandboxRefusals, slotsMs: [START - 50 * SECOND], running: 1 };
  expect(pace(probed)).toEqual({ starts: 0, because: "sandboxes", nextMs: START + 10 * MINUTE - 50 * SECOND });
  expect(pace({ ...probed, nowMs: START + 10 * MINUTE }).starts).toBe(1);
  expect(pace({ ...probed, sandboxRefusals: null }).starts).toBe(2);
});

test("nextStarts() never waits longer than a window at a time when the clock was set back", () => {
  const ahead = START + 3_650 * DAY;
  expect(pace({ slotsMs: Array.from({ length: 150 }, () => ahead) })).toEqual({
    starts: 0,
    because: "day",
    nextMs: START + DAY + GUARD,
  });
  expect(pace({ refusedUntilMs: ahead })).toEqual({ starts: 0, because: "refused", nextMs: START + DAY });
  expect(pace({ sandboxRefusals: { count: 9, lastMs: ahead } })).toMatchObject({ nextMs: START + HOUR });
});

test("nextStarts() is never refused by the service's limiter, whose times are known to the second and whose clock is estimated", () => {
  const step = fc.oneof(
    fc.integer({ min: 0, max: 3_000 }),
    fc.integer({ min: 0, max: 2 * MINUTE }),
    fc.integer({ min: 0, max: 2 * HOUR }),
    fc.integer({ min: 0, max: 2 * DAY }),
    fc.constant("next" as const),
    fc.constant("next" as const),
    fc.constant("next" as const),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 300 }), fc.integer(), fc.boolean(), (steps, seed, jumps) => {
      const random = randomNumbers(seed);
      const taken: number[] = [];
      const known: number[] = [];
      let nowMs = START;
      let nextMs: number | null = null;
      for (const each of steps) {
        // `next` goes to the very moment that was named.
        nowMs = each === "next" ? Math.max(nowMs, nextMs ?? nowMs) : nowMs + each;
        // The estimate is up to a second behind or ahead; a clock that is set back is far behind.
        const wrongMs = Math.round((random() - 0.5) * 2 * 999) - (jumps && random() < 0.2 ? random() * DAY : 0);
        const found = nextStarts(paceInput({ nowMs: nowMs + wrongMs, slotsMs: known }));
        for (let start = 0; start < found.starts; start++) {
          expect(accepts(taken, nowMs)).toBe(true);
          taken.push(nowMs);
          known.push(Math.floor(nowMs / SECOND) * SECOND);
        }
        nextMs = found.nextMs === null ? null : found.nextMs - wrongMs;
      }
    }),
    { numRuns: propertyRuns(500) },
  );
});

const inputArbitrary = fc.record({
  slotsMs: fc.array(
    fc.oneof(
      fc.integer({ min: -DAY / SECOND - 5, max: 0 }),
      fc.integer({ min: -3_700, max: 0 }),
      fc.integer({ min: -65, max: 0 }),
    ),
    { maxLength: 160 },
  ).map((seconds) => seconds.sort((a, b) => a - b).map((second) => START + second * SECOND)),
  refusedUntilMs: fc.oneof(
    fc.constant(null),
    fc.integer({ min: -60, max: 600 }).map((second) => START + second * SECOND),
  ),
  sandboxes: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 4 })),
  running: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 })),
  parallel: fc.integer({ min: 1, max: 3 }),
  windows: fc.array(
    fc.record({
      days: fc.subarray([1, 2, 3, 4], { minLength: 2 }),
      fromMinute: fc.integer({ min: 0, max: 1_439 }),
      toMinute: fc.integer({ min: 0, max: 1_440 }),
    }).map((parts) => ({ text: "random", zone: "Europe/Vienna", ...parts })),
    { maxLength: 2 },
  ),
  closed: fc.constantFrom(null, null, null, "gate" as const, "stopped" as const),
  waiting: fc.constantFrom(0, 1, 2, 5, 100),
});

/** The input after `starts` more starts. */
function started(input: PaceInput, starts: number): PaceInput {
  return {
    ...input,
    slotsMs: [...input.slotsMs, ...Array.from({ length: starts }, () => input.nowMs)],
    sandboxes: input.sandboxes === null ? null : input.sandboxes + starts,
    running: input.running + starts,
    waiting: input.waiting - starts,
  };
}

test("nextStarts() starts exactly as many as a model that counts, and is never idle before or after the moment that it names", () => {
  fc.assert(
    fc.property(inputArbitrary, (parts) => {
      const input = paceInput(parts);
      const { starts, nextMs, because } = nextStarts(input);
      for (let start = 0; start < starts; start++) expect(mayStart(started(input, start), GUARD)).toBe(true);
      const then = started(input, starts);
      expect(mayStart(then, GUARD)).toBe(false);
      if (because === "sandboxes" || because === "parallel" || nextMs === null) return;
      // What runs may still be in the way at the moment that was named.
      const free = { ...then, running: 0, sandboxes: 0 };
      expect(mayStart({ ...free, nowMs: nextMs }, GUARD)).toBe(true);
      expect(mayStart({ ...free, nowMs: nextMs - 1 }, GUARD)).toBe(false);
      for (let at = input.nowMs; at < nextMs; at += Math.max(SECOND, Math.floor((nextMs - at) / 50))) {
        expect(mayStart({ ...free, nowMs: at }, GUARD)).toBe(false);
      }
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test("nextStarts() gives null for the next moment only if time changes nothing", () => {
  fc.assert(
    fc.property(inputArbitrary, (parts) => {
      const input = paceInput(parts);
      const { starts, nextMs } = nextStarts(input);
      if (nextMs !== null) return;
      const then = started(input, starts);
      for (let at = input.nowMs; at <= input.nowMs + 8 * DAY; at += 67 * MINUTE) {
        expect(mayStart({ ...then, nowMs: at }, GUARD)).toBe(false);
      }
    }),
    { numRuns: propertyRuns(500) },
  );
});
