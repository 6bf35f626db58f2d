/**
 * Expressions of GitHub Actions, but only the parts that the recipes use. Anything else is an error, where GitHub would often
 * take an empty text. Source: GitHub, "Evaluate expressions in workflows and actions".
 */

/** What an expression works with and results in. */
export type Value = string | number | boolean | null | { readonly [key: string]: Value };

/** What expressions can see. */
export interface Scope {
  /** Contexts by name: `github`, `env`, `steps`, … */
  contexts: Readonly<Record<string, Value>>;
  /** The state of the job. */
  status: "success" | "failure" | "cancelled";
}

const TOKEN = /\s*(?:('(?:[^']|'')*')|(\d+(?![\w.]))|([A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)|(&&|\|\||==|!=|[!(),]))/y;

function tokens(source: string): string[] {
  const found: string[] = [];
  TOKEN.lastIndex = 0;
  while (source.slice(TOKEN.lastIndex).trim() !== "") {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (match === null) throw new SyntaxError(`Cannot read expression at "${source.slice(at)}": ${source}`);
    found.push(match[0].trim());
  }
  return found;
}

function isTrue(value: Value): boolean {
  return value !== false && value !== 0 && value !== "" && value !== null;
}

function isEqual(left: Value, right: Value): boolean {
  if (typeof left !== typeof right || typeof left === "object") {
    throw new TypeError(`Cannot compare ${JSON.stringify(left)} with ${JSON.stringify(right)}`);
  }
  // Texts are the same in any case of their letters.
  return String(left).toLowerCase() === String(right).toLowerCase();
}

class Evaluator {
  readonly #tokens: string[];
  readonly #scope: Scope;
  #at = 0;

  constructor(source: string, scope: Scope) {
    this.#tokens = tokens(source);
    this.#scope = scope;
  }

  all(): Value {
    const value = this.#or();
    if (this.#at < this.#tokens.length) throw new SyntaxError(`Cannot read on at "${this.#tokens[this.#at]}"`);
    return value;
  }

  #take(...wanted: string[]): boolean {
    const fits = wanted.includes(this.#tokens[this.#at] ?? "");
    if (fits) this.#at++;
    return fits;
  }

  #or(): Value {
    let left = this.#and();
    while (this.#take("||")) {
      const right = this.#and();
      if (!isTrue(left)) left = right;
    }
    return left;
  }

  #and(): Value {
    let left = this.#equality();
    while (this.#take("&&")) {
      const right = this.#equality();
      if (isTrue(left)) left = right;
    }
    return left;
  }

  #equality(): Value {
    const left = this.#unary();
    if (this.#take("==")) return isEqual(left, this.#unary());
    if (this.#take("!=")) return !isEqual(left, this.#unary());
    return left;
  }

  #unary(): Value {
    if (this.#take("!")) return !isTrue(this.#unary());
    if (this.#take("(")) {
      const value = this.#or();
      if (!this.#take(")")) throw new SyntaxError("A bracket is not closed");
      return value;
    }
    const token = this.#tokens[this.#at++] ?? "";
    if (token.startsWith("'")) return token.slice(1, -1).replaceAll("''", "'");
    if (/^\d+$/.test(token)) return Number(token);
    if (!/^[A-Za-z_]/.test(token)) throw new SyntaxError(`Cannot read a value at "${token}"`);
    if (token === "true" || token === "false") return token === "true";
    return this.#take("(") ? this.#call(token) : this.#lookUp(token);
  }

  #call(name: string): Value {
    const values: Value[] = [];
    while (!this.#take(")")) {
      values.push(this.#or());
      if (!this.#take(",") && this.#tokens[this.#at] !== ")") {
        throw new SyntaxError(`Cannot read arguments of ${name}()`);
      }
    }
    const { status } = this.#scope;
    const [first, second] = values;
    if (name === "startsWith" && values.length === 2 && typeof first === "string" && typeof second === "string") {
      return first.toLowerCase().startsWith(second.toLowerCase());
    }
    if (values.length === 1 && name === "toJSON") return JSON.stringify(first, null, 2);
    if (values.length === 0 && name === "always") return true;
    if (values.length === 0 && ["success", "failure", "cancelled"].includes(name)) return name === status;
    throw new SyntaxError(`Cannot call ${name}() with ${values.length} arguments`);
  }

  #lookUp(path: string): Value {
    const [name = "", ...keys] = path.split(".");
    let value: Value | undefined = this.#scope.contexts[name];
    for (const key of keys) {
      if (typeof value !== "object" || value === null) throw new ReferenceError(`Cannot look up "${path}"`);
      value = value[key];
    }
    // What was skipped has no outputs, variables may be left unset, a schedule has no inputs; everything else has to be there.
    const isOutput = (name === "steps" || name === "needs") && keys[1] === "outputs";
    if (value === undefined && (isOutput || name === "vars" || name === "inputs")) return "";
    if (value === undefined) throw new ReferenceError(`Cannot look up "${path}"`);
    return value;
  }
}

/** Value of an expression, without its braces. */
export function evaluate(expression: string, scope: Scope): Value {
  return new Evaluator(expression, scope).all();
}

/** A text with the expressions in it replaced by their values. */
export function interpolate(text: string, scope: Scope): string {
  return text.replace(/\$\{\{(.*?)\}\}/gs, (_all, expression: string) => {
    const value = evaluate(expression, scope);
    if (typeof value === "object" && value !== null) throw new TypeError(`Cannot put "${expression}" into a text`);
    return value === null ? "" : String(value);
  });
}

/** Whether a condition speaks of the status. */
export function asksStatus(condition: unknown): boolean {
  return /\b(always|success|failure|cancelled)\(/.test(String(condition ?? ""));
}

/** Whether an `if` holds: without a function that speaks of the status, only after success. */
export function holds(condition: string | undefined, scope: Scope): boolean {
  if (condition === undefined) return scope.status === "success";
  const inner = /^\s*\$\{\{(.*)\}\}\s*$/s.exec(condition)?.[1] ?? condition;
  return (asksStatus(inner) || scope.status === "success") && isTrue(evaluate(inner, scope));
}
