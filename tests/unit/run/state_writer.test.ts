import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import type { Notice } from "../../../lib/notice.ts";
import { readState, requestHash, type StateBeginning, stateSeal, StateWriter } from "../../../lib/run/state.ts";
import { BEGIN_MS, JOB, REQUEST, RUN_ID } from "./fake_client.ts";
import { memoryFiles } from "./memory_files.ts";

const SEAL = await stateSeal("mog_AAAAbbbbCCCCddddEEEEffff");
const BEGINNING: StateBeginning = {
  idempotencyKey: "k",
  owned: null,
  startedAt: "2026-09-01T00:00:00.000Z",
  onInterrupt: "detach",
  requestHash: await requestHash(REQUEST),
  asked: null,
  request: REQUEST,
  result: null,
  job: JOB,
  runId: null,
};
const PATH = "mogplex-ci/run.json";

function begun(beginning: Partial<StateBeginning> = {}) {
  const files = memoryFiles({ [PATH]: "old" });
  const notices: Notice[] = [];
  const writer = new StateWriter(files, PATH, SEAL, (notice) => notices.push(notice));
  writer.begin({ ...BEGINNING, ...beginning });
  const state = () => JSON.parse(files.files.get(PATH) ?? "") as Record<string, unknown>;
  return { files, writer, state, notices };
}

test("StateWriter.begin() replaces an old file by one of phase starting", () => {
  expect(begun().state()).toEqual({
    schema: 2,
    phase: "starting",
    ...BEGINNING,
    folder: null,
    runId: null,
    status: null,
    lastEventId: null,
    left: "following",
    proof: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

test("StateWriter.begin() writes phase started for a run that exists, and the directory outside CI", () => {
  const followed = { runId: RUN_ID, idempotencyKey: null, requestHash: null, request: null, owned: false, job: null };
  expect(begun(followed).state()).toMatchObject({ phase: "started", ...followed, folder: "/builds/web/mogplex-ci/" });
});

test("StateWriter proves each state that it writes", () => {
  const { files, writer } = begun();
  writer.update({ runId: RUN_ID, owned: false, status: "streaming", lastEventId: "e7" });
  writer.update({ parting: "cancelling" });
  const options = { job: JOB, execution: true, nowMs: BEGIN_MS, notify: () => {} };
  const states = files.written.map((text) => readState(memoryFiles({ [PATH]: text }), PATH, options)?.proven(SEAL));
  expect(states.map((state) => [state?.phase, state?.parting])).toEqual([
    ["starting", "following"],
    ["started", "following"],
    ["started", "cancelling"],
  ]);
  expect(new Set(files.written.map((text) => JSON.parse(text).proof)).size).toBe(3);
});

test("StateWriter.clear() removes an old file after proving that it can be written", () => {
  const files = memoryFiles({ [PATH]: "old" });
  new StateWriter(files, PATH, SEAL, () => {}).clear();
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
      throw new Error("its path contains the symbolic link");
    },
  };
  const writer = new StateWriter(files, PATH, SEAL, () => {});
  expect(() => writer.begin(BEGINNING)).toThrow(UsageError);
  expect(() => writer.clear()).toThrow(UsageError);
});

test("StateWriter.begin() throws UsageError when the directory is not known outside CI", () => {
  const files = { ...memoryFiles(), realPath: () => undefined };
  const writer = new StateWriter(files, PATH, SEAL, () => {});
  expect(() => writer.begin({ ...BEGINNING, job: null })).toThrow("its directory does not exist");
  expect(files.written).toEqual([]);
});

test("StateWriter.update() says once that the file can no longer be written, and goes on", () => {
  const { files, writer, notices } = begun();
  files.writeFile = () => {
    throw new Error("disk full");
  };
  writer.update({ status: "pending" });
  writer.update({ status: "streaming" });
  expect(notices.map((notice) => notice.kind)).toEqual(["text"]);
});

test("StateWriter.update() keeps only statuses and ids: the service may have sent our token back", () => {
  const { writer, state } = begun();
  for (const status of ["mog_AAAAbbbbCCCCddddEEEEffff", "a b", "x".repeat(65), "\n::set-env"]) {
    writer.update({ runId: RUN_ID, status: "pending", lastEventId: "e-1" });
    writer.update({ status, lastEventId: status });
    expect(state()).toMatchObject({ runId: RUN_ID, status: null, lastEventId: null });
  }
});
