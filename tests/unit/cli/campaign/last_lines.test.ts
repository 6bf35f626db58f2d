import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { project } from "../../campaign/world.ts";
import { cliWorld } from "./world.ts";

const SECRET = "hunter2hunter2";
const HOSTILE = "::error::\\u001b[31m ![x](http://evil.example) <script>";

/** An agent that writes five lines, with a secret, a hostile line and a long one, and fails. */
const SCENARIO = `
steps:
  - { after: 8, sandbox: up }
  - after: 1
    event: { message: "first\\nsecond\\nkey ${SECRET}\\n", payload: { kind: assistant_delta } }
  - after: 1
    event: { message: "${HOSTILE}\\n${"x".repeat(300)}\\n", payload: { kind: assistant_delta } }
  - { after: 1, status: failed, error: Agent run exited with code 1. }`;

const CALL = { env: { OPENAI_API_KEY: SECRET } };

test("a cause shows the last three lines of its newest agent, masked and cut, and the command for all of them", async () => {
  const world = cliWorld({ count: 2, scenarios: SCENARIO });
  await world.campaign("run", [], CALL);
  const { stdout } = await world.campaign("status", [], CALL);
  const item = JSON.parse(world.report("campaign.json")).items[0];
  expect(item.lastLines).toEqual([
    "key [redacted]",
    "::error:: ![x](http://evil.example) <script>",
    `${"x".repeat(199)}…`,
  ]);
  expect(stdout).toContain(`    Last lines from the agent in ${project(1)}, the newest:\n      key [redacted]\n`);
  expect(stdout).toContain(`    To see more:\n      mogplex-ci report ${item.runId}\n`);
  const journal = readFileSync(`${world.directory}/journal/000001.ndjson`, "utf8");
  expect(journal).not.toContain(SECRET);
  for (const name of ["campaign.md", "campaign.html", "campaign.json"]) {
    expect(world.report(name)).toContain("key [redacted]");
    for (const bad of ["hunter2", "\u001b"]) expect(world.report(name)).not.toContain(bad);
  }
  expect(world.report("campaign.html")).toContain("http://evil.example) &lt;script&gt;");
  expect(world.report("campaign.md")).toContain(
    " ```text\n key [redacted]\n ::error:: ![x](http://evil.example) <script>\n",
  );
});

test("report prints the last lines of the log when the agent wrote nothing", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.campaign("run", [], CALL);
  const { runId } = JSON.parse(world.report("campaign.json")).items[0];
  const { code, stdout } = await world.cli(["report", runId], CALL);
  const [heading, ...lines] = stdout.split("\n\n", 1)[0]?.split("\n") ?? [];
  expect([code, heading]).toEqual([1, "Last lines of the log:"]);
  expect(lines.at(-1)).toMatch(/^ {2}\S+ +failed +Harness run failed$/);
});

test("report prints the last lines of an agent that failed, masked, and none with --show-task false or its variable", async () => {
  const world = cliWorld({ count: 1, scenarios: SCENARIO });
  await world.campaign("run", [], CALL);
  const { runId } = JSON.parse(world.report("campaign.json")).items[0];
  const { code, stdout } = await world.cli(["report", runId], CALL);
  expect([code, stdout.split("\n").slice(0, 7)]).toEqual([1, [
    "Last lines from the agent:",
    "  first",
    "  second",
    "  key [redacted]",
    "  : :error:: ![x](http://evil.example) <script>",
    `  ${"x".repeat(182)}…[+118 characters]`,
    "",
  ]]);
  const ways: [args: string[], env: Record<string, string>][] = [
    [[], { MOGPLEX_SHOW_TASK: "false" }],
    [["--show-task", "false"], {}],
  ];
  for (const [args, env] of ways) {
    const hidden = await world.cli(["report", runId, ...args], { env: { ...CALL.env, ...env } });
    expect([hidden.code, hidden.stdout]).toEqual([1, expect.not.stringContaining("evil.example")]);
  }
  const json = await world.cli(["report", runId, "--json"], CALL);
  expect(json.stdout).not.toContain("Last lines");
});

test("--show-task false records no line of an agent, and hides those that an earlier wave has recorded", async () => {
  const hidden = cliWorld({ count: 1, scenarios: SCENARIO });
  await hidden.campaign("run", ["--show-task", "false"], CALL);
  expect(readFileSync(`${hidden.directory}/journal/000001.ndjson`, "utf8")).not.toContain("lastLines");
  const world = cliWorld({ count: 1, scenarios: SCENARIO });
  await world.campaign("run", [], CALL);
  const { stdout } = await world.campaign("status", ["--json"], { env: { ...CALL.env, MOGPLEX_SHOW_TASK: "false" } });
  expect(JSON.parse(stdout).items[0].lastLines).toBeUndefined();
  expect(stdout).not.toContain("evil.example");
});
