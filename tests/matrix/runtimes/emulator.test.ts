/** The emulator as a program on the other runtimes answers as the service was recorded. On Node: tests/programs/conformance. */
import { expect, test } from "bun:test";
import { FIXTURE, replay, SCENARIOS } from "../../programs/conformance/replayer.ts";
import { serve } from "../../programs/emulator/served.ts";
import { RUNTIMES } from "../../programs/package/runtimes.ts";

for (const name of ["bun", "deno"] as const) {
  test(`the emulator answers as recorded, in all scenarios, and ends with 0 on SIGTERM, on ${name}`, async () => {
    const served = await serve(RUNTIMES[name], ["--control", "--fixture", FIXTURE]);
    const problems: string[] = [];
    for (const scenario of SCENARIOS) {
      const problem = await replay(served.ready.url, scenario);
      if (problem !== undefined) problems.push(problem);
    }
    expect(problems).toEqual([]);
    expect(await served.stop()).toBe(0);
  }, 120_000);
}
