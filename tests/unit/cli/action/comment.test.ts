import { expect, test } from "bun:test";
import { noteMarker } from "../../../../lib/forge/note.ts";
import { ACTIONS_APP, GITHUB_TOKEN, type GithubServer, githubServer } from "../../report/github_server.ts";
import { REPO, TOKEN, world } from "../world.ts";
import { type Ended, postStep, step, type StepOptions } from "./action_job.ts";

const FILE = "acme/web/.github/workflows/weekly.yml";
const MARKER = await noteMarker(JSON.stringify([FILE, "agent"]), "");

interface Commented extends Ended {
  github: GithubServer;
  /** Lines that begin with `note:`, without the line about the service's address. */
  notes: string[];
}

interface Options extends StepOptions {
  scenario?: string;
  github?: GithubServer;
}

/** A step with a comment in the event of a pull request. */
async function comment(inputs: Record<string, string> = {}, options: Options = {}): Promise<Commented> {
  const { scenario = "success", github = githubServer("acme/web", "7"), at = world(scenario), ...rest } = options;
  const fetch = (url: string, init: RequestInit) => {
    const sent = [...new Headers(init.headers).values()].join("\n") + String(init.body);
    const toGithub = url.startsWith(github.api);
    expect(sent).not.toContain(toGithub ? TOKEN : GITHUB_TOKEN);
    return toGithub ? github.fetch(url, init) : at.emulator.fetch(url, init);
  };
  const given = { "comment": "true", "pull-request": "7", "github-token": GITHUB_TOKEN, ...inputs };
  const ended = await step(given, { ...rest, at, fetch });
  const files = [...ended.io.files].filter(([path]) => !path.endsWith("run.json")).map(([, text]) => text);
  const all = [ended.log, ...files, ...github.comments.map(({ body }) => body)].join("\n");
  for (const token of [TOKEN, GITHUB_TOKEN]) expect(all).not.toContain(token);
  return { ...ended, github, notes: ended.log.split("\n").filter((line) => line.startsWith("note: ")) };
}

test("a step writes its summary to one comment, and the next run of the job updates it", async () => {
  const { code, notes, github } = await comment();
  expect({ code, notes }).toEqual({ code: 0, notes: ["note: summary written in comment 1000 of pull request #7"] });
  const [{ body = "", user } = {}] = github.comments;
  expect(user).toEqual({ id: ACTIONS_APP, type: "Bot" });
  expect(body).toStartWith(`${MARKER}\n\n✅ **Succeeded** in 39 s: [http://localhost/acme/api/pull/1](<`);
  expect(body).toEndWith("\nJob: `Weekly / agent`\n");
  expect(body).toContain("[Workflow run](<https://github.example/acme/web/actions/runs/7/attempts/1>)");
  const again = await comment({}, { github, scenario: "agent-failure", env: { GITHUB_RUN_ID: "8" } });
  expect({ code: again.code, notes: again.notes }).toEqual({
    code: 1,
    notes: ["note: summary updated in comment 1000 of pull request #7"],
  });
  expect(github.comments.map(({ body }) => /^❌ .*$/m.exec(body ?? "")?.[0])).toEqual([
    "❌ **Failed** after 33 s: `Agent run exited with code 1.`",
  ]);
});

test("each workflow, job and node of a matrix has its own comment, and a branch of the workflow has not", async () => {
  const github = githubServer("acme/web", "7");
  const variants: [Record<string, string>, Record<string, string>][] = [
    [{}, {}],
    [{ matrix: '{"os": "linux"}' }, {}],
    [{ matrix: '{"os": "windows"}' }, {}],
    [{}, { GITHUB_JOB: "other" }],
    [{}, { GITHUB_WORKFLOW_REF: "acme/web/.github/workflows/other.yml@refs/heads/main" }],
  ];
  for (const [inputs, env] of variants) await comment(inputs, { github, env });
  expect(github.comments).toHaveLength(variants.length);
  expect(github.comments[1]?.body).toEndWith('\nJob: `Weekly / agent {"os":"linux"}`\n');
  await comment({}, { github, env: { GITHUB_WORKFLOW_REF: `${FILE}@refs/pull/7/merge` } });
  expect(github.comments).toHaveLength(variants.length);
});

