/** `examples/shell/mogplex-run.sh`: verdicts, refusals, keys, deadlines. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EXIT_TABLE } from "../../../../lib/exit_codes.ts";
import { LOOK, START } from "../../processes/world/recorder.ts";
import { inShell, SCRIPT, type Stand } from "./shell_world.ts";
import { INCOMPLETE, which } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);
/** The comment at the top of the script. */
const HEADER = (readFileSync(SCRIPT, "utf8").split("\nLC_ALL=C")[0] ?? "").replace(/\n# */g, " ");

test.skipIf(which("shellcheck") === undefined)("mogplex-run.sh has nothing that shellcheck finds", () => {
  const { status, stdout } = spawnSync("shellcheck", ["-s", "sh", SCRIPT], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

test("mogplex-run.sh lists the toolkit's exit codes by their names", () => {
  const listed = /Exits with ([^.]+)\./.exec(HEADER)?.[1]?.split(", ").join(", ");
  const codes = EXIT_TABLE.map(({ code, name }) =>
    name === "interrupted" ? "130 SIGINT, 143 SIGTERM" : `${code} ${name}`
  );
  expect(listed).toBe(codes.join(", "));
});

/** Scenario, exit code, words of the verdict. */
const VERDICTS = [
  ["success", 0, "success"],
  ["agent-failure", 1, "failed"],
  ["boot-failure", 1, "failed"],
  ["cancelled-during-boot", 3, "cancelled"],
  ["awaiting-input", 4, "awaiting input: answer the run in the app, or cancel it"],
] as const;

shell.each(VERDICTS)(
  "mogplex-run.sh ends with the verdict of the run (%s, %d)",
  (scenario, code, words) =>
    inShell({ scenario }, async (stand) => {
      const end = await stand.run(["Fix the tests"]);
      const [run] = stand.runs();
      expect({ code: end.code, stderr: end.stderr }).toEqual({ code, stderr: "" });
      const lines = end.stdout.trimEnd().split("\n");
      expect(lines[1]).toBe(`mogplex-run: run ${run?.id}: pending`);
      expect(lines.at(-1)).toBe(`mogplex-run: ${words} (exit code ${code}); run ${run?.id}`);
      expect(stand.of(START)).toHaveLength(1);
      const others = stand.received.map(({ what }) => what)
        .filter((what) => what !== "GET /repos" && !START.test(what) && !LOOK.test(what));
      expect(others).toEqual(scenario === "awaiting-input" ? [] : [`GET /runs/${run?.id}/events`]);
    }),
);

shell(
  "mogplex-run.sh reports that no agent starts when the key belongs to a run that ended before",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const build = (key: string) => stand.run(["Fix it"], { MOGPLEX_IDEMPOTENCY_KEY: key });
      const first = await build("web-nightly/agent");
      const again = await build("web-nightly/agent");
      const next = await build("web-nightly/agent/2");
      const [one, two] = stand.runs();
      expect([first.code, again.code, next.code, stand.runs().length]).toEqual([0, 0, 0, 2]);
      expect([first, next].map(({ stdout, stderr }) => [stdout.split("\n")[1], stderr])).toEqual([
        [`mogplex-run: run ${one?.id}: pending`, ""],
        [`mogplex-run: run ${two?.id}: pending`, ""],
      ]);
      expect([again.stdout.split("\n")[1], again.stderr]).toEqual([
        `mogplex-run: attached to run ${one?.id}: success`,
        'mogplex-run: no agent was started: the key "web-nightly/agent" belongs to this earlier run; ' +
        "for another run, set another MOGPLEX_IDEMPOTENCY_KEY\n",
      ]);
    }),
);

/** The address in the event of a delivery, and what is printed of it. */
const DELIVERIES: readonly (readonly [address: unknown, printed: string | null])[] = [
  ["https://github.com/acme/web-1.x/pull/12345", "https://github.com/acme/web-1.x/pull/12345"],
  ["https://git.example.com/acme/web/pull/1", "https://git.example.com/acme/web/pull/1"],
  ["http://github.com/acme/web/pull/1", null],
  ["http://localhost:8787/acme/web/pull/1", "http://localhost:8787/acme/web/pull/1"],
  ["https://github.com/acme/web/pull/1?a=b", null],
  ["https://user:pass@github.com/acme/web/pull/1", null],
  ["https://github.com/acme/web/pull/1\n::error::x", null],
  ["https://github.com/acme/$(id)/pull/1", null],
  ["https://github.com/acme/web/pull/\u001b[2J1", null],
  [null, null],
  [7, null],
];

shell(
  "mogplex-run.sh prints the address of the pull request, and only one of the expected form",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      for (const [number, [address, printed]] of DELIVERIES.entries()) {
        stand.intercept = ({ what }) =>
          what.endsWith("/events")
            ? Response.json({
              ok: true,
              data: {
                events: [
                  {
                    type: "log",
                    payload: { stage: "git_delivery", pull_request_url: "https://github.com/a/b/pull/9" },
                  },
                  { type: "log", message: "https://github.com/a/b/pull/8", payload: {} },
                  { type: "log", payload: { stage: "git_delivery", pull_request_url: address } },
                  { type: "finished", payload: { stage: "git_delivery", pull_request_url: "https://c.d/a/b/pull/7" } },
                ].slice(typeof address === "string" ? 1 : 2),
              },
            })
            : undefined;
        const { code, stdout, stderr } = await stand.run(["Fix it"], {
          MOGPLEX_IDEMPOTENCY_KEY: `key-${number}`,
        });
        const lines = stdout.split("\n").filter((line) => line.includes("pull request"));
        expect([address, code, stderr, lines]).toEqual([
          address,
          0,
          "",
          printed === null ? [] : [`mogplex-run: pull request ${printed}`],
        ]);
      }
    }),
);

