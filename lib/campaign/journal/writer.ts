/**
 * Allows one writer per directory. `writer.json` names the process that writes. If several processes try to become the writer, exactly one succeeds.
 *
 * A process becomes the writer by creating a file that did not exist, which only one process can do:
 *
 * - `writer.json`, if it does not exist.
 * - `writer.ID.json`, if the writer with this id is dead. Only the process that has created this file may then replace `writer.json`, by renaming its
 *   own file. Ids are random and never used again. A slow process may therefore create a file that does not follow the current writer. The process
 *   detects this and starts again.
 * - To release the directory, a writer first creates `writer.ID.json` with its own id, so that no other process can create this file. The writer then
 *   removes both files.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError } from "../../errors.ts";
import type { DurableFiles } from "../../files/disk.ts";
import type { Processes, ProcessIdentity } from "../../files/processes.ts";
import { parseJson } from "../../lookup.ts";
import type { OnNotice } from "../../notice.ts";
import { instantMs, utcText } from "../../run/result.ts";
import { sha256Hex } from "../../sha256.ts";
import { plainText } from "../../text/plain_text.ts";
import { diskError } from "./home.ts";

interface WriterWorld {
  files: DurableFiles;
  processes: Processes;
  clock: Clock;
  onNotice: OnNotice;
}

export interface Writer {
  check(): void;
  /** Does nothing if another process has taken over. */
  release(): void;
}

/** Source: specification of campaigns, section 5. */
const TOUCH_MS = 30_000;

/** A writer that is not known to be alive is treated as dead after this time without a touch. Source: specification of campaigns, section 5. */
const STALE_MS = 300_000;

/** Each further attempt means that another process has won a race in the meantime. */
const MAX_TRIES = 100;

let openTokens: Set<string> | undefined;

export function takeDirectory(directory: string, world: WriterWorld): Writer {
  const { files, processes, clock, onNotice } = world;
  const token = newToken();
  const facts: WriterFacts = {
    token,
    ...processes.own(),
    since: new Date(clock.wallTime()).toISOString(),
  };

  function attempt(): boolean {
    const last = readWriters(files, directory).at(-1);
    if (last === undefined) return files.create(writerPath(directory), writerText(facts));
    const verdict = judge(last, world, () => files.timeIn(directory));
    if (verdict === "at work") throw busyWith(directory, last);
    const successor = successorPath(directory, last.id);
    if (!files.create(successor, writerText(facts))) return false;
    if (readWriters(files, directory).at(-1)?.id !== token) {
      files.remove(successor);
      return false;
    }
    files.move(successor, writerPath(directory));
    if (verdict === "stale") onNotice({ kind: "text", message: takenOverNotice(last) });
    return true;
  }

  /** Removes the files of processes that died during an attempt. Newer files may belong to a process that is alive. */
  function cleanUp(): void {
    const nowMs = files.facts(writerPath(directory))?.modifiedMs ?? 0;
    for (const name of files.list(directory) ?? []) {
      if (name === `writer.${token}.json` || idInName(name) === undefined && !/\.[0-9a-f]{8}\.tmp$/.test(name)) {
        continue;
      }
      const path = `${directory}/${name}`;
      try {
        if (nowMs - (files.facts(path)?.modifiedMs ?? nowMs) > STALE_MS) files.remove(path);
      } catch {
        // A file that cannot be removed does no harm.
      }
    }
  }

  try {
    let tries = 1;
    while (!attempt()) {
      if (tries++ >= MAX_TRIES) {
        throw new DirectoryBusyError(directory, "other processes keep claiming the directory", "try again later");
      }
    }
    (openTokens ??= new Set()).add(token);
    cleanUp();
  } catch (cause) {
    openTokens?.delete(token);
    if (cause instanceof MogplexError) throw cause;
    throw diskError(`write in ${JSON.stringify(directory)}`, cause);
  }

  const stopped = new AbortController();

  function isOurs(): boolean {
    const entries = readWriters(files, directory);
    return entries.length === 1 && entries[0]?.id === token;
  }

  async function touchOften(): Promise<void> {
    while (true) {
      await clock.sleep(TOUCH_MS, { signal: stopped.signal, background: true });
      try {
        if (isOurs()) files.touch(writerPath(directory));
      } catch {
        // If touches keep failing, the file becomes stale. `check` then detects that another process has taken over.
      }
    }
  }
  // The loop ends only if the signal aborts.
  touchOften().catch(() => {});

  return {
    check() {
      try {
        if (isOurs()) return;
      } catch (cause) {
        const problem = { attempted: `write in ${JSON.stringify(directory)}`, why: messageOf(cause) };
        throw new MogplexError(problem, "unavailable", { cause });
      }
      const why = "another process has taken over because this one did not touch its writer file for 5 minutes";
      throw new DirectoryBusyError(directory, why, "run the same command again; nothing is lost");
    },
    release() {
      stopped.abort();
      openTokens?.delete(token);
      const guard = successorPath(directory, token);
      const guardToken = newToken();
      try {
        if (!isOurs() || !files.create(guard, writerText({ ...facts, token: guardToken }))) return;
        // Another process may have taken over before the guard file existed.
        if (readWriters(files, directory).at(-1)?.id === guardToken) files.remove(writerPath(directory));
        files.remove(guard);
      } catch {
        // The next process detects that this process has ended.
      }
    },
  };
}

