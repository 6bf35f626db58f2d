import { expect, test } from "bun:test";
import { cleanCampaign } from "../../../../lib/campaign/report/clean.ts";
import { CAMPAIGN_FORMATS, campaignVariables, writeCampaignReports } from "../../../../lib/campaign/report/write.ts";
import type { CampaignView } from "../../../../lib/campaign/view/view.ts";
import { parseCsv, parseDotenv, parseGithubFile } from "../../hostile/parsers/file_parsers.ts";
import { outlineXml } from "../../hostile/parsers/markup_parsers.ts";
import { readGitlabAnnotations, readGitlabJunit, readGitlabMetrics } from "../../report/gitlab_readers.ts";
import { memoryIo } from "../../report/memory_io.ts";
import { parseOpenmetrics } from "../../report/openmetrics_parser.ts";
import { anItem, everyVerdict, mixedView, unlimited, viewOf } from "./sample_view.ts";

function clean(view: CampaignView): CampaignView {
  return cleanCampaign(view, (text) => text, (text) => text);
}

const EMPTY = clean(viewOf([], { state: "planned", waitingFor: null, nextWaveAt: null, endsAt: null, waves: 0 }));

test("report csv of a campaign has a line for each item, and no cell that a spreadsheet would calculate", () => {
  const view = clean(viewOf([
    anItem(1, "succeeded"),
    anItem(2, "failed", { reason: '=HYPERLINK("https://evil.example")', root: "packages/api" }),
    anItem(3, "waiting"),
  ]));
  const text = CAMPAIGN_FORMATS.csv.render(view);
  const [head = [], ...rows] = parseCsv(text);
  expect(head.join()).toBe(
    "repository,base_branch,root,verdict,reason,starts,attempts,run_id,branch,pull_request,started_at,ended_at,run_seconds,canary," +
      "pull_request_state,checks,review,conflict,owner,stuck",
  );
  expect(rows.map((row) => row.slice(0, 7))).toEqual([
    ["acme/service-1", "main", "", "succeeded", "", "1", "1"],
    ["acme/service-2", "main", "packages/api", "failed", `'=HYPERLINK("https://evil.example")`, "1", "1"],
    ["acme/service-3", "main", "", "waiting", "", "0", "0"],
  ]);
  expect(rows[0]?.slice(7)).toEqual([
    "3f0f6f0a-6f0e-4a7e-9a0b-000000000001",
    "codemod/replace-moment-1",
    "https://github.com/acme/service-1/pull/8",
    "2026-12-01T13:32:00.000Z",
    "2026-12-01T13:52:00.000Z",
    "1200",
    "yes",
    ...["", "", "", "", "", ""],
  ]);
  expect(parseCsv(CAMPAIGN_FORMATS.csv.render(EMPTY)).length).toBe(1);
});

test("report junit of a campaign has a case for each item: red without a good end, skipped while it is open", () => {
  const cases = readGitlabJunit(CAMPAIGN_FORMATS.junit.render(clean(everyVerdict())));
  expect(cases.map(({ status, output }) => [status, output?.split("\n")[0] ?? null])).toEqual([
    ["error", "needs-input: Should dates without a zone be read as UTC?"],
    ["error", "unknown: the run succeeded, but no event seen says whether there is a pull request"],
    ["error", "conflict: the idempotency key was used with another request (HTTP 409)"],
    ["failed", "failed: The run failed, or did not produce what the file requires"],
    ["failed", "overdue: run 3f0f6f0a-6f0e-4a7e-9a0b-000000000004 took longer than 60 min"],
    ["error", "cancelled: the run was cancelled by somebody else"],
    ["error", "invalid: the service does not know the repository, or hides it"],
    ["skipped", "running: The run has not ended"],
    ["skipped", "starting: The start was sent"],
    ["skipped", "quota: Waiting: a limit refused its last start"],
    ["skipped", "service: Cannot start run: connection refused"],
    ["skipped", "waiting: Waiting to start"],
    ["skipped", "skipped: archived (by ann)"],
    ["success", null],
    ["success", null],
  ]);
  expect(cases[1]?.output).toContain("Branch: codemod/replace-moment-1");
  expect(cases.map(({ name, time }) => [name, time])[3]).toEqual(["acme/service-3@main", 1_200]);
  expect(new Set(cases.map(({ classname }) => classname))).toEqual(new Set(["Mogplex campaign"]));
});

