/**
 * Server-sent events from pieces of text.
 *
 * @module
 */

/** A message of a stream. */
export interface StreamMessage {
  /** Its `event:`; undefined when it has none. */
  event?: string | undefined;
  /** Its `id:`; undefined when it has none. */
  id?: string | undefined;
  /** Its lines of `data:`. */
  data: string;
}

/**
 * Puts messages together. Comments, unknown fields and `retry` are ignored.
 *
 * Source: HTML Standard, "Parsing an event stream".
 */
export class EventParser {
  /** The beginning of a line whose end has not come. */
  #line: string[] = [];
  #data: string[] = [];
  #event: string | undefined;
  #id: string | undefined;
  #size = 0;
  /** Whether the last piece ended with a carriage return: a line feed that follows belongs to it. */
  #returned = false;

  /** Characters of the unfinished message that are kept. */
  get size(): number {
    return this.#size;
  }

  /** Takes a piece of any length. @returns The messages that it completes. */
  feed(piece: string): StreamMessage[] {
    if (piece === "") return [];
    const text = this.#returned && piece.startsWith("\n") ? piece.slice(1) : piece;
    this.#returned = piece.endsWith("\r");
    const messages: StreamMessage[] = [];
    const [first = "", ...lines] = text.split(/\r\n|\r|\n/);
    this.#line.push(first);
    this.#size += first.length;
    for (const line of lines) {
      const whole = this.#line.join("");
      this.#line = [line];
      this.#size += line.length - whole.length;
      const message = this.#take(whole);
      if (message !== undefined) messages.push(message);
    }
    return messages;
  }

  /** Takes a whole line. @returns The message that it ends. */
  #take(line: string): StreamMessage | undefined {
    if (line === "") return this.#end();
    const [, field = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/su.exec(line) ?? [];
    if (field === "data") {
      this.#data.push(value);
      // With the line feed between two lines of data.
      this.#size += value.length + 1;
    } else if (field === "event") this.#event = value === "" ? undefined : value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }

  #end(): StreamMessage | undefined {
    const [data, event, id] = [this.#data, this.#event, this.#id];
    for (const line of data) this.#size -= line.length + 1;
    this.#data = [];
    this.#event = this.#id = undefined;
    return data.length === 0 ? undefined : { event, id, data: data.join("\n") };
  }
}
