/**
 * A JavaScript action in the workspace, as GitHub's runner starts it: one process for its step, and one at the end of the job. Source:
 * actions/runner, ActionRunner.cs, NodeScriptActionHandler.cs and Handler.cs; GitHub, "Metadata syntax reference".
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Fields, fields, parseYaml, text, textFields } from "../../../../unit/examples/strict.ts";
import { interpolate, type Scope, type Value } from "../../../../unit/examples/systems/models/github_expressions.ts";

const METADATA = ["name", "description", "author", "branding", "inputs", "outputs", "runs"];
const RUNS = ["using", "main", "post", "post-if"];
/** Contexts that a default may use. Source: actions/runner, action_yaml.json, `input-default-context`. */
const DEFAULT_CONTEXTS = ["github", "strategy", "matrix", "job", "runner"];

/** A stage of an action. */
export type Stage = "main" | "post";

/** An action that was read. */
export interface JsAction {
  /** Path of the program of a stage. */
  program(stage: Stage): string;
  /** Names of its outputs. */
  outputs: string[];
  /** Variables of its inputs, evaluated at this moment: the runner does that for each stage. */
  inputs(given: unknown, scope: Scope): Record<string, string>;
}

/** What a default may see: a property that the event lacks is empty, and a job without a matrix has none. */
function defaultScope({ contexts, status }: Scope): Scope {
  const seen = Object.fromEntries(DEFAULT_CONTEXTS.map((name) => [name, contexts[name] ?? null]));
  const github = seen.github as Record<string, Value>;
  const event = github.event as Record<string, Value>;
  const matrix = Object.keys((seen.matrix as object | null) ?? {}).length === 0 ? null : seen.matrix as Value;
  return {
    contexts: { ...seen, matrix, github: { ...github, event: { pull_request: { number: "" }, ...event } } },
    status,
  };
}

/** Reads the action of a step. @param uses Its path below the workspace, as `./action`. */
export function readJsAction(uses: string, workspace: string): JsAction {
  const folder = join(workspace, uses);
  const metadata = fields(parseYaml(readFileSync(join(folder, "action.yml"), "utf8")), uses, METADATA);
  const runs = fields(metadata.runs, `${uses}: runs`, RUNS);
  if (!["node20", "node24"].includes(text(runs.using, "using"))) throw new TypeError("The runner has no such Node");
  if (runs["post-if"] !== "always()") throw new TypeError("The post step would not run whatever became of the job");
  const declared = Object.entries(metadata.inputs as Fields).map(([name, input]) =>
    [name, fields(input, name, ["description", "required", "default"])] as const
  );
  for (const [name, { description }] of declared) {
    // The runner evaluates expressions there as well, and fails the job.
    if (text(description, name).includes("${{")) throw new TypeError(`The description of ${name} has an expression`);
  }
  return {
    program(stage) {
      const path = join(folder, text(runs[stage], stage));
      if (!existsSync(path)) throw new TypeError(`There is no ${path}`);
      return path;
    },
    outputs: Object.keys(metadata.outputs as Fields),
    inputs(given, scope) {
      const own = textFields(given, `with of ${uses}`);
      const strange = Object.keys(own).find((name) => !declared.some(([known]) => known === name));
      if (strange !== undefined) throw new TypeError(`Unexpected input "${strange}"`);
      return Object.fromEntries(declared.map(([name, input]) => {
        const value = own[name];
        const evaluated = value === undefined
          ? interpolate(text(input.default, name), defaultScope(scope))
          : interpolate(value, scope);
        return [`INPUT_${name.replaceAll(" ", "_").toUpperCase()}`, evaluated];
      }));
    },
  };
}
