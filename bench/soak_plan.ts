/** What the runs of the soak are like: their ends, their events, what befalls the service meanwhile. All of it follows from a seed. */
import type { Scenario, ScenarioStep } from "../lib/emulator/agents/scenario.ts";
import { seeded } from "./fleet_world.ts";

/** Which server: the base is polled, later revisions have streams. */
export type SoakRevision = "base" | "later";

/** A stretch of virtual time, in milliseconds since the start of the job. */
export interface Stretch {
  /** Begin. */
  from: number;
  /** End. */
  to: number;
}

/** One run, and the weather around it. */
export interface SoakPlan {
  /** What the agent does. */
  scenario: Scenario;
  /** Whether it never ends by itself. */
  endless: boolean;
  /** Times in which everything is refused with 429. */
  bursts: readonly Stretch[];
  /** Times in which the service restarts: connections are cut and refused, what it has stored is kept. */
  restarts: readonly Stretch[];
  /** Corrections of our wall clock: when, and by how much, in milliseconds. */
  jumps: readonly { at: number; byMs: number }[];
  /** Decides everything that happens to single requests. */
  random: () => number;
}

/** Whole wait of a job, in milliseconds: several times the longest run, so that faults alone never need it. */
export const SOAK_TIMEOUT_MS = 900_000;

interface Script {
  steps: ScenarioStep[];
  /** Adds a step so many seconds after the one before. */
  add(after: number, step: Partial<ScenarioStep>): void;
  /** Adds an event. */
  tell(after: number, type: "log" | "status_changed" | "finished" | "failed", message: string): void;
}

function script(): Script {
  const steps: ScenarioStep[] = [];
  function add(after: number, step: Partial<ScenarioStep>): void {
    steps.push({ after, repeat: 1, every: 0, ...step });
  }
  return {
    steps,
    add,
    tell: (after, type, message) => add(after, { event: { type, message, payload: {}, verbatim: false } }),
  };
}

/** Ends of runs, and how many of 100 have them. */
const ENDS = [
  ["success", 42],
  ["failed", 14],
  ["boot", 8],
  ["cancelled", 6],
  ["awaiting_input", 6],
  ["changing", 14],
  ["pending", 3],
  ["streaming", 4],
  ["finished", 3],
] as const;

function pickEnd(random: () => number): typeof ENDS[number][0] {
  let left = random() * 100;
  for (const [end, share] of ENDS) if ((left -= share) < 0) return end;
  return "success";
}

function work({ add, tell }: Script, random: () => number): void {
  tell(1, "log", "Synchronized main");
  tell(1, "status_changed", "Harness run streaming");
  // One in eight says more than a page holds.
  const many = random() < 0.125;
  const events = many ? 210 + Math.floor(random() * 120) : Math.floor(random() * 30);
  for (let index = 0; index < events; index++) tell(many ? random() : random() * 12, "log", `Working ${index}`);
  add(random() * 10, {});
}

/** Plans one run. */
export function planSoak(seed: number, revision: SoakRevision): SoakPlan {
  const random = seeded(seed * 104_729 + (revision === "base" ? 1 : 2));
  const between = (from: number, to: number) => from + random() * (to - from);
  const wanted = pickEnd(random);
  const end = revision === "base" && wanted === "awaiting_input" ? "success" : wanted;
  const play = script();
  const { add, tell } = play;
  if (end === "boot") add(between(0.5, 12), { fail: "Too many active sandboxes" });
  else if (end === "cancelled") {
    add(between(1, 6), { cancel: true });
    // The base brings it back to life, and fails it.
    add(between(1, 30), { sandbox: "up" });
  } else if (end !== "pending") {
    add(between(3, 20), { sandbox: "up" });
    work(play, random);
    const failed = end === "failed" || end === "changing" && random() < 0.5;
    const call = failed ? "failed" : "success";
    if (end !== "streaming") tell(1, failed ? "failed" : "finished", "Harness run ended");
    if (end !== "streaming" && end !== "finished") {
      add(0.2, { call });
      add(between(0.2, 2), { status: end === "awaiting_input" ? end : call, error: failed ? "Agent run ended" : null });
    }
    if (end === "changing") add(between(0.1, 20), { status: failed ? "success" : "failed", error: null });
  }
  const stretches = (most: number, shortest: number, longest: number) =>
    Array.from({ length: Math.floor(random() * (most + 1)) }, () => {
      const from = between(0, 240_000);
      return { from, to: from + between(shortest, longest) };
    });
  return {
    scenario: { match: {}, speed: 1, steps: play.steps } as Scenario,
    endless: end === "pending" || end === "streaming" || end === "finished",
    bursts: stretches(2, 5_000, 40_000),
    restarts: stretches(1, 2_000, 20_000),
    jumps: stretches(2, 0, 1).map(({ from }) => ({ at: from, byMs: between(-1, 1) * 10 ** between(3, 7) })),
    random: seeded(Math.floor(random() * 2 ** 32)),
  };
}
