/**
 * Each change is recorded in the journal and shared before it is sent. If a request gets no response, the pull request is read to find out what
 * happened.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { MogplexError } from "../errors.ts";
import { isLost } from "../forge/client.ts";
import { noteMarker } from "../forge/note.ts";
import { LostRaceError } from "../git/remote.ts";
import type { PullRequestWriter } from "../forge/writer.ts";
import { markdownCode } from "../text/escape.ts";
import { quoted } from "../text/plain_text.ts";
import { type ItemMemory } from "./journal/memory.ts";
import { oneLine } from "./journal/fields.ts";
import { MAX_REASON, type RecordBody, type WriteAct } from "./journal/record.ts";
import type { WriteMemory } from "./journal/write_memory.ts";
import type { Store } from "./work/store.ts";

type WriteIntent = Omit<Extract<RecordBody, { type: "write-intent" }>, "type">;

export interface WriteWork {
  readonly store: Store;
  writer(url: string): PullRequestWriter | undefined;
}

export interface WriteResult {
  readonly item: string;
  readonly act: WriteAct;
  readonly url: string;
  readonly state: WriteMemory["state"];
  readonly reason: string | null;
}

/** Teams have the prefix `team:`. */
export function namedReviewers(names: readonly string[]): { users: string[]; teams: string[] } {
  const prefix = "team:";
  return {
    users: names.filter((name) => !name.startsWith(prefix)),
    teams: names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
  };
}

const BATCH = 10;

export function openWrites({ memory }: Store): { item: ItemMemory; act: WriteAct; write: WriteMemory }[] {
  return [...memory.items.values()].flatMap((item) =>
    (Object.entries(item.writes) as [WriteAct, WriteMemory][]).filter(([, { state }]) => state === "open")
      .map(([act, write]) => ({ item, act, write }))
  );
}

export async function finishWrites(
  work: WriteWork,
  isDue: (write: WriteMemory) => boolean = () => true,
): Promise<WriteResult[]> {
  const results: WriteResult[] = [];
  for (const { item, act, write } of openWrites(work.store)) {
    if (isDue(write)) results.push(await carryOut(work, item.item.id, act));
  }
  return results;
}

export async function sendWrites(work: WriteWork, intents: readonly WriteIntent[]): Promise<WriteResult[]> {
  const { store } = work;
  const results: WriteResult[] = [];
  for (let at = 0; at < intents.length; at += BATCH) {
    const batch = intents.slice(at, at + BATCH);
    await store.record(...batch.map((intent) => ({ type: "write-intent" as const, ...intent })));
    try {
      await store.publish();
    } catch (error) {
      // After a lost race, the journal is read again without these intents.
      if (!(error instanceof LostRaceError)) await withdraw(store, batch);
      throw error;
    }
    for (const [index, { item, act }] of batch.entries()) {
      try {
        results.push(await carryOut(work, item, act));
      } catch (error) {
        // Part of the failed change may have been sent, so its result is read from the forge later. No part of the remaining changes was sent.
        if (!(error instanceof LostRaceError)) await withdraw(store, batch.slice(index + 1));
        throw error;
      }
    }
  }
  return results;
}

async function withdraw(store: Store, writes: readonly Pick<WriteIntent, "item" | "act">[]): Promise<void> {
  for (const { item, act } of writes) {
    await store.record({ type: "write", item, act, as: "withdrawn", reason: null });
  }
}

async function carryOut({ store, writer: writerOf }: WriteWork, id: string, act: WriteAct): Promise<WriteResult> {
  const item = store.memory.items.get(id);
  const write = item?.writes[act];
  if (item === undefined || write?.state !== "open") throw new Error(`Cannot find the change of item ${id}`);
  const { url } = write;
  async function end(as: "done" | "refused" | "withdrawn", text: string | null): Promise<WriteResult> {
    const reason = text === null ? null : oneLine(text, MAX_REASON);
    await store.record({ type: "write", item: id, act, as, reason });
    if (act === "close" && as === "done") {
      await store.record({ type: "skipped", items: [id], by: write?.by ?? "", reason: write?.why ?? "" });
    }
    return { item: id, act, url, state: as, reason };
  }
  const writer = writerOf(url);
  if (writer === undefined) return await end("withdrawn", "no token for its host");
  try {
    const refusal = await (act === "close"
      ? closePull(writer, write, closeMarker(store, item, write), store.memory.lock.campaign)
      : requestAll(writer, write));
    return await end(refusal === null ? "done" : "refused", refusal);
  } catch (error) {
    if (!(error instanceof MogplexError)) throw error;
    if (error.exit === "unauthorized" || error.exit === "forbidden") {
      await end("withdrawn", messageOf(error));
      throw error;
    }
    if (isLost(error)) return { item: id, act, url, state: "open", reason: messageOf(error) };
    return await end("withdrawn", messageOf(error));
  }
}

function without(names: readonly string[], others: readonly string[]): string[] {
  const otherNames = new Set(others.map((name) => name.toLowerCase()));
  return names.filter((name) => !otherNames.has(name.toLowerCase()));
}

async function requestAll(writer: PullRequestWriter, { users, teams, labels }: WriteMemory): Promise<string | null> {
  const now = await writer.marks();
  if (now.state !== "open") return `it is ${now.state}`;
  const missingLabels = without(labels, now.labels);
  if (missingLabels.length > 0) await writer.addLabels(missingLabels);
  // Nobody can review their own pull request.
  const missing = {
    users: without(users, [...now.users, ...now.author === null ? [] : [now.author]]),
    teams: without(teams, [...now.teams, ...now.teams.map((team) => team.replace(/^.*\//, ""))]),
  };
  if (missing.users.length + missing.teams.length === 0) {
    const isAsked = now.users.length + now.teams.length > 0 || users.length + teams.length === 0;
    return isAsked ? null : "the only reviewer would be its author";
  }
  const answer = await writer.requestReview(missing);
  if (answer === "requested") return null;
  const single = [
    ...missing.users.map((name) => ({ users: [name], teams: [] })),
    ...missing.teams.map((name) => ({ users: [], teams: [name] })),
  ];
  if (single.length === 1) return answer.refused;
  // If the forge rejects one name, it rejects the whole request.
  let isRequested = false;
  for (const each of single) isRequested = await writer.requestReview(each) === "requested" || isRequested;
  return isRequested ? null : answer.refused;
}

function closeMarker({ memory: { lock } }: Store, { item }: ItemMemory, { number }: WriteMemory): string {
  return noteMarker("campaign close", JSON.stringify([lock.campaign, lock.round, item.id, number]));
}

async function closePull(
  writer: PullRequestWriter,
  { why }: WriteMemory,
  marker: string,
  campaign: string,
): Promise<string | null> {
  const { state } = await writer.marks();
  if (state === "merged") return "it is merged";
  if (state === "closed") return null;
  await writer.comment(
    marker,
    `The campaign ${markdownCode(campaign)} is closing this pull request:\n\n${quoted(why ?? "", MAX_REASON)}`,
  );
  await writer.close();
  return null;
}
