/**
 * What is built: one row for each file of `dist/`.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as variables from "../../lib/variables.ts";
import { root } from "../setup.mjs";
import type { LazyPackage } from "./lazy_package.ts";
import type { LazyPart } from "./parts.ts";

/** One file of `dist/`. */
export interface Artefact {
  /** Name of the file. */
  file: string;
  /** Module that it is built from, below the checkout. */
  entry: string;
  /** Whether it is a program, which gets a `#!` line and may be executed. */
  program: boolean;
  /** File with its declarations, below `types/`, for a module that others import. @default {undefined} (nobody does) */
  types?: string;
  /**
   * Whether names and white space are shortened, for a file that is kept in the repository: by the bundler, or once more by a slow program
   * that finds another 4 %. @default {undefined} (no: people read it)
   */
  minify?: "fast" | "best";
  /** Parts that stay texts until a call needs them. @default {undefined} (none: everything is code) */
  lazy?: readonly LazyPart[];
  /** Packages that stay texts until one of their functions is called. @default {undefined} (none) */
  lazyPackages?: readonly LazyPackage[];
  /** File with the notices of what is bundled. @default that of the same name, with `.licenses.txt` at its end */
  notices?: string;
  /** Source text that replaces a module, by the module's path below the checkout. @default {} */
  replace?: Readonly<Record<string, string>>;
  /**
   * Largest size in bytes, plain and gzipped. bench/README.md has the sizes of the parts, and says why a file that people can read is not
   * smaller.
   */
  limit?: { readable: number; gzipped: number };
}

/** The module `lib/variables.ts` with the names alone: without the texts for `--help` and README. */
function namesOnly(lists: Readonly<Record<string, readonly (string | variables.Variable)[]>>): string {
  return Object.entries(lists).map(([name, values]) => {
    const short = values.map((value) =>
      typeof value === "string" ? value : { name: value.name, option: value.option ?? undefined }
    );
    return `export const ${name} = ${JSON.stringify(short)};`;
  }).join("\n");
}

/** The program inside the GitLab components that start and follow runs. */
export const COMPONENT: Artefact = {
  file: "mogplex-component.mjs",
  entry: "lib/cli/component/main.ts",
  program: true,
  minify: "best",
  replace: {
    "lib/platforms/detect.ts": `export * from "./only_gitlab.ts";`,
    "lib/api/calls/automation_calls.ts": "export const automationCalls = () => ({});",
    // A job in CI finds its run by the key.
    "lib/cli/job/laptop.ts": `import { outDirectory } from "../options/places.ts";
export const chooseFolder = (context, request) => ({ request, out: outDirectory(context), resumePath: undefined });
export const ignoringFolder = () => () => undefined;`,
    "lib/cli/job/recent.ts":
      "export const rememberStart = () => undefined;\nexport const rememberEnd = () => undefined;",
    // The jobs of the components print no help.
    "lib/variables.ts": namesOnly(variables),
  },
};

/** The program inside the GitLab component `dashboard`. */
export const DASHBOARD_COMPONENT: Artefact = {
  file: "mogplex-dashboard.mjs",
  entry: "lib/cli/component/dashboard.ts",
  program: true,
  minify: "fast",
  replace: {
    "lib/platforms/detect.ts": `export * from "./only_gitlab.ts";`,
    "lib/variables.ts": namesOnly(variables),
  },
};

/** The program inside a component. @param name Folder in `components/`. */
export function componentProgram(name: string): Artefact {
  return name === "dashboard" ? DASHBOARD_COMPONENT : COMPONENT;
}

/**
 * The module `mod.ts` without what makes it a program: there it imports the command, which is not in the package, and which the bundler of
 * another project would look for.
 *
 * @throws when the end of the module was not found.
 */
function withoutProgram(): string {
  const source = readFileSync(join(root, "mod.ts"), "utf8");
  const exports = source.replace(/^import \{ isMain \} .*\n/m, "").replace(/^\/\/ Only when the runtime[^]*$/m, "");
  if (/\bisMain\b|\bimport\(/.test(exports)) throw new Error("Cannot build the library: mod.ts ends in another way");
  return exports;
}

/** The program of the GitHub action. It is not started by its name, but by the runner's Node. */
export const ACTION: Artefact = {
  file: "mogplex-action.mjs",
  entry: "lib/cli/action/main.ts",
  program: false,
  minify: "fast",
  notices: "LICENSES.txt",
  replace: {
    "lib/platforms/detect.ts": `export * from "./only_github.ts";`,
    "lib/variables.ts": namesOnly(variables),
  },
  // Every job downloads it with the repository, and every change of lib is another copy of it in the history.
  limit: { readable: 256 * 1024, gzipped: 92 * 1024 },
};

/** The parser of campaign files. */
export const YAML: LazyPart = { name: "yaml", module: "lib/campaign/file/syntax/yaml.ts", minify: true };

/** Files are rendered while nothing waits, so it is called as other code is. */
const PAGES: LazyPart = { name: "pages", module: "lib/pages/pages.ts", called: true };

/** All files that are built. */
export const ARTEFACTS: readonly Artefact[] = [
  {
    file: "mogplex.mjs",
    entry: "lib/cli/main.ts",
    program: true,
    lazy: [
      { name: "campaign", module: "lib/cli/campaign/verbs/functions.ts" },
      { name: "setup", module: "lib/cli/setup/functions.ts" },
      { name: "dashboard", module: "lib/cli/dashboard/show_dashboard.ts" },
      { name: "extras", module: "lib/cli/extras/open_extras.ts" },
      YAML,
      PAGES,
    ],
    lazyPackages: [{ name: "zod", package: "zod/mini" }],
    limit: { readable: 1152 * 1024, gzipped: 336 * 1024 },
  },
  COMPONENT,
  DASHBOARD_COMPONENT,
  ACTION,
  {
    file: "mod.mjs",
    entry: "mod.ts",
    program: false,
    types: "mod.d.ts",
    // The library prints no help.
    replace: { "mod.ts": withoutProgram(), "lib/variables.ts": namesOnly(variables) },
    lazy: [{ name: "campaign", module: "lib/campaign/jobs.ts" }, YAML, PAGES],
  },
  { file: "testing.mjs", entry: "testing.ts", program: false, types: "testing.d.ts" },
  { file: "mogplex-emulator.mjs", entry: "lib/emulator/main.ts", program: true },
];
