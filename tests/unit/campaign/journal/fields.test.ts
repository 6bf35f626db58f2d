import { expect, test } from "bun:test";
import { isVisible, isWebUrl, oneLine, time, tryRead } from "../../../../lib/campaign/journal/fields.ts";

const isTime = (text: string) => tryRead(time, text).ok;

test("time takes the forms in which the service writes a time, and nothing else", () => {
  const good = ["2026-08-01T00:00:00.000000+00:00", "2026-08-01T00:00:00Z", "2026-08-01T00:00:00.123456789-05:30"];
  expect(good.filter((text) => !isTime(text))).toEqual([]);
  const bad = [
    "",
    "2026-08-01",
    "2026-08-01T00:00:00",
    "2026-13-01T00:00:00Z",
    "1e9",
    "2026-08-01T00:00:00Z\n",
    " 2026",
  ];
  expect(bad.filter(isTime)).toEqual([]);
});

test("isWebUrl() takes addresses that a person may click", () => {
  expect(["https://forge.example/acme/web/pull/1", "http://127.0.0.1:3000/x?y#z"].filter((url) => !isWebUrl(url)))
    .toEqual([]);
  const bad = [
    "",
    "x",
    "javascript:alert(1)",
    "file:///etc",
    "https://a:b@c.example/",
    "https://a.example/ x",
    "//a.example",
  ];
  expect([...bad, `https://a.example/${"x".repeat(2048)}`, "https://a.example/\u202e"].filter(isWebUrl)).toEqual([]);
});

test("oneLine() makes one visible line and cuts it between characters", () => {
  expect(oneLine(" a\r\n\tb\u001b[31m  c\u202e ", 100)).toBe("a b c");
  expect(oneLine("\u{1f600}\u{1f600}\u{1f600}", 4)).toBe("\u{1f600}…");
  expect([oneLine("abcd", 4), oneLine("abcde", 4), oneLine("", 4)]).toEqual(["abcd", "abc…", ""]);
  expect(["a b", "ä", "\u{1f600}", ""].filter((text) => !isVisible(text))).toEqual([]);
  expect(["a\nb", "a\tb", "\u200b", "\u202e", "\ud800", "\u001b", "\u2028"].filter(isVisible)).toEqual([]);
});
