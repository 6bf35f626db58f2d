import { expect, test } from "bun:test";
import fc from "fast-check";
import { type CadenceEvent, type CadenceState, nextDelay, startCadence } from "../../../lib/run/source.ts";

type Kind = CadenceEvent["kind"];

/** Shortest delay of a job that shares its token with others: together they send 54 requests a minute. */
const shareMs = (tokenShare: number) => tokenShare > 1 ? tokenShare * 60_000 / 54 : 0;
/** Half the width of the jitter. */
const JITTER = 0.06;
const ENDING = [300, 600, 1_200, 2_400, 5_000];
const REFUSAL: CadenceEvent = { kind: "refused", namedMs: 60_000 };

interface Step {
  event: CadenceEvent;
  /** When the look was. */
  atMs: number;
  delayMs: number;
  before: CadenceState;
  after: CadenceState;
}

interface Play {
  tokenShare?: number;
  random?: () => number;
  deadlineMs?: number;
}

/** Looks one after the other, each when the delay before it has passed. */
function play(
  events: CadenceEvent[],
  { tokenShare = 1, random = () => 0.5, deadlineMs = Infinity }: Play = {},
): Step[] {
  let before = startCadence(tokenShare);
  let atMs = 0;
  return events.map((event) => {
    const { state: after, delayMs } = nextDelay(before, event, { atMs, leftMs: deadlineMs - atMs, random: random() });
    const step = { event, atMs, delayMs, before, after };
    before = after;
    atMs += delayMs;
    return step;
  });
}

function delays(kinds: Exclude<Kind, "refused" | "busy">[], options?: Play): number[] {
  return play(kinds.map((kind) => ({ kind })), options).map(({ delayMs }) => delayMs);
}

function times<T>(count: number, value: T): T[] {
  return Array<T>(count).fill(value);
}

