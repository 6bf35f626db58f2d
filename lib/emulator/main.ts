import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { messageOf } from "../error_sentence.ts";
import { MogplexError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { parseFlags } from "../flags.ts";
import { type Io, processIo } from "../io.ts";
import { lookup } from "../lookup.ts";
import { isMain, programArgs, setExitCode, terminalSize } from "../runtime.ts";
import { hangCells } from "../text/cells.ts";
import { builtInScenarios, SCENARIO_NAMES, SCENARIO_TEXTS } from "./agents/scenario.ts";
import { FLAGS, NAME, readOptions, scriptedText, type StartEmulatorOptions } from "./options.ts";
import { type ServedEmulator, startEmulator } from "./server.ts";
import { SWITCHES } from "./state/store.ts";

const EXEC = "exec";

// A token from another source would conflict with the emulator's token, and a repository name would conflict with `MOGPLEX_REPO_ID`.
const REMOVED = ["MOGPLEX_API_KEY_FILE", "MOGPLEX_TOKEN_VARIABLE", "MOGPLEX_REPO"];

/** Source: Node.js, "Common system errors". */
const START_PROBLEMS = new Map([["ENOENT", "there is no such command"], ["EACCES", "it is not executable"]]);

export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const { before, command } = splitExec(args);
    const flags = parseFlags(NAME, before, FLAGS);
    if (flags.positionals[0] !== undefined) {
      throw new UsageError({
        attempted: `parse arguments of ${NAME}`,
        why: `unexpected argument "${flags.positionals[0]}"`,
        advice: "the command accepts only flags",
      });
    }
    if (flags.has("help")) {
      io.write("stdout", helpText());
      return EXIT.success;
    }
    const scenarioName = flags.get("print-scenario");
    if (scenarioName !== undefined) {
      builtInScenarios(scenarioName);
      io.write("stdout", lookup(SCENARIO_TEXTS, scenarioName)?.trimStart() + "\n");
      return EXIT.success;
    }
    const options = readOptions(io, flags);
    if (command === undefined) {
      const served = await startEmulator(options);
      if (!flags.has("quiet")) io.write("stderr", `The page at ${served.url}/ shows runs, events and pull requests\n`);
      await serve(served, io);
      return EXIT.success;
    }
    // The command uses the standard streams, so the agent's output is not printed if it is available as events.
    const onOutput = options.revision?.agentOutput ? undefined : options.onOutput;
    const scripted: string[] = [];
    const onScripted = (harness: string) => void scripted.push(harness);
    const served = await startEmulator({ ...options, onRequest: undefined, onUnfit: undefined, onScripted, onOutput });
    try {
      const code = await runCommand(command, { ...served, startLimits: options.startLimits }, io);
      if (!flags.has("quiet")) {
        noteScripted(options, served, io);
        for (const harness of scripted) writeNote(io, scriptedText(harness));
      }
      return code;
    } finally {
      await served.close();
    }
  } catch (error) {
    io.write("stderr", `error: ${messageOf(error)}\n`);
    return error instanceof MogplexError ? error.exitCode : EXIT.internal;
  }
}

function splitExec(args: readonly string[]): { before: readonly string[]; command: readonly string[] | undefined } {
  if (args[0] !== EXEC) return { before: args, command: undefined };
  const at = args.includes("--") ? args.indexOf("--") : args.length;
  const [before, command] = [args.slice(1, at), args.slice(at + 1)];
  if (before.includes("--help")) return { before, command: undefined };
  if (command.length > 0) return { before, command };
  throw new UsageError({
    attempted: `parse arguments of ${NAME} ${EXEC}`,
    why: "there is no command",
    advice: `write it after two dashes: ${NAME} ${EXEC} [flags] -- COMMAND`,
  });
}

