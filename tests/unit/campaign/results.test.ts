/** Campaigns whose runs commit a file that must be valid against a schema. */
import { expect, test } from "bun:test";
import { type CampaignFormatName, renderCampaignReport } from "../../../lib/campaign/report/write.ts";
import type { PlatformLinks } from "../../../lib/ci/platform.ts";
import { SCENARIO_TEXTS } from "../../../lib/emulator/agents/scenario.ts";
import { sha256Hex } from "../../../lib/sha256.ts";
import { createRedactor } from "../../../lib/text/redact.ts";
import { GITHUB_TOKEN } from "../forge/world.ts";
import { aNode, githubForge } from "../forge/github_forge.ts";
import { type CampaignWorld, campaignWorld, type CampaignWorldOptions, failureOf, project, verdicts } from "./world.ts";

const SCHEMA = `
type: object
required: [ok, count]
properties:
  ok: { type: boolean }
  count: { type: integer, minimum: 0 }
  names: { type: array }
`;

/** A run that commits the file. @param result Of a scenario; undefined commits none. */
function runWith(result: object | undefined, match: object = {}): object {
  const text = (SCENARIO_TEXTS.success ?? "").replace(
    "- after: 20\n    event:",
    result === undefined ? "$&" : `- after: 20\n    result: ${JSON.stringify(result)}\n    event:`,
  );
  return { ...Bun.YAML.parse(text) as object, match };
}

function worldOf(
  results: readonly (object | undefined)[],
  { file, ...options }: Partial<CampaignWorldOptions> = {},
): CampaignWorld {
  const scenarios = results.map((result, index) => runWith(result, { repo: project(index + 1) }));
  const world = campaignWorld({
    count: results.length,
    scenarios: JSON.stringify({ scenarios }),
    file: { result: { schema: "result.schema.yml" }, ...file },
    ...options,
  });
  world.io.files.set("result.schema.yml", SCHEMA);
  return world;
}

const resultsOf = ({ items }: { items: readonly { result?: object | undefined }[] }) =>
  items.map(({ result }) => result);

test("runCampaign() takes the file of a run for its result: good, bad, missing", async () => {
  const good = { ok: true, count: 3, names: ["a"] };
  const world = worldOf([
    { json: good },
    { json: { ok: "yes", count: -1 } },
    undefined,
    { text: '{"ok":true,"ok":false}' },
    { link: "/etc/passwd" },
    { json: { ok: true, count: 1, names: [GITHUB_TOKEN] } },
  ]);
  const { view, code } = await world.waves(["done"]);
  expect([code, verdicts(view)]).toEqual([1, {
    [project(1)]: "succeeded",
    ...Object.fromEntries([2, 3, 4, 5, 6].map((number) => [project(number), "failed"])),
  }]);
  const text = `${JSON.stringify(good, null, 2)}\n`;
  const hex = expect.stringMatching(/^[0-9a-f]{40}$/);
  const path = expect.stringMatching(/^\.mogplex\/result-[0-9a-f]{8}\.json$/);
  expect(resultsOf(view)[0]).toEqual({
    ...{ path, cause: null, commit: hex, blob: hex, sha256: sha256Hex(text), mistakes: [], value: good },
    outputs: { ok: true, count: 3 },
  });
  const bad = view.items.slice(1).map(({ reason, result }) => ({ reason, cause: result?.cause, value: result?.value }));
  expect(bad).toEqual([
    {
      reason:
        'result-invalid: "/ok" must be of type boolean, but is of type string (type); "/count" must be at least 0 (minimum)',
      cause: "result-invalid",
      value: undefined,
    },
    { reason: "result-missing: the branch does not contain it", cause: "result-missing", value: undefined },
    { reason: "result-not-json: line 1, column 12: a key appears twice", cause: "result-not-json", value: undefined },
    { reason: "result-invalid: it is a symbolic link", cause: "result-invalid", value: undefined },
    { reason: 'result-invalid: "/names/0" contains a secret', cause: "result-invalid", value: undefined },
  ]);
  expect(JSON.stringify(await world.records())).not.toContain(GITHUB_TOKEN);
  expect(view.causes.map(({ word, items }) => [word, items.length])).toEqual([
    ["result-invalid", 3],
    ["result-missing", 1],
    ["result-not-json", 1],
  ]);
});

