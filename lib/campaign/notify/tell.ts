/**
 * Tells a webhook that a campaign needs somebody, or is done: each event at least once, whoever sees it. A webhook that fails changes nothing,
 * and the next wave tries again.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { LostRaceError } from "../../git/branch.ts";
import type { Fetch } from "../../http/transport.ts";
import { callWebhook } from "../../http/webhook.ts";
import type { PlatformLinks, ReadEnv } from "../../platforms/platform.ts";
import { sha256Hex } from "../../sha256.ts";
import { type CampaignCommand, campaignCommand } from "../report/commands.ts";
import { CAMPAIGN_FORMATS } from "../report/formats.ts";
import { countSentences } from "../report/words.ts";
import type { NotifyEvent } from "../file/campaign_file.ts";
import { campaignState, exitCodeOf } from "../progress.ts";
import { toldNote } from "../journal/fold.ts";
import type { OpenedCampaign } from "../open_campaign.ts";
import type { Store } from "../work/store.ts";
import { webhookAddress } from "./address.ts";
import { eventOf } from "./due.ts";
import { bodyFor, type Notification, plainLines } from "./message.ts";

/** What is needed to tell something. */
export interface Teller {
  env: ReadEnv;
  fetch: Fetch | undefined;
  clock: Clock;
  signal: AbortSignal | undefined;
  random: (() => number) | undefined;
  /** How a person calls the campaign. */
  command: CampaignCommand;
  /** Pages of the CI job. */
  links: PlatformLinks;
  /** Hears why nothing was told; the message has no secret in it. */
  note: (message: string) => void;
}

/** Longest time of one try, and of all of them, in milliseconds. */
const [LIMIT_MS, WHOLE_MS] = [5_000, 30_000];

const EVENTS: Readonly<Record<NotifyEvent, string>> = {
  gated: "is gated: nothing more is started until somebody approves",
  stuck: "is stuck: it goes on only when a person has acted",
  done: "is done",
};

/** A text of the file without what chats read as a command, a link or a mention. */
function plain(text: string): string {
  return text.replace(/[<>&@*_`~|[\]()#]/g, " ").replace(/\s+/g, " ").trim();
}

/** An address that may stand in a message; null for everything else. */
function addressOrNull(text: string | undefined): string | null {
  return text !== undefined && URL.canParse(text) && /^https?:\/\/[^\s<>"`]+$/.test(text) ? text : null;
}

/** The message, and the sentence in it. */
function notificationOf(
  { file: { notify }, directory, store }: Pick<OpenedCampaign, "file" | "directory"> & { store: Store },
  event: NotifyEvent,
  { command, links, clock }: Teller,
): { body: unknown } {
  const { memory } = store;
  const { lock: { campaign, round, plannedAt }, counts, toldCount } = memory;
  const name = round === "" ? campaign : `${campaign}, round ${plain(round)}`;
  const sentence = [`Campaign ${name} ${EVENTS[event]}`, ...countSentences({ counts })].join(". ");
  const file = `${directory.replace(/\/+$/, "")}/${CAMPAIGN_FORMATS.html.file}`;
  const message: Notification = {
    schema: 1,
    id: sha256Hex(JSON.stringify(["mogplex-ci/notification/1", campaign, round, plannedAt, toldCount, event])).slice(
      0,
      32,
    ),
    text: "",
    content: "",
    event,
    campaign,
    round,
    state: campaignState(memory).state,
    counts: { ...counts },
    exitCode: exitCodeOf(memory),
    job: addressOrNull(links.job ?? links.pipeline),
    // A path that leads out of the checkout is none of a file of the job.
    page: links.file === undefined || /^\/|(?:^|\/)\.\.(?:\/|$)/.test(file) ? null : addressOrNull(links.file + file),
    command: event === "gated" ? campaignCommand(command, "approve") : campaignCommand(command, "status"),
    at: new Date(clock.wallTime()).toISOString(),
  };
  message.text = message.content = plainLines(sentence, message);
  return { body: bodyFor(notify?.format ?? "json", sentence, message) };
}

/**
 * Tells what there is to tell, unless it was told before.
 *
 * What has happened is shared first, so that of two machines the slower one sees what the other did. That it was told is recorded when the
 * webhook has taken it: a crash in between tells it again, with the same id.
 *
 * @param stuck Whether an error has stopped the campaign that no later wave mends by itself.
 * @throws what the journal throws; {@linkcode LostRaceError} when another machine has written meanwhile. Failures of the webhook are notes.
 */
export async function tell(
  { file, directory, home, store }: Pick<OpenedCampaign, "file" | "directory" | "home" | "store">,
  teller: Teller,
  stuck = false,
): Promise<void> {
  const { env, fetch, clock, random, signal, note } = teller;
  const { notify } = file;
  if (notify === null || store === undefined || signal?.aborted) return;
  const event = eventOf(store.memory) ?? (stuck ? "stuck" : null);
  if (event === null || event === store.memory.told || !notify.on.includes(event)) return;
  const address = webhookAddress(notify, env);
  if (!address.ok) return note(`Cannot tell that the campaign is ${event}: ${address.why}`);
  try {
    await home.flush();
  } catch (error) {
    // A place that is out of reach, or may not be written, is no reason to tell nobody: it may be what there is to tell.
    if (error instanceof LostRaceError) throw error;
  }
  const { body } = notificationOf({ file, directory, store }, event, teller);
  const problem = await callWebhook(address.url, body, {
    ...{ fetch, clock, random, signal },
    limitMs: LIMIT_MS,
    wholeMs: WHOLE_MS,
  });
  if (problem === null) return await store.record({ type: "note", text: toldNote(event) });
  note(
    `Cannot tell that the campaign is ${event}: the webhook in ${notify.variable}: ${problem}; the next wave tries again`,
  );
}
