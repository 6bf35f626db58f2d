import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { renderCampaignJson } from "../../lib/campaign/report/json.ts";
import { filesOf } from "../../lib/dashboard/glob.ts";
import { readStored } from "../../lib/dashboard/stored.ts";
import { directoryLister } from "../../lib/files/directory.ts";
import { renderJson } from "../../lib/report/json.ts";
import { anItem, everyVerdict, viewOf } from "../campaign/report/sample_view.ts";
import { CORPUS } from "../hostile/corpus.ts";
import { sampleAutomationResult, sampleEvent, sampleResult } from "../report/sample.ts";

const read = (files: Record<string, string>) =>
  readStored(Object.keys(files), (path) => new Map(Object.entries(files)).get(path));

test("readStored() reads results of both kinds, events and campaigns, newest run first", () => {
  const { runs, campaigns, fileProblems } = read({
    "old/result.json": renderJson(sampleResult({ createdAt: "2026-08-01T00:00:00Z" })),
    "new/result.json": renderJson(sampleAutomationResult({ createdAt: "2026-08-02T00:00:00Z" })),
    "events.ndjson": `${JSON.stringify(sampleEvent(1, { type: "finished", createdAt: "2026-07-01T00:00:00Z" }))}\n`,
    "campaign.json": renderCampaignJson(everyVerdict()),
  });
  expect(fileProblems).toEqual([]);
  expect(runs.map(({ file, kind }) => [file, kind])).toEqual([
    ["new/result.json", "automation-run"],
    ["old/result.json", "run"],
    ["events.ndjson", "run"],
  ]);
  const view = everyVerdict();
  const sum = (...names: (keyof typeof view.counts)[]) => names.reduce((all, name) => all + view.counts[name], 0);
  expect(campaigns[0]).toMatchObject({
    name: view.campaign,
    items: view.items.length,
    good: sum("skipped", "succeeded", "unchanged"),
    running: sum("running", "starting"),
    ended: view.items.length - sum("running", "starting", "quota", "service", "waiting"),
  });
});

test("readStored() takes what is no file of ours for a problem, whatever is in it", () => {
  const texts = ["{}", "[]", "null", '{"campaign":1}', '{"schema":1,"campaign":"a","state":"done"}', "\0"];
  const files = Object.fromEntries([...texts, ...CORPUS.map(({ text }) => text)].map((text, at) => [`f${at}`, text]));
  const { runs, campaigns, fileProblems } = readStored([...Object.keys(files), "gone"], (path) => files[path]);
  expect(campaigns).toEqual([]);
  // An empty file has no event, so nothing says how the run ended.
  expect(runs.every(({ outcome }) => outcome === "deadline")).toBe(true);
  expect(fileProblems.at(-1)).toEqual({ file: "gone", why: "There is no such file" });
  const odd = { ...viewOf([anItem(0, "failed")]), counts: { failed: -1, "__proto__": 3, done: 1e99 }, exitCode: 1e9 };
  expect(read({ a: JSON.stringify(odd) }).campaigns[0]).toMatchObject({ items: 0, good: 0, exitCode: 0 });
});

test("filesOf() finds what shells find, sorted, each once, and follows no link to a folder", async () => {
  const root = mkdtempSync(join(tmpdir(), "glob-"));
  try {
    for (const path of ["a/result.json", "a/b/result.json", "b/result.json", ".c/result.json", "b/x.json"]) {
      mkdirSync(join(root, path, ".."), { recursive: true });
      writeFileSync(join(root, path), "{}");
    }
    symlinkSync(root, join(root, "a/loop"));
    mkdirSync(join(root, "d"));
    symlinkSync(join(root, "a/b"), join(root, "d/b"));
    symlinkSync(join(root, "b/x.json"), join(root, "d/result.json"));
    const list = await directoryLister();
    const find = (...patterns: string[]) => {
      const { found } = filesOf(patterns.map((each) => join(root, each)), list);
      return [...found.values()].flat().map((path) => path.slice(root.length + 1));
    };
    expect(find("**/result.json")).toEqual(["a/b/result.json", "a/result.json", "b/result.json"]);
    expect(find("*/result.json")).toEqual(["a/result.json", "b/result.json"]);
    // A link that the user has named is followed, one that somebody else's job has left is not.
    expect(find("*/b/result.json", "**/b/*.json")).toEqual([
      "a/b/result.json",
      "a/b/result.json",
      "b/result.json",
      "b/x.json",
    ]);
    expect(find("d/b/*.json")).toEqual(["d/b/result.json"]);
    expect(find("?/*.json", "b/*")).toEqual([
      "a/result.json",
      "b/result.json",
      "b/x.json",
      "b/result.json",
      "b/x.json",
    ]);
    expect(find(".*/result.json", "*/none", "[ab]/x.json", "a/*/x")).toEqual([".c/result.json", "[ab]/x.json"]);
    expect(find("a/**")).toEqual(["a/b/result.json", "a/result.json"]);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("filesOf() looks at no more than 20 000 entries, however deep the folders are", () => {
  const { found, isCut } = filesOf(["**/x"], () => [{ name: "a", kind: "folder" }, { name: "x", kind: "file" }]);
  expect(isCut).toBe(true);
  expect(found.get("**/x")?.length).toBeLessThanOrEqual(20_000);
});
