import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { expect, test } from "bun:test";
import { project } from "../../campaign/world.ts";
import { type CliWorld, cliWorld } from "./world.ts";

const MINUTE = 60_000;

const journal = (world: CliWorld) =>
  readFileSync(`${world.directory}/journal/000001.ndjson`, "utf8").trimEnd().split("\n");
const last = (world: CliWorld) => JSON.parse(journal(world).at(-1) ?? "{}");

const BY_HAND = "To continue the campaign:\n  mogplex-ci campaign run campaign.yml --dir DIR\n";

test("campaign retry, approve, stop, resume and skip record who decided, print what it means, and send nothing", async () => {
  const world = cliWorld({ count: 4, scenarios: "play: agent-failure", file: { canary: { size: 2 } } });
  await world.campaign("run");
  const requests = world.requests.length;

  expect(await world.campaign("retry", ["--only", project(1), "--by", "ann"])).toMatchObject({
    code: 0,
    stderr: "",
    stdout: `1 item will be started again, ahead of the items that are waiting\n  ${project(1)}@main\n${BY_HAND}`,
  });
  expect(last(world)).toMatchObject({ type: "retry", items: [`${project(1)}@main`], by: "ann", adopt: false });

  const skip = ["--only", project(2), "--reason", "archived"];
  expect(await world.campaign("skip", skip)).toMatchObject({
    code: 0,
    stdout: `1 item will not start again\n  ${project(2)}@main\n`,
  });
  expect(last(world)).toMatchObject({ type: "skipped", by: "kim", reason: "archived" });

  const reason = ["--reason", "looked at it"];
  expect(await world.campaign("approve", reason)).toMatchObject({
    code: 0,
    stdout: `opened the gate that closed after the canary\n${BY_HAND}`,
  });
  expect(last(world)).toMatchObject({ type: "approved", gate: "canary", by: "kim", note: "looked at it" });

  expect(await world.campaign("stop")).toMatchObject({
    code: 0,
    stdout: "nothing more will start; nothing is running\n",
  });
  expect(last(world)).toMatchObject({ type: "stopped", by: "kim", cancel: false });

  expect(await world.campaign("resume")).toMatchObject({
    code: 0,
    stdout: `the campaign can continue\n${BY_HAND}`,
  });
  expect(last(world)).toMatchObject({ type: "resumed", by: "kim" });
  expect(world.requests.length).toBe(requests);
});

test("plan writes the reports again that a wave has written, and none with --dry-run or before the first wave", async () => {
  const world = cliWorld({ count: 3, file: { repositories: [project(1)] } });
  await world.campaign("plan");
  expect(world.report("campaign.json")).toBe("");
  await world.campaign("run");
  world.write({ repositories: [project(1), project(2), project(3)] });
  const before = world.report("campaign.md");
  await world.campaign("plan", ["--dry-run"]);
  expect(world.report("campaign.md")).toBe(before);
  await world.campaign("plan");
  expect(JSON.parse(world.report("campaign.json")).items.length).toBe(3);
  expect(world.report("campaign.md")).toContain("1 of 3 has finished");
});

test("a decision writes the reports again that a wave has written, and none with --dry-run or before the first wave", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  const skip = ["--only", project(2), "--reason", "archived"];
  await world.campaign("plan");
  await world.campaign("stop");
  expect(world.report("campaign.json")).toBe("");
  await world.campaign("resume");
  await world.campaign("run");
  const before = world.report("campaign.md");
  expect(before).toContain("2 failed");
  await world.campaign("skip", [...skip, "--dry-run"]);
  expect(world.report("campaign.md")).toBe(before);
  const { stdout } = await world.campaign("skip", skip);
  expect(stdout).toBe(`1 item will not start again\n  ${project(2)}@main\n`);
  expect(JSON.parse(world.report("campaign.json")).counts).toMatchObject({ failed: 1, skipped: 1 });
  expect(world.report("campaign.md")).toContain("1 skipped");
  expect(world.report("ci/campaign.csv")).toContain('"skipped"');
  await world.campaign("retry", ["--only", project(1)]);
  expect(JSON.parse(world.report("campaign.json")).counts).toMatchObject({ failed: 0, waiting: 1 });
});

