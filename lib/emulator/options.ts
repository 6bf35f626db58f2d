/**
 * Flags of the command `mogplex-emulator`, and the options that they make.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { systemClock, virtualClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import type { Flag, ParsedFlags } from "../flags.ts";
import type { Io } from "../io.ts";
import { builtInScenarios, parseScenarios, type Scenario, SCENARIO_TEXTS } from "./agents/scenario.ts";
import {
  type EventRecording,
  MAX_RECORDING_BYTES,
  readRecording,
  type Recording,
  scenarioOf,
} from "./agents/recording.ts";
import type { LocalRepo, StartEmulatorOptions } from "./server.ts";
import { parseFixture } from "./state/fixture.ts";
import { parseRandomFaults } from "./state/faults.ts";
import { MAX_PROJECTS, type Projects } from "./state/world.ts";
import { createRevision, type Revision, SWITCHES } from "./state/store.ts";
import { requestLine } from "./wire/request.ts";

/** Flags of the command. */
export const FLAGS: readonly Flag[] = [
  { name: "port", value: "PORT", help: "port to listen on; 0 takes a free one (0)" },
  { name: "host", value: "HOST", help: "host name or address to listen on (127.0.0.1)" },
  { name: "fixture", value: "FILE", help: "JSON file with users, tokens, repositories, … (one user, two new tokens)" },
  {
    name: "repo",
    value: "OWNER/NAME=PATH",
    multiple: true,
    help: "local Git repository; replaces the one of that name in the fixture",
  },
  {
    name: "repos",
    value: "[OWNER=]N",
    multiple: true,
    help: "N small projects, OWNER/project-0001, … (owner acme), with Git behind them for --harness",
  },
  {
    name: "harness",
    value: "NAME=COMMAND",
    multiple: true,
    help: "run COMMAND with sh -c in a working copy for runs with this harness",
  },
  {
    name: "harness-env",
    value: "NAME",
    multiple: true,
    help: "pass this variable on to commands (PATH, HOME, LANG, TMPDIR and TERM always are)",
  },
  {
    name: "like",
    value: "service",
    help: "the service's limits: --sandbox-limit 3, --sandbox-linger 900, and a repository with a sub-project",
  },
  {
    name: "sandbox-limit",
    value: "N",
    help: "fail runs that need more than N active sandboxes of a user (no limit; the service's is 3)",
  },
  {
    name: "sandbox-linger",
    value: "SECONDS",
    help: "a sandbox stays active this long after its run has ended (0)",
  },
  {
    name: "run-slots",
    value: "N",
    help: "work on at most N runs of a user at the same time, others wait pending (no limit; plans have one)",
  },
  { name: "time-limit", value: "SECONDS", help: "maximum time of a command (1800)" },
  {
    name: "scenario",
    value: "NAME|FILE",
    multiple: true,
    help: "scenario to play; the first one that fits a run plays (success)",
  },
  { name: "speed", value: "FACTOR", help: "divide all times of scenarios by FACTOR (1)" },
  { name: "replay", value: "FILE", help: "play the run of an events.ndjson or result.json again, with its own times" },
  {
    name: "print-scenario",
    value: "NAME|FILE",
    help: "print a built-in scenario, or that of a recorded run, and exit",
  },
  {
    name: "control",
    help: "offer POST /__control/ACTION; runs then stay pending without --scenario or --harness",
  },
  { name: "clock", value: "real|virtual", help: "virtual: only the control action advanceClock moves the time (real)" },
  { name: "faults", value: "SPEC", help: "random faults, as in rate=0.3,kinds=503+reset0+slow" },
  { name: "seed", value: "N", help: "seed of the random faults (1)" },
  { name: "server-revision", value: "base|later", help: "revision of the service (base)" },
  { name: "with", value: "SWITCH", multiple: true, help: "turn a later behaviour on" },
  { name: "without", value: "SWITCH", multiple: true, help: "turn a later behaviour off" },
  {
    name: "start-limits",
    value: "on|off",
    help: "off: any number of starts, to try a whole campaign (on); give the program MOGPLEX_DEV_START_LIMITS=off, too",
  },
  { name: "start-limit-scope", value: "token|user", help: "owner of a start limit (token)" },
  { name: "quiet", help: "write no line for each request to standard error (with exec there are none)" },
  { name: "help", help: "print this help" },
];

