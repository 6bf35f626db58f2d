/** `examples/shell/mogplex-run.sh` in each shell that it names: what depends on the shell. */
import { expect, test } from "bun:test";
import process from "node:process";
import { inShell } from "../../../programs/examples/shell/shell_world.ts";
import { isInstalled, type Shell } from "../../../programs/examples/shell/shells.ts";
import { sessionOf } from "../../../programs/processes/world/runner.ts";
import { CANCEL, LOOK, START, until } from "../../../programs/processes/world/recorder.ts";

const SHELLS: readonly Shell[] = [
  { name: "dash", line: ["dash"] },
  { name: "bash", line: ["bash"] },
  { name: "bash --posix", line: ["bash", "--posix"] },
  { name: "BusyBox", line: ["busybox", "sh"], busybox: true },
  { name: "zsh", line: ["zsh"] },
  { name: "zsh as sh", line: ["zsh", "--emulate", "sh"] },
  { name: "ksh93", line: ["ksh93"] },
  { name: "mksh", line: ["mksh"] },
  { name: "yash", line: ["yash"], env: { LC_ALL: "C.UTF-8" } },
  { name: "posh", line: ["posh"] },
];

const PROMPT = "-n \\0101\\c %s $(id) `id` * '\"\n\tGröße 😀";
const JOB = {
  GITLAB_CI: "true",
  CI_SERVER_URL: "https://gitlab.example",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "1001",
  CI_JOB_NAME: 'fix "all" \\ of: ünïcode 1/2',
  MOGPLEX_PROMPT: PROMPT,
};

/** What every shell says, one run of the script after the other: variables, exit code, and a part of what is said. */
const FACTS: readonly [Record<string, string>, number, string][] = [
  [{ MOGPLEX_API_KEY: "a\\nb" }, 64, "characters that no token has"],
  [{ MOGPLEX_API_KEY: "" }, 64, "is empty"],
  [{ MOGPLEX_TIMEOUT: "x[$(id)]" }, 2, '30m or 1h30m, at most 2592000 seconds: "x[$(id)]"'],
  [JOB, 1, '(exit code 1): 100% \\n \\0101 "[redacted]" ? : :error: :x ?; run '],
  [
    JOB,
    1,
    "mogplex-run: run 00000000-0000-4000-8000-000000000001 of this key had already ended failed: starting afresh with suffix .2",
  ],
];

for (const shell of SHELLS) {
  const inThis = test.skipIf(!isInstalled(shell));
  inThis(
    `mogplex-run.sh refuses, reads, masks, and starts afresh in place of a dead run, in ${shell.name}`,
    () =>
      inShell({ scenario: "agent-failure", shell }, async (stand) => {
        const { token } = stand;
        const error = `100% \\n \\0101 "${token}" \u0007 ::error::x é`;
        stand.intercept = ({ what }) =>
          LOOK.test(what)
            ? Response.json({ ok: true, data: { run: { runId: what.split("/").at(-1), status: "failed", error } } })
            : undefined;
        const facts = [];
        for (const [variables, , words] of FACTS) {
          const { code, stdout, stderr } = await stand.run([], {
            MOGPLEX_PROMPT: "Fix",
            ...variables,
            MOGPLEX_API_KEY: variables.MOGPLEX_API_KEY ?? ` ${token}\r\n`,
          });
          const said = `${stdout}${stderr}`.replace(
            /run [0-9a-f-]{36} of this key/,
            "run 00000000-0000-4000-8000-000000000001 of this key",
          );
          facts.push([variables, code, said.includes(words) ? words : said]);
          // The service has seen the end of its run, too.
          stand.advance(60);
        }
        expect(facts).toEqual(FACTS.map((fact) => [...fact]));
        const [first, , second] = stand.of(START);
        expect(first?.key).toMatch(/^ci1-[0-9a-f]{40}$/);
        expect(second?.key).toBe(`${first?.key}.2`);
        expect((JSON.parse(first?.body ?? "") as { prompt: string }).prompt).toBe(PROMPT);
      }),
  );

  inThis(
    `mogplex-run.sh cancels its run at SIGTERM, in ${shell.name}`,
    () =>
      inShell({ scenario: "stuck-streaming", shell }, async (stand) => {
        stand.hold();
        const running = stand.launch(["Fix the tests"]);
        const pid = running.child.pid as number;
        await until("it has looked", () => stand.of(LOOK).length > 0 && sessionOf(pid).length > 2);
        process.kill(pid, "SIGTERM");
        const end = await running.ended;
        expect({ code: end.code, cancels: stand.of(CANCEL).length }).toEqual({ code: 143, cancels: 1 });
        expect(end.stdout).toContain("; the run is cancelled; run ");
        await until("nothing of the script is alive", () => sessionOf(pid).length === 0);
      }),
  );
}
