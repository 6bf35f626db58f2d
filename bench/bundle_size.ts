/** Sizes of the published files, and of the files of an earlier build if one is given. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "../tools/setup.mjs";
import { printTable } from "./table.ts";

/** Sizes in bytes; a dash if there is no such file. */
export interface SizeRow {
  /** Name of the file. The library's files that other files import are one row. */
  file: string;
  size: number | string;
  gzipped: number | string;
  before: number | string;
  gzippedBefore: number | string;
}

function sizesIn(dist: string): Map<string, { size: number; gzipped: number }> {
  const names = readdirSync(dist).filter((name) => name.endsWith(".mjs"));
  const action = existsSync(join(dist, "action/main.mjs")) ? ["action/main.mjs"] : [];
  const found = new Map<string, { size: number; gzipped: number }>();
  for (const name of [...names, ...action]) {
    const bytes = readFileSync(join(dist, name));
    const row = name.startsWith("chunk-") ? "chunk-*.mjs" : name === "mogplex-action.mjs" ? "action/main.mjs" : name;
    const { size, gzipped } = found.get(row) ?? { size: 0, gzipped: 0 };
    found.set(row, { size: size + bytes.length, gzipped: gzipped + gzipSync(bytes, { level: 9 }).length });
  }
  return found;
}

export function bench(before?: string): SizeRow[] {
  const now = sizesIn(join(root, "dist"));
  const then = before === undefined ? new Map<string, { size: number; gzipped: number }>() : sizesIn(before);
  return [...new Set([...now.keys(), ...then.keys()])].sort().map((file) => ({
    file,
    size: now.get(file)?.size ?? "–",
    gzipped: now.get(file)?.gzipped ?? "–",
    before: then.get(file)?.size ?? "–",
    gzippedBefore: then.get(file)?.gzipped ?? "–",
  }));
}

if (import.meta.main) {
  printTable("Sizes, in bytes", bench(process.argv[2]) as unknown as Record<string, string | number>[]);
}
