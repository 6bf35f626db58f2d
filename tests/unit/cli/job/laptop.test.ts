import { expect, test } from "bun:test";
import type { FakeIo } from "../fake_io.ts";
import { stateSeal } from "../../../../lib/run/state.ts";
import { READ_ONLY_TOKEN, REPO, TOKEN, world } from "../world.ts";

const RUN = ["run", "--follow", "Fix the flaky tests", "--repo", "acme/api"];

/** The files that a command leaves, for the next one. */
function left(files: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(files);
}

/** Gives commands that are called at the same time one disk. */
function sharing(files: Map<string, string>) {
  return ({ files: own }: FakeIo) => {
    own.get = (path) => files.get(path);
    own.has = (path) => files.has(path);
    own.set = (path, text) => (files.set(path, text), own);
    own.delete = (path) => files.delete(path);
  };
}

/** A world in whose folder a command was left while its run continues. */
async function withLiveRun() {
  const folder = world("");
  const { cli, emulator, requests } = folder;
  const first = await cli([...RUN, "--timeout", "30s"]);
  expect(first.code).toBe(124);
  requests.length = 0;
  const runs = () => emulator.world.store.runs.size;
  return { ...folder, files: left(first.io.files), runs };
}

test("run --follow outside CI attaches to the run of the folder when the request is the same, and says so", async () => {
  const { cli, files, runs } = await withLiveRun();
  const again = await cli([...RUN, "--timeout", "30s"], { files });
  expect({ code: again.code, runs: runs() }).toEqual({ code: 124, runs: 1 });
  expect(again.stderr).toContain("with the same request: attaching to it (--new starts another run)");
  expect(again.stdout).toContain("attached to run");
  const { idempotencyKey } = JSON.parse(again.io.files.get("mogplex-ci/run.json") ?? "");
  expect(idempotencyKey).toBe(JSON.parse(files["mogplex-ci/run.json"] ?? "").idempotencyKey);
});

test("run --follow outside CI follows the run of its folder without a start when the starts of the hour are used up", async () => {
  const { cli, start, clock, requests, files, runs } = await withLiveRun();
  for (let count = 1; count < 30; count++) {
    clock.advance(10_000);
    await start(`Task ${count}`);
  }
  requests.length = 0;
  const again = await cli([...RUN, "--timeout", "30s"], { files });
  const { outcome, runId } = JSON.parse(again.io.files.get("mogplex-ci/result.json") ?? "");
  expect({ code: again.code, outcome, runs: runs() }).toEqual({ code: 124, outcome: "deadline", runs: 30 });
  expect(requests.filter((request) => request.startsWith("POST"))).toEqual([]);
  expect(runId).toBe(JSON.parse(files["mogplex-ci/run.json"] ?? "").runId);
  expect(again.stdout).toContain("attached to run");
  const other = await cli([...RUN, "--timeout", "30s", "--new"], { files: left(again.io.files) });
  expect([other.code, runs()]).toEqual([75, 30]);
});

test("follow and report show on a terminal what they do before they know the status of the run", async () => {
  const { cli, start } = world("success");
  const runId = await start();
  const words = async (verb: string) => {
    const { stdout } = await cli([verb, runId], { terminal: true });
    return /0:00 [^\n]*?· (\w+) for 0 s/.exec(stdout)?.[1];
  };
  expect([await words("follow"), await words("report")]).toEqual(["attaching", "reading"]);
});

test("run --follow outside CI starts another run when the run of its folder that it attaches to finds no sandbox", async () => {
  const { cli, emulator, files, runs, clock } = await withLiveRun();
  const [runId = ""] = [...emulator.world.store.runs.keys()];
  const again = await cli([...RUN, "--timeout", "30m"], {
    files,
    before: () => {
      const run = { status: "failed" as const, error: "Too many active sandboxes" };
      void clock.sleep(60_000).then(() => emulator.control("setRun", { runId, run }));
    },
  });
  expect([again.code, runs()]).toEqual([124, 2]);
  expect(again.stdout + again.stderr).toContain("and no agent has started: trying again in");
});

