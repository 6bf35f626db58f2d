/**
 * GitLab: a child pipeline with a job for each wave.
 *
 * @module
 */
import type { PipelineFormat } from "./format.ts";

/** See the module. */
export const gitlab: PipelineFormat = {
  needsPlan: true,
  render: ({ campaign }) => [{ path: "campaign.gitlab-ci.yml", text: `# ${campaign}\n` }],
};
