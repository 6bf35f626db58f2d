/** One forge that gives prepared answers, in order, to a writer on a virtual clock. */
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import { ALL_FORGES } from "../../../lib/forge/all.ts";
import { Forges } from "../../../lib/forge/batch.ts";
import { resolveForgeAccess } from "../../../lib/forge/open.ts";
import type { PullRequestWriter } from "../../../lib/forge/writer.ts";
import type { Fetch } from "../../../lib/service/transport.ts";
import { json } from "./github_forge.ts";
import { GITEA_TOKEN, GITHUB_TOKEN, GITLAB_TOKEN } from "./world.ts";

/** Status and JSON of an answer; `lost`: the connection ends without one. */
export type Prepared = [status: number, body?: unknown, headers?: Record<string, string>] | "lost";

export interface WritesWorld {
  writer: PullRequestWriter;
  clock: VirtualClock;
  /** Method, path below the host, and body of each request. */
  sent: unknown[][];
  /** Times of the requests on the clock, in milliseconds. */
  times: number[];
}

export const COMMIT = "c0ffee".padEnd(40, "0");
export const OTHER = "beef".padEnd(40, "0");

export const URLS = {
  github: "https://github.com/acme/web/pull/7",
  ghes: "https://github.acme.example/acme/web/pull/7",
  gitlab: "https://gitlab.com/acme/web/-/merge_requests/7",
  gitea: "https://git.acme.example/acme/web/pulls/7",
} as const;

/** @param answers One for each request; a request without one fails the test. */
export function writesWorld(at: keyof typeof URLS, answers: readonly Prepared[]): WritesWorld {
  const clock = virtualClock();
  const sent: unknown[][] = [];
  const times: number[] = [];
  const left = [...answers];
  // deno-lint-ignore require-await
  const fetch = (async (url: string, init: RequestInit) => {
    const { pathname, search } = new URL(url);
    const body = typeof init.body === "string" ? [JSON.parse(init.body)] : [];
    sent.push([`${init.method} ${pathname}${search}`, ...body]);
    times.push(clock.now());
    const answer = left.shift();
    if (answer === undefined) throw new Error(`no answer is prepared for ${init.method} ${url}`);
    if (answer === "lost") throw new TypeError("fetch failed");
    const [status, value, headers = {}] = answer;
    return value === undefined ? new Response(null, { status, headers }) : json(status, value, headers);
  }) as Fetch;
  const env: Record<string, string> = { GITHUB_TOKEN, GITLAB_TOKEN, GITEA_TOKEN };
  const hosts = at === "ghes"
    ? ["github.acme.example=GITHUB_TOKEN"]
    : at === "gitea"
    ? ["git.acme.example=GITEA_TOKEN"]
    : [];
  const access = resolveForgeAccess(ALL_FORGES, (name) => env[name], hosts);
  if (access === undefined) throw new Error("there is no token");
  const forges = new Forges(ALL_FORGES, access, { clock, fetch, random: () => 0.5 });
  const writer = forges.writer(URLS[at], "campaign merge");
  if (writer === undefined) throw new Error("there is no writer");
  return { writer, clock, sent, times };
}

/** An order to merge at {@linkcode COMMIT}. */
export const ORDER = {
  commit: COMMIT,
  method: "squash",
  title: "Replace moment",
  body: "By a campaign.",
  hasQueue: false,
} as const;
