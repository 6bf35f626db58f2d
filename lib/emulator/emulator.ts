/**
 * The emulated service as an object: a Hono application and its control actions, without a socket.
 *
 * @module
 */
import { Hono } from "hono";
import { type Clock, systemClock } from "../clock.ts";
import { ACTIONS, type ControlArguments } from "./control.ts";
import { builtInFixture, type Fixture, InputError } from "./fixture.ts";
import { passGate } from "./gate.ts";
import { RequestLimiter, StartLimiter } from "./limiter.ts";
import { jsonReply } from "./reply.ts";
import { createRevision, type Revision } from "./revision.ts";
import { addRoutes } from "./routes.ts";
import { serverClock } from "./server_clock.ts";
import { Store } from "./store.ts";
import { healthySurroundings, idleDriver, type World } from "./world.ts";

/** Options of {@linkcode createEmulator}. */
export interface EmulatorOptions {
  /** State to start from. @default a user with two tokens and one repository */
  fixture?: Fixture | undefined;
  /** Source of time. @default {systemClock} */
  clock?: Clock | undefined;
  /** Which revision of the service. @default the base */
  revision?: Partial<Revision> | undefined;
  /** Whose starts are counted together. @default {"token"} */
  startLimitScope?: "token" | "user" | undefined;
}

/** A running emulator. */
export interface Emulator {
  /** The application; `app.request(path)` needs no socket. */
  readonly app: Hono;
  /** Tables, clock and switches, for tests that look behind the API. */
  readonly world: World;
  /** Sends a request, with the signature of the global `fetch`. */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Does something behind the API. @throws {InputError} for an unknown action or a bad argument. */
  control(action: string, args?: ControlArguments): Promise<void>;
  /** Ends everything that is still going on. */
  close(): Promise<void>;
}

/** Makes an emulator. */
export function createEmulator(options: EmulatorOptions = {}): Emulator {
  const world: World = {
    store: new Store(options.fixture ?? builtInFixture()),
    clock: serverClock(options.clock ?? systemClock),
    requests: new RequestLimiter(),
    starts: new StartLimiter(),
    revision: createRevision("base", options.revision),
    around: healthySurroundings(),
    startLimitScope: options.startLimitScope ?? "token",
    driver: idleDriver,
  };
  const app = new Hono();
  // deno-lint-ignore require-await
  async function control(action: string, args: ControlArguments = {}): Promise<void> {
    const run = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (run === undefined) throw new InputError(`Cannot run control action: unknown action "${action}"`);
    run(world, args);
  }
  app.use(async (c, next) => {
    const answer = passGate(world, c.req.raw);
    if (answer !== undefined) return answer;
    await next();
  });
  app.post("/__control/:action", async (c) => {
    try {
      await control(c.req.param("action"), await c.req.json());
      return jsonReply(JSON.stringify({ ok: true }), 200);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return jsonReply(JSON.stringify({ ok: false, error: message }), 400);
    }
  });
  addRoutes(app, world);
  return {
    app,
    world,
    fetch: (input, init) => Promise.resolve(app.fetch(new Request(input, init))),
    control,
    close: () => world.driver.close(),
  };
}
