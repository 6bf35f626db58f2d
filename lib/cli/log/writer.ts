/**
 * The only way to the terminal and to the log. What is printed is a `SafeLine`: our own text, or untrusted text that was normalised,
 * redacted and escaped. All of it is searched for our own token a second time.
 *
 * @module
 */
import type { AnnotationLevel, Fence, Platform, Section } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import type { Io, Stream } from "../../io.ts";
import { lookup } from "../../lookup.ts";
import { type Outputs, outputsOf, outputVariables, type ReportTarget } from "../../report/write.ts";
import type { AnyResult, AutomationOutcome, Outcome } from "../../run/result.ts";
import { headlineText, viewOf } from "../../run/result_view.ts";
import { type TerminalSize, terminalSize } from "../../runtime.ts";
import { cellWidth, hangCells } from "../../text/cells.ts";
import { jsonLine } from "../../text/escape.ts";
import { cutText, plainLines } from "../../text/plain_text.ts";
import { joinRedactors, type Redactor, redactValue } from "../../text/redact.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";

/** Prints lines on stdout and stderr. */
export class Writer {
  readonly #io: Io;
  readonly #platform: Platform;
  #isLog = false;
  readonly #given = new Set<string>();
  #redact: Redactor;
  #own: Redactor;
  #more: Redactor | undefined;
  readonly #size: () => TerminalSize | undefined;
  #transient = "";
  /** Cells of a line of the terminal when its lines at the bottom were shown; undefined if it did not say. */
  #shownAt: number | undefined;
  #fenced = false;
  #fence: Fence | undefined;

