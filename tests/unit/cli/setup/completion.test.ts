import { expect, test } from "bun:test";
import { main } from "../../../../lib/cli/main.ts";
import { flagsOf } from "../../../../lib/cli/verb.ts";
import { VERBS } from "../../../../lib/cli/verbs.ts";
import { fakeIo } from "../fake_io.ts";

async function cli(...args: string[]) {
  const io = fakeIo();
  const code = await main(args, io, { program: "mogplex-ci" });
  return { code, stdout: io.text.stdout, stderr: io.text.stderr };
}

/** The words that can follow what is typed. */
async function after(...given: string[]): Promise<string[]> {
  return (await cli("completion", "words", "--", ...given)).stdout.split("\n").filter((word) => word !== "");
}

test("completion words gives verbs, then the second words of a group, then the flags of the verb", async () => {
  expect(await after()).toEqual(expect.arrayContaining(["run", "campaign", "init", "help", "--version"]));
  expect(await after("runs")).toEqual(expect.arrayContaining(["get", "events", "cancel"]));
  expect(await after("runs", "get")).toEqual(["--json", "--help"]);
  expect(await after("run")).toEqual(expect.arrayContaining(["--follow", "--repo", "--timeout"]));
  expect(await after("run", "--follow")).not.toContain("--follow");
  expect(await after("help")).toContain("exit-codes");
});

test("completion words gives nothing for the value of a flag, and for an unknown verb", async () => {
  expect(await after("run", "--follow", "--prompt-file")).toEqual([]);
  expect(await after("no-such-verb")).toEqual([]);
});

test("completion words reaches every verb and every flag", async () => {
  for (const verb of VERBS) {
    const words = verb.name.replace(/ --.*/, "").split(" ");
    for (const [at, word] of words.entries()) expect(await after(...words.slice(0, at))).toContain(word);
    expect(await after(...words)).toEqual(expect.arrayContaining(flagsOf(verb).map(({ name }) => `--${name}`)));
  }
});

test("completion words prints words for what is typed, flags included", async () => {
  const { code, stdout } = await cli("completion", "words", "--", "runs", "events", "--follow");
  expect([code, stdout]).toEqual([0, "--timeout\n--exit-status\n--json\n--help\n"]);
});
