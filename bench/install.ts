/**
 * Number of bytes that a runner downloads before it can start: for the methods in docs/install.md, and for other agents' commands from the npm
 * registry. Each is installed into an empty folder with an empty cache. The other commands run the agent on the runner, while this project follows a
 * hosted agent.
 *
 * If the registry is unreachable, the rows of the other commands contain "not measured".
 */
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { PROGRAMS, time } from "./start_up.ts";
import { root } from "../tools/setup.mjs";
import { median, printTable } from "./table.ts";

const OTHERS: readonly string[] = ["@anthropic-ai/claude-code", "@openai/codex", "@google/gemini-cli", "opencode-ai"];

export interface InstallRow {
  what: string;
  fetched: number | string;
  installed: number | string;
  packages: number | string;
  help: number | string;
}

function bytesBelow(folder: string, filter: (path: string) => boolean = () => true): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.filter(filter).reduce((sum, path) => sum + statSync(path).size, 0);
}

function npm(cwd: string, ...args: string[]): string | null {
  const { status, stdout } = spawnSync("npm", ["--fetch-retries=0", ...args], {
    cwd,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return status === 0 ? stdout.trim() : null;
}

/** Detects an archive in npm's cache by the first two bytes of gzip. The other files are lists of versions. */
function isArchive(path: string): boolean {
  const bytes = readFileSync(path);
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/** Installs a package without its install scripts, which might download more. */
function installed(spec: string, what: string): InstallRow {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-install-"));
  try {
    const [cache, project] = [join(folder, "cache"), join(folder, "project")];
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), "{}");
    const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", `--cache=${cache}`];
    if (npm(project, "install", ...quiet, spec) === null) {
      return { what, fetched: "not measured", installed: "not measured", packages: "not measured", help: "–" };
    }
    const lock = JSON.parse(readFileSync(join(project, "node_modules/.package-lock.json"), "utf8"));
    const names = Object.keys(lock.packages).filter((name) => existsSync(join(project, name, "package.json")));
    return {
      what,
      fetched: existsSync(spec) ? statSync(spec).size : bytesBelow(join(cache, "_cacache/content-v2"), isArchive),
      installed: bytesBelow(join(project, "node_modules")),
      packages: names.length,
      help: "–",
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function ours(): InstallRow[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-pack-"));
  try {
    const bundle = join(root, "dist/mogplex.mjs");
    const text = readFileSync(bundle);
    const file = (what: string, fetched: number, help: InstallRow["help"]): InstallRow => ({
      what,
      fetched,
      installed: text.length,
      packages: 0,
      help,
    });
    const rows: InstallRow[] = Object.entries(PROGRAMS).map(([runtime, program]) => {
      const times = Array.from({ length: 15 }, () => time([...program, bundle, "--help"]));
      return file(`mogplex.mjs by curl, ${runtime}`, text.length, Math.round(median(times)));
    });
    rows.push(file("the same, sent gzipped", gzipSync(text, { level: 9 }).length, "–"));
    npm(root, "pack", "--ignore-scripts", `--pack-destination=${folder}`);
    const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"));
    if (archive !== undefined) rows.push(installed(join(folder, archive), "npx @mogplex/ci"));
    const templates = join(root, "templates");
    for (const name of existsSync(templates) ? readdirSync(templates).sort() : []) {
      // GitLab reads the template. The runner receives the template as the script of the job, including the program.
      const { size } = statSync(join(templates, name));
      rows.push({ what: `GitLab template ${name}`, fetched: size, installed: "–", packages: 0, help: "–" });
    }
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function bench(): InstallRow[] {
  const others = OTHERS.map((name) => {
    const version = npm(root, "view", name, "version");
    return installed(version === null ? name : `${name}@${version}`, `${name} ${version ?? ""}`.trim());
  });
  return [...ours(), ...others];
}

if (import.meta.main) {
  printTable("What a runner fetches, in bytes", bench() as unknown as Record<string, string | number>[]);
}