test("decisions are recorded under the CI's user when no name is given", async () => {
  const world = cliWorld({ count: 2 });
  await world.campaign("plan");
  await world.campaign("stop", [], { env: { GITHUB_ACTIONS: "true", GITHUB_ACTOR: "octocat" } });
  expect(last(world)).toMatchObject({ by: "octocat" });
});

const DECISIONS: readonly [verb: string, args: string[]][] = [
  ["retry", ["--failed"]],
  ["approve", []],
  ["stop", ["--cancel"]],
  ["resume", []],
  ["skip", ["--failed", "--reason", "x"]],
];

for (const [verb, args] of DECISIONS) {
  test(`campaign ${verb} needs no flag that permits what the file names`, async () => {
    const file = {
      canary: { size: 1 },
      repositories: [project(1), project(2), { file: "../lists/more.txt" }],
      notify: { "webhook-variable": "HOOK", host: "hooks.example", on: ["done"] },
    };
    const world = cliWorld({ count: 4, scenarios: "play: agent-failure", file });
    world.files.set("../lists/more.txt", `${project(3)}\n`);
    const permits = ["--allow-outside", "--webhook-variable", "HOOK"];
    expect((await world.campaign("run", permits)).code).toBe(4);
    if (verb === "resume") await world.campaign("stop");
    world.files.delete("../lists/more.txt");
    expect((await world.campaign("status", ["--webhook-variable", "HOOK"])).code).toBe(2);
    expect(await world.campaign(verb, args)).toMatchObject({
      code: 0,
      stderr: expect.not.stringContaining("more.txt"),
    });
    const flags = [...permits.slice(1, 2), "--forge-host", "--stuck-after", "--show-task"];
    for (const flag of verb === "retry" ? flags : [...flags, "--allow-outside"]) {
      const { code, stderr } = await world.campaign(verb, [...args, `${flag}=x`]);
      expect([flag, code, stderr]).toEqual([flag, 2, expect.stringContaining(flag)]);
    }
  });

  test(`campaign ${verb} --dry-run records nothing, and --json is one object`, async () => {
    const world = cliWorld({
      count: 4,
      scenarios: "play: agent-failure",
      file: { canary: { size: 1 }, limits: { parallel: 1 } },
    });
    await world.campaign("run");
    if (verb === "resume") await world.campaign("stop");
    const before = journal(world);
    const { code, stdout } = await world.campaign(verb, [...args, "--dry-run"]);
    const preview = verb === "approve" ? "this opens the gate that closed after the canary\n" : "";
    const text = `dry run, nothing was recorded; without --dry-run, ${preview}`;
    expect([code, stdout.slice(0, text.length), journal(world)]).toEqual([0, text, before]);
    const json = await world.campaign(verb, [...args, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ decision: verb, dryRun: false });
    expect(journal(world).length).toBe(before.length + 1);
  });

  test(`campaign ${verb} before a plan ends with 2`, async () => {
    const { code, stderr } = await cliWorld().campaign(verb, args);
    expect([code, stderr]).toEqual([2, expect.stringContaining("there is no plan in")]);
  });
}

const BAD: readonly [verb: string, args: string[], message: RegExp][] = [
  ["retry", [], /no items are selected; use --failed, --cause WORD or --only GLOB/],
  ["retry", ["--cause", "nothing"], /there is no such cause: "nothing"; no item currently has a cause/],
  ["retry", ["--only", ""], /no item matches: ""; it must be a name or a glob/],
  ["skip", ["--only", project(1)], /the reason is missing; use --reason TEXT/],
  ["skip", ["--reason", "x"], /no items are selected/],
  [
    "approve",
    [],
    /Cannot approve the campaign: no gate is closed, so nothing needs approval\. The gate of a manual canary closes when its items have finished\n$/,
  ],
  ["resume", [], /it is not stopped/],
  ["stop", ["--now"], /--now/],
  ["approve", ["--by", "a", "b"], /unexpected argument/],
];

