import process from "node:process";

/**
 * How many cases a property test tries: all of them in the gate, a tenth otherwise. When one fails, fast-check prints seed and path: write
 * that case down as a separate test.
 *
 * @param full Number of cases in the gate.
 */
export function propertyRuns(full: number): number {
  return (process.env.MOGPLEX_TEST_RUNS ?? "tenth") === "tenth" ? Math.ceil(full / 10) : full;
}

/** Systems for each text of a corpus, beside those that it is meant for. */
const [DAILY, ALL] = [2, 3];

/**
 * The systems that a text of a corpus is tried in: those that it is meant for, and beside them three in the gate and two otherwise, beginning
 * with another one for each text. One is enough for a very long text: it is about sizes, and short texts have the commands of each system. After
 * `npm test`, the gate tries only the system that is left.
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
  const inTurn = (count: number) => {
    const length = Math.min(text.length >= 100_000 ? 1 : count, all.length);
    return Array.from({ length }, (_, offset) => all[(index + offset) % all.length] as T);
  };
  const daily = new Set([...all.filter(isMeant), ...inTurn(DAILY)]);
  if (process.env.MOGPLEX_TEST_RUNS === "rest") return inTurn(ALL).filter((system) => !daily.has(system));
  return process.env.MOGPLEX_TEST_RUNS === "full" ? [...new Set([...daily, ...inTurn(ALL)])] : [...daily];
}
