import * as z from "zod/mini";
import { type Check, checksState, isOwnCheck } from "../checks.ts";
import type { ChecksState } from "../model.ts";

export function nodesOf<T extends z.core.SomeType>(node: T) {
  return z.object({ nodes: z.nullish(z.array(z.nullable(node))) });
}

export function listOf<T extends z.core.SomeType>(node: T) {
  return z.nullish(z.extend(nodesOf(node), { totalCount: z.nullish(z.int()) }));
}

const text = z.nullish(z.string());
export const CONTEXT = { name: text, status: text, conclusion: text, context: text, state: text };
const contextSchema = z.lazy(() => z.object(CONTEXT));

export const rollupSchema = z.lazy(() => z.object({ state: z.string(), contexts: listOf(contextSchema) }));

/** Use a map, because the keys come from outside. Source: GitHub, GraphQL reference, enums `StatusState` and `CheckConclusionState`. */
const CHECKS = new Map<string, Check["state"]>([
  ["SUCCESS", "green"],
  ["NEUTRAL", "green"],
  ["SKIPPED", "green"],
  ["FAILURE", "red"],
  ["ERROR", "red"],
  ["CANCELLED", "red"],
  ["TIMED_OUT", "red"],
  ["ACTION_REQUIRED", "red"],
  ["STARTUP_FAILURE", "red"],
  ["STALE", "pending"],
  ["PENDING", "pending"],
  ["EXPECTED", "pending"],
]);

type Rollup = z.output<typeof rollupSchema> | null | undefined;

export function checkOf({ name, status, conclusion, context, state }: z.output<typeof contextSchema>): Check {
  if (context) return { name: context, state: CHECKS.get(state ?? "") ?? null };
  // A completed check run has a conclusion.
  const isCompleted = status === "COMPLETED" || Boolean(conclusion);
  return { name: name ?? "", state: isCompleted ? CHECKS.get(conclusion ?? "") ?? null : "pending" };
}

export function rollupState(rollup: Rollup): ChecksState | null {
  if (rollup === null || rollup === undefined) return rollup === null ? "none" : null;
  const whole = CHECKS.get(rollup.state) ?? null;
  const { nodes, totalCount } = rollup.contexts ?? {};
  const checks = (nodes ?? []).map((node) => node === null ? { name: "", state: null } : checkOf(node));
  const isAll = (totalCount ?? checks.length) <= checks.length;
  return isAll && checks.some(({ name }) => isOwnCheck(name)) ? checksState(checks) : whole;
}
