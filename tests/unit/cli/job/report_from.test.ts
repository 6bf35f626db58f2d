import { expect, test } from "bun:test";
import { renderJson } from "../../../../lib/report/json.ts";
import { renderNdjson } from "../../../../lib/run/event_file.ts";
import { sampleResult } from "../../report/sample.ts";
import { textsOf } from "../../report/page_parser.ts";
import { TOKEN, world } from "../world.ts";

const FILES = {
  "old/result.json": renderJson(
    sampleResult({ outcome: "failed", status: "failed", exitCode: 1, reason: `no ${TOKEN}` }),
  ),
  "old/events.ndjson": renderNdjson(sampleResult()),
  "old/notes.txt": "nonsense",
};
const FROM = ["report", "--from", "old/result.json", "--from", "old/events.ndjson"];

test("report --from writes the page of an earlier job without a request or a token, and ends with its verdict", async () => {
  const { cli, requests } = world();
  const { code, stdout, io } = await cli(FROM, { files: FILES, env: { MOGPLEX_API_KEY: "" } });
  expect([code, stdout, requests]).toEqual([
    1,
    "verdict of the job: failed (exit code 1)\nwrote mogplex-ci/run.html\n",
    [],
  ]);
  expect([...io.files.keys()]).toEqual([...Object.keys(FILES), "mogplex-ci/run.html"]);
  const page = io.files.get("mogplex-ci/run.html") ?? "";
  expect([textsOf(page, "h1"), textsOf(page, "nav").length]).toEqual([[
    "Mogplex run",
  ], 1]);
});

test("report --from masks the token, and writes other reports where that is asked for", async () => {
  const { code, io } = await world().cli([...FROM, "--report", "html=page.html,markdown=page.md"], { files: FILES });
  expect(code).toBe(1);
  for (const path of ["page.html", "page.md"]) expect(io.files.get(path)).not.toContain(TOKEN);
  expect(io.files.has("mogplex-ci/run.html")).toBe(false);
});

test("report --from ends with 2 and leaves files alone when it cannot read them or would replace them", async () => {
  const cases = [
    [["report", "--from", "none.json"], 'Cannot read "none.json": there is no such file'],
    [
      ["report", "--from", "old/notes.txt"],
      "line 1 is not valid JSON; use a job's result.json or events.ndjson",
    ],
    [[...FROM, "--report", "json=./old/result.json"], 'Cannot write report "json" because --from reads the same file'],
    [["report", "--from", "old/result.json", "3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21"], "cannot be used together"],
    [["report", "--from", "old/result.json", "--from", "old/result.json"], "two files of the same kind were given"],
  ] as const;
  for (const [args, message] of cases) {
    const { code, stderr, io } = await world().cli([...args], { files: FILES });
    expect([code, Object.fromEntries(io.files)]).toEqual([2, FILES]);
    expect(stderr).toContain(message);
  }
});
