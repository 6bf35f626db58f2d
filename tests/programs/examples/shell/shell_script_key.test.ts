/** The idempotency keys of `examples/shell/mogplex-run.sh`: the toolkit's own, so that both meet in one run. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { detectPlatform } from "../../../../lib/ci/detect.ts";
import { main } from "../../../../lib/cli/main.ts";
import { virtualClock } from "../../../../lib/clock.ts";
import { deriveKey } from "../../../../lib/run/key.ts";
import { fakeIo } from "../../../unit/cli/fake_io.ts";
import { START } from "../../processes/world/recorder.ts";
import { inShell, type Stand } from "./shell_world.ts";
import { INCOMPLETE, SH } from "./shells.ts";

const shell = test.skipIf(INCOMPLETE);
type Environment = Record<string, string>;

const GITLAB: Environment = {
  GITLAB_CI: "true",
  CI_SERVER_URL: "https://gitlab.example/path/",
  CI_PROJECT_ID: "42",
  CI_PIPELINE_ID: "1001",
  CI_JOB_NAME: 'fix "all" \\ of: ünïcode 1/2',
  CI_NODE_INDEX: "1",
  CI_NODE_TOTAL: "2",
};

const ACT: Environment = {
  ...{ ACT: "true", CI: "true", GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com" },
  ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_RUN_ID: "7", GITHUB_JOB: "fix" },
};

// What the test's own machine decides, and what the script would write to.
const OWN = ["PATH", "HOME", "TMPDIR", "GITHUB_OUTPUT", "MOGPLEX_URL", "MOGPLEX_API_KEY", "MOGPLEX_REPO_ID"];

/** The environments of CI systems, as they are documented, each with its variants. */
function environments(): Environment[] {
  const folder = join(import.meta.dir, "../../../unit/ci/environments");
  return readdirSync(folder).flatMap((file) => {
    const { environment, variants } = JSON.parse(readFileSync(join(folder, file), "utf8")) as {
      environment: Environment;
      variants: { change: Record<string, string | null> }[];
    };
    const all = [{}, ...variants.map(({ change }) => change)].map((change) => ({ ...environment, ...change }));
    return all.map((each) =>
      Object.fromEntries(
        Object.entries(each).filter(([name, value]) => value !== null && !OWN.includes(name)),
      ) as Environment
    );
  });
}

/** The key with which the script starts. */
async function keyOf(stand: Stand, env: Environment): Promise<string> {
  const refused = { ok: false, error: { code: "BAD_REQUEST", message: "no" } };
  stand.intercept = () => Response.json(refused, { status: 400 });
  await stand.run(["Fix the tests"], env);
  return stand.of(START).at(-1)?.key ?? "";
}

async function toolkitKey(stand: Stand, env: Environment): Promise<string> {
  const read = (name: string) => env[name];
  const identity = detectPlatform(read).identity(read);
  const keyPart = env.MOGPLEX_KEY_PART;
  return (await deriveKey({ scope: "pipeline", identity, keyPart, repoId: stand.repo, nowMs: 0 })).key;
}

const ODD = [
  GITLAB,
  { ...GITLAB, MOGPLEX_KEY_PART: 'second "part"' },
  { ...GITLAB, CI_SERVER_URL: "HTTPS://user:secret@GitLab.Example:443//a/?b#c" },
  { ...GITLAB, CI_SERVER_URL: "http://gitlab.example:80" },
  { ...GITLAB, CI_SERVER_URL: "http://gitlab.example:8080" },
  { ...GITLAB, CI_JOB_NAME: "a\ttab, a\rreturn and a\u0001" },
  { CI: "true", MOGPLEX_CI_JOB: "nightly $(id) `id`" },
  ACT,
  { ...ACT, GITHUB_RUN_ID: "1", MOGPLEX_CI_JOB: "nightly" },
];

/** Environments in which a key is derived, by the toolkit's key. */
async function derivedIn(
  stand: Stand,
  environments: readonly Environment[],
): Promise<[key: string, env: Environment][]> {
  const keys = new Map<string, Environment>();
  for (const env of environments) keys.set(await toolkitKey(stand, env), env);
  return [...keys].filter(([key]) => key.startsWith("ci1-"));
}

shell(
  "mogplex-run.sh starts with the key that the toolkit derives",
  () =>
    inShell({}, async (stand) => {
      const derived = await derivedIn(stand, ODD);
      expect(derived.length).toBeGreaterThan(5);
      for (const [key, env] of derived) expect([env, await keyOf(stand, env)]).toEqual([env, key]);
    }),
);

/** The functions of the script without its program, and then what its first argument says. */
const FUNCTIONS = `eval "$(sed '/^# ---- The program/,$d' "$0")"\n. "$1"`;

