/**
 * `metrics.txt`: the run as OpenMetrics text, for GitLab's table of metrics and for whatever collects such files.
 *
 * No label holds the run's id: a new value every run would make every series a new one, in a database as in GitLab's table,
 * which compares two pipelines. All families are gauges, whose text is the same in Prometheus' older format.
 *
 * @module
 */
import { cutText } from "../text/plain_text.ts";
import { escapeLabel } from "../text/escape/openmetrics.ts";
import type { RunResult } from "../result/run_result.ts";
import { OUTCOMES, WAIT_CAUSES } from "../result/words.ts";

type Labels = Readonly<Record<string, string | null>>;

interface Family {
  /** With the unit as its end, when it has one. */
  readonly name: string;
  readonly unit?: "seconds";
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

const MAX_LABEL = 200;

function flag(name: string, help: string, value: boolean | null): Family {
  return { name, help, samples: value === null ? [] : [[{}, value ? 1 : 0]] };
}

function verdictFamilies(result: RunResult): Family[] {
  const { repoId, harness, status, failureCode } = result;
  return [
    {
      name: "mogplex_run_info",
      help: "What ran and how the server calls its end; always 1.",
      samples: [[{ repository_id: repoId, harness, status, failure_code: failureCode }, 1]],
    },
    {
      name: "mogplex_run_outcome",
      help: "Verdict: 1 for the one outcome that the run has, 0 for all others.",
      samples: Object.keys(OUTCOMES).map((outcome) => [{ outcome }, outcome === result.outcome ? 1 : 0]),
    },
    { name: "mogplex_run_exit_code", help: "Exit code of the job.", samples: [[{}, result.exitCode]] },
    flag("mogplex_run_replayed", "Whether the start found a run that was there already.", result.replayed),
    flag("mogplex_run_changed", "Whether the agent changed anything.", result.changed),
  ];
}

function timeFamilies({ durationMs, phases, waits }: RunResult): Family[] {
  const wait = (cause: string) => waits.find((total) => total.cause === cause);
  const causes = Object.keys(WAIT_CAUSES);
  return [
    {
      name: "mogplex_run_duration_seconds",
      unit: "seconds",
      help: "Time that the job spent on the run.",
      samples: [[{}, durationMs / 1_000]],
    },
    {
      name: "mogplex_run_phase_duration_seconds",
      unit: "seconds",
      help: "Time of each phase of the run that was seen to end.",
      samples: phases.flatMap(({ name, durationMs }) =>
        durationMs === null ? [] : [[{ phase: name }, durationMs / 1_000]]
      ),
    },
    {
      name: "mogplex_run_waits",
      help: "Times that a request was held back or repeated, by cause.",
      samples: causes.map((cause) => [{ cause }, wait(cause)?.count ?? 0]),
    },
    {
      name: "mogplex_run_wait_duration_seconds",
      unit: "seconds",
      help: "Time that requests were held back, by cause.",
      samples: causes.map((cause) => [{ cause }, (wait(cause)?.totalMs ?? 0) / 1_000]),
    },
  ];
}

function trafficFamilies({ requests, eventCount: { seen, missed, windowFull } }: RunResult): Family[] {
  return [
    { name: "mogplex_run_http_requests", help: "HTTP requests that were sent.", samples: [[{}, requests]] },
    { name: "mogplex_run_events_seen", help: "Events of the run that were seen.", samples: [[{}, seen]] },
    flag("mogplex_run_events_missed", "Whether events went by unseen.", missed),
    flag(
      "mogplex_run_events_window_full",
      "Whether the feed was full, so that later events cannot be seen.",
      windowFull,
    ),
  ];
}

function sample(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).filter(([, text]) => text)
    .map(([key, text]) => `${key}="${escapeLabel(cutText(text ?? "", MAX_LABEL))}"`);
  return `${name}${written.length > 0 ? `{${written.join(",")}}` : ""} ${value}`;
}

function renderFamily({ name, unit, help, samples }: Family): string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    ...samples.map(([labels, value]) => sample(name, labels, value)),
  ];
}

/**
 * Renders the metrics. What is not known is left out.
 *
 * Source: OpenMetrics 1.0; Prometheus, "Metric and label naming".
 *
 * @param result Result after `cleanResult`.
 */
export function renderOpenmetrics(result: RunResult): string {
  const families = [...verdictFamilies(result), ...timeFamilies(result), ...trafficFamilies(result)];
  return `${[...families.flatMap(renderFamily), "# EOF"].join("\n")}\n`;
}
