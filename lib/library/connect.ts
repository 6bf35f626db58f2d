import { type ReadEnv, systemName } from "../ci/platform.ts";
import { type Clock, systemClock } from "../clock.ts";
import { shown } from "../check_options.ts";
import { UsageError } from "../errors.ts";
import { callHook, hookCaller, onClock } from "../hook.ts";
import { lookup, ownFields } from "../lookup.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { checkTokenShare } from "../run/options.ts";
import { checkFollowTimeout, checkTimeout, type ConnectOptions, DEFAULT_TIMEOUT_MS } from "../run/session.ts";
import { environmentVariable } from "../runtime.ts";
import { clientFor, type ServiceClient } from "../service/client.ts";
import { PROCESS } from "../service/memory.ts";
import type { MogplexApi } from "../service/methods.ts";
import {
  findToken,
  type KeptToken,
  keptToken,
  originNotices,
  resolveOrigin,
  tokenNotices,
} from "../service/connection.ts";
import { type Fetch, type OutgoingRequest, type RequestReport, userAgent } from "../service/transport.ts";
import { checkOptions, type Keys } from "../service/validate.ts";
import { createRedactor, joinRedactors, type Redactor, whyNoSecret } from "../text/redact.ts";
import { apiOf, checkAttempts } from "./api.ts";
import { type Log, type Logger, type LogLevel, logOf } from "./log.ts";

/** Options for {@linkcode Mogplex.withOptions} and {@linkcode createMogplex}. */
export interface DerivedOptions {
  /**
   * Additional texts to mask in everything that the verbs print or write, and wherever this client is passed as `mogplex`. Each must have at
   * least 8 characters, and must not be a UUID, an address, or a word that the output uses, such as `cancelled`. @default {[]}
   */
  secrets?: readonly string[] | undefined;
  /**
   * Called before each attempt of a request, to add headers such as `traceparent`, or headers that a gateway requires. It is awaited within
   * the time limit of the request. If it throws or rejects, the request is not sent.
   */
  onBeforeRequest?: ((request: OutgoingRequest) => unknown) | undefined;
  /**
   * Called after each request with a report that contains no secrets. It is not awaited. If it throws or rejects, a notice reports the
   * error.
   */
  onRequest?: ((request: RequestReport) => unknown) | undefined;
  /**
   * Called for everything worth a log line. {@linkcode Notice} lists the kinds of notices, and explains which waits are reported. A verb's
   * own option replaces it.
   */
  onNotice?: OnNotice | undefined;
  /**
   * Receives log lines with secrets masked. Pass `console`, or any logger with `debug`, `info`, `warn` and `error`. @default none, or
   * `console` if `logLevel` is set
   */
  logger?: Logger | undefined;
  /**
   * What is logged. `off`: nothing. `error`: errors. `warn`: also warnings. `info`: also waits, and the start and end of each run. `debug`:
   * also each request. @default {"warn"} with a logger, otherwise `off`
   */
  logLevel?: LogLevel | undefined;
  /**
   * Time limit for each call that does not set its own `timeoutMs`, in milliseconds: from one second to 30 days.
   * @default {1_800_000} for verbs, 120_000 for `api`
   */
  timeoutMs?: number | undefined;
  /** Maximum number of attempts for each call of `api` that does not set its own. @default unlimited; only `timeoutMs` ends a call */
  maxAttempts?: number | undefined;
}

/** Options for {@linkcode createMogplex}. */
export interface MogplexOptions extends DerivedOptions {
  /**
   * Access token, or a function that returns it. The function is called at the first request, and again after the service has refused the
   * token, so do not cache the token yourself. It is awaited as long as the call's `timeoutMs` and `signal` permit. @default the variable
   * `MOGPLEX_API_KEY`
   */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Origin of the service. @default the variable `MOGPLEX_URL`, otherwise `https://mogplex.com` */
  url?: string | undefined;
  /** `loopback` permits plain HTTP to this machine, for a local Mogplex. @default `loopback` if `MOGPLEX_DEV=1` is set */
  plainHttp?: "loopback" | undefined;
  /** Additional headers to send with each request, such as for a gateway in front of the service. @default {{}} */
  headers?: Readonly<Record<string, string>> | Headers | undefined;
  /** Text to put before the toolkit's own `User-Agent`, such as `deploy-bot/3`. @default none */
  userAgent?: string | undefined;
  /**
   * Reads an environment variable. With null, nothing comes from the environment, not even the name of the CI system, and `token` is
   * required. @default the environment of the process
   */
  env?: ReadEnv | null | undefined;
  /** Function that sends requests. The `fetch` of the package undici works, too. @default {globalThis.fetch} */
  fetch?: Fetch | undefined;
  /** Source of time. @default the real clock */
  clock?: Clock | undefined;
  /**
   * How many processes use the token at the same time: from 1 to 1,000. It applies to verbs whose options do not set `tokenShare`. @default
   * {1}
   */
  tokenShare?: number | undefined;
}

