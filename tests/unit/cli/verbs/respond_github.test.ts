/** `respond` in a workflow of GitHub: the command, and the program of the action. The GitHub has the shapes of its documentation. */
import { expect, test } from "bun:test";
import { main as action } from "../../../../lib/cli/action/main.ts";
import { main } from "../../../../lib/cli/main.ts";
import { jobFile, RECIPES, respondRecipe } from "../../../../lib/cli/setup/recipes.ts";
import { CHECK_SCHEDULES } from "../../../../lib/respond/checks.ts";
import { textOf } from "../../architecture/imports.ts";
import { fakeIo } from "../fake_io.ts";
import { delivering } from "../../emulator/scenarios.ts";
import { REPO, TOKEN, world } from "../world.ts";
import { GITHUB_TOKEN, type GithubProject, githubProject } from "./github_project.ts";
import { expectFirstSecond, recorded, type Traffic } from "./traffic.ts";

type At = ReturnType<typeof world> & Traffic & { github: GithubProject };

function place(scenario = delivering()): At {
  const at = world("success", { scenarios: [scenario] });
  const github = githubProject(() => new Date(at.clock.wallTime()).toISOString());
  return { ...at, github, sent: [], requestMs: 0 };
}

interface Event {
  name: string;
  payload: unknown;
}

const commented = ({ id }: { id: number }, number = 7): Event => ({
  name: "issue_comment",
  payload: {
    action: "created",
    issue: { number, ...(number === 7 ? { pull_request: { url: "x" } } : {}) },
    comment: { id, body: "@mogplex something else" },
    repository: { id: 5 },
  },
});

async function respond(
  at: At,
  { name, payload }: Event,
  how: "command" | "action" = "command",
  args: string[] = ["respond"],
  env: Record<string, string> = {},
) {
  const { github, emulator, clock } = at;
  const io = fakeIo({
    files: { "/github/event.json": JSON.stringify(payload) },
    env: {
      ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, GITHUB_ACTIONS: "true", GITHUB_EVENT_NAME: name },
      ...{ GITHUB_SERVER_URL: "https://github.com", GITHUB_API_URL: github.api, GITHUB_REPOSITORY: "acme/api" },
      ...{
        GITHUB_EVENT_PATH: "/github/event.json",
        GITHUB_RUN_ID: "7",
        GITHUB_RUN_ATTEMPT: "1",
        GITHUB_JOB: "respond",
      },
      ...(how === "command"
        ? { GITHUB_TOKEN }
        : { "INPUT_RESPOND": "true", "INPUT_GITHUB-TOKEN": GITHUB_TOKEN, "INPUT_MATRIX": "null" }),
      ...env,
    },
  });
  const fetch = recorded(
    at,
    (url, init) => url.startsWith("https://mogplex.com") ? emulator.fetch(url, init) : github.fetch(url, init),
  );
  const code = how === "command" ? await main(args, io, { fetch, clock }) : await action("main", io, { fetch, clock });
  for (const each of github.received) expect(each).not.toContain(TOKEN);
  const all = [io.text.stdout, io.text.stderr, ...io.files.values()].join("\n");
  for (const token of [TOKEN, GITHUB_TOKEN]) expect(all).not.toContain(token);
  return { code, files: io.files, ...io.text };
}

const runsOf = ({ emulator }: At) => [...emulator.world.store.runs.values()];
const ours = ({ github }: At) => github.comments.filter(({ user }) => user?.id === 41898282).map(({ body }) => body);

