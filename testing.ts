/**
 * A Mogplex that runs inside a test process. It follows the service's contract, plays scenarios, and needs neither a socket nor an account.
 * With a virtual clock, an hour of waiting takes only a moment.
 *
 * @example A test that uses the emulator
 * ```ts
 * import { createMogplex } from "@mogplex/ci";
 * import { createEmulator } from "@mogplex/ci/testing";
 *
 * async function outcomeOf(scenario: string): Promise<string> {
 *   const service = createEmulator({ scenario });
 *   const request = { repoId: service.repos[0]?.id ?? "", prompt: "Fix the flaky tests" };
 *   const result = await createMogplex(service.options).run(request, { throwOnFailure: false });
 *   return result.outcome;
 * }
 * if (await outcomeOf("agent-failure") !== "failed") throw new Error("the run did not fail");
 * ```
 *
 * @module
 */
export {
  type Clock,
  type SleepOptions,
  type VirtualClock,
  virtualClock,
  type VirtualClockOptions,
} from "./lib/clock.ts";
export { SCENARIO_NAMES } from "./lib/emulator/agents/scenario.ts";
export {
  createEmulator,
  type TestConnection,
  type TestEmulator,
  type TestNotification,
  type TestRun,
} from "./lib/emulator/emulator.ts";
export type { Fault, FaultKind, PlannedFault } from "./lib/emulator/state/faults.ts";
export type { StartRequest } from "./lib/model.ts";
export type { TestEmulatorOptions } from "./lib/emulator/options.ts";
