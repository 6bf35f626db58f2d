import { expect, test } from "bun:test";
import { detectPlatform } from "../../../lib/ci/detect.ts";
import type { JobIdentity, JobState } from "../../../lib/ci/platform.ts";

function platformOf(env: Record<string, string>) {
  const read = (name: string) => env[name];
  return { platform: detectPlatform(read), read };
}

function identityOf(env: Record<string, string>): JobIdentity | null {
  const { platform, read } = platformOf(env);
  return platform.identity(read);
}

function stateOf(env: Record<string, string>): JobState {
  const { platform, read } = platformOf(env);
  return platform.jobState(read);
}

const GITLAB = {
  GITLAB_CI: "true",
  CI_SERVER_URL: "https://gitlab.example.com:8443/base/",
  CI_PROJECT_ID: "17",
  CI_PIPELINE_ID: "300",
  CI_JOB_NAME: "tidy 1/2",
  CI_JOB_ID: "9001",
  CI_NODE_INDEX: "1",
  CI_NODE_TOTAL: "2",
  CI_PIPELINE_CREATED_AT: "2026-08-10T23:59:59Z",
  CI_PIPELINE_SCHEDULE_DESCRIPTION: "nightly",
};

const GITHUB = {
  GITHUB_ACTIONS: "true",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "acme/web",
  GITHUB_RUN_ID: "123",
  GITHUB_JOB: "tidy",
  GITHUB_RUN_ATTEMPT: "2",
};

test("identity() of GitLab is made of pipeline and job name; the attempt is the id of the job", () => {
  expect(identityOf(GITLAB)).toEqual({
    server: "https://gitlab.example.com:8443/base",
    project: "17",
    pipeline: "300",
    job: "tidy 1/2",
    node: '["1","2"]',
    attempt: "9001",
    date: "2026-08-10",
    schedule: "nightly",
  });
});

// Source: nektos/act, pkg/runner/run_context.go: `rc.Env["ACT"] = "true"`, and `ghc.RunID = "1"` unless GITHUB_RUN_ID is given.
test("identity() of act has no pipeline, whose id is 1 in every run, unless the run or the job is named", () => {
  const act = { ...GITHUB, ACT: "true", GITHUB_RUN_ID: "1" };
  expect(identityOf(act)).toEqual({ ...identityOf(GITHUB), pipeline: null } as JobIdentity);
  expect(identityOf({ ...act, GITHUB_RUN_ID: "45" })?.pipeline).toBe("45");
  expect(identityOf({ ...act, MOGPLEX_CI_JOB: "nightly" })?.pipeline).toBe("nightly");
  expect(identityOf({ ...GITHUB, GITHUB_RUN_ID: "1" })?.pipeline).toBe("1");
});

test("links() of act has no pipeline: GitHub does not have it", () => {
  const linksOf = (env: Record<string, string>) => {
    const read = (name: string) => env[name];
    return detectPlatform(read).links(read).pipeline;
  };
  expect(linksOf(GITHUB)).toBe("https://github.com/acme/web/actions/runs/123/attempts/2");
  expect(linksOf({ ...GITHUB, ACT: "true", GITHUB_RUN_ID: "1" })).toBe(undefined);
});

test("identity() of GitLab differs by attempt alone when a job is retried", () => {
  const { attempt, ...rest } = identityOf({ ...GITLAB, CI_JOB_ID: "9002" }) ?? {};
  expect(attempt).toBe("9002");
  const { attempt: _first, ...same } = identityOf(GITLAB) ?? {};
  expect(rest).toEqual(same);
});

test("identity() of GitLab has the UTC date of creation, or null when that is not a time", () => {
  expect(identityOf({ ...GITLAB, CI_PIPELINE_CREATED_AT: "2026-08-10T23:59:59-05:00" })?.date).toBe("2026-08-11");
  expect(identityOf({ ...GITLAB, CI_PIPELINE_CREATED_AT: "soon" })?.date).toBe(null);
});

