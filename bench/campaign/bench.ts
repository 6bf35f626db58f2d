import * as crashes from "./crashes.ts";
import * as faults from "./faults.ts";
import * as gitClock from "./git_clock.ts";
import * as large from "./large.ts";
import * as makespan from "./makespan.ts";
import * as rival from "./rival.ts";
import * as twoWorkers from "./two_workers.ts";

/**
 * @param full Whether to use the sizes and seeds of `bench/README.md`, which take more than an hour. Otherwise, the benchmarks take a few minutes.
 */
export async function bench(full: boolean): Promise<{ title: string; rows: Record<string, string | number>[] }[]> {
  return [
    {
      title: makespan.TITLE,
      rows: full ? await makespan.bench() : await makespan.bench([100], ["log-normal"]),
    },
    { title: faults.TITLE, rows: full ? await faults.bench(20) : await faults.bench(2, 30) },
    { title: crashes.TITLE, rows: full ? await crashes.bench() : await crashes.bench(2) },
    { title: twoWorkers.TITLE, rows: await twoWorkers.bench(full ? 20 : 4) },
    ...full ? [{ title: rival.TITLE, rows: (await rival.bench()).map((row) => ({ ...row })) }] : [],
    { title: gitClock.TITLE, rows: await gitClock.bench(full ? 50 : 4) },
    { title: large.TITLE, rows: full ? await large.bench() : await large.bench([100, 1_000]) },
  ];
}
