import { EXIT, STOPPED } from "../exit_codes.ts";
import type { ForgeUser } from "../forge/findings.ts";
import { requesterIn, requesterLine } from "../forge/requester.ts";
import type { CommentPlace, Reaction, Thread, ThreadComment, ThreadPlace, Threads } from "../forge/threads.ts";
import type { NoteState, PlannedNote } from "../report/job_note.ts";
import { askLine } from "../report/note_text.ts";
import type { AskLink } from "../report/page_link.ts";
import { NO_SANDBOX, SANDBOX_FREE } from "../run/no_sandbox.ts";
import { utcText } from "../run/result.ts";
import { AGENT, SILENT, viewOf } from "../run/result_view.ts";
import { isTerminal } from "../service/contract.ts";
import type { Words } from "../text/document.ts";
import { capital } from "../text/plain_text.ts";
import { noteMarker, writeNote } from "../forge/note.ts";
import { checksText, completerText, startAfresh } from "./checks.ts";
import type { RespondSettings } from "./rights.ts";
import { STARTING_MS, UP_TO } from "./rivals.ts";
import { type Asked, type Responding, sealFor } from "./job.ts";
import {
  type AskId,
  doublesOf,
  isSameAsk,
  jobOfAsk,
  type Mark,
  type MarkedNote,
  markLine,
  type MarkSeal,
  marksOf,
  type MarkState,
} from "./mark.ts";

export async function react(
  { forge: { threads } }: Responding,
  { news: { thread, comment } }: Pick<Asked, "news">,
  reaction: Reaction,
): Promise<void> {
  await threads.react(thread, comment, reaction).catch(() => {});
}

/** If a note cannot be removed, the next job in the thread removes it. */
export async function removeDoubles(
  { forge: { threads } }: Responding,
  { news: { thread } }: { readonly news: Pick<Asked["news"], "thread"> },
  doubles: readonly CommentPlace[],
): Promise<void> {
  for (const each of doubles) await threads.remove(thread, each).catch(() => {});
}

interface Mention {
  readonly ask: AskId;
  readonly thread: ThreadPlace & Partial<Pick<Thread, "url">>;
  readonly asker?: Pick<ForgeUser, "name"> | undefined;
}

export async function say(
  job: Responding,
  { ask, thread, asker }: Mention,
  text: string,
  state: MarkState = "none",
): Promise<void> {
  const { clock, forge } = job;
  const { threads } = forge;
  const seal = await sealFor(job, thread);
  const marker = noteMarker(...jobOfAsk(ask));
  const link = askLine(askLink(threads, thread.url, ask, asker?.name));
  const whole = [text, ...link === "" ? [] : [link]].join("\n\n");
  const body = (before: string | null | undefined) => {
    // The run may still have started. Keep the requester, because this user must not be able to approve the run's pull request.
    const requester = requesterIn(before ?? "");
    const line = requester === undefined ? "" : `\n${requesterLine(requester.id)}`;
    return `${markLine({ ask, of: ask, state }, seal)}${line}\n\n${whole}\n`;
  };
  const { updated } = await writeNote(forge.notes(thread), marker, body, { clock });
  if (updated) return;
  const doubles = async () => doublesOf((await threads.comments(thread)).list, await threads.me(), seal);
  await removeDoubles(job, { news: { thread } }, await doubles().catch(() => []));
}

/** How often a job checks again for runs that other jobs are about to start. In a poll, the number applies to all mentions together. */
const MAX_WAITS = 5;
const NEXT_LOOK_MS = 5_000;

/**
 * @param notes `undefined` for an unreadable note.
 * @returns `false` if waiting is pointless: this job has waited often enough or is ending, or the notes are so old that their jobs were killed.
 */
export async function waitForNotes(
  { clock, spent }: Responding,
  notes: readonly (ThreadComment | undefined)[],
  signal?: AbortSignal,
): Promise<boolean> {
  const firstMs = clock.wallTime() - STARTING_MS;
  const mayLive = notes.some((note) => note === undefined || Date.parse(note.createdAt) > firstMs);
  if (spent.waits >= MAX_WAITS || signal?.aborted || !mayLive) return false;
  spent.waits++;
  await clock.sleep(NEXT_LOOK_MS, { signal }).catch(() => {});
  return true;
}

async function noteOf(
  job: Responding,
  { news: { thread } }: Pick<Asked, "news">,
  ask: AskId,
): Promise<MarkedNote | undefined> {
  const { threads } = job.forge;
  const { list } = await threads.comments(thread);
  const marks = marksOf(list, await threads.me(), await sealFor(job, thread));
  return marks.find(({ mark }) => isSameAsk(mark.ask, ask));
}

export function saysEnd(marked: MarkedNote | undefined): boolean {
  return marked !== undefined && marked.mark.state !== "starting";
}

export async function isAnswered(job: Responding, asked: Pick<Asked, "news">, ask: AskId): Promise<boolean> {
  return saysEnd(await noteOf(job, asked, ask));
}

