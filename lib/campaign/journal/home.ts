/**
 * The home of a campaign: where its lock and journal are stored between two waves.
 *
 * @module
 */
import type { Platform, ReadEnv } from "../../ci/platform.ts";
import { messageOf } from "../../error_sentence.ts";
import { MogplexError, UsageError } from "../../errors.ts";
import type { Io } from "../../io.ts";
import { isNotPermitted } from "../../runtime.ts";
import type { Lock } from "./lock.ts";
import type { JournalRecord, RecordBody, StopRequest } from "./record.ts";

export type OnRecord = (record: JournalRecord, place: string) => void;

export interface Home {
  readLock(): Promise<Lock | undefined>;
  writeLock(lock: Lock): Promise<void>;
  /**
   * Calls `onRecord` for each record, possibly before an error in a later record is found. If a crash has truncated the last line, a home that is
   * open for writing repairs the journal, and a home that is open for reading ignores the line.
   */
  readJournal(onRecord: OnRecord): Promise<void>;
  /**
   * Appends records. On a disk, the records are durable when the promise resolves, so an `intent` is durable before its request is sent.
   *
   * @param bodies Their reasons must be masked.
   * @returns The records as they were written.
   */
  append(bodies: readonly RecordBody[]): Promise<JournalRecord[]>;
  /**
   * Shares what was written with other machines. Does nothing if the home is not shared.
   *
   * @param onlyNews Whether to share nothing if all new records only report a wave and the error that stopped it. Sharing such records would make a
   * wave on another machine lose the race. @default {false}
   * @throws {LostRaceError} if another machine has written in the meantime. What this machine wrote is then lost and must be decided again.
   */
  flush(onlyNews?: boolean): Promise<void>;
  /** Whether other machines read and write this home. If so, a start must be shared with them before its request is sent. */
  readonly isShared: boolean;
  /**
   * Checks whether another machine has written to the home since this process last read or wrote it. Nothing else is read, so the next {@linkcode
   * Home.flush} still detects the change.
   */
  checkUnmoved(): Promise<void>;
  /**
   * When requests were sent in the last minute, by this process's clock, oldest first. The list exists because the service limits a token's requests
   * per minute. For a directory, the list includes the requests of earlier processes. {@linkcode Home.close} keeps the times for the next process.
   */
  readonly sentAt: number[];
  /** Stop requests of other processes on this machine; see `stop_request.ts`. Never throws. */
  stops(): StopRequest[];
  dropStop(stop: StopRequest): void;
  writer(): Promise<string | null>;
  /** Never throws. */
  close(): Promise<void>;
}

/** Source: GitHub, "Webhook events and payloads": a payload has at most 25 MB. */
const MAX_EVENT_BYTES = 26_214_400;

export interface ShownPlace {
  env: ReadEnv;
  platform: Pick<Platform, "name" | "remote">;
  io: Pick<Io, "readFile">;
  /** An unknown visibility justifies a warning only for an empty branch. */
  isNew: boolean;
}

function githubVisibility({ env, io }: ShownPlace): string | undefined {
  const path = env("GITHUB_EVENT_PATH");
  if (!path) return undefined;
  try {
    const event = JSON.parse(io.readFile(path, MAX_EVENT_BYTES) ?? "null") as unknown;
    const { repository } = Object(event) as { repository?: unknown };
    const { visibility, private: isPrivate } = Object(repository) as Record<string, unknown>;
    if (typeof visibility === "string") return visibility;
    return typeof isPrivate === "boolean" ? isPrivate ? "private" : "public" : undefined;
  } catch {
    return undefined;
  }
}

/** The visibility is determined only from the job's environment. No request is sent, and no token is used. `undefined` if unknown. */
function visibilityOf(place: ShownPlace): string | undefined {
  switch (place.platform.name) {
    case "gitlab":
      return place.env("CI_PROJECT_VISIBILITY");
    case "github":
    case "gitea":
    case "forgejo":
      return githubVisibility(place);
    default:
      return undefined;
  }
}

function plain(address: string): string {
  return address.replace(/\/+$/, "").replace(/\.git$/, "").toLowerCase();
}

/** @param remote Address of the branch's repository. The visibility is known only for the job's own repository. */
export function shownText(remote: string, place: ShownPlace): string | null {
  const jobRemote = place.platform.remote(place.env);
  const visibility = jobRemote !== undefined && plain(jobRemote) === plain(remote) ? visibilityOf(place) : undefined;
  if (visibility === "public") {
    return "the repository is public, so anyone can read the branch of this campaign, including the whole task and the names of " +
      "all repositories; keep the campaign in a private repository, or in a directory (--home dir)";
  }
  if (visibility !== undefined || !place.isNew) return null;
  return "anyone who can read the repository can read the branch of this campaign, including the whole task and the names of all " +
    "repositories; check whether the repository is public";
}

/** Error codes that show that the path is wrong. Source: POSIX, errno.h. */
const ELSEWHERE: readonly string[] = ["EEXIST", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "ENOENT", "EINVAL"];
const NO_DIRECTORY: readonly string[] = ["EEXIST", "ENOTDIR"];

/** A full, read-only or broken disk can be fixed, so such errors have exit code 69. */
export function diskError(
  attempted: string,
  cause: unknown,
  advice = "use another directory with --dir",
): MogplexError {
  const why = messageOf(cause);
  if (isNotPermitted(cause)) {
    const flags = "start Deno with --allow-read and --allow-write for the directory; " +
      "the permissions command prints all flags (permissions --out DIR)";
    return new UsageError({ attempted, why: "Deno is not allowed to use it", advice: flags }, { cause });
  }
  const { code } = Object(cause) as { code?: unknown };
  if (typeof code === "string" && !ELSEWHERE.includes(code)) {
    const again = "fix the disk problem, then run the same command again; nothing is lost";
    return new MogplexError({ attempted, why, advice: again }, "unavailable", { cause });
  }
  const isFile = typeof code === "string" && NO_DIRECTORY.includes(code);
  return new UsageError({ attempted, why: isFile ? "a file with this name exists" : why, advice }, { cause });
}
