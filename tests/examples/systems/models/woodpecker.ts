/**
 * Runs a workflow of Woodpecker with one step. Source: Woodpecker, "Workflow syntax", "Environment variables"; woodpecker,
 * pipeline/frontend/yaml/compiler and pipeline/backend/docker: a cancelled pipeline kills its containers, and nothing runs after it.
 */
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import type { Machine } from "../machine.ts";
import { fields, list, parseYaml, text, textFields, texts } from "../../strict.ts";

/** Runs the one step of a workflow. */
export async function runWoodpecker(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const { steps } = fields(parseYaml(recipe), "workflow", ["when", "skip_clone", "steps"]);
  const [first, ...others] = list(steps, "steps");
  if (others.length > 0) throw new TypeError("The workflow has more than one step");
  const step = fields(first, "step", ["name", "image", "environment", "commands"]);
  const { MOGPLEX_API_KEY, ...own } = step.environment as Record<string, unknown>;
  const { from_secret: secret } = fields(MOGPLEX_API_KEY, "MOGPLEX_API_KEY", ["from_secret"]);
  if (secret !== "mogplex_api_key") throw new ReferenceError(`There is no secret called ${secret}`);
  const commands = texts(step.commands, "commands").join("\n");
  // Replaced before any shell sees it.
  if (commands.includes("${")) throw new SyntaxError("The commands have an expression of the preprocessor");
  const build = emptyBuild();
  const { code, stopped } = await machine.run({
    name: text(step.name, "name"),
    text: commands,
    shell: ["sh", "-e"],
    env: {
      CI: "woodpecker",
      CI_SYSTEM_URL: "https://woodpecker.example",
      CI_REPO: "acme/web",
      CI_PIPELINE_NUMBER: id,
      CI_PIPELINE_CREATED: "1764007200",
      CI_WORKFLOW_NAME: "cleanup",
      CI_WORKFLOW_NUMBER: "1",
      CI_STEP_NAME: text(step.name, "name"),
      MOGPLEX_API_KEY: machine.token,
      ...textFields(own, "environment"),
    },
    cwd: machine.directory(),
  });
  build.status = stopped ? "cancelled" : code === 0 ? "success" : "failed";
  return build;
}
