/**
 * The log while a run is followed: events in sections, one section a phase; heartbeats; a status line where a person watches. With `--json`
 * there are only JSON lines on stdout.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { RunEvent } from "../../model.ts";
import type { Notice } from "../../notice.ts";
import { jsonLine } from "../../text/escape/json.ts";
import type { Platform } from "../../platforms/platform.ts";
import { formatCount } from "../../result/duration.ts";
import { bareRow, type Row, timedRow } from "../../report/log/event_text.ts";
import { COMPACT_WIDTH, CompactLog, FULL_WIDTH, fullEvent } from "../../report/log/event_text.ts";
import { beginsPhase } from "../../result/run_phases.ts";
import { hasEnded } from "../../result/ends.ts";
import type { FollowItem } from "../../runs/run_items.ts";
import { LogSection } from "./log_section.ts";
import { noticeText } from "./notices.ts";
import { colourLine, textIndent } from "./line_style.ts";
import { statusParts } from "./status_line.ts";
import type { Hang, Writer } from "./writer.ts";
import { lookup } from "../../lookup.ts";

/** How events are logged. */
export type LogForm = "compact" | "full" | "json";

/** Options of {@linkcode LiveLog}. */
export interface LiveLogOptions {
  /** Where everything is printed. */
  writer: Writer;
  /** The CI system that shows the log. */
  platform: Platform;
  /** Time. */
  clock: Clock;
  /** Events in the log; null shows none. */
  form: LogForm | null;
  /** JSON lines only. */
  json: boolean;
  /** Whether a person watches stdout, so that there is a status line. */
  interactive: boolean;
  /** Whether each line of an event has its time; where the CI system writes one, it would be the second. @default {true} */
  times?: boolean | undefined;
  /** Longest time of the job in milliseconds, for the status line. @default {undefined} (it does not say) */
  timeoutMs?: number | undefined;
  /** Cells after which a line of the compact form is broken. @default {180} */
  width?: number | undefined;
}

/** Bytes of event lines after which only the newest are kept. Source: design, "Agent text is hostile"; GitLab cuts at 4 MiB. */
export const MAX_EVENT_BYTES = 1_800_000;
/** Number of event lines that are kept then, and printed at the end. Source: as above. */
export const KEPT_LINES = 200;
/** Most bytes of the kept lines, so that the whole log stays below GitLab's limit. */
export const MAX_KEPT_BYTES = 400_000;
const STATUS_LINE_MS = 1_000;
/** Longest time that the agent's words wait for their line break. A runner learns of a cancelled job only when the log goes on. */
const HELD_MS = 5_000;
// Sections of the log, in order. The first is folded: what comes before the agent matters only when it fails.
const SECTIONS = ["boot", "agent", "delivery"];
const DOING = ["the sandbox boots", "the agent works", "the work is delivered"];
const SECTION_OF: Record<string, number> = { queue: 0, prepare: 0, agent: 1, deliver: 2 };
const USUAL_WIDTH = 180;
function bytesOf(line: string): number {
  return new TextEncoder().encode(line).length + 1;
}