test("the action takes the stricter of an input and its variable for the limit and for the users", async () => {
  const cases: readonly (readonly [env: Record<string, string>, code: number, runs: number])[] = [
    [{ MOGPLEX_RESPOND_LIMIT: "0/day" }, 0, 0],
    [{ "INPUT_LIMIT": "20/day", MOGPLEX_RESPOND_LIMIT: "0/day" }, 0, 0],
    [{ "INPUT_LIMIT": "20/day", MOGPLEX_RESPOND_LIMIT: "" }, 0, 1],
    [{ MOGPLEX_RESPOND_ALLOW_USERS: "lee," }, 0, 0],
    [{ "INPUT_ALLOW-USERS": "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "lee," }, 0, 0],
    [{ "INPUT_ALLOW-USERS": "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "," }, 2, 0],
    [{ "INPUT_ALLOW-USERS": "kim,lee", MOGPLEX_RESPOND_ALLOW_USERS: "" }, 0, 1],
  ];
  for (const [env, code, runs] of cases) {
    const at = place();
    const called = await respond(at, commented(at.github.say(7, "kim", "@mogplex go")), "action", [], env);
    expect([env, called.code, runsOf(at).length]).toEqual([env, code, runs]);
  }
});

for (const how of ["command", "action"] as const) {
  test(`respond starts a run for a comment of a user who can push, as the ${how}`, async () => {
    const at = place();
    const { code } = await respond(at, commented(at.github.say(7, "lee", "@mogplex fix the failing test")), how);
    expect(code).toBe(0);
    expect(runsOf(at)).toMatchObject([{ base_branch: "main", working_branch: "feature", create_branch: false }]);
    expect(ours(at)).toEqual([
      expect.stringMatching(
        /^<!-- mogplex:[0-9a-f]{40} -->\n\n<!-- mogplex-respond comment 1000 .* -->\n<!-- mogplex-requester 2 -->\n\n✅ /,
      ),
    ]);
    expect(at.github.reactions).toEqual(["1000 eyes", "1000 rocket"]);
    expect(at.github.statuses).toEqual([
      `${"beef".padEnd(40, "0")} success mogplex https://github.com/acme/api/actions/runs/7/attempts/1`,
    ]);
  });
}

test("a job without the secret says not to write the mention again, and the scheduled check answers it once", async () => {
  for (const how of ["command", "action"] as const) {
    const at = place();
    const event = commented(at.github.say(7, "lee", "@mogplex fix the failing test"));
    const { code, stdout, stderr } = await respond(at, event, how, ["respond"], { MOGPLEX_API_KEY: "" });
    const isSaid = (stdout + stderr).includes(
      "Do not write the comment again: once the error below is fixed, the scheduled check answers",
    );
    expect([how, code, isSaid, ours(at)]).toEqual([how, 64, true, []]);
    const schedule = { name: "schedule", payload: { schedule: "17 * * * *" } };
    for (const _each of [1, 2]) expect((await respond(at, schedule, how)).code).toBe(0);
    expect([runsOf(at).length, ours(at).length]).toEqual([1, 1]);
  }
});

test("respond answers a question on a pull request as nothing changed if the head is the same as before the run", async () => {
  const head = "beef".padEnd(40, "0");
  const url = "https://github.com/acme/api/pull/7";
  const scenario = JSON.parse(JSON.stringify(delivering()).replaceAll("${pull}", url));
  for (const [before, words] of [[head, "Finished"], ["c0ffee".padEnd(40, "0"), "Succeeded"]] as const) {
    const at = place(scenario);
    Object.assign(at.github.threads.get(7) ?? {}, { headRefOid: before });
    const { code, files } = await respond(at, commented(at.github.say(7, "lee", "@mogplex ANSWER why?")), "command");
    const isSame = before === head;
    const { changed, pullRequest, branch } = JSON.parse(files.get("mogplex-ci/result.json") ?? "");
    expect([code, changed, pullRequest.url, branch.pushed])
      .toEqual([0, !isSame, ...isSame ? [null, null] : [url, "feature"]]);
    expect(ours(at)).toEqual([expect.stringContaining(`✅ **${words}** in`)]);
    expect(at.github.statuses.length).toBe(isSame ? 0 : 1);
  }
});

test("respond sets no commit status on GitHub where that is not wanted", async () => {
  for (const flags of [["--commit-status", "false"], ["--commit-status=false"]]) {
    const at = place();
    const news = commented(at.github.say(7, "lee", "@mogplex go"));
    const { code } = await respond(at, news, "command", ["respond", ...flags]);
    expect([code, runsOf(at).length, at.github.statuses]).toEqual([0, 1, []]);
  }
});

const REFUSED:
  readonly (readonly [what: string, arrange: (github: GithubProject) => { id: number }, reason: string])[] = [
    ["a reader", (github) => github.say(7, "rae", "@mogplex go"), "the user who asked cannot push to the repository"],
    [
      "a stranger",
      (github) => github.say(7, "eve", "@mogplex go"),
      "the user who asked cannot push to the repository",
    ],
    ["an account that took over the name of a member", (github) =>
      github.say(7, "kim", "@mogplex go", {
        user: { id: 999, login: "kim", type: "User" },
      }), "the user who asked cannot push to the repository"],
    ["a bot", (github) => github.say(7, "renovate[bot]", "@mogplex go"), "a bot wrote the comment"],
    [
      "an app in the name of a member",
      (github) => github.say(7, "kim", "@mogplex go", { performed_via_github_app: {} }),
      "a bot wrote the comment",
    ],
    ["a comment of another issue", (github) => github.say(8, "kim", "@mogplex go"), "the comment no longer exists"],
    ["a fork and a stranger", (github) => {
      github.threads.set(7, { ...github.threads.get(7), isCrossRepository: true });
      return github.say(7, "eve", "@mogplex go");
    }, "the user who asked cannot push to the repository"],
  ];

for (const [what, arrange, reason] of REFUSED) {
  test(`respond starts nothing and writes nothing on GitHub for ${what}`, async () => {
    const at = place();
    const called = await respond(at, commented(arrange(at.github)));
    expect(called).toMatchObject({ code: 0, stdout: `no run: ${reason}\n` });
    expect([runsOf(at).length, ours(at).length, at.github.reactions.length]).toEqual([0, 0, 0]);
  });
}

test("respond starts no run on a branch of GitHub that has another name now", async () => {
  const at = place();
  at.github.renamed.set("feature", "feature-2");
  at.github.branches.set("feature-2", { protected: false, rules: [] });
  const { code, stdout } = await respond(at, commented(at.github.say(7, "kim", "@mogplex go")));
  expect({ code, stdout }).toEqual({ code: 0, stdout: "no run: the source branch no longer exists\n" });
  expect(runsOf(at)).toEqual([]);
});

test("respond asks a GitHub server of one's own below /api/v3 and /api/graphql, whichever variable names it", async () => {
  const server = "https://ghe.example";
  for (const env of [{}, { GITHUB_API_URL: "" }, { GITHUB_API_URL: `${server}/api/v3` }]) {
    const at = place();
    const { fetch } = at.github;
    at.github.fetch = (url, init) => {
      const path = /^https:\/\/ghe\.example\/api(?:\/v3(?=\/)|(?=\/graphql$))(.*)$/.exec(url)?.[1];
      if (path === undefined) throw new Error(`no API at ${url}`);
      return fetch(at.github.api + path, init);
    };
    const asked = commented(at.github.say(7, "lee", "@mogplex fix it"));
    const { code, stderr } = await respond(at, asked, "command", ["respond"], {
      ...{ GITHUB_SERVER_URL: server, GITHUB_API_URL: `${server}/api/v3` },
      ...env,
    });
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("summary written in comment") });
    expect([runsOf(at).length, at.github.reactions]).toEqual([1, ["1000 eyes", "1000 rocket"]]);
  }
});

test("respond tells the author of an edited comment on GitHub to write it again", async () => {
  const at = place();
  const news = commented(at.github.say(7, "kim", "@mogplex go", { lastEditedAt: "2026-01-01T00:00:00Z" }));
  expect((await respond(at, news)).stdout).toBe("no run: the comment was edited\n");
  expect([runsOf(at).length, ours(at).length]).toEqual([0, 1]);
});

test("respond calls a merged pull request on GitHub merged", async () => {
  const at = place();
  at.github.threads.set(7, { ...at.github.threads.get(7), state: "MERGED" });
  expect((await respond(at, commented(at.github.say(7, "kim", "@mogplex go")))).stdout).toBe(
    "no run: the pull request is merged\n",
  );
});

test("respond calls an issue an issue in what it says of its comment, also when GitHub refuses it", async () => {
  const at = place();
  const { stderr } = await respond(at, commented(at.github.say(8, "kim", "@mogplex go"), 8));
  expect(stderr).toContain("summary written in comment 1001 of issue #8\n");
  const [{ id }, refused] = [at.github.say(8, "kim", "@mogplex stop"), { message: "Resource not accessible" }];
  const fetch = at.github.fetch;
  at.github.fetch = (url, init) =>
    init.method === "POST" && url.endsWith("/issues/8/comments")
      ? Promise.resolve(Response.json(refused, { status: 403 }))
      : fetch(url, init);
  expect((await respond(at, commented({ id }, 8))).stderr).toContain(
    'Cannot create the comment on issue #8: the token in variable GITHUB_TOKEN cannot comment: it needs the permission "issues: write", ' +
      "or the conversation is locked",
  );
});

test("respond says which permission the job's own token lacks, and that an old one has ended with its job", async () => {
  const at = place();
  const news = commented(at.github.say(8, "kim", "@mogplex go"), 8);
  const refusal = (status: number, headers: Record<string, string>) => {
    at.github.faults.push({
      match: /^GET .*\/collaborators\//,
      fault: Response.json({ message: "no" }, { status, headers }),
    });
  };
  refusal(403, { "x-accepted-github-permissions": "pull_requests=write,metadata=read; issues=write" });
  expect((await respond(at, news)).stderr).toMatch(
    /is not allowed to do this: it needs the permission "pull-requests: write" \(HTTP 403.*; add "pull-requests: write" to the permissions block of the job, or to the app that issued the token\n/,
  );
  refusal(403, { "x-accepted-github-permissions": "`x`=write" });
  const { stderr } = await respond(at, news);
  expect(stderr).toContain("is not allowed to do this (HTTP 403");
  expect(stderr).not.toContain("permissions block");
  refusal(401, {});
  expect((await respond(at, news)).stderr).toContain(
    "; the token of a job is valid only while that job runs: pass a new one\n",
  );
});

test("respond works on a new branch where a rule asks for a pull request", async () => {
  const at = place();
  at.github.branches.set("feature", { protected: false, rules: ["pull_request"] });
  await respond(at, commented(at.github.say(7, "kim", "@mogplex go")));
  expect(runsOf(at)).toMatchObject([{ base_branch: "feature", create_branch: true }]);
});

test("respond answers a label on GitHub when members alone have written the text", async () => {
  const labelled: Event = {
    name: "issues",
    payload: { action: "labeled", issue: { number: 8 }, repository: { id: 5 } },
  };
  const actor = (login: string, databaseId: number) => ({ __typename: "User", login, databaseId });
  const texts = [
    [{}, 1],
    [{ author: actor("eve", 66) }, 0],
    [{ timelineItems: { totalCount: 1, nodes: [{ createdAt: "2026-01-02T00:00:00Z", actor: actor("eve", 66) }] } }, 0],
    [
      { userContentEdits: { totalCount: 1, nodes: [{ editedAt: "2026-01-02T00:00:00Z", editor: actor("eve", 66) }] } },
      0,
    ],
    [{ userContentEdits: { totalCount: 1, nodes: [{ editedAt: "2026-01-02T00:00:00Z", editor: null }] } }, 0],
    [{ userContentEdits: { totalCount: 300, nodes: [] } }, 0],
    [
      { userContentEdits: { totalCount: 1, nodes: [{ editedAt: "2026-01-02T00:00:00Z", editor: actor("lee", 2) }] } },
      1,
    ],
  ] as const;
  for (const [more, count] of texts) {
    const at = place();
    at.github.threads.set(8, { ...at.github.threads.get(8), ...more });
    const created_at = new Date(at.clock.wallTime()).toISOString();
    at.github.events.set(8, [{ event: "labeled", login: "kim", label: "mogplex", created_at }]);
    expect((await respond(at, labelled)).code).toBe(0);
    expect([more, runsOf(at).length]).toEqual([more, count]);
    if (count === 0) expect(ours(at)[0]).toContain("Write a comment `@mogplex <task>`");
  }
});

test("respond answers the label on a pull request in a workflow of pull_request_target, and writes only a note for a fork", async () => {
  for (const isCrossRepository of [false, true]) {
    const at = place();
    at.github.threads.set(7, { ...at.github.threads.get(7), isCrossRepository });
    const created_at = new Date(at.clock.wallTime()).toISOString();
    at.github.events.set(7, [{ event: "labeled", login: "kim", label: "mogplex", created_at }]);
    const payload = { action: "labeled", number: 7, pull_request: { number: 7 }, repository: { id: 5 } };
    const { code, stdout } = await respond(at, { name: "pull_request_target", payload });
    expect([code, runsOf(at).length, ours(at).length]).toEqual(isCrossRepository ? [0, 0, 1] : [0, 1, 1]);
    if (isCrossRepository) expect(stdout).toBe("no run: the branch of the pull request is not in this repository\n");
  }
});

test("respond starts nothing on GitHub for a label that an app has set in the name of a member", async () => {
  const at = place();
  const created_at = new Date(at.clock.wallTime()).toISOString();
  at.github.events.set(8, [
    { event: "labeled", login: "kim", label: "mogplex", created_at, performed_via_github_app: {} },
  ]);
  const payload = { action: "labeled", issue: { number: 8 }, repository: { id: 5 } };
  expect((await respond(at, { name: "issues", payload })).stdout).toBe("no run: a bot set the label\n");
  expect(runsOf(at)).toEqual([]);
});

test("respond reads comments on lines of code from a schedule", async () => {
  const at = place();
  at.github.say(7, "kim", "@mogplex rename this", {
    issue_url: undefined as unknown as string,
    pull_request_url: "https://api.github.com/repos/acme/api/pulls/7",
    html_url: "https://github.com/acme/api/pull/7#discussion_r1000",
    path: "src/a.ts",
    line: null,
    original_line: 12,
    diff_hunk: "@@ -10,2 +10,3 @@\n const a = 1;\n+const b = 2;",
  });
  expect((await respond(at, { name: "schedule", payload: {} })).code).toBe(0);
  expect(runsOf(at).length).toBe(1);
  expect(runsOf(at)[0]?.prompt).toContain(
    "Line:\n> src/a.ts:12:\n> @@ -10,2 +10,3 @@\n>  const a = 1;\n> +const b = 2;\n\n",
  );
  expect(ours(at)[0]).toContain("<!-- mogplex-respond review 1000 of review 1000 ");
});

test("respond makes its comment in the first second on GitHub, before the start is sent, where a request takes 70 ms", async () => {
  const at = place();
  at.requestMs = 70;
  expect((await respond(at, commented(at.github.say(7, "kim", "@mogplex go")))).code).toBe(0);
  expectFirstSecond(at, "/repos/acme/api/issues/7/comments", 14);
});

test("doctor --for respond goes by the scopes of a classic token, and says that others have none to show", async () => {
  for (
    const [scopes, isPrivate, state] of [
      [null, true, "skipped"],
      ["", true, "skipped"],
      ["repo, read:org", true, "ok"],
      ["public_repo", false, "ok"],
      ["public_repo", true, "failed"],
      ["repo:status, gist", false, "failed"],
    ] as const
  ) {
    const at = place();
    Object.assign(at.github, { scopes, isPrivate });
    const { stdout } = await respond(at, commented({ id: 1 }), "command", ["doctor", "--for", "respond", "--json"]);
    const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string }[] };
    expect([scopes, checks.find(({ name }) => name === "notes")?.state]).toEqual([scopes, state]);
  }
});

/** State and words of a check of `doctor --for respond`: by default of the one that looks for the workflow. */
async function checkOf(at: At, wanted = "trigger", env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await respond(at, commented({ id: 1 }), "command", ["doctor", "--for", "respond", "--json"], env);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; finding: string }[] };
  const found = checks.find(({ name }) => name === wanted);
  return `${found?.state}: ${found?.finding}`;
}