test("a step on Gitea and Forgejo keeps one comment with the token of a user, as the job's own has none", async () => {
  for (const system of ["GITEA_ACTIONS", "FORGEJO_ACTIONS"]) {
    const github = githubServer("acme/web", "7");
    const token = "0123456789abcdef0123456789abcdef01234567";
    github.tokens.set(token, { user: 77, ofJob: false, pullRequests: "write" });
    const env = { [system]: "true", GITEA_TOKEN: token };
    for (const scenario of ["success", "agent-failure"]) {
      const { notes } = await comment({}, { github, scenario, env });
      expect(notes.length).toBe(1);
    }
    expect(github.comments.map(({ user }) => user.id)).toEqual([77]);
    expect(github.comments[0]?.body).toStartWith(`${MARKER}\n\n❌ `);
    expect(github.comments[0]?.body).toEndWith("\nJob: `Weekly / agent`\n");
    expect(github.received.join("\n")).not.toContain(GITHUB_TOKEN);
  }
});

test("the post step of a killed step ends the comment of the run that it cancels, and creates none", async () => {
  for (const isDeleted of [false, true]) {
    const at = world("stuck-streaming");
    const github = githubServer("acme/web", "7");
    const inputs = { "comment": "true", "pull-request": "7", "github-token": GITHUB_TOKEN };
    const fetch = (url: string, init: RequestInit) =>
      url.startsWith(github.api) ? github.fetch(url, init) : at.emulator.fetch(url, init);
    let [files, comments] = [new Map<string, string>(), github.comments];
    const main = await step({ ...inputs, timeout: "60" }, {
      ...{ at, fetch },
      before: (io) =>
        void at.clock.sleep(30_000).then(() => {
          [files, comments] = [new Map(io.files), structuredClone(github.comments)];
        }),
    });
    expect(comments.map(({ body }) => body?.split("\n")[2]?.startsWith("⏳ **Running**"))).toEqual([true]);
    Object.assign(github, { comments: isDeleted ? [] : comments });
    const { ended: _, ...state } = main.state;
    const killed = { ...main, state, io: { ...main.io, files } };
    const { code } = await postStep(killed, { ...inputs, "job-status": "cancelled" }, { at, fetch });
    const end = "🚫 **Interrupted**: `The job was stopped, so the post step cancelled the run`";
    expect([code, github.comments.map(({ body }) => body?.split("\n")[2])]).toEqual([0, isDeleted ? [] : [end]]);
  }
});

test("a step asks nothing of GitHub unless the workflow wants a comment", async () => {
  for (const value of ["false", ""]) {
    const { code, notes, github } = await comment({ comment: value, "pull-request": "none" });
    expect([code, notes, github.requests]).toEqual([0, [], []]);
  }
});

test("a step without a pull request, a token or GitHub says so in one line, and keeps its verdict", async () => {
  const cases: [inputs: Record<string, string>, env: Record<string, string>, words: string][] = [
    [
      { "pull-request": "" },
      {},
      "Cannot write a comment: the event of this workflow has no pull request, and input pull-request",
    ],
    [{ "github-token": "" }, {}, "Cannot write a comment on pull request #7: input github-token is empty"],
    [{ "github-token": TOKEN }, {}, "input github-token holds the Mogplex token, which is not sent to GitHub"],
    [{ "github-token": "two words" }, {}, "the value of input github-token is not a valid token"],
    [
      {},
      { GITEA_ACTIONS: "true" },
      "Cannot write a comment on pull request #7: variable GITEA_TOKEN is not set; put a token there, with",
    ],
    [{}, { GITHUB_API_URL: "api.github.com" }, "Cannot find the API of GitHub: GITHUB_API_URL must be"],
    [
      {},
      { GITHUB_REPOSITORY: "../web" },
      "Cannot find the repository because GITHUB_REPOSITORY must have the form OWNER/NAME",
    ],
  ];
  for (const [inputs, env, words] of cases) {
    const { code, notes, github } = await comment(inputs, { env });
    expect([code, notes.length, github.requests]).toEqual([0, 1, []]);
    expect(notes[0]).toContain(words);
  }
});

test("a step refuses a pull request that is not a number, before anything is started", async () => {
  const at = world();
  const { code, log, github } = await comment({ "pull-request": "7/../8" }, { at });
  expect([code, github.requests, at.emulator.world.store.runs.size]).toEqual([2, [], 0]);
  expect(log).toContain('Cannot use input pull-request because it must be the number of a pull request: "7/../8"');
});

const page = (status: number) => new Response("{}", { status, headers: { "content-type": "application/json" } });

