/**
 * What the drop-in verbs share: the documented variables, and at most ten seconds for a busy service.
 *
 * @module
 */
import { type CallOptions, clientFor, type MogplexClient } from "../../api/client.ts";
import { resolveConnection } from "../../api/connection/connection.ts";
import { UsageError } from "../../errors.ts";
import { userAgent } from "../../http/user_agent.ts";
import { detectPlatform } from "../../platforms/detect.ts";
import { createRedactor } from "../../text/redact.ts";
import { guardCheckout } from "../options/checkout_guard.ts";
import { noticeText } from "../log/notices.ts";
import type { VerbContext } from "../verb.ts";

/** How long a one-shot verb waits for a busy service, in milliseconds. Source: design, "Command line". */
const ONE_SHOT_MS = 10_000;

/** The service, for a drop-in verb. */
export interface DropInSession {
  /** Client with the caller's token. */
  client: MogplexClient;
  /** Limits of one-shot calls: one deadline for the whole verb. */
  call: CallOptions;
}

/**
 * Finds token and origin, and announces an unusual origin on stderr.
 *
 * @throws {UnauthorizedError | UsageError} See `resolveConnection`.
 */
export function openDropIn({ io, writer, clock, fetch }: VerbContext): DropInSession {
  guardCheckout(io);
  const connection = resolveConnection({ env: io.env, dropIn: true });
  writer.redactWith(createRedactor({ token: connection.token }));
  for (const notice of connection.notices) writer.note(notice);
  const client = clientFor({
    ...connection,
    clock,
    fetch,
    userAgent: userAgent(detectPlatform(io.env).name),
    onNotice: (notice) => writer.note(noticeText(notice)),
  });
  return { client, call: { deadline: clock.now() + ONE_SHOT_MS, overrun: true } };
}

/** The one argument of a verb. @throws {UsageError} when it is missing or empty. */
export function requiredArgument({ flags }: VerbContext, verb: string, name: string): string {
  const value = flags.positionals[0]?.trim() ?? "";
  if (value === "") {
    throw new UsageError(`Cannot run ${JSON.stringify(verb)} without <${name}>: give it as an argument`);
  }
  return value;
}

/** A whole number of a flag; undefined when it was not given. @throws {UsageError} when it is none, or out of range. */
export function wholeNumber(text: string | undefined, name: string, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,9}$/.test(text.trim()) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(
    `Cannot use ${name} as it must be a whole number from ${min} to ${max}: ${JSON.stringify(text)}`,
  );
}

/** Prints rows as JSON lines or as a table. */
export function printList<T>({ flags, writer }: VerbContext, items: readonly T[], cells: (item: T) => string[]): void {
  if (flags.has("json")) {
    for (const item of items) writer.json(item);
    return;
  }
  const rows = items.map((item) => cells(item).map((cell) => writer.untrusted(cell)));
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) writer.out(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}
