/**
 * Runs and campaigns of earlier jobs, from their files.
 *
 * @module
 */
import { GOOD_VERDICTS, OPEN_STATES } from "../campaign/verdicts.ts";
import { messageOf } from "../error_sentence.ts";
import { isObject, parseJson } from "../lookup.ts";
import { readResult } from "../result/stored/read_result.ts";
import type { CampaignEntry, DashboardData, FileProblem, RunEntry } from "./data.ts";

// The words of a file may be those of another version.
const GOOD: readonly string[] = GOOD_VERDICTS;
const OPEN: readonly string[] = OPEN_STATES;
const AT_WORK: readonly string[] = ["running", "starting"];

/** What files say. */
export type Stored = Pick<DashboardData, "runs" | "campaigns" | "fileProblems">;

/** A count. @param max What is greater is none. */
function numberIn(value: unknown, max = Number.MAX_SAFE_INTEGER): number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= max ? Number(value) : 0;
}

const textIn = (value: unknown) => typeof value === "string" ? value : null;

/** A campaign; undefined when the value is none. Numbers that are missing count as 0: there may be states that we do not know. */
function campaignIn(file: string, value: Record<string, unknown>): CampaignEntry | undefined {
  const { schema, campaign, counts, state, items } = value;
  if (schema !== 1 || typeof campaign !== "string" || typeof state !== "string") return undefined;
  if (!isObject(counts) || !Array.isArray(items)) return undefined;
  const all = Object.entries(counts);
  const count = (isCounted: (name: string) => boolean) =>
    all.filter(([name]) => isCounted(name)).reduce((sum, [, number]) => sum + numberIn(number), 0);
  return {
    file,
    name: campaign,
    round: textIn(value.round) ?? "",
    state,
    stateReason: textIn(value.stateReason),
    items: count(() => true),
    ended: count((name) => !OPEN.includes(name)),
    good: count((name) => GOOD.includes(name)),
    running: count((name) => AT_WORK.includes(name)),
    nextWaveAt: textIn(value.nextWaveAt),
    endsAt: textIn(value.endsAt),
    exitCode: numberIn(value.exitCode, 255),
    at: textIn(value.at) ?? "",
  };
}

/** @throws {UsageError} when the text is no result. */
function runIn(file: string, text: string): RunEntry {
  const result = readResult([{ path: file, text }]);
  return {
    file,
    kind: result.kind === "automation-run" ? "automation-run" : "run",
    runId: result.runId,
    repository: result.repository ?? null,
    outcome: result.outcome,
    exitCode: result.exitCode,
    reason: result.reason,
    pullRequest: result.kind === "automation-run" ? null : result.pullRequest.url,
    createdAt: result.createdAt,
    durationMs: result.durationMs,
  };
}

/** Newest first; those without a time last. */
function byTime(a: RunEntry, b: RunEntry): number {
  const ms = ({ createdAt }: RunEntry) => Date.parse(createdAt ?? "") || 0;
  return ms(b) - ms(a) || (a.file < b.file ? -1 : 1);
}

/** The newest file of each campaign and round: clones of one home each have one. Where times are equal, the first one. */
function newestOf(campaigns: readonly CampaignEntry[]): CampaignEntry[] {
  const found = new Map<string, CampaignEntry>();
  const ms = ({ at }: CampaignEntry) => Date.parse(at) || 0;
  for (const campaign of campaigns) {
    const key = JSON.stringify([campaign.name, campaign.round]);
    const known = found.get(key);
    if (known === undefined || ms(campaign) > ms(known)) found.set(key, campaign);
  }
  return [...found.values()];
}

/**
 * What files say: each is a `result.json`, an `events.ndjson` or a `campaign.json`. A file that is neither is a problem that the dashboard
 * shows, and no error.
 *
 * @param paths Files.
 * @param readText Reads one; undefined when there is none. May throw.
 */
export function readStored(paths: readonly string[], readText: (path: string) => string | undefined): Stored {
  const runs: RunEntry[] = [];
  const campaigns: CampaignEntry[] = [];
  const fileProblems: FileProblem[] = [];
  for (const file of paths) {
    try {
      const text = readText(file);
      if (text === undefined) throw new Error("There is no such file");
      // Several lines of JSON are no JSON: events of a run.
      const value = parseJson(text);
      const campaign = isObject(value) && "campaign" in value ? campaignIn(file, value) : undefined;
      if (campaign !== undefined) campaigns.push(campaign);
      else runs.push(runIn(file, text));
    } catch (error) {
      fileProblems.push({ file, why: messageOf(error) });
    }
  }
  const newest = newestOf(campaigns);
  newest.sort((a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.file < b.file ? -1 : 1);
  return { runs: runs.sort(byTime), campaigns: newest, fileProblems };
}
