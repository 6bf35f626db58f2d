import { Hono } from "hono";
import { type Clock, systemClock, type VirtualClock } from "../clock.ts";
import { UsageError } from "../errors.ts";
import type { StartRequest } from "../model.ts";
import { API_PREFIX } from "../service/contract.ts";
import { automationDriver } from "./agents/automation_driver.ts";
import { joinDrivers, withRunSlots } from "./agents/drivers.ts";
import { scriptDriver } from "./agents/script_driver.ts";
import { type EmulatorOptions, readTestOptions, type TestEmulatorOptions } from "./options.ts";
import { type ControlArguments, type ControlResult, runAction } from "./service/control.ts";
import { firstAccount } from "./service/listings.ts";
import { eventFeed } from "./state/event_feed.ts";
import { checkFaultRoute, type Fault, type FaultKind, parseFault, type PlannedFault } from "./state/faults.ts";
import { builtInFixture, type Fixture, withSubProject } from "./state/fixture.ts";
import { RequestLimiter, StartLimiter } from "./state/limiter.ts";
import { serverClock } from "./state/server_clock.ts";
import { createRevision, type RunRow, Store } from "./state/store.ts";
import {
  type Driver,
  healthySurroundings,
  idleAutomationDriver,
  idleDriver,
  withProjects,
  type World,
} from "./state/world.ts";
import { addContentsRoutes } from "./wire/contents.ts";
import { ConnectionLost, Faults } from "./wire/faults.ts";
import { bare, logRequests, passGate } from "./wire/request.ts";
import { addControlRoute, addPublicRoutes, addRoutes, refuseForeignHosts } from "./wire/routes.ts";
import { valueOr } from "../lookup.ts";

export interface Emulator {
  readonly app: Hono;
  readonly world: World;
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  control(action: string, args?: ControlArguments): ControlResult;
  readonly unfit: ReadonlySet<string>;
  readonly faults: readonly Readonly<PlannedFault>[];
  close(): Promise<void>;
}

export function makeEmulator(options: EmulatorOptions = {}): Emulator {
  const { clock = systemClock, faultClock = clock } = options;
  const world = makeWorld(options, clock);
  const scripts = { scenarios: options.scenarios ?? [], speed: options.speed, runDuration: options.runDuration };
  const faults = new Faults(faultClock, options.randomFaults);
  const unfit = new Set<string>();
  const onUnfit = (runId: string) => {
    unfit.add(runId);
    options.onUnfit?.(runId);
  };
  const { drivers = new Map<string, Driver>(), hasBranch, contents = () => undefined } = options.local?.(world) ?? {};
  world.gitContents = contents;
  world.runsCommands = drivers.size > 0;
  const scripted = new Set<string>();
  // If no harness has a command, users already know that all runs are simulated.
  const onPlay = ({ harness }: RunRow) => {
    if (drivers.size === 0 || scripted.has(harness)) return;
    scripted.add(harness);
    options.onScripted?.(harness);
  };
  const onFault = (fault: Fault) => faults.add(fault);
  const script = scriptDriver(world, { ...scripts, hasBranch, onFault, onUnfit, onPlay });
  world.driver = withRunSlots(world, joinDrivers(drivers, script), options.runSlots);
  world.automationDriver = automationDriver(world, scripts);
  const addFault = (fault: Fault) => {
    checkFaultRoute(fault, routes, world.revision.stream);
    faults.add(fault);
  };
  const planFaults = () => scripts.scenarios.forEach((scenario) => scenario.faults?.forEach((each) => addFault(each)));
  const stepFaults = scripts.scenarios.flatMap(({ steps }) => steps.flatMap(({ fault }) => fault ?? []));
  const app = new Hono();

  /** A due step can add a fault for the current request, so play the due steps first. */
  function bringFaults(): void {
    if (stepFaults.length === 0) return;
    try {
      world.driver.catchUp();
    } catch {
      // A handler that reads runs gets the same error and answers with a 500.
    }
  }

  function control(action: string, args: ControlArguments = {}): ControlResult {
    if (action === "fault") addFault(parseFault(args));
    if (action === "clearFaults" || action === "reset") faults.clear();
    if (action === "reset") {
      unfit.clear();
      planFaults();
    }
    if (action === "fault" || action === "clearFaults") return {};
    return runAction(world, action, args);
  }

  const played = new WeakMap<Request, FaultKind>();
  if (options.onRequest !== undefined) app.use(logRequests(world, options.onRequest, played));
  if (options.controlRoutes) addControlRoute(app, control);
  addPublicRoutes(app, world);
  addContentsRoutes(app, world);
  refuseForeignHosts(app, world);
  app.use(async (c, next) => {
    bringFaults();
    const carryOut = async () => {
      const answer = passGate(world, c.req.raw);
      if (answer !== undefined) return answer;
      await next();
      return c.res;
    };
    const tell = (kind: FaultKind) => void played.set(c.req.raw, kind);
    const answer = await faults.answer(c.req.raw, carryOut, options.breaker?.(c), tell);
    if (!c.finalized) return answer;
    if (answer === c.res) return;
    // Otherwise, Hono would merge the headers of both answers.
    c.res = undefined;
    c.res = answer;
  });
  const routes = addRoutes(app, world);
  planFaults();
  // Placeholders in a route are replaced only when the step is played, so here a placeholder matches any segment.
  for (const { route, kind } of stepFaults) {
    checkFaultRoute({ kind, route: route?.replace(/\$\{[^}]*\}/g, "*") }, routes, world.revision.stream);
  }
  app.onError((error) => {
    if (error instanceof ConnectionLost) throw error;
    return bare(500);
  });
  return {
    app,
    world,
    async fetch(input, init) {
      const answer = await app.fetch(new Request(input, init));
      // A real server would add this header.
      answer.headers.set("Date", new Date(world.clock.wallMs()).toUTCString());
      return answer;
    },
    control,
    unfit,
    get faults() {
      return faults.planned;
    },
    async close() {
      world.feed.close();
      await world.driver.close();
    },
  };
}

