import { afterAll, beforeAll, expect, test } from "bun:test";
import process from "node:process";
import { importJournal } from "../../../lib/campaign/import_journal.ts";
import { makeRemotes, type Remotes } from "../git/remotes.ts";
import { processesOf } from "../../unit/campaign/journal/home/rooms.ts";
import { type CampaignWorld, campaignWorld, DIRECTORY, failureOf, FILE } from "../../unit/campaign/world.ts";

const MINUTE = 60_000;
const OTHER = "other";
let remotes: Remotes;

beforeAll(() => {
  remotes = makeRemotes();
});

afterAll(() => remotes.close());

const env = (name: string) => ({ MOGPLEX_DEV: "1", PATH: process.env.PATH ?? "" })[name];

/** A campaign with a copy of its directory, made after the first wave: both go on, and start what they can. */
async function parted(): Promise<CampaignWorld> {
  const world = campaignWorld({ count: 5, runDuration: () => 20 * MINUTE });
  await world.advance();
  for (const path of world.files.paths()) {
    if (path.includes("writer")) continue;
    world.files.put(path.replace(`${DIRECTORY}/`, `${OTHER}/`), world.files.text(path) ?? "");
  }
  return world;
}

function taken(world: CampaignWorld, source = OTHER, more: { dryRun?: boolean; directory?: string } = {}) {
  const options = { directory: DIRECTORY, clock: world.clock, env, ...more };
  return importJournal(FILE, source, options, { io: world.io, files: world.files, processes: processesOf() });
}

test("importJournal() joins the journals of two machines that have both gone on, and the campaign ends with a run an item", async () => {
  const world = await parted();
  await world.clock.sleep(25 * MINUTE);
  await world.advance();
  await world.clock.sleep(25 * MINUTE);
  // The other machine comes later, and finds what this one has started by its keys.
  await world.advance({ directory: OTHER });
  const [before, copy] = [`${DIRECTORY}/journal/000001.ndjson`, `${OTHER}/journal/000001.ndjson`].map((path) =>
    world.files.text(path)
  );
  expect(await taken(world, OTHER, { dryRun: true })).toMatchObject({
    as: "joined",
    text: expect.stringMatching(/^nothing was written; it would say: both journals had gone on: \d+ records joined$/),
  });
  expect(world.files.text(`${DIRECTORY}/journal/000001.ndjson`)).toBe(before);

  expect((await taken(world)).as).toBe("joined");
  expect(world.files.text(`${OTHER}/journal/000001.ndjson`)).toBe(copy);
  expect((await world.records()).filter(({ type }) => type === "joined")).toEqual([
    expect.objectContaining({ from: OTHER }),
  ]);
  expect(await taken(world)).toMatchObject({ as: "nothing", records: 0, text: "the other journal has nothing new" });

  const end = await world.waves(["done"]);
  expect([end.problem, end.view.counts.succeeded, world.runs().length]).toEqual([null, 5, 5]);
});

test("importJournal() goes on from the longer journal, and takes a whole campaign where there is none", async () => {
  const world = await parted();
  await world.clock.sleep(25 * MINUTE);
  await world.advance({ directory: OTHER });
  expect(await taken(world)).toMatchObject({ as: "longer", text: expect.stringContaining("goes on from this one") });
  const text = (directory: string) => world.files.text(`${directory}/journal/000001.ndjson`);
  expect(text(DIRECTORY)).toBe(text(OTHER));

  expect(await taken(world, OTHER, { directory: "fresh" })).toMatchObject({ as: "longer", view: { state: "running" } });
  expect(text("fresh")).toBe(text(OTHER));
  expect(world.files.text("fresh/lock.json")).toBe(world.files.text(`${OTHER}/lock.json`) ?? "");
});

test("importJournal() brings a campaign from a branch", async () => {
  const remote = remotes.make("import.git");
  const world = campaignWorld({ count: 2 });
  const home = `git:${remote}#mogplex-campaign/moment`;
  await world.advance({ home, env });
  expect(await taken(world, home)).toMatchObject({ as: "longer" });
  const end = await world.waves(["done"]);
  expect([end.view.counts.succeeded, world.runs().length]).toEqual([2, 2]);
});

test("importJournal() reads a journal from elsewhere with the checks of a home, and writes nothing when it refuses", async () => {
  const world = await parted();
  await world.advance();
  const state = () => world.files.paths().map((path) => [path, world.files.text(path)]);
  const before = state();
  const refused = async (path: string, change: (text: string) => string, message: RegExp) => {
    const text = world.files.text(path) ?? "";
    world.files.put(path, change(text));
    expect(await failureOf(() => taken(world))).toMatch(message);
    world.files.put(path, text);
  };
  const journal = `${OTHER}/journal/000001.ndjson`;
  await refused(
    journal,
    (text) => text.replace('"status":"pending"', '"status":"success"'),
    /^2 .*the line was changed/,
  );
  await refused(journal, (text) => text.replace('{"schema":1', '{"schema":2'), /^2 .*made by a newer version/);
  await refused(
    `${OTHER}/lock.json`,
    (text) => text.replace("Replace moment", "Delete all"),
    /^2 .*were changed in it/,
  );
  await refused(
    `${OTHER}/lock.json`,
    (text) => text.replaceAll('"replace-moment"', '"another"'),
    /^2 .*of campaign "another"/,
  );
  expect(state()).toEqual(before);

  expect(await failureOf(() => taken(world, "nowhere"))).toMatch(
    /^2 .*there is no lock\.json, so nothing was planned there: "nowhere"; name the directory/,
  );
  expect(await failureOf(() => taken(world, "https://me:pw@forge.example/a.zip?token=x"))).toBe(
    '2 Cannot import a journal as an archive is not read from an address: "https://***@forge.example/a.zip"; download it with the ' +
      "command of its forge, unpack it (unzip, tar), and name the directory that has the lock.json",
  );
  expect(await failureOf(() => taken(world, "git:ext::sh#b"))).toMatch(/^2 .*none of the permitted forms/);
  expect(state()).toEqual(before);
});