interface Limits {
  signal?: AbortSignal | undefined;
  timeoutMs?: number | undefined;
}

export type Connect = <O extends Limits>(
  options: O,
) => Promise<
  & ConnectOptions
  & {
    timeoutMs?: number | undefined;
    tokenShare?: number | undefined;
    onProgress?: ((message: string) => void) | undefined;
  }
  & O
>;

/** Headers that only the toolkit may set, or that would break a request. */
const OUR_HEADERS: Readonly<Record<string, true>> = {
  accept: true,
  authorization: true,
  connection: true,
  "content-length": true,
  "content-type": true,
  cookie: true,
  host: true,
  "idempotency-key": true,
  "last-event-id": true,
  "transfer-encoding": true,
  "user-agent": true,
};

const ATTEMPTED = "create client";

/** An object from another implementation of `Headers` is not an instance of the global class. */
function headerEntries(headers: object, attempted: string): [name: string, value: string][] {
  const isHeaders = headers instanceof Headers || Object.prototype.toString.call(headers) === "[object Headers]";
  if (!isHeaders && Symbol.iterator in headers) {
    const why = "'headers' must be an object such as { name: value }, or Headers";
    const advice = headers instanceof Map ? "write Object.fromEntries(map)" : undefined;
    throw new UsageError({ attempted, why, value: shown("headers", headers), advice });
  }
  return isHeaders ? [...headers as Headers] : Object.entries(headers);
}

function checkHeaders(headers: object, attempted = ATTEMPTED): Record<string, string> {
  const entries = headerEntries(headers, attempted);
  for (const [name, value] of entries) {
    const quotedName = JSON.stringify(name.slice(0, 80));
    if (lookup(OUR_HEADERS, name.toLowerCase()) !== undefined) {
      throw new UsageError({
        attempted,
        why: `'headers' must not contain ${quotedName}, which the toolkit sets itself`,
      });
    }
    try {
      if (typeof value !== "string") throw new TypeError("not a string");
      new Headers([[name, value]]);
    } catch (cause) {
      throw new UsageError({ attempted, why: `entry ${quotedName} of 'headers' is not a valid header` }, { cause });
    }
  }
  return Object.fromEntries(entries);
}

function mogplexKeys(): Keys<MogplexOptions> {
  return {
    token: "any",
    secrets: "any",
    url: "string",
    plainHttp: "string",
    headers: "object",
    userAgent: "string",
    env: "any",
    fetch: "function",
    clock: "clock",
    onBeforeRequest: "function",
    onRequest: "function",
    timeoutMs: "number",
    maxAttempts: "number",
    tokenShare: "number",
    onNotice: "function",
    logger: "any",
    logLevel: "string",
  };
}

function derivedKeys(): Keys<DerivedOptions> {
  const { timeoutMs, maxAttempts, logger, logLevel, secrets, onNotice, onRequest, onBeforeRequest } = mogplexKeys();
  return { timeoutMs, maxAttempts, logger, logLevel, secrets, onNotice, onRequest, onBeforeRequest };
}

/** The error contains the position in the list, never the text. */
export function checkSecrets(secrets: readonly string[] = []): void {
  const attempted = "mask secrets";
  if (!Array.isArray(secrets) || secrets.some((secret) => typeof secret !== "string")) {
    throw new UsageError({ attempted, why: "'secrets' must be a list of strings" });
  }
  const reasons = secrets.map((secret) => whyNoSecret(secret.trim()));
  const place = reasons.findIndex((reason) => reason !== undefined) + 1;
  if (place === 0) return;
  throw new UsageError({
    attempted,
    why: `entry ${place} of 'secrets' cannot be masked: it ${reasons[place - 1]}`,
    advice: "leave it out, or pass only its secret part",
  });
}

