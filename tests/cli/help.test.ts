import { expect, test } from "bun:test";
import { VERBS } from "../../lib/cli/verbs.ts";
import { main } from "../../lib/cli/main.ts";
import { REPORTS } from "../../lib/cli/options/table.ts";
import { EXIT_TABLE } from "../../lib/exit_codes.ts";
import { REPORT_FORMATS } from "../../lib/report/formats.ts";
import { VARIABLES } from "../../lib/variables.ts";
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
    for (const flag of verb.flags) expect(text).toContain(`  --${flag.name}${flag.value ? ` ${flag.value}` : ""} `);
    expect(verb.examples.length).toBeGreaterThan(0);
    for (const example of verb.examples) {
      expect(example).toContain(`mogplex-ci ${verb.name}`);
      expect(text).toContain(`  ${example}\n`);
    }
    expect(text).toContain("Exit codes:\n");
  }
});

test("--help of the program shows every verb, variable and exit code", async () => {
  const text = await help("--help");
  for (const verb of VERBS) expect(text).toContain(`  ${verb.name} `);
  for (const variable of VARIABLES) expect(text).toContain(`  ${variable.name}${variable.dropIn ? " * " : " "}`);
  for (const row of EXIT_TABLE) expect(text).toContain(`  ${row.code.padEnd(7)}  `);
});

test("--help shows a flag's variable and default as the list of variables has them", async () => {
  expect(await help("follow", "--help")).toContain(
    "  --timeout SECONDS       Whole wait [MOGPLEX_TIMEOUT, default 1800]\n",
  );
});

test("--help of a group shows its verbs only, with an example of each", async () => {
  expect(await help("runs", "--help")).toBe(
    "Usage: mogplex-ci runs <verb> [flags]\n\nVerbs (each has --help):\n" +
      "  runs get <run-id>     Print a run\n" +
      "  runs events <run-id>  Print the events of a run; with --follow until it ends\n" +
      "  runs cancel <run-id>  Cancel a run; one that has ended is no error\n\n" +
      "Examples:\n" +
      '  mogplex-ci runs get "$RUN_ID" --json | jq -r .status\n' +
      '  mogplex-ci runs events "$RUN_ID" --follow --timeout 600\n' +
      '  mogplex-ci runs cancel "$RUN_ID"\n',
  );
});

test("every flag has a meaning, and no two of a verb share a name", () => {
  for (const verb of VERBS) {
    expect(new Set(verb.flags.map((flag) => flag.name)).size).toBe(verb.flags.length);
    for (const flag of verb.flags) expect(flag.help).not.toBe("");
  }
});

test("`help runs events` prints what `runs events --help` prints", async () => {
  expect(await help("help", "runs", "events")).toBe(await help("runs", "events", "--help"));
});

test("the help of --report names every format, and says what it is and where it goes", async () => {
  const text = await help("follow", "--help");
  for (const [format, { file }] of Object.entries(REPORT_FORMATS)) {
    expect(REPORTS.help).toContain(format);
    expect(text).toMatch(new RegExp(`^  ${format} +${file.replace(".", "\\.")} +\\S`, "m"));
  }
});

test("a verb that follows nothing says what its own 0 means, and no drop-in verb lists a code that it never ends with", async () => {
  for (const verb of VERBS) {
    const text = await help(...verb.name.split(" "), "--help");
    const codes = text.slice(text.indexOf("Exit codes:"), text.indexOf("Exit codes with"));
    const followed = verb.name === "follow" || verb.name === "report";
    expect({ verb: verb.name, said: codes.includes("the server said success") }).toEqual({
      verb: verb.name,
      said: followed,
    });
    if (verb.group === "drop-in") expect(codes).not.toMatch(/^ {2}124 /m);
  }
});

test("--help of every group shows an example", async () => {
  for (
    const group of new Set(VERBS.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0] ?? ""))
  ) {
    expect(await help(group, "--help")).toContain(`Examples:\n  mogplex-ci ${group} `);
  }
});
