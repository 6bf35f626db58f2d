import { expect, test } from "bun:test";
import { cliWorld } from "./world.ts";

const NAMES = [
  "campaign.json",
  "campaign.csv",
  "campaign.md",
  "campaign.html",
  "junit.xml",
  "metrics.txt",
  "outputs.env",
  "annotations.json",
];

test("campaign report writes all reports again, from lock and journal, without a request and without a token", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("run");
  const before = new Map(NAMES.map((name) => [name, world.report(name)]));
  for (const name of NAMES) world.files.delete(`${world.directory}/${name}`);
  const requests = world.requests.length;
  const { code, stdout, stderr } = await world.campaign("report", [], { env: { MOGPLEX_API_KEY: "" } });
  expect({ code, stderr, requests: world.requests.length }).toEqual({ code: 0, stderr: "", requests });
  expect(stdout).toBe(NAMES.map((name) => `wrote DIR/${name}\n`).join(""));
  for (const name of ["campaign.csv", "junit.xml", "outputs.env"]) {
    expect(world.report(name)).toBe(before.get(name) ?? "");
  }
  const { stdout: json } = await world.campaign("report", ["--json"]);
  expect(JSON.parse(json)).toEqual({ state: "done", files: NAMES.map((name) => `DIR/${name}`) });
});

test("campaign report names a report that cannot be written, ends with 2, and writes the others", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("run");
  const { code, stdout, stderr } = await world.campaign("report", [], { readOnly: (path) => path.endsWith(".csv") });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/^error: .*campaign\.csv.*EACCES/)]);
  expect(stdout).not.toContain("campaign.csv");
  expect(stdout).toContain("wrote DIR/junit.xml\n");
});

test("campaign report needs a plan", async () => {
  const { code, stderr } = await cliWorld().campaign("report");
  expect([code, stderr]).toEqual([2, expect.stringContaining("nothing was planned in")]);
});

test("campaign report shows the task on the page, and nowhere else, with --with-prompt alone", async () => {
  const file = { title: "The title of it", prompt: "Replace <b>moment</b> by Temporal, mog_abcdefgh12345678" };
  const world = cliWorld({ count: 1, file });
  await world.campaign("run");
  for (const name of NAMES) expect([name, world.report(name).includes("by Temporal")]).toEqual([name, false]);
  expect((await world.campaign("report", ["--with-prompt"])).code).toBe(0);
  for (const name of NAMES) {
    expect([name, world.report(name).includes("by Temporal")]).toEqual([name, name === "campaign.html"]);
  }
  expect(world.report("campaign.html")).not.toMatch(/<b>moment|mog_abcdefgh/);
});
