import process from "node:process";

/**
 * How many cases a property test tries: all of them in the gate, a tenth otherwise. When one fails, fast-check prints seed and path: write
 * that case down as a separate test.
 *
 * @param full Number of cases in the gate.
 */
export function propertyRuns(full: number): number {
  return process.env.MOGPLEX_TEST_RUNS === "full" ? full : Math.ceil(full / 10);
}

/**
 * The systems that a text of a corpus is tried in: those that it is meant for, and beside them three in the gate and two otherwise, beginning
 * with another one for each text. Of a very long text one is enough: it is about sizes, the commands of each system stand in short texts.
 *
 * @param index Number of the text in its corpus.
 * @param nameOf Name of a system, which begins as the names of texts with its commands: `azure_pipelines`, `azure: task log`.
 */
export function combinations<T>(
  all: readonly T[],
  index: number,
  { name, text }: { readonly name: string; readonly text: string },
  nameOf: (system: T) => string,
): readonly T[] {
  const isMeant = (system: T) => nameOf(system).startsWith(name.split(":")[0] ?? "");
  const count = text.length >= 100_000 ? 1 : process.env.MOGPLEX_TEST_RUNS === "full" ? 3 : 2;
  const inTurn = Array.from(
    { length: Math.min(count, all.length) },
    (_, offset) => all[(index + offset) % all.length] as T,
  );
  return [...new Set([...all.filter(isMeant), ...inTurn])];
}
