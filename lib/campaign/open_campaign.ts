import { callHook } from "../hook.ts";
import { type Clock, systemClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import { type DurableFiles, processDurableFiles } from "../files/disk.ts";
import { type Processes, systemProcesses } from "../files/processes.ts";
import { type Io, processIo } from "../io.ts";
import type { Interrupts, OnInterrupt } from "../run/interrupts.ts";
import type { SessionInternals } from "../run/session.ts";
import type { Notice } from "../notice.ts";
import type { CampaignOptions } from "./campaign_options.ts";
import type { CampaignFile, ReadCampaign } from "./file/campaign_file.ts";
import type { CampaignDefinition } from "./file/object.ts";
import { readCampaignFile, readCampaignObject, type ReadPurpose } from "./file/read.ts";
import { LostRaceError } from "../git/remote.ts";
import { detectPlatform } from "../ci/detect.ts";
import { personOf, type Platform, type PlatformLinks } from "../ci/platform.ts";
import { ALL_FORGES } from "../forge/all.ts";
import type { FilesOptions } from "../forge/files.ts";
import { forgeSecrets, jobUser } from "../forge/open.ts";
import { environmentVariable } from "../runtime.ts";
import { checkLockHash } from "./journal/fold.ts";
import { type Home, type ShownPlace, shownText } from "./journal/home.ts";
import { type HomeAddress, openHome, parseHome } from "./journal/open_home.ts";
import type { Lock, LockItem, LockTask } from "./journal/lock.ts";
import type { ForgePerson, Person } from "./journal/record.ts";
import { type Quota, quotasFor } from "./pace/next_starts.ts";
import { hashOfItem, hasOtherTask, wasStarted } from "./plan/make_lock.ts";
import { createRedactor, type Redactor } from "../text/redact.ts";
import { secretsIn } from "./notify/notify_address.ts";
import { ANY_COMMAND, type CampaignCommand, campaignCommand, placeFlags } from "./report/words.ts";
import type { MergePlaces } from "./merge/places.ts";
import type { PullRequests } from "./pulls.ts";
import { noOwnStarts, type OwnStarts, recordOwnStarts } from "./work/own_starts.ts";
import { makeView, type ViewInput } from "./view/make_view.ts";
import { whoStopped } from "./view/progress.ts";
import type { CampaignView } from "./view/view.ts";
import { Store } from "./work/store.ts";

export type CampaignSource = string | CampaignDefinition;

/** Options that only the command line and tests set. */
export interface CampaignInternals extends Omit<SessionInternals, "platform"> {
  /** @default not handled */
  interrupts?: Interrupts | undefined;
  /** @default the runs continue */
  onInterrupt?: OnInterrupt | undefined;
  /** @default detected from the environment */
  platform?: Platform | undefined;
  /** @default the file system */
  io?: Io | undefined;
  /** For the lock and the journal. @default the file system */
  files?: DurableFiles | undefined;
  /** @default the processes of this machine */
  processes?: Processes | undefined;
  readsStdin?: boolean | undefined;
  /** @default {"all"} */
  purpose?: ReadPurpose | undefined;
  /** For callers that read a campaign repeatedly. @default created from the options */
  pulls?: PullRequests | undefined;
  /** @default created with the merge tokens in the environment */
  places?: MergePlaces | undefined;
  /** Starts that this process has sent. They are kept after a lost race for the home. @default none */
  started?: OwnStarts | undefined;
  /** Address of the remote `origin` of a local clone. Used for `git:origin` if no CI system names a repository. @default none */
  origin?: string | undefined;
  /** @default the system's Git */
  openGit?: FilesOptions["openGit"];
  /** For callers that have already read the file. @default read from the file */
  read?: ReadCampaign | undefined;
  /** Called with each lock that is read. Unlike a view, a lock contains the prompts. */
  onLock?: ((lock: Lock) => void) | undefined;
  /** Whether text of the task and of agents may be recorded and shown. @default {true} */
  showTask?: boolean | undefined;
  /** The command as messages show it. @default `mogplex-ci` with the campaign's file and directory */
  command?: CampaignCommand | undefined;
  /** Receives the function that masks the secrets of the file and of the forges. */
  onMask?: ((mask: Redactor) => void) | undefined;
}

export interface OpenedCampaign {
  clock: Clock;
  source: CampaignSource;
  directory: string;
  isInMemory: boolean;
  file: CampaignFile;
  fileHash: string;
  skippedStdin: boolean;
  /** Masks the webhook's address and the tokens of the forges. */
  mask: Redactor;
  home: Home;
  /** `home` is the address as the user gave it, such as `git:origin#NAME`. */
  branch: { name: string; home: string } | null;
  /** Whether the home is a directory that a CI system passes from job to job. A killed job does not pass the directory on. */
  isCache: boolean;
  links: PlatformLinks;
  readonly quotas: readonly Quota[];
  /** Used to warn that others can read the branch. `null` unless the home is a branch that is opened for writing. */
  shown: Omit<ShownPlace, "isNew"> & { remote: string } | null;
  /** Whether everything is read again because another job has written in the meantime. If so, the notes have already been sent. */
  isAgain: boolean;
  store: Store | undefined;
  started: OwnStarts;
  /** `user` is known only in the CI system of a forge. */
  person: Person;
  user: ForgePerson | undefined;
  showTask: boolean;
  onLock: CampaignInternals["onLock"];
  command: CampaignInternals["command"];
}

const ATTEMPTS = 5;

/** Maximum delay before another attempt. The delay is random, so that two jobs do not collide again. */
const RACE_WAIT_MS = 10_000;

/** If another machine has written to the home in the meantime, everything is read again, and `use` is called again. */
export async function withCampaign<T>(
  source: CampaignSource,
  options: CampaignOptions,
  internals: CampaignInternals,
  access: "read" | "write",
  use: (opened: OpenedCampaign) => Promise<T>,
): Promise<T> {
  const { clock = systemClock, onNotice, signal } = options;
  const random = internals.random ?? Math.random;
  const io = internals.io ?? processIo();
  const read = internals.read ?? await readSource(source, options, io, internals);
  let races = 0;
  const callInternals = internalsWith(internals, {
    io,
    read,
    started: noOwnStarts(),
    onShared: () => void (races = 0),
  });
  for (let isFirst = true;; isFirst = false) {
    try {
      return await attempt(source, options, callInternals, access, async (opened) => {
        if (isFirst) warnOfReaders(opened, onNotice);
        opened.isAgain = !isFirst;
        return await use(opened);
      });
    } catch (error) {
      if (!(error instanceof LostRaceError) || ++races === ATTEMPTS) throw error;
      callHook(onNotice, {
        kind: "text",
        message: "another job has written to the journal in the meantime; reading it again",
      });
      await clock.sleep(random() * RACE_WAIT_MS, { signal });
    }
  }
}

export async function readSource(
  source: CampaignSource,
  { allowOutside = false, webhookVariable }: CampaignOptions,
  io: Io,
  { readsStdin, purpose }: CampaignInternals,
): Promise<ReadCampaign> {
  const options = { allowOutside, webhookVariable, stdin: readsStdin ? "read" : "skip", purpose } as const;
  return typeof source === "string"
    ? await readCampaignFile(source, io, options)
    : await readCampaignObject(source, io, options);
}

/** The file is read once for all attempts, because one of its lists can be standard input. */
type ReadInternals = CampaignInternals & { io: Io; read: ReadCampaign; started: OwnStarts; onShared: () => void };

/** The properties of `internals`, such as the connection, are not read until they are needed. */
export function internalsWith<I extends object, M extends object>(internals: I, more: M): I & M {
  return Object.defineProperties(Object.create(internals), Object.getOwnPropertyDescriptors(more));
}

function warnOfReaders({ shown, store }: OpenedCampaign, onNotice: CampaignOptions["onNotice"]): void {
  const message = shown === null ? null : shownText(shown.remote, { ...shown, isNew: store === undefined });
  if (message !== null) callHook(onNotice, { kind: "text", message });
}

async function attempt<T>(
  source: CampaignSource,
  options: CampaignOptions,
  internals: ReadInternals,
  access: "read" | "write",
  use: (opened: OpenedCampaign) => Promise<T>,
): Promise<T> {
  const opened = await openAll(source, options, internals, access);
  try {
    const result = await use(opened).catch((error) => shareBeforeError(opened, error));
    await opened.home.flush();
    return result;
  } finally {
    await opened.home.close();
  }
}

async function shareBeforeError({ home }: OpenedCampaign, error: unknown): Promise<never> {
  if (error instanceof LostRaceError) throw error;
  // A step that refuses to continue must not block others, so records that only report the refusal are not shared.
  await home.flush(error instanceof UsageError).catch((problem) => {
    if (problem instanceof LostRaceError) throw problem;
  });
  throw error;
}

async function openAll(
  source: CampaignSource,
  options: CampaignOptions,
  internals: ReadInternals,
  access: "read" | "write",
): Promise<OpenedCampaign> {
  const { clock = systemClock, env = environmentVariable, onNotice } = options;
  const { io, started, onShared, read: { file, hash, skippedStdin } } = internals;
  const secrets = [
    ...forgeSecrets({ forges: ALL_FORGES, env }),
    ...file.notify === null ? [] : secretsIn(file.notify, env),
  ];
  const mask = createRedactor({ secrets });
  internals.onMask?.(mask);
  const platform = internals.platform ?? detectPlatform(env);
  const files = internals.files ?? processDurableFiles();
  const { directory, home: homeText = "dir" } = placeOf(options, file.home, env);
  const address: HomeAddress = options.memory === undefined
    ? parseHome(homeText, platform.remote(env) ?? internals.origin)
    : { kind: "memory", home: options.memory };
  // A decision needs a plan. The path of a directory without a plan is probably mistyped, so the directory is not created.
  const isLacking = (internals.purpose === "place" || internals.purpose === "task") && address.kind === "dir" &&
    files.facts(`${directory}/lock.json`) === undefined;
  const home = await openHome(address, directory, {
    env,
    signal: options.signal,
    files,
    processes: internals.processes ?? systemProcesses(),
    clock,
    campaign: file.name,
    round: file.round,
    requestHash: (task: LockTask, item: LockItem) => hashOfItem({ campaign: file.name, round: file.round }, task, item),
    onNotice: (notice: Notice) => callHook(onNotice, notice),
    access: isLacking ? "read" : access,
    onShared,
  });
  const opened: OpenedCampaign = {
    clock,
    source,
    directory,
    isInMemory: address.kind === "memory",
    file,
    fileHash: hash,
    skippedStdin,
    mask,
    home,
    branch: address.kind === "git" ? { name: address.branch, home: homeText } : null,
    isCache: address.kind === "dir" && CACHES.includes(platform.name),
    links: platform.links(env),
    quotas: quotasFor(env),
    shown: address.kind === "git" && access === "write" ? { remote: address.remote, env, platform, io } : null,
    isAgain: false,
    store: undefined,
    started,
    person: mask(personOf(env)),
    user: jobUser(ALL_FORGES, env, platform.name),
    showTask: internals.showTask ?? true,
    onLock: internals.onLock,
    command: internals.command,
  };
  try {
    const store = await reopen(opened);
    if (store !== undefined && access === "write" && !isLacking) {
      await recordOwnStarts(store, started, (message) => callHook(onNotice, { kind: "text", message }));
      for (const { by } of await store.takeStops(mask)) {
        callHook(onNotice, {
          kind: "text",
          message: `${whoStopped({ by })} stopped the campaign from another process`,
        });
      }
    }
  } catch (error) {
    await home.close();
    throw error;
  }
  return opened;
}

/** CI systems whose recipes keep the directory in a cache or an artifact. */
const CACHES: readonly string[] = ["github", "gitlab", "gitea", "forgejo"];

const DEFAULT_DIRECTORY = "mogplex-campaign";

/** The caller's value takes precedence over the variable, and the variable over the file. */
export function placeOf(
  { directory, home }: Pick<CampaignOptions, "directory" | "home">,
  fileHome: string | null,
  env: (name: string) => string | undefined,
): { directory: string; home: string | undefined } {
  const branch = fileHome?.startsWith("git:") ? fileHome : undefined;
  const ownDirectory = fileHome === null || fileHome === "dir" || branch !== undefined ? DEFAULT_DIRECTORY : fileHome;
  return {
    directory: directory ?? ownDirectory,
    home: home ?? (env("MOGPLEX_CAMPAIGN_HOME")?.trim() || branch),
  };
}

export async function reopen(opened: OpenedCampaign): Promise<Store | undefined> {
  const lock = await opened.home.readLock();
  const store = lock === undefined
    ? undefined
    : await Store.open(opened.home, lock, opened.clock.wallTime(), opened.quotas);
  if (store !== undefined) {
    checkLockHash(store.memory);
    // An earlier wave may have recorded lines of an agent's log.
    if (!opened.showTask) hideLines(store);
    opened.onLock?.(store.memory.lock);
  }
  return opened.store = store;
}

function hideLines({ memory }: Store): void {
  for (const { starts } of memory.items.values()) for (const start of starts) start.lastLines = [];
}

export function plannedStore(opened: OpenedCampaign, attempted: string): Store {
  const { store, directory, branch } = opened;
  if (store !== undefined) return store;
  if (branch !== null) throw noPlan(opened, attempted);
  if (opened.isInMemory) {
    const advice = `call ${planCommand(opened)}, or pass the home in which it was planned`;
    throw new UsageError({ attempted, why: "there is no plan in this in-memory home", advice });
  }
  const why = `there is no plan in ${JSON.stringify(directory)}`;
  const advice =
    `if it was planned elsewhere, specify that place with --dir, --home, MOGPLEX_CAMPAIGN_HOME, or the key home in the ` +
    `campaign file; for a new campaign, run ${planCommand(opened)}`;
  throw new UsageError({ attempted, why, advice });
}

/** Advises the user to restore a deleted branch: a new plan would lose all stops and skips, and would include repositories whose owners declined. */
function noPlan(opened: OpenedCampaign, attempted: string): UsageError {
  const { branch } = opened;
  return new UsageError({
    attempted,
    why: `there is no plan on branch ${JSON.stringify(branch?.name)}, or the branch was deleted`,
    value: JSON.stringify(branch?.home),
    advice:
      `for a new campaign, run ${planCommand(opened)} once, by hand; if the branch was deleted, restore it, because ` +
      "nothing else records the campaign's stops and skips",
  });
}

export function viewOf(
  { clock }: OpenedCampaign,
  { memory, meanRunMs }: Store,
  more: Partial<ViewInput> = {},
): CampaignView {
  return makeView(memory, { nowMs: clock.wallTime(), meanRunMs, ...more });
}

export function checkMayPlan(opened: OpenedCampaign, plans = opened.branch === null): void {
  if (!plans) plannedStore(opened, "continue the campaign");
}

/** Without the list from standard input, repositories would be missing from the plan. */
export function checkWhole(opened: OpenedCampaign): void {
  if (!opened.skippedStdin) return;
  throw new UsageError({
    attempted: "plan the campaign",
    why: "a list in the file comes from standard input, which only `campaign plan` reads",
    advice: `run ${planCommand(opened)} first, with the list as its input`,
  });
}

export function changedNote(opened: OpenedCampaign): string | null {
  const { store, fileHash } = opened;
  if (store === undefined || store.memory.lock.fileHash === fileHash) return null;
  const isFile = typeof opened.source === "string";
  const what = isFile ? "the campaign file" : "the campaign";
  const change = `${isFile ? "run" : "call"} ${planCommand(opened)} again`;
  if (wasStarted(store.memory) && hasOtherTask(store.memory.lock, opened.file)) {
    const next = isFile
      ? "`campaign retry --adopt-changes` uses the new task for items that start again"
      : "To use the new task, give another name or round";
    return `the task in ${what} has changed since the plan, but items start with the planned task. ${next}. ` +
      `For other changes, ${change}`;
  }
  return `${what}, or a file that it references, has changed since the plan; to use the change, ${change}`;
}

function planCommand(opened: OpenedCampaign): string {
  return ownCommand(opened, "plan");
}

export function ownCommand(
  { directory, source, branch, file, command }: OpenedCampaign,
  verb: string,
  ...args: readonly string[]
): string {
  if (typeof source !== "string") return `\`${verb}()\``;
  const defaultPlace = placeOf({}, file.home, () => undefined);
  const flags = placeFlags(
    directory === defaultPlace.directory ? undefined : directory,
    branch === null || branch.home === defaultPlace.home ? undefined : branch.home,
  );
  return `\`${campaignCommand({ ...ANY_COMMAND, file: source, flags, forge: command?.forge ?? {} }, verb, ...args)}\``;
}
