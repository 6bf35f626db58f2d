import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseFixture } from "../../../../lib/emulator/state/fixture.ts";
import type { Revision } from "../../../../lib/emulator/state/store.ts";
import fixture from "../../../conformance/fixture.json" with { type: "json" };
import { API_REPO, arrange, type Arranged, AUTOMATION } from "../arrange.ts";

/** A second repository of the same user and installation, and one of another installation. */
const [WEB_REPO = "", FAR_REPO = ""] = [101, 102].map((installation) =>
  fixture.repos.find((repo) => repo.user === "alice" && repo.id !== API_REPO && repo.installation_id === installation)
    ?.id ??
    ""
);
const DRAFT = "f1000000-0000-4000-8000-000000000003";
const NOBODY = "0f0f0f0f-0000-4000-8000-00000000dead";

const INPUTS = [
  { name: "text", type: "string", required: true },
  { name: "short", type: "string", maxLength: 3, pattern: "^[a-z]+$" },
  { name: "level", type: "string", enum: ["low", "high"] },
  { name: "count", type: "integer" },
  { name: "dry", type: "boolean" },
  { name: "data", type: "json" },
];

/** An emulator whose active automation has changed fields. */
function automation(fields: object, revision: Partial<Revision>): Arranged {
  const automations = fixture.automations.map((each) => each.id === AUTOMATION ? { ...each, ...fields } : each);
  return arrange({ fixture: parseFixture({ ...fixture, automations }), revision });
}

async function send(world: Arranged, key: string, given: { id?: string; token?: string; body?: object } = {}) {
  const { status, json } = await world.call("POST", `/automations/${given.id ?? AUTOMATION}/trigger`, {
    headers: { "idempotency-key": key },
    body: { repoId: API_REPO, ...given.body },
    token: given.token ?? "alice_rw",
  });
  return {
    status,
    run: json.data?.run,
    problem: json.error === undefined ? "" : `${json.error.code} ${json.error.message}`,
  };
}

const metadata = ({ emulator }: Arranged) => [...emulator.world.store.automationRuns.values()].at(-1)?.metadata;

test("typedInputs accepts what an API trigger declares, and refuses the first input that it does not", async () => {
  const world = automation({ startEvent: "api", inputs: INPUTS }, { typedInputs: true });
  const good = { text: "x".repeat(2_000), short: "abc", level: "low", count: -3, dry: false, data: [null] };
  expect((await send(world, "good", { body: { input: good } })).status).toBe(202);
  expect(metadata(world)).toMatchObject({ short: "abc", count: -3 });
  const cases: [object, string][] = [
    [{}, "Input text is required"],
    [{ text: 5 }, "Input text must be a string"],
    [{ text: "x".repeat(2_001) }, "Input text must be at most 2000 characters"],
    [{ text: "x", short: "abcd" }, "Input short must be at most 3 characters"],
    [{ text: "x", short: "A" }, "Input short must match ^[a-z]+$"],
    [{ text: "x", level: "middle" }, "Input level must be one of low, high"],
    [{ text: "x", count: 1.5 }, "Input count must be an integer"],
    [{ text: "x", count: "1" }, "Input count must be an integer"],
    [{ text: "x", dry: "true" }, "Input dry must be a boolean"],
    [{ text: "x", data: "x".repeat(64 * 1_024) }, "Input data must be at most 65536 bytes of JSON"],
    [{ text: "x", other: 1 }, "Unknown input: other"],
    [{ text: "x", constructor: 1 }, "Unknown input: constructor"],
    [{ text: "x", data: "x".repeat(512 * 1_024) }, "input must be at most 524288 bytes of JSON"],
  ];
  for (const [input, problem] of cases) {
    expect(await send(world, "bad", { body: { input } })).toMatchObject({
      status: 400,
      problem: `BAD_REQUEST ${problem}`,
    });
  }
  const base = automation({ startEvent: "api", inputs: INPUTS }, {});
  expect((await send(base, "k", { body: { input: { other: 1 } } })).status).toBe(202);
});

test("dropsInputs drops inputs with reserved names, unless the automation has an API trigger", async () => {
  const input = {
    flow_x: 1,
    repo_x: 1,
    sandbox_x: 1,
    sourceful: 1,
    dispatch_x: 1,
    triggered: 1,
    input1: 1,
    slack: 1,
    kept: 2,
  };
  const dropped = ["flow_x", "repo_x", "sandbox_x", "sourceful", "dispatch_x", "triggered", "input1", "slack"];
  const world = automation({}, { dropsInputs: true });
  await send(world, "k", { body: { input } });
  expect(metadata(world)).toMatchObject({ kept: 2 });
  expect(dropped.filter((name) => Object.hasOwn(metadata(world) ?? {}, name))).toEqual([]);
  const api = automation({ startEvent: "api" }, { dropsInputs: true });
  await send(api, "k", { body: { input } });
  expect(metadata(api)).toMatchObject(input);
});

/** Those of these inputs that do not reach the run of an automation without an API trigger. */
async function dropped(names: readonly string[]): Promise<string[]> {
  const world = automation({}, { dropsInputs: true });
  const { status } = await send(world, "k", {
    body: { input: Object.fromEntries(names.map((name) => [name, "mine"])) },
  });
  expect(status).toBe(202);
  const kept = new Map(Object.entries(metadata(world) ?? {}));
  return names.filter((name) => kept.get(name) !== "mine");
}