shell(
  "mogplex-run.sh ends with the verdict when the events cannot be read",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.intercept = ({ what }) => what.endsWith("/events") ? new Response("gone", { status: 500 }) : undefined;
      const { code, stdout } = await stand.run(["Fix it"]);
      expect([code, stdout.includes("pull request"), stand.slept().length < 10]).toEqual([0, false, true]);
    }),
);

const NO_RUN = "; no run was started\n";

/** Name, variables, exit code, number of requests, the message. */
const REFUSALS: [string, (stand: Stand) => Record<string, string>, number, number, string][] = [
  ["an empty token", () => ({ MOGPLEX_API_KEY: "" }), 64, 0, "Cannot use MOGPLEX_API_KEY: it is empty, or contains"],
  [
    "a token in two lines",
    () => ({ MOGPLEX_API_KEY: "mog_a\nmog_b" }),
    64,
    0,
    "characters that are not allowed in a token",
  ],
  [
    "a token with a quotation mark",
    () => ({ MOGPLEX_API_KEY: 'mog_a"' }),
    64,
    0,
    "characters that are not allowed in a token",
  ],
  [
    "an unknown token",
    () => ({ MOGPLEX_API_KEY: "mog_nobodyKnowsIt" }),
    64,
    1,
    "the service refuses the token (HTTP 401)",
  ],
  [
    "a token that may only read",
    (s) => ({ MOGPLEX_API_KEY: s.readOnlyToken }),
    65,
    2,
    "the token is not allowed to do this (HTTP 403)",
  ],
  ["no repository", () => ({ MOGPLEX_REPO_ID: "" }), 2, 0, "it must be owner/name, or the id of a repository"],
  ["an unknown name", () => ({ MOGPLEX_REPO_ID: "acme/we" }), 2, 1, "has none of that name, or several"],
  ["an unknown id", () => ({ MOGPLEX_REPO_ID: "8f3a2b1c-0000-4abc-9def-1234567890ab" }), 2, 1, "has none of that name"],
  ["a URL in the repository", () => ({ MOGPLEX_REPO_ID: "a/b&q=c" }), 2, 0, "it must be owner/name"],
  ["plain HTTP", () => ({ MOGPLEX_DEV: "" }), 2, 0, "Cannot use MOGPLEX_URL"],
  [
    "a host that only looks like this one",
    () => ({ MOGPLEX_URL: "http://127.0.0.1.evil.example" }),
    2,
    0,
    "MOGPLEX_URL",
  ],
  ["a port that is a host", () => ({ MOGPLEX_URL: "http://localhost:80.evil.example" }), 2, 0, "MOGPLEX_URL"],
  ["another scheme", () => ({ MOGPLEX_URL: "ftp://mogplex.com" }), 2, 0, "MOGPLEX_URL"],
  ["a path", () => ({ MOGPLEX_URL: "https://mogplex.com/api" }), 2, 0, "MOGPLEX_URL"],
  ["credentials", () => ({ MOGPLEX_URL: "https://me:hunter22@mogplex.com" }), 2, 0, "MOGPLEX_URL"],
  ["two lines of URL", () => ({ MOGPLEX_URL: "https://mogplex.com\nhttps://x" }), 2, 0, "MOGPLEX_URL"],
  ["no time as timeout", () => ({ MOGPLEX_TIMEOUT: "30 min" }), 2, 0, "Cannot use MOGPLEX_TIMEOUT"],
  ["a script as timeout", () => ({ MOGPLEX_TIMEOUT: "x[$(id)]" }), 2, 0, "Cannot use MOGPLEX_TIMEOUT"],
  [
    "the units of a timeout in the wrong order",
    () => ({ MOGPLEX_TIMEOUT: "30m1h" }),
    2,
    0,
    "Cannot use MOGPLEX_TIMEOUT",
  ],
  ["an octal timeout", () => ({ MOGPLEX_TIMEOUT: "08" }), 2, 0, "Cannot use MOGPLEX_TIMEOUT"],
  ["a key in two lines", () => ({ MOGPLEX_IDEMPOTENCY_KEY: "a\nb" }), 2, 0, "at most 200 printable ASCII characters"],
  ["a long key", () => ({ MOGPLEX_IDEMPOTENCY_KEY: "k".repeat(201) }), 2, 0, "at most 200 printable ASCII characters"],
  [
    "no key",
    () => ({ MOGPLEX_IDEMPOTENCY_KEY: "" }),
    2,
    0,
    "Cannot make a key because this is not a GitLab or GitHub job",
  ],
  ["an unknown mode", () => ({ MOGPLEX_WORKING_BRANCH: "a..b" }), 2, 2, "the service refuses the request (HTTP 400)"],
];

