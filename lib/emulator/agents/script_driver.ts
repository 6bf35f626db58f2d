/**
 * Plays scenarios for runs. Nothing runs in the background: every read of a run first plays the steps that are due. This works
 * the same with a real clock and with a virtual one.
 *
 * @module
 */
import { isTerminal } from "../../api/contract/rules.ts";
import { cancelRun } from "../service/cancel.ts";
import { matches, type Moment, type RunFacts, schedule } from "./schedule.ts";
import { agentBranch, closeCall, failRun, report, reportVerbatim, sandboxUp, setStatus } from "./worker.ts";
import { resumeRun, startCommand } from "./worker.ts";
import { openPull } from "../service/pulls.ts";
import type { RunRow } from "../state/rows.ts";
import type { Scenario, ScenarioEvent, ScenarioStep } from "./scenario.ts";
import { type Driver, QueueError, type World } from "../state/world.ts";

interface Play {
  moments: Moment<ScenarioStep>[];
  next: number;
  startMs: number;
  startMicros: number;
  /** First free stamp, in microseconds since 1970. */
  nextMicros: number;
  booted: boolean;
  /** Whether the script itself ended the run. Later steps still play. */
  closed: boolean;
  /** Time of a cancel while the agent worked. */
  killedMs: number | undefined;
  playing: boolean;
  pullUrl: string | undefined;
}

// The agent reports a kill a little after the cancel.
const KILL_REPORT_DELAY_MS = 1_000;

/** Whether a scenario has a script for runs. One that has only a script for automations has none. */
function scriptsRuns({ automation, steps, refuseQueue }: Scenario): boolean {
  return automation === undefined || steps.length > 0 || refuseQueue !== undefined;
}

/** Options of {@linkcode scriptDriver}. */
export interface ScriptOptions {
  /** The first scenario that fits plays for a run. Without one the run stays as it is. */
  scenarios: readonly Scenario[];
  /** All times are divided by it, and by the scenario's own speed. @default {1} */
  speed?: number | undefined;
}

/** Makes the driver that plays scenarios. */
export function scriptDriver(world: World, { scenarios, speed = 1 }: ScriptOptions): Driver {
  const plays = new Map<string, Play>();
  /** Runs whose script is over. */
  const over = new Set<string>();
  const repoName = (run: RunRow) => world.store.repos.get(run.repo_id)?.full_name ?? "";

  function facts(run: RunRow): RunFacts {
    return { repo: repoName(run), key: run.idempotency_key, prompt: run.prompt, harness: run.harness };
  }

  function pullUrl(run: RunRow, play: Play): string {
    const pull = { repo: repoName(run), prompt: run.prompt, base: run.base_branch, branch: agentBranch(run), diff: "" };
    return play.pullUrl ??= openPull(world, pull);
  }

  /** Replaces `${name}` in every text of a value. */
  function fill<T>(value: T, run: RunRow, play: Play, index: number): T {
    if (Array.isArray(value)) return value.map((item) => fill(item, run, play, index)) as T;
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, nested]) => [key, fill(nested, run, play, index)]),
      ) as T;
    }
    if (typeof value !== "string") return value;
    const names: Record<string, () => string> = {
      runId: () => run.id,
      repo: () => repoName(run),
      harness: () => run.harness,
      base: () => run.base_branch,
      working: () => run.working_branch,
      branch: () => agentBranch(run),
      prompt: () => run.prompt,
      pull: () => pullUrl(run, play),
      n: () => String(index),
    };
    return value.replace(/\$\{(\w+)\}/g, (whole, name: string) => names[name]?.() ?? whole) as T;
  }

  function writeScripted(run: RunRow, play: Play, event: ScenarioEvent, index: number): void {
    const { verbatim, ...filled } = fill(event, run, play, index);
    const { message, toolName, payload, type } = filled;
    (verbatim ? reportVerbatim : report)(world, run, { type, message, toolName, payload });
  }

  /** @returns Whether the script goes on. */
  function apply(run: RunRow, play: Play, { step, index }: Moment<ScenarioStep>): boolean {
    if (step.sandbox !== undefined) {
      const id = step.sandbox === "up" ? `sbx_${run.id.slice(0, 8)}` : step.sandbox.id;
      play.booted = true;
      if (!sandboxUp(world, run, id)) return false;
    }
    if (step.command !== undefined) startCommand(world, run, step.command);
    if (step.event !== undefined) writeScripted(run, play, step.event, index);
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

  /** Writes the agent's last event about a run that was cancelled while it worked. @returns Whether there is no more to write. */
  function reportKill(run: RunRow, play: Play, nowMs: number): boolean {
    if (play.killedMs === undefined) return true;
    if (nowMs < play.killedMs + KILL_REPORT_DELAY_MS) return false;
    const payload = { runtime_command_id: null, install_logs_present: false };
    const event = { type: "cancelled", message: "Harness run cancelled", payload };
    atMoment(play, play.killedMs + KILL_REPORT_DELAY_MS - play.startMs, () => report(world, run, event));
    return true;
  }

  function advance(run: RunRow, play: Play): void {
    const nowMs = world.clock.nowMs();
    const ended = () => isTerminal(run.status) && !play.closed;
    // The worker does not read the row while the sandbox boots. Afterwards a run that was ended from outside is over.
    if (ended() && (play.booted || run.status !== "cancelled")) {
      if (reportKill(run, play, nowMs)) plays.delete(run.id);
      return;
    }
    for (; play.next < play.moments.length; play.next++) {
      const moment = play.moments[play.next];
      if (moment === undefined || play.startMs + moment.dueMs > nowMs) return;
      // A cancelled run has nothing to report until its sandbox is up.
      const skipped = run.status === "cancelled" && !play.booted && !play.closed && moment.step.sandbox === undefined;
      if (skipped) continue;
      if (!atMoment(play, moment.dueMs, () => apply(run, play, moment))) break;
    }
    plays.delete(run.id);
    over.add(run.id);
  }

  return {
    queued(run) {
      const scenario = scenarios.find((each) => scriptsRuns(each) && matches(each.match, facts(run)));
      if (scenario === undefined) return;
      if (scenario.refuseQueue !== undefined) throw new QueueError(scenario.refuseQueue);
      plays.set(run.id, {
        moments: schedule(scenario.steps, scenario.speed * speed),
        next: 0,
        startMs: world.clock.nowMs(),
        startMicros: world.clock.stamp(),
        nextMicros: 0,
        booted: false,
        closed: false,
        killedMs: undefined,
        playing: false,
        pullUrl: undefined,
      });
    },
    catchUp(run) {
      const play = plays.get(run.id);
      // A step that cancels reads the run again.
      if (play === undefined || play.playing) return;
      play.playing = true;
      try {
        advance(run, play);
      } finally {
        play.playing = false;
      }
    },
    due(run) {
      const play = plays.get(run.id);
      if (play === undefined) return undefined;
      if (play.killedMs !== undefined) return play.killedMs + KILL_REPORT_DELAY_MS;
      const moment = play.moments[play.next];
      return moment === undefined ? undefined : play.startMs + moment.dueMs;
    },
    worker: (run) => plays.has(run.id) ? "working" : over.has(run.id) ? "dead" : undefined,
    kill(run) {
      const play = plays.get(run.id);
      if (play !== undefined) play.killedMs = world.clock.nowMs();
    },
    reset() {
      plays.clear();
      over.clear();
    },
    close: () => Promise.resolve(),
  };
}
