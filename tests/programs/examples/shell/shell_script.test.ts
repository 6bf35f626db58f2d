/** `examples/shell/mogplex-run.sh`: verdicts, refusals, deadlines, inputs and outputs. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HARNESSES, MODES } from "../../../../lib/api/contract/rules.ts";
import { EXIT_TABLE } from "../../../../lib/exit_codes.ts";
import { ON_INTERRUPT, ON_TIMEOUT } from "../../../../lib/job/interrupt.ts";
import type { Ended } from "../../processes/world/service.ts";
import { CANCEL, LOOK, START } from "../../processes/world/stage.ts";
import { inEvery, inTurn, runAnswer, SCRIPT, type Stand } from "./shell_world.ts";
import { INCOMPLETE, PROGRAMS, which } from "./shells.ts";

// The tests start many small processes, and the machine may be busy.
setDefaultTimeout(60_000);

const shell = test.skipIf(INCOMPLETE);
const SOURCE = readFileSync(SCRIPT, "utf8");
/** The comment at the top of the script. */
const HEADER = (SOURCE.split("\nset -u\n")[0] ?? "").replace(/\n# */g, " ");

function last({ stdout }: Ended): string {
  return stdout.trimEnd().split("\n").at(-1) ?? "";
}

test.skipIf(which("shellcheck") === undefined)("mogplex-run.sh has nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", ["-s", "sh", SCRIPT], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

test("mogplex-run.sh names the programs that it runs", () => {
  for (const program of [...PROGRAMS, "curl", "date", "sleep"]) expect(HEADER).toMatch(new RegExp(`\\b${program}\\b`));
});

test("mogplex-run.sh takes the words that the toolkit takes", () => {
  const taken = (name: string) => new RegExp(`choice ${name} "[^"]+" '([^']+)'`).exec(SOURCE)?.[1]?.split(" ");
  expect(taken("MOGPLEX_HARNESS")).toEqual([...HARNESSES]);
  expect(taken("MOGPLEX_MODE")).toEqual([...MODES]);
  expect(taken("MOGPLEX_ON_TIMEOUT")?.sort()).toEqual([...ON_TIMEOUT].sort());
  expect(taken("MOGPLEX_ON_INTERRUPT")?.sort()).toEqual([...ON_INTERRUPT].sort());
  for (const word of [...HARNESSES, ...MODES, ...ON_TIMEOUT, ...ON_INTERRUPT]) expect(HEADER).toContain(word);
});

test("mogplex-run.sh lists the toolkit's exit codes by their names, and SIGHUP's", () => {
  const listed = /Ends with ([^.]+)\./.exec(HEADER)?.[1]?.split(", ");
  expect(listed).toEqual(
    EXIT_TABLE.map(({ code, name }) =>
      name === "interrupted" ? `129/${code} SIGHUP/SIGINT/SIGTERM` : `${code} ${name}`
    ),
  );
});

shell(
  "mogplex-run.sh takes the argument before a variable, and starts nothing with two variables or a file that is not there",
  () =>
    inTurn({ scenario: "success" }, async (stand, shell) => {
      const prompts = () => stand.of(START).map(({ body }) => JSON.parse(body).prompt);
      expect(
        (await stand.run(shell, ["Of the argument"], { MOGPLEX_PROMPT: "Of a variable", MOGPLEX_PROMPT_FILE: "none" }))
          .code,
      ).toBe(0);
      for (
        const variables of [
          { MOGPLEX_PROMPT: "a", MOGPLEX_PROMPT_FILE: "b" },
          { MOGPLEX_PROMPT_FILE: "none" },
          {},
        ] as Record<string, string>[]
      ) {
        expect((await stand.run(shell, [], variables)).code).toBe(2);
      }
      expect(prompts()).toEqual(["Of the argument"]);
    }),
);

shell("mogplex-run.sh sends no file that a link in the checkout leads to", () =>
  inTurn({}, async (stand, shell) => {
    symlinkSync("/etc/hostname", join(stand.cwd, "task.md"));
    symlinkSync("/etc", join(stand.cwd, "linked"));
    for (const file of ["task.md", "linked/hostname", `${stand.cwd}/task.md`]) {
      const { code, stderr } = await stand.run(shell, [], { MOGPLEX_PROMPT_FILE: file });
      expect({ file, code }).toEqual({ file, code: 2 });
      expect(stderr).toContain("is reached through a symbolic link");
    }
    expect(stand.received).toEqual([]);
  }));

shell(
  "mogplex-run.sh reads a large answer within its time",
  () =>
    inTurn({ scenario: "success" }, async (stand, shell) => {
      const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`field${index}`, index]));
      stand.intercept = ({ what }) =>
        LOOK.test(what) ? Response.json({ ok: true, data: { run: many, ...many } }) : undefined;
      expect((await stand.run(shell, ["Fix it"], { MOGPLEX_TIMEOUT: "20" })).code).not.toBe(0);
      expect(stand.runs()).toHaveLength(1);
    }),
);