test("report junit of a campaign gives cases unique names, also when cutting made two the same", () => {
  const long = "x".repeat(500);
  const view = clean(viewOf(["1", "2", "3"].map((end, index) => anItem(index, "succeeded", { id: `${long}${end}` }))));
  const same = clean(viewOf(["a", "a", "a (2)", ""].map((id, index) => anItem(index, "waiting", { id }))));
  expect(readGitlabJunit(CAMPAIGN_FORMATS.junit.render(view)).length).toBe(3);
  expect(readGitlabJunit(CAMPAIGN_FORMATS.junit.render(same)).map(({ name }) => name)).toEqual([
    "a",
    "a (2)",
    "a (2) (2)",
    "(no name)",
  ]);
});

test("report junit of a campaign names the suite without the round, and is a suite without items as well", () => {
  const xml = CAMPAIGN_FORMATS.junit.render(EMPTY);
  expect(outlineXml(xml).elements.slice(0, 2)).toEqual(["testsuites", "testsuite"]);
  expect(xml).toContain(
    '<testsuite name="Mogplex campaign replace-moment" tests="0" failures="0" errors="0" time="0.000" skipped="0">',
  );
  expect(xml).toContain('<property name="round" value="2026-12"/>');
});

test("report openmetrics of a campaign has the same series for every campaign, none with an id, and figures that fit", () => {
  const families = parseOpenmetrics(CAMPAIGN_FORMATS.openmetrics.render(clean(mixedView(100))));
  const value = (name: string, label?: string) =>
    families.find((family) => family.name === `mogplex_campaign_${name}`)?.samples
      .find(([labels]) => label === undefined || Object.values(labels).includes(label))?.[1];
  expect(families.map(({ name }) => name.replace("mogplex_campaign_", ""))).toEqual([
    "info",
    "state",
    "items",
    "causes",
    "pull_requests",
    "pull_requests_stuck",
    "starts",
    "attempts",
    "waves",
    "exit_code",
    "quota_starts_used",
    "quota_starts_limit",
    "quota_sandboxes_used",
    "quota_sandboxes_limit",
    "run_mean_seconds",
    "next_wave_timestamp_seconds",
    "end_timestamp_seconds",
  ]);
  expect([value("state", "running"), value("state", "waiting"), value("items", "failed"), value("items", "starting")])
    .toEqual([1, 0, 8, 0]);
  expect([value("quota_starts_used", "day"), value("quota_starts_limit", "minute"), value("waves")]).toEqual([
    84,
    10,
    11,
  ]);
  expect(value("next_wave_timestamp_seconds")).toBe(Date.parse("2026-12-01T14:05:00Z") / 1_000);
  const labels = families.flatMap(({ samples }) => samples.flatMap(([each]) => Object.keys(each)));
  expect([...new Set(labels)].sort()).toEqual(["campaign", "cause", "state", "verdict", "window"]);
  const free = CAMPAIGN_FORMATS.openmetrics.render(clean(mixedView(3, { quota: unlimited(mixedView(3)) })));
  expect(parseOpenmetrics(free).find(({ name }) => name.endsWith("quota_starts_limit"))?.samples ?? []).toEqual([]);
  const none = CAMPAIGN_FORMATS.openmetrics.render(EMPTY);
  expect(none).not.toContain("timestamp");
  expect(readGitlabMetrics(none).length).toBe(parseOpenmetrics(none).flatMap(({ samples }) => samples).length);
});

