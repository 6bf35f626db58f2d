/**
 * Files by patterns: `*` and `?` within a name, and `**` for any number of folders.
 *
 * @module
 */
import type { DirectoryEntry, ListDirectory } from "../files/directory.ts";

/** Most entries of folders that are looked at for all patterns: a pattern such as `/**` would read the whole disk. */
export const MAX_ENTRIES = 20_000;

const SPECIAL = /[*?]/;

/** What a part of a pattern matches. A name that begins with a dot is only found by a pattern that does so, as in shells. */
function matcher(part: string): RegExp {
  const source = part.replace(/[.+^${}()|[\]\\]/g, "\\$&").replace(/\*+/g, "[^/]*").replace(/\?/g, "[^/]");
  return new RegExp(`^${part.startsWith(".") ? "" : "(?!\\.)"}${source}$`, "u");
}

/**
 * The files that patterns match, sorted and each once. What a pattern finds may come from somebody else's job: below its first `*` or `?`
 * no symbolic link is followed, and only ordinary files are found.
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

  const has = (folder: string, wanted: string, kind: DirectoryEntry["kind"]) =>
    entriesOf(folder).some((each) => each.name === wanted && each.kind === kind);

  /** @param isFound Whether the folder was found by a part of the pattern, and not named by the user. */
  function walk(folder: string, parts: readonly string[], isFound = false): string[] {
    const [part = "", ...rest] = parts;
    const isLast = rest.length === 0;
    if (part === "**") {
      const below = entriesOf(folder).filter(({ name, kind }) => kind === "folder" && !name.startsWith("."));
      return [
        ...walk(folder, isLast ? ["*"] : rest, true),
        ...below.flatMap(({ name }) => walk(join(folder, name), parts, true)),
      ];
    }
    if (!SPECIAL.test(part)) {
      if (isLast) return has(folder, part, "file") ? [join(folder, part)] : [];
      return isFound && !has(folder, part, "folder") ? [] : walk(join(folder, part), rest, isFound);
    }
    const matches = matcher(part);
    const wanted = isLast ? "file" : "folder";
    return entriesOf(folder).filter(({ name, kind }) => matches.test(name) && kind === wanted)
      .flatMap(({ name }) => isLast ? [join(folder, name)] : walk(join(folder, name), rest, true));
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
