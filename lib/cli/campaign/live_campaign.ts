/**
 * What is printed while `campaign run` works: on a terminal a table that is redrawn in place, else a line for each change, a heartbeat each
 * minute, and a section for each wave on systems that have sections.
 *
 * @module
 */
import { itemNames, stateDetail } from "../../campaign/report/words.ts";
import type { CampaignView } from "../../campaign/view.ts";
import type { Clock } from "../../clock.ts";
import type { Platform } from "../../platforms/platform.ts";
import { type TerminalSize, terminalSize } from "../../runtime.ts";
import { cutText } from "../../text/plain_text.ts";
import { LogSection } from "../log/log_section.ts";
import type { Writer } from "../log/writer.ts";
import { liveTable } from "./live_table.ts";
import { campaignLine, changedItems, heartbeatLine, MAX_LINE } from "./log_lines.ts";

/** Options of {@linkcode LiveCampaign}. */
export interface LiveCampaignOptions {
  /** Where everything is printed. */
  writer: Writer;
  /** The CI system that shows the log. */
  platform: Platform;
  /** Time. */
  clock: Clock;
  /** Whether a person watches stdout: see `isInteractive`. */
  interactive: boolean;
  /** Whether each line has its time; where the CI system writes one, it would be the second. @default {true} */
  times?: boolean | undefined;
  /** Tells the size of the terminal. @default {terminalSize} */
  size?: (() => TerminalSize | undefined) | undefined;
}

/** Time between two drawings of the table. */
const REDRAW_MS = 1_000;
/** Time between two heartbeats. */
const HEARTBEAT_MS = 60_000;
/** Used when the terminal does not say its size. */
const USUAL_SIZE = { columns: 80, rows: 24 };

/** Shows a campaign until it is closed. */
export class LiveCampaign {
  readonly #options: LiveCampaignOptions;
  readonly #ticker = new AbortController();
  #view: CampaignView | undefined;
  readonly #section: LogSection;

  /** @param options See {@linkcode LiveCampaignOptions}. */
  constructor(options: LiveCampaignOptions) {
    this.#options = options;
    this.#section = new LogSection(options);
    if (!options.interactive) options.writer.fence();
    void this.#tick();
  }

  /** Shows what has changed. The first view is where everything begins: its items have no lines. */
  update(view: CampaignView): void {
    const before = this.#view;
    this.#view = view;
    if (this.#options.interactive) return this.#draw();
    if (before === undefined || view.waves > before.waves) {
      this.#section.begin(`wave_${view.waves}`, `wave ${view.waves}`, false);
    }
    this.#printItems(before, view);
    // What is printed at the end begins with that line.
    if (view.state === "done") return;
    if (before === undefined || view.state !== before.state || view.stateReason !== before.stateReason) {
      this.#print(`campaign ${view.campaign} is ${view.state}: ${stateDetail(view, undefined, true)}`);
    }
  }

  /** A line for each item that has changed. */
  #printItems(before: CampaignView | undefined, view: CampaignView): void {
    if (before === undefined) return;
    const changed = changedItems(before.items, view.items);
    if (changed.length === 0) return;
    const names = itemNames(view.items);
    const nowMs = this.#options.clock.wallTime();
    for (const item of changed) {
      this.#print(campaignLine(item, names.get(item.id) ?? item.id, nowMs, this.#options.times ?? true));
    }
  }

  /** Removes the table, or closes the last section. Nothing is shown afterwards. */
  close(): void {
    this.#ticker.abort();
    this.#section.end();
    this.#options.writer.transient("");
  }

  /** Closes section and fence at once: for a process that must end now. */
  leave(): void {
    this.close();
    this.#options.writer.unfence();
  }

  async #tick(): Promise<void> {
    const { signal } = this.#ticker;
    const { clock, interactive } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(interactive ? REDRAW_MS : HEARTBEAT_MS, { signal }).catch(() => {});
      if (signal.aborted) return;
      if (interactive) this.#draw();
      else if (this.#view !== undefined) this.#print(heartbeatLine(this.#view, clock.wallTime()));
    }
  }

  #draw(): void {
    const { writer, platform, clock, size = terminalSize } = this.#options;
    if (this.#view === undefined || this.#ticker.signal.aborted) return;
    const { columns, rows } = size() ?? USUAL_SIZE;
    const lines = liveTable(this.#view, {
      width: columns,
      // The cursor stands behind the last line, and one line above says what was there before.
      height: rows - 1,
      nowMs: clock.wallTime(),
      colour: writer.coloured,
      redact: writer.redact,
      escapeLine: (line) => platform.escapeLine(line),
    });
    writer.transient(lines.join("\n"));
  }

  /** Prints a line that may hold untrusted text. */
  #print(text: string): void {
    const { writer } = this.#options;
    this.#section.show();
    writer.out(cutText(writer.untrusted(text), MAX_LINE));
  }
}
