/**
 * Step 2 for untrusted text: masks secrets in everything that leaves the process. Text is normalized, redacted, and then escaped for its destination.
 * The writer redacts again. Every pattern must run in linear time: it starts with fixed text, and a match cannot start inside text that was just
 * scanned. The size of a pattern is limited regardless of the number and length of the secrets, so every runtime can compile it, and masking never
 * throws.
 *
 * @module
 */
import { groupBy } from "../lookup.ts";
import { cutHead, cutText, plainText, type Span, unescapeText } from "./plain_text.ts";
import { SECRET_VARIABLES } from "../variables.ts";

export const MASK = "[redacted]";

interface RedactorOptions {
  token?: string | undefined;
  /** Reads the values of `SECRET_VARIABLES`. @default no variables are read */
  env?: ((name: string) => string | undefined) | undefined;
  /** Other secrets, masked like the values of variables. @default {[]} */
  secrets?: readonly string[] | undefined;
}

export interface Redactor {
  (text: string): string;
  /** Masks only the access token. Use this for strings that must not change otherwise, such as ids. */
  token(text: string): string;
  readonly longest: number;
}

/** Masks secrets in text. If `longest` is absent, the function masks no secret that contains blanks. */
export type MaskText = ((text: string) => string) & { readonly longest?: number };

/** A shorter value could be part of an ordinary word. GitLab also masks only values of at least 8 characters. */
const MIN_SECRET_LENGTH = 8;
/** A shorter token is not masked, because its few characters occur everywhere. The tokens of the service are much longer. */
export const MIN_TOKEN_LENGTH = 4;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const URL_LIKE = /^[a-z][a-z0-9+.-]*:\/\//i;
/** Length of the longest secret that becomes a pattern. A longer secret is found by searching for pieces of its forms. */
const MAX_PATTERN_SECRET = 512;
/** Maximum length of the source of one expression, without its last pattern. V8 fails at about 175,000 (measured). */
const MAX_EXPRESSION = 30_000;
/** Long secrets are masked in pieces, because text is cut and split into lines. The last piece of a secret can be longer. */
const PIECE = 64;
const PIECE_HEAD = 16;
// Our own output uses these words, so masking them would make the output unreadable.
const NEVER_MASKED = [
  "streaming",
  "cancelled",
  "awaiting_input",
  "claude-code",
  "mogplex-ci",
  "unauthorized",
  "forbidden",
  "redacted",
];

/**
 * Known formats of secrets. The named groups match text before a secret. This text is not masked. Compiled once and shared by all redactors, because
 * compiling is slow.
 */
const SHAPES = new RegExp(
  [
    "mog_[A-Za-z0-9]{8,}",
    "(?<![A-Za-z0-9])(?:gh[opsur]_|github_pat_)[A-Za-z0-9_]{16,}",
    "(?<![A-Za-z0-9])gl(?:pat|rt|cbt|ptt|dt|soat|ft)-[A-Za-z0-9_.-]{16,}",
    "(?<![A-Za-z0-9])(?:sk|rk|pk|sb)[-_](?:live_|test_|secret_|proj-|ant-)?[A-Za-z0-9_-]{20,}",
    "(?<![A-Za-z0-9])xox[a-z]-[A-Za-z0-9-]{10,}",
    "(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "(?<![A-Za-z0-9])npm_[A-Za-z0-9]{30,}",
    "(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}",
    "(?<![A-Za-z0-9])whsec_[A-Za-z0-9_-]{16,}",
    "(?<![A-Za-z0-9_.-])eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}",
    "(?<![A-Za-z0-9])(?<bearer>[Bb]earer[ \\t]{1,4})(?!resource_metadata)[A-Za-z0-9._~+/-]{16,}={0,2}",
    "(?<login>://[^\\s/:@]{0,100}:)[^\\s/@]{3,200}(?=@)",
    "(?<begin>-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[A-Za-z0-9+/=\\s]{16,}",
  ].join("|"),
  "g",
);

export function whyNoSecret(value: string): string | undefined {
  if (value.length < MIN_SECRET_LENGTH) return `has fewer than ${MIN_SECRET_LENGTH} characters`;
  if (UUID.test(value)) return "is a UUID";
  if (URL_LIKE.test(value)) return "is an address";
  return NEVER_MASKED.includes(value.toLowerCase()) ? "is a word that the output uses" : undefined;
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replace(/=+$/, "");
}

