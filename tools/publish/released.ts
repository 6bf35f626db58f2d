/**
 * Changes documents from their state before the first release to their released state. Each part that applies only before the release is followed
 * by a comment with its replacement, which is called its twin:
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
 * In a twin, `X.Y.Z` is the version, `OWNER/NAME` is the repository on GitHub, and `GROUP/PROJECT` is the project on GitLab.com. In YAML, the twin of
 * `- local: PATH` is the comment `# component: ADDRESS` on the next line.
 *
 * Imports no package, because the release job runs this module on Deno without packages.
 *
 * @module
 */
import type { Places } from "./places.ts";

export interface ReleaseValues extends Pick<Places, "github" | "gitlab"> {
  version: string;
}

const PART = /<!-- unreleased -->\n(.*?)<!-- released\b(.*?)-->\s*<!-- \/unreleased -->\n*/gs;
const INCLUDE = /^( *- )local: \S+.*\n *# component: (\S+).*$/gm;

export function isUnreleased(text: string): boolean {
  return text.includes("<!-- unreleased -->") || text.search(INCLUDE) >= 0;
}

function filled(twin: string, { version, github, gitlab }: ReleaseValues): string {
  return twin.replaceAll("X.Y.Z", version).replaceAll("OWNER/NAME", github).replaceAll("GROUP/PROJECT", gitlab);
}

export function releasedText(text: string, values: ReleaseValues): string {
  const result = text
    .replace(PART, (_, _before: string, twin: string) => twin.trim() === "" ? "" : `${filled(twin.trim(), values)}\n\n`)
    .replace(INCLUDE, (_, dash: string, address: string) => `${dash}component: ${filled(address, values)}`);
  const rest = /<!-- (?:\/?unreleased|released)\b.*/.exec(result)?.[0];
  if (rest !== undefined) throw new Error(`Cannot write the released text because a part has no twin: ${rest}`);
  return result.replace(/\n+$/, "\n");
}

export function unreleasedText(text: string): string {
  return text
    .replace(PART, (_, before: string) => `${before.trim()}\n\n`)
    .replace(INCLUDE, (pair) => pair.slice(0, pair.lastIndexOf("\n")))
    .replace(/\n+$/, "\n");
}

/**
 * YAML for a document: an unreleased part if the YAML includes a component by its local copy, otherwise only the block.
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
