import { UsageError } from "../errors.ts";
import { checkOptions, type Keys, type Kind } from "../check_options.ts";
import type { Clock } from "../clock.ts";
import type { Automation } from "../model.ts";
import { callHook } from "../hook.ts";
import type { Notice, OnNotice } from "../notice.ts";
import { checkTimeout } from "../run/session.ts";
import {
  allCalls,
  type CallOptions as ServiceCallOptions,
  type ClientFacts,
  ownClient,
  type ServiceClient,
} from "../service/client.ts";
import type { CallOptions, ListCall, Methods, MogplexApi, RequestOptions } from "../service/methods.ts";
import { requestCall, type SendRequest } from "../service/request.ts";

interface ApiDefaults {
  clock: Clock;
  timeoutMs: number | undefined;
  maxAttempts: number | undefined;
  onNotice: OnNotice | undefined;
}

type Arguments<A extends readonly unknown[]> = {
  readonly [I in keyof A]: A[I] extends string ? null : Keys<NonNullable<A[I]>>;
};

function callKeys(): Keys<CallOptions> {
  return { signal: "signal", timeoutMs: "number", maxAttempts: "number" };
}

function argumentKeys(): { readonly [M in keyof Methods]: Arguments<Required<Parameters<Methods[M]>>> } {
  const call = callKeys();
  const key = { idempotencyKey: "any" } as const;
  const limit = { limit: "any" } as const;
  return {
    listRepos: [{ q: "any", id: "any", ...limit }, call],
    listSandboxes: [{ repoId: "any", status: "any", ...limit }, call],
    startRun: [
      {
        ...{ repoId: "any", prompt: "any", harness: "any", baseBranch: "any", workingBranch: "any" },
        ...{ createBranch: "any", rootDirectory: "any", mode: "any" },
      },
      key,
      call,
    ],
    checkStartAccess: [call],
    getRun: [null, call],
    getRunEvents: [null, limit, call],
    openRunEvents: [null, { lastEventId: "any", ...limit }, call],
    cancelRun: [null, call],
    listAutomations: [{ cursor: "any", ...limit }, call],
    getAutomation: [null, call],
    triggerAutomation: [null, { repoId: "any", input: "any" }, key, call],
    listAutomationRuns: [null, limit, call],
    getAutomationRun: [null, null, call],
    cancelAutomationRun: [null, null, call],
  };
}

export function checkAttempts(attempted: string, maxAttempts: number | undefined): void {
  if (maxAttempts === undefined || maxAttempts === Infinity || Number.isInteger(maxAttempts) && maxAttempts >= 1) {
    return;
  }
  throw new UsageError({
    attempted,
    why: "'maxAttempts' must be a whole number of at least 1",
    value: String(maxAttempts),
  });
}

function limitsOf(attempted: string, options: CallOptions, defaults: ApiDefaults): ServiceCallOptions {
  const { signal, timeoutMs = defaults.timeoutMs, maxAttempts = defaults.maxAttempts } = options;
  checkAttempts(attempted, maxAttempts);
  if (timeoutMs === undefined) return { signal, maxAttempts };
  const deadline = defaults.clock.now() + checkTimeout(timeoutMs);
  // Without this limit, an attempt that begins just before the deadline could exceed the deadline.
  return { signal, maxAttempts, deadline, requestTimeoutMs: Math.min(REQUEST_MS, timeoutMs) };
}

const REQUEST_MS = 30_000;

/** The first page is requested as soon as the method is called, because all other methods also send their requests at once. */
class List<P, T> implements ListCall<P, T> {
  readonly [Symbol.toStringTag] = "List";
  readonly #page: Promise<P>;
  readonly #entries: (page: P) => AsyncIterable<T> | Iterable<T>;

  constructor(page: Promise<P>, entries: (page: P) => AsyncIterable<T> | Iterable<T>) {
    this.#page = page;
    this.#entries = entries;
    // Prevents an unhandled rejection. A loop can throw the error later.
    page.catch(() => {});
  }

