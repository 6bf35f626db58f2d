/** What a job does with the result file of its run, on the emulated service and with a repository in memory. */
import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { makeEmulator } from "../../../lib/emulator/emulator.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import { InterruptedError, MogplexError, UsageError } from "../../../lib/errors.ts";
import type { RepositoryFiles } from "../../../lib/forge/files.ts";
import type { RepositoryFile } from "../../../lib/git/tree.ts";
import type { ResultRequest } from "../../../lib/result/wanted_result.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { delivering } from "../emulator/scenarios.ts";
import { runJob, type RunOptions } from "./detecting.ts";
import { JOB_ENV } from "./fake_client.ts";

const REQUEST = { repoId: "e0000000-0000-4000-8000-000000000001", prompt: "Review it", createBranch: true };
const RESULT: ResultRequest = { path: "answer.json", schema: { type: "object", required: ["ok"] } };

const file = (text: string): RepositoryFile => ({ kind: "file", blob: text, bytes: new TextEncoder().encode(text) });

/** A repository in memory: what each branch contains at the path of the result. Branches of runs are called "run". */
interface Branches {
  [branch: string]: RepositoryFile | undefined;
}

function world(branches: Branches | Error, changed: boolean | null = true) {
  const clock = virtualClock();
  const emulator = makeEmulator({
    fixture: parseFixture(fixture),
    clock,
    scenarios: [delivering("${working}", changed)],
  });
  const opened: object[] = [];
  const asked: string[] = [];
  let readsLeft = Infinity;
  const openFiles = (wanted: object): Promise<RepositoryFiles> => {
    opened.push(wanted);
    if (branches instanceof Error || --readsLeft < 0) {
      return Promise.reject(branches instanceof Error ? branches : new MogplexError("gone", "unavailable"));
    }
    return Promise.resolve({
      origin: "https://git.example",
      way: "memory",
      head(branch = "default") {
        asked.push(branch);
        const name = branch.startsWith("mogplex/") ? "run" : branch;
        return Promise.resolve(name in branches ? name : null);
      },
      file: (commit) => Promise.resolve(branches[commit] ?? { kind: "missing" }),
      close: () => Promise.resolve(),
    });
  };
  const options = (more: object = {}): RunOptions => ({
    token: "mog_aliceReadWriteToken0000000000001",
    clock,
    env: (name) => (JOB_ENV as Record<string, string>)[name],
    fetch: (url, init) => emulator.fetch(url, init),
    openFiles,
    ...more,
  } as RunOptions);
  return {
    ...{ clock, opened, asked, options },
    runs: () => [...emulator.world.store.runs.values()],
    only: (reads: number) => void (readsLeft = reads),
  };
}

const request = (more: object = {}) => ({ ...REQUEST, result: { ...RESULT, ...more } });

test("runJob() reads the branch of the delivery, from the repository that the service names", async () => {
  const { opened, asked, options, runs } = world({ default: undefined, main: undefined, run: file('{"ok":1}') });
  const { result, error } = await runJob(request(), options());
  expect({ error, value: result.value, file: result.resultFile }).toEqual({
    error: undefined,
    value: { ok: 1 },
    file: {
      ...{ path: "answer.json", branch: runs()[0]?.working_branch ?? "", commit: "run", blob: '{"ok":1}', cause: null },
      ...{ mistakes: [], outputs: {}, value: { ok: 1 } },
    },
  });
  const place = { name: "acme/api", origin: undefined, isNamed: false };
  // After the run it is the one with the pull request.
  expect([opened, asked]).toEqual([[place, { ...place, origin: "http://localhost" }], [
    "default",
    runs()[0]?.working_branch ?? "",
  ]]);
});

test("runJob() looks for the file where the run begins: on its base, or on a branch that it continues", async () => {
  const branches = { default: undefined, main: file("{}"), work: file("{}"), run: file('{"ok":1}') };
  const starts: [more: object, where: string][] = [
    [{ baseBranch: "main" }, '"main"'],
    [{ workingBranch: "work", createBranch: false }, '"work"'],
  ];
  for (const [more, where] of starts) {
    const { options, runs } = world(branches);
    const { error, result } = await runJob({ ...request(), ...more }, options());
    expect(error).toBeInstanceOf(UsageError);
    expect([(error as UsageError).why, result.exitCode, runs().length]).toEqual([
      `the result file already exists on ${where}`,
      2,
      0,
    ]);
  }
  const { options } = world(branches);
  const { result } = await runJob(
    { ...request(), workingBranch: "new", createBranch: false, baseBranch: "none" },
    options(),
  );
  expect(result.exitCode).not.toBe(2);
});

