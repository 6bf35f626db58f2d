/**
 * The events of a run in the order of time, with the quiet stretches between them.
 *
 * @module
 */
import type { RunEvent } from "../../model.ts";
import { formatCount, formatDuration } from "../../result/duration.ts";
import type { ResultView } from "../../result/result_view.ts";
import { jsonText } from "../../text/escape/json.ts";
import { cutText, plainText } from "../../text/plain_text.ts";
import { chip, code, fold, type Html, list, markup, type Tone } from "../blocks.ts";

/** Most events that are shown: a feed has 200. */
const MAX_EVENTS = 400;
/** A pause from which on it is shown, in milliseconds. */
const QUIET_MS = 60_000;
/** Most bytes of all events together, so that the page stays far below what a browser shows at once. */
const MAX_BYTES = 2_200_000;
const MAX_MESSAGE = 4_000;
const MAX_WORD = 100;

const TONES: ReadonlyMap<string, Tone> = new Map([["failed", "bad"], ["finished", "good"], ["cancelled", "wait"]]);

/** Bytes of a text; the units of one that has certainly few enough, since a unit takes at most three. */
function bytesOf(text: Html, enough: number): number {
  const { length } = text.toString();
  return length * 3 <= enough ? length : new TextEncoder().encode(text.toString()).length;
}

/** `+1:02:03` after the beginning. */
function offsetText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return `+${hours > 0 ? `${hours}:${two(minutes)}` : minutes}:${two(seconds % 60)}`;
}

/** A text as markup of at most so many bytes: what is escaped takes up to six. */
function within(text: string, maxBytes: number, render: (text: string) => Html): Html {
  let length = text.length;
  for (;;) {
    const rendered = render(cutText(text, length));
    const bytes = bytesOf(rendered, maxBytes);
    if (bytes <= maxBytes || length < 16) return rendered;
    length = Math.floor(length * Math.min(0.9, maxBytes / bytes));
  }
}

function payloadOf({ payload }: RunEvent, maxBytes: number): Html | null {
  const keys = Object.keys(payload);
  if (keys.length === 0) return null;
  const text = jsonText(payload, 1);
  const summary = `payload: ${cutText(plainText(keys.slice(0, 6).join(", ")), MAX_WORD)}`;
  return fold(summary, within(text, maxBytes, (part) => markup`<pre dir="auto">${part}</pre>`));
}

function eventItem(event: RunEvent, number: number, beganMs: number, maxBytes: number): Html {
  const { type, toolName, message, createdAt } = event;
  const ms = Date.parse(createdAt);
  const kind = cutText(type, MAX_WORD);
  const text = message === null || message === "" ? null : within(
    cutText(message, MAX_MESSAGE),
    maxBytes,
    (part) => markup`<p dir="auto">${part}</p>`,
  );
  return markup`<li id="e-${number}" data-k="${kind}"><a class="n" href="#e-${number}">${number}</a> ${
    Number.isNaN(ms)
      ? markup`<span class="at">?</span>`
      : markup`<time class="at" datetime="${new Date(ms).toISOString()}">${offsetText(ms - beganMs)}</time>`
  } ${chip(kind, TONES.get(type))} ${toolName !== null && code(toolName)}<div class="what">${text}${
    payloadOf(event, 2 * maxBytes - (text === null ? 0 : bytesOf(text, maxBytes)))
  }</div></li>
`;
}

function notes({ eventsOmitted, eventCount }: ResultView, hidden: number): string[] {
  const { seen = 0, missed = false, windowFull = false } = eventCount ?? {};
  return [
    `${formatCount(seen, "event")} seen.`,
    ...(eventsOmitted + hidden > 0
      ? [`${eventsOmitted + hidden} of them are not on this page; events.ndjson has them.`]
      : []),
    ...(missed ? ["Some went by unseen."] : []),
    ...(windowFull ? ["The service shows 200 events: later ones could not be seen."] : []),
  ];
}

/** The list of events; null when there is none. */
export function timeLine(view: ResultView): Html | null {
  const events = view.events.slice(-MAX_EVENTS);
  const [first] = events;
  if (first === undefined) return null;
  const created = Date.parse(view.createdAt ?? "");
  const firstMs = Date.parse(first.createdAt);
  const beganMs = Number.isNaN(created) ? firstMs : Math.min(created, firstMs);
  const maxBytes = Math.floor(MAX_BYTES / (2 * events.length));
  const kinds = new Map<string, { count: number; first: number }>();
  let before = NaN;
  const items = events.map((event, index) => {
    const kind = cutText(event.type, MAX_WORD);
    const known = kinds.get(kind);
    kinds.set(kind, { count: (known?.count ?? 0) + 1, first: known?.first ?? index + 1 });
    const ms = Date.parse(event.createdAt);
    const quietMs = ms - before;
    if (!Number.isNaN(ms)) before = ms;
    const gap = quietMs >= QUIET_MS && markup`<li class="gap">quiet for ${formatDuration(quietMs)}</li>`;
    return markup`${gap}${eventItem(event, index + 1, beganMs, maxBytes)}`;
  });
  const found = [...kinds];
  return markup`<p class="soft">${
    notes(view, view.events.length - events.length).join(
      " ",
    )
  } Times count from the start of the ${view.kind.noun}.</p><nav aria-label="first event of each type"><ul class="legend">${
    found.map(([kind, { count, first }]) => markup`<li><a href="#e-${first}"><bdi>${kind}</bdi></a> (${count})</li>`)
  }</ul></nav>${
    list(
      { name: "lines", rows: "events", kinds: found.map(([kind, { count }]) => [kind, count]) },
      markup`<ol class="events" data-rows>${items}</ol>`,
    )
  }`;
}
