/**
 * Tells a webhook that a campaign needs somebody, or is done: each event once, whoever sees it. A webhook that fails changes nothing.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Fetch } from "../../http/transport.ts";
import { callWebhook } from "../../http/webhook.ts";
import type { ReadEnv } from "../../platforms/platform.ts";
import { countSentences } from "../report/words.ts";
import type { CampaignState, ItemState } from "../verdicts.ts";
import type { NotifyEvent } from "../file/campaign_file.ts";
import type { Home } from "../journal/home/home.ts";
import { campaignState, exitCodeOf } from "../progress.ts";
import { toldNote } from "../journal/fold.ts";
import type { OpenedCampaign } from "../open_campaign.ts";
import type { Store } from "../work/store.ts";
import { webhookAddress } from "./address.ts";
import { eventOf } from "./due.ts";

/** What a webhook gets. Its schema is `schema/campaign-notification.schema.json`. */
export interface Notification {
  /** Version of this form. */
  schema: 1;
  /** One sentence, in the field in which Slack, Mattermost and Rocket.Chat look for it. */
  text: string;
  /** The same, where Discord looks for it. */
  content: string;
  /** What has happened. */
  event: NotifyEvent;
  /** Name of the campaign. */
  campaign: string;
  /** Its round; empty when it has none. */
  round: string;
  /** Where the campaign is. */
  state: CampaignState;
  /** Number of items by verdict or state. */
  counts: Readonly<Record<ItemState, number>>;
  /** Exit code that belongs to it. */
  exitCode: number;
  /** When this was sent, in ISO 8601. */
  at: string;
}

/** What is needed to tell something. */
export interface Teller {
  env: ReadEnv;
  fetch: Fetch | undefined;
  clock: Clock;
  signal: AbortSignal | undefined;
  /** Hears why nothing was told; the message has no secret in it. */
  note: (message: string) => void;
}

/** Longest time of a call, in milliseconds. */
const LIMIT_MS = 5_000;

const EVENTS: Readonly<Record<NotifyEvent, string>> = {
  gated: "is gated: nothing more is started until somebody approves",
  stuck: "is stuck: it goes on only when a person has acted",
  done: "is done",
};

/** A text of the file without what chats read as a command, a link or a mention. */
function plain(text: string): string {
  return text.replace(/[<>&@*_`~|[\]()#]/g, " ").replace(/\s+/g, " ").trim();
}

/** The message. No text of an agent, of the service or of the task is in it. */
function notificationOf({ memory }: Pick<Store, "memory">, event: NotifyEvent, nowMs: number): Notification {
  const { lock: { campaign, round }, counts } = memory;
  const name = round === "" ? campaign : `${campaign}, round ${plain(round)}`;
  const text = [`Campaign ${name} ${EVENTS[event]}`, ...countSentences({ counts })].join(". ");
  return {
    schema: 1,
    text,
    content: text,
    event,
    campaign,
    round,
    state: campaignState(memory).state,
    counts: { ...counts },
    exitCode: exitCodeOf(memory),
    at: new Date(nowMs).toISOString(),
  };
}

/**
 * Tells what there is to tell, unless it was told before.
 *
 * It is in the journal, and shared, before the message leaves: of two machines one does it, and a message that is lost is not sent again.
 *
 * @param stuck Whether an error has stopped the campaign that no later wave mends by itself.
 * @throws what the journal throws; {@linkcode LostRaceError} when another machine has written meanwhile. Failures of the webhook are notes.
 */
export async function tell(
  { file, home, store }: { file: OpenedCampaign["file"]; home: Home; store: Store | undefined },
  { env, fetch, clock, signal, note }: Teller,
  stuck = false,
): Promise<void> {
  const { notify } = file;
  if (notify === null || store === undefined || signal?.aborted) return;
  const event = eventOf(store.memory) ?? (stuck ? "stuck" : null);
  if (event === null || event === store.memory.told || !notify.on.includes(event)) return;
  const address = webhookAddress(notify, env);
  if (!address.ok) return note(`Cannot tell that the campaign is ${event}: ${address.why}`);
  await store.record({ type: "note", text: toldNote(event) });
  await home.flush();
  const message = notificationOf(store, event, clock.wallTime());
  const problem = await callWebhook(address.url, message, { fetch, clock, limitMs: LIMIT_MS, signal });
  if (problem !== null) {
    note(`Cannot tell that the campaign is ${event}: the webhook in ${notify.variable}: ${problem}`);
  }
}