test("reports of a campaign show outputs: a column for each in the table, and a text in place of a reason", async () => {
  const world = worldOf([{ json: { ok: true, count: 3 } }, undefined]);
  const { view } = await world.waves(["done"]);
  const render = (format: CampaignFormatName) =>
    renderCampaignReport(view, format, createRedactor(), {} as PlatformLinks);
  const [heading, first, second] = render("csv").split("\r\n");
  expect(heading).toEndWith('"stuck","result","result_count","result_ok"');
  expect(first).toEndWith(',"good",3,"true"');
  expect(second).toEndWith(',"result-missing",,');
  expect([render("markdown"), render("html")].map((text) => text.includes("ok: true, count: 3"))).toEqual([true, true]);
  expect(JSON.parse(render("json")).items[0].result.value).toEqual({ ok: true, count: 3 });
});

test("runCampaign() asks for the file in the last paragraph, with another path for each start", async () => {
  const world = worldOf([{ json: { ok: true, count: 1 } }, { json: { ok: true, count: 2 } }]);
  const { view } = await world.waves(["done"]);
  const prompts = world.starts.map(({ body }) => String(JSON.parse(body).prompt));
  for (const [index, prompt] of prompts.entries()) {
    const { path = "" } = view.items[index]?.result ?? {};
    expect(prompt).toStartWith("Replace moment in project-000");
    expect(prompt).toContain(`to the file "${path}"`);
    expect(prompt).toEndWith(JSON.stringify(Bun.YAML.parse(SCHEMA)));
  }
  expect(new Set(view.items.map(({ result }) => result?.path)).size).toBe(2);
});

test("runCampaign() takes no file of an earlier run for the result", async () => {
  const world = worldOf([{ path: ".mogplex/result-00000000.json", json: { ok: true, count: 1 } }]);
  expect((await world.waves(["done"])).view.items[0]?.reason).toBe("result-missing: the branch does not contain it");
});

test("runCampaign() looks again while a repository cannot be read, and then gives up without a verdict of failure", async () => {
  const world = worldOf([{ json: { ok: true, count: 1 } }]);
  await world.advance();
  world.emulator.control("filesMode", { mode: "down" });
  await world.clock.sleep(10 * 60_000);
  const unread = await world.advance();
  expect([unread.code, verdicts(unread.view)[project(1)]]).toEqual([69, "running"]);
  world.emulator.control("filesMode", { mode: "shown" });
  expect(verdicts((await world.advance()).view)).toEqual({ [project(1)]: "succeeded" });
  const lost = worldOf([{ json: { ok: true, count: 1 } }]);
  await lost.advance();
  lost.emulator.control("filesMode", { mode: "hidden" });
  await lost.clock.sleep(60 * 60_000);
  const { view } = await lost.advance();
  expect([view.items[0]?.verdict, view.items[0]?.reason]).toEqual([
    "unknown",
    expect.stringContaining("result-unreadable: "),
  ]);
});

test("runCampaign() ends without an error when a repository can be read again, in one process, too", async () => {
  const world = worldOf([{ json: { ok: true, count: 1 } }]);
  let isDown = false;
  world.before = (request) => {
    if (!isDown && request.includes("/git/trees/") && world.runs()[0]?.endsWith("success")) isDown = true;
    if (isDown && world.clock.now() < 10 * 60_000 && request.includes("/api/v3/")) {
      return new Response("{}", { status: 503 });
    }
  };
  const { view, code, problem } = await world.run();
  expect([isDown, code, problem, verdicts(view)]).toEqual([true, 0, null, { [project(1)]: "succeeded" }]);
  expect(world.clock.now()).toBeGreaterThan(10 * 60_000);
});

