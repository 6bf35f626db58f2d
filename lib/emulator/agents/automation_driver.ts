/**
 * Plays scenarios for runs of automations, as `script_driver.ts` does for runs: whenever somebody looks, everything is brought
 * to where it should be by then.
 *
 * @module
 */
import { hasSlot, startWaiting } from "../service/automation_slots.ts";
import type { JobRow } from "../state/rows.ts";
import type { AutomationStory, JobStep, Scenario } from "./scenario.ts";
import type { ScriptOptions } from "./script_driver.ts";
import type { JobDriver, JobTrigger, World } from "../state/world.ts";

interface Moment {
  /** Milliseconds since the work began. */
  dueMs: number;
  step: JobStep;
}

interface Play {
  job: JobRow;
  moments: Moment[];
  next: number;
  /** When the work began; undefined while the job waits for a slot. */
  startMs: number | undefined;
  /** Before it no slot is taken. */
  slotMs: number;
}

const ENDS: readonly string[] = ["success", "failed", "cancelled"];

/** Whether a scenario plays for the run of a trigger. */
function fits({ match, automation }: Scenario, trigger: JobTrigger): boolean {
  return automation !== undefined && match.prompt === undefined && match.harness === undefined &&
    (match.automation === undefined || trigger.automation.name.includes(match.automation)) &&
    (match.repo === undefined || match.repo === trigger.repo.full_name) &&
    (match.key === undefined || trigger.key.includes(match.key));
}

function schedule({ steps }: AutomationStory, speed: number): Moment[] {
  let dueMs = 0;
  return steps.map((step) => ({ dueMs: dueMs += step.after * 1_000 / speed, step }));
}

/** Makes the driver that plays the parts of scenarios that tell of automations. */
export function jobDriver(world: World, { scenarios, speed = 1 }: ScriptOptions): JobDriver {
  const plays = new Map<string, Play>();
  const suppressed = new Map<Scenario, number>();

  function story(trigger: JobTrigger): { scenario: Scenario; story: AutomationStory } | undefined {
    const scenario = scenarios.find((each) => fits(each, trigger));
    return scenario?.automation === undefined ? undefined : { scenario, story: scenario.automation };
  }

  function play(job: JobRow, trigger: JobTrigger, startMs: number | undefined): void {
    const found = story(trigger);
    if (found === undefined) return;
    const factor = found.scenario.speed * speed;
    const slotMs = world.clock.nowMs() + (found.story.slotAfter ?? 0) * 1_000 / factor;
    plays.set(job.id, { job, moments: schedule(found.story, factor), next: 0, startMs, slotMs });
  }

  function apply(job: JobRow, { status, error = null, wait, resume }: JobStep): void {
    const now = world.clock.stamp();
    if (wait) {
      const resume_token = `resume_${crypto.randomUUID()}`;
      job.waits.push({ id: crypto.randomUUID(), status: "waiting", resume_token, created_at: now });
    }
    if (resume) { for (const each of job.waits) each.status = "resumed"; }
    if (status === undefined) return;
    Object.assign(job, { status, error });
    if (!ENDS.includes(status)) return;
    Object.assign(job, { completed_at: now, duration_ms: Math.round((now - (job.started_at ?? now)) / 1_000) });
    if (status === "cancelled") job.cancelled_at = now;
  }

  /** When something happens next in a play, or undefined when nothing does. */
  function due({ job, moments, next, startMs, slotMs }: Play): number | undefined {
    if (startMs === undefined) return hasSlot(world, job) ? slotMs : undefined;
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

  /** Who finds no slot at a moment can take one no earlier. */
  function hold(atMs: number): void {
    for (const each of plays.values()) {
      if (each.startMs === undefined && !hasSlot(world, each.job)) each.slotMs = Math.max(each.slotMs, atMs);
    }
  }

  /** Microseconds since 1970 of a moment: digits that the start of the work was given stay with it. */
  function stampOf({ job, startMs }: Play, dueMs: number): number {
    if (startMs !== undefined && job.started_at !== null) {
      return Math.round(job.started_at + (dueMs - startMs) * 1_000);
    }
    return Math.round((world.clock.wallMs() - world.clock.nowMs() + dueMs) * 1_000);
  }

  function go(each: Play, atMs: number): void {
    if (each.startMs === undefined) {
      each.startMs = atMs;
      // A job that the queue refuses stays where it is.
      if (!startWaiting(world, each.job)) plays.delete(each.job.id);
      return;
    }
    const moment = each.moments[each.next++];
    if (moment !== undefined) apply(each.job, moment.step);
  }

  /** Forgets what somebody else has ended. */
  function forget(): void {
    for (const { job } of plays.values()) if (ENDS.includes(job.status)) plays.delete(job.id);
  }

  return {
    suppresses(trigger) {
      const found = story(trigger);
      if (found?.story.suppress === undefined) return undefined;
      const count = suppressed.get(found.scenario) ?? 0;
      if (count >= (found.story.times ?? Infinity)) return undefined;
      suppressed.set(found.scenario, count + 1);
      return found.story.suppress;
    },
    holds: (trigger) => story(trigger)?.story.slotAfter !== undefined,
    waits: (job, trigger) => play(job, trigger, undefined),
    begins: (job, trigger) => play(job, trigger, world.clock.nowMs()),
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
