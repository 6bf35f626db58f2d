/**
 * The two states of a document: before the first release, and after it. Beside each part that is only true before, a comment holds the part
 * that replaces it, its twin:
 *
 * ```md
 * <!-- unreleased -->
 *
 * Install it from a clone.
 *
 * <!-- released
 *
 * Install version X.Y.Z.
 *
 * -->
 *
 * <!-- /unreleased -->
 * ```
 *
 * In a twin, `X.Y.Z` is the version, `OWNER/NAME` the repository on GitHub and `GROUP/PROJECT` the project on GitLab.com. In YAML the twin of
 * `- local: PATH` is the comment `# component: ADDRESS` below it.
 *
 * Needs no package: the release job runs it on Deno alone.
 *
 * @module
 */
import type { Places } from "./places.ts";

/** What fills in a twin. */
export interface ReleaseValues extends Pick<Places, "github" | "gitlab"> {
  version: string;
}

const PART = /<!-- unreleased -->\n(.*?)<!-- released\b(.*?)-->\s*<!-- \/unreleased -->\n*/gs;
const INCLUDE = /^( *- )local: \S+.*\n *# component: (\S+).*$/gm;

/** Whether a text has a part that is only true before the first release. */
export function isUnreleased(text: string): boolean {
  return text.includes("<!-- unreleased -->") || text.search(INCLUDE) >= 0;
}

function filled(twin: string, { version, github, gitlab }: ReleaseValues): string {
  return twin.replaceAll("X.Y.Z", version).replaceAll("OWNER/NAME", github).replaceAll("GROUP/PROJECT", gitlab);
}

/**
 * A document as the first release has it: each unreleased part is replaced by its twin.
 *
 * @throws when an unreleased part has no twin, or a twin belongs to no part.
 */
export function releasedText(text: string, values: ReleaseValues): string {
  const result = text
    .replace(PART, (_, _before: string, twin: string) => twin.trim() === "" ? "" : `${filled(twin.trim(), values)}\n\n`)
    .replace(INCLUDE, (_, dash: string, address: string) => `${dash}component: ${filled(address, values)}`);
  const rest = /<!-- (?:\/?unreleased|released)\b.*/.exec(result)?.[0];
  if (rest !== undefined) throw new Error(`Cannot write the released text because a part has no twin: ${rest}`);
  // A part at the end leaves its blank line.
  return result.replace(/\n+$/, "\n");
}

/** A document as its readers see it before the first release: without twins and without the marks of the parts. */
export function unreleasedText(text: string): string {
  return text
    .replace(PART, (_, before: string) => `${before.trim()}\n\n`)
    .replace(INCLUDE, (pair) => pair.slice(0, pair.lastIndexOf("\n")))
    .replace(/\n+$/, "\n");
}

/**
 * A block of YAML for a document: an unreleased part if it includes a component by its copy, otherwise the block alone.
 *
 * @param text The YAML, without its comment at the top.
 */
export function yamlPart(text: string): string {
  const block = (yaml: string) => `\`\`\`yaml\n${yaml.trimEnd()}\n\`\`\``;
  if (!isUnreleased(text)) return block(text);
  const twin = text.replace(INCLUDE, (_, dash: string, address: string) => `${dash}component: ${address}`);
  return [
    "<!-- unreleased -->",
    block(unreleasedText(text)),
    `<!-- released\n\n${block(twin)}\n\n-->`,
    "<!-- /unreleased -->",
  ].join("\n\n");
}
