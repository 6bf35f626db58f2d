import type { Platform } from "../../ci/platform.ts";
import type { Clock } from "../../clock.ts";
import { lookup } from "../../lookup.ts";
import type { Run, RunEvent } from "../../model.ts";
import type { NoticeFacts } from "../../notice.ts";
import { noticeLine } from "../../text/notice_text.ts";
import {
  bareRow,
  COMPACT_WIDTH,
  CompactLog,
  FULL_WIDTH,
  fullEvent,
  questionIn,
  type Row,
  timedRow,
} from "../../report/event_text.ts";
import { appAddress } from "../../report/app_link.ts";
import type { CampaignRetry } from "../../report/campaign_item.ts";
import type { ReportTarget } from "../../report/write.ts";
import type { FollowItem } from "../../run/follow.ts";
import { type AnyResult, beginsPhase, hasEnded, type RunResult } from "../../run/result.ts";
import {
  branchWords,
  headlineOf,
  isNotStarted,
  mayHaveStarted,
  noPullRequestWords,
  resultFileWords,
  type ResultView,
  startWords,
  statusWords,
  timesOf,
  viewOf,
} from "../../run/result_view.ts";
import { clockText, formatCount, formatDuration } from "../../text/duration.ts";
import { jsonLine } from "../../text/escape.ts";
import { cutText } from "../../text/plain_text.ts";
import { own, type SafeLine } from "../../text/safe_line.ts";
import { factsText } from "./terminal.ts";
import { colorLine, commandWarning, type Hang, LogSection, textIndent, USUAL_WIDTH, type Writer } from "./writer.ts";

export type LogForm = "compact" | "full" | "json";

interface LiveLogOptions {
  writer: Writer;
  platform: Platform;
  clock: Clock;
  form: LogForm | null;
  json: boolean;
  status?: string | undefined;
  interactive: boolean;
  /** Whether each event line begins with its time. `false` if the CI system adds the time. @default {true} */
  times?: boolean | undefined;
  timeoutMs?: number | undefined;
  /** How far this machine's clock is ahead of the service's; `undefined` while unknown. */
  skewMs?: (() => number | undefined) | undefined;
  /** Lines of the compact form are broken at this width, in cells. @default {180} */
  width?: number | undefined;
}

/** Once the event lines exceed this size, only the newest lines are kept. Source: design, "Agent text is hostile". GitLab truncates logs at 4 MiB. */
const MAX_EVENT_BYTES = 1_800_000;
const KEPT_LINES = 200;
const MAX_KEPT_BYTES = 400_000;
const STATUS_LINE_MS = 1_000;
/** How long the agent's text waits for a line break. Some CI runners detect that a job was cancelled only when the log grows. */
const HELD_MS = 5_000;
// The names of the phases in results and notes. The first section is collapsed, because users only need it after a failure.
const SECTIONS: readonly [name: string, title: string][] = [
  ["prepare", "queue and prepare"],
  ["agent", "agent"],
  ["deliver", "deliver"],
];
const DOING = ["booting the sandbox", "agent working", "delivering"];
const SECTION_OF: Record<string, number> = { queue: 0, prepare: 0, agent: 1, deliver: 2 };

function bytesOf(line: string): number {
  return new TextEncoder().encode(line).length + 1;
}

export class LiveLog {
  readonly #options: LiveLogOptions;
  readonly #startedAt: number;
  readonly #ticker = new AbortController();
  readonly #row: Row;
  readonly #hang: Hang;
  readonly #color: (line: SafeLine) => SafeLine;
  readonly #compact: CompactLog;
  readonly #kept: SafeLine[] = [];
  #keptBytes = 0;
  #bytes = 0;
  #full = false;
  #dropped = 0;
  #requests = () => 0;
  #status: string;
  #statusAt: number;
  /** When the run was created, on the clock of the log, if the command has attached to a run that was already there. */
  #createdAt: number | undefined;
  #isStatusNew = true;
  /** What the job waits for after its run has ended. Untrusted text. */
  #waiting: string | undefined;
  #newsAt: number;
  #phase = -1;
  #watchesHeld = false;
  readonly #section: LogSection;

  constructor(options: LiveLogOptions) {
    const { writer, clock, interactive, json, times = true, width = USUAL_WIDTH } = options;
    this.#options = options;
    this.#status = options.status ?? "starting";
    this.#section = new LogSection(options);
    this.#color = (line) => colorLine(writer, line, times);
    this.#hang = { cells: width, indent: textIndent(times) };
    this.#row = times ? timedRow : bareRow;
    this.#compact = new CompactLog(writer.redact, this.#row);
    this.#startedAt = this.#statusAt = this.#newsAt = clock.now();
    if (interactive && !json) void this.#tick();
  }

  countRequests(requests: () => number): void {
    this.#requests = requests;
  }

