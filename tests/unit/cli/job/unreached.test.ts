import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { NetworkError } from "../../../../lib/errors.ts";
import { thisMachine } from "../../../../lib/runtime.ts";
import { networkFix } from "../../../../lib/service/check_way.ts";
import { resolveOrigin } from "../../../../lib/service/connection.ts";
import type { FetchInit } from "../../../../lib/service/transport.ts";
import { fakeIo } from "../fake_io.ts";
import { REPO, TOKEN, world } from "../world.ts";

const BY_NAME = ["run", "--follow", "Fix it", "--repo", "acme/web", "--create-branch"];
const BY_ID = ["run", "--follow", "Fix it", "--repo", REPO, "--create-branch"];
const JOB = {
  GITLAB_CI: "true",
  CI_PROJECT_ID: "7",
  CI_PIPELINE_ID: "8",
  CI_JOB_NAME: "agent",
  MOGPLEX_API_KEY: TOKEN,
};
const MINUTE = 60_000;

// The message of Node 24 for a host name that no DNS server knows (measured).
function unknownName(): never {
  throw new TypeError("fetch failed", {
    cause: Object.assign(new Error("getaddrinfo ENOTFOUND mogplex.com"), { code: "ENOTFOUND" }),
  });
}

/** A connection that breaks after the request was sent. */
function reset(): never {
  throw new TypeError("fetch failed", { cause: Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }) });
}

type Answer = (url: string, init: FetchInit) => ReturnType<typeof fetch> | Response;

/** Calls the command in a job of GitLab, and answers its requests with a function. */
async function job(args: string[], answer: Answer, clock = virtualClock()) {
  const io = fakeIo({ env: JOB });
  const startedAt = clock.now();
  const code = await main(args, io, { fetch: answer, clock });
  return { code, minutes: (clock.now() - startedAt) / MINUTE, io, ...io.text };
}

test("a job whose requests never get an answer gives up after five minutes, and prints what to do", async () => {
  for (const args of [BY_NAME, BY_ID, ["follow", crypto.randomUUID()]]) {
    const { code, minutes, stdout, stderr } = await job(args, unknownName);
    expect({ args, code }).toEqual({ args, code: 69 });
    expect(minutes).toBeGreaterThan(4);
    expect(minutes).toBeLessThan(6);
    expect(stdout).toContain(
      "\nwhat to do    The host name was not found: check MOGPLEX_URL and the DNS of this machine; if this network has a " +
        "proxy, set HTTPS_PROXY\n",
    );
    expect(stdout).toMatch(/\nreports {7}mogplex-ci\/: result\.json /);
    expect(stderr).toMatch(
      /\nerror: Cannot .+: the network failed: fetch failed: getaddrinfo ENOTFOUND mogplex\.com; the host name was not found: check MOGPLEX_URL .+\n$/,
    );
  }
});

test("a command on a terminal that gets no answer prints what to do, also before its run has a report", async () => {
  const files = { "mogplex-ci/run.json": "{}" };
  for (const args of [["repos", "list"], ["runs", "get", crypto.randomUUID()], BY_NAME, BY_ID]) {
    const io = fakeIo({ env: { MOGPLEX_API_KEY: TOKEN }, files });
    await main(args, io, { fetch: unknownName, clock: virtualClock() });
    const advice = "the host name was not found: check MOGPLEX_URL and the DNS of this machine";
    expect(`${io.text.stdout}${io.text.stderr}`.toLowerCase()).toContain(advice.toLowerCase());
  }
});

test("networkFix() names what an old Node needs for a proxy, before and after HTTPS_PROXY is set", () => {
  const origin = resolveOrigin({ env: () => undefined });
  const fix = (runtime: string, env: Record<string, string> = {}) =>
    networkFix(new NetworkError("fetch failed: connect ECONNREFUSED"), origin, (name) => env[name], {
      ...thisMachine(),
      ...{ runtime, args: [] },
    });
  const use = "use Node 22.21, or 24 or later, with NODE_USE_ENV_PROXY=1, or use Deno or Bun";
  const proxy = { HTTPS_PROXY: "http://127.0.0.1:3128" };
  const start = "Nothing is listening there: check MOGPLEX_URL; ";
  expect(fix("node/20.20.2")).toBe(`${start}if this network has a proxy, set HTTPS_PROXY, and ${use}`);
  expect(fix("node/20.20.2", proxy)).toBe(
    `${start}node/20.20.2 does not use the proxy 127.0.0.1:3128 (HTTPS_PROXY): ${use}`,
  );
  expect(fix("bun/1.4.5")).toBe(`${start}if this network has a proxy, set HTTPS_PROXY`);
  expect(fix("bun/1.4.5", proxy)).toBe(`${start}check the proxy 127.0.0.1:3128 (HTTPS_PROXY)`);
});

test("a shorter --timeout ends a job without an answer earlier", async () => {
  const { code, minutes } = await job([...BY_NAME, "--timeout", "2m"], unknownName);
  expect(code).toBe(69);
  expect(minutes).toBeLessThanOrEqual(2);
});

test("a service that answered once is waited for until --timeout", async () => {
  let requests = 0;
  const answers: Answer = () => requests++ === 1 ? new Response("busy", { status: 503 }) : unknownName();
  for (const args of [BY_NAME, BY_ID]) {
    requests = 0;
    const { code, minutes, stdout } = await job([...args, "--timeout", "20m"], answers);
    expect(code).toBe(69);
    expect(minutes).toBeGreaterThan(19);
    expect(stdout).toMatch(/\nwhat to do {4}Retry the job later, or raise --timeout\n/);
  }
});

test("a start that may have arrived is repeated although no request got an answer", async () => {
  const { emulator, clock } = world();
  let starts = 0;
  // The first start arrives, and its answer is lost. Then there is no network for ten minutes.
  const { code, minutes, stdout } = await job(BY_ID, async (url, init) => {
    if (init.method === "POST" && starts++ === 0) {
      await emulator.fetch(url, init);
      reset();
    }
    if (clock.now() < 10 * MINUTE) unknownName();
    return await emulator.fetch(url, init);
  }, clock);
  expect(code).toBe(0);
  expect(minutes).toBeGreaterThan(10);
  expect(stdout).toMatch(/^attached to run /m);
  expect(emulator.world.store.runs.size).toBe(1);
});