function newToken(): string {
  return crypto.randomUUID().replaceAll("-", "");
}

/** `stale` means that only the time of the last touch suggests that the writer has ended. */
function judge(
  entry: WriterEntry,
  world: Pick<WriterWorld, "processes">,
  timeMs: () => number,
): "ended" | "stale" | "at work" {
  const { facts } = entry;
  const thisProcess = world.processes.own();
  const here = facts !== null && facts.host !== null && facts.host === thisProcess.host &&
    facts.bootId === thisProcess.bootId &&
    facts.pidSpace === thisProcess.pidSpace;
  if (here && facts.pid === thisProcess.pid) {
    // The entry belongs to this process, or to an earlier process with the same process id.
    return facts.startedAt === thisProcess.startedAt && openTokens?.has(facts.token) ? "at work" : "ended";
  }
  if (here) {
    const otherProcess = world.processes.find(facts.pid);
    if (otherProcess.state === "dead") return "ended";
    if (otherProcess.state === "alive" && otherProcess.startedAt !== null && facts.startedAt !== null) {
      // Another process may have been given the same process id since then.
      return otherProcess.startedAt === facts.startedAt ? "at work" : "ended";
    }
  }
  // A time in the future comes from a clock that was set back. Without the absolute value, such a file would never become stale.
  return Math.abs(timeMs() - entry.touchedMs) >= STALE_MS ? "stale" : "at work";
}

function busyWith(directory: string, { path, facts }: WriterEntry): DirectoryBusyError {
  if (facts === null) {
    const why = `${JSON.stringify(path)} is unreadable, and was changed in the last 5 minutes`;
    return new DirectoryBusyError(
      directory,
      why,
      `if no other process is using the directory, remove this file, or try again in 5 minutes`,
    );
  }
  return new DirectoryBusyError(
    directory,
    `${processText(facts)} has been using ${JSON.stringify(directory)} since ${sinceText(facts)}`,
    "wait until it has ended, or stop it with Ctrl-C or by cancelling its job (its runs continue), then run this command again; " +
      `if you know that it has ended, remove ${JSON.stringify(path)}`,
    true,
  );
}

export class DirectoryBusyError extends MogplexError {
  /** @internal */
  static override readonly kind: string = "DirectoryBusyError";
  readonly #reason: { holder: string; advice: string };