  /** @param status A status that was already printed. */
  open(status = this.#status): void {
    this.begin(status);
    this.#enter(0);
    this.#draw();
  }

  /** @param status A status that was already printed. */
  begin(status: string): void {
    this.#setStatus(status);
    this.#fence();
    this.#draw();
  }

  #setStatus(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    this.#waiting = undefined;
    this.#statusAt = this.#options.clock.now();
    this.#isStatusNew = true;
  }

  /** The age of the status of an existing run is unknown until the status changes. */
  #attach({ createdAt }: Run): void {
    const { clock, skewMs } = this.#options;
    const skew = skewMs?.();
    const ageMs = skew === undefined ? NaN : clock.wallTime() - skew - Date.parse(createdAt);
    const isEarlier = ageMs > clock.now() - this.#startedAt + ATTACHED_MS;
    if (isEarlier && this.#createdAt === undefined) this.#isStatusNew = false;
    this.#createdAt = isEarlier ? clock.now() - ageMs : undefined;
  }

  /** JSON lines need no fence, because they contain no commands and are read by programs. */
  #fence(): void {
    if (!this.#options.json) this.#options.writer.fence();
  }

  close(): void {
    const { writer } = this.#options;
    this.#ticker.abort();
    this.#eventLines(this.#compact.end());
    if (this.#kept.length > 0) this.#section.show();
    if (this.#dropped > 0) writer.out(own`(${this.#dropped} event lines left out; see the reports)`);
    if (this.#kept.length > 0) writer.out(...this.#kept);
    this.#kept.length = this.#dropped = 0;
    this.#section.end();
    this.#fence();
    writer.transient();
  }

  /** Closes the section and the fence immediately, for a process that must exit now. */
  leave(): void {
    this.#ticker.abort();
    this.#section.end();
    this.#options.writer.unfence();
  }

  item(item: FollowItem): void {
    // An event and its section already show that the agent is running.
    if (item.type === "status") {
      const isTold = hasEnded(item.status) || item.status === "streaming";
      this.#change(item.status, isTold, false, item.run);
    }
    if (item.type !== "event") return;
    const { form, json, writer, clock } = this.#options;
    this.#newsAt = clock.now();
    if (form === null) return;
    if (json) writer.json(item.event);
    else this.#event(item.event);
  }

  status(status: string, isTold: boolean): void {
    this.#change(status, isTold, true);
  }

  #change(status: string, isTold: boolean, timed: boolean, run?: Run): void {
    this.#newsAt = this.#options.clock.now();
    const isChanged = this.#options.form !== null && status !== this.#status;
    if (isChanged) this.#setStatus(status);
    if (run !== undefined) this.#attach(run);
    if (!isChanged) return;
    this.#draw();
    if (!isTold) this.line("status", status, timed);
  }

  /**
   * If the output is JSON lines, prints nothing.
   * @param timed Whether the line has the current time. Use `false` between the events of a run, because later events may have earlier times.
   */
  line(label: string, text: string, timed = true): void {
    const { json, writer, clock } = this.#options;
    if (json) return;
    this.#section.show();
    const time = timed ? new Date(clock.wallTime()).toISOString().slice(11, 19) : "";
    writer.out(
      ...writer.untrustedLines(this.#row(time, label, text), Infinity, this.#hang).map((line) => this.#color(line)),
    );
  }

  fact(text: string): void {
    const { json, writer } = this.#options;
    if (json) return;
    this.#section.show();
    writer.out(...writer.untrustedLines(text, Infinity, this.#hang));
  }

  /**
   * Prints heartbeats between the events on stdout, and other notices on stderr. With a status line, there are no heartbeats. With `--json`, all
   * notices go to stderr. If two jobs share a run, the notice becomes a warning on the page of the job, because otherwise the second job looks like
   * an ordinary success.
   */
  notice(notice: NoticeFacts): void {
    const { json, writer, interactive, form } = this.#options;
    if (notice.kind === "shared_key" && !json) {
      return commandWarning(this.#options, "This job shares the run of another job", noticeText(notice));
    }
    if (notice.kind !== "heartbeat" || json) return writer.note(noticeText(notice));
    this.#waiting = hasEnded(this.#status) ? notice.status : undefined;
    this.#eventLines(this.#compact.flush());
    if (interactive) return;
    const requests = form === "full" ? [formatCount(notice.requests, "request")] : [];
    this.#section.show();
    writer.out(writer.paint("dim", writer.untrusted(`... ${[...this.#now(), ...requests].join(" · ")}`)));
  }

  #enter(phase: number): void {
    const { form, json } = this.#options;
    if (json || form === null || phase <= this.#phase) return;
    this.#phase = phase;
    const [name, title] = SECTIONS[phase] as (typeof SECTIONS)[number];
    this.#section.begin(name, title, phase === 0);
  }

  #event(given: RunEvent): void {
    const { form, writer } = this.#options;
    const event = writer.clean(given);
    // A part of the agent's text may end inside a secret, so it is masked later, together with the parts around it.
    if (form === "compact" && given.payload.kind === "assistant_delta") event.message = given.message;
    const phase = lookup(SECTION_OF, beginsPhase(event) ?? "");
    if (phase !== undefined && phase > this.#phase) {
      this.#eventLines(this.#compact.flush());
      // The agent's last messages still belong to the current section.
      if (event.payload.kind !== "assistant_final") this.#enter(phase);
    }
    if (form === "json") this.#print([jsonLine(event)]);
    else if (form === "full") this.#print(writer.untrustedLines(fullEvent(event, this.#row), FULL_WIDTH));
    else this.#eventLines(this.#compact.lines(event));
    void this.#showHeld();
  }

  async #showHeld(): Promise<void> {
    const { signal } = this.#ticker;
    if (this.#watchesHeld) return;
    this.#watchesHeld = true;
    while (this.#compact.holds && !signal.aborted) {
      await this.#options.clock.sleep(HELD_MS, { signal, background: true }).catch(() => {});
      if (!signal.aborted) this.#eventLines(this.#compact.overdue());
    }
    this.#watchesHeld = false;
  }

  #eventLines(lines: readonly string[]): void {
    const { writer } = this.#options;
    this.#print(lines.flatMap((line) => writer.untrustedLines(line, COMPACT_WIDTH, this.#hang)));
  }

  #print(lines: readonly SafeLine[]): void {
    const { writer } = this.#options;
    if (lines.length > 0 && !this.#full) this.#section.show();
    for (const line of lines) {
      const bytes = bytesOf(line);
      this.#bytes += bytes;
      if (!this.#full && this.#bytes <= MAX_EVENT_BYTES) {
        writer.out(this.#color(line));
        continue;
      }
      if (!this.#full) {
        this.#full = true;
        writer.out(
          own`(the log is limited to ${MAX_EVENT_BYTES} bytes of events: the last ${KEPT_LINES} lines follow at the end)`,
        );
      }
      this.#kept.push(line);
      this.#keptBytes += bytes;
      while (this.#kept.length > KEPT_LINES || this.#keptBytes > MAX_KEPT_BYTES) {
        this.#keptBytes -= bytesOf(this.#kept.shift() ?? "");
        this.#dropped++;
      }
    }
  }

  async #tick(): Promise<void> {
    const { signal } = this.#ticker;
    while (!signal.aborted) {
      this.#draw();
      await this.#options.clock.sleep(STATUS_LINE_MS, { signal }).catch(() => {});
    }
  }

  #draw(): void {
    const { writer, interactive, json, form } = this.#options;
    if (!interactive || json || this.#ticker.signal.aborted) return;
    const requests = form === "full" ? [formatCount(this.#requests(), "request")] : [];
    writer.transient(writer.paint("dim", writer.untrusted([...this.#now(), ...requests].join(" · "))));
  }

  #doing(): string | undefined {
    if (this.#status === "streaming" && this.#phase < 1) return "preparing the agent";
    return DOING[this.#phase];
  }

  #now(): string[] {
    const { clock, timeoutMs } = this.#options;
    return statusParts({
      nowMs: clock.now(),
      startedAt: this.#startedAt,
      createdAt: this.#createdAt,
      timeoutMs,
      doing: hasEnded(this.#status) ? undefined : this.#doing(),
      tools: this.#compact.running,
      status: this.#waiting ?? this.#status,
      statusAt: this.#statusAt,
      isStatusNew: this.#isStatusNew,
      newsAt: this.#newsAt,
    });
  }
}

// Times and durations are in milliseconds.

interface Progress {
  nowMs: number;
  startedAt: number;
  createdAt: number | undefined;
  timeoutMs: number | undefined;
  doing: string | undefined;
  /** Tools in use. Untrusted text. */
  tools: readonly string[];
  /** Untrusted text. */
  status: string;
  statusAt: number;
  isStatusNew: boolean;
  newsAt: number;
}

/** The service's `Date` has whole seconds, so a run that this command has started can look slightly older than the command. */
const ATTACHED_MS = 5_000;

function wholeSeconds(ms: number): string {
  return formatDuration(Math.round(ms / 1_000) * 1_000);
}

/**
 * The time since the last news is left out if the news came within this time after the last change of the status. It would only repeat the duration
 * of the status.
 */
const QUIET_MS = 1_000;

/** Contains untrusted text. */
function statusParts(progress: Progress): string[] {
  const { nowMs, startedAt, createdAt, timeoutMs, doing, tools, status, statusAt, isStatusNew, newsAt } = progress;
  const work = tools.length > 0 ? `the agent is using ${tools.join(", ")}` : doing;
  const here = `${clockText(nowMs - startedAt)}${timeoutMs === undefined ? "" : ` / ${clockText(timeoutMs)}`}`;
  return [
    ...(createdAt === undefined ? [here] : [`run time ${clockText(nowMs - createdAt)}`, `attached for ${here}`]),
    ...(work === undefined ? [] : [work]),
    isStatusNew ? `${status} for ${wholeSeconds(nowMs - statusAt)}` : status,
    ...(isStatusNew && newsAt - statusAt < QUIET_MS ? [] : [`quiet for ${wholeSeconds(nowMs - newsAt)}`]),
  ];
}

/** May contain untrusted text. */
export function noticeText(notice: NoticeFacts): string {
  return noticeLine(notice, { keyPart: "`--key-part`" });
}

const MAX_BLOCK_TEXT = 4_000;

function events({ seen, missed, windowFull }: RunResult["eventCount"], full: boolean): string | null {
  const parts = [full && `${seen} seen`, missed && "some were missed", windowFull && "later events are not visible"];
  return parts.filter(Boolean).join(", ") || null;
}

function files(reports: readonly ReportTarget[]): string | null {
  const paths = reports.map(({ path }) => path);
  const directory = /^.*\//.exec(paths[0] ?? "")?.[0] ?? "";
  const together = paths.length > 1 && directory !== "" && paths.every((path) => path.startsWith(directory));
  const names = together ? [`${directory}:`, ...paths.map((path) => path.slice(directory.length))] : paths;
  return names.length === 0 ? null : names.join(" ");
}

function shortened(text: string | null): string | null {
  return text === null ? null : cutText(text, MAX_BLOCK_TEXT);
}

export interface VerdictOptions {
  reports: readonly ReportTarget[];
  cancel?: ((runId: string) => string) | undefined;
  full?: boolean | undefined;
  compared?: string | undefined;
  campaign?: CampaignRetry | undefined;
  page?: string | undefined;
  value?: string | undefined;
}

/** Contains untrusted text. */
export function verdictText(result: AnyResult, options: VerdictOptions): string {
  const { reports, cancel, full = false, compared, campaign, page, value } = options;
  const view = viewOf(result);
  const { runId, git, eventCount, resume } = view;
  const status = isNotStarted(view) ? "no agent" : statusWords(view);
  const { runMs, hereMs } = timesOf(view);
  const took = formatDuration(view.durationMs);
  const started = runId !== null;
  // Only a start with an unknown outcome needs the key to continue. A command to resume already contains the key.
  const lost = !started && resume === null && mayHaveStarted(result);
  return factsText([
    ["verdict", `${endWords(view)} (exit code ${view.exitCode})`],
    ["pull request", started && git !== null ? git.pullRequest.url ?? noPullRequestWords(view) : null],
    ["repository", view.repository ?? view.repoId],
    ["task", headlineOf(view).title],
    ["reason", shortened(view.reason)],
    ["question", view.outcome === "awaiting_input" ? shortened(questionIn(view.events) ?? null) : null],
    ["answer at", view.outcome === "awaiting_input" ? appAddress(view.origin, runId) ?? null : null],
    ["campaign", campaign?.campaign ?? null],
    ["what to do", campaign?.step ?? view.nextStep ?? shortened(view.advice)],
    ["retry", campaign?.command ?? null],
    ["automation", view.automationId],
    ["run", started ? `${runId}${status === null ? "" : ` (${status})`}` : null],
    ["started", view.replayed === null ? null : startWords(view)],
    ["key", full || lost ? view.idempotencyKey : null],
    ["branch", started && git !== null ? branchWords(git, view) : null],
    ["result file", view.resultFile === null ? null : `${view.resultFile.path} (${resultFileWords(view.resultFile)})`],
    ["value", view.resultFile?.cause === null ? value ?? null : null],
    ["files", git?.files?.length ? shortened(git.files.join(", ")) : null],
    ["events", started && eventCount !== null ? events(eventCount, full) : null],
    ["run time", runMs === null ? null : formatDuration(runMs)],
    ["time", full ? `${took}, ${formatCount(view.requests, "request")}` : hereMs === null ? null : took],
    // A run that waits for an answer has not finished, so its duration cannot be compared.
    ["compared", view.outcome === "awaiting_input" ? null : compared ?? null],
    ["reports", files(reports)],
    ["page", page === undefined ? null : `open ${page}`],
    ["resume", resume],
    ["cancel", started && resume !== null ? cancel?.(runId) ?? null : null],
  ]);
}

function endWords(view: ResultView): string {
  const { outcome, verdict: { word }, git } = view;
  if (outcome === "success" && git?.changed === false) return `${word}, no changes`;
  return outcome === "failed" ? headlineOf(view).end : word;
}
