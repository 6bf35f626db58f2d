/**
 * Runs a build configuration of TeamCity from its settings in Kotlin. Source: TeamCity, "Kotlin DSL", "Build steps", execution policy, "Build
 * parameters". A stopped build has its processes killed; steps that always run still do.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  blockOf,
  readStatements,
  shape,
  type Statement,
  textOf,
  type Token,
} from "../../../../unit/examples/systems/models/blocks.ts";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine } from "../machine.ts";

/** The value of a text: constants of the file in it, indentation off. */
function resolve({ value, quotes }: Token, constants: ReadonlyMap<string, string>): string {
  const filled = value.replace(/\$\{'\$'\}|\$(\w*)/g, (all, name: string | undefined) => {
    // Source: Kotlin, "Strings", multiline strings: there `${'$'}` is the way to write a dollar.
    if (name === undefined) return "$";
    const constant = constants.get(name);
    if (constant === undefined) throw new ReferenceError(`Kotlin knows no ${all}`);
    return constant;
  });
  return quotes === '"""' ? filled.trim().split("\n").map((line) => line.trim()).join("\n") : filled;
}

/** The statement `name = …`. */
function assignment(statements: readonly Statement[], name: string): Statement | undefined {
  return statements.find((each) => shape(each).startsWith(`${name} = `));
}

function readConstants(statements: readonly Statement[]): Map<string, string> {
  const values = statements.filter(({ tokens }) => tokens[0]?.value === "val");
  return new Map(values.map((each) => [each.tokens[1]?.value ?? "", textOf(each).value]));
}

/** Environment of the steps: parameters whose name says so. */
function readParameters(statements: readonly Statement[], given: Record<string, string>): Record<string, string> {
  return Object.fromEntries(statements.map((statement) => {
    const [name, value] = statement.tokens.filter(({ kind }) => kind === "text").map((token) => token.value);
    if (shape(statement) !== 'param ( "…" , "…" )' || !name?.startsWith("env.") || value === undefined) {
      throw new SyntaxError(`Unknown parameter: ${shape(statement)}`);
    }
    const resolved = value.replace(/%(.*?)%/g, (all, reference: string) => {
      if (given[reference] === undefined) throw new ReferenceError(`There is no parameter ${all}`);
      return given[reference];
    });
    return [name.slice("env.".length), resolved];
  }));
}

/** Files that the rules of the artifacts keep. */
function keep(rules: string, cwd: string, to: string): string[] {
  const lines = rules.split("\n");
  const excluded = lines.filter((line) => line.startsWith("-:")).map((line) => line.slice(2));
  const included = lines.filter((line) => line.startsWith("+:")).map((line) => `${line.slice(2).split(" => ")[0]}/**`);
  if (excluded.length + included.length !== lines.length) throw new SyntaxError(`Unknown rule: ${rules}`);
  return copyMatching(included, cwd, to).filter((file) => !excluded.includes(file));
}

/** Runs the build configuration. */
export async function runTeamcity(recipe: string, machine: Machine, { id }: BuildOptions): Promise<Build> {
  const file = readStatements(recipe);
  const constants = readConstants(file);
  const configuration = blockOf(file, "object Cleanup : BuildType ( )");
  const given = { "mogplex.api.key": machine.token, "vcsroot.url": "https://git.example/acme/web.git" };
  const env = {
    TEAMCITY_VERSION: "2025.03",
    TEAMCITY_PROJECT_NAME: "Web",
    TEAMCITY_BUILDCONF_NAME: textOf(assignment(configuration, "name") as Statement).value,
    BUILD_NUMBER: id,
    BUILD_URL: `https://teamcity.example/build/${id}`,
    ...readParameters(blockOf(configuration, "params"), given),
  };
  const cwd = machine.checkout();
  const build = emptyBuild();
  for (const step of blockOf(configuration, "steps")) {
    const body = blockOf([step], "script");
    const mode = assignment(body, "executionMode");
    if (mode !== undefined && shape(mode) !== "executionMode = BuildStep.ExecutionMode.ALWAYS") {
      throw new SyntaxError("Unknown mode");
    }
    if (mode === undefined && build.status !== "success") continue;
    const { code, stopped } = await machine.run({
      name: textOf(assignment(body, "name") as Statement).value,
      text: resolve(textOf(assignment(body, "scriptContent") as Statement), constants),
      shell: ["sh"],
      env,
      cwd,
    });
    if (build.status === "success") build.status = stopped ? "cancelled" : code === 0 ? "success" : "failed";
  }
  const rules = resolve(textOf(assignment(configuration, "artifactRules") as Statement), constants);
  build.artifacts = keep(rules, cwd, machine.directory());
  const reports =
    textOf(assignment(blockOf(blockOf(configuration, "features"), "xmlReport"), "rules") as Statement).value;
  const report = join(cwd, reports.replace(/^\+:/, ""));
  if (existsSync(report)) build.tests = readFileSync(report, "utf8");
  return build;
}
