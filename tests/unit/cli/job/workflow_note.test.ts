/**
 * The note of a workflow's job on its pull request, for the command. Comments of Gitea and Forgejo have GitHub's API: the server here has its
 * answers, and `respond` writes such notes on a real Gitea in the lab.
 */
import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { noteMarker } from "../../../../lib/forge/note.ts";
import { ACTIONS_APP, GITHUB_TOKEN, type GithubServer, githubServer } from "../../report/github_server.ts";
import { aNode, githubForge, type Node, reviews } from "../../forge/github_forge.ts";
import { builtInScenario } from "../../emulator/scenarios.ts";
import { fakeIo } from "../fake_io.ts";
import { REPO, TOKEN, world } from "../world.ts";

const GITEA_TOKEN = "0123456789abcdef0123456789abcdef01234567";
const EVENT = { pull_request: { number: 7, title: "@mogplex $MOGPLEX_API_KEY" }, repository: { id: 5 } };

interface Options {
  env?: Record<string, string>;
  args?: string[];
  scenario?: string;
  event?: unknown;
  forge?: GithubServer;
  /** The pull requests of acme/web by their numbers, as GraphQL shows them. */
  pulls?: Record<number, Node>;
  /** The pull request of the run. @default that of the scenario */
  delivered?: string | null;
}

/** Calls `run --follow` in a job of a workflow. */
async function job(
  system: string,
  { env = {}, args = ["--note", "auto"], scenario = "success", ...more }: Options = {},
) {
  const delivery = `"pull_request_url":${JSON.stringify(more.delivered)}`;
  const scenarios = more.delivered === undefined
    ? [builtInScenario(scenario)]
    : [JSON.parse(JSON.stringify(builtInScenario(scenario)).replace(/"pull_request_url":"[^"]*"/, () => delivery))];
  const at = world(scenario, { scenarios });
  const forge = more.forge ?? githubServer("acme/web", "7");
  forge.tokens.set(GITEA_TOKEN, { user: 77, ofJob: false, pullRequests: "write" });
  const io = fakeIo({
    files: { "/event.json": JSON.stringify(more.event ?? EVENT) },
    env: {
      ...{ MOGPLEX_API_KEY: TOKEN, GITHUB_ACTIONS: "true", [system]: "true" },
      ...{ GITEA_TOKEN, GITHUB_TOKEN, GITHUB_SERVER_URL: "https://git.example.com", GITHUB_API_URL: forge.api },
      ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_EVENT_NAME: "pull_request", GITHUB_EVENT_PATH: "/event.json" },
      ...{ GITHUB_RUN_ID: "7", GITHUB_RUN_ATTEMPT: "1", GITHUB_JOB: "agent", GITHUB_WORKFLOW: "Weekly", ...env },
    },
  });
  const fetch = (url: string, init: RequestInit) => {
    const toForge = url.startsWith(forge.api);
    const sent = [...new Headers(init.headers).values()].join("\n") + String(init.body);
    if (more.pulls !== undefined && url.endsWith("/graphql")) {
      const github = githubForge("git.example.com");
      for (const [number, node] of Object.entries(more.pulls)) github.pulls.set(`acme/web#${number}`, node);
      return github.fetch(url, init);
    }
    for (const token of toForge ? [TOKEN] : [GITEA_TOKEN, GITHUB_TOKEN]) expect(sent).not.toContain(token);
    return toForge ? forge.fetch(url, init) : at.emulator.fetch(url, init);
  };
  const call = ["run", "--follow", "Fix the flaky tests", "--repo", REPO, "--create-branch", ...args];
  const code = await main(call, io, { fetch, clock: at.clock });
  return { code, forge, notes: forge.comments.map(({ body }) => body ?? ""), ...io.text };
}

const MARKER = await noteMarker(JSON.stringify(["Weekly", "agent"]), "");

const SYSTEMS = [["GITEA_ACTIONS", GITEA_TOKEN, 77], ["FORGEJO_ACTIONS", GITEA_TOKEN, 77], [
  "GITHUB_ACTIONS",
  GITHUB_TOKEN,
  ACTIONS_APP,
]] as const;

test("run --follow --note writes a comment of its own for each key part", async () => {
  const { notes } = await job("GITHUB_ACTIONS", { args: ["--note", "auto", "--key-part", "web"] });
  const marker = noteMarker(JSON.stringify(["Weekly", "agent"]), JSON.stringify(["", "web"]));
  expect(notes).toEqual([expect.stringContaining("\nJob: `Weekly / agent web`\n")]);
  expect(notes[0]).toStartWith(marker);
});

for (const [system, token, user] of SYSTEMS) {
  test(`run --follow --note keeps one comment on the pull request of the event with ${system}`, async () => {
    const { code, forge, notes, stderr } = await job(system);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "note: summary written in comment 1000 of pull request #7\n",
    });
    expect(notes.length).toBe(1);
    expect(notes[0]).toStartWith(`${MARKER}\n\n✅ **Succeeded** in 39 s: [http://localhost/acme/api/pull/1](<`);
    expect(notes[0]).toEndWith("\nJob: `Weekly / agent`\n");
    expect(forge.comments[0]?.user.id).toBe(user);
    const headers = forge.received.map((each) => /^authorization: (.*)$/m.exec(each)?.[1]);
    expect(new Set(headers)).toEqual(new Set([`Bearer ${token}`]));
    // It lives: begun with the run, and changed as that continues.
    expect(forge.requests.map((each) => each.split(" ")[0])).toContain("PATCH");
    const again = await job(system, { forge, scenario: "agent-failure", env: { GITHUB_RUN_ID: "8" } });
    expect(again.code).toBe(1);
    expect(again.notes.map((note) => /^(❌|✅) /m.exec(note)?.[1])).toEqual(["❌"]);
  });
}

