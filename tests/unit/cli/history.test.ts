import { mkdtempSync, readFileSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { parseScenarios } from "../../../lib/emulator/agents/scenario.ts";
import { processIo } from "../../../lib/io.ts";
import { readHistory } from "../../../lib/report/history.ts";
import { GITLAB } from "./verbs/doctor_world.ts";
import { REPO, world } from "./world.ts";

const FILE = "runs.ndjson";

/** An agent whose last message has a secret of the job, in two pieces. */
const LEAKING = parseScenarios(
  `steps:
  - { after: 5, sandbox: up }
  - { after: 1, event: { type: log, message: "I look at the tests.\\n2 tests fail with s3cret-of", payload: { kind: assistant_delta } } }
  - { after: 1, event: { type: log, message: "-the-job-1\\n", payload: { kind: assistant_delta } } }
  - { after: 5, fail: Agent run exited with code 1 }
`,
  "test",
);

const RUN = ["run", "--follow", "--repo", REPO, "Fix it", "--history", FILE];

test("run --follow adds a line for each run, and summary and log compare with the run before", async () => {
  const { cli } = world("agent-failure");
  const first = await cli([...RUN, "--new"]);
  expect(first.code).toBe(1);
  expect(first.stdout).not.toContain("previous run");
  const files = { [FILE]: first.io.files.get(FILE) ?? "" };
  const second = await cli([...RUN, "--new"], { files });
  const sentence = /About as long as the previous run \(1 Sep 2026, 00:0\d UTC\), which also failed\./;
  expect(second.stdout).toMatch(sentence);
  expect(second.io.files.get("mogplex-ci/summary.md")).toMatch(sentence);
  const { records, skipped } = readHistory(second.io.files.get(FILE) ?? "");
  expect(records.map(({ outcome, exitCode }) => [outcome, exitCode])).toEqual([["failed", 1], ["failed", 1]]);
  expect(skipped).toEqual([]);
});

test("run --follow adds reason, address of the job and title of the task, but no title of a confidential task", async () => {
  const { cli } = world("agent-failure");
  const env = { ...GITLAB, CI_JOB_URL: "https://gitlab.example.com/acme/web/-/jobs/7" };
  const lineOf = async (...more: string[]) => {
    const { io } = await cli([...RUN, "--new", ...more], { env });
    const { title, reason, jobUrl } = JSON.parse(io.files.get(FILE) ?? "");
    return { title, jobUrl, hasReason: typeof reason === "string" };
  };
  const jobUrl = env.CI_JOB_URL;
  expect(await lineOf()).toEqual({ title: "Fix it", jobUrl, hasReason: true });
  expect(await lineOf("--show-task", "false")).toEqual({ title: null, jobUrl, hasReason: true });
});

test("run --follow adds the last line of an agent that failed, without secrets, and not of a confidential task", async () => {
  const lineOf = async (scenario: string, ...more: string[]) => {
    const { cli } = scenario === "success" ? world() : world("", { scenarios: LEAKING });
    const { io } = await cli([...RUN, ...more], { env: { ...GITLAB, NPM_TOKEN: "s3cret-of-the-job-1" } });
    return JSON.parse(io.files.get(FILE) ?? "").lastLine;
  };
  expect(await lineOf("leaking")).toBe("2 tests fail with [redacted]");
  expect(await lineOf("leaking", "--show-task", "false")).toBeNull();
  expect(await lineOf("success")).toBeNull();
});

test("run --follow says which lines of a history it leaves out, and keeps them", async () => {
  const { cli } = world();
  const { code, stderr, io } = await cli(RUN, { files: { [FILE]: "edited by hand" } });
  expect(code).toBe(0);
  expect(stderr).toContain(`note: history "runs.ndjson", line 1 is skipped: it is not JSON\n`);
  expect(io.files.get(FILE)).toMatch(/^edited by hand\n\{.*\}\n$/);
});

test("run --follow starts nothing when the history cannot be written", async () => {
  const { cli, requests } = world();
  const { code, stderr } = await cli(RUN, { readOnly: (path) => path === FILE });
  expect([code, requests]).toEqual([2, []]);
  expect(stderr).toContain("Cannot write the history");
  const gone = await cli(RUN, {
    before: (io) => {
      io.appendFile = (path) => {
        throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      };
    },
  });
  expect(gone.stderr).toContain(`Cannot write the history because its folder does not exist: "${FILE}"`);
  const refused = await cli(RUN, {
    before: (io) => {
      io.appendFile = (path) => {
        const message = `Requires write access to "${path}", run again with the --allow-write flag`;
        throw Object.assign(new Error(message), { name: "NotCapable" });
      };
    },
  });
  expect(refused.stderr).toContain(
    `Cannot write the history: Requires write access to "${FILE}": start Deno with the flags that the permissions command prints\n`,
  );
});

test("appendFile() refuses a symbolic link if told so: a checkout must not choose the file of a history", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-history-"));
  symlinkSync(join(folder, "target"), join(folder, "link"));
  const io = await processIo();
  expect(() => io.appendFile(join(folder, "link"), "x", "refuse")).toThrow("symbolic link");
  io.appendFile(join(folder, "plain"), "x\n", "refuse");
  expect(readFileSync(join(folder, "plain"), "utf8")).toBe("x\n");
});