  /**
   * @param platform The CI system that shows the log.
   * @param redact See {@linkcode Writer.redactWith}.
   * @param size Tells the size of the terminal. @default {terminalSize}
   */
  constructor(io: Io, platform: Platform, redact: Redactor, size: () => TerminalSize | undefined = terminalSize) {
    this.#io = io;
    this.#size = size;
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

  untrusted(text: string): SafeLine {
    // Redaction comes before lines are joined: a secret can have several.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n");
    return this.#platform.escapeLine(lines.map((each) => each.trim()).join(" "));
  }

  /**
   * Makes untrusted text safe, line by line.
   *
   * @param maxLength Longest line, in UTF-16 units.
   * @param hang Width and indent at which lines are broken: see `hangCells`. @default they are not
   */
  untrustedLines(text: string, maxLength = Infinity, hang?: Hang): SafeLine[] {
    // Redaction comes before cutting: a secret that was cut in half is not recognised.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n").map((line) => cutText(line, maxLength));
    const broken = hang === undefined
      ? lines
      : lines.flatMap((line) => hang.whole?.test(line) ? [line] : hangCells(line, hang.cells, hang.indent));
    return broken.map((line) => this.#platform.escapeLine(line));
  }

  /**
   * Lines for a terminal where a person reads: broken between words, but for the commands in them. Elsewhere they stay as they are.
   *
   * @param indent Blanks before further lines.
   */
  broken(stream: Stream, lines: readonly SafeLine[], indent: number): SafeLine[] {
    const columns = isInteractive({ io: this.#io, platform: this.#platform }, stream)
      ? this.#size()?.columns
      : undefined;
    if (columns === undefined) return [...lines];
    return lines.flatMap((line) => {
      const [, colour = "", text = line, end = ""] = COLOURED.exec(line) ?? [];
      const whole = text.replace(COMMAND, (command) => command.replaceAll(" ", NO_BREAK));
      return hangCells(whole, columns, indent)
        .map((piece) => this.#platform.escapeLine(piece.replaceAll(NO_BREAK, " ")))
        .map((piece) => `${colour}${piece}${end}` as SafeLine);
    });
  }

  /** Prints lines on stdout. */
  out(...lines: SafeLine[]): void {
    this.#print("stdout", lines);
  }

  /** Prints a text on stdout as it is, for another program that reads it: a file that we made, commands for a shell. */
  output(text: string): void {
    this.#print("stdout", [text]);
  }

  /** Clears the terminal. */
  clear(): void {
    this.#io.write("stdout", "\x1b[2J\x1b[H");
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
  link(url: string): SafeLine {
    const links = !this.#platform.isCi && this.#io.isTerminal("stdout") && knowsLinks(this.#io);
    const line = this.untrusted(url);
    return links ? own`\x1b]8;;${line}\x1b\\${line}\x1b]8;;\x1b\\` : line;
  }

  /**
   * Colours a line or a part of it, on a terminal or CI system that shows colours. Nothing else changes.
   *
   * @param from First UTF-16 unit of the part. @default {0}
   * @param to The one after its last. @default the length of the line
   */
  paint(style: Style, line: SafeLine, from = 0, to = line.length): SafeLine {
    if (!this.coloured) return line;
    return line.slice(0, from) + coloured(style, line.slice(from, to)) + line.slice(to) as SafeLine;
  }

  /**
   * Keeps lines at the bottom of a terminal, below all that is printed; they do not wrap. Without arguments it removes them.
   *
   * @param lines Fewer than the terminal has.
   */
  transient(...lines: readonly SafeLine[]): void {
    const text = lines.join("\n");
    if (text === this.#transient) return;
    const hidden = this.#hidden();
    this.#transient = text;
    this.#shownAt = this.#size()?.columns;
    // In one piece: a terminal would show the gap in between.
    this.#write(`${hidden}${this.#shown()}`);
  }

  /** The sequence that removes the lines at the bottom. */
  #hidden(): string {
    if (this.#transient === "") return "";
    const above = this.#rows() - 1;
    return above === 0 ? "\r\x1b[K" : `\r\x1b[${above}A\x1b[J`;
  }

  /** Rows of the lines at the bottom: a terminal that has become narrower since has broken them, unless it is one of the few that cut. */
  #rows(): number {
    const lines = this.#transient.split("\n");
    const [before, now] = [this.#shownAt, this.#size()?.columns];
    if (before === undefined || now === undefined || now >= before || cutsLines(this.#io)) return lines.length;
    const cells = (line: string) => Math.min(cellWidth(line.replace(SGR, "")), before);
    return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(cells(line) / now)), 0);
  }

  /** The sequence that shows the lines at the bottom. */
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

  /** Prints a command that has its whole effect the first time, unless it was printed already. */
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

  /**
   * Prints a notice about ourselves on stderr.
   *
   * @param command A command that people copy: it has a line of its own. @default none
   */
  note(text: string, command?: string): void {
    const lines = this.broken("stderr", [own`note: ${this.untrusted(text)}`], 2);
    this.#print("stderr", command === undefined ? lines : [...lines, own`  ${this.untrusted(command)}`]);
  }

  /** Prints an error on stderr. */
  error(text: string): void {
    this.#print("stderr", this.broken("stderr", [own`error: ${this.untrusted(text)}`], 2));
  }

  #print(stream: Stream, lines: readonly string[]): void {
    this.#hide();
    if (stream === "stdout" && this.#fenced && this.#fence === undefined && !this.#io.closed(stream)) {
      this.#fence = this.#platform.fence?.();
      if (this.#fence !== undefined) this.#io.write(stream, `${this.#fence.open}\n`);
    }
    this.#io.write(stream, lines.map((line) => `${this.#redact.token(line)}\n`).join(""));
    this.#show();
  }
}

/** A line that is coloured as a whole. */
// deno-lint-ignore no-control-regex
const COLOURED = /^(\x1b\[\d+m)([^\x1b]*)(\x1b\[0m)$/;
// deno-lint-ignore no-control-regex
const SGR = /\x1b\[[\d;]*m/g;
/** A command in a sentence, and what stands for its blanks while lines are broken: no text that is printed has it. */
const COMMAND = /`[^`]+`/g;
const NO_BREAK = "\x01";

/** Where lines are broken: see `hangCells`. */
export interface Hang {
  /** Width of a line. */
  cells: number;
  /** Blanks before further lines. */
  indent: number;
  /** Lines that stay whole. @default none */
  whole?: RegExp | undefined;
}

/** Colours and weights of a terminal. Source: ECMA-48, 8.3.117 (SGR). */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** A colour or a weight. */
export type Style = keyof typeof STYLES;

/** A text in a colour, for a terminal that shows colours. */
export function coloured(style: Style, text: string): string {
  return `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/**
 * Whether stdout has colours: on a terminal, and in the log of a CI system that shows them. `FORCE_COLOR` wins over everything else.
 *
 * @param ofCi Whether stdout is such a log.
 * Source: no-color.org; Node.js, "tty", `FORCE_COLOR`.
 */
function wantsColours(io: Pick<Io, "env" | "isTerminal">, ofCi: boolean): boolean {
  const forced = io.env("FORCE_COLOR");
  if (forced) return forced !== "0" && forced !== "false";
  if (io.env("NO_COLOR")) return false;
  return ofCi || io.isTerminal("stdout") && !isDumb(io);
}

/** Terminals that show links, by `TERM_PROGRAM`. Source: the documents of each, OSC 8. */
const LINKING = ["ghostty", "iTerm.app", "vscode", "WezTerm"];
/** First version of the library of GNOME's terminals with links, as `VTE_VERSION` has it: 0.50. */
const LINKING_VTE = 5_000;

/** Whether the terminal shows links. Not inside of tmux or screen, which may drop the sequence. */
function knowsLinks({ env }: Pick<Io, "env">): boolean {
  const term = env("TERM") ?? "";
  if (/^(?:screen|tmux|dumb)/.test(term)) return false;
  return LINKING.includes(env("TERM_PROGRAM") ?? "") || Number(env("VTE_VERSION")) >= LINKING_VTE ||
    Boolean(env("WT_SESSION")) || /^(?:xterm-kitty|foot|alacritty)/.test(term);
}

/** The section of the log that is open, on systems that have sections. Its beginning is printed before its first line, since an empty section says nothing. */
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

  /** Prints the beginning of the section, unless it was printed already. */
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

// How a line of the log looks: where its text begins, and the colours of its time and its label.

// Other labels are not coloured.
const LABEL_STYLES: Readonly<Record<string, Style>> = {
  cancel: "yellow",
  cancelled: "yellow",
  failed: "red",
  finished: "green",
  log: "dim",
  started: "dim",
  status: "dim",
  tool: "cyan",
};

// A broken line goes on below its text, so it has neither time nor label.
const TIMED = /^(\d\d:\d\d:\d\d {2}| {10})([a-z]\S*)/;
const BARE = /^()([a-z]\S*)/;

/** Cells before the text of a line. @param times Whether lines begin with a time. */
export function textIndent(times: boolean): number {
  return times ? 20 : 10;
}

/** Colours time and label. */
export function colourLine(writer: Pick<Writer, "coloured" | "paint">, line: SafeLine, times: boolean): SafeLine {
  const [, time = "", label = ""] = (writer.coloured && (times ? TIMED : BARE).exec(line)) || [];
  const style = lookup(LABEL_STYLES, label);
  // From the right: colours move what stands behind them.
  const labelled = style === undefined ? line : writer.paint(style, line, time.length, time.length + label.length);
  return time.trim() === "" ? labelled : writer.paint("dim", labelled, 0, time.length);
}

// Who reads stdout, and how wide it is.

/**
 * Whether a person watches a stream on a terminal that can move its cursor: only then the log may redraw a line, leave out what is
 * close by, and let a run go on after Ctrl-C.
 *
 * Never on a CI system, although act and Buildkite's agent give their jobs a terminal.
 * Source: nektos/act, pkg/container/host_environment.go, `openPty`; buildkite/agent, process/process.go, `PTY`.
 */
export function isInteractive(
  { io, platform }: { io: Pick<Io, "env" | "isTerminal">; platform: Pick<Platform, "isCi"> },
  stream: Stream = "stdout",
): boolean {
  return !platform.isCi && !isDumb(io) && io.isTerminal(stream);
}

/** Whether the terminal behind our streams only prints lines. Source: terminfo, entry `dumb`. */
function isDumb(io: Pick<Io, "env">): boolean {
  return io.env("TERM") === "dumb";
}

/** Whether the terminal cuts lines that have become too long, in place of breaking them. Source: measured. */
function cutsLines({ env }: Pick<Io, "env">): boolean {
  const term = env("TERM") ?? "";
  return term === "linux" || Boolean(env("XTERM_VERSION")) && !/^(?:screen|tmux)/.test(term);
}

/** Cells of a line of a log without a terminal: pages of CI systems scroll or break longer lines. */
const USUAL_WIDTH = 180;

/** Cells after which a line of the log is broken. */
export function logWidth(io: Pick<Io, "isTerminal">): number {
  return io.isTerminal("stdout") ? terminalSize()?.columns ?? 80 : USUAL_WIDTH;
}

// Commands in the log that tell the CI system the outputs, where the summary is, and a verdict other than success. For systems
// that read files instead, `lib/report/write.ts` writes them. With `--json` there are no commands, since programs read stdout.

/** Most UTF-16 units of a reason in a command; the log and the reports have all of it. */
const MAX_ANNOTATION_TEXT = 1_000;

// Every other end is a warning.
const LEVELS: Partial<Record<Outcome | AutomationOutcome, AnnotationLevel>> = { failed: "error", error: "error" };

/**
 * Sets variables for later steps, on systems that read them from the log.
 *
 * @param variables Values by name; the values are results of `bareValue`.
 */
export function commandVariables(
  writer: Writer,
  platform: Platform,
  variables: Readonly<Record<string, string>>,
): void {
  if (platform.setOutput === undefined) return;
  for (const [name, value] of Object.entries(variables)) {
    // The id of the run is published at the start, and once more with everything else.
    writer.commandOnce(platform.setOutput(name, value));
  }
}

/** Sets the variables of outputs, on systems that read them from the log. */
export function commandOutputs(writer: Writer, platform: Platform, outputs: Outputs): void {
  commandVariables(writer, platform, outputVariables(outputs));
}

/** Shows a Markdown report on the page of the build, on systems that read its path from the log. */
export function commandSummary({ writer, io }: { writer: Writer; io: Io }, platform: Platform, path: string): void {
  const { showSummary } = platform;
  if (showSummary === undefined) return;
  try {
    const real = io.realPath(path);
    if (real !== undefined) writer.command(showSummary(real));
  } catch {
    // Deno without read permission. The file exists, but its real path is not known.
  }
}

/** Shows a verdict other than success on the page of the job, once. */
function commandVerdict(writer: Writer, platform: Platform, result: AnyResult): void {
  const view = viewOf(result);
  const { outcome, exitCode, runId, status, repository, kind: { noun }, verdict: { headline } } = view;
  // With the advice, which has no other place in the command.
  const { reason } = result;
  if (exitCode === 0 || platform.annotate === undefined) return;
  const run = runId === null ? `no ${noun}` : `${noun} ${runId}${status === null ? "" : ` (${status})`}`;
  const text = `${run}, exit code ${exitCode}${reason === null ? "" : `: ${cutText(reason, MAX_ANNOTATION_TEXT)}`}`;
  // An id says less than the general words.
  const title = repository === null ? headline : writer.untrusted(headlineText(view));
  writer.command(platform.annotate(lookup(LEVELS, outcome) ?? "warning", title, writer.untrusted(text)));
}

/**
 * Prints all commands that belong to a result.
 *
 * @param written Reports that were written.
 */
export function commandResult(
  { writer, io }: { writer: Writer; io: Io },
  platform: Platform,
  result: AnyResult,
  written: readonly ReportTarget[],
): void {
  // Redact before cutting: half a secret has no shape that could be found.
  const clean = writer.clean(result);
  commandOutputs(writer, platform, outputsOf(clean));
  const summary = written.find((target) => target.format === "markdown");
  if (summary !== undefined) commandSummary({ writer, io }, platform, summary.path);
  commandVerdict(writer, platform, clean);
}