const UNAPPROVED = "**Needs a review:** the newest commit is not approved.";
const WEB = "https://git.example.com/acme/web/pull";

test.each<[name: string, delivered: string | null | undefined, line: string]>([
  [
    "its own pull request",
    `${WEB}/7`,
    "#7: **Ready to merge:** the newest commit is approved, and its checks are green.",
  ],
  [
    "no pull request",
    null,
    "#7: **Ready to merge:** the newest commit is approved, and its checks are green.",
  ],
  ["another pull request", `${WEB}/8`, `#8: ${UNAPPROVED}`],
  ["a pull request that is not shown", `${WEB}/9`, ""],
  ["a pull request of another repository", "https://git.example.com/acme/api/pull/7", ""],
  ["a pull request of another server", "https://elsewhere.example/acme/web/pull/7", ""],
  ["a part of a pull request", `${WEB}/7/files`, ""],
])(
  "run --follow --note names the pull request that it is about when the run has %s",
  async (_name, delivered, line) => {
    const { notes } = await job("GITHUB_ACTIONS", { delivered, pulls: { 7: aNode(), 8: aNode(reviews()) } });
    expect(/^(?:#|.*\*\*(?:Ready|Needs|Not ready|Unknown)).*$/m.exec(notes[0] ?? "")?.[0] ?? "").toBe(line);
  },
);

test("run --follow --note says at its end what the pull request still needs", async () => {
  const { notes } = await job("GITHUB_ACTIONS", {
    delivered: `${WEB}/7`,
    pulls: { 7: aNode({ isDraft: true, ...reviews() }) },
  });
  expect(notes[0]).toEndWith(
    "\n#7: **Not ready to merge:** it is a draft; the newest commit is not approved.\n\nJob: `Weekly / agent`\n",
  );
});

test("run --follow --note shows nothing about the pull request when the run failed", async () => {
  const { notes } = await job("GITHUB_ACTIONS", { scenario: "agent-failure", pulls: { 7: aNode() } });
  expect(notes.length).toBe(1);
  expect(notes[0]).not.toContain("Ready to merge");
});

test("run --follow writes no comment of a workflow unless the flag or the variable asks for it", async () => {
  for (const [system] of SYSTEMS) {
    for (const args of [[], ["--note", "off"]]) {
      const { code, forge } = await job(system, { args });
      expect([code, forge.requests]).toEqual([0, []]);
    }
    expect((await job(system, { args: [], env: { MOGPLEX_NOTE: "auto" } })).notes.length).toBe(1);
  }
});

test("run --follow --note writes no comment in an event without a pull request", async () => {
  for (const event of [{}, { issue: { number: 7 } }, { pull_request: { number: "7/../8" } }, []]) {
    const push = await job("GITEA_ACTIONS", { event, env: { GITHUB_EVENT_NAME: "push" } });
    expect([push.code, push.forge.requests, push.stderr]).toEqual([0, [], ""]);
    const { code, forge, stdout } = await job("GITEA_ACTIONS", { event });
    expect([code, forge.requests]).toEqual([0, []]);
    // A runtime that may not read the file, for one.
    expect(stdout).toContain(
      "\n::warning title=The comment was not written::Cannot find the pull request: the file in GITHUB_EVENT_PATH cannot be read",
    );
  }
});

test("run --follow --note says what is missing for a comment, and keeps the verdict of the run", async () => {
  for (const [scenario, expected] of [["success", 0], ["agent-failure", 1]] as const) {
    for (
      const [env, words] of [
        [
          { GITEA_TOKEN: "" },
          "variable GITEA_TOKEN is empty; put a token there, with the read:user, write:issue",
        ],
        [{ GITEA_TOKEN: TOKEN }, "variable GITEA_TOKEN holds the Mogplex token"],
        [{ GITHUB_API_URL: "git.example.com" }, "Cannot find the API of Gitea: GITHUB_API_URL must be"],
      ] as const
    ) {
      const { code, forge, stdout } = await job("GITEA_ACTIONS", { scenario, env });
      expect([code, forge.requests]).toEqual([expected, []]);
      expect(stdout.split("\n").find((line) => line.startsWith("::warning title=The comment was not written::")))
        .toContain(words);
    }
  }
});
