/**
 * `run --follow`: starts a run, publishes its id, follows it, reports, and ends with its verdict.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { KEY_SCOPES } from "../../job/key.ts";
import { runJob } from "../../runs/run.ts";
import { withReports } from "../job/refused_job.ts";
import { readFollowSettings, setting, statePath, wordSetting } from "../options/settings.ts";
import { readStartRequest } from "../options/start_request.ts";
import { runToolkitJob } from "../job/whole_job.ts";
import type { VerbContext } from "../verb.ts";

/** See the module. */
export async function run(context: VerbContext): Promise<number> {
  return await withReports(context, () => job(context));
}

async function job(context: VerbContext): Promise<number> {
  const { flags } = context;
  const startOnly = flags.has("detach");
  if (startOnly && flags.has("follow")) throw new UsageError("run: --follow and --detach exclude each other");
  const settings = readFollowSettings(context);
  const { timeoutMs, tokenShare, onTimeout, onInterrupt } = settings;
  const start = {
    idempotencyKey: flags.get("idempotency-key"),
    keyScope: wordSetting(context, "key-scope", "MOGPLEX_KEY_SCOPE", KEY_SCOPES),
    keyPart: setting(context, "key-part", "MOGPLEX_KEY_PART"),
  };
  const request = await readStartRequest(context);
  const files = { statePath: statePath(context), resumePath: flags.get("resume") };
  return await runToolkitJob(context, {
    places: settings,
    log: settings.log,
    work: (options, more) =>
      runJob(request, { ...options, ...start, timeoutMs, tokenShare, onTimeout }, {
        ...more,
        ...files,
        onInterrupt,
        startOnly,
      }),
  });
}
