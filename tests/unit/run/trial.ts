/** Jobs on a client whose answers are written down, for the tests of this folder. */
import type { Platform } from "../../../lib/ci/platform.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { ConflictError, type InterruptSignal } from "../../../lib/errors.ts";
import type { JobEnd } from "../../../lib/run/job.ts";
import type { RunResult } from "../../../lib/run/result.ts";
import { interruptible, type OnInterrupt } from "../../../lib/run/interrupts.ts";
import { attachJob, runJob, type RunOptions } from "./detecting.ts";
import { anEvent, fakeClient, refusal, REQUEST, type Script } from "./fake_client.ts";
import { fakeProcess, memoryFiles } from "./memory_files.ts";

export const PATH = "out/run.json";
export const TOKEN = "mog_AAAAbbbbCCCCddddEEEEffff";
export const finished = anEvent("f", "finished");
export const conflict = refusal(ConflictError, "usage", 409);

/** How a job is tried. */
export interface Trial extends RunOptions {
  onInterrupt?: OnInterrupt;
  terminal?: boolean;
  /** Signal and when it comes. */
  signals?: [at: number, signal: InterruptSignal][];
  attachTo?: string;
  /** The CI system. @default detected from the environment */
  platform?: Platform;
}

/** Plays a script to a job on a virtual clock. */
export async function tried(script: Script, trial: Trial = {}) {
  const { onInterrupt, terminal, signals = [], attachTo, platform, ...options } = trial;
  const clock = virtualClock();
  const client = fakeClient(clock, script);
  const files = memoryFiles();
  const { io, send } = fakeProcess(terminal);
  const all: RunOptions = { client, token: TOKEN, clock, identity: null, ...options };
  const work = interruptible({ io, clock }, async (interrupts): Promise<JobEnd<RunResult>> => {
    const more = { interrupts, onInterrupt, files, statePath: PATH, platform };
    return attachTo === undefined ? await runJob(REQUEST, all, more) : await attachJob(attachTo, all, more);
  });
  for (const [at, signal] of signals) {
    void (async () => {
      await clock.sleep(at - clock.now());
      send(signal);
    })();
  }
  const { result, error } = await work;
  const content = files.files.get(PATH);
  const state = content === undefined ? undefined : JSON.parse(content) as Record<string, unknown>;
  const states = files.written.filter((text) => text !== "").map((text) => JSON.parse(text) as Record<string, unknown>);
  const calls = client.heard.map(({ what }) => what);
  return { result, error, state, states, calls, heard: client.heard, clock };
}
