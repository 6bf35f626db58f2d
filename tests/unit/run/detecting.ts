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

type Parameter<F extends (...args: never[]) => unknown, N extends number> = NonNullable<Parameters<F>[N]>;

export function runJob(
  request: Parameter<typeof runs.runJob, 0>,
  options: Parameter<typeof runs.runJob, 1>,
  more: Given<runs.JobOptions> = {},
) {
  return runs.runJob(request, options, known(options, more));
}

export function attachJob(
  runId: string,
  options: Parameter<typeof runs.attachJob, 1>,
  more: Given<runs.JobOptions> = {},
) {
  return runs.attachJob(runId, options, known(options, more));
}

export function lookJob(runId: string, options: Parameter<typeof runs.lookJob, 1>, more: Given<runs.JobOptions> = {}) {
  return runs.lookJob(runId, options, known(options, more));
}

export function runAutomationJob(
  id: string,
  request: Parameter<typeof automations.runAutomationJob, 1>,
  options: Parameter<typeof automations.runAutomationJob, 2>,
  more: Given<Parameter<typeof automations.runAutomationJob, 3>> = {},
) {
  return automations.runAutomationJob(id, request, options, known(options, more));
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
  request: Parameter<typeof automations.runAutomationJob, 1>,
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
