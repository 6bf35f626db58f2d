/** Changes of pull requests by a campaign on a branch: what other machines know of them before they are sent, and after a lost race. */
import process from "node:process";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ChangeOptions, changePullRequests, type PullChange } from "../../../../lib/campaign/change_pulls.ts";
import type { JournalRecord } from "../../../../lib/campaign/journal/record.ts";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { campaignWorld, FILE, project } from "../../../unit/campaign/world.ts";
import { writingForge } from "../../../unit/campaign/writing_forge.ts";
import { aNode } from "../../../unit/forge/github_forge.ts";
import { GITHUB_TOKEN } from "../../../unit/forge/world.ts";
import { makeRemotes, type Remotes } from "../../git/remotes.ts";
import { withOwnTemporaryFolder } from "../../temporary.ts";

withOwnTemporaryFolder();

let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const BRANCH = "mogplex-campaign/moment";
const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');
const CLOSE: PullChange = { kind: "close", select: { only: ["acme/*"] }, reason: "not wanted" };

/** A campaign on a new branch that is done, with two pull requests. */
async function doneOn(name: string) {
  const remote = remotes.make(`${name}.git`);
  const forge = writingForge();
  const pulls = [1, 2].map((number) => forge.add(project(number), aNode()));
  const world = campaignWorld({
    ...{ count: 2, scenarios: SCENARIO, github: forge },
    file: { branch: "mogplex/replace-moment" },
  });
  const variables: Record<string, string | undefined> = { MOGPLEX_DEV: "1", PATH: process.env.PATH, GITHUB_TOKEN };
  const home = { home: `git:${remote}#${BRANCH}`, env: (key: string) => variables[key] };
  await world.plan(home);
  expect((await world.run(home)).code).toBe(0);
  await world.clock.sleep(600_000);
  const change = (more: Partial<ChangeOptions> = {}) =>
    changePullRequests(FILE, CLOSE, {
      ...{ by: "kim", clock: world.clock, forge: {}, url: "http://localhost", token: world.token, ...home },
      fetch: (async (url: string, init: RequestInit) => await forge.fetch(url, init)) as typeof globalThis.fetch,
      ...more,
    }, { io: world.io, files: world.files });
  /** The records on the branch about changes and decisions, by type and item. */
  function history(): string[] {
    const lines = remotes.git(remote, "show", `${BRANCH}:journal/000001.ndjson`).split("\n");
    return lines.map((line) => JSON.parse(line) as JournalRecord).flatMap((record) => {
      if (record.type === "skipped" || record.type === "stopped") return [record.type];
      return record.type === "write-intent" || record.type === "write"
        ? [`${record.type} ${/\d(?=@)/.exec(record.item)?.[0]}`]
        : [];
    });
  }
  return { world, forge, pulls, home, change, history };
}

test("changePullRequests() on a branch pushes its intents before the first write", async () => {
  const { forge, pulls, change, history } = await doneOn("first");
  const seen: string[][] = [];
  forge.beforeWrite = () => void seen.push(history());
  await change();
  const announced = ["write-intent 1", "write-intent 2"];
  expect(seen).toEqual(Array.from({ length: 4 }, () => announced));
  expect(history()).toEqual([...announced, "write 1", "skipped", "write 2", "skipped"]);
  expect(pulls.map(({ state, comments }) => [state, comments.length])).toEqual([["closed", 1], ["closed", 1]]);
});

test("changePullRequests() on a branch reads back what it has sent when it loses the race for its results", async () => {
  const { world, forge, pulls, home, change, history } = await doneOn("race");
  forge.beforeWrite = async () => {
    forge.beforeWrite = undefined;
    await world.decide({ kind: "stop", cancel: false }, home);
  };
  const { results } = await change();
  expect(results.map(({ act, state }) => [act, state])).toEqual([["close", "done"], ["close", "done"]]);
  expect(pulls.map(({ state, comments }) => [state, comments.length])).toEqual([["closed", 1], ["closed", 1]]);
  expect(forge.writes.length).toBe(4);
  expect(history()).toEqual([
    ...["write-intent 1", "write-intent 2", "stopped"],
    ...["write 1", "skipped", "write 2", "skipped"],
  ]);
});
