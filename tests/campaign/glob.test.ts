import { expect, test } from "bun:test";
import fc from "fast-check";
import { fitsGlob } from "../../lib/campaign/glob.ts";

test.each([
  ["acme/legacy-*", "acme/legacy-web", true],
  ["acme/legacy-*", "ACME/Legacy-", true],
  ["acme/legacy-*", "acme/web", false],
  ["*", "acme/web", true],
  ["*/web", "acme/web", true],
  ["acme/w?b", "acme/web", true],
  ["acme/w?b", "acme/wb", false],
  ["acme/web", "acme/web2", false],
  ["", "", true],
  ["", "a", false],
  ["**", "", true],
  ["acme/[w]eb", "acme/web", false],
])("fitsGlob() compares the glob %p with %p", (glob, name, fits) => {
  expect(fitsGlob(glob, name)).toBe(fits);
});

test("fitsGlob() agrees with a regular expression on any glob", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."ab/*?"), maxLength: 8 });
  fc.assert(fc.property(letters, fc.string({ unit: fc.constantFrom(..."ab/"), maxLength: 8 }), (glob, name) => {
    const source = [...glob].map((char) => char === "*" ? ".*" : char === "?" ? "." : char).join("");
    expect(fitsGlob(glob, name)).toBe(new RegExp(`^${source}$`).test(name));
  }));
});

test("fitsGlob() ends soon for a glob of many stars", () => {
  expect(fitsGlob("*a".repeat(2_000), "a".repeat(1_999))).toBe(false);
});