const EXAMPLE = textOf("examples/github-actions/respond.yml");
const RECIPE = RECIPES.get("github");
const WRITTEN = RECIPE && respondRecipe(RECIPE);
const ACTION = `"on": [issue_comment, issues]
jobs:
  respond:
    steps:
      - uses: acme/mogplex-ci/action@v1
        with: { token: "\${{ secrets.MOGPLEX_API_KEY }}", respond: true }
`;
const OK = 'ok: ".github/workflows/a.yml" of "main" calls respond for comments and labels';
const NONE = 'warning: no workflow on "main" calls respond for comments';
const WORKFLOWS: readonly (readonly [what: string, text: string, words: string])[] = [
  ["the example", EXAMPLE, OK],
  ["the file that init writes", WRITTEN === undefined ? "" : jobFile(WRITTEN, "acme/api", ""), OK],
  ["a step with the action", ACTION, OK],
  ["the example with lines that end as on Windows", EXAMPLE.replaceAll("\n", "\r\n"), OK],
  ["events as a list at the left margin", ACTION.replace("[issue_comment, issues]", "\n- issue_comment\n- issues"), OK],
  ["the command behind a comment sign", EXAMPLE.replace("run: exec", "run: true # exec"), NONE],
  ["another verb", EXAMPLE.replace("mjs respond", "mjs doctor --for respond"), NONE],
  ["a step that has only its name from it", EXAMPLE.replace(/run: exec (.*)/, "name: $1"), NONE],
  ["an action that does not respond", ACTION.replace("respond: true", "respond: false"), NONE],
  ["the schedule alone", EXAMPLE.replace(/ {2}issue_comment:\n.*\n {2}issues:\n.*\n/, ""), NONE],
  [
    "comments alone",
    EXAMPLE.replace(/ {2}issues:\n.*\n/, ""),
    'warning: ".github/workflows/a.yml" has no event "issues", so a label is found only by the schedule',
  ],
  [
    "comments alone, without a schedule",
    EXAMPLE.replace(/ {2}issues:\n.*\n/, "").replace(/ {2}schedule:\n.*\n/, ""),
    'warning: ".github/workflows/a.yml" has no event "issues", so a label does not start a run',
  ],
];

