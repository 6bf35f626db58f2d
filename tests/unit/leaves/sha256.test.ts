import { expect, test } from "bun:test";
import { hmacSha256, sha256Base64, sha256Hex } from "../../../lib/sha256.ts";

const bytes = (value: number, count: number) => new Uint8Array(count).fill(value);

// Source: RFC 4231, section 4; the fifth case is a truncated output.
const VECTORS: [name: string, key: string | Uint8Array, data: string | Uint8Array, mac: string][] = [
  ["1", bytes(0x0b, 20), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"],
  ["2", "Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"],
  ["3", bytes(0xaa, 20), bytes(0xdd, 50), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"],
  [
    "4",
    Uint8Array.from({ length: 25 }, (_, index) => index + 1),
    bytes(0xcd, 50),
    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
  ],
  [
    "6",
    bytes(0xaa, 131),
    "Test Using Larger Than Block-Size Key - Hash Key First",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
  ],
  [
    "7",
    bytes(0xaa, 131),
    "This is a test using a larger than block-size key and a larger than block-size data. " +
    "The key needs to be hashed before being used by the HMAC algorithm.",
    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
  ],
];

for (const [name, key, data, mac] of VECTORS) {
  test(`hmacSha256() gives the code of RFC 4231, test case ${name}`, () => {
    expect(hmacSha256(key, data)).toBe(mac);
  });
}

test("hmacSha256() takes texts as UTF-8", () => {
  const text = new TextEncoder();
  expect(hmacSha256("schlüssel", "größe")).toBe(hmacSha256(text.encode("schlüssel"), text.encode("größe")));
});

test("sha256Hex() gives the digest of FIPS 180-4's example", () => {
  expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

test("sha256Hex() makes the same digits of a text and of its bytes", () => {
  for (const text of ["", "abc", "zażółć \ud83d\ude80"]) {
    expect(sha256Hex(text)).toBe(sha256Hex(new TextEncoder().encode(text)));
  }
});

test("sha256Base64() gives the digest of FIPS 180-4's example", () => {
  expect(sha256Base64("abc")).toBe("ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
});
