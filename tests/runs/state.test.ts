import { expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../lib/errors.ts";
import type { Notice } from "../../lib/notice.ts";
import type { JobIdentity } from "../../lib/platforms/platform.ts";
import {
  isSameJob,
  readState,
  requestHash,
  type RunState,
  type StateBeginning,
  StateWriter,
} from "../../lib/runs/state.ts";
import { JOB, REQUEST, RUN_ID } from "./fake_client.ts";
import { memoryFiles } from "./memory_files.ts";

const BEGINNING: StateBeginning = {
  idempotencyKey: "k",
  owned: null,
  startedAt: "2026-09-01T00:00:00.000Z",
  onInterrupt: "detach",
  requestHash: await requestHash(REQUEST),
  request: REQUEST,
  job: JOB,
  proof: "f00",
};
const PATH = "mogplex-ci/run.json";

function read(content: string, job: JobIdentity | null = JOB, execution = true) {
  const notices: Notice[] = [];
  const files = memoryFiles({ [PATH]: content });
  const state = readState(files, PATH, { job, execution, notify: (notice) => notices.push(notice) });
  return { state, notices };
}

function begun() {
  const files = memoryFiles({ [PATH]: "old" });
  const notices: Notice[] = [];
  const writer = new StateWriter(files, PATH, (notice) => notices.push(notice));
  writer.begin(BEGINNING);
  const state = () => JSON.parse(files.files.get(PATH) ?? "") as RunState;
  return { files, writer, state, notices };
}

test("StateWriter.begin() replaces an old file by one of phase starting", () => {
  expect(begun().state()).toEqual({
    schema: 1,
    phase: "starting",
    ...BEGINNING,
    runId: null,
    status: null,
    lastEventId: null,
    left: "following",
  });
});

test("StateWriter.clear() removes an old file after proving that it can be written", () => {
  const files = memoryFiles({ [PATH]: "old" });
  new StateWriter(files, PATH, () => {}).clear();
  expect(files.files.has(PATH)).toBe(false);
  expect(files.written.length).toBe(1);
});

test("StateWriter.update() forgets the request once the run is known", () => {
  const { writer, state } = begun();
  writer.update({ runId: RUN_ID, owned: true, status: "pending" });
  expect(state()).toMatchObject({ phase: "started", runId: RUN_ID, request: null, status: "pending" });
});

test("StateWriter.update() writes only what changes", () => {
  const { writer, files } = begun();
  writer.update({ status: "pending" });
  writer.update({ status: "pending" });
  expect(files.written.length).toBe(2);
});

test("StateWriter.begin() throws UsageError when the file cannot be written", () => {
  const files = {
    ...memoryFiles(),
    writeFile() {
      throw new Error("it is reached through the symbolic link");
    },
  };
  expect(() => new StateWriter(files, PATH, () => {}).begin(BEGINNING)).toThrow(UsageError);
  expect(() => new StateWriter(files, PATH, () => {}).clear()).toThrow(UsageError);
});

test("StateWriter.update() says once that the file cannot be written any more, and goes on", () => {
  const { files, writer, notices } = begun();
  files.writeFile = () => {
    throw new Error("disk full");
  };
  writer.update({ status: "pending" });
  writer.update({ status: "streaming" });
  expect(notices.map((notice) => notice.kind)).toEqual(["text"]);
});

test("StateWriter.update() keeps nothing but words of the service: it may have sent our token back", () => {
  const { writer, state } = begun();
  for (const status of ["mog_AAAAbbbbCCCCddddEEEEffff", "a b", "x".repeat(65), "\n::set-env"]) {
    writer.update({ runId: RUN_ID, status: "pending", lastEventId: "e-1" });
    writer.update({ status, lastEventId: status });
    expect(state()).toMatchObject({ runId: RUN_ID, status: null, lastEventId: null });
  }
});

test("readState() reads what StateWriter wrote", () => {
  const { files, writer, state } = begun();
  expect(read(files.files.get(PATH) ?? "").state).toEqual(state());
  writer.update({ runId: RUN_ID, owned: false, status: "streaming", lastEventId: "e7", left: "detached" });
  expect(read(files.files.get(PATH) ?? "").state).toEqual(state());
});

test("readState() returns nothing when there is no file, without a word", () => {
  const notices: Notice[] = [];
  const options = { job: null, execution: true, notify: (notice: Notice) => notices.push(notice) };
  expect(readState(memoryFiles(), PATH, options)).toBeUndefined();
  expect(notices).toEqual([]);
});

test("readState() ignores a file of another job, and says so", () => {
  const { state } = begun();
  const content = JSON.stringify(state());
  for (const other of [{ ...JOB, pipeline: "1002" }, { ...JOB, job: "other" }, { ...JOB, attempt: "9002" }, null]) {
    const { state, notices } = read(content, other);
    expect(state).toBeUndefined();
    expect(notices).toEqual([
      { kind: "text", message: `state file "${PATH}" is ignored: another job wrote it` },
    ]);
  }
});

test("readState() takes the file of an earlier attempt of the job for a resumption", () => {
  const { state } = begun();
  expect(read(JSON.stringify(state()), { ...JOB, attempt: "9002" }, false).state).toEqual(state());
});

test("readState() ignores damaged and hostile files, and says so", () => {
  const { state } = begun();
  const good = state();
  const bad = [
    "",
    "{",
    "[]",
    "null",
    JSON.stringify({ ...good, schema: 2 }),
    JSON.stringify({ ...good, phase: "started" }),
    JSON.stringify({ ...good, phase: "started", runId: "../repos?x=1#" }),
    JSON.stringify({ ...good, left: "__proto__" }),
    JSON.stringify({ ...good, idempotencyKey: "k".repeat(201) }),
    JSON.stringify({ ...good, idempotencyKey: 7 }),
    JSON.stringify({ ...good, job: [1] }),
    "x".repeat(1_000_001),
  ];
  for (const content of bad) {
    const { state, notices } = read(content);
    expect(state).toBeUndefined();
    expect(notices.length).toBe(1);
  }
});

test("readState() drops a request that breaks a rule of the service", () => {
  const { state } = begun();
  const request = { repoId: "x", prompt: "y" };
  expect(read(JSON.stringify({ ...state(), request })).state?.request).toBeNull();
});

test("readState() never takes over an address or a token", () => {
  const { state } = begun();
  const more = { ...state(), url: "https://evil.example", token: "mog_x", origin: "https://evil.example" };
  expect(read(JSON.stringify(more)).state).toEqual(state());
});

test("readState() takes a file without a word about signals for one of the default", () => {
  const { onInterrupt: _, startedAt: __, ...old } = begun().state();
  expect(read(JSON.stringify(old)).state).toMatchObject({ onInterrupt: "auto", startedAt: null });
  expect(read(JSON.stringify({ ...old, onInterrupt: "kill", startedAt: 7 })).state).toMatchObject({
    onInterrupt: "auto",
    startedAt: null,
  });
});

test("readState() neither throws nor believes anything of another form", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => {
    expect(read(JSON.stringify(value)).state).toBeUndefined();
  }));
});

test("requestHash() is the same for the same work, and different for other work", async () => {
  const hash = await requestHash(REQUEST);
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(await requestHash({ prompt: `${REQUEST.prompt} `, repoId: REQUEST.repoId.toUpperCase(), mode: undefined }))
    .toBe(hash);
  expect(await requestHash({ ...REQUEST, prompt: "Other" })).not.toBe(hash);
  expect(await requestHash({ ...REQUEST, createBranch: true })).not.toBe(hash);
});

test("isSameJob() compares the execution only when asked", () => {
  expect(isSameJob(JOB, { ...JOB, attempt: "2", date: null }, false)).toBe(true);
  expect(isSameJob(JOB, { ...JOB, attempt: "2" }, true)).toBe(false);
  expect(isSameJob(null, null, true)).toBe(true);
});