test("run --follow remembers the job with its node, if the job is one of several", async () => {
  const jobOf = async (env: Record<string, string>) => {
    const { io } = await world().cli(RUN, { env: { ...GITLAB, ...env } });
    return readHistory(io.files.get(FILE) ?? "").records.map(({ job }) => job);
  };
  expect(await jobOf({})).toEqual(["agent"]);
  expect(await jobOf({ CI_NODE_INDEX: "2", CI_NODE_TOTAL: "3" })).toEqual(['agent ["2","3"]']);
});

test("run --follow adds a line when the job is stopped while it waits for a sandbox", async () => {
  const signals = [["SIGTERM", 143, "auto"], ["SIGINT", 130, "cancel"], ["SIGHUP", 129, "detach"]] as const;
  for (const [signal, exitCode, onInterrupt] of signals) {
    const { cli, clock, emulator } = world("boot-failure");
    const { io, code } = await cli([...RUN, "--on-interrupt", onInterrupt], {
      env: GITLAB,
      before: (io) => void clock.sleep(90_000).then(() => io.signal(signal)),
    });
    const [runId] = [...emulator.world.store.runs.keys()];
    const reason = `Stopped by ${signal}; the run was waiting for a sandbox, and no agent has started`;
    const facts = { runId, repository: "acme/api", exitCode, reason };
    const { error, ...result } = JSON.parse(io.files.get("mogplex-ci/result.json") ?? "");
    expect(result).toMatchObject({ ...facts, outcome: "interrupted", status: "failed", resume: null });
    expect(JSON.parse(io.files.get(FILE) ?? "")).toMatchObject({ ...facts, outcome: "not_started", tookMs: null });
    const { left } = JSON.parse(io.files.get("mogplex-ci/run.json") ?? "");
    expect([code, error.code, left]).toEqual([exitCode, "NO_SANDBOX", "ended"]);
  }
});

/** A job that was killed after 30 seconds, and then `cleanup` in a pipeline with this status. */
async function killedAndCleaned(status: string, ...more: string[]) {
  const { cli, clock, requests } = world("stuck-streaming");
  let files: Record<string, string> = {};
  await cli([...RUN, "--timeout", "60"], {
    env: GITLAB,
    before: (io) => void clock.sleep(30_000).then(() => files = Object.fromEntries(io.files)),
  });
  expect(files[FILE] ?? "").toBe("");
  requests.length = 0;
  const { code, io } = await cli(["cleanup", ...more], { env: { ...GITLAB, CI_JOB_STATUS: status }, files });
  const lines = (io.files.get(FILE) ?? "").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  return { code, requests, lines };
}

test("cleanup adds the run of a killed job to the history, whether it cancels the run or leaves it", async () => {
  const ends = { canceled: "cancelled the run", failed: 'the status of its run was "streaming"' };
  for (const [status, end] of Object.entries(ends)) {
    const { code, lines } = await killedAndCleaned(status, "--history", FILE);
    expect([code, lines]).toEqual([0, [expect.objectContaining({
      ...{ kind: "run", job: "agent", repository: "acme/api", outcome: "interrupted", exitCode: 143 },
      ...{
        key: expect.stringMatching(/./),
        reason: expect.stringContaining(end),
        tookMs: status === "canceled" ? expect.any(Number) : null,
      },
    })]]);
    expect(lines[0].durationMs).toBeGreaterThanOrEqual(30_000);
    expect(readHistory(JSON.stringify(lines[0])).records).toHaveLength(1);
  }
});

test("cleanup sends nothing for a history if the job has none", async () => {
  expect(await killedAndCleaned("failed")).toEqual({ code: 0, requests: [], lines: [] });
});

test("cleanup adds nothing to the history if the job has seen the end of its run", async () => {
  const { cli } = world();
  const { io } = await cli(RUN, { env: GITLAB });
  const files = Object.fromEntries(io.files);
  const after = await cli(["cleanup", "--history", FILE, "--always"], { env: GITLAB, files });
  expect([after.code, after.io.files.get(FILE)]).toEqual([0, files[FILE]]);
});

test("run --follow adds one line however a job without a sandbox ends", async () => {
  const endOf = async (stopAtMs: number | null, ...more: string[]) => {
    const { cli, clock, requests } = world("boot-failure");
    const { io, code } = await cli([...RUN, ...more], {
      env: GITLAB,
      before: (io) => void (stopAtMs !== null && clock.sleep(stopAtMs).then(() => io.signal("SIGTERM"))),
    });
    const starts = requests.filter((request) => request === "POST /runs").length;
    return [code, starts, readHistory(io.files.get(FILE) ?? "").records.map(({ outcome }) => outcome).join()];
  };
  // Before the first answer, while the first run waits for its sandbox, and while the second one does.
  expect(await endOf(0)).toEqual([143, 1, "interrupted"]);
  expect(await endOf(5_000)).toEqual([143, 1, "interrupted"]);
  expect(await endOf(618_000)).toEqual([143, 2, "interrupted"]);
  expect(await endOf(630_000, "--timeout", "5h")).toEqual([143, 2, "not_started"]);
  expect(await endOf(null, "--timeout", "20s")).toEqual([75, 1, "not_started"]);
  expect(await endOf(null, "--timeout", "12m", "--on-timeout", "cancel")).toEqual([75, 2, "not_started"]);
  expect(await endOf(null, "--timeout", "5h")).toEqual([75, 4, "not_started"]);
});
