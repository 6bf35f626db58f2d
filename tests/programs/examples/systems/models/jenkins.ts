/**
 * Runs a declarative pipeline of Jenkins with one stage. Source: Jenkins, "Pipeline syntax", "Using environment variables"; the step `sh` runs
 * `/bin/sh -xe`; an abort sends SIGTERM to all processes of the step.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  blockOf,
  readStatements,
  shape,
  type Statement,
  textOf,
} from "../../../../unit/examples/systems/models/blocks.ts";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Done, type Machine } from "../machine.ts";

const RESULTS = { success: "SUCCESS", failed: "FAILURE", cancelled: "ABORTED" };

class Stage {
  readonly build: Build = emptyBuild();
  readonly #machine: Machine;
  readonly #cwd: string;
  #env: Record<string, string>;

  constructor(machine: Machine, env: Record<string, string>) {
    this.#machine = machine;
    this.#cwd = machine.checkout();
    this.#env = env;
  }

  /** Runs steps; those of the stage end with the first that fails. */
  async steps(statements: readonly Statement[], always = false): Promise<void> {
    for (const statement of statements) {
      if (!always && this.build.status !== "success") return;
      await this.#step(statement);
    }
  }

  async #step(statement: Statement): Promise<void> {
    const form = shape(statement);
    if (form === 'sh "…"') return void await this.#sh(statement);
    if (form === 'withEnv ( [ "…" ] )') return await this.#withEnv(statement);
    if (form === "script") return await this.steps(statement.body ?? [], true);
    if (form === 'currentBuild.description = sh ( returnStdout : true , script : "…" ) . trim ( )') {
      const { stdout } = await this.#sh(statement);
      this.build.outputs.description = stdout.trim();
      return;
    }
    const texts = statement.tokens.filter(({ kind }) => kind === "text").map(({ value }) => value);
    if (form === 'junit allowEmptyResults : true , testResults : "…"') {
      const report = join(this.#cwd, texts[0] ?? "");
      if (existsSync(report)) this.build.tests = readFileSync(report, "utf8");
    } else if (form === 'archiveArtifacts allowEmptyArchive : true , artifacts : "…" , excludes : "…"') {
      const files = copyMatching([texts[0] ?? ""], this.#cwd, this.#machine.directory());
      this.build.artifacts = files.filter((file) => file !== texts[1]);
    } else throw new SyntaxError(`Unknown step: ${form}`);
  }

  async #withEnv(statement: Statement): Promise<void> {
    const { value, quotes } = textOf(statement);
    const result = value.replace("${currentBuild.currentResult}", RESULTS[this.build.status]);
    const [, name = "", own = ""] = /^(\w+)=([A-Z]+)$/.exec(result) ?? [];
    if (quotes !== '"' || name === "") throw new SyntaxError(`Cannot put into the environment: ${value}`);
    const before = this.#env;
    this.#env = { ...before, [name]: own };
    await this.steps(statement.body ?? [], true);
    this.#env = before;
  }

  async #sh(statement: Statement): Promise<Done> {
    const { value, quotes } = textOf(statement);
    // Groovy puts its own variables into texts with double quotes.
    if (quotes.startsWith('"')) throw new SyntaxError("A script is in double quotes");
    const script = { name: "sh", text: value, shell: ["sh", "-xe"], env: this.#env, cwd: this.#cwd };
    const done = await this.#machine.run(script);
    const { code, stopped } = done;
    if (this.build.status === "success") this.build.status = stopped ? "cancelled" : code === 0 ? "success" : "failed";
    return done;
  }
}

function readEnvironment(statements: readonly Statement[], token: string): Record<string, string> {
  return Object.fromEntries(statements.map((statement) => {
    const { value, quotes } = textOf(statement);
    const name = statement.tokens[0]?.value ?? "";
    if (shape(statement) === `${name} = credentials ( "…" )` && value === "mogplex-api-key") return [name, token];
    if (shape(statement) !== `${name} = "…"` || quotes !== "'") throw new SyntaxError(`Unknown: ${shape(statement)}`);
    return [name, value];
  }));
}

/** Statements of a block, all of which are known. */
function onlyKnown(statements: readonly Statement[], known: readonly string[]): readonly Statement[] {
  const other = statements.find(({ tokens }) => !known.includes(tokens[0]?.value ?? ""));
  if (other !== undefined) throw new SyntaxError(`Unknown section: ${shape(other)}`);
  return statements;
}

/** Runs the one stage of a pipeline. */
export async function runJenkins(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const sections = ["agent", "triggers", "options", "environment", "stages"];
  const pipeline = onlyKnown(blockOf(readStatements(recipe), "pipeline"), sections);
  const environment = readEnvironment(blockOf(pipeline, "environment"), machine.token);
  const stages = blockOf(pipeline, "stages");
  const stage = onlyKnown(blockOf(stages, 'stage ( "…" )'), ["steps", "post"]);
  const env = {
    JENKINS_URL: "https://jenkins.example/",
    JOB_NAME: "acme/web",
    BUILD_ID: id,
    BUILD_NUMBER: id,
    STAGE_NAME: textOf(stages[0] as Statement).value,
    GIT_URL: "https://git.example/acme/web.git",
    ...environment,
  };
  const running = new Stage(machine, env);
  await running.steps(blockOf(stage, "steps"));
  await running.steps(blockOf(blockOf(stage, "post"), "always"), true);
  return running.build;
}
