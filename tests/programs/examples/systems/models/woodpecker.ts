/**
 * Runs a workflow of Woodpecker. Source: Woodpecker, "Workflow syntax", "Environment variables"; woodpecker,
 * pipeline/frontend/yaml/compiler and pipeline/backend/docker: a cancelled pipeline kills its containers, and nothing runs after it.
 */
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import type { Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields, texts } from "../../../../unit/examples/strict.ts";

/** Variables of a step; a mapping names a secret. */
function environmentOf(step: Fields, token: string): Record<string, string> {
  const entries = Object.entries((step.environment ?? {}) as Record<string, unknown>);
  return textFields(
    Object.fromEntries(entries.map(([name, value]) => {
      if (typeof value !== "object") return [name, value];
      const { from_secret: secret } = fields(value, name, ["from_secret"]);
      const values: Record<string, string | undefined> = { mogplex_api_key: token };
      if (values[String(secret)] === undefined) throw new ReferenceError(`There is no secret called ${secret}`);
      return [name, values[String(secret)]];
    })),
    "environment",
  );
}

/** What the preprocessor leaves to the shell: `$${` is its way to write `${`. Source: Woodpecker, "Environment variables". */
function preprocess(commands: string): string {
  if (/(?<!\$)\$\{/.test(commands)) throw new SyntaxError("The commands have an expression of the preprocessor");
  return commands.replaceAll("$${", "${");
}

/** Whether a step runs after what was before it: only after success, unless `when` lists another status. */
function isDue(step: Fields, { status }: Build): boolean {
  const wanted = list(step.when ?? [{ status: ["success"] }], "when")
    .flatMap((each) => texts(fields(each, "when", ["status"]).status, "status"));
  // A cancelled pipeline runs nothing more.
  return status === "success" ? wanted.includes("success") : status === "failed" && wanted.includes("failure");
}

/** Runs the steps of a workflow, which share their workspace. */
export async function runWoodpecker(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const { steps } = fields(parseYaml(recipe), "workflow", ["when", "steps"]);
  const build = emptyBuild();
  const cwd = machine.checkout();
  for (const each of list(steps, "steps")) {
    const step = fields(each, "step", ["name", "image", "environment", "commands", "when"]);
    if (isDue(step, build)) await runStep(step, machine, id, build, cwd);
  }
  return build;
}

async function runStep(step: Fields, machine: Machine, id: string, build: Build, cwd: string): Promise<void> {
  const { code, stopped } = await machine.run({
    name: text(step.name, "name"),
    text: preprocess(texts(step.commands, "commands").join("\n")),
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
      ...environmentOf(step, machine.token),
    },
    cwd,
  });
  if (stopped) build.status = "cancelled";
  else if (code !== 0) build.status = "failed";
}
