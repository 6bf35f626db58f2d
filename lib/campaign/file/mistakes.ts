import { type ErrorParts, UsageError } from "../../errors.ts";
import { formatCount } from "../../text/duration.ts";
import type { Place } from "./campaign_file.ts";

/** A mistake in a campaign, or in a file that it names. */
export interface Mistake {
  /** Path of the file with the mistake, as the user wrote it; `<stdin>` for standard input; `null` if the campaign is an object. */
  file: string | null;
  /** Line, from 1; `null` if there is no file. */
  line: number | null;
  /** Column, from 1; `null` if there is no file. */
  column: number | null;
  /** The key at fault, such as `repositories[2].root`, where the first entry is 0. Empty if the mistake is about the whole file. */
  key: string;
  /** One line: what is wrong, what is allowed, and the nearest valid word, if there is one. */
  message: string;
}

/** A file with more mistakes is probably not a campaign file. */
const MAX_MISTAKES = 1_000;

const MAX_EXCERPT = 80;

export function excerpt(text: string): string {
  return JSON.stringify(text.length > MAX_EXCERPT ? `${text.slice(0, MAX_EXCERPT)}…` : text);
}

export function campaignText({ name, round }: { name: string; round: string }): string {
  return `campaign ${JSON.stringify(name)}${round === "" ? "" : `, round ${JSON.stringify(round)}`}`;
}

function onOneLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\x00-\x1f\x7f\u2028\u2029]/g, (control) => JSON.stringify(control).slice(1, -1));
}

export function mistakeLine({ file, line, column, key, message }: Mistake): string {
  const at = file === null ? [] : [`${file}:${line}:${column}`];
  return onOneLine([...at, ...key === "" ? [] : [key], message].join(": "));
}

/** A campaign cannot be used because its file or object contains mistakes. Nothing was sent. Exit code 2. */
export class CampaignFileError extends UsageError {
  /** @internal */
  static override readonly kind: string = "CampaignFileError";
  /** All mistakes, ordered by file and position; never empty. */
  readonly mistakes: readonly Mistake[];
  /** Whether the file itself could not be read, so its mistakes are unknown. */
  readonly isUnread: boolean;
  /** Total number of mistakes, including mistakes that are not in the list. */
  readonly count: number;

  constructor(path: string | null, mistakes: readonly Mistake[], omitted = 0, unread?: ErrorParts) {
    const count = mistakes.length + omitted;
    const rest = omitted === 0 ? [] : [`… and ${omitted} more`];
    const why = [`it has ${formatCount(count, "mistake")}`, ...mistakes.map(mistakeLine), ...rest].join("\n");
    super(unread ?? { attempted: path === null ? "use the campaign" : `use campaign file ${excerpt(path)}`, why });
    this.isUnread = unread !== undefined;
    this.mistakes = mistakes;
    this.count = count;
  }

  /** The message, with one line for each mistake. */
  override get lines(): readonly string[] {
    return this.message.split("\n");
  }
}

/** Ignores a second mistake with the same key and position, because it probably has the same cause. */
export class MistakeList {
  readonly #mistakes = new Map<string, Mistake>();
  readonly #files = new Map<string, number>();
  #omitted = 0;
  words: { key(key: string): string; message(message: string): string } | undefined;

  get full(): boolean {
    return this.#mistakes.size >= MAX_MISTAKES;
  }

  get empty(): boolean {
    return this.#mistakes.size === 0;
  }

  add(place: Place, key: string, message: string): void {
    const isKey = "key" in place;
    if (this.words !== undefined) [key, message] = [this.words.key(key), this.words.message(message)];
    const { file, line, column } = isKey ? { file: null, line: null, column: null } : place;
    // A mistake in `branch` may be reported at the position of a repository, as `repositories[2].branch`.
    if (isKey && !key.startsWith(place.key)) key = `${place.key}.${key}`;
    const id = JSON.stringify([place, key]);
    if (this.#mistakes.has(id)) return;
    if (this.full) {
      this.#omitted++;
      return;
    }
    if (file !== null && !this.#files.has(file)) this.#files.set(file, this.#files.size);
    this.#mistakes.set(id, { file, line, column, key, message });
  }

  error(path: string | null): CampaignFileError {
    const order = ({ file }: Mistake) => file === path || file === null ? -1 : this.#files.get(file) ?? 0;
    const sorted = [...this.#mistakes.values()].sort((a, b) =>
      order(a) - order(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
    );
    return new CampaignFileError(path, sorted, this.#omitted);
  }
}
