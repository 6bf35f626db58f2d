/**
 * The jobs of campaigns, for the public functions and for the command line.
 *
 * @module
 */
import { unawaited } from "../hook.ts";
import { LostRaceError } from "../git/branch.ts";
import { detected } from "../job/detected.ts";
import { endingSignal, type OnInterrupt } from "../job/interrupt.ts";
import { Job, type JobEnd } from "../job/job.ts";
import { checkWatch } from "../job/options.ts";
import { checkTimeout, MAX_TIMEOUT_MS, openSession } from "../job/session.ts";
import { InterruptedError, MogplexError, UsageError } from "../errors.ts";
import { EXIT } from "../exit_codes.ts";
import { environmentVariable } from "../runtime.ts";
import { createRedactor, joinRedactors } from "../text/redact.ts";
import type { CampaignOptions, RunCampaignOptions } from "./campaign_options.ts";
import type { CampaignItem } from "./campaign_items.ts";
import { CampaignOperation, type CampaignSettings } from "./campaign_operation.ts";
import { CampaignGoesOnError, type CampaignResult } from "./campaign_result.ts";
import { makeView } from "./make_view.ts";
import {
  type CampaignInternals,
  changedNote,
  checkMayPlan,
  type OpenedCampaign,
  plannedStore,
  withCampaign,
} from "./open_campaign.ts";
import { planCampaignWith } from "./planning.ts";
import { tell, type Teller } from "./notify/tell.ts";
import { ANY_COMMAND, type CampaignCommand } from "./report/commands.ts";
import { isAtRest } from "./progress.ts";
import type { CampaignView } from "./view.ts";
import { checkForge, pullRequestsOf } from "./pulls/pull_requests.ts";
import { expectToken, readPullRequests, reasonCleaner, troubleBody, type Work } from "./work/work.ts";

export { planCampaignWith };

/** What only the command line sets. */
export interface CampaignJobInternals extends CampaignInternals {
  /** See {@linkcode CampaignSettings.onView}. */
  onView?: CampaignSettings["onView"];
  onInterrupt?: OnInterrupt | undefined;
  /** Whether a campaign without a plan is planned although its home is a branch. @default {false} */
  plans?: boolean | undefined;
  /** See {@linkcode CampaignSettings.onWave}. */
  onWave?: CampaignSettings["onWave"];
}

/** Longest time of one wave, in milliseconds: reading 10 000 repositories takes five minutes. */
const WAVE_MS = 60 * 60_000;

/** The result of a campaign with which nothing is left to do. */
function finished({ store, clock }: OpenedCampaign, stuckAfterMs: number | undefined): CampaignResult | undefined {
  if (store === undefined || !isAtRest(store.memory)) return undefined;
  const view = makeView(store.memory, { nowMs: clock.wallTime(), meanRunMs: store.meanRunMs, stuckAfterMs });
  if (view.state !== "done") return undefined;
  return {
    kind: "campaign",
    view,
    outcome: view.exitCode === EXIT.success ? "success" : "failed",
    exitCode: view.exitCode,
    reason: null,
    error: null,
    resume: null,
  };
}

/** How a person calls a campaign that a script works on. */
function commandOf(file: string, { directory, home }: CampaignOptions): CampaignCommand {
  return {
    ...ANY_COMMAND,
    file,
    flags: [
      ...directory === undefined ? [] : ["--dir", directory],
      ...home === undefined ? [] : ["--home", home],
    ],
  };
}

/**
 * Makes a wave, or follows a campaign to its end: the jobs of `campaign advance` and `campaign run`.
 *
 * @param once Whether to make one wave only.
 * @returns How it ended. The error that stopped it is in `error`.
 * @throws {MogplexError} when the campaign could not be opened.
 */