/** Numbers as a source of jitter gives them: fast-check prefers the edges, which no source does for long. */
function* uniform(seed: number): Generator<number, never> {
  for (let state = seed;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}
const anyRandom = fc.integer().map(uniform);

const quiet = (count: number) => times(count, "quiet" as const);
const quietEvents = (count: number) => times<CadenceEvent>(count, { kind: "quiet" });

test("nextDelay() is fast at first, then leaves room in the first minute, then settles", () => {
  expect(delays(times(13, "news")).slice(0, 4)).toEqual([1_000, 2_000, 3_000, 6_800]);
  expect(delays(times(13, "news")).slice(-2)).toEqual([5_500, 5_500]);
  const looks = play(times<CadenceEvent>(13, { kind: "news" })).filter(({ atMs }) => atMs < 60_000);
  expect(looks.length).toBeLessThanOrEqual(12);
});

test("nextDelay() slows down after two silent minutes of a run that speaks often, and is fast again when it speaks", () => {
  const talk = times(20, "news" as const);
  expect(delays([...talk, ...quiet(21)]).slice(-21)).toEqual(times(21, 5_500));
  expect(delays([...talk, ...quiet(22)]).at(-1)).toBe(10_200);
  expect(delays([...talk, ...quiet(30), "news", "quiet"]).slice(-2)).toEqual([5_500, 5_500]);
});

test("nextDelay() slows down after 20 silent seconds of a run that hardly ever speaks", () => {
  expect(delays([...quiet(20), "news", ...quiet(4)]).slice(-5)).toEqual([5_500, 5_500, 5_500, 5_500, 10_200]);
});

test("nextDelay() needs at most 72 requests in ten quiet minutes", () => {
  fc.assert(fc.property(anyRandom, (numbers) => {
    const looks = play(quietEvents(100), { random: () => numbers.next().value });
    // One more is the read after the end.
    expect(looks.filter(({ atMs }) => atMs < 600_000).length + 1).toBeLessThanOrEqual(72);
  }));
});

test("nextDelay() looks within a second after an event that comes before the end, then less and less often", () => {
  expect(delays([...quiet(30), "ending", ...quiet(6)]).slice(-7)).toEqual([...ENDING, 5_500, 5_500]);
});

test("nextDelay() begins the looks of an ending run anew at a further such event", () => {
  expect(delays(["ending", "quiet", "ending", "quiet"])).toEqual([300, 600, 300, 600]);
});

test("nextDelay() gets the service's own delay, and adds up to half an interval of its own", () => {
  const at = (random: number) => play([{ kind: "quiet" }, REFUSAL], { random: () => random })[1]?.delayMs;
  expect(at(0)).toBe(60_000);
  // Hardly a look of this job was let through before the limit was met: others are many.
  expect(at(0.5)).toBe(60_000 + 25_000 / 4);
  const busy = play([...quietEvents(12), { kind: "busy", namedMs: 7_000 }], { random: () => 0.5 }).at(-1);
  expect(busy?.delayMs).toBe(7_000 + 10_200 / 4);
});

test("nextDelay() uses an interval of its own when the service names no delay", () => {
  const steps = play([...quietEvents(12), { kind: "refused", namedMs: null }, { kind: "quiet" }]);
  expect(steps.slice(-2).map(({ delayMs }) => delayMs)).toEqual([16_000, 16_000]);
});

test("nextDelay() slows down by how much of the minute before a refusal was its own", () => {
  const floors = (looks: number) => play([...quietEvents(looks), REFUSAL]).at(-1)?.after.floorMs;
  expect([0, 3, 4, 12].map(floors)).toEqual([25_000, 25_000, 16_000, 16_000]);
  const again = play([...quietEvents(12), REFUSAL, ...quietEvents(2), REFUSAL, ...quietEvents(2), REFUSAL]);
  expect(again.flatMap(({ event, after }) => event.kind === "refused" ? [Math.round(after.floorMs)] : []))
    .toEqual([16_000, 35_200, 105_600]);
  const blind = play([...quietEvents(12), ...times(3, REFUSAL)]);
  expect(blind.slice(-2).map(({ after }) => after.floorMs)).toEqual([72_000, 200_000]);
});

test("nextDelay() gives back a little of the budget for each calm minute, ever more slowly after further refusals", () => {
  const perMinute = (state: CadenceState) => 60_000 / state.floorMs;
  const once = play([...quietEvents(12), REFUSAL, ...quietEvents(30)]);
  const minutes = ((once.at(-1)?.atMs ?? 0) - (once[12]?.atMs ?? 0) - 60_000) / 60_000;
  expect(perMinute(once.at(-1)?.after as CadenceState) - perMinute(once[12]?.after as CadenceState))
    .toBeCloseTo(0.15 * Math.floor(minutes), 9);
  const twice = play([...quietEvents(12), REFUSAL, REFUSAL, ...quietEvents(8)]);
  const [refused, last] = [twice[13] as Step, twice.at(-1) as Step];
  const stretches = Math.floor((last.atMs - refused.atMs - 60_000) / 240_000);
  expect(perMinute(last.after) - perMinute(refused.after)).toBeCloseTo(0.15 * stretches, 9);
  expect(stretches).toBeGreaterThan(0);
});

test("nextDelay() does not change the state that it is given", () => {
  const state = startCadence(2);
  const before = structuredClone(state);
  for (const event of [{ kind: "ending" } as const, REFUSAL]) {
    nextDelay(state, event, { atMs: 1, leftMs: 9_000, random: 0.3 });
    expect(state).toEqual(before);
  }
});

const namedMs = fc.integer({ min: 1, max: 300_000 });
const anyEvent: fc.Arbitrary<CadenceEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom("news", "quiet", "ending") }),
  fc.record({ kind: fc.constant("refused" as const), namedMs: fc.option(namedMs) }),
  fc.record({ kind: fc.constant("busy" as const), namedMs }),
);
const anyEvents = fc.array(anyEvent, { maxLength: 120 });
const anyShare = fc.integer({ min: 1, max: 1_000 });

