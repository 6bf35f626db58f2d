import { expect, test } from "bun:test";
import fc from "fast-check";
import { nextOpening } from "../../../../lib/campaign/pace/windows.ts";
import { DAY, HOUR, MINUTE, referenceNext, referenceOpen, window } from "./reference.ts";
import { propertyRuns } from "../../../property_runs.ts";

const WEEK = [1, 2, 3, 4, 5, 6, 7];
const VIENNA = "Europe/Vienna";
const NEW_YORK = "America/New_York";
const LORD_HOWE = "Australia/Lord_Howe";
const ZONES = [VIENNA, NEW_YORK, LORD_HOWE, "Asia/Kathmandu", "UTC"];
/** When the clocks of these zones are changed, 2025 to 2028, for the examples and the random times. */
const CHANGES = [
  ...["2025-03-30", "2025-10-26", "2026-03-29", "2026-10-25", "2027-03-28", "2027-10-31", "2028-03-26", "2028-10-29"]
    .map((day) => Date.parse(`${day}T01:00Z`)),
  ...["2025-03-09T07", "2025-11-02T06", "2026-03-08T07", "2026-11-01T06", "2027-03-14T07", "2027-11-07T06"]
    .map((hour) => Date.parse(`${hour}:00Z`)),
  ...["2025-04-05T15:00", "2025-10-04T15:30", "2026-04-04T15:00", "2026-10-03T15:30", "2028-04-01T15:00"]
    .map((minute) => Date.parse(`${minute}Z`)),
];

/** Whether starts are permitted. */
const isOpen = (windows: Parameters<typeof nextOpening>[0], ms: number) => nextOpening(windows, ms) === ms;

/** The first minute from `ms` on that is in no window; null when there is none within three weeks. */
function nextClosing(windows: Parameters<typeof nextOpening>[0], ms: number): number | null {
  for (let time = ms; time <= ms + 21 * DAY; time += MINUTE) if (!isOpen(windows, time)) return time;
  return null;
}

const at = (text: string) => Date.parse(text);
const shown = (ms: number | null) => ms === null ? null : new Date(ms).toISOString().replace(":00.000Z", "Z");

test("nextOpening() is at once without windows, which never close", () => {
  expect(isOpen([], 0)).toBe(true);
  expect(nextOpening([], 5)).toBe(5);
  expect(isOpen([], at("2026-09-04T17:59Z"))).toBe(true);
});

test("nextOpening() counts a window that ends on the next day to the day on which it begins", () => {
  const nights = [window([1, 2, 3, 4, 5], "20:00", "06:00", VIENNA)];
  // 2026-09-04 is a Friday, and Vienna is two hours ahead of UTC.
  expect(isOpen(nights, at("2026-09-04T17:59:59.999Z"))).toBe(false);
  expect(isOpen(nights, at("2026-09-04T18:00Z"))).toBe(true);
  expect(isOpen(nights, at("2026-09-05T03:59:59.999Z"))).toBe(true);
  expect(isOpen(nights, at("2026-09-05T04:00Z"))).toBe(false);
  expect(isOpen(nights, at("2026-09-07T03:00Z")), "the night to Monday belongs to Sunday").toBe(false);
  expect(shown(nextOpening(nights, at("2026-09-05T04:00Z")))).toBe("2026-09-07T18:00Z");
  expect(shown(nextClosing(nights, at("2026-09-04T18:00Z")))).toBe("2026-09-05T04:00Z");
  expect(shown(nextOpening(nights, at("2026-09-04T19:30Z")))).toBe("2026-09-04T19:30Z");
  expect(shown(nextClosing(nights, at("2026-09-05T12:00Z")))).toBe("2026-09-05T12:00Z");
});

test("nextOpening() takes equal times as a whole day, and 24:00 as the end of the day", () => {
  const saturday = [window([6], "09:00", "09:00", "UTC")];
  expect(shown(nextOpening(saturday, at("2026-09-04T09:00Z")))).toBe("2026-09-05T09:00Z");
  expect(shown(nextClosing(saturday, at("2026-09-05T09:00Z")))).toBe("2026-09-06T09:00Z");
  const sunday = [window([7], "00:00", "24:00", "UTC")];
  expect(shown(nextOpening(sunday, at("2026-09-04T09:00Z")))).toBe("2026-09-06T00:00Z");
  expect(shown(nextClosing(sunday, at("2026-09-06T12:00Z")))).toBe("2026-09-07T00:00Z");
});

test("nextOpening() joins windows that overlap or meet, and windows that share out the week never close", () => {
  const parts = [window(WEEK, "08:00", "12:00", "UTC"), window(WEEK, "11:00", "13:00", "UTC")];
  expect(shown(nextClosing(parts, at("2026-09-01T09:00Z")))).toBe("2026-09-01T13:00Z");
  const met = [...parts, window(WEEK, "13:00", "14:00", "UTC")];
  expect(shown(nextClosing(met, at("2026-09-01T09:00Z")))).toBe("2026-09-01T14:00Z");
  expect(nextClosing([window(WEEK, "06:00", "20:00", VIENNA), window(WEEK, "20:00", "06:00", VIENNA)], 0)).toBeNull();
  expect(nextClosing([window(WEEK, "00:00", "24:00", LORD_HOWE)], at("2026-10-03T12:00Z"))).toBeNull();
});

