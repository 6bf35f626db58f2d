import { expect, test } from "bun:test";
import { GITLAB_TOKEN, type GitlabServer, gitlabServer } from "../../report/gitlab_server.ts";
import { cliWorld } from "./world.ts";

/** The environment of a job in a merge request's pipeline. */
function envOf({ api }: GitlabServer): Record<string, string> {
  return {
    GITLAB_TOKEN,
    GITLAB_CI: "true",
    CI_SERVER_URL: "https://gitlab.example/gitlab",
    CI_API_V4_URL: api,
    CI_PROJECT_ID: "9",
    CI_MERGE_REQUEST_PROJECT_ID: "42",
    CI_MERGE_REQUEST_IID: "7",
    CI_PIPELINE_ID: "3",
    CI_JOB_NAME: "campaign",
    CI_JOB_ID: "5",
  };
}

test("a report that cannot be written is a line on stderr, and changes no verdict", async () => {
  const world = cliWorld({ count: 1 });
  const { code, stderr } = await world.campaign("run", [], { readOnly: (path) => path.endsWith("ci/junit.xml") });
  expect([code, stderr.split("\n").filter((line) => line.includes("ci/junit.xml")).length]).toEqual([0, 1]);
  expect(stderr).toMatch(/^error: .*DIR\/ci\/junit\.xml.*EACCES/);
  expect(world.report("ci/campaign.csv")).toContain("succeeded");
});

test("the note on a merge request of GitLab says where the campaign is, and later waves change the same note", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  const gitlab = gitlabServer("42", "7");
  const env = envOf(gitlab);
  world.gitlab = gitlab;
  const first = await world.campaign("advance", ["--plan"], { env });
  expect({ code: first.code, stderr: first.stderr }).toEqual({
    code: 0,
    stderr: "note: summary written in note 1000 of merge request !7\n",
  });
  expect(gitlab.notes.map(({ body }) => body)).toEqual([
    expect.stringContaining("Campaign `replace-moment` is running"),
  ]);
  await world.clock.sleep(60_000);
  const last = await world.campaign("advance", [], { env });
  expect({ code: last.code, stderr: last.stderr }).toEqual({
    code: 1,
    stderr: "note: summary updated in note 1000 of merge request !7\n",
  });
  expect(gitlab.notes.length).toBe(1);
  expect(gitlab.notes[0]?.body).toContain("### Needs attention");
  for (const text of gitlab.received) expect(text).not.toContain(world.token);
});

test("a note that cannot be written, or hangs, changes no verdict", async () => {
  for (const fault of ["reset", "hang"] as const) {
    const world = cliWorld({ count: 1 });
    const gitlab = gitlabServer("42", "7");
    for (let count = 0; count < 20; count++) gitlab.faults.push({ match: /notes/, fault });
    world.gitlab = gitlab;
    const { code, stderr } = await world.campaign("run", [], { env: envOf(gitlab) });
    expect([fault, code, stderr.includes("note")]).toEqual([fault, 0, true]);
  }
});

test("annotations and outputs are no part of stdout with --json", async () => {
  const world = cliWorld({ count: 1, scenarios: "play: agent-failure" });
  const env = { GITHUB_ACTIONS: "true", GITHUB_OUTPUT: "output" };
  const { code, stdout } = await world.campaign("run", ["--json"], { env });
  expect(code).toBe(1);
  for (const line of stdout.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
  expect(world.files.get("output")).toContain("campaign_state");
});
