/**
 * The journal records what was sent, for all machines. If the webhook fails, the request is repeated several times. If all requests fail, the next
 * command or call that continues the campaign sends the event again. A failure has no other effect.
 *
 * A message contains no text from an agent, from the service or from the task, and no name of a repository of the campaign.
 *
 * @module
 */
import type { PlatformLinks, ReadEnv } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import { messageOf } from "../../error_sentence.ts";
import { LostRaceError } from "../../git/remote.ts";
import { TimedOut, withLimit } from "../../service/answer.ts";
import { callWebhook } from "../../service/post.ts";
import type { Fetch } from "../../service/transport.ts";
import { sha256Hex } from "../../sha256.ts";
import { escapeSlack } from "../../text/escape.ts";
import { cutText } from "../../text/plain_text.ts";
import { NOTIFY_EVENTS, type NotifyEvent, type NotifyFormat } from "../file/campaign_file.ts";
import { toldNote } from "../journal/fold.ts";
import type { CampaignNotification, Notifier } from "../campaign_options.ts";
import type { CampaignMemory } from "../journal/memory.ts";
import { webhookAddress } from "./notify_address.ts";
import type { OpenedCampaign } from "../open_campaign.ts";
import { totalsOf } from "../view/verdicts.ts";
import { campaignState, exitCodeOf, hasUntoldStarts, pendingOf, waitsForAnswers } from "../view/progress.ts";
import { type CampaignCommand, campaignCommand, countSentences } from "../report/words.ts";
import { isLeftToPeople, pendingText } from "../report/pending_words.ts";
import { CAMPAIGN_FILES } from "../report/files.ts";
import type { Store } from "../work/store.ts";

export interface NotificationContext {
  env: ReadEnv;
  fetch: Fetch | undefined;
  clock: Clock;
  signal: AbortSignal | undefined;
  random: (() => number) | undefined;
  command: CampaignCommand | null;
  notifier: Notifier | undefined;
  links: PlatformLinks;
  /** The reason contains no secret. */
  note: (message: string) => void;
}

const [LIMIT_MS, WHOLE_MS] = [5_000, 30_000];

/**
 * The journal is shared first, so that the slower of two machines sees what the other machine did. The event is recorded as sent after the webhook
 * has accepted it. After a crash in between, the event is sent again with the same id.
 */
export async function sendNotification(
  { file, directory, isInMemory, home, store }: Pick<
    OpenedCampaign,
    "file" | "directory" | "isInMemory" | "home" | "store"
  >,
  context: NotificationContext,
  stuck = false,
): Promise<void> {
  const { env, fetch, clock, random, signal, note, notifier } = context;
  const { notify } = file;
  const events = notify?.on ?? (notifier === undefined ? [] : NOTIFY_EVENTS);
  if (store === undefined || signal?.aborted) return;
  const nowMs = clock.wallTime() - store.memory.skewMs;
  const isOpen = hasUntoldStarts(store.memory, nowMs);
  const event = eventOf(store.memory, nowMs) ?? (stuck || isOpen ? "stuck" : null);
  const isNews = event !== store.memory.told || event === "stuck" && isOpen;
  if (event === null || !isNews || !events.includes(event)) return;
  const address = notify === null || notifier !== undefined ? undefined : webhookAddress(notify, env);
  if (address?.ok === false) return note(`Cannot notify anyone that the campaign is ${event}: ${address.why}`);
  try {
    await home.flush();
  } catch (error) {
    // The webhook is also called if the journal cannot be shared, because a person may have to fix the problem.
    if (error instanceof LostRaceError) throw error;
  }
  const { message, body } = notificationOf({ file, directory, isInMemory, store }, event, context, isOpen);
  const limits = { fetch, clock, random, signal, limitMs: LIMIT_MS, wholeMs: WHOLE_MS };
  const problem = notifier !== undefined
    ? await callNotifier(notifier, message, context)
    : address === undefined
    ? null
    : await callWebhook(address.url, body, limits);
  if (problem === null) return await store.record({ type: "note", text: toldNote(event) });
  const who = notifier !== undefined ? "the notifier" : `the webhook in ${notify?.variable}`;
  note(`Cannot notify anyone that the campaign is ${event}: ${who}: ${problem}; the next call tries again`);
}

