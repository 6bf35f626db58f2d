/**
 * What is built: one row for each file of `dist/`.
 *
 * @module
 */
import * as variables from "../../lib/variables.ts";
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
  /** Whether names and white space are shortened, for a program that is embedded in another file. @default {false} */
  minify?: boolean;
  /** Parts that stay texts until a call needs them. @default {undefined} (none: everything is code) */
  lazy?: readonly LazyPart[];
  /** Packages that stay texts until one of their functions is called. @default {undefined} (none) */
  lazyPackages?: readonly LazyPackage[];
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

/** The program inside the GitLab components. */
export const COMPONENT: Artefact = {
  file: "mogplex-component.mjs",
  entry: "lib/cli/component/main.ts",
  program: true,
  minify: true,
  replace: {
    "lib/platforms/detect.ts": `export * from "./only_gitlab.ts";`,
    "lib/api/calls/automation_calls.ts": "export const automationCalls = () => ({});",
    // The jobs of the components print no help.
    "lib/variables.ts": namesOnly(variables),
  },
};

const YAML: LazyPart = { name: "yaml", module: "lib/campaign/file/syntax/yaml.ts", minify: true };

/** Files are rendered while nothing waits, so it is called as other code is. */
const PAGES: LazyPart = { name: "pages", module: "lib/pages/pages.ts", called: true };

/** All files that are built. */
export const ARTEFACTS: readonly Artefact[] = [
  {
    file: "mogplex.mjs",
    entry: "lib/cli/main.ts",
    program: true,
    lazy: [{ name: "campaign", module: "lib/cli/campaign/verbs/functions.ts" }, YAML, PAGES],
    lazyPackages: [{ name: "zod", package: "zod/mini" }],
    limit: { readable: 1024 * 1024, gzipped: 256 * 1024 },
  },
  COMPONENT,
  {
    file: "mod.mjs",
    entry: "mod.ts",
    program: false,
    lazy: [{ name: "campaign", module: "lib/campaign/jobs.ts" }, YAML, PAGES],
  },
  { file: "mogplex-emulator.mjs", entry: "lib/emulator/main.ts", program: true },
];
