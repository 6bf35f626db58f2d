/** `examples/shell/mogplex-run.sh`: verdicts, refusals, deadlines and inputs. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { MODES } from "../../../../lib/service/contract.ts";
import { EXIT_TABLE } from "../../../../lib/exit_codes.ts";
import type { Ended } from "../../processes/world/service.ts";
import { CANCEL, LOOK, START } from "../../processes/world/recorder.ts";
import { inShell, SCRIPT, type Stand } from "./shell_world.ts";
import { INCOMPLETE, PROGRAMS, which } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);
const SOURCE = readFileSync(SCRIPT, "utf8");
/** The comment at the top of the script. */
const HEADER = (SOURCE.split("\n# zsh as sh")[0] ?? "").replace(/\n# */g, " ");

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

test("mogplex-run.sh takes the modes that the toolkit takes", () => {
  expect(SOURCE).toContain(`case $mode in '' | ${MODES.join(" | ")}) ;;`);
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
  "mogplex-run.sh reads a large answer within its time",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`field${index}`, index]));
      stand.intercept = ({ what }) =>
        LOOK.test(what) ? Response.json({ ok: true, data: { run: many, ...many } }) : undefined;
      expect((await stand.run(["Fix it"], { MOGPLEX_TIMEOUT: "20" })).code).not.toBe(0);
      expect(stand.runs()).toHaveLength(1);
    }),
);

/** Scenario, exit code, part of the last line. */
const VERDICTS = [
  ["success", 0, "verdict success (exit code 0);"],
  ["agent-failure", 1, "verdict failed (exit code 1): Agent run exited with code 1; run "],
  ["boot-failure", 1, "verdict failed (exit code 1): Too many active sandboxes"],
  ["cancelled-during-boot", 3, "verdict cancelled (exit code 3);"],
  ["awaiting-input", 4, "verdict awaiting_input (exit code 4): the run waits for a person"],
] as const;

shell.each(VERDICTS)(
  "mogplex-run.sh ends with the verdict of the run (%s, %d)",
  (scenario, code, words) =>
    inShell({ scenario }, async (stand) => {
      const end = await stand.run(["Fix the tests"]);
      const [run] = stand.runs();
      expect({ code: end.code, stderr: end.stderr }).toEqual({
        code,
        stderr: `mogplex-run: note: sending requests and the token to ${stand.url}\n`,
      });
      expect(end.stdout).toStartWith(`mogplex-run: started run ${run?.id} (pending)\n`);
      expect(last(end)).toContain(words);
      expect(stand.of(START)).toHaveLength(1);
      // One read of the events at the end, for the pull request.
      expect(stand.received.filter(({ what }) => !START.test(what) && !LOOK.test(what)).map(({ what }) => what))
        .toEqual(
          code === 0 ? [`GET /runs/${run?.id}/events`] : [],
        );
    }),
);

const EVENTS = /^GET \/runs\/[^/]+\/events\b/;
/** The line about the pull request; undefined without one. */
const pullLine = ({ stdout }: Ended) => /^mogplex-run: pull request (.*)$/m.exec(stdout)?.[1];

shell(
  "mogplex-run.sh names the pull request that the events have, and none where there is none",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const end = await stand.run(["Fix the tests"]);
      expect([end.code, pullLine(end)]).toEqual([0, "http://localhost/acme/web/pull/1"]);
      expect(last(end)).toContain("verdict success (exit code 0); run ");
    }),
);

/** What the events say or answer, and the pull request that is named. */
const PULLS: [string, (run: { runId: string; status: string }) => Response | object, string | undefined][] = [
  [
    "no delivery",
    () => ({ type: "log", payload: { stage: "git_sync", pull_request_url: "https://x.example/1" } }),
    undefined,
  ],
  ["no address", () => ({ type: "log", payload: { stage: "git_delivery", changed: false } }), undefined],
  ["what is no address of a page", () => delivered("javascript:alert(1)"), undefined],
  ["an address with a blank", () => delivered("https://x.example/1 ::error::x"), undefined],
  ["an address with a command", () => delivered("https://x.example/##vso[x]"), undefined],
  ["an address", () => delivered("https://x.example/pull/7"), "https://x.example/pull/7"],
  ["500", () => new Response("{}", { status: 500 }), undefined],
  [
    "another run",
    ({ status }) =>
      Response.json({
        ok: true,
        data: { run: { runId: crypto.randomUUID(), status }, events: [delivered("https://x.example/1")] },
      }),
    undefined,
  ],
];

