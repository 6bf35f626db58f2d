import type { Clock } from "../../clock.ts";
import type { MogplexError } from "../../errors.ts";
import type { MergeRules } from "../file/campaign_file.ts";
import { matchesGlob } from "../file/rules.ts";
import { type CampaignMemory, nameOf } from "../journal/memory.ts";
import { OPEN_MERGES } from "../journal/merge_memory.ts";
import { DAY_MS, nextOpening } from "../pace/windows.ts";
import type { Store } from "../work/store.ts";
import { MERGE_TOKEN_VARIABLE } from "../../forge/open.ts";
import { checkMergeTokens } from "./places.ts";
import { MAX_WAITING, type MergeLineWord, type MergeOrders, mergeRound, type MergeWork } from "./round.ts";

const ROUND_MS = 5 * 60_000;

/** Recorded in place of a person's name for merges that the campaign file allows. */
const FILE_RULE = "merge";

const NEWS: readonly MergeLineWord[] = ["merged", "elsewhere", "queued", "updated", "left", "out", "refused"];

interface WaveMergeWork extends Omit<MergeWork, "store" | "gateClosed"> {
  readonly isRead: boolean;
}

export class WaveMerges {
  readonly #work: WaveMergeWork;
  #dueAt = -Infinity;

  constructor(work: WaveMergeWork) {
    this.#work = work;
  }

  async run(store: Store, gateClosed: MergeWork["gateClosed"] = () => Promise.resolve()): Promise<string[]> {
    const { memory, memory: { lock: { merge: rules } } } = store;
    const { clock, places, tell } = this.#work;
    if (rules === null || clock.now() < this.#dueAt) return [];
    this.#dueAt = clock.now() + ROUND_MS;
    if (checkMergeTokens(memory.items.values(), places, "wave").isLocal) tell(LOCAL_MERGE);
    const { lines, error, isStopped } = await mergeRound(
      { ...this.#work, store, gateClosed },
      ordersOf(rules, memory, this.#work),
    );
    const news = lines.filter(({ word }) => NEWS.includes(word));
    for (const { repository, word, reason } of news) {
      tell(`${repository}: ${word}${reason === word ? "" : `: ${reason}`}`);
    }
    if (isStopped) tell("this wave stopped merging after refusals in several repositories");
    if (error !== undefined) tell(unreadText(error));
    return news.map(({ item }) => item);
  }
}

/** Without this note, a test with a local Mogplex would not show that the token is missing. */
export const LOCAL_MERGE =
  "merge has no effect because a local Mogplex has no forge; against a real forge, a wave would exit with code 2 without " +
  `a merge token in ${MERGE_TOKEN_VARIABLE}`;

function unreadText({ message }: MogplexError): string {
  return `not all pull requests could be checked: ${message}`;
}

function ordersOf(
  rules: MergeRules,
  memory: CampaignMemory,
  { clock, isRead }: { clock: Pick<Clock, "wallTime">; isRead: boolean },
): MergeOrders {
  const { afterMs, atMost, method, update, withoutChecks } = rules;
  const nowMs = clock.wallTime();
  const isOpen = nextOpening(memory.lock.windows, nowMs) === nowMs;
  const counted = countedLately(memory, nowMs);
  return {
    by: FILE_RULE,
    chosen: null,
    policyFor: (item) => ({
      ...{ afterMs, method, update, requireUpToDate: false, withoutReview: false, ownApproval: false, isNamed: false },
      withoutChecks: withoutChecks.some((glob) => matchesGlob(glob, nameOf(item))),
    }),
    atMost: atMost === null ? null : atMost - counted.size,
    counted,
    pause: isOpen ? null : "no window of the campaign is open",
    waitingLimit: Math.min(MAX_WAITING, atMost ?? MAX_WAITING),
    deleteBranch: false,
    isDryRun: false,
    isRead,
    isWave: true,
  };
}

function countedLately({ items }: CampaignMemory, nowMs: number): Set<string> {
  const isLate = (at: string) => nowMs - Date.parse(at) < DAY_MS;
  const recent = [...items.values()].filter(({ merge, update }) =>
    merge !== null && (merge.state === "merged" || OPEN_MERGES.includes(merge.state)) && isLate(merge.at) ||
    update !== null && isLate(update.at)
  );
  return new Set(recent.map(({ item }) => item.id));
}
