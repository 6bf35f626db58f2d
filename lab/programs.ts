import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { root, runtimes, sha256 } from "../tools/setup.mjs";
import { MissingError } from "./check.ts";

/** Outside the checkout, so that all checkouts of this user share the programs. */
const LAB_FOLDER = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mogplex-lab");

export interface Program {
  name: string;
  version(): string;
  isHere(): boolean;
  provide(): string;
}

export function commandPath(name: string): string | undefined {
  return (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, name)).find((path) => existsSync(path));
}

const INSTALL_MS = 600_000;

interface InstallOptions {
  cwd?: string;
  env?: Record<string, string>;
  timeout?: number;
}

function install(what: string, line: readonly string[], options: InstallOptions = {}): string {
  const { cwd, env = {}, timeout = INSTALL_MS } = options;
  const [program = "", ...args] = line;
  if (commandPath(program) === undefined && !existsSync(program)) {
    throw new MissingError(`${what}: its installer ${program} is not here`);
  }
  const { status, stderr, stdout } = spawnSync(program, args, {
    cwd,
    encoding: "utf8",
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout,
  });
  if (status === 0) return stdout;
  const said = `${stderr}${stdout}`.trim().split("\n").slice(-2).join(" ").slice(0, 300);
  throw new MissingError(`${what}: ${program} ended with ${status}: ${said}`);
}

interface Installed {
  name: string;
  version: string;
  folder: string;
  file: string;
  make(part: string): string;
}

function installed({ name, version, folder, file, make }: Installed): Program {
  const path = join(folder, file);
  // Another checkout may install the same program in the meantime.
  const part = `${folder}.${process.pid}.part`;
  // A failed installation is not repeated for each experiment.
  let failure: MissingError | undefined;
  return {
    name,
    version: () => version,
    isHere: () => existsSync(path),
    provide() {
      if (existsSync(path)) return path;
      if (failure !== undefined) throw failure;
      mkdirSync(part, { recursive: true });
      try {
        const made = make(part);
        if (made !== folder && !existsSync(path)) {
          rmSync(folder, { recursive: true, force: true });
          renameSync(made, folder);
        }
      } catch (error) {
        if (error instanceof MissingError) failure = error;
        throw error;
      } finally {
        rmSync(part, { recursive: true, force: true });
      }
      if (!existsSync(path)) throw new MissingError(`${name} ${version}: its installer made no ${path}`);
      return path;
    },
  };
}

