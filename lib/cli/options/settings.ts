/**
 * Settings of the toolkit verbs: all that a verb needs of waiting, logging and keys, read in one step.
 *
 * @module
 */
import type { OnInterrupt, OnTimeout } from "../../job/interrupt.ts";
import type { KeyScope } from "../../job/key.ts";
import { DEFAULT_TIMEOUT_MS } from "../../job/session.ts";
import type { LogForm } from "../log/live_log.ts";
import type { VerbContext } from "../verb.ts";
import {
  IDEMPOTENCY_KEY,
  KEY_PART,
  KEY_SCOPE,
  LOG,
  ON_INTERRUPT_OPTION,
  ON_TIMEOUT_OPTION,
  TIMEOUT,
  TOKEN_SHARE,
} from "./table.ts";

/** How long a verb waits, and what then becomes of the run. */
export interface WaitSettings {
  /** Whole wait in milliseconds. */
  timeoutMs: number;
  /** Jobs that use the token at the same time. */
  tokenShare: number;
  /** What becomes of the run at the deadline. */
  onTimeout: OnTimeout;
  /** What becomes of it at a signal. */
  onInterrupt: OnInterrupt;
}

/** Settings of a verb that follows. */
export interface FollowSettings extends WaitSettings {
  /** Events in the log. */
  log: LogForm;
}

/** Which key a start gets. */
export interface KeySettings {
  /** The key itself, which leaves nothing to the others. */
  idempotencyKey: string | undefined;
  /** What makes a new run. */
  keyScope: KeyScope | undefined;
  /** Tells runs of one job apart. */
  keyPart: string | undefined;
}

/** Settings of a verb that starts and follows. */
export interface RunSettings extends FollowSettings {
  /** Which key the start gets. */
  key: KeySettings;
}

/** How long a verb waits. @throws {UsageError} for the first value that is not possible. */
function readWaitSettings({ option }: VerbContext): WaitSettings {
  return {
    timeoutMs: option(TIMEOUT) ?? DEFAULT_TIMEOUT_MS,
    tokenShare: option(TOKEN_SHARE) ?? 1,
    onTimeout: option(ON_TIMEOUT_OPTION) ?? "detach",
    onInterrupt: option(ON_INTERRUPT_OPTION) ?? "auto",
  };
}

/** Settings of a verb that follows. @throws {UsageError} for the first value that is not possible. */
export function readFollowSettings(context: VerbContext): FollowSettings {
  return { ...readWaitSettings(context), log: context.option(LOG) ?? "compact" };
}

/** Which key a start gets. @throws {UsageError} for a scope that is not known. */
function readKeySettings({ option }: VerbContext): KeySettings {
  return { idempotencyKey: option(IDEMPOTENCY_KEY), keyScope: option(KEY_SCOPE), keyPart: option(KEY_PART) };
}

/** Settings of a verb that starts and follows. @throws {UsageError} for the first value that is not possible. */
export function readRunSettings(context: VerbContext): RunSettings {
  return { ...readFollowSettings(context), key: readKeySettings(context) };
}

/** Settings of a verb that triggers and waits, without a log. @throws {UsageError} for the first value that is not possible. */
export function readTriggerSettings(context: VerbContext): WaitSettings & Pick<RunSettings, "key"> {
  return { ...readWaitSettings(context), key: readKeySettings(context) };
}
