/**
 * Separate from the renderers, so that programs that only look for the files do not load the renderers.
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
