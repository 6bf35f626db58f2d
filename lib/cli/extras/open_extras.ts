/**
 * Prepares traces and history of one job.
 *
 * @module
 */
import { messageOf } from "../../error_sentence.ts";
import { UsageError } from "../../errors.ts";
import { HISTORY, OTEL_FILE } from "../options/table.ts";
import type { JobExtra, VerbContext } from "../verb.ts";
import { openHistory } from "./history.ts";
import { openTraceOf } from "./trace.ts";

/** Finds out before the job whether a file can be appended to. @throws {UsageError} when it cannot. */
function checkAppends({ io }: VerbContext, attempted: string, path: string): void {
  try {
    io.appendFile(path, "", "refuse");
  } catch (cause) {
    const why = /^ENOENT\b/.test(messageOf(cause)) ? "its folder does not exist" : messageOf(cause);
    throw new UsageError({ attempted, why, value: JSON.stringify(path) }, { cause });
  }
}

/** See {@linkcode JobExtra}. @throws {UsageError} when a file that a flag names cannot be written. */
export function openExtras(context: VerbContext): JobExtra {
  const file = context.option(OTEL_FILE);
  if (file !== undefined) checkAppends(context, "write the trace", file);
  const history = context.option(HISTORY);
  if (history !== undefined) checkAppends(context, "write the history", history);
  const parts: Partial<JobExtra>[] = [
    history === undefined ? [] : openHistory(context, history),
    openTraceOf(context, file) ?? [],
  ].flat();
  return {
    onSession: (session) => parts.forEach((part) => part.onSession?.(session)),
    onRequest: (request) => parts.forEach((part) => part.onRequest?.(request)),
    onNotice: (notice) => parts.forEach((part) => part.onNotice?.(notice)),
    onItem: (item) => parts.forEach((part) => part.onItem?.(item)),
    onWave: (before) => parts.map((part) => part.onWave?.(before) ?? null).find((place) => place !== null) ?? null,
    compare: (result) =>
      parts.map((part) => part.compare?.(result) ?? null).find((earlier) => earlier !== null) ?? null,
    async ended(end) {
      for (const part of parts) await part.ended?.(end);
    },
  };
}
