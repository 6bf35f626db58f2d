/** What a runtime can spoil: exit codes, signals, streams whose reader goes, files that it obeys, and files that it opens. */
import { built } from "../../built.ts";
import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, REPO, sharedService } from "../../programs/processes/world/service.ts";
import { cancels, nothing, openJob } from "../../programs/processes/world/ci_job.ts";
import { CANCEL, until } from "../../programs/processes/world/recorder.ts";
import { onEveryRuntime } from "./every_runtime.ts";

onEveryRuntime(
  "run --follow ends with 1, and all of its reports are whole, when stdout has lost its reader",
  async (on) => {
    const job = await openJob(on);
    const shell = '"$@" | head -1 > /dev/null; exit "${PIPESTATUS[0]}"';
    const line = ["bash", "-c", shell, "bash", ...job.line(...job.follow("<agent-failure>"))];
    const { code, stderr } = await launch(line, job).ended;
    expect(stderr).not.toContain("error");
    expect(code).toBe(1);
    expect(job.result()).toMatchObject({ outcome: "failed", exitCode: 1 });
    job.recorder.close();
  },
);

onEveryRuntime("a command whose output cannot be written ends with 69 in place of 0, and says why", async (on) => {
  const [job, failing] = [await openJob(on), await openJob(on)];
  const full = async (to: typeof job, ...args: string[]) => {
    const line = ["bash", "-c", '"$@" > /dev/full', "bash", ...to.line(...args)];
    const { code, stderr } = await launch(line, to).ended;
    return {
      code,
      reason: /^Cannot write to standard output: .*no space.*; the output is incomplete$/im.test(stderr),
    };
  };
  const lost = { code: 69, reason: true };
  expect(await full(job, "--version")).toEqual(lost);
  expect(await full(job, "repos", "list")).toEqual(lost);
  expect(await full(job, ...job.follow("<success>", "--json"))).toEqual(lost);
  expect(await full(failing, ...failing.follow("<agent-failure>"))).toEqual({ code: 1, reason: true });
  for (const { recorder } of [job, failing]) recorder.close();
});

onEveryRuntime(
  "--help ends with 0 and says nothing on stderr when its reader goes away",
  async ({ runtime }) => {
    const shell = 'set -o pipefail; "$@" --help | head -1';
    const { code, stdout, stderr } = await launch(["bash", "-c", shell, "bash", ...runtime, built("mogplex.mjs")])
      .ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe("Usage: mogplex-ci <command> [flags]\n");
  },
);

onEveryRuntime("a job ends with 70 when a promise never settles", async ({ name, runtime, service }) => {
  const preload = join(mkdtempSync(join(service.folder, "never-")), "never.mjs");
  writeFileSync(preload, "globalThis.fetch = () => new Promise(() => {});\nglobalThis.setTimeout = () => 0;\n");
  const flag = name === "bun" ? `--preload=${preload}` : `--import=${preload}`;
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  expect(await launch([...runtime, flag, built("mogplex.mjs"), "repos", "list"], { env }).ended).toEqual({
    code: 70,
    stdout: "",
    stderr: `note: sending requests and the token to ${service.url}, unencrypted\n`,
  });
});

onEveryRuntime("run --follow ends with 124 at its deadline, and says how it was called", async (on) => {
  const job = await openJob(on);
  const { code, stdout } = await job.launch(...job.follow("<stuck-streaming>", "--timeout", "3", "--key-scope", "job"))
    .ended;
  // Nothing is on the PATH. Deno does not tell a program its flags.
  const called = on.name === "deno"
    ? "(deno run --no-config --no-lock --no-prompt) \\$\\(\\1 --allow-env \\S*mogplex\\.mjs permissions\\)"
    : [on.name, ...on.runtime.slice(1)].join(" ");
  expect(stdout).toMatch(new RegExp(`\nresume        ${called} \\S*mogplex\\.mjs follow ${job.state().runId}\n`));
  expect(code).toBe(124);
  job.recorder.close();
});

