/**
 * The emulator without a socket: a Hono application and its control actions.
 *
 * @module
 */
import { messageOf } from "../error_sentence.ts";
import { type Context, Hono } from "hono";
import { type Clock, systemClock } from "../clock.ts";
import { ACTIONS, type ControlArguments, type ControlResult } from "./control.ts";
import { joinDrivers, withRunSlots } from "./agents/drivers.ts";
import { eventFeed } from "./state/event_feed.ts";
import { UsageError } from "../errors.ts";
import { isLoopback } from "../loopback.ts";
import { type Breaker, ConnectionLost, Faults } from "./wire/faults.ts";
import { type FaultKind, parseFault, type RandomFaults } from "./state/faults.ts";
import { builtInFixture, type Fixture, withSubProject } from "./state/fixture.ts";
import {
  bare,
  BodyTooLarge,
  fail,
  jsonReply,
  type LoggedRequest,
  logRequests,
  passGate,
  readBody,
} from "./wire/request.ts";
import { automationDriver } from "./agents/automation_driver.ts";
import {
  type Driver,
  healthySurroundings,
  idleAutomationDriver,
  idleDriver,
  type Projects,
  withProjects,
  type World,
} from "./state/world.ts";
import { RequestLimiter, StartLimiter } from "./state/limiter.ts";
import { addPublicRoutes, addRoutes, hostOf } from "./wire/routes.ts";
import { createRevision, type Revision, Store } from "./state/store.ts";
import type { Scenario } from "./agents/scenario.ts";
import type { RunFacts } from "./agents/schedule.ts";
import { scriptDriver } from "./agents/script_driver.ts";
import { serverClock } from "./state/server_clock.ts";
import { lookup } from "../lookup.ts";

/** Options of {@linkcode createEmulator}. */
export interface EmulatorOptions {
  /**
   * `service` sets what a user meets there: three active sandboxes, each for 15 minutes after its run, and a repository with a sub-project,
   * where no fixture is given. Single options win. @default {undefined} (as quick and as roomy as possible)
   */
  like?: "service" | undefined;
  /** State to start from. @default a user with two tokens and one repository */
  fixture?: Fixture | undefined;
  /** Source of time. @default {systemClock} */
  clock?: Clock | undefined;
  /** Switches of later behaviours that are on. @default {{}} (the base) */
  revision?: Partial<Revision> | undefined;
  /** Owner of a start limit: each token, or each user. @default {"token"} */
  startLimitScope?: "token" | "user" | undefined;
  /** Whether starts are limited, as those of the service are: 10 a minute, 30 an hour, 150 a day. @default {true} */
  startLimits?: boolean | undefined;
  /**
   * Scenarios; the first one that fits plays for a run. Without one, runs stay `pending`, and runs of automations `running`.
   * @default {[]}
   */
  scenarios?: readonly Scenario[] | undefined;
  /**
   * Maximum number of active sandboxes of a user. A run that needs one more fails. The service has 3.
   * @default {undefined} (no limit)
   */
  sandboxLimit?: number | undefined;
  /**
   * Milliseconds that a sandbox stays active after its run has ended. With the switch `stopsSandboxes` that of a `createBranch` run
   * stops at once. @default {0}
   */
  sandboxLingerMs?: number | undefined;
  /**
   * Maximum number of runs of a user that are worked on at the same time, as plans of the service have it. More runs wait, `pending`, and
   * the oldest is taken at the first read after a slot became free. @default {undefined} (no limit)
   */
  runSlots?: number | undefined;
  /** Small projects in bulk, for the first user with a token that may write. @default {[]} */
  projects?: readonly Projects[] | undefined;
  /** All times of scenarios are divided by this factor. @default {1} */
  speed?: number | undefined;
  /**
   * Milliseconds from the start of a run to the last step of its scenario, whatever `duration` and `speed` say; undefined for as
   * long as these say. Called once for each run. @default {undefined}
   */
  runDuration?: ((run: RunFacts) => number | undefined) | undefined;
  /** Random faults. @default none */
  randomFaults?: RandomFaults | undefined;
  /** Clock of slow answers. @default `clock` */
  faultClock?: Clock | undefined;
  /** Whether `POST /__control/…` exists. @default {false} */
  controlRoutes?: boolean | undefined;
  /** Takes each request that was answered. @default {undefined} (none is told) */
  onRequest?: ((request: LoggedRequest) => void) | undefined;
  /** Drivers by harness, which take precedence over scenarios. @default none */
  drivers?: ((world: World) => ReadonlyMap<string, Driver>) | undefined;
  /** Breaks the connection of a request. @default an imitation, for requests in process */
  breaker?: ((c: Context) => Breaker | undefined) | undefined;
}

/** An emulator. */
export interface Emulator {
  /** The application; `app.request(path)` needs no socket. */
  readonly app: Hono;
  /** Tables, clock and switches, for tests that read them. */
  readonly world: World;
  /** Sends a request. Signature of the global `fetch`; rejects if the connection breaks. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Runs a control action. @returns What it made: `{ token }` for `addToken`. @throws {UsageError} for an unknown action or a bad argument. */
  control(action: string, args?: ControlArguments): ControlResult;
  /** Ends commands and streams. */
  close(): Promise<void>;
}

