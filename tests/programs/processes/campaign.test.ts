import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { RUNTIMES } from "../package/runtimes.ts";
import { runtimes } from "../../../tools/setup.mjs";
import { launch, type Service, startService } from "./world/service.ts";
import { until } from "./world/stage.ts";

let service: Service;

beforeAll(async () => {
  service = await startService({}, ["--repos", "acme=3", "--server-revision", "later", "--sandbox-limit", "3"]);
});

afterAll(() => service.close());

interface Place {
  /** Runs a verb of the campaign on a runtime. */
  campaign(verb: string, ...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  /** What `campaign.json` says. */
  report(): { state: string; counts: Record<string, number>; items: { runId: string | null }[] };
  /** Waits until all runs of the report have ended. */
  ended(): Promise<void>;
}

let rounds = 0;

/** A campaign of its own directory, token and round. */
function place(runtime: readonly string[], prompt: string, more: Record<string, unknown> = {}): Place {
  const cwd = mkdtempSync(join(service.folder, "campaign-"));
  const file = {
    version: 1,
    name: "processes",
    round: `r${++rounds}`,
    prompt,
    repositories: [{ query: "acme/project" }],
    ...more,
  };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITLAB_CI: "true",
    CI: "true",
  };
  const report = () => JSON.parse(readFileSync(join(cwd, "mogplex-campaign/campaign.json"), "utf8"));
  return {
    campaign: (verb, ...args) =>
      launch([...runtime, service.command, "campaign", verb, "campaign.yml", ...args], { cwd, env }).ended,
    report,
    async ended() {
      for (const { runId } of report().items) {
        if (runId === null) continue;
        await until("the run has ended", async () => ["success", "failed"].includes(await service.status(runId)));
      }
    },
  };
}

const quiet = (stderr: string) =>
  stderr.replace(`note: sending requests and the token to ${service.url}, unencrypted\n`, "");

for (const [name, runtime] of Object.entries(RUNTIMES)) {
  test(`plan, advance, status and report bring a campaign to its end on ${name}, each as a process of its own`, async () => {
    const { campaign, report, ended } = place(runtime, "<success>");
    const planned = await campaign("plan");
    expect([planned.code, quiet(planned.stderr)]).toEqual([0, ""]);
    expect(planned.stdout).toContain("Campaign processes, round r");
    expect((await campaign("status", "--exit-status")).code).toBe(75);
    const wave = await campaign("advance", "--exit-status");
    expect([wave.code, quiet(wave.stderr), report().counts.running]).toEqual([75, "", 3]);
    await ended();
    const last = await campaign("advance", "--exit-status");
    expect([last.code, quiet(last.stderr), report().state, report().counts.succeeded]).toEqual([0, "", "done", 3]);
    const status = await campaign("status", "--exit-status", "--json");
    expect([status.code, status.stderr, JSON.parse(status.stdout).state]).toEqual([0, "", "done"]);
    expect((await campaign("report")).stdout).toContain("wrote mogplex-campaign/junit.xml\n");
  });

  test(`run ends with 1 for failures on ${name}, and status says what to do`, async () => {
    const { campaign, report } = place(runtime, "<agent-failure>", { canary: { size: 1 } });
    const ended = await campaign("run", "--timeout", "50s");
    expect([ended.code, report().state]).toEqual([75, "gated"]);
    expect((await campaign("approve")).code).toBe(0);
    const done = await campaign("run", "--timeout", "50s");
    expect([done.code, quiet(done.stderr), report().state, report().counts.failed]).toEqual([1, "", "done", 3]);
    const status = await campaign("status", "--exit-status");
    expect([status.code, status.stdout]).toEqual([
      1,
      expect.stringContaining(" campaign retry campaign.yml --cause agent-"),
    ]);
    expect((await campaign("advance", "--exit-status")).code).toBe(1);
    expect((await campaign("retry")).code).toBe(2);
  });
}

test("permissions prints all that Deno needs for a campaign, which runs without a prompt and writes nowhere else", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const audit = join(service.folder, "campaign-audit.jsonl");
  const file = { version: 1, name: "deno", "prompt-file": "task.md", repositories: [{ query: "acme/project" }] };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  writeFileSync(join(cwd, "task.md"), "<agent-failure>");
  for (const name of ["output", "summary"]) writeFileSync(join(cwd, name), "");
  const env = {
    MOGPLEX_URL: service.url,
    MOGPLEX_DEV: "1",
    MOGPLEX_API_KEY: service.token(),
    GITHUB_ACTIONS: "true",
    GITHUB_ACTOR: "octocat",
    GITHUB_OUTPUT: join(cwd, "output"),
    GITHUB_STEP_SUMMARY: join(cwd, "summary"),
  };
  const listed = await launch([runtimes.node, service.command, "permissions", "--out", "mogplex-campaign"], {
    cwd,
    env,
  }).ended;
  expect({ code: listed.code, stderr: listed.stderr }).toEqual({ code: 0, stderr: "" });
  const flags = listed.stdout.trim().split(" ");
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...flags, service.command, "campaign"];
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
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  const other = mkdtempSync(join(service.folder, "other-"));
  mkdirSync(join(other, "target"));
  symlinkSync(join(other, "target"), join(other, "link"));
  const file = { version: 1, name: "places", prompt: "<success>", repositories: ["acme/project-0001"] };
  writeFileSync(join(cwd, "campaign.yml"), JSON.stringify(file));
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  async function plan(directory: string) {
    const listed = await launch([runtimes.node, service.command, "permissions", "--out", directory], { cwd, env })
      .ended;
    const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...listed.stdout.trim().split(" ")];
    const verb = ["campaign", "plan", "campaign.yml", "--dir", directory];
    return await launch([...deno, service.command, ...verb], { cwd, env }).ended;
  }
  for (const directory of [join(other, "d"), join(other, "x/y"), "sub/d", `../${basename(other)}/z`]) {
    const { code, stderr } = await plan(directory);
    expect([directory, code, quiet(stderr)]).toEqual([directory, 0, ""]);
    expect(existsSync(resolve(cwd, directory, "lock.json"))).toBe(true);
  }
  const linked = await plan(join(other, "link"));
  expect([linked.code, linked.stderr]).toEqual([2, expect.stringContaining("it is reached through the symbolic link")]);
  expect(readdirSync(join(other, "target"))).toEqual([]);
});

test("a campaign's directory that Deno may not write ends with 2, and says which flags are needed", async () => {
  const cwd = mkdtempSync(join(service.folder, "deno-"));
  writeFileSync(
    join(cwd, "campaign.yml"),
    JSON.stringify({ version: 1, name: "x", prompt: "x", repositories: ["acme/web"] }),
  );
  const env = { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token() };
  const listed = await launch([runtimes.node, service.command, "permissions"], { cwd, env }).ended;
  const deno = [runtimes.deno, "run", "--no-config", "--no-lock", "--no-prompt", ...listed.stdout.trim().split(" ")];
  const { code, stderr } = await launch([...deno, service.command, "campaign", "advance", "campaign.yml"], { cwd, env })
    .ended;
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr:
      'error: Cannot write in "mogplex-campaign": Deno may not use it; start it with --allow-read and --allow-write for ' +
      "the directory, the verb permissions prints all flags (permissions --out DIR)\n",
  });
});