test("planCampaign() ends with 65 or 69 when a repository cannot be read, and plans nothing", async () => {
  const world = worldOf([undefined, undefined]);
  world.emulator.control("filesMode", { mode: "hidden" });
  world.before = (request) => request.startsWith("GET /repos/acme") ? new Response("{}", { status: 404 }) : undefined;
  const failure = await failureOf(() => world.plan());
  expect(failure).toStartWith("65 Cannot plan the campaign: the results of 2 repositories could not be read:\n");
  expect(failure).toContain(`Cannot read repository "${project(2)}"`);
  expect([await world.lock(), world.starts]).toEqual([undefined, []]);
});

test("planCampaign() refuses a wrong schema with its place, and a path without {id}", async () => {
  const world = worldOf([undefined]);
  world.io.files.set("result.schema.yml", "type: object\nproperties:\n  ok: { typ: boolean }\n");
  expect(await failureOf(() => world.plan())).toMatch(
    /^2 .*result\.schema.*"result\.schema\.yml:3:\d+".*did you mean/s,
  );
  world.write({ result: { path: ".mogplex/result.json", schema: "result.schema.yml" } });
  world.io.files.set("result.schema.yml", SCHEMA);
  expect(await failureOf(() => world.plan())).toContain("it must contain {id}, as in .mogplex/result-{id}.json");
});

test("decideCampaign() asks for the file alone, on the branch of the pull request, when a cause is a bad file", async () => {
  const github = githubForge();
  const { fetch } = github;
  github.fetch = (url, init) => {
    const { pathname } = new URL(url);
    return pathname === "/graphql"
      ? fetch(url, init)
      : world.emulator.fetch(`http://localhost/api/v3${pathname}`, init);
  };
  github.pulls.set(`${project(1)}#7`, aNode({ headRefName: "mogplex/replace" }));
  const pull = (scenario: object) =>
    JSON.parse(JSON.stringify(scenario).replace("${pull}", "https://github.com/${repo}/pull/7"));
  const world = worldOf([undefined], {
    github,
    file: { branch: "mogplex/replace" },
    scenarios: JSON.stringify({
      scenarios: [
        pull(runWith({ json: { ok: 1, count: 1 } }, { attempt: 1 })),
        pull(runWith({ json: { ok: true, count: 1 } }, { attempt: 2 })),
      ],
    }),
  });
  await world.waves(["done"]);
  const { path = "" } = (await world.read()).items[0]?.result ?? {};
  const { items } = await world.decide({ kind: "retry", select: { cause: "result-invalid" }, adopt: false });
  expect(items).toHaveLength(1);
  const { view } = await world.waves(["done"]);
  const request = JSON.parse(world.starts[1]?.body ?? "{}");
  expect([request.workingBranch, request.createBranch]).toEqual(["mogplex/replace", false]);
  expect(request.prompt).toContain('"/ok" must be of type boolean');
  expect(request.prompt).toContain(`"${path}"`);
  expect(request.prompt).not.toContain("Replace moment");
  expect([verdicts(view), view.items[0]?.result?.outputs]).toEqual([
    { [project(1)]: "succeeded" },
    { ok: true, count: 1 },
  ]);
});

test("runCampaign() refuses a result with a secret of its notifications, or with the token that merges", async () => {
  const [hook, merge] = ["abcdefgh12345678", "merge-token-of-the-robot"];
  const world = worldOf([hook, merge, "other"].map((name) => ({ json: { ok: true, count: 1, names: [name] } })), {
    env: {
      CAMPAIGN_HOOK: `https://hooks.example.com/services/T0/${hook}`,
      MOGPLEX_MERGE_TOKEN_VARIABLE: "github.com=ROBOT_TOKEN",
      ROBOT_TOKEN: merge,
    },
    file: { notify: { "webhook-variable": "CAMPAIGN_HOOK", host: "hooks.example.com", on: ["gated"] } },
  });
  const { view } = await world.waves(["done"]);
  const refused = 'result-invalid: "/names/0" contains a secret';
  expect(view.items.map(({ reason }) => reason)).toEqual([refused, refused, null]);
});
