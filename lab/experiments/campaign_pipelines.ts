/** The workflow of a campaign, as `campaign pipeline` writes it. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PipelineInput } from "../../lib/campaign/pipeline/format.ts";
import { github } from "../../lib/campaign/pipeline/github.ts";

const INPUT: PipelineInput = {
  campaign: "codemod",
  file: { path: "campaign.yml", sha256: "a".repeat(64) },
  includes: [{ path: "tasks/it's a ${{ task }}.md", sha256: "b".repeat(64) }],
  program: { kind: "file", path: "ci/mogplex.mjs", sha256: "c".repeat(64) },
  home: undefined,
  directory: "mogplex-campaign",
  waves: undefined,
  output: undefined,
  settings: {
    image: undefined,
    tags: [],
    everyMs: 900_000,
    rehearsalMs: undefined,
    retryInterrupted: false,
    source: undefined,
  },
};

/** Writes the workflow into a folder of its own. @returns The paths of its files. */
export function campaignPipelines(): string[] {
  const folder = mkdtempSync(join(tmpdir(), "mogplex-pipelines-"));
  return github.render(INPUT).map(({ path, text }) => {
    const file = join(folder, path);
    writeFileSync(file, text);
    return file;
  });
}