/** Returns the Base64 characters that depend only on the secret, for each of the three offsets at which the secret can start. */
function base64Forms(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret);
  const forms: string[] = [];
  for (const shift of [0, 1, 2]) {
    const padded = new Uint8Array(shift + bytes.length);
    padded.set(bytes, shift);
    forms.push(base64(padded).slice(Math.ceil(shift * 8 / 6), Math.floor(padded.length * 8 / 6)));
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

function percentEncoded(text: string): string {
  return [...new TextEncoder().encode(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

/**
 * Each character can also be percent-encoded, in upper or lower case, because programs disagree on which characters need encoding. A space can also
 * be a plus sign.
 */
function loosePattern(secret: string): string {
  return secret.replace(/./gsu, (char) => {
    const encoded = percentEncoded(char).replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    return `(?:${escapePattern(char)}|${encoded}${char === " " ? "|\\+" : ""})`;
  });
}

function patternsOf(secret: string): { length: number; pattern: string }[] {
  const forms = [
    plainText(secret).trim(),
    JSON.stringify(secret).slice(1, -1),
    ...base64Forms(secret),
  ];
  return [
    { length: secret.length, pattern: loosePattern(secret) },
    ...forms.filter((form) => form.length >= 6 && form !== secret)
      .map((form) => ({ length: form.length, pattern: escapePattern(form) })),
  ];
}

function piecesOf(secret: string): string[] {
  const encoded = percentEncoded(secret);
  const component = secret.replace(/[^A-Za-z0-9_.!~*'()-]/gu, (char) => percentEncoded(char).toUpperCase());
  const forms = [
    secret,
    plainText(secret).trim(),
    JSON.stringify(secret).slice(1, -1),
    component,
    component.replaceAll("%20", "+"),
    encoded,
    encoded.toUpperCase(),
    ...base64Forms(secret),
  ];
  return [...new Set(forms)].flatMap((form) => {
    const last = Math.max(Math.floor(form.length / PIECE), 1) - 1;
    return Array.from(
      { length: last + 1 },
      (_, index) => form.slice(index * PIECE, index === last ? undefined : (index + 1) * PIECE),
    );
  });
}

/** Adds each line of a multiline secret, because logs and feeds show one line at a time. */
function withLines(secret: string): string[] {
  const lines = secret.split(/[\r\n]+/).map((line) => line.trim());
  return lines.length > 1 ? [secret, ...lines.filter((line) => !/^-----[A-Z ]+-----$/.test(line))] : [secret];
}

function expressionsOf(patterns: readonly string[]): RegExp[] {
  const sources: string[] = [];
  for (const pattern of patterns) {
    const last = sources.at(-1);
    if (last === undefined || last.length > MAX_EXPRESSION) sources.push(pattern);
    else sources[sources.length - 1] = `${last}|${pattern}`;
  }
  return sources.map((source) => new RegExp(source, "g"));
}

function byHead(pieces: readonly string[]): Map<string, string[]> {
  return groupBy(new Set(pieces), (piece) => piece.slice(0, PIECE_HEAD));
}

function piecesIn(text: string, heads: ReadonlyMap<string, readonly string[]>): Span[] {
  const spans: Span[] = [];
  if (heads.size === 0) return spans;
  for (let at = 0; at <= text.length - PIECE_HEAD; at++) {
    for (const piece of heads.get(text.slice(at, at + PIECE_HEAD)) ?? []) {
      if (text.startsWith(piece, at)) spans.push([at, at + piece.length]);
    }
  }
  return spans;
}

function matchesIn(text: string, expression: RegExp): Span[] {
  const spans: Span[] = [];
  expression.lastIndex = 0;
  for (let match = expression.exec(text); match !== null; match = expression.exec(text)) {
    const { bearer, login, begin } = match.groups ?? {};
    spans.push([match.index + (bearer ?? login ?? begin ?? "").length, expression.lastIndex]);
  }
  return spans;
}

function maskSpans(text: string, spans: Span[]): string {
  if (spans.length === 0) return text;
  let masked = "";
  let end = -1;
  for (const [from, to] of spans.sort(([a], [b]) => a - b)) {
    if (from > end) masked += text.slice(Math.max(end, 0), from) + MASK;
    end = Math.max(end, to);
  }
  return masked + text.slice(end);
}

/** Adds the unescaped forms, because a backslash in the secret could be read as an escape. */
function withUnescaped(secret: string): string[] {
  const unescaped = [unescapeText(secret)?.text ?? secret, secret.replaceAll("\\", "")];
  return [secret, ...unescaped.filter((text) => text.length >= MIN_SECRET_LENGTH)];
}

function finderOf(texts: readonly string[], shapes: readonly RegExp[]): (text: string) => Span[] {
  const secrets = [...new Set(texts.flatMap(withUnescaped))];
  const isLong = (secret: string) => secret.length > MAX_PATTERN_SECRET;
  const pieces = byHead(secrets.filter(isLong).flatMap(piecesOf));
  // Sort the longest pattern first: a secret that begins with another secret must be masked completely.
  const patterns = secrets.filter((secret) => !isLong(secret)).flatMap(patternsOf)
    .sort((a, b) => b.length - a.length).map(({ pattern }) => pattern);
  const expressions = [...expressionsOf([...new Set(patterns)]), ...shapes];
  return (text) => [
    ...piecesIn(text, pieces),
    ...expressions.flatMap((expression) => matchesIn(text, expression)),
  ];
}

/** Compiles the patterns when the first text is masked, because many clients never mask any text. */
function maskerOf(secrets: readonly string[], shapes: readonly RegExp[] = []): (text: string) => string {
  let finder: ((text: string) => Span[]) | undefined;
  return (text) => {
    const find = finder ??= finderOf(secrets, shapes);
    const unescaped = unescapeText(text);
    const hidden = unescaped === undefined ? [] : find(unescaped.text).map(unescaped.given);
    return maskSpans(text, [...find(text), ...hidden]);
  };
}

/** Tokens shorter than 4 characters are not masked. Other values shorter than 8 characters, UUIDs, URLs and some words in our output are not treated as secrets. */
export function createRedactor(options: RedactorOptions = {}): Redactor {
  const token = options.token?.trim() ?? "";
  const tokens = token.length < MIN_TOKEN_LENGTH ? [] : [token];
  const values = SECRET_VARIABLES.map((name) => options.env?.(name)?.trim() ?? "");
  const secrets = [...values, ...options.secrets ?? []].flatMap(withLines).filter((value) =>
    whyNoSecret(value) === undefined
  );
  const all = [...tokens, ...secrets];
  const longest = Math.max(0, ...all.map(longestForm));
  return Object.assign(maskerOf(all, [SHAPES]), { token: maskerOf(tokens), longest });
}

/** JSON can escape each character as six characters, which matters only for a secret that contains blanks. */
function longestForm(secret: string): number {
  return secret.length * (/\s/.test(secret) ? 6 : 1);
}

/** Number of characters to read after a cut. This is larger than any secret with a known format from a CI system or a forge. */
const CUT_MARGIN = 4_096;

/**
 * Masks text, and cuts the result as {@linkcode cutText} does. Cutting first could leave part of a secret, and no pattern recognizes such a part.
 * @param max Maximum length of the result with its mark, in UTF-16 code units; at least 1.
 */
export function cutMasked(text: string, max: number, redact: MaskText): string {
  if (text.length <= max) return text;
  const margin = Math.max(redact.longest ?? 0, CUT_MARGIN);
  const head = text.slice(0, max + margin);
  const masked = redactHidden(head, redact);
  if (head === text) return cutText(masked, max);
  // The end of `head` could be part of a secret, so the last `margin` characters are not kept.
  return cutHead(masked, text.length, max, Math.max(masked.length - margin, 0));
}

const OPEN_SHAPE = /(?:bearer\s*|-----BEGIN [A-Z ]{0,30}(?:PRIVATE KEY-----[A-Za-z0-9+/=\s]*)?)$/i;

/** Each try searches the whole text, and an agent can make every try fail. */
const MAX_CUTS = 40;

/**
 * Finds a place to cut incomplete text so that later text cannot turn the part before the cut into a secret. The place is a space or tab that is at
 * least {@linkcode Redactor.longest} characters before the end.
 * @param text The text so far. The part after the cut is masked separately.
 * @param limit The cut is at or before this index.
 * @returns Index of the space or tab; -1 if there is no such place.
 */
export function cutOpenText(text: string, redact: MaskText, limit: number = text.length): number {
  const masked = redact(text);
  let at = Math.min(limit, text.length - (redact.longest ?? 0));
  for (let tries = 0; at > 0 && tries < MAX_CUTS; tries++) {
    at = lastBlank(text, at);
    if (at <= 0) return -1;
    const [head, tail] = [text.slice(0, at), text.slice(at + 1)];
    if (!OPEN_SHAPE.test(`${head} `) && redact(head) + text.charAt(at) + redact(tail) === masked) return at;
    at--;
  }
  return -1;
}

function lastBlank(text: string, from: number): number {
  return Math.max(text.lastIndexOf(" ", from), text.lastIndexOf("\t", from));
}

/** Reads `longest` at each use, because secrets can be added later. */
export function redactorOf(
  { mask, token, longest }: {
    mask: (text: string) => string;
    token: (text: string) => string;
    longest: () => number;
  },
): Redactor {
  const redact = Object.assign((text: string) => mask(text), { token, longest: 0 });
  return Object.defineProperty(redact, "longest", { get: longest });
}

export function joinRedactors(...redactors: readonly Redactor[]): Redactor {
  const mask = (text: string) => redactors.reduce((masked, redact) => redact(masked), text);
  return redactorOf({
    mask,
    token: (text: string) => redactors.reduce((masked, redact) => redact.token(masked), text),
    longest: () => Math.max(0, ...redactors.map(({ longest }) => longest)),
  });
}

/**
 * Also masks secrets that are split by invisible characters. If the text contains a split secret, all of its invisible characters are removed.
 * Otherwise, invisible characters are kept.
 */
export function redactHidden(text: string, redact: (text: string) => string): string {
  const masked = redact(text);
  const plain = plainText(masked);
  if (plain === masked) return masked;
  const visible = redact(plain);
  return visible === plain ? masked : visible;
}

const LOOKED_UP_KEY = /^(id|status|type|.*Id|.*_id)$/;

/** Key of a value's own redactor. The key is the same in every copy of this package. */
const OWN_REDACTOR = Symbol.for("@mogplex/ci redactor");

/** A copy made with the spread operator does not have the redactor. */
export function giveRedactor(value: object, redact: Redactor): void {
  Object.defineProperty(value, OWN_REDACTOR, { value: redact, configurable: true });
}

export function withOwn(value: unknown, redact: Redactor): Redactor {
  const redactor = (value as { [OWN_REDACTOR]?: Redactor } | null | undefined)?.[OWN_REDACTOR];
  return redactor === undefined ? redact : joinRedactors(redactor, redact);
}

/**
 * Returns a copy of a value in which every string is masked by {@linkcode redactHidden}. If the value has its own redactor, that redactor also masks
 * the strings. In keys, ids, statuses and types, only the access token is masked, so that programs can still look up these values. Dates are kept. An
 * error becomes its `toJSON` result, or an object with only its name and message.
 */
export function redactValue<T>(value: T, redact: Redactor): T {
  function walk(part: unknown, key: string, above: Redactor): unknown {
    const redact = withOwn(part, above);
    if (typeof part === "string") return redactHidden(part, LOOKED_UP_KEY.test(key) ? redact.token : redact);
    if (Array.isArray(part)) return part.map((item) => walk(item, key, redact));
    if (typeof part !== "object" || part === null || part instanceof Date) return part;
    return Object.fromEntries(
      Object.entries(part instanceof Error ? errorFields(part) : part)
        .map(([name, inner]) => [redactHidden(name, redact.token), walk(inner, name, redact)]),
    );
  }
  return walk(value, "", redact) as T;
}

/** `message` is not an enumerable field, so it would be lost otherwise. */
function errorFields(error: Error & { toJSON?: () => object }): object {
  return typeof error.toJSON === "function" ? error.toJSON() : { name: error.name, message: error.message };
}