/** Owner of projects for which none is named. */
const DEFAULT_OWNER = "acme";

/** Name of the command. */
export const NAME = "mogplex-emulator";

function badArgument(why: string, advice?: string): UsageError {
  return new UsageError({ attempted: `parse arguments of ${NAME}`, why, advice });
}

function number(
  flags: ParsedFlags,
  name: string,
  valid: (value: number) => boolean,
  advice: string,
): number | undefined {
  const text = flags.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && valid(value)) return value;
  throw badArgument(`bad value of "--${name}": current value is "${text}"`, advice);
}

function choice<T extends string>(flags: ParsedFlags, name: string, known: readonly T[]): T | undefined {
  const value = flags.get(name);
  if (value === undefined || (known as readonly string[]).includes(value)) return value as T | undefined;
  throw badArgument(`"--${name}" must be one of ${known.join(", ")}: current value is "${value}"`);
}

function pair(flags: ParsedFlags, name: string): [string, string][] {
  return flags.all(name).map((text) => {
    const at = text.indexOf("=");
    if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
    throw badArgument(`"--${name}" must have the form NAME=VALUE: current value is "${text}"`);
  });
}

function readRevision(flags: ParsedFlags): Revision {
  const revision = createRevision(choice(flags, "server-revision", ["base", "later"]));
  for (const [flag, value] of [["with", true], ["without", false]] as const) {
    for (const name of flags.all(flag)) {
      const known = SWITCHES.find((each) => each === name);
      if (known === undefined) {
        throw badArgument(`there is no switch "${name}"`, `there are ${SWITCHES.join(", ")}`);
      }
      revision[known] = value;
    }
  }
  return revision;
}

function unreadable(path: string, cause: unknown): UsageError {
  const why = messageOf(cause);
  return new UsageError({ attempted: `read "${path}"`, why }, { cause });
}

