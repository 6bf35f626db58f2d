/**
 * The lines are not escaped: each output escapes them itself.
 *
 * @module
 */
import { lookup } from "../lookup.ts";
import type { RunEvent } from "../model.ts";
import type { Redact } from "../run/clean.ts";
import { isTerminalType } from "../run/result.ts";
import { formatCount, formatDuration } from "../text/duration.ts";
import { cutText, detach, plainText } from "../text/plain_text.ts";
import { cutOpenText, type MaskText } from "../text/redact.ts";

export const COMPACT_WIDTH = 300;
/** Maximum length of a line in the full form, in UTF-16 units, because CI systems limit the log of a job. */
export const FULL_WIDTH = 50_000;
const PROSE_WIDTH = 160;
const MAX_TOOLS = 100;
const MAX_TOOL_TEXT = 1_000;
/** Longer text is taken from the buffer as a whole and broken after masking. Otherwise, the remaining text would be masked again for each line. */
const MAX_LINEWISE = 1_000;
const MAX_PENDING = 10_000;

// Shorter words for types, so that most messages begin in the same column.
const LABELS: Record<string, string> = {
  status_changed: "status",
  cancel_requested: "cancel",
  tool_started: "tool",
  tool_finished: "tool done",
};

/** Kinds of the agent's own text. The harness `mogplex` reports whole messages, under the kind `run_progress`. */
const AGENT_KINDS: readonly unknown[] = ["assistant_delta", "assistant_final", "run_progress"];

/** Untrusted text. */
export function eventLabel({ type, payload }: Pick<RunEvent, "type" | "payload">): string {
  return AGENT_KINDS.includes(payload.kind) ? "agent" : lookup(LABELS, type) ?? type;
}

/** Each line of the log must begin with this program's own label. A second line would begin with untrusted text. */
function oneLine(text: string): string {
  return plainText(text).replace(/\n/g, " ").trim();
}

function timeOf(createdAt: string): string {
  const ms = Date.parse(createdAt);
  return Number.isNaN(ms) ? oneLine(createdAt) : new Date(ms).toISOString().slice(11, 19);
}

export type Row = (time: string, label: string, text: string) => string;

export function bareRow(_time: string, label: string, text: string): string {
  return `${oneLine(label).padEnd(9)} ${text}`.trimEnd();
}

export function timedRow(time: string, label: string, text: string): string {
  return `${time.padEnd(8)}  ${bareRow(time, label, text)}`.trimEnd();
}

function toolText(event: RunEvent): string {
  return event.toolName === null ? "" : `tool=${oneLine(event.toolName)}  `;
}

function toolLine({ message, toolName }: Pick<RunEvent, "message" | "toolName">): string {
  return oneLine(message ?? "") || oneLine(toolName ?? "tool");
}

function compactEvent(event: RunEvent, row: Row, note = ""): string {
  const { type, message, payload } = event;
  const [first = "", ...rest] = plainText(message ?? "").trim().split("\n");
  const cause = type === "failed" && typeof payload.error === "string" ? oneLine(payload.error) : "";
  const more = rest.length === 0 ? "" : ` (+${formatCount(rest.length, "line")})`;
  const why = cause === "" || first.includes(cause) ? "" : `: ${cause}`;
  return row(timeOf(event.createdAt), eventLabel(event), `${toolText(event)}${first}${why}${more}${note}`);
}

export function fullEvent(event: RunEvent, row: Row = timedRow): string {
  const payload = Object.keys(event.payload).length > 0 ? `\n${JSON.stringify(event.payload)}` : "";
  const text = plainText(`${event.message ?? ""}${payload}`).trimEnd().replace(/\n/g, "\n    ");
  return row(timeOf(event.createdAt), eventLabel(event), `${toolText(event)}${text}`);
}

/** Breaks text only at spaces. The next piece can continue the last line. */
function breakProse(text: string): string[] {
  const lines: string[] = [];
  let from = 0;
  while (text.length - from > PROSE_WIDTH) {
    const before = text.lastIndexOf(" ", from + PROSE_WIDTH);
    const cut = before > from ? before : text.indexOf(" ", from + PROSE_WIDTH);
    if (cut < 0) break;
    lines.push(text.slice(from, cut));
    from = cut + 1;
  }
  return [...lines, text.slice(from)];
}

export class CompactLog {
  readonly #redact: MaskText;
  readonly #row: Row;
  readonly #tools = new Map<string, Pick<RunEvent, "message" | "toolName" | "createdAt">>();
  #prose = "";
  #time = "";
  #isCancelled = false;

  constructor(redact: MaskText, row: Row = timedRow) {
    this.#redact = redact;
    this.#row = row;
  }

