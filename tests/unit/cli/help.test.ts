import { expect, test } from "bun:test";
import { ENVIRONMENT } from "../../../lib/cli/environment.ts";
import { flagsOf, TOPICS } from "../../../lib/cli/verb.ts";
import { VERBS } from "../../../lib/cli/verbs.ts";
import { main } from "../../../lib/cli/main.ts";
import { EXIT_TABLE } from "../../../lib/exit_codes.ts";
import { REPORT_FORMATS } from "../../../lib/report/write.ts";
import { VARIABLES } from "../../../lib/variables.ts";
import { fakeIo } from "./fake_io.ts";

async function help(...args: string[]): Promise<string> {
  const io = fakeIo();
  expect(await main(args, io)).toBe(0);
  expect(io.text.stderr).toBe("");
  return io.text.stdout;
}

test("--help of a verb shows every flag, an example and the exit codes", async () => {
  for (const verb of VERBS) {
    const text = await help(...verb.name.split(" "), "--help");
    for (const flag of flagsOf(verb)) expect(text).toContain(`  --${flag.name}${flag.value ? ` ${flag.value}` : ""} `);
    expect(verb.examples.length).toBeGreaterThan(0);
    for (const example of verb.examples) {
      expect(example).toStartWith(`mogplex-ci ${verb.name}`);
      expect(text).toContain(`  ${example}\n`);
    }
    expect(text).toContain("Exit codes (help exit-codes): 0 ");
    expect(text).not.toContain("undefined");
  }
});

test("no help has a line above 80 characters, and nothing is lost", async () => {
  const asked = [[], ["runs"], ...VERBS.map(({ name }) => name.split(" "))].map((words) => [...words, "--help"]);
  for (const words of [...asked, ...TOPICS.map((topic) => ["help", topic])]) {
    const text = await help(...words);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(text).not.toMatch(/ $/m);
  }
  const flat = (await help("help", "commands")).replace(/\s+/g, " ");
  for (const { name, summary } of VERBS) expect([name, flat.includes(summary)]).toEqual([name, true]);
  const environment = (await help("help", "environment")).replace(/\s+/g, " ");
  expect(ENVIRONMENT.map(({ name }) => name)).toEqual([...VARIABLES]);
  for (const { name, help: meaning } of ENVIRONMENT) {
    expect([name, environment.includes(meaning.replaceAll("`", "").replace(/\.$/, ""))]).toEqual([name, true]);
  }
});

test("--help of the program begins with the usage, shows twelve verbs, and names the topics", async () => {
  const text = await help("--help");
  expect(text).toStartWith("Usage: mogplex-ci <command> [flags]\n");
  const [, shown = ""] = /^Commands.*:\n((?: {2}.*\n)*)/m.exec(text) ?? [];
  const names = [...shown.matchAll(/^ {2}(\S+(?: \S+)?) {2}/gm)].map(([, name = ""]) => name);
  expect(names).toHaveLength(12);
  const known = new Set(VERBS.flatMap(({ name }) => [name, name.split(" ")[0] ?? ""]));
  expect(names.filter((name) => !known.has(name))).toEqual([]);
  expect(text.split("\n").length).toBeLessThan(36);
  for (const topic of TOPICS) expect(text.replace(/\s+/g, " ")).toContain(`help ${topic}`);
});

test("the first help, and every verb's line, have run --follow before the run that nobody follows", async () => {
  const first = await help("--help");
  expect(first).toMatch(/^ {2}run --follow /m);
  // The documented run is behind `help commands` alone.
  expect(first).not.toMatch(/^ {2}run {2,}/m);
  const all = [...(await help("help", "commands")).matchAll(/^ {2}(run --follow|run) {2,}/gm)].map(([, name]) => name);
  expect(all).toEqual(["run --follow", "run"]);
});

test("help commands shows every verb once", async () => {
  const text = await help("help", "commands");
  for (const { name } of VERBS) {
    expect(text.split("\n").filter((line) => line.startsWith(`  ${name}  `))).toHaveLength(1);
  }
});

test("help environment, exit-codes and reports show every row of their tables", async () => {
  const variables = await help("help", "environment");
  for (const { name, dropIn, option } of ENVIRONMENT) {
    expect(variables).toContain(`  ${name}${dropIn ? " * " : " "}`);
    if (option !== undefined) expect(variables).toContain(` --${option.name}: `);
  }
  const codes = await help("help", "exit-codes");
  for (const row of EXIT_TABLE) expect(codes).toContain(`  ${row.code.padEnd(7)}  `);
  const reports = await help("help", "reports");
  for (const [format, { file }] of Object.entries(REPORT_FORMATS)) {
    expect(reports).toMatch(new RegExp(`^  ${format}(?: \\*)? +${file.replace(".", "\\.")} +\\S`, "m"));
  }
});

test("--help shows a flag's default as the list of variables has it", async () => {
  expect(await help("follow", "--help")).toContain(
    "  --timeout TIME          Maximum wait: 30m, 1h30m, or 90 (seconds) [30m]\n",
  );
});

