import { expect, test } from "bun:test";
import { CAMPAIGN_FORMATS, writeCampaignReports } from "../../../../lib/campaign/report/write.ts";
import { parseDotenv, parseGithubFile } from "../../hostile/parsers/file_parsers.ts";
import { memoryIo } from "../../report/memory_io.ts";
import { anItem, mixedView, viewOf } from "./sample_view.ts";

const same = (text: string) => text;
const FILES = [
  "campaign.json",
  "ci/campaign.csv",
  "campaign.md",
  "campaign.html",
  "ci/junit.xml",
  "ci/metrics.txt",
  "ci/outputs.env",
  "ci/annotations.json",
];

test("writeCampaignReports() writes all reports into the directory", () => {
  const io = memoryIo();
  expect(writeCampaignReports(mixedView(3), "out/", io, same, { redactToken: (text) => text })).toEqual([]);
  expect([...io.files.keys()]).toEqual(FILES.map((file) => `out/${file}`));
});

test("writeCampaignReports() appends outputs and summary to the files of the CI system", () => {
  const io = memoryIo();
  io.files.set("outputs", "before=1");
  const files = { outputs: "outputs", variables: "variables", summary: "summary" };
  expect(writeCampaignReports(mixedView(3), "out", io, same, { redactToken: (text) => text, files }))
    .toEqual([]);
  expect(parseGithubFile(io.files.get("outputs") ?? "").slice(0, 2)).toEqual([["before", "1"], [
    "campaign_state",
    "running",
  ]]);
  expect(parseDotenv(io.files.get("variables") ?? "")[0]).toEqual(["MOGPLEX_CAMPAIGN_STATE", "running"]);
  expect(io.files.get("summary")).toStartWith("\n## 🚀 Campaign");
});

test("writeCampaignReports() returns a report that cannot be written as a problem, and writes all others", () => {
  const io = memoryIo();
  const write = io.writeFile;
  io.writeFile = (path, text) => {
    if (path.endsWith("ci/campaign.csv")) throw new Error("ENOSPC: no space left on device");
    write(path, text);
  };
  const problems = writeCampaignReports(mixedView(3), "out", io, same, {
    redactToken: (text) => text,
    files: { summary: "/readonly/summary" },
  });
  expect(problems).toEqual([
    {
      format: "csv",
      path: "out/ci/campaign.csv",
      message: 'Cannot write report "csv" to "out/ci/campaign.csv": ENOSPC: no space left on device',
    },
    {
      format: "github-summary",
      path: "/readonly/summary",
      message: 'Cannot write report "github-summary" to "/readonly/summary": EACCES: permission denied',
    },
  ]);
  expect([...io.files.keys()].length).toBe(FILES.length - 1);
});

test("writeCampaignReports() masks secrets in every file, and our own token once more in the finished text", () => {
  const io = memoryIo();
  const text = "my s3cret and t0ken";
  const item = anItem(1, "failed", { repository: text, reason: text, runId: text, branch: text, root: text });
  writeCampaignReports(
    viewOf([item], { stateReason: text, state: "gated" }),
    "out",
    io,
    (each) => each.replaceAll("s3cret", "***"),
    {
      redactToken: (each) => each.replaceAll("t0ken", "***"),
      command: { program: "mogplex-ci", file: "s3cret.yaml", flags: ["--dir", "t0ken"] },
      problem: "the s3cret\n\x1b[31mt0ken",
      files: { outputs: "outputs", summary: "summary" },
    },
  );
  for (const [path, content] of io.files) {
    expect([path, content.includes("t0ken")]).toEqual([path, false]);
    // Ids are only searched for our own token.
    const known = content.replaceAll("my s3cret and ***", "");
    expect([path, known.includes("s3cret"), content.includes("\x1b")]).toEqual([path, false, false]);
  }
});

test("CAMPAIGN_FORMATS have files of their own, and help", () => {
  const formats = Object.values(CAMPAIGN_FORMATS);
  expect(formats.map(({ file }): string => file)).toEqual(FILES);
  for (const { help } of formats) expect(help.length).toBeGreaterThan(10);
});
