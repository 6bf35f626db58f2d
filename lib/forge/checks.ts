/**
 * The checks of a commit together, without those that this toolkit has set.
 * @module
 */
import type { ChecksState } from "./model.ts";

/** Our commit status. Statuses of other commands follow after a slash. */
const OWN_CHECK = "mogplex";

/** The status of `gate`. */
export const GATE_CHECK = "mogplex/gate";

export interface Check {
  readonly name: string;
  /** Null if its state is not known. */
  readonly state: Exclude<ChecksState, "none"> | null;
}

/**
 * Whether a check is our own: the status `mogplex`, or one below `mogplex/`, such as the gate's. A job of that name is one as well: GitHub calls
 * it `CALLER / mogplex/gate`, Gitea `WORKFLOW / mogplex/gate (EVENT)`.
 */
export function isOwnCheck(name: string): boolean {
  return name === OWN_CHECK || (name.split(" / ").at(-1) ?? "").startsWith(`${OWN_CHECK}/`);
}

/** The checks that are not our own, together. */
export function checksState(checks: readonly Check[]): ChecksState | null {
  const states = checks.filter(({ name }) => !isOwnCheck(name)).map(({ state }) => state);
  if (states.includes("red")) return "red";
  if (states.includes(null)) return null;
  if (states.includes("pending")) return "pending";
  return states.length === 0 ? "none" : "green";
}
