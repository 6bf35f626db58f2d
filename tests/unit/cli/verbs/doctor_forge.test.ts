import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { fakeIo } from "../fake_io.ts";
import { REPO, TOKEN, world } from "../world.ts";
import { GITLAB_TOKEN, type GitlabProject, gitlabProject, PROJECT } from "./gitlab_project.ts";

/** What the command prints in a job. */
async function doctorText(
  arrange: (gitlab: GitlabProject) => void,
  env: Record<string, string>,
  args: string[],
): Promise<{ stdout: string; stderr: string }> {
  const { emulator, clock } = world();
  const gitlab = gitlabProject(() => new Date(clock.wallTime()).toISOString());
  arrange(gitlab);
  const io = fakeIo({
    env: {
      ...{ MOGPLEX_API_KEY: TOKEN, MOGPLEX_REPO_ID: REPO, GITLAB_TOKEN, GITLAB_CI: "true" },
      ...{ CI_SERVER_URL: "https://gitlab.example", CI_API_V4_URL: gitlab.api, CI_PROJECT_ID: String(PROJECT) },
      ...env,
    },
  });
  const fetch = (url: string, init: RequestInit) =>
    url.startsWith("https://gitlab.example/") ? gitlab.fetch(url, init) : emulator.fetch(url, init);
  await main(["doctor", "--for", "respond", ...args], io, { fetch, clock });
  expect(gitlab.requests.every((each) => each.startsWith("GET "))).toBe(true);
  return io.text;
}

/** State and finding of the checks about the forge. */
async function doctor(
  arrange: (gitlab: GitlabProject) => void = () => {},
  env: Record<string, string> = {},
  args: string[] = [],
) {
  const output = (await doctorText(arrange, env, ["--json", ...args])).stdout;
  const { checks } = JSON.parse(output) as { checks: { name: string; state: string; finding: string }[] };
  return new Map(checks.map(({ name, state, finding }) => [name, `${state}: ${finding}`]));
}

test("doctor --for respond says whose token it is, and what is hidden from it", async () => {
  const checks = await doctor();
  expect(checks.get("forge")).toBe("ok: GitLab, acme/api, as project_42_bot_a1");
  expect(checks.get("rights")).toBe("ok: the token can see who can push");
  expect(checks.get("notes")).toBe("ok: the token can write notes");
  expect(checks.get("branch")).toBe('ok: "main" is protected');
  expect(checks.get("trigger")).toStartWith("skipped: only Maintainers can see webhooks");
  expect(checks.get("schedule")).toBe("skipped: only Maintainers can see schedules");
  expect(checks.get("trigger-variables")).toStartWith("skipped: ");
});

const URL = "https://gitlab.example/api/v4/projects/42/ref/main/trigger/pipeline?token=[masked]";

const POLL = { id: 2, active: true, cron: "23 * * * *", variables: [{ key: "MOGPLEX_SCHEDULE", value: "respond" }] };

const SETUPS: readonly (readonly [arrange: (gitlab: GitlabProject) => void, name: string, words: string])[] = [
  [(gitlab) => gitlab.hooks = [], "trigger", "warning: no webhook starts a pipeline"],
  [
    (gitlab) => gitlab.hooks = [{ url: URL, note_events: false, issues_events: true }],
    "trigger",
    "warning: the webhook has no Comments",
  ],
  [
    (gitlab) => gitlab.hooks = [{ url: URL, note_events: true, issues_events: false }],
    "trigger",
    "warning: the webhook has no Issues events, so a label does not start a run",
  ],
  [
    (gitlab) => {
      gitlab.hooks = [{ url: URL, note_events: true, issues_events: false }];
      gitlab.schedules = [POLL];
    },
    "trigger",
    "warning: the webhook has no Issues events, so a label is found only by the schedule",
  ],
  [(gitlab) => gitlab.hooks = [{ url: URL, note_events: true, issues_events: true }], "trigger", "ok: "],
  [
    (gitlab) => gitlab.hooks = [{ url: "https://other.example", note_events: true, issues_events: true }],
    "trigger",
    "warning: no webhook",
  ],
  [(gitlab) => gitlab.schedules = [], "schedule", "warning: there is no schedule, so nothing picks up missed mentions"],
  [
    (gitlab) =>
      gitlab.schedules = [
        { id: 1, active: true, cron: "0 1 * * 1", variables: [{ key: "MOGPLEX_SCHEDULE", value: "run" }] },
        { id: 2, active: true, cron: "23 * * * *", variables: [{ key: "MOGPLEX_SCHEDULE", value: "respond" }] },
        { id: 3, active: true, cron: "*/5 * * * *", variables: [{ key: "MOGPLEX_SCHEDULE", value: "respond" }] },
        { id: 4, active: false, cron: "0 0 * * *", variables: [{ key: "MOGPLEX_SCHEDULE", value: "respond" }] },
      ],
    "schedule",
    'ok: a poll looks for missed mentions: hourly, "*/5 * * * *"',
  ],
  [
    (gitlab) => gitlab.schedules = [{ id: 1, active: true, cron: "23 5 * * *" }],
    "schedule",
    "skipped: only Maintainers can see schedules",
  ],
  ...["developer", "maintainer", "owner"].map((role) =>
    [
      (gitlab: GitlabProject) => Object.assign(gitlab, { restrictsVariables: true, variablesRole: role }),
      "trigger-variables",
      "warning: anyone with the trigger token can pass variables to pipelines, and use them to run code in the job",
    ] as const
  ),
  [
    (gitlab) => Object.assign(gitlab, { restrictsVariables: true, variablesRole: "no_one_allowed" }),
    "trigger-variables",
    "ok: no one can pass variables to pipelines",
  ],
  [
    (gitlab) => Object.assign(gitlab, { restrictsVariables: false, variablesRole: "no_one_allowed" }),
    "trigger-variables",
    "warning: anyone with the trigger token can pass variables to pipelines",
  ],
  [
    (gitlab) => gitlab.restrictsVariables = true,
    "trigger-variables",
    'skipped: the token cannot see this setting, which must be "No one allowed": docs/ask.md in the toolkit',
  ],
  [
    (gitlab) => gitlab.branches.set("main", { protected: false, default: true }),
    "branch",
    'warning: the default branch "main" is not',
  ],
  [(gitlab) => void gitlab.branches.delete("main"), "branch", 'skipped: there is no branch "main" yet, or the token'],
  // GitLab, "Personal access tokens API", "Retrieve details on a personal access token", by its header: `scopes`.
  [
    (gitlab) => gitlab.scopes = ["read_api", "write_repository"],
    "notes",
    "failed: the token lacks a permission that it needs to write",
  ],
  [(gitlab) => gitlab.scopes = null, "notes", "skipped: GitLab does not show whether this token can write notes"],
  [
    (gitlab) => gitlab.users.set("project_42_bot_a1", { id: 77, username: "project_42_bot_a1", role: 20, bot: true }),
    "notes",
    "failed: the token lacks a permission that it needs to write",
  ],
];

