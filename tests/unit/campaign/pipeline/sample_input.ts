/** A campaign as formats of pipelines get it. */
import type { PipelineInput, PipelineSettings } from "../../../../lib/campaign/pipeline/format.ts";

const MINUTE_MS = 60_000;

/** What is changed of the sample; `settings` are merged. */
export type SampleChanges = Omit<Partial<PipelineInput>, "settings"> & { settings?: Partial<PipelineSettings> };

/** A file with a made-up checksum. */
export function carriedFile(path: string, digit = "a"): PipelineInput["file"] {
  return { path, sha256: digit.repeat(64) };
}

/** Four waves of a campaign with a task in a separate file. */
export function sampleInput({ settings, ...changes }: SampleChanges = {}): PipelineInput {
  return {
    campaign: "codemod",
    file: carriedFile("campaign.yml"),
    includes: [carriedFile("task.md", "b")],
    program: { kind: "file", path: "ci/mogplex.mjs", sha256: "c".repeat(64) },
    home: undefined,
    directory: "mogplex-campaign",
    waves: { delaysMs: [0, 15 * MINUTE_MS, 90 * MINUTE_MS, 15 * MINUTE_MS], gate: null },
    output: undefined,
    ...changes,
    settings: {
      image: undefined,
      tags: [],
      everyMs: 15 * MINUTE_MS,
      rehearsalMs: undefined,
      retryInterrupted: false,
      source: undefined,
      ...settings,
    },
  };
}
