/**
 * The names of the files are separate from the renderers, so that programs that only look for the files do not load the renderers.
 *
 * @module
 */

export const REPORT_FILES = {
  json: "result.json",
  ndjson: "events.ndjson",
  dotenv: "outputs.env",
  markdown: "summary.md",
  html: "run.html",
  junit: "junit.xml",
  annotations: "annotations.json",
  openmetrics: "metrics.txt",
} as const;

export const VALUE_FILE = "value.json";

export const STATE_FILE = "run.json";