test("run --follow --new, and one with a key of its own, start another run in a folder of its own", async () => {
  for (const flags of [["--new"], ["--key-part", "b"], ["--idempotency-key", "mine"]]) {
    const { cli, files, runs } = await withLiveRun();
    const { stderr, io } = await cli([...RUN, "--timeout", "30s", ...flags], { files });
    expect({ flags, runs: runs() }).toEqual({ flags, runs: 2 });
    expect(stderr).toContain(`the files of this run go to "mogplex-ci/run-2"`);
    expect(io.files.get("mogplex-ci/run.json")).toBe(files["mogplex-ci/run.json"]);
    expect(io.files.has("mogplex-ci/run-2/result.json")).toBe(true);
  }
});

test("the resume line names the places that the command was given, quoted for a shell, and follow updates the reports there", async () => {
  const { cli, emulator } = world("");
  const places = ["--out", "my reports", "--state", "states/run.json"];
  const first = await cli([...RUN, "--timeout", "30s", ...places]);
  const [, line = ""] = /^resume +mogplex-ci (follow .*)$/m.exec(first.stdout) ?? [];
  const [runId = ""] = [...emulator.world.store.runs.keys()];
  expect(line).toBe("follow <run> --out 'my reports' --state states/run.json");
  await emulator.control("setRun", { runId, run: { status: "success" } });
  const { code, io } = await cli(["follow", runId, ...places], { files: left(first.io.files) });
  expect([code, JSON.parse(io.files.get("my reports/result.json") ?? "").outcome]).toEqual([0, "success"]);
  expect(io.files.has("mogplex-ci/result.json")).toBe(false);
});

test("another request while one is live overwrites nothing, and a third one finds the run of its own folder", async () => {
  const { cli, files, runs } = await withLiveRun();
  const other = ["run", "--follow", "Something else", "--repo", REPO, "--timeout", "30s"];
  const second = await cli(other, { files });
  for (const [path, text] of Object.entries(files)) expect([path, second.io.files.get(path)]).toEqual([path, text]);
  const third = await cli(other, { files: left(second.io.files) });
  expect({ runs: runs(), attached: third.stderr.includes("attaching to it") }).toEqual({ runs: 2, attached: true });
  const fourth = await cli([...other, "--state", "mogplex-ci/run-2/run.json", "--branch", "x"], {
    files: left(third.io.files),
  });
  expect([fourth.code, runs()]).toEqual([2, 2]);
  expect(fourth.stderr).toContain("give another --state");
});

test("run --follow attaches to the run of a further folder when the run of the first folder has ended, or its state is gone", async () => {
  const { cli, emulator, files, runs } = await withLiveRun();
  const [first] = [...emulator.world.store.runs.values()];
  const other = ["run", "--follow", "Something else", "--repo", REPO, "--timeout", "30s"];
  const second = await cli(other, { files });
  if (first !== undefined) first.status = "failed";
  const all = left(second.io.files);
  const { "mogplex-ci/run.json": _, ...withoutState } = all;
  for (const kept of [all, withoutState]) {
    const { code, stderr, io } = await cli(other, { files: kept });
    expect({ code, runs: runs(), attached: stderr.includes("attaching to it") }).toEqual({
      code: 124,
      runs: 2,
      attached: true,
    });
    expect(io.files.get("mogplex-ci/run.json")).toBe(kept["mogplex-ci/run.json"]);
  }
  expect([(await cli([...other, "--new"], { files: all })).code, runs()]).toEqual([124, 3]);
});

test("run --follow names the run whose folder it leaves alone, and how to cancel one that waits for an answer", async () => {
  const { cli, emulator, files } = await withLiveRun();
  const other = ["run", "--follow", "Something else", "--repo", REPO, "--timeout", "30s"];
  const noteOf = async () => /^note: (?:run|an earlier start) .*$/m.exec((await cli(other, { files })).stderr)?.[0];
  expect(await noteOf()).toBe(
    'note: run "<run>" in this folder is still running, so the files of this run go to "mogplex-ci/run-2"',
  );
  for (const run of emulator.world.store.runs.values()) run.status = "awaiting_input";
  expect(await noteOf()).toBe(
    'note: run "<run>" in this folder needs an answer (to cancel it: mogplex-ci runs cancel <run>), so the files of this run go to "mogplex-ci/run-2"',
  );
  const same = await cli([...RUN, "--timeout", "30s"], { files });
  expect(same.stderr).toContain(
    'run "<run>" in this folder needs an answer, with the same request: attaching to it',
  );
});