shell("mogplex-run.sh shows how to use it, and takes no flag for a prompt", () =>
  inEvery({}, async (stand, shell) => {
    for (const flag of ["--help", "-h"]) {
      const { code, stdout } = await stand.run(shell, [flag], { MOGPLEX_API_KEY: "" });
      expect({ code, shown: stdout.includes("mogplex-run.sh 'Fix the flaky tests'") }).toEqual({
        code: 0,
        shown: true,
      });
    }
    for (const flag of ["--follow", "-x", "--"]) expect((await stand.run(shell, [flag])).code).toBe(2);
    expect(stand.received).toEqual([]);
  }));

/** Scenario, exit code, outcome, part of the last line. */
const VERDICTS = [
  ["success", 0, "success", "verdict success (exit code 0);"],
  ["agent-failure", 1, "failed", "verdict failed (exit code 1): Agent run exited with code 1."],
  ["boot-failure", 1, "failed", "verdict failed (exit code 1): Too many active sandboxes"],
  ["cancelled-during-boot", 3, "cancelled", "verdict cancelled (exit code 3);"],
  ["awaiting-input", 4, "awaiting_input", "verdict awaiting_input (exit code 4): the run waits for a person"],
] as const;

shell.each(VERDICTS)(
  "mogplex-run.sh ends with the verdict of the run (%s, %d)",
  (scenario, code, outcome, words) =>
    inEvery({ scenario }, async (stand, shell) => {
      const end = await stand.run(shell, ["Fix the tests"]);
      const [run] = stand.runs();
      expect({ code: end.code, stderr: end.stderr }).toEqual({
        code,
        stderr: `mogplex-run: note: sending requests and the token to ${stand.url}\n`,
      });
      expect(end.stdout).toStartWith(`mogplex-run: started run ${run?.id} (pending)\n`);
      expect(last(end)).toContain(words);
      expect(stand.outputs()).toBe(
        `MOGPLEX_RUN_ID=${run?.id}\nMOGPLEX_RUN_STATUS=${run?.status}\nMOGPLEX_OUTCOME=${outcome}\nMOGPLEX_REPLAYED=false\n`,
      );
      expect(stand.of(START)).toHaveLength(1);
      expect(stand.received.every(({ what }) => START.test(what) || LOOK.test(what))).toBe(true);
    }),
);

