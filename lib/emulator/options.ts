import { type Clock, systemClock, virtualClock } from "../clock.ts";
import { messageOf } from "../error_sentence.ts";
import { UsageError } from "../errors.ts";
import type { Flag, ParsedFlags } from "../flags.ts";
import type { Io } from "../io.ts";
import type { Context } from "hono";
import { checkOptions, type Keys, shown } from "../check_options.ts";
import { builtInScenarios, parseScenarios, type Scenario, SCENARIO_TEXTS } from "./agents/scenario.ts";
import type { RunFacts } from "./agents/schedule.ts";
import type { Contents } from "./state/contents.ts";
import { parseRandomFaults, type RandomFaults } from "./state/faults.ts";
import { builtInFixture, type Fixture, parseFixture, withSubProject } from "./state/fixture.ts";
import { createRevision, type RepoRow, type Revision, type RunRow, SWITCHES } from "./state/store.ts";
import { type Driver, MAX_PROJECTS, type Projects, type World } from "./state/world.ts";
import type { Breaker } from "./wire/faults.ts";
import { type LoggedRequest, requestLine } from "./wire/request.ts";

export interface EmulatorOptions {
  /**
   * `service` sets up what users of the real service have: at most three active sandboxes, sandboxes that stay active for 15 minutes after
   * their runs and, without a fixture, a repository with a sub-project. Other options take precedence. @default no limit on sandboxes, which stop
   * when their runs end
   */
  like?: "service" | undefined;
  fixture?: Fixture | undefined;
  /** Names of the repositories of the built-in fixture, as `owner/name`. @default {["acme/web"]}, or none if there are `projects` */
  repoNames?: readonly string[] | undefined;
  clock?: Clock | undefined;
  /** Behaviors of later revisions to turn on. @default {{}} (the base revision) */
  revision?: Partial<Revision> | undefined;
  /** Whether each token or each user has its own start limit. @default {"token"} */
  startLimitScope?: "token" | "user" | undefined;
  startLimits?: boolean | undefined;
  /**
   * Each run uses the first scenario that matches the run. If no scenario matches, a run stays `pending`, and an automation run stays `running`.
   * @default {[]}
   */
  scenarios?: readonly Scenario[] | undefined;
  sandboxLimit?: number | undefined;
  /** With the switch `stopsSandboxes`, the sandbox of a `createBranch` run stops as soon as the run ends. */
  sandboxLingerMs?: number | undefined;
  /** Additional runs stay `pending` until a read finds a free slot. @default no limit */
  runSlots?: number | undefined;
  /** Many small projects, for the first user with a token that can write. @default {[]} */
  projects?: readonly Projects[] | undefined;
  speed?: number | undefined;
  /**
   * Milliseconds from the start of a run to the last step of its scenario. Takes precedence over `duration` and `speed`, unless the function returns
   * `undefined`. Called once for each run.
   */
  runDuration?: ((run: RunFacts) => number | undefined) | undefined;
  randomFaults?: RandomFaults | undefined;
  faultClock?: Clock | undefined;
  controlRoutes?: boolean | undefined;
  onRequest?: ((request: LoggedRequest) => void) | undefined;
  onUnfit?: ((runId: string) => void) | undefined;
  onScripted?: ((harness: string) => void) | undefined;
  local?: ((world: World) => LocalParts) | undefined;
  breaker?: ((c: Context) => Breaker | undefined) | undefined;
}

export interface LocalParts {
  drivers?: ReadonlyMap<string, Driver> | undefined;
  /** Branches that scripted runs have pushed are not included. @default no branches */
  hasBranch?(run: RunRow, branch: string): boolean;
  contents?(repo: RepoRow): Contents | undefined;
}

export interface LocalRepo {
  /** `owner/name`. */
  fullName: string;
  path: string;
}

export interface StartEmulatorOptions extends Omit<EmulatorOptions, "local" | "breaker"> {
  port?: number | undefined;
  /** Control routes and commands need a loopback address. @default {"127.0.0.1"} */
  host?: string | undefined;
  repos?: readonly LocalRepo[] | undefined;
  commands?: Readonly<Record<string, string>> | undefined;
  environment?: readonly string[] | undefined;
  timeLimitMs?: number | undefined;
  onOutput?: ((text: string) => void) | undefined;
}

export const NAME = "mogplex-emulator";

