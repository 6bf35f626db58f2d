import { mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { processIo } from "../../../lib/io.ts";
import { readHistory } from "../../../lib/report/history.ts";
import { GITLAB } from "./verbs/doctor_world.ts";
import { REPO, world } from "./world.ts";

const FILE = "runs.ndjson";

const RUN = ["run", "--follow", "--repo", REPO, "Fix it", "--history", FILE];

test("run --follow adds a line for each run, and summary and log compare with the run before", async () => {
  const { cli } = world("agent-failure");
  const first = await cli([...RUN, "--new"]);
  expect(first.code).toBe(1);
  expect(first.stdout).not.toContain("Compared with");
  const files = { [FILE]: first.io.files.get(FILE) ?? "" };
  const second = await cli([...RUN, "--new"], { files });
  const sentence = /Compared with the run before \(2026-09-01 00:0\d UTC\): about as long, failed before too\./;
  expect(second.stdout).toMatch(sentence);
  expect(second.io.files.get("mogplex-ci/summary.md")).toMatch(sentence);
  const { records, skipped } = readHistory(second.io.files.get(FILE) ?? "");
  expect(records.map(({ outcome, exitCode }) => [outcome, exitCode])).toEqual([["failed", 1], ["failed", 1]]);
  expect(skipped).toEqual([]);
});

test("run --follow says which lines of a history it leaves out, and keeps them", async () => {
  const { cli } = world();
  const { code, stderr, io } = await cli(RUN, { files: { [FILE]: "edited by hand" } });
  expect(code).toBe(0);
  expect(stderr).toContain(`note: history "runs.ndjson", line 1 is left out: it is not JSON\n`);
  expect(io.files.get(FILE)).toMatch(/^edited by hand\n\{.*\}\n$/);
});

test("run --follow starts nothing when the history cannot be written", async () => {
  const { cli, requests } = world();
  const { code, stderr } = await cli(RUN, { readOnly: (path) => path === FILE });
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain("Cannot write the history");
  const gone = await cli(RUN, {
    before: (io) => {
      io.appendFile = (path) => {
        throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      };
    },
  });
  expect(gone.stderr).toContain(`Cannot write the history because its folder does not exist: "${FILE}"`);
});

test("report --history prints the weeks of a history when no run is named, and needs no token", async () => {
  const { cli } = world("agent-failure");
  const { io } = await cli([...RUN, "--new"]);
  const files = { [FILE]: `${io.files.get(FILE)}nonsense\n` };
  const { code, stdout, stderr } = await cli(["report", "--history", FILE], { files, env: { MOGPLEX_API_KEY: "" } });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^week {6}runs {2}success {2}p50 {3}p95\n2026-W36 {2}1 {5}0 % {6}2\d s {2}2\d s\n$/);
  expect(stderr).toBe(`note: history "runs.ndjson", line 2 is left out: it is not JSON\n`);
  const json = await cli(["report", "--history", FILE, "--json"], { files });
  expect(JSON.parse(json.stdout)).toMatchObject({ type: "week", week: "2026-W36", runs: 1, succeeded: 0 });
});

test("report --history prints a limited number of weeks, whatever years a history names", async () => {
  const { cli } = world();
  const { io } = await cli([...RUN, "--new"]);
  const run = JSON.parse(io.files.get(FILE) ?? "");
  const lines = Array.from({ length: 1_005 }, (_, index) => {
    const at = new Date(index * 7 * 86_400_000).toISOString();
    return JSON.stringify({ ...run, runId: `run-${index}`, at });
  });
  const { code, stdout, stderr } = await cli(["report", "--history", FILE], { files: { [FILE]: lines.join("\n") } });
  expect([code, stdout.split("\n").length, stderr]).toEqual([
    0,
    1_002,
    "note: 5 earlier weeks left out: --json has all\n",
  ]);
});

test("report --history refuses a file that is not there, or has no run", async () => {
  const { cli } = world();
  const cases: [Record<string, string>, string][] = [
    [{}, "there is no such file"],
    [{ [FILE]: "nonsense\n" }, "it has no run"],
  ];
  for (const [files, why] of cases) {
    const { code, stderr } = await cli(["report", "--history", FILE], { files });
    expect(code).toBe(2);
    expect(stderr).toContain(`Cannot read the history because ${why}: "runs.ndjson"; a job writes it with`);
  }
});

test("appendFile() refuses a symbolic link if told so: a checkout must not choose the file of a history", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-history-"));
  symlinkSync(join(folder, "target"), join(folder, "link"));
  const io = await processIo();
  expect(() => io.appendFile(join(folder, "link"), "x", "refuse")).toThrow("symbolic link");
  io.appendFile(join(folder, "plain"), "x\n", "refuse");
  expect(readFileSync(join(folder, "plain"), "utf8")).toBe("x\n");
});

test("run --follow remembers the job with its node, if the job is one of several", async () => {
  const jobOf = async (env: Record<string, string>) => {
    const { io } = await world().cli(RUN, { env: { ...GITLAB, ...env } });
    return readHistory(io.files.get(FILE) ?? "").records.map(({ job }) => job);
  };
  expect(await jobOf({})).toEqual(["agent"]);
  expect(await jobOf({ CI_NODE_INDEX: "2", CI_NODE_TOTAL: "3" })).toEqual(['agent ["2","3"]']);
});
