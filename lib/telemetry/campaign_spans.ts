/**
 * The spans of a campaign's waves: one for the job, one for each wave, and one for each item whose run ended in it.
 *
 * @module
 */
import { EXIT } from "../exit_codes.ts";
import { exitType, type JobFacts, placeBelow, repositoryOf } from "./job_spans.ts";
import { OWN, SEMCONV, type Span } from "./otlp.ts";
import { newId, parseTraceparent, type TraceContext } from "./settings.ts";

interface WaveFacts {
  number: number;
  spanId: string;
  startMs: number;
  endMs: number | null;
  links: { traceId: string; spanId: string }[];
}

/** An item of a campaign, as spans need it. */
interface CampaignItemFacts {
  id: string;
  repository: string;
  verdict: string;
  starts: number;
  runId: string | null;
  /** Times in ISO 8601 by the service's clock; null for a moment that has not come. */
  startedAt: string | null;
  endedAt: string | null;
}

/** Most items with a span of their own. */
const MAX_ITEMS = 2_000;
/** Verdicts that are errors in a trace. */
const BAD: readonly string[] = ["failed", "overdue", "conflict", "invalid", "unknown", "needs-input"];

/** How a campaign's job ended. */
interface CampaignEnd {
  /** Exit code of the command. */
  exitCode: number;
  /** Its name, its round, and where it is; null when that is not known. */
  campaign: string | null;
  round: string | null;
  state: string | null;
}

/** Takes waves and items as they come. */
export class CampaignLog {
  readonly #waves: WaveFacts[] = [];
  readonly #items = new Map<string, { item: CampaignItemFacts; wave: WaveFacts | undefined }>();
  #unshown = 0;

  /** A wave begins, and the one before it ends. */
  wave(number: number, wallMs: number): void {
    const last = this.#waves.at(-1);
    if (last !== undefined) last.endMs ??= wallMs;
    this.#waves.push({ number, spanId: newId(8), startMs: wallMs, endMs: null, links: [] });
  }

  /**
   * Links the wave that has begun with the one before it, which may have been another process.
   *
   * @param before Its `traceparent`; null for none.
   * @returns The span of this one; undefined when none has begun.
   */
  link(before: string | null): string | undefined {
    const wave = this.#waves.at(-1);
    const place = before === null ? undefined : parseTraceparent(before);
    if (wave !== undefined && place !== undefined) wave.links = [{ traceId: place.traceId, spanId: place.spanId }];
    return wave?.spanId;
  }

  /** An item has changed. It gets a span once its run has ended. */
  item(item: CampaignItemFacts): void {
    if (item.endedAt === null || item.startedAt === null) return;
    if (!this.#items.has(item.id) && this.#items.size >= MAX_ITEMS) this.#unshown++;
    else this.#items.set(item.id, { item, wave: this.#waves.at(-1) });
  }

  /** The spans of the job. @param facts Those of the job; its requests are counted. */
  spans({ exitCode, campaign, round, state }: CampaignEnd, trace: TraceContext, facts: JobFacts): Span[] {
    const named = { [OWN.campaignName]: campaign, [OWN.campaignRound]: round === "" ? null : round };
    const { startMs, endMs, skewMs, requests, task } = facts;
    const goesOn = exitCode === EXIT.rateLimited;
    const isGood = exitCode === EXIT.success || goesOn;
    const stopped: readonly number[] = [EXIT.sigint, EXIT.sigterm, EXIT.cancelled];
    const failed: readonly number[] = [EXIT.failed, EXIT.awaitingInput];
    const result = isGood
      ? "success"
      : stopped.includes(exitCode)
      ? "cancellation"
      : failed.includes(exitCode)
      ? "failure"
      : exitCode === EXIT.deadline
      ? "timeout"
      : "error";
    const job: Span = {
      spanId: trace.spanId,
      parentSpanId: trace.parentSpanId,
      remoteParent: trace.parentSpanId !== null,
      name: "mogplex campaign",
      kind: "internal",
      startMs,
      endMs,
      attributes: {
        ...task,
        [SEMCONV.taskResult]: result,
        [SEMCONV.errorType]: isGood || result === "cancellation" ? null : exitType(exitCode),
        [OWN.kind]: "campaign",
        ...named,
        [OWN.exitCode]: exitCode,
        [OWN.campaignState]: state,
        [OWN.requests]: requests.count,
        [OWN.polls]: requests.polls,
        [OWN.unshown]: requests.unshown === 0 ? null : requests.unshown,
        [OWN.spansUnshown]: this.#unshown === 0 ? null : this.#unshown,
      },
      events: requests.waits,
      error: isGood || result === "cancellation" ? null : result,
    };
    const waves = this.#waves.map((wave): Span => ({
      spanId: wave.spanId,
      parentSpanId: trace.spanId,
      name: "wave",
      kind: "internal",
      startMs: wave.startMs,
      endMs: wave.endMs ?? endMs,
      attributes: { ...named, [OWN.campaignWave]: wave.number },
      links: wave.links,
      error: null,
    }));
    const items = [...this.#items.values()].map(({ item, wave }): Span => {
      const isBad = BAD.includes(item.verdict);
      const above = wave ?? { spanId: trace.spanId, startMs };
      const beganMs = Date.parse(item.startedAt ?? "") + skewMs;
      // A run that an earlier wave has started is not within this one, which has seen its end.
      const place = placeBelow(beganMs, above.startMs);
      return {
        spanId: newId(8),
        parentSpanId: place.isWithin ? above.spanId : null,
        ...!place.isWithin && { links: [{ traceId: trace.traceId, spanId: above.spanId }] },
        name: "invoke_agent",
        kind: "client",
        startMs: place.startMs,
        endMs: Date.parse(item.endedAt ?? "") + skewMs,
        attributes: {
          [SEMCONV.operation]: "invoke_agent",
          [SEMCONV.provider]: "mogplex",
          [SEMCONV.conversation]: item.runId,
          ...repositoryOf(item.repository),
          ...named,
          [OWN.campaignItem]: item.id,
          [OWN.campaignVerdict]: item.verdict,
          [OWN.campaignStarts]: item.starts,
          [SEMCONV.errorType]: isBad ? item.verdict : null,
        },
        error: isBad ? item.verdict : null,
      };
    });
    return [job, ...waves, ...items];
  }
}