test("campaignVariables() has the 15 public names, which GitLab and GitHub get", () => {
  const view = clean(mixedView(100));
  const expected = {
    MOGPLEX_CAMPAIGN_STATE: "running",
    MOGPLEX_CAMPAIGN_NEXT_WAVE_AT: "2026-12-01T14:05:00.000Z",
    MOGPLEX_CAMPAIGN_ENDS_AT: "2026-12-02T18:40:00.000Z",
    MOGPLEX_CAMPAIGN_ITEMS: "100",
    MOGPLEX_CAMPAIGN_OPEN: "44",
    MOGPLEX_CAMPAIGN_NEEDS_INPUT: "1",
    MOGPLEX_CAMPAIGN_UNKNOWN: "2",
    MOGPLEX_CAMPAIGN_CONFLICT: "1",
    MOGPLEX_CAMPAIGN_FAILED: "8",
    MOGPLEX_CAMPAIGN_OVERDUE: "2",
    MOGPLEX_CAMPAIGN_CANCELLED: "1",
    MOGPLEX_CAMPAIGN_INVALID: "1",
    MOGPLEX_CAMPAIGN_SKIPPED: "2",
    MOGPLEX_CAMPAIGN_SUCCEEDED: "34",
    MOGPLEX_CAMPAIGN_UNCHANGED: "5",
  };
  expect(campaignVariables(view)).toEqual(expected);
  expect(parseDotenv(CAMPAIGN_FORMATS.dotenv.render(view))).toEqual(Object.entries(expected));
  const io = memoryIo();
  expect(
    writeCampaignReports(view, "out", io, (text) => text, {
      redactToken: (text) => text,
      files: { outputs: "outputs" },
    }),
  ).toEqual([]);
  expect(parseGithubFile(io.files.get("outputs") ?? "")).toEqual(
    Object.entries(expected).map(([name, value]) => [name.replace("MOGPLEX_", "").toLowerCase(), value]),
  );
  expect(campaignVariables(EMPTY).MOGPLEX_CAMPAIGN_NEXT_WAVE_AT).toBe("");
});

test("report annotations of a campaign links at most 20 pull requests: first those that a person has to look at, then the newest", () => {
  const [[list, links] = ["", []]] = readGitlabAnnotations(CAMPAIGN_FORMATS.annotations.render(clean(mixedView(400))));
  expect([list, links.length]).toEqual(["Mogplex", 20]);
  const view = clean(viewOf([
    anItem(1, "succeeded"),
    anItem(15, "succeeded"),
    anItem(2, "failed", { pullRequest: "https://github.com/acme/service-2/pull/1" }),
    anItem(3, "failed", { pullRequest: "javascript:alert(1)" }),
  ]));
  expect(readGitlabAnnotations(CAMPAIGN_FORMATS.annotations.render(view))[0]?.[1].map(({ label }) => label)).toEqual([
    "acme/service-2 (failed): https://github.com/acme/service-2/pull/1",
    "acme/service-15 (succeeded): https://github.com/acme/service-15/pull/22",
    "acme/service-1 (succeeded): https://github.com/acme/service-1/pull/8",
  ]);
  expect(readGitlabAnnotations(CAMPAIGN_FORMATS.annotations.render(EMPTY))).toEqual([]);
});

test("cleanCampaign() takes the secrets out of every text, and only our own token out of ids", () => {
  const redact = (text: string) => text.replaceAll("s3cret", "[redacted]").replaceAll("t0ken", "[redacted]");
  const redactToken = (text: string) => text.replaceAll("t0ken", "[redacted]");
  const text = "a s3cret t0ken";
  const item = anItem(1, "failed", {
    id: text,
    repository: text,
    baseBranch: text,
    root: text,
    reason: text,
    runId: text,
    branch: text,
    pullRequest: "https://github.com/s3cret/t0ken",
  });
  const view = cleanCampaign(viewOf([item], { campaign: text, round: text, stateReason: text }), redact, redactToken);
  const json = JSON.stringify(view);
  expect(json).not.toContain("t0ken");
  expect(json.match(/s3cret/g)?.length).toBe(1);
  expect(view.items[0]?.runId).toBe("a s3cret [redacted]");
  expect(view.causes[0]?.items).toEqual([view.items[0]?.id ?? ""]);
});

test("cleanCampaign() keeps texts on one line, cuts them, and makes invalid times and addresses null", () => {
  const item = anItem(1, "failed", {
    reason: `a\n\u202eb\r${"x".repeat(5_000)}`,
    branch: "b".repeat(1_000),
    startedAt: "soon",
    endedAt: "2026-12-01T12:00:00+01:00",
    pullRequest: "https://user:password@github.com/a",
  });
  const [cleaned] = clean(viewOf([item])).items;
  expect(cleaned?.reason).toMatch(/^a b x{977}…\[\+4023 characters\]$/);
  expect(cleaned?.branch?.length).toBeLessThan(450);
  expect([cleaned?.startedAt, cleaned?.endedAt, cleaned?.pullRequest]).toEqual([
    null,
    "2026-12-01T11:00:00.000Z",
    null,
  ]);
});
