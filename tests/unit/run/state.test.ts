import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JobIdentity } from "../../../lib/ci/platform.ts";
import { UsageError } from "../../../lib/errors.ts";
import type { Notice } from "../../../lib/notice.ts";
import {
  readState,
  requestHash,
  type RunState,
  type StateFiles,
  stateSeal,
  StateWriter,
} from "../../../lib/run/state.ts";
import { hmacSha256 } from "../../../lib/sha256.ts";
import { BEGIN_MS, JOB, REQUEST, RUN_ID } from "./fake_client.ts";
import { memoryFiles, stateText } from "./memory_files.ts";

const TOKEN = "mog_AAAAbbbbCCCCddddEEEEffff";
const SEAL = await stateSeal(TOKEN);
const PATH = "mogplex-ci/run.json";
const FOLLOWING: RunState = {
  phase: "started",
  idempotencyKey: "k",
  owned: null,
  startedAt: new Date(BEGIN_MS).toISOString(),
  onInterrupt: "detach",
  requestHash: await requestHash(REQUEST),
  asked: null,
  request: null,
  result: null,
  job: JOB,
  folder: null,
  runId: RUN_ID,
  status: "streaming",
  lastEventId: "e7",
  parting: "following",
};
const STARTING: RunState = {
  ...FOLLOWING,
  phase: "starting",
  request: REQUEST,
  runId: null,
  status: null,
  lastEventId: null,
};
const ATTACHED: RunState = { ...FOLLOWING, idempotencyKey: null, requestHash: null, owned: false };
/** A state outside CI. */
const LOCAL: RunState = { ...FOLLOWING, job: null, folder: "/builds/web/mogplex-ci/" };

interface Reading {
  job?: JobIdentity | null;
  execution?: boolean;
  nowMs?: number;
  seal?: typeof SEAL;
  files?: Partial<StateFiles>;
}

function read(content: string | undefined, reading: Reading = {}) {
  const { job = JOB, execution = true, nowMs = BEGIN_MS, seal = SEAL } = reading;
  const notices: Notice[] = [];
  const files = { ...memoryFiles(content === undefined ? {} : { [PATH]: content }), ...reading.files };
  const stored = readState(files, PATH, { job, execution, nowMs, notify: (notice) => notices.push(notice) });
  return { claims: stored?.claims, state: stored?.proven(seal), notices };
}

/** What a file is ignored with. */
function ignored(why: string): Notice[] {
  return [{ kind: "text", message: `state file "${PATH}" is ignored: ${why}` }];
}

const NOT_OURS = ignored("it was not written by a job with this token, or has changed since");
const NO_STATE = ignored("it is not a state file");

type Json = Record<string, unknown>;

/** An object that is written with a proof that fits. */
function sealed(content: Json, seal = SEAL): string {
  return JSON.stringify({ ...content, proof: seal(content) });
}

/** The object of a state file, with and without its proof. */
function parts(state: RunState): { file: Json; content: Json } {
  const file = JSON.parse(stateText(state, SEAL)) as Json;
  const { proof: _, ...content } = file;
  return { file, content };
}

test("readState() reads what StateWriter.update() wrote", () => {
  for (const state of [FOLLOWING, STARTING, ATTACHED]) {
    expect(read(stateText(state, SEAL))).toEqual({ claims: state, state, notices: [] });
  }
  expect(read(stateText(LOCAL, SEAL), { job: null }).state).toEqual(LOCAL);
});

test("StateWriter.update() puts all fields at the top of one object, in a fixed order, the proof last", () => {
  const { file } = parts(STARTING);
  const { parting, ...fields } = STARTING;
  expect(JSON.stringify(file)).toBe(JSON.stringify({ schema: 2, ...fields, left: parting, proof: file.proof }));
});

test("stateSeal() is HMAC-SHA-256 with the token as key over purpose, version and content", () => {
  const sign = (text: string) => hmacSha256(TOKEN, text);
  const { file, content } = parts(FOLLOWING);
  expect(file.proof).toBe(sign(`["mogplex-ci/state/2",${JSON.stringify(content)}]`));
  expect(file.proof).toMatch(/^[0-9a-f]{64}$/);
});

test("readState() returns nothing when there is no file, without a notice", () => {
  expect(read(undefined)).toEqual({ claims: undefined, state: undefined, notices: [] });
});