function helpText(): string {
  const names = FLAGS.map((flag) => `--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`);
  const width = Math.max(...names.map((text) => text.length)) + 2;
  const rows = FLAGS.map((flag, index) => `  ${names[index]?.padEnd(width)}${flag.help}`);
  return [
    `Usage: ${NAME} [flags]`,
    `       ${NAME} exec [flags] -- COMMAND [arguments]`,
    "",
    "Serves a local Mogplex. When it is ready, it prints one line of JSON with url, token, readOnlyToken and repos. With",
    "--repos and --harness, the line also contains projects, the directory of their Git repositories.",
    "A page at that URL shows runs, events and pull requests. Requests are logged on standard error.",
    "",
    "exec: serves a local Mogplex while COMMAND runs, and exits with COMMAND's exit code. COMMAND gets MOGPLEX_URL, MOGPLEX_API_KEY,",
    "MOGPLEX_REPO_ID (the first repository), MOGPLEX_DEV=1, and MOGPLEX_DEV_START_LIMITS=off with --start-limits off.",
    "",
    ...rows,
    "",
    `Scenarios: ${SCENARIO_NAMES.join(", ")}`,
    `Switches: ${SWITCHES.join(", ")}`,
    "",
    `Example: ${NAME} --repo acme/web=./web --harness "codex=npx prettier --write ."`,
    `         ${NAME} exec --speed 20 -- node mogplex.mjs run --follow --create-branch "Fix the flaky tests"`,
    "",
  ].join("\n");
}

function noteScripted({ repos = [], commands = {} }: StartEmulatorOptions, { emulator }: ServedEmulator, io: Io): void {
  const [repo] = repos.filter(({ fullName }) => emulator.world.pulls.has(fullName));
  if (repo === undefined || Object.keys(commands).length > 0) return;
  writeNote(
    io,
    `a scenario simulated the run: the repository at ${repo.path} is unchanged, and the pull request is made up. ` +
      "For a real change, add --harness 'codex=COMMAND'",
  );
}

function writeNote(io: Io, text: string): void {
  const size = io.isTerminal("stderr") ? terminalSize() : undefined;
  io.write("stderr", `${hangCells(`note: ${text}`, size?.columns ?? Infinity, 0).join("\n")}\n`);
}

async function serve(served: ServedEmulator, io: Io): Promise<void> {
  const { url, token, readOnlyToken, repos, projects, close } = served;
  const signalled = new Promise<() => void>((resolve) => {
    const forget = io.onSignal(() => resolve(forget));
  });
  io.write("stdout", `${JSON.stringify({ url, token, readOnlyToken, repos, projects })}\n`);
  const forget = await signalled;
  await close();
  forget();
}

function runCommand(command: readonly string[], target: Target, io: Pick<Io, "onSignal">): Promise<number> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", env: commandEnvironment(process.env, target) });
    const forget = io.onSignal((signal) => void child.kill(signal));
    child.once("error", (error: Error & { code?: string }) => {
      forget();
      const why = START_PROBLEMS.get(error.code ?? "") ?? error.message;
      reject(new UsageError({ attempted: `run ${JSON.stringify(program)}`, why }, { cause: error }));
    });
    child.once("exit", (code, signal) => {
      forget();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

interface Target {
  url: string;
  token: string;
  repos: readonly { id: string }[];
  startLimits?: boolean | undefined;
}

function commandEnvironment(
  base: Readonly<Record<string, string | undefined>>,
  { url, token, repos, startLimits = true }: Target,
): Record<string, string | undefined> {
  const environment = Object.fromEntries(Object.entries(base).filter(([name]) => !REMOVED.includes(name)));
  const repo = repos[0] === undefined ? {} : { MOGPLEX_REPO_ID: repos[0].id };
  return {
    ...environment,
    MOGPLEX_DEV: "1",
    MOGPLEX_URL: url,
    MOGPLEX_API_KEY: token,
    ...repo,
    ...withoutProxy(base, new URL(url).hostname),
    ...!startLimits && { MOGPLEX_DEV_START_LIMITS: "off" },
  };
}

/**
 * Variables that exempt the emulator's host from a configured proxy. Otherwise, the token would be sent to the proxy over plain HTTP. Runtimes differ
 * in which of the two variables they read.
 */
function withoutProxy(
  base: Readonly<Record<string, string | undefined>>,
  host: string,
): Record<"NO_PROXY" | "no_proxy", string> {
  const list = [base.NO_PROXY, base.no_proxy, host].filter((entry) => entry).join(",");
  return { NO_PROXY: list, no_proxy: list };
}

if (isMain(import.meta)) {
  setExitCode(EXIT.internal);
  const io = processIo();
  void main(programArgs(), io).then(io.setExitCode);
}