for (const [verb, args, message] of BAD) {
  test(`campaign ${verb} ${args.join(" ")} ends with 2`, async () => {
    const world = cliWorld({ count: 2 });
    await world.campaign("plan");
    const { code, stderr } = await world.campaign(verb, args);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
}

test("campaign stop while a process is running is confirmed by that process; any other decision ends with 75, and names it", async () => {
  const world = cliWorld({ count: 1, runDuration: () => 20 * MINUTE });
  const work = world.campaign("run");
  await world.clock.sleep(5 * MINUTE);
  const { code, stderr } = await world.campaign("resume");
  expect([code, stderr]).toEqual([
    75,
    expect.stringMatching(
      /^error: Cannot resume the campaign: process \d+ on ".*" has been using "DIR" since [-\d]+ [\d:]+ UTC; a process that was asked to stop exits when its active runs have finished/,
    ),
  ]);
  expect((await world.campaign("status")).stdout).toMatch(/ {2}used by {7}process \d+ on /);
  const stop = await world.campaign("stop", ["--reason", "wrong task"]);
  expect([stop.code, stop.stderr, stop.stdout]).toEqual([
    0,
    "",
    expect.stringMatching(
      /^process \d+ on ".*" \(since [-\d]+ [\d:]+ UTC\) has stopped starting runs; 1 active run continues\n$/,
    ),
  ]);
  expect((await work).stderr).toContain("kim stopped the campaign from another process: nothing more will start");
});

test("campaign retry --adopt-changes starts items again with the task of the file", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.campaign("run");
  world.write({ prompt: "A better task" });
  expect(await world.campaign("retry", ["--failed", "--adopt-changes"])).toMatchObject({
    code: 0,
    stdout: `1 item will be started again, ahead of the items that are waiting, with the task in the file\n  ${
      project(1)
    }@main\n${BY_HAND}`,
    stderr: "",
  });
  const { stderr } = await world.campaign("advance");
  expect(stderr).toBe("");
});

test.each([[true, "will also use that task", "NEWTEXT"], [false, "will use the planned task", "OLDTEXT"]])(
  "campaign retry --adopt-changes changes the task of the items behind a canary item: %p",
  async (isCanary, words, task) => {
    const canary = isCanary ? { size: 1 } : undefined;
    const world = cliWorld({
      count: 3,
      scenarios: `scenarios: [{ match: { repo: "*0001", attempt: 1 }, play: agent-failure }, { play: success }]`,
      file: { prompt: "OLDTEXT", limits: { parallel: 1 }, ...canary && { canary } },
    });
    await world.campaign("advance", ["--plan"]);
    await world.campaign("stop");
    await world.clock.sleep(10 * MINUTE);
    await world.campaign("advance");
    world.write({ prompt: "NEWTEXT", limits: { parallel: 1 }, ...canary && { canary } });
    const { stdout } = await world.campaign("retry", ["--only", project(1), "--adopt-changes"]);
    expect(stdout).toContain(`2 items that have not started ${words}`);
    await world.campaign("resume");
    expect((await world.campaign("run")).code).toBe(0);
    const { items, tasks } = JSON.parse(readFileSync(`${world.directory}/lock.json`, "utf8"));
    expect(items.slice(1).map(({ task: index }: { task: number }) => tasks[index].prompt)).toEqual([task, task]);
  },
);

test("campaign retry refuses an item whose task in the file has changed, and --keep-task or --adopt-changes chooses one", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure", file: { prompt: "OLDTEXT" } });
  await world.campaign("run");
  world.write({ prompt: "NEWTEXT" });
  const before = journal(world);
  const only = (number: number) => ["--only", project(number)];
  const refused = (planned: string, join = " because") => ({
    code: 2,
    stdout: "",
    stderr:
      `error: Cannot retry items${join} the task in the campaign file has changed since ${planned}; use --adopt-changes for the task in the file, or --keep-task for the planned task\n`,
  });
  for (const more of [[], ["--dry-run"], ["--json"]]) {
    expect(await world.campaign("retry", ["--failed", ...more])).toMatchObject(
      refused("these 2 items were planned", ":"),
    );
  }
  expect(await world.campaign("retry", only(1))).toMatchObject(refused(`this item was planned: ${project(1)}@main`));
  expect(await world.campaign("retry", [...only(1), "--keep-task", "--adopt-changes"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--adopt-changes and --keep-task cannot be used together"),
  });
  expect(journal(world)).toEqual(before);
  expect(await world.campaign("retry", [...only(1), "--adopt-changes"])).toMatchObject({ code: 0 });
  expect(await world.campaign("retry", ["--failed"])).toMatchObject(
    refused(`this item was planned: ${project(2)}@main`),
  );
  expect(await world.campaign("retry", [...only(2), "--keep-task"])).toMatchObject({
    code: 0,
    stdout: `1 item will be started again, ahead of the items that are waiting, with the planned task\n  ${
      project(2)
    }@main\n${BY_HAND}`,
  });
  await world.campaign("run");
  const prompts = [...world.emulator.world.store.runs.values()].map(({ prompt }) => prompt);
  expect(prompts.slice(2).toSorted()).toEqual(["NEWTEXT", "OLDTEXT"]);
  // An item that has adopted the task starts again with it.
  expect(await world.campaign("retry", only(1))).toMatchObject({ code: 0 });
});

test("campaign retry refuses an item whose task in the file cannot be read, and --keep-task does not read it", async () => {
  const file = { prompt: undefined, "prompt-file": "task.md" };
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure", file });
  world.files.set("task.md", "Fix it");
  await world.campaign("run");
  world.files.delete("task.md");
  const { code, stderr } = await world.campaign("retry", ["--failed"]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringMatching(
      /cannot be read to compare it with the plan: prompt-file: the file does not exist; .*; fix it, or use --keep-task/,
    ),
  ]);
  expect(await world.campaign("retry", ["--failed", "--keep-task"])).toMatchObject({ code: 0, stderr: "" });
});