test("readState() throws UsageError when a required file is absent", () => {
  const options = { job: JOB, execution: false, required: true, nowMs: BEGIN_MS, notify: () => {} };
  expect(() => readState(memoryFiles(), PATH, options)).toThrow(UsageError);
});

test("readState() throws UsageError when the file or its directory cannot be read, and says why", () => {
  function refuse(): never {
    throw new Error("it is not a regular file");
  }
  const why = `Cannot read state file "${PATH}": it is not a regular file`;
  expect(() => read("", { files: { readFile: refuse } })).toThrow(why);
  expect(() => read(stateText(LOCAL, SEAL), { job: null, files: { realPath: refuse } })).toThrow(why);
});

/** Values that take the place of one, each of another kind than it. */
function others(value: unknown): unknown[] {
  const texts = ["", "x", RUN_ID.replace("5", "6"), "detached", "cancelling", "cancel", "started", "0".repeat(64)];
  return [null, true, false, 0, 7, [], {}, ...texts].filter((other) => JSON.stringify(other) !== JSON.stringify(value));
}

/** Every copy of an object in which one value, at any depth, is another one, is absent, or is one of many. */
function* forged(object: Json): Generator<Json> {
  for (const [name, value] of Object.entries(object)) {
    const { [name]: _, ...rest } = object;
    yield rest;
    yield { ...rest, [name]: value };
    for (const other of others(value)) yield { ...object, [name]: other };
    if (typeof value === "string") {
      yield { ...object, [name]: `${value} ` };
      yield { ...object, [name]: value.toUpperCase() };
    }
    if (typeof value !== "object" || value === null) continue;
    for (const inner of forged(value as Json)) yield { ...object, [name]: inner };
  }
  yield { ...object, url: "https://evil.example" };
  yield { ...object, token: "mog_x" };
  yield JSON.parse(JSON.stringify(object).replace("{", '{"__proto__":{},')) as Json;
}

test("readState() ignores a file in which any field was changed, moved, added or removed, and says so", () => {
  for (const state of [FOLLOWING, STARTING, ATTACHED, LOCAL]) {
    const { file } = parts(state);
    // The place of the proof itself does not count.
    const normal = ({ proof, ...content }: Json) => JSON.stringify({ ...content, proof });
    let count = 0;
    for (const forgery of forged(file)) {
      const content = JSON.stringify(forgery);
      if (normal(forgery) === normal(file)) continue;
      count++;
      const { state: found, notices } = read(content, { job: state.job });
      expect(found, content).toBeUndefined();
      expect(notices, content).toHaveLength(1);
    }
    expect(count).toBeGreaterThan(200);
  }
});

test("readState() ignores a file without a proof, or with that of another token, purpose, schema or state", async () => {
  const { content } = parts(FOLLOWING);
  const sign = (text: string) => hmacSha256(TOKEN, text);
  const other = await stateSeal("mog_another0token0of0mine");
  const proofs = [
    undefined,
    null,
    "",
    "0".repeat(64),
    other(content),
    SEAL(parts({ ...FOLLOWING, parting: "cancelling" }).content),
    sign(JSON.stringify(content)),
    sign(JSON.stringify(["mogplex-ci/state/1", content])),
    SEAL(content).toUpperCase(),
    [SEAL(content)],
  ];
  for (const proof of proofs) {
    const { state, notices } = read(JSON.stringify({ ...content, proof }));
    expect(state).toBeUndefined();
    expect(notices).toEqual(NOT_OURS);
  }
  expect(read(stateText(FOLLOWING, SEAL), { seal: other }).notices).toEqual(NOT_OURS);
});

test("readState() ignores a file of an unknown schema, and says so", () => {
  const { left, ...fields } = parts(FOLLOWING).content;
  const old = JSON.stringify({ ...fields, schema: 1, proof: "0".repeat(64), left });
  const why = "it is not a state file";
  expect(read(old)).toEqual({ claims: undefined, state: undefined, notices: ignored(why) });
});

test("readState() ignores a file of another job or execution, and says so", () => {
  const content = stateText(FOLLOWING, SEAL);
  const jobs = [{ ...JOB, pipeline: "1002" }, { ...JOB, job: "other" }, { ...JOB, node: "2" }, {
    ...JOB,
    attempt: "9002",
  }];
  for (const job of [...jobs, null]) {
    const { state, notices } = read(content, { job });
    expect(state).toBeUndefined();
    expect(notices).toEqual(ignored("another job wrote it"));
  }
});

