/**
 * The one way to the terminal and to the log: what others wrote is normalised, redacted and escaped, and whatever is printed
 * is searched for our own token a second time.
 *
 * @module
 */
import { cutText, plainLines } from "../../text/plain_text.ts";
import { jsonLine } from "../../text/escape/json.ts";
import type { Fence, Platform } from "../../platforms/platform.ts";
import { type Redactor, redactValue } from "../../text/redact.ts";
import type { Io, Stream } from "../../io.ts";

/** Ways to set off a part of a line on a terminal. Source: ECMA-48, 8.3.117 (SGR). */
const STYLES = { dim: 2, red: 31, green: 32, yellow: 33 };

/** Prints. */
export class Writer {
  readonly #io: Io;
  readonly #platform: Platform;
  readonly #coloured: boolean;
  #redact: Redactor;
  #transient = "";
  #fenced = false;
  #fence: Fence | undefined;

  /**
   * @param platform Whose log it is.
   * @param redact See {@linkcode Writer.redactWith}.
   */
  constructor(io: Io, platform: Platform, redact: Redactor) {
    this.#io = io;
    this.#platform = platform;
    this.#redact = redact;
    // Source: no-color.org.
    this.#coloured = io.isTerminal("stdout") && !io.env("NO_COLOR");
  }

  /** Masks secrets in a text. */
  get redact(): Redactor {
    return this.#redact;
  }

  /** Replaces the redactor, once more secrets are known. */
  redactWith(redact: Redactor): void {
    this.#redact = redact;
  }

  /** Makes a text that we did not write fit to be part of a line. */
  untrusted(text: string): string {
    // Redaction comes before lines are joined: a secret can have several.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n");
    return this.#platform.escapeLine(lines.map((each) => each.trim()).join(" "));
  }

  /**
   * Makes a text that we did not write fit to be printed, line by line.
   *
   * @param maxLength Most UTF-16 units of one line.
   */
  untrustedLines(text: string, maxLength = Infinity): string[] {
    // Redaction comes before cutting: half a secret has no shape any more.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n");
    return lines.map((line) => this.#platform.escapeLine(cutText(line, maxLength)));
  }

  /** Prints lines on stdout. They are ours, or have been through {@linkcode Writer.untrusted}. */
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

  /** Sets a part of a line off, on a terminal that wants colours. */
  paint(style: keyof typeof STYLES, text: string): string {
    return this.#coloured ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }

  /** Keeps a line at the end of a terminal, after all that is printed; it does not wrap. An empty text takes it away. */
  transient(text: string): void {
    if (text === this.#transient) return;
    this.#hide();
    this.#transient = text;
    this.#show();
  }

  #hide(): void {
    if (this.#transient !== "") this.#io.write("stdout", "\r\x1b[K");
  }

  #show(): void {
    if (this.#transient !== "") this.#io.write("stdout", `\x1b[?7l${this.#redact.token(this.#transient)}\x1b[?7h`);
  }

  /**
   * From here on the CI system is told, where it can be, to obey nothing of what is printed on stdout. Escaping makes lines
   * harmless already; this is for the forms that nobody knows of yet.
   */
  fence(): void {
    this.#fenced = true;
  }

  /** Ends what {@linkcode Writer.fence} began; whoever prints after us can give commands again. */
  unfence(): void {
    this.#fenced = false;
    this.#endFence();
  }

  /** Prints a line on stdout that the CI system shall obey. */
  command(line: string): void {
    this.#hide();
    this.#endFence();
    this.#io.write("stdout", `${this.#redact.token(line)}\n`);
    this.#show();
  }

  #endFence(): void {
    if (this.#fence === undefined) return;
    // When the reader of stdout has gone (`| head`), it may have passed the beginning on: the end has to come all the same.
    this.#io.write(this.#io.closed("stdout") ? "stderr" : "stdout", `${this.#fence.close}\n`);
    this.#fence = undefined;
  }

  /** Says something about ourselves on stderr. */
  note(text: string): void {
    this.#print("stderr", [`note: ${this.untrusted(text)}`]);
  }

  /** Says on stderr why it went wrong. */
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
