/**
 * An entry of a directory's chain of writers: the file in which a process says that it is at work.
 *
 * @module
 */
import type { DurableFiles } from "../../../files/durable_files.ts";
import type { ProcessIdentity } from "../../../files/processes.ts";
import { parseJson } from "../../../lookup.ts";
import { plainText } from "../../../text/plain_text.ts";

/** What a writer says of itself. */
export interface WriterFacts extends ProcessIdentity {
  /** 32 random hex digits. */
  token: string;
  /** This machine's time when it began, in ISO 8601. Only for people. */
  since: string;
}

/** A writer file that was found. */
export interface WriterEntry {
  /** Its path. */
  path: string;
  /** 32 hex digits that no other entry has: its token, or a hash of what is in it. */
  id: string;
  /** What it says; null when it cannot be understood. */
  facts: WriterFacts | null;
  /** When it was last touched, in milliseconds since 1970 by the clock of the file system. */
  touchedMs: number;
}

/** SHA-256 as `sha256Hex` makes it. */
export type Hash = (content: string | Uint8Array) => string;

const MAX_BYTES = 4096;
/** More than any race makes: each entry after the first belongs to a process that died within a few microseconds. */
const MAX_ENTRIES = 50;

/** Path of the writer file of a directory. */
export function writerPath(directory: string): string {
  return `${directory}/writer.json`;
}

/** Path of the file of the one process that may take over from an entry. */
export function successorPath(directory: string, id: string): string {
  return `${directory}/writer.${id}.json`;
}

/** The id in the name of a file of {@linkcode successorPath}; undefined for any other name. */
export function idInName(name: string): string | undefined {
  return /^writer\.([0-9a-f]{32})\.json$/.exec(name)?.[1];
}

/** Text of a writer file. */
export function writerText(facts: WriterFacts): string {
  return `${JSON.stringify({ schema: 1, ...facts }, null, 2)}\n`;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? plainText(value, { maxLength: 200 }).replace(/\s+/g, " ") : null;
}

/** What a writer file says; null when it is not one of ours. */
export function parseWriter(text: string): WriterFacts | null {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return null;
  const { schema, token, since, host, bootId, pidSpace, pid, startedAt } = value as Record<string, unknown>;
  if (schema !== 1 || typeof token !== "string" || !/^[0-9a-f]{32}$/.test(token)) return null;
  // A number of 0 or less would mean a group of processes.
  if (!Number.isSafeInteger(pid) || (pid as number) < 1) return null;
  return {
    token,
    since: textOrNull(since) ?? "an unknown time",
    host: textOrNull(host),
    bootId: textOrNull(bootId),
    pidSpace: textOrNull(pidSpace),
    pid: pid as number,
    startedAt: textOrNull(startedAt),
  };
}

/**
 * Reads the writers of a directory: `writer.json`, then the file of the one that takes over from it, and so on. The last one is at work.
 *
 * @throws when a file cannot be read.
 */
export function readWriters(files: DurableFiles, directory: string, hash: Hash): WriterEntry[] {
  const entries: WriterEntry[] = [];
  let path = writerPath(directory);
  while (entries.length < MAX_ENTRIES) {
    const file = files.read(path, MAX_BYTES);
    if (file === undefined) break;
    const facts = parseWriter(new TextDecoder().decode(file.content));
    // Two empty files of different times are two entries.
    const id = facts?.token ?? hash(`${file.modifiedMs} ${hash(file.content)}`).slice(0, 32);
    entries.push({ path, id, facts, touchedMs: file.modifiedMs });
    path = successorPath(directory, id);
  }
  return entries;
}
