/** Directories of campaigns in memory, and processes that use them. */
import { type DirHomeOptions, openDirHome } from "../../../../lib/campaign/journal/dir_home.ts";
import type { Home } from "../../../../lib/campaign/journal/home.ts";
import type { JournalRecord } from "../../../../lib/campaign/journal/record.ts";
import { type VirtualClock, virtualClock } from "../../../../lib/clock.ts";
import { MogplexError } from "../../../../lib/errors.ts";
import type { Processes, ProcessIdentity, ProcessState } from "../../../../lib/files/processes.ts";
import { type MemoryFiles, memoryFiles } from "../../files/memory_files.ts";
import { CAMPAIGN, ROUND } from "./sample.ts";

export const DIRECTORY = "c";

/** A process of the tests. */
export const PROCESS: ProcessIdentity = { host: "one", bootId: "boot", pidSpace: "pid:[1]", pid: 7, startedAt: "100" };

/** The processes of a machine: this one, and what is known of the others. */
export function processesOf(own: Partial<ProcessIdentity> = {}, others: Record<number, ProcessState> = {}): Processes {
  return { own: () => ({ ...PROCESS, ...own }), find: (pid) => others[pid] ?? { state: "dead" } };
}

/** A directory in memory. */
export interface Room {
  files: MemoryFiles;
  clock: VirtualClock;
  notices: string[];
  open(options?: Partial<DirHomeOptions>): Promise<Home>;
  /** Does something with it while it is open for writing. */
  with<T>(use: (home: Home) => Promise<T>, options?: Partial<DirHomeOptions>): Promise<T>;
  /** The records, read by one that may only read. */
  records(): Promise<JournalRecord[]>;
}

/** Makes a directory in memory. */
export function makeRoom(clock: VirtualClock = virtualClock({ auto: false }), files = memoryFiles(clock)): Room {
  const notices: string[] = [];
  const room: Room = {
    files,
    clock,
    notices,
    open(options = {}) {
      return openDirHome(DIRECTORY, {
        files,
        clock,
        processes: processesOf(),
        campaign: CAMPAIGN,
        round: ROUND,
        access: "write",
        onNotice: (notice) => void notices.push(notice.kind === "text" ? notice.message : notice.kind),
        ...options,
      });
    },
    async with(use, options) {
      const home = await room.open(options);
      try {
        return await use(home);
      } finally {
        await home.close();
      }
    },
    async records() {
      const all: JournalRecord[] = [];
      await (await room.open({ access: "read" })).readJournal((record) => void all.push(record));
      return all;
    },
  };
  return room;
}

/** Exit code and message of what is thrown; "none" when nothing is. */
export async function failureOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (error instanceof MogplexError) return `${error.exitCode} ${error.message}`;
    throw error;
  }
  return "none";
}
