/**
 * For tests of scripts that use this library: the service in process, and a clock that does not wait.
 *
 * @example A run against the service in process
 * ```ts
 * import { createClient } from "@mogplex/ci";
 * import { createEmulator } from "@mogplex/ci/testing";
 *
 * const { token, repos, fetch, close } = createEmulator({ scenario: "agent-failure" });
 * const client = createClient({ url: "https://mogplex.example", token, fetch });
 * console.log((await client.listRepos()).length === repos.length);
 * await close();
 * ```
 *
 * @module
 */
import { type Clock, virtualClock } from "./lib/clock.ts";
import { account } from "./lib/emulator/account.ts";
import { builtInScenarios, SCENARIO_NAMES } from "./lib/emulator/agents/builtin_scenarios.ts";
import { parseScenarios } from "./lib/emulator/agents/scenario.ts";
import { createEmulator as create } from "./lib/emulator/emulator.ts";

export {
  type Clock,
  type SleepOptions,
  type VirtualClock,
  virtualClock,
  type VirtualClockOptions,
} from "./lib/clock.ts";

/** Options of {@linkcode createEmulator}. */
export interface EmulatorOptions {
  /** Source of time, for the service and its limits. @default a virtual clock, which moves to the next sleeper by itself */
  clock?: Clock | undefined;
  /** What runs do: the name of a built-in scenario, or the text of a scenario file. @default {"success"} */
  scenario?: string | undefined;
  /** Most active sandboxes of a user; a run that needs one more fails. The service has 3. @default {undefined} (no limit) */
  sandboxLimit?: number | undefined;
}

/** A service in process. */
export interface Emulator {
  /** Its time. */
  readonly clock: Clock;
  /** A token with both scopes. */
  readonly token: string;
  /** The repositories that the token reaches. */
  readonly repos: readonly { id: string; full_name: string }[];
  /** Sends a request; its type is that of the global `fetch`. Rejects when the connection breaks. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /**
   * Steers the service: see "Control" in `lib/emulator/README.md`.
   *
   * @param action Such as `fault` or `setRepo`.
   * @returns What it made: `{ token }` for `addToken`.
   * @throws {UsageError} for an unknown action or a bad argument.
   */
  control(action: string, args?: Record<string, unknown>): Readonly<Record<string, unknown>>;
  /** Ends commands and streams. */
  close(): Promise<void>;
}

/** Makes a service in process: a user with two tokens and one repository. @throws {UsageError} for a scenario that is none. */
export function createEmulator(options: EmulatorOptions = {}): Emulator {
  const { clock = virtualClock(), scenario = "success", sandboxLimit } = options;
  const isName = (SCENARIO_NAMES as readonly string[]).includes(scenario);
  const scenarios = isName ? builtInScenarios(scenario) : parseScenarios(scenario, "scenario");
  const emulator = create({ clock, scenarios, sandboxLimit });
  const { token, repos } = account(emulator);
  const { fetch, control, close } = emulator;
  return { clock, token, repos, fetch, control, close };
}
