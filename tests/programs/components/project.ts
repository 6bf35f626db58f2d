/** A GitLab project that includes our components, and pipelines of it run by `gitlab-ci-local` with its shell executor. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { root, runtimes } from "../../../tools/setup.mjs";
import { built } from "../../built.ts";
import { REPO } from "../processes/world/service.ts";

/** Whether this machine can run pipelines: gitlab-ci-local copies files with rsync. */
export const CAN_RUN = spawnSync("rsync", ["--version"], { stdio: "ignore" }).status === 0;

/** Address of the project, as GitLab would have it. */
export const ORIGIN = "https://gitlab.example.com/acme/ci.git";

// Runtimes, which an image has one of.
const NOT_IN_IMAGES = /^(node|nodejs|npm|npx|bun|bunx|deno)$/;

/**
 * The `bash` of an image. Bash reads a script that it gets through a socket byte by byte, a third of a second for one of our components, and
 * reads a file in blocks. Commands of the script still find the rest of it in their input, as in GitLab.
 */
const BASH = `#!/usr/bin/bash
[ $# -eq 0 ] || exec -a bash /usr/bin/bash "$@"
script=$(mktemp) && cat >"$script" && exec <"$script" && rm "$script" && exec -a bash /usr/bin/bash
`;

/** A folder that holds one runtime, and what this machine has beside runtimes: the `PATH` of a job. */
export function imageOf(folder: string, runtime: keyof typeof runtimes | "none"): string {
  const bin = join(folder, `image-${runtime}`);
  if (existsSync(bin)) return bin;
  mkdirSync(bin, { recursive: true });
  for (const name of readdirSync("/usr/bin")) {
    if (!NOT_IN_IMAGES.test(name) && name !== "bash") symlinkSync(join("/usr/bin", name), join(bin, name));
  }
  writeFiles(bin, { bash: BASH });
  chmodSync(join(bin, "bash"), 0o755);
  if (runtime !== "none") symlinkSync(runtimes[runtime], join(bin, runtime));
  return bin;
}

/** Templates as this checkout builds them, for example `templates/run.yml`: files of the components' project. */
export function templateFiles(...paths: string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, readFileSync(built(path), "utf8")]));
}

/** Writes files below a folder; those that end in `.sh` can be run. */
export function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    if (name.endsWith(".sh")) chmodSync(path, 0o755);
  }
}

