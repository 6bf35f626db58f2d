import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseWindow } from "../../../../lib/campaign/file/rules.ts";

function windowOf(text: string) {
  const result = parseWindow(text);
  if (!result.ok) throw new Error(result.problem);
  const { days, fromMinute, toMinute, zone } = result.window;
  expect(result.window.text).toBe(text);
  return [days.join(""), fromMinute, toMinute, zone];
}

test.each<[string, ReturnType<typeof windowOf>]>([
  ["Mon-Fri 20:00-06:00 Europe/Vienna", ["12345", 1_200, 360, "Europe/Vienna"]],
  ["Sat-Mon 00:00-24:00 UTC", ["167", 0, 1_440, "UTC"]],
  ["mon,WED,fri-sun 8:00-9:30", ["13567", 480, 570, "UTC"]],
  ["daily 22:00-00:00 America/New_York", ["1234567", 1_320, 0, "America/New_York"]],
  ["Sun-Sun 23:59-00:01 Asia/Kolkata", ["7", 1_439, 1, "Asia/Kolkata"]],
  ["  Tue   01:00-02:00  ", ["2", 60, 120, "UTC"]],
])("parseWindow() reads %j", (text, expected) => {
  expect(windowOf(text)).toEqual(expected);
});

test.each([
  ["", "it must be days, times and a time zone"],
  ["Mon", "it must be days, times and a time zone"],
  ["20:00-06:00", 'write "daily" for all of them'],
  ["Mon 20:00", "two times are needed, as in 20:00-06:00"],
  ["Mon 20:00-06:00 Europe/Vienna UTC", "it must be days, times and a time zone"],
  [
    "Monday 08:00-09:00",
    'there is no day "Monday"; write Mon, Tue, Wed, Thu, Fri, Sat, Sun, or daily; did you mean "Mon"?',
  ],
  ["Mon-Wed-Fri 08:00-09:00", "a range of days has two days"],
  ["Mon, 08:00-09:00", 'there is no day ""'],
  ["Mon 08:00-09:60", '"09:60" is not a time of day'],
  ["Mon 24:00-01:00", '"24:00" is not a time of day'],
  ["Mon 08:00-24:01", '"24:01" is not a time of day'],
  ["Mon 8-9", '"8" is not a time of day'],
  ["Mon 08:00-08:00", "it begins and ends at the same time; for a whole day write 00:00-24:00"],
  [
    "Mon 08:00-09:00 Europe/Viena",
    'there is no time zone "Europe/Viena"; write its name, as in Europe/Vienna or UTC; did you mean "Europe/Vienna"?',
  ],
  ["Mon 08:00-09:00 +02:00", 'there is no time zone "+02:00"'],
  ["Mon 08:00-09:00 Eurp/Vienna", 'did you mean "Europe/Vienna"?'],
  ["Mon 25:00-09:60 Europe/Wien", '"25:00" is not a time of day'],
  ["Mon 25:00-09:60 Europe/Wien", '"09:60" is not a time of day'],
  ["Mon 25:00-09:60 Europe/Wien", '; there is no time zone "Europe/Wien"; write its name, as in Europe/Vienna or UTC'],
])("parseWindow() says what is wrong with %j", (text, problem) => {
  const result = parseWindow(text);
  expect(result.ok ? "" : result.problem).toContain(problem);
});

test("parseWindow() gives ascending days and minutes of the day, or a problem, whatever the text is", () => {
  const part = fc.oneof(
    fc.constantFrom("Mon", "Sun", "daily", "-", ",", " ", "08:00", "24:00", "06:00", "UTC", "Europe/Vienna"),
    fc.string({ maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 10 }), (parts) => {
      const result = parseWindow(parts.join(""));
      if (!result.ok) return expect(result.problem).not.toBe("");
      const { days, fromMinute, toMinute } = result.window;
      expect(days.length).toBeGreaterThan(0);
      expect([...days]).toEqual([...new Set(days)].sort());
      expect(fromMinute >= 0 && fromMinute < 1_440 && toMinute >= 0 && toMinute <= 1_440).toBe(true);
    }),
  );
});

test.each(["Europe/Wien", "America/Boston"])("parseWindow() does not suggest another city for %s", (zone) => {
  const result = parseWindow(`Mon 08:00-09:00 ${zone}`);
  expect(result.ok ? "" : result.problem).not.toContain("did you mean");
});
