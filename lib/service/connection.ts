import { lookup } from "../lookup.ts";
import { fileVariableAdvice, isFileVariable, readTextVariable, systemName } from "../ci/platform.ts";
import { UnauthorizedError, UsageError } from "../errors.ts";
import { hookError, waitForHook } from "../hook.ts";
import { isLoopback } from "../loopback.ts";
import { isVariableRefused, readFileNow } from "../runtime.ts";
import { createRedactor, joinRedactors, MIN_TOKEN_LENGTH, type Redactor, redactorOf } from "../text/redact.ts";
import type { TokenSource } from "./transport.ts";

/** Source: API reference, "Base URL". */
export const DEFAULT_ORIGIN = "https://mogplex.com";

interface ParseOriginOptions {
  /** `MOGPLEX_DEV=1`: permits plain HTTP to this machine. */
  dev?: boolean | undefined;
  /** One more host (`name` or `name:port`) to which `dev` permits plain HTTP. */
  devHost?: string | undefined;
  /** `NODE_ENV=production`: refuses plain HTTP even with `dev`. */
  production?: boolean | undefined;
  /** Permits plain HTTP to this machine, regardless of `dev` and `production`. */
  loopback?: boolean | undefined;
  place?: string | undefined;
}

export interface Origin {
  origin: string;
  host: string;
  custom: boolean;
  plain: boolean;
}

/** `https://www.mogplex.com/` becomes `https://mogplex.com`, because the service redirects requests to `www` and a redirect loses the token. */
function parseOrigin(text: string, options: ParseOriginOptions = {}): Origin {
  const { dev = false, devHost, production = false, loopback = false, place = "MOGPLEX_URL" } = options;
  const attempted = `use ${place}`;
  const value = JSON.stringify(createRedactor()(text.slice(0, 200)));
  const trimmed = text.trim();
  if (!URL.canParse(trimmed)) {
    throw new UsageError({
      attempted,
      why: "it is not a URL",
      value,
      advice: `use an origin such as ${DEFAULT_ORIGIN}`,
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
        why: "plain HTTP would expose the token to the network",
        value,
        advice: place !== "MOGPLEX_URL"
          ? 'createMogplex() allows it for this machine with the option plainHttp: "loopback"'
          : production
          ? "use https: NODE_ENV=production never allows plain HTTP"
          : permitted
          ? "set MOGPLEX_DEV=1 to allow it for this host"
          : "MOGPLEX_DEV=1 allows it only for this machine and for the host in MOGPLEX_DEV_HOST",
      });
    }
  }
  if (url.hostname === "www.mogplex.com") url.hostname = "mogplex.com";
  return { origin: url.origin, host: url.host, custom: url.origin !== DEFAULT_ORIGIN, plain };
}

const NO_SECRETS = "pull requests from forks get no secrets";

/**
 * Where users of a CI system store the token, and why a job might not get it. Source: GitLab, "Protect a CI/CD variable"; GitHub, "Using secrets".
 */
const STORES: Readonly<Record<string, readonly [store: string, whyAbsent: string]>> = {
  github: ["Settings > Secrets and variables > Actions", NO_SECRETS],
  gitea: ["Settings > Actions > Secrets", NO_SECRETS],
  forgejo: ["Settings > Actions > Secrets", NO_SECRETS],
  gitlab: [
    "Settings > CI/CD > Variables",
    "protected variables are absent on unprotected refs, and merge requests from forks get no variables",
  ],
};

function storeAdvice(env: ConnectionOptions["env"], isUnknown: boolean): string {
  const [store, why] = (isUnknown ? undefined : lookup(STORES, systemName(env))) ??
    ["the secrets of the CI system", "many systems give no secrets to pull requests from forks"];
  return `store the token in ${store} (${why})`;
}

/** The message does not contain the text, because users sometimes paste the token itself there. */
export function checkTokenVariable(name: string, attempted: string, setting: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return name;
  throw new UsageError({
    attempted,
    why: `${setting} must be the name of a variable (letters, digits, underscores), not a token`,
  });
}

/**
 * The length is not checked, because the documentation and the service disagree about it. Tokens without the prefix `mog_` are accepted, because they
 * can be OAuth tokens. The messages do not contain the token.
 */