test("runJob() starts nothing when the repository cannot be read", async () => {
  for (const exit of ["forbidden", "unavailable"] as const) {
    const { options, runs } = world(new MogplexError("no way", exit));
    const { result, error } = await runJob(request(), options());
    expect([result.outcome, result.exitCode, runs().length]).toEqual([
      "error",
      { forbidden: 65, unavailable: 69 }[exit],
      0,
    ]);
    expect(error).toBeInstanceOf(MogplexError);
  }
});

test("runJob() ends with the code of the forge when the file cannot be read after the run, and with that of the run never", async () => {
  const { options, only, runs } = world({ default: undefined, run: file('{"ok":1}') });
  only(1);
  const { result, error } = await runJob(request({ retries: 2 }), options());
  expect({ ...result.resultFile, outcome: result.outcome, exitCode: result.exitCode, status: result.status })
    .toMatchObject({
      ...{ cause: "result-unreadable", mistakes: ["gone"], value: null, commit: null },
      ...{ outcome: "error", exitCode: 69, status: "success" },
    });
  expect([error instanceof MogplexError, runs().length]).toEqual([true, 1]);
});

test("runJob() takes a deleted branch for unreadable, and a run without changes for one without a file", async () => {
  const gone = world({ default: undefined });
  const { result } = await runJob(request(), gone.options());
  expect([result.exitCode, result.resultFile?.cause]).toEqual([69, "result-unreadable"]);
  expect(result.reason).toContain("no longer exists");
  const same = world({ default: undefined, run: file('{"ok":1}') }, false);
  const { result: none } = await runJob(request(), same.options());
  expect([none.exitCode, none.resultFile?.cause, none.resultFile?.mistakes]).toEqual([
    1,
    "result-missing",
    ["the run changed nothing"],
  ]);
});

test("runJob() names a link, a submodule, a folder and a Git LFS pointer, also above the file", async () => {
  const refusals: [refusal: RepositoryFile, mistake: string][] = [
    [{ kind: "refused", why: "link", path: "answer.json" }, "it is a symbolic link"],
    [{ kind: "refused", why: "link", path: "above" }, '"above" is a symbolic link'],
    [{ kind: "refused", why: "submodule", path: "answer.json" }, "it is a submodule"],
    [{ kind: "refused", why: "lfs", path: "answer.json" }, "it is a Git LFS pointer"],
    [{ kind: "refused", why: "folder", path: "answer.json" }, "it is a folder"],
    [{ kind: "refused", why: "too large", path: "answer.json" }, "it is larger than 1 MB"],
  ];
  for (const [refusal, mistake] of refusals) {
    const { options } = world({ default: undefined, run: refusal });
    const { result } = await runJob(request(), options());
    expect([result.exitCode, result.resultFile?.cause, result.resultFile?.mistakes]).toEqual([1, "result-invalid", [
      mistake,
    ]]);
  }
});

test("runJob() refuses a secret that only the caller knows", async () => {
  const { options } = world({ default: undefined, run: file('{"ok":"swordfish"}') });
  const redactFile = (text: string) => text.replaceAll("swordfish", "***");
  const { result } = await runJob(request(), options({ redactFile }));
  expect([result.resultFile?.mistakes, result.value]).toEqual([['"/ok" contains a secret'], null]);
});

test("runJob() ends a validator that never answers at the deadline", async () => {
  const { options, clock } = world({ default: undefined, run: file('{"ok":1}') });
  const schema = { "~standard": { version: 1, vendor: "acme", validate: () => new Promise<never>(() => {}) } };
  // A virtual clock stops while it waits for the caller.
  const unheld = { ...clock, during: undefined };
  const { result } = await runJob(request({ schema, jsonSchema: {} }), options({ clock: unheld }));
  expect(result.resultFile?.mistakes).toEqual(["the whole value could not be checked in time"]);
}, 60_000);

test("runJob() leaves the file unread when a signal arrives meanwhile, and says so", async () => {
  const { options, runs } = world({ default: undefined, run: file('{"ok":1}') });
  const controller = new AbortController();
  const signalled = new InterruptedError("SIGTERM", "SIGTERM arrived");
  const onItem = ({ type }: { type: string }) => void (type === "end" && controller.abort(signalled));
  const { result } = await runJob(request(), options({ signal: controller.signal, onItem }));
  expect([result.outcome, result.exitCode, result.value, runs().length]).toEqual(["interrupted", 143, null, 1]);
  expect(result.reason).toContain("the run has succeeded, but its result file was not read");
});

test("runJob() refuses follow-ups that could have no branch or no key", async () => {
  const { options, runs } = world({ default: undefined });
  const { error } = await runJob({ ...request({ retries: 1 }), harness: "mogplex" }, options());
  expect((error as UsageError).message).toContain('the agent "mogplex" always creates a branch');
  const long = await runJob(request({ retries: 1 }), options({ idempotencyKey: "k".repeat(195) }));
  expect((long.error as UsageError).message).toContain("is too long to append");
  expect(runs().length).toBe(0);
});
