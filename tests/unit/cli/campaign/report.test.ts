import { expect, test } from "bun:test";
import { cliWorld } from "./world.ts";

const NAMES = [
  "campaign.json",
  "ci/campaign.csv",
  "campaign.md",
  "campaign.html",
  "ci/junit.xml",
  "ci/metrics.txt",
  "ci/outputs.env",
  "ci/annotations.json",
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
  for (const name of ["ci/campaign.csv", "ci/junit.xml", "ci/outputs.env"]) {
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
  expect(stdout).not.toContain("ci/campaign.csv");
  expect(stdout).toContain("wrote DIR/ci/junit.xml\n");
});

test("campaign report needs a plan", async () => {
  const { code, stderr } = await cliWorld().campaign("report");
  expect([code, stderr]).toEqual([2, expect.stringContaining("there is no plan in")]);
});

test("a campaign shows its task on the page, masked, and nowhere else", async () => {
  const file = { title: "The title of it", prompt: "Replace <b>moment</b> with Temporal, mog_abcdefgh12345678" };
  const world = cliWorld({ count: 2, file });
  const shown = () => NAMES.filter((name) => world.report(name).includes("with Temporal"));
  await world.campaign("run");
  expect(shown()).toEqual(["campaign.html"]);
  expect(world.report("campaign.html")).not.toMatch(/<b>moment|mog_abcdefgh/);
  await world.campaign("report");
  expect(shown()).toEqual(["campaign.html"]);
});

test("a campaign shows its title alone when --show-task or its variable says so", async () => {
  const file = { title: "The title of it", prompt: "Replace moment with Temporal" };
  const no = { env: { MOGPLEX_SHOW_TASK: "false" } };
  const world = cliWorld({ count: 2, file });
  const told = (name = "campaign.html") =>
    ["The title of it", "with Temporal"].map((text) => world.report(name).includes(text));
  expect((await world.campaign("advance", ["--plan"], no)).code).toBe(0);
  expect(told()).toEqual([true, false]);
  for (const verb of ["advance", "report"]) {
    await world.campaign(verb, ["--show-task=false"]);
    expect([verb, ...told()]).toEqual([verb, true, false]);
  }
  for (const verb of ["stop", "resume"]) {
    expect((await world.campaign(verb, [], no)).code).toBe(0);
    expect([verb, ...told()]).toEqual([verb, true, false]);
  }
  await world.campaign("stop");
  expect(told()).toEqual([true, true]);
  expect((await world.campaign("report", ["--show-task=perhaps"])).code).toBe(2);
});
