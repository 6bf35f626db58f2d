/**
 * The public routes as one type, for `hono/client` in the client and for the emulator. It contains no code, so no server code
 * enters the client's bundle. When client and emulator disagree on a route, the program does not compile.
 *
 * @module
 */
import type { Hono } from "hono";
import type { BlankEnv } from "hono/types";
import type {
  Automation,
  AutomationDetail,
  CancelResult,
  PrReviewRerun,
  Repo,
  Run,
  RunEvents,
  Sandbox,
  StartRequest,
  StartResult,
  TriggerResult,
} from "../../model.ts";
import type { Uuid } from "./rules.ts";
import type { AutomationRunRecord, FailureEnvelope } from "./schemas.ts";

/** HTTP statuses with which the service sends the failure envelope. */
export type FailureStatus = 400 | 401 | 403 | 404 | 409 | 429 | 500 | 501 | 502 | 503;

/** Success envelope around `T`. */
export interface Success<T> {
  /** Always true. */
  ok: true;
  /** The requested data. */
  data: T;
}

/** One route: its input, and its answers. */
export type Endpoint<Input, Data, Status extends 200 | 202 = 200> =
  | { input: Input; output: Success<Data>; outputFormat: "json"; status: Status }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

/** A route that answers with a stream of server-sent events on success; its output is the text of the stream. */
export type StreamEndpoint<Input> =
  | { input: Input; output: string; outputFormat: "text"; status: 200 }
  | { input: Input; output: FailureEnvelope; outputFormat: "json"; status: FailureStatus };

/** Header that makes a start or trigger safe to repeat. */
export interface KeyHeader {
  /** 1 to 200 characters. */
  "Idempotency-Key": string;
}

/** Header that resumes a stream after an event. */
export interface ResumeHeader {
  /** UUID of the last event that was received. */
  "Last-Event-ID"?: string;
}

/** Every route that the client uses. `hono/client` does not encode parameters of a path, so only checked ids may be one. */
export type Routes = {
  "/api/v1/mogplex/repos": {
    $get: Endpoint<{ query: { q?: string; id?: string; limit?: string } }, { repos: Repo[] }>;
  };
  "/api/v1/mogplex/sandboxes": {
    $get: Endpoint<{ query: { repo_id?: string; status?: string; limit?: string } }, { sandboxes: Sandbox[] }>;
  };
  "/api/v1/mogplex/runs": {
    $post: Endpoint<{ header: KeyHeader; json: StartRequest }, StartResult, 202>;
  };
  "/api/v1/mogplex/runs/:runId": {
    $get: Endpoint<{ param: { runId: Uuid } }, { run: Run }>;
  };
  "/api/v1/mogplex/runs/:runId/events": {
    $get: Endpoint<{ param: { runId: Uuid }; query: { limit?: string } }, RunEvents>;
  };
  "/api/v1/mogplex/runs/:runId/events/stream": {
    $get: StreamEndpoint<{ param: { runId: Uuid }; query: { limit?: string }; header: ResumeHeader }>;
  };
  "/api/v1/mogplex/runs/:runId/cancel": {
    $post: Endpoint<{ param: { runId: Uuid } }, CancelResult>;
  };
  "/api/v1/mogplex/automations": {
    $get: Endpoint<
      { query: { limit?: string; cursor?: string } },
      { automations: Automation[]; nextCursor: string | null }
    >;
  };
  "/api/v1/mogplex/automations/:automationId": {
    $get: Endpoint<{ param: { automationId: Uuid } }, { automation: AutomationDetail }>;
  };
  "/api/v1/mogplex/automations/:automationId/trigger": {
    $post: Endpoint<
      {
        param: { automationId: Uuid };
        header: KeyHeader;
        json: { repoId: string; input?: Record<string, unknown> };
      },
      { run: TriggerResult },
      202
    >;
  };
  "/api/v1/mogplex/automations/:automationId/runs": {
    $get: Endpoint<{ param: { automationId: Uuid }; query: { limit?: string } }, { runs: AutomationRunRecord[] }>;
  };
  "/api/v1/mogplex/automations/:automationId/runs/:runId": {
    $get: Endpoint<{ param: { automationId: Uuid; runId: Uuid } }, { run: AutomationRunRecord | null }>;
  };
  "/api/v1/mogplex/automations/:automationId/runs/:runId/cancel": {
    $post: Endpoint<{ param: { automationId: Uuid; runId: Uuid } }, { status: string | null }>;
  };
  "/api/v1/mogplex/pr-reviews/rerun": {
    $post: Endpoint<{ json: { repoId: string; prNumber: number } }, PrReviewRerun>;
  };
};

/** Type of the service for `hono/client`. */
export type Api = Hono<BlankEnv, Routes, "/">;
