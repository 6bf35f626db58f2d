/**
 * A strict parser for JSON (RFC 8259) in files that an agent wrote. It refuses a text that another program could read differently. `JSON.parse` uses
 * the last of two equal keys, turns `1e999` into `Infinity`, and does not report positions.
 * @module
 */

/** The message never contains a part of the JSON text. */
export class JsonMistake extends Error {
  readonly line: number;
  /** Columns are counted in UTF-16 units, as in editors. */
  readonly column: number;

  constructor(why: string, line: number, column: number) {
    super(why);
    this.line = line;
    this.column = column;
  }
}

/** Other parsers may permit fewer levels than this parser could read. */
const MAX_LEVELS = 64;

type OnValue = (pointer: string, offset: number) => void;

export function decodeStrictly(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    const before = new TextDecoder().decode(bytes).split("\ufffd", 1)[0] ?? "";
    throw mistakeAt(before, before.length, "the text is not UTF-8");
  }
  if (text.startsWith("\ufeff")) throw new JsonMistake("it begins with a byte order mark", 1, 1);
  return text;
}

export function parseStrictJson(text: string, onValue: OnValue = () => {}): unknown {
  return new Reader(text, onValue).read();
}

export function pointerTo(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

export function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

function mistakeAt(text: string, offset: number, why: string): JsonMistake {
  const { line, column } = lineAndColumn(text, offset);
  return new JsonMistake(why, line, column);
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// deno-lint-ignore no-control-regex
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const WORDS = [["true", true], ["false", false], ["null", null]] as const;
const ESCAPES = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

class Reader {
  readonly #text: string;
  readonly #onValue: OnValue;
  #at = 0;

  constructor(text: string, onValue: OnValue) {
    this.#text = text;
    this.#onValue = onValue;
  }

  read(): unknown {
    this.#skipBlanks();
    if (this.#at === this.#text.length) this.#refuse("it is empty");
    const value = this.#value("", 1);
    this.#skipBlanks();
    if (this.#at < this.#text.length) this.#refuse("there is text after the end of the value");
    return value;
  }

  #refuse(why: string, at = this.#at): never {
    throw mistakeAt(this.#text, at, why);
  }

  #skipBlanks(): void {
    while (" \t\n\r".includes(this.#text.charAt(this.#at)) && this.#at < this.#text.length) this.#at++;
  }

  #value(pointer: string, level: number): unknown {
    this.#onValue(pointer, this.#at);
    const first = this.#text.charAt(this.#at);
    if (first === "{" || first === "[") {
      if (level > MAX_LEVELS) this.#refuse(`it is nested more than ${MAX_LEVELS} levels deep`);
      return first === "{" ? this.#object(pointer, level) : this.#list(pointer, level);
    }
    if (first === '"') return this.#string();
    const word = WORDS.find(([name]) => this.#text.startsWith(name, this.#at));
    if (word !== undefined) {
      this.#at += word[0].length;
      return word[1];
    }
    return this.#number();
  }

  #items(close: string, item: () => void): void {
    this.#at++;
    this.#skipBlanks();
    if (this.#text.charAt(this.#at) === close) {
      this.#at++;
      return;
    }
    for (;;) {
      item();
      this.#skipBlanks();
      const next = this.#text.charAt(this.#at);
      if (next !== "," && next !== close) this.#refuse(`"," or "${close}" is missing`);
      this.#at++;
      if (next === close) return;
      this.#skipBlanks();
      if (this.#text.charAt(this.#at) === close) this.#refuse("there is a comma after the last item");
    }
  }

  #list(pointer: string, level: number): unknown[] {
    const list: unknown[] = [];
    this.#items("]", () => list.push(this.#value(pointerTo(pointer, list.length), level + 1)));
    return list;
  }

  #object(pointer: string, level: number): object {
    const object = {};
    this.#items("}", () => {
      const start = this.#at;
      if (this.#text.charAt(start) !== '"') this.#refuse("a key must be a string in double quotes");
      const key = this.#string();
      if (Object.hasOwn(object, key)) this.#refuse("a key appears twice", start);
      this.#skipBlanks();
      if (this.#text.charAt(this.#at) !== ":") this.#refuse('":" is missing');
      this.#at++;
      this.#skipBlanks();
      const value = this.#value(pointerTo(pointer, key), level + 1);
      // An assignment to `__proto__` would change the prototype of the object.
      Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
    });
    return object;
  }

  #string(): string {
    const start = this.#at++;
    let value = "";
    for (;;) {
      PLAIN.lastIndex = this.#at;
      const plain = PLAIN.exec(this.#text)?.[0] ?? "";
      value += plain;
      this.#at += plain.length;
      const next = this.#text.charAt(this.#at);
      if (next === '"') break;
      if (next === "") this.#refuse("a string is not closed", start);
      if (next !== "\\") this.#refuse("a string contains a control character");
      value += this.#escape();
    }
    this.#at++;
    if (/\p{Surrogate}/u.test(value)) this.#refuse("a string contains an unpaired surrogate", start);
    return value;
  }

  #escape(): string {
    const letter = this.#text.charAt(this.#at + 1);
    const simple = ESCAPES.get(letter);
    if (simple !== undefined) {
      this.#at += 2;
      return simple;
    }
    const digits = /^[0-9a-fA-F]{4}$/.exec(this.#text.slice(this.#at + 2, this.#at + 6))?.[0];
    if (letter !== "u" || digits === undefined) this.#refuse("a backslash must begin a JSON escape");
    this.#at += 6;
    return String.fromCharCode(parseInt(digits, 16));
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) this.#refuse("expected a JSON value");
    const value = Number(digits);
    if (!holds(value, digits)) this.#refuse(UNHELD);
    this.#at += digits.length;
    // Without this check, `01` and `1x` would be reported as a missing comma.
    if (/[\w.+]/.test(this.#text.charAt(this.#at))) this.#refuse("a number is not valid JSON");
    return value;
  }
}

export const UNHELD = "a number is too large or has too many digits";

/** A double can hold a number if the number is finite, a small number does not become zero, and a whole number keeps all of its digits. */
export function holds(value: number, digits: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(digits.split(/[eE]/, 1)[0] ?? "");
  return !/^-?\d+$/.test(digits) || Number.isSafeInteger(value) || BigInt(digits) === BigInt(value);
}
