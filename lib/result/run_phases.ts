/**
 * The phases of a run, as far as its events show them.
 *
 * @module
 */
import type { RunEvent } from "../model.ts";
import type { Phase } from "./run_result.ts";

/** Options of {@linkcode phasesFromEvents}. */
export interface PhasesOptions {
  /** `createdAt` of the run: the start of the first phase. @default the time of the first event */
  createdAt?: string | null | undefined;
  /** When the run ended: its `updatedAt`, once it is terminal. @default the time of the last event that ends a run */
  endedAt?: string | null | undefined;
}

/** The phase that begins with an event; `""` when the run ends with it, undefined for any other event. */
export function beginsPhase({ type, payload }: RunEvent): string | undefined {
  // "External Mogplex run accepted" names the run, "Harness run started" does not.
  if (type === "started" && payload.external_run_id === undefined) return "prepare";
  if (type === "status_changed" && payload.to === "streaming") return "agent";
  // Later revisions send the agent's final message before delivery. The base sends only `git_delivery`, at its end.
  if (type === "log" && (payload.kind === "assistant_final" || payload.stage === "git_delivery")) return "deliver";
  return type === "finished" || type === "failed" || type === "cancelled" ? "" : undefined;
}

// In the order in which a run goes through them.
const PHASES: readonly string[] = ["queue", "prepare", "agent", "deliver"];

/**
 * Derives the phases: `queue` from acceptance to the sandbox, `prepare` to the agent's process, `agent` to its end, `deliver`
 * to the end of the run. A phase whose beginning was not seen is left out; its time counts for the phase before it.
 *
 * @param events Oldest first; some may be missing.
 */
export function phasesFromEvents(events: readonly RunEvent[], options: PhasesOptions = {}): Phase[] {
  const phases: { name: string; at: number }[] = [];
  let end = Date.parse(options.endedAt ?? "");
  let lastEnd = NaN;
  function begin(name: string, at: number) {
    const last = phases.at(-1);
    // A resumed run repeats milestones: they do not begin a phase again.
    if (Number.isNaN(at) || (last !== undefined && PHASES.indexOf(name) <= PHASES.indexOf(last.name))) return;
    phases.push({ name, at: Math.max(at, last?.at ?? at) });
  }
  begin("queue", Date.parse(options.createdAt ?? events[0]?.createdAt ?? ""));
  for (const event of events) {
    const name = beginsPhase(event);
    const at = Date.parse(event.createdAt);
    if (name === "") lastEnd = at;
    else if (name !== undefined) begin(name, at);
  }
  if (Number.isNaN(end)) end = lastEnd;
  return phases.map(({ name, at }, index) => {
    const until = phases[index + 1]?.at ?? end;
    return {
      name,
      startedAt: new Date(at).toISOString(),
      durationMs: Number.isNaN(until) ? null : Math.max(0, until - at),
    };
  });
}