function readText(io: Io, path: string, maxBytes?: number): string {
  let text: string | undefined;
  try {
    text = io.readFile(path, maxBytes, "follow");
  } catch (error) {
    throw unreadable(path, error);
  }
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

function readFixture(io: Io, path: string | undefined): StartEmulatorOptions["fixture"] {
  if (path === undefined) return undefined;
  const text = readText(io, path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(path, error);
  }
  return parseFixture(value, `"${path}"`);
}

/** Whether a name is a path, and not the name of something built in. */
export function isPath(name: string): boolean {
  return !Object.hasOwn(SCENARIO_TEXTS, name) && /[./]/.test(name);
}

/** The result beside the events of a run; undefined when there is none of that run. */
function resultBeside(io: Io, path: string, { runId }: EventRecording): Recording | undefined {
  const other = path.replace(/[^/]*$/, "result.json");
  try {
    const text = io.readFile(other, MAX_RECORDING_BYTES, "follow") ?? "";
    const result = readRecording(text, other);
    return result.kind === "result" && result.runId !== null && result.runId === runId ? result : undefined;
  } catch {
    // The events are what was asked for.
    return undefined;
  }
}

/**
 * The scenario of a recorded run: of its events, with the end that the result in the same directory tells, or of its result alone.
 *
 * @throws {UsageError} when the file is not a recording.
 */
export function readReplay(io: Io, path: string): Scenario {
  const recording = readRecording(readText(io, path, MAX_RECORDING_BYTES), path);
  const result = recording.kind === "events" ? resultBeside(io, path, recording) : undefined;
  return scenarioOf(recording, path.split("/").at(-1) ?? path, result);
}

function readScenarios(io: Io, flags: ParsedFlags): Scenario[] {
  const names = flags.all("scenario");
  const recorded = flags.get("replay");
  const replay = recorded === undefined ? [] : [readReplay(io, recorded)];
  if (names.length === 0 && replay.length > 0) return replay;
  if (names.length === 0) return flags.has("control") ? [] : builtInScenarios("success");
  const named = names.flatMap((name) =>
    isPath(name) ? parseScenarios(readText(io, name), name) : builtInScenarios(name)
  );
  return [...named, ...replay];
}

function readCommands(flags: ParsedFlags, revision: Revision): Record<string, string> {
  const known = ["codex", "claude-code", ...(revision.mogplexHarness ? ["mogplex"] : [])];
  const commands = pair(flags, "harness");
  const wrong = commands.find(([name]) => !known.includes(name));
  if (wrong !== undefined) {
    throw badArgument(`there is no harness "${wrong[0]}"`, `there are ${known.join(", ")}`);
  }
  if (commands.length > 0 && flags.all("repo").length + flags.all("repos").length === 0) {
    throw badArgument('"--harness" needs a repository to work on', 'add "--repo OWNER/NAME=PATH" or "--repos N"');
  }
  return Object.fromEntries(commands);
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value < 65_536;

/** Projects in bulk: `120`, or `OWNER=120`. */
function readProjects(flags: ParsedFlags): Projects[] {
  return flags.all("repos").map((text) => {
    const [, owner = DEFAULT_OWNER, number = ""] = /^(?:([^=]*)=)?(\d{1,6})$/.exec(text) ?? [];
    const count = Number(number);
    if (owner !== "" && count >= 1 && count <= MAX_PROJECTS) return { owner, count };
    throw badArgument(
      `"--repos" must have the form N or OWNER=N, with N from 1 to ${MAX_PROJECTS}: current value is "${text}"`,
    );
  });
}

function readEnvironment(flags: ParsedFlags): string[] {
  const names = flags.all("harness-env");
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined) {
    throw badArgument(
      `"--harness-env" must be the name of a variable: current value is "${wrong}"`,
      "set the variable itself",
    );
  }
  return names;
}

/** Turns flags into options. @throws {UsageError} naming the bad flag, or the file that cannot be read. */
export function readOptions(io: Io, flags: ParsedFlags): StartEmulatorOptions {
  const revision = readRevision(flags);
  const seconds = number(flags, "time-limit", (value) => value > 0, "give seconds above 0");
  const linger = number(flags, "sandbox-linger", (value) => value >= 0, "give seconds of 0 or more");
  const faults = flags.get("faults");
  const seed = number(flags, "seed", Number.isSafeInteger, "give a whole number") ?? 1;
  const repos: LocalRepo[] = pair(flags, "repo").map(([fullName, path]) => ({ fullName, path }));
  return {
    port: number(flags, "port", isPort, "give a whole number from 0 to 65535"),
    host: flags.get("host"),
    fixture: readFixture(io, flags.get("fixture")),
    like: choice(flags, "like", ["service"]),
    clock: choice(flags, "clock", ["real", "virtual"]) === "virtual" ? virtualClock({ auto: false }) : systemClock,
    revision,
    startLimits: choice(flags, "start-limits", ["on", "off"]) !== "off",
    startLimitScope: choice(flags, "start-limit-scope", ["token", "user"]),
    scenarios: readScenarios(io, flags),
    speed: number(flags, "speed", (value) => value > 0, "give a number above 0"),
    randomFaults: faults === undefined ? undefined : parseRandomFaults(faults, seed),
    controlRoutes: flags.has("control"),
    repos,
    projects: readProjects(flags),
    commands: readCommands(flags, revision),
    environment: readEnvironment(flags),
    sandboxLimit: number(flags, "sandbox-limit", isCount, "give a whole number of 0 or more"),
    sandboxLingerMs: linger === undefined ? undefined : linger * 1_000,
    runSlots: number(flags, "run-slots", (value) => isCount(value) && value > 0, "give a whole number above 0"),
    timeLimitMs: seconds === undefined ? undefined : seconds * 1_000,
    onRequest: flags.has("quiet") ? undefined : (request) => io.write("stderr", `${requestLine(request)}\n`),
    onOutput: (text) => io.write("stderr", text),
  };
}