/** Name, variables, exit code, number of requests, part of the message. */
const REFUSALS: [string, (stand: Stand) => Record<string, string>, number, number, string][] = [
  [
    "an empty token",
    () => ({ MOGPLEX_API_KEY: " " }),
    64,
    0,
    "variable MOGPLEX_API_KEY is empty (protected variables are",
  ],
  ["a token in two lines", () => ({ MOGPLEX_API_KEY: "mog_a\nmog_b" }), 64, 0, "characters that no token has"],
  ["a token with a quotation mark", () => ({ MOGPLEX_API_KEY: 'mog_a"' }), 64, 0, "characters that no token has"],
  ["an unknown token", () => ({ MOGPLEX_API_KEY: "mog_nobodyKnowsIt" }), 64, 1, "the service refuses the token"],
  ["a token that may only read", (s) => ({ MOGPLEX_API_KEY: s.readOnlyToken }), 65, 1, "Missing required scope: write"],
  ["two tokens", () => ({ MOGPLEX_API_KEY_FILE: "token" }), 2, 0, "are both set"],
  ["no repository", () => ({ MOGPLEX_REPO_ID: "" }), 2, 0, "MOGPLEX_REPO_ID is not set"],
  ["the name of a repository", () => ({ MOGPLEX_REPO_ID: "acme/web" }), 2, 0, 'must be a UUID: "acme/web"'],
  ["an id with a dash too many", () => ({ MOGPLEX_REPO_ID: "8f3a2b1c-1234-4abc-9def-1234567890a-" }), 2, 0, "a UUID"],
  [
    "a repository that is not there",
    () => ({ MOGPLEX_REPO_ID: "8F3A2B1C-0000-4abc-9def-1234567890ab" }),
    2,
    2,
    'the token\'s user has no repository "8f3a2b1c-0000-4abc-9def-1234567890ab"',
  ],
  ["plain HTTP", () => ({ MOGPLEX_DEV: "" }), 2, 0, "plain HTTP would show the token"],
  ["plain HTTP in production", () => ({ NODE_ENV: "production" }), 2, 0, "plain HTTP would show the token"],
  [
    "a host that only looks like this one",
    () => ({ MOGPLEX_URL: "http://127.0.0.1.evil.example" }),
    2,
    0,
    "plain HTTP",
  ],
  ["localhost in a longer name", () => ({ MOGPLEX_URL: "http://localhost.evil.example" }), 2, 0, "plain HTTP"],
  ["another scheme", () => ({ MOGPLEX_URL: "ftp://mogplex.com" }), 2, 0, "must be an origin"],
  ["a path", () => ({ MOGPLEX_URL: "https://mogplex.com/api" }), 2, 0, "must be an origin"],
  [
    "credentials",
    () => ({ MOGPLEX_URL: "https://me:hunter22@mogplex.com" }),
    2,
    0,
    'must be an origin such as https://mogplex.com: "mogplex.com"',
  ],
  ["two lines of URL", () => ({ MOGPLEX_URL: "https://mogplex.com\nhttps://x" }), 2, 0, "must be an origin"],
  ["a curl option in the URL", () => ({ MOGPLEX_URL: 'https://a"\nproxy = "x' }), 2, 0, "must be an origin"],
  [
    "an unknown harness",
    () => ({ MOGPLEX_HARNESS: "gemini" }),
    2,
    0,
    'must be one of codex claude-code mogplex: "gemini"',
  ],
  ["an unknown mode", () => ({ MOGPLEX_MODE: "fast" }), 2, 0, "must be one of SAFE AUTO YOLO"],
  [
    "a branch that the service refuses",
    () => ({ MOGPLEX_BASE_BRANCH: "a@b" }),
    2,
    0,
    "MOGPLEX_BASE_BRANCH as it is not a branch name",
  ],
  [
    "a branch that is an option",
    () => ({ MOGPLEX_WORKING_BRANCH: "--force" }),
    2,
    0,
    "MOGPLEX_WORKING_BRANCH as it is not a branch name",
  ],
  ["a branch with a forged line", () => ({ MOGPLEX_BASE_BRANCH: "a\n::error::x" }), 2, 0, '"a : :error: :x"'],
  [
    "the base as working branch",
    () => ({ MOGPLEX_BASE_BRANCH: "main", MOGPLEX_WORKING_BRANCH: "main" }),
    2,
    0,
    "must differ",
  ],
  ["a root outside", () => ({ MOGPLEX_ROOT: "apps/../.." }), 2, 0, 'the segment ".."'],
  [
    "no time as timeout",
    () => ({ MOGPLEX_TIMEOUT: "30 min" }),
    2,
    0,
    "must be a time such as 90 (seconds), 30m or 1h30m",
  ],
  ["a timeout above the limit", () => ({ MOGPLEX_TIMEOUT: "721h" }), 2, 0, "at most 2592000 seconds"],
  ["a timeout of zero", () => ({ MOGPLEX_TIMEOUT: "0" }), 2, 0, "must be a time"],
  ["a timeout that is a command", () => ({ MOGPLEX_TIMEOUT: "x[$(touch /tmp/no)]" }), 2, 0, "must be a time"],
  ["an unknown key scope", () => ({ MOGPLEX_KEY_SCOPE: "day" }), 2, 0, "must be one of pipeline random"],
  ["reports below a link", () => ({ MOGPLEX_OUT: "link/reports" }), 2, 0, "no symbolic link"],
  ["reports in a link", () => ({ MOGPLEX_OUT: "link" }), 2, 0, "no symbolic link"],
  ["outputs that cannot be written", () => ({ GITHUB_OUTPUT: "/none/output" }), 2, 0, "the file of GITHUB_OUTPUT"],
];

