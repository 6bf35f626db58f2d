import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import { cliWorld } from "../cli/campaign/world.ts";
import { campaignWorld, failureOf, project } from "../campaign/world.ts";
import { readGitlabJunit } from "../report/gitlab_readers.ts";
import { CORPUS } from "./corpus.ts";
import { parseCsv, parseDotenv } from "./parsers/file_parsers.ts";
import { LOG_PARSERS, terminalCommands } from "./parsers/log_parsers.ts";
import { SYSTEMS } from "./systems.ts";

/**
 * A part of the corpus for each kind: the limits of starts make a day of more items, and all sinks are tested with all texts elsewhere. Texts
 * of a megabyte would make the emulator the subject of the test.
 */
const PARTS = { failures: 0, successes: 2 };
// Neither a NUL nor half a pair of surrogates can be in the service's database.
const storable = (text: string) => text.isWellFormed() && !text.includes("\0");
const textsOf = (part: number) =>
  CORPUS.filter((_, index) => index % 4 === part).map(({ text }) => text.slice(0, 2_000)).filter(storable);

/** A scenario whose texts are what they say: `${…}` stands for something in it. */
const literally = (scenario: string) => scenario.replaceAll("${", () => "$${");

/** A scenario for each text: it is the error of the run, and in all of its events. */
function failures(texts: readonly string[]): string {
  const scenarios = texts.map((text, index) => ({
    match: { repo: project(index + 1) },
    steps: [
      { after: 10, sandbox: "up" },
      { after: 1, event: { type: "log", toolName: text, message: text, payload: { text, [text.slice(0, 50)]: text } } },
      { after: 1, event: { type: "failed", message: text, payload: { error: text } } },
      { after: 1, call: "failed", error: text },
      { after: 1, fail: text },
    ],
  }));
  return literally(JSON.stringify({ scenarios }));
}

/** A scenario for each text: it is the branch and the address of the pull request of a run that succeeds. */
function successes(texts: readonly string[]): string {
  const scenarios = texts.map((text, index) => ({
    match: { repo: project(index + 1) },
    steps: [
      { after: 10, sandbox: "up" },
      {
        after: 1,
        event: {
          message: text,
          verbatim: true,
          payload: {
            stage: "git_delivery",
            changed: true,
            pull_request_url: text,
            working_branch: text,
            base_branch: text,
          },
        },
      },
      { after: 1, call: "success" },
      { after: 1, status: "success" },
    ],
  }));
  return literally(JSON.stringify({ scenarios }));
}

/** The commands in a log, without what differs each time. */
function commands(system: string, log: string): string[] {
  const own = LOG_PARSERS[system];
  const parsers = own === undefined ? Object.values(LOG_PARSERS) : [own];
  const shape = (line: string) => line.replace(/[0-9a-f]{8,}(?:-[0-9a-f]+)*|\d+/g, "#");
  return [...new Set([...parsers, terminalCommands].flatMap((parse) => parse(log)).map(shape))].sort();
}

const KINDS = { failures, successes };

for (const kind of ["failures", "successes"] as const) {
  const scenariosOf = KINDS[kind];
  test(`a campaign prints and writes nothing but its own commands, whatever the service says: ${kind}`, async () => {
    /** Brings a campaign to its end as a job of GitHub, and shows it as every system does. */
    async function campaign(texts: readonly string[]) {
      const world = cliWorld({ count: texts.length, scenarios: scenariosOf(texts), runDuration: () => 2_000 });
      const run = await world.campaign("run", [], { env: { GITHUB_ACTIONS: "true" } });
      const logs = new Map<string, string>();
      for (const [system, variable] of [...Object.entries(SYSTEMS), ["none", "NOBODY"] as const]) {
        const env = { [variable]: "true", CI: "true" };
        const status = await world.campaign("status", ["--all"], { env });
        const report = await world.campaign("report", [], { env });
        const first = system === "github" ? [run] : [];
        logs.set(system, [...first, status, report].map(({ stdout, stderr }) => stdout + stderr).join(""));
      }
      return { world, code: run.code, logs, json: (await world.campaign("status", ["--json"])).stdout };
    }
    const benign = await campaign(["harmless", "as well", "and this"]);
    const texts = textsOf(PARTS[kind]);
    const { world, code, logs, json } = await campaign(texts);
    expect(code).toBe(kind === "failures" ? 1 : 0);
    for (const [system, log] of logs) {
      expect([system, commands(system, log)]).toEqual([system, commands(system, benign.logs.get(system) ?? "")]);
    }

    // What is in the journal is visible and short, and can be read again.
    const journal = [1, 2].map((number) => readIfThere(`${world.directory}/journal/00000${number}.ndjson`)).join("");
    expect(terminalCommands(journal)).toEqual([]);
    for (const line of journal.trimEnd().split("\n")) expect(line.length).toBeLessThan(5_000);
    const view = JSON.parse(json);
    expect([view.state, view.items.length]).toEqual(["done", texts.length]);

    // And so are the reports.
    expect(parseCsv(world.report("ci/campaign.csv")).length).toBe(texts.length + 1);
    expect(readGitlabJunit(world.report("ci/junit.xml")).length).toBe(texts.length);
    expect(parseDotenv(world.report("ci/outputs.env")).length).toBe(15);
    for (const name of ["campaign.json", "campaign.md", "junit.xml", "metrics.txt", "outputs.env"]) {
      expect([name, terminalCommands(world.report(name))]).toEqual([name, []]);
    }
    for (const { pullRequest } of view.items) {
      if (pullRequest !== null) expect(pullRequest).toMatch(/^https?:\/\/[^\s@]+$/);
    }
  });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

test("names, branches and roots of repositories as a service could forge them make no item, and break no plan", async () => {
  const fixture = parseFixture({
    users: [{ key: "u", id: "a0000000-0000-4000-8000-000000000001", providerKeys: ["ai_gateway"] }],
    tokens: [{
      key: "t",
      user: "u",
      token: "mog_hostileNames00000000000000001",
      scopes: ["read", "write"],
      expiresAt: null,
      revokedAt: null,
    }],
    repos: CORPUS.map(({ text }, index) => ({
      key: `r${index}`,
      user: "u",
      id: `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
      full_name: index % 3 === 0 ? `acme/${text.slice(0, 300)}` : `acme/r${index}`,
      installation_id: 1,
      default_branch: index % 3 === 1 ? text.slice(0, 300) : "main",
      root_directory: index % 3 === 2 ? text.slice(0, 300) : null,
    })),
  });
  const world = campaignWorld({ fixture, count: 1 });
  const refused = await failureOf(() => world.plan());
  expect(refused).toStartWith("2 ");
  const { view } = await world.plan({ skipInvalid: true });
  expect(view.items.length).toBeGreaterThan(10);
  const { code, problem } = await world.advance();
  expect([code === 75 || code === 1, problem]).toEqual([true, null]);
  expect((await world.read()).items.length).toBe(view.items.length);
});