for (const [arrange, name, words] of SETUPS) {
  test(`doctor --for respond: ${words}`, async () => expect((await doctor(arrange)).get(name)).toStartWith(words));
}

test("doctor --for respond prints the accounts of the names that may ask, and finds names that are wrong or cannot push", async () => {
  const rights = async (names: string, env = {}) =>
    (await doctor(() => {}, env, ["--allow-users", names])).get("rights");
  const how = "can ask; with these ids in --allow-users, another account that takes over one of the names is rejected";
  expect(await rights("kim, @Lee")).toBe(`ok: kim=1,lee=2 ${how}`);
  expect(await rights("kim=1")).toBe(`ok: kim=1 ${how}`);
  expect(await rights("kimm, lee")).toBe(
    'warning: lee=2 can ask, but the other names in --allow-users cannot be used: there is no user "kimm"',
  );
  expect(await rights("kim=3, lee, renovate")).toBe(
    'warning: lee=2 can ask, but the other names in --allow-users cannot be used: "kim" is now another account, 1; "renovate" is a bot',
  );
  expect(await rights("kim,eve,rae")).toBe(
    "warning: eve, rae are in --allow-users (kim=1,eve=66,rae=3), but cannot push",
  );
  expect((await doctor(() => {}, { MOGPLEX_RESPOND_ALLOW_USERS: "kim lee" })).get("rights")).toBe(
    `ok: kim=1,lee=2 ${how.replace("--allow-users", "MOGPLEX_RESPOND_ALLOW_USERS")}`,
  );
  expect((await doctor(() => {}, { MOGPLEX_RESPOND_ALLOW_USERS: "kim;lee" })).get("rights")).toStartWith(
    "failed: Cannot use MOGPLEX_RESPOND_ALLOW_USERS",
  );
});

test("doctor --for respond finds out that a job works for the other names in the variable, but for nobody if all are wrong", async () => {
  const lastLine = async (names: string) => {
    const setUp = (gitlab: GitlabProject) =>
      Object.assign(gitlab, { hooks: [{ url: URL, note_events: true, issues_events: true }], schedules: [POLL] });
    const { stdout } = await doctorText(setUp, { MOGPLEX_RESPOND_ALLOW_USERS: names }, []);
    return stdout.trimEnd().split("\n").at(-1)?.replace(/ \(\d warnings?\)/, "");
  };
  expect(await lastLine("kim,leo")).toBe("all completed checks passed; not checked: trigger-variables");
  expect(await lastLine("leo,kim=13")).toBe('a job can run, but it starts no agent: see the check "rights"');
  expect((await doctor(() => {}, { MOGPLEX_RESPOND_ALLOW_USERS: "leo,kim=13" })).get("rights")).toBe(
    'warning: no user can ask, because no name in MOGPLEX_RESPOND_ALLOW_USERS is valid: there is no user "leo"; "kim" is now another account, 1',
  );
});

