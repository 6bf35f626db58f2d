import { expect, test } from "bun:test";
import { REPO, TOKEN, world } from "../world.ts";

const RUN = ["run", "--follow", "Fix the flaky tests", "--repo", "acme/api"];

/** The files that a command leaves, for the next one. */
function left(files: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(files);
}

/** A world in whose folder a command was left while its run goes on. */
async function withLiveRun() {
  const { cli, emulator, requests } = world("");
  const first = await cli([...RUN, "--timeout", "30s"]);
  expect(first.code).toBe(124);
  requests.length = 0;
  const runs = () => emulator.world.store.runs.size;
  return { cli, emulator, requests, files: left(first.io.files), runs };
}

test("run --follow outside CI attaches to the run of the folder when the request is the same, and says so", async () => {
  const { cli, files, runs } = await withLiveRun();
  const again = await cli([...RUN, "--timeout", "30s"], { files });
  expect({ code: again.code, runs: runs() }).toEqual({ code: 124, runs: 1 });
  expect(again.stderr).toContain("with the same request: attaching to it (--new starts another one)");
  expect(again.stdout).toContain("attached to run");
  const { idempotencyKey } = JSON.parse(again.io.files.get("mogplex-ci/run.json") ?? "");
  expect(idempotencyKey).toBe(JSON.parse(files["mogplex-ci/run.json"] ?? "").idempotencyKey);
});

test("run --follow --new, and one with a key of its own, start another run in a folder of its own", async () => {
  for (const flags of [["--new"], ["--key-part", "b"], ["--idempotency-key", "mine"]]) {
    const { cli, files, runs } = await withLiveRun();
    const { stderr, io } = await cli([...RUN, "--timeout", "30s", ...flags], { files });
    expect({ flags, runs: runs() }).toEqual({ flags, runs: 2 });
    expect(stderr).toContain(`the files of this one go to "mogplex-ci-2"`);
    expect(io.files.get("mogplex-ci/run.json")).toBe(files["mogplex-ci/run.json"]);
    expect(io.files.has("mogplex-ci-2/result.json")).toBe(true);
  }
});

test("another request while one is live overwrites nothing, and a third one finds the run of its own folder", async () => {
  const { cli, files, runs } = await withLiveRun();
  const other = ["run", "--follow", "Something else", "--repo", REPO, "--timeout", "30s"];
  const second = await cli(other, { files });
  for (const [path, text] of Object.entries(files)) expect([path, second.io.files.get(path)]).toEqual([path, text]);
  const third = await cli(other, { files: left(second.io.files) });
  expect({ runs: runs(), attached: third.stderr.includes("attaching to it") }).toEqual({ runs: 2, attached: true });
  const fourth = await cli([...other, "--state", "mogplex-ci-2/run.json", "--branch", "x"], {
    files: left(third.io.files),
  });
  expect([fourth.code, runs()]).toEqual([2, 2]);
  expect(fourth.stderr).toContain("give another --state");
});

test("run --follow takes the folder again when its run has ended, and asks the service for nothing without a state file", async () => {
  const { cli, emulator, files, runs, requests } = await withLiveRun();
  for (const run of emulator.world.store.runs.values()) run.status = "success";
  await cli([...RUN, "--timeout", "30s"], { files });
  expect(runs()).toBe(2);
  requests.length = 0;
  await cli(["run", "--detach", "x", "--repo", REPO]);
  expect(requests.filter((request) => request !== "GET /repos")).toEqual(["POST /runs"]);
});

test("a state file without a valid proof is no run of this folder, whatever it says", async () => {
  const { cli, files, runs } = await withLiveRun();
  const state = JSON.parse(files["mogplex-ci/run.json"] ?? "");
  const forged = { ...files, "mogplex-ci/run.json": JSON.stringify({ ...state, proof: "0".repeat(64) }) };
  const { stderr } = await cli([...RUN, "--timeout", "30s"], { files: forged });
  expect({ runs: runs(), attached: stderr.includes("attaching") }).toEqual({ runs: 2, attached: false });
});

test("in CI the folder says nothing: the key finds the run", async () => {
  const { cli, files, runs } = await withLiveRun();
  delete files["mogplex-ci/.gitignore"];
  const { stderr, io } = await cli([...RUN, "--timeout", "30s"], {
    files,
    env: { CI: "true", MOGPLEX_API_KEY: TOKEN },
  });
  expect({ runs: runs(), attached: stderr.includes("attaching") }).toEqual({ runs: 2, attached: false });
  expect(io.files.has("mogplex-ci/.gitignore")).toBe(false);
});

test("the folder of the reports carries a .gitignore outside CI, unless it is the user's own", async () => {
  const ignored = async (out: string, files: Record<string, string> = {}) => {
    const { io } = await world("success").cli([...RUN, "--out", out], { files });
    return io.files.get(`${out}/.gitignore`);
  };
  expect(await ignored("mogplex-ci")).toBe("*\n");
  expect(await ignored("reports/agent")).toBe("*\n");
  expect(await ignored("docs", { "docs/index.md": "" })).toBeUndefined();
  for (const out of [".", "..", "/abs/reports"]) expect([out, await ignored(out)]).toEqual([out, undefined]);
  expect(await ignored("mogplex-ci", { "mogplex-ci/.gitignore": "!keep\n" })).toBe("!keep\n");
});