test("run --follow takes the folder again when its run has failed, and asks the service for nothing without a state file", async () => {
  const { cli, emulator, files, runs, requests } = await withLiveRun();
  for (const run of emulator.world.store.runs.values()) run.status = "failed";
  await cli([...RUN, "--timeout", "30s"], { files });
  expect(runs()).toBe(2);
  requests.length = 0;
  await cli(["run", "--detach", "x", "--repo", REPO]);
  expect(requests.filter((request) => request !== "GET /repos")).toEqual(["POST /runs"]);
});

test("run --follow on a terminal removes the reports that another run has left in our folder, and no other file", async () => {
  const all = left((await world("success").cli(RUN)).io.files);
  expect(Object.keys(all)).toContain("mogplex-ci/junit.xml");
  const { io } = await world("success").cli(RUN, { terminal: true, files: { ...all, "mogplex-ci/notes.txt": "" } });
  const names = [...io.files.keys()].map((path) => path.replace("mogplex-ci/", "")).sort();
  expect(names).toEqual([".gitignore", "notes.txt", "result.json", "run.html", "run.json", "summary.md"]);
  const own = { "reports/junit.xml": "<testsuites/>" };
  const other = await world("success").cli([...RUN, "--out", "reports"], { terminal: true, files: own });
  expect(other.io.files.get("reports/junit.xml")).toBe("<testsuites/>");
});

test("run --follow starts one run when it is called twice at once in a folder, and another request gets another folder", async () => {
  const { cli, emulator } = world("");
  const files = new Map<string, string>();
  const call = (task: string) =>
    cli(["run", "--follow", "--repo", "acme/api", "--timeout", "30s", task], {
      before: sharing(files),
    });
  const ends = await Promise.all(["Fix the flaky tests", "Fix the flaky tests", "Something else"].map(call));
  expect([ends.map(({ code }) => code), emulator.world.store.runs.size]).toEqual([[124, 124, 124], 2]);
  expect(ends[1]?.stderr).toContain("with the same request: attaching to it (--new starts another run)");
  expect(ends[2]?.stderr).toContain('so the files of this run go to "mogplex-ci/run-2"');
  const runIn = (folder: string) => JSON.parse(files.get(`${folder}/result.json`) ?? "").runId;
  expect(new Set([runIn("mogplex-ci"), runIn("mogplex-ci/run-2")]).size).toBe(2);
  expect([...files.keys()].filter((path) => path.endsWith(".lock"))).toEqual([]);
});

test("run --follow leaves nothing in its folder when its repository does not exist", async () => {
  const { cli } = world("");
  const { code, io } = await cli(["run", "--follow", "x", "--repo", "acme/nope"]);
  expect([code, io.files.has("mogplex-ci/run.json")]).toEqual([2, false]);
});

test("a refused start in a folder with a state file shows the name of the repository that was given, and not its id", async () => {
  const { cli, files } = await withLiveRun();
  const { code, stdout, io } = await cli([...RUN, "--harness", "claude"], { files });
  expect([code, /^repository {4}acme\/api$/m.test(stdout)]).toEqual([2, true]);
  expect(JSON.parse(io.files.get("mogplex-ci/run-2/result.json") ?? "").repository).toBe("acme/api");
});

test("a state file without a valid proof is no run of this folder, whatever it says", async () => {
  const { cli, files, runs } = await withLiveRun();
  const state = JSON.parse(files["mogplex-ci/run.json"] ?? "");
  const forged = { ...files, "mogplex-ci/run.json": JSON.stringify({ ...state, proof: "0".repeat(64) }) };
  const { stderr } = await cli([...RUN, "--timeout", "30s"], { files: forged });
  expect({ runs: runs(), attached: stderr.includes("attaching") }).toEqual({ runs: 2, attached: false });
});

test("a start that the service refuses leaves the state of the folder, and the same command then attaches to its run", async () => {
  for (
    const [wrongToken, repo, refusal] of [
      [`${TOKEN}x`, REPO, 64],
      [READ_ONLY_TOKEN, REPO, 65],
      [READ_ONLY_TOKEN, "acme/api", 65],
    ] as const
  ) {
    const { cli, emulator } = world("");
    const args = ["run", "--follow", "Fix the flaky tests", "--repo", repo, "--timeout", "30s"];
    const { io: { files } } = await cli(args);
    const refused = await cli(args, { files: left(files), env: { MOGPLEX_API_KEY: wrongToken } });
    expect([refused.code, refused.io.files.get("mogplex-ci/run.json")]).toEqual([
      refusal,
      files.get("mogplex-ci/run.json"),
    ]);
    const again = await cli(args, { files: left(refused.io.files) });
    expect([again.code, emulator.world.store.runs.size]).toEqual([124, 1]);
    expect(again.stderr).toContain("with the same request: attaching to it (--new starts another run)");
  }
});

