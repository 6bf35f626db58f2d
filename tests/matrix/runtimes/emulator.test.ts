/** The emulator as a program on the other runtimes answers as the service was recorded. On Node: tests/programs/conformance. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { FIXTURE, replay, SCENARIOS } from "../../programs/conformance/replayer.ts";
import { startRun, streamsEnd } from "../../programs/emulator/listeners.ts";
import { serve } from "../../programs/emulator/served.ts";
import { RUNTIMES } from "../../programs/package/runtimes.ts";
import { until } from "../../programs/processes/world/recorder.ts";

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
  });

  test(`streams do not keep the emulator from ending, on ${name}`, async () => {
    await streamsEnd(RUNTIMES[name]);
  });

  test(`the emulator removes projects and working copies at SIGTERM, also while commands run, on ${name}`, async () => {
    const { ready, stop } = await serve(RUNTIMES[name], ["--repos", "4", "--harness", "codex=sleep 600"]);
    const { projects } = ready as typeof ready & { projects: string };
    const ids = await Promise.all(ready.repos.map(({ id }) => startRun(ready.url, ready.token, id)));
    const copies = () => readdirSync(tmpdir()).filter((file) => ids.some((id) => file.includes(id)));
    await until("all commands run", () => copies().length === 4);
    expect(await stop()).toBe(0);
    expect([existsSync(projects), copies()]).toEqual([false, []]);
  });
}