  constructor(directory: string, why: string, advice: string, isHeld = false) {
    const name = JSON.stringify(directory);
    super({ attempted: isHeld ? "work on the campaign" : `write in ${name}`, why, advice }, "rateLimited");
    this.#reason = { holder: isHeld ? why : `${name} is busy: ${why}`, advice };
  }

  during(attempted: string, advice: string = this.#reason.advice): MogplexError {
    const { holder: why } = this.#reason;
    return new MogplexError({ attempted, why, advice }, "rateLimited", { cause: this });
  }
}

function processText({ pid, host }: WriterFacts): string {
  return `process ${pid}${host === null ? "" : ` on ${JSON.stringify(host)}`}`;
}

/** The file is untrusted, so the text might not be a time. */
function sinceText({ since }: WriterFacts): string {
  const ms = instantMs(since);
  return ms === null ? since : utcText(ms);
}

function takenOverNotice({ facts }: WriterEntry): string {
  if (facts === null) return "took over the directory: the writer file was unreadable and untouched for 5 minutes";
  return `took over from ${processText(facts)}, running since ${
    sinceText(facts)
  }: it has not touched its writer file for 5 minutes`;
}

export function writerAtWork(
  directory: string,
  world: Pick<WriterWorld, "files" | "processes" | "clock">,
): string | null {
  const last = readWriters(world.files, directory).at(-1);
  if (last === undefined || judge(last, world, () => world.clock.wallTime()) !== "at work") return null;
  return last.facts === null ? "a process" : `${processText(last.facts)} (since ${sinceText(last.facts)})`;
}

interface WriterFacts extends ProcessIdentity {
  token: string;
  /** When the process became the writer, in ISO 8601. Used only in messages. */
  since: string;
}

interface WriterEntry {
  path: string;
  /** 32 hex digits that no other entry has: the token, or a hash of the file. */
  id: string;
  facts: WriterFacts | null;
  /** By the file system's clock. */
  touchedMs: number;
}

const MAX_BYTES = 4096;

/** No race creates this many entries: each entry after the first belongs to a process that died within a few microseconds. */
const MAX_ENTRIES = 50;

/**
 * Returns the chain of writers of a directory: `writer.json`, then the file of the process that takes over from that writer, and so on. The last
 * entry is the writer.
 */
function readWriters(files: DurableFiles, directory: string): WriterEntry[] {
  const entries: WriterEntry[] = [];
  let path = writerPath(directory);
  while (entries.length < MAX_ENTRIES) {
    const file = files.read(path, MAX_BYTES);
    if (file === undefined) break;
    const facts = parseWriter(new TextDecoder().decode(file.content));
    // Two empty files with different times are different entries.
    const id = facts?.token ?? sha256Hex(`${file.modifiedMs} ${sha256Hex(file.content)}`).slice(0, 32);
    entries.push({ path, id, facts, touchedMs: file.modifiedMs });
    path = successorPath(directory, id);
  }
  return entries;
}

export function parseWriter(text: string): WriterFacts | null {
  const value = parseJson(text);
  if (typeof value !== "object" || value === null) return null;
  const { schema, token, since, host, bootId, pidSpace, pid, startedAt } = value as Record<string, unknown>;
  if (schema !== 1 || typeof token !== "string" || !/^[0-9a-f]{32}$/.test(token)) return null;
  // A number of 0 or less would refer to a group of processes.
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

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? plainText(value, { maxLength: 200 }).replace(/\s+/g, " ") : null;
}

export function writerText(facts: WriterFacts): string {
  return `${JSON.stringify({ schema: 1, ...facts }, null, 2)}\n`;
}

function writerPath(directory: string): string {
  return `${directory}/writer.json`;
}

function successorPath(directory: string, id: string): string {
  return `${directory}/writer.${id}.json`;
}

function idInName(name: string): string | undefined {
  return /^writer\.([0-9a-f]{32})\.json$/.exec(name)?.[1];
}
