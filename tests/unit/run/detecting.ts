/** Jobs as scripts start them, with internals: the CI system is that of the environment unless a test gives one. */
import { detected } from "../../../lib/ci/detect.ts";
import * as automations from "../../../lib/run/automation.ts";
import * as cleaning from "../../../lib/run/cleanup.ts";
import * as runs from "../../../lib/run/run.ts";
import * as session from "../../../lib/run/session.ts";
import type { ConnectOptions, SessionInternals } from "../../../lib/run/session.ts";

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
