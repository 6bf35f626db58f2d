/**
 * Which scenario plays for a run, and when its steps are due.
 *
 * @module
 */
import type { Scenario } from "./scenario.ts";

/** Facts about a run that the `match` of a scenario can ask for. */
export interface RunFacts {
  /** `owner/name`. */
  repo: string;
  /** Idempotency key. */
  key: string;
  /** Absent for a run of an automation. */
  prompt?: string;
  /** Absent for a run of an automation. */
  harness?: string;
  /** Name of the automation. Absent for any other run. */
  automation?: string;
}

/** Whether every field of a `match` fits. A field that asks for an absent fact does not. */
export function matches({ prompt, repo, key, harness, automation }: Scenario["match"], run: RunFacts): boolean {
  return (prompt === undefined || run.prompt?.includes(prompt) === true) &&
    (repo === undefined || run.repo === repo) &&
    (key === undefined || run.key.includes(key)) &&
    (harness === undefined || run.harness === harness) &&
    (automation === undefined || run.automation?.includes(automation) === true);
}

/** A step at its time. */
export interface Moment<Step> {
  /** Milliseconds since the script began. */
  dueMs: number;
  step: Step;
  /** Number of the repetition, from 1. */
  index: number;
}

/** Times of the steps of a script, in seconds. */
interface Timed {
  after: number;
  repeat?: number;
  every?: number;
}

/**
 * Puts the steps of a script at their times.
 *
 * @param speed All times are divided by it.
 */
export function schedule<Step extends Timed>(steps: readonly Step[], speed: number): Moment<Step>[] {
  const moments: Moment<Step>[] = [];
  let dueMs = 0;
  for (const step of steps) {
    dueMs += step.after * 1_000 / speed;
    for (let index = 1; index <= (step.repeat ?? 1); index++) {
      if (index > 1) dueMs += (step.every ?? 0) * 1_000 / speed;
      moments.push({ dueMs, step, index });
    }
  }
  return moments;
}