test("what GitHub refuses is one warning on the page of the job, and the verdict is what it would have been", async () => {
  const token = { user: ACTIONS_APP, ofJob: true } as const;
  for (const scenario of ["success", "agent-failure"]) {
    const readOnly = githubServer("acme/web", "7");
    readOnly.tokens.set(GITHUB_TOKEN, { ...token, pullRequests: "read" });
    const none = githubServer("acme/web", "7");
    none.tokens.set(GITHUB_TOKEN, { ...token, pullRequests: "none" });
    const broken = githubServer("acme/web", "7");
    for (let times = 0; times < 50; times++) broken.faults.push({ match: /./, fault: page(500) });
    const refused = githubServer("acme/web", "7");
    for (let times = 0; times < 5; times++) refused.faults.push({ match: /^POST/, fault: page(422) });
    const cases = [[readOnly, "in a pull request from a fork, it can only read"], [
      none,
      "the pull request does not exist",
    ]]
      .concat([[broken, "GitHub has a problem"], [refused, "does not accept the comment"]]) as [GithubServer, string][];
    for (const [github, words] of cases) {
      const { code, notes, log } = await comment({}, { github, scenario });
      const warnings = log.split("\n").filter((line) =>
        line.startsWith("::warning title=The comment was not written::")
      );
      expect([code, notes, warnings.length]).toEqual([scenario === "success" ? 0 : 1, [], 1]);
      expect(warnings[0]).toContain(words);
    }
  }
});

test("an interrupted step says in its comment what became of the run", async () => {
  const at = world("stuck-streaming");
  const before = (io: { signal(name: "SIGINT"): void }) => void at.clock.sleep(20_000).then(() => io.signal("SIGINT"));
  const { code, github } = await comment({}, { at, before });
  expect([code, github.requests.filter((each) => !each.startsWith("GET"))]).toEqual([
    130,
    ["POST /repos/acme/web/issues/7/comments", "PATCH /repos/acme/web/issues/comments/1000"],
  ]);
  expect(github.comments[0]?.body).toContain("the job was stopped; the run was cancelled");
});

test("the comment says that the agent works, even if that begins less than a minute after the last change", async () => {
  const at = world("");
  const append = (type: string, payload: object) => {
    const runId = [...at.emulator.world.store.runs.keys()][0] ?? "";
    at.emulator.control("appendEvents", { runId, events: [{ type, message: "Reading the sources", payload }] });
  };
  const github = githubServer("acme/web", "7");
  let body = "";
  const before = (io: { signal(name: "SIGINT"): void }) => {
    void at.clock.sleep(10_000).then(() => append("status_changed", { to: "streaming" }));
    void at.clock.sleep(100_000).then(() => append("log", {}));
    void at.clock.sleep(200_000).then(() => {
      body = github.comments[0]?.body ?? "";
      io.signal("SIGINT");
    });
  };
  await comment({}, { at, before, github });
  expect(body).toMatch(/^⏳ \*\*Running\*\* for \d min/m);
  expect(body).toMatch(/^✓ queue \d+ s · ✓ prepare · \*\*agent \d min( \d+ s)?\*\* · deliver$/m);
  expect(body).toMatch(/^Last event at \d\d:\d\d UTC: a message$/m);
  // Kind and time, and no text of the agent.
  expect(body).not.toContain("Reading the sources");
});

/** The pull request in the comment on a run that reports this address. */
async function reported(address: string): Promise<string | undefined> {
  const at = world("");
  const payload = { stage: "git_delivery", changed: true, working_branch: "x", pull_request_url: address };
  const before = () =>
    void at.clock.sleep(5_000).then(() => {
      const runId = [...at.emulator.world.store.runs.keys()][0] ?? "";
      at.emulator.control("appendEvents", { runId, events: [{ type: "log", message: "Pull request ready", payload }] });
      at.emulator.control("setRun", { runId, run: { status: "success" } });
    });
  const { github } = await comment({ repo: REPO }, { at, before });
  const body = github.comments[0]?.body ?? "";
  return /: (.*) is ready for review$/m.exec(body)?.[1];
}

test("the agent's pull request is a link, and no other address on GitHub, where it would leave a mark", async () => {
  const own = "https://github.example/acme/web/pull/12";
  expect(await reported(own)).toBe(`[#12](<${own}>)`);
  const others = [
    "https://github.example/acme/web/issues/12",
    "https://github.example/acme/web/pull/12#issuecomment-1",
    "https://github.example/acme/web/pull/12/../../issues/1",
    "https://github.example/other/web/pull/12",
    "https://github.com/acme/web/pull/12",
    "https://www.github.com/torvalds/linux/pull/1",
  ];
  for (const address of others) {
    expect(await reported(address)).toMatch(/^`https:\/\/[^`]+`$/);
  }
  const foreign = "https://gitlab.example/a/b/-/merge_requests/1";
  expect(await reported(foreign)).toBe(`[${foreign}](<${foreign}>)`);
});
