/**
 * Plays scenarios for runs. Nothing runs in the background: every read first plays the steps of all runs that are due, in the order
 * of their times. This works the same with a real clock and with a virtual one.
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
  /** The first scenario that fits a run plays. Without one the run stays as it is. */
  scenarios: readonly Scenario[];
  /** All times are divided by it, and by the scenario's own speed. @default {1} */
  speed?: number | undefined;
  /** Milliseconds that a run takes, whatever its scenario and the speed say; undefined for as long as these say. */
  runDuration?: ((run: RunFacts) => number | undefined) | undefined;
  /** Whether the repository of a run has a branch, apart from those that scripted runs have pushed. @default a repository without branches */
  hasBranch?: ((run: RunRow, branch: string) => boolean) | undefined;
  /** Takes a fault that a step brings. @default discarded */
  onFault?: ((fault: Fault) => void) | undefined;
  /** Takes the id of a run that no scenario fits. @default discarded */
  onUnfit?: ((runId: string) => void) | undefined;
  onPlay?: ((run: RunRow) => void) | undefined;
}

interface Play {
  run: RunRow;
  moments: Moment<ScenarioStep>[];
  next: number;
  startMs: number;
  startMicros: number;
  /** First free stamp, in microseconds since 1970. */
  nextMicros: number;
  /** Time of the step that it entered into the timeline last. */
  enteredMs: number | undefined;
  booted: boolean;
  /** Whether the script itself ended the run. Later steps still play. */
  closed: boolean;
  /** Time of a cancel while the agent worked. */
  killedMs: number | undefined;
  pullUrl: string | undefined;
  /** Where the agent works, and whether it made the branch; undefined until a text names it. */
  branch: { name: string; created: boolean } | undefined;
}

// The agent reports a kill a little after the cancel.
const KILL_REPORT_DELAY_MS = 1_000;

function resultFile({ json, text, link, size, submodule }: ScenarioResult): StoredFile {
  if (submodule === true) return storedFile("", "160000");
  if (link !== undefined) return storedFile(link, "120000");
  if (size !== undefined) return storedFile("", "100644", size);
  return storedFile(text ?? `${JSON.stringify(json, null, 2)}\n`);
}

/** The change of every scripted run: a new file of two lines. */
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
  /** Number of runs so far, by repository and root directory. */
  const attempts = new Map<string, number>();
  /** Time of the step that plays; undefined while none does. */
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

  /** Commits the file that the prompt asks for. A prompt that asks for none gets none. */
  function commitResult(run: RunRow, play: Play, result: ScenarioResult): void {
    const path = result.path ?? resultPathIn(run.prompt);
    if (path !== undefined) commit(run, branchOf(run, play).name, { [path]: resultFile(result) });
  }

  /** Replaces `${name}` in every text of a value, and `$${name}` by `${name}`. */
  function fill<T>(value: T, run: RunRow, play: Play, index: number): T {
    if (Array.isArray(value)) return value.map((item) => fill(item, run, play, index)) as T;
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, nested]) => [key, fill(nested, run, play, index)]),
      ) as T;
    }
    if (typeof value !== "string") return value;
    // The service has a boolean there.
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

  /** @returns Whether the script continues. */
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
    play.closed ||= step.status !== undefined || step.fail !== undefined;
    return true;
  }

  /** Runs `action` as of its moment in the script, which may have passed. */
  function atMoment<T>(play: Play, dueMs: number, action: () => T): T {
    const micros = Math.max(Math.round(play.startMicros + dueMs * 1_000), play.nextMicros);
    const { result, next } = world.clock.backdate(micros, action);
    play.nextMicros = next;
    return result;
  }

  /** Whether a run was ended from outside. The worker does not read the row while the sandbox boots. */
  function isCut({ run, booted, closed }: Play): boolean {
    return isTerminal(run.status) && !closed && (booted || run.status !== "cancelled");
  }

  /** Ends a play that was cut. The agent's last event, if the cancel killed it, comes a little later. */
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

  /** Plays the steps of a run that are due at a moment, and enters the next one into the timeline. */
  function advance(play: Play, atMs: number): void {
    const { run, moments } = play;
    if (isCut(play)) return cut(play, atMs);
    for (; play.next < moments.length; play.next++) {
      const moment = moments[play.next];
      if (moment === undefined || play.startMs + moment.dueMs > atMs) return enter(play);
      // A cancelled run has nothing to report until its sandbox is up.
      const skipped = run.status === "cancelled" && !play.booted && !play.closed && moment.step.sandbox === undefined;
      if (skipped) continue;
      if (!atMoment(play, moment.dueMs, () => apply(run, play, moment))) break;
    }
    plays.delete(run.id);
    over.add(run.id);
  }

  /** Time of the next step of a play; undefined after the last one. */
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
      // No worker ever takes a run without steps.
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
      // A step that cancels reads the run again.
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
            // A step that failed is tried again at the next read.
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

/** Whether a scenario has a script for runs. One that has only a script for automations has none. */
function scriptsRuns({ automation, steps, refuseQueue }: Scenario): boolean {
  return automation === undefined || steps.length > 0 || refuseQueue !== undefined;
}
