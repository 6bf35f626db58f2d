/**
 * Remembers which test files have passed, by the content of everything that their result depends on.
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
/** Where tests ask for built files. */
const BUILT = "tests/built.ts";

/** What passed: key and number of tests by test file. */
export type Passed = Record<string, { key: string; tests: number }>;

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

/** The keys of test files. */
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

  /** Sources with everything that they import, but for what is known already. */
  #closure(entries: readonly string[], known: ReadonlySet<string>): string[] {
    const found = new Set(entries);
    for (const path of found) {
      // How a built file was made does not matter: whoever asks for one names it.
      if (path === BUILT) continue;
      for (const each of this.#imports.get(path) ?? []) if (!known.has(each)) found.add(each);
    }
    return [...found];
  }

  /** Reads all test files at once, which is quicker than one by one. */
  static async make(files: readonly string[]): Promise<Keys> {
    const keys = new Keys();
    await keys.#read(files);
    return keys;
  }

  /** The key of a test file: it changes with everything that its result depends on. */
  async of(file: string): Promise<string> {
    const sources = new Set<string>();
    const named = new Set<string>();
    let entries = [file, "tests/preload.ts"];
    // A test names sources that it starts, which import and name others.
    while (entries.length > 0) {
      await this.#read(entries);
      const fresh = this.#closure(entries, sources);
      for (const path of fresh) {
        sources.add(path);
        // Sources of the product name no files of the checkout, and their words would name nearly all.
        if (path.startsWith("lib/") || path === BUILT) continue;
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
    const runner = ["package-lock.json", "bunfig.toml", "tools/testing/run_files.ts"].map((path) => this.#sum(path));
    return sha256([...this.#outside, ...runner, ...content].join("\n"));
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

/** Number of tests of a file that passed with this key; undefined when it did not. */
export function passedTests(file: string, key: string): number | undefined {
  const known = read()[file];
  return known?.key === key ? known.tests : undefined;
}

/** Remembers files that passed, without a skip. */
export function remember(passed: Passed): void {
  mkdirSync(dirname(STORE), { recursive: true });
  writeFileSync(STORE, JSON.stringify({ ...read(), ...passed }));
}
