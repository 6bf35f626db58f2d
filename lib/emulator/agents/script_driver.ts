/**
 * Plays scenarios. Nothing runs in the background: whenever somebody looks at a run, it is brought to where it should be by
 * then, which works the same with a real clock and with a virtual one.
 *
 * @module
 */
import { isTerminal } from "../../api/contract/rules.ts";
import { cancelRun } from "../service/cancel.ts";
import { agentBranch, closeCall, failRun, report, reportVerbatim, sandboxUp, setStatus } from "./worker.ts";
import { resumeRun, startCommand } from "./worker.ts";
import { openPull } from "../service/pulls.ts";
import type { RunRow } from "../state/rows.ts";
import type { Scenario, ScenarioEvent, ScenarioStep } from "./scenario.ts";
import { type Driver, QueueError, type World } from "../state/world.ts";

interface Moment {
  dueMs: number;
  step: ScenarioStep;
  /** Number of the repetition, from 1. */
  index: number;
}

interface Play {
  moments: Moment[];
  next: number;
  startMs: number;
  startMicros: number;
  /** Nothing happens before it. */
  nextMicros: number;
  booted: boolean;
  /** The script itself ended the run; what follows is an epilogue. */
  closed: boolean;
  /** When somebody cancelled it while the agent worked. */
  killedMs: number | undefined;
  playing: boolean;
  pullUrl: string | undefined;
}

// The agent's side notices a kill a little later than the one who asked for it.
const NOTICE_MS = 1_000;

/** Whether a scenario plays for a run; one that only tells of automations plays for none. */
export function fits({ match, automation, steps, refuseQueue }: Scenario, run: RunRow, repoName: string): boolean {
  if (match.automation !== undefined || automation !== undefined && steps.length === 0 && refuseQueue === undefined) {
    return false;
  }
  return (match.prompt === undefined || run.prompt.includes(match.prompt)) &&
    (match.repo === undefined || match.repo === repoName) &&
    (match.key === undefined || run.idempotency_key.includes(match.key)) &&
    (match.harness === undefined || match.harness === run.harness);
}

function schedule(scenario: Scenario, speed: number): Moment[] {
  const moments: Moment[] = [];
  let dueMs = 0;
  for (const step of scenario.steps) {
    dueMs += step.after * 1_000 / speed;
    for (let index = 1; index <= step.repeat; index++) {
      if (index > 1) dueMs += step.every * 1_000 / speed;
      moments.push({ dueMs, step, index });
    }
  }
  return moments;
}

/** Options of {@linkcode scriptDriver}. */
export interface ScriptOptions {
  /** The first one that fits a run plays for it; a run that none fits stays where it is. */
  scenarios: readonly Scenario[];
  /** All times are divided by it, on top of a scenario's own. @default {1} */
  speed?: number | undefined;
}

/** Makes the driver that plays scenarios. */
export function scriptDriver(world: World, { scenarios, speed = 1 }: ScriptOptions): Driver {
  const plays = new Map<string, Play>();
  const repoName = (run: RunRow) => world.store.repos.get(run.repo_id)?.full_name ?? "";

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

  function tell(run: RunRow, play: Play, event: ScenarioEvent, index: number): void {
    const { verbatim, ...filled } = fill(event, run, play, index);
    const { message, toolName, payload, type } = filled;
    (verbatim ? reportVerbatim : report)(world, run, { type, message, toolName, payload });
  }

  /** @returns Whether the script goes on. */
  function apply(run: RunRow, play: Play, { step, index }: Moment): boolean {
    if (step.sandbox !== undefined) {
      const id = step.sandbox === "up" ? `sbx_${run.id.slice(0, 8)}` : step.sandbox.id;
      play.booted = true;
      if (!sandboxUp(world, run, id)) return false;
    }
    if (step.command !== undefined) startCommand(world, run, step.command);
    if (step.event !== undefined) tell(run, play, step.event, index);
    const error = step.error === undefined ? null : fill(step.error, run, play, index);
    if (step.call !== undefined) closeCall(world, run, step.call, error);
    if (step.status !== undefined) setStatus(world, run, step.status, error);
    if (step.fail !== undefined) failRun(world, run, fill(step.fail, run, play, index));
    if (step.cancel === true) cancelRun(world, run.user_id, run.id);
    if (step.resume === true) resumeRun(world, run);
    play.closed ||= step.status !== undefined || step.fail !== undefined;
    return true;
  }

  /** Does something as of its moment, which may lie a while back. */
  function atMoment<T>(play: Play, dueMs: number, action: () => T): T {
    const micros = Math.max(Math.round(play.startMicros + dueMs * 1_000), play.nextMicros);
    const { result, next } = world.clock.backdate(micros, action);
    play.nextMicros = next;
    return result;
  }

  /** What the agent's side still says about a run that was cancelled while it worked. @returns Whether that is over. */
  function noticeCancel(run: RunRow, play: Play, nowMs: number): boolean {
    if (play.killedMs === undefined) return true;
    if (nowMs < play.killedMs + NOTICE_MS) return false;
    const payload = { runtime_command_id: null, install_logs_present: false };
    const event = { type: "cancelled", message: "Harness run cancelled", payload };
    atMoment(play, play.killedMs + NOTICE_MS - play.startMs, () => report(world, run, event));
    return true;
  }

  function advance(run: RunRow, play: Play): void {
    const nowMs = world.clock.nowMs();
    const ended = () => isTerminal(run.status) && !play.closed;
    // While the sandbox boots nobody looks at the row; once the agent works, a run that somebody else ended is over.
    if (ended() && (play.booted || run.status !== "cancelled")) {
      if (noticeCancel(run, play, nowMs)) plays.delete(run.id);
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
  }

  return {
    queued(run) {
      const scenario = scenarios.find((candidate) => fits(candidate, run, repoName(run)));
      if (scenario === undefined) return;
      if (scenario.refuseQueue !== undefined) throw new QueueError(scenario.refuseQueue);
      plays.set(run.id, {
        moments: schedule(scenario, scenario.speed * speed),
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
      // A step that cancels looks at the run again.
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
      if (play.killedMs !== undefined) return play.killedMs + NOTICE_MS;
      const moment = play.moments[play.next];
      return moment === undefined ? undefined : play.startMs + moment.dueMs;
    },
    kill(run) {
      const play = plays.get(run.id);
      if (play !== undefined) play.killedMs = world.clock.nowMs();
    },
    reset: () => plays.clear(),
    close: () => Promise.resolve(),
  };
}