test("nextOpening() takes the earliest of several zones, and is null when no window ever opens", () => {
  const both = [window(WEEK, "09:00", "10:00", NEW_YORK), window(WEEK, "09:00", "10:00", "Asia/Kathmandu")];
  expect(shown(nextOpening(both, at("2026-09-01T00:00Z")))).toBe("2026-09-01T03:15Z");
  expect(shown(nextOpening(both, at("2026-09-01T04:15Z")))).toBe("2026-09-01T13:00Z");
  expect(nextOpening([window([], "09:00", "10:00", "UTC")], 0)).toBeNull();
});

test("a window follows the clock on the wall when the clock goes forward", () => {
  // Vienna, 2026-03-29: 02:00 becomes 03:00 at 01:00Z.
  const night = [window(WEEK, "22:00", "06:00", VIENNA)];
  expect(nextClosing(night, at("2026-03-28T21:00Z"))).toBe(at("2026-03-28T21:00Z") + 7 * HOUR);
  const begins = [window([7], "02:30", "04:00", VIENNA)];
  expect(shown(nextOpening(begins, at("2026-03-29T00:00Z"))), "02:30 is left out").toBe("2026-03-29T01:00Z");
  const ends = [window([7], "01:00", "02:30", VIENNA)];
  expect(shown(nextClosing(ends, at("2026-03-29T00:30Z")))).toBe("2026-03-29T01:00Z");
  const inside = [window([7], "02:15", "02:45", VIENNA)];
  expect(shown(nextOpening(inside, at("2026-03-23T00:00Z"))), "a week later").toBe("2026-04-05T00:15Z");
  // Lord Howe, 2026-10-04: 02:00 becomes 02:30.
  expect(shown(nextOpening([window([7], "02:15", "03:00", LORD_HOWE)], at("2026-10-03T15:00Z")))).toBe(
    "2026-10-03T15:30Z",
  );
});

test("a window follows the clock on the wall when the clock goes back", () => {
  // Vienna, 2026-10-25: 03:00 becomes 02:00 at 01:00Z.
  const night = [window(WEEK, "22:00", "06:00", VIENNA)];
  expect(nextClosing(night, at("2026-10-24T20:00Z"))).toBe(at("2026-10-24T20:00Z") + 9 * HOUR);
  const twice = [window([7], "02:15", "02:45", VIENNA)];
  expect(shown(nextOpening(twice, at("2026-10-24T22:00Z")))).toBe("2026-10-25T00:15Z");
  expect(shown(nextClosing(twice, at("2026-10-25T00:15Z")))).toBe("2026-10-25T00:45Z");
  expect(shown(nextOpening(twice, at("2026-10-25T00:45Z"))), "shown a second time").toBe("2026-10-25T01:15Z");
  expect(shown(nextClosing(twice, at("2026-10-25T01:15Z")))).toBe("2026-10-25T01:45Z");
  // New York, 2026-11-01: 02:00 becomes 01:00 at 06:00Z.
  const ends = [window([7], "00:00", "01:30", NEW_YORK)];
  expect(shown(nextClosing(ends, at("2026-11-01T04:00Z")))).toBe("2026-11-01T05:30Z");
  expect(shown(nextOpening(ends, at("2026-11-01T05:30Z")))).toBe("2026-11-01T06:00Z");
});

const windowArbitrary = fc.record({
  days: fc.subarray(WEEK, { minLength: 1 }),
  fromMinute: fc.oneof(fc.integer({ min: 0, max: 1_439 }), fc.constantFrom(0, 60, 90, 120, 135, 150, 180)),
  toMinute: fc.oneof(fc.integer({ min: 0, max: 1_440 }), fc.constantFrom(0, 60, 90, 120, 135, 150, 180, 1_440)),
  zone: fc.constantFrom(...ZONES),
}).map((parts) => ({ text: "random", ...parts }));
const windowsArbitrary = fc.array(windowArbitrary, { minLength: 1, maxLength: 3 });
const instantArbitrary = fc.oneof(
  fc.integer({ min: at("2025-01-01"), max: at("2028-12-31") }),
  fc.tuple(fc.constantFrom(...CHANGES), fc.integer({ min: -26 * 60, max: 3 * 60 }), fc.constantFrom(0, 0, 1, 59_999))
    .map(([change, minutes, ms]) => change + minutes * MINUTE + ms),
);

test("nextOpening() agrees with the clock on the wall, for any windows and times, in any order of times", () => {
  fc.assert(
    fc.property(windowsArbitrary, fc.array(instantArbitrary, { minLength: 1, maxLength: 20 }), (windows, times) => {
      for (const ms of times) expect(isOpen(windows, ms)).toBe(referenceOpen(windows, ms));
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

test("nextOpening() agrees with a clock that is read minute by minute", () => {
  fc.assert(
    fc.property(windowsArbitrary, instantArbitrary, (windows, ms) => {
      expect(nextOpening(windows, ms)).toBe(referenceNext(true, windows, ms, 15));
    }),
    { numRuns: propertyRuns(300) },
  );
});

test("windows that share out the day are open at exactly one of two, in every minute of the days of a change", () => {
  for (const zone of ZONES) {
    const night = [window(WEEK, "20:00", "06:00", zone)];
    const day = [window(WEEK, "06:00", "20:00", zone)];
    for (const change of CHANGES) {
      for (let ms = change - DAY; ms < change + DAY; ms += 7 * MINUTE) {
        expect(isOpen(night, ms) !== isOpen(day, ms)).toBe(true);
      }
    }
  }
});
