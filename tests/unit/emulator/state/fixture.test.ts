import { expect, test } from "bun:test";
import { builtInFixture, parseFixture } from "../../../../lib/emulator/state/fixture.ts";
import fixture from "../../../conformance/fixture.json" with { type: "json" };

test("parseFixture() reads a whole world, and fills in what is left out", () => {
  expect(parseFixture(fixture).repos.length).toBe(fixture.repos.length);
  expect(parseFixture({ users: [], tokens: [] })).toMatchObject({ repos: [], automations: [], models: [] });
});

test("parseFixture() names place and reason of a mistake", () => {
  const user = { key: "u", id: "a0000000-0000-4000-8000-000000000001" };
  const token = { key: "t", user: "u", token: "mog_x", scopes: ["read"] };
  const cases: [unknown, string][] = [
    [[], 'at "", it must be an object'],
    [{ users: [] }, 'at "tokens", it must be an array'],
    [{ users: [{ ...user, id: "x" }], tokens: [] }, 'at "users.0.id", it must be a guid'],
    [{ users: [user], tokens: [{ ...token, token: "x" }] }, 'at "tokens.0.token", it must start with "mog_"'],
    [{ users: [user], tokens: [{ ...token, user: "v" }] }, 'at "tokens.0.user", no user has the key "v"'],
  ];
  for (const [value, problem] of cases) expect(() => parseFixture(value, "x.json")).toThrow(`x.json: ${problem}`);
});

test("builtInFixture() makes new tokens on every call", () => {
  const tokens = [builtInFixture(), builtInFixture()].flatMap((each) => each.tokens.map(({ token }) => token));
  expect(new Set(tokens).size).toBe(4);
});
