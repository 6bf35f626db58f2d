/** The published descriptions of GitHub's APIs. The unit tests check our write requests against them, and this experiment checks our GraphQL. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { virtualClock } from "../../lib/clock.ts";
import { readAddress } from "../../lib/forge/address.ts";
import { ForgeClient } from "../../lib/forge/client.ts";
import { GITHUB } from "../../lib/forge/github.ts";
import type { Fetch } from "../../lib/service/transport.ts";
import { describe, type Description, GITHUB_OPERATIONS } from "../../tests/unit/forge/api_description.ts";
import DESCRIPTIONS from "../../tests/unit/forge/api_descriptions.json" with { type: "json" };
import { COMMIT, ORDER, type Prepared, writesWorld } from "../../tests/unit/forge/writes_world.ts";
import type { Bench } from "../bench.ts";
import type { Experiment } from "../experiment.ts";
import { GITHUB_GRAPHQL, GITHUB_OPENAPI } from "../programs.ts";

function rest(bench: Bench): Promise<void> {
  const document = JSON.parse(readFileSync(GITHUB_OPENAPI.provide(), "utf8"));
  const published = describe(document, GITHUB_OPERATIONS);
  const { operations } = DESCRIPTIONS.github as unknown as Description;
  for (const name of GITHUB_OPERATIONS) {
    const [seen, wanted] = [published, operations].map((each) => JSON.stringify(each[name]));
    bench.check(`${name} is described as in the unit tests`, seen === wanted, seen);
  }
  return Promise.resolve();
}

async function documents(): Promise<[what: string, query: string, variables: Record<string, unknown>][]> {
  const queue = (isQueued: boolean): Prepared => [200, {
    data: { repository: { pullRequest: { id: "PR_1", mergeQueueEntry: isQueued ? { state: "QUEUED" } : null } } },
  }];
  const done: Prepared = [200, { data: {} }];
  const enter = writesWorld("ghes", [queue(false), done]);
  await enter.writer.merge({ ...ORDER, hasQueue: true });
  const leave = writesWorld("github", [queue(true), done, queue(false)]);
  await leave.writer.leaveQueue();
  const me = writesWorld("github", [[200, { data: { viewer: { login: "ann", databaseId: 7 } } }]]);
  await me.writer.me();
  const bodyOf = (sent: unknown[] | undefined) => sent?.[1] as { query: string; variables: Record<string, unknown> };
  return ([
    ["the place in the queue", bodyOf(enter.sent[0])],
    ["entering the queue", bodyOf(enter.sent[1])],
    ["leaving the queue", bodyOf(leave.sent[1])],
    ["the user of the token", bodyOf(me.sent[0])],
  ] as const).map(([what, { query, variables }]) => [what, query, variables]);
}

/** The answers are empty, so each read fails after its request. */
async function readings(): Promise<[what: string, query: string, variables: Record<string, unknown>][]> {
  const all: [string, string, Record<string, unknown>][] = [];
  const address = readAddress([GITHUB.address], "https://github.com/acme/web/pull/7");
  if (address === undefined) throw new Error("the address was not read");
  async function capture(what: string, read: (client: ForgeClient) => Promise<unknown>): Promise<void> {
    // deno-lint-ignore require-await
    const fetch = (async (_url: string, init: RequestInit) => {
      const { query, variables } = JSON.parse(String(init.body ?? "{}"));
      if (query !== undefined) all.push([what, query, variables]);
      return Response.json({ message: "Not Found" }, { status: 404 });
    }) as Fetch;
    const token = { token: "x", place: "x" };
    const client = new ForgeClient({ clock: virtualClock(), fetch }, GITHUB, "https://api.github.com", token);
    await read(client).catch(() => undefined);
  }
  await capture("reading pull requests", (client) => GITHUB.pulls.read(client, [address, address]));
  await capture(
    "finding a pull request",
    (client) => GITHUB.pulls.find(client, { repository: "acme/web", branch: "x", since: 0 }),
  );
  for (const aspect of ["checks", "review"] as const) {
    await capture(`reading the ${aspect}`, (client) => GITHUB.pulls.findings(client, address, aspect));
  }
  await capture(
    "reading the checks of a commit",
    (client) => GITHUB.merging?.checks(client, address, COMMIT) ?? Promise.resolve(),
  );
  await capture("reading what decides a merge", (client) => GITHUB.merging?.read(client, address) ?? Promise.resolve());
  return all;
}

interface GraphqlModule {
  buildSchema(text: string, options: { assumeValidSDL: boolean }): unknown;
  parse(text: string): { definitions: { variableDefinitions?: { variable: { name: { value: string } } }[] }[] };
  validate(schema: unknown, document: unknown): { message: string }[];
}

async function graphql(bench: Bench): Promise<void> {
  const path = GITHUB_GRAPHQL.provide();
  const { buildSchema, parse, validate }: GraphqlModule = await import(join(dirname(path), "../../graphql/index.js"));
  // The published file contains two fields twice.
  const schema = buildSchema(readFileSync(path, "utf8"), { assumeValidSDL: true });
  for (const [what, query, variables] of [...await documents(), ...await readings()]) {
    const document = parse(query);
    const errors = validate(schema, document).map(({ message }) => message).join("; ");
    bench.check(`${what} is valid by the schema`, errors === "", errors);
    const names = document.definitions.flatMap(({ variableDefinitions = [] }) => variableDefinitions)
      .map(({ variable }) => variable.name.value).sort();
    bench.check(`${what} has its variables`, names.join() === Object.keys(variables).sort().join(), names.join());
  }
  const wrong = `mutation { enqueuePullRequest(input: { pullRequestId: "1", sha: "${COMMIT}" }) { clientMutationId } }`;
  bench.check("a wrong field is found", validate(schema, parse(wrong)).length > 0);
}

export const FORGE_API: readonly Experiment[] = [
  {
    name: "forge-api-rest",
    system: "GitHub API",
    programs: [GITHUB_OPENAPI],
    tried: "read, not called: the unit tests' description of changes to pull requests matches the published schema",
    run: rest,
  },
  {
    name: "forge-api-graphql",
    system: "GitHub API",
    programs: [GITHUB_GRAPHQL],
    tried: "read, not called: our GraphQL queries for pull requests and merge queues match the published schema",
    run: graphql,
  },
];
