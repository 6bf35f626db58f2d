import { expect, test } from "bun:test";
import { decodeUtf8 } from "../../../lib/runtime.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

function utf16(text: string, { bigEndian = false, mark = true } = {}): Uint8Array {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  const all = mark ? [0xfeff, ...units] : units;
  return Uint8Array.from(all.flatMap((unit) => bigEndian ? [unit >> 8, unit & 255] : [unit & 255, unit >> 8]));
}

test("decodeUtf8() gives back every text that was encoded, a byte order mark included", () => {
  for (const text of ["", "x", "é\u{1f600}\ufffd", "\ufeffmarked", "line\r\nline\u2028"]) {
    expect(decodeUtf8(bytesOf(text))).toBe(text);
  }
});

test("decodeUtf8() says of UTF-16 how to save it, with and without a byte order mark", () => {
  for (const options of [{}, { bigEndian: true }, { mark: false }, { mark: false, bigEndian: true }]) {
    expect(() => decodeUtf8(utf16("Fix the flaky tests", options)), JSON.stringify(options)).toThrow(
      "it is UTF-16: save it as UTF-8",
    );
  }
});

test("decodeUtf8() refuses what is not text, and never puts U+FFFD in its place", () => {
  expect(() => decodeUtf8(bytesOf("a\0b and more"))).toThrow("it contains NUL bytes, so it is not text");
  for (const bytes of [[0x66, 0xfc, 0x72], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80]]) {
    expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow("it is not UTF-8: save it as UTF-8");
  }
});
