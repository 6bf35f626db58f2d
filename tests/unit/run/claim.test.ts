import { expect, test } from "bun:test";
import { virtualClock } from "../../../lib/clock.ts";
import { claimState } from "../../../lib/run/claim.ts";
import { readState, requestHash, type StateBeginning, stateSeal } from "../../../lib/run/state.ts";
import { REQUEST, RUN_ID } from "./fake_client.ts";
import { memoryFiles } from "./memory_files.ts";

const PATH = "mogplex-ci/run.json";
const LOCK = `${PATH}.lock`;
const TOKEN = "mog_AAAAbbbbCCCCddddEEEEffff";

function folder(given: Record<string, string> = {}) {
  const files = memoryFiles(given);
  const clock = virtualClock();
  const session = { token: TOKEN, clock, notify() {}, signal: undefined };
  const claim = (asked: string, text?: string) => claimState(session, files, PATH, { asked }, text);
  const state = () =>
    readState(files, PATH, { job: null, execution: false, nowMs: clock.wallTime(), notify() {} })?.proven(
      stateSeal(TOKEN),
    );
  const begin = (key: string): StateBeginning => ({
    ...{ idempotencyKey: key, owned: true, startedAt: new Date(clock.wallTime()).toISOString(), onInterrupt: "auto" },
    ...{ requestHash: requestHash(REQUEST), asked: null, request: REQUEST, result: null, job: null, runId: null },
  });
  return { files, clock, claim, state, begin };
}

test("claimState() gives a folder to one of two starts that have found it free, and shows its key to the other one", async () => {
  const { files, claim, state } = folder();
  const [first, second] = await Promise.all([claim("same"), claim("same")]);
  expect(second).toBeUndefined();
  expect(state()).toMatchObject({ phase: "starting", idempotencyKey: first?.key, asked: "same", requestHash: "" });
  expect([...files.files.keys()]).toEqual([PATH]);
});

test("claimState() does not replace a state that has changed since it was read", async () => {
  const { files, claim } = folder({ [PATH]: "new" });
  expect(await claim("a", "old")).toBeUndefined();
  expect(files.files.get(PATH)).toBe("new");
});

test("claimState() takes over the lock of a process that was killed", async () => {
  const { files, claim } = folder({ [LOCK]: "of a dead process" });
  expect(await claim("a")).toBeDefined();
  expect([...files.files.keys()]).toEqual([PATH]);
});

test("claimState() waits while other processes hold the lock in turn", async () => {
  const { files, clock, claim } = folder({ [LOCK]: "0" });
  let held = 0;
  files.createFile = (path, text) => {
    if (held++ < 500) files.files.set(path, String(held));
    else files.files.set(path, text);
    return held > 500;
  };
  const before = clock.now();
  expect(await claim("a")).toBeDefined();
  expect(clock.now() - before).toBeGreaterThan(2_000);
});

test("StateWriter.release() gives a claimed folder back as it was, unless a start was begun", async () => {
  const unused = folder();
  (await unused.claim("a"))?.writer.release();
  expect([...unused.files.files.keys()]).toEqual([]);

  const { files, claim, begin, state } = folder();
  const first = await claim("a");
  first?.writer.begin(begin(first.key));
  first?.writer.update({ runId: RUN_ID });
  const text = files.files.get(PATH);
  const second = await claim("b", text);
  expect(state()).toMatchObject({ asked: "b", runId: null });
  second?.writer.release();
  expect(state()?.runId).toBe(RUN_ID);

  const third = await claim("c", files.files.get(PATH));
  third?.writer.begin(begin(third.key));
  third?.writer.release();
  expect(state()).toMatchObject({ phase: "starting", idempotencyKey: third?.key });
  third?.writer.update({ parting: "ended" });
  expect(state()?.runId).toBe(RUN_ID);
});

test("claimState() shows a followed run to a start that has found the folder free", async () => {
  const { files, clock, claim, state } = folder();
  const session = { token: TOKEN, clock, notify() {}, signal: undefined };
  expect(await claimState(session, files, PATH, { runId: RUN_ID }, undefined)).toBeDefined();
  expect(await claim("a")).toBeUndefined();
  expect(state()).toMatchObject({
    phase: "started",
    runId: RUN_ID,
    owned: false,
    idempotencyKey: null,
    parting: "following",
  });
});
