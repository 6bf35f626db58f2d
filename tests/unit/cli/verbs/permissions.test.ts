import { expect, test } from "bun:test";
import { denoFlags, permissionsFor } from "../../../../lib/cli/verbs/permissions.ts";
import { ALL_SYSTEMS, detectPlatform, platformVariables } from "../../../../lib/ci/detect.ts";
import { PERSON_VARIABLES, type ReadEnv } from "../../../../lib/ci/platform.ts";
import { REPORT_FORMATS } from "../../../../lib/report/write.ts";
import { NETWORK_VARIABLES, SECRET_VARIABLES, VARIABLES } from "../../../../lib/variables.ts";
import { world } from "../world.ts";

const PATHS = { out: "mogplex-ci", written: [], read: [] };

const at = (env: ReadEnv) => ({ env, platform: detectPlatform(env), systems: ALL_SYSTEMS });

test("permissionsFor() names the host of the origin, all lists of variables, and the output directory", () => {
  const { net, env, read, write } = permissionsFor(at(() => undefined), PATHS);
  expect({ net, read, write }).toEqual({ net: ["mogplex.com"], read: ["."], write: ["mogplex-ci"] });
  const names = [
    ...VARIABLES,
    ...platformVariables(),
    ...PERSON_VARIABLES,
    ...SECRET_VARIABLES,
    ...NETWORK_VARIABLES,
    "NODE_ENV",
    "NO_COLOR",
    "TERM",
    "TERM_PROGRAM",
    "FORCE_COLOR",
    "VTE_VERSION",
    "WT_SESSION",
  ];
  expect([...env].sort()).toEqual([...new Set(names)].sort());
});

test("permissionsFor() adds what variables and flags name", () => {
  const env: Record<string, string> = {
    MOGPLEX_URL: "http://127.0.0.1:8080",
    MOGPLEX_DEV: "1",
    MOGPLEX_TOKEN_VARIABLE: "TEAM_TOKEN",
    MOGPLEX_API_KEY_FILE: "/run/secrets/token",
    GITHUB_ACTIONS: "true",
    GITHUB_OUTPUT: "/runner/output",
    GITHUB_STEP_SUMMARY: "/runner/summary",
  };
  const paths = { out: "/builds/out", written: ["/builds/out/run.json", "notes/summary.md"], read: ["task.md"] };
  const permissions = permissionsFor(at((name) => env[name]), paths);
  expect(permissions).toMatchObject({
    net: ["127.0.0.1:8080"],
    read: [".", "/builds/out", "/run/secrets/token", "/runner/output"],
    write: ["/builds/out", "notes", "/runner/output", "/runner/summary"],
  });
  expect(permissions.env).toContain("TEAM_TOKEN");
  const bitbucket: Record<string, string> = { BITBUCKET_COMMIT: "c", BITBUCKET_PIPELINES_VARIABLES_PATH: "/agent/v" };
  expect(permissionsFor(at((name) => bitbucket[name]), PATHS).write).toEqual(["mogplex-ci", "/agent/v"]);
});

test("permissions adds the collector of a trace, its variables, and the files that a run appends to", async () => {
  const files = ["--history", "/cache/history.ndjson", "--otel-file", "trace.jsonl"];
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };
  const { stdout } = await world().cli(["permissions", "--json", ...files], { env });
  expect(JSON.parse(stdout)).toMatchObject({
    net: ["mogplex.com", "collector:4318"],
    env: expect.arrayContaining(["OTEL_EXPORTER_OTLP_HEADERS", "TRACEPARENT"]),
    read: [".", "/cache/history.ndjson"],
    write: ["mogplex-ci", "/cache/history.ndjson", "trace.jsonl"],
  });
});

test("denoFlags() refuses a path that a shell would take apart", () => {
  const permissions = permissionsFor(at(() => undefined), { ...PATHS, out: "my reports" });
  expect(() => denoFlags(permissions)).toThrow(
    `Cannot print permissions because a path contains a space, a comma or a special shell character: "my reports"; use --json`,
  );
});

test("permissions prints flags on one line, or an object", async () => {
  const { cli } = world("");
  const args = ["permissions", "--out", "reports", "--report", "json=x/y.json", "--state", "z/run.json"];
  const text = await cli(args);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(
    /^--allow-net=mogplex\.com --allow-env=[A-Za-z0-9_,]+ --allow-read=\. --allow-write=reports,z,x\n$/,
  );
  expect(JSON.parse((await cli([...args, "--json"])).stdout)).toMatchObject({ write: ["reports", "z", "x"] });
});

test("permissions opens what run would write when variables say where", async () => {
  const { cli } = world("");
  const env = { MOGPLEX_OUT: "a/b/", MOGPLEX_REPORT: "json=x/y.json, markdown" };
  const printed = JSON.parse((await cli(["permissions", "--json"], { env })).stdout);
  expect(printed.write).toEqual(["a/b/", "x"]);
  const flagged = JSON.parse((await cli(["permissions", "--json", "--report", "json=z/y.json"], { env })).stdout);
  expect(flagged.write).toEqual(["a/b/", "z"]);
});

test("permissions ends with 2 when a report has no known format", async () => {
  const { code, stderr } = await world("").cli(["permissions", "--report", "pdf"]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: `error: Cannot write report because its format must be one of ${
      Object.keys(REPORT_FORMATS).join(", ")
    }: "pdf"\n`,
  });
});

