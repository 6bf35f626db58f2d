import { expect, test } from "bun:test";
import { SCENARIO_TEXTS } from "../../../../lib/emulator/agents/scenario.ts";
import { project } from "../../campaign/world.ts";
import { type WritingForge, writingForge } from "../../campaign/writing_forge.ts";
import { aNode, json } from "../../forge/github_forge.ts";
import { GITHUB_TOKEN } from "../../forge/world.ts";
import { type CliWorld, cliWorld } from "./world.ts";

const SCENARIO = (SCENARIO_TEXTS.success ?? "").replace('"${pull}"', '"https://github.com/${repo}/pull/7"');
const UNASKED = { reviewDecision: null, latestOpinionatedReviews: { nodes: [] } };
const TOKEN = { env: { GITHUB_TOKEN } };

/** A campaign that is done, with a pull request for each repository for which nobody was asked. */
async function doneWorld(count = 2): Promise<CliWorld & { forge: WritingForge }> {
  const forge = writingForge();
  for (let number = 1; number <= count; number++) forge.add(project(number), aNode(UNASKED));
  const world = cliWorld({ count, scenarios: SCENARIO, file: { branch: "mogplex/replace-moment" } });
  world.forge = forge;
  expect((await world.campaign("run", [], TOKEN)).code).toBe(0);
  await world.clock.sleep(10 * 60_000);
  return Object.assign(world, { forge });
}

const ALL = ["--only", "acme/*"];
const url = (number: number) => `https://github.com/${project(number)}/pull/7`;

test("campaign ask shows what it would do with --dry-run, and does it with --yes", async () => {
  const world = await doneWorld();
  const args = [...ALL, "--reviewer", "ann", "--reviewer", "team:web"];
  const list = [1, 2].map((number) =>
    `  ${url(number)}: from ann, team:web; the forge does not show who has worked on it\n`
  );
  expect(await world.campaign("ask", [...args, "--dry-run"], TOKEN)).toMatchObject({
    ...{ code: 0, stderr: "", stdout: `would request reviews of 2 pull requests:\n${list.join("")}` },
  });
  expect(world.forge.writes).toEqual([]);
  expect(await world.campaign("ask", [...args, "--yes"], TOKEN)).toMatchObject({
    ...{ code: 0, stderr: "", stdout: `requesting reviews of 2 pull requests:\n${list.join("")}done: 2 of 2\n` },
  });
  expect(world.forge.writes.length).toBe(2);
});

test("campaign close and ask change nothing without a person's word", async () => {
  const world = await doneWorld();
  const close = ["close", ...ALL, "--reason", "not wanted"];
  for (const [verb = "", ...args] of [close, ["ask", ...ALL, "--reviewer", "ann"]]) {
    const job = await world.campaign(verb, args, TOKEN);
    expect([job.code, job.stderr]).toEqual([
      2,
      expect.stringContaining("the list cannot be confirmed outside a terminal; check the list, then add --yes"),
    ]);
    // It is not known here who has worked on them.
    const terminal = await world.campaign(verb, args, { ...TOKEN, terminal: true });
    expect([terminal.code, terminal.stderr]).toEqual([
      2,
      expect.stringContaining("people may have worked on 2 of them; check the list, then add --yes"),
    ]);
  }
  expect(world.forge.writes).toEqual([]);
});

test("campaign close refuses without a reason, without a selection, and without a token", async () => {
  const world = await doneWorld(1);
  const codes: unknown[] = [];
  for (
    const [args, more] of [
      [[...ALL, "--yes"], TOKEN],
      [["--reason", "x", "--yes"], TOKEN],
      [[...ALL, "--reason", "x", "--yes"], {}],
    ] as const
  ) {
    const { code, stderr } = await world.campaign("close", [...args], more);
    codes.push([code, /Cannot close pull requests: ([^;]+)/.exec(stderr)?.[1]]);
  }
  expect(codes).toEqual([
    [2, "the reason is missing"],
    [2, "no items are selected"],
    [2, "no forge token is set"],
  ]);
});

test("campaign ask and close advise no token for the pull requests of a local Mogplex", async () => {
  const scenarios = SCENARIO.replace("https://github.com/", "http://127.0.0.1:3000/");
  const world = cliWorld({ count: 1, scenarios });
  await world.campaign("run");
  for (const [verb, args] of [["ask", ["--reviewer", "ann"]], ["close", ["--reason", "x"]]] as const) {
    const { code, stderr } = await world.campaign(verb, [...ALL, ...args, "--yes"]);
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining(
        "no forge token is set; a local Mogplex has no forge, so its pull requests cannot be changed; if this is a forge, set GITHUB_TOKEN",
      ),
    ]);
  }
});

test("campaign close prints JSON, with what it has done", async () => {
  const world = await doneWorld(1);
  const { code, stdout } = await world.campaign("close", [...ALL, "--reason", "x", "--yes", "--json"], TOKEN);
  expect([code, JSON.parse(stdout)]).toEqual([0, {
    change: "close",
    dryRun: false,
    changes: [{ item: `${project(1)}@main`, url: url(1), whom: [], people: null }],
    left: [],
    results: [{ item: `${project(1)}@main`, act: "close", url: url(1), state: "done", reason: null }],
  }]);
});

test.each<[string, Response, number, string]>([
  [
    "a refused token",
    json(401, { message: "Bad credentials" }),
    64,
    "GitHub refuses the token in variable GITHUB_TOKEN",
  ],
  [
    "a missing right",
    json(403, { message: "no" }),
    65,
    'needs the permission "pull-requests: write" (in a pull request from a fork, it can only read), or the conversation is locked; `campaign close` writes comments',
  ],
  ["an unreachable forge", json(500, { message: "no" }), 69, "GitHub has a problem"],
])("campaign close ends with its code after %s", async (_what, answer, code, words) => {
  const world = await doneWorld(1);
  world.forge.hidesComments = true;
  world.forge.writeFaults.push(answer);
  const ended = await world.campaign("close", [...ALL, "--reason", "x", "--yes"], TOKEN);
  expect([ended.code, ended.stderr]).toEqual([code, expect.stringContaining(words)]);
});

test("campaign ask ends with 1 when the forge refuses everybody, and names the pull request", async () => {
  const world = await doneWorld(1);
  const ended = await world.campaign("ask", [...ALL, "--reviewer", "nobody", "--yes"], TOKEN);
  expect([ended.code, ended.stderr]).toEqual([
    1,
    expect.stringContaining(`the forge refused ${url(1)}: Reviews may only be requested from collaborators`),
  ]);
  expect((await world.campaign("ask", [...ALL, "--reviewer", "@ann", "--yes"], TOKEN)).stderr).toContain(
    "it must be the name of a user, team:NAME or codeowners",
  );
});
