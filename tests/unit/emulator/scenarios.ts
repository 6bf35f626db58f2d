/**
 * One scenario where a test plays one.
 *
 * @module
 */
import {
  builtInScenarios,
  parseScenarios,
  type Scenario,
  SCENARIO_NAMES,
} from "../../../lib/emulator/agents/scenario.ts";

/** The scenario of a text. @param name Name of the file in messages. */
export function parseScenario(text: string, name: string): Scenario {
  return only(parseScenarios(text, name), name);
}

/** The scenario of a built-in name that is not the name of a set. */
export function builtInScenario(name: string): Scenario {
  return only(builtInScenarios(name), name);
}

/**
 * `success` on a branch that the forge has, which the local Mogplex does not know of: the delivery names this branch.
 *
 * @param branch Where the agent has pushed to. @default the branch of the start
 * @param changed Whether it says that the agent has changed something.
 */
export function delivering(branch = "${working}", changed: boolean | null = true): Scenario {
  const [before = "", delivery = ""] = JSON.stringify(builtInScenario("success")).split('"stage":"git_delivery"');
  const told = delivery.replace('"changed":true', `"changed":${changed}`)
    .replace('"working_branch":"${branch}"', `"working_branch":"${branch}"`);
  return JSON.parse(`${before}"stage":"git_delivery"${told}`);
}

/** The built-in names that stand for one scenario, not for a set. */
export const SINGLE_NAMES: readonly string[] = SCENARIO_NAMES.filter((name) => builtInScenarios(name).length === 1);

function only([scenario, ...more]: readonly Scenario[], name: string): Scenario {
  if (scenario === undefined || more.length > 0) throw new Error(`${name} has ${more.length + 1} scenarios, not one`);
  return scenario;
}