for (const [what, text, words] of WORKFLOWS) {
  test(`doctor --for respond looks for the workflow on GitHub, and finds ${what}`, async () => {
    const at = place();
    at.github.files.set(".github/workflows/a.yml", text);
    at.github.files.set(".github/workflows/release.yml", "on: push\n").set(".github/workflows/notes.txt", EXAMPLE);
    expect(await checkOf(at)).toBe(words);
  });
}

test("doctor --for respond compares the name of the agent with the filter of the workflow on GitHub", async () => {
  const renamed = EXAMPLE.replace("'@mogplex'", "'@robot'");
  const needs = (word: string, name: string) =>
    `warning: the "if" of ".github/workflows/a.yml" needs "${word}" in a comment, but the name is @${name}`;
  const cases: readonly (readonly [text: string, env: Record<string, string>, words: string])[] = [
    [EXAMPLE, { MOGPLEX_RESPOND_NAME: "robot" }, needs("@mogplex", "robot")],
    [EXAMPLE, { MOGPLEX_RESPOND_NAME: "Mogplex" }, OK],
    [renamed, { MOGPLEX_RESPOND_NAME: "robot" }, OK],
    [renamed, {}, needs("@robot", "mogplex")],
    [ACTION, { MOGPLEX_RESPOND_NAME: "robot" }, OK],
  ];
  for (const [text, env, words] of cases) {
    const at = place();
    at.github.files.set(".github/workflows/a.yml", text);
    expect([env, await checkOf(at, "trigger", env)]).toEqual([env, words]);
  }
});