test("--help of a group shows its verbs only, with an example of each", async () => {
  expect(await help("runs", "--help")).toBe(
    "Usage: mogplex-ci runs <command> [flags]\n\nCommands (each has --help):\n" +
      "  runs recent           List the runs that this machine started outside CI, with\n" +
      "                        their status\n" +
      "  runs get <run-id>     Print a run\n" +
      "  runs events <run-id>  Print the events of a run; with --follow until it ends\n" +
      "  runs cancel <run-id>  Cancel a run; a finished run is not an error\n\n" +
      "Examples:\n" +
      "  mogplex-ci runs recent --json | jq -r .pullRequest\n" +
      '  mogplex-ci runs get "$RUN_ID" --json | jq -r .status\n' +
      '  mogplex-ci runs events "$RUN_ID" --follow --timeout 600\n' +
      '  mogplex-ci runs cancel "$RUN_ID"\n',
  );
});

test("every flag has a meaning, and no two of a verb share a name", () => {
  for (const verb of VERBS) {
    const flags = flagsOf(verb);
    expect(new Set(flags.map((flag) => flag.name)).size).toBe(flags.length);
    for (const flag of flags) expect(flag.help).not.toBe("");
  }
});

test("`help runs events` prints what `runs events --help` prints", async () => {
  expect(await help("help", "runs", "events")).toBe(await help("runs", "events", "--help"));
});

test("the help of a verb with many flags groups them, the common ones first", async () => {
  const text = await help("run", "--follow", "--help");
  const titles = ["Task:", "Following:", "Reports:", "Keys:", "Other:", "Examples:"];
  expect(titles.map((title) => text.indexOf(`\n${title}\n`))).toEqual(
    titles.map((title) => text.indexOf(`\n${title}\n`)).toSorted((a, b) => a - b),
  );
  expect(text).toMatch(/Task:\n {2}--repo /);
  expect(await help("runs", "get", "--help")).toContain("\nFlags:\n");
});

/** The part of a help that is about a row: the whole, or what is behind "Without". */
async function partOf({ name, usage = "" }: { name: string; usage?: string }): Promise<string> {
  const text = await help(...name.split(" "), "--help");
  const [shown = "", other = ""] = text.split(/^Without /m);
  return other.includes(`(${`${name} ${usage}`.trimEnd()}):`) ? other : shown;
}

test("a toolkit verb that follows nothing says what its own 0 means, and no drop-in verb lists a code that it never ends with", async () => {
  for (const verb of VERBS) {
    const codes = /^Exit codes[^]*/m.exec(await partOf(verb))?.[0] ?? "";
    const isPlain = verb.group === "drop-in" || ["run --follow", "follow", "report"].includes(verb.name);
    expect({ verb: verb.name, said: /^ {2}0 /m.test(codes) }).toEqual({ verb: verb.name, said: !isPlain });
    if (verb.group === "drop-in") expect(codes).not.toMatch(/\b124\b/);
  }
});

test("cleanup --help has the code of a token without permission, with which cleanup can end", async () => {
  expect(await help("cleanup", "--help")).toContain("Exit codes (help exit-codes): 0 2 64 65 70\n");
});

test("--help of every group shows an example", async () => {
  for (
    const group of new Set(VERBS.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0] ?? ""))
  ) {
    expect(await help(group, "--help")).toContain(`Examples:\n  mogplex-ci ${group} `);
  }
});

test("`run --help` is about the toolkit's verb, and says in a few lines what the documented one does", async () => {
  const text = await help("run", "--help");
  const [follow = "", plain = "", ...others] = text.split(/^\n(?=Without )/m);
  expect(others).toEqual([]);
  expect(plain).toContain('Without --follow and --detach (run --repo owner/name "<prompt>" | -):');
  expect(plain).not.toMatch(/--mode|MOGPLEX_(?!API_KEY|URL|DEV)/);
  expect(plain).toContain("--idempotency-key");
  expect(plain.replace(/\s+/g, " ")).toContain(
    "Without --branch and --create-branch, the service picks the branch.",
  );
  expect(follow).toContain("Usage: mogplex-ci run --follow ");
  expect(follow).toContain("  --repo REPO             Repository: owner/name, or its id (see repos list)\n");
  // One screen and a half.
  expect(text.split("\n").length).toBeLessThanOrEqual(78);
  for (const verb of ["run", "follow"]) {
    expect(await help(verb, "--follow", "--help")).toBe(verb === "run" ? follow : await help("follow", "--help"));
  }
  expect(await help("help", "run", "--detach")).toBe(follow);
});

test("no help of a verb on runs speaks of automations", async () => {
  for (const verb of ["run", "follow", "report", "runs events"]) {
    expect(await help(...verb.split(" "), "--help")).not.toMatch(/automation|trigger/);
  }
});

test("--help shows the variables that a verb reads beside those of its flags, and no others", async () => {
  const environment = async (...verb: string[]) => {
    const [, others = ""] = /^Environment.*:\n((?: {2}.*\n)*)/m.exec(await help(...verb, "--help")) ?? [];
    return others.trim().split(/\s+/).map((name) => name.replace("MOGPLEX_", "")).sort();
  };
  const service = ["API_KEY", "API_KEY_FILE", "TOKEN_VARIABLE", "URL", "DEV", "DEV_HOST"];
  expect(await environment("runs", "get")).toEqual(["API_KEY", "DEV", "URL"]);
  expect(await environment("cleanup")).toEqual([...service, "JOB_STATUS", "NOTE_TOKEN_VARIABLE"].sort());
  expect(await environment("report")).toEqual([...service, "RUN_ID", "NOTE_TOKEN_VARIABLE"].sort());
  expect(await environment("run", "--follow")).toEqual(
    [...service, "PROMPT", "NOTE_TOKEN_VARIABLE", "RECENT", "CI_JOB"].sort(),
  );
});
