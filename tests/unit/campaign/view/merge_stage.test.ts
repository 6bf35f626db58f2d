import { expect, test } from "bun:test";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { mergeBlocks, mergeRows } from "../../../../lib/campaign/report/merge_stages.ts";
import { ANY_COMMAND } from "../../../../lib/campaign/report/words.ts";
import { approval, BEN, commit, mergeWorld } from "../merge/merge_world.ts";
import { project } from "../world.ts";

test("makeView() groups pull requests by how far they are from being merged, by owner and with the oldest", async () => {
  const world = await mergeWorld(9);
  const { forge } = world;
  forge.of(2).answers = [{ kind: "queued" }];
  forge.of(3).opinions = [approval(BEN, commit(3))];
  Object.assign(forge.of(3).facts, { owner: "ann", createdAt: "2026-02-01T10:00:00Z" });
  Object.assign(forge.of(4).facts, { owner: "ann", review: "requested" });
  forge.of(4).opinions = [];
  Object.assign(forge.of(5).facts, { review: "not-requested" });
  forge.of(5).opinions = [];
  forge.of(6).facts.checks = "pending";
  forge.of(7).facts.checks = "red";
  forge.of(8).answers = [{ kind: "refused", reason: "the branch is locked" }];
  Object.assign(forge.of(9).facts, { state: "closed" });
  await world.merge({ only: [1, 2, 8].map(project) });
  const { view } = await world.merge({ dryRun: true });
  const item = (number: number) => view.items[number - 1]?.id ?? "";
  expect(view.items.map(({ merge }) => merge)).toEqual([
    { stage: "merged", reason: null },
    { stage: "queued", reason: null },
    { stage: "ready", reason: null },
    { stage: "review", reason: null },
    { stage: "review", reason: null },
    { stage: "checks", reason: null },
    { stage: "blocked", reason: "its checks are red" },
    { stage: "blocked", reason: "the branch is locked" },
    undefined,
  ]);
  const since = "2026-03-01T10:00:00Z";
  expect(view.merging).toEqual([
    { stage: "merged", owners: [{ owner: "acme", items: [item(1)], since }] },
    { stage: "queued", owners: [{ owner: "acme", items: [item(2)], since }] },
    { stage: "ready", owners: [{ owner: "ann", items: [item(3)], since: "2026-02-01T10:00:00Z" }] },
    {
      stage: "review",
      owners: [{ owner: "ann", items: [item(4)], since }, { owner: "acme", items: [item(5)], since }],
    },
    { stage: "checks", owners: [{ owner: "acme", items: [item(6)], since }] },
    { stage: "blocked", owners: [{ owner: "acme", items: [item(7), item(8)], since }] },
  ]);
  const clean = cleanCampaign(view, (text) => text, (text) => text);
  const commands = mergeBlocks(clean, ANY_COMMAND).flatMap((block) => "code" in block ? [block.code] : []);
  expect(commands).toEqual([
    "mogplex-ci campaign merge FILE --dry-run",
    "mogplex-ci campaign merge FILE",
    "mogplex-ci campaign ask FILE --cause no-reviewer",
    "mogplex-ci campaign merge FILE --dry-run",
    "mogplex-ci campaign merge FILE --dry-run",
  ]);
  const links = JSON.stringify(mergeRows(clean, ANY_COMMAND));
  for (const number of [2, 3, 4, 5, 6, 7, 8]) expect(links).toContain(`https://github.com/${project(number)}/pull/7`);
});

test("mergeBlocks() has nothing to say once everything is merged", async () => {
  const world = await mergeWorld(2);
  const { view } = await world.merge();
  expect([view.merging?.map(({ stage }) => stage), mergeBlocks(view, ANY_COMMAND)]).toEqual([["merged"], []]);
});
