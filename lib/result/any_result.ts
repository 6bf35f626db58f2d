/**
 * The results of all kinds of operations. A new kind adds its result here.
 *
 * @module
 */
import type { AutomationResult } from "./automation_result.ts";
import type { RunResult } from "./run_result.ts";

/** A result of any kind: `kind` says which. */
export type AnyResult = RunResult | AutomationResult;
