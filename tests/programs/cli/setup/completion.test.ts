import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { main } from "../../../../lib/cli/main.ts";
import { fakeIo } from "../../../unit/cli/fake_io.ts";

async function cli(...args: string[]) {
  const io = fakeIo();
  const code = await main(args, io, { program: "mogplex-ci" });
  return { code, stdout: io.text.stdout, stderr: io.text.stderr };
}

test("completion prints a script for each shell, which that shell can read, and refuses others", async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await cli("completion", shell);
    expect(code).toBe(0);
    const check = spawnSync(shell, ["-n"], { input: stdout, encoding: "utf8" });
    // A machine without the shell cannot check it; bash is everywhere.
    if (check.error === undefined || shell === "bash") {
      expect([shell, check.status, check.stderr]).toEqual([shell, 0, ""]);
    }
  }
  expect((await cli("completion", "cmd")).code).toBe(2);
  expect((await cli("completion")).stderr).toContain("the shell must be one of bash, zsh, fish");
});

test("the script for bash completes in bash", async () => {
  const { stdout: script } = await cli("completion", "bash");
  const program = `mogplex-ci() { printf '%s\\n' run runs repos; }\n${script}
COMP_WORDS=(mogplex-ci ru); COMP_CWORD=1; _mogplex_ci; printf '%s,' "\${COMPREPLY[@]}"`;
  expect(spawnSync("bash", ["-c", program], { encoding: "utf8" }).stdout).toBe("run,runs,");
});
