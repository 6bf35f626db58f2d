import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { wordsAfter } from "../../../../lib/cli/setup/completion.ts";
import { flagsOf } from "../../../../lib/cli/verb.ts";
import { VERBS } from "../../../../lib/cli/verbs.ts";
import { fakeIo } from "../fake_io.ts";

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
