/**
 * The emulator for tests of scripts: scenarios by name, a clock that moves by itself, and the options of a client.
 *
 * @module
 */
import { type Clock, type VirtualClock, virtualClock } from "../clock.ts";
import { checkOptions, type Keys } from "../service/contract.ts";
import { UsageError } from "../errors.ts";
import { builtInScenarios, parseScenarios, type Scenario, SCENARIO_NAMES } from "./agents/scenario.ts";
import { createEmulator, type Emulator } from "./emulator.ts";
import { builtInFixture, withSubProject } from "./state/fixture.ts";
import { firstAccount } from "./service/listings.ts";
import { createRevision } from "./state/store.ts";

export { SCENARIO_NAMES };

/** Options of {@linkcode createTestEmulator}. */
export interface TestEmulatorOptions {
  /**
   * Time, of the service and of the client. One from `virtualClock()` moves to the next sleeper whenever all wait; with `{ auto: false }`
   * only its `advance(ms)` moves it. @default a new `virtualClock()`
   */
  clock?: Clock | undefined;
  /**
   * How runs go: the name of a built-in scenario (see `SCENARIO_NAMES`), or scenarios in YAML; a list for several, of which the first one that
   * fits a run is played. @default {"success"}
   */
  scenario?: string | readonly string[] | undefined;
  /** Names of the repositories, as `owner/name`. @default {["acme/web"]} */
  repos?: readonly string[] | undefined;
  /** `later` has event streams and everything else that newer revisions of the service have. @default {"base"} */
  revision?: "base" | "later" | undefined;
  /**
   * `service` sets what a user meets there: three active sandboxes, each for 15 minutes after its run, and a sub-project in the first
   * repository. @default {undefined} (as quick and as roomy as possible)
   */
  like?: "service" | undefined;
}

/** What a client needs to reach a {@linkcode TestEmulator}: options of `createMogplex()`, and of `run()` and all other calls. */
export interface TestConnection {
  /** A token with both scopes. */
  token: string;
  /** Origin of the emulated service. No socket listens there. */
  url: string;
  /** Answers requests in this process. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** The time of the service. */
  clock: Clock;
  /** No variable is set: tests do not depend on the machine. */
  env: (name: string) => string | undefined;
}

/** A run, as the service sees it. */
export interface TestRun {
  /** UUID. */
  runId: string;
  /** UUID of its repository. */
  repoId: string;
  /** The task that was sent. */
  prompt: string;
  /** Its status now. */
  status: string;
}

/** A Mogplex in this process. */
export interface TestEmulator {
  /** Options of a client. */
  readonly options: TestConnection;
  /** A token that may only read. */
  readonly readOnlyToken: string;
  /** Its repositories. */
  readonly repos: readonly { id: string; full_name: string }[];
  /** Its automations. */
  readonly automations: readonly { id: string; name: string }[];
  /** Runs that were started so far, oldest first. */
  readonly runs: readonly TestRun[];
  /** The virtual clock. @throws {UsageError} when another clock was given. */
  readonly clock: VirtualClock;
  /**
   * A control action of the emulator, such as `fault` with `{ kind: "503", times: 2 }`.
   *
   * @throws {UsageError} for an unknown action or a bad argument.
   */
  control(action: string, args?: Record<string, unknown>): Record<string, unknown>;
  /** Ends streams. Not needed before the process ends. */
  close(): Promise<void>;
}

/** The scenarios of a name or a text in YAML. */
function scenariosOf(scenario: string): Scenario[] {
  return scenario.includes("\n") || scenario.includes(":")
    ? parseScenarios(scenario, "scenario")
    : builtInScenarios(scenario);
}

function runsOf({ world }: Emulator): TestRun[] {
  return [...world.store.runs.values()].map(({ id, repo_id, prompt, status }) => ({
    runId: id,
    repoId: repo_id,
    prompt,
    status,
  }));
}

/**
 * Makes a Mogplex in this process.
 *
 * @param options See {@linkcode TestEmulatorOptions}.
 * @throws {UsageError} for an unknown scenario, or one that cannot be read.
 * @example A run that fails
 * ```ts ignore
 * const service = createEmulator({ scenario: "agent-failure" });
 * const mogplex = createMogplex(service.options);
 * const request = { repoId: service.repos[0].id, prompt: "Fix the flaky tests" };
 * assert.equal((await mogplex.run(request, { throwOnFailure: false })).outcome, "failed");
 * ```
 */
export function createTestEmulator(options: TestEmulatorOptions = {}): TestEmulator {
  const keys: Keys<TestEmulatorOptions> = {
    clock: "object",
    scenario: "any",
    repos: "object",
    revision: "string",
    like: "string",
  };
  checkOptions("create emulator", options, keys);
  const { clock = virtualClock(), scenario = "success", repos, revision = "base", like } = options;
  if (like !== undefined && like !== "service") {
    throw new UsageError({
      attempted: "create emulator",
      why: '`like` must be "service"',
      value: JSON.stringify(like),
    });
  }
  const names = typeof scenario === "string" ? [scenario] : scenario;
  const emulator = createEmulator({
    clock,
    like,
    fixture: like === undefined ? builtInFixture(repos) : withSubProject(builtInFixture(repos)),
    scenarios: names.flatMap(scenariosOf),
    revision: createRevision(revision),
  });
  const { store } = emulator.world;
  const { token = "", readOnlyToken, repos: reached = [] } = firstAccount(emulator.world) ?? {};
  return {
    options: {
      token,
      url: "https://mogplex.test",
      fetch: (url, init) => emulator.fetch(url, init),
      clock,
      env: () => undefined,
    },
    readOnlyToken: readOnlyToken ?? "",
    repos: reached,
    automations: [...store.automations.values()].map(({ id, name }) => ({ id, name })),
    get runs() {
      return runsOf(emulator);
    },
    get clock() {
      if ("advance" in clock) return clock as VirtualClock;
      throw new UsageError({ attempted: "move time", why: "the emulator has a clock that cannot be moved" });
    },
    control: (action, args) => ({ ...emulator.control(action, args as never) }),
    close: () => emulator.close(),
  };
}
