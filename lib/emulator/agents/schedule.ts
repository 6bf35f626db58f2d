/**
 * Which scenario plays for a run, how long the run takes, and when its steps are due.
 *
 * @module
 */
import { logNormal } from "../state/chance.ts";
import type { Revision } from "../state/store.ts";
import type { Scenario } from "./scenario.ts";

/** Facts about a run that the `match` of a scenario can ask for. */
export interface RunFacts {
  /** `owner/name`. */
  repo: string;
  key: string;
  /** Absent for a run of an automation. */
  prompt?: string;
  /** Absent for a run of an automation. */
  harness?: string;
  /** Directory in the repository; null for all of it. Absent for a run of an automation. */
  root?: string | null;
  /** Number of the run among the runs of its repository and root directory, from 1. Absent for a run of an automation. */
  attempt?: number;
  /** Name of the automation. Absent for any other run. */
  automation?: string;
  revision?: Readonly<Revision>;
}

/** Chooses scenarios for runs, and counts for those that play for every nth run only. */
export class Chooser {
  readonly #scenarios: readonly Scenario[];
  readonly #counts = new Map<Scenario, number>();

  /** @param scenarios The first one that fits a run is chosen. */
  constructor(scenarios: readonly Scenario[]) {
    this.#scenarios = scenarios;
  }

  /** The scenario of a run. Called once for each run. @returns Undefined if none fits. */
  choose(run: RunFacts): Scenario | undefined {
    return this.#scenarios.find((scenario) => matches(scenario.match, run) && this.#isTurn(scenario));
  }

  #isTurn(scenario: Scenario): boolean {
    const { every } = scenario.match;
    if (every === undefined) return true;
    const count = (this.#counts.get(scenario) ?? 0) + 1;
    this.#counts.set(scenario, count);
    return count % every === 0;
  }

  reset(): void {
    this.#counts.clear();
  }
}

/** Whether every field of a `match` but `every` fits. A field that asks for an absent fact does not. */
export function matches(match: Scenario["match"], run: RunFacts): boolean {
  const { prompt, repo, key, harness, automation, attempt } = match;
  return (prompt === undefined || run.prompt?.includes(prompt) === true) &&
    (repo === undefined || listOf(repo).some((pattern) => fitsPattern(run.repo, pattern))) &&
    (key === undefined || run.key.includes(key)) &&
    (harness === undefined || run.harness === harness) &&
    (attempt === undefined || run.attempt !== undefined && listOf(attempt).includes(run.attempt)) &&
    (automation === undefined || run.automation?.includes(automation) === true) &&
    (match.with === undefined || run.revision?.[match.with] === true);
}

const listOf = <T>(value: T | readonly T[]): readonly T[] => Array.isArray(value) ? value : [value as T];

/** Whether a name matches a pattern, where `*` matches any text and `?` one character. */
function fitsPattern(name: string, pattern: string): boolean {
  const source = pattern.replace(/[\\^$.+()[\]{}|]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(name);
}

/** Seconds that a run with this scenario takes; undefined for as long as its steps say. */
export function secondsOf(
  { duration }: Pick<Scenario, "duration">,
  { repo, root, attempt }: RunFacts,
): number | undefined {
  if (duration === undefined || typeof duration === "number") return duration;
  return logNormal(duration, JSON.stringify([repo, root ?? null, attempt ?? 1]));
}

export interface Moment<Step> {
  /** Milliseconds since the script began. */
  dueMs: number;
  step: Step;
  /** Number of the repetition, from 1. */
  index: number;
}

/**
 * Puts the steps of a script at their times, which are in seconds.
 *
 * @param speed All times are divided by it.
 */
export function schedule<Step extends { after: number; repeat?: number; every?: number }>(
  steps: readonly Step[],
  speed: number,
): Moment<Step>[] {
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

/**
 * Moves the steps of a script so that the last one is due after `lengthMs`: the longest pause, which is the agent's work, takes
 * what is missing. A script that is longer already gets shorter in all its parts.
 */
export function stretch<Step>(moments: readonly Moment<Step>[], lengthMs: number): Moment<Step>[] {
  const naturalMs = moments.at(-1)?.dueMs ?? 0;
  if (lengthMs <= naturalMs) {
    const factor = naturalMs === 0 ? 0 : lengthMs / naturalMs;
    return moments.map((moment) => ({ ...moment, dueMs: moment.dueMs * factor }));
  }
  let longest = 0;
  let longestMs = 0;
  for (const [index, { dueMs }] of moments.entries()) {
    const pauseMs = dueMs - (moments[index - 1]?.dueMs ?? 0);
    if (pauseMs > longestMs) [longest, longestMs] = [index, pauseMs];
  }
  const missingMs = lengthMs - naturalMs;
  return moments.map((moment, index) => index < longest ? moment : { ...moment, dueMs: moment.dueMs + missingMs });
}
