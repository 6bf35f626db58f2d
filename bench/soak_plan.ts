/** Plans the runs of the soak test: their ends, their events, and the outages of the service. The seed determines everything. */
import type { Scenario, ScenarioStep } from "../lib/emulator/agents/scenario.ts";
import { seeded } from "./fleet_world.ts";

/** The base revision supports only polling. Later revisions have streams. */
export type SoakRevision = "base" | "later";

export interface Stretch {
  from: number;
  to: number;
}

export interface SoakPlan {
  scenario: Scenario;
  endless: boolean;
  bursts: readonly Stretch[];
  /** Intervals in which the service restarts. It closes and refuses connections, and keeps its stored data. */
  restarts: readonly Stretch[];
  jumps: readonly { at: number; byMs: number }[];
  random: () => number;
}

/** Several times the duration of the longest run, so that faults alone never use up the timeout. */
export const SOAK_TIMEOUT_MS = 900_000;

interface Script {
  steps: ScenarioStep[];
  add(after: number, step: Partial<ScenarioStep>): void;
  event(after: number, type: "log" | "status_changed" | "finished" | "failed", message: string): void;
}

function script(): Script {
  const steps: ScenarioStep[] = [];
  function add(after: number, step: Partial<ScenarioStep>): void {
    steps.push({ after, repeat: 1, every: 0, ...step });
  }
  return {
    steps,
    add,
    event: (after, type, message) => add(after, { event: { type, message, payload: {}, verbatim: false } }),
  };
}

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
  let roll = random() * 100;
  for (const [end, share] of ENDS) if ((roll -= share) < 0) return end;
  return "success";
}

function work({ add, event }: Script, random: () => number): void {
  event(1, "log", "Synchronized main");
  event(1, "status_changed", "Harness run streaming");
  const many = random() < 0.125;
  const events = many ? 210 + Math.floor(random() * 120) : Math.floor(random() * 30);
  for (let index = 0; index < events; index++) event(many ? random() : random() * 12, "log", `Working ${index}`);
  add(random() * 10, {});
}

export function planSoak(seed: number, revision: SoakRevision): SoakPlan {
  const random = seeded(seed * 104_729 + (revision === "base" ? 1 : 2));
  const between = (from: number, to: number) => from + random() * (to - from);
  const wanted = pickEnd(random);
  const end = revision === "base" && wanted === "awaiting_input" ? "success" : wanted;
  const play = script();
  const { add, event } = play;
  if (end === "boot") add(between(0.5, 12), { fail: "Sandbox launch failed: no image" });
  else if (end === "cancelled") {
    add(between(1, 6), { cancel: true });
    // In the base revision, the service sets the run to `streaming` again, and then fails the run.
    add(between(1, 30), { sandbox: "up" });
  } else if (end !== "pending") {
    add(between(3, 20), { sandbox: "up" });
    work(play, random);
    const failed = end === "failed" || end === "changing" && random() < 0.5;
    const call = failed ? "failed" : "success";
    if (end !== "streaming") event(1, failed ? "failed" : "finished", "Harness run ended");
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
