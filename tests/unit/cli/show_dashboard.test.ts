import { expect, test } from "bun:test";
import { main } from "../../../lib/cli/main.ts";
import { FILES } from "../../../lib/dashboard/collect.ts";
import { breaches } from "../report/page_parser.ts";
import { sampleResult } from "../report/sample.ts";
import { fakeIo } from "./fake_io.ts";
import { READ_ONLY_TOKEN, TOKEN, world } from "./world.ts";

const env = { MOGPLEX_API_KEY: READ_ONLY_TOKEN };
const RESULT = sampleResult({ outcome: "failed", exitCode: 1, repository: "acme/api" });

test("dashboard writes four files from a token that only reads, and shows the given runs", async () => {
  const { cli, requests } = world();
  const files = { "out/result.json": JSON.stringify(RESULT), "broken.json": "{" };
  const results = ["out/result.json", "broken.json", "no-such-folder/*.json"].flatMap((path) => ["--results", path]);
  const args = ["dashboard", "--out", "public/", ...results];
  const { code, stdout, stderr, io } = await cli(args, { env, files });
  expect({ code, stdout }).toEqual({
    code: 0,
    stdout: Object.values(FILES).map((name) => `wrote public/${name}\n`).join(""),
  });
  expect(stderr).toContain("note: broken.json: ");
  const data = JSON.parse(io.files.get("public/data.json") ?? "");
  expect(data.runs).toMatchObject([{ file: "out/result.json", outcome: "failed" }]);
  expect(data.fileProblems).toMatchObject([
    { file: "no-such-folder/*.json", kind: "pattern" },
    { file: "broken.json", kind: "file" },
  ]);
  expect(data.requests).toBe(requests.length);
  expect(data.requests).toBeLessThanOrEqual(30);
  expect(requests.filter((each) => !each.startsWith("GET "))).toEqual(["POST /runs"]);
  expect(breaches(io.files.get("public/index.html") ?? "")).toEqual([]);
  // Everything else a job has in its directory stays.
  expect(io.files.get("out/result.json")).toBe(files["out/result.json"]);
});

test("dashboard links the page of a campaign and of a run when it is beside their file, in the folder of the dashboard", async () => {
  const campaign = { schema: 1, round: "", state: "running", counts: {}, items: [] };
  const files = {
    "public/a/campaign.json": JSON.stringify({ ...campaign, campaign: "with-page" }),
    "public/a/campaign.html": "<p>",
    "public/b/campaign.json": JSON.stringify({ ...campaign, campaign: "without" }),
    "public/b/result.json": JSON.stringify(RESULT),
    "public/b/run.html": "<p>",
    "c/result.json": JSON.stringify({ ...RESULT, runId: "3f0e2c51-8d9a-4f6b-9c7d-000000000003" }),
    "c/run.html": "<p>",
  };
  const results = Object.keys(files).filter((path) => path.endsWith(".json")).flatMap((path) => ["--results", path]);
  const { io } = await world().cli(["dashboard", "--out", "public", ...results], { env, files });
  const data = JSON.parse(io.files.get("public/data.json") ?? "");
  const pages = [...data.campaigns, ...data.runs].map(({ page }) => page);
  expect(pages.toSorted()).toEqual(["a/campaign.html", "b/run.html", null, null]);
  const links = [...(io.files.get("public/index.html") ?? "").matchAll(/href="([^"]+\.html)"/g)].map(([, href]) =>
    href
  );
  expect(links.toSorted()).toEqual(["a/campaign.html", "b/run.html"]);
});

test("dashboard refuses a token that could start something, and starts nothing", async () => {
  const { cli, requests, emulator } = world();
  const { code, stderr, io } = await cli(["dashboard", "--out", "public"]);
  expect([code, requests, emulator.world.store.runs.size, io.files.size]).toEqual([2, ["POST /runs"], 0, 0]);
  expect(stderr).toContain("the token may start runs or automations");
  const allowed = await cli(["dashboard", "--out", "public", "--allow-write-token"], {
    env: { MOGPLEX_API_KEY: TOKEN },
  });
  expect([allowed.code, allowed.io.files.size]).toEqual([0, 4]);
});