shell.each(REFUSALS)(
  "mogplex-run.sh starts nothing with %s",
  (_name, variables, code, requests, words) =>
    inTurn({}, async (stand, shell) => {
      mkdirSync(join(stand.cwd, "elsewhere"));
      symlinkSync("elsewhere", join(stand.cwd, "link"));
      writeFileSync(join(stand.cwd, "token"), stand.token);
      const end = await stand.run(shell, ["Fix the tests"], variables(stand));
      expect({ code: end.code, stdout: end.stdout }).toEqual({
        code,
        stdout: requests === 2 ? expect.any(String) : "",
      });
      expect(end.stderr).toContain(words);
      expect(end.stderr).not.toContain("hunter22");
      expect(end.stderr.split("\n").every((line) => line === "" || line.startsWith("mogplex-run: "))).toBe(true);
      expect(stand.received.filter(({ what }) => !what.startsWith("GET /repos"))).toHaveLength(Math.min(requests, 1));
      expect(stand.runs()).toEqual([]);
    }),
);

shell(
  "mogplex-run.sh says which variable is missing when there is no token",
  () =>
    inEvery({}, async (stand, shell) => {
      delete stand.env.MOGPLEX_API_KEY;
      const end = await stand.run(shell, ["Fix the tests"]);
      expect(end.code).toBe(64);
      expect(end.stderr).toStartWith(
        "mogplex-run: Cannot read token: variable MOGPLEX_API_KEY is not set; create a token",
      );
    }),
);

shell(
  "mogplex-run.sh reads the token from a file, and takes the blanks off",
  () =>
    inEvery({ scenario: "success" }, async (stand, shell) => {
      writeFileSync(join(stand.cwd, "secret"), `\n ${stand.token} \r\n`);
      delete stand.env.MOGPLEX_API_KEY;
      expect((await stand.run(shell, ["Fix the tests"], { MOGPLEX_API_KEY_FILE: "secret" })).code).toBe(0);
      expect(new Set(stand.received.map(({ authorization }) => authorization))).toEqual(
        new Set([`Bearer ${stand.token}`]),
      );
    }),
);