test("doctor --for respond finds that nothing starts the job when its filter has another name and nothing polls", async () => {
  const lastLine = async (text: string) => {
    const at = place();
    at.github.files.set(".github/workflows/a.yml", text.replace("'@mogplex'", "'@robot'"));
    const { stdout } = await respond(at, commented({ id: 1 }), "command", ["doctor", "--for", "respond"]);
    return stdout.trimEnd().split("\n").at(-1)?.replace(/ \(\d warnings?\)/, "");
  };
  expect(await lastLine(EXAMPLE)).toBe("mentions can start runs");
  expect(await lastLine(EXAMPLE.replace(/ {2}schedule:\n.*\n/, ""))).toBe(
    'a job can run, but nothing was found that starts it: see the check "trigger"',
  );
});

test("doctor --for respond says how often the workflow on GitHub polls", async () => {
  const schedules = [
    [CHECK_SCHEDULES[0], "ok: a poll looks for missed mentions: hourly"],
    [CHECK_SCHEDULES[1], "ok: a poll looks for missed mentions: daily"],
    [CHECK_SCHEDULES[2], "warning: there is no schedule, so nothing picks up missed mentions"],
  ] as const;
  for (const [schedule, words] of schedules) {
    const at = place();
    const recipe = RECIPE && respondRecipe(RECIPE, schedule);
    at.github.files.set(".github/workflows/a.yml", recipe === undefined ? "" : jobFile(recipe, "acme/api", ""));
    expect(await checkOf(at, "schedule")).toBe(words);
  }
  const at = place();
  at.github.files.set(".github/workflows/a.yml", EXAMPLE.replace("23 * * * *", "0 */2 * * 1-5"));
  expect(await checkOf(at, "schedule")).toBe('ok: a poll looks for missed mentions: "0 */2 * * 1-5"');
});

