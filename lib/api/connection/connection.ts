/**
 * Which service to speak to, and with which token.
 *
 * @module
 */
import { UnauthorizedError, UsageError } from "../../errors.ts";
import { DEFAULT_ORIGIN, type Origin, parseOrigin } from "./origin.ts";
import { readFileNow } from "../../runtime.ts";
import { checkToken, checkTokenVariable, WHY_ABSENT } from "./token.ts";

/** Options of {@linkcode resolveConnection}. */
export interface ConnectionOptions {
  /** Reads an environment variable. */
  env: (name: string) => string | undefined;
  /** Text of a file, or undefined when there is none; for `MOGPLEX_API_KEY_FILE`. @default reads the file */
  readFile?: ((path: string) => string | undefined) | undefined;
  /** Token that wins over the environment. @default {undefined} */
  token?: string | undefined;
  /** Origin that wins over the environment. @default {undefined} */
  url?: string | undefined;
  /** Read only what the documented command reads: `MOGPLEX_API_KEY`, `MOGPLEX_URL`, `MOGPLEX_DEV`. @default {false} */
  dropIn?: boolean | undefined;
}

/** A checked token. */
export interface FoundToken {
  /** Access token, trimmed. */
  token: string;
  /** Where it comes from, for messages: `variable MOGPLEX_API_KEY`. */
  tokenPlace: string;
}

/** A checked token and where it may go. */
export interface Connection extends Origin, FoundToken {
  /** Lines that the user must see: another origin than the default, plain HTTP. */
  notices: string[];
}

const TOKEN_VARIABLE = "MOGPLEX_API_KEY";

function checked(text: string, tokenPlace: string): FoundToken {
  return { token: checkToken(text, tokenPlace), tokenPlace };
}

/**
 * Finds the token, and says where.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode resolveConnection}.
 */
export function findToken(options: ConnectionOptions): FoundToken {
  const { env, token, dropIn = false } = options;
  if (token !== undefined) return checked(token, "the option token");
  const own = (name: string): string | undefined => dropIn ? undefined : env(name)?.trim() || undefined;
  const named = own("MOGPLEX_TOKEN_VARIABLE") ?? TOKEN_VARIABLE;
  const variable = checkTokenVariable(named, "read token", "MOGPLEX_TOKEN_VARIABLE");
  const value = env(variable);
  const path = own("MOGPLEX_API_KEY_FILE");
  if (path === undefined) {
    if (value === undefined) {
      throw new UnauthorizedError(
        `Cannot read token: variable ${variable} is not set; create a token under Settings > API Keys and put it there ${WHY_ABSENT}`,
      );
    }
    return checked(value, `variable ${variable}`);
  }
  if (value !== undefined && value.trim() !== "") {
    throw new UsageError(`Cannot read token: ${variable} and MOGPLEX_API_KEY_FILE are both set, unset one of them`);
  }
  return checked(readTokenFile(path, options), "the file of MOGPLEX_API_KEY_FILE");
}

/**
 * Finds the token.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode resolveConnection}.
 */
export function resolveToken(options: ConnectionOptions): string {
  return findToken(options).token;
}

function readTokenFile(path: string, { readFile = readFileNow }: ConnectionOptions): string {
  let text: string | undefined;
  try {
    text = readFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read token: file of MOGPLEX_API_KEY_FILE cannot be read: ${JSON.stringify(path)}`, {
      cause,
    });
  }
  if (text === undefined) {
    throw new UsageError(`Cannot read token: file of MOGPLEX_API_KEY_FILE does not exist: ${JSON.stringify(path)}`);
  }
  return text;
}

/**
 * Finds the origin.
 *
 * @throws {UsageError} when it is not permitted.
 */
export function resolveOrigin({ env, url, dropIn = false }: ConnectionOptions): Origin {
  return parseOrigin(url ?? (env("MOGPLEX_URL")?.trim() || DEFAULT_ORIGIN), {
    dev: env("MOGPLEX_DEV") === "1",
    devHost: dropIn ? undefined : env("MOGPLEX_DEV_HOST")?.trim() || undefined,
    production: env("NODE_ENV") === "production",
  });
}

/** Lines that the user must see before anything is sent to an origin. */
export function originNotices({ origin, custom, plain }: Origin): string[] {
  return custom ? [`sending requests and the token to ${origin}${plain ? ", unencrypted" : ""}`] : [];
}

/**
 * Finds the token and the origin.
 *
 * @throws {UnauthorizedError} when there is no token, or one that cannot be a token.
 * @throws {UsageError} when the settings contradict each other, or the origin is not permitted.
 */
export function resolveConnection(options: ConnectionOptions): Connection {
  const origin = resolveOrigin(options);
  return { ...origin, ...findToken(options), notices: originNotices(origin) };
}
