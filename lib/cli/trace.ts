import { InterruptedError } from "../errors.ts";
import { appendOutputs, collectProblems, renderGithubOutputs } from "../report/write.ts";
import { cleanResult } from "../run/clean.ts";
import type { Session } from "../run/session.ts";
import { jobSpans } from "../telemetry/job_spans.ts";
import {
  cleanAttributes,
  EXPORT_MS,
  HURRIED_MS,
  renderBatch,
  RequestLog,
  resourceAttributes,
  sendSpans,
  type Span,
  taskAttributes,
  writeSpans,
} from "../telemetry/otlp.ts";
import { openTrace, readTraceSettings, type TraceContext, type TraceSettings } from "../telemetry/settings.ts";
import { renderDotenvFile } from "../text/escape.ts";
import type { Context, ExtraEnd, JobExtra } from "./verb.ts";

/** The environment variable with the position in a trace. Source: W3C, "Trace Context"; OpenTelemetry, "Environment variables as carriers". */
const TRACEPARENT = "TRACEPARENT";

class JobTrace {
  readonly #context: Context;
  readonly #settings: TraceSettings;
  readonly #trace: TraceContext;
  readonly #file: string | undefined;
  readonly #startMs: number;
  readonly #requests = new RequestLog();
  #session: Session | undefined;

  constructor(context: Context, settings: TraceSettings, trace: TraceContext, file: string | undefined) {
    this.#context = context;
    this.#settings = settings;
    this.#trace = trace;
    this.#file = file;
    this.#startMs = context.clock.wallTime();
  }

  part(): Partial<JobExtra> {
    const { clock } = this.#context;
    return {
      onSession: (session) => {
        this.#session = session;
      },
      onRequest: (request) => this.#requests.add(request, clock.wallTime()),
      onNotice: (notice) => this.#requests.notice(notice, clock.wallTime()),
      ended: async (end) => {
        this.#publish(end);
        if (this.#trace.sampled) await this.#export(this.#spans(end), end.error instanceof InterruptedError);
      },
    };
  }

  #spans(end: ExtraEnd): Span[] {
    const { writer: { redact }, io: { env }, platform, clock } = this.#context;
    const facts = {
      startMs: this.#startMs,
      endMs: clock.wallTime(),
      skewMs: this.#session?.client.clockSkewMs ?? 0,
      requests: this.#requests,
      task: taskAttributes({ platform, env }, this.#trace.spanId),
    };
    return jobSpans(cleanResult(end.result, redact, redact.token), this.#trace, facts).map((span) => ({
      ...span,
      name: redact(span.name),
      attributes: cleanAttributes(span.attributes, redact),
    }));
  }

  async #export(spans: readonly Span[], hurried: boolean): Promise<void> {
    const { writer, io, platform, clock, fetch } = this.#context;
    const { endpoint, resource } = this.#settings;
    const about = cleanAttributes(resourceAttributes({ platform, env: io.env }, resource), writer.redact);
    const batch = writer.redact.token(renderBatch(this.#trace.traceId, about, spans));
    const problems = [
      this.#file && writeSpans(this.#file, batch, io),
      endpoint && await sendSpans(endpoint, batch, {
        fetch,
        clock,
        limitMs: hurried ? HURRIED_MS : EXPORT_MS,
        redact: (text) => writer.redact(text),
      }),
    ];
    for (const problem of problems) if (problem) writer.note(problem);
  }

  /** Later steps and jobs read the position in the trace from the written outputs and from the files of the CI system. */
  #publish({ written }: ExtraEnd): void {
    const { io, platform, writer } = this.#context;
    const value = this.#trace.traceparent;
    const line = renderDotenvFile({ [TRACEPARENT]: value });
    const { problems, attempt } = collectProblems();
    for (const { format, path } of written) {
      if (format === "dotenv") attempt(format, path, () => io.appendFile(path, line, "refuse"));
    }
    const texts = { outputs: () => renderGithubOutputs({ traceparent: value }), variables: () => line };
    appendOutputs(texts, platform.files(io.env), io, attempt, (text) => text);
    for (const { message } of problems) writer.error(message);
  }
}

export function openTraceOf(
  context: Context,
  file: string | undefined,
): Partial<JobExtra> | undefined {
  const { io: { env }, platform, writer } = context;
  const settings = readTraceSettings(env, file !== undefined);
  if (settings === undefined) return undefined;
  for (const warning of settings.warnings) writer.note(warning);
  if (settings.endpoint === undefined && file === undefined) return undefined;
  const trace = openTrace(env, platform.name, settings.sampler);
  writer.note(`trace ${trace.traceId}${trace.sampled ? "" : ", which is not recorded"}`);
  return new JobTrace(context, settings, trace, file).part();
}