test("campaign run does not promise that a plan uses a changed task", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  await world.campaign("run");
  const note = async () => (await world.campaign("run")).stderr;
  world.write({ prompt: "NEWTEXT" });
  expect(await note()).toContain(
    "note: the task in the campaign file has changed since the plan, but items start with the planned task. " +
      "`campaign retry --adopt-changes` uses the new task for items that start again. For other changes, run `",
  );
  world.write({ limits: { attempts: 3 } });
  expect(await note()).toContain("has changed since the plan; to use the change, run `");
});

test("a long list of items is cut on the screen, and whole in JSON", async () => {
  const world = cliWorld({ count: 30 });
  await world.campaign("plan");
  const { stdout } = await world.campaign("skip", ["--only", "acme/*", "--reason", "x", "--dry-run"]);
  expect(stdout.split("\n").slice(20, 23)).toEqual([`  ${project(20)}@main`, "  and 10 more", ""]);
  const json = await world.campaign("skip", ["--only", "acme/*", "--reason", "x", "--json"]);
  expect(JSON.parse(json.stdout).items.length).toBe(30);
});

test("campaign retry --adopt-changes reads the files that the campaign file names, and needs no name of a webhook", async () => {
  const notify = { "webhook-variable": "HOOK", host: "hooks.example", on: ["done"] };
  const file = { prompt: undefined, "prompt-file": "../task.md", notify };
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure", file });
  world.files.set("../task.md", "Fix it");
  const links = { "../task.md": "/elsewhere/task.md" };
  await world.campaign("run", ["--allow-outside", "--webhook-variable", "HOOK"], { links });
  world.files.set("../task.md", "Fix it well");
  const adopt = ["--failed", "--adopt-changes"];
  expect(await world.campaign("retry", adopt, { links })).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("allow it with --allow-outside"),
  });
  expect(await world.campaign("retry", [...adopt, "--allow-outside"], { links })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("with the task in the file"),
  });
  const { stderr } = await world.campaign("advance", ["--allow-outside", "--webhook-variable", "HOOK"], { links });
  expect(stderr).not.toContain("has changed since the plan");
  expect([...world.emulator.world.store.runs.values()].at(-1)?.prompt).toContain("Fix it well");
});

test("campaign retry takes the item of a run by the first digits of its id outside CI, and by the whole id in CI", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await world.campaign("run");
  const runId = JSON.parse(world.report("campaign.json")).items[1].runId as string;
  const short = ["--only", runId.slice(0, 8), "--dry-run"];
  expect(await world.campaign("retry", short)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`\n  ${project(2)}@main\n`),
    stderr: `note: run ${runId}\n`,
  });
  const ci = { env: { CI: "true" } };
  expect((await world.campaign("retry", short, ci)).code).toBe(2);
  expect(await world.campaign("retry", ["--only", runId], ci)).toMatchObject({ code: 0, stderr: "" });
});

