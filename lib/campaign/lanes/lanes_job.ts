/**
 * A wave in every lane, or all lanes to their ends, as one job. What stops a lane does not stop the others.
 *
 * @module
 */
import { MogplexError, UsageError } from "../../errors.ts";
import { EXIT } from "../../exit_codes.ts";
import { interruptReason, type Interrupts } from "../../job/interrupt.ts";
import type { JobEnd } from "../../job/job.ts";
import type { Session } from "../../job/session.ts";
import { environmentVariable } from "../../runtime.ts";
import { resultError } from "../../result/result_error.ts";
import type { RunCampaignOptions } from "../campaign_options.ts";
import type { CampaignItem } from "../campaign_items.ts";
import { CampaignGoesOnError, type CampaignResult } from "../campaign_result.ts";
import { type CampaignInternals, type OpenedCampaign, planCommand } from "../open_campaign.ts";
import { RequestPace } from "../plan/request_pace.ts";
import type { CampaignView } from "../view.ts";
import { checkTokens, type Chosen, internalsWith, type LaneCall } from "./choose.ts";
import { byWorse, joinViews, type NamedView } from "./join_views.ts";
import { checkOtherUsers, checkSameToken, type OtherLane } from "./one_user.ts";

/** Proves that the token of a lane is of a user of its own. @throws {UsageError} when it is not. */
export type Prove = (opened: OpenedCampaign, session: Session) => Promise<void>;

/** Internals of the job. */
export interface LaneInternals extends CampaignInternals {
  onView?: ((view: (brief?: boolean) => CampaignView) => void) | undefined;
  interrupts?: Interrupts | undefined;
}

type Call<I> = LaneCall<RunCampaignOptions, I>;

/** How the job works on a lane. */
export interface LaneWork<I> {
  /** Whether to make one wave only. */
  once: boolean;
  /** Plans all lanes. */
  plan(): Promise<unknown>;
  /** Makes a wave in a lane, or follows it. */
  work(call: Call<I>, prove: Prove): Promise<JobEnd<CampaignResult>>;
  /** Reads what a lane looks like. */
  read(call: Call<I>): Promise<CampaignView>;
  /** Opens a lane for reading. */
  open<T>(call: Call<I>, use: (opened: OpenedCampaign) => Promise<T>): Promise<T>;
}

/** A lane has no lock: all lanes are planned together. */
class NotPlannedError extends UsageError {
  override name = "NotPlannedError";
}

/** The error about a lane without a lock. */
export function notPlanned(opened: OpenedCampaign): UsageError {
  const { lane, directory } = opened;
  return new NotPlannedError({
    attempted: `work on lane "${lane}"`,
    why: `nothing was planned for it in ${JSON.stringify(directory)}`,
    advice: `plan all lanes first: ${planCommand(opened)}`,
  });
}

/** The end of a lane whose work could not even begin. */
function endOf(error: unknown): JobEnd<CampaignResult> {
  if (!(error instanceof MogplexError)) throw error;
  const { exitCode, message } = error;
  return {
    error,
    result: {
      kind: "campaign",
      view: null,
      outcome: "error",
      exitCode,
      reason: message,
      error: resultError(error),
      resume: null,
    },
  };
}

/** Whether an end is worse than another one. Of two that go on, the one with an error of its own counts. */
function worse(a: JobEnd<CampaignResult>, b: JobEnd<CampaignResult>): number {
  const goesOn = ({ error }: JobEnd<CampaignResult>) => error === undefined || error instanceof CampaignGoesOnError;
  return byWorse(a.result.exitCode, b.result.exitCode) || Number(goesOn(a)) - Number(goesOn(b));
}

/** Does the work of a job in all lanes. */
class LanesJob<I extends LaneInternals> {
  readonly #chosen: Chosen<RunCampaignOptions, I>;
  readonly #options: RunCampaignOptions;
  readonly #work: LaneWork<I>;
  /** The newest view of each lane. */
  readonly #views = new Map<string, (brief?: boolean) => CampaignView>();

  constructor(chosen: Chosen<RunCampaignOptions, I>, options: RunCampaignOptions, work: LaneWork<I>) {
    this.#chosen = chosen;
    this.#options = options;
    this.#work = work;
  }