export async function campaignJob(
  path: string,
  options: RunCampaignOptions,
  internals: CampaignJobInternals,
  once: boolean,
): Promise<JobEnd<CampaignResult>> {
  const { approvedBy, meanRunMs, onItem, stuckAfterMs, skipInvalid = false } = options;
  const timeoutMs = checkTimeout(options.timeoutMs ?? (once ? WAVE_MS : MAX_TIMEOUT_MS));
  const watch = checkWatch({}, internals);
  return await withCampaign(path, options, internals, "write", async (opened) => {
    const signal = endingSignal(options.signal, internals.interrupts);
    const pulls = internals.pulls ?? pullRequestsOf({ ...options, signal }, internals.random);
    const teller = (): Teller => ({
      env: options.env ?? environmentVariable,
      fetch: options.fetch,
      clock: opened.clock,
      signal,
      random: internals.random,
      command: internals.command ?? commandOf(path, options),
      links: opened.links,
      note: (message) => unawaited(options.onNotice?.({ kind: "text", message })),
    });
    // A campaign that is done may have pull requests that are not merged.
    if (opened.store !== undefined && isAtRest(opened.store.memory)) {
      await readPullRequests({ store: opened.store, pulls });
    }
    const done = finished(opened, stuckAfterMs);
    if (done !== undefined) {
      await tell(opened, teller());
      const changed = changedNote(opened);
      if (changed !== null) unawaited(options.onNotice?.({ kind: "text", message: changed }));
      return { result: done, error: undefined };
    }
    checkMayPlan(opened, internals.plans === true);
    checkForge(opened.store?.memory.lock ?? opened.file, pulls !== undefined);
    const session = openSession({ ...options, signal }, { ...detected(options), ...internals });
    expectToken(session, opened.store);
    const settings = {
      ...{ timeoutMs, skipInvalid, approvedBy, meanRunMs, pulls, stuckAfterMs, forge: options.forge },
      tell: () => tell(opened, teller()),
      onView: internals.onView,
      onWave: internals.onWave,
    };
    const operation = new CampaignOperation(session, opened, settings);
    const job = new Job<CampaignItem, CampaignResult>(session, operation, { ...watch, timeoutMs, onItem });
    const end = await job.start({ once });
    // Everything is read again and decided anew.
    if (end.error instanceof LostRaceError) throw end.error;
    opened.refuses = end.error instanceof UsageError;
    const { token, env } = session;
    await noteTrouble(
      opened,
      end.error,
      reasonCleaner(joinRedactors(createRedactor({ token, env }), opened.mask)),
    );
    await tell(opened, teller(), needsPerson(end.error));
    return end;
  });
}

/** Records what stopped the wave, so that everybody who reads the journal sees it. What cannot be recorded is told by the error alone. */
async function noteTrouble({ store }: OpenedCampaign, error: unknown, clean: Work["reason"]): Promise<void> {
  if (store === undefined || !(error instanceof MogplexError)) return;
  if (error instanceof CampaignGoesOnError || error instanceof InterruptedError) return;
  const reason = clean(error.message) ?? error.name;
  if (store.memory.trouble !== reason) await store.record(troubleBody(reason, error)).catch(() => {});
}

/** Whether no later wave mends an error by itself: a token that is refused, a journal that was changed. */
function needsPerson(error: unknown): boolean {
  return error instanceof MogplexError && ["unauthorized", "forbidden", "usage"].includes(error.exit);
}

/** The view, or the error that stopped the step. A campaign that goes on is no error. */
export function viewOrThrow({ result: { view }, error }: JobEnd<CampaignResult>): CampaignView {
  if (error !== undefined && !(error instanceof CampaignGoesOnError)) throw error;
  if (view === null) throw new Error("Cannot show the campaign: it has no plan");
  return view;
}

/** Reads what a campaign looks like. See {@linkcode readCampaign}. */
export async function readCampaignWith(
  path: string,
  options: CampaignOptions,
  internals: CampaignInternals,
): Promise<CampaignView> {
  return await withCampaign(path, options, internals, "read", async (opened) => {
    const store = plannedStore(opened, "read campaign");
    const { memory, meanRunMs } = store;
    internals.onLock?.(memory.lock);
    const pulls = internals.pulls ?? pullRequestsOf(options, internals.random);
    await pulls?.refresh(memory, (body) => store.imagine(body));
    const atWork = await opened.home.atWork();
    const { stuckAfterMs } = options;
    return makeView(memory, { nowMs: opened.clock.wallTime(), meanRunMs, atWork, stuckAfterMs, failed: pulls?.failed });
  });
}
