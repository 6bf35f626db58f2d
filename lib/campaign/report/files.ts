/**
 * The names of the reports of a campaign, below its directory. They are apart from their renderers, which a program that only looks for the files
 * does not need.
 *
 * @module
 */

export const CAMPAIGN_FILES = {
  json: "campaign.json",
  csv: "ci/campaign.csv",
  markdown: "campaign.md",
  html: "campaign.html",
  junit: "ci/junit.xml",
  openmetrics: "ci/metrics.txt",
  dotenv: "ci/outputs.env",
  annotations: "ci/annotations.json",
} as const;