test("permissions --for respond adds the forge of the job, its event and its variables", async () => {
  const { cli } = world("");
  const printed = async (env: Record<string, string>) =>
    JSON.parse((await cli(["permissions", "--json", "--for", "respond"], { env })).stdout);
  const gitlab = {
    GITLAB_CI: "true",
    CI_API_V4_URL: "https://git.example:8443/gitlab/api/v4",
    TRIGGER_PAYLOAD: "/b/p",
  };
  expect(await printed({ ...gitlab, MOGPLEX_NOTE_TOKEN_VARIABLE: "BOT_TOKEN" })).toMatchObject({
    net: ["mogplex.com", "git.example:8443"],
    env: expect.arrayContaining(["TRIGGER_PAYLOAD", "CI_PROJECT_URL", "CI_PROJECT_ID", "GITLAB_TOKEN", "BOT_TOKEN"]),
    read: [".", "/b/p"],
  });
  const text = { ...gitlab, TRIGGER_PAYLOAD: '{"object_kind":"note"}' };
  expect((await printed(text)).read).toEqual(["."]);
  const github = {
    GITHUB_ACTIONS: "true",
    GITHUB_SERVER_URL: "https://github.com",
    GITHUB_EVENT_PATH: "/tmp/event.json",
  };
  expect(await printed({ ...github, GITHUB_API_URL: "https://api.github.com" })).toMatchObject({
    net: ["mogplex.com", "api.github.com"],
    env: expect.arrayContaining(["GITHUB_API_URL", "GITHUB_EVENT_NAME", "GITHUB_REPOSITORY", "GITHUB_TOKEN"]),
    read: [".", "/tmp/event.json"],
  });
  const server = "https://git.example.com";
  const gitea = { ...github, GITEA_ACTIONS: "true", GITHUB_SERVER_URL: server, GITHUB_API_URL: `${server}/api/v1` };
  expect((await printed(gitea)).net).toEqual(["mogplex.com", "git.example.com"]);
});

test("permissions --note auto adds the forge of a workflow, its event and its variables", async () => {
  const { cli } = world("");
  const server = "https://git.example.com";
  const env = { GITEA_ACTIONS: "true", GITHUB_SERVER_URL: server, GITHUB_API_URL: `${server}/api/v1` };
  const printed = async (...args: string[]) =>
    JSON.parse(
      (await cli(["permissions", "--json", ...args], { env: { ...env, GITHUB_EVENT_PATH: "/tmp/event.json" } })).stdout,
    );
  expect(await printed()).toMatchObject({ net: ["mogplex.com"], read: ["."] });
  expect(await printed("--note", "auto")).toMatchObject({
    net: ["mogplex.com", "git.example.com"],
    env: expect.arrayContaining(["GITEA_TOKEN", "GITHUB_API_URL", "GITHUB_EVENT_PATH", "GITHUB_WORKFLOW_REF"]),
    read: [".", "/tmp/event.json"],
  });
});

test("permissions --after --note auto adds both forges and the event, and --after an address the variable of the token", async () => {
  const { cli } = world("");
  const printed = async (env: Record<string, string>, ...args: string[]) =>
    JSON.parse((await cli(["permissions", "--json", ...args], { env })).stdout);
  const server = "https://git.example.com";
  const gitea = { GITEA_ACTIONS: "true", GITHUB_SERVER_URL: server, GITHUB_API_URL: `${server}/api/v1` };
  const env = { ...gitea, GITHUB_EVENT_PATH: "/tmp/event.json" };
  const address = "https://github.com/acme/web/pull/7";
  expect(await printed(env, "--after", "42", "--note", "auto")).toMatchObject({
    net: ["mogplex.com", "git.example.com"],
    read: [".", "/tmp/event.json"],
  });
  expect(await printed(env, "--after", address, "--note", "auto")).toMatchObject({
    net: ["mogplex.com", "api.github.com", "git.example.com"],
    env: expect.arrayContaining(["GITHUB_WORKFLOW_REF"]),
    read: [".", "/tmp/event.json"],
  });
  const gitlab = { GITLAB_CI: "true", CI_API_V4_URL: `${server}/api/v4`, MOGPLEX_NOTE_TOKEN_VARIABLE: "BOT_TOKEN" };
  const onGitlab = await printed(gitlab, "--after", `${server}/acme/web/-/merge_requests/7`);
  expect(onGitlab.env).toContain("BOT_TOKEN");
});

test("permissions --after adds the forge of a pull request, and the result of a run", async () => {
  const { cli } = world("");
  const env = { GITLAB_CI: "true", CI_API_V4_URL: "https://git.example/api/v4", TRIGGER_PAYLOAD: "/b/p" };
  const printed = async (after: string) =>
    JSON.parse((await cli(["permissions", "--json", "--after", after], { env })).stdout);
  expect(await printed("42")).toMatchObject({ net: ["mogplex.com", "git.example"], read: ["."] });
  expect(await printed("/cache/result.json")).toMatchObject({
    net: ["mogplex.com", "git.example"],
    read: [".", "/cache/result.json"],
  });
  expect((await printed("https://github.com/acme/web/pull/7")).net).toEqual(["mogplex.com", "api.github.com"]);
});
