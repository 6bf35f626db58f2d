/**
 * The command `mogplex-emulator`.
 *
 * @module
 */
import { systemClock, virtualClock } from "../clock.ts";
import { EXIT } from "../exit_codes.ts";
import { type Flag, type ParsedFlags, parseFlags } from "../flags.ts";
import { type Io, processIo } from "../io.ts";
import { isMain, programArgs, setExitCode } from "../runtime.ts";
import { UsageError } from "../errors.ts";
import { builtInScenario, SCENARIO_NAMES, SCENARIO_TEXTS } from "./agents/builtin_scenarios.ts";
import { parseRandomFaults } from "./wire/faults.ts";
import { InputError, parseFixture } from "./state/fixture.ts";
import { createRevision, type Revision, SWITCHES } from "./state/revision.ts";
import { parseScenario, type Scenario } from "./agents/scenario.ts";
import { type LocalRepo, startEmulator, type StartEmulatorOptions } from "./server.ts";

/** The flags of the command. */
export const FLAGS: readonly Flag[] = [
  { name: "port", value: "PORT", help: "port to listen on; 0 takes a free one (0)" },
  { name: "host", value: "HOST", help: "address to listen on (127.0.0.1)" },
  { name: "fixture", value: "FILE", help: "JSON file with users, tokens, repositories, … (one user, two new tokens)" },
  { name: "repo", value: "OWNER/NAME=PATH", multiple: true, help: "local Git repository; adds or replaces by name" },
  {
    name: "harness",
    value: "NAME=COMMAND",
    multiple: true,
    help: "run COMMAND by sh -c in a working copy for this harness",
  },
  { name: "time-limit", value: "SECONDS", help: "most that a command may take (1800)" },
  {
    name: "scenario",
    value: "NAME|FILE",
    multiple: true,
    help: "scenario to play; the first that fits a run (success)",
  },
  { name: "speed", value: "FACTOR", help: "divide all times of scenarios by FACTOR (1)" },
  { name: "print-scenario", value: "NAME", help: "print a built-in scenario and end" },
  {
    name: "control",
    help: "offer POST /__control/ACTION; runs then stay pending unless a scenario or harness is given",
  },
  { name: "clock", value: "real|virtual", help: "virtual: time moves only by the control action advanceClock (real)" },
  { name: "faults", value: "SPEC", help: "faults at random, as in rate=0.3,kinds=503+reset0+slow" },
  { name: "seed", value: "N", help: "seed of --faults (1)" },
  { name: "server-revision", value: "base|later", help: "which revision of the service (base)" },
  { name: "with", value: "SWITCH", multiple: true, help: "turn one later behaviour on" },
  { name: "without", value: "SWITCH", multiple: true, help: "turn one later behaviour off" },
  { name: "start-limit-scope", value: "token|user", help: "whose starts are counted together (token)" },
  { name: "help", help: "print this" },
];

const NAME = "mogplex-emulator";

/** The text of `--help`. */
export function helpText(): string {
  const left = FLAGS.map((flag) => `--${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`);
  const width = Math.max(...left.map((text) => text.length)) + 2;
  const rows = FLAGS.map((flag, index) => `  ${left[index]?.padEnd(width)}${flag.help}`);
  return [
    `Usage: ${NAME} [flags]`,
    "",
    "Serves a local Mogplex and prints one line of JSON when it is ready: url, token, readOnlyToken, repos.",
    "",
    ...rows,
    "",
    `Scenarios: ${SCENARIO_NAMES.join(", ")}`,
    `Switches: ${SWITCHES.join(", ")}`,
    "",
    `Example: ${NAME} --repo acme/web=./web --harness "codex=npx prettier --write ."`,
    "",
  ].join("\n");
}

function number(flags: ParsedFlags, name: string, valid: (value: number) => boolean): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && valid(value)) return value;
  throw new UsageError(`Cannot parse arguments of ${NAME}: bad value of "--${name}": current value is "${text}"`);
}

function choice<T extends string>(flags: ParsedFlags, name: string, known: readonly T[]): T | undefined {
  const value = flags.get(name);
  if (value === undefined || (known as readonly string[]).includes(value)) return value as T | undefined;
  throw new UsageError(
    `Cannot parse arguments of ${NAME}: "--${name}" must be one of ${known.join(", ")}: current value is "${value}"`,
  );
}

function pair(flags: ParsedFlags, name: string): [string, string][] {
  return flags.all(name).map((text) => {
    const at = text.indexOf("=");
    if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
    throw new UsageError(`Cannot parse arguments of ${NAME}: "--${name}" must have the form NAME=VALUE, not "${text}"`);
  });
}

function readRevision(flags: ParsedFlags): Revision {
  const revision = createRevision(choice(flags, "server-revision", ["base", "later"]));
  for (const [flag, value] of [["with", true], ["without", false]] as const) {
    for (const name of flags.all(flag)) {
      const known = SWITCHES.find((each) => each === name);
      if (known === undefined) {
        throw new UsageError(
          `Cannot parse arguments of ${NAME}: there is no switch "${name}", only ${SWITCHES.join(", ")}`,
        );
      }
      revision[known] = value;
    }
  }
  return revision;
}