function delivered(pull_request_url: string): object {
  return { type: "log", payload: { stage: "git_delivery", changed: true, pull_request_url } };
}

shell.each(PULLS)(
  "mogplex-run.sh ends with success whatever the events say of a pull request: %s",
  (_name, say, pull) =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.intercept = ({ what }) => {
        if (!EVENTS.test(what)) return undefined;
        const run = { runId: stand.runs()[0]?.id ?? "", status: "success" };
        const said = say(run);
        return said instanceof Response ? said : Response.json({ ok: true, data: { run, events: [said] } });
      };
      const end = await stand.run(["Fix the tests"]);
      expect([end.code, pullLine(end)]).toEqual([0, pull]);
      expect(stand.of(EVENTS)).toHaveLength(1);
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
  ["two tokens", (s) => ({ MOGPLEX_API_KEY: `${s.token} ${s.token}` }), 64, 0, "characters that no token has"],
  ["no repository", () => ({ MOGPLEX_REPO_ID: "" }), 2, 0, 'must be a UUID, the id of the repository: ""'],
  [
    "the name of a repository",
    () => ({ MOGPLEX_REPO_ID: "acme/web" }),
    2,
    0,
    'must be a UUID, the id of the repository: "acme/web"',
  ],
  ["an id with a dash too many", () => ({ MOGPLEX_REPO_ID: "8f3a2b1c-1234-4abc-9def-1234567890a-" }), 2, 0, "a UUID"],
  [
    "a repository that is not there",
    () => ({ MOGPLEX_REPO_ID: "8F3A2B1C-0000-4abc-9def-1234567890ab" }),
    2,
    2,
    'the token\'s user has no repository "8f3a2b1c-0000-4abc-9def-1234567890ab"',
  ],
  ["plain HTTP", () => ({ MOGPLEX_DEV: "" }), 2, 0, "plain HTTP would show the token"],
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
  ["an unknown mode", () => ({ MOGPLEX_MODE: "fast" }), 2, 0, 'must be SAFE, AUTO or YOLO: "FAST"'],
  ["an odd answer about the branch", () => ({ MOGPLEX_CREATE_BRANCH: "yes" }), 2, 0, 'must be true or false: "yes"'],
  ["a forged line in a setting", () => ({ MOGPLEX_CREATE_BRANCH: "a\n::error::x" }), 2, 0, '"a?: :error: :x"'],
  [
    "no time as timeout",
    () => ({ MOGPLEX_TIMEOUT: "30 min" }),
    2,
    0,
    "must be a time such as 90 (seconds), 30m or 1h30m",
  ],
  ["a branch that the service refuses", () => ({ MOGPLEX_BASE_BRANCH: "a@b" }), 2, 1, "Invalid base branch"],
  ["a timeout above the limit", () => ({ MOGPLEX_TIMEOUT: "721h" }), 2, 0, "at most 2592000 seconds"],
  ["a timeout of zero", () => ({ MOGPLEX_TIMEOUT: "0" }), 2, 0, "must be a time"],
  ["a timeout that is a command", () => ({ MOGPLEX_TIMEOUT: "x[$(touch /tmp/no)]" }), 2, 0, "must be a time"],
];

shell.each(REFUSALS)(
  "mogplex-run.sh starts nothing with %s",
  (_name, variables, code, requests, words) =>
    inShell({}, async (stand) => {
      const end = await stand.run(["Fix the tests"], variables(stand));
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
    inShell({}, async (stand) => {
      delete stand.env.MOGPLEX_API_KEY;
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(64);
      expect(end.stderr).toStartWith(
        "mogplex-run: Cannot read token: variable MOGPLEX_API_KEY is not set; create a token",
      );
    }),
);

shell(
  "mogplex-run.sh sends all that it was told, in the form that the service stores",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const settings = {
        MOGPLEX_HARNESS: "claude-code",
        MOGPLEX_MODE: "safe",
        MOGPLEX_BASE_BRANCH: "release/1.x",
        MOGPLEX_WORKING_BRANCH: "agent/fix_1",
        MOGPLEX_ROOT: 'apps/"wéb"\\x',
        MOGPLEX_REPO_ID: ` ${stand.repo.toUpperCase()} `,
      };
      expect((await stand.run(["Fix the tests"], settings)).code).toBe(0);
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
      expect((await stand.run(["Fix the tests"], plain)).code).toBe(0);
      expect(JSON.parse(stand.of(START)[1]?.body ?? "")).toEqual({
        repoId: stand.repo,
        prompt: "Fix the tests",
        createBranch: true,
        rootDirectory: ".",
      });
      const named = { MOGPLEX_CREATE_BRANCH: "", MOGPLEX_WORKING_BRANCH: "agent/fix_1" };
      expect((await stand.run(["Fix the tests"], named)).code).toBe(0);
      expect(JSON.parse(stand.of(START)[2]?.body ?? "")).toEqual({
        repoId: stand.repo,
        prompt: "Fix the tests",
        workingBranch: "agent/fix_1",
      });
    }),
);

