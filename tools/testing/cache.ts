/**
 * The key of a file depends on the content of everything that can change its result.
 *
 * @module
 */
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { root, runtimes, sha256 } from "../setup.mjs";
import { pathsIn, speaksOfCampaigns, withoutParts } from "./paths.ts";
import { externalPrograms, findProgram } from "./summary.ts";

const STORE = join(root, "node_modules/.cache/passed-tests.json");
const BUILT = "tests/built.ts";
const PRELOAD = "tests/preload.ts";

/**
 * The verbs of campaigns. Code that only these verbs reach cannot change the result of a test that neither mentions campaigns nor tests all verbs, so
 * that code is not part of the test's key. Most of the product is such code, while most tests of the command are about a single run.
 */
const CAMPAIGN_VERBS = "lib/cli/campaign/";
const COMMAND = { built: "dist/mogplex.mjs", source: "lib/cli/main.ts" };

export type Passed = Record<string, { key: string; tests: number }>;

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

function checkoutFiles(): string[] {
  const list = (...args: string[]) =>
    spawnSync("git", ["ls-files", "-z", ...args], { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 }).stdout
      .split("\0").filter((path) => path !== "");
  return [
    ...list("--cached", "--others", "--exclude-standard"),
    ...list("--others", "--ignored", "--exclude-standard", "dist"),
  ].filter((path) => existsSync(join(root, path))).sort();
}

export class Keys {
  readonly #files = checkoutFiles();
  readonly #known = new Set(
    this.#files.flatMap((path) => path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"))),
  );
  readonly #outside = outside();
  readonly #sums = new Map<string, string>();
  readonly #imports = new Map<string, string[]>();
  #commandWithout: string | undefined;

  #sum(path: string): string {
    const known = this.#sums.get(path) ?? sha256(readFileSync(join(root, path)));
    this.#sums.set(path, known);
    return known;
  }

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

  #closure(entries: readonly string[], known: ReadonlySet<string>, isWithoutCampaigns = false): string[] {
    const found = new Set(entries);
    for (const path of found) {
      // The way in which a file was built does not matter, because every test that uses a built file names that file.
      if (path === BUILT) continue;
      if (isWithoutCampaigns && path.startsWith(CAMPAIGN_VERBS)) {
        found.delete(path);
        continue;
      }
      for (const each of this.#imports.get(path) ?? []) if (!known.has(each)) found.add(each);
    }
    return [...found];
  }

  static async make(files: readonly string[]): Promise<Keys> {
    const keys = new Keys();
    await keys.#read(files);
    return keys;
  }

  async #commandWithoutCampaigns(): Promise<string> {
    if (this.#commandWithout === undefined) {
      await this.#read([COMMAND.source]);
      const reached = new Set(this.#closure([COMMAND.source], new Set(), true));
      const text = readFileSync(join(root, COMMAND.built), "utf8");
      this.#commandWithout = sha256(withoutParts(text, (source) => !reached.has(source)));
    }
    return this.#commandWithout;
  }

  async of(file: string): Promise<string> {
    const sources = new Set<string>();
    const named = new Set<string>();
    const beside = new Set<string>();
    let open = [file, PRELOAD];
    while (open.length > 0) {
      await this.#read(open);
      const fresh = this.#closure(open, sources);
      for (const path of fresh) {
        sources.add(path);
        // Sources of the product and data files do not name files of the checkout, but their words would match nearly all files.
        if (/^(?:lib|action)\/|\.json$/.test(path) || path === BUILT || path === PRELOAD) continue;
        for (const name of pathsIn(path, readFileSync(join(root, path), "utf8"), (each) => this.#known.has(each))) {
          named.add(name);
        }
        if (dirname(path).includes("/")) beside.add(dirname(path));
      }
      open = [...named].filter((path) => /\.(ts|mjs)$/.test(path) && !path.startsWith("dist/") && !sources.has(path));
    }
    const isIn = (path: string, folders: ReadonlySet<string>) => {
      for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) if (folders.has(folder)) return true;
      return false;
    };
    const isNamed = (path: string) => named.has(path) || isIn(path, named);
    const isData = (path: string) => isIn(path, beside);
    const isOwn = (path: string) => isNamed(path) || (isData(path) && !path.endsWith(".ts"));
    const isAboutCampaigns = this.#files.some((path) =>
      (sources.has(path) || isOwn(path)) && speaksOfCampaigns(path, () => readFileSync(join(root, path), "utf8"))
    );
    const entries = [...sources].filter((path) => named.has(path) || !path.startsWith("lib/"));
    const reached = isAboutCampaigns ? sources : new Set(this.#closure(entries, new Set(), true));
    const content = await Promise.all(
      this.#files.filter((path) => reached.has(path) || isOwn(path)).map(async (path) => {
        const isPart = path === COMMAND.built && !isAboutCampaigns;
        return `${path} ${isPart ? await this.#commandWithoutCampaigns() : this.#sum(path)}`;
      }),
    );
    const runner = ["package-lock.json", "bunfig.toml", "tools/testing/run_files.ts"].map((path) => this.#sum(path));
    return sha256([...this.#outside, ...runner, ...content].join("\n"));
  }
}

/** If the file is damaged, no test is treated as passed. */
function read(): Passed {
  try {
    return JSON.parse(readFileSync(STORE, "utf8"));
  } catch {
    return {};
  }
}

export function passedTests(file: string, key: string): number | undefined {
  const known = read()[file];
  return known?.key === key ? known.tests : undefined;
}

export function remember(passed: Passed): void {
  mkdirSync(dirname(STORE), { recursive: true });
  writeFileSync(STORE, JSON.stringify({ ...read(), ...passed }));
}
