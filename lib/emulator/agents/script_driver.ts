/**
 * Plays scenarios for runs. There is no background work: each read first plays the due steps of all runs in chronological order. The same code
 * therefore works with a real clock and with a virtual clock.
 *
 * @module
 */
import { isTerminal } from "../../service/contract.ts";
import { cancelRun } from "../service/runs.ts";
import { Chooser, type Moment, type RunFacts, schedule, secondsOf, stretch } from "./schedule.ts";
import {
  agentBranch,
  closeCall,
  failRun,
  report,
  reportVerbatim,
  resultPathIn,
  resumeRun,
  sandboxUp,
  setStatus,
  startCommand,
} from "../service/worker.ts";
import { openPull } from "../service/listings.ts";
import { claimSandbox } from "../service/sandboxes.ts";
import type { RunRow } from "../state/store.ts";
import type { PLACEHOLDERS, Scenario, ScenarioEvent, ScenarioResult, ScenarioStep } from "./scenario.ts";
import { type StoredFile, storedFile } from "../state/contents.ts";
import type { Fault } from "../state/faults.ts";
import { Timeline } from "../state/timeline.ts";
import { type Driver, QueueError, scriptedContents, type World } from "../state/world.ts";

export interface ScriptOptions {
  scenarios: readonly Scenario[];
  speed?: number | undefined;
  runDuration?: ((run: RunFacts) => number | undefined) | undefined;
  hasBranch?: ((run: RunRow, branch: string) => boolean) | undefined;
  onFault?: ((fault: Fault) => void) | undefined;
  onUnfit?: ((runId: string) => void) | undefined;
  onPlay?: ((run: RunRow) => void) | undefined;
}

interface Play {
  run: RunRow;
  moments: Moment<ScenarioStep>[];
  next: number;
  startMs: number;
  startMicros: number;
  /** Earliest timestamp of the next step, in microseconds since 1970, so that the timestamps of a run stay in order. */
  nextMicros: number;
  enteredMs: number | undefined;
  booted: boolean;
  /** Whether a step has set a final status. Later steps still play. */
  closed: boolean;
  killedMs: number | undefined;
  pullUrl: string | undefined;
  branch: { name: string; created: boolean } | undefined;
}

const KILL_REPORT_DELAY_MS = 1_000;

function resultFile({ json, text, link, size, submodule }: ScenarioResult): StoredFile {
  if (submodule === true) return storedFile("", "160000");
  if (link !== undefined) return storedFile(link, "120000");
  if (size !== undefined) return storedFile("", "100644", size);
  return storedFile(text ?? `${JSON.stringify(json, null, 2)}\n`);
}

function scriptedDiff(prompt: string): string {
  return `diff --git a/mogplex.txt b/mogplex.txt
new file mode 100644
--- /dev/null
+++ b/mogplex.txt
@@ -0,0 +1,2 @@
+A scripted run of the emulator wrote this file. Its task:
+${prompt.split("\n")[0]?.slice(0, 200)}
`;
}