test("campaign approve, stop, resume and retry record why, masked, and screens show why a campaign was stopped", async () => {
  const secret = "hunter2hunter2";
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure", file: { canary: { size: 1 } } });
  const because = (verb: string, args: string[] = []) =>
    world.campaign(verb, [...args, "--reason", `why ${verb} ${secret}`], { env: { OPENAI_API_KEY: secret } });
  await world.campaign("run");
  await because("approve");
  expect(last(world)).toMatchObject({ type: "approved", note: "why approve [redacted]" });
  await because("stop");
  expect(last(world)).toMatchObject({ type: "stopped", reason: "why stop [redacted]" });
  expect((await world.campaign("status")).stdout).toContain("stopped by kim: why stop [redacted]");
  await because("resume");
  expect(last(world)).toMatchObject({ type: "resumed", reason: "why resume [redacted]" });
  await because("retry", ["--failed"]);
  expect(last(world)).toMatchObject({ type: "retry", reason: "why retry [redacted]" });
});

test("campaign retry and advance of a stopped campaign name resume, also when every item has ended", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure" });
  await world.campaign("run");
  await world.campaign("stop", ["--reason", "private registry"]);
  const resume = "mogplex-ci campaign resume campaign.yml --dir DIR\n";
  const ended = `The campaign was stopped by kim: private registry. After a retry, resume it:\n      ${resume}`;
  expect((await world.campaign("status")).stdout).toContain(ended);
  expect((await world.campaign("retry", ["--failed", "--dry-run"])).stdout).not.toContain("resume");
  const retry = await world.campaign("retry", ["--failed"]);
  expect(retry.stdout).toEndWith(`The campaign is stopped. To let it continue:\n  ${resume}`);
  const starts = world.emulator.world.store.runs.size;
  const advance = await world.campaign("advance");
  expect([advance.code, world.emulator.world.store.runs.size, advance.stderr]).toEqual([
    0,
    starts,
    `note: the campaign is not done: stopped by kim: private registry; to let it continue:\n  ${resume}`,
  ]);
  await world.campaign("resume");
  await world.campaign("advance");
  expect(world.emulator.world.store.runs.size).toBe(starts + 2);
});

test("campaign run of a stopped campaign shows what failed before", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: agent-failure", file: { canary: { size: 1 } } });
  await world.campaign("run");
  await world.campaign("approve");
  await world.campaign("stop");
  const { stdout } = await world.campaign("run");
  expect(stdout).toContain("was stopped by kim; nothing more will start");
  expect(stdout).toContain("Needs attention: 1 item and a stopped campaign\n");
  expect(stdout).toContain("  failed (1): Agent run exited with code 1.\n");
});

test.each(["approve", "stop", "skip", "resume", "retry"])("campaign %s --note names --reason", async (verb) => {
  const { code, stderr } = await cliWorld().campaign(verb, ["--note", "x"]);
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining(`unknown flag "--note"; did you mean "--reason"?`),
  ]);
});

test("campaign resume names approve when a gate is closed, and approve names resume when a person has stopped it", async () => {
  const world = cliWorld({ count: 2, file: { canary: { size: 1, gate: "manual" } } });
  await world.campaign("run");
  expect((await world.campaign("resume")).stderr).toContain(
    "it is waiting for approval, not stopped; run `mogplex-ci campaign approve campaign.yml --dir DIR`",
  );
  await world.campaign("approve");
  await world.campaign("stop");
  expect((await world.campaign("approve")).stderr).toContain(
    "no gate is closed; the campaign was stopped by kim; `mogplex-ci campaign resume campaign.yml --dir DIR` lets it continue",
  );
});

