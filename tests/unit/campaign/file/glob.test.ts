import { expect, test } from "bun:test";
import fc from "fast-check";
import { globProblem, matchesGlob } from "../../../../lib/campaign/file/rules.ts";

test.each([
  ["acme/web", "acme/web", true],
  ["acme/web", "Acme/WEB", true],
  ["acme/web", "acme/web2", false],
  ["acme/legacy-*", "acme/legacy-", true],
  ["acme/legacy-*", "acme/legacy-shop", true],
  ["acme/*", "acme/", true],
  ["acme/*", "other/web", false],
  ["*/docs", "acme/docs", true],
  ["*/docs", "acme/x/docs", false],
  ["*", "acme/web", false],
  ["**", "acme/web", true],
  ["**docs", "acme/docs", true],
  ["acme/?eb", "acme/web", true],
  ["acme?web", "acme/web", false],
  ["a*b*c/x", "abbbc/x", true],
  ["a*b*c/x", "abbb/x", false],
  ["", "", true],
  ["", "a", false],
])("matchesGlob(%j, %j) is %p", (glob, name, expected) => {
  expect(matchesGlob(glob, name)).toBe(expected);
});

test("matchesGlob() agrees with a regular expression made of the same glob", () => {
  const letter = fc.constantFrom("a", "b", "/", "*", "**", "?");
  fc.assert(
    fc.property(
      fc.array(letter, { maxLength: 8 }),
      fc.array(fc.constantFrom("a", "b", "/"), { maxLength: 8 }),
      (g, n) => {
        const glob = g.join("");
        const pattern = glob.replace(/\*+|\?/g, (text) => text === "?" ? "[^/]" : text === "*" ? "[^/]*" : ".*");
        expect(matchesGlob(glob, n.join(""))).toBe(new RegExp(`^${pattern}$`).test(n.join("")));
      },
    ),
  );
});

test("matchesGlob() ends when a glob has many stars that nearly fit", () => {
  expect(matchesGlob(`${"*a".repeat(120)}b`, "a".repeat(200))).toBe(false);
});

test("globProblem() names what is not allowed, and what an owner alone is to be", () => {
  expect(globProblem("acme/legacy-*")).toBeUndefined();
  expect(globProblem("**/web")).toBeUndefined();
  expect(globProblem("acme")).toContain('for all of acme write "acme/*"');
  expect(globProblem("acme/{a,b}")).toContain('the character "{" is not allowed');
  expect(globProblem("a b/c")).toContain('the character " " is not allowed');
  expect(globProblem("")).toContain("it must be a name or a glob of names");
  expect(globProblem("a/b/c")).toContain('it needs one "/"');
});
