/**
 * A home that is a branch of a Git repository. Every wave reads the branch, adds commits before it sends starts, and adds a commit when it ends.
 * During a wave, the lock and the journal are in a directory that only this process uses.
 *
 * If two jobs run a wave at the same time, the second push fails, and the second job reads the branch again. That job finds the runs that it has
 * already started, because the same start always has the same key.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import type { GitBranch } from "../../git/remote.ts";
import { formatCount } from "../../text/duration.ts";
import { type DirHomeOptions, openDirHome } from "./dir_home.ts";
import type { Home } from "./home.ts";
import type { JournalRecord } from "./record.ts";

interface GitHomeOptions extends DirHomeOptions {
  branch: GitBranch;
  /** An empty directory that only this process uses. */
  directory: string;
  /** Removes the files of the home from this machine. Never throws. */
  release: () => Promise<void>;
  onShared?: (() => void) | undefined;
}

const OURS = /^(?:lock\.json|journal\/\d{6}\.ndjson)$/;
/** Maximum size in bytes. A segment has 1000 records, and a lock of 10,000 items has several megabytes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

const COUNTED: readonly (readonly [JournalRecord["type"], string])[] = [
  ["intent", "intent"],
  ["withdrawn", "withdrawal"],
  ["started", "start"],
  ["ended", "end"],
  ["gate", "gate"],
  ["approved", "approval"],
  ["retry", "retry"],
  ["skipped", "skip"],
  ["merge-intent", "merge"],
  ["write-intent", "pull request change"],
  ["stopped", "stop"],
  ["resumed", "resumption"],
];

function messageOf(campaign: string, wave: number, hasLock: boolean, counts: ReadonlyMap<string, number>): string {
  const parts = COUNTED.flatMap(([type, word]) => {
    const count = counts.get(type) ?? 0;
    return count === 0 ? [] : [formatCount(count, word)];
  });
  const all = [...hasLock ? ["plan"] : [], ...parts];
  const subject = `${campaign}: ${wave === 0 ? "" : `wave ${wave}, `}${
    all.length === 0 ? "no change" : all.join(", ")
  }`;
  // GitHub, GitLab, Gitea and Buildkite start no pipeline for a commit with this mark.
  return `${subject}\n\nWritten by the campaign. Do not edit: each record contains the hash of the previous record.\n\n[skip ci]\n`;
}

export async function openGitHome({ branch, release, directory, onShared, ...options }: GitHomeOptions): Promise<Home> {
  const { files, campaign, access } = options;
  const sizes = new Map<string, number>();

  async function take(): Promise<void> {
    files.makeDirectory(`${directory}/journal`);
    const all = await branch.read();
    const ours = (all ?? []).filter(({ path }) => OURS.test(path));
    // A campaign that is already on the default branch may continue there.
    if (all !== undefined && ours.length === 0 && await branch.isDefault()) {
      throw new UsageError({
        attempted: "use the branch as the home of a campaign",
        why: "it is the default branch of its repository, and every wave would add commits to it",
        value: JSON.stringify(branch.name),
        advice: "use a separate branch, such as mogplex-campaign/NAME",
      });
    }
    const large = ours.find(({ bytes }) => bytes > MAX_FILE_BYTES);
    if (large !== undefined) {
      throw new UsageError({
        attempted: "read the campaign from its branch",
        why: `a file has more than ${MAX_FILE_BYTES} bytes`,
        value: JSON.stringify(large.path),
        advice: "restore the branch from an earlier commit",
      });
    }
    const contents = await branch.contents(ours);
    for (const [index, { path, bytes }] of ours.entries()) {
      files.replace(`${directory}/${path}`, contents[index] ?? "");
      sizes.set(path, bytes);
    }
  }

  let home: Home;
  try {
    await take();
    home = await openDirHome(directory, { ...options, access: "write", shownAs: `branch ${branch.name}` });
  } catch (error) {
    await release();
    throw error;
  }
  let lockWritten = false;
  let wave = 0;
  const counts = new Map<string, number>();
  let isDirty = false;
  let hasNews = false;

  function count(records: readonly JournalRecord[]): void {
    for (const record of records) {
      const { type, wave: number } = record;
      hasNews ||= !(type === "wave" || type === "trouble");
      counts.set(type, (counts.get(type) ?? 0) + 1);
      wave = Math.max(wave, number);
      isDirty = true;
    }
  }

  function changed(): Map<string, string> {
    const names = ["lock.json", ...(files.list(`${directory}/journal`) ?? []).map((name) => `journal/${name}`)];
    const changes = new Map<string, string>();
    for (const name of names.filter((each) => OURS.test(each))) {
      const facts = files.facts(`${directory}/${name}`);
      if (facts === undefined || name !== "lock.json" && sizes.get(name) === facts.bytes) continue;
      const file = files.read(`${directory}/${name}`, MAX_FILE_BYTES);
      if (file === undefined) continue;
      changes.set(name, new TextDecoder().decode(file.content));
    }
    return changes;
  }

  return {
    readLock: () => home.readLock(),
    readJournal: (onRecord) => home.readJournal(onRecord),
    async writeLock(lock) {
      await home.writeLock(lock);
      lockWritten = isDirty = hasNews = true;
    },
    async append(bodies) {
      const records = await home.append(bodies);
      count(records);
      return records;
    },
    async flush(onlyNews = false) {
      if (!isDirty || access === "read" || onlyNews && !hasNews) return;
      const changes = changed();
      await branch.write(changes, messageOf(campaign, wave, lockWritten, counts));
      for (const name of changes.keys()) sizes.set(name, files.facts(`${directory}/${name}`)?.bytes ?? 0);
      isDirty = lockWritten = hasNews = false;
      counts.clear();
      onShared?.();
    },
    isShared: true,
    checkUnmoved: () => branch.checkUnmoved(),
    sentAt: home.sentAt,
    stops: () => [],
    dropStop() {},
    writer: () => Promise.resolve(null),
    async close() {
      await home.close();
      await release();
    },
  };
}
