/**
 * Short ways to an emulator in process.
 *
 * @module
 */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };

/** Tokens of the fixture by key. */
export const TOKENS = Object.fromEntries(fixture.tokens.map(({ key, token }) => [key, token])) as Record<
  string,
  string
>;
/** The repository `acme/api`. */
export const API_REPO = "e0000000-0000-4000-8000-000000000001";
/** An active automation. */
export const AUTOMATION = "f1000000-0000-4000-8000-000000000001";

export interface Answered {
  status: number;
  headers: Headers;
  text: string;
  // deno-lint-ignore no-explicit-any
  json: any;
}

/** An emulator with a fixture, a virtual clock and short ways to call it. */
export interface Arranged {
  emulator: Emulator;
  clock: VirtualClock;
  /** Sends a request with the full token of the fixture. */
  call(method: string, path: string, options?: CallOptions): Promise<Answered>;
  /** Starts a run and returns its id. */
  start(key?: string, body?: object): Promise<string>;
  /** Status and event messages of a run. */
  look(runId: string): Promise<{ status: string; error: string | null; messages: (string | null)[] }>;
}

/** Options of a call. */
export interface CallOptions {
  /** JSON. */
  body?: unknown;
  /** Headers on top of the token. */
  headers?: Record<string, string>;
  /** Key of the token in the fixture; null sends none. @default {"alice_rw"} */
  token?: string | null;
}

/** Makes an emulator in process. */
export function arrange(options: EmulatorOptions = {}): Arranged {
  const clock = virtualClock();
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, ...options });
  async function call(method: string, path: string, given: CallOptions = {}): Promise<Answered> {
    const { body, headers, token = "alice_rw" } = given;
    const response = await emulator.fetch(
      `http://localhost${/^\/__|\/pull\/\d+$/.test(path) ? "" : "/api/v1/mogplex"}${path}`,
      {
        method,
        headers: { ...(token === null ? {} : { authorization: `Bearer ${TOKENS[token]}` }), ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
        redirect: "manual",
      },
    );
    const text = await response.text();
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    return { status: response.status, headers: response.headers, text, json };
  }
  async function start(key = "key", body: object = {}): Promise<string> {
    const { json, text } = await call("POST", "/runs", {
      headers: { "idempotency-key": key },
      body: { repoId: API_REPO, prompt: "Fix the flaky tests", createBranch: true, ...body },
    });
    if (json?.ok !== true) throw new Error(text);
    return json.data.runId;
  }
  async function look(runId: string) {
    const { json } = await call("GET", `/runs/${runId}/events?limit=200`);
    const { run, events } = json.data;
    return {
      status: run.status,
      error: run.error,
      messages: events.map((event: { message: string | null }) => event.message),
    };
  }
  return { emulator, clock, call, start, look };
}
