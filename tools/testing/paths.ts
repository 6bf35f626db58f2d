import { dirname, join, normalize } from "node:path";

/**
 * The paths of the checkout in a source: whole strings, and the folder before a `${`. A path that is also an ordinary word changes a key more often
 * than necessary, but never too rarely.
 */
export function pathsIn(file: string, text: string, exists: (path: string) => boolean): string[] {
  const found = new Set<string>();
  for (const [, name = "", end] of text.matchAll(/["'`/]((?:[\w.@-]+\/)*[\w.@-]*)(["'`]|\$\{)/g)) {
    const path = end === "${" ? dirname(`${name}x`) : name.replace(/\/$/, "");
    if (path === "" || /^\.+$/.test(path)) continue;
    for (const each of [path, normalize(join(dirname(file), path)), `dist/${path}`]) if (exists(each)) found.add(each);
  }
  // The test names the folder itself, or a file in it whose name is computed at run time.
  if (/\bimport\.meta\.dir\b(?!,\s*["'`]|\}\/[\w.])/.test(text)) found.add(dirname(file));
  return [...found].sort();
}

/**
 * Files whose text is not searched for paths. Either a key includes the whole file if the test reaches it, or the file lists the contents of the
 * package.
 */
const NOT_OF_TEST = /^(?:lib|dist|action|templates)\/|^(?:package|deno)\.json$/;

export function speaksOfCampaigns(path: string, text: () => string): boolean {
  const pattern = /[Cc]ampaign|CAMPAIGN|\bVERBS\b/;
  return !NOT_OF_TEST.test(path) && (pattern.test(path) || pattern.test(text()));
}

export function withoutParts(text: string, isLeftOut: (source: string) => boolean): string {
  return text.split(/^(?=\/\/ (?:lib|node_modules)\/\S+$)/m).filter((part) => {
    const [, source] = /^\/\/ (lib\/\S+)\n/.exec(part) ?? [];
    return source === undefined || !isLeftOut(source);
  }).join("");
}