test("identity() of GitHub has no date and no node, which its environment does not show", () => {
  expect(identityOf(GITHUB)).toEqual({
    server: "https://github.com",
    project: "acme/web",
    pipeline: "123",
    job: "tidy",
    node: "",
    attempt: "2",
    date: null,
    schedule: "",
  });
});

test("identity() of other systems joins their variables", () => {
  const systems: [Record<string, string>, Partial<JobIdentity>][] = [
    [
      {
        SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "https://dev.azure.com/acme/",
        SYSTEM_TEAMPROJECTID: "p",
        BUILD_BUILDID: "4",
        SYSTEM_STAGENAME: "s",
        SYSTEM_PHASENAME: "tidy",
        SYSTEM_JOBNAME: "__default",
        SYSTEM_JOBATTEMPT: "1",
        SYSTEM_PIPELINESTARTTIME: "2026-08-10 23:30:00+02:00",
      },
      {
        server: "https://dev.azure.com/acme",
        project: "p",
        pipeline: "4",
        job: '["s","tidy","__default"]',
        attempt: "1",
        date: "2026-08-10",
      },
    ],
    [
      {
        BUILDKITE: "true",
        BUILDKITE_BUILD_URL: "https://buildkite.com/acme/web/builds/1514",
        BUILDKITE_ORGANIZATION_SLUG: "acme",
        BUILDKITE_PIPELINE_SLUG: "web",
        BUILDKITE_BUILD_ID: "b",
        BUILDKITE_STEP_ID: "s",
        BUILDKITE_JOB_ID: "j",
        BUILDKITE_LABEL: "tidy linux",
      },
      {
        server: "https://buildkite.com",
        project: '["acme","web"]',
        pipeline: "b",
        job: "s",
        node: "tidy linux",
        attempt: "j",
      },
    ],
    [
      {
        CIRCLECI: "true",
        CIRCLE_BUILD_URL: "https://circleci.com/gh/acme/web/7",
        CIRCLE_PROJECT_ID: "p",
        CIRCLE_WORKFLOW_WORKSPACE_ID: "w",
        CIRCLE_PIPELINE_ID: "x",
        CIRCLE_JOB: "tidy",
        CIRCLE_BUILD_NUM: "7",
        CIRCLE_NODE_INDEX: "0",
        CIRCLE_NODE_TOTAL: "4",
      },
      { server: "https://circleci.com", project: "p", pipeline: "w", job: "tidy", node: '["0","4"]', attempt: "7" },
    ],
    [
      {
        BITBUCKET_COMMIT: "abc",
        BITBUCKET_GIT_HTTP_ORIGIN: "http://bitbucket.org/acme/web",
        BITBUCKET_REPO_UUID: "{r}",
        BITBUCKET_PIPELINE_UUID: "{p}",
        BITBUCKET_STEP_UUID: "{s}",
      },
      { server: "http://bitbucket.org", project: "{r}", pipeline: "{p}", job: "{s}", attempt: null },
    ],
    [
      {
        TEAMCITY_VERSION: "2026.1",
        TEAMCITY_PROJECT_NAME: "web",
        TEAMCITY_BUILDCONF_NAME: "tidy",
        BUILD_NUMBER: "12",
        BUILD_URL: "https://tc.example.com/build/88",
      },
      {
        server: "https://tc.example.com",
        project: "web",
        pipeline: "https://tc.example.com/build/88",
        job: "tidy",
        attempt: "12",
      },
    ],
    [
      { JENKINS_URL: "https://ci.example.com/jenkins/", JOB_NAME: "web/main", BUILD_ID: "31", STAGE_NAME: "Tidy" },
      { server: "https://ci.example.com/jenkins", project: "web/main", pipeline: "31", job: "Tidy", attempt: null },
    ],
  ];
  for (const [env, fields] of systems) {
    const identity = identityOf(env);
    expect(Object.fromEntries(Object.keys(fields).map((key) => [key, identity?.[key as keyof JobIdentity]])))
      .toEqual(fields);
  }
});

