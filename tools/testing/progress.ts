import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "../setup.mjs";

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

export const LAYERS = ["unit", "programs", "matrix"] as const;
export type Layer = typeof LAYERS[number];

/** `npm test` runs these files of `matrix`, so the gate does not run them. */
export const SMOKE = "tests/matrix/smoke";

export function sum(parts: readonly Totals[]): Totals {
  const of = (key: keyof Totals) => parts.reduce((total, part) => total + part[key], 0);
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}

export function testFiles(path: string): string[] {
  if (!existsSync(join(root, path))) return [];
  if (path.endsWith(".test.ts")) return [path];
  return readdirSync(join(root, path), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts")).map((name) => `${path}/${name}`).sort();
}

export function folderOf(file: string): string {
  return file.split("/").slice(0, 3).join("/").replace(/\/[^/]+\.test\.ts$/, "");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export function commandFor(file: string, name: string): string {
  const pattern = name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return `npm test -- ${file}${name === "" ? "" : ` -t ${quoted(pattern)}`}`;
}

/** Lines are truncated, because a whole page in one line would hide everything else. */
function short(line: string): string {
  return line.length <= 1_000 ? line : `${line.slice(0, 1_000)}… (${line.length} characters)`;
}

export class Progress {
  readonly totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  readonly #open: ReadonlyMap<string, Set<string>>;
  readonly #ms = new Map<string, number>();
  readonly #print: (line: string) => void;
  readonly #all: boolean;
  #held: string[] = [];
  #file = "";
  #ended = false;

  constructor(files: readonly string[], print: (line: string) => void, all = false) {
    this.#print = print;
    this.#all = all;
    const folders = Map.groupBy(files, folderOf);
    this.#open = new Map([...folders].map(([folder, its]) => [folder, new Set(its)]));
  }

  get tests(): number {
    return this.totals.passed + this.totals.failed + this.totals.skipped;
  }

  take(line: string): void {
    if (this.#ended) return;
    const file = /^(tests\/\S+\.test\.ts):$/.exec(line)?.[1];
    const done = /^@done (tests\/\S+)$/.exec(line)?.[1];
    const result = /^\((pass|fail|skip|todo)\) (.*?)(?: \[([\d.]+)ms\])?$/.exec(line);
    // At the end, Bun prints all failures and the totals again.
    if (/^\d+ tests? failed:$/.test(line) || /^ *\d+ pass$/.test(line)) this.#end();
    else if (file !== undefined) this.#begin(file);
    else if (done !== undefined) this.#done(done);
    else if (result === null) this.#held.push(line);
    else this.#result(result[1] ?? "", result[2] ?? "", Number(result[3] ?? 0), line);
  }

  #begin(file: string): void {
    this.#leave();
    this.#file = file;
  }

  #result(end: string, name: string, ms: number, line: string): void {
    const folder = folderOf(this.#file);
    this.#ms.set(folder, (this.#ms.get(folder) ?? 0) + ms);
    if (end === "fail") {
      this.totals.failed++;
      this.#print(`FAIL ${this.#file}`);
      for (const each of this.#held) this.#print(short(each));
      this.#print(line);
      // A hook has no name that a pattern could match.
      this.#print(`     alone: ${commandFor(this.#file, name === "(unnamed)" ? "" : name)}`);
    } else {
      this.totals[end === "pass" ? "passed" : "skipped"]++;
      if (this.#all) { for (const each of [...this.#held, line]) this.#print(each); }
    }
    this.#held = [];
  }

  #leave(): void {
    if (this.#file === "") return;
    if (this.#held.some((line) => line.startsWith("# Unhandled error"))) {
      this.totals.failed++;
      this.#print(`FAIL ${this.#file}`);
      for (const each of this.#held) this.#print(short(each));
      this.#print(`     alone: ${commandFor(this.#file, "")}`);
    }
    this.#held = [];
    this.#file = "";
  }

  /** Handles the message of `tests/preload.ts` that a file has finished. Bun prints the results of several files in turn. */
  #done(file: string): void {
    const folder = folderOf(file);
    const open = this.#open.get(folder);
    if (open?.delete(file) !== true || open.size > 0) return;
    this.#print(`done ${folder} (${((this.#ms.get(folder) ?? 0) / 1000).toFixed(1)} s)`);
  }

  #end(): void {
    this.#leave();
    this.#ended = true;
  }
}