export const FLAGS: readonly Flag[] = [
  { name: "port", value: "PORT", help: "port to listen on; 0 chooses a free port (0)" },
  { name: "host", value: "HOST", help: "host name or address to listen on (127.0.0.1)" },
  {
    name: "fixture",
    value: "FILE",
    help: "JSON file with users, tokens, repositories and other records (one user, two new tokens)",
  },
  {
    name: "repo",
    value: "OWNER/NAME=PATH",
    multiple: true,
    help: "local Git repository; replaces a repository with the same name in the fixture",
  },
  {
    name: "repos",
    value: "[OWNER=]N",
    multiple: true,
    help:
      "create N small projects, OWNER/project-0001 and so on (OWNER: acme); with --harness, each is a Git repository",
  },
  {
    name: "harness",
    value: "NAME=COMMAND",
    multiple: true,
    help:
      "run sh -c COMMAND in a clone for each run of harness NAME, with the task on standard input; COMMAND must git add new files",
  },
  {
    name: "harness-env",
    value: "NAME",
    multiple: true,
    help: "pass this variable on to commands (always passed: PATH, HOME, LANG, TMPDIR, TERM)",
  },
  {
    name: "like",
    value: "service",
    help: "set --sandbox-limit 3 and --sandbox-linger 900, and add a sub-project (not with --fixture or --repo)",
  },
  {
    name: "sandbox-limit",
    value: "N",
    help: "fail runs if a user would have more than N active sandboxes (no limit; the service's is 3)",
  },
  {
    name: "sandbox-linger",
    value: "SECONDS",
    help: "how long a sandbox stays active after its run has ended (0)",
  },
  {
    name: "run-slots",
    value: "N",
    help:
      "maximum number of active runs of a user; others stay pending (no limit; in the service, it depends on the plan)",
  },
  { name: "time-limit", value: "SECONDS", help: "maximum time for a --harness command (1800)" },
  {
    name: "scenario",
    value: "NAME|FILE",
    multiple: true,
    help: "scenario to play; each run plays the first scenario that matches it (success)",
  },
  { name: "speed", value: "FACTOR", help: "divide all times of scenarios by FACTOR (1)" },
  {
    name: "print-scenario",
    value: "NAME",
    help: "print a built-in scenario and exit",
  },
  {
    name: "control",
    help: "enable POST /__control/ACTION; runs then stay pending without --scenario or --harness",
  },
  { name: "clock", value: "real|virtual", help: "virtual: only the control action advanceClock moves the time (real)" },
  { name: "faults", value: "SPEC", help: "random faults, such as rate=0.3,kinds=503+reset0+slow" },
  { name: "seed", value: "N", help: "seed of the random faults (1)" },
  { name: "server-revision", value: "base|later", help: "revision of the service (base)" },
  { name: "with", value: "SWITCH", multiple: true, help: "turn on a behavior of a later revision" },
  { name: "without", value: "SWITCH", multiple: true, help: "turn off a behavior of a later revision" },
  {
    name: "start-limits",
    value: "on|off",
    help: "off: allow any number of starts (on); programs that start runs also need MOGPLEX_DEV_START_LIMITS=off",
  },
  { name: "start-limit-scope", value: "token|user", help: "whether start limits are per token or per user (token)" },
  { name: "quiet", help: "write only errors and the output of commands to standard error" },
  { name: "help", help: "print this help" },
];

export function readOptions(io: Io, flags: ParsedFlags): StartEmulatorOptions {
  const revision = readRevision(flags);
  const seconds = number(flags, "time-limit", (value) => value > 0, "give a number of seconds above 0");
  const linger = number(flags, "sandbox-linger", (value) => value >= 0, "use 0 seconds or more");
  const faults = flags.get("faults");
  const seed = number(flags, "seed", Number.isSafeInteger, "give a whole number") ?? 1;
  const repos: LocalRepo[] = pair(flags, "repo", "OWNER/NAME=PATH").map(([fullName, path]) => ({ fullName, path }));
  return {
    port: number(flags, "port", isPort, "use a whole number from 0 to 65535"),
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
    sandboxLimit: number(flags, "sandbox-limit", isCount, "use a whole number of 0 or more"),
    sandboxLingerMs: linger === undefined ? undefined : linger * 1_000,
    runSlots: number(flags, "run-slots", (value) => isCount(value) && value > 0, "use a whole number above 0"),
    timeLimitMs: seconds === undefined ? undefined : seconds * 1_000,
    onRequest: flags.has("quiet") ? undefined : (request) => io.write("stderr", `${requestLine(request)}\n`),
    onUnfit: flags.has("quiet")
      ? undefined
      : (runId) => io.write("stderr", `no scenario matches run ${runId}: it stays pending\n`),
    onScripted: flags.has("quiet") ? undefined : (harness) => io.write("stderr", `note: ${scriptedText(harness)}\n`),
    onOutput: (text) => io.write("stderr", text),
  };
}