  /** The lanes other than one, as far as they are planned. */
  async #others(name: string): Promise<OtherLane[]> {
    const others: OtherLane[] = [];
    for (const call of this.#chosen.all) {
      if (call.lane.name === name) continue;
      const memory = await this.#work.open(call, ({ store }) => Promise.resolve(store?.memory));
      if (memory !== undefined) others.push({ name: call.lane.name, memory });
    }
    return others;
  }

  #prove({ lane }: Call<I>): Prove {
    return async ({ store }, session) => {
      // From the first run on, that one proves whose the token is.
      if (store === undefined || store.memory.runs.size > 0) return;
      const { client, clock, signal } = session;
      const pace = new RequestPace({ client, clock, signal });
      const own = { name: lane.name, variable: lane.tokenVariable };
      await checkOtherUsers(own, session, pace, await this.#others(lane.name));
    };
  }

  /** The call of a lane with what tells of it to the caller of the whole. */
  #telling(call: Call<I>): Call<I> {
    const { name: lane } = call.lane;
    const { onItem } = this.#options;
    const { onView } = call.internals;
    const tell = (item: CampaignItem): void => {
      if (item.type === "item") onItem?.({ ...item, item: { ...item.item, lane }, lane });
      // The end is that of all lanes.
      else if (item.type !== "end") onItem?.({ ...item, lane });
    };
    const show = (view: (brief?: boolean) => CampaignView): void => {
      this.#views.set(lane, view);
      // Lanes that are followed at the same time are shown once all of them have begun.
      if (this.#work.once || this.#views.size >= (this.#chosen.lanes?.length ?? 0)) onView?.(this.#view);
    };
    return {
      ...call,
      options: { ...call.options, onItem: onItem === undefined ? undefined : tell },
      internals: internalsWith(call.internals, { onView: show }),
    };
  }

  readonly #view = (brief?: boolean): CampaignView => {
    const known = (this.#chosen.lanes ?? []).flatMap(({ lane: { name } }): NamedView[] => {
      const view = this.#views.get(name);
      return view === undefined ? [] : [{ name, view: view(brief) }];
    });
    return joinViews(known, brief);
  };

  async #one(call: Call<I>): Promise<JobEnd<CampaignResult>> {
    let end: JobEnd<CampaignResult>;
    try {
      end = await this.#work.work(this.#telling(call), this.#prove(call));
    } catch (error) {
      if (error instanceof NotPlannedError && this.#options.lane === undefined) throw error;
      end = endOf(error);
    }
    const { error } = end;
    const read = end.result.view ?? await this.#work.read(call).catch(() => null);
    const stopped = error instanceof MogplexError && !(error instanceof CampaignGoesOnError);
    // Of several errors only one is that of the job.
    const view = read !== null && stopped ? { ...read, trouble: error.message } : read;
    if (view === null) this.#views.delete(call.lane.name);
    else this.#views.set(call.lane.name, () => view);
    return end;
  }

  /** Works on all lanes: one after the other, or at the same time. */
  async #all(lanes: readonly Call<I>[]): Promise<JobEnd<CampaignResult>[]> {
    const ends: JobEnd<CampaignResult>[] = [];
    if (!this.#work.once) {
      // None is left alone, also when another one has a mistake of ours.
      for (const each of await Promise.allSettled(lanes.map((call) => this.#one(call)))) {
        if (each.status === "rejected") throw each.reason;
        ends.push(each.value);
      }
      return ends;
    }
    const { interrupts } = this.#chosen.internals;
    for (const call of lanes) {
      if (ends.length > 0 && (interrupts?.signal.aborted || this.#options.signal?.aborted)) break;
      ends.push(await this.#one(call));
    }
    return ends;
  }

  /** Whether a lock is missing, before lanes are followed: the others would be followed to their ends. */
  async #isPlanned(lanes: readonly Call<I>[]): Promise<boolean> {
    if (this.#work.once || this.#options.lane !== undefined) return true;
    for (const call of lanes) {
      if (await this.#work.open(call, ({ store }) => Promise.resolve(store === undefined))) return false;
    }
    return true;
  }

  async run(): Promise<JobEnd<CampaignResult>> {
    const lanes = this.#chosen.lanes ?? [];
    if (this.#options.lane === undefined) {
      checkTokens(lanes);
      const { env = environmentVariable } = this.#options;
      checkSameToken(lanes.map(({ lane: { name, tokenVariable: variable } }) => ({
        name,
        variable,
        token: env(variable)?.trim(),
      })));
    }
    let ends: JobEnd<CampaignResult>[];
    try {
      if (!await this.#isPlanned(lanes)) await this.#work.plan();
      ends = await this.#all(lanes);
    } catch (error) {
      if (!(error instanceof NotPlannedError) || this.#options.lane !== undefined) throw error;
      await this.#work.plan();
      ends = await this.#all(lanes);
    }
    return this.#end(lanes, ends);
  }

  #end(lanes: readonly Call<I>[], ends: readonly JobEnd<CampaignResult>[]): JobEnd<CampaignResult> {
    const worst = [...ends].sort(worse)[0];
    if (worst === undefined) throw new Error("Cannot end a job without lanes");
    for (const [index, { error }] of ends.entries()) {
      const isOther = error !== worst.error && error instanceof MogplexError && !(error instanceof CampaignGoesOnError);
      if (!isOther) continue;
      const message = `lane ${lanes[index]?.lane.name}: ${error.message}`;
      this.#options.onNotice?.({ kind: "text", message });
    }
    const view = this.#views.size === 0 ? null : this.#view();
    const stops = ends.flatMap(({ stopped }, index) =>
      stopped === undefined ? [] : [`lane ${lanes[index]?.lane.name}: ${stopped}`]
    );
    const reason = stops.length === 0
      ? worst.result.reason
      : interruptReason(this.#chosen.internals.interrupts, stops.join("; "));
    const result = { ...worst.result, view, reason };
    if (view !== null && worst.error === undefined) {
      const outcome = result.exitCode === EXIT.success ? "success" : result.outcome;
      if (outcome === "success" || outcome === "failed" || outcome === "awaiting_input") {
        this.#options.onItem?.({ type: "end", outcome, view });
      }
    }
    return { ...worst, result };
  }
}

/**
 * Does the work of a job in all lanes, or in the one that was named. Plans all lanes first when they are not planned.
 *
 * @returns The end of the lane that ended worst, with the view of all.
 * @throws {UnauthorizedError} when the token of a lane is missing. Nothing was sent.
 * @throws {UsageError} when one lane was named and is not planned, or two lanes have the same token.
 */
export function lanesJob<I extends LaneInternals>(
  chosen: Chosen<RunCampaignOptions, I>,
  options: RunCampaignOptions,
  work: LaneWork<I>,
): Promise<JobEnd<CampaignResult>> {
  return new LanesJob(chosen, options, work).run();
}