test("a stop that has cancelled the canary is followed by a retry, and approval only starts the rest anyway", async () => {
  const world = cliWorld({ count: 5, runDuration: () => 20 * MINUTE, file: { canary: { size: 2 } } });
  const line = (verb: string, ...args: string[]) =>
    ["mogplex-ci campaign", verb, "campaign.yml --dir DIR", ...args].join(" ");
  await world.campaign("advance", ["--plan"]);
  const stop = await world.campaign("stop", ["--cancel"]);
  expect(stop.stdout).toBe("nothing more will start; 2 runs were cancelled\n");
  const { stdout: stopped } = await world.campaign("status");
  const [retry] = /campaign retry .*--cause \S+/.exec(stopped) ?? [];
  const word = retry?.split(" ").at(-1) ?? "";
  expect(stopped).toContain(`
    Deal with the items below first. Then let the campaign continue:
      ${line("resume")}
    To start the other items anyway, resume the campaign, then approve:
      ${line("approve")}
`);
  expect((await world.campaign("resume")).stdout).toBe(
    `the campaign can continue, but a gate is still closed: 2 of 2 canary items did not succeed: ${
      project(1)
    } cancelled, ${project(2)} cancelled; 2 cancelled items stay as they are until you retry them
To continue:
  ${line("retry", "--cause", word)}
To start the other items anyway:
  ${line("approve")}
`,
  );
  await world.campaign("retry", ["--cause", word]);
  const { stdout } = await world.campaign("advance");
  expect(stdout).toContain("running: 2 runs active; the next start waits for the canary: 2 items are being retried\n");
  expect(stdout).not.toContain("The gate is closed");
  expect(stdout).toContain(`
The canary is being retried
  If the whole canary succeeds, the campaign continues without approval.
  To start the other items anyway:
    ${line("approve")}

Page: DIR/campaign.html
Next: ${line("advance")}
`);
});

test("a stop on top of too many failures is shown with them, and resume names what is still closed", async () => {
  const world = cliWorld({
    count: 3,
    scenarios: "play: agent-failure",
    file: { limits: { "stop-after-failures": 1, parallel: 1 } },
  });
  await world.campaign("run");
  await world.campaign("stop", ["--reason", "wait for Ann"]);
  const failures = "the first item failed (stop-after-failures: 1)";
  const both = `stopped by kim: wait for Ann; a gate is also closed: ${failures}`;
  const { stdout } = await world.campaign("status");
  expect(stdout.replace(/\s+/g, " ")).toContain(`was ${both}; nothing more will start`);
  expect(stdout).toContain(
    "To resume the campaign:\n      mogplex-ci campaign resume campaign.yml --dir DIR\n" +
      "    Then open the gate:\n      mogplex-ci campaign approve campaign.yml --dir DIR\n",
  );
  expect((await world.campaign("run")).stdout).toEndWith(
    "\nPage: DIR/campaign.html\nNext: mogplex-ci campaign resume campaign.yml --dir DIR\n",
  );
  const approve = "A gate is closed. To open it:\n  mogplex-ci campaign approve campaign.yml --dir DIR\n";
  const resumed = `the campaign can continue, but a gate is still closed: ${failures}\n`;
  expect((await world.campaign("resume")).stdout).toBe(
    `${resumed}To continue, fix the cause, then:\n  mogplex-ci campaign retry campaign.yml --dir DIR --cause agent-run-exited-code-3f4d\n`,
  );
  expect((await world.campaign("retry", ["--failed"])).stdout).toEndWith(`\n${approve}`);
  await world.campaign("stop");
  // Nothing is left to retry.
  expect((await world.campaign("resume")).stdout).toBe(`${resumed}${approve.replace("A gate is closed. ", "")}`);
  expect((await world.campaign("approve")).stdout).toBe(
    `opened the gate that closed after too many failures\n${BY_HAND}`,
  );
});

test("campaign resume prints the command that starts the cancelled items again, and in CI the command for the next wave", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  await world.campaign("stop", ["--cancel"]);
  const { causes } = JSON.parse((await world.campaign("status", ["--json"])).stdout);
  const { stdout } = await world.campaign("resume");
  expect(stdout).toBe(
    "the campaign can continue; 2 cancelled items stay as they are until you retry them\n" +
      "To start the 2 cancelled items again:\n" +
      `  mogplex-ci campaign retry campaign.yml --dir DIR --cause ${causes[0].word}\n${BY_HAND}`,
  );
  expect((await world.campaign("retry", ["--cause", causes[0].word], { env: { CI: "true" } })).stdout).toEndWith(
    "A schedule or `campaign run` starts the next wave. To start it by hand:\n  mogplex-ci campaign advance campaign.yml --dir DIR\n",
  );
});

test("campaign resume has one block for cancelled items with different causes", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 20 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  world.setRun(project(1), { status: "cancelled" });
  await world.campaign("advance");
  await world.campaign("stop", ["--cancel"]);
  const { causes } = JSON.parse((await world.campaign("status", ["--json"])).stdout);
  const commands = causes.map(({ word }: { word: string }) =>
    `  mogplex-ci campaign retry campaign.yml --dir DIR --cause ${word}\n`
  );
  expect(commands).toHaveLength(2);
  expect((await world.campaign("resume")).stdout).toContain(
    `\nTo start the 2 cancelled items again:\n${commands.join("")}${BY_HAND}`,
  );
});