/**
 * Reason to refuse a control request; undefined if there is none. A page in a browser on this machine must not be able to send
 * one, neither directly nor through a host name of its own that resolves to loopback.
 */
function controlProblem(request: Request): string | undefined {
  const { headers } = request;
  if (headers.has("origin") || headers.has("sec-fetch-site")) return "Control requests do not come from a browser";
  return isLoopback(hostOf(request)) ? undefined : "Control requests come over loopback";
}

/** The fixture with the projects. The built-in one then has no other repository. */
function startingState({ fixture, projects = [], like }: EmulatorOptions): Fixture {
  const state = withProjects(fixture ?? builtInFixture(projects.length === 0 ? undefined : []), projects);
  return like === undefined || fixture !== undefined ? state : withSubProject(state);
}

/** Options with which the emulator is like the service. Source: API reference, "Other limits", and how long its sweep leaves a sandbox. */
const LIKE_SERVICE = { sandboxLimit: 3, sandboxLingerMs: 900_000 };

function makeWorld(options: EmulatorOptions, clock: Clock): World {
  const profile = options.like === undefined ? { sandboxLimit: undefined, sandboxLingerMs: 0 } : LIKE_SERVICE;
  return {
    store: new Store(startingState(options)),
    clock: serverClock(clock),
    feed: eventFeed(),
    requests: new RequestLimiter(),
    starts: new StartLimiter(options.startLimits),
    revision: createRevision("base", options.revision),
    around: healthySurroundings(),
    startLimitScope: options.startLimitScope ?? "token",
    sandboxLimit: options.sandboxLimit ?? profile.sandboxLimit,
    sandboxLingerMs: options.sandboxLingerMs ?? profile.sandboxLingerMs,
    pulls: new Map(),
    origin: "http://localhost",
    driver: idleDriver,
    automationDriver: idleAutomationDriver,
  };
}

/** Makes an emulator. */
export function createEmulator(options: EmulatorOptions = {}): Emulator {
  const clock = options.clock ?? systemClock;
  const world = makeWorld(options, clock);
  const scripts = { scenarios: options.scenarios ?? [], speed: options.speed, runDuration: options.runDuration };
  const faults = new Faults(options.faultClock ?? clock, options.randomFaults);
  const script = scriptDriver(world, { ...scripts, onFault: (fault) => faults.add(fault) });
  world.driver = withRunSlots(world, joinDrivers(options.drivers?.(world) ?? new Map(), script), options.runSlots);
  world.automationDriver = automationDriver(world, scripts);
  const planFaults = () =>
    scripts.scenarios.forEach((scenario) => scenario.faults?.forEach((each) => faults.add(each)));
  planFaults();
  const stepsBringFaults = scripts.scenarios.some(({ steps }) => steps.some(({ fault }) => fault !== undefined));
  const app = new Hono();

  /** Plays what is due before a request is answered, since it may bring the fault that the request meets. */
  function bringFaults(): void {
    if (!stepsBringFaults) return;
    try {
      world.driver.catchUp();
    } catch {
      // The handler meets the same error, and answers it.
    }
  }

  function control(action: string, args: ControlArguments = {}): ControlResult {
    if (action === "fault") faults.add(parseFault(args));
    if (action === "clearFaults" || action === "reset") faults.clear();
    if (action === "reset") planFaults();
    if (action === "fault" || action === "clearFaults") return {};
    const run = lookup(ACTIONS, action);
    if (run === undefined) {
      throw new UsageError({
        attempted: "run control action",
        why: `unknown action "${action}"`,
        advice: `there are ${["fault", "clearFaults", ...Object.keys(ACTIONS)].join(", ")}`,
      });
    }
    return run(world, args) ?? {};
  }

  async function handleControl(c: Context): Promise<Response> {
    const problem = controlProblem(c.req.raw);
    if (problem !== undefined) return fail(403, "FORBIDDEN", problem);
    try {
      const body = new TextDecoder().decode(await readBody(c.req.raw));
      const made = control(c.req.param("action") ?? "", body === "" ? {} : JSON.parse(body));
      return jsonReply(JSON.stringify({ ok: true, ...made }), 200);
    } catch (error) {
      if (error instanceof BodyTooLarge) return bare(413);
      const message = messageOf(error);
      return jsonReply(JSON.stringify({ ok: false, error: message }), 400);
    }
  }

  const played = new WeakMap<Request, FaultKind>();
  if (options.onRequest !== undefined) app.use(logRequests(world, options.onRequest, played));
  if (options.controlRoutes) app.post("/__control/:action", handleControl);
  addPublicRoutes(app, world);
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
    // Hono would otherwise merge the headers of both answers.
    c.res = undefined;
    c.res = answer;
  });
  addRoutes(app, world);
  app.onError((error) => {
    if (error instanceof ConnectionLost) throw error;
    return bare(500);
  });
  return {
    app,
    world,
    async fetch(input, init) {
      const answer = await app.fetch(new Request(input, init));
      // A real server adds this header by itself.
      answer.headers.set("Date", new Date(world.clock.wallMs()).toUTCString());
      return answer;
    },
    control,
    async close() {
      world.feed.close();
      await world.driver.close();
    },
  };
}