test("readState() takes the file of an earlier attempt of the job for a resumption", () => {
  const { state } = read(stateText(FOLLOWING, SEAL), {
    job: { ...JOB, attempt: "9002", date: null },
    execution: false,
  });
  expect(state).toEqual(FOLLOWING);
});

test("readState() ignores a file from another directory where nothing else tells whose it is", () => {
  const unnamed = { ...JOB, pipeline: null };
  for (const job of [null, unnamed]) {
    const content = stateText({ ...LOCAL, job }, SEAL);
    expect(read(content, { job }).state).toEqual({ ...LOCAL, job });
    const { state, notices } = read(content, { job, files: { realPath: () => "/builds/eve/mogplex-ci" } });
    expect(state).toBeUndefined();
    expect(notices).toEqual(ignored("it was written in another directory"));
  }
});

test("StateWriter.begin() keeps the real path of the file's directory, and none for a job with a name", () => {
  const asked: string[] = [];
  const folderOf = (path: string, job: JobIdentity | null) => {
    const files = memoryFiles();
    const realPath = (path: string) => {
      asked.push(path);
      return "/real";
    };
    new StateWriter({ ...files, realPath }, path, SEAL, () => {}).begin({ ...FOLLOWING, job });
    return JSON.parse(files.files.get(path) ?? "").folder;
  };
  const paths = ["run.json", "a/b/run.json", "/run.json", "/tmp/run.json"];
  expect(paths.map((path) => folderOf(path, null))).toEqual(["/real", "/real", "/real", "/real"]);
  expect(asked).toEqual([".", "a/b/", "/", "/tmp/"]);
  expect(folderOf("run.json", JOB)).toBeNull();
  expect(asked).toHaveLength(4);
});

test("readState() ignores a file that is older than every wait", () => {
  const content = stateText(FOLLOWING, SEAL);
  const day = 86_400_000;
  expect(read(content, { nowMs: BEGIN_MS + 31 * day }).state).toEqual(FOLLOWING);
  const { state, notices } = read(content, { nowMs: BEGIN_MS + 31 * day + 1 });
  expect(state).toBeUndefined();
  expect(notices).toEqual(ignored("it is older than 31 days"));
});

test("readState() ignores damaged files, even with a proof that fits, and says so", () => {
  const { content } = parts(FOLLOWING);
  const starting = parts(STARTING).content;
  const bad = [
    "",
    "{",
    "[]",
    "null",
    "x".repeat(1_000_001),
    sealed({ ...content, schema: 3 }),
    sealed({ ...content, phase: "starting" }),
    sealed({ ...starting, phase: "started" }),
    sealed({ ...content, runId: "../repos?x=1#" }),
    sealed({ ...content, left: "__proto__" }),
    sealed({ ...content, onInterrupt: "kill" }),
    sealed({ ...content, idempotencyKey: "k".repeat(201) }),
    sealed({ ...content, idempotencyKey: 7 }),
    sealed({ ...content, requestHash: null }),
    sealed({ ...starting, idempotencyKey: null, requestHash: null }),
    sealed({ ...content, startedAt: null }),
    sealed({ ...content, startedAt: "soon" }),
  ];
  for (const text of bad) {
    const { state, notices } = read(text);
    expect(state, text).toBeUndefined();
    expect(notices, text).toEqual(NO_STATE);
  }
});

test("readState() drops a request that breaks a rule of the service", () => {
  const request = { repoId: "x", prompt: "y" };
  expect(read(sealed({ ...parts(STARTING).content, request })).state?.request).toBeNull();
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

test("readState() ignores a file that is deeper than a stack holds", () => {
  const deep = "[".repeat(300_000) + "]".repeat(300_000);
  const text = stateText(FOLLOWING, SEAL);
  for (
    const content of [
      deep,
      text.replace('"schema"', `"more": ${deep}, "schema"`),
      text.replace('"server":', `"more": ${deep}, "server":`),
    ]
  ) {
    expect(read(content)).toEqual({ claims: undefined, state: undefined, notices: NO_STATE });
  }
});
