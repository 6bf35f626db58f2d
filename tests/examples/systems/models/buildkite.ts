/**
 * Runs a pipeline of Buildkite with one command step, and its hook. Source: Buildkite, "Command step", "Environment variables", "Job lifecycle
 * hooks", "Agent lifecycle"; buildkite/agent, internal/job/executor.go.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { REPO } from "../../../processes/service.ts";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine, readExample } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields, texts } from "../../strict.ts";

const STEP = ["label", "key", "secrets", "command", "timeout_in_minutes", "artifact_paths", "retry"];

/** What `pipeline upload` does with variables: `$$` is a dollar for later, and nothing else is used. */
function upload(source: string): string {
  if (/(?<!\$)\$(?!\$)/.test(source.replaceAll("$$", ""))) {
    throw new SyntaxError(`The upload replaces a variable: ${source}`);
  }
  return source.replaceAll("$$", "$");
}

/** How often a job is tried again that ended with a code. */
function retriesOf(step: Fields, code: number | null): number {
  const { automatic } = fields(step.retry, "retry", ["automatic"]);
  const rules = list(automatic, "automatic").map((each) => fields(each, "automatic", ["exit_status", "limit"]));
  return Number(rules.find(({ exit_status: status }) => status === code)?.limit ?? 0);
}

/** One job, with everything that it is given. */
async function runJob(
  step: Fields,
  machine: Machine,
  common: Record<string, string>,
  build: Build,
): Promise<number | null> {
  const cwd = machine.directory();
  const env = { ...common, BUILDKITE_JOB_ID: crypto.randomUUID() };
  const command = texts(step.command, "command").map(upload).join("\n");
  const { code, stopped } = await machine.run({ name: "command", text: command, shell: ["bash", "-e"], env, cwd });
  build.status = stopped ? "cancelled" : code === 0 ? "success" : "failed";
  build.artifacts = copyMatching(texts(step.artifact_paths, "artifact_paths"), cwd, machine.directory());
  const report = join(cwd, "mogplex-ci/junit.xml");
  if (existsSync(report)) build.tests = readFileSync(report, "utf8");
  const after = {
    BUILDKITE_COMMAND_EXIT_STATUS: String(code ?? -1),
    ...(stopped && { BUILDKITE_JOB_CANCELLED: "true" }),
  };
  const hook = readExample("buildkite/hooks/pre-exit");
  await machine.run({ name: "pre-exit", text: hook, shell: [], env: { ...env, ...after }, cwd });
  return code;
}

/** Runs the one step of a pipeline, and tries it again as it says. */
export async function runBuildkite(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const { env, steps } = fields(parseYaml(recipe), "pipeline", ["env", "steps"]);
  const [first, ...others] = list(steps, "steps");
  if (others.length > 0) throw new TypeError("The pipeline has more than one step");
  const step = fields(first, "step", STEP);
  const secrets = texts(step.secrets, "secrets").map((name) => [name, machine.token]);
  const build = emptyBuild();
  const common = {
    CI: "true",
    BUILDKITE: "true",
    BUILDKITE_BUILD_URL: "https://buildkite.example/acme/web/builds/1",
    BUILDKITE_ORGANIZATION_SLUG: "acme",
    BUILDKITE_PIPELINE_SLUG: "web",
    BUILDKITE_BUILD_ID: id,
    BUILDKITE_STEP_KEY: text(step.key, "key"),
    BUILDKITE_LABEL: text(step.label, "label"),
    MOGPLEX_REPO_ID: REPO,
    ...textFields(env, "env"),
    ...Object.fromEntries(secrets),
  };
  for (let tries = 1;; tries++) {
    const code = await runJob(step, machine, { ...common, BUILDKITE_RETRY_COUNT: String(tries - 1) }, build);
    if (build.status !== "failed" || tries > retriesOf(step, code)) return build;
  }
}
