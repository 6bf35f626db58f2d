/**
 * What a follower shows while it follows: events in a section of the log, heartbeats, a status line on a terminal. With
 * `--json` nothing but JSON lines is on stdout.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { RunEvent } from "../model.ts";
import type { Notice } from "../notice.ts";
import type { Platform } from "../platforms/platform.ts";
import { formatDuration } from "../report/duration.ts";
import { endOf, type FollowItem } from "../runs/follower.ts";
import { COMPACT_WIDTH, compactEvent, fullEvent } from "./event_text.ts";
import { noticeText } from "./notices.ts";
import type { LogForm } from "./settings.ts";
import { jsonLine, type Writer } from "./writer.ts";

/** Options of {@linkcode LiveLog}. */
export interface LiveLogOptions {
  /** Prints. */
  writer: Writer;
  /** Whose log it is. */
  platform: Platform;
  /** Time. */
  clock: Clock;
  /** Events in the log; null shows none. */
  form: LogForm | null;
  /** JSON lines only. */
  json: boolean;
  /** Whether stdout is a terminal. */
  terminal: boolean;
}

/** Bytes of event lines after which only the newest are kept. Source: design, "Agent text is hostile"; GitLab cuts at 4 MiB. */
export const MAX_EVENT_BYTES = 1_800_000;
/** Event lines that are kept then. Source: as above. */
export const KEPT_LINES = 200;
const STATUS_LINE_MS = 1_000;

/** Shows what happens. */
export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #startedAt: number;
  readonly #ticker = new AbortController();
  readonly #kept: string[] = [];
  #bytes = 0;
  #dropped = 0;
  #status = "starting";
  #section: ReturnType<NonNullable<Platform["section"]>> | undefined;

  /** @param options See {@linkcode LiveLogOptions}. */
  constructor(options: LiveLogOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    if (options.terminal && !options.json) void this.#tick();
  }

  /** Opens the section that holds the events. */
  open(runId: string): void {
    const { form, json, platform, clock, writer } = this.#options;
    if (json || form === null || this.#section !== undefined || platform.section === undefined) return;
    const header = writer.untrusted(`Mogplex run ${runId}`);
    this.#section = platform.section(`mogplex_${runId.slice(0, 8)}`, header, clock.wallTime());
    this.#print(this.#section.open);
  }

  /** Closes it, after the lines that the limit held back. */
  close(): void {
    const { writer, clock } = this.#options;
    this.#ticker.abort();
    if (this.#dropped > 0) this.#print(`(${this.#dropped} event lines left out, see the reports)`);
    if (this.#kept.length > 0) this.#print(...this.#kept);
    this.#kept.length = 0;
    const end = this.#section?.close(clock.wallTime()) ?? "";
    this.#section = undefined;
    if (end !== "") this.#print(end);
    if (this.#shows()) writer.transient("");
  }

  /** Shows what the follower yields. */
  item(item: FollowItem): void {
    const { form, json, writer } = this.#options;
    if (form === null) return;
    if (item.type === "event") {
      if (json) writer.json(item.event);
      else this.#event(item.event);
    }
    if (item.type === "status") {
      this.#status = item.status;
      // The last one comes before the last events, and the verdict says it after them.
      if (!json && endOf(item.status) === undefined) this.#print(writer.untrusted(`status ${item.status}`));
    }
  }

  /** Shows a notice: heartbeats stand between the events, everything else is about ourselves. */
  notice(notice: Notice): void {
    const { json, writer } = this.#options;
    if (notice.kind === "heartbeat" && !json) return this.#print(writer.untrusted(noticeText(notice)));
    if (this.#shows()) writer.transient("");
    writer.note(noticeText(notice));
  }

  #event(event: RunEvent): void {
    const { writer, form } = this.#options;
    const lines = form === "json"
      ? [jsonLine(writer.clean(event))]
      : form === "full"
      ? writer.untrustedLines(fullEvent(event))
      : writer.untrustedLines(compactEvent(event), COMPACT_WIDTH);
    const bytes = new TextEncoder().encode(lines.join("\n")).length + 1;
    if (this.#kept.length === 0 && this.#bytes + bytes <= MAX_EVENT_BYTES) {
      this.#bytes += bytes;
      return this.#print(...lines);
    }
    if (this.#kept.length === 0) {
      this.#print(
        `(the log is full at ${MAX_EVENT_BYTES} bytes of events: the last ${KEPT_LINES} lines follow at the end)`,
      );
    }
    this.#kept.push(...lines);
    const over = this.#kept.length - KEPT_LINES;
    if (over > 0) {
      this.#kept.splice(0, over);
      this.#dropped += over;
    }
  }

  #print(...lines: string[]): void {
    const { writer } = this.#options;
    if (this.#shows()) writer.transient("");
    writer.out(...lines);
  }

  #shows(): boolean {
    return this.#options.terminal && !this.#options.json;
  }

  /** Redraws the status line until the log is closed. */
  async #tick(): Promise<void> {
    const { clock, writer } = this.#options;
    const { signal } = this.#ticker;
    while (!signal.aborted) {
      writer.transient(writer.untrusted(`${this.#status} for ${formatDuration(clock.now() - this.#startedAt)}`));
      await clock.sleep(STATUS_LINE_MS, { signal }).catch(() => {});
    }
  }
}