/** An unreadable note is treated as unchanged. */
export async function noteSoon(
  job: Responding,
  asked: Pick<Asked, "news">,
  ask: AskId,
  { isPatient, signal }: { isPatient: boolean; signal?: AbortSignal | undefined },
): Promise<MarkedNote | undefined> {
  let last: MarkedNote | undefined;
  while (true) {
    last = await noteOf(job, asked, ask).catch(() => last);
    if (!isPatient || saysEnd(last) || !await waitForNotes(job, [last?.note], signal)) return last;
  }
}

/**
 * Exit codes after which polls repeat the start: the run may have started, and the same start may still succeed. The state in the mark remains
 * `starting`.
 */
export const AGAIN: readonly number[] = [
  EXIT.unavailable,
  EXIT.rateLimited,
  EXIT.deadline,
  ...STOPPED,
];

/** After an invalid token, no run was started, so polls repeat the start. */
export function isRepeated(exitCode: number): boolean {
  return AGAIN.includes(exitCode) || exitCode === EXIT.unauthorized;
}

export interface Doubts {
  /** Whether this is the last attempt to start the run if no sandbox is free. */
  isLastStart: boolean;
  isUnwanted: boolean;
  isHidden: boolean;
  /** Whether a start by this job or an earlier job may have reached the service. */
  mayExist: boolean;
  /** Whether an earlier job got no sandbox. If so, and `mayExist` is false, no agent has started. */
  lackedSandbox: boolean;
  /** The earliest time of the next start after a run without a sandbox; `undefined` if a start may be sent at any time. */
  nextStartMs: number | undefined;
}

export const NO_DOUBTS: Readonly<Doubts> = {
  lackedSandbox: false,
  isUnwanted: false,
  isHidden: false,
  mayExist: false,
  isLastStart: false,
  nextStartMs: undefined,
};

function markState({ runId, exitCode, hasEnded }: NoteState, isUnwanted: boolean): Mark["state"] {
  if (runId !== null) return { runId, isOpen: isUnwanted || !hasEnded, ...(isUnwanted && { isUnwanted }) };
  return exitCode === null || AGAIN.includes(exitCode) ? "starting" : "none";
}

/**
 * A run without a sandbox does not answer its mention. While another start is possible, the run is treated as not started. If an earlier job got no
 * sandbox and this start was refused, the mark still shows that no sandbox was free.
 */
function withoutLackingRun(state: NoteState, { isLastStart, lackedSandbox, mayExist }: Doubts): NoteState {
  const { lacksSandbox, runId, exitCode } = state;
  if (lacksSandbox) return isLastStart ? state : { ...state, runId: null };
  const isRefused = lackedSandbox && !mayExist && runId === null && exitCode !== null;
  return { ...state, lacksSandbox: isRefused };
}

function isPostponed(
  { runId, exitCode, lacksSandbox }: NoteState,
  { checks }: Pick<RespondSettings, "checks">,
  { isUnwanted, isHidden, mayExist }: Doubts,
): boolean {
  if (runId !== null || exitCode === null || !AGAIN.includes(exitCode)) return false;
  return checks.schedule !== "none" && !isUnwanted && !isHidden && (lacksSandbox || !mayExist);
}

function nextStep(
  { runId, exitCode, lacksSandbox }: NoteState,
  { name, checks }: Pick<RespondSettings, "name" | "checks">,
  { isUnwanted, isHidden, mayExist, nextStartMs }: Doubts,
): string {
  if (isUnwanted && runId !== null) {
    const retried = (check: string, span: string) => `${capital(check)} tries again for ${span}.`;
    return `\n\nThis run could not be cancelled yet. ${checksText(checks, retried, `Write \`@${name} stop\` again.`)}`;
  }
  if (isUnwanted && exitCode !== null) {
    return "\n\nAn agent may still be running, although this task was withdrawn. Look for it in the app, and cancel it there.";
  }
  if (isHidden) {
    return "\n\nAn agent may be running. Look for it in the app before you write the task again.";
  }
  if (runId !== null || exitCode === null || exitCode === EXIT.success) return "";
  if (exitCode === EXIT.unauthorized) {
    const started = (check: string, span: string) =>
      `Do not write the task again: once the token is replaced, ${check} starts it if it is less than ${span} old.`;
    return `\n\nAsk a maintainer to replace the token. ${
      checksText(checks, started, "Write the task again once the token is replaced.")
    }`;
  }
  if (!isRepeated(exitCode)) {
    return "\n\nFix the problem below, or ask a maintainer to fix it, then write the task again.";
  }
  const start = lacksSandbox
    ? "No sandbox was free, so no agent has started yet."
    : mayExist
    ? "It is unknown whether the run has started."
    : "The run has not started yet.";
  const repeated = (check: string, span: string) =>
    `Do not ask again: ${check} repeats the start for ${span}${
      lacksSandbox ? UP_TO : ""
    }, and never starts a second agent.${next} \`@${name} stop\` withdraws the task.`;
  const next = nextStartMs === undefined ? "" : ` The next start is at ${utcText(nextStartMs)} or later.`;
  const byHand = `${lacksSandbox ? `${SANDBOX_FREE}: then ` : ""}${startAfresh(name)}`;
  return `\n\n${start} ${checksText(checks, repeated, capital(byHand))}`;
}