shell(
  "mogplex-run.sh derives the key that the toolkit derives, on every CI system",
  () =>
    inShell({ shell: { ...SH, line: [...SH.line, "-c", FUNCTIONS] } }, async (stand) => {
      const derived = await derivedIn(stand, environments());
      expect(derived.length).toBeGreaterThan(30);
      const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
      const lines = derived.map(([, env]) => {
        const variables = Object.entries(env).map(([name, value]) => `export ${name}=${quoted(value)};`);
        return `(${variables.join(" ")} repo=${stand.repo}; derive_key; echo "$base_key")\n`;
      });
      writeFileSync(join(stand.cwd, "environments.sh"), lines.join(""));
      const { code, stdout, stderr } = await stand.run(["./environments.sh"]);
      expect([code, stderr]).toEqual([0, ""]);
      const keys = stdout.trimEnd().split("\n");
      expect(derived.map(([, env], index) => [env, keys[index]])).toEqual(derived.map(([key, env]) => [env, key]));
    }),
);

shell(
  "mogplex-run.sh has a random key outside of CI, and in act, which gives every run the same id",
  () =>
    inShell({}, async (stand) => {
      const keys = [
        await keyOf(stand, {}),
        await keyOf(stand, {}),
        await keyOf(stand, { ...ACT, GITHUB_RUN_ID: "1" }),
      ];
      expect(new Set(keys).size).toBe(3);
      for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
      const half = { ...GITLAB, CI: "true", CI_JOB_NAME: "" };
      expect((await stand.run(["Fix the tests"], half)).stderr).toContain(
        "Cannot identify this job: the key is random, so a retry starts another run (MOGPLEX_CI_JOB names the job)",
      );
    }),
);

shell(
  "mogplex-run.sh finds the run that the toolkit has started in the same job, and names MOGPLEX_KEY_PART for another task",
  () =>
    inShell({}, async (stand) => {
      const second: Environment = { MOGPLEX_WORKING_BRANCH: "agent/fix_1", MOGPLEX_KEY_PART: "second" };
      for (const more of [{}, second]) {
        const io = fakeIo({ env: { ...GITLAB, ...more, MOGPLEX_API_KEY: stand.token } });
        const fetch = stand.emulator.fetch.bind(stand.emulator);
        const args = ["run", "--detach", "Fix the tests", "--repo", stand.repo];
        expect(await main(args, io, { fetch, clock: virtualClock() })).toBe(0);
        const env = { ...GITLAB, ...more, MOGPLEX_CREATE_BRANCH: "", MOGPLEX_TIMEOUT: "5" };
        const { stdout } = await stand.run(["Fix the tests"], env);
        expect(stdout).toStartWith(`mogplex-run: matched existing run ${stand.runs().at(-1)?.id} (`);
      }
      expect(stand.runs()).toHaveLength(2);
      const { code, stderr } = await stand.run(["Fix the docs"], GITLAB);
      expect([code, stderr]).toEqual([2, expect.stringContaining("another MOGPLEX_KEY_PART makes another key")]);
    }),
);

shell(
  "mogplex-run.sh attaches to the live run of an earlier attempt, and to one that succeeded",
  () =>
    inShell({ scenario: "success" }, async (stand) => {
      const first = await stand.run(["Fix the tests"], { ...GITLAB, MOGPLEX_TIMEOUT: "5" });
      const second = await stand.run(["Fix the tests"], GITLAB);
      const third = await stand.run(["Fix the tests"], GITLAB);
      const [run] = stand.runs();
      expect([first.code, second.code, third.code, stand.runs().length]).toEqual([124, 0, 0, 1]);
      expect(second.stdout).toStartWith(`mogplex-run: matched existing run ${run?.id} (`);
      expect(third.stdout).toStartWith(`mogplex-run: matched existing run ${run?.id} (success)\n`);
    }),
);

shell(
  "mogplex-run.sh starts afresh in place of the dead run of an earlier attempt, and gives up after five",
  () =>
    inShell({ scenario: "agent-failure", speed: 100 }, async (stand) => {
      const codes: (number | null)[] = [];
      for (let attempt = 1; attempt <= 6; attempt++) {
        codes.push((await stand.run(["Fix the tests"], GITLAB)).code);
      }
      expect(codes).toEqual([1, 1, 1, 1, 1, 1]);
      expect(stand.runs()).toHaveLength(5);
      const [key = ""] = stand.of(START).map((each) => each.key);
      expect(new Set(stand.of(START).map((each) => each.key))).toEqual(
        new Set([key, `${key}.2`, `${key}.3`, `${key}.4`, `${key}.5`]),
      );
    }),
);

shell(
  "mogplex-run.sh takes the dead run of its own lost start for its own",
  () =>
    inShell({ scenario: "boot-failure" }, async (stand) => {
      stand.emulator.control("fault", { kind: "reset0", route: "POST /runs", processed: true });
      stand.intercept = ({ what }) => {
        // The sandbox fails while the script waits.
        if (START.test(what) && stand.of(START).length === 2) stand.advance(13);
        return undefined;
      };
      const end = await stand.run(["Fix the tests"], GITLAB);
      expect({ code: end.code, runs: stand.runs().length }).toEqual({ code: 1, runs: 1 });
    }),
);

shell(
  "mogplex-run.sh ends with 69 when the queue was down, and starts no second run",
  () =>
    inShell({ scenario: "queue-failure" }, async (stand) => {
      const end = await stand.run(["Fix the tests"], GITLAB);
      expect({ code: end.code, runs: stand.runs().length }).toEqual({ code: 69, runs: 1 });
      expect(end.stderr).toContain("the service was in trouble, and failed run ");
    }),
);
