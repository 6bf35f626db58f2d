/**
 * What the command does in its jobs beside their reports, when a setting asks for it.
 *
 * @module
 */
import type { ReadEnv } from "../../platforms/platform.ts";
import { TRACE_VARIABLES } from "../../variables.ts";
import { HISTORY, OTEL_FILE } from "../options/table.ts";
import type { ExtraPermissions, JobExtras, VerbContext } from "../verb.ts";
import { openExtras } from "./open_extras.ts";

const HEADERS = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"];
const ENDPOINTS = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];

/** A value as it is in the header; as it was given where it cannot be decoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Values of the collector's headers: with the scheme of `Authorization`, and without. */
function secrets(env: ReadEnv): string[] {
  return HEADERS.flatMap((name) => (env(name) ?? "").split(",")).flatMap((pair) => {
    const value = decoded(pair.slice(pair.indexOf("=") + 1).trim());
    return [value, value.replace(/^[A-Za-z]+ +/, "")];
  });
}

function isAskedFor({ io: { env }, option }: VerbContext): boolean {
  return ENDPOINTS.some((name) => env(name)) || option(OTEL_FILE) !== undefined || option(HISTORY) !== undefined;
}

function permissions({ io: { env }, flags }: VerbContext): ExtraPermissions {
  // The address for traces wins.
  const url = ENDPOINTS.map((name) => env(name) ?? "").findLast((text) => text !== "") ?? "";
  return {
    net: URL.canParse(url) ? [new URL(url).host] : [],
    env: TRACE_VARIABLES,
    files: [HISTORY, OTEL_FILE].flatMap(({ name }) => flags.get(name) ?? []),
  };
}

/** Traces and history. */
export const EXTRAS: JobExtras = {
  secrets,
  permissions,
  // deno-lint-ignore require-await
  async open(context) {
    return isAskedFor(context) ? openExtras(context) : undefined;
  },
};