const IN_COMMENT: ReadonlyMap<string | null, string> = new Map([
  [AGENT, "Read what the agent said and did last, then write a more precise task in a new comment."],
  [SILENT, "Read the last lines below, then write a changed task in a new comment."],
]);

const START_AGAIN = "then start again.";

function stepsFor(
  { name, checks: { schedule } }: Pick<RespondSettings, "name" | "checks">,
  { stopper, doubts }: { stopper: () => Promise<string | null>; doubts: Readonly<Doubts> },
): PlannedNote["steps"] {
  return async (result) => {
    const { outcome, runId, status } = result;
    const again = { name: `@${name} again` };
    const { nextStep } = viewOf(result);
    const failed = IN_COMMENT.get(nextStep) ??
      (nextStep?.endsWith(START_AGAIN)
        ? [nextStep.slice(0, -START_AGAIN.length), "then write ", again, "."]
        : undefined);
    const by = outcome === "cancelled" ? await stopper().catch(() => null) : null;
    const wait: Words = [
      `If the run is still going, ${
        completerText(schedule)
      } adds its result here once it has finished. To cancel the run, write `,
      { name: `@${name} stop` },
      ".",
    ];
    const repeat: Words = ["To repeat the task, write ", again, "."];
    const noSandbox: Words = [
      `No agent has started. ${capital(SANDBOX_FREE)}: then write `,
      again,
      ".",
    ];
    const lacksSandbox = result.error?.code === NO_SANDBOX;
    return {
      ...lacksSandbox && { error: doubts.isLastStart ? noSandbox : "" },
      deadline: wait,
      ...failed !== undefined && { failed },
      // A check repeats the start of a run without a sandbox, and refuses to repeat the task until then.
      ...runId !== null &&
        { interrupted: lacksSandbox && !doubts.isLastStart ? "" : isTerminal(status ?? "") ? repeat : wait },
      cancelled: [
        by === null ? "Somebody" : { name: by },
        " stopped it. Write ",
        again,
        " if that was a mistake.",
      ],
    };
  };
}

function askLink(
  { anchor, lineAnchor = anchor }: Threads,
  url: string | undefined,
  { kind, id }: AskId,
  by: string | undefined,
): AskLink | undefined {
  if (url === undefined) return undefined;
  if (kind === "label") return { words: "Label", url, by };
  return { words: "Comment", url: `${url}#${kind === "review" ? lineAnchor : anchor}${id}`, by };
}

export function planOf(
  { forge, settings, showsTask }: Responding,
  { thread }: { thread: ThreadPlace & Partial<Pick<Thread, "url">> },
  { ask, of, requester, task, label, links, seal, stopper, leftOut, doubts = NO_DOUBTS }:
    & Pick<PlannedNote, "label" | "links" | "task">
    & {
      ask: AskId;
      of: AskId;
      /** `undefined` if an earlier note names no requester. An earlier note contains only the id. */
      requester: Pick<ForgeUser, "id"> & Partial<Pick<ForgeUser, "name">> | undefined;
      seal: MarkSeal;
      stopper: () => Promise<string | null>;
      leftOut?: string | undefined;
      doubts?: Readonly<Doubts>;
    },
): PlannedNote {
  return {
    place: forge.notes(thread),
    needs: thread.kind === "pull" ? (url) => forge.needs(thread.number, url) : undefined,
    job: jobOfAsk(ask),
    label: links?.job === undefined && links?.pipeline === undefined ? "" : label,
    mayLink: (url) => forge.mayLink(url),
    links: { ...links, ask: askLink(forge.threads, thread.url, ask, requester?.name) },
    task: showsTask ? task : undefined,
    isRepeated: !isSameAsk(ask, of),
    steps: stepsFor(settings, { stopper, doubts }),
    stop: `@${settings.name} stop`,
    pullName: (url) => forge.pullName(url),
    isPostponed: (state) => isPostponed(withoutLackingRun(state, doubts), settings, doubts),
    head(state) {
      // The correct token cannot verify a code that was created with a wrong token. Without a mark, polls answer the mention again.
      const isMarked = state.runId !== null || state.exitCode !== EXIT.unauthorized;
      const counted = withoutLackingRun(state, doubts);
      const { lacksSandbox } = counted;
      const { isUnwanted, nextStartMs } = doubts;
      const isUnsent = state.exitCode !== null && !doubts.mayExist && !isUnwanted;
      const words = { lacksSandbox, isUnsent, nextStartMs };
      const line = markLine({ ask, of, state: markState(counted, isUnwanted), ...words }, seal);
      return [
        ...isMarked ? [line] : [],
        ...requester === undefined ? [] : [requesterLine(requester.id)],
      ].join("\n") + nextStep(counted, settings, doubts);
    },
    // Leave out what the agent did not see if there was no run, or if the run was stopped.
    foot: ({ runId, exitCode }) =>
      runId === null && exitCode !== null || exitCode === EXIT.cancelled ? undefined : leftOut,
  };
}