function checkToken(text: string, source: string, advice: () => string): string {
  const token = text.trim();
  const attempted = `use the token in ${source}`;
  if (token === "") {
    throw new UnauthorizedError({ attempted: "read token", why: `${source} is empty`, advice: advice() });
  }
  if (/^\$|^%.*%$/.test(token)) {
    throw new UnauthorizedError({
      attempted,
      why: "it refers to a variable that was not expanded",
      advice: "set that variable, or put the token itself there",
    });
  }
  if (/^bearer\s/i.test(token)) {
    throw new UnauthorizedError({ attempted, why: 'it starts with the word "Bearer"', advice: "remove that word" });
  }
  if (/^["'].*["']$/s.test(token)) {
    throw new UnauthorizedError({ attempted, why: "it is in quotation marks", advice: "remove them" });
  }
  // Source: RFC 6750, section 2.1 (b64token), for OAuth; API reference, "Authentication", for `mog_`.
  const form = token.startsWith("mog_") ? /^mog_[A-Za-z0-9]+$/ : /^[A-Za-z0-9._~+/-]+=*$/;
  if (!form.test(token)) {
    throw new UnauthorizedError({
      attempted,
      why: "it contains characters that are not allowed in a token, or several lines",
      advice: 'copy the token again: it is "mog_" followed by letters and digits',
    });
  }
  return token;
}

export interface ConnectionOptions {
  env: (name: string) => string | undefined;
  readFile?: ((path: string) => string | undefined) | undefined;
  refuses?: ((name: string) => boolean) | undefined;
  token?: string | undefined;
  tokenPlace?: string | undefined;
  url?: string | undefined;
  loopback?: boolean | undefined;
  noEnvironment?: boolean | undefined;
  /** Whether to read only the variables of the documented command: `MOGPLEX_API_KEY`, `MOGPLEX_URL`, `MOGPLEX_DEV`. */
  dropIn?: boolean | undefined;
}

export interface FoundToken {
  token: string;
  tokenPlace: string;
}

export interface Connection extends Origin, FoundToken {
  addressPlace?: string | undefined;
  notices: string[];
}

const TOKEN_VARIABLE = "MOGPLEX_API_KEY";

const WITH_SECRETS: readonly string[] = ["github", "gitea", "forgejo"];

export function findToken(options: ConnectionOptions): FoundToken {
  const { env, token, tokenPlace = "the option token", dropIn = false, noEnvironment = false } = options;
  const isUnknown = dropIn || noEnvironment;
  const isSecret = !isUnknown && WITH_SECRETS.includes(systemName(env));
  const store = () => storeAdvice(env, isUnknown);
  const checked = (text: string, place: string): FoundToken => ({
    token: checkToken(text, place, store),
    tokenPlace: isSecret && /^(?:variable|input) /.test(place) ? `the secret for ${place}` : place,
  });
  if (token !== undefined) return checked(token, tokenPlace);
  if (noEnvironment) {
    const why = "none was given, and `env: null` means that no variable is read";
    throw new UnauthorizedError({ attempted: "read token", why, advice: "pass the option 'token'" });
  }
  const setting = (name: string): string | undefined => dropIn ? undefined : env(name)?.trim() || undefined;
  const variableName = setting("MOGPLEX_TOKEN_VARIABLE") ?? TOKEN_VARIABLE;
  const variable = checkTokenVariable(variableName, "read token", "MOGPLEX_TOKEN_VARIABLE");
  const value = env(variable);
  const path = setting("MOGPLEX_API_KEY_FILE");
  if (path === undefined) {
    // The documented command does not detect the CI system.
    const isCi = dropIn || systemName(env) !== "none";
    if (value === undefined && (options.refuses ?? isVariableRefused)(variable)) {
      const why = `Deno is not allowed to read variable ${variable}`;
      throw new UnauthorizedError({ attempted: "read token", why, advice: "add --allow-env after deno run" });
    }
    if (value === undefined || !isCi && value.trim() === "") {
      throw new UnauthorizedError({
        attempted: "read token",
        why: `variable ${variable} is ${value === undefined ? "not set" : "empty"}`,
        advice: isCi && !dropIn
          ? store()
          : `create a token under Settings > Mogplex Keys and set it: export ${variable}=…${
            dropIn ? " (in CI, store it as a secret)" : ""
          }`,
      });
    }
    if (isFileVariable(variable, value)) {
      throw new UnauthorizedError({
        attempted: "read token",
        why: `variable ${variable} is of type File, so its value is the path of a file`,
        advice: fileVariableAdvice("MOGPLEX_API_KEY_FILE"),
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
  return checked(readTokenFile(path, variable, options), "the MOGPLEX_API_KEY_FILE file");
}

export function resolveToken(options: ConnectionOptions): string {
  return findToken(options).token;
}

function readTokenFile(path: string, variable: string, { readFile = readFileNow }: ConnectionOptions): string {
  const attempted = "read token";
  let text: string | undefined;
  let cause: unknown;
  try {
    text = readFile(path);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  // The value might be the token itself. It is not shown, and neither is an error of the runtime, which would contain it.
  if (path.length >= 20 && !/[/\\]/.test(path)) {
    throw new UsageError({
      attempted,
      why: "the value of MOGPLEX_API_KEY_FILE is not a path",
      advice: `if it is the token, rename the variable to ${variable}, or change its type to File (on GitLab)`,
    });
  }
  const [why, advice] = cause === undefined
    ? ["does not exist", "correct the path"]
    : ["cannot be read", cause instanceof Error ? cause.message : undefined];
  const parts = { attempted, why: `the MOGPLEX_API_KEY_FILE file ${why}`, value: JSON.stringify(path), advice };
  throw new UsageError(parts, { cause });
}

export function resolveOrigin({ env, url, loopback, dropIn = false }: ConnectionOptions): Origin {
  return parseOrigin(url ?? (readTextVariable(env, "MOGPLEX_URL")?.trim() || DEFAULT_ORIGIN), {
    loopback,
    place: url === undefined ? undefined : "option url",
    dev: env("MOGPLEX_DEV") === "1",
    devHost: dropIn ? undefined : env("MOGPLEX_DEV_HOST")?.trim() || undefined,
    production: env("NODE_ENV") === "production",
  });
}

export function originNotices({ origin, custom, plain }: Origin): string[] {
  return custom ? [`sending requests and the token to ${origin}${plain ? ", unencrypted" : ""}`] : [];
}

export function tokenNotices({ token, tokenPlace }: FoundToken): string[] {
  if (token.length >= MIN_TOKEN_LENGTH) return [];
  return [
    `the token in ${tokenPlace} is not masked in the output, because it has fewer than ${MIN_TOKEN_LENGTH} characters`,
  ];
}

export function resolveConnection(options: ConnectionOptions): Connection {
  const origin = resolveOrigin(options);
  const addressPlace = options.url === undefined ? undefined : "the option url";
  const found = findToken(options);
  return { ...origin, ...found, addressPlace, notices: [...originNotices(origin), ...tokenNotices(found)] };
}

/** A function that reads a vault may return a new token during a job. */
const MAX_MASKED = 5;

export type GiveToken = () => string | Promise<string>;

export interface KeptToken extends TokenSource {
  readonly last: string | undefined;
}

export function keptToken(give: GiveToken, secrets?: readonly string[]): KeptToken {
  let current: Promise<string> | undefined;
  let last: string | undefined;
  const always = createRedactor({ secrets });
  let masked: Redactor[] = [];

  async function ask(): Promise<string> {
    let text: unknown;
    try {
      text = await give();
    } catch (cause) {
      throw hookError("read token", "token", cause, redact);
    }
    if (typeof text !== "string") {
      throw new UnauthorizedError({
        attempted: "read token",
        why: "the function in the option 'token' did not return a string",
      });
    }
    const token = checkToken(text, "the option token", () => "return a token from the function");
    if (token !== last) masked = [createRedactor({ token }), ...masked].slice(0, MAX_MASKED);
    return last = token;
  }

  const all = () => joinRedactors(...masked, always);
  const redact = redactorOf({
    mask: (text) => all()(text),
    token: (text) => all().token(text),
    longest: () => all().longest,
  });
  return {
    get last() {
      return last;
    },
    async get(limits) {
      const answer = current ??= ask();
      try {
        return await waitForHook("read token", "token", answer, limits);
      } catch (error) {
        // A failed or unfinished call is not kept, so the next request calls the function again.
        if (current === answer) current = undefined;
        throw error;
      }
    },
    refused(token) {
      if (token === last) current = undefined;
    },
    redact,
  };
}
