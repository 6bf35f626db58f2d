import { expect, test } from "bun:test";
import { cliWorld } from "./world.ts";

const VERBS = [
  "check",
  "plan",
  "advance",
  "run",
  "status",
  "retry",
  "approve",
  "stop",
  "resume",
  "skip",
  "ask",
  "merge",
  "close",
  "report",
  "pipeline",
];

test("campaign --help and help campaign list the verbs", async () => {
  const world = cliWorld();
  const { code, stdout } = await world.cli(["campaign", "--help"]);
  expect([code, (await world.cli(["help", "campaign"])).stdout]).toEqual([0, stdout]);
  for (const verb of VERBS) expect(stdout).toContain(`\n  campaign ${verb} <file> `);
  expect((await world.cli(["--help"])).stdout).toContain("\n  campaign  ");
});

test("every campaign verb has a help with its flags, an example that names it, and the exit codes", async () => {
  const world = cliWorld();
  for (const verb of VERBS) {
    const { code, stdout } = await world.cli(["campaign", verb, "--help"]);
    expect([verb, code]).toEqual([verb, 0]);
    expect(stdout).toContain(`Usage: mogplex-ci campaign ${verb} <file> [flags]`);
    expect(stdout).toContain(`  mogplex-ci campaign ${verb} campaign.y`);
    expect(stdout).toMatch(/\n {2}--json /);
    expect(stdout).toMatch(/Exit codes \(help exit-codes\): 0 /);
  }
});

test("campaign without a verb ends with 2 and names them, and a mistyped one is told the nearest", async () => {
  const world = cliWorld();
  expect(await world.cli(["campaign"])).toMatchObject({
    code: 2,
    stderr: `error: Cannot run "campaign": a command is missing; give one of ${["new", ...VERBS].join(", ")}\n`,
  });
  expect(await world.cli(["campaign", "runn", "campaign.yml"])).toMatchObject({
    code: 2,
    stderr: 'error: Cannot run "campaign runn": unknown command; did you mean "campaign run"?\n',
  });
  expect(await world.cli(["campaign", "campaign.yml"])).toMatchObject({
    code: 2,
    stderr: `error: Cannot run "campaign campaign.yml": unknown command; give one of ${["new", ...VERBS].join(", ")}\n`,
  });
  expect((await world.cli(["campain", "run"])).stderr).toContain('did you mean "campaign"?');
});
