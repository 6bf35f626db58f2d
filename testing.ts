/**
 * A Mogplex in the process of a test: it obeys the contract of the service, plays scenarios, and needs no socket and no account. With a
 * virtual clock an hour of waiting takes moments.
 *
 * @example A test of one's own
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
