/**
 * Checks the address of the service: which origins may receive the token.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { isLoopback } from "../../loopback.ts";
import { createRedactor } from "../../text/redact.ts";

/** Default address of the service. Source: API reference, "Base URL". */
export const DEFAULT_ORIGIN = "https://mogplex.com";

/** Options of {@linkcode parseOrigin}. */
export interface ParseOriginOptions {
  /** `MOGPLEX_DEV=1`: permits plain HTTP to this machine. @default {false} */
  dev?: boolean | undefined;
  /** With `dev`: one more host (`name` or `name:port`) to which plain HTTP is permitted. @default {undefined} */
  devHost?: string | undefined;
  /** `NODE_ENV=production`: refuses plain HTTP, whatever else is set. @default {false} */
  production?: boolean | undefined;
  /** Permits plain HTTP to this machine, whatever else is set. @default {false} */
  loopback?: boolean | undefined;
  /** Where the address comes from, for messages. @default {"MOGPLEX_URL"} */
  place?: string | undefined;
}

/** A checked address of the service. */
export interface Origin {
  /** Scheme, host and port, without a trailing slash. */
  origin: string;
  /** Host, with the port when it is not the default of the scheme. */
  host: string;
  /** Whether it differs from {@linkcode DEFAULT_ORIGIN}; the user must see a notice about such an origin. */
  custom: boolean;
  /** Whether it is plain HTTP. */
  plain: boolean;
}

/**
 * Checks an origin and normalises it: `https://www.mogplex.com/` becomes `https://mogplex.com`, since the service redirects the
 * former and a redirect loses the token.
 *
 * @param text The address, as in `MOGPLEX_URL`.
 * @throws {UsageError} when it is not a URL, has a path, query, fragment or credentials, or is plain HTTP without permission.
 */
export function parseOrigin(text: string, options: ParseOriginOptions = {}): Origin {
  const { dev = false, devHost, production = false, loopback = false, place = "MOGPLEX_URL" } = options;
  const attempted = `use ${place}`;
  const value = JSON.stringify(createRedactor()(text.slice(0, 200)));
  const trimmed = text.trim();
  if (!URL.canParse(trimmed)) {
    throw new UsageError({
      attempted,
      why: "it is not a URL",
      value,
      advice: `give an origin such as ${DEFAULT_ORIGIN}`,
    });
  }
  const url = new URL(trimmed);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError({ attempted, why: "it contains credentials", advice: "remove the part before the @" });
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new UsageError({ attempted, why: "its scheme must be https", value });
  }
  if (url.pathname !== "/" || /[?#]/.test(trimmed)) {
    throw new UsageError({ attempted, why: "it must be an origin without path or query", value });
  }
  const plain = url.protocol === "http:";
  if (plain) {
    const permitted = isLoopback(url.hostname) ||
      (devHost !== undefined && (devHost === url.host || devHost === url.hostname));
    if ((!dev || production || !permitted) && !(loopback && isLoopback(url.hostname))) {
      throw new UsageError({
        attempted,
        why: "plain HTTP would show the token to the network",
        value,
        advice: place !== "MOGPLEX_URL"
          ? 'plainHttp: "loopback" of createMogplex() permits it to this machine'
          : production
          ? "use https: NODE_ENV=production never permits plain HTTP"
          : permitted
          ? "set MOGPLEX_DEV=1, which permits it to this host"
          : "with MOGPLEX_DEV=1 it is permitted to this machine, and to the host in MOGPLEX_DEV_HOST",
      });
    }
  }
  if (url.hostname === "www.mogplex.com") url.hostname = "mogplex.com";
  return { origin: url.origin, host: url.host, custom: url.origin !== DEFAULT_ORIGIN, plain };
}
