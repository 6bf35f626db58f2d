import { expect, test } from "bun:test";
import { main } from "../../../lib/cli/main.ts";
import { virtualClock } from "../../../lib/clock.ts";
import { VERSION } from "../../../lib/version.ts";
import { fakeIo, type FakeIoOptions } from "./fake_io.ts";

async function cli(args: string[], options: FakeIoOptions = {}) {
  const io = fakeIo(options);
  const code = await main(args, io);
  return { code, stdout: io.text.stdout, stderr: io.text.stderr };
}

test("main() prints name and version when asked for the version", async () => {
  expect(await cli(["--version"])).toEqual({ code: 0, stdout: `mogplex-ci ${VERSION}\n`, stderr: "" });
});

test("main() ends with 2 and prints the help on stderr when there are no arguments", async () => {
  const { stdout: help } = await cli(["--help"]);
  expect(await cli([])).toEqual({ code: 2, stdout: "", stderr: help });
  expect(help).toStartWith("Usage: ");
});

test("main() names the nearest verb when a verb is unknown", async () => {
  expect(await cli(["folow", "x"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: Cannot run "folow": unknown command; did you mean "follow"?\n`,
  });
});

test("main() names the nearest verb of a group when its second word is unknown", async () => {
  expect(await cli(["runs", "event", "x"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: Cannot run "runs event": unknown command; did you mean "runs events"?\n`,
  });
});

test("main() suggests the list of runs for names that other tools give it", async () => {
  for (const word of ["list", "lst", "ls"]) {
    const { stderr } = await cli(["runs", word]);
    expect(stderr).toBe(`error: Cannot run "runs ${word}": unknown command; did you mean "runs recent"?\n`);
  }
});

test("main() lists the verbs of a group when the second word is missing", async () => {
  expect(await cli(["runs"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: Cannot run "runs": a command is missing; give one of recent, get, events, cancel\n`,
  });
});

test("main() makes an unknown verb inert when it carries a workflow command and a terminal sequence", async () => {
  const { code, stderr } = await cli(["x\n::add-mask::y\x1b[31m"], { env: { GITHUB_ACTIONS: "true" } });
  expect(code).toBe(2);
  expect(stderr).toBe(`error: Cannot run "x\\n::add-mask::y\\u001b[31m": unknown command; see --help\n`);
});

test("main() names follow for other words that attach to a run", async () => {
  for (const word of ["attach", "resume", "watch"]) {
    expect((await cli([word, "5b1f0c1e"])).stderr).toBe(
      `error: Cannot run "${word}": unknown command; did you mean "follow"?\n`,
    );
  }
});

test("main() names the nearest flag when a flag is unknown", async () => {
  expect(await cli(["runs", "events", "x", "--folow"])).toEqual({
    code: 2,
    stdout: "",
    stderr: `error: Cannot parse arguments of runs events: unknown flag "--folow"; did you mean "--follow"?\n`,
  });
});

test("main() chooses the row of run by --follow or --detach, and names them for a flag of that row", async () => {
  expect(await cli(["run", "--repo", "x", "y", "--mode=SAFE"])).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: Cannot run: --mode works only with --follow or --detach\n",
  });
  const { stderr } = await cli(["run", "--follow=yes"]);
  expect(stderr).toStartWith("error: Cannot parse arguments of run --follow: ");
  expect((await cli(["run", "--detach", "--folow"])).stderr).toContain(
    `unknown flag "--folow"; did you mean "--follow"?`,
  );
});

test("main() refuses a second argument when a verb takes one", async () => {
  expect(await cli(["runs", "get", "a", "b"])).toEqual({
    code: 2,
    stdout: "",
    stderr:
      `error: Cannot parse arguments of runs get because there is an unexpected argument: "b"; put text with spaces in quotes\n`,
  });
});

test("main() names the flag that takes no value when an argument follows it", async () => {
  expect(await cli(["respond", "--dry-run", "--text", "@mogplex go", "--pull-request", "5"])).toMatchObject({
    code: 2,
    stderr:
      `error: Cannot parse arguments of respond because there is an unexpected argument: "5"; --pull-request takes no value\n`,
  });
});

test("main() names --text when the comment for a dry run is an argument", async () => {
  const stderr =
    `error: Cannot parse arguments of respond because there is an unexpected argument: "@mogplex fix"; give the text with --text\n`;
  expect(await cli(["respond", "--dry-run", "@mogplex fix"])).toMatchObject({ code: 2, stderr });
  expect(await cli(["respond", "@mogplex fix", "--dry-run"])).toMatchObject({ code: 2, stderr });
  expect((await cli(["respond", "--dry-run", "--text", "@mogplex", "fix"])).stderr).toEndWith(
    `: "fix"; put text with spaces in quotes\n`,
  );
});

test("main() takes --help after -- for an argument", async () => {
  const { code, stdout } = await cli(["runs", "get", "--", "--help"], {});
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
});

test("main() ends with the documented code when --follow is the prompt and not a flag", async () => {
  async function code(...args: string[]) {
    const fetch = () => Promise.reject(new TypeError("no network"));
    const io = fakeIo({ env: { MOGPLEX_API_KEY: "mog_abc" } });
    return await main(["run", "--repo", "8f3a2b1c-1234-4abc-9def-1234567890ab", ...args], io, {
      fetch,
      clock: virtualClock(),
    });
  }
  expect(await code("--", "--follow")).toBe(1);
  expect(await code("--follow", "Fix the flaky tests")).toBe(69);
});

test("main() names a flag that only another form of the verb has, and the words of a choice", async () => {
  expect((await cli(["run", "--folow", "x"])).stderr).toBe(
    `error: Cannot parse arguments of run: unknown flag "--folow"; did you mean "--follow"?\n`,
  );
  expect((await cli(["run", "--follow", "x", "--repo", "acme/web", "--on-timeout", "cancle"])).stderr).toContain(
    `it must be one of detach, cancel: "cancle"; did you mean "cancel"?`,
  );
});

test("help suggests a topic when its name is misspelled", async () => {
  const { code, stderr } = await cli(["help", "exit-code"]);
  expect([code, stderr]).toEqual([2, `error: Cannot run "exit-code": unknown command; did you mean "exit-codes"?\n`]);
});

test("main() suggests the command that a flag without a command belongs to", async () => {
  const advice = async (...args: string[]) => (await cli(args)).stderr.replace(/^.*unknown command; /, "");
  expect(await advice("--folow", "Fix it")).toBe('did you mean "run --follow"?\n');
  expect(await advice("--follow")).toBe('did you mean "run --follow"?\n');
  expect(await advice("--dettach")).toBe('did you mean "run --detach"?\n');
  expect(await advice("--verison")).toBe('did you mean "--version"?\n');
  expect(await advice("--frobnicate")).toBe("see --help\n");
});