/** Runs Git under a made-up name. Returns what it printed. */
export function git(cwd: string, ...args: string[]): string {
  const who = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"];
  const { status, stdout, stderr } = spawnSync("git", [...who, ...args], { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot run git ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}

/** Commits everything, the way a runner's clone would have it. Returns the commit. */
export function commitAll(cwd: string, origin: string = ORIGIN): string {
  if (!existsSync(join(cwd, ".git"))) {
    git(cwd, "init", "-q", "-b", "main");
    git(cwd, "remote", "add", "origin", origin);
  }
  git(cwd, "add", "-A");
  git(cwd, "commit", "-q", "--allow-empty", "-m", "Change");
  git(cwd, "update-ref", "refs/remotes/origin/main", "HEAD");
  git(cwd, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main");
  return git(cwd, "rev-parse", "HEAD");
}

/** One job of a pipeline, as it ended. */
export interface JobEnd {
  /** Exit code of its script. */
  code: number;
  /** Its color in the pipeline. */
  color: "green" | "yellow" | "red";
  /** Its log, without the name in front of each line. */
  log: string;
  /** Path of its artifacts. */
  artifacts: string;
  /** Text of one of its artifacts. */
  artifact(path: string): string;
}

/** A pipeline that has run. */
export interface Pipeline {
  /** Everything that was printed. */
  text: string;
  /** Jobs by name. */
  jobs: Record<string, JobEnd>;
}

/** How a pipeline is run. */
export interface PipelineOptions {
  /** `PATH` of the jobs. */
  image: string;
  /** Project variables. */
  variables: Readonly<Record<string, string>>;
  /** Only this job, which keeps the id of the last pipeline: what GitLab does when a job is retried. @default all jobs */
  retry?: string | undefined;
  /** More arguments. @default [] */
  args?: readonly string[];
  /** Called with each piece of output while it runs. @default {undefined} */
  onText?: ((text: string) => void) | undefined;
  /** Whether the pipeline is checked against the editor's schema, which takes longer than two jobs. @default {false} */
  isChecked?: boolean;
}

function variableArgs(variables: Readonly<Record<string, string>>): string[] {
  return Object.entries(variables).flatMap(([name, value]) => ["--variable", `${name}=${value}`]);
}

function jobEnd(cwd: string, text: string, name: string): JobEnd {
  const lines = text.split("\n").filter((line) => line.startsWith(`${name} `)).map((line) =>
    line.slice(name.length + 1)
  );
  const finished = lines.find((line) => / finished in |^finished in /.test(line)) ?? "";
  const [, word = "", failed = "0"] = /\b(FAIL|WARN) (\d+)/.exec(finished) ?? [];
  if (finished === "") throw new Error(`Cannot find the end of job "${name}" in:\n${text.slice(-3000)}`);
  const artifacts = join(cwd, ".gitlab-ci-local/artifacts", name);
  return {
    code: Number(failed),
    color: word === "FAIL" ? "red" : word === "WARN" ? "yellow" : "green",
    log: lines.join("\n"),
    artifacts,
    artifact: (path) => readFileSync(join(artifacts, path), "utf8"),
  };
}

const PACKAGE = join(root, "node_modules/gitlab-ci-local");

/**
 * The program with Bun in one file, since Node 20 lacks what it needs. Compiled, it starts in half the time. Kept in `node_modules/.cache`;
 * what lies in a project (`.env`, `bunfig.toml`, `tsconfig.json`) changes nothing in it.
 */
export function compiledGitlabCiLocal(): string {
  const cache = join(root, "node_modules/.cache");
  const { version } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8"));
  const path = join(cache, `gitlab-ci-local-${version}-bun-${Bun.version}`);
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  // Files of tests that run at the same time may both build it.
  const made = join(mkdtempSync(join(cache, "building-")), "gitlab-ci-local");
  const flags = [
    "--compile",
    "--bytecode",
    "--format=esm",
    "--no-compile-autoload-dotenv",
    "--no-compile-autoload-bunfig",
  ];
  const line = ["build", ...flags, `--outfile=${made}`, join(PACKAGE, "dist/index.js")];
  const { status, stderr } = spawnSync(runtimes.bun, line, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Cannot compile gitlab-ci-local: ${stderr}`);
  renameSync(made, path);
  rmSync(dirname(made), { recursive: true });
  return path;
}

const FLAGS = [
  "--force-shell-executor",
  "--no-artifacts-to-source",
  "--concurrency",
  "1",
  "--max-job-name-padding",
  "0",
];
/** GitLab accepts an empty list of tags, the editor's schema does not. */
const CHECK = ["--ignore-schema-paths", "#/definitions/tags/minItems"];

/** Runs `gitlab-ci-local` and returns what it printed. */
export async function gitlabCiLocal(cwd: string, options: PipelineOptions): Promise<string> {
  const { image, variables, retry, args = [], onText, isChecked = false } = options;
  const check = isChecked ? CHECK : ["--no-json-schema-validation"];
  const line = [
    ...FLAGS,
    ...check,
    ...variableArgs(variables),
    ...args,
    ...(retry === undefined ? [] : [retry]),
  ];
  const env = { PATH: image, HOME: cwd, NO_COLOR: "1" };
  const child = spawn(compiledGitlabCiLocal(), line, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      onText?.(chunk);
    });
  }
  await once(child, "close");
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");
}

/** Runs a pipeline, or one job of it. */
export async function runPipeline(cwd: string, options: PipelineOptions): Promise<Pipeline> {
  const text = await gitlabCiLocal(cwd, options);
  const names = [...text.matchAll(/^(.+) starting shell/gm)].map((match) => match[1] as string);
  return { text, jobs: Object.fromEntries(names.map((name) => [name, jobEnd(cwd, text, name)])) };
}

/** Arguments that set predefined variables as a server would. */
export function predefined(values: Readonly<Record<string, string>>): string[] {
  return [...variableArgs(values), "--ignore-predefined-vars", Object.keys(values).join(",")];
}

/** A new project with our components and its own pipeline. */
export function newProject(
  folder: string,
  name: string,
  files: Readonly<Record<string, string>>,
  origin: string = ORIGIN,
): string {
  const cwd = mkdtempSync(join(folder, `${name}-`));
  writeFiles(cwd, files);
  commitAll(cwd, origin);
  return cwd;
}

/** Removes what jobs left in the checkout, as a runner does before the next job. */
export function cleanCheckout(cwd: string): void {
  git(cwd, "clean", "-fdxq", "-e", ".gitlab-ci-local");
}

/** The include of a component at the commit under test. Its job runs in every pipeline, unless the inputs have other rules. */
export function include(component: string, inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const rules = [{ when: "on_success" }];
  return {
    component: `$CI_SERVER_FQDN/$CI_PROJECT_PATH/${component}@$CI_COMMIT_SHA`,
    inputs: { rules, ...inputs },
  };
}

/**
 * Variables of a project that uses an emulator on this machine. To gitlab-ci-local every project has the same id and begins with the
 * same pipeline, so that their keys need another part.
 */
export function projectVariables(url: string, token: string): Record<string, string> {
  return {
    MOGPLEX_DEV: "1",
    MOGPLEX_URL: url,
    MOGPLEX_REPO_ID: REPO,
    MOGPLEX_API_KEY: token,
    MOGPLEX_KEY_PART: crypto.randomUUID(),
  };
}
