/** Answers and scripted services for the tests of transport and client. */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import type { Run } from "../../../lib/model.ts";
import type { Notice } from "../../../lib/notice.ts";
import { clientFor, type ServiceClient } from "../../../lib/service/client.ts";
import type { Fetch, TransportOptions } from "../../../lib/service/transport.ts";

export const TOKEN = "mog_Zk9pQ2rT7vXw3YbN5sLdF8aG";
export const RUN_ID = "5b1f0c1e-6a53-4d0c-9d5e-0f7c7b0a9b11";
export const REPO_ID = "8f3a2b1c-1234-4abc-9def-1234567890ab";
export const ORIGIN = "https://mogplex.com";

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}
export function good(data: unknown, status = 200): Response {
  return json(status, { ok: true, data });
}
export function bad(
  status: number,
  code: string,
  message = "Text of the service",
  headers: Record<string, string> = {},
) {
  return json(status, { ok: false, error: { code, message } }, headers);
}
export function html(status: number, text = "<html><body>Not what you think</body></html>"): Response {
  return new Response(text, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}
export function redirect(status: number, location: string): Response {
  return new Response(null, { status, headers: { location } });
}

export function run(status = "streaming", more: Partial<Run> = {}): Run {
  return {
    runId: RUN_ID,
    aiCallId: "2f6c1d9e-0b7a-4a57-8e0f-3d1f6f0c2a44",
    sandboxRecordId: null,
    sandboxId: null,
    repoId: REPO_ID,
    harness: "codex",
    status,
    branch: { base: "main", working: "mogplex/external/70a41ec8-9562673e", createBranch: true },
    rootDirectory: null,
    eventsUrl: `/api/v1/mogplex/runs/${RUN_ID}/events`,
    cancelUrl: `/api/v1/mogplex/runs/${RUN_ID}/cancel`,
    createdAt: "2026-08-10T12:00:00.123456+00:00",
    updatedAt: "2026-08-10T12:00:00.481+00:00",
    error: null,
    runtime: { provider: "trigger", runId: "run_abc123" },
    ...more,
  };
}

export interface Sent {
  method: string;
  /** Path and query. */
  path: string;
  headers: Headers;
  body: string;
  redirect: string | undefined;
}
type Step = Response | Error | ((signal: AbortSignal | null | undefined) => Response | Promise<Response>);

/** A service that answers in the order of the script; it repeats the last step for all further requests. */
export function script(...steps: Step[]): { fetch: Fetch; sent: Sent[] } {
  const sent: Sent[] = [];
  // deno-lint-ignore require-await
  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname, search } = new URL(url);
    sent.push({
      method: init.method ?? "GET",
      path: pathname.replace("/api/v1/mogplex", "") + search,
      headers: new Headers(init.headers),
      body: String(init.body ?? ""),
      redirect: init.redirect,
    });
    const step = steps.length > 1 ? steps.shift() : steps[0];
    if (step === undefined) throw new Error("The script is empty");
    if (step instanceof Error) throw step;
    return step instanceof Response ? step.clone() : step(init.signal);
  }
  return { fetch, sent };
}

export interface Scripted {
  client: ServiceClient;
  sent: Sent[];
  clock: VirtualClock;
  notices: Notice[];
}

/** A client of {@linkcode script} on a virtual clock, whose jitter is always half. */
export function scripted(steps: Step[], options: Partial<TransportOptions> = {}): Scripted {
  const clock = virtualClock();
  const notices: Notice[] = [];
  const { fetch, sent } = script(...steps);
  const client = clientFor({
    token: TOKEN,
    origin: ORIGIN,
    fetch,
    clock,
    random: () => 0.5,
    onNotice: (notice) => notices.push(notice),
    ...options,
  });
  return { client, sent, clock, notices };
}

/** Returns the error that a promise rejects with. @throws when it resolves. */
export async function thrown(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected a rejection");
}
