/**
 * Buildkite: one step, which `buildkite-agent pipeline upload` adds to a build. The clock is a schedule of the pipeline; the campaign is
 * remembered on a branch.
 *
 * @module
 */
import { EXIT } from "../../exit_codes.ts";
import type { PipelineFormat, PipelineInput } from "./format.ts";
import { branchHome, checkScript, checkSettings, cronOf, waveScript } from "./job_scripts.ts";
import { block, impossible, quoted } from "./words.ts";

/** Shortest distance of waves: each of them takes about a minute. */
const LEAST_MS = 60_000;

/** A text that the upload leaves as it is. Source: Buildkite, "Environment variables", runtime variable interpolation: `$$` is a `$`. */
function uploaded(text: string): string {
  return text.replaceAll("$", "$$$$");
}

/** Lines that choose the agents. @throws {UsageError} for a tag that is none of Buildkite's. */
function agentLines(tags: readonly string[]): string[] {
  const wrong = tags.find((tag) => !/^[^=]+=[^=]+$/.test(tag));
  if (wrong !== undefined) {
    throw impossible(
      "a tag of Buildkite's agents is a name and a value",
      "write --tag queue=NAME",
      JSON.stringify(wrong),
    );
  }
  return tags.length === 0 ? [] : ["    agents:", ...tags.map((tag) => `      - ${quoted(uploaded(tag))}`)];
}

function render(input: PipelineInput): [{ path: string; text: string }] {
  const { campaign, settings: { image, tags } } = input;
  checkSettings(input, "Buildkite");
  const home = branchHome(input, "Buildkite");
  const script = ["set -eu", checkScript(input), waveScript(input, home)].join("\n");
  const text = [
    `# Campaign ${campaign}: its waves on Buildkite, made by "mogplex-ci campaign pipeline". Do not edit: make it again.`,
    `# Commit it, upload it in the first step of a pipeline, and give that pipeline a schedule on its default branch:`,
    `#   buildkite-agent pipeline upload campaign-${campaign}.yml`,
    `#   ${cronOf(input, "Buildkite", LEAST_MS)}`,
    `# Needs: Buildkite secret MOGPLEX_API_KEY; keys or MOGPLEX_GIT_TOKEN with which the agent may push to the branch of the campaign.`,
    "# Plan by hand, with the same --home, and read the plan: until then no wave starts anything.",
    "steps:",
    `  - label: ${quoted(`:repeat: Campaign ${campaign}`)}`,
    `    key: ${quoted(`campaign-${campaign}`)}`,
    "    if: build.branch == pipeline.default_branch",
    "    # One wave at a time. A second one waits, finds little to do, and loses nothing.",
    `    concurrency_group: ${quoted(`mogplex-default-${campaign}`)}`,
    "    concurrency: 1",
    ...agentLines(tags),
    ...image === undefined ? [] : [`    image: ${quoted(image)}`],
    "    secrets:",
    "      - MOGPLEX_API_KEY",
    `    command: ${block("      ", uploaded(script))}`,
    "    artifact_paths:",
    "      - mogplex-campaign/*",
    "    timeout_in_minutes: 20",
    "    # An outage does not end the campaign: the next wave goes on.",
    "    soft_fail:",
    `      - exit_status: ${EXIT.unavailable}`,
    `      - exit_status: ${EXIT.rateLimited}`,
    "    retry:",
    "      automatic:",
    "        - exit_status: -1 # the agent was lost; a wave that is made twice finds the runs of the first time",
    "          signal_reason: none",
    "          limit: 2",
  ].join("\n");
  return [{ path: `campaign-${campaign}.yml`, text: `${text}\n` }];
}

/** See the module. */
export const buildkite: PipelineFormat = { needsPlan: false, render };
