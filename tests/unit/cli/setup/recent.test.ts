import { expect, test } from "bun:test";
import { TOKEN, world } from "../world.ts";

const HOME = { HOME: "/h/me" };
const FILE = "/h/me/.local/state/mogplex-ci/recent.ndjson";
const RUN = ["run", "--follow", "Fix the flaky tests\nand more", "--repo", "acme/api"];

test("runs recent lists what this machine started, with state, task, pull request and age, and asks about ends alone", async () => {
  const { cli, requests, clock } = world("success");
  const first = await cli(RUN, { env: HOME });
  const text = first.io.files.get(FILE) ?? "";
  expect(text).not.toMatch(/mog_|and more/);
  requests.length = 0;
  clock.advance(3 * 3_600_000);
  const files = Object.fromEntries(first.io.files);
  const { code, stdout } = await cli(["runs", "recent"], { env: { ...HOME, MOGPLEX_API_KEY: "" }, files });
  expect([code, requests]).toEqual([0, []]);
  expect(stdout.split("\n")[0]).toMatch(/^STATE +TASK +REPOSITORY +PULL REQUEST OR BRANCH +RUN +AGE$/);
  expect(stdout.split("\n")[1]).toMatch(
    /^success {2}Fix the flaky tests {2}acme\/api {4}https?:\/\/\S+ +<run> +3 h( 1 min)?$/,
  );
  const terminal = await cli(["runs", "recent"], { env: HOME, files, terminal: true });
  expect(terminal.stdout).toMatch(/ {2}[0-9a-f]{8} {2}/);
  expect(terminal.stdout).toMatch(/ {2}#\d+ {2}/);
  const json = JSON.parse((await cli(["runs", "recent", "--json"], { env: HOME, files })).stdout);
  expect(json).toMatchObject({
    runId: "<run>",
    outcome: "success",
    status: "success",
    exitCode: 0,
    folder: expect.stringMatching(/mogplex-ci$/),
  });
});

test("runs recent fits the terminal, and prints whole values elsewhere", async () => {
  const { cli } = world("success");
  const [long, line] = [
    "group/subgroup/a-repository-with-a-long-name",
    (task: string) =>
      JSON.stringify({
        startedAt: "2026-01-01",
        runId: "r".repeat(36),
        repository: long,
        branch: `mogplex/${long}`,
        task,
      }),
  ];
  const files = { [FILE]: `${line("Replace the deprecated calls in all packages")}\n` };
  const [terminal, pipe] = [
    await cli(["runs", "recent"], { env: HOME, files, terminal: true }),
    await cli(["runs", "recent"], { env: HOME, files }),
  ];
  expect(Math.max(...terminal.stdout.trimEnd().split("\n").map((each) => each.length))).toBe(80);
  expect(terminal.stdout).toMatch(
    /^unknown {2}Replace the deprec\S*… {2}group\/subgroup\/\S*… {2}mogplex\/\S*… {2}rrrrrrrr {2}\d+ d/m,
  );
  expect(pipe.stdout).toContain("  Replace the deprecated calls in all packages  ");
  expect(terminal.stdout).not.toContain("characters]");
  expect(pipe.stdout).toContain(`  ${long}  mogplex/${long}  ${"r".repeat(36)}  `);
});

test("runs recent cuts no state that can be a word of ours, and others to its length", async () => {
  const { cli, emulator } = world("");
  const started = await cli(["run", "--detach", "Replace the deprecated calls in all packages", "--repo", "acme/api"], {
    env: HOME,
  });
  const [strangeRun] = emulator.world.store.runs.values();
  Object.assign(strangeRun ?? {}, { status: "s".repeat(99) });
  const line = (runId: string) =>
    JSON.stringify({
      startedAt: "2026-01-01",
      runId,
      repository: "group/subgroup/a-repository-with-a-long-name",
      branch: "mogplex/external/a-branch-with-a-long-name",
      task: "Replace the deprecated calls in all packages",
    });
  const files = { [FILE]: `${started.io.files.get(FILE)}${line(crypto.randomUUID())}\n` };
  const { stdout } = await cli(["runs", "recent"], { env: HOME, files, terminal: true });
  const [, unknown = "", strange = ""] = stdout.split("\n");
  expect(unknown).toHaveLength(80);
  expect(unknown).toStartWith("other token     Replace");
  expect(strange).toStartWith(`${"s".repeat(13)}…  Replace`);
});

test("runs recent shortens a branch that the service named on a terminal, and has the whole branch elsewhere", async () => {
  const { cli } = world("success");
  const generated = "mogplex/external/70a41ec8-9562673e";
  const lines = [generated, "fix/tests"].map((branch, index) =>
    JSON.stringify({
      startedAt: "2026-01-01",
      runId: `${index}`.repeat(36),
      repository: "acme/web",
      branch,
      task: "Fix",
    })
  );
  const files = { [FILE]: lines.join("\n") };
  const branches = async (terminal: boolean) => {
    const { stdout } = await cli(["runs", "recent"], { env: HOME, files, terminal });
    return stdout.trimEnd().split("\n").slice(1).map((line) => line.split(/ {2,}/)[3]);
  };
  expect(await branches(true)).toEqual(["fix/tests", "…/70a41ec8…"]);
  expect(await branches(false)).toEqual(["fix/tests", generated]);
});

test("runs recent shows no branch until a run without its own branch has pushed one", async () => {
  const { cli } = world("success");
  const rowOf = async (run: readonly string[], files?: Record<string, string>) => {
    const { io } = await cli([...run, "Fix it", "--repo", "acme/api"], { env: HOME, files });
    const { stdout } = await cli(["runs", "recent", "--json"], { env: HOME, files: Object.fromEntries(io.files) });
    return JSON.parse(stdout).branch;
  };
  expect(await rowOf(["run", "--detach", "--no-create-branch"])).toBe("");
  expect(await rowOf(["run", "--detach", "--branch", "fix/it"])).toBe("fix/it");
  expect(await rowOf(["run", "--follow", "--no-create-branch"])).toMatch(/^mogplex\//);
});

test("runs recent asks again about runs that went on without a command, and remembers their ends", async () => {
  const { cli, emulator, requests } = world("");
  const left = await cli([...RUN, "--timeout", "30s"], { env: HOME });
  expect(left.code).toBe(124);
  const files = Object.fromEntries(left.io.files);
  const state = async (more: Record<string, string> = {}) => {
    const { stdout, stderr, io } = await cli(["runs", "recent"], { env: { ...HOME, ...more }, files });
    Object.assign(files, Object.fromEntries(io.files));
    return [stdout.split("\n")[1]?.split("  ")[0], stderr];
  };
  expect(await state()).toEqual(["pending", ""]);
  expect(await state({ MOGPLEX_API_KEY: "" })).toEqual([
    "unknown",
    expect.stringContaining("note: some states are unknown: "),
  ]);
  for (const run of emulator.world.store.runs.values()) run.status = "success";
  expect(await state()).toEqual(["success", ""]);
  requests.length = 0;
  expect([await state(), requests]).toEqual([["success", ""], []]);
});

test("runs recent shows the pull request of a run that succeeded without a command", async () => {
  const { cli, clock } = world("success");
  const { io } = await cli(["run", "--detach", "Fix", "--repo", "acme/api"], { env: HOME });
  clock.advance(600_000);
  const files = Object.fromEntries(io.files);
  const listing = await cli(["runs", "recent"], { env: HOME, files, terminal: true });
  const [, row = ""] = listing.stdout.split("\n");
  expect(row.split(/ {2,}/).slice(0, 4)).toEqual(["success", "Fix", "acme/api", expect.stringMatching(/^#\d+$/)]);
  const again = await cli(["runs", "recent"], {
    env: HOME,
    files: Object.fromEntries(listing.io.files),
    terminal: true,
  });
  expect(again.stdout).toBe(listing.stdout);
});

test("report and follow show the task of a run that this machine started, if the list has the whole task", async () => {
  const { cli } = world("success");
  const shown = async (task: string, more: string[] = [], env: Record<string, string> = {}) => {
    const started = await cli(["run", "--detach", task, "--repo", "acme/api", "--new"], { env: { ...HOME, ...env } });
    const files = Object.fromEntries(started.io.files);
    const runId = JSON.parse(started.io.files.get("mogplex-ci/run.json") ?? "").runId;
    const tasks: unknown[] = [];
    for (const verb of ["follow", "report"]) {
      const { io } = await cli([verb, runId, ...more], { env: { ...HOME, ...env }, files });
      tasks.push(JSON.parse(io.files.get("mogplex-ci/result.json") ?? "{}").task);
    }
    return tasks;
  };
  expect(await shown("Fix the flaky tests")).toEqual(["Fix the flaky tests", "Fix the flaky tests"]);
  expect(await shown("Fix the flaky tests", ["--show-task", "false"])).toEqual([null, null]);
  expect(await shown("Fix the flaky tests\nand more")).toEqual([null, null]);
  expect(await shown("x".repeat(201))).toEqual([null, null]);
  expect(await shown("Fix the flaky tests", [], { MOGPLEX_RECENT: "ids" })).toEqual([null, null]);
});

test("a follow adds the verdict of a run that was left, and no run is listed twice", async () => {
  const { cli } = world("agent-failure");
  const started = await cli(["run", "--detach", "x", "--repo", "acme/api"], { env: HOME });
  const files = Object.fromEntries(started.io.files);
  const runId = JSON.parse(started.io.files.get("mogplex-ci/run.json") ?? "").runId;
  const followed = await cli(["follow", runId], { env: HOME, files });
  const { stdout } = await cli(["runs", "recent"], { env: HOME, files: Object.fromEntries(followed.io.files) });
  expect(stdout.trim().split("\n")).toHaveLength(2);
  expect(stdout).toContain("failed  x     acme/api");
});

test("a run started by run without --follow is remembered, without a folder", async () => {
  const { cli } = world("success");
  const { io } = await cli(["run", "Fix it\nand more", "--repo", "acme/api", "--create-branch"], { env: HOME });
  const files = Object.fromEntries(io.files);
  const { stdout } = await cli(["runs", "recent", "--json"], { env: HOME, files });
  expect(JSON.parse(stdout)).toMatchObject({ runId: "<run>", repository: "acme/api", task: "Fix it", folder: null });
});

test("a start with a wrong MOGPLEX_SHOW_TASK prints its run and remembers no task", async () => {
  const env = { ...HOME, MOGPLEX_SHOW_TASK: "perhaps" };
  const { code, stdout, io } = await world("success").cli(["run", "Fix it", "--repo", "acme/api"], { env });
  expect([code, stdout.includes("<run>")]).toEqual([0, true]);
  expect(JSON.parse(io.files.get(FILE) ?? "")).not.toHaveProperty("task");
});

test("the first line of the task is remembered unless the user says no, and nothing with off, in CI or without a home", async () => {
  const remembered = async (env: Record<string, string>) => {
    const { io } = await world("success").cli(RUN, { env });
    return [...io.files].find(([path]) => path.endsWith("recent.ndjson"))?.[1];
  };
  expect(await remembered(HOME)).toContain('"task":"Fix the flaky tests"');
  for (const no of [{ MOGPLEX_RECENT: "ids" }, { MOGPLEX_SHOW_TASK: "false" }] as Record<string, string>[]) {
    expect([no, (await remembered({ ...HOME, ...no }))?.includes("flaky")]).toEqual([no, false]);
  }
  expect(await remembered({ ...HOME, MOGPLEX_RECENT: "off" })).toBeUndefined();
  expect(await remembered({ ...HOME, CI: "true" })).toBeUndefined();
  expect(await remembered({})).toBeUndefined();
  expect(await remembered({ HOME: "relative" })).toBeUndefined();
  expect(await remembered({ ...HOME, XDG_STATE_HOME: "/state" })).toBeDefined();
});

test("a file of runs stays small, and a token in it is masked", async () => {
  const { cli } = world("success");
  const lines = Array.from({ length: 500 }, (_, at) => JSON.stringify({ startedAt: "2026-01-01", runId: `r${at}` }));
  const { io } = await cli([...RUN, "--branch", "x"], { env: HOME, files: { [FILE]: `${lines.join("\n")}\n` } });
  const kept = (io.files.get(FILE) ?? "").trim().split("\n");
  expect(kept.length).toBeLessThan(210);
  expect(io.files.get(FILE)).not.toContain(TOKEN);
});

test("runs recent skips lines that are damaged or strange", async () => {
  const good = { startedAt: "2026-01-01T00:00:00Z", runId: "a", repository: "acme/web", branch: "b", folder: "f" };
  const lines = [
    "",
    "{",
    "[]",
    "null",
    '"x"',
    "{}",
    '{"runId":"lost","outcome":"failed"}',
    JSON.stringify(good),
    '{"runId":',
  ];
  const files = { [FILE]: lines.join("\n") };
  const { stdout } = await world("success").cli(["runs", "recent", "--json"], { env: HOME, files });
  expect(stdout.trim().split("\n").map((line) => JSON.parse(line))).toEqual([{
    ...good,
    outcome: null,
    status: "unknown",
    exitCode: null,
    pullRequest: null,
  }]);
});

test("runs recent prints hostile text harmlessly, and says when there is nothing", async () => {
  const { cli } = world("success");
  const line = JSON.stringify({ startedAt: "2026-01-01", runId: "a\u001b[31m", repository: "x\n::error::y" });
  const { stdout } = await cli(["runs", "recent"], { env: HOME, files: { [FILE]: line } });
  expect(stdout).not.toContain("\u001b");
  expect(stdout).not.toMatch(/^::/m);
  expect((await cli(["runs", "recent"], { env: HOME })).stderr).toContain("has no recent runs");
});

test("runs recent, follow and report call a run cancelled that was cancelled while it booted and then failed", async () => {
  const { cli, clock, emulator } = world("cancelled-during-boot-revived");
  const first = await cli([...RUN.slice(0, 1), "--detach", ...RUN.slice(2)], { env: HOME });
  const files = Object.fromEntries(first.io.files);
  clock.advance(600_000);
  const [runId = ""] = [...emulator.world.store.runs.keys()];
  expect((await cli(["runs", "get", runId])).stdout).toContain("failed");
  const recent = await cli(["runs", "recent"], { env: HOME, files });
  expect(recent.stdout.split("\n")[1]).toMatch(/^cancelled /);
  for (const verb of ["follow", "report"]) {
    const { code, stdout, stderr, io } = await cli([verb, runId], { files });
    expect([verb, code]).toEqual([verb, 3]);
    expect(stdout + stderr).not.toMatch(/verdict +failed|did not start/);
    expect(io.files.get("mogplex-ci/run.html")).toContain("was cancelled");
  }
});

test("runs recent says that no agent was started when the run got no sandbox", async () => {
  const detach = ["run", "--detach", ...RUN.slice(2)];
  for (const [args, code, isAsked] of [[detach, 0, true], [[...RUN, "--timeout", "5m"], 75, false]] as const) {
    const { cli, clock, requests } = world("boot-failure");
    const started = await cli([...args], { env: HOME });
    expect(started.code).toBe(code);
    const files = Object.fromEntries(started.io.files);
    clock.advance(600_000);
    requests.length = 0;
    const { stdout, io } = await cli(["runs", "recent", "--json"], { env: HOME, files });
    expect(JSON.parse(stdout)).toMatchObject({ outcome: "not_started", status: "not_started", exitCode: 75 });
    expect(requests.length > 0).toBe(isAsked);
    requests.length = 0;
    const again = await cli(["runs", "recent"], { env: HOME, files: Object.fromEntries(io.files) });
    expect(again.stdout).toContain("\nnot_started ");
    expect(requests).toEqual([]);
  }
});

test("runs recent does not ask about runs of another service, and keeps a short repository whole at 80 columns", async () => {
  const { cli, requests } = world("");
  const run = { startedAt: "2026-01-01", runId: crypto.randomUUID(), origin: "http://127.0.0.1:4010" };
  const more = { repository: "demo/invoices", branch: "mogplex/external/0baffc43-e1dfe5ab", task: "Fix ".repeat(30) };
  const files = { [FILE]: `${JSON.stringify({ ...run, ...more })}\n` };
  const { stdout, stderr } = await cli(["runs", "recent"], { env: HOME, files, terminal: true });
  expect(stdout.split("\n")[1]).toMatch(/^other service {2}Fix Fix \S[^…]*… {2}demo\/invoices {2}…\/0baffc/);
  expect([stderr, requests]).toEqual(["", []]);
});
