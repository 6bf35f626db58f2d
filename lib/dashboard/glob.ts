/**
 * Files by patterns: `*` and `?` within a name, and `**` for any number of folders.
 *
 * @module
 */
import type { ListDirectory } from "../files/directory.ts";

/** Most entries of folders that are looked at for all patterns: a pattern such as `/**` would read the whole disk. */
export const MAX_ENTRIES = 20_000;

const SPECIAL = /[*?]/;

/** What a part of a pattern matches. A name that begins with a dot is only found by a pattern that does so, as in shells. */
function matcher(part: string): RegExp {
  const source = part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[^/]*").replace(/\?/g, "[^/]");
  return new RegExp(`^${part.startsWith(".") ? "" : "(?!\\.)"}${source}$`, "u");
}

/**
 * The files that patterns match, sorted and each once. Symbolic links to folders are not followed.
 *
 * @param patterns With `/` between folders. One without `*` and `?` is a path, which is returned as it is.
 * @returns By pattern, in their order. `isCut`: whether there were more entries than {@linkcode MAX_ENTRIES}.
 */
export function filesOf(
  patterns: readonly string[],
  list: ListDirectory,
): { found: Map<string, string[]>; isCut: boolean } {
  let left = MAX_ENTRIES;
  const entriesOf = (folder: string) => {
    const entries = (list(folder === "" ? "." : folder) ?? []).slice(0, left);
    left -= entries.length;
    return entries;
  };
  const join = (folder: string, name: string) =>
    folder === "" || folder === "/" ? `${folder}${name}` : `${folder}/${name}`;

  function walk(folder: string, parts: readonly string[]): string[] {
    const [part = "", ...rest] = parts;
    const isLast = rest.length === 0;
    if (part === "**") {
      const below = entriesOf(folder).filter(({ name, kind }) => kind === "folder" && !name.startsWith("."));
      return [
        ...walk(folder, isLast ? ["*"] : rest),
        ...below.flatMap(({ name }) => walk(join(folder, name), parts)),
      ];
    }
    if (!SPECIAL.test(part)) {
      if (!isLast) return walk(join(folder, part), rest);
      return entriesOf(folder).some(({ name, kind }) => name === part && kind !== "folder") ? [join(folder, part)] : [];
    }
    const matches = matcher(part);
    return entriesOf(folder).filter(({ name, kind }) => matches.test(name) && (kind === "folder") !== isLast)
      .flatMap(({ name }) => isLast ? [join(folder, name)] : walk(join(folder, name), rest));
  }

  const found = new Map<string, string[]>();
  for (const pattern of patterns) {
    const isAbsolute = pattern.startsWith("/");
    const parts = pattern.split("/").filter((part) => part !== "" && part !== ".");
    const paths = SPECIAL.test(pattern) ? walk(isAbsolute ? "/" : "", parts) : [pattern];
    found.set(pattern, [...new Set(paths)].sort());
  }
  return { found, isCut: left <= 0 };
}