test("dropsInputs knows seven prefixes and seven names", async () => {
  const whole = ["working_branch", "installation_id", "team_id", "default_branch", "webhook", "slack", "schedule"];
  expect(await dropped(whole)).toEqual(whole);
  expect(await dropped(whole.map((name) => `${name}_2`))).toEqual([]);
  const prefix = fc.constantFrom("flow_", "repo_", "sandbox_", "source", "dispatch_", "trigger", "input");
  const names = fc.uniqueArray(fc.tuple(prefix, fc.string()).map(([start, end]) => start + end), { maxLength: 20 });
  await fc.assert(fc.asyncProperty(names, async (all) => expect(await dropped(all)).toEqual(all)));
  expect(await dropped(["flow", "repo", "Source", "my_input", "branch"])).toEqual([]);
});

test("comparedTriggers compares the input and not the repository", async () => {
  const world = arrange({ revision: { comparedTriggers: true } });
  const first = await send(world, "k", { body: { input: { a: 1, b: 2 } } });
  const elsewhere = await send(world, "k", { body: { repoId: WEB_REPO, input: { b: 2, a: 1 } } });
  expect(elsewhere.run).toMatchObject({ outcome: "replayed", replayed: true, jobRunId: first.run.jobRunId });
  expect((await send(world, "k", { body: { input: { a: 1 } } })).problem).toStartWith("IDEMPOTENCY_CONFLICT");
});

test("replayReason gives a replay a reason and no runtime", async () => {
  const outcomes = [];
  for (const replayReason of [false, true]) {
    const world = arrange({ revision: { comparedTriggers: true, replayReason } });
    await send(world, "k");
    const { run } = await send(world, "k");
    outcomes.push([run.outcome, run.reason, run.status, run.runtime === null]);
  }
  expect(outcomes).toEqual([["replayed", null, "running", false], [
    "replayed",
    "IDEMPOTENT_DUPLICATE",
    "running",
    true,
  ]]);
});

test("triggerMetadata writes down input, hash, version, trigger and team", async () => {
  const world = arrange({ revision: { triggerMetadata: true } });
  await send(world, "k", { body: { input: { b: 1, a: "é" } } });
  expect(metadata(world)).toMatchObject({
    a: "é",
    input: { a: "é", b: 1 },
    // Made with: printf '{"a":"é","b":1}' | sha256sum
    input_hash: "aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e",
    flow_version_number: 3,
    trigger: { credential: "api_key", key_id: "alice_rw", label: "alice_rw" },
    team_id: null,
  });
  const base = arrange();
  await send(base, "k");
  expect(Object.keys(metadata(base) ?? {})).not.toContain("input_hash");
});

test("permittedRepos refuses a repository that the automation does not name", async () => {
  const key = fixture.repos.find(({ id }) => id === API_REPO)?.key;
  const world = automation({ permittedRepos: [key] }, { permittedRepos: true });
  expect((await send(world, "a")).status).toBe(202);
  const other = await send(world, "b", { body: { repoId: WEB_REPO } });
  expect([other.status, other.problem.split(" ")[0]]).toEqual([403, "FORBIDDEN"]);
  const base = automation({ permittedRepos: [key] }, {});
  expect((await send(base, "b", { body: { repoId: WEB_REPO } })).status).toBe(202);
});

test("automationBranch derives the branch of an API trigger from user, automation and key", async () => {
  const revision = { comparedTriggers: true, automationBranch: true };
  const branchOf = async (key: string) => {
    const world = automation({ startEvent: "api" }, revision);
    const { run } = await send(world, key);
    expect(metadata(world)).toMatchObject({ working_branch: run.workingBranch });
    return run.workingBranch;
  };
  const [first, again, other] = [await branchOf("a"), await branchOf("a"), await branchOf("b")];
  expect(first).toMatch(/^mogplex\/automation-[0-9a-f]{16}$/);
  expect([again === first, other === first]).toEqual([true, false]);
  expect((await send(arrange({ revision }), "a")).run.workingBranch).toBeNull();
});

test("automationsOnly lets a marked token trigger automations with an API trigger, and no others", async () => {
  const statuses = [];
  for (const startEvent of ["push", "api"]) {
    const world = automation({ startEvent }, { automationsOnly: true });
    world.emulator.control("setToken", { token: "alice_rw", set: { automationsOnly: true } });
    const { status, problem } = await send(world, "k");
    statuses.push([status, problem.split(" ")[0]]);
  }
  expect(statuses).toEqual([[403, "AUTOMATION_REQUIRED"], [202, ""]]);
});

test("triggerAutomation() checks in the order of later revisions", async () => {
  const fields = { startEvent: "push", permittedRepos: [] as string[], inputs: INPUTS };
  const revision = { automationsOnly: true, permittedRepos: true, typedInputs: true };
  const world = automation(fields, revision);
  world.emulator.control("setToken", { token: "alice_rw", set: { automationsOnly: true } });
  const bad = { input: { other: 1 } };
  const seen = [
    await send(world, "k", { id: NOBODY, body: { ...bad, repoId: NOBODY } }),
    await send(world, "k", { id: DRAFT, body: { ...bad, repoId: NOBODY } }),
    await send(world, "k", { body: { ...bad, repoId: NOBODY } }),
  ];
  const api = automation({ ...fields, startEvent: "api" }, revision);
  seen.push(
    await send(api, "k", { body: { ...bad, repoId: NOBODY } }),
    await send(api, "k", { body: { ...bad, repoId: FAR_REPO } }),
    await send(api, "k", { body: bad }),
    await send(automation({ startEvent: "api", inputs: INPUTS }, revision), "k", { body: bad }),
  );
  expect(seen.map(({ status, problem }) => `${status} ${problem.split(" ")[0]}`)).toEqual([
    "404 NOT_FOUND",
    "409 CONFLICT",
    "403 AUTOMATION_REQUIRED",
    "404 NOT_FOUND",
    "400 BAD_REQUEST",
    "403 FORBIDDEN",
    "400 BAD_REQUEST",
  ]);
});
