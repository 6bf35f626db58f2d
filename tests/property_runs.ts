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
 * The combinations that a text of a corpus is tried in: all of them in the gate, two of them otherwise, beginning with another one for
 * each text. Of a very long text one is enough in the gate: it is about sizes, the commands of each system stand in short texts.
 *
 * @param index Number of the text in its corpus.
 */
export function combinations<T>(all: readonly T[], index: number, text: string): readonly T[] {
  const count = text.length >= 100_000 ? 1 : process.env.MOGPLEX_TEST_RUNS === "full" ? all.length : 2;
  return Array.from({ length: Math.min(count, all.length) }, (_, offset) => all[(index + offset) % all.length] as T);
}
