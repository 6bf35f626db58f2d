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

/** Chooses scenarios for runs. It counts the runs of each scenario that plays only for every nth run. */
export class Chooser {
  readonly #scenarios: readonly Scenario[];
  readonly #counts = new Map<Scenario, number>();

  /** @param scenarios In order of precedence: the first one that matches a run is chosen. */
  constructor(scenarios: readonly Scenario[]) {
    this.#scenarios = scenarios;
  }

  /** Call this once for each run, because it counts the runs. @returns Undefined if no scenario matches. */
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

/** Whether every field of a `match` except `every` matches. A field does not match a fact that is absent. */
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

/** Seconds that a run with this scenario takes; undefined if the steps determine the duration. */
export function secondsOf(
  { duration }: Pick<Scenario, "duration">,
  { repo, root, attempt }: RunFacts,
): number | undefined {
  if (duration === undefined || typeof duration === "number") return duration;
  return logNormal(duration, JSON.stringify([repo, root ?? null, attempt ?? 1]));
}

export interface Moment<Step> {
  /** Milliseconds since the start of the script. */
  dueMs: number;
  step: Step;
  /** Number of the repetition, from 1. */
  index: number;
}

/**
 * Computes when the steps of a script are due. The times in the steps are in seconds.
 *
 * @param speed Divisor of all times.
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
 * Moves the steps of a script so that the last one is due after `lengthMs`. The longest pause, which is the agent's work, absorbs the
 * missing time. In a script that is already longer, all pauses are shortened.
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