/** Source of `sandboxLimit`: API reference, "Other limits". The service stops a sandbox without a run after `sandboxLingerMs`. */
const LIKE_SERVICE = { sandboxLimit: 3, sandboxLingerMs: 900_000 };

function makeWorld(options: EmulatorOptions, clock: Clock): World {
  const { startLimits = true, startLimitScope = "token" } = options;
  const profile = options.like === undefined ? { sandboxLimit: undefined, sandboxLingerMs: 0 } : LIKE_SERVICE;
  return {
    revision: createRevision("base", options.revision),
    startLimitScope,
    sandboxLimit: options.sandboxLimit ?? profile.sandboxLimit,
    sandboxLingerMs: options.sandboxLingerMs ?? profile.sandboxLingerMs,
    store: new Store(startingState(options)),
    clock: serverClock(clock),
    feed: eventFeed(),
    requests: new RequestLimiter(),
    starts: new StartLimiter(startLimits),
    around: healthySurroundings(),
    pulls: new Map(),
    contents: new Map(),
    gitContents: () => undefined,
    origin: "http://localhost",
    driver: idleDriver,
    automationDriver: idleAutomationDriver,
    runsCommands: false,
  };
}

function startingState({ fixture, projects = [], like, repoNames }: EmulatorOptions): Fixture {
  const names = repoNames ?? (projects.length === 0 ? undefined : []);
  const state = withProjects(fixture ?? builtInFixture(names), projects);
  return like === undefined || fixture !== undefined ? state : withSubProject(state);
}

/** Options with which a client reaches a {@linkcode TestEmulator}. Pass them to `createMogplex()`, `run()` or `follow()`. */
export interface TestConnection {
  /** A token with both scopes. */
  token: string;
  /** Origin of the emulated service. No socket listens there. */
  url: string;
  /** Answers requests in this process. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** The clock of the emulated service. */
  clock: Clock;
  /** Always returns `undefined`, so that tests do not depend on the environment of the machine. */
  env: (name: string) => string | undefined;
}

/** A run of the emulated service. */
export interface TestRun {
  /** UUID. */
  runId: string;
  /** Current status of the run. */
  status: string;
  /** The body of the request that started the run. */
  request: StartRequest;
  /** Idempotency key of the start. */
  idempotencyKey: string;
  /** Whether a scenario matches the run. Without a scenario, the run stays `pending`. */
  hasScenario: boolean;
}

/** A message that was sent to another address, such as the webhook of a campaign. */
export interface TestNotification {
  /** Address that the message was sent to. */
  url: string;
  /** Body of the message, parsed as JSON; the text itself if it is not JSON. */
  body: unknown;
}

