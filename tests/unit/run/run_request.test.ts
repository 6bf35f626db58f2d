import { expect, test } from "bun:test";
import { triggerAutomation } from "../../../lib/run/automation.ts";
import { checkRunRequest, start } from "../../../lib/run/request.ts";
import { REPO, TOKEN, world } from "../cli/world.ts";
import { run } from "./detecting.ts";

test("checkRunRequest() creates a branch unless the caller names one or says no", () => {
  const created = (more: object) => checkRunRequest({ repo: "acme/web", prompt: "x", ...more }).rest.createBranch;
  expect([
    created({}),
    created({ createBranch: false }),
    created({ workingBranch: "agent/x" }),
    created({ workingBranch: "agent/x", createBranch: true }),
  ]).toEqual([true, false, undefined, true]);
});

test("run --follow takes a repository by name and creates a branch; the state and the request have its id", async () => {
  const { cli, requests, emulator } = world("success");
  const { code, stdout } = await cli(["run", "--follow", "x", "--repo", "ACME/api"]);
  expect({ code, first: requests[0], second: requests[1] }).toEqual({
    code: 0,
    first: "GET /repos",
    second: "POST /runs",
  });
  const [run] = [...emulator.world.store.runs.values()];
  expect([run?.repo_id, run?.create_branch]).toEqual([REPO, true]);
  expect(stdout).toContain("created)");
});

test("run --follow with --no-create-branch, or with --branch alone, creates none", async () => {
  for (const flags of [["--no-create-branch"], ["--branch", "agent/x"]]) {
    const { cli, emulator } = world("success");
    expect((await cli(["run", "--follow", "x", "--repo", "acme/api", ...flags])).code).toBe(0);
    expect([...emulator.world.store.runs.values()].map((run) => run.create_branch)).toEqual([false]);
  }
});

test("run --follow refuses to create the default branch before a start is used", async () => {
  const { cli, requests } = world("success");
  const flags = ["--repo", "acme/api", "--branch", "main", "--create-branch"];
  const { code, stderr } = await cli(["run", "--follow", "x", ...flags]);
  expect({ code, requests }).toEqual({ code: 2, requests: ["GET /repos"] });
  expect(stderr).toContain(
    'Cannot start run because a run cannot create the default branch of the repository: "main"; choose another working branch',
  );
  expect((await cli(["run", "--follow", "x", "--repo", "acme/api", "--branch", "main"])).code).toBe(0);
});

test("run --follow with an id refuses to create the default branch before a start is used, and starts if the list is not shown", async () => {
  const flags = ["--repo", REPO.toUpperCase(), "--create-branch", "--branch"];
  const { cli, requests } = world("success");
  const { code, stderr } = await cli(["run", "--follow", "x", ...flags, "main"]);
  expect({ code, requests }).toEqual({ code: 2, requests: ["GET /repos"] });
  expect(stderr).toContain('a run cannot create the default branch of the repository: "main"');
  expect((await cli(["run", "--follow", "x", ...flags, "agent/x"])).code).toBe(0);
  const { emulator, clock } = world("success");
  const sent: string[] = [];
  const fetch = async (url: string, init: RequestInit = {}) => {
    sent.push(`${init.method ?? "GET"} ${new URL(url).pathname.replace("/api/v1/mogplex", "")}`);
    return url.includes("/repos?") ? new Response("{}", { status: 403 }) : await emulator.fetch(url, init);
  };
  const env = (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined;
  const request = { repo: REPO, prompt: "x", workingBranch: "agent/x", createBranch: true };
  await start(request, { token: TOKEN, url: "http://127.0.0.1:1", env, clock, fetch });
  expect(sent).toEqual(["GET /repos", "POST /runs"]);
});

test("run --follow with an unknown name ends with 2, starts nothing, and offers the near one", async () => {
  const { cli, requests } = world("success");
  const { code, stderr } = await cli(["run", "--follow", "x", "--repo", "acme/apj"]);
  expect({ code, started: requests.includes("POST /runs") }).toEqual({ code: 2, started: false });
  expect(stderr).toContain(`did you mean "acme/api"?`);
});

test("the verbs that take --repo take a name", async () => {
  const { cli, requests } = world("success");
  expect((await cli(["run", "x", "--repo", "acme/api", "--json"])).code).toBe(0);
  expect((await cli(["sandboxes", "list", "--repo", "acme/api"])).code).toBe(0);
  expect(requests.filter((request) => request === "GET /repos")).toHaveLength(2);
  expect((await cli(["sandboxes", "list", "--repo", "acme/gone"])).code).toBe(2);
});

test("run(), start() and triggerAutomation() take a repository by name, and start nothing for an unknown one", async () => {
  const { emulator, clock } = world("success");
  const options = {
    token: TOKEN,
    url: "http://127.0.0.1:1",
    env: (name: string) => name === "MOGPLEX_DEV" ? "1" : undefined,
    clock,
    fetch: emulator.fetch,
  };
  const request = { repo: "acme/api", prompt: "Fix it" };
  expect(await run(request, options)).toMatchObject({ outcome: "success", repoId: REPO });
  expect((await start({ ...request, workingBranch: "x" }, options)).run.branch.createBranch).toBe(false);
  expect(emulator.world.store.runs.size).toBe(2);
  const unknown = { repo: "acme/apu" };
  await expect(start({ ...unknown, prompt: "x" }, options)).rejects.toThrow(`did you mean "acme/api"?`);
  await expect(triggerAutomation(crypto.randomUUID(), unknown, options)).rejects.toThrow(`did you mean "acme/api"?`);
  expect(emulator.world.store.runs.size).toBe(2);
});
