import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { main } from "../../../../lib/cli/main.ts";
import { wordsAfter } from "../../../../lib/cli/setup/completion.ts";
import { flagsOf } from "../../../../lib/cli/verb.ts";
import { VERBS } from "../../../../lib/cli/verbs.ts";
import { fakeIo } from "../../../unit/cli/fake_io.ts";

async function cli(...args: string[]) {
  const io = fakeIo();
  const code = await main(args, io, { program: "mogplex-ci" });
  return { code, stdout: io.text.stdout, stderr: io.text.stderr };
}

const after = (...given: string[]) => wordsAfter(given, VERBS);

test("wordsAfter() gives verbs, then the second words of a group, then the flags of the verb", () => {
  expect(after()).toEqual(expect.arrayContaining(["run", "campaign", "init", "help", "--version"]));
  expect(after("runs")).toEqual(expect.arrayContaining(["get", "events", "cancel"]));
  expect(after("runs", "get")).toEqual(["--json", "--help"]);
  expect(after("run")).toEqual(expect.arrayContaining(["--follow", "--repo", "--timeout"]));
  expect(after("run", "--follow")).not.toContain("--follow");
  expect(after("help")).toContain("exit-codes");
});

test("wordsAfter() gives nothing for the value of a flag, and for what is no verb", () => {
  expect(after("run", "--follow", "--prompt-file")).toEqual([]);
  expect(after("no-such-verb")).toEqual([]);
});

test("wordsAfter() reaches every verb and every flag", () => {
  for (const verb of VERBS) {
    const words = verb.name.replace(/ --.*/, "").split(" ");
    words.forEach((word, at) => expect(after(...words.slice(0, at))).toContain(word));
    for (const { name } of flagsOf(verb)) expect(after(...words)).toContain(`--${name}`);
  }
});

test("completion words prints words for what is typed, flags included", async () => {
  const { code, stdout } = await cli("completion", "words", "--", "runs", "events", "--follow");
  expect([code, stdout]).toEqual([0, "--timeout\n--exit-status\n--json\n--help\n"]);
});

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