test("doctor --for respond prints that it waits, then points to the network, when the forge cannot be reached", async () => {
  const { stdout, stderr } = await doctorText(
    (gitlab) => {
      gitlab.fetch = () => Promise.reject(new TypeError("getaddrinfo ENOTFOUND gitlab.example"));
    },
    {},
    ["--json"],
  );
  expect(stderr).toMatch(/^note: waiting for the forge: Cannot read .*: trying again in /m);
  const { checks } = JSON.parse(stdout) as { checks: { name: string; state: string; advice: string | null }[] };
  expect(checks.find(({ name }) => name === "forge")).toMatchObject({
    state: "failed",
    advice: "Check the DNS and the proxy of the runner",
  });
});

test("doctor --for respond warns if the limit turns mentions off", async () => {
  expect((await doctor()).get("limit")).toBeUndefined();
  expect((await doctor(() => {}, { MOGPLEX_RESPOND_LIMIT: "0/day" })).get("limit")).toBe(
    "warning: MOGPLEX_RESPOND_LIMIT is 0/day, so mentions are turned off",
  );
  expect((await doctor(() => {}, { MOGPLEX_RESPOND_LIMIT: "off" })).get("limit")).toStartWith(
    "failed: Cannot use MOGPLEX_RESPOND_LIMIT because",
  );
});

test("doctor --for respond finds a label that is missing", async () => {
  expect((await doctor()).get("label")).toBe('ok: "mogplex" exists');
  expect((await doctor((gitlab) => void gitlab.labels.shift())).get("label")).toBe(
    'ok: there is no label "mogplex": create it if labels should start agents',
  );
  expect((await doctor(() => {}, {}, ["--label", "agent"])).get("label")).toBe(
    'ok: there is no label "agent": create it if labels should start agents',
  );
});

test("doctor --for respond names the CI system, and nothing that is about keys of a run or its cleanup", async () => {
  const checks = await doctor();
  expect(checks.get("ci")).toBe("ok: gitlab");
});

test("doctor --for respond fails without a token of the forge, and asks nothing", async () => {
  const checks = await doctor(() => {}, { GITLAB_TOKEN: "" });
  expect(checks.get("forge")).toBe("failed: Cannot access the forge: variable GITLAB_TOKEN is empty");
  expect(checks.get("rights")).toBe("skipped: forge failed");
});

test("doctor --for respond in a job without a Mogplex token says that the forge was not checked", async () => {
  const checks = await doctor(() => {}, { MOGPLEX_API_KEY: "" });
  expect([checks.get("token")?.split(":")[0], checks.get("forge")]).toEqual(["failed", "skipped: token failed"]);
});

test("doctor --for respond checks outside a job all but the forge, and says so", async () => {
  const { cli, requests } = world();
  const { code, stdout } = await cli(["doctor", "--for", "respond", "--repo", REPO]);
  expect(code).toBe(0);
  expect(stdout).toContain(
    "skipped  forge, rights, notes, label, branch, trigger, schedule, trigger-variables  these can be checked only in a job on the forge: ",
  );
  expect(stdout).toMatch(/^ok +repository +acme\/api/m);
  expect(stdout).toMatch(
    /\n\neverything that can be checked here is fine(?: \(\d warnings?\))?; run doctor in a CI job to check the forge\n$/,
  );
  const refused = await cli(["doctor", "--for", "respond"], { env: { MOGPLEX_API_KEY: "" } });
  expect([refused.code, refused.stdout.includes("skipped  forge, rights, notes,")]).toEqual([64, true]);
  expect(requests.filter((each) => !each.startsWith("GET "))).toEqual(["POST /runs"]);
});

test("doctor --for respond does not claim that a mention can start a run when it finds neither a webhook nor a poll", async () => {
  const lastLine = async (arrange: (gitlab: GitlabProject) => void) =>
    (await doctorText(arrange, {}, [])).stdout.trimEnd().split("\n").at(-1)?.replace(/ \(\d warnings?\)(?=$|;)/, "");
  const hook = { url: URL, note_events: true, issues_events: true };
  const nothing = 'a job can run, but nothing was found that starts it: see the check "trigger"';
  const seen = { restrictsVariables: true, variablesRole: "no_one_allowed" };
  const set = (hooks: GitlabProject["hooks"], schedules: GitlabProject["schedules"] = []) =>
    lastLine((gitlab) => Object.assign(gitlab, { hooks, schedules, ...seen }));
  expect(await set([hook])).toBe("mentions can start runs");
  expect(await set([])).toBe(nothing);
  expect(await set([{ ...hook, note_events: false }])).toBe(nothing);
  expect(await set([], [POLL])).toBe("mentions can start runs");
  // GitLab shows webhooks and schedules only to Maintainers: what nobody could look at is not called fine.
  expect(await lastLine(() => {})).toBe(
    "all completed checks passed; not checked: trigger, schedule, trigger-variables",
  );
  expect(await set([hook], null)).toBe("all completed checks passed; not checked: schedule");
  expect(await set([], null)).toBe(`${nothing}; not checked: schedule`);
});