test("doctor --for respond says that the default branch on GitHub has no workflow, or that it may not look", async () => {
  const at = place();
  at.github.files.set("respond.yml", EXAMPLE);
  expect(await checkOf(at)).toBe(NONE);
  const { stdout } = await respond(at, commented({ id: 1 }), "command", ["doctor", "--for", "respond"]);
  expect(stdout.trimEnd().split("\n").at(-1)).toStartWith(
    'a job can run, but nothing was found that starts it: see the check "trigger" (',
  );
  const refused = () => Response.json({ message: "Resource not accessible by integration" }, { status: 403 });
  at.github.faults.push({ match: /contents/, fault: refused() });
  expect(await checkOf(at)).toMatch(
    /^warning: Cannot read the workflows of the default branch: .* is not allowed to do this/,
  );
  at.github.faults.push({ match: /contents/, fault: refused() });
  const blind = await respond(at, commented({ id: 1 }), "command", ["doctor", "--for", "respond"]);
  expect(blind.stdout.trimEnd().split("\n").at(-1)).toMatch(
    /^all completed checks passed \(\d warnings?\); not checked: trigger, schedule$/,
  );
});

test("doctor --for respond reads few workflows, those with its name first, and says how many it has not read", async () => {
  const at = place();
  for (let index = 0; index < 30; index++) at.github.files.set(`.github/workflows/a${index}.yml`, "on: push\n");
  expect(await checkOf(at)).toStartWith(
    'warning: 10 of 30 workflows on "main" were not read, and none of the others calls',
  );
  expect(at.github.requests.filter((each) => each.includes("/contents/")).length).toBe(21);
  at.github.files.set(".github/workflows/z-mogplex.yml", EXAMPLE);
  at.github.requests.length = 0;
  expect(await checkOf(at)).toStartWith('ok: ".github/workflows/z-mogplex.yml"');
  expect(at.github.requests.filter((each) => each.includes("/contents/")).length).toBe(2);
});
