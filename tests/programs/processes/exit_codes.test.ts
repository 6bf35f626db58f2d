import { built } from "../../built.ts";
import { beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runtimes } from "../../../tools/setup.mjs";
import { type Ended, launch, REPO, type Running, type Service, sharedService } from "./world/service.ts";

let service: Service;

beforeAll(async () => {
  service = await sharedService();
});

const ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";

function environment(env: Record<string, string> = {}): Record<string, string> {
  return { MOGPLEX_URL: service.url, MOGPLEX_DEV: "1", MOGPLEX_API_KEY: service.token(), ...env };
}

const launchIn = (cwd: string, args: string[], env: Record<string, string> = {}): Running =>
  launch([runtimes.node, built("mogplex.mjs"), ...args], { cwd, env: environment(env) });
const folder = () => mkdtempSync(join(service.folder, "exit-"));
const command = (args: string[], env?: Record<string, string>): Promise<Ended> => launchIn(folder(), args, env).ended;
const follow = (
  prompt: string,
  ...args: string[]
) => ["run", "--follow", prompt, "--repo", REPO, "--create-branch", ...args];

test("run --follow ends with 0 and writes its reports when the run succeeds", async () => {
  const cwd = folder();
  const { code, stdout, stderr } = await launchIn(cwd, follow("<success>")).ended;
  expect(stderr).toBe(`note: sending requests and the token to ${service.url}, unencrypted\n`);
  expect(stdout).toMatch(new RegExp(`^started run ${ID} \\(pending\\)\\n`));
  expect(stdout).toContain("\nverdict       success (exit code 0)\n");
  expect(JSON.parse(readFileSync(join(cwd, "mogplex-ci/result.json"), "utf8"))).toMatchObject({
    outcome: "success",
    exitCode: 0,
  });
  expect(code).toBe(0);
});

test("run --follow ends with 1 when the run fails", async () => {
  const { code, stdout } = await command(follow("<agent-failure>"));
  expect(stdout).toContain("\nreason        Agent run exited with code 1.\n");
  expect(code).toBe(1);
});

test("run --follow ends with 3 when the run is cancelled", async () => {
  const { code, stdout } = await command(follow("<cancelled-during-boot>", "--json"));
  expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({ outcome: "cancelled", exitCode: 3 });
  expect(code).toBe(3);
});

test("run --follow ends with 2 when a flag is unknown", async () => {
  const { code, stdout, stderr } = await command(follow("<success>", "--timout", "3"));
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain(`unknown flag "--timout"; did you mean "--timeout"?`);
});

test("run --follow ends with 64 when the service does not know the token", async () => {
  const { code, stderr } = await command(follow("<success>"), { MOGPLEX_API_KEY: "mog_nobodyKnowsThisOne" });
  expect(stderr).toContain("error: Cannot start run: ");
  expect(stderr).not.toContain("mog_nobodyKnowsThisOne");
  expect(code).toBe(64);
});

test("run ends with 65 when the token may only read", async () => {
  const args = ["run", "x", "--repo", REPO];
  const { code, stderr } = await command(args, { MOGPLEX_API_KEY: service.readOnlyToken });
  expect(stderr).toContain("write");
  expect(code).toBe(65);
});

test("run --follow ends with 75 when the limit of starts outlasts the deadline", async () => {
  await service.control("fault", { kind: "429", route: "POST /runs", retryAfter: 3600 });
  const { code, stderr } = await command(follow("<success>", "--timeout", "5"));
  expect(stderr).toContain("use a timeout that ends after that time");
  expect(code).toBe(75);
});

test("run --follow ends with 124 and leaves the run alone when the deadline passes", async () => {
  const { code, stdout } = await command(follow("<stuck-streaming>", "--timeout", "3"));
  const runId = new RegExp(`started run (${ID})`).exec(stdout)?.[1] ?? "";
  // The command as it was called: nothing is on the PATH.
  expect(stdout).toMatch(new RegExp(`\nresume        node \\S*mogplex\\.mjs follow ${runId}\n`));
  expect(await service.status(runId)).toBe("streaming");
  expect(code).toBe(124);
});

for (const [signal, expected] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  test(`run --follow cancels its run and ends with ${expected} when ${signal} comes`, async () => {
    const running = launchIn(folder(), follow("<stuck-streaming>"), { CI: "true" });
    const runId = (await running.seen(new RegExp(`started run (${ID})[^]*streaming`)))[1] ?? "";
    running.child.kill(signal);
    const { code, stdout } = await running.ended;
    expect(await service.status(runId)).toBe("cancelled");
    expect(stdout).toContain(`\nverdict       interrupted (exit code ${expected})\n`);
    expect(code).toBe(expected);
  });
}

test("run --follow attaches to the same run when the job was killed and starts again", async () => {
  const env = { CI: "true", MOGPLEX_CI_JOB: "job" };
  const running = launchIn(folder(), follow("<stuck-streaming>"), env);
  const runId = (await running.seen(new RegExp(`started run (${ID})`)))[1] ?? "";
  running.child.kill("SIGKILL");
  await running.ended;
  const { code, stdout } = await command(follow("<stuck-streaming>", "--timeout", "3"), env);
  expect(stdout).toStartWith(`attached to run ${runId} (`);
  expect(code).toBe(124);
});

test("mogplex.mjs ends with 70 when a promise never settles", async () => {
  const preload = join(service.folder, "never.mjs");
  writeFileSync(
    preload,
    "globalThis.fetch = () => new Promise(() => {});\nglobalThis.setTimeout = () => 0;\n",
  );
  const line = [runtimes.node, `--import=${preload}`, built("mogplex.mjs"), "repos", "list"];
  expect(await launch(line, { env: environment() }).ended).toEqual({
    code: 70,
    stdout: "",
    stderr: `note: sending requests and the token to ${service.url}, unencrypted\n`,
  });
});

test("--help ends with 0 and says nothing on stderr when its reader goes away", async () => {
  const shell = 'set -o pipefail; "$@" --help | head -1';
  const { code, stdout, stderr } = await launch(["bash", "-c", shell, "bash", runtimes.node, built("mogplex.mjs")])
    .ended;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe("Usage: mogplex-ci <command> [flags]\n");
});

test("run --follow goes on to its verdict when the reader of stdout goes away", async () => {
  const shell = '"$@" | head -1 > /dev/null; exit "${PIPESTATUS[0]}"';
  const line = ["bash", "-c", shell, "bash", runtimes.node, built("mogplex.mjs"), ...follow("<agent-failure>")];
  const { code, stderr } = await launch(line, { cwd: folder(), env: environment() }).ended;
  expect(stderr).not.toContain("error");
  expect(code).toBe(1);
});

test("runs events --follow leaves the run alone and ends with 143 when SIGTERM comes", async () => {
  const started = await command(["run", "<stuck-streaming>", "--repo", REPO, "--create-branch", "--json"]);
  const { runId } = JSON.parse(started.stdout) as { runId: string };
  const running = launchIn(folder(), ["runs", "events", runId, "--follow"]);
  await running.seen(/External Mogplex run accepted/);
  running.child.kill("SIGTERM");
  expect((await running.ended).code).toBe(143);
  expect(await service.status(runId)).not.toBe("cancelled");
});
