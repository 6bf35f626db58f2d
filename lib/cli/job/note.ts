/**
 * A failure to write a note never changes the verdict of the job.
 *
 * @module
 */
import { MogplexError, UnauthorizedError, UsageError } from "../../errors.ts";
import {
  endBegunNote,
  type NoteContent,
  NOTHING_YET,
  openNote,
  type PlannedNote,
  type RenderSummary,
  resultContent,
  writeContent,
} from "../../report/job_note.ts";
import { progressNote } from "../../report/note_text.ts";
import type { WrittenNote } from "../../forge/note.ts";
import { forgeOfJob, openJobNote } from "../../forge/open.ts";
import type { ReportTarget } from "../../report/write.ts";
import type { FollowItem } from "../../run/follow.ts";
import { type AnyResult, beginsPhase, type RunResult } from "../../run/result.ts";
import { commandWarning } from "../log/writer.ts";
import { JSON_LINES, KEY_PART, NOTE } from "../options.ts";
import type { Context, NotePlanner } from "../verb.ts";
import { openOptions } from "./open_forge.ts";

export type NotePlan =
  | { kind: "none" }
  | { kind: "print"; error: MogplexError }
  | ({ kind: "write" } & PlannedNote);

export function planNote(context: Context): NotePlan {
  const { notes } = context;
  if (!notes?.wanted(context)) return { kind: "none" };
  try {
    const plan = notes.plan(context);
    if (plan === undefined) return { kind: "none" };
    return { kind: "write", ...plan };
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof UnauthorizedError)) throw error;
    // An invalid variable of the CI system is not the user's mistake.
    return { kind: "print", error };
  }
}

function tell({ writer }: Context, { place }: PlannedNote, { id, updated }: WrittenNote): void {
  writer.note(`summary ${updated ? "updated" : "written"} in ${place.noun} ${id} of ${place.where}`);
}

function tellProblem(context: Context, error: unknown): void {
  const text = error instanceof MogplexError ? error.message : `Cannot write a note: ${error}`;
  if (context.flags.has(JSON_LINES)) return context.writer.note(text);
  commandWarning(context, "The comment was not written", text);
}

export async function writeTextNote(context: Context, plan: NotePlan, render: RenderSummary): Promise<void> {
  if (plan.kind === "none") return;
  if (plan.kind === "print") {
    // The action's events without a pull request would each get a warning. The command writes no note for them, and prints nothing.
    return context.option(NOTE) === "auto" ? tellProblem(context, plan.error) : context.writer.note(plan.error.message);
  }
  try {
    tell(context, plan, await writeContent(context, plan, { render, state: NOTHING_YET }));
  } catch (error) {
    tellProblem(context, error);
  }
}

async function writeJobNote(
  context: Context,
  plan: NotePlan,
  result: AnyResult,
  targets: readonly ReportTarget[],
  more: EndDetails,
): Promise<void> {
  // A job that only starts a run leaves the note to the job that follows the run.
  if (result.outcome === "started") return;
  await writeTextNote(context, plan, resultContent(context, result, { targets, ...more }).render);
}

export interface JobNote {
  readonly isBegun: boolean;
  item(item: FollowItem): void;
  ended(result: AnyResult, more: EndDetails): Promise<void>;
}

export interface EndDetails {
  /** What happened to the operation when a signal stopped the job, as a clause. */
  stopped?: string | undefined;
  /** How many runs in a row had this outcome, including this run. Set by the publisher of reports. */
  streak?: number | undefined;
}

