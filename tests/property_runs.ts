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

/**
 * The combinations that a case of a corpus is tried in: all of them in the gate, two of them otherwise, other ones for the next case.
 *
 * @param index Number of the case.
 */
export function combinations<T>(all: readonly T[], index: number): readonly T[] {
  if (process.env.MOGPLEX_TEST_RUNS === "full") return all;
  return [0, 1].flatMap((offset) => all.slice((index + offset) % all.length, (index + offset) % all.length + 1));
}
