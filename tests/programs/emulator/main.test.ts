import { expect, test } from "bun:test";
import { main } from "../../../lib/emulator/main.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { type FakeIo, fakeIo, type FakeIoOptions } from "../../unit/cli/fake_io.ts";
import type { Ready } from "./served.ts";

async function run(args: string[], options: FakeIoOptions = {}) {
  const io = fakeIo(options);
  return { code: await main(args, io), ...io.text };
}

/** Starts the command and hands over its ready line; it ends with SIGTERM afterwards. */
async function started(args: string[], use: (ready: Ready, io: FakeIo) => Promise<void>, given: FakeIoOptions = {}) {
  const io = fakeIo(given);
  const { promise: ready, resolve } = Promise.withResolvers<Ready>();
  const plain = io.write;
  io.write = (stream, text) => {
    plain(stream, text);
    if (stream === "stdout") resolve(JSON.parse(text));
  };
  const code = main(args, io);
  await Promise.race([
    ready.then((line) => use(line, io)),
    code.then((early) => Promise.reject(new Error(`ended with ${early}: ${io.text.stderr}`))),
  ]);
  io.signal("SIGTERM");
  expect(await code).toBe(0);
  expect(io.text.stdout.trimEnd().split("\n")).toHaveLength(1);
}

test("main() prints one line that says where it is and who may call, and ends with 0 on a signal", async () => {
  await started([], async ({ url, token, readOnlyToken, repos }) => {
    const headers = { authorization: `Bearer ${readOnlyToken}` };
    expect((await fetch(`${url}/api/v1/mogplex/repos`, { headers })).status).toBe(200);
    expect([token === readOnlyToken, repos.map((repo) => repo.full_name)]).toEqual([false, ["acme/web"]]);
  });
});

test("main() serves the fixture, with control routes, on a virtual clock", async () => {
  const files = { "world.json": JSON.stringify(fixture) };
  await started(["--fixture", "world.json", "--control", "--clock", "virtual"], async ({ url, token, repos }) => {
    expect(token).toBe(fixture.tokens[0]?.token ?? "");
    expect(repos.length).toBeGreaterThan(1);
    const reset = await fetch(`${url}/__control/advanceClock`, { method: "POST", body: '{"seconds":9}' });
    expect(await reset.json()).toEqual({ ok: true });
  }, { files });
});

test("main() serves projects in bulk in place of the built-in repository, and beside a fixture", async () => {
  await started(["--repos", "200", "--repos", "b=1"], ({ repos, ...rest }) => {
    expect(repos).toHaveLength(201);
    expect([repos[0]?.full_name, repos.at(-1)?.full_name]).toEqual(["acme/project-0001", "b/project-0001"]);
    // Nothing needs Git: there is no command.
    expect(rest).not.toHaveProperty("projects");
    return Promise.resolve();
  });
  const files = { "world.json": JSON.stringify(fixture) };
  await started(["--fixture", "world.json", "--repos", "2"], ({ repos }) => {
    const names = repos.map(({ full_name }) => full_name);
    expect(names).toContain("acme/web");
    expect(names.slice(-2)).toEqual(["acme/project-0001", "acme/project-0002"]);
    return Promise.resolve();
  }, { files });
});

test("main() plays the success scenario when nothing else is asked for", async () => {
  await started(["--speed", "100000"], async ({ url, token, repos }) => {
    const runs = `${url}/api/v1/mogplex/runs`;
    const headers = { authorization: `Bearer ${token}`, "idempotency-key": "k" };
    const body = JSON.stringify({ repoId: repos[0]?.id, prompt: "x", createBranch: true });
    const start = await (await fetch(runs, { method: "POST", headers, body })).json() as { data: { runId: string } };
    let status = "pending";
    while (status !== "success") {
      const answer = await (await fetch(`${runs}/${start.data.runId}`, { headers })).json();
      status = (answer as { data: { run: { status: string } } }).data.run.status;
      expect(["pending", "streaming", "success"]).toContain(status);
    }
  });
});

test("main() ends with 2 when the port is taken", async () => {
  await started([], async ({ url }) => {
    const { code, stderr } = await run(["--port", new URL(url).port]);
    expect(code).toBe(2);
    expect(stderr).toContain(new URL(url).port);
  });
});
