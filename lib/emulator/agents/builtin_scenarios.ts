/**
 * The built-in scenarios by name.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { lookup } from "../../lookup.ts";
import { parseScenarios, type Scenario } from "./scenario.ts";
import { SCENARIO_NAMES, SCENARIO_TEXTS } from "./scenario_texts.ts";

export { SCENARIO_NAMES, SCENARIO_TEXTS };

/**
 * The scenarios behind a built-in name: one, or those of a set, in order.
 *
 * @throws {UsageError} if nothing has that name.
 */
export function builtInScenarios(name: string): Scenario[] {
  const text = lookup(SCENARIO_TEXTS, name);
  if (text === undefined) {
    throw new UsageError({
      attempted: "find scenario",
      why: `none is called "${name}"`,
      advice: `there are ${SCENARIO_NAMES.join(", ")}`,
    });
  }
  return parseScenarios(text, name).map((scenario) => ({ ...scenario, name: scenario.name ?? name }));
}

/**
 * A built-in scenario by name.
 *
 * @throws {UsageError} if none has that name, or if it is the name of a set.
 */
export function builtInScenario(name: string): Scenario {
  const [scenario, ...more] = builtInScenarios(name);
  if (scenario !== undefined && more.length === 0) return scenario;
  throw new UsageError({
    attempted: "find scenario",
    why: `"${name}" is a set of scenarios`,
    advice: "take all of them with builtInScenarios()",
  });
}
