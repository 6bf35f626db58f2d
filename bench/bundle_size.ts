/** Sizes of the shipped files, and their limits. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { ARTEFACTS } from "../tools/build/artefacts.ts";
import { root } from "../tools/setup.mjs";
import { printTable } from "./table.ts";

/** A row of the table; sizes in bytes. */
export interface SizeRow {
  /** Name of the file. */
  file: string;
  /** Size of the file. */
  readable: number;
  /** Limit of `readable`, or a dash. */
  limit: number | string;
  /** Size when gzipped at level 9. */
  gzipped: number;
  /** Limit of `gzipped`, or a dash. */
  limitGzipped: number | string;
}

/** Measures every file of `dist/`. */
export function bench(): SizeRow[] {
  return ARTEFACTS.map(({ file, limit }) => {
    const bytes = readFileSync(join(root, "dist", file));
    return {
      file,
      readable: bytes.length,
      limit: limit?.readable ?? "–",
      gzipped: gzipSync(bytes, { level: 9 }).length,
      limitGzipped: limit?.gzipped ?? "–",
    };
  });
}

if (import.meta.main) printTable("Bundle sizes, in bytes", bench() as unknown as Record<string, string | number>[]);
