/** The recipes for waves, and the tokens that they pass on. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../../../tools/setup.mjs";

const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The recipes in the table of `docs/campaigns.md`. */
const RECIPES = [
  ...new Set(
    [...read("docs/campaigns.md").matchAll(/\(\.\.\/(examples\/[\w-]+\/[\w-]*campaign[\w-]*\.\w+)\)/g)].map((
      [, path],
    ) => path ?? ""),
  ),
].filter((path) => !path.startsWith("examples/campaign/"));

test("every recipe for waves says at its top which tokens read and merge pull requests, and what needs them", () => {
  expect(RECIPES.length).toBeGreaterThan(6);
  for (const path of RECIPES) {
    const [comment = ""] = /^(?:#.*\n)+/.exec(read(path)) ?? [];
    const text = comment.replace(/\n# ?/g, " ");
    for (const word of ["Optional", "on-failed-checks, pull-requests", "limits.open-pull-requests", "the key merge"]) {
      expect([path, text]).toEqual([path, expect.stringContaining(word)]);
    }
    expect([path, text]).toEqual([path, expect.stringContaining("docs/campaigns.md")]);
  }
});

test("the workflows on GitHub pass the optional tokens to each command", () => {
  for (const name of ["campaign-waves", "scheduled-campaign"]) {
    const { jobs: { campaign: { steps } } } = parse(read(`examples/github-actions/${name}.yml`));
    const envs = steps.map(({ env }: { env?: Record<string, string> }) => env).filter((env?: Record<string, string>) =>
      env?.MOGPLEX_API_KEY
    );
    expect(envs).toHaveLength(2);
    for (const env of envs) {
      expect(env).toMatchObject({
        GITHUB_TOKEN: "${{ secrets.CAMPAIGN_READ_TOKEN }}",
        MERGE_TOKEN: "${{ secrets.CAMPAIGN_MERGE_TOKEN }}",
        MOGPLEX_MERGE_TOKEN_VARIABLE: "${{ secrets.CAMPAIGN_MERGE_TOKEN && 'github.com=MERGE_TOKEN' }}",
      });
    }
  }
});
