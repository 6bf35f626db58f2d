/** `examples/shell/mogplex-run.sh` in each shell that it is tested with: what depends on the shell. */
import { expect, test } from "bun:test";
import process from "node:process";
import { inShell } from "../../../programs/examples/shell/shell_world.ts";
import { isInstalled, type Shell } from "../../../programs/examples/shell/shells.ts";
import { sessionOf } from "../../../programs/processes/world/runner.ts";
import { CANCEL, START, until } from "../../../programs/processes/world/recorder.ts";

const SHELLS: readonly Shell[] = [
  { name: "dash", line: ["dash"] },
  { name: "bash", line: ["bash"] },
  { name: "BusyBox", line: ["busybox", "sh"], busybox: true },
];

const PROMPT = "-n \\0101\\c %s $(id) `id` * '\"\n\tGröße 😀";
const JOB = { MOGPLEX_IDEMPOTENCY_KEY: "", CI_PIPELINE_ID: "1001", CI_JOB_NAME: 'fix "all" \\ of: ünïcode 1/2' };

/** What every shell says: variables, exit code, and a part of what is printed. */
const FACTS: readonly [Record<string, string>, number, string][] = [
  [{ MOGPLEX_API_KEY: "a\\nb" }, 64, "characters that are not allowed in a token"],
  [{ MOGPLEX_TIMEOUT: "x[$(id)]" }, 2, "Cannot use MOGPLEX_TIMEOUT"],
  [{ MOGPLEX_IDEMPOTENCY_KEY: "ü" }, 2, "at most 200 printable ASCII characters"],
  [JOB, 1, "mogplex-run: failed (exit code 1); run "],
];

for (const shell of SHELLS) {
  const inThis = test.skipIf(!isInstalled(shell));
  inThis(
    `mogplex-run.sh refuses, derives its key, and ends with the verdict, in ${shell.name}`,
    () =>
      inShell({ scenario: "agent-failure", shell }, async (stand) => {
        const facts = [];
        for (const [variables, , words] of FACTS) {
          const { code, stdout, stderr } = await stand.run([], { MOGPLEX_PROMPT: PROMPT, ...variables });
          const text = `${stdout}${stderr}`;
          facts.push([variables, code, text.includes(words) ? words : text]);
        }
        expect(facts).toEqual(FACTS.map((fact) => [...fact]));
        const [start] = stand.of(START);
        expect(start?.key).toBe("gitlab%2F%2F1001%2Ffix%20%22all%22%20%5C%20of%3A%20%C3%BCn%C3%AFcode%201%2F2");
        expect(JSON.parse(start?.body ?? "").prompt).toBe(PROMPT);
      }),
  );

  inThis(
    `mogplex-run.sh cancels its run at SIGTERM, in ${shell.name}`,
    () =>
      inShell({ scenario: "stuck-streaming", shell }, async (stand) => {
        stand.hold();
        const running = stand.launch(["Fix the tests"]);
        const pid = running.child.pid as number;
        await running.seen(/: pending\n/);
        await until("it sleeps", () => sessionOf(pid).length > 1);
        process.kill(pid, "SIGTERM");
        const end = await running.ended;
        expect({ code: end.code, cancels: stand.of(CANCEL).length }).toEqual({ code: 143, cancels: 1 });
        expect(end.stdout).toContain("stopped by SIGTERM: the run is cancelled (exit code 143); run ");
        await until("nothing of the script is alive", () => sessionOf(pid).length === 0);
      }),
  );
}
