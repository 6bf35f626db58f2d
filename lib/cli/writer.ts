/**
 * The one way to the terminal and to the log: what others wrote is normalised, redacted and escaped, and whatever is printed
 * is searched for our own token a second time.
 *
 * @module
 */
import { cutText, plainLines } from "../plain_text.ts";
import { jsonText } from "../platforms/escape/json.ts";
import type { Platform } from "../platforms/platform.ts";
import { type Redactor, redactValue } from "../redact.ts";
import type { Io, Stream } from "../io.ts";

/**
 * A value as one line of JSON that is inert on a terminal and in every log that is searched for commands; its parsed form is
 * the value.
 */
export function jsonLine(value: unknown): string {
  return jsonText(value)
    // GitHub, Azure and TeamCity look for `##[` and `##vso[` anywhere in a line, GitLab for `section_start:`.
    .replace(/#(?=#)/g, "\\u0023")
    .replace(/(section_(?:start|end)|travis_(?:fold|time)):/gi, "$1\\u003a");
}

/** Prints. */
export class Writer {
  readonly #io: Io;
  readonly #platform: Platform;
  #redact: Redactor;

  /**
   * @param platform Whose log it is.
   * @param redact See {@linkcode Writer.redactWith}.
   */
  constructor(io: Io, platform: Platform, redact: Redactor) {
    this.#io = io;
    this.#platform = platform;
    this.#redact = redact;
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
    const line = plainLines(text).map((each) => each.trim()).join(" ");
    return this.#platform.escapeLine(this.#redact(line));
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

  /** Replaces the last line of a terminal; the next line that is printed has to clear it with an empty text. */
  transient(text: string): void {
    this.#io.write("stdout", `\r\x1b[K${this.#redact.token(text)}`);
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
    this.#io.write(stream, lines.map((line) => `${this.#redact.token(line)}\n`).join(""));
  }
}