shell.each(REFUSALS)(
  "mogplex-run.sh refuses %s",
  (_name, variables, code, requests, words) =>
    inShell({ scenario: "success" }, async (stand) => {
      const end = await stand.run(["Fix the tests"], variables(stand));
      expect([end.code, stand.received.length, stand.runs()]).toEqual([code, requests, []]);
      expect(end.stderr).toContain(words);
      expect(end.stderr).toEndWith(`(exit code ${code})${NO_RUN}`);
    }),
);

shell(
  "mogplex-run.sh prints its usage for --help, and refuses other options: no request is sent",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      for (const option of ["-h", "--help"]) {
        const { code, stdout, stderr } = await stand.run([option], { MOGPLEX_API_KEY: "" });
        expect([code, stderr]).toEqual([0, ""]);
        expect(stdout).toStartWith("Starts a hosted agent run, waits for its end");
        expect(stdout).toContain("\n  A task of several lines: ./mogplex-run.sh - <task.md\n");
        expect(stdout).toEndWith(
          "Prints statuses, ids and the\naddress of the pull request, but no other text from the service.\n",
        );
      }
      for (const option of ["--version", "-x", "--"]) {
        const { code, stderr } = await stand.run([option]);
        expect([code, stderr]).toEqual([
          2,
          "mogplex-run: Cannot use the argument because it looks like an option: give the task, or - to read it from " +
          `standard input (exit code 2)${NO_RUN}`,
        ]);
      }
      expect(stand.received).toEqual([]);
    }),
);

shell("mogplex-run.sh refuses a task that is empty, and a machine without jq", () =>
  inShell({}, async (stand) => {
    for (const stdin of ["", " \n\t"]) {
      expect((await stand.run(["-"], {}, stdin)).stderr).toContain(
        "Cannot start the run: the task is empty (exit code 2)",
      );
    }
    rmSync(join(stand.env.STAND ?? "", "bin/jq"));
    const { code, stderr } = await stand.run(["Fix the tests"]);
    expect([code, stderr]).toEqual([2, `mogplex-run: Cannot send requests: there is no jq (exit code 2)${NO_RUN}`]);
    expect(stand.received).toEqual([]);
  }));

shell(
  "mogplex-run.sh finds a repository by its name in any case, and sends what the variables say",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const variables = {
        MOGPLEX_REPO_ID: "ACME/Web",
        MOGPLEX_HARNESS: "codex",
        MOGPLEX_MODE: "AUTO",
        MOGPLEX_ROOT: "",
      };
      await stand.run([], { ...variables, MOGPLEX_PROMPT: "Fix it" });
      await stand.run(["Fix it"], {
        MOGPLEX_WORKING_BRANCH: "topic",
        MOGPLEX_BASE_BRANCH: "main",
        MOGPLEX_IDEMPOTENCY_KEY: "k2",
      });
      const base = { repoId: stand.repo, prompt: "Fix it" };
      expect(stand.of(START).map(({ body }) => JSON.parse(body))).toEqual([
        { ...base, harness: "codex", mode: "AUTO", createBranch: true },
        { ...base, baseBranch: "main", workingBranch: "topic" },
      ]);
    }),
);

