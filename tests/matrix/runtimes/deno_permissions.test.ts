/** Deno with exactly the permissions that the verb `permissions` prints, and with fewer. */
import { built } from "../../built.ts";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { root, runtimes } from "../../../tools/setup.mjs";
import { diagnose } from "../../programs/processes/world/doctor.ts";
import { launch, REPO, type Service, sharedService, startService } from "../../programs/processes/world/service.ts";

let service: Service;
let campaigns: Service;

beforeAll(async () => {
  service = await sharedService();
  campaigns = await startService({}, ["--repos", "acme=3", "--server-revision", "later", "--sandbox-limit", "3"]);
});

afterAll(() => campaigns.close());

interface Asked {
  permission: string;
  value: string | null;
}

test("permissions prints all that Deno needs for a whole job in CI, and nothing beyond is asked for", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const audit = join(service.folder, "audit.jsonl");
  for (const file of ["output", "summary"]) writeFileSync(join(cwd, file), "");
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITHUB_ACTIONS: "true",
    GITHUB_OUTPUT: join(cwd, "output"),
    GITHUB_STEP_SUMMARY: join(cwd, "summary"),
    MOGPLEX_CI_JOB: "permissions",
  };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions", "--out", "reports"], { cwd, env })
    .ended;
  expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: "" });
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, built("mogplex.mjs")];
  const args = ["run", "--follow", "<success>", "--repo", REPO, "--create-branch", "--out", "reports"];
  const { code, stderr } = await launch([...deno, ...args], { cwd, env: { ...env, DENO_AUDIT_PERMISSIONS: audit } })
    .ended;
  expect(stderr).toBe(`note: sending requests and the token to ${service.url}, unencrypted\n`);
  expect(code).toBe(0);
  expect(readFileSync(join(cwd, "summary"), "utf8")).toMatch(/<success>` → \[PR #\d+\]\(/);
  expect(readFileSync(join(cwd, "reports/result.json"), "utf8")).toContain(`"outcome": "success"`);

  const asked = readFileSync(audit, "utf8").trim().split("\n").map((line) => JSON.parse(line) as Asked);
  const kinds = new Set(asked.map((each) => each.permission));
  expect([...kinds].sort()).toEqual(["env", "net", "read", "write"]);
  const named = flags.find((flag) => flag.startsWith("--allow-env="))?.slice("--allow-env=".length).split(",") ?? [];
  for (const { permission, value } of asked) if (permission === "env") expect(named).toContain(value ?? "(all)");
});

test("permissions prints what Deno needs to read a result by Git", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const git = (...args: string[]) =>
    spawnSync("git", ["-c", "user.name=T", "-c", "user.email=t@example.com", ...args], { cwd, encoding: "utf8" });
  git("init", "-q", "-b", "main", ".");
  writeFileSync(join(cwd, "answer.json"), "{}");
  git("add", ".");
  git("commit", "-q", "-m", "First");
  const lib = (file: string) => JSON.stringify(join(root, "lib", file));
  writeFileSync(
    join(cwd, "read.ts"),
    `import process from "node:process";
import { systemClock as clock } from ${lib("clock.ts")};
import { openGitFiles } from ${lib("git/files.ts")};
import { readTreeFile } from ${lib("git/tree.ts")};
const env = (name: string) => process.env[name];
const files = await openGitFiles({ remote: process.argv[2] ?? "", env, clock, random: Math.random, redact: String });
console.log((await readTreeFile(files, await files.head() ?? "", "answer.json")).kind);
await files.close();
`,
  );
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const wanted = ["--result", "answer-{id}.json", "--schema", "schema.json"];
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions", ...wanted], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  // The sources of this test are elsewhere.
  const all = flags.map((flag) => flag.startsWith("--allow-read=") ? `${flag},${root}` : flag);
  const line = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...all, "read.ts", cwd];
  expect(await launch(line, { cwd, env }).ended).toMatchObject({ code: 0, stdout: "file\n" });
  const without = line.filter((flag) => !flag.startsWith("--allow-run"));
  expect((await launch(without, { cwd, env }).ended).stderr).toContain(
    "Cannot run git: Deno is not allowed to run git",
  );
});

test("cleanup and the drop-in verbs run on Deno with the same list", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.bun, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, built("mogplex.mjs")];
  expect(await launch([...deno, "cleanup"], { cwd, env }).ended).toMatchObject({
    code: 0,
    stdout: "nothing to clean up: no run of this job was found\n",
  });
  const repos = await launch([...deno, "repos", "list"], { cwd, env }).ended;
  expect({ code: repos.code, stdout: repos.stdout }).toEqual({ code: 0, stdout: `${REPO}  acme/web  main\n` });
});

test("runs recent and short ids on Deno with the same list say that the list of recent runs cannot be read", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token(), HOME: cwd };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt"];
  const call = async (more: string[], ...args: string[]) =>
    await launch([...deno, ...flags, ...more, built("mogplex.mjs"), "runs", ...args], { cwd, env }).ended;
  const add =
    "add --allow-env=HOME,XDG_STATE_HOME, and --allow-read and --allow-write for the directory mogplex-ci in " +
    "$XDG_STATE_HOME or ~/.local/state";
  expect(await call([], "recent")).toMatchObject({
    code: 2,
    stderr:
      `error: Cannot read the list of recent runs: Deno is not allowed to read the variable XDG_STATE_HOME; ${add}\n`,
  });
  const { code, stderr } = await call([], "get", "01234567");
  expect([code, stderr]).toEqual([2, expect.stringContaining(`was not searched, because Deno is not allowed to read`)]);
  const names = flags.find((flag) => flag.startsWith("--allow-env="));
  const state = `${cwd}/.local/state/mogplex-ci`;
  flags.splice(0, Infinity, `${names},HOME,XDG_STATE_HOME`, ...flags.filter((flag) => flag !== names));
  // The folder is below the current one, which may be read.
  expect(await call([`--allow-write=${state}`], "recent")).toMatchObject({
    code: 0,
    stderr: "note: this machine has no recent runs (only runs started outside CI are listed)\n",
  });
});

test("a permission that is missing ends the job at once, with how to give it", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const task = join(mkdtempSync(join(service.folder, "task-")), "task.md");
  writeFileSync(task, "<success>");
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt"];
  const args = [built("mogplex.mjs"), "run", "--follow", "--repo", REPO, "--create-branch", "--prompt-file", task];
  const unread = await launch([...deno, ...flags, ...args], { cwd, env }).ended;
  expect({ code: unread.code, stderr: unread.stderr }).toEqual({
    code: 2,
    stderr:
      `error: Cannot read prompt: Deno is not allowed to read file "${task}"; start Deno with --allow-read for that file; ` +
      "permissions --prompt-file FILE prints all flags\n",
  });
  const more = await launch([runtimes.node, built("mogplex.mjs"), "permissions", "--prompt-file", task], { cwd, env })
    .ended;
  const apart = more.stdout.trim().split(" ").filter((flag) => !flag.startsWith("--allow-net"));
  const unsent = await launch([...deno, ...apart, ...args], { cwd, env }).ended;
  const { host } = new URL(service.url);
  expect({ code: unsent.code, stderr: unsent.stderr }).toEqual({
    code: 2,
    stderr: `note: sending requests and the token to ${service.url}, unencrypted\n` +
      `error: Cannot start run: Deno is not allowed to reach ${host}; start Deno with --allow-net=${host}; the permissions command ` +
      "prints all flags\n",
  });
  expect(readFileSync(join(cwd, "mogplex-ci/outputs.env"), "utf8")).toContain("MOGPLEX_OUTCOME=error\n");
});

for (const [out, folder] of [[[], "mogplex-ci/run-2"], [["--out", "reports"], "reports/run-2"]] as const) {
  test(`a pasted resume line follows the second run of a folder in ${folder}`, async () => {
    const cwd = mkdtempSync(join(service.folder, "deno-"));
    const path = `${dirname(runtimes.deno)}:${process.env["PATH"]}`;
    const { url } = service;
    const env = {
      PATH: path,
      MOGPLEX_URL: url,
      MOGPLEX_DEV: "1",
      MOGPLEX_API_KEY: service.token(),
      MOGPLEX_RECENT: "off",
    };
    const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions", ...out], { cwd, env }).ended;
    const flags = listed.stdout.trim().split(" ");
    const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, built("mogplex.mjs")];
    const start = async (task: string) => {
      const args = ["run", "--detach", "--repo", REPO, ...out, `<stuck-pending> ${task}`];
      const { code, stdout } = await launch([...deno, ...args], { cwd, env }).ended;
      expect(code).toBe(0);
      const [, line = "", runId = ""] = /^resume +(deno run .* follow (\S+).*)$/m.exec(stdout) ?? [];
      return { line, runId };
    };
    await start("one");
    const { line, runId } = await start("other");
    const success = { status: "success" };
    await service.control("setRun", { runId, run: success, call: success });
    const { code, stderr } = await launch(["sh", "-c", line], { cwd, env }).ended;
    expect({ line, code, stderr }).toEqual({ line, code: 0, stderr: expect.not.stringContaining("error:") });
    const result = JSON.parse(readFileSync(join(cwd, folder, "result.json"), "utf8"));
    expect(result).toMatchObject({ runId, outcome: "success" });
  });
}

const quiet = (stderr: string) =>
  stderr.replace(`note: sending requests and the token to ${campaigns.url}, unencrypted\n`, "");

test("without any permission each verb ends with 2 and names the verb that prints all flags", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", built("mogplex.mjs")];
  for (const args of [["run", "--follow", "x"], ["cleanup"], ["init"]]) {
    const { code, stderr } = await launch([...deno, ...args], { cwd }).ended;
    expect([args, code, stderr]).toEqual([
      args,
      2,
      expect.stringMatching(
        /^error: Cannot .*Requires read access to "[^"]+": start Deno with the flags that the permissions command prints\n$/,
      ),
    ]);
  }
});

test("permissions prints all that Deno needs for a campaign, which runs without a prompt and writes nowhere else", async () => {
  const cwd = mkdtempSync(join(campaigns.folder, "deno-"));
  const audit = join(campaigns.folder, "campaign-audit.jsonl");
  const file = { version: 1, name: "deno", "prompt-file": "task.md", repositories: [{ query: "acme/project" }] };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  writeFileSync(join(cwd, "task.md"), "<agent-failure>");
  for (const name of ["output", "summary"]) writeFileSync(join(cwd, name), "");
  const env = {
    MOGPLEX_URL: campaigns.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: campaigns.token(),
    GITHUB_ACTIONS: "true",
    GITHUB_ACTOR: "octocat",
    GITHUB_OUTPUT: join(cwd, "output"),
    GITHUB_STEP_SUMMARY: join(cwd, "summary"),
  };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions", "--out", "mogplex-campaign"], {
    cwd,
    env,
  }).ended;
  expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: "" });
  const flags = listed.stdout.trim().split(" ");
  const deno = [
    runtimes.deno,
    "run",
    "--no-config",
    "--no-lock",
    "--no-prompt",
    ...flags,
    built("mogplex.mjs"),
    "campaign",
  ];
  const campaign = (verb: string, ...args: string[]) =>
    launch([...deno, verb, "campaign.yml", ...args], { cwd, env: { ...env, DENO_AUDIT_PERMISSIONS: audit } }).ended;

  expect((await campaign("check")).code).toBe(0);
  const planned = await campaign("plan");
  expect([planned.code, quiet(planned.stderr)]).toEqual([0, ""]);
  const run = await campaign("run", "--timeout", "50s");
  expect([run.code, quiet(run.stderr)]).toEqual([1, ""]);
  const retried = await campaign("retry", "--failed");
  expect([retried.code, retried.stderr]).toEqual([0, ""]);
  const journal = readFileSync(join(cwd, "mogplex-campaign/journal/000001.ndjson"), "utf8");
  expect(journal).toContain('"type":"retry"');
  expect(journal).toContain('"by":"octocat"');
  expect((await campaign("stop", "--cancel")).code).toBe(0);
  expect((await campaign("advance")).code).toBe(0);
  expect((await campaign("status")).code).toBe(0);
  expect((await campaign("report")).code).toBe(0);
  expect(existsSync(join(cwd, "mogplex-campaign/writer.json"))).toBe(false);
  expect(readFileSync(join(cwd, "summary"), "utf8")).toContain("Campaign `deno` is");

  const asked = readFileSync(audit, "utf8").trim().split("\n").map((line) =>
    JSON.parse(line) as { permission: string; value: string | null }
  );
  const named = flags.find((flag) => flag.startsWith("--allow-env="))?.slice("--allow-env=".length).split(",") ?? [];
  for (const { permission, value } of asked) if (permission === "env") expect(named).toContain(value ?? "(all)");
});

test("permissions prints what a campaign needs in any directory, and a link in its place is refused", async () => {
  const cwd = mkdtempSync(join(campaigns.folder, "deno-"));
  const other = mkdtempSync(join(campaigns.folder, "other-"));
  mkdirSync(join(other, "target"));
  symlinkSync(join(other, "target"), join(other, "link"));
  const file = { version: 1, name: "places", prompt: "<success>", repositories: ["acme/project-0001"] };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  const env = { MOGPLEX_URL: campaigns.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: campaigns.token() };
  async function plan(directory: string) {
    const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions", "--out", directory], { cwd, env })
      .ended;
    const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...listed.stdout.trim().split(" ")];
    const verb = ["campaign", "plan", "campaign.yml", "--dir", directory];
    return await launch([...deno, built("mogplex.mjs"), ...verb], { cwd, env }).ended;
  }
  for (const directory of [join(other, "d"), join(other, "x/y"), "sub/d", `../${basename(other)}/z`]) {
    const { code, stderr } = await plan(directory);
    expect([directory, code, quiet(stderr)]).toEqual([directory, 0, ""]);
    expect(existsSync(resolve(cwd, directory, "lock.json"))).toBe(true);
  }
  const linked = await plan(join(other, "link"));
  expect([linked.code, linked.stderr]).toEqual([2, expect.stringContaining("its path contains the symbolic link")]);
  expect(readdirSync(join(other, "target"))).toEqual([]);
});

test("a campaign's directory that Deno is not allowed to write ends with 2, and says which flags are needed", async () => {
  const cwd = mkdtempSync(join(campaigns.folder, "deno-"));
  writeFileSync(
    join(cwd, "campaign.yml"),
    JSON.stringify({ version: 1, name: "x", prompt: "x", repositories: ["acme/web"] }),
  );
  const env = { MOGPLEX_URL: campaigns.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: campaigns.token() };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...listed.stdout.trim().split(" ")];
  const { code, stderr } = await launch([...deno, built("mogplex.mjs"), "campaign", "advance", "campaign.yml"], {
    cwd,
    env,
  })
    .ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      'error: Cannot write in "mogplex-campaign": Deno is not allowed to use it; start Deno with --allow-read and --allow-write for ' +
      "the directory; the permissions command prints all flags (permissions --out DIR)\n",
  });
});

const DENO = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt"];

test("doctor on Deno is content with the flags that permissions prints", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-permissions-"));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.node, built("mogplex.mjs"), "permissions"], { cwd, env }).ended;
  const { code, checks } = await diagnose(
    [...DENO, ...listed.stdout.trim().split(" "), built("mogplex.mjs")],
    env,
    cwd,
  );
  const unwell = Object.values(checks).filter(({ state }) => state !== "ok").map(({ name, state }) => [name, state]);
  expect({ code, unwell }).toEqual({ code: 0, unwell: [["variables", "skipped"]] });
});

test("doctor on Deno names the flag that is missing, and never crashes", async () => {
  const cwd = mkdtempSync(join(service.folder, "doctor-refused-"));
  const env = { MOGPLEX_API_KEY: service.token() };
  const nothing = await diagnose([...DENO, built("mogplex.mjs")], env, cwd);
  // As a job would: the repository is missing first.
  expect([nothing.code, nothing.checks.token?.advice]).toEqual([
    2,
    "Allow Deno to read it: --allow-env=MOGPLEX_API_KEY",
  ]);
  expect(nothing.checks.connection?.advice).toStartWith("Start Deno with --allow-net=mogplex.com");
  const unreached = await diagnose(
    [...DENO, "--allow-env", "--allow-read", "--allow-write", built("mogplex.mjs")],
    env,
    cwd,
  );
  expect([unreached.code, unreached.checks.connection?.state]).toEqual([2, "failed"]);
  const { code, checks } = await diagnose([...DENO, "--allow-env", built("mogplex.mjs")], env, cwd);
  expect(code).toBe(2);
  expect(checks.files?.advice).toContain("--allow-write");
});
