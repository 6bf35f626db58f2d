import * as z from "zod/mini";
import { UsageError } from "../errors.ts";
import type { Caller } from "./calls.ts";
import { API_PREFIX } from "./contract.ts";
import type { RequestOptions } from "./methods.ts";
import type { CallOptions } from "./retry.ts";
import type { Redactor } from "../text/redact.ts";
import { checkIdempotencyKey } from "./validate.ts";

export type RequestParts = Pick<RequestOptions, "query" | "body" | "idempotencyKey">;

const METHODS: readonly string[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

function parseRoute(origin: string, route: string): { method: string; url: URL } {
  const refuse = (why: string) =>
    new UsageError({
      attempted: "send request",
      why,
      value: JSON.stringify(route),
      advice: 'write the method and a path below the API, such as "GET /runs"',
    });
  if (typeof route !== "string") throw refuse("the route must be a string");
  const [, method = "", path = ""] = /^([A-Z]+) (.*)$/s.exec(route) ?? [];
  if (!METHODS.includes(method)) throw refuse(`the route must begin with a method (${METHODS.join(", ")}) and a space`);
  if (!/^\/(?!\/)/.test(path)) throw refuse("the path must start with exactly one slash");
  if (/[?#]/.test(path)) throw refuse("the path must not contain a query or a fragment; use the option 'query'");
  const whole = `${API_PREFIX}${path}`;
  const url = URL.canParse(whole, origin) ? new URL(whole, origin) : undefined;
  // If parsing changes the path, the path leads elsewhere or is ambiguous (dots, backslashes, blanks). Some servers decode the path before they check
  // it.
  const isPlain = url !== undefined && url.origin === origin && url.pathname === whole && !/%(?:2e|2f|5c)/i.test(path);
  if (!isPlain) throw refuse("the path must stay below the API, with every special character percent-encoded");
  return { method, url };
}

function jsonOf(body: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (cause) {
    throw new UsageError({ attempted: "send request", why: "'body' cannot be written as JSON" }, { cause });
  }
  if (text === undefined) throw new UsageError({ attempted: "send request", why: "'body' cannot be written as JSON" });
  return text;
}

/** A request that may have succeeded is repeated only if a repetition is safe. */
export type SendRequest = (route: string, parts?: RequestParts, call?: CallOptions) => Promise<unknown>;

export function requestCall({ send }: Caller, redact: Redactor, origin: string): SendRequest {
  return async (route, { query = {}, body, idempotencyKey } = {}, call) => {
    const { method, url } = parseRoute(origin, route);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.append(name, String(value));
    }
    const key = idempotencyKey === undefined ? undefined : checkIdempotencyKey(idempotencyKey, redact.token);
    const headers = {
      ...key !== undefined && { "Idempotency-Key": key },
      ...body !== undefined && { "Content-Type": "application/json" },
    };
    const init = { method, headers, ...body !== undefined && { body: jsonOf(body) } };
    const isSafe = method === "GET" || key !== undefined;
    const attempted = {
      what: `send ${method} ${url.pathname.slice(API_PREFIX.length)}`,
      scope: isSafe ? "read" : "write",
      key,
    } as const;
    return await send(
      attempted,
      z.unknown(),
      isSafe ? call : { ...call, maxAttempts: 1 },
      ({ fetch }) => (fetch as typeof globalThis.fetch)(url.href, init) as never,
    );
  };
}
