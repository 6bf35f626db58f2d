/**
 * The phases of a run, as far as its events show them.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import type { Phase } from "./run_result.ts";

/** Options of {@linkcode phasesOf}. */
export interface PhasesOptions {
  /** `createdAt` of the run: the start of the first phase. @default the time of the first event */
  createdAt?: string | null | undefined;
  /** When the run ended: its `updatedAt`, once it is terminal. @default the time of the last event that ends a run */
  endedAt?: string | null | undefined;
}

/** What {@linkcode addMilestone} keeps of the events: times in milliseconds since 1970, `NaN` where there is none. */
export interface Milestones {
  /** Time of the first event. */
  readonly firstAt: number;
  /** Beginnings of phases, in the order of the phases, at most one each. */
  readonly begun: readonly { readonly name: string; readonly at: number }[];
  /** Time of the last event that ends a run. */
  readonly endedAt: number;
}

// The service has no code for a refused push, only this sentence. Source: service source, "What `error` contains".
const NOT_DELIVERED = "The agent finished, but";

const ENDS: readonly string[] = ["finished", "failed", "cancelled"];

/** Whether an event of this type is the last one of a run. It does not prove that the run has ended: the status does. */
export function isTerminalType(type: string): boolean {
  return ENDS.includes(type);
}

/** Whether the agent's work was done, and could not be delivered. The event is the only one of its delivery. */
function failsInDelivery({ type, message, payload }: RunEvent): boolean {
  return type === "failed" && [payload.error, message].some((text) => String(text).startsWith(NOT_DELIVERED));
}

/** The phase that begins with an event; `""` when the run ends with it, undefined for any other event. */
export function beginsPhase(event: RunEvent): string | undefined {
  const { type, payload } = event;
  // "External Mogplex run accepted" names the run, "Harness run started" does not.
  if (type === "started" && payload.external_run_id === undefined) return "prepare";
  if (type === "status_changed" && payload.to === "streaming") return "agent";
  // Later revisions send the agent's final message before delivery. The base sends only `git_delivery`, at its end.
  if (type === "log" && (payload.kind === "assistant_final" || payload.stage === "git_delivery")) return "deliver";
  if (failsInDelivery(event)) return "deliver";
  return isTerminalType(type) ? "" : undefined;
}

// In the order in which a run goes through them.
const PHASES: readonly string[] = ["queue", "prepare", "agent", "deliver"];

/**
 * The milestones after one more event.
 *
 * @param milestones Those of the earlier events, which are not changed; undefined before the first event.
 */
export function addMilestone(milestones: Milestones | undefined, event: RunEvent): Milestones {
  const name = beginsPhase(event);
  if (milestones !== undefined && name === undefined) return milestones;
  const at = Date.parse(event.createdAt);
  const { firstAt, begun, endedAt } = milestones ?? { firstAt: at, begun: [], endedAt: NaN };
  const end = isTerminalType(event.type) ? at : endedAt;
  // The agent may say its last words before it fails: no delivery began then.
  const failed = event.type === "failed" && typeof event.payload.exit_code === "number";
  if (name === undefined || name === "") {
    return { firstAt, begun: failed ? begun.filter((phase) => phase.name !== "deliver") : begun, endedAt: end };
  }
  const last = begun.at(-1);
  // A resumed run repeats milestones: they do not begin a phase again.
  const isNext = last === undefined || PHASES.indexOf(name) > PHASES.indexOf(last.name);
  return { firstAt, begun: isNext && !Number.isNaN(at) ? [...begun, { name, at }] : begun, endedAt: end };
}

/**
 * The phases between milestones: `queue` from acceptance to the sandbox, `prepare` to the agent's process, `agent` to its end,
 * `deliver` to the end of the run. A phase whose beginning was not seen is left out; its time counts for the phase before it.
 *
 * @param milestones Undefined when there was no event.
 */
export function phasesOf(milestones: Milestones | undefined, options: PhasesOptions = {}): Phase[] {
  const phases: { name: string; at: number }[] = [];
  const { createdAt, endedAt } = options;
  const queuedAt = createdAt == null ? milestones?.firstAt ?? NaN : Date.parse(createdAt);
  for (const { name, at } of [{ name: "queue", at: queuedAt }, ...milestones?.begun ?? []]) {
    if (!Number.isNaN(at)) phases.push({ name, at: Math.max(at, phases.at(-1)?.at ?? at) });
  }
  let end = Date.parse(endedAt ?? "");
  if (Number.isNaN(end)) end = milestones?.endedAt ?? NaN;
  return phases.map(({ name, at }, index) => {
    const until = phases[index + 1]?.at ?? end;
    return {
      name,
      startedAt: new Date(at).toISOString(),
      durationMs: Number.isNaN(until) ? null : Math.max(0, until - at),
    };
  });
}

/**
 * Derives the phases from all events: {@linkcode addMilestone} for each of them, then {@linkcode phasesOf}.
 *
 * @param events Oldest first; some may be missing.
 */
export function phasesFromEvents(events: readonly RunEvent[], options: PhasesOptions = {}): Phase[] {
  return phasesOf(events.reduce<Milestones | undefined>(addMilestone, undefined), options);
}