test("identity() drops user and password from the server's address, and ignores one that is not an address", () => {
  expect(identityOf({ ...GITLAB, CI_SERVER_URL: "https://u:p@gitlab.example.com" })?.server).toBe(
    "https://gitlab.example.com",
  );
  for (const bad of ["nonsense", "localhost:8080", "file:///x"]) {
    expect(identityOf({ ...GITLAB, CI_SERVER_URL: bad })?.server).toBe(null);
  }
});

test("identity() fills missing fields with MOGPLEX_CI_JOB, and no others", () => {
  expect(identityOf({ CI: "true" })).toMatchObject({ server: null, project: null, pipeline: null, job: null });
  expect(identityOf({ DRONE: "true", MOGPLEX_CI_JOB: "web/12" })).toEqual({
    server: "web/12",
    project: "web/12",
    pipeline: "web/12",
    job: "web/12",
    node: "",
    attempt: null,
    date: null,
    schedule: "",
  });
  const github = identityOf({ ...GITHUB, GITHUB_JOB: "", MOGPLEX_CI_JOB: "mine" });
  expect([github?.job, github?.pipeline]).toEqual(["mine", "123"]);
});

test("jobState() reads GitLab's statuses, and answers unknown for any other", () => {
  const statuses = ["success", "failed", "canceled", "timedout", "running", "", "new-word"];
  expect(statuses.map((word) => stateOf({ ...GITLAB, CI_JOB_STATUS: word }))).toEqual(
    ["success", "failed", "cancelled", "timed_out", "unknown", "unknown", "unknown"],
  );
});

test("jobState() reads MOGPLEX_JOB_STATUS first, with the statuses of every system", () => {
  const statuses = [
    "success",
    "failure",
    "cancelled",
    "SUCCESS",
    "FAILURE",
    "UNSTABLE",
    "ABORTED",
    "timed_out",
    "Timed Out",
  ];
  expect(statuses.map((word) => stateOf({ ...GITHUB, MOGPLEX_JOB_STATUS: word }))).toEqual(
    ["success", "failed", "cancelled", "success", "failed", "failed", "cancelled", "timed_out", "timed_out"],
  );
  expect(stateOf({ ...GITLAB, CI_JOB_STATUS: "success", MOGPLEX_JOB_STATUS: "cancelled" })).toBe("cancelled");
  expect(stateOf({ MOGPLEX_JOB_STATUS: "cancelled" })).toBe("cancelled");
  expect(stateOf(GITHUB)).toBe("unknown");
});

test("jobState() reads Azure's statuses and the exit codes of Buildkite and Bitbucket", () => {
  const azure = { SYSTEM_TEAMFOUNDATIONCOLLECTIONURI: "x" };
  const statuses = ["Succeeded", "SucceededWithIssues", "Failed", "Canceled"];
  expect(statuses.map((word) => stateOf({ ...azure, AGENT_JOBSTATUS: word }))).toEqual(
    ["success", "success", "failed", "cancelled"],
  );
  expect(["0", "1", "143"].map((code) => stateOf({ BUILDKITE: "true", BUILDKITE_COMMAND_EXIT_STATUS: code }))).toEqual(
    ["success", "failed", "failed"],
  );
  expect(stateOf({ BITBUCKET_COMMIT: "abc", BITBUCKET_EXIT_CODE: "1" })).toBe("failed");
});

test("files() names GitHub's files when their variables are set", () => {
  const { platform, read } = platformOf({ ...GITHUB, GITHUB_OUTPUT: "/tmp/out", GITHUB_STEP_SUMMARY: "" });
  expect(platform.files(read)).toEqual({ outputs: "/tmp/out", summary: undefined });
  expect(platformOf(GITLAB).platform.files(() => "x")).toEqual({ outputs: undefined, summary: undefined });
});