/** Prints events, notices and the status line while a run is followed. */
export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #startedAt: number;
  readonly #ticker = new AbortController();
  readonly #row: Row;
  readonly #hang: Hang;
  readonly #colour: (line: string) => string;
  readonly #compact: CompactLog;
  readonly #kept: string[] = [];
  #keptBytes = 0;
  #bytes = 0;
  #full = false;
  #dropped = 0;
  #requests = () => 0;
  #status = "starting";
  #statusAt: number;
  #newsAt: number;
  #phase = -1;
  #watchesHeld = false;
  readonly #section: LogSection;

  /** @param options See {@linkcode LiveLogOptions}. */
  constructor(options: LiveLogOptions) {
    const { writer, clock, interactive, json, times = true, width = USUAL_WIDTH } = options;
    this.#options = options;
    this.#section = new LogSection(options);
    this.#colour = (line) => colourLine(writer, line, times);
    this.#hang = { cells: width, indent: textIndent(times) };
    this.#row = times ? timedRow : bareRow;
    this.#compact = new CompactLog(writer.redact, this.#row);
    this.#startedAt = this.#statusAt = this.#newsAt = clock.now();
    if (interactive && !json) void this.#tick();
  }

  /** Sets the request counter, for the status line. */
  countRequests(requests: () => number): void {
    this.#requests = requests;
  }

  /**
   * Opens the first section, once the run is known.
   *
   * @param status The status that is printed already. @default the last one known
   */
  open(status = this.#status): void {
    this.begin(status);
    this.#enter(0);
  }

  /**
   * Fences untrusted output from here on, without a section: for work that has no phases.
   *
   * @param status The status that is printed already.
   */
  begin(status: string): void {
    this.#setStatus(status);
    this.#fence();
  }

  #setStatus(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#statusAt = this.#options.clock.now();
  }

  /** Opens a fence before untrusted output. JSON lines need none: they are not commands, and programs read them. */
  #fence(): void {
    if (!this.#options.json) this.#options.writer.fence();
  }

  /** Prints the lines that the limit held back, and closes the last section. */
  close(): void {
    const { writer } = this.#options;
    this.#ticker.abort();
    this.#eventLines(this.#compact.end());
    if (this.#kept.length > 0) this.#section.show();
    if (this.#dropped > 0) writer.out(`(${this.#dropped} event lines left out, see the reports)`);
    if (this.#kept.length > 0) writer.out(...this.#kept);
    this.#kept.length = this.#dropped = 0;
    this.#section.end();
    this.#fence();
    writer.transient("");
  }

  /** Closes section and fence at once, without printing anything else: for a process that must end now. */
  leave(): void {
    this.#ticker.abort();
    this.#section.end();
    this.#options.writer.unfence();
  }

  /** Prints an item of the follower. */
  item(item: FollowItem): void {
    if (item.type === "status") this.status(item.status, hasEnded(item.status));
    if (item.type !== "event") return;
    const { form, json, writer, clock } = this.#options;
    this.#newsAt = clock.now();
    if (form === null) return;
    if (json) writer.json(item.event);
    else this.#event(item.event);
  }

  /** Prints a change of status. The final status arrives before the last events; the verdict shows it after them. */
  status(status: string, isFinal: boolean): void {
    this.#newsAt = this.#options.clock.now();
    if (this.#options.form === null || status === this.#status) return;
    this.#setStatus(status);
    this.#draw();
    if (!isFinal) this.line("status", status);
  }

  /** Prints a line of our own in the columns of the events. With JSON lines there is none. */
  line(label: string, text: string): void {
    const { json, writer } = this.#options;
    if (json) return;
    this.#section.show();
    writer.out(
      ...writer.untrustedLines(this.#row("", label, text), Infinity, this.#hang).map((line) => this.#colour(line)),
    );
  }

  /** Prints a notice: heartbeats between the events on stdout, all others on stderr. A status line needs no heartbeats. */
  notice(notice: Notice): void {
    const { json, writer, interactive, form } = this.#options;
    if (notice.kind !== "heartbeat" || json) return writer.note(noticeText(notice));
    this.#eventLines(this.#compact.flush());
    if (interactive) return;
    const requests = form === "full" ? [formatCount(notice.requests, "request")] : [];
    this.#section.show();
    writer.out(writer.paint("dim", writer.untrusted(`... ${[...this.#now(), ...requests].join(" · ")}`)));
  }

  #enter(phase: number): void {
    const { form, json } = this.#options;
    if (json || form === null || phase <= this.#phase) return;
    this.#phase = phase;
    const name = SECTIONS[phase] as string;
    this.#section.begin(name, name, phase === 0);
  }

  #event(given: RunEvent): void {
    const { form, writer } = this.#options;
    const event = writer.clean(given);
    // A piece of the agent's words is masked with the pieces around it: it may end within a secret.
    if (form === "compact" && given.payload.kind === "assistant_delta") event.message = given.message;
    const phase = lookup(SECTION_OF, beginsPhase(event) ?? "");
    if (phase !== undefined && phase > this.#phase) {
      this.#eventLines(this.#compact.flush());
      // The agent's last messages still belong to this section.
      if (event.payload.kind !== "assistant_final") this.#enter(phase);
    }
    if (form === "json") this.#print([jsonLine(event)]);
    else if (form === "full") this.#print(writer.untrustedLines(fullEvent(event, this.#row), FULL_WIDTH));
    else this.#eventLines(this.#compact.lines(event));
    void this.#showHeld();
  }

  /** Shows words that wait for their line break, again and again while there are some. */
  async #showHeld(): Promise<void> {
    const { signal } = this.#ticker;
    if (this.#watchesHeld) return;
    this.#watchesHeld = true;
    while (this.#compact.holds && !signal.aborted) {
      await this.#options.clock.sleep(HELD_MS, { signal, background: true }).catch(() => {});
      if (!signal.aborted) this.#eventLines(this.#compact.overdue());
    }
    this.#watchesHeld = false;
  }

  #eventLines(lines: readonly string[]): void {
    const { writer } = this.#options;
    this.#print(lines.flatMap((line) => writer.untrustedLines(line, COMPACT_WIDTH, this.#hang)));
  }

  #print(lines: readonly string[]): void {
    const { writer } = this.#options;
    if (lines.length > 0 && !this.#full) this.#section.show();
    for (const line of lines) {
      const bytes = bytesOf(line);
      this.#bytes += bytes;
      if (!this.#full && this.#bytes <= MAX_EVENT_BYTES) {
        writer.out(this.#colour(line));
        continue;
      }
      if (!this.#full) {
        this.#full = true;
        writer.out(
          `(the log is full at ${MAX_EVENT_BYTES} bytes of events: the last ${KEPT_LINES} lines follow at the end)`,
        );
      }
      this.#kept.push(line);
      this.#keptBytes += bytes;
      while (this.#kept.length > KEPT_LINES || this.#keptBytes > MAX_KEPT_BYTES) {
        this.#keptBytes -= bytesOf(this.#kept.shift() ?? "");
        this.#dropped++;
      }
    }
  }

  /** Redraws the status line until the log is closed. */
  async #tick(): Promise<void> {
    const { signal } = this.#ticker;
    while (!signal.aborted) {
      this.#draw();
      await this.#options.clock.sleep(STATUS_LINE_MS, { signal }).catch(() => {});
    }
  }

  #draw(): void {
    const { writer, interactive, json, form } = this.#options;
    if (!interactive || json || this.#ticker.signal.aborted) return;
    const requests = form === "full" ? [formatCount(this.#requests(), "request")] : [];
    writer.transient(writer.paint("dim", writer.untrusted([...this.#now(), ...requests].join(" · "))));
  }

  /** What is going on. Untrusted text. */
  #now(): string[] {
    const { clock, timeoutMs } = this.#options;
    return statusParts({
      nowMs: clock.now(),
      startedAt: this.#startedAt,
      timeoutMs,
      doing: DOING[this.#phase],
      tools: this.#compact.running,
      status: this.#status,
      statusAt: this.#statusAt,
      newsAt: this.#newsAt,
    });
  }
}
