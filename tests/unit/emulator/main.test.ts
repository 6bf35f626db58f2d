import { expect, test } from "bun:test";
import { main } from "../../../lib/emulator/main.ts";
import { FLAGS, readOptions } from "../../../lib/emulator/options.ts";
import { builtInScenarios, SCENARIO_NAMES } from "../../../lib/emulator/agents/scenario.ts";
import { parseFlags } from "../../../lib/flags.ts";
import { fakeIo, type FakeIoOptions } from "../cli/fake_io.ts";

async function run(args: string[], options: FakeIoOptions = {}) {
  const io = fakeIo(options);
  return { code: await main(args, io), ...io.text };
}

async function options(args: string[], given: FakeIoOptions = {}) {
  return readOptions(fakeIo(given), await parseFlags("mogplex-emulator", args, FLAGS));
}

test("main() prints its help, and each built-in scenario as a file that can be read again", async () => {
  const help = await run(["--help"]);
  expect(help).toMatchObject({ code: 0, stderr: "" });
  for (const { name } of FLAGS) expect(help.stdout).toContain(`--${name}`);
  for (const name of SCENARIO_NAMES) {
    const { stdout } = await run(["--print-scenario", name]);
    const { scenarios = [] } = await options(["--scenario", "./copy.yaml"], { files: { "./copy.yaml": stdout } });
    expect(scenarios.map((scenario) => ({ name, ...scenario })) as unknown).toEqual(builtInScenarios(name));
  }
});

test("main() ends with 2 and one sentence for what it cannot use", async () => {
  const files = { "bad.json": "{", "odd.json": '{"users":[]}', "bad.yaml": "steps:\n  - { aftr: 1 }\n" };
  const cases: [string[], string][] = [
    [["--nonsense"], "nonsense"],
    [["here"], 'unexpected argument "here"'],
    [["--port", "x"], 'bad value for "--port": current value is "x"'],
    [["--port", "70000"], 'bad value for "--port"'],
    [["--clock", "sun"], '"--clock" must be one of real, virtual: current value is "sun"'],
    [["--server-revision", "next"], "must be one of base, later"],
    [["--with", "magic"], 'there is no switch "magic"'],
    [["--repo", "acme"], "must have the form OWNER/NAME=PATH"],
    [["--repo", "acme/web=/nowhere"], 'no Git repository at "/nowhere"'],
    [["--harness", "codex=true"], '"--harness" needs a repository to work on; add "--repo OWNER/NAME=PATH"'],
    [["--harness", "vim=true", "--repo", "a/b=."], 'there is no harness "vim"; use one of codex, claude-code'],
    [["--fixture", "no.json"], 'Cannot read "no.json": there is no such file'],
    [["--fixture", "bad.json"], 'Cannot read "bad.json"'],
    [["--fixture", "odd.json"], 'at "tokens", it must be an array'],
    [["--scenario", "perfect"], 'there is no built-in scenario "perfect"; use one of success'],
    [["--scenario", "bad.yaml"], 'bad.yaml:2:13: at "steps.0.aftr", there is no such field'],
    [["--print-scenario", "x"], 'there is no built-in scenario "x"'],
    [["--faults", "rate=9,kinds=503"], "rate must be between 0 and 1"],
    [["--sandbox-limit=-1"], 'bad value for "--sandbox-limit"'],
    [["--sandbox-limit", "1.5"], "use a whole number of 0 or more"],
    [["--sandbox-linger=-1"], 'bad value for "--sandbox-linger"'],
    [
      ["--repos", "many"],
      '"--repos" must have the form N or OWNER=N, with N from 1 to 100000: current value is "many"',
    ],
    [["--repos", "0"], 'current value is "0"'],
    [["--repos", "acme=100001"], 'current value is "acme=100001"'],
    [["--repos", "=5"], 'current value is "=5"'],
    [["--repos", "a/b=5"], "the owner can contain only letters, digits, underscores, hyphens and dots"],
    [["--repos", "..=5"], "and must not consist of dots alone: ..=5"],
    [["--repos", "5", "--repos", "acme=6"], 'the owner "acme" appears twice; use each owner only once'],
    [["--harness-env", "A=b"], '"--harness-env" must be the name of a variable: current value is "A=b"'],
    [["--time-limit", "0"], 'bad value for "--time-limit"'],
    [["--host", "0.0.0.0", "--control"], 'Cannot listen on "0.0.0.0"'],
  ];
  for (const [args, problem] of cases) {
    const { code, stdout, stderr } = await run(args, { files });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toStartWith("error: ");
    expect(stderr).toContain(problem);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  }
});

