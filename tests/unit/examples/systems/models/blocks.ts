/** Parses the common syntax of a Jenkinsfile and a settings.kts: one statement a line, some with a block in braces. */

/** A piece of a statement. */
export interface Token {
  /** `word`, `text` (a string, as it is in its quotes) or `sign`. */
  kind: "word" | "text" | "sign";
  /** Its text, without quotes. */
  value: string;
  /** Quotes around a text. */
  quotes: string;
}

export interface Statement {
  /** Its pieces, including those after a block. */
  tokens: Token[];
  /** Statements of its block. */
  body: Statement[] | undefined;
}

const PIECE = /("""|'''|"|')([\s\S]*?)\1|(\/\/[^\n]*)|([A-Za-z_][\w.]*\*?|\d+)|(\n)|([^\S\n]+)|([{}()[\],=:.*])/y;

/** Reads statements. A backslash in a text is an error, since the model does not implement escapes. */
class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  #next(): Token | "end" | "line" | undefined {
    if (this.#at >= this.#source.length) return undefined;
    PIECE.lastIndex = this.#at;
    const match = PIECE.exec(this.#source);
    if (match === null) throw new SyntaxError(`Cannot read: ${this.#source.slice(this.#at, this.#at + 40)}`);
    this.#at = PIECE.lastIndex;
    const [, quotes, inner, , word, line, , sign] = match;
    if (quotes !== undefined && inner !== undefined) {
      if (inner.includes("\\")) throw new SyntaxError(`Cannot read a text with a backslash: ${inner}`);
      return { kind: "text", value: inner, quotes };
    }
    if (word !== undefined) return { kind: "word", value: word, quotes: "" };
    if (line !== undefined) return "line";
    if (sign === "}") return "end";
    return sign === undefined ? this.#next() : { kind: "sign", value: sign, quotes: "" };
  }

  /** Statements up to the brace that closes them, or to the end. */
  statements(): Statement[] {
    const found: Statement[] = [];
    let current: Statement = { tokens: [], body: undefined };
    const close = () => {
      if (current.tokens.length > 0) found.push(current);
      current = { tokens: [], body: undefined };
    };
    for (let piece = this.#next(); piece !== undefined && piece !== "end"; piece = this.#next()) {
      if (piece === "line") close();
      else if (piece.value === "{" && piece.kind === "sign") {
        if (current.body !== undefined) throw new SyntaxError("A statement has two blocks");
        current.body = this.statements();
      } else current.tokens.push(piece);
    }
    close();
    return found;
  }
}

export function readStatements(source: string): Statement[] {
  return new Reader(source).statements();
}

/** The words and signs of a statement, texts as `"…"`. */
export function shape({ tokens }: Statement): string {
  return tokens.map(({ kind, value }) => kind === "text" ? '"…"' : value).join(" ");
}

/** The block of the only statement with a shape. @throws when there is not exactly one. */
export function blockOf(statements: readonly Statement[], wanted: string): Statement[] {
  const found = statements.filter((each) => shape(each) === wanted);
  if (found.length !== 1 || found[0]?.body === undefined) {
    throw new SyntaxError(`Cannot find exactly one block "${wanted}"`);
  }
  return found[0].body;
}

/** The only text of a statement. @throws when there is not exactly one. */
export function textOf(statement: Statement): Token {
  const [first, second] = statement.tokens.filter(({ kind }) => kind === "text");
  if (first === undefined || second !== undefined) {
    throw new SyntaxError(`Cannot find exactly one text in: ${shape(statement)}`);
  }
  return first;
}
