/** The scripts of the gate's recipes for GitHub and GitLab, with the built program, against the models of their APIs. Gitea's runs in the lab. */
import { afterAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { parseYaml } from "../../unit/examples/strict.ts";
import { aNode, githubForge, HEAD, json, reviews } from "../../unit/forge/github_forge.ts";
import { aRequest, gitlabForge, UNAPPROVED } from "../../unit/forge/gitlab_forge.ts";
import { GITHUB_TOKEN, GITLAB_TOKEN } from "../../unit/forge/world.ts";

const folder = mkdtempSync(join(tmpdir(), "mogplex-gate-"));
const servers: { stop(isForced: boolean): void }[] = [];
afterAll(() => {
  for (const server of servers) server.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

mkdirSync(join(folder, "ci"));
mkdirSync(join(folder, "bin"));
cpSync(built("mogplex.mjs"), join(folder, "ci/mogplex.mjs"));

// deno-lint-ignore no-explicit-any
const recipe = (file: string): any => parseYaml(readFileSync(join(root, "examples", file), "utf8"));

/** A server on this machine. @param answer Gets the address as the server has it. */
function serve(answer: (url: string, init: RequestInit) => Promise<Response>): string {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const body = request.method === "GET" ? null : await request.text();
      return await answer(request.url, { method: request.method, headers: request.headers, body });
    },
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

async function run(script: string, env: Record<string, string>) {
  const path = [join(folder, "bin"), dirname(runtimes.node), process.env.PATH].join(":");
  const child = spawn("bash", ["-eo", "pipefail", "-c", script], { cwd: folder, env: { PATH: path, ...env } });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => text.stdout += part);
  child.stderr.on("data", (part) => text.stderr += part);
  const [code] = await once(child, "close");
  return { code, ...text };
}

test("the gate's recipe for GitHub starts for every event that changes the commit or the target", () => {
  // Source: GitHub, "Webhook events and payloads", pull_request: `edited` has a change of the base branch, too.
  const { on } = recipe("github-actions/gate.yml");
  expect(Object.keys(on)).toEqual(["pull_request_target", "schedule", "workflow_dispatch"]);
  const { types } = on.pull_request_target;
  expect(types).toEqual(["opened", "reopened", "synchronize", "edited"]);
});

test(
  "the gate's recipe for GitHub sets the status of the pull request of its event, and of all that are open",
  async () => {
    const github = githubForge();
    const origin = serve((url, init) => github.fetch(url, init));
    const base = {
      ...{ viewerCanMergeAsAdmin: false, baseRefName: "main", baseRef: null },
      baseRepository: { defaultBranchRef: { name: "main" }, databaseId: 42 },
    };
    const url = (number: number) => `${origin}/acme/web/pull/${number}`;
    github.pulls.set("acme/web#7", aNode({ ...base, url: url(7) }));
    github.pulls.set("acme/web#8", aNode({ ...base, url: url(8), headRefOid: "8".repeat(40), ...reviews() }));
    for (const [number, head] of [[7, HEAD], [8, "8".repeat(40)]] as const) {
      github.rest.set(`/api/v3/repos/acme/web/pulls/${number}`, {});
      for (const kind of ["issues", "pulls"]) {
        github.rest.set(`/api/v3/repos/acme/web/${kind}/${number}/comments?per_page=100&page=1`, []);
      }
      github.rest.set(`/api/v3/repos/acme/web/commits/${head}/statuses?per_page=100`, []);
      github.rest.set(`/api/v3/repos/acme/web/commits/${head}/pulls?per_page=100`, []);
    }
    github.rest.set("/api/v3/repos/acme/web/rules/branches/main?per_page=100", []);
    writeFileSync(join(folder, "bin/gh"), `#!/bin/sh\nprintf '%s\\n' ${url(7)} ${url(8)}\n`);
    chmodSync(join(folder, "bin/gh"), 0o755);
    writeFileSync(join(folder, "event.json"), JSON.stringify({ pull_request: { number: 8 } }));
    const env = {
      ...{ GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: origin, GITHUB_API_URL: `${origin}/api/v3`, GITHUB_TOKEN },
      ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_EVENT_PATH: join(folder, "event.json"), RUNNER_TEMP: folder },
    };
    const [one, all] = recipe("github-actions/gate.yml").jobs.gate.steps.slice(-2);
    const states = () =>
      github.written.splice(0).map(({ path, body }) => [path.slice(-4), (body as { state: string }).state]);
    expect(await run(one.run, { ...env, GITHUB_EVENT_NAME: "pull_request_target" })).toMatchObject({ code: 0 });
    expect(states()).toEqual([["8888", "pending"]]);
    expect(await run(all.run, { ...env, GITHUB_EVENT_NAME: "schedule" })).toMatchObject({ code: 0 });
    expect(states()).toEqual([["0000", "success"], ["8888", "pending"]]);
    // A pull request that cannot be read does not keep the others from being checked.
    writeFileSync(join(folder, "bin/gh"), `#!/bin/sh\nprintf '%s\\n' ${url(6)} ${url(7)} ${url(8)}\n`);
    expect(await run(all.run, { ...env, GITHUB_EVENT_NAME: "schedule" })).toMatchObject({ code: 69 });
    expect(states()).toEqual([["0000", "success"], ["8888", "pending"]]);
    github.faults.push(...Array.from({ length: 9 }, () => json(401, {})));
    expect(await run(all.run, { ...env, GITHUB_EVENT_NAME: "schedule" })).toMatchObject({ code: 64 });
  },
);

test("the gate's recipe for GitLab sets the status of each open merge request of another project", async () => {
  const gitlab = gitlabForge();
  const written: unknown[] = [];
  let isRefused = false;
  const origin = serve(async (url, init) => {
    const { pathname } = new URL(url);
    if (isRefused) return json(401, {});
    if (init.method !== "POST" || pathname.endsWith("/graphql")) return await gitlab.fetch(url, init);
    written.push([pathname.slice(-4), JSON.parse(String(init.body)).state]);
    return json(201, {});
  });
  const url = (iid: number) => `${origin}/acme/web/-/merge_requests/${iid}`;
  const request = (iid: number, more: Record<string, unknown>, rest = {}) =>
    aRequest({ target_branch: "main", web_url: url(iid), ...more }, { diffs: [], ...rest });
  gitlab.requests.set("acme/web!7", request(7, {}));
  gitlab.requests.set("acme/web!8", request(8, { sha: "8".repeat(40) }, UNAPPROVED));
  const list = "/projects/42/merge_requests?state=opened&per_page=100&page=1";
  gitlab.others.set(list, [{ web_url: url(7) }, { web_url: url(8) }]);
  gitlab.others.set("/projects/acme%2Fweb", { id: 42 });
  gitlab.others.set("/projects/acme%2Fweb/members/all/7", { id: 7, state: "active", access_level: 30 });
  gitlab.others.set("/users/7", { id: 7, username: "ann", bot: false });
  gitlab.others.set("/user", { id: 99, username: "project_42_bot" });
  for (const head of [HEAD, "8".repeat(40)]) {
    gitlab.others.set(`/projects/acme%2Fweb/repository/commits/${head}/statuses?name=mogplex%2Fgate&per_page=100`, []);
    gitlab.others.set(`/projects/acme%2Fweb/repository/commits/${head}/merge_requests?per_page=100`, []);
  }
  const env = {
    ...{ GITLAB_CI: "true", CI_SERVER_URL: origin, CI_API_V4_URL: `${origin}/api/v4`, CI_PROJECT_ID: "1" },
    ...{ GATED_PROJECT_ID: "42", GITLAB_TOKEN },
  };
  // The program is not checked against its sum here.
  const script = recipe("gitlab/gate.yml").gate.script.slice(1).join("\n");
  expect(await run(script, env)).toMatchObject({ code: 0 });
  expect(written).toEqual([["0000", "success"], ["8888", "pending"]]);
  isRefused = true;
  expect(await run(script, env)).toMatchObject({ code: 69 });
});