shell(
  "mogplex-run.sh sends all that it was told, in the form that the service stores",
  () =>
    inEvery({ scenario: "success" }, async (stand, shell) => {
      const settings = {
        MOGPLEX_HARNESS: "claude-code",
        MOGPLEX_MODE: "safe",
        MOGPLEX_BASE_BRANCH: "release/1.x",
        MOGPLEX_WORKING_BRANCH: "agent/fix_1",
        MOGPLEX_ROOT: 'apps/"wéb"\\x',
        MOGPLEX_REPO_ID: ` ${stand.repo.toUpperCase()} `,
      };
      expect((await stand.run(shell, ["Fix the tests"], settings)).code).toBe(0);
      expect(JSON.parse(stand.of(START)[0]?.body ?? "")).toEqual({
        repoId: stand.repo,
        prompt: "Fix the tests",
        harness: "claude-code",
        mode: "SAFE",
        baseBranch: "release/1.x",
        workingBranch: "agent/fix_1",
        createBranch: true,
        rootDirectory: 'apps/"wéb"\\x',
      });
      const plain = { MOGPLEX_CREATE_BRANCH: "", MOGPLEX_ROOT: "." };
      expect((await stand.run(shell, ["Fix the tests"], plain)).code).toBe(0);
      expect(JSON.parse(stand.of(START)[1]?.body ?? "")).toEqual({
        repoId: stand.repo,
        prompt: "Fix the tests",
        rootDirectory: null,
      });
    }),
);

shell(
  "mogplex-run.sh takes the prompt from a variable, a file, or standard input",
  () =>
    inEvery({ scenario: "success" }, async (stand, shell) => {
      writeFileSync(join(stand.cwd, "task.md"), "From a file\n");
      await stand.run(shell, [], { MOGPLEX_PROMPT: "From a variable" });
      await stand.run(shell, [], { MOGPLEX_PROMPT_FILE: "task.md" });
      const none = await stand.run(shell, ["-"]);
      expect({ code: none.code, stderr: none.stderr }).toEqual({
        code: 2,
        stderr: expect.stringContaining("Cannot start run: the prompt is empty"),
      });
      const missing = await stand.run(shell, []);
      expect(missing.stderr).toContain("Cannot start run: give a prompt");
      const two = await stand.run(shell, ["Fix", "it"]);
      expect([none.code, missing.code, two.code]).toEqual([2, 2, 2]);
      expect(stand.of(START).map(({ body }) => (JSON.parse(body) as { prompt: string }).prompt)).toEqual([
        "From a variable",
        "From a file",
      ]);
    }),
);

shell(
  "mogplex-run.sh ends with 124 at the deadline, after a last look",
  () =>
    inEvery({ scenario: "stuck-streaming" }, async (stand, shell) => {
      const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_TIMEOUT: "240" });
      expect(end.code).toBe(124);
      expect(last(end)).toContain("verdict deadline (exit code 124): the run has not ended in time; it goes on; run ");
      const [first] = stand.of(START);
      expect((stand.of(LOOK).at(-1)?.at ?? 0) - (first?.at ?? 0)).toBe(240);
      expect(stand.slept().reduce((sum, part) => sum + part, 0)).toBe(240);
      expect(stand.of(CANCEL)).toEqual([]);
      expect(end.stdout.match(/\.\.\. streaming for \d+ s, \d+ requests/g)?.length).toBeGreaterThanOrEqual(3);
      // The token has 60 requests a minute, and four other jobs may share it.
      expect(stand.of(LOOK).length).toBeLessThan(36);
      expect(stand.outputs()).toContain("MOGPLEX_OUTCOME=deadline\n");
    }),
);

