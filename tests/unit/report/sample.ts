import type { RunEvent } from "../../../lib/model.ts";
import {
  type AutomationResult,
  emptyAutomationResult,
  emptyRunResult,
  type RunResult,
} from "../../../lib/run/result.ts";

/** An event; ids and times count up. */
export function sampleEvent(index: number, fields: Partial<RunEvent> = {}): RunEvent {
  return {
    id: `0d5a7c3e-91c4-4f0e-8a55-${String(index).padStart(12, "0")}`,
    type: "log",
    toolName: null,
    message: null,
    payload: {},
    createdAt: new Date(Date.UTC(2026, 7, 10, 12, index)).toISOString().replace(".000Z", ".021234+00:00"),
    ...fields,
  };
}

/** The events of a run that succeeded, as the base of the service sends them. */
export function successEvents(): RunEvent[] {
  return [
    sampleEvent(0, {
      type: "started",
      message: "External Mogplex run accepted",
      payload: { external_run_id: "run", harness_id: "codex", working_branch: "main" },
    }),
    sampleEvent(3, {
      type: "started",
      message: "Harness run started: codex",
      payload: { harness_id: "codex", ai_billing_source: "[redacted]" },
    }),
    sampleEvent(4, {
      message: "Synchronized mogplex/external/70a41ec8-9562673e",
      payload: { stage: "git_sync", base_branch: "main", working_branch: "mogplex/external/70a41ec8-9562673e" },
    }),
    sampleEvent(5, { type: "status_changed", payload: { from: "pending", to: "streaming", runtime_command_id: "c" } }),
    sampleEvent(17, {
      message: "Pull request ready",
      payload: {
        stage: "git_delivery",
        changed: true,
        pull_request_url: "https://github.com/acme/web/pull/7",
        base_branch: "main",
        working_branch: "mogplex/external/70a41ec8-9562673e",
        auto_committed_files: [],
      },
    }),
    sampleEvent(18, {
      type: "finished",
      message: "Harness run finished",
      payload: { exit_code: 0, failure_code: null },
    }),
  ];
}

/** The result of a run that succeeded. */
export function sampleResult(fields: Partial<RunResult> = {}): RunResult {
  const events = fields.events ?? successEvents();
  return {
    ...emptyRunResult(),
    runId: "3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21",
    repoId: "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c",
    harness: "codex",
    status: "success",
    outcome: "success",
    exitCode: 0,
    replayed: false,
    idempotencyKey: "ci1-0123456789abcdef0123456789abcdef01234567",
    mayExist: true,
    keysUsedUp: false,
    branch: { base: "main", requested: null, pushed: "mogplex/external/70a41ec8-9562673e" },
    pullRequest: { state: "open", url: "https://github.com/acme/web/pull/7" },
    changed: true,
    createdAt: "2026-08-10T12:00:00.021234+00:00",
    updatedAt: "2026-08-10T12:18:01+00:00",
    phases: [
      { name: "queue", startedAt: "2026-08-10T12:00:00.021Z", durationMs: 180_000 },
      { name: "prepare", startedAt: "2026-08-10T12:03:00.021Z", durationMs: 120_000 },
      { name: "agent", startedAt: "2026-08-10T12:05:00.021Z", durationMs: null },
    ],
    eventCount: { seen: events.length, missed: false, windowFull: false },
    requests: 34,
    waits: [{ cause: "rate_limit", count: 2, totalMs: 61_000 }],
    durationMs: 1_085_000,
    origin: "https://mogplex.com",
    resume: "mogplex-ci follow 3f0f6f0a-6f0e-4a7e-9a0b-0f6d5c4b3a21",
    resumeIsCommand: true,
    events,
    ...fields,
  };
}

/** The result of an automation run that succeeded. */
export function sampleAutomationResult(fields: Partial<AutomationResult> = {}): AutomationResult {
  return {
    ...emptyAutomationResult(),
    automationId: "3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d",
    runId: "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11",
    repoId: "8f3a2b1c-0d4e-4f5a-8b6c-7d8e9f0a1b2c",
    status: "success",
    outcome: "success",
    exitCode: 0,
    replayed: false,
    idempotencyKey: "3d0f3a52-7c55-4d0e-9c43-0e5a6a1b2c3d/ci1-0123456789abcdef0123456789abcdef01234567",
    mayExist: true,
    createdAt: "2026-08-10T12:00:00.021234+00:00",
    startedAt: "2026-08-10T12:02:00.021234+00:00",
    completedAt: "2026-08-10T12:10:05+00:00",
    runDurationMs: 485_000,
    requests: 21,
    waits: [{ cause: "start_limit", count: 1, totalMs: 15_000 }],
    durationMs: 620_000,
    origin: "https://mogplex.com",
    ...fields,
  };
}