/** Variables of a job, and its key. */
const KEYS: [string, Record<string, string>, string][] = [
  [
    "GitLab",
    { CI_PIPELINE_ID: "7", CI_SERVER_HOST: "gitlab.example", CI_JOB_NAME: "fix: [a, 1/2] ü" },
    "gitlab%2Fgitlab.example%2F7%2Ffix%3A%20%5Ba%2C%201%2F2%5D%20%C3%BC",
  ],
  [
    "GitHub",
    { GITHUB_RUN_ID: "8", GITHUB_REPOSITORY: "acme/web", GITHUB_JOB: "fix" },
    "github%2Facme%2Fweb%2F8%2Ffix",
  ],
  ["a key of its own", { MOGPLEX_IDEMPOTENCY_KEY: "my key %", CI_PIPELINE_ID: "7" }, "my key %"],
];

shell.each(KEYS)(
  "mogplex-run.sh makes its key of pipeline and job: %s",
  (_name, variables, key) =>
    inShell({ scenario: "agent-failure" }, async (stand) => {
      const ends = [];
      for (let count = 0; count < 2; count++) {
        ends.push((await stand.run(["Fix it"], { MOGPLEX_IDEMPOTENCY_KEY: "", ...variables })).code);
      }
      expect([ends, stand.of(START).map((start) => start.key), stand.runs().length]).toEqual([[1, 1], [key, key], 1]);
    }),
);

shell("mogplex-run.sh says that another request has the key", () =>
  inShell({ scenario: "success" }, async (stand) => {
    await stand.run(["Fix the tests"]);
    const { code, stderr } = await stand.run(["Fix the docs"]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("the key belongs to another request (HTTP 409)")]);
  }));

shell(
  "mogplex-run.sh sends the same start again when its answer is lost, and starts one run",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.emulator.control("fault", { kind: "reset0", route: "POST /runs", processed: true });
      const { code, stdout } = await stand.run(["Fix the tests"]);
      expect(code).toBe(0);
      expect(stdout).toContain("Cannot start the run yet (HTTP 000, attempt 1): trying again in 4 s\n");
      const [first, second, ...rest] = stand.of(START);
      expect([second?.key, second?.body, rest, stand.runs().length]).toEqual([first?.key, first?.body, [], 1]);
    }),
);

shell(
  "mogplex-run.sh waits as long as Retry-After says, and ends with 75 at the deadline",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 45 });
      expect((await stand.run(["Fix the tests"])).code).toBe(0);
      expect(stand.slept()[0]).toBe(45);
      stand.emulator.control("fault", { kind: "429", route: "POST /runs", retryAfter: 45, times: 99 });
      const late = await stand.run(["Fix the tests"], { MOGPLEX_TIMEOUT: "2m", MOGPLEX_IDEMPOTENCY_KEY: "k2" });
      expect([late.code, late.stderr]).toEqual([
        75,
        `mogplex-run: Cannot start the run: HTTP 429 (exit code 75)${NO_RUN}`,
      ]);
    }),
);

shell(
  "mogplex-run.sh ends with 124 at the deadline, and the run continues",
  () =>
    inShell({ scenario: "stuck-streaming" }, async (stand) => {
      const { code, stdout } = await stand.run(["Fix the tests"], { MOGPLEX_TIMEOUT: "1m30s" });
      const [run] = stand.runs();
      expect([code, run?.status]).toEqual([124, "streaming"]);
      expect(stdout).toEndWith(
        `the run did not finish in time and continues (exit code 124); run ${run?.id}\n`,
      );
      expect(stand.slept().reduce((sum, seconds) => sum + seconds, 0)).toBe(90);
    }),
);

shell(
  "mogplex-run.sh names the key when nobody knows whether a run was started",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      stand.emulator.control("fault", { kind: "reset0", route: "POST /runs", times: 99 });
      const { code, stderr } = await stand.run(["Fix the tests"]);
      expect([code, stderr]).toEqual([
        69,
        'mogplex-run: Cannot start the run: 20 attempts failed (HTTP 000) (exit code 69); a run may exist: the key "shell-test" finds it\n',
      ]);
    }),
);