test("a refused start leaves the reports of the folder's run alone", async () => {
  for (
    const [args, env, code] of [
      [[...RUN.slice(0, -1), REPO], { MOGPLEX_API_KEY: READ_ONLY_TOKEN }, 65],
      [[...RUN.slice(0, -1), REPO], { MOGPLEX_API_KEY: `${TOKEN}x` }, 64],
      [[...RUN.slice(0, -1), "acme/nope"], {}, 2],
    ] as const
  ) {
    const { cli, emulator } = world("");
    const first = await cli(["run", "--detach", "Keep me", "--repo", REPO]);
    const files = left(first.io.files);
    const refused = await cli([...args], { files, env });
    const paths = Object.keys({ ...files, ...left(refused.io.files) });
    const changed = paths.filter((path) => refused.io.files.get(path) !== files[path]);
    expect([refused.code, changed, emulator.world.store.runs.size]).toEqual([code, [], 1]);
  }
});

test("a start with a wrong token that is killed before its answer leaves the run of the folder, however often", async () => {
  const { cli, emulator } = world("");
  const args = [...RUN, "--timeout", "30s"];
  let files = left((await cli(args)).io.files);
  for (let kill = 1; kill <= 3; kill++) {
    // As after kill -9 before the answer: the newest start has the others in its file.
    let killed: Record<string, string> = {};
    const textOf = (from: Record<string, string>) => from["mogplex-ci/run.json"] ?? "";
    const before = (io: FakeIo) => {
      const { writeFile } = io;
      io.writeFile = (path, text) => {
        writeFile(path, text);
        if (path.endsWith("run.json") && text.length > textOf(killed).length) killed = left(io.files);
      };
    };
    const wrong = { MOGPLEX_API_KEY: `${TOKEN}x` };
    await cli([...RUN.slice(0, -1), REPO, "--timeout", "30s"], { files, env: wrong, before });
    files = killed;
    const state = JSON.parse(textOf(files));
    expect([state.phase, state.left, state.before.length]).toEqual(["starting", "following", kill]);
  }
  const again = await cli(args, { files });
  expect([again.code, emulator.world.store.runs.size]).toEqual([124, 1]);
  expect(again.stderr).toContain("with the same request: attaching to it (--new starts another run)");
});

test("a start whose answer was lost is found after a wrong token, also when an earlier run of the folder has ended", async () => {
  const { cli, emulator, clock } = world("");
  const args = ["run", "--follow", "Fix the flaky tests", "--repo", REPO, "--timeout", "30s"];
  const files = left((await cli(args)).io.files);
  for (const run of emulator.world.store.runs.values()) run.status = "failed";
  // As after kill -9: the second run has begun, and its answer was not read.
  let killed: Record<string, string> = {};
  await cli(args, {
    files,
    before(io) {
      const { writeFile } = io;
      io.writeFile = (path, text) => {
        writeFile(path, text);
        if (path === "mogplex-ci/run.json" && text.includes('"starting"')) killed = left(io.files);
      };
    },
  });
  expect([JSON.parse(killed["mogplex-ci/run.json"] ?? "").phase, emulator.world.store.runs.size]).toEqual([
    "starting",
    2,
  ]);
  clock.advance(60_000);
  const refused = await cli(args, { files: killed, env: { MOGPLEX_API_KEY: `${TOKEN}x` } });
  expect(refused.code).toBe(64);
  const again = await cli(args, { files: left(refused.io.files) });
  expect([again.code, emulator.world.store.runs.size]).toEqual([124, 2]);
  expect(again.stderr).toContain("an earlier start in this folder has no response yet");
});

const OTHER_TOKEN = "mog_aliceReadWriteToken0000000000002";

