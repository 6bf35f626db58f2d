/** Traps of following a run to its end. */
import { expect, test } from "bun:test";
import { exitCodeFor } from "../../../lib/errors.ts";
import { start } from "../../../lib/run/request.ts";
import { world } from "../cli/world.ts";
import { good, run as runOf, thrown } from "../service/answers.ts";
import { REQUEST, service, TOKEN } from "./service.ts";
import { parseScenario } from "../emulator/scenarios.ts";
import { attach, follow, run } from "../run/detecting.ts";

const returned = { throwOnFailure: false } as const;

test("trap 13: JSON output is flat, without the envelope", async () => {
  const { cli } = world();
  const started = await cli(["run", "Fix it", "--repo", REQUEST.repoId, "--json"]);
  const result = JSON.parse(started.stdout);
  expect([started.code, result.ok, result.data, result.status, result.replayed]).toEqual([
    0,
    undefined,
    undefined,
    "pending",
    false,
  ]);
  const [id] = [...started.io.text.stdout.matchAll(/"runId":"([^"]+)"/g)].map((match) => match[1] ?? "");
  const read = JSON.parse((await cli(["runs", "get", id ?? "", "--json"])).stdout);
  expect([read.ok, read.data, read.run, typeof read.status]).toEqual([undefined, undefined, undefined, "string"]);
});

test("trap 15: a run that succeeds while it is cancelled at the deadline is a success", async () => {
  const { emulator, client, fetch, options } = service("stuck-streaming");
  const { runId } = await start(REQUEST, options());
  const late = (url: string, init: RequestInit) => {
    if (!url.endsWith("/cancel")) return fetch(url, init);
    emulator.control("setRun", { runId, run: { status: "success" } });
    return good({
      run: runOf("success", { runId, repoId: REQUEST.repoId }),
      status: "success",
      alreadyTerminal: false,
    });
  };
  const result = await attach(runId, options({ fetch: late, timeoutMs: 60_000, cancelOn: ["timeout"] }));
  expect([result.outcome, result.exitCode]).toEqual(["success", 0]);
  expect((await client.getRun(runId)).status).toBe("success");
});

test("trap 17: when the feed is full after 200 events, the verdict is known and the pull request is unknown", async () => {
  const { options, notices } = service("many-events");
  const result = await run(REQUEST, options());
  expect(result).toMatchObject({
    outcome: "success",
    pullRequest: { state: "unknown", url: null },
    eventCount: { seen: 200, windowFull: true },
  });
  expect(notices.filter(({ kind }) => kind === "window_full")).toHaveLength(1);
});

test("trap 17: with a sliding window of the newest 200 events, every event comes once", async () => {
  const { options } = service("many-events", { revision: { tailWindow: true } });
  const result = await run(REQUEST, options());
  expect(result).toMatchObject({
    outcome: "success",
    pullRequest: { state: "open" },
    eventCount: { windowFull: false },
  });
  expect(new Set(result.events.map(({ id }) => id)).size).toBe(result.events.length);
  expect(result.events.length).toBeGreaterThan(200);
});

test("trap 19: a quiet run of ten minutes needs at most 72 requests", async () => {
  const { options, sent } = service("stuck-streaming");
  await thrown(run(REQUEST, options({ timeoutMs: 600_000 })));
  expect(sent.length).toBeLessThanOrEqual(72);
});

test("trap 20: an event of type finished is not the verdict, and the verdict is known only with a terminal status", async () => {
  const steps =
    "[{ after: 2, sandbox: up }, { after: 2, event: { type: finished } }, { after: 30, call: success, status: success }]";
  const { options } = service(parseScenario(`steps: ${steps}`, "slow row"));
  const { runId } = await start(REQUEST, options());
  const seen: string[] = [];
  for await (const item of follow(runId, options())) {
    seen.push(item.type === "event" ? item.event.type : item.type === "status" ? `status ${item.status}` : item.type);
  }
  expect(seen.slice(-3)).toEqual(["finished", "status success", "end"]);
  const failed = await run(
    REQUEST,
    service(parseScenario("steps: [{ after: 5, fail: no image }]", "boot")).options(returned),
  );
  expect([failed.outcome, failed.events.at(-1)?.type, failed.reason]).toEqual([
    "failed",
    "failed",
    "no image",
  ]);
});

test("trap 21: a run that never ends is a deadline error, and continues", async () => {
  for (const scenario of ["stuck-streaming", "stuck-pending"]) {
    const { options, client, clock } = service(scenario);
    const { runId } = await start(REQUEST, options());
    const error = await thrown(attach(runId, options({ timeoutMs: 120_000 })));
    expect([error.name, exitCodeFor(error)]).toEqual(["DeadlineError", 124]);
    expect(clock.now()).toBeGreaterThanOrEqual(120_000);
    expect(["streaming", "pending"]).toContain((await client.getRun(runId)).status);
  }
});

