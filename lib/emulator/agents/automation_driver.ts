/**
 * Plays scenarios for automation runs. Each read first plays the due steps of all runs, because the runs of an installation share its slots.
 *
 * @module
 */
import { hasSlot, startWaiting } from "../service/automations.ts";
import type { AutomationRunRow } from "../state/store.ts";
import type { AutomationStep, AutomationStory, Scenario } from "./scenario.ts";
import { matches, type Moment, schedule } from "./schedule.ts";
import type { ScriptOptions } from "./script_driver.ts";
import type { AutomationDriver, Trigger, World } from "../state/world.ts";

interface Play {
  run: AutomationRunRow;
  moments: Moment<AutomationStep>[];
  next: number;
  startMs: number | undefined;
  slotMs: number;
}

const ENDS: readonly string[] = ["success", "failed", "cancelled"];

export function automationDriver(world: World, { scenarios, speed = 1 }: ScriptOptions): AutomationDriver {
  const plays = new Map<string, Play>();
  const suppressed = new Map<Scenario, number>();

  // Scenarios with `every` are left out, because `story()` matches a trigger several times, so a count of matches would be wrong.
  const automationScenarios = scenarios.filter(({ automation, match }) =>
    automation !== undefined && match.every === undefined
  );

  function story(trigger: Trigger): { scenario: Scenario; story: AutomationStory } | undefined {
    const { repo, key, automation } = trigger;
    const facts = { repo: repo.full_name, key, automation: automation.name, revision: world.revision };
    const scenario = automationScenarios.find(({ match }) => matches(match, facts));
    return scenario?.automation === undefined ? undefined : { scenario, story: scenario.automation };
  }

  function play(run: AutomationRunRow, trigger: Trigger, startMs: number | undefined): void {
    const match = story(trigger);
    if (match === undefined) return;
    const factor = match.scenario.speed * speed;
    const slotMs = world.clock.nowMs() + (match.story.slotAfter ?? 0) * 1_000 / factor;
    plays.set(run.id, { run, moments: schedule(match.story.steps, factor), next: 0, startMs, slotMs });
  }

  function apply(run: AutomationRunRow, { status, error = null, wait, resume }: AutomationStep): void {
    const now = world.clock.stamp();
    if (wait) {
      const resume_token = `resume_${crypto.randomUUID()}`;
      run.waits.push({ id: crypto.randomUUID(), status: "waiting", resume_token, created_at: now });
    }
    if (resume) { for (const each of run.waits) each.status = "resumed"; }
    if (status === undefined) return;
    Object.assign(run, { status, error });
    if (!ENDS.includes(status)) return;
    Object.assign(run, { completed_at: now, duration_ms: Math.round((now - (run.started_at ?? now)) / 1_000) });
    if (status === "cancelled") run.cancelled_at = now;
  }

  function due({ run, moments, next, startMs, slotMs }: Play): number | undefined {
    if (startMs === undefined) return hasSlot(world, run) ? slotMs : undefined;
    const moment = moments[next];
    return moment === undefined ? undefined : startMs + moment.dueMs;
  }

  function earliest(nowMs: number): { play: Play; dueMs: number } | undefined {
    let first: { play: Play; dueMs: number } | undefined;
    for (const each of plays.values()) {
      const dueMs = due(each);
      if (dueMs !== undefined && dueMs <= nowMs && (first === undefined || dueMs < first.dueMs)) {
        first = { play: each, dueMs };
      }
    }
    return first;
  }

  function hold(atMs: number): void {
    for (const each of plays.values()) {
      if (each.startMs === undefined && !hasSlot(world, each.run)) each.slotMs = Math.max(each.slotMs, atMs);
    }
  }

  function stampOf({ run, startMs }: Play, dueMs: number): number {
    if (startMs !== undefined && run.started_at !== null) {
      return Math.round(run.started_at + (dueMs - startMs) * 1_000);
    }
    return Math.round((world.clock.wallMs() - world.clock.nowMs() + dueMs) * 1_000);
  }

  function go(each: Play, atMs: number): void {
    if (each.startMs === undefined) {
      each.startMs = atMs;
      if (!startWaiting(world, each.run)) plays.delete(each.run.id);
      return;
    }
    const moment = each.moments[each.next++];
    if (moment !== undefined) apply(each.run, moment.step);
  }

  function forget(): void {
    for (const { run } of plays.values()) if (ENDS.includes(run.status)) plays.delete(run.id);
  }

  return {
    suppresses(trigger) {
      const match = story(trigger);
      if (match?.story.suppress === undefined) return undefined;
      const count = suppressed.get(match.scenario) ?? 0;
      if (count >= (match.story.times ?? Infinity)) return undefined;
      suppressed.set(match.scenario, count + 1);
      return match.story.suppress;
    },
    holds: (trigger) => story(trigger)?.story.slotAfter !== undefined,
    waits: (run, trigger) => play(run, trigger, undefined),
    begins: (run, trigger) => play(run, trigger, world.clock.nowMs()),
    catchUp() {
      const nowMs = world.clock.nowMs();
      forget();
      for (let each = earliest(nowMs); each !== undefined; each = earliest(nowMs)) {
        const { play: one, dueMs } = each;
        hold(dueMs);
        world.clock.backdate(stampOf(one, dueMs), () => go(one, dueMs));
        forget();
      }
      hold(nowMs);
    },
    reset() {
      plays.clear();
      suppressed.clear();
    },
  };
}