test("a start with another token that the service accepts replaces the state of the folder", async () => {
  const { cli, emulator } = world("");
  const args = [...RUN, "--timeout", "30s"];
  const first = await cli(args);
  const second = await cli(args, { files: left(first.io.files), env: { MOGPLEX_API_KEY: OTHER_TOKEN } });
  const state = JSON.parse(second.io.files.get("mogplex-ci/run.json") ?? "");
  expect([[...emulator.world.store.runs.keys()].indexOf(state.runId), "before" in state]).toEqual([1, false]);
});

test("in CI the state in the folder does not count: the key finds the run", async () => {
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

const HOUR_MS = 3_600_000;

/** A world in whose folder the last word about the run was `parting`; since then the run has succeeded. */
async function withUntoldEnd(parting: "detached" | "following" = "detached") {
  const { cli, emulator, clock } = world("");
  const args = [...RUN, "--timeout", "30s"];
  const first = await cli(args);
  expect(first.code).toBe(124);
  let files = left(first.io.files);
  if (parting === "following") {
    // As after kill -9: the file does not say how the run was left.
    const { proof: _, ...content } = JSON.parse(files["mogplex-ci/run.json"] ?? "");
    const state = { ...content, left: "following" };
    files = { ...files, "mogplex-ci/run.json": JSON.stringify({ ...state, proof: stateSeal(TOKEN)(state) }) };
  }
  const [id = ""] = [...emulator.world.store.runs.keys()];
  emulator.control("setRun", { runId: id, run: { status: "success" } });
  const runs = () => emulator.world.store.runs.size;
  return { cli, emulator, clock, args, files, runs };
}

test("run --follow tells the end of a run that ended well after its command was left or killed, and the next call starts one", async () => {
  for (const parting of ["detached", "following"] as const) {
    const { cli, args, clock, files, runs } = await withUntoldEnd(parting);
    clock.advance(10 * 60_000);
    const told = await cli(args, { files });
    expect([parting, told.code, runs()]).toEqual([parting, 0, 1]);
    expect(told.stderr).toMatch(
      /with the same request, succeeded 10 min \S*\s?ago without being followed: here is its result \(--new/,
    );
    expect(JSON.parse(told.io.files.get("mogplex-ci/result.json") ?? "")).toMatchObject({ outcome: "success" });
    await cli(args, { files: left(told.io.files) });
    expect([parting, runs()]).toEqual([parting, 2]);
  }
});

test("run --follow on a terminal tells the end of a run that ended well after Ctrl-C, and starts no second one", async () => {
  const { cli, emulator, clock } = world("");
  const stopped = await cli(RUN, {
    terminal: true,
    before: (io) => void clock.sleep(20_000).then(() => io.signal("SIGINT")),
  });
  expect(stopped.code).toBe(130);
  const [[runId = "", run] = []] = [...emulator.world.store.runs];
  expect(["pending", "streaming"]).toContain(run?.status ?? "none");
  emulator.control("setRun", { runId, run: { status: "success" } });
  const told = await cli(RUN, { terminal: true, files: left(stopped.io.files) });
  expect([told.code, emulator.world.store.runs.size]).toEqual([0, 1]);
  expect(told.stderr + told.stdout).toContain("without being followed: here is its result");
});

test("run --follow with only stdin on a terminal leaves its run at Ctrl-C and shows it there, but not in CI or without one", async () => {
  const statusAfter = async (terminal: "stdin" | boolean, env: Record<string, string>) => {
    const { cli, emulator, clock } = world("");
    const { code, io } = await cli(RUN, {
      ...{ terminal, env },
      before: (io) => void clock.sleep(20_000).then(() => io.signal("SIGINT")),
    });
    const [[runId = "", run] = []] = [...emulator.world.store.runs];
    return { code, isCancelled: run?.status === "cancelled", shown: io.shown.join("").replaceAll(runId, "<run>") };
  };
  expect(await statusAfter("stdin", {})).toEqual({
    code: 130,
    isCancelled: false,
    shown: "Stopped by Ctrl-C; the run continues\nTo follow it again: mogplex-ci follow <run>\n",
  });
  // The log on the terminal says it.
  expect(await statusAfter(true, {})).toEqual({ code: 130, isCancelled: false, shown: "" });
  for (const [terminal, env] of [[false, {}], ["stdin", { CI: "true" }], [true, { CI: "true" }]] as const) {
    expect(await statusAfter(terminal, env)).toEqual({ code: 130, isCancelled: true, shown: "" });
  }
});

/** Sends SIGTERM while the run is running. */
function stopped(clock: { sleep(ms: number): Promise<void> }) {
  return (io: FakeIo) => void clock.sleep(20_000).then(() => io.signal("SIGTERM"));
}

test("run --follow outside CI cancels at SIGTERM only a run that it started itself, unless it is asked to", async () => {
  const statuses = ({ world: { store } }: { world: { store: { runs: ReadonlyMap<string, { status: string }> } } }) =>
    [...store.runs.values()].map(({ status }) => status === "cancelled");
  const LEFT = "Stopped by SIGTERM; the run continues, because another command started it";
  const ways: [first: string[], again: string[], cancelled: boolean][] = [
    [["--timeout", "30s"], [], false],
    [["--timeout", "30s"], ["--on-interrupt", "cancel"], true],
    [["--timeout", "30s"], ["--on-interrupt", "detach"], false],
  ];
  for (const [more, again, cancelled] of ways) {
    const { cli, clock, emulator } = world("");
    const first = await cli([...RUN, ...more]);
    const second = await cli([...RUN, ...again], { files: left(first.io.files), before: stopped(clock) });
    expect({ again, code: second.code, cancelled: statuses(emulator) }).toEqual({
      again,
      code: 143,
      cancelled: [cancelled],
    });
    expect(second.stdout.includes(LEFT)).toBe(again.length === 0);
    if (again.length > 0) continue;
    // The state still belongs to the folder, so a third command attaches, too, and can start the next run if no agent starts.
    const third = await cli(RUN, { files: left(second.io.files), before: stopped(clock) });
    expect([third.stdout.includes(LEFT), statuses(emulator)]).toEqual([true, [false]]);
    expect(JSON.parse(third.io.files.get("mogplex-ci/run.json") ?? "")).toMatchObject({
      owned: true,
      left: "detached",
    });
  }
  const detached = world("");
  const start = await detached.cli(["run", "--detach", ...RUN.slice(2)]);
  const follow = await detached.cli(RUN, { files: left(start.io.files), before: stopped(detached.clock) });
  expect([follow.code, follow.stdout.includes(LEFT), statuses(detached.emulator)]).toEqual([143, true, [false]]);
  const own = world("");
  const { code } = await own.cli(RUN, { before: stopped(own.clock) });
  expect([code, statuses(own.emulator)]).toEqual([143, [true]]);
});

test("run --follow outside CI cancels the run whose answer it lost itself, and not one whose answer another command lost", async () => {
  const own = world("");
  own.emulator.control("fault", { kind: "reset0", route: "POST /runs", processed: true });
  const { stdout } = await own.cli(RUN, { before: stopped(own.clock) });
  expect(stdout).toContain("attached to run");
  expect([...own.emulator.world.store.runs.values()].map(({ status }) => status)).toEqual(["cancelled"]);

  const { cli, clock, files, emulator } = await withLiveRun();
  const { proof: _, ...content } = JSON.parse(files["mogplex-ci/run.json"] ?? "");
  const state = { ...content, phase: "starting", runId: null, status: null, lastEventId: null };
  const lost = { ...files, "mogplex-ci/run.json": JSON.stringify({ ...state, proof: stateSeal(TOKEN)(state) }) };
  clock.advance(60_000);
  const again = await cli(RUN, { files: lost, before: stopped(clock) });
  expect(again.stdout).toContain("the run continues, because another command started it");
  expect([...emulator.world.store.runs.values()].map(({ status }) => status === "cancelled")).toEqual([false]);
});

test("run --follow starts another run when the unseen end is an hour old, with --new, and with another request", async () => {
  for (
    const [waitMs, more] of [
      [HOUR_MS + 60_000, []],
      [24 * HOUR_MS, []],
      [60_000, ["--new"]],
      [60_000, ["--key-part", "b"]],
      [60_000, ["--branch", "x"]],
    ] as const
  ) {
    const { cli, args, clock, files, runs } = await withUntoldEnd("following");
    clock.advance(waitMs);
    const { stderr, io } = await cli([...args, ...more], { files });
    expect([waitMs, more, runs(), stderr.includes("its end was not seen")]).toEqual([waitMs, more, 2, false]);
    // The folder is free again.
    expect(io.files.has("mogplex-ci/run-2/result.json")).toBe(false);
  }
});

test("run --follow each night starts each night, however the run of the night before was followed", async () => {
  const { cli, emulator, clock } = world("success");
  let files: Record<string, string> = {};
  for (let night = 1; night <= 3; night++) {
    const { code, io } = await cli(RUN, { files });
    files = left(io.files);
    expect([night, code, emulator.world.store.runs.size]).toEqual([night, 0, night]);
    clock.advance(24 * HOUR_MS);
  }
});

test("run --follow in a loop after 124 attaches until the run ends, and then is over", async () => {
  const { cli, emulator } = world("");
  const args = [...RUN, "--timeout", "30s"];
  const first = await cli(args);
  const second = await cli(args, { files: left(first.io.files) });
  const [id = ""] = [...emulator.world.store.runs.keys()];
  emulator.control("setRun", { runId: id, run: { status: "success" } });
  const third = await cli(args, { files: left(second.io.files) });
  expect([first.code, second.code, third.code, emulator.world.store.runs.size]).toEqual([124, 124, 0, 1]);
});

test("run --follow sends a start again whose answer was lost, and starts another run when that one ended an hour ago", async () => {
  for (const [waitMs, runsAfter, code] of [[60_000, 1, 0], [2 * HOUR_MS, 2, 124]] as const) {
    const { cli, args, clock, files, runs } = await withUntoldEnd("following");
    const { proof: _, ...content } = JSON.parse(files["mogplex-ci/run.json"] ?? "");
    // As after a kill while the start was sent: the key alone is known.
    const state = { ...content, phase: "starting", runId: null, status: null, lastEventId: null };
    const lost = { ...files, "mogplex-ci/run.json": JSON.stringify({ ...state, proof: stateSeal(TOKEN)(state) }) };
    clock.advance(waitMs);
    const again = await cli(args, { files: lost });
    expect([waitMs, runs(), again.code]).toEqual([waitMs, runsAfter, code]);
    expect(again.stderr).toContain("an earlier start in this folder has no response yet");
  }
});

test("run --follow on a terminal outside CI writes three reports and the state file, and elsewhere all of them", async () => {
  const reports = async (terminal: boolean, CI: string, ...more: string[]) => {
    const { cli } = world("");
    const { io } = await cli([...RUN, ...more], { terminal, env: { CI } });
    return [...io.files.keys()].filter((name) => name.startsWith("mogplex-ci/")).map((name) => name.slice(11)).sort();
  };
  const few = [".gitignore", "result.json", "run.html", "run.json", "summary.md"];
  expect(await reports(true, "")).toEqual(few);
  expect(await reports(true, "", "--report", "junit")).toEqual([".gitignore", "junit.xml", "run.json"]);
  for (const [terminal, CI] of [[false, ""], [true, "true"]] as const) {
    expect((await reports(terminal, CI)).length).toBeGreaterThan(7);
  }
});

const UNKNOWN_ID = "00000000-0000-4000-8000-000000000000";

test("follow leaves the run of the folder alone when its id is another run, also when the folder's run has succeeded meanwhile", async () => {
  for (const hasSucceeded of [false, true]) {
    const { cli, emulator, start } = world("");
    const args = [...RUN, "--timeout", "30s"];
    const first = await cli(args);
    const files = left(first.io.files);
    const [runId = ""] = [...emulator.world.store.runs.keys()];
    if (hasSucceeded) emulator.control("setRun", { runId, run: { status: "success" } });
    const otherId = await start("Another task");
    const other = await cli(["follow", otherId, "--timeout", "30s"], { files });
    for (const [path, text] of Object.entries(files)) expect([path, other.io.files.get(path)]).toEqual([path, text]);
    expect(other.stderr).toContain(`the files of this run go to "mogplex-ci/run-2"`);
    expect(JSON.parse(other.io.files.get("mogplex-ci/run-2/run.json") ?? "").runId).toBe(otherId);
    // Its own folder is found again.
    const again = await cli(["follow", otherId, "--timeout", "30s"], { files: left(other.io.files) });
    expect([...again.io.files.keys()].filter((path) => path.startsWith("mogplex-ci/run-3"))).toEqual([]);
    const same = await cli(args, { files: left(again.io.files) });
    expect([same.code, emulator.world.store.runs.size]).toEqual([hasSucceeded ? 0 : 124, 2]);
  }
});

test("run and follow leave the folder of a run alone that another follow is attached to", async () => {
  const { cli, start } = world("");
  const ids = [await start("One task"), await start("Another task")];
  const files = new Map<string, string>();
  const call = (args: string[]) => cli([...args, "--timeout", "30s"], { before: sharing(files) });
  await Promise.all(ids.map((id) => call(["follow", id])));
  const runIn = (folder: string) => JSON.parse(files.get(`${folder}/result.json`) ?? "").runId;
  expect(new Set([runIn("mogplex-ci"), runIn("mogplex-ci/run-2")])).toEqual(new Set(ids));
  const { stderr, io } = await cli([...RUN, "--timeout", "30s"], { files: left(files) });
  expect(stderr).toContain('is still running, so the files of this run go to "mogplex-ci/run-3"');
  expect(io.files.get("mogplex-ci/result.json")).toBe(files.get("mogplex-ci/result.json"));
});

test("report leaves the files of the folder's run alone when its id is another run", async () => {
  const { cli, start } = world("");
  const files = left((await cli([...RUN, "--timeout", "30s"])).io.files);
  const otherId = await start("Another task");
  const other = await cli(["report", otherId], { files });
  for (const [path, text] of Object.entries(files)) expect([path, other.io.files.get(path)]).toEqual([path, text]);
  expect(other.stderr).toContain(`the files of this run go to "mogplex-ci/run-2"`);
  expect(JSON.parse(other.io.files.get("mogplex-ci/run-2/result.json") ?? "").runId).toBe(otherId);
  const { runId } = JSON.parse(files["mogplex-ci/run.json"] ?? "");
  const same = await cli(["report", runId], { files });
  expect([...same.io.files.keys()].filter((path) => path.startsWith("mogplex-ci/run-2"))).toEqual([]);
});

test("report does not show its own duration when the run is still running", async () => {
  const { cli, emulator, files } = await withLiveRun();
  const [runId = ""] = emulator.world.store.runs.keys();
  const { code, stdout, io } = await cli(["report", runId], { files });
  expect(io.files.get("mogplex-ci/run.html")).not.toContain(", took ");
  expect([code, /^time /m.test(stdout)]).toEqual([124, false]);
  expect(io.files.get("mogplex-ci/summary.md")).not.toContain("Duration of the command");
});

test("follow keeps the key of the folder's own run, so the same command attaches to it afterwards", async () => {
  const { cli, runs, files } = await withLiveRun();
  const { runId, idempotencyKey } = JSON.parse(files["mogplex-ci/run.json"] ?? "");
  const followed = await cli(["follow", runId, "--timeout", "30s"], { files });
  const state = JSON.parse(followed.io.files.get("mogplex-ci/run.json") ?? "");
  expect([followed.code, state.idempotencyKey, state.left]).toEqual([124, idempotencyKey, "detached"]);
  const again = await cli([...RUN, "--timeout", "30s"], { files: left(followed.io.files) });
  expect([again.code, runs()]).toEqual([124, 1]);
});

test("follow refuses a --state whose run can still be attached to", async () => {
  const { cli, start } = world("");
  const files = left((await cli([...RUN, "--timeout", "30s"])).io.files);
  const otherId = await start("Another task");
  const { code, stderr, io } = await cli(["follow", otherId, "--state", "mogplex-ci/run.json"], { files });
  expect([code, io.files.get("mogplex-ci/run.json")]).toEqual([2, files["mogplex-ci/run.json"]]);
  expect(stderr).toContain(
    'the state file belongs to run "<run>", which can still be attached to: "mogplex-ci/run.json"',
  );
});

test("follow and report of an id that the service does not know print only the error, and touch no file outside CI", async () => {
  for (const verb of ["follow", "report"]) {
    const { cli, files, runs } = await withLiveRun();
    for (const terminal of [false, true]) {
      const { code, stdout, stderr, io } = await cli([verb, UNKNOWN_ID], { files, terminal });
      expect([verb, code, left(io.files)]).toEqual([verb, 2, files]);
      expect((stdout + stderr).trim().split("\n")).toEqual([
        expect.stringContaining(`error: Cannot read run "${UNKNOWN_ID}": not found`),
      ]);
    }
    const empty = await cli([verb, UNKNOWN_ID]);
    expect([verb, left(empty.io.files)]).toEqual([verb, {}]);
    const again = await cli([...RUN, "--timeout", "30s"], { files });
    expect([again.code, runs()]).toEqual([124, 1]);
  }
});
