/**
 * Takes in the journal of a campaign from elsewhere: another machine, an artifact, a branch.
 *
 * @module
 */
import { UsageError } from "../errors.ts";
import { detectPlatform } from "../platforms/detect.ts";
import { formatCount } from "../result/duration.ts";
import { environmentVariable } from "../runtime.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import type { Home } from "./journal/home/home.ts";
import { parseHome } from "./journal/home/open_home.ts";
import { followUpHash } from "./plan/request.ts";
import { joinJournals, type Journal } from "./journal/join.ts";
import type { Lock } from "./journal/lock.ts";
import type { JournalRecord } from "./journal/record.ts";
import { makeView } from "./make_view.ts";
import { type CampaignInternals, type OpenedCampaign, plannedStore, reopen, withCampaign } from "./open_campaign.ts";
import type { CampaignView } from "./view.ts";

/** What was taken in. */
export interface Imported {
  /** `longer`: the other journal went on from our last record. `joined`: both had gone on. `nothing`: it has nothing new. */
  as: "nothing" | "longer" | "joined";
  /** Number of records that were added. */
  records: number;
  /** One sentence for people. */
  text: string;
  /** What the campaign looks like afterwards; of the journal as it is with `dryRun`. Null when there is none. */
  view: CampaignView | null;
}

/** Options of {@linkcode importJournal}. */
export interface ImportOptions extends CampaignOptions {
  /** Whether nothing is written. @default {false} */
  dryRun?: boolean | undefined;
}

const ATTEMPTED = "import a journal";

async function readAll(home: Home, lock: Lock): Promise<Journal> {
  const records: JournalRecord[] = [];
  await home.readJournal((record) => void records.push(record));
  return { lock, records };
}

/** Opens the place from which a journal is taken. */
async function openSource(source: string, opened: OpenedCampaign, origin: string | undefined): Promise<Home> {
  if (/^https?:/i.test(source)) {
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "an archive is not read from an address",
      value: JSON.stringify(source.replace(/\/\/[^/@]*@/, "//***@").replace(/[?#].*/, "")),
      advice:
        "download it with the command of its forge, unpack it (unzip, tar), and name the directory that has the lock.json",
    });
  }
  return source.startsWith("git:")
    ? await opened.openOther(parseHome(source, origin), "")
    : await opened.openOther({ kind: "dir" }, source.replace(/(?<=[^/])\/+$/, ""));
}

async function readSource(source: string, opened: OpenedCampaign, origin: string | undefined): Promise<Journal> {
  const home = await openSource(source, opened, origin);
  try {
    const lock = await home.readLock();
    if (lock !== undefined) return await readAll(home, lock);
    throw new UsageError({
      attempted: ATTEMPTED,
      why: "there is no lock.json, so nothing was planned there",
      value: JSON.stringify(source),
      advice: "name the directory that has the lock.json: of an artifact it is a folder inside",
    });
  } finally {
    await home.close();
  }
}

function wordsOf(as: Imported["as"], count: number, lockChanged: boolean): string {
  const records = formatCount(count, "record");
  if (as === "longer") return `the other journal goes on from this one: ${records} taken`;
  if (as === "joined") return `both journals had gone on: ${records} joined`;
  return lockChanged ? "the other journal has nothing new; its plan has" : "the other journal has nothing new";
}

/**
 * Takes in a journal from elsewhere: the longer of the two when one begins with the other, else both are joined.
 *
 * @param path Path of the campaign file.
 * @param source A directory, or `git:REMOTE#BRANCH`.
 * @throws {UsageError} when there is none, when it is of another campaign or was changed, or when the two contradict each other. Nothing is
 * written then.
 * @throws {MogplexError} with exit code 75 when another process is at work, 69 when a place is out of reach.
 */
export async function importJournal(
  path: string,
  source: string,
  options: ImportOptions,
  internals: CampaignInternals = {},
): Promise<Imported> {
  const { dryRun = false, env = environmentVariable } = options;
  const origin = (internals.platform ?? detectPlatform(env)).remote(env);
  return await withCampaign(path, options, internals, dryRun ? "read" : "write", async (opened) => {
    const theirs = await readSource(source, opened, origin);
    const own = await opened.home.readLock();
    const ours = await readAll(opened.home, own ?? theirs.lock);
    const { lock, bodies, as } = joinJournals(ours, theirs, source, followUpHash);
    const lockChanged = own === undefined || JSON.stringify(own) !== JSON.stringify(lock);
    if (!dryRun) {
      // In this order each moment is a campaign that can go on: a lock may have items of which the journal does not speak yet.
      if (lockChanged) await opened.home.writeLock(lock);
      if (bodies.length > 0) await opened.home.append(bodies);
      await reopen(opened);
    }
    const text = wordsOf(as, bodies.length, lockChanged);
    const store = dryRun && own === undefined ? undefined : plannedStore(opened, ATTEMPTED);
    const now = { nowMs: opened.clock.wallTime(), meanRunMs: store?.meanRunMs ?? null };
    return {
      as,
      records: bodies.length,
      text: dryRun ? `nothing was written; it would say: ${text}` : text,
      view: store === undefined ? null : makeView(store.memory, now),
    };
  });
}
