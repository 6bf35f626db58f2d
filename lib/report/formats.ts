/**
 * The formats of `--report`. A new one is a renderer and a row here; a renderer reads a `ResultView`, which both kinds of
 * results have.
 *
 * @module
 */
import { renderAnnotations } from "./annotations.ts";
import { renderJson } from "./json.ts";
import { renderJunit } from "./junit.ts";
import { renderMarkdown } from "./markdown.ts";
import { renderRunPage } from "../pages/run_page.ts";
import { renderNdjson } from "./ndjson.ts";
import { renderOpenmetrics } from "./openmetrics.ts";
import { renderDotenv } from "./outputs.ts";
import type { AutomationResult } from "../result/automation_result.ts";
import type { RunResult } from "../result/run_result.ts";

/** A format of `--report`. */
export interface ReportFormat {
  /** Name of the file in the output directory. */
  readonly file: string;
  /** One line for `--help`. */
  readonly help: string;
  /**
   * Renders a result that went through `cleanResult`, of a run or of an automation run. Pure. `redact` removes secrets from text that is
   * joined from several events.
   */
  readonly render: (result: RunResult | AutomationResult, redact?: (text: string) => string) => string;
}

/** The name of a format of `--report`. */
export type ReportFormatName =
  | "json"
  | "ndjson"
  | "dotenv"
  | "markdown"
  | "html"
  | "junit"
  | "annotations"
  | "openmetrics";

/** The formats, by the name that `--report` takes. */
export const REPORT_FORMATS = {
  json: { file: "result.json", help: "the result for programs (JSON Schema in the package)", render: renderJson },
  ndjson: { file: "events.ndjson", help: "every event, one JSON object a line", render: renderNdjson },
  dotenv: { file: "outputs.env", help: "`MOGPLEX_…` variables for later GitLab jobs", render: renderDotenv },
  markdown: {
    file: "summary.md",
    help: "summary for people",
    render: (result, redact) => renderMarkdown(result, { redact }),
  },
  html: { file: "run.html", help: "page for people, in a browser", render: (result) => renderRunPage(result) },
  junit: { file: "junit.xml", help: "verdict and phases as test cases", render: renderJunit },
  annotations: {
    file: "annotations.json",
    help: "links for the page of a GitLab job",
    render: (result) => renderAnnotations(result),
  },
  openmetrics: { file: "metrics.txt", help: "figures for GitLab and Prometheus", render: renderOpenmetrics },
} as const satisfies Record<ReportFormatName, ReportFormat>;
