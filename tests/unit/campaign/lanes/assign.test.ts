import { expect, test } from "bun:test";
import fc from "fast-check";
import { laneBranch, laneDirectory, laneOf } from "../../../../lib/campaign/lanes/assign.ts";
import { matchesGlob } from "../../../../lib/campaign/file/glob.ts";
import type { Lane } from "../../../../lib/campaign/file/campaign_file.ts";

const part = fc.constantFrom("acme", "teamb", "x", "web", "api");
const name = fc.tuple(part, part).map(([owner, repo]) => `${owner}/${repo}`);
const glob = fc.oneof(name, fc.constantFrom("acme/*", "teamb/*", "*/web", "**", "*/a?i"));
const lanes = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { minLength: 1 }).chain((names) =>
  fc.tuple(...names.map((name) =>
    fc.array(glob, { maxLength: 3 }).map((repositories): Lane => ({
      name,
      tokenVariable: name,
      repositories,
    }))
  ))
);

test("laneOf() gives each name to exactly one lane: the first that fits, else the first; whatever comes behind and however it is written", () => {
  fc.assert(fc.property(lanes, name, glob, (all, name, more) => {
    const found = laneOf(all, name);
    const fits = ({ repositories }: Lane) => repositories.some((each) => matchesGlob(each, name));
    expect(all.filter(fits).map((lane) => lane.name)[0] ?? all[0]?.name).toBe(found);
    expect(laneOf(all, name.toUpperCase())).toBe(found);
    const later = [...all, { name: "z", tokenVariable: "z", repositories: [more] }];
    const now = laneOf(later, name);
    expect(now === found || now === "z" && !all.some(fits)).toBe(true);
  }));
});

test("laneDirectory() and laneBranch() never give two lanes the same place", () => {
  const word = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,10}$/);
  fc.assert(fc.property(word, word, (one, other) => {
    if (one === other) return;
    expect(laneDirectory("d/", one)).not.toBe(laneDirectory("d", other));
    expect(laneBranch("campaign", one)).not.toBe(laneBranch("campaign", other));
  }));
});
