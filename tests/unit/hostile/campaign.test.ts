import { expect, test } from "bun:test";
import { writeCampaignReports } from "../../../lib/campaign/report/write.ts";
import { STATES } from "../../../lib/campaign/report/words.ts";
import { bareValue } from "../../../lib/text/escape.ts";
import { hostileView } from "../campaign/report/sample_view.ts";
import { readGitlabAnnotations, readGitlabJunit, readGitlabMetrics } from "../report/gitlab_readers.ts";
import { memoryIo } from "../report/memory_io.ts";
import { parseOpenmetrics } from "../report/openmetrics_parser.ts";
import { CORPUS } from "./corpus.ts";
import { parseCsv, parseDotenv, parseGithubFile } from "./parsers/file_parsers.ts";
import { terminalCommands } from "./parsers/log_parsers.ts";
import { outlineMarkdown, outlineXml } from "./parsers/markup_parsers.ts";

const same = (text: string) => text;

function written(text: string): (name: string) => string {
  const io = memoryIo();
  const command = { program: "mogplex-ci", file: text, flags: ["--dir", text] };
  const files = { outputs: "outputs", summary: "summary" };
  const options = { files, command, problem: text, prompts: [text], redactToken: same };
  expect(writeCampaignReports(hostileView(text), ".", io, same, options)).toEqual([]);
  return (name) => io.files.get(name) ?? io.files.get(`./${name}`) ?? "";
}

/** Every string in a value, keys included. */
function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...strings(item)]);
}

const BENIGN = written("harmless");

// A text that is an address is one of a pull request, of which there is more to say.
const WITH_ADDRESS = written("https://harmless.example/1");

const PROSE = new Set(
  [BENIGN, WITH_ADDRESS].flatMap((file) => outlineMarkdown(file("campaign.md")).prose.split(/\s+/)),
);

const ELEMENTS = new Set(outlineMarkdown(BENIGN("campaign.md")).elements);

const CASES = readGitlabJunit(BENIGN("ci/junit.xml")).map(({ classname, status }) => [classname, status]);

for (const { name, text } of CORPUS) {
  let files: ReturnType<typeof written> | undefined;
  /** The reports, written once for all tests of a text. */
  const reports = () => files ??= written(text);

  test(`writeCampaignReports() writes nothing but its own records, whatever the campaign says: ${name}`, () => {
    const file = reports();
    for (
      const each of [
        "campaign.json",
        "campaign.md",
        "ci/junit.xml",
        "ci/metrics.txt",
        "ci/outputs.env",
        "ci/annotations.json",
      ]
    ) {
      expect([each, terminalCommands(file(each))]).toEqual([each, []]);
    }
    // Its lines end in CR LF, as its format demands.
    expect(terminalCommands(file("ci/campaign.csv").replaceAll("\r\n", "\n"))).toEqual([]);

    const json = JSON.parse(file("campaign.json"));
    expect([json.state, json.items.length]).toEqual(["gated", STATES.length]);
    expect(strings(json).flatMap(terminalCommands)).toEqual([]);

    const rows = parseCsv(file("ci/campaign.csv"));
    expect([rows.length, rows[0]?.length]).toEqual([STATES.length + 1, 20]);
    // Source: OWASP, "CSV Injection"; a spreadsheet may fold full-width characters and skip blanks.
    for (const cell of rows.flat()) expect(cell.normalize("NFKC").trim()).not.toMatch(/^[=+\-@\t\r]/);

    expect(parseGithubFile(file("outputs"))).toEqual(parseGithubFile(BENIGN("outputs")));
    for (const [, value] of parseDotenv(file("ci/outputs.env"))) expect(value).toBe(bareValue(value));
    expect(file("ci/outputs.env")).toBe(BENIGN("ci/outputs.env"));
  });

  test(`the campaign's reports for CI pages have the same shape, whatever the campaign says: ${name}`, () => {
    const file = reports();
    const elements = (xml: string) => outlineXml(xml).elements.filter((element) => element !== "property");
    expect(elements(file("ci/junit.xml"))).toEqual(elements(BENIGN("ci/junit.xml")));
    expect(readGitlabJunit(file("ci/junit.xml")).map(({ classname, status }) => [classname, status])).toEqual(CASES);
    expect(file("ci/junit.xml")).not.toContain("<system-out");

    const [info, ...series] = parseOpenmetrics(file("ci/metrics.txt"));
    // A text that is an address makes a pull request.
    const changing = ["mogplex_campaign_causes", "mogplex_campaign_pull_requests"];
    const causes = ({ name }: { name: string }) => changing.includes(name);
    const [, ...expected] = parseOpenmetrics(BENIGN("ci/metrics.txt"));
    expect(series.filter((family) => !causes(family))).toEqual(expected.filter((family) => !causes(family)));
    expect(Object.keys(info?.samples[0]?.[0] ?? {}).filter((label) => label !== "campaign")).toEqual([]);
    expect(readGitlabMetrics(file("ci/metrics.txt")).length).toBeGreaterThan(20);

    for (const { label, url } of readGitlabAnnotations(file("ci/annotations.json")).flatMap(([, links]) => links)) {
      expect(url).toMatch(/^https?:\/\/[^\s@]+$/);
      expect(label.length).toBeLessThan(230);
    }
  });

  test(`renderCampaignMarkdown() is the same document but for the text in its code: ${name}`, () => {
    const file = reports();
    expect(new TextEncoder().encode(file("summary")).length).toBeLessThan(1024 * 1024);
    const outline = outlineMarkdown(file("campaign.md"));
    expect(
      outline.elements.filter((element) => !ELEMENTS.has(element) && !/^a href=https:\/\/github\.com\//.test(element)),
    )
      .toEqual([]);
    expect(outline.prose.split(/\s+/).filter((word) => !PROSE.has(word))).toEqual([]);
    // GitLab looks for quick actions at the very start of a line.
    expect(file("campaign.md").split("\n").filter((line) => line.startsWith("/"))).toEqual([]);
  });
}
