import type { ReadEnv } from "../ci/platform.ts";
import { TRACE_VARIABLES } from "../variables.ts";
import { checkAppends, openHistory } from "./history.ts";
import { HISTORY, OTEL_FILE } from "./options.ts";
import { openTraceOf } from "./trace.ts";
import type { Context, ExtraPermissions, JobExtra, JobExtras } from "./verb.ts";
import { valueOr } from "../lookup.ts";

function openExtras(context: Context): JobExtra {
  const file = context.option(OTEL_FILE);
  if (file !== undefined) checkAppends(context, "write the trace", file);
  const parts: Partial<JobExtra>[] = [openHistory(context) ?? [], openTraceOf(context, file) ?? []].flat();
  return {
    onSession: (session) => parts.forEach((part) => part.onSession?.(session)),
    onRequest: (request) => parts.forEach((part) => part.onRequest?.(request)),
    onNotice: (notice) => parts.forEach((part) => part.onNotice?.(notice)),
    compare: (result) =>
      parts.map((part) => part.compare?.(result) ?? null).find((earlier) => earlier !== null) ?? null,
    async ended(end) {
      for (const part of parts) await part.ended?.(end);
    },
  };
}

const HEADERS = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

function decoded(text: string): string {
  return valueOr(() => decodeURIComponent(text), text);
}

/** Values of the collector's headers, with and without the scheme of `Authorization`. Headers can contain secrets. */
function secrets(env: ReadEnv): string[] {
  return HEADERS.flatMap((name) => (env(name) ?? "").split(",")).flatMap((pair) => {
    const value = decoded(pair.slice(pair.indexOf("=") + 1).trim());
    return [value, value.replace(/^[A-Za-z]+ +/, "")];
  });
}

function isAskedFor({ io: { env }, option }: Context): boolean {
  return ENDPOINTS.some((name) => env(name)) || option(OTEL_FILE) !== undefined || option(HISTORY) !== undefined;
}

function permissions({ io: { env }, flags }: Context): ExtraPermissions {
  // The address for traces overrides the general address.
  const url = ENDPOINTS.map((name) => env(name) ?? "").findLast((text) => text !== "") ?? "";
  return {
    net: URL.canParse(url) ? [new URL(url).host] : [],
    env: TRACE_VARIABLES,
    files: [HISTORY, OTEL_FILE].flatMap((row) => flags.get(row) ?? []),
  };
}

export const EXTRAS: JobExtras = {
  secrets,
  permissions,
  // deno-lint-ignore require-await
  async open(context) {
    return isAskedFor(context) ? openExtras(context) : undefined;
  },
};
