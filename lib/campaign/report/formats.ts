/**
 * The files of a campaign. A new one is a renderer and a row here.
 *
 * @module
 */
import type { CampaignView } from "../view.ts";
import { renderCampaignPage } from "./campaign_page.ts";
import { renderCampaignAnnotations } from "./annotations.ts";
import { renderCampaignCsv } from "./csv.ts";
import { renderCampaignJson } from "./json.ts";
import { renderCampaignJunit } from "./junit.ts";
import { type CampaignMarkdownOptions, renderCampaignMarkdown } from "./markdown.ts";
import { renderCampaignMetrics } from "./metrics.ts";
import { renderCampaignDotenv } from "./outputs.ts";

/** A report of a campaign. */
export interface CampaignFormat {
  /** Name of the file in the campaign's directory. */
  readonly file: string;
  /** One line for `--help`. */
  readonly help: string;
  /** Renders a view that went through `cleanCampaign`. Pure; only those for people have a place for the options. */
  readonly render: (view: CampaignView, options?: CampaignMarkdownOptions) => string;
}

/** The reports, by name. */
export const CAMPAIGN_FORMATS = {
  json: {
    file: "campaign.json",
    help: "the campaign for programs (JSON Schema in the package)",
    render: renderCampaignJson,
  },
  csv: { file: "campaign.csv", help: "the items for spreadsheets", render: renderCampaignCsv },
  markdown: { file: "campaign.md", help: "summary for people", render: renderCampaignMarkdown },
  html: { file: "campaign.html", help: "page for people, in a browser", render: renderCampaignPage },
  junit: { file: "junit.xml", help: "a test case for each item", render: renderCampaignJunit },
  openmetrics: { file: "metrics.txt", help: "figures for GitLab and Prometheus", render: renderCampaignMetrics },
  dotenv: {
    file: "outputs.env",
    help: "`MOGPLEX_CAMPAIGN_…` variables for later GitLab jobs",
    render: renderCampaignDotenv,
  },
  annotations: {
    file: "annotations.json",
    help: "links for the page of a GitLab job",
    render: renderCampaignAnnotations,
  },
} as const satisfies Record<string, CampaignFormat>;

/** A key of {@linkcode CAMPAIGN_FORMATS}. */
export type CampaignFormatName = keyof typeof CAMPAIGN_FORMATS;

/** The names of all reports, in their order. */
export const CAMPAIGN_FORMAT_NAMES = Object.keys(CAMPAIGN_FORMATS) as readonly CampaignFormatName[];
