import { dirname, join, normalize } from "node:path";

/**
 * The paths of the checkout that the text of a source names: whole strings, and the folder that stands before a `${`. A name that is also a word makes
 * a key change too often, never too seldom.
 */
export function pathsIn(file: string, text: string, exists: (path: string) => boolean): string[] {
  const found = new Set<string>();
  for (const [, name = "", end] of text.matchAll(/["'`/]((?:[\w.@-]+\/)*[\w.@-]*)(["'`]|\$\{)/g)) {
    // Of `examples/${name}` the folder is named.
    const path = end === "${" ? dirname(`${name}x`) : name.replace(/\/$/, "");
    if (path === "" || /^\.+$/.test(path)) continue;
    for (const each of [path, normalize(join(dirname(file), path)), `dist/${path}`]) if (exists(each)) found.add(each);
  }
  return [...found].sort();
}
