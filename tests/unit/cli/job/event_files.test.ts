/** The report `ndjson`: every event, written while the run is followed. */
import { expect, test } from "bun:test";
import { createRevision } from "../../../../lib/emulator/state/store.ts";
import { parseNdjson } from "../../hostile/parsers/file_parsers.ts";
import type { FakeIo } from "../fake_io.ts";
import { REPO, world } from "../world.ts";

const RUN = ["run", "Fix it", "--repo", REPO, "--create-branch", "--follow"];
const EVENTS = "mogplex-ci/events.ndjson";

test("run --follow writes every event of a run that has more than the result keeps", async () => {
  const { cli, emulator } = world("many-events", { revision: createRevision("later") });
  const { code, io, stdout } = await cli(RUN);
  const [feed] = [...emulator.world.store.events.values()];
  const events = parseNdjson(io.files.get(EVENTS) ?? "") as { id: string }[];
  expect(code).toBe(0);
  expect(events.length).toBeGreaterThan(260);
  expect(events.map(({ id }) => id)).toEqual((feed ?? []).map(({ id }) => id));
  const { eventCount, eventsOmitted } = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
  expect(eventCount.seen).toBe(events.length);
  expect(eventsOmitted).toBeGreaterThan(50);
  expect(io.files.get("mogplex-ci/summary.md")).toContain(
    `${events.length} seen; ${eventsOmitted} earlier events only in events.ndjson`,
  );
  expect(stdout).toContain(" events.ndjson ");
});

test("run --follow has no omitted events in a small run, and writes the file before the end", async () => {
  const { cli } = world();
  const sizes: number[] = [];
  const { io } = await cli(RUN, {
    before(io) {
      const { growFile } = io;
      io.growFile = (path) => {
        const file = growFile(path);
        return {
          ...file,
          write(text) {
            file.write(text);
            sizes.push((io.files.get(path) ?? "").split("\n").length - 1);
          },
        };
      };
    },
  });
  expect(sizes.length).toBeGreaterThan(5);
  expect(sizes).toEqual(sizes.map((_, index) => index + 1));
  expect(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "").eventsOmitted).toBe(0);
  expect(io.files.get("mogplex-ci/summary.md")).not.toContain("only in events.ndjson");
});

test("run --follow writes the file once for each target, and none that is not wanted", async () => {
  const two = await world().cli([...RUN, "--report", "ndjson=a", "--report", "ndjson=b"]);
  expect(two.io.files.get("a")).toBe(two.io.files.get("b") as string);
  expect(two.io.files.get("a")?.split("\n").length).toBeGreaterThan(5);
  const none = await world().cli([...RUN, "--report", "json"], { before: (io) => io.growFile = refuse });
  expect(none.code).toBe(0);
});

function refuse(): never {
  throw new Error("EACCES: permission denied");
}

test.each<[string, (io: FakeIo) => void, number]>([
  ["at once", (io) => io.growFile = refuse, 0],
  [
    "after two events",
    (io) => {
      const { growFile } = io;
      io.growFile = (path) => {
        const file = growFile(path);
        let count = 0;
        return { ...file, write: (text) => ++count > 2 ? refuse() : file.write(text) };
      };
    },
    2,
  ],
])(
  "run --follow tells once that the file cannot be written %s, with the same verdict",
  async (_when, before, lines) => {
    const { code, stdout, stderr, io } = await world().cli(RUN, { before });
    expect(code).toBe(0);
    expect(stderr.match(/Cannot write report "ndjson" to "mogplex-ci\/events.ndjson": EACCES/g)).toHaveLength(1);
    expect(/^reports .*$/m.exec(stdout)?.[0]).not.toContain("events.ndjson");
    expect((io.files.get(EVENTS) ?? "").split("\n").length - 1).toBe(lines);
  },
);