/** An emulated Mogplex in this process. */
export interface TestEmulator {
  /** Options for a client. */
  readonly options: TestConnection;
  /** A token that can only read. */
  readonly readOnlyToken: string;
  /** Repositories of the emulated service. */
  readonly repos: readonly { id: string; full_name: string }[];
  /** Automations of the emulated service. */
  readonly automations: readonly { id: string; name: string }[];
  /** Runs started so far, oldest first. */
  readonly runs: readonly TestRun[];
  /** Messages sent to other addresses so far, oldest first. The emulator answers each of them with 200, and nothing leaves the process. */
  readonly notifications: readonly TestNotification[];
  /**
   * The virtual clock.
   *
   * @throws {UsageError} if the emulator was created with another clock.
   */
  readonly clock: VirtualClock;
  /**
   * Makes requests fail.
   *
   * @param fault See {@linkcode Fault}.
   * @throws {UsageError} for an unknown kind or field, an invalid value, a route that the fault cannot affect, and a stream fault if the
   * revision has no streams.
   * @example The next two requests are answered with 503
   * ```ts ignore
   * service.fault({ kind: "503", times: 2 });
   * ```
   */
  fault(fault: Fault): void;
  /**
   * Faults from {@linkcode TestEmulator.fault} and from scenarios, in the order in which they were planned. A fault stays in the list after
   * its last hit.
   */
  readonly faults: readonly Readonly<PlannedFault>[];
  /**
   * Revokes the token in {@linkcode TestEmulator.options}, or the last token that this method returned.
   *
   * @returns A new token with both scopes.
   * @example A token that is renewed
   * ```ts ignore
   * let token = service.options.token;
   * const mogplex = createMogplex({ ...service.options, token: () => token });
   * token = service.revokeToken();
   * ```
   */
  revokeToken(): string;
  /**
   * Performs a control action of the emulator, such as `setRun` with `{ runId, run: { status: "failed" } }`.
   *
   * @throws {UsageError} for an unknown action, an unknown argument, or an invalid value.
   */
  control(action: string, args?: Record<string, unknown>): Record<string, unknown>;
  /** Closes open streams. You do not have to call this method before the process ends. */
  close(): Promise<void>;
}

/**
 * Creates an emulated Mogplex in this process.
 *
 * @param options See {@linkcode TestEmulatorOptions}.
 * @throws {UsageError} for an unknown option, an invalid value, and a scenario that is unknown or cannot be read.
 * @example A run that fails
 * ```ts ignore
 * const service = createEmulator({ scenario: "agent-failure" });
 * const mogplex = createMogplex(service.options);
 * const request = { repo: "acme/web", prompt: "Fix the flaky tests" };
 * assert.equal((await mogplex.run(request, { throwOnFailure: false })).outcome, "failed");
 * assert.equal(service.runs[0].request.createBranch, true);
 * ```
 */
export function createEmulator(options: TestEmulatorOptions = {}): TestEmulator {
  const settings = readTestOptions(options);
  const { clock } = settings;
  const emulator = makeEmulator(settings);
  const { token = "", readOnlyToken, repos = [] } = firstAccount(emulator.world) ?? {};
  let current = token;
  const requests = new Map<string, StartRequest>();
  const notifications: TestNotification[] = [];

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    if (init.method !== "POST") return await emulator.fetch(url, init);
    const { pathname } = new URL(url);
    if (!pathname.startsWith(API_PREFIX)) {
      notifications.push({ url, body: parsed(init.body) });
      return new Response("ok");
    }
    const key = new Headers(init.headers).get("idempotency-key");
    if (key !== null && pathname === `${API_PREFIX}/runs`) {
      requests.set(key, parsed(init.body) as StartRequest);
    }
    return await emulator.fetch(url, init);
  }

  return {
    options: { token, url: "https://mogplex.test", fetch, clock, env: () => undefined },
    readOnlyToken: readOnlyToken ?? "",
    repos,
    automations: [...emulator.world.store.automations.values()].map(({ id, name }) => ({ id, name })),
    get runs() {
      // A run must end at its scheduled time even if no request has read the run.
      emulator.world.driver.catchUp();
      return [...emulator.world.store.runs.values()].map((row) => ({
        runId: row.id,
        status: row.status,
        request: requests.get(row.idempotency_key) ?? { repoId: row.repo_id, prompt: row.prompt },
        idempotencyKey: row.idempotency_key,
        hasScenario: !emulator.unfit.has(row.id),
      }));
    },
    notifications,
    get clock() {
      if ("advance" in clock) return clock as VirtualClock;
      throw new UsageError({ attempted: "use the virtual clock", why: "the emulator was created with another clock" });
    },
    fault: (fault) => void emulator.control("fault", { ...fault }),
    get faults() {
      return emulator.faults;
    },
    revokeToken() {
      const { tokens, users } = emulator.world.store;
      const user = users.get(tokens.get(current)?.userId ?? "")?.key;
      emulator.control("setToken", { token: current, set: { revokedAt: emulator.world.clock.wallMs() * 1_000 } });
      return current = String(emulator.control("addToken", { user })["token"]);
    },
    control: (action, args) => ({ ...emulator.control(action, args) }),
    close: () => emulator.close(),
  };
}

function parsed(body: unknown): unknown {
  if (typeof body !== "string") return body;
  return valueOr(() => JSON.parse(body), body);
}