export function scriptDriver(
  world: World,
  { scenarios, speed = 1, runDuration, hasBranch = () => false, onFault, onUnfit, onPlay }: ScriptOptions,
): Driver {
  const plays = new Map<string, Play>();
  const timeline = new Timeline<Play>();
  const over = new Set<string>();
  const chooser = new Chooser(scenarios.filter(scriptsRuns));
  const attempts = new Map<string, number>();
  let playingMs: number | undefined;
  const repoName = (run: RunRow) => world.store.repos.get(run.repo_id)?.full_name ?? "";

  function facts(run: RunRow): RunFacts {
    const { idempotency_key: key, prompt, harness, root_directory: root } = run;
    const place = JSON.stringify([run.repo_id, root]);
    const attempt = (attempts.get(place) ?? 0) + 1;
    attempts.set(place, attempt);
    return { repo: repoName(run), key, prompt, harness, root, attempt, revision: world.revision };
  }

  function branchOf(run: RunRow, play: Play): { name: string; created: boolean } {
    const isPushed = (name: string) => world.pulls.get(repoName(run))?.some(({ branch }) => branch === name) === true;
    const exists = (name: string) => isPushed(name) || hasBranch(run, name);
    if (play.branch !== undefined) return play.branch;
    const name = agentBranch(run, exists);
    return play.branch = { name, created: !exists(name) };
  }

  function pullUrl(run: RunRow, play: Play): string {
    const { prompt, base_branch: base } = run;
    const branch = branchOf(run, play).name;
    const pull = { repo: repoName(run), prompt, base, branch, diff: scriptedDiff(prompt) };
    if (play.pullUrl === undefined) commit(run, branch, { "mogplex.txt": storedFile(prompt) });
    return play.pullUrl ??= openPull(world, pull);
  }

  function commit(run: RunRow, branch: string, files: Readonly<Record<string, StoredFile>>): void {
    const repo = world.store.repos.get(run.repo_id);
    if (repo !== undefined) scriptedContents(world, repo).commit(branch, run.base_branch, files);
  }

  function deleteBranch(run: RunRow, play: Play): void {
    const repo = world.store.repos.get(run.repo_id);
    if (repo !== undefined) scriptedContents(world, repo).deleteBranch(branchOf(run, play).name);
  }

  function commitResult(run: RunRow, play: Play, result: ScenarioResult): void {
    const path = result.path ?? resultPathIn(run.prompt);
    if (path !== undefined) commit(run, branchOf(run, play).name, { [path]: resultFile(result) });
  }

  function fill<T>(value: T, run: RunRow, play: Play, index: number): T {
    if (Array.isArray(value)) return value.map((item) => fill(item, run, play, index)) as T;
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, nested]) => [key, fill(nested, run, play, index)]),
      ) as T;
    }
    if (typeof value !== "string") return value;
    if (value === "${created}") return branchOf(run, play).created as T;
    const names: Record<typeof PLACEHOLDERS[number], () => string> = {
      runId: () => run.id,
      repo: () => repoName(run),
      harness: () => run.harness,
      base: () => run.base_branch,
      working: () => run.working_branch,
      branch: () => branchOf(run, play).name,
      created: () => String(branchOf(run, play).created),
      prompt: () => run.prompt,
      pull: () => pullUrl(run, play),
      n: () => String(index),
    };
    return value.replace(
      /\$(\$\{[^}]*\})|\$\{(\w+)\}/g,
      (whole, literal: string | undefined, name: keyof typeof names) => literal ?? names[name]?.() ?? whole,
    ) as T;
  }

  function writeScripted(run: RunRow, play: Play, event: ScenarioEvent, index: number): void {
    const { verbatim, ...filled } = fill(event, run, play, index);
    const { message, toolName, payload, type } = filled;
    (verbatim ? reportVerbatim : report)(world, run, { type, message, toolName, payload });
  }

  function apply(run: RunRow, play: Play, { step, index }: Moment<ScenarioStep>): boolean {
    if (step.sandbox !== undefined) {
      const id = step.sandbox === "up" ? `sbx_${run.id.slice(0, 8)}` : step.sandbox.id;
      play.booted = true;
      if (!sandboxUp(world, run, id)) return false;
    }
    if (step.command !== undefined) startCommand(world, run, fill(step.command, run, play, index));
    if (step.result !== undefined) commitResult(run, play, fill(step.result, run, play, index));
    if (step.fault !== undefined) {
      const fault = fill(step.fault, run, play, index);
      onFault?.(fault.route === undefined ? { ...fault, runId: run.id } : fault);
    }
    if (step.event !== undefined) writeScripted(run, play, step.event, index);
    if (step.deleteBranch === true) deleteBranch(run, play);
    const error = step.error === undefined ? null : fill(step.error, run, play, index);
    if (step.call !== undefined) closeCall(world, run, step.call, error);
    if (step.status !== undefined) setStatus(world, run, step.status, error);
    if (step.fail !== undefined) failRun(world, run, fill(step.fail, run, play, index));
    if (step.cancel === true) cancelRun(world, run.user_id, run.id);
    if (step.resume === true) resumeRun(world, run);
    play.closed ||= (step.status !== undefined || step.fail !== undefined) && isTerminal(run.status);
    return true;
  }

  /** A read can play a step late, so `action` runs with the scheduled time of the step. */
  function atMoment<T>(play: Play, dueMs: number, action: () => T): T {
    const micros = Math.max(Math.round(play.startMicros + dueMs * 1_000), play.nextMicros);
    const { result, next } = world.clock.backdate(micros, action);
    play.nextMicros = next;
    return result;
  }

  /**
   * Cancelling a run while its sandbox boots does not stop the script, because the worker does not read the status of the run until the sandbox is
   * running.
   */
  function isCut({ run, booted, closed }: Play): boolean {
    return isTerminal(run.status) && !closed && (booted || run.status !== "cancelled");
  }

  function cut(play: Play, atMs: number): void {
    if (play.killedMs !== undefined) {
      const reportMs = play.killedMs + KILL_REPORT_DELAY_MS;
      if (atMs < reportMs) return;
      const payload = { runtime_command_id: null, install_logs_present: false };
      const event = { type: "cancelled", message: "Harness run cancelled", payload };
      atMoment(play, reportMs - play.startMs, () => report(world, play.run, event));
    }
    plays.delete(play.run.id);
  }

  function advance(play: Play, atMs: number): void {
    const { run, moments } = play;
    if (isCut(play)) return cut(play, atMs);
    for (; play.next < moments.length; play.next++) {
      const moment = moments[play.next];
      if (moment === undefined || play.startMs + moment.dueMs > atMs) return enter(play);
      const skipped = run.status === "cancelled" && !play.booted && !play.closed && moment.step.sandbox === undefined;
      if (skipped) continue;
      if (!atMoment(play, moment.dueMs, () => apply(run, play, moment))) break;
    }
    plays.delete(run.id);
    over.add(run.id);
  }

  function nextMs({ moments, next, startMs }: Play): number | undefined {
    const moment = moments[next];
    return moment === undefined ? undefined : startMs + moment.dueMs;
  }

  function enter(play: Play): void {
    const atMs = nextMs(play);
    if (atMs !== undefined && atMs > (play.enteredMs ?? -1)) timeline.add(atMs, play);
    play.enteredMs = atMs;
  }

  function momentsOf(scenario: Scenario, run: RunFacts): Moment<ScenarioStep>[] {
    const factor = scenario.speed * speed;
    const moments = schedule(scenario.steps, factor);
    const seconds = secondsOf(scenario, run);
    const lengthMs = runDuration?.(run) ?? (seconds === undefined ? undefined : seconds * 1_000 / factor);
    return lengthMs === undefined ? moments : stretch(moments, lengthMs);
  }

  return {
    queued(run) {
      const runFacts = facts(run);
      const scenario = chooser.choose(runFacts);
      if (scenario === undefined) return onUnfit?.(run.id);
      if (scenario.refuseQueue !== undefined) throw new QueueError(scenario.refuseQueue);
      const moments = momentsOf(scenario, runFacts);
      // A scenario without steps simulates a run that no worker starts.
      if (moments.length === 0) return;
      onPlay?.(run);
      const play: Play = {
        run,
        moments,
        next: 0,
        startMs: world.clock.nowMs(),
        startMicros: world.clock.stamp(),
        nextMicros: 0,
        enteredMs: undefined,
        booted: false,
        closed: false,
        killedMs: undefined,
        pullUrl: undefined,
        branch: undefined,
      };
      if (scenario.steps.some(({ sandbox }) => sandbox !== undefined)) claimSandbox(world, run);
      plays.set(run.id, play);
      enter(play);
    },
    catchUp() {
      // A step that cancels its run also reads the run, and reading calls this function again.
      if (playingMs !== undefined) return;
      const nowMs = world.clock.nowMs();
      try {
        for (let due = timeline.take(nowMs); due !== undefined; due = timeline.take(nowMs)) {
          const { at, item: play } = due;
          if (plays.get(play.run.id) !== play) continue;
          playingMs = at;
          try {
            advance(play, at);
          } catch (error) {
            timeline.add(at, play);
            throw error;
          }
        }
      } finally {
        playingMs = undefined;
      }
    },
    due(run) {
      const play = plays.get(run.id);
      if (play === undefined) return undefined;
      if (!isCut(play)) return nextMs(play);
      return play.killedMs === undefined ? undefined : play.killedMs + KILL_REPORT_DELAY_MS;
    },
    worker: (run) => plays.has(run.id) ? "working" : over.has(run.id) ? "dead" : undefined,
    kill(run) {
      const play = plays.get(run.id);
      if (play === undefined) return;
      play.killedMs = playingMs ?? world.clock.nowMs();
      timeline.add(play.killedMs + KILL_REPORT_DELAY_MS, play);
    },
    reset() {
      plays.clear();
      timeline.clear();
      over.clear();
      attempts.clear();
      chooser.reset();
    },
    close: () => Promise.resolve(),
  };
}

/** A scenario that contains only an automation script does not apply to runs. */
function scriptsRuns({ automation, steps, refuseQueue }: Scenario): boolean {
  return automation === undefined || steps.length > 0 || refuseQueue !== undefined;
}