test("dashboard --json prints the data alone", async () => {
  const { cli } = world();
  const { code, stdout, io } = await cli(["dashboard", "--json"], { env });
  expect([code, JSON.parse(stdout).schema, io.files.size]).toEqual([0, 1, 0]);
});

test("dashboard keeps its history, and refuses to replace one that it cannot read", async () => {
  const { cli } = world();
  const day = { schema: 1, day: "2020-01-01", repositories: 1, sandboxes: 0, automations: 0, failedRuns: 0 };
  const files = { "d/history.jsonl": `${JSON.stringify({ ...day, openItems: 0, pullRequests: 0 })}\nnonsense\n` };
  const { stderr, io } = await cli(["dashboard", "--out", "d"], { env, files });
  expect(io.files.get("d/history.jsonl")?.trim().split("\n").length).toBe(2);
  expect(stderr).toContain("note: 1 line of history.jsonl could not be read");
  const refused = await cli(["dashboard", "--out", "d"], {
    env,
    files,
    before: (io) => {
      io.readFile = () => {
        throw new Error("it is not an ordinary file");
      };
    },
  });
  expect([refused.code, refused.io.files.get("d/history.jsonl")]).toEqual([2, files["d/history.jsonl"]]);
  const locked = await cli(["dashboard", "--out", "d"], { env, readOnly: () => true });
  expect([locked.code, locked.stderr.includes('"d/data.json" cannot be written')]).toEqual([2, true]);
});

test("dashboard writes what it has when a list fails, and ends with its code unless a part is enough", async () => {
  for (const [flags, expected] of [[[], 69], [["--partial"], 0]] as const) {
    const { emulator, clock } = world();
    const io = fakeIo({ env });
    const fetch = (url: string, init: RequestInit) =>
      url.includes("/sandboxes") ? Promise.resolve(new Response("<html>", { status: 502 })) : emulator.fetch(url, init);
    const code = await main(["dashboard", "--out", "d", ...flags], io, { fetch, clock });
    expect(code).toBe(expected);
    expect(JSON.parse(io.files.get("d/data.json") ?? "")).toMatchObject({
      exitCode: 69,
      lists: { sandboxes: { state: "failed" } },
    });
    expect(io.text.stderr).toContain("HTTP 502");
  }
});

test("dashboard names no start of a run when the service refuses the token", async () => {
  const { code, stderr } = await world().cli(["dashboard", "--out", "public"], {
    env: { MOGPLEX_API_KEY: `${TOKEN}x` },
  });
  expect(code).toBe(64);
  expect(stderr).toContain("Cannot check the token: the service refuses the token");
});

test("dashboard without --out prints the table once and writes no file, and hostile names stay on their lines", async () => {
  const { emulator, clock } = world();
  const io = fakeIo({ env, terminal: true });
  const fetch = async (url: string, init: RequestInit) => {
    const answer = await emulator.fetch(url, init);
    if (!url.includes("/automations?")) return answer;
    const text = (await answer.text()).replace("Nightly review", "\\u001b[2JEvil\\n::error::name\\u202e");
    return new Response(text, { status: answer.status, headers: answer.headers });
  };
  const code = await main(["dashboard"], io, { fetch, clock });
  expect([code, io.files.size]).toEqual([0, 0]);
  expect(io.text.stdout.match(/sandboxes in use: /g)).toHaveLength(1);
  expect(io.text.stdout).toContain("Evil");
  expect(io.text.stdout).not.toContain("\u202e");
  expect(io.text.stdout).not.toContain("\x1b[2J");
  expect(io.text.stdout).not.toMatch(/^::error::/m);
});
