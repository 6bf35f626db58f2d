/** A machine that a CI system runs scripts on: the programs that its image brings, and a checkout of the repository. */
import { built } from "../../../built.ts";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes, sha256 } from "../../../../tools/setup.mjs";
import { type Recorder, startRecorder } from "../../processes/world/recorder.ts";
import { type Ended, launch, type Running, type Service } from "../../processes/world/service.ts";

/** A script that a CI system starts as a separate process. */
export interface Script {
  /** Its name, for messages. */
  name: string;
  text: string;
  /** Line that runs it; the path of its file follows. */
  shell: readonly string[];
  /** Variables that the system and the recipe set. */
  env: Record<string, string>;
  cwd: string;
}

/** A script that was run. */
export interface Done extends Ended {
  name: string;
  /** Whether the system stopped it. */
  stopped: boolean;
}

/** How a CI system stops what is running: resolves with the end of the process as the system sees it. */
export type Stop = (running: Running) => Promise<Ended>;

/** Sends a signal to the process alone. Source: actions/runner and azure-pipelines-agent, ProcessInvoker. */
export function signalled(signal: NodeJS.Signals): Stop {
  return ({ child, ended }) => (process.kill(child.pid as number, signal), ended);
}

/** Sends a signal to all processes of the script. */
export function signalledAll(signal: NodeJS.Signals): Stop {
  return ({ child, ended }) => (process.kill(-(child.pid as number), signal), ended);
}

/** Ends the process that the system has started and leaves behind what that one has started. */
export const leftBehind: Stop = () => Promise.resolve({ code: null, stdout: "", stderr: "" });

/** A machine, and the service behind a recorder. */
export interface Machine {
  /** What goes over the wire. */
  recorder: Recorder;
  /** Token that the secret store of the CI system holds. */
  token: string;
  /** Path of the command under test. */
  command: string;
  /** Text of a recipe with the name of a scenario at the end of its task. */
  recipe(file: string, scenario: string): string;
  directory(): string;
  /** A directory with what `init` has put into the repository. */
  checkout(): string;
  /** SHA-256 of the program that lies in the repository. @default the right one */
  checksum: string;
  /** Runs a script to its end, or stops it while the agent works, if the test asked for that. */
  run(script: Script): Promise<Done>;
  /** Tells it to stop the next script with an agent at work; undefined: let it run. */
  stop: Stop | undefined;
  /** When it stops it. @default an agent is running */
  stopWhen: (running: Running) => Promise<unknown>;
  /** What was run, in order. */
  done: Done[];
  /** Seconds that `sleep` was asked for. */
  slept(): string[];
  /** Stops the next script with an agent at work in a `sleep`, which then does not end by itself. */
  stopAsleep(stop: Stop): void;
  /** Calls of `gh` and `buildkite-agent`, one a line. */
  calls(): string[];
  /** Variables that the administrator of the CI system has set for all jobs. */
  settings: Record<string, string>;
  /** Waits for what was left behind, and ends the recorder. */
  close(): Promise<void>;
}

/** Ends of tasks in the recipes: there the name of a scenario goes in. */
const TASK_ENDS = /(Keep what passes\.|Do not weaken or skip tests\.|open a PR if changes pass\.)/g;
/** The agent works. Before, while its sandbox boots, a cancelled run may come back to life (contract 4). */
const AT_WORK = /Harness run streaming|^triggered automation .*\(running\)$/m;

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

/** Takes what is written to it down, as one line. Source: gh, "gh pr comment": without a token it ends with 4. */
function gh(calls: string): string {
  return `#!/bin/sh
test -n "$GH_TOKEN" || exit 4
echo "gh $*" >> "${calls}"
`;
}

/**
 * Takes down what the hook publishes, one call a line. Source: buildkite/agent, clicommand/annotate.go, meta_data_set.go ("value
 * cannot be empty"), artifact_upload.go.
 */
function buildkiteAgent(calls: string): string {
  return `#!/bin/sh
case "$1 $2" in
  "annotate --context") body="$(cat)"; test -n "$body" || exit 1; set -- "$@" "$(echo "$body" | head -1)" ;;
  "meta-data set") test -n "$4" || exit 1 ;;
  "artifact upload") test $# = 3 || exit 1 ;;
  *) exit 1 ;;
esac
echo "buildkite-agent $*" >> "${calls}"
`;
}

