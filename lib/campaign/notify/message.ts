/**
 * What a webhook gets, in the form that its service takes. No text of an agent, of the service or of the task is in it, and no name of a
 * repository of the campaign.
 *
 * @module
 */
import { cutText } from "../../text/plain_text.ts";
import type { NotifyEvent, NotifyFormat } from "../file/campaign_file.ts";
import type { CampaignState, ItemState } from "../verdicts.ts";

/** What a webhook gets with `format: json`. Its schema is `schema/campaign-notification.schema.json`. */
export interface Notification {
  /** Version of this form. */
  schema: 1;
  /** Name of this message: the same for each try of it, on all machines, and another one for the next event. */
  id: string;
  /** A sentence and its links, in the field in which Slack, Mattermost and Rocket.Chat look for it. */
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
  /** Address of the CI job that sent it; null outside CI, and where the CI system does not show it. */
  job: string | null;
  /** Address of the page of the campaign; null where the CI system shows no files of a job. */
  page: string | null;
  /** Command that goes on with it, for a person to run. */
  command: string;
  /** When this was made, in ISO 8601. */
  at: string;
}

/** Longest text of a message on Discord, in characters. Source: Discord, "Webhook Resource", "Execute Webhook", `content`. */
const DISCORD_CHARS = 2_000;
/** Most characters of the mark of a text that was cut. */
const MARK_CHARS = 100;

/** Links with their words. */
function linksOf({ job, page }: Notification): [word: string, url: string][] {
  return [
    ...job === null ? [] : [["Job", job] as [string, string]],
    ...page === null ? [] : [["Page", page] as [string, string]],
  ];
}

/** The lines of a text, with addresses and the command as the service writes them. */
function lines(
  sentence: string,
  message: Notification,
  link: (word: string, url: string) => string,
  code: (text: string) => string,
): string {
  const { command, id } = message;
  return [
    sentence,
    ...linksOf(message).map(([word, url]) => link(word, url)),
    `Next: ${code(command)}`,
    `Message ${id}`,
  ].join("\n");
}

const bare = (word: string, url: string) => `${word}: ${url}`;

/** A command between backticks, which it cannot end: a service shows one with a backtick in it as it is. */
const inBackticks = (text: string) => text.includes("`") ? text : `\`${text}\``;

/** The sentence with what a person needs, for services that show a text as it is. */
export function plainLines(sentence: string, message: Notification): string {
  return lines(sentence, message, bare, (text) => text);
}

/** Source: Slack, "Formatting message text", "Escaping text": these three, and nothing else. */
function escapeSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** Source: Adaptive Cards, "RichTextBlock": its texts are no Markdown, as those of a `TextBlock` are. */
function cardText(text: string, more: Record<string, unknown> = {}) {
  return { type: "RichTextBlock", inlines: [{ type: "TextRun", text, ...more }] };
}

/**
 * The body for a service.
 *
 * @param sentence One sentence without characters that a chat reads as a command, a link or a mention.
 */
export function bodyFor(format: NotifyFormat, sentence: string, message: Notification): unknown {
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
    // Source: Google Chat, "Build a Google Chat app as a webhook": a field that it does not know makes it refuse the message.
    case "google-chat":
      return { text: lines(sentence, message, bare, inBackticks) };
    // Source: Discord, "Webhook Resource", "Execute Webhook"; an address in angle brackets has no preview.
    case "discord":
      return {
        content: cutText(
          lines(sentence, message, (word, url) => `${word}: <${url}>`, inBackticks),
          DISCORD_CHARS - MARK_CHARS,
        ),
        allowed_mentions: { parse: [] },
      };
    // Source: Microsoft Teams, "Create and send messages", "Send Adaptive Cards using an Incoming Webhook"; workflows take the same.
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
              cardText(message.command, { fontType: "Monospace" }),
              cardText(`Message ${message.id}`, { isSubtle: true }),
            ],
            actions: linksOf(message).map(([title, url]) => ({ type: "Action.OpenUrl", title, url })),
          },
        }],
      };
  }
}