function eventOf(memory: CampaignMemory, nowMs: number): NotifyEvent | null {
  const { state } = campaignState(memory, nowMs);
  if (memory.gates.merge.closed) return "gated";
  if (state === "done") return "done";
  if (state === "gated" || memory.gates.threshold.closed) return "gated";
  const pending = pendingOf(memory, nowMs);
  if (pending !== null) return isLeftToPeople(pending) ? "stuck" : null;
  return state === "waiting" && waitsForAnswers(memory) ? "stuck" : null;
}

function notificationOf(
  { file: { notify }, directory, isInMemory, store }:
    & Pick<OpenedCampaign, "file" | "directory" | "isInMemory">
    & { store: Store },
  event: NotifyEvent,
  { command, links, clock }: NotificationContext,
  isOpen: boolean,
): { message: CampaignNotification; body: unknown } {
  const { memory } = store;
  const { lock: { campaign, round, plannedAt }, counts, toldCount } = memory;
  const nowMs = clock.wallTime() - memory.skewMs;
  const pending = pendingOf(memory, nowMs);
  const name = round === "" ? campaign : `${campaign}, round ${plain(round)}`;
  const sentence = [
    `Campaign ${name} ${
      event === "stuck" && isOpen
        ? UNANSWERED
        : event === "gated" && memory.gates.merge.closed
        ? MERGES_STOPPED
        : event === "gated" && memory.gates.threshold.closed
        ? TOO_MANY_FAILURES
        : EVENTS[event]
    }`,
    ...countSentences({ counts }),
    ...pending === null ? [] : [pendingText(pending)],
  ].join(". ");
  const file = `${directory.replace(/\/+$/, "")}/${CAMPAIGN_FILES.html}`;
  const message: CampaignNotification = {
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
    state: campaignState(memory, nowMs).state,
    counts: { ...counts },
    exitCode: exitCodeOf(memory),
    job: addressOrNull(links.job ?? links.pipeline),
    // A path outside the checkout is not a file of the job.
    page: isInMemory || links.file === undefined || /^\/|(?:^|\/)\.\.(?:\/|$)/.test(file)
      ? null
      : addressOrNull(links.file + file),
    // Before an approval, people must review the items that did not succeed.
    command: command === null
      ? null
      : campaignCommand(command, event === "gated" && totalsOf(counts).bad === 0 ? "approve" : "status"),
    at: new Date(clock.wallTime()).toISOString(),
  };
  message.text = message.content = plainLines(sentence, message);
  return { message, body: bodyFor(notify?.format ?? "json", sentence, message) };
}

const EVENTS: Readonly<Record<NotifyEvent, string>> = {
  gated: "is gated: nothing more starts until somebody approves",
  stuck: "is stuck until somebody acts",
  done: "is done",
};

const TOO_MANY_FAILURES = "stopped after too many failures: fix the cause, retry the failed items, then approve";

const MERGES_STOPPED =
  "is gated: nothing more is merged until somebody approves, because merges broke their target branches";

const UNANSWERED = "needs attention: a start has had no answer for two hours, so an agent may be running";