export function scriptedText(harness: string): string {
  return `there is no command for ${harness}, so a scenario simulates its runs. ` +
    `For a real run, add --harness '${harness}=COMMAND'`;
}

function readRevision(flags: ParsedFlags): Revision {
  const revision = createRevision(choice(flags, "server-revision", ["base", "later"]));
  if (flags.all("harness").length > 0) revision.agentOutput = true;
  for (const [flag, value] of [["with", true], ["without", false]] as const) {
    for (const name of flags.all(flag)) {
      const switchName = SWITCHES.find((each) => each === name);
      if (switchName === undefined) {
        throw badArgument(`there is no switch "${name}"`, `use one of ${SWITCHES.join(", ")}`);
      }
      revision[switchName] = value;
    }
  }
  return revision;
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

function readScenarios(io: Io, flags: ParsedFlags): Scenario[] {
  const names = flags.all("scenario");
  if (names.length === 0) return flags.has("control") ? [] : builtInScenarios("success");
  return names.flatMap((name) => isPath(name) ? parseScenarios(readText(io, name), name) : builtInScenarios(name));
}

function isPath(name: string): boolean {
  return !Object.hasOwn(SCENARIO_TEXTS, name) && /[./]/.test(name);
}

const DEFAULT_OWNER = "acme";

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

function readCommands(flags: ParsedFlags, revision: Revision): Record<string, string> {
  const harnesses = ["codex", "claude-code", ...(revision.mogplexHarness ? ["mogplex"] : [])];
  const commands = pair(flags, "harness", "NAME=COMMAND");
  const wrong = commands.find(([name]) => !harnesses.includes(name));
  if (wrong !== undefined) {
    throw badArgument(`there is no harness "${wrong[0]}"`, `use one of ${harnesses.join(", ")}`);
  }
  if (commands.length > 0 && flags.all("repo").length + flags.all("repos").length === 0) {
    throw badArgument('"--harness" needs a repository to work on', 'add "--repo OWNER/NAME=PATH" or "--repos N"');
  }
  return Object.fromEntries(commands);
}

function readEnvironment(flags: ParsedFlags): string[] {
  const names = flags.all("harness-env");
  const wrong = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined) {
    throw badArgument(
      `"--harness-env" must be the name of a variable: current value is "${wrong}"`,
      "set the variable in your environment, and give only its name",
    );
  }
  return names;
}

const isCount = (value: number) => Number.isSafeInteger(value) && value >= 0;
const isPort = (value: number) => Number.isInteger(value) && value >= 0 && value < 65_536;

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
  throw badArgument(`bad value for "--${name}": current value is "${text}"`, advice);
}

function choice<T extends string>(flags: ParsedFlags, name: string, choices: readonly T[]): T | undefined {
  const value = flags.get(name);
  if (value === undefined || (choices as readonly string[]).includes(value)) return value as T | undefined;
  throw badArgument(`"--${name}" must be one of ${choices.join(", ")}: current value is "${value}"`);
}

function pair(flags: ParsedFlags, name: string, form: string): [string, string][] {
  return flags.all(name).map((text) => {
    const at = text.indexOf("=");
    if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
    throw badArgument(`"--${name}" must have the form ${form}: current value is "${text}"`);
  });
}

function badArgument(why: string, advice?: string): UsageError {
  return new UsageError({ attempted: `parse arguments of ${NAME}`, why, advice });
}

function readText(io: Io, path: string): string {
  let text: string | undefined;
  try {
    text = io.readFile(path, undefined, "follow");
  } catch (error) {
    throw unreadable(path, error);
  }
  if (text === undefined) throw new UsageError({ attempted: `read "${path}"`, why: "there is no such file" });
  return text;
}

function unreadable(path: string, cause: unknown): UsageError {
  const why = messageOf(cause);
  return new UsageError({ attempted: `read "${path}"`, why }, { cause });
}

