import { expect, test } from "bun:test";
import { ALL_FORGES } from "../../../../lib/forge/all.ts";
import { createWriter } from "../../../../lib/cli/explain.ts";
import { JOB_NOTES } from "../../../../lib/cli/job/note.ts";
import { openContext } from "../../../../lib/cli/context.ts";
import {
  AT_END,
  type Ended,
  prepare,
  type Published,
  type Publisher,
  WHEN_REFUSED,
} from "../../../../lib/cli/job/publish.ts";
import { commandVocabulary, type Context, type Laptop, type VerbFlag } from "../../../../lib/cli/verb.ts";
import { UsageError } from "../../../../lib/errors.ts";
import { ALL_SYSTEMS, detectPlatform } from "../../../../lib/ci/detect.ts";
import { sampleResult } from "../../report/sample.ts";
import { fakeIo, type FakeIoOptions } from "../fake_io.ts";

const FLAGS = { positionals: [], has: () => false, get: () => undefined, all: () => [] };
const JOB: Published = {
  places: {
    out: "out",
    targets: [{ format: "json", path: "out/result.json" }],
    outdated: [],
    state: "out/run.json",
    value: "out/value.json",
  },
  log: null,
};

function context(options: FakeIoOptions) {
  const io = fakeIo(options);
  const platform = detectPlatform(io.env);
  const writer = createWriter(io, platform, "toolkit");
  const call = {
    io,
    platform,
    systems: ALL_SYSTEMS,
    writer,
    flags: FLAGS,
    vocabulary: commandVocabulary(),
    verbs: [],
    dropIn: false,
    notes: JOB_NOTES,
    forges: ALL_FORGES,
  };
  return { io, context: openContext(call, {}) };
}

test("prepare() runs publishers in order, for any kind of result, and hands on which reports were written", async () => {
  const seen: unknown[] = [];
  const first: Publisher<number> = () => ({
    ended(end) {
      end.written = JOB.places.targets;
    },
  });
  const second: Publisher<number> = () => ({
    started: (runId) => void seen.push(runId),
    ended: async (end: Ended<number>) => void seen.push(await Promise.resolve(end)),
  });
  const third: Publisher<number> = () => ({ ended: () => void seen.push("third") });
  const prepared = prepare([first, second, third], context({}).context, JOB);
  prepared.started("run-1");
  await prepared.ended({ result: 7, error: undefined });
  expect(seen).toEqual(["run-1", { result: 7, error: undefined, written: JOB.places.targets }, "third"]);
});

test("the verdict names the page on a terminal however the run ended, and opens it at --open", async () => {
  const job: Published = { ...JOB, places: { ...JOB.places, targets: [{ format: "html", path: "out/run.html" }] } };
  const opened: string[] = [];
  const openPage = (_: Context, path: string) => Promise.resolve(void opened.push(path));
  async function end(outcome: "failed" | "success", terminal: boolean, flags: readonly string[] = []): Promise<string> {
    const { io, context: made } = context({ terminal });
    const own = {
      ...made,
      flags: { ...FLAGS, has: ({ name }: VerbFlag) => flags.includes(name) },
      laptop: { openPage, rememberEnd() {}, campaignRetry() {} } as unknown as Laptop,
    };
    await prepare(AT_END, own, job).ended({ result: sampleResult({ outcome }), error: undefined });
    return io.text.stdout;
  }
  for (const outcome of ["failed", "success"] as const) {
    expect(await end(outcome, true)).toContain("page          open out/run.html");
  }
  expect(await end("failed", false, ["open"])).not.toContain("open out");
  expect(opened).toEqual([]);
  for (const outcome of ["failed", "success"] as const) {
    expect(await end(outcome, true, ["open"])).toContain("page          open out/run.html");
  }
  expect(opened).toEqual(["out/run.html", "out/run.html"]);
});

test("prepare() throws before the job starts when a setting of a publisher is not possible", () => {
  const { context: wrong } = context({ env: { MOGPLEX_NOTE: "yes" } });
  expect(() => prepare(AT_END, wrong, JOB)).toThrow(UsageError);
  // A refused job has no note, so its reports are written whatever the setting is.
  expect(() => prepare(WHEN_REFUSED, wrong, JOB)).not.toThrow();
});

test("all reports that a full disk has no room for are one error line", async () => {
  const { io, context: job } = context({});
  const paths = ["out/result.json", "out/summary.md", "out/run.html"];
  const targets = (["json", "markdown", "html"] as const).map((format, index) => ({
    format,
    path: paths[index] ?? "",
  }));
  io.writeFile = () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  await prepare(AT_END, job, { ...JOB, places: { ...JOB.places, targets } }).ended({
    result: sampleResult(),
    error: undefined,
  });
  expect(io.text.stderr).toBe(
    `error: Cannot write reports because the disk is full: ${paths.map((path) => `"${path}"`).join(", ")}; ` +
      "free some space on the disk, or write to another disk\n",
  );
});

test("a report that cannot be written is one error line, and the verdict does not list it", async () => {
  const { io, context: job } = context({ readOnly: (path) => path === "out/result.json" });
  await prepare(AT_END, job, JOB).ended({ result: sampleResult(), error: undefined });
  expect(io.text.stderr).toMatch(/^error: Cannot write report .*result\.json.*\n$/);
  expect(io.text.stdout).toStartWith("verdict ");
  expect(io.text.stdout).not.toContain("result.json");
});
