/**
 * The section of the log that is open, on systems that have sections.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Platform, Section } from "../../platforms/platform.ts";
import type { Writer } from "./writer.ts";

/** One section at a time. Its beginning is printed before its first line, since an empty section says nothing. */
export class LogSection {
  readonly #parts: { writer: Writer; platform: Platform; clock: Clock };
  #section: Section | undefined;
  #isShown = false;

  /** @param parts Where the section is printed, in the form of which system. */
  constructor(parts: { writer: Writer; platform: Platform; clock: Clock }) {
    this.#parts = parts;
  }

  /**
   * Ends the present section and begins another one.
   *
   * @param name Letters, digits and `_`. Ids are made unique, since a job may follow several runs or campaigns.
   * @param title What people see.
   * @param folded Whether it is folded at first.
   */
  begin(name: string, title: string, folded: boolean): void {
    this.end();
    const { platform, clock } = this.#parts;
    const id = `mogplex_${name}_${crypto.randomUUID().slice(0, 8)}`;
    this.#section = platform.section?.(id, `Mogplex: ${title}`, clock.wallTime(), folded);
  }

  /** Prints the beginning of the section, unless it was printed or there is none. */
  show(): void {
    if (this.#section === undefined || this.#isShown) return;
    this.#isShown = true;
    this.#parts.writer.command(this.#section.open);
  }

  /** Ends the section, if there is one. */
  end(): void {
    const end = this.#isShown ? this.#section?.close(this.#parts.clock.wallTime()) ?? "" : "";
    this.#section = undefined;
    this.#isShown = false;
    if (end !== "") this.#parts.writer.command(end);
  }
}