function readText(io: Io, path: string): string {
  let text: string | undefined;
  try {
    text = io.readFile(path);
  } catch (error) {
    throw new InputError(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (text === undefined) throw new InputError(`Cannot read "${path}": there is no such file`);
  return text;
}

function readFixture(io: Io, path: string | undefined): StartEmulatorOptions["fixture"] {
  if (path === undefined) return undefined;
  const text = readText(io, path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`Cannot read "${path}": ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  return parseFixture(value, `"${path}"`);
}

function readScenarios(io: Io, flags: ParsedFlags): Scenario[] {
  const names = flags.all("scenario");
  if (names.length === 0) return flags.has("control") ? [] : [builtInScenario("success")];
  return names.map((name) =>
    Object.hasOwn(SCENARIO_TEXTS, name) || !/[./]/.test(name)
      ? builtInScenario(name)
      : parseScenario(readText(io, name), name)
  );
}

function readCommands(flags: ParsedFlags, revision: Revision): Record<string, string> {
  const known = ["codex", "claude-code", ...(revision.mogplexHarness ? ["mogplex"] : [])];
  const commands = pair(flags, "harness");
  const wrong = commands.find(([name]) => !known.includes(name));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot parse arguments of ${NAME}: there is no harness "${wrong[0]}", only ${known.join(", ")}`,
    );
  }
  if (commands.length > 0 && flags.all("repo").length === 0) {
    throw new UsageError(`Cannot parse arguments of ${NAME}: "--harness" needs a "--repo" to work on`);
  }
  return Object.fromEntries(commands);
}

/** Turns the arguments into options. @throws {UsageError | InputError} naming what is wrong. */
export function readOptions(io: Io, flags: ParsedFlags): StartEmulatorOptions {
  const revision = readRevision(flags);
  const seconds = number(flags, "time-limit", (value) => value > 0);
  const faults = flags.get("faults");
  const seed = number(flags, "seed", Number.isSafeInteger) ?? 1;
  const repos: LocalRepo[] = pair(flags, "repo").map(([fullName, path]) => ({ fullName, path }));
  return {
    port: number(flags, "port", (value) => Number.isInteger(value) && value >= 0 && value < 65_536),
    host: flags.get("host"),
    fixture: readFixture(io, flags.get("fixture")),
    clock: choice(flags, "clock", ["real", "virtual"]) === "virtual" ? virtualClock({ auto: false }) : systemClock,
    revision,
    startLimitScope: choice(flags, "start-limit-scope", ["token", "user"]),
    scenarios: readScenarios(io, flags),
    speed: number(flags, "speed", (value) => value > 0),
    randomFaults: faults === undefined ? undefined : parseRandomFaults(faults, seed),
    controlRoutes: flags.has("control"),
    repos,
    commands: readCommands(flags, revision),
    timeLimitMs: seconds === undefined ? undefined : seconds * 1_000,
    onOutput: (text) => io.write("stderr", text),
  };
}

/**
 * Runs the command until it is told to end.
 *
 * @param args Arguments after the program's name.
 * @returns The exit code.
 */
export async function main(args: readonly string[], io: Io): Promise<number> {
  try {
    const flags = await parseFlags(NAME, args, FLAGS);
    if (flags.positionals[0] !== undefined) {
      throw new UsageError(`Cannot parse arguments of ${NAME}: unexpected argument "${flags.positionals[0]}"`);
    }
    if (flags.has("help")) {
      io.write("stdout", helpText());
      return EXIT.success;
    }
    const shown = flags.get("print-scenario");
    if (shown !== undefined) {
      builtInScenario(shown);
      io.write("stdout", SCENARIO_TEXTS[shown]?.trimStart() + "\n");
      return EXIT.success;
    }
    const { url, token, readOnlyToken, repos, close } = await startEmulator(readOptions(io, flags));
    const told = new Promise<() => void>((resolve) => {
      const forget = io.onSignal(() => resolve(forget));
    });
    io.write("stdout", `${JSON.stringify({ url, token, readOnlyToken, repos })}\n`);
    const forget = await told;
    await close();
    forget();
    return EXIT.success;
  } catch (error) {
    io.write("stderr", `error: ${error instanceof Error ? error.message : String(error)}\n`);
    const { code } = error as { code?: unknown };
    const wrongAddress = code === "EADDRINUSE" || code === "EADDRNOTAVAIL" || code === "EACCES" || code === "ENOTFOUND";
    return error instanceof UsageError || error instanceof InputError || wrongAddress ? EXIT.usage : EXIT.internal;
  }
}

void isMain(import.meta).then(async (started) => {
  if (!started) return;
  setExitCode(EXIT.internal);
  setExitCode(await main(programArgs(), await processIo()));
});
