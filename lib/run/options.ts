import { UsageError } from "../errors.ts";
import { ownFields } from "../lookup.ts";
import { didYouMean } from "../nearest.ts";
import type { RepositoryFiles, WantedRepository } from "../forge/files.ts";
import type { Run } from "../model.ts";
import type { PlannedResult } from "../result/wanted_result.ts";
import type { EventSink } from "./event_file.ts";
import { CANCEL_CAUSES, type CancelCause, type Interrupts, ON_INTERRUPT, type OnInterrupt } from "./interrupts.ts";
import type { KeyOptions } from "./key.ts";
import type { Session } from "./session.ts";
import type { SeriesHooks } from "./start.ts";
import type { Claim } from "./claim.ts";
import type { StateFiles } from "./state.ts";

export const MAX_TOKEN_SHARE = 1_000;

export interface JobOptions<I, S> extends KeyOptions {
  readonly session: Session;
  readonly tokenShare: number;
  readonly cancelOn: readonly CancelCause[];
  readonly onInterrupt: OnInterrupt;
  readonly interrupts: Interrupts | undefined;
  onItem(item: I): unknown;
  onStarted(started: S): unknown;
  readonly startOnly: boolean;
  readonly stream: boolean;
  readonly sink: EventSink | undefined;
  readonly state: StatePlace | undefined;
  readonly showTask: boolean;
  /** The service does not return the task of a run. */
  readonly task: string | undefined;
  /** `owner/name`. If the caller gives the name, the name is not requested from the service. */
  readonly repository: string | undefined;
  onRepository(name: string): void;
  readonly repositoryOrigin: string | undefined;
  readonly openFiles: OpenFiles | undefined;
  readonly redactFile: ((text: string) => string) | undefined;
  readonly resultFile: PlannedResult | undefined;
  readonly byTask: boolean;
  readonly mayRepeat: SeriesHooks["mayRepeat"];
  readonly isSeries: boolean;
  readonly waitsForSandbox: boolean;
  /** Aborts when the caller has cancelled the operation. In that case, no further start follows. */
  readonly cancelled: AbortSignal | undefined;
}

/** @throws {MogplexError} with exit code 65 or 69 if the repository cannot be read. */
export type OpenFiles = (wanted: WantedRepository) => Promise<RepositoryFiles>;

export interface StatePlace {
  readonly files: StateFiles;
  readonly path: string;
  /** Set if this job claimed the folder. The claim's writer then writes the state file. */
  readonly claim?: Claim | undefined;
  /** State file of an earlier attempt. Its key is used again if the request is the same. */
  readonly resumePath?: string | undefined;
  /** The run in the file at `resumePath`, if the file was just read and the request is the same. The run is then followed without a start. */
  readonly resumeRun?: Run | undefined;
  readonly maxEndAgeMs?: number | undefined;
}

type Undefinable<T> = { [K in keyof T]?: T[K] | undefined };

export type AskedJob<I, S> = Undefinable<Omit<JobOptions<I, S>, "session">> & {
  openSession(): Session;
};

export function completeJob<I, S>(asked: AskedJob<I, S>): JobOptions<I, S> {
  // A script passes these options, so inherited properties are ignored.
  const options = ownFields(asked);
  const { onItem = nothing, onStarted = nothing, onRepository = nothing, onInterrupt = "auto" } = options;
  const tokenShare = checkTokenShare(options.tokenShare);
  const cancelOn = checkCancelOn(options.cancelOn);
  checkWord("onInterrupt", onInterrupt, ON_INTERRUPT);
  const { idempotencyKey, keyScope, keyPart, identity, onStarting } = options;
  return {
    ...{ idempotencyKey, keyScope, keyPart, identity, onStarting },
    ...{ tokenShare, cancelOn, onInterrupt, onItem, onStarted, onRepository },
    session: options.openSession(),
    interrupts: options.interrupts,
    startOnly: options.startOnly ?? false,
    stream: options.stream ?? true,
    sink: options.sink,
    state: options.state,
    showTask: options.showTask ?? true,
    task: options.task,
    repository: options.repository,
    repositoryOrigin: options.repositoryOrigin,
    openFiles: options.openFiles,
    redactFile: options.redactFile,
    resultFile: options.resultFile,
    byTask: options.byTask ?? false,
    mayRepeat: options.mayRepeat,
    isSeries: options.isSeries ?? false,
    waitsForSandbox: options.waitsForSandbox ?? true,
    cancelled: options.cancelled,
  };
}

function nothing(): void {}

export function abortInterrupts(
  { signal, cancelOn }: { signal?: AbortSignal | undefined; cancelOn?: readonly CancelCause[] | undefined },
): Pick<AskedJob<unknown, unknown>, "interrupts" | "onInterrupt"> {
  if (!checkCancelOn(cancelOn).includes("abort") || signal === undefined) return {};
  return { interrupts: { signal, terminal: false }, onInterrupt: "cancel" };
}

export function checkCancelOn(cancelOn: readonly CancelCause[] = []): readonly CancelCause[] {
  if (!Array.isArray(cancelOn)) {
    throw new UsageError({
      attempted: "follow",
      why: `'cancelOn' must be a list of causes (${CANCEL_CAUSES.map((cause) => JSON.stringify(cause)).join(", ")})`,
      value: JSON.stringify(cancelOn) ?? typeof cancelOn,
      advice: (CANCEL_CAUSES as readonly unknown[]).includes(cancelOn)
        ? `write [${JSON.stringify(cancelOn)}]`
        : undefined,
    });
  }
  for (const cause of cancelOn) checkWord("cancelOn", cause, CANCEL_CAUSES);
  return cancelOn;
}

function checkWord<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  const why = `'${name}' must be one of ${choices.join(", ")}`;
  throw new UsageError({
    attempted: "follow",
    why,
    value: JSON.stringify(value),
    advice: didYouMean(value, choices),
  });
}

export function checkTokenShare(tokenShare = 1): number {
  if (Number.isInteger(tokenShare) && tokenShare >= 1 && tokenShare <= MAX_TOKEN_SHARE) return tokenShare;
  const why = `'tokenShare' must be a whole number from 1 to ${MAX_TOKEN_SHARE}`;
  throw new UsageError({ attempted: "follow", why, value: String(tokenShare) });
}
