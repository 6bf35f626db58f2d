/**
 * The only way to the terminal and to the log: untrusted text is normalised, redacted and escaped, and everything that is printed is
 * searched for our own token a second time.
 *
 * @module
 */
import { cutText, plainLines } from "../../text/plain_text.ts";
import { jsonLine } from "../../text/escape/json.ts";
import type { Fence, Platform } from "../../platforms/platform.ts";
import { joinRedactors, type Redactor, redactValue } from "../../text/redact.ts";
import type { Io, Stream } from "../../io.ts";
import { hangCells } from "../../text/cells.ts";
import { knowsLinks, wantsColours } from "./interactive.ts";

/** Colours and weights of a terminal. Source: ECMA-48, 8.3.117 (SGR). */
const STYLES = { dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Where lines are broken: see `hangCells`. */
export interface Hang {
  /** Width of a line. */
  cells: number;
  /** Blanks before further lines. */
  indent: number;
  /** Lines that stay whole. @default none */
  whole?: RegExp | undefined;
}

/** A colour or a weight. */
export type Style = keyof typeof STYLES;

/** Prints lines on stdout and stderr. */
export class Writer {
  readonly #io: Io;
  readonly #platform: Platform;
  #isLog = false;
  readonly #given = new Set<string>();
  #redact: Redactor;
  #own: Redactor;
  #more: Redactor | undefined;
  #transient = "";
  #fenced = false;
  #fence: Fence | undefined;

  /**
   * @param platform The CI system that shows the log.
   * @param redact See {@linkcode Writer.redactWith}.
   */
  constructor(io: Io, platform: Platform, redact: Redactor) {
    this.#io = io;
    this.#platform = platform;
    this.#redact = this.#own = redact;
  }

  /** Masks secrets in a text. */
  get redact(): Redactor {
    return this.#redact;
  }

  /** Whether lines on stdout may hold colours. */
  get coloured(): boolean {
    return wantsColours(this.#io, this.#isLog && this.#platform.showsColours);
  }

  /** From here on stdout is the log of a job: it has colours where the CI system shows them, and not only on a terminal. */
  beginLog(): void {
    this.#isLog = true;
  }

  /** Replaces the redactor, once more secrets are known. */
  redactWith(redact: Redactor): void {
    this.#own = redact;
    this.#redact = this.#more === undefined ? redact : joinRedactors(redact, this.#more);
  }

  /** From now on masks, beside all else, what this redactor masks; it takes the place of one that was given before. */
  maskAlso(more: Redactor): void {
    this.#more = more;
    this.redactWith(this.#own);
  }

  /** Makes untrusted text safe as part of a line. */
  untrusted(text: string): string {
    // Redaction comes before lines are joined: a secret can have several.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n");
    return this.#platform.escapeLine(lines.map((each) => each.trim()).join(" "));
  }

  /**
   * Makes untrusted text safe to print, line by line.
   *
   * @param maxLength Longest line, in UTF-16 units.
   * @param hang Width and indent at which lines are broken: see `hangCells`. @default {undefined} (they are not)
   */
  untrustedLines(text: string, maxLength = Infinity, hang?: Hang): string[] {
    // Redaction comes before cutting: a secret that was cut in half is not recognised.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n").map((line) => cutText(line, maxLength));
    const broken = hang === undefined
      ? lines
      : lines.flatMap((line) => hang.whole?.test(line) ? [line] : hangCells(line, hang.cells, hang.indent));
    return broken.map((line) => this.#platform.escapeLine(line));
  }

  /** Prints lines on stdout. They must be our own text, or made safe by {@linkcode Writer.untrusted}. */
  out(...lines: string[]): void {
    this.#print("stdout", lines);
  }

  /** A copy of a value with every text redacted. */
  clean<T>(value: T): T {
    return redactValue(value, this.#redact);
  }

  /** Prints a value as JSON on stdout. */
  json(value: unknown): void {
    this.#print("stdout", [jsonLine(this.clean(value))]);
  }

  /**
   * Makes an address a link, on a terminal that knows links. Source: "Hyperlinks in terminal emulators" (OSC 8).
   *
   * @param url Result of `webUrl`: it has no control characters.
   */
  link(url: string): string {
    const links = !this.#platform.isCi && this.#io.isTerminal("stdout") && knowsLinks(this.#io);
    return links ? `\x1b]8;;${url}\x1b\\${url}\x1b]8;;\x1b\\` : url;
  }

  /** Colours a part of a line, on a terminal or CI system that shows colours. */
  paint(style: Style, text: string): string {
    return this.coloured ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }

  /**
   * Keeps lines at the bottom of a terminal, below all that is printed; they do not wrap. An empty text removes them.
   *
   * @param text One line or several, fewer than the terminal has.
   */
  transient(text: string): void {
    if (text === this.#transient) return;
    const hidden = this.#hidden();
    this.#transient = text;
    // In one piece: a terminal would show the gap in between.
    this.#write(`${hidden}${this.#shown()}`);
  }

  /** What removes the lines at the bottom. */
  #hidden(): string {
    if (this.#transient === "") return "";
    const above = this.#transient.split("\n").length - 1;
    return above === 0 ? "\r\x1b[K" : `\r\x1b[${above}A\x1b[J`;
  }

  /** What shows them again. */
  #shown(): string {
    return this.#transient === "" ? "" : `\x1b[?7l${this.#redact.token(this.#transient)}\x1b[?7h`;
  }

  #hide(): void {
    this.#write(this.#hidden());
  }

  #show(): void {
    this.#write(this.#shown());
  }

  #write(text: string): void {
    if (text !== "") this.#io.write("stdout", text);
  }

  /**
   * From here on, where the CI system supports it, it ignores commands on stdout. Escaping makes lines harmless already; the fence is for
   * forms of commands that are not known yet.
   */
  fence(): void {
    this.#fenced = true;
  }

  /** Ends the {@linkcode Writer.fence}: programs that print later can give commands again. */
  unfence(): void {
    this.#fenced = false;
    this.#endFence();
  }

  /** Prints a command for the CI system on stdout, outside of the fence. */
  command(line: string): void {
    this.#hide();
    this.#endFence();
    this.#io.write("stdout", `${this.#redact.token(line)}\n`);
    this.#show();
  }

  /** The same for a command that has its whole effect the first time: it is not printed again. */
  commandOnce(line: string): void {
    if (this.#given.has(line)) return;
    this.#given.add(line);
    this.command(line);
  }

  #endFence(): void {
    if (this.#fence === undefined) return;
    // A reader that has closed stdout (`| head`) may have passed on the start of the fence, so its end must still be printed.
    this.#io.write(this.#io.closed("stdout") ? "stderr" : "stdout", `${this.#fence.close}\n`);
    this.#fence = undefined;
  }

  /** Prints a notice about ourselves on stderr. */
  note(text: string): void {
    this.#print("stderr", [`note: ${this.untrusted(text)}`]);
  }

  /** Prints an error on stderr. */
  error(text: string): void {
    this.#print("stderr", [`error: ${this.untrusted(text)}`]);
  }

  #print(stream: Stream, lines: string[]): void {
    this.#hide();
    if (stream === "stdout" && this.#fenced && this.#fence === undefined && !this.#io.closed(stream)) {
      this.#fence = this.#platform.fence?.();
      if (this.#fence !== undefined) this.#io.write(stream, `${this.#fence.open}\n`);
    }
    this.#io.write(stream, lines.map((line) => `${this.#redact.token(line)}\n`).join(""));
    this.#show();
  }
}
