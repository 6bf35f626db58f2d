/**
 * Remembers which folders of tests have passed, by the content of everything that their result depends on.
 *
 * @module
 */
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes, sha256 } from "../setup.mjs";
import { pathsIn } from "./paths.ts";
import { externalPrograms, findProgram } from "./summary.ts";

const STORE = join(root, "node_modules/.cache/passed-tests.json");

/** What passed: number of tests by folder and key. */
type Passed = Record<string, { key: string; tests: number }>;

/** Version or size and time of everything that tests start and that is not in the checkout. */
function outside(): string[] {
  const programs = externalPrograms().map((name) => {
    const path = findProgram(name);
    if (path === undefined) return `${name} is missing`;
    const { size, mtimeMs } = statSync(realpathSync(path));
    return `${name} ${size} ${mtimeMs}`;
  });
  const versions = Object.values(runtimes).map((path) => spawnSync(path, ["--version"], { encoding: "utf8" }).stdout);
  return [...programs, ...versions, process.platform, process.arch];
}

/** Files of the checkout that Git knows or would add, and those of `dist/`. */
function checkoutFiles(): string[] {
  const list = (...args: string[]) =>
    spawnSync("git", ["ls-files", "-z", ...args], { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }).stdout
      .split("\0").filter((path) => path !== "");
  return [
    ...list("--cached", "--others", "--exclude-standard"),
    ...list("--others", "--ignored", "--exclude-standard", "dist"),
  ].filter((path) => existsSync(join(root, path))).sort();
}

/** The keys of folders of tests. */
export class Keys {
  readonly #files = checkoutFiles();
  readonly #known = new Set(
    this.#files.flatMap((path) => path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"))),
  );
  readonly #outside = outside();
  readonly #sums = new Map<string, string>();
  readonly #imports = new Map<string, string[]>();

  #sum(path: string): string {
    const known = this.#sums.get(path) ?? sha256(readFileSync(join(root, path)));
    this.#sums.set(path, known);
    return known;
  }

  /** Adds sources, and everything of the checkout that they import, to the graph of imports: one bundle of all, of which only the metafile counts. */
  async #read(entries: readonly string[]): Promise<void> {
    const fresh = entries.filter((path) => !this.#imports.has(path));
    if (fresh.length === 0) return;
    const { metafile } = await build({
      absWorkingDir: root,
      stdin: { contents: fresh.map((path) => `import "./${path}";`).join("\n"), resolveDir: root },
      bundle: true,
      write: false,
      metafile: true,
      platform: "node",
      format: "esm",
      packages: "external",
      external: ["bun:test", "npm:*", "jsr:*", "@mogplex/*"],
      logLevel: "silent",
    });
    for (const [path, { imports }] of Object.entries(metafile.inputs)) {
      this.#imports.set(path, imports.filter(({ external }) => external !== true).map((each) => each.path));
    }
  }

  /** Sources with everything that they import. */
  #closure(entries: readonly string[]): string[] {
    const found = new Set(entries);
    for (const path of found) for (const each of this.#imports.get(path) ?? []) found.add(each);
    return [...found];
  }

  /** Reads the test files of all folders at once, which is quicker than one by one. */
  static async make(files: readonly string[]): Promise<Keys> {
    const keys = new Keys();
    await keys.#read(files);
    return keys;
  }

  /** The key of some test files: it changes with everything that their result depends on. */
  async of(files: readonly string[]): Promise<string> {
    const sources = new Set<string>();
    const named = new Set<string>();
    let entries = [...files];
    // A test names sources that it starts, which import and name others.
    while (entries.length > 0) {
      await this.#read(entries);
      const fresh = this.#closure(entries).filter((path) => !sources.has(path));
      for (const path of fresh) {
        sources.add(path);
        // Sources of the product name no files of the checkout, and their words would name nearly all.
        if (path.startsWith("lib/")) continue;
        for (const name of pathsIn(path, readFileSync(join(root, path), "utf8"), (each) => this.#known.has(each))) {
          named.add(name);
        }
        // Data beside a test, as a schema. The top of `tests` or `tools` has none, and would be all of it.
        if (dirname(path).includes("/")) named.add(dirname(path));
      }
      entries = [...named].filter((path) =>
        /\.(ts|mjs)$/.test(path) && !path.startsWith("dist/") && !sources.has(path)
      );
    }
    const covered = (path: string) => {
      if (sources.has(path) || named.has(path)) return true;
      for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) if (named.has(folder)) return true;
      return false;
    };
    const content = this.#files.filter(covered).map((path) => `${path} ${this.#sum(path)}`);
    return sha256([...this.#outside, this.#sum("package-lock.json"), ...content].join("\n"));
  }
}

/** Reads what passed. A file that is damaged remembers nothing. */
function read(): Passed {
  try {
    return JSON.parse(readFileSync(STORE, "utf8"));
  } catch {
    return {};
  }
}

/** Number of tests of a folder that passed with this key; undefined when it did not. */
export function passedTests(folder: string, key: string): number | undefined {
  const known = read()[folder];
  return known?.key === key ? known.tests : undefined;
}

/** Remembers that a folder passed, without a skip. */
export function remember(folder: string, key: string, tests: number): void {
  mkdirSync(dirname(STORE), { recursive: true });
  writeFileSync(STORE, JSON.stringify({ ...read(), [folder]: { key, tests } }));
}