onEveryRuntime("run --follow cancels its run once, and ends with 143, 130 or 129, when a signal comes", async (on) => {
  for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
    const job = await openJob(on);
    const { child, seen, ended } = job.launch(...job.follow("<stuck-pending>"));
    await seen(/started run \S+ \([^]*run accepted/);
    // Within a millisecond they are one.
    for (let count = 0; count < 2; count++) child.kill(signal);
    expect((await ended).code).toBe(code);
    expect(job.recorder.of(CANCEL)).toHaveLength(1);
    expect(job.result()).toMatchObject({ outcome: "interrupted", status: "cancelled", exitCode: code });
    job.recorder.close();
  }
});

/** Scripts whose shell is killed: the parent of the program, and one whose subshell lives on, as GitLab Runner makes it. */
const LOST_SHELLS = ['"$@" & wait', '(trap "exit 1" TERM; eval \'"$@"; true\') < /dev/null; exit 0'];

onEveryRuntime("run --follow cancels its run, as at SIGTERM, when the shell of its CI job is gone", async (on) => {
  for (const script of LOST_SHELLS) {
    const job = await openJob(on);
    const line = ["bash", "-c", script, "bash", ...job.line(...job.follow("<stuck-pending>"))];
    const { child, seen } = launch(line, job);
    await seen(/started run \S+ \([^]*run accepted/);
    child.kill("SIGKILL");
    await job.recorder.arrived(CANCEL);
    await until("the reports are written", () => existsSync(join(job.cwd, "mogplex-ci/result.json")));
    expect(job.result()).toMatchObject({ outcome: "interrupted", status: "cancelled", exitCode: 143 });
    job.recorder.close();
  }
});

onEveryRuntime("run --follow goes on without its shell where no CI system runs it", async (on) => {
  const job = await openJob(on);
  const { MOGPLEX_DEV, MOGPLEX_API_KEY, MOGPLEX_URL } = job.env as Record<string, string>;
  const line = ["bash", "-c", 'echo "shell"; "$@" & echo "pid $!"; wait', "bash"];
  const env = { MOGPLEX_DEV, MOGPLEX_API_KEY, MOGPLEX_URL } as Record<string, string>;
  const { child, seen } = launch([...line, ...job.line(...job.follow("<stuck-pending>"))], { cwd: job.cwd, env });
  const pid = Number((await seen(/pid (\d+)/))[1]);
  await seen(/started run \S+ \([^]*run accepted/);
  child.kill("SIGKILL");
  const lostAt = performance.now();
  await until("it has looked twice", () => performance.now() - lostAt > 2_500);
  expect(job.recorder.of(CANCEL)).toEqual([]);
  process.kill(pid, "SIGKILL");
  job.recorder.close();
});

onEveryRuntime("run --follow leaves at once at a signal 1.5 s after the first, and cleanup cancels", async (on) => {
  const job = await openJob(on);
  const { child, seen, ended } = job.launch(...job.follow("<stuck-pending>"));
  const runId = (await seen(/started run (\S+) \([^]*run accepted/))[1] ?? "";
  job.recorder.intercept = ({ what }) => CANCEL.test(what) ? new Promise(() => {}) : Promise.resolve();
  child.kill("SIGTERM");
  const first = await job.recorder.arrived(CANCEL);
  await until("1.5 s have passed", () => performance.now() - first.atMs > 1_550);
  child.kill("SIGINT");
  expect((await ended).code).toBe(130);
  job.recorder.intercept = undefined;
  expect(await job.cleanup("failed")).toEqual(cancels(runId, "it was already being cancelled"));
  job.recorder.close();
});

const WRAPPERS: Readonly<Record<string, readonly string[]>> = {
  node: ["npm", "exec", "--offline", "-c", "./agent.sh"],
  bun: [runtimes.bun, "run", "agent"],
  deno: [runtimes.deno, "task", "agent"],
};

onEveryRuntime(
  "run --follow cancels once when the script runner of the runtime passes the group's SIGTERM on",
  async (on) => {
    const job = await openJob(on);
    const words = job.line(...job.follow("<stuck-pending>")).map((word) => `'${word}'`);
    writeFileSync(join(job.cwd, "agent.sh"), `#!/bin/sh\nexec ${words.join(" ")}\n`, { mode: 0o755 });
    writeFileSync(join(job.cwd, "package.json"), JSON.stringify({ scripts: { agent: "./agent.sh" } }));
    writeFileSync(join(job.cwd, "deno.json"), JSON.stringify({ tasks: { agent: "./agent.sh" } }));
    const env = { ...job.env, npm_config_update_notifier: "false" };
    const { child, seen, ended } = launch(["setsid", ...WRAPPERS[on.name] ?? []], { cwd: job.cwd, env });
    await seen(/started run \S+ \([^]*run accepted/);
    process.kill(-(child.pid ?? 0), "SIGTERM");
    expect((await ended).stdout.match(/^verdict +interrupted \(exit code 143\)$/gm)).toHaveLength(1);
    expect(job.recorder.of(CANCEL).map(({ status }) => status)).toEqual([200]);
    expect(await job.cleanup("canceled")).toEqual(nothing("the run has ended, or none was started"));
    job.recorder.close();
  },
);

onEveryRuntime("a state file that is a pipe or a device ends with 2 at once", async (on) => {
  const job = await openJob(on);
  execFileSync("mkfifo", [join(job.cwd, "pipe")]);
  symlinkSync("/dev/zero", join(job.cwd, "link"));
  for (const path of ["pipe", "link"]) {
    const { code, stdout, stderr } = await job.launch("cleanup", "--state", path).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toEndWith(`error: Cannot read state file "${path}": it is not a regular file\n`);
  }
  job.recorder.close();
});

onEveryRuntime("a task comes from standard input, byte for byte, to the end of it", async (on) => {
  const job = await openJob(on);
  const task = `<success> "it's" ünïcødé 🚀\n${"x".repeat(70_000)}`;
  const { code } = await launch(job.line(...job.follow("-")), { cwd: job.cwd, env: job.env, stdin: task }).ended;
  expect(code).toBe(0);
  expect(JSON.parse(job.recorder.requests.find(({ what }) => what === "POST /runs")?.body ?? "{}").prompt).toBe(task);
  job.recorder.close();
});

onEveryRuntime("a .env, bunfig.toml, deno.json or tsconfig.json of the checkout changes nothing", async (on) => {
  const { runtime, service } = on;
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  writeFileSync(join(cwd, "evil.mjs"), `console.log("EVIL"); process.exit(0);\n`);
  writeFileSync(join(cwd, ".env"), "MOGPLEX_URL=https://evil.example\n");
  writeFileSync(join(cwd, "bunfig.toml"), `preload = ["./evil.mjs"]\n`);
  writeFileSync(join(cwd, "deno.json"), `{"imports":{"node:process":"./evil.mjs"}}\n`);
  writeFileSync(join(cwd, "tsconfig.json"), `{"compilerOptions":{"paths":{"node:process":["./evil.mjs"]}}}\n`);
  const env = { CI: "true", MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const { code, stdout } = await launch([...runtime, built("mogplex.mjs"), "repos", "list"], { cwd, env }).ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: `${REPO}  acme/web  main\n` });
});

test("without --no-env-file a job in CI ends with 2 when a .env of the checkout sets the origin, on bun", async () => {
  const service = await sharedService();
  const cwd = mkdtempSync(join(service.folder, "checkout-"));
  writeFileSync(join(cwd, ".env"), "MOGPLEX_URL=https://evil.example\n");
  const env = { CI: "true", MOGPLEX_API_KEY: service.token() };
  for (const args of [["repos", "list"], ["run", "--follow", "<success>", "--repo", REPO, "--create-branch"]]) {
    const { code, stdout, stderr } = await launch([runtimes.bun, built("mogplex.mjs"), ...args], { cwd, env }).ended;
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toStartWith("error: Cannot trust MOGPLEX_URL: ");
  }
});
