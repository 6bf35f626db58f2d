/**
 * Finds the address of the service and the access token in the options and the environment.
 *
 * @module
 */
import { UnauthorizedError, UsageError } from "../../errors.ts";
import { DEFAULT_ORIGIN, type Origin, parseOrigin } from "./origin.ts";
import { fileVariableAdvice, isFileVariable, readTextVariable } from "../../platforms/file_variable.ts";
import { readFileNow } from "../../runtime.ts";
import { checkToken, checkTokenVariable, WHY_ABSENT } from "./token.ts";

/** Options of {@linkcode resolveConnection}. */
export interface ConnectionOptions {
  /** Reads an environment variable. */
  env: (name: string) => string | undefined;
  /** Reads the file of `MOGPLEX_API_KEY_FILE`; undefined when it does not exist. @default reads the file system */
  readFile?: ((path: string) => string | undefined) | undefined;
  /** Access token; takes precedence over the environment. @default {undefined} */
  token?: string | undefined;
  /** Where that token was given, for messages. @default {"the option token"} */
  tokenPlace?: string | undefined;
  /** Address of the service; takes precedence over the environment. @default {undefined} */
  url?: string | undefined;
  /** Whether plain HTTP to this machine is permitted, whatever the environment says. @default {false} */
  loopback?: boolean | undefined;
  /** Read only the variables of the documented command: `MOGPLEX_API_KEY`, `MOGPLEX_URL`, `MOGPLEX_DEV`. @default {false} */
  dropIn?: boolean | undefined;
}

/** A checked token. */
export interface FoundToken {
  /** Access token, trimmed. */
  token: string;
  /** Where it was found, for messages: `variable MOGPLEX_API_KEY`. */
  tokenPlace: string;
}

/** A checked token, and the checked origin to send it to. */
export interface Connection extends Origin, FoundToken {
  /** Where the address was given, for messages; undefined for the variable `MOGPLEX_URL`. */
  addressPlace?: string | undefined;
  /** Lines that the user must see: that the origin is not the default one, or that it uses plain HTTP. */
  notices: string[];
}

const TOKEN_VARIABLE = "MOGPLEX_API_KEY";

function checked(text: string, tokenPlace: string): FoundToken {
  return { token: checkToken(text, tokenPlace), tokenPlace };
}

/**
 * Finds the token and where it came from.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode resolveConnection}.
 */
export function findToken(options: ConnectionOptions): FoundToken {
  const { env, token, tokenPlace = "the option token", dropIn = false } = options;
  if (token !== undefined) return checked(token, tokenPlace);
  const own = (name: string): string | undefined => dropIn ? undefined : env(name)?.trim() || undefined;
  const named = own("MOGPLEX_TOKEN_VARIABLE") ?? TOKEN_VARIABLE;
  const variable = checkTokenVariable(named, "read token", "MOGPLEX_TOKEN_VARIABLE");
  const value = env(variable);
  const path = own("MOGPLEX_API_KEY_FILE");
  if (path === undefined) {
    if (value === undefined) {
      throw new UnauthorizedError({
        attempted: "read token",
        why: `variable ${variable} is not set`,
        advice: `create a token under Settings > Mogplex Keys and put it there ${WHY_ABSENT}`,
      });
    }
    if (isFileVariable(variable, value)) {
      throw new UnauthorizedError({
        attempted: "read token",
        why: `variable ${variable} is of type File, so that its value is the path of a file`,
        advice: fileVariableAdvice(TOKEN_VARIABLE),
      });
    }
    return checked(value, `variable ${variable}`);
  }
  if (value !== undefined && value.trim() !== "") {
    throw new UsageError({
      attempted: "read token",
      why: `${variable} and MOGPLEX_API_KEY_FILE are both set`,
      advice: "unset one of them",
    });
  }
  return checked(readTokenFile(path, options), "the file of MOGPLEX_API_KEY_FILE");
}

/**
 * Finds the token only.
 *
 * @throws {UnauthorizedError | UsageError} See {@linkcode resolveConnection}.
 */
export function resolveToken(options: ConnectionOptions): string {
  return findToken(options).token;
}

function readTokenFile(path: string, { readFile = readFileNow }: ConnectionOptions): string {
  const attempted = "read token";
  const value = JSON.stringify(path);
  let text: string | undefined;
  try {
    text = readFile(path);
  } catch (cause) {
    const advice = cause instanceof Error ? cause.message : undefined;
    throw new UsageError({ attempted, why: "the file of MOGPLEX_API_KEY_FILE cannot be read", value, advice }, {
      cause,
    });
  }
  if (text === undefined) {
    throw new UsageError({ attempted, why: "the file of MOGPLEX_API_KEY_FILE does not exist", value });
  }
  return text;
}

/**
 * Finds the origin.
 *
 * @throws {UsageError} See {@linkcode parseOrigin}.
 */
export function resolveOrigin({ env, url, loopback, dropIn = false }: ConnectionOptions): Origin {
  return parseOrigin(url ?? (readTextVariable(env, "MOGPLEX_URL")?.trim() || DEFAULT_ORIGIN), {
    loopback,
    place: url === undefined ? undefined : "option url",
    dev: env("MOGPLEX_DEV") === "1",
    devHost: dropIn ? undefined : env("MOGPLEX_DEV_HOST")?.trim() || undefined,
    production: env("NODE_ENV") === "production",
  });
}

/** Lines that the user must see before the first request to an origin; none for the default one. */
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
  const addressPlace = options.url === undefined ? undefined : "the option url";
  return { ...origin, ...findToken(options), addressPlace, notices: originNotices(origin) };
}
