import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { forgeSecrets, resolveMergeAccess } from "../../../lib/forge/open.ts";
import { GITHUB_TOKEN, GITLAB_TOKEN } from "./world.ts";

const MERGER = "ghp_merges0123456789abcdefghijklmnopqrst";

/** The tokens for two hosts, or the message of the error. */
function tokens(env: Record<string, string>, isJob = true, hosts: string[] = []): unknown {
  const read = (name: string) => new Map(Object.entries(env)).get(name);
  try {
    const access = resolveMergeAccess(ALL_FORGES, read, hosts, isJob);
    const places = [{ forge: "github", host: "github.com" }, { forge: "gitlab", host: "gitlab.com" }];
    return places.map((place) => access?.tokenFor(place)?.token ?? null);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

test("resolveMergeAccess() gives each token to its host alone, and none that reads", () => {
  const named = { MOGPLEX_MERGE_TOKEN_VARIABLE: "github.com=MERGE_TOKEN", MERGE_TOKEN: MERGER };
  expect(tokens(named)).toEqual([MERGER, null]);
  expect(tokens({ ...named, GITHUB_TOKEN, GITLAB_TOKEN })).toEqual([MERGER, null]);
  expect(tokens({ ...named, GITHUB_TOKEN: MERGER })).toBe(
    "Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE: the token in variable MERGE_TOKEN is also used to read github.com; " +
      "use a separate token for merges",
  );
  expect(tokens({ ...named, GITLAB_TOKEN: MERGER })).toBe(
    "Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE: the token in variable MERGE_TOKEN is also used to read gitlab.com; " +
      "use a separate token for merges",
  );
  expect(tokens({ ...named, READ_TOKEN: MERGER }, true, ["git.example.com=READ_TOKEN"])).toMatch(
    /also used to read git\.example\.com/,
  );
  const two = { MOGPLEX_MERGE_TOKEN_VARIABLE: "github.com=A, gitlab.com=B", A: MERGER, B: "glpat-merges0123456789" };
  expect(tokens(two)).toEqual([MERGER, "glpat-merges0123456789"]);
});

test("resolveMergeAccess() takes the tokens that read outside of a job alone", () => {
  expect(tokens({ GITHUB_TOKEN }, true)).toEqual([null, null]);
  expect(tokens({ GITHUB_TOKEN }, false)).toEqual([GITHUB_TOKEN, null]);
});

test("resolveMergeAccess() refuses a setting that is wrong, without its value", () => {
  const of = (text: string) => tokens({ MOGPLEX_MERGE_TOKEN_VARIABLE: text });
  expect(of("github.com")).toMatch(/^Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE because a host has no variable/);
  expect(of("github.com=MISSING")).toMatch(/there is no token in MISSING/);
  expect(of("a b=MERGE_TOKEN")).toMatch(/^Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE because the value is not a host/);
  const twice = (text: string, B: string) => tokens({ MOGPLEX_MERGE_TOKEN_VARIABLE: text, A: MERGER, B });
  expect(twice("github.com=A,gitlab.com=A", "")).toBe(
    "Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE: the token in variable A is used for both github.com and gitlab.com; " +
      "give each host its own token",
  );
  expect(twice("github.com=A,gitlab.com=B", MERGER)).toMatch(
    /the token in variable B is used for both github.com and gitlab.com/,
  );
  expect(twice("github.com=A,github.com=B", "other")).toMatch(
    /^Cannot use MOGPLEX_MERGE_TOKEN_VARIABLE because a host is listed twice/,
  );
  const pasted = of(`github.com=${MERGER}-x`);
  expect([pasted, String(pasted).includes(MERGER)]).toEqual([
    expect.stringContaining("not the name of a variable"),
    false,
  ]);
});

test("forgeSecrets() has the tokens that merge, so that they are masked", () => {
  const env = new Map([["MOGPLEX_MERGE_TOKEN_VARIABLE", "github.com=A,gitlab.com=B"], ["A", MERGER], [
    "B",
    "secret-of-b",
  ]]);
  expect(forgeSecrets({ forges: ALL_FORGES, env: (name) => env.get(name) })).toEqual([MERGER, "secret-of-b"]);
});