const OF_EMULATOR = {
  keys: { options: "object" },
  advice: "for a test's emulator, pass its options, as in createMogplex(service.options)",
} as const;

function checkAll(given: MogplexOptions): MogplexOptions {
  const options = checkOptions(ATTEMPTED, given, mogplexKeys(), undefined, OF_EMULATOR);
  const { token, plainHttp, env, userAgent: agent = "" } = options;
  const refuse = (why: string) => new UsageError({ attempted: ATTEMPTED, why });
  checkSecrets(options.secrets);
  checkFollowTimeout(options.timeoutMs);
  checkAttempts(ATTEMPTED, options.maxAttempts);
  checkTokenShare(options.tokenShare);
  if (!["undefined", "string", "function"].includes(typeof token)) {
    throw refuse("'token' must be a string or a function");
  }
  if (env !== undefined && env !== null && typeof env !== "function") throw refuse("'env' must be a function or null");
  if (plainHttp !== undefined && plainHttp !== "loopback") throw refuse(`'plainHttp' must be "loopback"`);
  if (!/^[\x20-\x7e]{0,200}$/.test(agent)) throw refuse("'userAgent' must have at most 200 printable ASCII characters");
  return options;
}

/** All copies of this package share this symbol. */
const CONNECTOR = Symbol.for("@mogplex/ci connector");

export function connectorOf(attempted: string, mogplex: object, name: string): Connector {
  const connector = (mogplex as { [CONNECTOR]?: Connector } | null | undefined)?.[CONNECTOR];
  if (connector !== undefined) return connector;
  throw new UsageError({ attempted, why: `${name} must be a client from createMogplex()` });
}

export class Connector {
  readonly #options: MogplexOptions;
  readonly #env: ReadEnv;
  readonly #headers: Record<string, string>;
  readonly #kept: KeptToken | undefined;
  readonly #log: Log | undefined;
  /** The connector from which this connector was derived. Both share one token and one budget. */
  readonly #parent: Connector | undefined;
  #client: ServiceClient | undefined;
  #redact: Redactor | undefined;
  #api: MogplexApi | undefined;

  constructor(given: MogplexOptions, parent?: Connector) {
    const options = this.#options = checkAll(given);
    const { env, headers = {}, token, secrets } = options;
    this.#env = env === null ? () => undefined : env ?? environmentVariable;
    this.#headers = checkHeaders(headers);
    this.#parent = parent;
    this.#kept = parent === undefined
      ? typeof token === "function" ? keptToken(token, secrets) : undefined
      : parent.#kept;
    this.#log = logOf(ATTEMPTED, options);
  }

