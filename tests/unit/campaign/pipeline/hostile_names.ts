/** Names of files that mean something to shells, to YAML and to CI systems. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PipelineInput } from "../../../../lib/campaign/pipeline/format.ts";
import { sha256Hex } from "../../../../lib/sha256.ts";

/** The names. What executes one of them leaves a file `PWNED`. */
export const HOSTILE_NAMES = [
  "tasks/$(touch PWNED).md",
  "tasks/`touch PWNED`.md",
  `tasks/it's "quoted".md`,
  "tasks/$[[ inputs.x ]] ${{ secrets.MOGPLEX_API_KEY }} ${HOME} $HOME $$ $(MOGPLEX_API_KEY).md",
  "tasks/- a: &b *c !d | > # {e} [f] %g @h.md",
  "tasks/; touch PWNED; #.md",
  "tasks/ ünïcødé 🚀.md",
  "tasks/%s %n $$ $1 '\"'.md",
];

/** Writes files with these names. @returns The folder, and the files as formats get them. */
export async function hostileFiles(): Promise<
  { folder: string; files: [PipelineInput["file"], ...PipelineInput["includes"]] }
> {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-pipeline-"));
  const files = await Promise.all(
    ["campaign.yml", ...HOSTILE_NAMES].map(async (path) => {
      const text = `text of ${path}: \u0085 \u2028 🚀\n  "quoted" \\ $HOME \${{ x }}\t\n\n`;
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
      return { path, sha256: await sha256Hex(text) };
    }),
  );
  return { folder, files: files as unknown as [PipelineInput["file"], ...PipelineInput["includes"]] };
}
