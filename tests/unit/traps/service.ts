/** An emulated service and clients of it, on one virtual clock, for the tests of the numbered traps. */
import type { TransportOptions } from "../../../lib/service/transport.ts";
import { clientFor, type ServiceClient } from "../../../lib/service/client.ts";
import { type VirtualClock, virtualClock } from "../../../lib/clock.ts";
import type { Scenario } from "../../../lib/emulator/agents/scenario.ts";
import { type Emulator, makeEmulator } from "../../../lib/emulator/emulator.ts";
import type { EmulatorOptions } from "../../../lib/emulator/options.ts";
import { parseFixture } from "../../../lib/emulator/state/fixture.ts";
import type { StartRequest } from "../../../lib/model.ts";
import type { Notice } from "../../../lib/notice.ts";
import fixture from "../../conformance/fixture.json" with { type: "json" };
import { builtInScenario } from "../emulator/scenarios.ts";
import type { RunOptions } from "../run/detecting.ts";

export const ORIGIN = "https://mogplex.com";
export const TOKEN = "mog_aliceReadWriteToken0000000000001";
export const SECOND_TOKEN = "mog_aliceReadWriteToken0000000000002";
export const WRITE_ONLY_TOKEN = "mog_aliceWriteOnlyToken0000000000001";
/** Repositories of the user of these tokens. */
export const REPOS = parseFixture(fixture).repos.filter((repo) => repo.user === "alice" && !repo.hidden);
export const REPO = REPOS[0]?.id ?? "";
/** A UUID that the fixture does not contain. */
export const NOBODY = "00000000-0000-4000-8000-00000000dead";
export const REQUEST: StartRequest = { repoId: REPO, prompt: "Fix the flaky tests", createBranch: true };

export interface Service {
  emulator: Emulator;
  clock: VirtualClock;
  /** Every request, as `METHOD /path?query`. */
  sent: string[];
  notices: Notice[];
  fetch(url: string, init: RequestInit): Promise<Response>;
  client: ServiceClient;
  /** Another client of the same service. */
  clientWith(options: Partial<TransportOptions>): ServiceClient;
  /** Options for the functions of `lib/runs`. */
  options(more?: RunOptions): RunOptions;
}

/** Creates a service. @param scenario Name of a built-in scenario, or a scenario; without it runs stay `pending`. */
export function service(scenario?: string | Scenario, more: EmulatorOptions = {}): Service {
  const clock = virtualClock();
  const scenarios = scenario === undefined ? [] : [typeof scenario === "string" ? builtInScenario(scenario) : scenario];
  const emulator = makeEmulator({ fixture: parseFixture(fixture), clock, scenarios, ...more });
  const sent: string[] = [];
  const notices: Notice[] = [];
  const onNotice = (notice: Notice) => void notices.push(notice);
  function fetch(url: string, init: RequestInit) {
    const { pathname, search } = new URL(url);
    sent.push(`${init.method} ${pathname.replace("/api/v1/mogplex", "")}${search}`);
    return emulator.fetch(url, init);
  }
  function clientWith(options: Partial<TransportOptions>) {
    return clientFor({ token: TOKEN, origin: ORIGIN, fetch, clock, onNotice, random: () => 0.5, ...options });
  }
  return {
    emulator,
    clock,
    sent,
    notices,
    fetch,
    client: clientWith({}),
    clientWith,
    options: (options = {}) => ({
      token: TOKEN,
      url: ORIGIN,
      env: () => undefined,
      fetch,
      clock,
      onNotice,
      ...options,
    }),
  };
}

let keys = 0;
/** A key that no other test uses. */
export function freshKey(): { idempotencyKey: string } {
  return { idempotencyKey: `trap-${++keys}` };
}
