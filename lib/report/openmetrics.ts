/**
 * `metrics.txt`: the run as OpenMetrics text.
 *
 * @module
 */
import type { AnyResult } from "../result/any_result.ts";
import { type ResultView, viewOf } from "../result/result_view.ts";
import { WAIT_CAUSES } from "../result/words.ts";
import { type Family, flag, renderFamilies } from "./metric_families.ts";

function prefixOf({ kind: { noun } }: ResultView): string {
  return `mogplex_${noun.replaceAll(" ", "_")}`;
}

function verdictFamilies(view: ResultView): Family[] {
  const { automationId, repoId, harness, status, failureCode, kind: { noun, outcomes } } = view;
  return [
    {
      name: "info",
      help: "What ran and how the server calls its end; always 1.",
      samples: [[
        { automation_id: automationId, repository_id: repoId, harness, status, failure_code: failureCode },
        1,
      ]],
    },
    {
      name: "outcome",
      help: `Verdict: 1 for the one outcome that the ${noun} has, 0 for all others.`,
      samples: outcomes.map((outcome) => [{ outcome }, outcome === view.outcome ? 1 : 0]),
    },
    { name: "exit_code", help: "Exit code of the job.", samples: [[{}, view.exitCode]] },
    flag("replayed", "Whether the start found a run that was there already.", view.replayed),
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
      help: `Time that the ${noun} took, as the service says.`,
      samples: runMs === null ? [] : [[{}, runMs / 1_000]],
    },
    {
      name: "phase_duration_seconds",
      unit: "seconds",
      help: `Time of each phase of the ${noun} that was seen to end.`,
      samples: phases.flatMap(({ name, durationMs }) =>
        durationMs === null ? [] : [[{ phase: name }, durationMs / 1_000]]
      ),
    },
    {
      name: "waits",
      help: "Times that a request was held back or repeated, by cause.",
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
    flag("events_missed", "Whether events went by unseen.", eventCount?.missed ?? null),
    flag(
      "events_window_full",
      "Whether the feed was full, so that later events cannot be seen.",
      eventCount?.windowFull ?? null,
    ),
  ];
}

/**
 * Renders the metrics: `mogplex_run_…`, or `mogplex_automation_run_…`. Unknown values are left out.
 *
 * @param result Result after `cleanResult`.
 */
export function renderOpenmetrics(result: AnyResult): string {
  const view = viewOf(result);
  return renderFamilies([...verdictFamilies(view), ...timeFamilies(view), ...trafficFamilies(view)], prefixOf(view));
}