shell(
  "mogplex-run.sh cancels at the deadline when it is told to, and takes the verdict of a run that ended just then",
  () =>
    inEvery({ scenario: "stuck-streaming" }, async (stand, shell) => {
      const env = { MOGPLEX_TIMEOUT: "1m30s", MOGPLEX_ON_TIMEOUT: "cancel" };
      const end = await stand.run(shell, ["Fix the tests"], env);
      expect({ code: end.code, status: stand.runs()[0]?.status }).toEqual({ code: 124, status: "cancelled" });
      expect(last(end)).toContain("it was cancelled");

      stand.emulator.control("fault", { kind: "reset0", route: "POST /runs/*/cancel" });
      stand.intercept = ({ what }) => {
        if (!CANCEL.test(what) || stand.of(CANCEL).length < 3) return undefined;
        const id = what.split("/").at(-2) ?? "";
        return new Response(
          runAnswer(id, `"success"`).replace('"data":{', '"data":{"status":"success","alreadyTerminal":false,'),
        );
      };
      expect((await stand.run(shell, ["Fix the tests"], env)).code).toBe(0);
    }),
);

shell(
  "mogplex-run.sh ends with the cause when the last look does not work",
  () =>
    inEvery({ scenario: "stuck-streaming" }, async (stand, shell) => {
      for (const [kind, code] of [["html502", 69], ["429", 75]] as const) {
        stand.emulator.control("clearFaults");
        stand.emulator.control("fault", { kind, route: "GET /runs/*", times: 999, retryAfter: 20 });
        const end = await stand.run(shell, ["Fix the tests"], { MOGPLEX_TIMEOUT: "120" });
        expect(end.code).toBe(code);
        expect(last(end)).toContain(`verdict error (exit code ${code}): Cannot read run: HTTP`);
      }
    }),
);

shell(
  "mogplex-run.sh gives up a token that is refused for good, and a run that has gone",
  () =>
    inEvery({ scenario: "success" }, async (stand, shell) => {
      stand.emulator.control("fault", { kind: "401", route: "GET /runs/*", times: 99 });
      expect((await stand.run(shell, ["Fix the tests"])).code).toBe(64);
      expect(stand.of(LOOK)).toHaveLength(3);
      stand.intercept = ({ what }) =>
        LOOK.test(what)
          ? Response.json({ ok: false, error: { code: "NOT_FOUND", message: "Run not found" } }, { status: 404 })
          : undefined;
      const end = await stand.run(shell, ["Fix the tests"]);
      expect(end.code).toBe(2);
      expect(last(end)).toContain('Cannot read run: HTTP 404 NOT_FOUND: "Run not found"');
    }),
);

shell(
  "mogplex-run.sh leaves step outputs, the id as soon as there is one",
  () =>
    inEvery({ scenario: "agent-failure" }, async (stand, shell) => {
      const file = join(stand.cwd, "output");
      writeFileSync(file, "before=1\n");
      let early = "";
      stand.intercept = ({ what }) => {
        if (LOOK.test(what)) early ||= readFileSync(file, "utf8") + stand.outputs();
        return undefined;
      };
      expect((await stand.run(shell, ["Fix the tests"], { GITHUB_OUTPUT: file })).code).toBe(1);
      const id = stand.runs()[0]?.id;
      expect(early).toBe(
        `before=1\nrun_id=${id}\nreplayed=false\nMOGPLEX_RUN_ID=${id}\nMOGPLEX_RUN_STATUS=pending\nMOGPLEX_OUTCOME=\nMOGPLEX_REPLAYED=false\n`,
      );
      expect(readFileSync(file, "utf8")).toBe(
        `before=1\nrun_id=${id}\nreplayed=false\nstatus=failed\noutcome=failed\n`,
      );
    }),
);

shell(
  "mogplex-run.sh writes through no link that somebody planted",
  () =>
    inEvery({ scenario: "success" }, async (stand, shell) => {
      mkdirSync(join(stand.cwd, "mogplex-ci"));
      writeFileSync(join(stand.cwd, "precious"), "precious");
      symlinkSync("../precious", join(stand.cwd, "mogplex-ci/outputs.env"));
      expect((await stand.run(shell, ["Fix the tests"])).code).toBe(0);
      expect(readFileSync(join(stand.cwd, "precious"), "utf8")).toBe("precious");
      expect(stand.outputs()).toContain("MOGPLEX_OUTCOME=success\n");
    }),
);