/** Reads a file of \`examples/\`. */
export function readExample(file: string): string {
  return readFileSync(join(root, "examples", file), "utf8");
}

/** Sets a machine up. */
export async function openMachine(service: Service): Promise<Machine> {
  const recorder = await startRecorder(service.url);
  const folder = mkdtempSync(join(service.folder, "machine-"));
  const [bin, sleeps, calls] = [join(folder, "bin"), join(folder, "slept"), join(folder, "calls")];
  mkdirSync(bin);
  for (const file of [sleeps, calls]) writeFileSync(file, "");
  program(join(bin, "gh"), gh(calls));
  program(join(bin, "buildkite-agent"), buildkiteAgent(calls));
  program(join(bin, "node"), `#!/bin/sh\nexec "${runtimes.node}" "$@"\n`);
  program(join(bin, "sleep"), `#!/bin/sh\necho "$1" >> "${sleeps}"\n`);
  const base = { MOGPLEX_URL: recorder.url, MOGPLEX_DEV: "1", HOME: folder };
  const left: Promise<unknown>[] = [];
  const machine: Machine = {
    recorder,
    token: service.token(),
    command: built("mogplex.mjs"),
    stop: undefined,
    stopWhen: (running) => running.seen(AT_WORK),
    done: [],
    settings: {},
    checksum: sha256(readFileSync(built("mogplex.mjs"), "utf8")),
    checkout() {
      const folder = machine.directory();
      mkdirSync(join(folder, "ci"));
      copyFileSync(built("mogplex.mjs"), join(folder, "ci/mogplex.mjs"));
      writeFileSync(join(folder, "ci/mogplex.mjs.sha256"), `${machine.checksum}  mogplex.mjs\n`);
      return folder;
    },
    recipe(file, scenario) {
      return readExample(file).replace(TASK_ENDS, `$1 <${scenario}>`)
        // A key that has the day in it and no more would be one for all tests.
        .replace("weekly-cleanup-$(date", `weekly-cleanup-${scenario}-${crypto.randomUUID()}-$(date`);
    },
    directory: () => mkdtempSync(join(folder, "work-")),
    async run({ name, text, shell, env, cwd }) {
      const file = join(folder, `${machine.done.length}-${crypto.randomUUID()}.sh`);
      program(file, text);
      const PATH = [bin, env.PATH, process.env.PATH].filter(Boolean).join(":");
      const running = launch(["setsid", ...shell, file], { cwd, env: { ...base, ...machine.settings, ...env, PATH } });
      left.push(running.ended);
      const { stop } = machine;
      const over = running.ended.then(() => false);
      const stopped = stop !== undefined &&
        await Promise.race([machine.stopWhen(running).then(() => true, () => over), over]);
      if (stopped) machine.stop = undefined;
      const done = { name, stopped, ...await (stopped ? stop(running) : running.ended) };
      machine.done.push(done);
      return done;
    },
    calls: () => readFileSync(calls, "utf8").split("\n").filter(Boolean),
    stopAsleep(stop) {
      program(join(bin, "sleep"), `#!/bin/sh\necho "$1" >> "${sleeps}"\necho asleep\nexec tail -f /dev/null\n`);
      machine.stop = stop;
      machine.stopWhen = (running) => running.seen(/^asleep$/m);
    },
    slept: () => readFileSync(sleeps, "utf8").split("\n").filter(Boolean),
    async close() {
      await Promise.all(left);
      recorder.close();
    },
  };
  return machine;
}

/** Copies the files of a directory that fit a pattern into another one. */
export function copyMatching(patterns: readonly string[], from: string, to: string): string[] {
  const files = patterns.flatMap((pattern) => [...new Bun.Glob(pattern).scanSync({ cwd: from, dot: true })]).sort();
  for (const file of files) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    writeFileSync(join(to, file), readFileSync(join(from, file)));
  }
  return files;
}

/** Does something on a machine of its own. */
export async function onMachine(service: Service, body: (machine: Machine) => Promise<void>): Promise<void> {
  const machine = await openMachine(service);
  try {
    await body(machine);
  } finally {
    await machine.close();
  }
}
