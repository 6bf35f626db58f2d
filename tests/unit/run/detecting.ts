/** Jobs as scripts start them, with internals: the CI system is that of the environment unless a test gives one. */
import { detected } from "../../../lib/ci/detect.ts";
import * as following from "../../../lib/run/follow.ts";
import type * as requests from "../../../lib/run/request.ts";
import { attachAutomationHandle, attachHandle, automationHandle, startHandle } from "../../../lib/library/handle.ts";
import * as automations from "../../../lib/run/automation.ts";
import type {
  AttachAutomationOptions,
  AutomationHandleItem,
  AutomationItem,
} from "../../../lib/run/follow_automation.ts";
import * as cleaning from "../../../lib/run/cleanup.ts";
import * as runs from "../../../lib/run/run.ts";
import * as session from "../../../lib/run/session.ts";
import type { ConnectOptions, SessionInternals } from "../../../lib/run/session.ts";
import { endingSignal } from "../../../lib/run/interrupts.ts";
import { type AskedJob, completeJob, type JobOptions, type StatePlace } from "../../../lib/run/options.ts";
import type { StartedRun } from "../../../lib/run/start.ts";
import type { TriggeredRun, TriggerRequest } from "../../../lib/run/automation_request.ts";

/** Options of verbs and of jobs, with the connection of a test: what gets items gets those of either. */
type OfBoth<O, I> = Omit<O, "onItem"> & ConnectOptions & { onItem?: ((item: I) => unknown) | undefined };
export type RunOptions = OfBoth<runs.RunOptions, following.FollowItem | following.RunHandleItem>;
export type StartOptions = requests.StartOptions & ConnectOptions;
export type FollowOptions = following.FollowOptions & ConnectOptions;
export type RunAutomationOptions = OfBoth<automations.RunAutomationOptions, AutomationItem | AutomationHandleItem>;

type Given<T extends SessionInternals> = Omit<T, "platform"> & { platform?: T["platform"] | undefined };

function known<T extends SessionInternals>(options: ConnectOptions, more: Given<T>): T {
  return { ...more, platform: more.platform ?? detected(options).platform } as T;
}

/** What a job gets beside the options of a verb. */
interface More
  extends Given<SessionInternals>, Omit<AskedJob<never, never>, "openSession" | "state" | "onItem" | "onStarted"> {
  files?: StatePlace["files"] | undefined;
  statePath?: string | undefined;
  resumePath?: string | undefined;
  maxEndAgeMs?: number | undefined;
}

/** The options of a job, from those of a verb. */
export function jobOptions<I, S>(
  options: ConnectOptions & { timeoutMs?: number | undefined } & Omit<AskedJob<I, S>, "openSession">,
  more: More,
): JobOptions<I, S> {
  const { files, statePath: path, resumePath, maxEndAgeMs, ...rest } = more;
  return completeJob<I, S>({
    ...options,
    ...rest,
    state: files === undefined || path === undefined ? undefined : { files, path, resumePath, maxEndAgeMs },
    openSession() {
      const signal = endingSignal(options.signal, more.interrupts);
      const opened = session.openSession({ ...options, signal }, known(options, more));
      // State files are sealed with the token.
      return { ...opened, token: opened.token ?? options.token };
    },
  });
}

export function runJob(
  request: requests.RunRequest | requests.LaterRequest,
  options: RunOptions = {},
  more: More = {},
) {
  return runs.runJob(request, jobOptions<following.FollowItem, StartedRun>(options, more));
}

export async function attachJob(runId: string, options: RunOptions, more: More = {}) {
  return await runs.attachJob(runId, jobOptions<following.FollowItem, StartedRun>(options, more));
}

export async function lookJob(runId: string, { timeoutMs = runs.LOOK_MS, ...options }: RunOptions, more: More = {}) {
  return await runs.lookJob(runId, jobOptions<following.FollowItem, StartedRun>({ ...options, timeoutMs }, more));
}

export async function runAutomationJob(
  id: string,
  request: TriggerRequest,
  { onTriggered: onStarted, ...options }: RunAutomationOptions,
  more: More = {},
) {
  return await automations.runAutomationJob(
    id,
    request,
    jobOptions<AutomationItem, TriggeredRun>({ ...options, onStarted }, more),
  );
}

export function cleanup(options: Given<cleaning.CleanupOptions>) {
  return cleaning.cleanup(known(options, options));
}

export function openSession(options: ConnectOptions, internals: Given<SessionInternals> = {}) {
  return session.openSession(options, known(options, internals));
}

/** The connection of a test, and the options of a verb. */
function apart<O extends ConnectOptions>(options: O) {
  const { token, url, client, env, fetch, clock, ...rest } = options;
  const connection = { token, url, client, env, fetch, clock };
  return { connect: <V extends object>(verb: V) => Promise.resolve({ ...connection, ...verb }), rest };
}

/** What the verb `run` of a client comes to, on the connection of a test. */
export async function run(request: requests.RunRequest, options: RunOptions = {}) {
  const { connect, rest } = apart(options);
  return await startHandle(connect, request, rest);
}

/** What the verb `attach` of a client comes to, on the connection of a test. Options of a start do not count. */
export async function attach(runId: string, options: RunOptions = {}) {
  const { identity: _, ...followed } = options;
  const { connect, rest } = apart(followed);
  return await attachHandle(connect, runId, rest);
}

/** What the verb `automations.run` of a client comes to, on the connection of a test. */
export async function runAutomation(
  id: string,
  request: TriggerRequest,
  options: RunAutomationOptions = {},
) {
  const { connect, rest } = apart(options);
  return await automationHandle(connect, id, request, rest);
}

/** What the verb `automations.attach` of a client gives, on the connection of a test. */
export function followAutomation(id: string, runId: string, options: AttachAutomationOptions & ConnectOptions = {}) {
  const { connect, rest } = apart(options);
  return attachAutomationHandle(connect, id, runId, rest);
}

/** Follows a run as a generator of items. */
export function follow(runId: string, options: FollowOptions = {}) {
  return following.followRun(runId, options);
}
