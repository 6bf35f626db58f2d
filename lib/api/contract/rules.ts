/**
 * The service's limits and its rules for names. The client checks them before it sends a request; the emulator enforces them.
 *
 * @module
 */

/** Path prefix of every public route. Source: API reference, "Base URL". */
export const API_PREFIX = "/api/v1/mogplex";
/** Longest idempotency key after trimming. Source: API reference, "Start a run". */
export const MAX_KEY_LENGTH = 200;
/** Longest prompt after trimming, in UTF-16 units. Source: API reference, "Start a run". */
export const MAX_PROMPT_LENGTH = 100_000;
/** Most events in one answer. Source: API reference, "List run events". */
export const MAX_EVENTS = 200;
/** Events in one answer to a request without `limit`. Source: as above. */
export const DEFAULT_EVENTS = 100;
/** Requests that a token may send within {@linkcode REQUEST_WINDOW_MS}. Source: API reference, "Rate limits". */
export const REQUEST_LIMIT = 60;
/** Length of the sliding window of {@linkcode REQUEST_LIMIT}, in milliseconds. */
export const REQUEST_WINDOW_MS = 60_000;
/** Runs that a token may start, shortest window first. Source: API reference, "Rate limits". */
export const START_LIMITS: readonly { readonly count: number; readonly windowMs: number }[] = [
  { count: 10, windowMs: 60_000 },
  { count: 30, windowMs: 3_600_000 },
  { count: 150, windowMs: 86_400_000 },
];
/** Agents of the base revision. Source: API reference, "Start a run". */
export const BASE_HARNESSES = ["codex", "claude-code"] as const;
/** Agents that a client may request. `mogplex` exists in later revisions; it needs `createBranch` and takes no `mode`. */
export const HARNESSES = [...BASE_HARNESSES, "mogplex"] as const;
/** Values of `mode` that every revision accepts. */
export const MODES = ["SAFE", "AUTO", "YOLO"] as const;
/** Statuses in which a run has ended, in every revision. */
const TERMINAL_STATUSES = ["success", "failed", "cancelled"] as const;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A text that was checked: {@linkcode isUuid}. */
export type Uuid = string & { readonly isUuid: true };

/** Whether a text is a UUID, in upper or lower case. */
export function isUuid(text: string): text is Uuid {
  return UUID.test(text);
}

/** Whether a run with this status has ended. */
export function isTerminal(status: string): boolean {
  return (TERMINAL_STATUSES as readonly string[]).includes(status);
}

/**
 * The rule of the service that a branch name breaks, or undefined when the service accepts it.
 *
 * The service is stricter than Git: it refuses `dependabot/npm/@types/node`, a legal branch.
 *
 * @param name The name, trimmed.
 */
export function branchProblem(name: string): string | undefined {
  const odd = /[^A-Za-z0-9_./-]/u.exec(name)?.[0];
  if (odd !== undefined) return `the character ${JSON.stringify(odd)} is not permitted`;
  if (name === "") return "it is empty";
  if (name === "HEAD") return `it is the reserved name "HEAD"`;
  if (name.startsWith("/")) return `it starts with "/"`;
  if (name.endsWith("/")) return `it ends with "/"`;
  if (name.endsWith(".")) return `it ends with "."`;
  if (name.endsWith(".lock")) return `it ends with ".lock"`;
  if (name.includes("..")) return `it contains ".."`;
  if (name.includes("//")) return `it contains "//"`;
  return undefined;
}

/** Outcome of {@linkcode normaliseRoot}. */
export type RootResult = { ok: true; root: string | null } | { ok: false; problem: string };

/**
 * Normalises a root directory as the service does: `/apps//web/` becomes `apps/web`, and `.` becomes null.
 *
 * @param text The requested directory, not trimmed.
 */
export function normaliseRoot(text: string): RootResult {
  if (text.includes("\0")) return { ok: false, problem: "it contains a NUL character" };
  // Looked for before blanks are trimmed, and in these two forms only. Source: API reference, "Start a run", `rootDirectory`.
  if (text.split("/").some((part) => /^%2e(?:%2e)?$/i.test(part))) {
    return { ok: false, problem: "it contains a percent-encoded dot segment" };
  }
  const root = text.trim().replace(/^\.\//, "").replace(/^\/+/, "").replace(/\/{2,}/g, "/").replace(/\/+$/, "");
  if (root === "" || root === ".") return { ok: true, root: null };
  if (root.split("/").includes("..")) return { ok: false, problem: `it contains the segment ".."` };
  return { ok: true, root };
}
