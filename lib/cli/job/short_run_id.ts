/**
 * The first digits of an id, as tables show them, are looked up in the records of this folder and this machine. No request is sent.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { valueOr } from "../../lookup.ts";
import { readState, stateSeal } from "../../run/state.ts";
import { isShortRunId, isUuid } from "../../service/contract.ts";
import { cutText } from "../../text/plain_text.ts";
import { STATE_FILE } from "../../report/files.ts";
import { isLaptop, outDirectory, statePath } from "../settings.ts";
import type { Context } from "../verb.ts";
import { campaignRunIds, MAX_LOOKS } from "./campaign_runs.ts";
import { foldersOf, recentCampaigns, recentRecords, recentRefusal } from "./laptop.ts";

const MAX_VALUE = 80;

/**
 * Maximum number of folders below this folder whose reports are read. The names of these folders come from `--dir` or `--out`, and later commands do
 * not know them.
 */
const MAX_FOLDERS = 50;

export function wholeRunId(context: Context, text: string): string {
  if (!isLaptop(context) || isUuid(text)) return text;
  if (!isShortRunId(text)) {
    throw new UsageError({
      attempted: "use run id",
      why: "it must be a full id, or at least its first 8 digits",
      value: JSON.stringify(cutText(text, MAX_VALUE)),
      advice: '"runs recent" shows the ids',
    });
  }
  const digits = text.toLowerCase();
  const runIds = new Set([
    ...campaignRunIds(context),
    ...stateRunIds(context, statePath(context)),
    ...runIdsOfFolders(context),
    ...recentRunIds(context),
  ]);
  const matches = [...runIds].filter((id) => id.startsWith(digits));
  const [runId] = matches;
  if (runId === undefined) {
    const refusal = recentRefusal(context);
    throw new UsageError({
      attempted: "find run",
      why: `no run id on this machine starts with ${JSON.stringify(text)}`,
      advice: `give the full id${
        refusal === undefined
          ? ""
          : `. The list of recent runs was not searched, because ${refusal.why}: ${refusal.advice}`
      }`,
    });
  }
  if (matches.length > 1) {
    throw new UsageError({
      attempted: "use run id",
      why: "several ids start with these digits",
      value: JSON.stringify(text),
      advice: `give one of ${matches.join(", ")}`,
    });
  }
  context.writer.note(`run ${runId}`);
  return runId;
}

export function lastRunId(context: Context): string | undefined {
  if (!isLaptop(context)) return undefined;
  // If there is no token, or if a file is damaged, the error must still be about the missing id.
  return foldersOf(outDirectory(context))
    .flatMap((out) => valueOr(() => provenRun(context, statePath(context, out)), undefined) ?? [])
    .sort((one, other) => Date.parse(other.startedAt) - Date.parse(one.startedAt))[0]?.runId;
}

function uuids(values: readonly unknown[]): string[] {
  return values.filter((value) => typeof value === "string").filter(isUuid).map((id) => id.toLowerCase());
}

function runIdsOfFolders(context: Context): string[] {
  const { io } = context;
  const runIds: string[] = [];
  let count = 0;
  for (const folder of io.folders(".").slice(0, MAX_LOOKS)) {
    if (count >= MAX_FOLDERS) break;
    const ids = [
      ...campaignRunIds(context, folder),
      ...stateRuns(context, `${folder}/${STATE_FILE}`),
    ];
    if (ids.length === 0) continue;
    count++;
    runIds.push(...ids);
  }
  return runIds;
}

/** Another program may have written the state file. */
function stateRuns(context: Context, path: string): string[] {
  return valueOr(() => stateRunIds(context, path), []);
}

function stateRunIds(context: Context, path: string): string[] {
  const run = provenRun(context, path);
  return run === undefined ? [] : [run.runId];
}

function provenRun(context: Context, path: string): { runId: string; startedAt: string } | undefined {
  const { io, clock } = context;
  const { token } = context.connection();
  const state = token === undefined
    ? undefined
    : readState(io, path, { job: null, execution: false, nowMs: clock.wallTime(), notify() {} })
      ?.proven(stateSeal(token));
  const [runId] = uuids([state?.runId]);
  return state === undefined || runId === undefined ? undefined : { runId, startedAt: state.startedAt };
}

function recentRunIds(context: Context): string[] {
  const ofCampaigns = recentCampaigns(context).flatMap(({ directory }) => campaignRunIds(context, directory));
  return [...uuids(recentRecords(context).map(({ runId }) => runId)), ...ofCampaigns];
}