test("trap 21: cancelling at the deadline updates a record that the service left behind", async () => {
  const { options, emulator, clock } = service("stuck-streaming");
  const { runId } = await start(REQUEST, options());
  const job = attach(runId, options({ timeoutMs: 60_000, cancelOn: ["timeout"] }));
  await clock.sleep(30_000);
  emulator.control("setRun", { runId, call: { status: "success" } });
  expect((await job).outcome).toBe("success");
});

test("trap 22: the first terminal status is the verdict, whatever the service reports later", async () => {
  const { options, client, clock } = service("cancelled-during-boot-revived");
  const result = await run(REQUEST, options(returned));
  expect([result.outcome, result.exitCode]).toEqual(["cancelled", 3]);
  await clock.sleep(600_000);
  expect((await client.getRun(result.runId ?? "")).status).not.toBe("cancelled");
});

test("trap 23: a run that is silent for 25 minutes is followed to its end", async () => {
  const quiet = parseScenario(
    "steps: [{ after: 8, sandbox: up }, { after: 1500, call: success }, { after: 1, status: success }]",
    "quiet",
  );
  const result = await run(REQUEST, service(quiet).options());
  expect([result.outcome, result.durationMs > 1_500_000]).toEqual(["success", true]);
});

test("trap 24: the reported branch comes from the events, not from the request", async () => {
  const { branch } = await run({ ...REQUEST, createBranch: false }, service("success").options());
  expect(branch).toMatchObject({ base: "main", requested: "main" });
  expect(branch.pushed).toMatch(/^mogplex\/agent-[0-9a-f]{12}$/);
});

test("trap 25: the pull request is found in the events", async () => {
  const { pullRequest } = await run(REQUEST, service("success").options());
  expect(pullRequest.state).toBe("open");
  expect(pullRequest.url).toMatch(/^https?:\/\//);
});

test("trap 26: a success without changes is reported without a pull request", async () => {
  expect(await run(REQUEST, service("no-changes").options())).toMatchObject({
    outcome: "success",
    changed: false,
    pullRequest: { state: "none", url: null },
  });
});

test("trap 36: timestamps with an offset and up to six digits are parsed", async () => {
  const result = await run(REQUEST, service("success").options());
  expect(result.createdAt).toMatch(/\+00:00$/);
  expect(result.phases.length).toBeGreaterThan(0);
  for (const { startedAt, durationMs } of result.phases) {
    expect(Number.isNaN(Date.parse(startedAt))).toBe(false);
    expect(durationMs).toBeGreaterThanOrEqual(0);
  }
});

test("trap 41: onStarted gets the run id before the first look at the run", async () => {
  const { options, sent } = service("success");
  const reported: string[] = [];
  const result = await run(REQUEST, options({ onStarted: ({ runId }) => reported.push(runId, ...sent) }));
  // The name of the repository is asked for beside everything else.
  const others = reported.filter((each) => !each.startsWith("GET /repos?id="));
  expect(others).toEqual([result.runId ?? "", "POST /runs"]);
});

test("trap 42: the token is masked in messages and errors of a run, in every output", async () => {
  const { emulator, start, cli } = world("");
  const id = await start();
  emulator.control("appendEvents", {
    runId: id,
    events: [{ message: `leak ${TOKEN}`, payload: { log: `more ${TOKEN}` } }],
  });
  emulator.control("setRun", { runId: id, run: { status: "failed", error: `failed with ${TOKEN}` } });
  for (
    const args of [
      ["runs", "events", id],
      ["runs", "events", id, "--json"],
      ["runs", "get", id],
      ["runs", "get", id, "--json"],
      ["follow", id],
      ["follow", id, "--json"],
    ]
  ) {
    const { io, stdout } = await cli(args);
    expect(stdout).not.toBe("");
    expect([io.text.stdout, io.text.stderr, ...io.files.values()].join("")).not.toContain(TOKEN);
  }
});

test("trap 46: a timeout is not a failure of the run, and the output shows how to follow it again", async () => {
  const { start, cli } = world("stuck-streaming");
  const id = await start();
  const followed = await cli(["follow", id, "--timeout", "60"]);
  expect(followed.code).toBe(124);
  expect(followed.stdout + followed.stderr).toContain("mogplex-ci follow <run>");
  const dropIn = await cli(["runs", "events", id, "--follow", "--timeout", "60"]);
  expect([dropIn.code, dropIn.stderr.split("\n").at(-2)]).toEqual([
    1,
    "error: --follow timed out after 60s waiting for terminal status",
  ]);
});

test("trap 50: a run that waits for a person ends with its own exit code", async () => {
  const { options } = service("awaiting-input");
  const error = await thrown(run(REQUEST, options()));
  expect([error.name, exitCodeFor(error)]).toEqual(["AwaitingInputError", 4]);
});

test("trap 53: when the working branch does not exist and is not created, the pushed branch is reported", async () => {
  const { createBranch: _, ...request } = REQUEST;
  const { branch } = await run({ ...request, workingBranch: "feature/not-there" }, service("success").options());
  expect(branch.requested).toBe("feature/not-there");
  expect(branch.pushed).toMatch(/^mogplex\/agent-[0-9a-f]{12}$/);
});