function plain(text: string): string {
  return text.replace(/[<>&@*_`~|[\]()#]/g, " ").replace(/\s+/g, " ").trim();
}

function addressOrNull(text: string | undefined): string | null {
  return text !== undefined && URL.canParse(text) && /^https?:\/\/[^\s<>"`]+$/.test(text) ? text : null;
}

function plainLines(sentence: string, message: CampaignNotification): string {
  return lines(sentence, message, bare, (text) => text);
}

/** @param sentence Must not contain characters that a chat service interprets as a command, a link or a mention. */
export function bodyFor(format: NotifyFormat, sentence: string, message: CampaignNotification): unknown {
  switch (format) {
    case "json":
      return message;
    // Source: Slack, "Sending messages using incoming webhooks".
    case "slack":
      return {
        text: lines(
          sentence,
          message,
          (word, url) => `<${escapeSlack(url).replaceAll("|", "%7C")}|${word}>`,
          (text) => inBackticks(escapeSlack(text)),
        ),
      };
    // Source: Google Chat, "Build a Google Chat app as a webhook". Google Chat rejects a message with an unknown field.
    case "google-chat":
      return { text: lines(sentence, message, bare, inBackticks) };
    // Source: Discord, "Webhook Resource", "Execute Webhook". Angle brackets around an address prevent a preview.
    case "discord":
      return {
        content: cutText(
          lines(sentence, message, (word, url) => `${word}: <${url}>`, inBackticks),
          DISCORD_CHARS - MARK_CHARS,
        ),
        allowed_mentions: { parse: [] },
      };
    // Source: Microsoft Teams, "Create and send messages", "Send Adaptive Cards using an Incoming Webhook". Workflows accept the same format.
    case "teams":
      return {
        type: "message",
        attachments: [{
          contentType: "application/vnd.microsoft.card.adaptive",
          contentUrl: null,
          content: {
            $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
            type: "AdaptiveCard",
            version: "1.2",
            body: [
              cardText(sentence),
              ...message.command === null ? [] : [cardText(message.command, { fontType: "Monospace" })],
              cardText(`Message ${message.id}`, { isSubtle: true }),
            ],
            actions: linksOf(message).map(([title, url]) => ({ type: "Action.OpenUrl", title, url })),
          },
        }],
      };
  }
}

/** Source: Discord, "Webhook Resource", "Execute Webhook", `content`. */
const DISCORD_CHARS = 2_000;

const MARK_CHARS = 100;

function lines(
  sentence: string,
  message: CampaignNotification,
  link: (word: string, url: string) => string,
  code: (text: string) => string,
): string {
  const { command, id } = message;
  return [
    sentence,
    ...linksOf(message).map(([word, url]) => link(word, url)),
    ...command === null ? [] : [`Next: ${code(command)}`],
    `Message ${id}`,
  ].join("\n");
}

function linksOf({ job, page }: CampaignNotification): [word: string, url: string][] {
  return [
    ...job === null ? [] : [["Job", job] as [string, string]],
    ...page === null ? [] : [["Page", page] as [string, string]],
  ];
}

const bare = (word: string, url: string) => `${word}: ${url}`;

/** A command that contains a backtick is shown without formatting. */
const inBackticks = (text: string) => text.includes("`") ? text : `\`${text}\``;

/** Unlike a `TextBlock`, this element does not interpret Markdown. Source: Adaptive Cards, "RichTextBlock". */
function cardText(text: string, more: Record<string, unknown> = {}) {
  return { type: "RichTextBlock", inlines: [{ type: "TextRun", text, ...more }] };
}

const AGAIN_MS: readonly number[] = [1_000, 5_000];

/** Calls a script's function up to three times, because a finished campaign may have no later call that repeats the notification. */
async function callNotifier(
  notifier: Notifier,
  message: CampaignNotification,
  { clock, signal }: NotificationContext,
): Promise<string | null> {
  const until = clock.now() + WHOLE_MS;
  for (let tried = 0;; tried++) {
    try {
      const delivery = Promise.resolve({ ...message }).then(notifier);
      await withLimit(() => clock.during?.(delivery) ?? delivery, { clock, limitMs: until - clock.now(), signal });
      return null;
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TimedOut) return `it did not finish within ${WHOLE_MS / 1_000} seconds`;
      const waitMs = AGAIN_MS[tried];
      if (waitMs === undefined || clock.now() + waitMs >= until) return messageOf(error);
      await clock.sleep(waitMs, { signal });
    }
  }
}
