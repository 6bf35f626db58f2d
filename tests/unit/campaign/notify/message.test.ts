import { expect, test } from "bun:test";
import { NOTIFY_FORMATS } from "../../../../lib/campaign/file/campaign_file.ts";
import type { CampaignNotification } from "../../../../lib/campaign/campaign_options.ts";
import { bodyFor } from "../../../../lib/campaign/notify/notify.ts";

const SENTENCE = "Campaign replace-moment is gated: nothing more starts until somebody approves. 3 of 4 have finished";
const message = (more: Partial<CampaignNotification> = {}): CampaignNotification => ({
  schema: 1,
  id: "0123456789abcdef0123456789abcdef",
  text: "",
  content: "",
  event: "gated",
  campaign: "replace-moment",
  round: "",
  state: "gated",
  counts: {} as CampaignNotification["counts"],
  exitCode: 75,
  job: "https://gitlab.example/acme/ops/-/jobs/7?a=1&b=2",
  page: "https://gitlab.example/acme/ops/-/jobs/7/artifacts/file/mogplex-campaign/campaign.html",
  command: "mogplex-ci campaign approve campaign.yml --by '<kim & co>'",
  at: "2026-11-28T00:00:00.000Z",
  ...more,
});

// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/ and
// https://docs.slack.dev/messaging/formatting-message-text/ : `<URL|words>`; &, < and > are escaped, and nothing else.
test("bodyFor() makes a message of Slack, with links and a command that is no markup", () => {
  expect(bodyFor("slack", SENTENCE, message())).toEqual({
    text: [
      SENTENCE,
      "<https://gitlab.example/acme/ops/-/jobs/7?a=1&amp;b=2|Job>",
      "<https://gitlab.example/acme/ops/-/jobs/7/artifacts/file/mogplex-campaign/campaign.html|Page>",
      "Next: `mogplex-ci campaign approve campaign.yml --by '&lt;kim &amp; co&gt;'`",
      "Message 0123456789abcdef0123456789abcdef",
    ].join("\n"),
  });
});

// https://developers.google.com/workspace/chat/quickstart/webhooks : `{"text": …}`; an unknown field is refused with 400 INVALID_ARGUMENT.
test("bodyFor() makes a message of Google Chat that has no other field than its text", () => {
  const body = bodyFor("google-chat", SENTENCE, message({ page: null })) as Record<string, string>;
  expect(Object.keys(body)).toEqual(["text"]);
  expect(body.text?.split("\n")).toEqual([
    SENTENCE,
    "Job: https://gitlab.example/acme/ops/-/jobs/7?a=1&b=2",
    "Next: `mogplex-ci campaign approve campaign.yml --by '<kim & co>'`",
    "Message 0123456789abcdef0123456789abcdef",
  ]);
});

// https://docs.discord.com/developers/resources/webhook#execute-webhook : content of up to 2000 characters, `allowed_mentions`; and
// https://support.discord.com/hc/en-us/articles/206342858 : an address in angle brackets has no preview.
test("bodyFor() makes a message of Discord that mentions no user and is never too long", () => {
  const body = bodyFor("discord", SENTENCE, message()) as Record<string, unknown>;
  expect(Object.keys(body).sort()).toEqual(["allowed_mentions", "content"]);
  expect(body.allowed_mentions).toEqual({ parse: [] });
  expect(String(body.content).split("\n")[1]).toBe("Job: <https://gitlab.example/acme/ops/-/jobs/7?a=1&b=2>");
  const long = bodyFor("discord", SENTENCE, message({ job: `https://x.example/${"y".repeat(3_000)}` }));
  expect(String((long as Record<string, unknown>).content).length).toBeLessThanOrEqual(2_000);
});

// https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using , "Send Adaptive Cards using an
// Incoming Webhook"; https://adaptivecards.io/explorer/RichTextBlock.html : version 1.2, its texts are no Markdown.
test("bodyFor() makes an Adaptive Card for Teams, with buttons for its links", () => {
  const body = bodyFor("teams", SENTENCE, message()) as {
    type: string;
    attachments: { contentType: string; content: Record<string, unknown> }[];
  };
  expect(body.type).toBe("message");
  const [card, ...others] = body.attachments;
  expect(others).toEqual([]);
  expect(card?.contentType).toBe("application/vnd.microsoft.card.adaptive");
  expect(card?.content).toEqual({
    $schema: "http://adaptivecards.io/schemas/adaptive-card.json",
    type: "AdaptiveCard",
    version: "1.2",
    body: [
      { type: "RichTextBlock", inlines: [{ type: "TextRun", text: SENTENCE }] },
      { type: "RichTextBlock", inlines: [{ type: "TextRun", text: message().command, fontType: "Monospace" }] },
      { type: "RichTextBlock", inlines: [{ type: "TextRun", text: `Message ${message().id}`, isSubtle: true }] },
    ],
    actions: [
      { type: "Action.OpenUrl", title: "Job", url: message().job },
      { type: "Action.OpenUrl", title: "Page", url: message().page },
    ],
  });
});

test("bodyFor() gives a program all fields, and every form has the id and the command", () => {
  const whole = message({ text: SENTENCE, content: SENTENCE });
  expect(bodyFor("json", SENTENCE, whole)).toEqual(whole);
  for (const format of NOTIFY_FORMATS) {
    const sent = JSON.stringify(bodyFor(format, SENTENCE, message({ command: "mogplex-ci campaign status c.yml" })));
    expect(sent, format).toContain(message().id);
    expect(sent, format).toContain("mogplex-ci campaign status c.yml");
  }
});

test("bodyFor() lets no command end its quotes", () => {
  const body = bodyFor("slack", SENTENCE, message({ command: "mogplex-ci campaign status 'a`b <!channel>'" }));
  expect(JSON.stringify(body)).toContain("Next: mogplex-ci campaign status 'a`b &lt;!channel&gt;'");
});