export function goProgram(name: string, module: string, version: string, file: string = name): Program {
  const folder = join(LAB_FOLDER, `${name}-${version}`);
  return installed({
    ...{ name, version, folder, file },
    make(part) {
      // The module cache stays writable, so that users can delete it.
      const env = { GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local", GOBIN: part };
      install(`${name} ${version}`, ["go", "install", `${module}@${version}`], { env });
      return part;
    },
  });
}

/** The source of a Go module that cannot be built from public modules alone. `provide` returns its folder. */
export function goSource(name: string, module: string, version: string, query: string): Program {
  const folder = join(LAB_FOLDER, `${name.replaceAll(" ", "-")}-${version}`);
  return installed({
    ...{ name, version, folder, file: "" },
    make(part) {
      const env = { GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local", GOMODCACHE: part };
      install(`${name} ${version}`, ["go", "mod", "download", `${module}@${query}`], { env });
      return join(part, `${module}@${query}`);
    },
  });
}

interface ModuleBuild {
  name: string;
  /** Path of the module, which can differ from the name in its own files. */
  module: string;
  version: string;
  file: string;
  args?: readonly string[];
  main?: string;
  hasC?: boolean;
}

/**
 * The command of a Go module that `go install` refuses because the module replaces other modules or has another path in its own files. The source is
 * kept next to the command.
 */
function builtModule({ name, module, version, file, args = [], main, hasC = false }: ModuleBuild): Program {
  const change = main === undefined ? "" : `-${sha256(readFileSync(main)).slice(0, 8)}`;
  const folder = join(LAB_FOLDER, `${file}-${version}${change}`);
  return installed({
    ...{ name, version, folder, file },
    make(part) {
      const source = join(part, "source");
      const env = { CGO_ENABLED: hasC ? "1" : "0", GOFLAGS: "-modcacherw", GOTOOLCHAIN: "local" };
      const what = `${name} ${version}`;
      if (hasC && commandPath("gcc") === undefined) throw new MissingError(`${what}: its compiler gcc is not here`);
      const told = install(what, ["go", "mod", "download", "-json", `${module}@v${version}`], { env });
      cpSync((JSON.parse(told) as { Dir: string }).Dir, source, { recursive: true });
      if (main !== undefined) cpSync(main, join(source, "main.go"), { force: true });
      const line = ["go", "build", "-trimpath", ...args, "-o", `../${file}`, "."];
      install(what, line, { cwd: source, env, timeout: BUILD_MS });
      return part;
    },
  });
}

/** Two cores need a quarter of this time. */
const BUILD_MS = 40 * 60_000;

export function pythonProgram(name: string, version: string): Program {
  const folder = join(LAB_FOLDER, `${name}-${version}`);
  return installed({
    ...{ name, version, folder, file: join("bin", name) },
    make() {
      // The folder must not be renamed afterwards, because the scripts of a virtual environment contain its path.
      rmSync(folder, { recursive: true, force: true });
      install(`${name} ${version}`, ["python3", "-m", "venv", folder]);
      install(`${name} ${version}`, [join(folder, "bin/pip"), "install", "-q", `${name}==${version}`]);
      return folder;
    },
  });
}

export function npmProgram(name: string, version: string, file: string, more: readonly string[] = []): Program {
  const beside = more.length === 0 ? "" : `-${sha256(more.join()).slice(0, 8)}`;
  const folder = join(LAB_FOLDER, `${name}-${version}${beside}`);
  return installed({
    ...{ name, version, folder, file: join("node_modules", name, file) },
    make(part) {
      const flags = ["--prefix", part, "--ignore-scripts", "--no-audit", "--no-fund"];
      install(`${name} ${version}`, ["npm", "install", ...flags, `${name}@${version}`, ...more]);
      return part;
    },
  });
}

export function mavenJar(name: string, group: string, artifact: string, version: string): Program {
  const folder = join(LAB_FOLDER, `${artifact}-${version}`);
  return installed({
    ...{ name, version, folder, file: `${artifact}-${version}.jar` },
    make(part) {
      const coordinates = `${group}:${artifact}:${version}`;
      const goal = ["dependency:copy", `-Dartifact=${coordinates}`, `-DoutputDirectory=${part}`];
      install(`${name} ${version}`, ["mvn", "-q", "-B", ...goal]);
      return part;
    },
  });
}

const DENO_VERSION: string = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).devDependencies.deno;

function denoBundle(): Program {
  const version = DENO_VERSION;
  const folder = join(LAB_FOLDER, `deno-bundle-${version}`);
  return installed({
    ...{ name: "deno bundle", version, folder, file: "" },
    make(part) {
      writeFileSync(join(part, "empty.mjs"), "");
      const line = [runtimes.deno, "bundle", "--quiet", "-o", join(part, "out.mjs"), join(part, "empty.mjs")];
      install(`deno bundle ${version}`, line, { env: { DENO_DIR: part, DENO_TLS_CA_STORE: "system,mozilla" } });
      return part;
    },
  });
}

export function debianProgram(name: string, debianPackage: string = name): Program {
  return {
    name,
    version() {
      const line = ["-W", "-f=${Version}", debianPackage];
      const { status, stdout } = spawnSync("dpkg-query", line, { encoding: "utf8" });
      return status === 0 ? stdout.trim() : "";
    },
    isHere: () => commandPath(name) !== undefined,
    provide() {
      const path = commandPath(name);
      if (path === undefined) throw new MissingError(`${name} (Debian package ${debianPackage})`);
      return path;
    },
  };
}

// The newest versions that can be built with the Go of Debian and of the hosted runners' images, as of the date in docs/tested-on.md.
export const ACT: Program = goProgram("act", "github.com/nektos/act", "v0.2.89");
export const ACTIONLINT: Program = goProgram("actionlint", "github.com/rhysd/actionlint/cmd/actionlint", "v1.7.12");
/** GitLab Runner depends on modules that the public proxy does not have, so it cannot be built. */
export const GITLAB_RUNNER_SOURCE: Program = goSource(
  "source of GitLab Runner",
  "gitlab.com/gitlab-org/gitlab-runner",
  "19.4.0-dev",
  "v1.11.1-0.20260903214710-fc1f1862bd91",
);
// Newer versions depend on modules that the public proxy does not serve to everyone.
export const BUILDKITE_AGENT: Program = goProgram(
  "buildkite-agent",
  "github.com/buildkite/agent/v3",
  "v3.55.0",
  "agent",
);
const GITEA_VERSION = "1.24.6";
/** Reads templates and texts from the folder `source` next to the program. There is no web frontend, because the Go module does not contain it. */
export const GITEA: Program = builtModule({
  name: "Gitea",
  module: "code.gitea.io/gitea",
  version: GITEA_VERSION,
  file: "gitea",
  args: ["-tags", "sqlite sqlite_unlock_notify", "-ldflags", `-s -w -X main.Version=${GITEA_VERSION}`],
  hasC: true,
});
/** Gitea's act, which runs the jobs in Gitea's runner. A program of ours calls it, because no registry has the runner itself. */
export const GITEA_ACT: Program = builtModule({
  name: "Gitea's act",
  module: "gitea.com/gitea/act",
  version: "0.261.8",
  file: "gitea-engine",
  main: join(root, "lab/gitea_engine.go"),
  args: ["-ldflags", "-s -w"],
});
export const ZIZMOR: Program = pythonProgram("zizmor", "1.32.0");
export const CHECK_JSONSCHEMA: Program = pythonProgram("check-jsonschema", "0.39.0");
/** Contains the schemas of Kubernetes from 1.25 to its own version. */
export const KUBERNETES_VALIDATE: Program = pythonProgram("kubernetes-validate", "1.37.0");
/** The Groovy version of Jenkins. Source: Jenkins, pom.xml, `groovy-all` 2.4.21. */
export const GROOVY: Program = mavenJar("Groovy", "org.codehaus.groovy", "groovy-all", "2.4.21");
export const ROLLUP: Program = npmProgram("rollup", "4.68.8", "package.json", ["@rollup/plugin-node-resolve@16.0.3"]);
export const ROLLDOWN: Program = npmProgram("rolldown", "1.2.19", "package.json");
export const VITE: Program = npmProgram("vite", "8.3.8", "package.json");
export const VITEST: Program = npmProgram("vitest", "5.1.2", "vitest.mjs");
export const WEBPACK: Program = npmProgram("webpack", "5.113.0", "package.json");
export const DENO: Program = {
  name: "deno",
  version: () => DENO_VERSION,
  isHere: () => true,
  provide: () => runtimes.deno,
};
/** Deno's bundler, which downloads another program at its first call. */
export const DENO_BUNDLE: Program = denoBundle();
export const TYPESCRIPTS: readonly Program[] = ["5.0.4", "5.4.5", "5.9.3", "6.0.3"].map((version) =>
  npmProgram("typescript", version, "bin/tsc")
);
export const OPENTELEMETRY: Program = npmProgram("@opentelemetry/sdk-node", "0.223.0", "package.json", [
  "@opentelemetry/api@1.9.1",
]);
export const PUBLINT: Program = npmProgram("publint", "0.3.25", "src/cli.js");
export const ATTW: Program = npmProgram("@arethetypeswrong/cli", "0.18.5", "dist/index.js");
export const CYCLONEDX: Program = npmProgram("@cyclonedx/cyclonedx-library", "10.3.0", "res/schema");
export const GITHUB_OPENAPI: Program = npmProgram("@octokit/openapi", "23.0.2", "generated/api.github.com.json");
export const GITHUB_GRAPHQL: Program = npmProgram("@octokit/graphql-schema", "15.26.1", "schema.graphql");
/** Needs Node 24. */
export const RENOVATE: Program = npmProgram("renovate", "44.121.2", "dist/renovate.js");
export const NODE_24: Program = npmProgram(`node-${process.platform}-${process.arch}`, "24.21.0", "bin/node");
export const JAVA: Program = debianProgram("java", "default-jre-headless");
export const SHELLCHECK: Program = debianProgram("shellcheck");
export const PROMTOOL: Program = debianProgram("promtool", "prometheus");
export const SU: Program = debianProgram("su", "util-linux");
export const SCRIPT: Program = debianProgram("script", "bsdutils");
export const GIT: Program = debianProgram("git");
export const JQ: Program = debianProgram("jq");
export const BUSYBOX: Program = debianProgram("busybox");
export const DOCKERD: Program = debianProgram("dockerd", "docker.io");
export const CURL: Program = debianProgram("curl");