test("readOptions() turns flags into options", async () => {
  const given = await options([
    "--server-revision",
    "later",
    "--without",
    "tailWindow",
    "--faults",
    "rate=0.5,kinds=503",
    "--seed",
    "9",
    "--time-limit",
    "1.5",
    "--start-limit-scope",
    "user",
    "--start-limits",
    "off",
    "--repo",
    "acme/web=/srv/web",
    "--harness",
    "codex=sed -i s/a=b/c/ x",
    "--harness-env",
    "CI",
    "--harness-env",
    "NO_COLOR",
    "--sandbox-limit",
    "3",
    "--sandbox-linger",
    "90",
    "--repos",
    "120",
    "--repos",
    "team-b=7",
  ]);
  expect(given).toMatchObject({
    revision: { tailWindow: false, checksMode: true },
    randomFaults: { rate: 0.5, kinds: ["503"], seed: 9 },
    timeLimitMs: 1_500,
    startLimitScope: "user",
    startLimits: false,
    repos: [{ fullName: "acme/web", path: "/srv/web" }],
    commands: { codex: "sed -i s/a=b/c/ x" },
    environment: ["CI", "NO_COLOR"],
    sandboxLimit: 3,
    sandboxLingerMs: 90_000,
    projects: [{ owner: "acme", count: 120 }, { owner: "team-b", count: 7 }],
    controlRoutes: false,
    scenarios: [{ name: "success" }],
  });
  const harness = ["--repo", "a/b=.", "--harness", "codex=true"];
  const outputs = [harness, [...harness, "--without", "agentOutput"], []].map(async (args) =>
    (await options(args)).revision
  );
  expect((await Promise.all(outputs)).map((each) => each?.agentOutput)).toEqual([true, false, false]);
  expect(await options(["--like", "service"])).toMatchObject({ like: "service", sandboxLimit: undefined });
  expect((await options(["--control"])).scenarios).toEqual([]);
  const { scenarios } = await options(["--scenario", "no-changes", "--scenario", "campaign"]);
  expect(scenarios?.map(({ name }) => name)).toEqual([
    "no-changes",
    "agent-failure",
    "delivery-failure",
    "rate-limited",
    "no-changes",
    "success",
    "awaiting-input",
    "success",
  ]);
});

test("readOptions() says that no agent works for a harness without a command, unless --quiet", () => {
  const note = "note: there is no command for codex, so a scenario simulates its runs. " +
    "For a real run, add --harness 'codex=COMMAND'\n";
  for (const [args, line] of [[[], note], [["--quiet"], ""]] as const) {
    const io = fakeIo();
    readOptions(io, parseFlags("mogplex-emulator", args, FLAGS)).onScripted?.("codex");
    expect(io.text.stderr).toBe(line);
  }
});

test("readOptions() logs a run that no scenario fits in a line, unless --quiet", () => {
  for (const [args, line] of [[[], "no scenario matches run r-1: it stays pending\n"], [["--quiet"], ""]] as const) {
    const io = fakeIo();
    readOptions(io, parseFlags("mogplex-emulator", args, FLAGS)).onUnfit?.("r-1");
    expect(io.text.stderr).toBe(line);
  }
});
