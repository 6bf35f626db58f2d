/** What ships is plain code: no runtime has to make code of a text for it, and no scanner finds anything that could. */
import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { EXIT } from "../../../lib/exit_codes.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { automationId, launch, REPO, startService } from "../processes/world/service.ts";

const dist = join(built("mogplex.mjs"), "..");
const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) => /\.m?js$/.test(name))
  .filter((name) => !name.startsWith("types/"));

test("no file of dist/ makes code of a text, or reads the text of a function", () => {
  expect(files).toContain("action/main.mjs");
  expect(files.length).toBeGreaterThan(7);
  const words = [
    /\beval\s*\(/,
    /\bnew\s+Function\b/,
    /(?<![\w.])Function\s*\(/,
    /\b\w+\s*=\s*Function\b/,
    /\bFunction\.prototype\.toString\b/,
    /\bString\(\s*(?:function\b|\(\)\s*=>)/,
    /@bun\b/,
    // A module that is named by a literal, of Node or of this folder, is no text that becomes code.
    /\bimport\s*\((?!\s*["'](?:node:|\.\/chunk-\w+\.mjs["']))/,
    /["']node:(?:vm|module)["']/,
  ];
  for (const file of files) {
    const text = readFileSync(join(dist, file), "utf8");
    expect([file, words.filter((word) => word.test(text)).map(String)]).toEqual([file, []]);
  }
});

test("no comment of dist/ is as long as code", () => {
  for (const file of files) {
    const text = readFileSync(join(dist, file), "utf8");
    const longest = Math.max(0, ...[...text.matchAll(/^\s*\/\*[^]*?\*\//gm)].map(([comment]) => comment.length));
    expect([file, longest < 5_000]).toEqual([file, true]);
  }
});

test("mogplex.mjs can be read: a statement a line, under the names of its sources", () => {
  const lines = readFileSync(built("mogplex.mjs"), "utf8").split("\n");
  expect(lines.length).toBeGreaterThan(20_000);
  for (const path of ["lib/cli/main.ts", "lib/campaign/campaign.ts", "lib/run/run.ts"]) {
    expect(lines).toContain(`// ${path}`);
  }
});

test("every verb of mogplex.mjs does its work on a Node that makes no code of texts", async () => {
  // Of its own: a campaign waits while runs of other tests hold the sandboxes of the user.
  const service = await startService();
  const cwd = mkdtempSync(join(service.folder, "plain-"));
  const env = {
    ...{ MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token(), MOGPLEX_REPO_ID: REPO },
    ...{ CI: "1", MOGPLEX_CI_JOB: crypto.randomUUID() },
  };
  const line = [runtimes.node, "--disallow-code-generation-from-strings", built("mogplex.mjs")];
  const run = (...args: string[]) => launch([...line, ...args], { cwd, env }).ended;
  const campaign = {
    version: 1,
    name: "plain",
    round: crypto.randomUUID(),
    prompt: "<success>",
    repositories: ["acme/web"],
  };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(campaign));
  const runId = () => JSON.parse(readFileSync(join(cwd, "mogplex-ci/result.json"), "utf8")).runId;
  const automation = automationId("automation-slot");
  const { usage, success } = EXIT;
  /** Arguments of each verb in the order of the calls, and the exit code that it ends with. */
  const calls: readonly [verb: string, args: () => string[], code: number][] = [
    ["run", () => ["<success>", "--repo", REPO, "--create-branch"], success],
    ["run --follow", () => ["--follow", "<success>", "--create-branch"], success],
    ["follow", () => [runId()], success],
    ["report", () => [runId()], success],
    ["runs get", () => [runId()], success],
    ["runs events", () => [runId()], success],
    ["runs cancel", () => [runId()], success],
    ["cleanup", () => [], success],
    ["init", () => ["gitlab", "--dry-run"], success],
    ["doctor", () => [], success],
    ["dashboard", () => ["--allow-write-token", "--out", "public"], success],
    ["permissions", () => [], success],
    ["completion", () => ["bash"], success],
    ["automations list", () => [], success],
    ["automations get", () => [automation], success],
    ["automations trigger", () => [automation, "--repo", REPO], EXIT.deadline],
    ["automations trigger --follow", () => [automation, "--follow", "--repo", REPO], success],
    ["campaign new", () => ["new/campaign.yml"], success],
    ["campaign check", () => ["campaign.yml"], success],
    ["campaign plan", () => ["campaign.yml"], success],
    ["campaign run", () => ["campaign.yml"], success],
    ["campaign advance", () => ["campaign.yml"], success],
    ["campaign status", () => ["campaign.yml"], success],
    ["campaign report", () => ["campaign.yml"], success],
    ["campaign stop", () => ["campaign.yml"], success],
    ["campaign resume", () => ["campaign.yml"], success],
    ["campaign retry", () => ["campaign.yml", "--failed"], usage],
    ["campaign skip", () => ["campaign.yml", "--failed", "--reason", "x"], usage],
    ["campaign approve", () => ["campaign.yml"], usage],
    ["campaign pipeline", () => ["campaign.yml", "--format", "gitlab", "--program", "command:mogplex-ci"], success],
    ["campaign merge", () => ["campaign.yml"], usage],
    ["campaign ask", () => ["campaign.yml"], usage],
    ["campaign close", () => ["campaign.yml"], usage],
    ["runs recent", () => [], success],
    ["repos list", () => [], success],
    ["sandboxes list", () => [], success],
    ["sandboxes stop", () => [automation], success],
    ["respond", () => [], usage],
    ["gate", () => [], usage],
  ];
  const names = VERBS.map(({ name }) => name);
  expect(calls.map(([verb]) => verb).toSorted()).toEqual(names.toSorted());
  const wrong: unknown[] = [];
  for (const [verb, args, expected] of calls) {
    const words = verb.split(" ").filter((word) => !word.startsWith("--"));
    const { code, stdout, stderr } = await run(...words, ...args());
    if (code !== expected) wrong.push({ verb, code, stdout: stdout.slice(-300), stderr: stderr.slice(-300) });
  }
  expect(wrong).toEqual([]);
  // The pages, too, which were made by code of their own.
  expect(readdirSync(join(cwd, "mogplex-ci"))).toContain("run.html");
  expect(readdirSync(join(cwd, "public"))).toContain("index.html");
  await service.close();
});
