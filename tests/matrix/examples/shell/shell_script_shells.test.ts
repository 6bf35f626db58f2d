/** `examples/shell/mogplex-run.sh` in each shell that it names: one tour of everything that depends on the shell. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { sessionOf } from "../../../programs/processes/world/runner.ts";
import { CANCEL, LOOK, START, until } from "../../../programs/processes/world/stage.ts";
import { openStand, type Stand, type StandOptions } from "../../../programs/examples/shell/shell_world.ts";
import { ALL_SHELLS, isInstalled } from "../../../programs/examples/shell/shells.ts";

setDefaultTimeout(60_000);

const JOB = {
  GITLAB_CI: "true",
  CI_SERVER_URL: "https://gitlab.example",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "1001",
  CI_JOB_NAME: 'fix "all" \\ of: ünïcode 1/2',
};

async function inOne(options: StandOptions, body: (stand: Stand) => Promise<void>): Promise<void> {
  const stand = await openStand(options);
  try {
    await body(stand);
  } finally {
    await stand.close();
  }
}

for (const shell of ALL_SHELLS) {
  const inShell = test.skipIf(!isInstalled(shell));
  inShell(
    `mogplex-run.sh ends with the verdict of the run, and attaches to it again, in ${shell.name}`,
    () =>
      inOne({ scenario: "success" }, async (stand) => {
        const prompt = "-n \\0101\\c %s $(id) `id` * '\"\n\tGröße 😀";
        const first = await stand.run(shell, [], { ...JOB, MOGPLEX_PROMPT: prompt });
        expect(first).toEqual({
          code: 0,
          stdout: expect.stringContaining("(exit code 0)"),
          stderr: expect.any(String),
        });
        const again = await stand.run(shell, [], { ...JOB, MOGPLEX_PROMPT: prompt });
        expect(again.stdout).toContain("mogplex-run: matched existing run ");
        expect(stand.of(START).map(({ body }) => (JSON.parse(body) as { prompt: string }).prompt)).toEqual([
          prompt,
          prompt,
        ]);
        expect(stand.of(START)[0]?.key).toMatch(/^ci1-[0-9a-f]{40}$/);
        expect(stand.outputs()).toContain("MOGPLEX_OUTCOME=success\nMOGPLEX_REPLAYED=true\n");
      }),
  );

  inShell(
    `mogplex-run.sh shows the reason of a failed run, and a token from a file to nobody, in ${shell.name}`,
    () =>
      inOne({ scenario: "success" }, async (stand) => {
        writeFileSync(join(stand.cwd, "secret"), `\n ${stand.token} \r\n`);
        delete stand.env.MOGPLEX_API_KEY;
        const error = `100% \\n \\0101 "${stand.token}" \u0007 ::error::x é`;
        stand.intercept = ({ what }) =>
          LOOK.test(what)
            ? Response.json({ ok: true, data: { run: { runId: what.split("/").at(-1), status: "failed", error } } })
            : undefined;
        const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY_FILE: "secret" });
        expect(end.code).toBe(1);
        expect(end.stdout).toContain('(exit code 1): 100% \\n \\0101 "[redacted]" : :error: :x é; run ');
      }),
  );

  inShell(`mogplex-run.sh refuses what it cannot send, in ${shell.name}`, () =>
    inOne({}, async (stand) => {
      const refused: [Record<string, string>, number, string][] = [
        [{ MOGPLEX_API_KEY: "a\\nb" }, 64, "characters that no token has"],
        [{ MOGPLEX_API_KEY: "" }, 64, "is empty"],
        [{ MOGPLEX_REPO_ID: "acme/web" }, 2, 'must be a UUID: "acme/web"'],
        [{ MOGPLEX_HARNESS: "codex claude-code" }, 2, 'must be one of codex claude-code mogplex: "codex claude-code"'],
        [
          { MOGPLEX_TIMEOUT: "x[$(id)]" },
          2,
          'must be a time such as 90 (seconds), 30m or 1h30m, at most 2592000 seconds: "x[$(id)]"',
        ],
        [{ MOGPLEX_BASE_BRANCH: "a..b" }, 2, "is not a branch name"],
      ];
      for (const [variables, code, words] of refused) {
        const end = await stand.run(shell, ["Fix the tests"], variables);
        expect([variables, end.code, end.stderr]).toEqual([variables, code, expect.stringContaining(words)]);
      }
      expect(stand.received).toEqual([]);
    }));

  inShell(
    `mogplex-run.sh cancels its run at SIGTERM, in ${shell.name}`,
    () =>
      inOne({ scenario: "stuck-streaming" }, async (stand) => {
        stand.hold();
        const running = stand.launch(shell, ["Fix the tests"]);
        const pid = running.child.pid as number;
        await until("it has looked", () => stand.of(LOOK).length > 0 && sessionOf(pid).length > 1);
        process.kill(pid, "SIGTERM");
        const end = await running.ended;
        expect({ code: end.code, cancels: stand.of(CANCEL).length }).toEqual({ code: 143, cancels: 1 });
        expect(end.stdout).toContain("; the run is cancelled; run ");
        await until("nothing of the script is alive", () => sessionOf(pid).length === 0);
      }),
  );
}