/** Options for {@linkcode createEmulator}. */
export interface TestEmulatorOptions {
  /**
   * Clock of the service and of the client. A clock from `virtualClock()` moves to the next sleeper whenever everything is waiting; with
   * `{ auto: false }`, it moves only when you call `advance(ms)`. @default a new `virtualClock()`
   */
  clock?: Clock | undefined;
  /**
   * What happens in runs: the name of a built-in scenario (see `SCENARIO_NAMES`), or the text of a scenario in YAML. To use several scenarios, pass a
   * list: each run uses the first scenario that matches the run. A run that no scenario matches stays `pending`: see {@linkcode TestRun}. @default
   * {"success"}
   */
  scenario?: string | readonly string[] | undefined;
  /** Names of the repositories, as `owner/name`. @default {["acme/web"]} */
  repos?: readonly string[] | undefined;
  /** Names of the automations. @default {["Nightly clean-up"]} */
  automations?: readonly string[] | undefined;
  /** How long each run takes, in milliseconds, regardless of its scenario. @default determined by the scenario */
  runMs?: number | undefined;
  /** Maximum number of active sandboxes. A run that needs another sandbox fails. @default no limit; 3 with `like: "service"` */
  sandboxLimit?: number | undefined;
  /** How long a sandbox stays active after its run, in milliseconds. @default {0} (15 minutes with `like: "service"`) */
  sandboxLingerMs?: number | undefined;
  /** With `later`, the service has event streams and all other behaviors of newer revisions. @default {"base"} */
  revision?: "base" | "later" | undefined;
  /**
   * `service` sets up what users of the real service have: at most three active sandboxes, sandboxes that stay active for 15 minutes after
   * their runs, and a sub-project in the first repository. @default no limit on sandboxes, which stop when their runs end, and no sub-project
   */
  like?: "service" | undefined;
}

export function readTestOptions(options: TestEmulatorOptions): EmulatorOptions & { clock: Clock } {
  const keys: Keys<TestEmulatorOptions> = {
    clock: "clock",
    scenario: "any",
    repos: "any",
    automations: "any",
    runMs: "number",
    sandboxLimit: "number",
    sandboxLingerMs: "number",
    revision: "string",
    like: "string",
  };
  checkOptions("create emulator", options, keys);
  const { clock = virtualClock(), scenario = "success", repos, automations, runMs, revision, like } = options;
  const { sandboxLimit, sandboxLingerMs } = options;
  const refuse = (why: string, value: string) => new UsageError({ attempted: "create emulator", why, value });
  for (const [name, value] of Object.entries({ runMs, sandboxLimit, sandboxLingerMs })) {
    if (value === undefined || value >= 0 && Number.isFinite(value)) continue;
    throw refuse(`'${name}' must be 0 or more`, String(value));
  }
  for (const [name, value] of Object.entries({ repos, automations })) {
    if (value === undefined || Array.isArray(value) && value.every((each) => typeof each === "string")) continue;
    throw refuse(`'${name}' must be a list of names`, shown(name, value));
  }
  const unnamed = repos?.find((name) => !/^[^/\s]+(?:\/[^/\s]+)+$/.test(name));
  if (unnamed !== undefined) {
    throw refuse("each name in 'repos' must have the form owner/name", JSON.stringify(unnamed));
  }
  if (repos?.length === 0) throw refuse("'repos' must contain at least one repository", "an empty list");
  if (like !== undefined && like !== "service") throw refuse("'like' must be \"service\"", JSON.stringify(like));
  if (revision !== undefined && revision !== "base" && revision !== "later") {
    throw refuse('\'revision\' must be "base" or "later"', JSON.stringify(revision));
  }
  const names = typeof scenario === "string" ? [scenario] : scenario;
  const fixture = builtInFixture(repos, automations);
  return {
    clock,
    like,
    fixture: like === undefined ? fixture : withSubProject(fixture),
    sandboxLimit,
    sandboxLingerMs,
    ...(runMs !== undefined && { runDuration: () => runMs }),
    scenarios: names.flatMap(scenariosOf),
    revision: createRevision(revision),
  };
}

function scenariosOf(scenario: string): Scenario[] {
  return scenario.includes("\n") || scenario.includes(":")
    ? parseScenarios(scenario, "scenario")
    : builtInScenarios(scenario);
}
