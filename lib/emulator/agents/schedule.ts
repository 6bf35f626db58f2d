import { logNormal } from "../state/chance.ts";
import type { Revision } from "../state/store.ts";
import type { Scenario } from "./scenario.ts";

export interface RunFacts {
  /** `owner/name`. */
  repo: string;
  key: string;
  prompt?: string;
  harness?: string;
  /** `null` for the whole repository. */
  root?: string | null;
  attempt?: number;
  automation?: string;
  revision?: Readonly<Revision>;
}

export class Chooser {
  readonly #scenarios: readonly Scenario[];
  readonly #counts = new Map<Scenario, number>();

  constructor(scenarios: readonly Scenario[]) {
    this.#scenarios = scenarios;
  }

  /** Call this method once for each run, because it counts runs for `every`. */
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

/** Ignores `every`, which {@linkcode Chooser} checks. */
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

function fitsPattern(name: string, pattern: string): boolean {
  const source = pattern.replace(/[\\^$.+()[\]{}|]/g, "\\$&").replace(/\*+/g, ".*").replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(name);
}

export function secondsOf(
  { duration }: Pick<Scenario, "duration">,
  { repo, root, attempt }: RunFacts,
): number | undefined {
  if (duration === undefined || typeof duration === "number") return duration;
  return logNormal(duration, JSON.stringify([repo, root ?? null, attempt ?? 1]));
}

export interface Moment<Step> {
  dueMs: number;
  step: Step;
  index: number;
}

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

/** A longer run extends only the longest pause, because the agent works in that pause. A shorter run shrinks all pauses. */
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
