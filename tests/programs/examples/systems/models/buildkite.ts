/**
 * Runs a pipeline of Buildkite with one command step, and its hook. Source: Buildkite, "Command step", "Environment variables", "Job lifecycle
 * hooks", "Agent lifecycle"; buildkite/agent, internal/job/executor.go.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine, readExample } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, textFields, texts } from "../../../../unit/examples/strict.ts";

const STEP = ["label", "key", "secrets", "command", "timeout_in_minutes", "retry"];

/** What `pipeline upload` does with variables: `$$` is a dollar for later, and nothing else is used. */
export function upload(source: string): string {
  if (/(?<!\$)\$(?!\$)/.test(source.replaceAll("$$", ""))) {
    throw new SyntaxError(`The upload replaces a variable: ${source}`);
  }
  return source.replaceAll("$$", "$");
}

/** How a job ended, in the words of the retry rules. */
export interface JobExit {
  /** Code of the command; -1 when it has none. */
  status: number;
  /** `none` when no signal was sent, so also for an agent that was lost. */
  reason: "none" | "cancel" | "agent_stop" | "agent_refused" | "process_run_error";
}

/**
 * How often a job is tried again. A rule without `signal_reason` fits any: -1 is also the status of a cancelled job, and of one whose
 * secret is missing. Source: Buildkite, "Retry", `signal_reason`; its GraphQL type JobEventSignalReason.
 */
export function retriesOf(step: Fields, { status, reason }: JobExit): number {
  const { automatic } = fields(step.retry, "retry", ["automatic"]);
  const rules = list(automatic, "automatic").map((each) =>
    fields(each, "automatic", ["exit_status", "signal_reason", "limit"])
  );
  const fits = rules.find((rule) =>
    rule.exit_status === status && [undefined, reason].includes(rule.signal_reason as never)
  );
  return Number(fits?.limit ?? 0);
}

/** The one step of a pipeline, and its environment. */
export function readStep(recipe: string): { step: Fields; env: Record<string, string> } {
  const { env, steps } = fields(parseYaml(recipe), "pipeline", ["env", "steps"]);
  const [first, ...others] = list(steps, "steps");
  if (others.length > 0) throw new TypeError("The pipeline has more than one step");
  return { step: fields(first, "step", STEP), env: textFields(env, "env") };
}

/** Reads what the hook reported to Buildkite. */
function readCalls(calls: readonly string[], build: Build, cwd: string, to: string): void {
  for (const call of calls) {
    const [, name = "", value = ""] = /^buildkite-agent meta-data set (\w+) (\S+)$/.exec(call) ?? [];
    if (name !== "") build.outputs[name] = value;
    const [, style, summary = ""] = /^buildkite-agent annotate --context mogplex --style (\w+) (.*)$/.exec(call) ?? [];
    if (style !== undefined) build.outputs.annotation = `${style}: ${summary}`;
    const [, paths] = /^buildkite-agent artifact upload (.+)$/.exec(call) ?? [];
    if (paths !== undefined) build.artifacts = copyMatching(paths.split(";"), cwd, to);
  }
}

/** One job, with everything that it is given. */
async function runJob(
  step: Fields,
  machine: Machine,
  common: Record<string, string>,
  build: Build,
): Promise<JobExit> {
  const cwd = machine.checkout();
  const env = { ...common, BUILDKITE_JOB_ID: crypto.randomUUID() };
  const command = texts(step.command, "command").map(upload).join("\n");
  const { code, stopped } = await machine.run({ name: "command", text: command, shell: ["bash", "-e"], env, cwd });
  build.status = stopped ? "cancelled" : code === 0 ? "success" : "failed";
  const after = {
    BUILDKITE_COMMAND_EXIT_STATUS: String(code ?? -1),
    ...(stopped && { BUILDKITE_JOB_CANCELLED: "true" }),
  };
  const hook = readExample("buildkite/hooks/pre-exit");
  const before = machine.calls().length;
  await machine.run({ name: "pre-exit", text: hook, shell: [], env: { ...env, ...after }, cwd });
  readCalls(machine.calls().slice(before), build, cwd, machine.directory());
  const report = join(cwd, "mogplex-ci/junit.xml");
  if (build.artifacts.includes("mogplex-ci/junit.xml")) build.tests = readFileSync(report, "utf8");
  return { status: code ?? -1, reason: stopped ? "cancel" : "none" };
}

/** Runs the one step of a pipeline, and tries it again as it says. */
export async function runBuildkite(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const { step, env } = readStep(recipe);
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
    BUILDKITE_REPO: "git@git.example:acme/web.git",
    ...env,
    ...Object.fromEntries(secrets),
  };
  for (let tries = 1;; tries++) {
    const exit = await runJob(step, machine, { ...common, BUILDKITE_RETRY_COUNT: String(tries - 1) }, build);
    if (build.status === "success" || tries > retriesOf(step, exit)) return build;
  }
}
