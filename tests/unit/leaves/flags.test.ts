import { expect, test } from "bun:test";
import { UsageError } from "../../../lib/errors.ts";
import { type Flag, parseFlags } from "../../../lib/flags.ts";
import { nearest } from "../../../lib/nearest.ts";

const FLAGS: Flag[] = [
  { name: "repo", value: "ID", help: "" },
  { name: "report", value: "FORMAT", multiple: true, help: "" },
  { name: "json", help: "" },
  { name: "create-branch", help: "" },
];

async function message(args: string[]): Promise<string> {
  try {
    await parseFlags("run", args, FLAGS);
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error("Expected a refusal");
}

test("parseFlags() tells values, switches, repeated flags and positionals apart", async () => {
  const flags = await parseFlags(
    "run",
    ["fix it", "--repo=a", "--report", "json", "--report=markdown=x", "--json"],
    FLAGS,
  );
  expect(flags.positionals).toEqual(["fix it"]);
  expect([flags.get("repo"), flags.all("report"), flags.has("json"), flags.has("create-branch")]).toEqual([
    "a",
    ["json", "markdown=x"],
    true,
    false,
  ]);
  expect((await parseFlags("run", [], FLAGS)).get("repo")).toBeUndefined();
});

test("parseFlags() takes the last value of a flag that is given twice", async () => {
  expect((await parseFlags("run", ["--repo=a", "--repo=b"], FLAGS)).get("repo")).toBe("b");
});

test("parseFlags() takes everything after -- as positional", async () => {
  expect((await parseFlags("run", ["--", "--repo", "-x"], FLAGS)).positionals).toEqual(["--repo", "-x"]);
});

test("parseFlags() names the nearest flag for an unknown one", async () => {
  expect(await message(["--rebo", "x"])).toBe(
    `Cannot parse arguments of run: unknown flag "--rebo"; did you mean "--repo"?`,
  );
  const flags = ["repo", "report"].map((name) => ({ name, value: "X" }));
  expect(() => parseFlags("run", ["--reprot=md"], flags)).toThrow(`did you mean "--report"?`);
  expect(await message(["--create_branch"])).toContain(`did you mean "--create-branch"?`);
  expect(await message(["--something-else-altogether"])).toBe(
    `Cannot parse arguments of run: unknown flag "--something-else-altogether"`,
  );
});

test("parseFlags() refuses a missing value, a value for a switch, and short flags", async () => {
  const needed = "Cannot parse arguments of run: --repo needs a value, as in --repo=ID";
  expect([await message(["--repo"]), await message(["--repo", "--json"])]).toEqual([needed, needed]);
  expect(await message(["--repo", "-5"])).toBe(
    "Cannot parse arguments of run: the value of --repo begins with a dash; write --repo=-…",
  );
  expect(await message(["--json=yes"])).toStartWith("Cannot parse arguments of run: ");
  expect(await message(["-x"])).toStartWith("Cannot parse arguments of run: ");
});

test("parseFlags() takes a value that is a list item, which is no flag", async () => {
  const values = async (...args: string[]) => (await parseFlags("run", args, FLAGS)).all("report");
  expect(await values("--report", "- fix it")).toEqual(["- fix it"]);
  expect(await values("--report", "-\tfix it\n- and that", "--json")).toEqual(["-\tfix it\n- and that"]);
  expect(await values("--report=-x", "--report", "-")).toEqual(["-x", "-"]);
  const alone: Flag[] = [{ name: "status", value: "WHETHER", alone: "true", help: "" }];
  expect((await parseFlags("run", ["--status", "- no"], alone)).get("status")).toBe("- no");
});

test("nearest() finds a word within a few edits, or none", () => {
  expect(nearest("evnts", ["get", "events", "cancel"])).toBe("events");
  expect(nearest("xyzzy", ["get", "events", "cancel"])).toBeUndefined();
  expect(nearest("mean_run_ms", ["meanRunMs", "timeoutMs"])).toBe("meanRunMs");
  expect(nearest("x", [])).toBeUndefined();
});

test("nearest() takes the only name that a word begins, and the one that it is the initials of", () => {
  expect(nearest("claude", ["codex", "claude-code", "mogplex"])).toBe("claude-code");
  expect(nearest("pr", ["run", "changes", "pull-request"])).toBe("pull-request");
  expect(nearest("rep", ["reporters", "repositories"])).toBeUndefined();
});

test("parseFlags() takes a flag that may stand alone with and without a value, and leaves the next argument", async () => {
  const flags: Flag[] = [{ name: "status", value: "WHETHER", alone: "true", help: "" }, ...FLAGS];
  const parsed = async (...args: string[]) => {
    const { get, positionals } = await parseFlags("run", args, flags);
    return [get("status"), ...positionals];
  };
  expect(await parsed("--status")).toEqual(["true"]);
  expect(await parsed("--status", "--json")).toEqual(["true"]);
  expect(await parsed("--status", "false")).toEqual(["false"]);
  expect(await parsed("--status=false")).toEqual(["false"]);
  expect(await parsed("--status", "fix it")).toEqual(["true", "fix it"]);
  expect(await parsed("--", "--status")).toEqual([undefined, "--status"]);
});
