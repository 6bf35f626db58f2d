/**
 * The names of the files of a run. They are apart from their renderers, which a program that only looks for the files does not need.
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

/** The copy of a checked value. */
export const VALUE_FILE = "value.json";

/** The state of a run, from which a later command continues. */
export const STATE_FILE = "run.json";