function anyPlay(check: (steps: Step[], tokenShare: number) => void): void {
  fc.assert(
    fc.property(
      anyEvents,
      anyShare,
      anyRandom,
      (events, tokenShare, numbers) =>
        check(play(events, { tokenShare, random: () => numbers.next().value }), tokenShare),
    ),
  );
}

/** Whether a delay is one of the quick looks at a run that is about to end. */
const isEnding = ({ before, event }: Step) =>
  event.kind === "ending" || event.kind !== "refused" && event.kind !== "busy" && before.ending;

test("nextDelay() never goes below a share of the budget, but for the looks at an ending run", () => {
  anyPlay((steps, tokenShare) => {
    for (const step of steps) {
      if (step.event.kind === "busy" || isEnding(step)) continue;
      if (step.event.kind === "refused" && step.event.namedMs !== null) continue;
      expect(step.delayMs).toBeGreaterThanOrEqual(Math.max(Math.floor(shareMs(tokenShare)), 940));
    }
  });
});

test("nextDelay() never shortens what the service named, and adds at most half an interval, or twice as much", () => {
  anyPlay((steps) => {
    for (const { event, delayMs, after } of steps) {
      if (event.kind !== "refused" && event.kind !== "busy" || event.namedMs === null) continue;
      expect(delayMs).toBeGreaterThanOrEqual(event.namedMs);
      const interval = Math.max(10_200, after.floorMs, shareMs(after.tokenShare) / (1 - JITTER));
      expect(delayMs).toBeLessThanOrEqual(event.namedMs + Math.min(interval / 2, 2 * event.namedMs) + 1);
    }
  });
});

test("nextDelay() grows the interval at each refusal and never else", () => {
  anyPlay((steps) => {
    for (const { event, before, after } of steps) {
      if (event.kind !== "refused") expect(after.floorMs).toBeLessThanOrEqual(before.floorMs);
      else if (before.floorMs > 0 && before.floorMs < 90_000) expect(after.floorMs).toBeGreaterThan(before.floorMs);
      expect(after.floorMs).toBeLessThanOrEqual(200_000);
      expect(after.refusals - before.refusals).toBe(event.kind === "refused" ? 1 : 0);
    }
  });
});

test("nextDelay() lets jitter move a delay by 6 % at most", () => {
  anyPlay((steps) => {
    for (const step of steps) {
      if (step.event.kind === "refused" || step.event.kind === "busy") continue;
      const { before, event, atMs } = step;
      const middle = nextDelay(before, event, { atMs, leftMs: Infinity, random: 0.5 }).delayMs;
      expect(Math.abs(step.delayMs - middle)).toBeLessThanOrEqual(middle * JITTER + 1);
      if (isEnding(step)) expect(ENDING).toContain(step.delayMs);
    }
  });
});

test("nextDelay() never goes beyond the deadline, and never below zero", () => {
  fc.assert(
    fc.property(
      anyEvents,
      anyShare,
      anyRandom,
      fc.integer({ min: 1, max: 900_000 }),
      (events, tokenShare, numbers, deadlineMs) => {
        for (
          const { atMs, delayMs } of play(events, {
            tokenShare,
            deadlineMs,
            random: () => numbers.next().value,
          })
        ) {
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(atMs + delayMs).toBeLessThanOrEqual(deadlineMs);
        }
      },
    ),
  );
});

test("nextDelay() stays between 300 ms and 11 s for a token that is never refused", () => {
  const kinds = fc.array(fc.constantFrom("news" as const, "quiet" as const, "ending" as const), { maxLength: 300 });
  fc.assert(fc.property(kinds, anyRandom, (list, numbers) => {
    const all = delays(list, { random: () => numbers.next().value });
    for (const delay of all) expect(delay >= 300 && delay <= 10_900).toBe(true);
  }));
});
