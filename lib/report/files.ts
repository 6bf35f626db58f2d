/**
 * The names of the files of a run. They are separate from the renderers, so that programs that only look for the files do not load the renderers.
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

/** A copy of the value in a result file. */
export const VALUE_FILE = "value.json";

/** The saved state of a run, from which a later command continues. */
export const STATE_FILE = "run.json";