  then<A = P, B = never>(
    onPage?: ((page: P) => A | PromiseLike<A>) | null,
    onError?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#page.then(onPage, onError);
  }

  catch<B = never>(onError?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<P | B> {
    return this.#page.catch(onError);
  }

  finally(onEnd?: (() => void) | null): Promise<P> {
    return this.#page.finally(onEnd);
  }

  async *[Symbol.asyncIterator](): AsyncIterator<T, undefined, void> {
    yield* this.#entries(await this.#page);
    return undefined;
  }
}

/** Without this limit, a list would never end if the service returned a new cursor with every page. */
const MAX_PAGES = 1_000;

type AutomationPage = Awaited<ReturnType<MogplexApi["listAutomations"]>>;

async function* entriesFrom(
  page: AutomationPage,
  next: (cursor: string) => Promise<AutomationPage>,
): AsyncGenerator<Automation, void, void> {
  const cursors = new Set<string>();
  for (let current = page;;) {
    yield* current.automations;
    const { nextCursor } = current;
    if (nextCursor === null || cursors.has(nextCursor) || cursors.size >= MAX_PAGES) return;
    cursors.add(nextCursor);
    current = await next(nextCursor);
  }
}

type Calls = ReturnType<typeof allCalls> & { request: SendRequest };

export function apiOf(client: ServiceClient, defaults: ApiDefaults): MogplexApi {
  const hooks = { onNotice: (notice: Notice) => callHook(defaults.onNotice, notice), random: Math.random };
  const calls = ownClient(
    client as Calls & ClientFacts,
    (caller, redact): Calls => ({ ...allCalls(caller, redact), request: requestCall(caller, redact, client.origin) }),
    hooks,
  );
  const methods = Object.entries(argumentKeys()).map(([name, keys]) => {
    const method = calls[name as keyof Methods] as (...given: unknown[]) => Promise<unknown>;
    const attempted = `call '${name}'`;
    const last = keys.length - 1;
    // Async, so that an invalid argument rejects the promise instead of throwing.
    const call = async (...given: unknown[]) => {
      for (const [index, known] of (keys as readonly (Readonly<Record<string, Kind>> | null)[]).entries()) {
        const value = given[index];
        if (known === null || value === undefined) continue;
        checkOptions(attempted, value, known, index === last ? "options" : "requests");
      }
      const limits = limitsOf(attempted, given[last] as CallOptions | undefined ?? {}, defaults);
      return await method(...Array.from({ length: last }, (_, index) => given[index]), limits);
    };
    return [name, call];
  });
  const checked = Object.fromEntries(methods) as {
    [M in keyof Methods]: (...given: Parameters<Methods[M]>) => Promise<Awaited<ReturnType<Methods[M]>>>;
  };
  const { listAutomations } = checked;
  return {
    ...checked,
    get origin() {
      return client.origin;
    },
    get requests() {
      return client.requests;
    },
    get clockSkewMs() {
      return client.clockSkewMs;
    },
    listRepos: (...given) => new List(checked.listRepos(...given), (page) => page),
    listSandboxes: (...given) => new List(checked.listSandboxes(...given), (page) => page),
    listAutomationRuns: (...given) => new List(checked.listAutomationRuns(...given), (page) => page),
    listAutomations: (query, options) =>
      new List(
        listAutomations(query, options),
        (page) => entriesFrom(page, (cursor) => listAutomations({ ...query, cursor }, options)),
      ),
    async request(route, options = {}) {
      const attempted = "send request";
      const keys: Keys<RequestOptions> = { ...callKeys(), query: "object", body: "any", idempotencyKey: "string" };
      const { query, body, idempotencyKey, ...call } = checkOptions(attempted, options, keys);
      return await calls.request(route, { query, body, idempotencyKey }, limitsOf(attempted, call, defaults));
    },
  };
}
