import { expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { cliWorld } from "../../campaign/world.ts";

test("campaign import takes in the journal of another directory, prints what it did, and sends nothing", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  const other = `${world.directory}-other`;
  cpSync(world.directory, other, { recursive: true });
  await world.cli(["campaign", "advance", "campaign.yml", "--dir", other]);
  const requests = world.requests.length;
  const env = { MOGPLEX_API_KEY: "" };
  expect(await world.campaign("import", [other, "--dry-run"], { env })).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(
      /^nothing was written; it would say: the other journal goes on from this one: \d+ records taken\n$/,
    ),
  });
  const { code, stdout } = await world.campaign("import", [other, "--json"], { env });
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    { as: "longer", records: expect.any(Number), dryRun: false, state: "running" },
  ]);
  expect(await world.campaign("import", [other], { env })).toMatchObject({
    code: 0,
    stdout: "the other journal has nothing new\n",
  });
  expect(world.requests.length).toBe(requests);
});

test("campaign import needs a source, and refuses an address of the web with what to do", async () => {
  const world = cliWorld({ count: 1 });
  expect(await world.campaign("import")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("<source> is missing"),
  });
  expect(await world.campaign("import", ["https://forge.example/artifacts.zip"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("an archive is not read from an address"),
  });
});