  derive(given: DerivedOptions): Connector {
    const advice = "only createMogplex() accepts it: create another client";
    const options = checkOptions("derive client", given, derivedKeys(), "options", { keys: mogplexKeys(), advice });
    checkSecrets(options.secrets);
    const secrets = [...this.#options.secrets ?? [], ...options.secrets ?? []];
    return new Connector(overlay(this.#options, { ...options, secrets }), this);
  }

  get client(): ServiceClient {
    return this.#client ??= this.#connect();
  }

  get api(): MogplexApi {
    const { timeoutMs, maxAttempts, clock = systemClock, onNotice } = this.#options;
    return this.#api ??= apiOf(this.client, { timeoutMs, maxAttempts, clock, onNotice: this.#teller(onNotice) });
  }

  #teller(onNotice: OnNotice | undefined): OnNotice | undefined {
    const log = this.#log;
    if (onNotice === undefined && log === undefined) return undefined;
    return (notice) => {
      const masked: Notice = { ...notice, message: this.redact(notice.message) };
      log?.notice(masked);
      return onNotice?.(masked);
    };
  }

  #connect(): ServiceClient {
    const { url, plainHttp, token, fetch, clock = systemClock, userAgent: agent } = this.#options;
    const { onBeforeRequest, onRequest, secrets } = this.#options;
    const teller = this.#teller(this.#options.onNotice);
    const onNotice = teller && onClock(clock, teller);
    const env = this.#env;
    const origin = resolveOrigin({ env, url, loopback: plainHttp === "loopback" });
    const found = this.#kept === undefined
      ? findToken({ env, token: token as string | undefined, noEnvironment: this.#options.env === null })
      : undefined;
    const source = found ?? { token: this.#kept as KeptToken, tokenPlace: "the option token" };
    const notices = [...originNotices(origin), ...found === undefined ? [] : tokenNotices(found)];
    for (const message of this.#parent === undefined ? notices : []) {
      callHook(onNotice, { kind: "text", message });
    }
    const agentName = userAgent(systemName(env));
    const tell = onRequest && hookCaller("onRequest", onRequest, { clock, onNotice });
    const log = this.#log;
    const options = {
      ...origin,
      ...source,
      secrets,
      env,
      addressPlace: url === undefined ? undefined : "the option url",
      fetch,
      clock,
      headers: this.#headers,
      userAgent: agent === undefined ? agentName : `${agent} ${agentName}`,
      onBeforeRequest: onBeforeRequest && (async (request: OutgoingRequest) => {
        await onBeforeRequest(request);
        request.headers = checkHeaders(request.headers, "set headers");
      }),
      onRequest: tell === undefined && log === undefined ? undefined : (request: RequestReport) => {
        log?.request(request);
        tell?.(request);
      },
    };
    return clientFor(options, this.#parent && PROCESS.ofClient(this.#parent.client).token);
  }

  /** Reads the token first, so that the token is masked in everything that is written. This read is part of the verb's time limit. */
  async connect<O extends Limits>(options: O): Promise<ConnectOptions & O> {
    const { clock = systemClock, onNotice, secrets, fetch } = this.#options;
    await PROCESS.turn(clock);
    const { client } = this;
    // Requests to forges for result files also use the caller's `fetch`.
    const connected = { client, env: this.#env, clock, secrets, fetch, ...(onNotice && { onNotice }) };
    const all = overlay(connected, options);
    const teller = this.#teller(all.onNotice);
    const timed = overlay(all, { onNotice: teller && onClock(clock, teller) });
    if (this.#kept === undefined) return timed;
    const { signal, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const askedAt = clock.now();
    await this.#kept.get({ clock, deadline: askedAt + checkTimeout(timeoutMs), signal });
    const leftMs = timeoutMs - (clock.now() - askedAt);
    return options.timeoutMs === undefined ? timed : overlay(timed, { timeoutMs: leftMs });
  }

  readonly connectVerb: Connect = async (options) => {
    const { timeoutMs, tokenShare } = this.#options;
    const onProgress = (message: string) => this.#log?.progress(this.redact(message));
    return await this.connect(overlay({ timeoutMs, tokenShare, onProgress }, options));
  };

  on<T extends object>(mogplex: T): T {
    return Object.defineProperty(mogplex, CONNECTOR, { value: this });
  }

  get sender(): Fetch | undefined {
    return this.#options.fetch;
  }

  get env(): ReadEnv {
    return this.#env;
  }

  /** Does not mask a token from the environment, which is not known here. */
  get redact(): Redactor {
    const { token, secrets } = this.#options;
    return this.#redact ??= this.#kept === undefined
      ? createRedactor({ token: token as string | undefined, secrets })
      : joinRedactors(this.#kept.redact, createRedactor({ secrets }));
  }
}

export function overlay<A extends object, B extends object>(under: A, over: B): A & B {
  const entries = Object.entries(over).filter(([, value]) => value !== undefined);
  return ownFields({ ...under, ...Object.fromEntries(entries) } as A & B);
}

/** An option that both the client and the verb have belongs to the verb. If an option is invalid, `connect` rejects with the error. */
export function apart<O extends object>(
  attempted: string,
  given: MogplexOptions & O,
  keys: Keys<O>,
  other?: Parameters<typeof checkOptions>[4],
): { connect: Connect; rest: O } {
  try {
    const options = checkOptions(attempted, given, { ...mogplexKeys(), ...keys }, undefined, OF_EMULATOR, other);
    const ownEntries = Object.entries(options).filter(([name]) => lookup(keys, name) === undefined);
    const rest = Object.entries(options).filter(([name]) => lookup(keys, name) !== undefined);
    let connector: Connector | undefined;
    const connect: Connect = async (options) =>
      await (connector ??= new Connector(Object.fromEntries(ownEntries))).connectVerb(options);
    return { connect, rest: Object.fromEntries(rest) as O };
  } catch (error) {
    return { connect: () => Promise.reject(error), rest: {} as O };
  }
}
