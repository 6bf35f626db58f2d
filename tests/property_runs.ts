import process from "node:process";

/**
 * How many cases a property test tries: all of them in the gate, a tenth otherwise. When one fails, fast-check prints seed and path: write
 * that case down as a test of its own.
 *
 * @param full Number of cases in the gate.
 */
export function propertyRuns(full: number): number {
  return process.env.MOGPLEX_TEST_RUNS === "full" ? full : Math.ceil(full / 10);
}
