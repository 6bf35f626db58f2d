/**
 * The renderer is written by hand, because `prom-client` (67 KB) is made for long-running processes.
 *
 * @module
 */
import type { AnyResult } from "../run/result.ts";
import { type ResultView, viewOf, WAIT_CAUSES } from "../run/result_view.ts";
import { escapeLabel } from "../text/escape.ts";
import { cutText } from "../text/plain_text.ts";

// Families of metrics as OpenMetrics text, for GitLab's table of metrics and for programs that collect such files.
//
// A label must not contain the id of a run. A new value in every run would create new series each time, in a database and in GitLab's table, which
// compares two pipelines. All families are gauges, which are the same in Prometheus' older format.
//
// Source: OpenMetrics 1.0; Prometheus, "Metric and label naming".

export type Labels = Readonly<Record<string, string | null>>;

export interface Family {
  readonly name: string;
  readonly unit?: "seconds";
  readonly help: string;
  readonly samples: readonly (readonly [labels: Labels, value: number])[];
}

const MAX_LABEL = 200;

export function labelText(text: string): string {
  return escapeLabel(cutText(text, MAX_LABEL));
}

export function single(name: string, help: string, value: number | null): Family {
  return { name, help, samples: value === null ? [] : [[{}, value]] };
}

function flag(name: string, help: string, value: boolean | null): Family {
  return single(name, help, value === null ? null : Number(value));
}

function sample(name: string, labels: Labels, value: number): string {
  const written = Object.entries(labels).filter(([, text]) => text)
    .map(([key, text]) => `${key}="${labelText(text ?? "")}"`);
  return `${name}${written.length > 0 ? `{${written.join(",")}}` : ""} ${value}`;
}

function renderFamily({ name: ending, unit, help, samples }: Family, prefix: string): string[] {
  if (samples.length === 0) return [];
  const name = prefix === "" ? ending : `${prefix}_${ending}`;
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...(unit === undefined ? [] : [`# UNIT ${name} ${unit}`]),
    ...samples.map(([labels, value]) => sample(name, labels, value)),
  ];
}

export function renderFamilies(families: readonly Family[], prefix: string): string {
  return `${[...families.flatMap((family) => renderFamily(family, prefix)), "# EOF"].join("\n")}\n`;
}

function prefixOf({ kind: { noun } }: ResultView): string {
  return `mogplex_${noun.replaceAll(" ", "_")}`;
}

function verdictFamilies(view: ResultView): Family[] {
  const { automationId, repoId, harness, status, failureCode, kind: { noun, outcomes } } = view;
  return [
    {
      name: "info",
      help: "What ran, and its status on the server; always 1.",
      samples: [[
        { automation_id: automationId, repository_id: repoId, harness, status, failure_code: failureCode },
        1,
      ]],
    },
    {
      name: "outcome",
      help: `Verdict: 1 for the outcome of the ${noun}, 0 for all others.`,
      samples: outcomes.map((outcome) => [{ outcome }, outcome === view.outcome ? 1 : 0]),
    },
    { name: "exit_code", help: "Exit code of the job.", samples: [[{}, view.exitCode]] },
    flag("replayed", "Whether the start found an existing run.", view.replayed),
    flag("changed", "Whether the agent changed anything.", view.git?.changed ?? null),
  ];
}

function timeFamilies({ durationMs, times, phases, waits, kind: { noun } }: ResultView): Family[] {
  const runMs = times?.durationMs ?? null;
  const wait = (cause: string) => waits.find((total) => total.cause === cause);
  const causes = Object.keys(WAIT_CAUSES);
  return [
    {
      name: "duration_seconds",
      unit: "seconds",
      help: `Time that the job spent on the ${noun}.`,
      samples: [[{}, durationMs / 1_000]],
    },
    {
      name: "service_duration_seconds",
      unit: "seconds",
      help: `Time that the ${noun} took, according to the service.`,
      samples: runMs === null ? [] : [[{}, runMs / 1_000]],
    },
    {
      name: "phase_duration_seconds",
      unit: "seconds",
      help: `Time of each finished phase of the ${noun}.`,
      samples: phases.flatMap(({ name, durationMs }) =>
        durationMs === null ? [] : [[{ phase: name }, durationMs / 1_000]]
      ),
    },
    {
      name: "waits",
      help: "Number of times that a request was held back or repeated, by cause.",
      samples: causes.map((cause) => [{ cause }, wait(cause)?.count ?? 0]),
    },
    {
      name: "wait_duration_seconds",
      unit: "seconds",
      help: "Time that requests were held back, by cause.",
      samples: causes.map((cause) => [{ cause }, (wait(cause)?.totalMs ?? 0) / 1_000]),
    },
  ];
}

function trafficFamilies({ requests, eventCount, kind: { noun } }: ResultView): Family[] {
  return [
    { name: "http_requests", help: "HTTP requests that were sent.", samples: [[{}, requests]] },
    {
      name: "events_seen",
      help: `Events of the ${noun} that were seen.`,
      samples: eventCount === null ? [] : [[{}, eventCount.seen]],
    },
    flag("events_missed", "Whether events were missed.", eventCount?.missed ?? null),
    flag(
      "events_window_full",
      "Whether the event feed was full, so that later events cannot be seen.",
      eventCount?.windowFull ?? null,
    ),
  ];
}

function familiesOf(view: ResultView): Family[] {
  return [...verdictFamilies(view), ...timeFamilies(view), ...trafficFamilies(view)];
}

/** @param result After `cleanResult`. */
export function renderOpenmetrics(result: AnyResult): string {
  const view = viewOf(result);
  return renderFamilies(familiesOf(view), prefixOf(view));
}

/**
 * Each sample has the id of its run as the label `run`. A process that renders several runs shows only current runs, so the number of label values
 * stays small.
 *
 * @param results After `cleanResult`.
 */
export function joinOpenmetrics(results: readonly AnyResult[]): string {
  const families = new Map<string, Family & { samples: [Labels, number][] }>();
  for (const view of results.map(viewOf)) {
    for (const family of familiesOf(view)) {
      const name = `${prefixOf(view)}_${family.name}`;
      const all = families.get(name) ?? { ...family, name, samples: [] };
      families.set(name, all);
      all.samples.push(
        ...family.samples.map(([labels, value]): [Labels, number] => [{ run: view.runId, ...labels }, value]),
      );
    }
  }
  return renderFamilies([...families.values()], "");
}
