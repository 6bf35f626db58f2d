/**
 * The address of the service: which ones the token may be sent to.
 *
 * @module
 */
import { UsageError } from "../../errors.ts";
import { isLoopback } from "../../loopback.ts";
import { createRedactor } from "../../text/redact.ts";

/** Where the service is when nothing else is said. Source: API reference, "Base URL". */
export const DEFAULT_ORIGIN = "https://mogplex.com";

/** Options of {@linkcode parseOrigin}. */
export interface ParseOriginOptions {
  /** `MOGPLEX_DEV=1`: plain HTTP to this machine is permitted. @default {false} */
  dev?: boolean | undefined;
  /** With `dev`: the one other host (`name` or `name:port`) that may be spoken to in plain HTTP. @default {undefined} */
  devHost?: string | undefined;
  /** `NODE_ENV=production`: plain HTTP is refused whatever else is set. @default {false} */
  production?: boolean | undefined;
}

/** A checked address of the service. */
export interface Origin {
  /** Scheme, host and port, without a trailing slash. */
  origin: string;
  /** Host and, when it is not the scheme's own, port. */
  host: string;
  /** Whether it is another one than {@linkcode DEFAULT_ORIGIN}; such an origin is to be announced. */
  custom: boolean;
  /** Whether it is plain HTTP. */
  plain: boolean;
}

/**
 * Checks an origin and brings it into one form: `https://www.mogplex.com/` becomes `https://mogplex.com`, since the service
 * redirects the former and a redirect loses the token.
 *
 * @param text The address, as in `MOGPLEX_URL`.
 * @throws {UsageError} when it is no URL, has a path, query, fragment or credentials, or is plain HTTP where that is not permitted.
 */
export function parseOrigin(text: string, options: ParseOriginOptions = {}): Origin {
  const { dev = false, devHost, production = false } = options;
  const shown = JSON.stringify(createRedactor({})(text.slice(0, 200)));
  const trimmed = text.trim();
  if (!URL.canParse(trimmed)) {
    throw new UsageError(
      `Cannot use MOGPLEX_URL as it is not a URL: ${shown}; give an origin such as ${DEFAULT_ORIGIN}`,
    );
  }
  const url = new URL(trimmed);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("Cannot use MOGPLEX_URL as it contains credentials: remove the part before the @");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new UsageError(`Cannot use MOGPLEX_URL as its scheme must be https: ${shown}`);
  }
  if (url.pathname !== "/" || /[?#]/.test(trimmed)) {
    throw new UsageError(`Cannot use MOGPLEX_URL as it must be an origin without path or query: ${shown}`);
  }
  const plain = url.protocol === "http:";
  if (plain) {
    const permitted = isLoopback(url.hostname) ||
      (devHost !== undefined && (devHost === url.host || devHost === url.hostname));
    if (!dev || production || !permitted) {
      throw new UsageError(
        `Cannot use MOGPLEX_URL as plain HTTP would show the token to the network: ${shown}; ` +
          (production
            ? "it is never permitted with NODE_ENV=production"
            : "with MOGPLEX_DEV=1 it is permitted to this machine, and to the host in MOGPLEX_DEV_HOST"),
      );
    }
  }
  if (url.hostname === "www.mogplex.com") url.hostname = "mogplex.com";
  return { origin: url.origin, host: url.host, custom: url.origin !== DEFAULT_ORIGIN, plain };
}
