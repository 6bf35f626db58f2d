/**
 * No request is sent.
 *
 * @module
 */
import { readFileHome } from "../../campaign/file/read.ts";
import { segmentName } from "../../campaign/journal/dir_home.ts";
import { placeOf } from "../../campaign/open_campaign.ts";
import { CAMPAIGN_FILES } from "../../campaign/report/files.ts";
import { campaignCommand, placeFlags } from "../../campaign/report/words.ts";
import { isObject, parseJson, valueOr } from "../../lookup.ts";
import type { CampaignRetry } from "../../report/campaign_item.ts";
import type { AnyResult } from "../../run/result.ts";
import { isUuid } from "../../service/contract.ts";
import { isLaptop } from "../settings.ts";
import type { Context } from "../verb.ts";
import { recentCampaigns } from "./laptop.ts";

const CAMPAIGN_FILE = "campaign.yml";
export const MAX_LOOKS = 1_000;
/** Maximum size of a campaign's report to read. A campaign with 10,000 items takes about 10 MB. */
const MAX_CAMPAIGN_BYTES = 67_108_864;

/** The newest run of a campaign's item. Its texts are untrusted. */
interface CampaignRun {
  runId: string;
  campaign: string;
  file: string | null;
  /** Pattern that selects only this item. */
  name: string;
  isSkipped: boolean;
}

function campaignDirectory({ io }: Context, file = CAMPAIGN_FILE): string {
  return placeOf({}, readFileHome(file, io), io.env).directory.replace(/\/+$/, "");
}

/** A run is in the journal before it is in the report, so both are read. */
export function campaignRunIds(context: Context, directory = campaignDirectory(context)): string[] {
  return [...campaignRuns(context, directory).map(({ runId }) => runId), ...journalRunIds(context, directory)];
}

const MAX_SEGMENTS = 100;

function journalRunIds(context: Context, directory: string): string[] {
  const lock = parseJson(readText(context, `${directory}/lock.json`));
  if (!isObject(lock) || lock.origin !== context.connection().origin) return [];
  const runIds: string[] = [];
  for (let segment = 1; segment <= MAX_SEGMENTS; segment++) {
    const text = readText(context, `${directory}/journal/${segmentName(segment)}`);
    if (text === "") break;
    for (const record of text.split("\n").map(parseJson)) {
      if (!isObject(record) || typeof record.runId !== "string" || !isUuid(record.runId)) continue;
      runIds.push(record.runId.toLowerCase());
    }
  }
  return runIds;
}

function reportIn(directory: string): string {
  return `${directory}/${CAMPAIGN_FILES.json}`;
}

function campaignRuns(context: Context, directory: string): CampaignRun[] {
  const view = parseJson(readText(context, reportIn(directory)));
  const isOurs = isObject(view) && isObject(view.about) && view.about.origin === context.connection().origin;
  const items = isOurs && Array.isArray(view.items) ? view.items.filter(isObject) : [];
  const file = isOurs && isObject(view.about) && typeof view.about.file === "string" ? view.about.file : null;
  const repositories = items.map(({ repository }) => repository);
  return items.flatMap(({ runId, repository, id, verdict }) => {
    if (typeof runId !== "string" || !isUuid(runId)) return [];
    const isOnly = repositories.indexOf(repository) === repositories.lastIndexOf(repository);
    return [{
      runId: runId.toLowerCase(),
      campaign: isOurs ? String(view.campaign) : "",
      file,
      name: String(isOnly ? repository : id),
      isSkipped: verdict === "skipped",
    }];
  });
}

function readText({ io }: Context, path: string): string {
  // Deno might not be allowed to read the file.
  return valueOr(() => io.readFile(path, MAX_CAMPAIGN_BYTES, "refuse", "replace") ?? "", "");
}

export function campaignRetry(context: Context, { runId, outcome }: AnyResult): CampaignRetry | undefined {
  if (!isLaptop(context) || runId === null || outcome !== "failed" && outcome !== "cancelled") return undefined;
  for (const place of campaignsHere(context)) {
    const run = valueOr(() => campaignRuns(context, place.directory), [])
      .find((each) => each.runId === runId.toLowerCase());
    if (run === undefined) continue;
    const files = [place.file, run.file, place.usualFile].filter((path) => path !== null);
    const file = files.find((path) => exists(context, path)) ?? null;
    const command = file === null ? null : retryCommand(context, { ...place, file, name: run.name });
    const step = run.isSkipped
      ? "The campaign skips this item. If you still want the run, have the campaign start it again."
      : "Fix the cause, then have the campaign start the run again.";
    return { campaign: run.campaign, command, step };
  }
  return undefined;
}

interface CampaignFolder {
  directory: string;
  file: string | null;
  home: string | null;
  /** The file to assume if the report does not contain the path of the file. */
  usualFile: string | null;
}

/** All campaigns that a command finds without a flag. Campaigns in the list of this machine come first, because their file and home are known. */
function campaignsHere(context: Context): CampaignFolder[] {
  const unknown = { file: null, home: null, usualFile: null };
  const remembered = valueOr(() => recentCampaigns(context), []).map(({ directory, file, home }) => ({
    directory: shortPath(context, directory),
    file: shortPath(context, file),
    home,
    usualFile: null,
  }));
  const usual = valueOr(() => [campaignDirectory(context)], []);
  const folders = valueOr(() => context.io.folders(".").slice(0, MAX_LOOKS), []);
  return [
    ...remembered,
    ...usual.map((directory) => ({ ...unknown, directory, usualFile: CAMPAIGN_FILE })),
    ...folders.map((directory) => ({ ...unknown, directory })),
  ];
}

function shortPath({ io }: Context, path: string): string {
  const folder = `${valueOr(() => io.realPath("."), undefined) ?? ""}/`;
  return path.startsWith(folder) ? path.slice(folder.length) : path;
}

function exists({ io }: Context, path: string): boolean {
  return valueOr(() => io.realPath(path) !== undefined, false);
}

function retryCommand(
  context: Context,
  { file, directory, home, name }: { file: string; directory: string; home: string | null; name: string },
): string {
  const usual = valueOr(() => campaignDirectory(context, file), undefined);
  const flags = placeFlags(directory === usual ? undefined : directory, home ?? undefined);
  return campaignCommand({ program: context.vocabulary.program, file, flags }, "retry", "--only", name);
}