  /** Untrusted text. */
  get running(): string[] {
    return [...this.#tools.values()].map((event) => oneLine(event.toolName ?? "tool"));
  }

  lines(event: RunEvent): string[] {
    const { type, payload } = event;
    const message = event.message ?? "";
    if (payload.kind === "assistant_delta") return this.#piece(event, message);
    if (AGENT_KINDS.includes(payload.kind)) {
      return [...this.flush(), ...this.#piece(event, `${message.trim()}\n`)];
    }
    const before = this.flush();
    // Tool events of the harness `mogplex` have no kind.
    const isTool = payload.kind === "tool" || payload.kind === undefined;
    const call = isTool && typeof payload.toolCallId === "string" ? payload.toolCallId : undefined;
    if (call !== undefined && type === "tool_started") {
      this.#tools.set(detach(cutText(call, MAX_TOOL_TEXT)), this.#begun(event));
      return this.#tools.size > MAX_TOOLS ? [...before, ...this.#unfinished(1)] : before;
    }
    if (call !== undefined && type === "tool_finished") return [...before, this.#finished(event, call)];
    if (isTerminalType(type)) before.push(...this.end());
    this.#isCancelled ||= type === "cancelled";
    // The service can also mark a cancelled run as failed. The message of that event explains nothing.
    const note = type === "failed" && this.#isCancelled ? " (after the cancellation)" : "";
    return [...before, compactEvent(event, this.#row, note)];
  }

  get holds(): boolean {
    return this.#prose !== "";
  }

  /** Releases held-back text before its line is complete, except for an end that may be the beginning of a secret. */
  overdue(): string[] {
    const at = cutOpenText(this.#prose, this.#redact);
    if (at < 0) return [];
    const lines = breakProse(this.#redact(this.#prose.slice(0, at)));
    this.#prose = this.#prose.slice(at + 1);
    return this.#rows(lines);
  }

  flush(): string[] {
    return this.#piece(undefined, "\n");
  }

  end(): string[] {
    const open = this.#unfinished(this.#tools.size);
    return [...this.flush(), ...open];
  }

  #begun({ message, toolName, createdAt }: RunEvent): Pick<RunEvent, "message" | "toolName" | "createdAt"> {
    const shorten = (text: string | null) => text === null ? null : detach(cutText(text, MAX_TOOL_TEXT));
    return {
      message: shorten(message),
      toolName: shorten(toolName),
      createdAt: detach(cutText(createdAt, MAX_TOOL_TEXT)),
    };
  }

  #unfinished(count: number): string[] {
    const oldest = [...this.#tools].slice(0, count);
    for (const [call] of oldest) this.#tools.delete(call);
    return oldest.map(([, event]) => this.#row(timeOf(event.createdAt), "tool", `${toolLine(event)} (end not seen)`));
  }

  #finished(event: RunEvent, call: string): string {
    const key = cutText(call, MAX_TOOL_TEXT);
    const ms = Date.parse(event.createdAt) - Date.parse(this.#tools.get(key)?.createdAt ?? "");
    this.#tools.delete(key);
    return this.#row(timeOf(event.createdAt), "tool", `${toolLine(event)}${ms >= 0 ? ` (${formatDuration(ms)})` : ""}`);
  }

  #piece(event: RunEvent | undefined, text: string): string[] {
    if (event !== undefined) this.#time = timeOf(event.createdAt);
    // The text is kept unmasked, because masking half of a secret would hide that the other half belongs to it.
    const all = plainText(this.#prose + text);
    const end = all.lastIndexOf("\n");
    const lines = end < 0 ? [] : this.#redact(all.slice(0, end)).split("\n").flatMap(breakProse);
    let rest = all.slice(end + 1);
    for (let at = this.#lineEnd(rest); at >= 0; at = this.#lineEnd(rest)) {
      lines.push(...breakProse(this.#redact(rest.slice(0, at))));
      rest = rest.slice(at + 1);
    }
    if (rest.length > MAX_PENDING) lines.push(...breakProse(this.#redact(rest)));
    this.#prose = rest.length > MAX_PENDING ? "" : rest;
    return this.#rows(lines);
  }

  #lineEnd(text: string): number {
    if (text.length > MAX_LINEWISE) return cutOpenText(text, this.#redact);
    const masked = this.#redact(text);
    if (masked.length <= PROSE_WIDTH) return -1;
    let at = PROSE_WIDTH + Math.max(0, text.length - masked.length) + 1;
    do at = cutOpenText(text, this.#redact, at - 1); while (
      at > 0 && this.#redact(text.slice(0, at)).length > PROSE_WIDTH
    );
    return at;
  }

  #rows(lines: readonly string[]): string[] {
    return lines.filter((line) => line.trim() !== "").map((line) => this.#row(this.#time, "agent", line));
  }
}

function isAboutService({ type, payload }: RunEvent): boolean {
  return isTerminalType(type) || ["started", "status_changed", "cancel_requested"].includes(type) ||
    payload.stage !== undefined;
}

/**
 * Untrusted text.
 *
 * @param events Oldest first.
 * @param redact A secret can be split across several pieces of text, which are joined here.
 */
export function agentLines<E extends RunEvent>(events: readonly E[], redact: Redact): { text: string; event: E }[] {
  const log = new CompactLog(redact, (_time, _label, text) => text);
  const agentEvents = events.filter((event) => !isAboutService(event));
  const lines = agentEvents.flatMap((event) => log.lines(event).map((text) => ({ text, event })));
  const last = agentEvents.at(-1);
  return [...lines, ...last === undefined ? [] : log.end().map((text) => ({ text, event: last }))]
    .map(({ text, event }) => ({ text: redact(text), event })).filter(({ text }) => text.trim() !== "");
}

export function lastAgentLines(events: readonly RunEvent[], redact: Redact, count: number): string[] {
  return agentLines(events, redact).slice(-count).map(({ text }) => text.trim());
}

const LINES = 10;

/**
 * Untrusted text.
 *
 * @param events Oldest first.
 * @param redact A secret can be split across several pieces of text, which are joined here.
 */
export function lastLines(events: readonly RunEvent[], redact: Redact): string[] {
  const log = new CompactLog(redact);
  const lines = events.flatMap((event) => log.lines(event));
  return [...lines, ...log.end()].slice(-LINES).map((line) => cutText(redact(line), COMPACT_WIDTH));
}

/** The question of an agent that waits for an answer is its last message. Untrusted text. */
export function questionIn(events: readonly RunEvent[]): string | undefined {
  const isMessage = (event: RunEvent) =>
    event.type === "log" && (event.message ?? "").trim() !== "" && !isAboutService(event);
  return events.findLast(isMessage)?.message ?? undefined;
}