test("a decision of a person without USER is by the user of this machine, and by nobody known in CI", async () => {
  const world = cliWorld({ count: 1 });
  await world.campaign("plan");
  await world.campaign("stop", [], { env: { USER: "" } });
  expect(last(world)).toMatchObject({ type: "stopped", by: userInfo().username });
  await world.campaign("resume", [], { env: { USER: "", CI: "true" } });
  expect(last(world)).toMatchObject({ type: "resumed", by: "unknown" });
});

test("campaign skip prints the command that also cancels runs of its items, and the reason of a cancelled item", async () => {
  const world = cliWorld({ count: 3, runDuration: () => 60 * MINUTE });
  await world.campaign("advance", ["--plan"]);
  const args = ["--only", project(1), "--reason", "by hand"];
  const dry = await world.campaign("skip", [...args, "--dry-run"]);
  expect(dry.stdout.split("\n").slice(0, -1)).toEqual([
    "dry run, nothing was recorded; without --dry-run, 1 item will not start again; its run is still running: --cancel cancels it",
    `  ${project(1)}@main`,
  ]);
  const { stdout } = await world.campaign("skip", args);
  const command = `campaign skip campaign.yml --dir DIR --only ${project(1)} --cancel --reason 'by hand'`;
  expect(stdout).toBe(
    `1 item will not start again; its run is still running\n  ${project(1)}@main\n` +
      `To cancel what is still running:\n  mogplex-ci ${command}\n`,
  );
  expect((await world.campaign("skip", [...args, "--cancel"])).stdout).toBe(
    `1 item will not start again; 1 run was cancelled\n  ${project(1)}@main\n`,
  );
  await world.campaign("stop", ["--cancel"]);
  const { items } = JSON.parse((await world.campaign("status", ["--json"])).stdout);
  expect(items.map(({ verdict, reason }: { verdict: string; reason: string }) => [verdict, reason])).toEqual([
    ["skipped", "by hand"],
    ["cancelled", "cancelled when the campaign was stopped"],
    ["cancelled", "cancelled when the campaign was stopped"],
  ]);
});

test("campaign skip --cancel of one item asks for no answer to its run, only to the runs of others", async () => {
  const world = cliWorld({ count: 2, scenarios: "play: awaiting-input" });
  await world.campaign("run");
  const noToken = { env: { MOGPLEX_API_KEY: "" } };
  const attention = async () =>
    /^Needs attention: .*\n\n.*\n.*(?=\n)|^Nothing needs .*/m.exec((await world.campaign("status")).stdout)?.[0];
  const both = await attention();
  await world.campaign("skip", ["--only", project(1), "--cancel", "--reason", "x"], noToken);
  const one = await attention();
  await world.campaign("stop", ["--cancel"], noToken);
  expect([both?.split("\n")[0], one?.split("\n")[2], one?.includes(project(1))]).toEqual([
    "Needs attention: 2 items",
    "  needs-input (1): the run is waiting for an answer",
    false,
  ]);
  expect(await attention()).not.toContain("needs-input");
});

test("campaign stop --cancel cancels the runs now, and without a token prints the command that does", async () => {
  const world = cliWorld({ count: 2, runDuration: () => 3_600_000 });
  await world.campaign("advance", ["--plan"]);
  const advance = "  mogplex-ci campaign advance campaign.yml --dir DIR";
  const without = await world.campaign("stop", ["--cancel"], { env: { MOGPLEX_API_KEY: "" } });
  expect([without.code, without.stdout.split("\n")]).toEqual([0, [
    "nothing more will start; no token is set, so the next wave cancels 2 runs",
    "To cancel the runs now:",
    advance,
    "",
  ]]);
  expect((await world.campaign("status")).stdout).toContain(`To cancel the runs now:\n    ${advance}`);
  const { code, stdout } = await world.campaign("stop", ["--cancel"]);
  expect([code, stdout.split("; ").slice(-1)]).toEqual([0, ["2 runs were cancelled\n"]]);
  expect((await world.campaign("status")).stdout).not.toContain("To cancel the runs now:");
});
