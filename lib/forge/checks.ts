import type { ChecksState } from "./model.ts";

const OWN_CHECK = "mogplex";

export const GATE_CHECK = "mogplex/gate";

export interface Check {
  readonly name: string;
  readonly state: Exclude<ChecksState, "none"> | null;
}

/**
 * Whether a check is our own: the status `mogplex`, or a status below `mogplex/`, such as the status of `gate`. Jobs with one of these names are
 * included: GitHub shows them as `CALLER / mogplex/gate`, and Gitea as `WORKFLOW / mogplex/gate (EVENT)`.
 */
export function isOwnCheck(name: string): boolean {
  return name === OWN_CHECK || (name.split(" / ").at(-1) ?? "").startsWith(`${OWN_CHECK}/`);
}

export function checksState(checks: readonly Check[]): ChecksState | null {
  const states = checks.filter(({ name }) => !isOwnCheck(name)).map(({ state }) => state);
  if (states.includes("red")) return "red";
  if (states.includes(null)) return null;
  if (states.includes("pending")) return "pending";
  return states.length === 0 ? "none" : "green";
}
