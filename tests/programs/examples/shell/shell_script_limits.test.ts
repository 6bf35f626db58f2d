/** What stops `examples/shell/mogplex-run.sh`: its deadline, on the real clock, and signals on a terminal. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { detectPlatform, platformVariables } from "../../../../lib/platforms/detect.ts";
import { CANCEL, LOOK, START, until } from "../../processes/world/stage.ts";
import { inEvery, inTurn, SCRIPT, type Stand } from "./shell_world.ts";
import { INCOMPLETE, which } from "./shells.ts";

setDefaultTimeout(60_000);

const shell = test.skipIf(INCOMPLETE);

/** Lets the clock of the stand go as the real one does, until the script has ended. */
async function inRealTime<T>(stand: Stand, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => stand.advance(1), 1_000);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** What the silent server is silent about, what the script then ends with, and after how many seconds at most. */
const SILENCES: [string, RegExp, Record<string, string>, number, string][] = [
  ["starts", START, {}, 7.5, "Cannot tell whether the run was started: no answer in time"],
  ["looks", LOOK, {}, 7.5, "Cannot read run: no answer in time"],
  [
    "looks and cancels",
    /runs\/./,
    { MOGPLEX_ON_TIMEOUT: "cancel" },
    17.5,
    "it may go on, as it could not be cancelled",
  ],
];

shell.each(SILENCES)(
  "mogplex-run.sh keeps to its deadline before a server that is silent about %s",
  (_name, silent, variables, seconds, words) =>
    inTurn({ scenario: "stuck-streaming" }, async (stand, shell) => {
      stand.intercept = ({ what }) => silent.test(what) ? new Promise(() => {}) : undefined;
      const before = performance.now();
      const end = await inRealTime(stand, stand.run(shell, ["Fix the tests"], { MOGPLEX_TIMEOUT: "6", ...variables }));
      expect([end.code, end.stdout + end.stderr]).toEqual([69, expect.stringContaining(words)]);
      expect((performance.now() - before) / 1_000).toBeLessThan(seconds);
    }),
);

const BUILDKITE = { BUILDKITE: "true", CI: "true" };
/** Variables, whether the script cancels at SIGTERM, and how its reason ends. */
const TERMINALS: [string, Record<string, string>, boolean, string][] = [
  ["nowhere", {}, false, "Stopped by SIGTERM; the run goes on (last seen: streaming); run "],
  ["Buildkite", BUILDKITE, true, "; the run is cancelled; run "],
  ["act", { GITHUB_ACTIONS: "true", ACT: "true" }, true, "; the run is cancelled; run "],
  ["TravisCI", { TRAVIS: "true" }, true, "; the run is cancelled; run "],
  ["an unknown system", { CI: "1" }, true, "; the run is cancelled; run "],
  ["a machine where CI is false", { CI: "false" }, false, "the run goes on (last seen: streaming); run "],
];

test.skipIf(INCOMPLETE || which("script") === undefined).each(TERMINALS)(
  "mogplex-run.sh takes a terminal for a person's only outside of CI (%s)",
  (_name, variables, cancelled, words) =>
    inEvery({ scenario: "stuck-streaming" }, async (stand, shell) => {
      stand.intercept = ({ what }) => {
        // It has seen the run at work, and looks again.
        return LOOK.test(what) && stand.runs()[0]?.status === "streaming" && stand.of(LOOK).length > 4
          ? new Promise(() => {})
          : undefined;
      };
      const running = stand.launch({ ...shell, terminal: true }, ["Fix the tests"], variables);
      await until("it looks", () => stand.of(LOOK).length > 4);
      const child = execFileSync("ps", ["-o", "pid=", "--ppid", String(running.child.pid)], { encoding: "utf8" });
      process.kill(Number(child), "SIGTERM");
      const { stdout } = await running.ended;
      expect([stdout, stand.of(CANCEL).length]).toEqual([expect.stringContaining(words), cancelled ? 1 : 0]);
    }),
);

test("mogplex-run.sh knows the CI systems that the toolkit knows", () => {
  const source = readFileSync(SCRIPT, "utf8");
  const named = /^CI_VARIABLES='([^']+)'/m.exec(source)?.[1]?.trim().split(/\s+/) ?? [];
  const rows = /<<'SYSTEMS'\n([\s\S]*?)\nSYSTEMS/.exec(source)?.[1]?.split("\n") ?? [];
  const marks = rows.map((row) => row.split(" ")[0] ?? "").filter((mark) => !mark.includes("="));
  const known = platformVariables().filter((name) => detectPlatform((each) => each === name ? "1" : undefined).isCi);
  expect([...new Set([...named, ...marks, "CI"])].sort()).toEqual(known);
});

shell(
  "mogplex-run.sh takes no key of a pipeline from act, which counts no runs",
  () =>
    inTurn({ scenario: "success" }, async (stand, shell) => {
      const act = {
        ...{ ACT: "true", CI: "true", GITHUB_ACTIONS: "true", GITHUB_SERVER_URL: "https://github.com" },
        ...{ GITHUB_REPOSITORY: "acme/web", GITHUB_RUN_ID: "1", GITHUB_JOB: "fix" },
      };
      await stand.run(shell, ["Fix the tests"], act);
      await stand.run(shell, ["Fix the tests"], { ...act, MOGPLEX_KEY_SCOPE: "pipeline" });
      const [randomKey, pipelineKey] = stand.of(START).map(({ key }) => key);
      expect(randomKey).toMatch(/^[0-9a-f]{32}$/);
      expect(pipelineKey).toMatch(/^ci1-[0-9a-f]{40}$/);
    }),
);
