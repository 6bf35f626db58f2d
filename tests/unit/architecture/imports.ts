/** The sources of this project, and what they import: read from the files, so that a new folder cannot be forgotten. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { root } from "../../../tools/setup.mjs";

/** An import. Type-only imports and `import()` count, too: they tie two files just as much. */
export interface Import {
  /** Importing file, below the checkout. */
  file: string;
  /** Imported file, below the checkout; the name of a package or of a `node:` module as it is. */
  target: string;
}

const IMPORT =
  /^\s*(?:import|export)\b[^;"']*?\bfrom\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)|^\s*import\s+["']([^"']+)["']/gm;

/** Paths of the source files below a folder, sorted; `extensions` without the dot. */
export function sources(folder: string, extensions: readonly string[] = ["ts"]): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => extensions.some((each) => path.endsWith(`.${each}`)))
    .map((path) => `${folder}/${path}`).sort();
}

/** Text of a file below the checkout. */
export function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

/** Removes the comments that are on separate lines. */
export function withoutComments(text: string): string {
  return text.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "");
}

/** The imports in the text of a file. */
export function importsIn(file: string, text: string): Import[] {
  return [...withoutComments(text).matchAll(IMPORT)].map((match) => {
    const name = match[1] ?? match[2] ?? match[3] ?? "";
    return { file, target: name.startsWith(".") ? normalize(join(dirname(file), name)) : name };
  });
}

/**
 * Finds circles of imports.
 *
 * @returns One sentence for each circle: its files in the order in which they import each other.
 */
export function circlesIn(imports: readonly Import[]): string[] {
  const graph = new Map<string, string[]>();
  for (const { file, target } of imports) graph.set(file, [...(graph.get(file) ?? []), target]);
  const done = new Set<string>();
  const circles: string[] = [];
  function visit(file: string, path: readonly string[]) {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" > "));
    if (done.has(file) || path.includes(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  }
  for (const file of graph.keys()) visit(file, []);
  return circles;
}