export function prepareNote(context: Context, targets: readonly ReportTarget[]): JobNote {
  const plan = planNote(context);
  if (plan.kind !== "write") {
    return {
      isBegun: false,
      item() {},
      ended: (result, more) => writeJobNote(context, plan, result, targets, more),
    };
  }
  const note = plan.note ?? openNote(context, plan);
  const now = () => context.clock.wallTime();
  const isRare = plan.place.maxEdits !== undefined;
  const since = now();
  let ended: [phase: string, ms: number][] = [];
  let runId: string | null = null;
  let phase = "queue";
  let phaseSince = since;
  let last: { type: string; at: string } | undefined;
  let lastPhase: string | undefined;
  const begin = (id: string) => {
    phaseSince = runId === null ? since : now();
    [runId, phase, ended, last, lastPhase] = [id, "queue", [], undefined, undefined];
  };
  const content = (): NoteContent => ({
    render: (_mayLink, links = {}) =>
      progressNote({
        ...{ links, phase, ended, since, phaseSince, nowMs: now(), last, isRare },
        ...{ task: plan.task, stop: plan.stop },
      }),
    state: { ...NOTHING_YET, runId },
  });
  return {
    get isBegun() {
      return note.isBegun;
    },
    item(item) {
      if (item.type === "status" && item.run.runId !== runId) begin(item.run.runId);
      if (item.type === "event") {
        last = { type: item.event.type, at: item.event.createdAt };
        const begun = beginsPhase(item.event) ?? phase;
        if (begun !== phase) {
          ended.push([phase, now() - phaseSince]);
          [phase, phaseSince] = [begun, now()];
        }
      }
      if (item.type === "end" || runId === null) return;
      const isNew = lastPhase === undefined;
      // If the number of changes is limited, only a new phase changes the note. Otherwise, the note also shows the last event, at most once a minute.
      if (!isNew && lastPhase === phase && (isRare || item.type !== "event")) return;
      const isBegun = note.isBegun;
      if (!isBegun) note.begin(content()).catch(() => {});
      // A change that came too early is retried with the next item.
      if (!isBegun || note.change(content, isNew)) lastPhase = phase;
    },
    async ended(result, more) {
      if (result.outcome === "started") return;
      try {
        const steps = await plan.steps?.(result);
        const url = result.kind === "run" ? result.pullRequest.url : null;
        const needs = result.outcome === "success" ? await plan.needs?.(url) : null;
        const content = resultContent(context, result, { ...plan, steps, targets, ...more });
        tell(context, plan, await note.end({ ...content, needs }));
      } catch (error) {
        tellProblem(context, error);
      }
    },
  };
}

/**
 * Adds the result of a run to the note of a job whose process was killed. It never creates a note. A failure is printed as one line on stderr. A
 * missing token is not reported again.
 */
export async function endKilledJobNote(
  context: Context,
  result: RunResult,
  targets: readonly ReportTarget[],
): Promise<void> {
  try {
    const plan = planNote(context);
    if (plan.kind !== "write") return;
    const written = await endBegunNote(
      context,
      plan,
      resultContent(context, result, { ...plan, steps: undefined, targets }),
    );
    if (written !== undefined) tell(context, plan, written);
  } catch (error) {
    tellProblem(context, error);
  }
}

export function planJobNote(
  context: Context,
  { number, inputAdvice, matrix = "" }: {
    /** Number of a pull request in the job's own repository. `undefined` for the job's own pull request. */
    number?: number;
    inputAdvice?: string | undefined;
    matrix?: string;
  } = {},
): PlannedNote | undefined {
  const { io: { env }, platform } = context;
  const opened = openJobNote(openOptions(context), { number, inputAdvice });
  if (opened === undefined) return undefined;
  const { place, forge: { job }, mayLink, pullName, needs } = opened;
  const identity = platform.identity(env) ?? { job: null, node: "" };
  // Runs of one job, and nodes of a matrix that the CI system does not show, differ only in their key parts.
  const keyPart = context.option(KEY_PART) ?? "";
  const node = keyPart === "" ? identity.node : JSON.stringify([identity.node, keyPart]);
  const { namesPipeline, label, ...names } = job.notes.naming(env, { ...identity, node }, matrix);
  const { pipeline, pipelineNoun } = platform.links(env);
  const links = namesPipeline ? { pipeline, pipelineNoun } : undefined;
  const named = { ...names, label: [label, keyPart].filter((part) => part !== "").join(" ") };
  return { place, mayLink, pullName, needs, ...named, links, tokenVariable: job.tokenVariable(env) };
}

export const JOB_NOTES: NotePlanner = {
  wanted({ forges, platform, io: { env }, option }) {
    const choice = option(NOTE);
    const job = forgeOfJob(forges, platform.name)?.job;
    if (job === undefined || choice === "off" || choice === undefined && !job.notes.byDefault) return false;
    job.tokenVariable(env);
    return true;
  },
  plan: (context) => planJobNote(context),
};

/** Whether the job has a note only because the user turned notes on. The event of the job then contains the place of the note. */
export function asksForNote(context: Context): boolean {
  const job = forgeOfJob(context.forges, context.platform.name)?.job;
  return job?.notes.byDefault === false && context.notes?.wanted(context) === true;
}
