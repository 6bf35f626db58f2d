/**
 * Runs a custom pipeline of Bitbucket Pipelines. Source: Bitbucket, "Step options" (`output-variables`), "Final step", "Variables and secrets"; its
 * knowledge base on how the lines of a script are put together. A stop kills what is running and everything after it, final steps aside.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDotenv } from "../../../../unit/hostile/parsers/file_parsers.ts";
import { type Build, type BuildOptions, emptyBuild } from "../../build.ts";
import { copyMatching, type Machine } from "../machine.ts";
import { type Fields, fields, list, parseYaml, text, texts } from "../../../../unit/examples/strict.ts";

const STEP = ["name", "max-time", "script", "artifacts", "output-variables"];

class Pipeline {
  readonly build: Build = emptyBuild();
  readonly #machine: Machine;
  readonly #id: string;
  /** Variables that steps have put out for later ones. */
  readonly #variables: Record<string, string> = {};
  /** What steps have kept for later ones. */
  readonly #kept: string;

  constructor(machine: Machine, { id }: BuildOptions) {
    this.#machine = machine;
    this.#id = id;
    this.#kept = machine.directory();
  }

  async entry(value: unknown): Promise<void> {
    const { step, final } = fields(value, "entry of the pipeline", ["step", "final"]);
    if (final !== undefined) await this.#step(fields(final, "final", STEP));
    else if (this.build.status === "success") await this.#step(fields(step, "step", STEP));
  }

  async #step(step: Fields): Promise<void> {
    const name = text(step.name, "name of a step");
    const cwd = this.#machine.checkout();
    copyMatching(["**"], this.#kept, cwd);
    const written = join(this.#machine.directory(), "variables");
    const { code, stopped } = await this.#machine.run({
      name,
      text: ["set -e", ...texts(step.script, `script of ${name}`)].join("\n"),
      shell: ["bash"],
      env: {
        CI: "true",
        BITBUCKET_COMMIT: "0123456789abcdef0123456789abcdef01234567",
        BITBUCKET_GIT_HTTP_ORIGIN: "https://bitbucket.example/acme/web",
        BITBUCKET_REPO_FULL_NAME: "acme/web",
        BITBUCKET_REPO_UUID: "{00000000-0000-4000-8000-000000000042}",
        BITBUCKET_PIPELINE_UUID: `{${this.#id}}`,
        BITBUCKET_STEP_UUID: `{${crypto.randomUUID()}}`,
        BITBUCKET_STEP_RUN_NUMBER: "1",
        BITBUCKET_CLONE_DIR: cwd,
        BITBUCKET_PIPELINES_VARIABLES_PATH: written,
        MOGPLEX_API_KEY: this.#machine.token,
        ...this.#variables,
      },
      cwd,
    });
    if (stopped) this.build.status = "cancelled";
    else {
      if (code !== 0 && this.build.status === "success") this.build.status = "failed";
      this.build.artifacts.push(...copyMatching(texts(step.artifacts ?? [], `artifacts of ${name}`), cwd, this.#kept));
      this.#putOut(texts(step["output-variables"] ?? [], `output-variables of ${name}`), written);
      // Looked for by itself below directories of some names.
      const report = join(cwd, "test-results/junit.xml");
      if (existsSync(report)) this.build.tests = readFileSync(report, "utf8");
    }
  }

  /** Only variables that the step lists reach later ones. */
  #putOut(names: readonly string[], file: string): void {
    if (!existsSync(file)) return;
    for (const [name, value] of parseDotenv(readFileSync(file, "utf8"))) {
      if (names.includes(name)) this.#variables[name] = this.build.outputs[name] = value;
    }
  }
}

/** Runs the pipeline called `cleanup`. */
export async function runBitbucket(recipe: string, machine: Machine, options: BuildOptions): Promise<Build> {
  const { pipelines } = fields(parseYaml(recipe), "file", ["image", "clone", "pipelines"]);
  const { custom } = fields(pipelines, "pipelines", ["custom"]);
  const { cleanup } = fields(custom, "custom", ["cleanup"]);
  const pipeline = new Pipeline(machine, options);
  for (const entry of list(cleanup, "cleanup")) await pipeline.entry(entry);
  return pipeline.build;
}