shell(
  "mogplex-run.sh takes the prompt from an argument, standard input or a variable, and no flag for one",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      await stand.run(["From an argument"], { MOGPLEX_PROMPT: "From a variable" });
      await stand.run([], { MOGPLEX_PROMPT: "From a variable" });
      await stand.run(["-"], {}, "From standard input\n");
      const none = await stand.run([]);
      expect([none.code, none.stderr]).toEqual([
        2,
        expect.stringContaining("Cannot start run: the prompt is empty; give"),
      ]);
      const codes = [];
      for (const words of [["Fix", "it"], ["--follow"], ["-x"], ["--"]]) codes.push((await stand.run(words)).code);
      expect(codes).toEqual([2, 2, 2, 2]);
      expect(stand.of(START).map(({ body }) => (JSON.parse(body) as { prompt: string }).prompt)).toEqual([
        "From an argument",
        "From a variable",
        "From standard input",
      ]);
    }),
);

shell(
  "mogplex-run.sh ends with 124 at the deadline, after a last look",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      const end = await stand.run(["Fix the tests"], { MOGPLEX_TIMEOUT: "240" });
      expect(end.code).toBe(124);
      expect(last(end)).toContain("verdict deadline (exit code 124): the run has not ended in time; it goes on; run ");
      const [first] = stand.of(START);
      expect((stand.of(LOOK).at(-1)?.at ?? 0) - (first?.at ?? 0)).toBe(240);
      expect(stand.slept().reduce((sum, part) => sum + part, 0)).toBe(240);
      expect(stand.of(CANCEL)).toEqual([]);
      expect(end.stdout.match(/\.\.\. streaming for \d+ s/g)?.length).toBeGreaterThanOrEqual(3);
      // The token has 60 requests a minute, and four other jobs may share it.
      expect(stand.of(LOOK).length).toBeLessThan(36);
    }),
);

shell(
  "mogplex-run.sh ends with the cause when the last look does not work",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      for (const [kind, code] of [["html502", 69], ["429", 75]] as const) {
        stand.emulator.control("clearFaults");
        stand.emulator.control("fault", { kind, route: "GET /runs/*", times: 999, retryAfter: 20 });
        const end = await stand.run(["Fix the tests"], { MOGPLEX_TIMEOUT: "120" });
        expect(end.code).toBe(code);
        expect(last(end)).toContain(`verdict error (exit code ${code}): Cannot read run: HTTP`);
      }
    }),
);

shell(
  "mogplex-run.sh gives up a token that is refused for good, and a run that has gone",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.emulator.control("fault", { kind: "401", route: "GET /runs/*", times: 99 });
      expect((await stand.run(["Fix the tests"])).code).toBe(64);
      expect(stand.of(LOOK)).toHaveLength(3);
      stand.intercept = ({ what }) =>
        LOOK.test(what)
          ? Response.json({ ok: false, error: { code: "NOT_FOUND", message: "Run not found" } }, { status: 404 })
          : undefined;
      const end = await stand.run(["Fix the tests"]);
      expect(end.code).toBe(2);
      expect(last(end)).toContain('Cannot read run: HTTP 404 NOT_FOUND: "Run not found"');
    }),
);

/** Lets the clock of the stand go as the real one does, until the script has ended. */
async function inRealTime<T>(stand: Stand, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => stand.advance(1), 1_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** What the server is silent about, and what the script then ends with. */
const SILENCES: [string, RegExp, string][] = [
  ["starts", START, "Cannot tell whether the run was started: no answer in time"],
  ["looks", LOOK, "Cannot read run: no answer in time"],
];

shell.each(SILENCES)(
  "mogplex-run.sh keeps to its deadline before a server that is silent about %s",
  (_name, silent, words) =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      stand.intercept = ({ what }) => silent.test(what) ? new Promise(() => {}) : undefined;
      const end = await inRealTime(stand, stand.run(["Fix the tests"], { MOGPLEX_TIMEOUT: "2" }));
      expect([end.code, end.stdout + end.stderr]).toEqual([69, expect.stringContaining(words)]);
    }),
);
