import { expect, test } from "bun:test";
import { parse } from "yaml";
import { sha256Hex } from "../../../../lib/sha256.ts";
import { type CliWorld, cliWorld } from "./world.ts";

const PROGRAM = { "ci/mogplex.mjs": "#!/usr/bin/env node\n" };

/** A world with a program in the repository and a plan. */
async function planned(options: Parameters<typeof cliWorld>[0] = {}): Promise<CliWorld> {
  const world = cliWorld(options);
  world.files.set("ci/mogplex.mjs", PROGRAM["ci/mogplex.mjs"]);
  expect((await world.campaign("plan")).code).toBe(0);
  return world;
}

const pipeline = (world: CliWorld, ...args: string[]) => world.campaign("pipeline", ["--format", "gitlab", ...args]);

/** Name, `start_in` and `when` of each wave. */
function waves(text: string): { when: string; delay: string }[] {
  return Object.entries<{ when?: string; start_in?: string }>(parse(text)).filter(([name]) => name.startsWith("wave-"))
    .map(([, { when = "", start_in = "" }]) => ({ when, delay: start_in }));
}

test("campaign pipeline prints a pipeline with the checksums of file and program, and sends and writes nothing", async () => {
  const world = await planned();
  const [requests, files] = [world.requests.length, world.files.size];
  const { code, stdout, stderr } = await pipeline(world);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  for (const path of ["campaign.yml", "ci/mogplex.mjs"]) {
    expect(stdout).toContain(await sha256Hex(world.files.get(path) ?? ""));
  }
  expect([world.requests.length, world.files.size]).toEqual([requests, files]);
  const again = await pipeline(world);
  expect(again.stdout).toBe(stdout);
});

test("campaign pipeline plans waves while runs are at work, none while only a quota is waited for, and some to spare", async () => {
  const world = await planned({ count: 40 });
  const close = waves((await pipeline(world)).stdout);
  expect(new Set(close.slice(1).map(({ delay }) => delay))).toEqual(new Set(["15 minutes"]));
  expect(waves((await pipeline(world, "--every", "1h")).stdout).length).toBeLessThan(close.length);
  expect(waves((await pipeline(world, "--rehearsal", "5s")).stdout)[1]).toEqual({
    when: "delayed",
    delay: "5 seconds",
  });
  // 150 starts, 30 an hour, then the quota of the day.
  const many = await planned({ count: 170 });
  const delays = waves((await pipeline(many, "--mean-run", "5m")).stdout).map(({ delay }) =>
    Number(delay.split(" ")[0])
  );
  expect(delays.filter((minutes) => minutes > 15).length).toBe(1);
  const { code, stderr } = await pipeline(await planned({ count: 500 }));
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/at most 200 waves.*--every/) });
});

test("campaign pipeline lets a person open a manual gate behind the canary, and the gate that is closed now", async () => {
  const world = await planned({ count: 9, file: { canary: { size: 3, gate: "manual" } } });
  const before = waves((await pipeline(world)).stdout).map(({ when }) => when);
  const gate = before.indexOf("manual");
  expect(gate).toBeGreaterThan(2);
  expect(gate).toBeLessThan(before.length - 2);
  for (let wave = 0; wave < 10; wave++) {
    await world.campaign("advance");
    await world.clock.sleep(20 * 60_000);
  }
  expect(waves((await pipeline(world)).stdout)[0]?.when).toBe("manual");
  await world.campaign("approve");
  expect(waves((await pipeline(world)).stdout).some(({ when }) => when === "manual")).toBe(false);
});

test("campaign pipeline goes on where the journal is", async () => {
  const world = await planned({ count: 12 });
  const first = waves((await pipeline(world)).stdout).length;
  for (let wave = 0; wave < 3; wave++) {
    await world.campaign("advance");
    await world.clock.sleep(15 * 60_000);
  }
  expect(waves((await pipeline(world)).stdout).length).toBeLessThan(first);
});

test("campaign pipeline writes a file, or a directory, and says so", async () => {
  const world = await planned();
  const { code, stdout, stderr } = await pipeline(world, "--output", "waves.yml", "--tag", "linux", "--tag", "big");
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "note: wrote waves.yml\n" });
  expect(parse(world.files.get("waves.yml") ?? "")[".mogplex-job"].tags).toEqual(["linux", "big"]);
  await pipeline(world, "--output", "ci/");
  expect(world.files.get("ci/campaign.gitlab-ci.yml")).toContain("  stage: plan");
  const { stdout: json } = await pipeline(world, "--json");
  expect(JSON.parse(json)).toEqual({
    files: [{ path: "campaign.gitlab-ci.yml", text: expect.stringContaining("plan:") }],
  });
});

test("campaign pipeline refuses what is missing or hostile, with words", async () => {
  const world = await planned();
  const cases: [args: string[], message: string][] = [
    [
      ["--format", "jenkins"],
      'this CI system is not supported: "jenkins"; use --format gitlab, or a recipe',
    ],
    [
      ["--format", "github"],
      'this CI system is not supported: "github"; use --format gitlab, or a recipe',
    ],
    [["--image", "$(touch x)"], "it must be the name of an image"],
    [["--image", "node\n"], "it must be the name of an image"],
    [["--tag", "$[[ inputs.x ]]"], "it must be letters, digits"],
    [["--every", "10s"], "it must be from 1m to 24h"],
    [["--from-job", "plan"], "CI_PIPELINE_ID is not a number"],
    [["--program", "none.mjs"], "the program that jobs run does not exist"],
    [["--program", "command:a b"], "the command of the image is not the name of a command"],
    [["--program", "../ci/mogplex.mjs"], "the program"],
    [["--home", "git:origin#-x"], "the branch cannot be used"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await pipeline(world, ...args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toContain(message);
  }
  const none = cliWorld();
  none.files.set("ci/mogplex.mjs", "");
  expect((await pipeline(none)).stderr).toContain("there is no plan");
  expect((await world.campaign("pipeline")).stderr).toContain("no CI system was given");
  await world.campaign("stop");
  expect((await pipeline(world)).stderr).toContain("the campaign was stopped by kim");
});

test("campaign pipeline refuses homes in which something is hidden", async () => {
  const world = cliWorld();
  world.files.set("ci/mogplex.mjs", PROGRAM["ci/mogplex.mjs"]);
  const cases: [args: string[], message: string][] = [
    [["--home", "git:https://u:pw@forge.example/x#b"], "it contains credentials"],
    [["--home", "git:ext::sh -c x#b"], "use the address of a Git repository"],
    [["--home", "git:/srv/x\n- run: touch PWNED\n#b"], "use the address of a Git repository"],
    [["--home", "git:origin#b\n  - command: touch PWNED"], "the branch cannot be used"],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await pipeline(world, ...args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("pw@");
  }
});
