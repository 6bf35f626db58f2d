/**
 * Prints all output of the program. A `SafeLine` is a fixed text of the program, or untrusted text that was normalized, redacted and escaped. The
 * user's own token is masked in everything that is printed.
 *
 * @module
 */
import type { AnnotationLevel, Fence, Platform, Section } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import { exitCodeFor, MogplexError } from "../../errors.ts";
import type { Io, Stream } from "../../io.ts";
import { lookup } from "../../lookup.ts";
import { type Outputs, outputsOf, outputVariables, type ReportTarget } from "../../report/write.ts";
import type { AnyResult, AutomationOutcome, Outcome } from "../../run/result.ts";
import { headlineText, isNotStarted, viewOf } from "../../run/result_view.ts";
import { type TerminalSize, terminalSize } from "../../runtime.ts";
import { cellWidth, hangCells } from "../../text/cells.ts";
import { jsonLine } from "../../text/escape.ts";
import { cutText, plainLines } from "../../text/plain_text.ts";
import { joinRedactors, type Redactor, redactValue } from "../../text/redact.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";

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
  #shownAt: number | undefined;
  #fenced = false;
  #fence: Fence | undefined;

  constructor(io: Io, platform: Platform, redact: Redactor, size: () => TerminalSize | undefined = terminalSize) {
    this.#io = io;
    this.#size = size;
    this.#platform = platform;
    this.#redact = this.#own = redact;
  }

  get redact(): Redactor {
    return this.#redact;
  }

  get colored(): boolean {
    return wantsColors(this.#io, this.#isLog && this.#platform.showsColors);
  }

  /** After this call, stdout is the log of a job, which may be colored even without a terminal. */
  beginLog(): void {
    this.#isLog = true;
  }

  redactWith(redact: Redactor): void {
    this.#own = redact;
    this.#redact = this.#more === undefined ? redact : joinRedactors(redact, this.#more);
  }

  /** Also masks the secrets of this redactor, which replaces the redactor of an earlier call. */
  maskAlso(more: Redactor): void {
    this.#more = more;
    this.redactWith(this.#own);
  }

  untrusted(text: string): SafeLine {
    // Redaction comes before lines are joined, because a secret can have several lines.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n");
    return this.#platform.escapeLine(lines.map((each) => each.trim()).join(" "));
  }

  /** @param maxLength Maximum length of a line, in UTF-16 units. */
  untrustedLines(text: string, maxLength = Infinity, hang?: Hang): SafeLine[] {
    // Redaction comes before cutting, because the redactor does not recognize half of a secret.
    const lines = this.#redact(plainLines(text).join("\n")).split("\n").map((line) => cutText(line, maxLength));
    const broken = hang === undefined
      ? lines
      : lines.flatMap((line) => hang.whole?.test(line) ? [line] : hangCells(line, hang.cells, hang.indent));
    return broken.map((line) => this.#platform.escapeLine(line));
  }

  broken(stream: Stream, lines: readonly SafeLine[], indent: number): SafeLine[] {
    const columns = isInteractive({ io: this.#io, platform: this.#platform }, stream)
      ? this.#size()?.columns
      : undefined;
    if (columns === undefined) return [...lines];
    return lines.flatMap((line) => {
      const [, color = "", colored = line, end = "", more = ""] = COLORED.exec(line) ?? [];
      const whole = (colored + more).replace(COMMAND, (command) => command.replaceAll(" ", NO_BREAK));
      return hangCells(whole, columns, indent)
        .map((piece) => this.#platform.escapeLine(piece.replaceAll(NO_BREAK, " ")))
        .map((piece, index) => {
          const cut = more === "" ? piece.length : index === 0 ? colored.length : 0;
          return `${cut > 0 ? color + piece.slice(0, cut) + end : ""}${piece.slice(cut)}` as SafeLine;
        });
    });
  }

  out(...lines: SafeLine[]): void {
    this.#print("stdout", lines);
  }

  /** For another program: a generated file, or commands for a shell. The text is not escaped. */
  output(text: string): void {
    this.#print("stdout", [text]);
  }

  clean<T>(value: T): T {
    return redactValue(value, this.#redact);
  }

  json(value: unknown): void {
    this.#print("stdout", [jsonLine(this.clean(value))]);
  }

  /**
   * Formats an address as a link if the terminal supports links. Source: "Hyperlinks in terminal emulators" (OSC 8).
   * @param url Result of `webUrl`, which contains no control characters.
   */
  link(url: string): SafeLine {
    const links = !this.#platform.isCi && this.#io.isTerminal("stdout") && knowsLinks(this.#io);
    const line = this.untrusted(url);
    return links ? own`\x1b]8;;${line}\x1b\\${line}\x1b]8;;\x1b\\` : line;
  }

  paint(style: Style, line: SafeLine, from = 0, to = line.length): SafeLine {
    if (!this.colored) return line;
    return line.slice(0, from) + colored(style, line.slice(from, to)) + line.slice(to) as SafeLine;
  }

  /**
   * Keeps lines at the bottom of a terminal, below all other output. The lines do not wrap. A call without arguments removes the lines.
   * @param lines Fewer lines than the terminal has rows.
   */
  transient(...lines: readonly SafeLine[]): void {
    const text = lines.join("\n");
    if (text === this.#transient) return;
    const hidden = this.#hidden();
    this.#transient = text;
    this.#shownAt = this.#size()?.columns;
    this.#write(`${hidden}${this.#shown()}`);
  }

  #hidden(): string {
    if (this.#transient === "") return "";
    const above = this.#rows() - 1;
    return above === 0 ? "\r\x1b[K" : `\r\x1b[${above}A\x1b[J`;
  }

  /** Counts the terminal rows of the bottom lines. A terminal that has become narrower has wrapped these lines, unless it cuts long lines. */
  #rows(): number {
    const lines = this.#transient.split("\n");
    const [before, now] = [this.#shownAt, this.#size()?.columns];
    if (before === undefined || now === undefined || now >= before || cutsLines(this.#io)) return lines.length;
    const cells = (line: string) => Math.min(cellWidth(line.replace(SGR, "")), before);
    return lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(cells(line) / now)), 0);
  }

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
   * Makes the CI system ignore commands on stdout after this call, if the system supports that. Escaping already makes lines harmless. The fence also
   * protects against commands that this program does not know.
   */
  fence(): void {
    this.#fenced = true;
  }

  /** Ends the {@linkcode Writer.fence}, so that programs that print later can use commands. */
  unfence(): void {
    this.#fenced = false;
    this.#endFence();
  }

  command(line: string): void {
    this.#hide();
    this.#endFence();
    this.#io.write("stdout", `${this.#redact.token(line)}\n`);
    this.#show();
  }

  commandOnce(line: string): void {
    if (this.#given.has(line)) return;
    this.#given.add(line);
    this.command(line);
  }

  #endFence(): void {
    if (this.#fence === undefined) return;
    // A reader that has exited, such as `head`, may already have passed on the start of the fence. The end of the fence must still be printed.
    this.#io.write(this.#io.closed("stdout") ? "stderr" : "stdout", `${this.#fence.close}\n`);
    this.#fence = undefined;
  }

  note(text: string, command?: string): void {
    const lines = this.broken("stderr", [own`note: ${this.untrusted(text)}`], 2);
    this.#print("stderr", command === undefined ? lines : [...lines, own`  ${this.untrusted(command)}`]);
  }

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

// deno-lint-ignore no-control-regex
const COLORED = /^(\x1b\[\d+m)([^\x1b]*)(\x1b\[0m)([^\x1b]*)$/;
// deno-lint-ignore no-control-regex
const SGR = /\x1b\[[\d;]*m/g;
/** A command in a sentence. While lines are broken, {@linkcode NO_BREAK} replaces the spaces in commands. No printed text contains that character. */
const COMMAND = /`[^`]+`/g;
const NO_BREAK = "\x01";

export interface Hang {
  cells: number;
  indent: number;
  whole?: RegExp | undefined;
}

/** Source: ECMA-48, 8.3.117 (SGR). */
const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

export type Style = keyof typeof STYLES;

export function colored(style: Style, text: string): string {
  return `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/**
 * `FORCE_COLOR` overrides all other conditions.
 * @param ofCi Whether stdout is the log of a CI system that shows colors. Source: no-color.org; Node.js, "tty", `FORCE_COLOR`.
 */
function wantsColors(io: Pick<Io, "env" | "isTerminal">, ofCi: boolean): boolean {
  const forced = io.env("FORCE_COLOR");
  if (forced) return forced !== "0" && forced !== "false";
  if (io.env("NO_COLOR")) return false;
  return ofCi || io.isTerminal("stdout") && !isDumb(io);
}

/** Values of `TERM_PROGRAM` for terminals that support links. Source: the documentation of each terminal, OSC 8. */
const LINKING = ["ghostty", "iTerm.app", "vscode", "WezTerm"];
/** `VTE_VERSION` of VTE 0.50, the first version of GNOME's terminal library that supports links. */
const LINKING_VTE = 5_000;

/** tmux and screen are excluded, because they may drop the escape sequence. */
function knowsLinks({ env }: Pick<Io, "env">): boolean {
  const term = env("TERM") ?? "";
  if (/^(?:screen|tmux|dumb)/.test(term)) return false;
  return LINKING.includes(env("TERM_PROGRAM") ?? "") || Number(env("VTE_VERSION")) >= LINKING_VTE ||
    Boolean(env("WT_SESSION")) || /^(?:xterm-kitty|foot|alacritty)/.test(term);
}

/** The beginning of a section is printed right before its first line, so that no section is empty. */
export class LogSection {
  readonly #parts: { writer: Writer; platform: Platform; clock: Clock };
  #section: Section | undefined;
  #isShown = false;

  constructor(parts: { writer: Writer; platform: Platform; clock: Clock }) {
    this.#parts = parts;
  }

  /**
   * The id of the section gets a random suffix, because a job may follow several runs or campaigns.
   * @param name Letters, digits and `_`.
   */
  begin(name: string, title: string, folded: boolean): void {
    this.end();
    const { platform, clock } = this.#parts;
    const id = `mogplex_${name}_${crypto.randomUUID().slice(0, 8)}`;
    this.#section = platform.section?.(id, `Mogplex: ${title}`, clock.wallTime(), folded);
  }

  show(): void {
    if (this.#section === undefined || this.#isShown) return;
    this.#isShown = true;
    this.#parts.writer.command(this.#section.open);
  }

  end(): void {
    const end = this.#isShown ? this.#section?.close(this.#parts.clock.wallTime()) ?? "" : "";
    this.#section = undefined;
    this.#isShown = false;
    if (end !== "") this.#parts.writer.command(end);
  }
}

const LABEL_STYLES: Readonly<Record<string, Style>> = {
  cancel: "yellow",
  cancelled: "yellow",
  failed: "red",
  log: "dim",
  started: "dim",
  status: "dim",
  tool: "cyan",
};

// A continuation line has neither time nor label.
const TIMED = /^(\d\d:\d\d:\d\d {2}| {10})([a-z]\S*)/;
const BARE = /^()([a-z]\S*)/;

export function textIndent(times: boolean): number {
  return times ? 20 : 10;
}

export function colorLine(writer: Pick<Writer, "colored" | "paint">, line: SafeLine, times: boolean): SafeLine {
  const [, time = "", label = ""] = (writer.colored && (times ? TIMED : BARE).exec(line)) || [];
  const style = lookup(LABEL_STYLES, label);
  // The label is colored first, because color codes shift the text after them.
  const labelled = style === undefined ? line : writer.paint(style, line, time.length, time.length + label.length);
  return time.trim() === "" ? labelled : writer.paint("dim", labelled, 0, time.length);
}

/**
 * Whether a person watches a stream on a terminal that can move its cursor. Only then may the log redraw a line, leave out what the screen already
 * shows, and let a run continue after Ctrl-C. Always `false` on a CI system, although `act` and Buildkite's agent give their jobs a terminal.
 * Source: nektos/act, pkg/container/host_environment.go, `openPty`; buildkite/agent, process/process.go, `PTY`.
 */
export function isInteractive(
  { io, platform }: { io: Pick<Io, "env" | "isTerminal">; platform: Pick<Platform, "isCi"> },
  stream: Parameters<Io["isTerminal"]>[0] = "stdout",
): boolean {
  return !platform.isCi && !isDumb(io) && io.isTerminal(stream);
}

/** Whether the terminal cannot move its cursor. Source: terminfo, entry `dumb`. */
function isDumb(io: Pick<Io, "env">): boolean {
  return io.env("TERM") === "dumb";
}

/** Whether the terminal cuts lines that have become too long, instead of wrapping them. Source: measured. */
function cutsLines({ env }: Pick<Io, "env">): boolean {
  const term = env("TERM") ?? "";
  return term === "linux" || Boolean(env("XTERM_VERSION")) && !/^(?:screen|tmux)/.test(term);
}

export const USUAL_WIDTH = 180;

export function logWidth(io: Pick<Io, "isTerminal">): number {
  return io.isTerminal("stdout") ? terminalSize()?.columns ?? 80 : USUAL_WIDTH;
}

// Commands to the CI system in the log: the outputs, the path of the summary, and a verdict other than success. Other systems read files, which
// `lib/report/write.ts` writes. With `--json` there are no commands, because programs read stdout.

/** In UTF-16 units. The log and the reports contain the full text. */
const MAX_ANNOTATION_TEXT = 1_000;

const LEVELS: Partial<Record<Outcome | AutomationOutcome, AnnotationLevel>> = { failed: "error", error: "error" };

export function commandVariables(
  writer: Writer,
  platform: Platform,
  variables: Readonly<Record<string, string>>,
): void {
  if (platform.setOutput === undefined) return;
  for (const [name, value] of Object.entries(variables)) {
    writer.commandOnce(platform.setOutput(name, value));
  }
}

export function commandOutputs(writer: Writer, platform: Platform, outputs: Outputs): void {
  commandVariables(writer, platform, outputVariables(outputs));
}

export function commandSummary({ writer, io }: { writer: Writer; io: Io }, platform: Platform, path: string): void {
  const { showSummary } = platform;
  if (showSummary === undefined) return;
  try {
    const real = io.realPath(path);
    if (real !== undefined) writer.command(showSummary(real));
  } catch {
    // Without Deno's read permission, the path of an existing file cannot be resolved.
  }
}

function commandVerdict(writer: Writer, platform: Platform, result: AnyResult): void {
  const view = viewOf(result);
  const { outcome, exitCode, runId, status, repository, kind: { noun }, verdict: { headline } } = view;
  const reason = cutText(result.reason ?? "", MAX_ANNOTATION_TEXT);
  if (exitCode === 0 || platform.annotate === undefined) return;
  const run = runId === null
    ? `no ${noun}, `
    : reason.includes(runId)
    ? ""
    : `${noun} ${runId}${status === null ? "" : ` (${status})`}, `;
  const advice = result.error?.advice ?? null;
  const nextStep = view.nextStep ?? (advice === null || result.reason?.includes(advice) ? null : view.advice);
  const why = reason === "" || nextStep === null ? reason : reason.replace(/[^.!?\u2026]$/, "$&.");
  const what = [why, nextStep ?? ""].filter((each) => each !== "").join(" ");
  const text = `${run}exit code ${exitCode}${what === "" ? "" : `: ${what}`}`;
  // If nothing was started, the general headline is more useful than an id. If a repository was not found, the reason already names the repository.
  const title = repository === null || isNotStarted(view) ? headline : writer.untrusted(headlineText(view));
  writer.command(platform.annotate(lookup(LEVELS, outcome) ?? "warning", title, writer.untrusted(text)));
}

export function commandError(
  { writer, platform: { annotate } }: { writer: Writer; platform: Platform },
  title: string,
  error: unknown,
): void {
  if (annotate === undefined) return;
  const text = error instanceof MogplexError ? error.message : "Internal error";
  writer.command(annotate("error", title, writer.untrusted(`exit code ${exitCodeFor(error)}: ${text}`)));
}

/** On systems that support this, the notice appears on the page of the job. @param title A fixed text of the program. */
export function commandWarning(
  { writer, platform: { annotate } }: { writer: Writer; platform: Platform },
  title: string,
  text: string,
): void {
  if (annotate === undefined) return writer.note(text);
  writer.command(annotate("warning", title, writer.untrusted(text)));
}

export function commandResult(
  { writer, io }: { writer: Writer; io: Io },
  platform: Platform,
  result: AnyResult,
  { written, valuePath }: { written: readonly ReportTarget[]; valuePath?: string | undefined },
): void {
  // Redaction comes before cutting, because the redactor does not recognize half of a secret.
  const clean = writer.clean(result);
  commandOutputs(writer, platform, outputsOf(clean, valuePath));
  const summary = written.find((target) => target.format === "markdown");
  if (summary !== undefined) commandSummary({ writer, io }, platform, summary.path);
  commandVerdict(writer, platform, clean);
}
